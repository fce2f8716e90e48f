/* SPDX-License-Identifier: MIT */
/*
 * Tests of dialects/: each writer's exact bytes, each look at what passes, the
 * echo model, the lists of models. In all texts of the tables an apostrophe
 * stands for a quote, a tilde for the constant members of a response object.
 *
 * Every stream that is written is read again (sse.h) and every JSON text in it
 * is checked; every row is written once more for each allocation that can
 * fail; every event that is looked at ends at a page without access, and is
 * looked at cut at every byte too.
 */
#include <unistd.h>

#include "check.h"
#include "dialect_rows.h"
#include "guard.h"
#include "sse.h"

#define TEXT_MAX 65536
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LL(n) (unsigned long long)(n)

/* The text of a table, appended to b as it really is. */
static void
quoted(struct buf *b, const char *z)
{
	static const char response[] = "'instructions':null,'metadata':{},"
	    "'parallel_tool_calls':true,'temperature':null,'top_p':null,"
	    "'tool_choice':'auto','tools':[],'store':false,"
	    "'max_output_tokens':null,'previous_response_id':null,"
	    "'reasoning':{'effort':null,'summary':null},'text':{'format':{"
	    "'type':'text'}},'truncation':'disabled'";
	const char *back = "";

	for (; *z != '\0' || *back != '\0'; z++) {
		if (*z == '\0') {
			z = back;
			back = "";
		}
		if (*z == '~') {
			back = z + 1;
			z = response;
		}
		buf_addc(b, *z == '\'' ? '"' : *z);
	}
}

/* ---- writing ---- */

static void
answer_begin(struct answer *a, enum dialect d, enum form form, size_t max,
    struct buf *out)
{
	answer_init(a, d, form != WHOLE, max);
	a->include_usage = form == STREAM_USAGE;
	a->id = STR("0a");
	a->model = STR("m\\n");
	a->created = 1795000000;
	a->out = out;
}

/* Every event: JSON (or [DONE]), and its name is its type. */
static void
check_stream(const char *row, enum dialect d, struct str in)
{
	struct sse_event ev;
	struct sse s;
	size_t used;

	sse_init(&s, TEXT_MAX);
	for (; in.n > 0; in = str_sub(in, used, in.n)) {
		CHECK_INT_IN(row, sse_next(&s, in, false, &ev, &used),
		    PARSE_OK);
		if (used == 0)
			break;
		if (str_eq(ev.data, STR("[DONE]")))
			continue;
		CHECK_INT_IN(row, json_check(ev.data, NULL), 0);
		if (d != DIALECT_CHAT)
			CHECK_IN(row, json_is(json_get(json_root(ev.data),
			    "type"), ev.name));
		else
			CHECK_IN(row, ev.name.p == NULL);
	}
	sse_free(&s);
}

/* True: the answer was written whole. */
static bool
write_answer(size_t i, size_t max, struct buf *out)
{
	const struct event *ev;
	struct answer a;
	bool good;

	answer_begin(&a, answers[i].d, answers[i].form, max, out);
	for (ev = answers[i].events; ev->type != END_TYPE; ev++)
		answer_event(&a, ev);
	good = !a.bad;
	CHECK_IN(answers[i].name, a.bad || !out->bad);
	answer_free(&a);
	return good;
}

static void
test_answers(void)
{
	size_t i;

	for (i = 0; i < COUNT(answers); i++) {
		const char *row = answers[i].name;
		struct buf want, out;
		size_t max;
		long n;

		buf_init(&want, TEXT_MAX);
		quoted(&want, answers[i].want);
		buf_init(&out, TEXT_MAX);
		CHECK_IN(row, write_answer(i, 1000, &out));
		CHECK_STR_IN(row, buf_str(&out), buf_str(&want));
		if (answers[i].form == WHOLE)
			CHECK_INT_IN(row, json_check(buf_str(&out), NULL), 0);
		else
			check_stream(row, answers[i].d, buf_str(&out));
		/* Short of memory, short of room: whole or bad. */
		for (n = 0;; n++) {
			bool good;

			buf_free(&out);
			buf_init(&out, TEXT_MAX);
			mem_fail_after(n);
			good = write_answer(i, 1000, &out);
			mem_fail_after(-1);
			if (good)
				break;
		}
		CHECK_IN(row, n > 0);
		CHECK_STR_IN(row, buf_str(&out), buf_str(&want));
		for (max = 0; max < 8; max++) {
			buf_clear(&out);
			if (write_answer(i, max, &out))
				CHECK_STR_IN(row, buf_str(&out),
				    buf_str(&want));
		}
		out.max = want.len - 1;
		buf_clear(&out);
		CHECK_IN(row, !write_answer(i, 1000, &out));
		buf_free(&out);
		buf_free(&want);
	}
}

