/* SPDX-License-Identifier: MIT */
/*
 * Tests of dialects/anthropic*.c: requests of Messages clients, requests to
 * Anthropic, what Anthropic answers, sealed thinking in answers to Messages
 * clients. In all texts an apostrophe stands for a quote.
 *
 * Every request is written twice with the same bytes, counted without a sink,
 * and read back: what is written, read as a Messages client's and written
 * again, is the same. Every row runs once more for each allocation that can
 * fail.
 */
#include "check.h"
#include "anthropic_rows.h"
#include "../dialects/ops.h"

#define TEXT_MAX 65536
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The text of a table as it really is. */
static void
quoted(struct buf *b, const char *z)
{
	buf_init(b, TEXT_MAX);
	for (; *z != '\0'; z++)
		buf_addc(b, *z == '\'' ? '"' : *z);
}

/* ---- requests ---- */

struct work {
	struct arena a;
	struct neutral q;
	struct failure f;
	char tag[9];
};

static int
work_read(struct work *w, enum dialect from, struct str body)
{
	*w = (struct work){ .q = { .from = from, .body = body,
		.root = json_root(body), .a = &w->a } };
	arena_init(&w->a, TEXT_MAX);
	return neutral_read(&w->q, &w->f);
}

static int
work_fit(struct work *w, const struct write_row *row)
{
	struct target to = { .d = DIALECT_MESSAGES,
		.model = str_of(row->model), .cache = row->cache,
		.cache_ttl = str_of(row->ttl), .effort = row->effort };

	to.caps = models_caps(to.d, to.model);
	seal_tag(STR("claude"), to.model, w->tag);
	to.tag = str_of(w->tag);
	return neutral_fit(&w->q, &to, &w->f);
}

static void
work_free(struct work *w)
{
	neutral_free(&w->q);
	arena_free(&w->a);
}

/* Written, counted, and written again. */
static void
write_out(const struct work *w, struct buf *out)
{
	struct json_out o;
	uint64_t total;
	struct buf b;

	json_out_init(&o, NULL, 0, NULL, NULL);
	neutral_write(&w->q, &o);
	json_out_flush(&o);
	CHECK(!o.bad);
	total = o.total;
	buf_init(&b, TEXT_MAX);
	json_out_buf(&o, &b);
	neutral_write(&w->q, &o);
	json_out_flush(&o);
	json_out_buf(&o, out);
	neutral_write(&w->q, &o);
	json_out_flush(&o);
	if (!b.bad && !out->bad) {
		CHECK_INT(total, out->len);
		CHECK_STR(buf_str(&b), buf_str(out));
	}
	buf_free(&b);
}

enum outcome { DONE, REFUSED, STARVED };

/* out: what is sent; lost: what could not be carried, or why it is refused. */
static enum outcome
translate(const struct write_row *row, enum dialect from, struct str body,
    struct buf *out, struct buf *lost)
{
	bool good, starved;
	struct work w;

	good = work_read(&w, from, body) == 0 && work_fit(&w, row) == 0;
	if (!good)
		buf_adds(lost, w.f.message);
	if (good) {
		write_out(&w, out);
		buf_adds(lost, neutral_lost(&w.q));
	}
	starved = w.f.status == 503 || out->bad || lost->bad ||
	    w.q.loss.list.bad;
	work_free(&w);
	return starved ? STARVED : good ? DONE : REFUSED;
}

/* What was written, read and written again, stays as it is. */
static void
check_again(const struct write_row *row, struct str sent)
{
	struct buf again, lost;

	buf_init(&again, TEXT_MAX);
	buf_init(&lost, TEXT_MAX);
	CHECK_INT_IN(row->name, translate(row, DIALECT_MESSAGES, sent, &again,
	    &lost), DONE);
	CHECK_STR_IN(row->name, buf_str(&again), sent);
	CHECK_STR_IN(row->name, buf_str(&lost), STR(""));
	buf_free(&again);
	buf_free(&lost);
}

