/* SPDX-License-Identifier: MIT */
/*
 * Unit tests over all pairs of dialects, without sockets: each request is
 * read, fitted and written for each target (twice the same bytes, valid JSON),
 * each answer is read and written for each client (blocks balanced, valid
 * JSON), and all of it again with every allocation failing in turn.
 */
#include "check.h"

#include "../dialects/neutral.h"
#include "../sse.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

#define N_MAX 100000 /* allocations; the test build grows buffers by bytes */
#define TARGETS 4 /* the three dialects, and the ChatGPT backend */

static const char *const requests[] = {
	[DIALECT_CHAT] =
	    "{\"model\":\"x\",\"stream\":true,\"messages\":["
	    "{\"role\":\"system\",\"content\":\"Be \\\"brief\\\".\"},"
	    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a"
	    "\\ud83d\\ude00\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
	    "\"data:image/png;base64,QUJD\",\"detail\":\"low\"}}]},"
	    "{\"role\":\"assistant\",\"content\":\"t\",\"tool_calls\":[{"
	    "\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":"
	    "\"a.b\",\"arguments\":\"{\\\"c\\\":1}\"}}]},"
	    "{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":"
	    "\"4 C\"},{\"role\":\"developer\",\"content\":\"Now.\"},"
	    "{\"role\":\"user\",\"content\":\"go\"}],\"tools\":[{\"type\":"
	    "\"function\",\"function\":{\"name\":\"a.b\",\"parameters\":{"
	    "\"type\":\"object\",\"properties\":{}}}}],\"tool_choice\":"
	    "\"auto\",\"parallel_tool_calls\":false,\"stop\":[\"END\"],"
	    "\"temperature\":0.5,\"seed\":1,\"max_tokens\":50,"
	    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
	    "\"name\":\"s\",\"schema\":{\"type\":\"object\"}}},"
	    "\"reasoning_effort\":\"low\",\"user\":\"u1\"}",
	[DIALECT_RESPONSES] =
	    "{\"model\":\"x\",\"stream\":true,\"instructions\":\"Be brief.\","
	    "\"input\":[{\"role\":\"developer\",\"content\":\"d\"},"
	    "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":"
	    "\"input_text\",\"text\":\"a\"},{\"type\":\"input_image\","
	    "\"image_url\":\"data:image/png;base64,QUJD\"}]},"
	    "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":"
	    "\"summary_text\",\"text\":\"hm\"}],\"encrypted_content\":"
	    "\"gAAAA\"},{\"type\":\"function_call\",\"call_id\":\"call_1\","
	    "\"name\":\"f\",\"namespace\":\"mcp\",\"arguments\":\"{}\"},"
	    "{\"type\":\"function_call_output\",\"call_id\":\"call_1\","
	    "\"output\":\"4 C\"},{\"type\":\"custom_tool_call\",\"call_id\":"
	    "\"call_2\",\"name\":\"patch\",\"input\":\"*** x\"},"
	    "{\"type\":\"custom_tool_call_output\",\"call_id\":\"call_2\","
	    "\"output\":\"ok\"}],\"tools\":[{\"type\":\"namespace\",\"name\":"
	    "\"mcp\",\"tools\":[{\"type\":\"function\",\"name\":\"f\","
	    "\"parameters\":{\"type\":\"object\",\"properties\":{}}}]},"
	    "{\"type\":\"custom\",\"name\":\"patch\",\"description\":\"p\"},"
	    "{\"type\":\"web_search\"}],\"reasoning\":{\"effort\":\"high\","
	    "\"summary\":\"auto\"},\"include\":["
	    "\"reasoning.encrypted_content\"],\"store\":false,"
	    "\"prompt_cache_key\":\"k\"}",
	[DIALECT_MESSAGES] =
	    "{\"model\":\"x\",\"stream\":true,\"max_tokens\":9000,\"system\":["
	    "{\"type\":\"text\",\"text\":\"Be brief.\",\"cache_control\":{"
	    "\"type\":\"ephemeral\"}}],\"messages\":[{\"role\":\"user\","
	    "\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
	    "\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
	    "\"image/png\",\"data\":\"QUJD\"}}]},{\"role\":\"assistant\","
	    "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\","
	    "\"signature\":\"EqQB\"},{\"type\":\"text\",\"text\":\"t\"},"
	    "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\","
	    "\"input\":{\"c\":1}}]},{\"role\":\"user\",\"content\":[{"
	    "\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\","
	    "\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":"
	    "\"no\"}]},{\"type\":\"text\",\"text\":\"go\"}]}],\"tools\":[{"
	    "\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\":"
	    "\"object\"}}],\"tool_choice\":{\"type\":\"auto\"},\"thinking\":{"
	    "\"type\":\"enabled\",\"budget_tokens\":2000},"
	    "\"stop_sequences\":[\"END\"],\"metadata\":{\"user_id\":\"u1\"}}",
};