/* Events that may not come there: the letter of each event's type. */
static void
test_order(void)
{
	static const struct {
		const char *events;
		bool good;
	} rows[] = {
		{ "sodcodcp", true }, { "usuoducup", true },
		{ "sodx", true }, { "x", true }, { "sx", true },
		{ "d", false }, { "c", false }, { "o", false }, { "p", false },
		{ "ss", false }, { "soo", false }, { "sc", false },
		{ "sd", false }, { "sop", false }, { "socd", false },
		{ "spu", false }, { "spp", false }, { "sxp", false },
		{ "xx", false }, { "sos", false }, { "sps", false },
	};
	static const char letters[] = "sodcupx";
	size_t i, k;

	for (i = 0; i < 3 * COUNT(rows); i++) {
		const char *z = rows[i / 3].events;
		struct answer a;
		struct buf out;
		bool good = rows[i / 3].good;

		buf_init(&out, TEXT_MAX);
		answer_begin(&a, (enum dialect)(i % 3), STREAM, 1000, &out);
		for (k = 0; z[k] != '\0'; k++) {
			struct event ev = { .text = STR("t"),
				.failure = { .status = 500 } };

			ev.type = (enum event_type)(strchr(letters, z[k]) -
			    letters);
			answer_event(&a, &ev);
		}
		CHECK_INT_IN(z, a.bad, !good);
		answer_free(&a);
		buf_free(&out);
	}
}

/* What is longer than its buffer makes the answer bad. */
static void
test_room(void)
{
	static char text[5000];
	static const struct {
		enum block_kind kind;
		bool id, name, namespace;
		size_t text; /* in each of two blocks; the cap is 1000 */
		bool bad;
	} rows[] = {
		{ BLOCK_TEXT, false, false, false, 500, false },
		{ BLOCK_TEXT, false, false, false, 501, true },
		{ BLOCK_REASONING, false, false, false, 501, true },
		{ BLOCK_REFUSAL, false, false, false, 501, true },
		{ BLOCK_TOOL, false, false, false, 800, false },
		{ BLOCK_TOOL, false, false, false, 990, true },
		{ BLOCK_TOOL, false, false, false, 1001, true },
		{ BLOCK_TOOL, true, false, false, 1, true },
		{ BLOCK_TOOL, false, true, false, 1, true },
		{ BLOCK_TOOL, false, false, true, 1, true },
	};
	size_t i, k;

	memset(text, 'x', sizeof(text));
	for (i = 0; i < COUNT(rows); i++) {
		struct str longest = { text, sizeof(text) };
		struct event start = START, close = CLOSE;
		struct event open = { .type = EV_OPEN, .kind = rows[i].kind,
			.id = str_sub(longest, 0, rows[i].id ? 5000 : 1),
			.name = str_sub(longest, 0, rows[i].name ? 5000 : 1),
			.namespace = str_sub(longest, 0, rows[i].namespace ?
			5000 : 1) };
		struct event delta = { .type = EV_DELTA,
			.text = str_sub(longest, 0, rows[i].text) };
		struct answer a;
		struct buf out;

		buf_init(&out, TEXT_MAX);
		answer_begin(&a, DIALECT_CHAT, WHOLE, 1000, &out);
		answer_event(&a, &start);
		for (k = 0; k < 2; k++) {
			answer_event(&a, &open);
			answer_event(&a, &delta);
			answer_event(&a, &close);
		}
		CHECK_INT_IN(rows[i].bad ? "bad" : "good", a.bad,
		    rows[i].bad);
		answer_free(&a);
		buf_free(&out);
	}
}