static void
check_write(const struct write_row *row, struct str body, struct str want)
{
	enum outcome good = row->want == NULL ? REFUSED : DONE, o;
	struct buf out, lost;
	long n;

	CHECK_INT_IN(row->name, json_check(body, NULL), 0);
	for (n = -1; n < 2000; n++) {
		buf_init(&out, TEXT_MAX);
		buf_init(&lost, TEXT_MAX);
		mem_fail_after(n);
		o = translate(row, row->from, body, &out, &lost);
		mem_fail_after(-1);
		if (o != STARVED) {
			CHECK_INT_IN(row->name, o, good);
			CHECK_STR_IN(row->name, buf_str(&out), want);
			CHECK_STR_IN(row->name, buf_str(&lost),
			    str_of(row->lost));
		} else {
			CHECK_IN(row->name, n >= 0);
		}
		if (n < 0 && o == DONE && !row->one_way)
			check_again(row, buf_str(&out));
		buf_free(&out);
		buf_free(&lost);
		if (n >= 0 && o != STARVED)
			break;
	}
	CHECK_IN(row->name, n > 0 && n < 2000);
}

static void
test_writes(void)
{
	struct buf body, want, b;
	size_t i;

	for (i = 0; i < COUNT(write_rows); i++) {
		const struct write_row *row = &write_rows[i];

		/* The model's name is no part of the rows' texts. */
		buf_init(&b, TEXT_MAX);
		buf_fmt(&b, "{'model':'m',%s}", row->body);
		quoted(&body, b.p);
		buf_clear(&b);
		if (row->want != NULL)
			buf_fmt(&b, "{'model':'%s',%s}", row->model,
			    row->want);
		quoted(&want, row->want == NULL ? "" : b.p);
		check_write(row, buf_str(&body), buf_str(&want));
		buf_free(&body);
		buf_free(&want);
		buf_free(&b);
	}
}

/* ---- what a Messages client asked ---- */

static void
dump_parts(struct buf *b, const struct part *list, const char *end)
{
	/* in the order of enum part_kind */
	static const char *const kinds[] = { "text", "refusal", "image",
		"document", "call", "result", "reasoning" };
	static const char *const makers[] = { "none", "a", "o" };
	const struct part *p;

	for (p = list; p != NULL; p = p->next) {
		buf_fmt(b, " %s(%.*s%.*s", kinds[p->kind], STR_ARG(p->text),
		    STR_ARG(p->raw));
		if (p->kind == PART_CALL || p->kind == PART_RESULT)
			buf_fmt(b, ",%.*s,%.*s%s", STR_ARG(p->id),
			    STR_ARG(p->name), p->error ? ",error" : "");
		if (p->kind == PART_IMAGE || p->kind == PART_DOCUMENT)
			buf_fmt(b, "%s%.*s,%.*s%.*s%.*s,%.*s",
			    p->plain ? "plain," : "", STR_ARG(p->media),
			    STR_ARG(p->url), STR_ARG(p->data),
			    STR_ARG(p->file_id), STR_ARG(p->filename));
		if (p->kind == PART_REASONING)
			buf_fmt(b, ",%s,%.*s%s", makers[p->seal.maker],
			    STR_ARG(p->seal.text),
			    p->redacted ? ",redacted" : "");
		if (p->kind == PART_RESULT && p->parts != NULL) {
			const struct part *in;

			for (in = p->parts; in != NULL; in = in->next)
				buf_fmt(b, " %s(%.*s%.*s)", kinds[in->kind],
				    STR_ARG(in->text), STR_ARG(in->data));
		}
		buf_addc(b, ')');
	}
	buf_addz(b, end);
}