static const char *const answers[] = {
	[DIALECT_CHAT] =
	    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\""
	    ":\"assistant\",\"reasoning_content\":\"hm\"}}]}\n\n"
	    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{"
	    "\"content\":\"Hi\"}}]}\n\n"
	    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{"
	    "\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":"
	    "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
	    "{\"index\":1,\"id\":\"call_2\",\"type\":\"function\","
	    "\"function\":{\"name\":\"g\",\"arguments\":\"{\"}}]}}]}\n\n"
	    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{"
	    "\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"}\"}}"
	    "]},\"finish_reason\":\"tool_calls\"}]}\n\n"
	    "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":"
	    "3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n"
	    "data: [DONE]\n\n",
	[DIALECT_RESPONSES] =
	    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}"
	    "\n\n"
	    "data: {\"type\":\"response.output_item.added\",\"output_index\":0"
	    ",\"item\":{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[]}}"
	    "\n\n"
	    "data: {\"type\":\"response.reasoning_summary_text.delta\","
	    "\"output_index\":0,\"summary_index\":0,\"delta\":\"hm\"}\n\n"
	    "data: {\"type\":\"response.output_item.done\",\"output_index\":0,"
	    "\"item\":{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[{"
	    "\"type\":\"summary_text\",\"text\":\"hm\"}],"
	    "\"encrypted_content\":\"gAAAA\"}}\n\n"
	    "data: {\"type\":\"response.output_item.added\",\"output_index\":1"
	    ",\"item\":{\"type\":\"function_call\",\"id\":\"fc\",\"call_id\":"
	    "\"call_1\",\"name\":\"f\",\"arguments\":\"\"}}\n\n"
	    "data: {\"type\":\"response.function_call_arguments.delta\","
	    "\"output_index\":1,\"delta\":\"{}\"}\n\n"
	    "data: {\"type\":\"response.output_item.done\",\"output_index\":1,"
	    "\"item\":{\"type\":\"function_call\",\"id\":\"fc\",\"call_id\":"
	    "\"call_1\",\"name\":\"f\",\"arguments\":\"{}\"}}\n\n"
	    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\""
	    ",\"status\":\"completed\",\"output\":[],\"usage\":{"
	    "\"input_tokens\":3,\"output_tokens\":2,\"total_tokens\":5}}}\n\n",
	[DIALECT_MESSAGES] =
	    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\","
	    "\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n"
	    "data: {\"type\":\"content_block_start\",\"index\":0,"
	    "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\","
	    "\"signature\":\"\"}}\n\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
	    "\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
	    "\"type\":\"signature_delta\",\"signature\":\"EqQB\"}}\n\n"
	    "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
	    "data: {\"type\":\"content_block_start\",\"index\":1,"
	    "\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\","
	    "\"name\":\"f\",\"input\":{}}}\n\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{"
	    "\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n"
	    "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
	    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
	    "\"tool_use\"},\"usage\":{\"output_tokens\":2}}\n\n"
	    "data: {\"type\":\"message_stop\"}\n\n",
};

static struct target
target_of(size_t i)
{
	struct target t = { .d = i < 3 ? (enum dialect)i : DIALECT_RESPONSES,
		.chatgpt = i == 3, .model = STR("model-a"),
		.tag = STR("01234567"), .cache = true };

	t.caps = models_caps(t.d, t.model);
	return t;
}

/* ---- requests ---- */

static int
append(void *arg, const char *p, size_t n)
{
	struct buf *b = arg;

	buf_add(b, p, n);
	return b->bad ? -1 : 0;
}

static uint64_t
counted(const struct neutral *q)
{
	struct json_out o;

	json_out_init(&o, NULL, 0, NULL, NULL);
	neutral_write(q, &o);
	return o.bad ? 0 : o.total;
}

static void
check_write(const struct neutral *q, const char *row)
{
	static const size_t caps[] = { 1, 7, 8192 };
	char room[8192];
	struct json_out o;
	struct buf b;
	size_t i;

	for (i = 0; i < ROWS(caps); i++) {
		buf_init(&b, 1 << 20);
		json_out_init(&o, room, caps[i], append, &b);
		neutral_write(q, &o);
		json_out_flush(&o);
		CHECK_IN(row, !o.bad);
		CHECK_INT_IN(row, b.len, counted(q));
		CHECK_IN(row, json_check(buf_str(&b), NULL) == 0);
		buf_free(&b);
	}
}

/* 0: written; -1: it was refused, for want of memory only. */
static int
one_request(enum dialect from, size_t target, size_t arena_max, bool check)
{
	char row[32];
	struct arena a;
	struct failure f = { .status = 0 };
	struct target to = target_of(target);
	struct neutral q = { .from = from, .body = str_of(requests[from]) };
	int rc;

	fmt_to(row, sizeof(row), "%s to %d", dialect_name(from), (int)target);
	arena_init(&a, arena_max);
	q.root = json_root(q.body);
	q.a = &a;
	rc = neutral_read(&q, &f);
	if (rc == 0)
		rc = neutral_fit(&q, &to, &f);
	if (rc == 0 && check)
		check_write(&q, row);
	else if (rc == 0)
		CHECK_IN(row, counted(&q) > 0);
	else
		CHECK_INT_IN(row, f.status, 503);
	CHECK_IN(row, rc == 0 || f.message.n > 0);
	neutral_free(&q);
	arena_free(&a);
	return rc;
}

static void
test_requests(void)
{
	size_t target, max;
	unsigned from;
	long n;

	for (from = 0; from < 3; from++)
		for (target = 0; target < TARGETS; target++) {
			CHECK_INT(one_request(from, target, 1 << 20, true), 0);
			for (max = 0; max < 65536 && one_request(from,
			    target, max, false) < 0; max += 512)
				continue;
			CHECK(max < 65536);
			for (n = 0; n < N_MAX; n += 1 + n / 40) {
				int rc;

				mem_fail_after(n);
				rc = one_request(from, target, 1 << 20,
				    false);
				mem_fail_after(-1);
				if (rc == 0)
					break;
			}
			CHECK(n < N_MAX);
		}
}

/* ---- answers ---- */

struct run {
	struct answer a;
	struct buf out;
	int open;
	bool stopped, wrong;
};

static int
on_event(void *arg, const struct event *ev)
{
	struct run *run = arg;

	run->open += ev->type == EV_OPEN ? 1 : ev->type == EV_CLOSE ? -1 : 0;
	run->wrong |= run->open < 0 || run->open > 1 || run->stopped;
	run->stopped |= ev->type == EV_STOP;
	answer_event(&run->a, ev);
	return run->a.bad || run->out.bad ? -1 : 0;
}

/* All events of text into r. */
static int
feed(struct reader *r, struct str text)
{
	struct sse_event ev;
	struct sse s;
	size_t n;
	int rc = 0;

	sse_init(&s, 1 << 20);
	while (rc == 0 && sse_next(&s, text, true, &ev, &n) == PARSE_OK) {
		rc = reader_event(r, ev.name, ev.data);
		text = str_sub(text, n, text.n);
	}
	sse_free(&s);
	return rc < 0 ? -1 : reader_end(r);
}

/* Each record of a stream must be JSON; the whole answer is one value. */
static void
check_out(const struct run *run, const char *row)
{
	struct str text = buf_str(&run->out);
	struct sse_event ev;
	struct sse s;
	size_t n;

	CHECK_IN(row, run->stopped && !run->wrong && run->open == 0);
	if (!run->a.stream) {
		CHECK_IN(row, json_check(text, NULL) == 0);
		return;
	}
	sse_init(&s, 1 << 20);
	while (sse_next(&s, text, true, &ev, &n) == PARSE_OK) {
		CHECK_IN(row, json_check(ev.data, NULL) == 0 ||
		    str_eq(ev.data, STR("[DONE]")));
		text = str_sub(text, n, text.n);
	}
	CHECK_INT_IN(row, text.n, 0);
	sse_free(&s);
}

static int
one_answer(enum dialect from, enum dialect to, bool stream, size_t n_bytes,
    bool check)
{
	struct run run = { .open = 0 };
	struct reader r;
	char row[48];
	int rc;

	fmt_to(row, sizeof(row), "%s for %s", dialect_name(from),
	    dialect_name(to));
	buf_init(&run.out, 1 << 20);
	answer_init(&run.a, to, stream, 1 << 20);
	run.a.id = STR("0123");
	run.a.model = STR("x");
	run.a.out = &run.out;
	run.a.seal_tag = STR("01234567");
	run.a.reasoning_field = "reasoning_content";
	rc = reader_init(&r, from, NULL, 1 << 20, on_event, &run);
	if (rc == 0)
		rc = feed(&r, str_sub(str_of(answers[from]), 0, n_bytes));
	if (check) {
		CHECK_INT_IN(row, rc, 0);
		CHECK_IN(row, r.ended);
		check_out(&run, row);
	} else {
		CHECK_IN(row, !run.wrong);
	}
	if (rc == 0 && !run.stopped)
		rc = 1; /* it was cut */
	reader_free(&r);
	answer_free(&run.a);
	buf_free(&run.out);
	return rc;
}

static void
test_answers(void)
{
	unsigned from, to, stream;
	long n;

	for (from = 0; from < 3; from++)
		for (to = 0; to < 3; to++)
			for (stream = 0; stream < 2; stream++) {
				CHECK_INT(one_answer(from, to, stream != 0,
				    SIZE_MAX, true), 0);
				for (n = 0; n < N_MAX; n += 1 + n / 40) {
					int rc;

					mem_fail_after(n);
					rc = one_answer(from, to,
					    stream != 0, SIZE_MAX, false);
					mem_fail_after(-1);
					if (rc == 0)
						break;
				}
				CHECK(n < N_MAX);
			}
}

/* A stream that was cut before its end never gets one. */
static void
test_cuts(void)
{
	unsigned from;

	for (from = 0; from < 3; from++) {
		const char *end = strstr(answers[from],
		    from == DIALECT_CHAT ? "\"finish_reason\"" :
		    from == DIALECT_RESPONSES ? "response.completed" :
		    "message_stop");
		size_t n, max = (size_t)(end - answers[from]);

		for (n = 0; n < max; n++)
			CHECK(one_answer(from, (from + 1) % 3, true, n,
			    false) != 0);
	}
}

int
main(void)
{
	test_requests();
	test_answers();
	test_cuts();
	return check_done();
}