/* Custom calls exist in two dialects only. */
static void
test_custom_order(void)
{
	static const struct event open = OPEN(BLOCK_CUSTOM), start = START;
	enum dialect d;

	for (d = DIALECT_CHAT; d <= DIALECT_MESSAGES; d++) {
		struct answer a;
		struct buf out;

		buf_init(&out, TEXT_MAX);
		answer_begin(&a, d, WHOLE, 1000, &out);
		answer_event(&a, &start);
		answer_event(&a, &open);
		CHECK_INT_IN(dialect_name(d), a.bad, d == DIALECT_MESSAGES);
		answer_free(&a);
		buf_free(&out);
	}
}

/* ---- lone surrogates ---- */

/* Pieces of one block, cut at the bars; the deltas that go out; all text. */
static const struct {
	const char *pieces, *deltas, *text;
} surrogates[] = {
	{ "\\ud83d\\ude00", "\\ud83d\\ude00", "\\ud83d\\ude00" },
	{ "\\uD83D\\uDE00x", "\\uD83D\\uDE00x", "\\uD83D\\uDE00x" },
	{ "a\\ud83d|\\ude00b", "a|\\ud83d\\ude00b",
	    "a\\ud83d\\ude00b" },
	{ "\\ud83d||\\ude00", "\\ud83d\\ude00", "\\ud83d\\ude00" },
	{ "\\ud83d|x", "\\ufffdx", "\\ufffdx" },
	{ "\\ud83d|\\ud83d|\\ude00", "\\ufffd|\\ud83d\\ude00",
	    "\\ufffd\\ud83d\\ude00" },
	{ "\\ud83d|\\n", "\\ufffd\\n", "\\ufffd\\n" },
	{ "\\ud83d", "\\ufffd", "\\ufffd" },
	{ "a\\ud83d", "a|\\ufffd", "a\\ufffd" },
	{ "\\ud83d\\u0041", "\\ufffd\\u0041", "\\ufffd\\u0041" },
	{ "\\ude00", "\\ufffd", "\\ufffd" },
	{ "\\ude00\\ud83d\\ude00", "\\ufffd\\ud83d\\ude00",
	    "\\ufffd\\ud83d\\ude00" },
	{ "\\udbff\\udfff\\udc00", "\\udbff\\udfff\\ufffd",
	    "\\udbff\\udfff\\ufffd" },
	/* an escaped backslash begins no escape */
	{ "\\\\ud83d", "\\\\ud83d", "\\\\ud83d" },
	{ "\\\\\\ud83dz", "\\\\\\ufffdz", "\\\\\\ufffdz" },
	{ "\\ud7ff\\ue000", "\\ud7ff\\ue000", "\\ud7ff\\ue000" },
};

static void
write_pieces(struct answer *a, const char *pieces)
{
	static const struct event start = START, open = OPEN(BLOCK_TEXT),
	    close = CLOSE, stop = STOP(STOP_END);
	struct str rest = str_of(pieces), piece;
	struct event delta = { .type = EV_DELTA };

	answer_event(a, &start);
	answer_event(a, &open);
	while (str_cut(&rest, '|', &piece)) {
		delta.text = piece;
		answer_event(a, &delta);
	}
	answer_event(a, &close);
	answer_event(a, &stop);
}

/* The deltas of a chat stream, with bars between them. */
static void
read_deltas(struct str in, struct buf *got)
{
	struct sse_event ev;
	struct sse s;
	size_t used;

	sse_init(&s, TEXT_MAX);
	for (; sse_next(&s, in, false, &ev, &used) == PARSE_OK;
	    in = str_sub(in, used, in.n)) {
		struct json_value v = json_at(json_root(ev.data),
		    "choices/0/delta/content");

		if (v.type != JSON_STRING || v.text.n == 0)
			continue;
		if (got->len > 0)
			buf_addc(got, '|');
		buf_adds(got, v.text);
	}
	sse_free(&s);
}