static void
dump_rest(struct buf *b, const struct neutral *q)
{
	const struct text_list *s;

	if (q->choice != CHOICE_UNSET)
		buf_fmt(b, "choice=%d,%.*s\n", (int)q->choice,
		    STR_ARG(q->choice_name));
	if (q->parallel == TRI_NO)
		buf_addz(b, "one call\n");
	if (q->effort != EFFORT_UNSET || q->budget > 0 || q->adaptive)
		buf_fmt(b, "think=%s,%llu%s,%.*s\n", effort_name(q->effort),
		    (unsigned long long)q->budget,
		    q->adaptive ? ",adaptive" : "", STR_ARG(q->summary));
	if (q->output == OUTPUT_SCHEMA)
		buf_fmt(b, "schema=%.*s\n", STR_ARG(q->schema));
	if (q->max_tokens > 0)
		buf_fmt(b, "max=%llu\n", (unsigned long long)q->max_tokens);
	if (q->temperature.n + q->top_p.n + q->top_k.n > 0)
		buf_fmt(b, "sampling=%.*s,%.*s,%.*s\n",
		    STR_ARG(q->temperature), STR_ARG(q->top_p),
		    STR_ARG(q->top_k));
	for (s = q->stop; s != NULL; s = s->next)
		buf_fmt(b, "stop=%.*s\n", STR_ARG(s->text));
	if (q->user.n > 0)
		buf_fmt(b, "user=%.*s\n", STR_ARG(q->user));
	if (q->service_tier.n > 0)
		buf_fmt(b, "tier=%.*s\n", STR_ARG(q->service_tier));
	if (q->stream)
		buf_addz(b, "stream\n");
}

static void
dump(struct buf *b, const struct neutral *q)
{
	static const char roles[] = "SDUA";
	const struct turn *t;
	const struct tool *tool;

	for (t = q->turns; t != NULL; t = t->next) {
		buf_addc(b, roles[t->role]);
		dump_parts(b, t->parts, "\n");
	}
	for (tool = q->tools; tool != NULL; tool = tool->next)
		buf_fmt(b, "tool=%.*s,%.*s,%.*s%s%s\n", STR_ARG(tool->name),
		    STR_ARG(tool->description), STR_ARG(tool->schema),
		    tool->hosted.n > 0 ? ",hosted" : "",
		    tool->web_search ? ",search" : "");
	dump_rest(b, q);
	if (q->loss.n > 0)
		buf_fmt(b, "lost=%.*s\n", STR_ARG(neutral_lost(q)));
}

/* Reads, and dumps it or the refusal. */
static bool
read_out(struct str body, struct buf *out)
{
	struct work w;
	bool good;

	if (work_read(&w, DIALECT_MESSAGES, body) == 0) {
		dump(out, &w.q);
	} else {
		buf_fmt(out, "%d %.*s|%.*s\n", w.f.status,
		    STR_ARG(w.f.message), STR_ARG(w.f.param));
	}
	good = w.f.status != 503 && !out->bad && !w.q.loss.list.bad;
	work_free(&w);
	return good;
}

static void
test_reads(void)
{
	struct buf body, want, out;
	size_t i;
	long n;

	for (i = 0; i < COUNT(read_rows); i++) {
		const char *row = read_rows[i].name;

		quoted(&body, read_rows[i].body);
		quoted(&want, read_rows[i].want);
		for (n = -1; n < 2000; n++) {
			bool good;

			buf_init(&out, TEXT_MAX);
			mem_fail_after(n);
			good = read_out(buf_str(&body), &out);
			mem_fail_after(-1);
			if (good) {
				CHECK_STR_IN(row, buf_str(&out),
				    buf_str(&want));
			} else {
				CHECK_IN(row, n >= 0);
			}
			buf_free(&out);
			if (good && n > 0)
				break;
		}
		CHECK_IN(row, n < 2000);
		buf_free(&body);
		buf_free(&want);
	}
}

/* ---- answers of Anthropic ---- */