static void
test_surrogates(void)
{
	size_t i;

	for (i = 0; i < 2 * COUNT(surrogates); i++) {
		const char *row = surrogates[i / 2].pieces;
		enum form form = i % 2 == 0 ? WHOLE : STREAM;
		struct buf out, got;
		struct answer a;

		buf_init(&out, TEXT_MAX);
		buf_init(&got, TEXT_MAX);
		answer_begin(&a, DIALECT_CHAT, form, 1000, &out);
		write_pieces(&a, row);
		CHECK_IN(row, !a.bad);
		if (form == WHOLE)
			buf_adds(&got, json_at(json_root(buf_str(&out)),
			    "choices/0/message/content").text);
		else
			read_deltas(buf_str(&out), &got);
		CHECK_STR_IN(row, buf_str(&got), str_of(form == WHOLE ?
		    surrogates[i / 2].text : surrogates[i / 2].deltas));
		answer_free(&a);
		buf_free(&out);
		buf_free(&got);
	}
}

/* Also in the id and the name of a call. */
static void
test_surrogate_names(void)
{
	static const struct event events[] = { START, CALL(BLOCK_TOOL,
	    "i\\udc00", "n\\ud800", ""), CLOSE, STOP(STOP_END) };
	struct answer a;
	struct buf out;
	size_t i;

	buf_init(&out, TEXT_MAX);
	answer_begin(&a, DIALECT_MESSAGES, WHOLE, 1000, &out);
	for (i = 0; i < COUNT(events); i++)
		answer_event(&a, &events[i]);
	CHECK_STR(json_at(json_root(buf_str(&out)), "content/0/id").text,
	    STR("i\\ufffd"));
	CHECK_STR(json_at(json_root(buf_str(&out)), "content/0/name").text,
	    STR("n\\ufffd"));
	answer_free(&a);
	buf_free(&out);
}

/* ---- looking at what passes ---- */

static char
letter(enum tap_kind k)
{
	static const char letters[] = { [TAP_PREAMBLE] = 'P',
		[TAP_CONTENT] = 'C', [TAP_END] = 'E', [TAP_ERROR] = 'R',
		[TAP_NONE] = '-' };

	return letters[k];
}

static void
describe(const struct tap *t, struct buf *got)
{
	const struct usage *u = &t->usage;

	if (u->known)
		buf_fmt(got, " usage=%llu/%llu/%llu/%llu/%llu", LL(u->input),
		    LL(u->cached), LL(u->written), LL(u->output),
		    LL(u->reasoning));
	buf_fmt(got, "%s%s", t->finished ? " finished" : "",
	    t->done ? " done" : "");
	if (t->next_seq > 0)
		buf_fmt(got, " seq=%llu", LL(t->next_seq));
	if (t->response_id[0] != '\0')
		buf_fmt(got, " id=%s", t->response_id);
	if (t->status != 0)
		buf_fmt(got, " %d %s: %s", t->status, t->code, t->message);
}

/* Beginnings of an event are no end. (Messages' has no field but its type.) */
static void
look_at_cuts(const char *row, const struct tap *before, struct str name,
    struct str data)
{
	size_t n;

	for (n = 0; n < data.n; n++) {
		struct str cut = guard_copy(str_sub(data, 0, n));
		struct tap t = *before;
		enum tap_kind k = tap_event(&t, name, cut);

		CHECK_IN(row, k != TAP_END || t.d == DIALECT_MESSAGES ||
		    str_eq(str_trim(cut), STR("[DONE]")));
		guard_free(cut);
	}
}

static void
test_taps(void)
{
	size_t i, used;

	for (i = 0; i < COUNT(taps); i++) {
		const char *row = taps[i].name;
		struct sse_event ev;
		struct buf text, got;
		struct str in, data;
		struct sse s;
		struct tap t;

		buf_init(&text, TEXT_MAX);
		buf_init(&got, TEXT_MAX);
		quoted(&text, taps[i].events);
		sse_init(&s, TEXT_MAX);
		tap_init(&t, taps[i].d);
		in = buf_str(&text);
		while (sse_next(&s, in, false, &ev, &used) == PARSE_OK) {
			data = ev.data;
			if (data.n > 0) {
				look_at_cuts(row, &t, ev.name, data);
				data = guard_copy(data);
			}
			buf_addc(&got, letter(tap_event(&t, ev.name, data)));
			if (data.n > 0)
				guard_free(data);
			in = str_sub(in, used, in.n);
		}
		CHECK_INT_IN(row, in.n, 0);
		describe(&t, &got);
		CHECK_STR_IN(row, buf_str(&got), str_of(taps[i].want));
		sse_free(&s);
		buf_free(&text);
		buf_free(&got);
	}
}