static int
note_event(void *arg, const struct event *ev)
{
	static const char *const kinds[] = { "text", "tool", "custom",
		"reasoning", "refusal" };
	static const char *const stops[] = { "end", "length", "tool",
		"filter", "sequence" };
	struct buf *b = arg;

	switch (ev->type) {
	case EV_START:
		buf_addz(b, "start");
		break;
	case EV_OPEN:
		buf_fmt(b, "open %s", kinds[ev->kind]);
		if (ev->id.n > 0)
			buf_fmt(b, " %.*s %.*s %.*s", STR_ARG(ev->id),
			    STR_ARG(ev->name), STR_ARG(ev->namespace));
		if (ev->redacted)
			buf_fmt(b, " %.*s", STR_ARG(ev->sealed));
		break;
	case EV_DELTA:
		buf_fmt(b, "delta %.*s", STR_ARG(ev->text));
		break;
	case EV_CLOSE:
		buf_addz(b, "close");
		if (ev->maker != SEAL_NONE)
			buf_fmt(b, " %s%.*s", ev->maker == SEAL_ANTHROPIC ?
			    "a:" : "?", STR_ARG(ev->sealed));
		break;
	case EV_STOP:
		buf_fmt(b, "stop %s %.*s", stops[ev->stop],
		    STR_ARG(ev->stop_sequence));
		break;
	case EV_ERROR:
		buf_fmt(b, "error %d %s %.*s", ev->failure.status,
		    ev->failure.code == NULL ? "-" : ev->failure.code,
		    STR_ARG(ev->failure.message));
		break;
	default:
		buf_addz(b, "?");
	}
	if (ev->usage.known)
		buf_fmt(b, " in=%llu,%llu,%llu out=%llu,%llu",
		    (unsigned long long)ev->usage.input,
		    (unsigned long long)ev->usage.cached,
		    (unsigned long long)ev->usage.written,
		    (unsigned long long)ev->usage.output,
		    (unsigned long long)ev->usage.reasoning);
	buf_addc(b, '\n');
	return b->bad ? -1 : 0;
}

/* The events of a row, one a line, or the whole answer; then what the reader
 * says of it. */
static int
read_answer(const struct answer_row *row, struct str text,
    const struct neutral *q, size_t max, struct buf *out)
{
	struct reader r;
	struct str line;
	int bad = 0;

	if (reader_init(&r, DIALECT_MESSAGES, q, max, note_event, out) < 0)
		return -1;
	if (row->whole) {
		bad = reader_answer(&r, text);
	} else {
		while (bad == 0 && str_cut(&text, '\n', &line))
			bad = reader_event(&r, STR("x"), line);
		if (bad == 0)
			bad = reader_end(&r);
	}
	if (!out->bad && !r.bad)
		buf_fmt(out, "%s%s%s%s%s\n", bad < 0 ? "bad " : "",
		    r.ended ? "ended " : "", r.failed ? "failed " : "",
		    r.done ? "done " : "", r.content ? "content" : "");
	bad = r.bad || out->bad ? -1 : 0;
	reader_free(&r);
	return bad;
}

/* Tools whose names the target could not take. */
static const char tools_body[] = "{'model':'m','input':'x','tools':["
    "{'type':'function','name':'a.b','parameters':{}},"
    "{'type':'custom','name':'patch'},"
    "{'type':'namespace','name':'mcp','tools':[{'type':'function',"
    "'name':'go','parameters':{}}]}]}";