/* Message and code of an upstream are cut to whole characters. */
static void
test_long_reasons(void)
{
	static const char *const ones[] = { "a", "\\u00e9", "\xc3\xa9",
		"\xe2\x82\xac", "\\ud83d\\ude00", "\xf0\x9f\x98\x80" };
	static const size_t sizes[] = { 1, 2, 2, 3, 4, 4 };
	size_t i, n, k;

	for (i = 0; i < COUNT(ones); i++) {
		for (n = 0; n < 300; n++) {
			struct tap t;
			struct buf b;
			size_t max = 255 / sizes[i];

			buf_init(&b, TEXT_MAX);
			quoted(&b, "{'error':{'message':'");
			for (k = 0; k < n; k++)
				buf_addz(&b, ones[i]);
			quoted(&b, "x'}}");
			tap_init(&t, DIALECT_CHAT);
			CHECK_INT(tap_event(&t, STR(""), buf_str(&b)),
			    TAP_ERROR);
			if (n < 255 / sizes[i])
				max = n;
			k = max * sizes[i];
			if (n == max && k + 1 < sizeof(t.message))
				k++;
			CHECK_INT_IN(ones[i], strlen(t.message), k);
			buf_clear(&b);
			buf_addc(&b, '"');
			buf_addz(&b, t.message);
			buf_addc(&b, '"');
			CHECK_INT_IN(ones[i], json_check(buf_str(&b), NULL),
			    0);
			buf_free(&b);
		}
	}
}

static void
test_whole_usage(void)
{
	static const struct {
		enum dialect d;
		const char *body, *want;
	} rows[] = {
		{ DIALECT_CHAT, "{'usage':{'prompt_tokens':3,"
		    "'completion_tokens':2,'total_tokens':5}}",
		    " usage=3/0/0/2/0" },
		{ DIALECT_CHAT, "{'usage':null}", "" },
		{ DIALECT_CHAT, "{'usage':{'prompt_tokens':3}", "" },
		{ DIALECT_CHAT, "<html>", "" },
		{ DIALECT_CHAT, "{'usage':{'prompt_tokens':-3,"
		    "'completion_tokens':2.5}}", " usage=0/0/0/0/0" },
		{ DIALECT_RESPONSES, "{'status':'completed'," R_USAGE "}",
		    " usage=30/8/2/21/15" },
		{ DIALECT_MESSAGES, "{'type':'message','usage':{"
		    "'input_tokens':20,'cache_creation_input_tokens':2,"
		    "'cache_read_input_tokens':8,'output_tokens':21}}",
		    " usage=30/8/2/21/0" },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct buf body, got;
		struct tap t;

		buf_init(&body, TEXT_MAX);
		buf_init(&got, TEXT_MAX);
		quoted(&body, rows[i].body);
		tap_init(&t, rows[i].d);
		tap_answer(&t, buf_str(&body));
		describe(&t, &got);
		CHECK_STR_IN(rows[i].body, buf_str(&got),
		    str_of(rows[i].want));
		buf_free(&body);
		buf_free(&got);
	}
}

/* ---- errors ---- */

#define OPENAI(type, rest) "{'error':{'message':'m','type':'" type "'," rest \
	"}}"
#define NO_CODE "'param':null,'code':null"
#define FAILED(id, code) "event: response.failed\ndata: {'type':" \
	"'response.failed','sequence_number':7,'response':{'id':'" id "'," \
	"'object':'response','status':'failed','output':[],'usage':null," \
	"'error':{'code':'" code "','message':'m'}}}\n\n"

static void
test_errors(void)
{
	static const struct {
		enum dialect d;
		bool stream;
		struct failure f;
		const char *id, *want;
	} rows[] = {
		{ DIALECT_CHAT, false, { .status = 404, .code =
		    "model_not_found", .param = STR_INIT("model") }, "",
		    OPENAI("invalid_request_error", "'param':'model',"
		    "'code':'model_not_found'") },
		{ DIALECT_CHAT, true, { .status = 502 }, "", "data: "
		    OPENAI("server_error", NO_CODE) "\n\n" },
		{ DIALECT_RESPONSES, false, { .status = 429 }, "",
		    OPENAI("rate_limit_error", NO_CODE) },
		{ DIALECT_RESPONSES, false, { .status = 429, .type =
		    STR_INIT("usage_limit_reached") }, "",
		    OPENAI("usage_limit_reached", NO_CODE) },
		{ DIALECT_RESPONSES, true, { .status = 429 }, "resp_\\1",
		    FAILED("resp_\\\\1", "rate_limit_exceeded") },
		{ DIALECT_RESPONSES, true, { .status = 502 }, "r",
		    FAILED("r", "server_error") },
		{ DIALECT_RESPONSES, true, { .status = 504, .code = "slow" },
		    "", "event: error\ndata: {'type':'error',"
		    "'sequence_number':7,'code':'slow','message':'m',"
		    "'param':null}\n\n" },
		{ DIALECT_MESSAGES, false, { .status = 400 }, "",
		    "{'type':'error','error':{'type':'invalid_request_error',"
		    "'message':'m'},'request_id':null}" },
		{ DIALECT_MESSAGES, true, { .status = 504, .request_id =
		    STR_INIT("r") }, "", "event: error\ndata: {'type':"
		    "'error','error':{'type':'timeout_error','message':'m'},"
		    "'request_id':'r'}\n\n" },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct failure f = rows[i].f;
		struct buf out, want;

		f.message = STR("m");
		buf_init(&out, TEXT_MAX);
		buf_init(&want, TEXT_MAX);
		quoted(&want, rows[i].want);
		if (rows[i].stream) {
			dialect_stream_error(rows[i].d, &f, 7,
			    str_of(rows[i].id), &out);
			check_stream(rows[i].want, rows[i].d, buf_str(&out));
		} else {
			dialect_error(rows[i].d, &f, &out);
			CHECK_INT(json_check(buf_str(&out), NULL), 0);
		}
		CHECK_STR(buf_str(&out), buf_str(&want));
		buf_free(&out);
		buf_free(&want);
	}
}

static void
test_error_types(void)
{
	static const struct {
		int status;
		const char *openai, *messages;
	} rows[] = {
		{ 400, "invalid_request_error", "invalid_request_error" },
		{ 401, "invalid_request_error", "authentication_error" },
		{ 402, "invalid_request_error", "billing_error" },
		{ 403, "permission_error", "permission_error" },
		{ 404, "invalid_request_error", "not_found_error" },
		{ 405, "invalid_request_error", "invalid_request_error" },
		{ 409, "invalid_request_error", "conflict_error" },
		{ 413, "invalid_request_error", "request_too_large" },
		{ 415, "invalid_request_error", "invalid_request_error" },
		{ 429, "rate_limit_error", "rate_limit_error" },
		{ 500, "server_error", "api_error" },
		{ 502, "server_error", "api_error" },
		{ 503, "server_error", "overloaded_error" },
		{ 504, "server_error", "timeout_error" },
		{ 529, "server_error", "overloaded_error" },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct str openai = str_of(rows[i].openai);

		CHECK_STR(str_of(dialect_error_type(DIALECT_CHAT,
		    rows[i].status)), openai);
		CHECK_STR(str_of(dialect_error_type(DIALECT_RESPONSES,
		    rows[i].status)), openai);
		CHECK_STR(str_of(dialect_error_type(DIALECT_MESSAGES,
		    rows[i].status)), str_of(rows[i].messages));
	}
}

static void
test_names(void)
{
	CHECK_STR(str_of(dialect_name(DIALECT_CHAT)), STR("chat"));
	CHECK_STR(str_of(dialect_name(DIALECT_RESPONSES)), STR("responses"));
	CHECK_STR(str_of(dialect_name(DIALECT_MESSAGES)), STR("messages"));
	CHECK_STR(dialect_ping(DIALECT_CHAT), STR(": ping\n\n"));
	CHECK_STR(dialect_ping(DIALECT_RESPONSES), STR(": ping\n\n"));
	CHECK_STR(dialect_ping(DIALECT_MESSAGES),
	    STR("event: ping\ndata: {\"type\":\"ping\"}\n\n"));
}

/* ---- models ---- */