static void
test_answers(void)
{
	static const struct write_row plain = { .model = "claude-opus-5-5" };
	struct buf body, text, want, out;
	struct work w;
	size_t i;
	long n;

	quoted(&body, tools_body);
	CHECK_INT(work_read(&w, DIALECT_RESPONSES, buf_str(&body)), 0);
	CHECK_INT(work_fit(&w, &plain), 0);
	for (i = 0; i < COUNT(answer_rows); i++) {
		const char *row = answer_rows[i].name;

		quoted(&text, answer_rows[i].text);
		quoted(&want, answer_rows[i].want);
		for (n = -1; n < 2000; n++) {
			int bad;

			buf_init(&out, TEXT_MAX);
			mem_fail_after(n);
			bad = read_answer(&answer_rows[i], buf_str(&text),
			    &w.q, 4096, &out);
			mem_fail_after(-1);
			/* An error may have lost its sentence only. */
			if (bad == 0 && n >= 0 && str_find(buf_str(&out),
			    STR("without a reason")) >= 0 &&
			    !str_eq(buf_str(&out), buf_str(&want)))
				bad = 1;
			if (bad == 0)
				CHECK_STR_IN(row, buf_str(&out),
				    buf_str(&want));
			else
				CHECK_IN(row, n >= 0);
			buf_free(&out);
			if (bad == 0 && n >= 0)
				break;
		}
		CHECK_IN(row, n < 2000);
		buf_free(&text);
		buf_free(&want);
	}
	work_free(&w);
	buf_free(&body);
}

static int
stop_at_delta(void *arg, const struct event *ev)
{
	++*(int *)arg;
	return ev->type == EV_DELTA ? -1 : 0;
}

/* Emit says stop; a signature over the cap; names without a request. */
static void
test_answer_limits(void)
{
	static const struct answer_row stream = { .whole = false };
	struct buf text, out;
	struct reader r;
	int n = 0;

	quoted(&text, "{'type':'content_block_start','index':0,"
	    "'content_block':{'type':'text','text':'a'}}");
	CHECK_INT(reader_init(&r, DIALECT_MESSAGES, NULL, 100, stop_at_delta,
	    &n), 0);
	CHECK_INT(reader_event(&r, STR(""), buf_str(&text)), -1);
	CHECK_INT(n, 3);
	CHECK(!r.bad && r.content);
	reader_free(&r);
	buf_free(&text);

	quoted(&text, "{'type':'content_block_start','index':0,"
	    "'content_block':{'type':'thinking','thinking':''}}\n"
	    "{'type':'content_block_delta','delta':{'type':'signature_delta',"
	    "'signature':'0123456789'}}\n{'type':'content_block_stop'}");
	buf_init(&out, TEXT_MAX);
	CHECK_INT(read_answer(&stream, buf_str(&text), NULL, 9, &out), -1);
	buf_clear(&out);
	CHECK_INT(read_answer(&stream, buf_str(&text), NULL, 10, &out), 0);
	buf_free(&out);
	buf_free(&text);

	quoted(&text, "{'type':'content_block_start','index':0,"
	    "'content_block':{'type':'tool_use','id':'i','name':'patch'}}");
	buf_init(&out, TEXT_MAX);
	CHECK_INT(read_answer(&stream, buf_str(&text), NULL, 99, &out), 0);
	CHECK_STR(buf_str(&out), STR("start\nopen tool i patch \ncontent\n"));
	buf_free(&out);
	buf_free(&text);
}

/* ---- sealed thinking to a Messages client ---- */

static bool
write_sealed(const struct sealed_row *row, bool stream, struct buf *out)
{
	struct event ev = { .type = EV_START };
	struct answer a;
	bool good;

	answer_init(&a, DIALECT_MESSAGES, stream, TEXT_MAX);
	a.id = STR("0a");
	a.model = STR("m");
	a.out = out;
	a.seal_tag = str_of(row->tag);
	answer_event(&a, &ev);
	ev = (struct event){ .type = EV_OPEN, .kind = BLOCK_REASONING,
		.redacted = row->redacted, .maker = row->maker,
		.sealed = str_of(row->sealed) };
	answer_event(&a, &ev);
	ev.type = EV_DELTA;
	ev.text = str_of(row->text);
	answer_event(&a, &ev);
	ev.type = EV_CLOSE;
	ev.text = STR("");
	answer_event(&a, &ev);
	ev = (struct event){ .type = EV_STOP };
	answer_event(&a, &ev);
	good = !a.bad;
	answer_free(&a);
	return good;
}

static void
check_sealed(const struct sealed_row *row, bool stream)
{
	struct buf out, want;
	long n;

	quoted(&want, stream ? row->streamed : row->whole);
	buf_init(&out, TEXT_MAX);
	CHECK_IN(row->name, write_sealed(row, stream, &out));
	CHECK_IN(row->name, str_find(buf_str(&out), buf_str(&want)) >= 0);
	if (str_find(buf_str(&out), buf_str(&want)) < 0)
		fprintf(stderr, "%s\n", out.p);
	for (n = 0; n < 1000; n++) {
		bool good;

		buf_free(&out);
		buf_init(&out, TEXT_MAX);
		mem_fail_after(n);
		good = write_sealed(row, stream, &out) && !out.bad;
		mem_fail_after(-1);
		if (good)
			break;
	}
	CHECK_IN(row->name, n > 0 && n < 1000);
	CHECK_IN(row->name, str_find(buf_str(&out), buf_str(&want)) >= 0);
	buf_free(&out);
	buf_free(&want);
}

static void
test_sealed(void)
{
	size_t i;

	for (i = 0; i < COUNT(sealed_rows); i++) {
		check_sealed(&sealed_rows[i], true);
		check_sealed(&sealed_rows[i], false);
	}
}

/* Thinking of Claude that went through a Responses client: back with its own
 * model as it was, gone with another. */
static void
test_own_thinking(void)
{
	static const struct {
		const char *made_by, *sent_to, *sealed, *want, *lost;
	} rows[] = {
		{ "claude-opus-5-5", "claude-opus-5-5", "EqQB+/=",
		    "{'type':'thinking','thinking':'T','signature':'EqQB+/='}",
		    "" },
		{ "claude-opus-5-5", "claude-opus-5-5", "redacted:Ab",
		    "{'type':'redacted_thinking','data':'Ab'}", "" },
		{ "claude-opus-5-5", "claude-opus-5", "EqQB", NULL,
		    "/input/1" },
	};
	struct buf body, text, out, want;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct write_row row = { .model = rows[i].sent_to };
		char tag[9];
		struct work w;

		seal_tag(STR("claude"), str_of(rows[i].made_by), tag);
		buf_init(&text, TEXT_MAX);
		buf_addz(&text, "{'model':'m','input':[{'type':"
		    "'message','role':'user','content':'x'},{'type':"
		    "'reasoning','summary':[{'type':'summary_text','text':"
		    "'T'}],'encrypted_content':'");
		seal_put(DIALECT_RESPONSES, SEAL_ANTHROPIC, str_of(tag),
		    str_of(rows[i].sealed), &text);
		buf_addz(&text, "'},{'type':'message','role':'assistant',"
		    "'content':'a'},{'type':'message','role':'user',"
		    "'content':'b'}]}");
		quoted(&body, text.p);
		CHECK_INT(work_read(&w, DIALECT_RESPONSES, buf_str(&body)),
		    0);
		CHECK_INT(work_fit(&w, &row), 0);
		buf_init(&out, TEXT_MAX);
		write_out(&w, &out);
		quoted(&want, rows[i].want == NULL ? "thinking" :
		    rows[i].want);
		CHECK_INT((str_find(buf_str(&out), buf_str(&want)) >= 0),
		    rows[i].want != NULL);
		CHECK(str_find(buf_str(&out), STR("llmux-")) < 0);
		CHECK_STR(neutral_lost(&w.q), str_of(rows[i].lost));
		work_free(&w);
		buf_free(&out);
		buf_free(&want);
		buf_free(&body);
		buf_free(&text);
	}
}

int
main(void)
{
	test_writes();
	test_reads();
	test_answers();
	test_answer_limits();
	test_sealed();
	test_own_thinking();
	return check_done();
}