#define O_MODEL(id, owner) "{'id':'" id "','object':'model','created':0," \
	"'owned_by':'" owner "'}"
#define A_MODEL(id) "{'type':'model','id':'" id "','display_name':'" id \
	"','created_at':'1970-01-01T00:00:00Z'}"

static void
check_models(bool anthropic, size_t n, bool one, const char *text)
{
	static const struct model_entry m[] = {
		{ STR_INIT("claude-x"), STR_INIT("claude") },
		{ STR_INIT("a\"b"), STR_INIT("llmux") },
	};
	struct buf out, want;

	buf_init(&out, TEXT_MAX);
	buf_init(&want, TEXT_MAX);
	quoted(&want, text);
	if (one)
		models_one(anthropic, m, &out);
	else
		models_list(anthropic, m, n, &out);
	CHECK_STR(buf_str(&out), buf_str(&want));
	CHECK_INT(json_check(buf_str(&out), NULL), 0);
	buf_free(&out);
	buf_free(&want);
}

static void
test_models(void)
{
	check_models(false, 0, false, "{'object':'list','data':[]}");
	check_models(false, 2, false, "{'object':'list','data':["
	    O_MODEL("claude-x", "claude") "," O_MODEL("a\\\"b", "llmux")
	    "]}");
	check_models(false, 1, true, O_MODEL("claude-x", "claude"));
	check_models(true, 0, false, "{'data':[],'has_more':false,"
	    "'first_id':null,'last_id':null}");
	check_models(true, 2, false, "{'data':[" A_MODEL("claude-x") ","
	    A_MODEL("a\\\"b") "],'has_more':false,'first_id':'claude-x',"
	    "'last_id':'a\\\"b'}");
	check_models(true, 1, true, A_MODEL("claude-x"));
}

/* ---- the echo model ---- */

struct told {
	struct buf text;
	unsigned left; /* events until emit stops it; 0 = never */
	const char *close;
	bool first; /* no delta of this block yet */
	struct usage usage;
};

static int
tell(void *arg, const struct event *ev)
{
	struct told *t = arg;
	bool custom = ev->kind == BLOCK_CUSTOM;

	if (ev->usage.known)
		t->usage = ev->usage;
	if (ev->type == EV_OPEN && ev->kind == BLOCK_TEXT) {
		buf_addz(&t->text, "[");
		t->close = "]";
		t->first = true;
	} else if (ev->type == EV_OPEN) {
		buf_fmt(&t->text, "%s%.*s %.*s%s%.*s: ", custom ? "<<" : "<",
		    STR_ARG(ev->id), STR_ARG(ev->name), ev->namespace.n > 0 ?
		    "@" : "", STR_ARG(ev->namespace));
		t->close = custom ? ">>" : ">";
		t->first = true;
	} else if (ev->type == EV_DELTA) {
		if (!t->first)
			buf_addc(&t->text, '|');
		t->first = false;
		buf_adds(&t->text, ev->text);
	} else if (ev->type == EV_CLOSE) {
		buf_addz(&t->text, t->close);
	} else if (ev->type == EV_STOP) {
		buf_fmt(&t->text, " %llu/%llu %s", LL(t->usage.input),
		    LL(t->usage.output), ev->stop == STOP_TOOL ? "call" :
		    "end");
	}
	return t->left > 0 && --t->left == 0 ? -1 : 0;
}

static int
feed_answer(void *arg, const struct event *ev)
{
	struct answer *a = arg;

	answer_event(a, ev);
	return a->bad ? -1 : 0;
}

/* The same through the writers: good streams and documents. */
static void
check_echo_bytes(const char *row, enum dialect d, struct str body)
{
	enum form form;

	for (form = WHOLE; form <= STREAM_USAGE; form++) {
		struct answer a;
		struct buf out;

		buf_init(&out, TEXT_MAX);
		answer_begin(&a, d, form, 1000, &out);
		CHECK_INT_IN(row, echo_answer(d, body, feed_answer, &a, NULL),
		    0);
		CHECK_IN(row, !a.bad && a.ended);
		if (form == WHOLE)
			CHECK_INT_IN(row, json_check(buf_str(&out), NULL), 0);
		else
			check_stream(row, d, buf_str(&out));
		answer_free(&a);
		buf_free(&out);
	}
}

static void
test_echo(void)
{
	size_t i;

	for (i = 0; i < COUNT(echoes); i++) {
		const char *row = echoes[i].body;
		struct told t = { .left = 0 };
		struct err e = { .kind = ERR_NONE };
		struct buf body, want;
		struct str doc;
		enum dialect d = echoes[i].d;

		buf_init(&body, TEXT_MAX);
		buf_init(&want, TEXT_MAX);
		buf_init(&t.text, TEXT_MAX);
		quoted(&body, row);
		quoted(&want, echoes[i].want);
		CHECK_INT_IN(row, json_check(buf_str(&body), NULL), 0);
		doc = guard_copy(buf_str(&body));
		if (echo_answer(d, doc, tell, &t, &e) < 0) {
			CHECK_INT_IN(row, e.kind, ERR_INPUT);
			CHECK_STR_IN(row, str_of(e.text), buf_str(&want));
			CHECK_INT_IN(row, t.text.len, 0);
		} else {
			CHECK_STR_IN(row, buf_str(&t.text), buf_str(&want));
			CHECK_INT_IN(row, echo_count(d, doc), t.usage.input);
			check_echo_bytes(row, d, doc);
		}
		guard_free(doc);
		buf_free(&body);
		buf_free(&want);
		buf_free(&t.text);
	}
}

/* Stopped by the receiver at each event; no memory. */
static void
test_echo_stops(void)
{
	struct err e = { .kind = ERR_NONE };
	struct told t = { .left = 0 };
	struct buf body;
	unsigned n;
	long k;

	buf_init(&body, 1024);
	quoted(&body, CHAT_ASK(TAKE, FUNCTION("f", "{'required':['a']}")));
	buf_init(&t.text, TEXT_MAX);
	for (n = 1; n <= 5; n++) {
		t.left = n;
		CHECK_INT(echo_answer(DIALECT_CHAT, buf_str(&body), tell, &t,
		    &e), -1);
		CHECK_INT(t.left, 0);
		CHECK_INT(e.kind, ERR_NONE);
	}
	for (k = 0;; k++) {
		int rc;

		buf_clear(&t.text);
		mem_fail_after(k);
		rc = echo_answer(DIALECT_CHAT, buf_str(&body), tell, &t, &e);
		mem_fail_after(-1);
		if (rc == 0)
			break;
		CHECK_INT(e.kind, ERR_LIMIT);
		CHECK_INT(t.text.len, 0);
	}
	CHECK(k > 1);
	buf_free(&body);
	buf_free(&t.text);
}

/* A schema of n required members with names of len bytes each. */
static void
check_schema(size_t n, size_t len, int rc)
{
	struct err e = { .kind = ERR_NONE };
	struct told t = { .left = 0 };
	struct buf body;
	size_t i, k;

	buf_init(&body, 1024 * 1024);
	buf_init(&t.text, 2 * TEXT_MAX);
	quoted(&body, "{'messages':[" TAKE "],'tools':[{'type':'function',"
	    "'function':{'name':'f','parameters':{'required':[");
	for (i = 0; i < n; i++) {
		quoted(&body, i == 0 ? "'" : ",'");
		for (k = 0; k < len; k++)
			buf_addc(&body, 'x');
		quoted(&body, "'");
	}
	quoted(&body, "]}}}]}");
	CHECK_INT(json_check(buf_str(&body), NULL), 0);
	CHECK_INT(echo_answer(DIALECT_CHAT, buf_str(&body), tell, &t, &e),
	    rc);
	CHECK_INT(e.kind, rc == 0 ? ERR_NONE : ERR_LIMIT);
	CHECK_INT(t.text.len == 0, rc < 0);
	buf_free(&body);
	buf_free(&t.text);
}

int
main(void)
{
	test_answers();
	test_order();
	test_room();
	test_custom_order();
	test_surrogates();
	test_surrogate_names();
	test_taps();
	test_long_reasons();
	test_whole_usage();
	test_errors();
	test_error_types();
	test_names();
	test_models();
	test_echo();
	test_echo_stops();
	check_schema(5900, 1, 0);
	check_schema(6000, 1, -1);
	check_schema(1, 1024, 0);
	check_schema(1, 1025, -1);
	return check_done();
}
