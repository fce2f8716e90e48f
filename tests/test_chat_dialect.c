/* SPDX-License-Identifier: MIT */
/*
 * Chat Completions in translation: requests read and written, what is lost or
 * refused, answers of servers as events, and the choice of the reasoning
 * field. In tables ' stands for ".
 */
#include "check.h"

#include "../dialects/ops.h"
#include "chat_rows.h"

static void
quote(struct buf *b, const char *z)
{
	for (; *z != '\0'; z++)
		buf_addc(b, *z == '\'' ? '"' : *z);
}

/* ---- requests ---- */

static const struct model_caps plain_caps = { .id = "", .sampling = true },
    thinking_caps = { .id = "", .sampling = false, .max_output = 1000,
	.efforts = 1 << EFFORT_LOW | 1 << EFFORT_HIGH };

struct work {
	struct neutral q;
	struct arena a;
	struct buf body, out;
	struct failure f;
	uint64_t counted;
};

static void
work_free(struct work *w)
{
	neutral_free(&w->q);
	arena_free(&w->a);
	buf_free(&w->body);
	buf_free(&w->out);
}

static int
work_read(struct work *w, const char *body)
{
	memset(w, 0, sizeof(*w));
	arena_init(&w->a, 1 << 20);
	buf_init(&w->body, 1 << 20);
	buf_init(&w->out, 1 << 20);
	quote(&w->body, body);
	if (w->body.bad)
		return neutral_no_memory(&w->q, &w->f);
	w->q.from = DIALECT_CHAT;
	w->q.a = &w->a;
	w->q.body = buf_str(&w->body);
	w->q.root = json_root(w->q.body);
	return neutral_read(&w->q, &w->f);
}

static int
work_fit(struct work *w, const struct model_caps *caps, enum effort effort)
{
	struct target to = { .d = DIALECT_CHAT, .model = STR("up"),
		.caps = caps, .effort = effort };

	return neutral_fit(&w->q, &to, &w->f);
}

/* Twice: once counted, once for real. */
static void
work_write(struct work *w)
{
	struct json_out o;

	json_out_init(&o, NULL, 0, NULL, NULL);
	neutral_write(&w->q, &o);
	w->counted = o.bad ? 0 : o.total;
	json_out_buf(&o, &w->out);
	neutral_write(&w->q, &o);
	json_out_flush(&o);
}

static int
translate(struct work *w, const char *body, const struct model_caps *caps)
{
	if (work_read(w, body) < 0 || work_fit(w, caps, EFFORT_UNSET) < 0)
		return -1;
	work_write(w);
	return 0;
}

/* A line break in a wanted text stands for its escape. */
static void
quote_row(struct buf *b, const char *messages, const char *rest, bool sent)
{
	struct buf raw;
	const char *z;

	buf_init(&raw, 1 << 16);
	if (sent)
		buf_fmt(&raw, SENT("%s", "%s"), messages, rest);
	else
		buf_fmt(&raw, BODY("%s", "%s"), messages, rest);
	for (z = raw.p; *z != '\0'; z++)
		if (*z == '\n')
			buf_addz(b, "\\n");
		else
			buf_addc(b, *z == '\'' ? '"' : *z);
	buf_free(&raw);
}

static void
check_row(const struct row *row)
{
	struct buf body, want;
	struct work w;

	buf_init(&body, 1 << 16);
	buf_init(&want, 1 << 16);
	quote_row(&body, row->messages, row->rest, false);
	quote_row(&want, row->want_messages == NULL ? row->messages :
	    row->want_messages, row->want_rest == NULL ? row->rest :
	    row->want_rest, true);
	CHECK_INT_IN(row->name, translate(&w, body.p, &plain_caps), 0);
	CHECK_STR_IN(row->name, buf_str(&w.out), buf_str(&want));
	CHECK_INT_IN(row->name, w.counted, w.out.len);
	CHECK_IN(row->name, json_check(buf_str(&w.out), NULL) == 0);
	CHECK_STR_IN(row->name, neutral_lost(&w.q), str_of(row->lost));
	work_free(&w);
	buf_free(&body);
	buf_free(&want);
}

static void
check_refused(void)
{
	struct work w;
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *body = refused[i].body;

		if (refused[i].param == NULL) {
			CHECK_INT_IN(body, translate(&w, body, &plain_caps),
			    0);
			work_free(&w);
			continue;
		}
		CHECK_INT_IN(body, translate(&w, body, &plain_caps), -1);
		CHECK_INT_IN(body, w.f.status, 400);
		CHECK_STR_IN(body, w.f.param, str_of(refused[i].param));
		if (refused[i].message != NULL)
			CHECK_STR_IN(body, w.f.message,
			    str_of(refused[i].message));
		CHECK_IN(body, str_starts(w.f.message, w.f.param));
		work_free(&w);
	}
}

/* What a model can do decides over limits, sampling and effort. */
static void
check_caps(void)
{
	static const struct {
		const char *rest, *want, *lost;
		enum effort suffix;
	} t[] = {
		{ ",'reasoning_effort':'high','max_tokens':5000,"
		    "'temperature':1,'top_p':1", ",'max_tokens':1000,"
		    "'reasoning_effort':'high'", "/temperature, /top_p",
		    EFFORT_UNSET },
		{ ",'reasoning_effort':'xhigh'", ",'reasoning_effort':'high'",
		    "", EFFORT_UNSET },
		{ ",'reasoning_effort':'high'", ",'reasoning_effort':'low'",
		    "", EFFORT_LOW },
		{ ",'reasoning':{'effort':'low','enabled':false}",
		    ",'reasoning_effort':'low'", "", EFFORT_UNSET },
		{ ",'reasoning':{'max_tokens':1000}",
		    ",'reasoning_effort':'low'", "", EFFORT_UNSET },
		{ ",'reasoning_effort':'odd'", "", "/reasoning_effort",
		    EFFORT_UNSET },
		{ "", "", "", EFFORT_UNSET },
	};
	struct buf body, raw, want;
	struct work w;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_init(&body, 1 << 16);
		buf_init(&raw, 1 << 16);
		buf_init(&want, 1 << 16);
		buf_fmt(&body, BODY(HI, "%s"), t[i].rest);
		buf_fmt(&raw, SENT(HI, "%s"), t[i].want);
		quote(&want, raw.p);
		CHECK_INT(work_read(&w, body.p), 0);
		CHECK_INT(work_fit(&w, &thinking_caps, t[i].suffix), 0);
		work_write(&w);
		CHECK_STR_IN(t[i].rest, buf_str(&w.out), buf_str(&want));
		CHECK_STR_IN(t[i].rest, neutral_lost(&w.q),
		    str_of(t[i].lost));
		work_free(&w);
		buf_free(&body);
		buf_free(&raw);
		buf_free(&want);
	}
}

/* What only other dialects' requests hold. */
static void
check_foreign(void)
{
	struct work w;
	struct part *p;
	struct buf want;

	CHECK_INT(work_read(&w, BODY(HI "," CALLED("c1") "," GAVE("c1", "r")
	    ",{'role':'user','content':[{'type':'file','file':{'file_data':"
	    "'data:text/plain;base64,AAAA','filename':'a'}}]}", "")), 0);
	p = w.q.turns->next->next->parts;
	p->error = true;
	p = w.q.turns->next->next->next->parts;
	p->plain = true;
	p->data = STR("plain\\ttext");
	CHECK_INT(work_fit(&w, &plain_caps, EFFORT_UNSET), 0);
	work_write(&w);
	buf_init(&want, 1 << 16);
	quote(&want, SENT(HI "," CALLED("c1") "," GAVE("c1", "Error: r")
	    ",{'role':'user','content':'plain\\ttext'}", ""));
	CHECK_STR(buf_str(&w.out), buf_str(&want));
	buf_free(&want);
	work_free(&w);

	CHECK_INT(work_read(&w, BODY("{'role':'user','content':[" IMAGE "]}",
	    "")), 0);
	w.q.turns->parts->data = STR("");
	w.q.turns->parts->file_id = STR("f1");
	CHECK_INT(work_fit(&w, &plain_caps, EFFORT_UNSET), -1);
	CHECK_INT(w.f.status, 400);
	work_free(&w);

	/* api.openai.com takes 40 bytes. */
	CHECK_INT(translate(&w, BODY(HI "," CALLED("call_a1b2c3d4a1b2c3d4a1b2"
	    "c3d4a1b2c3d4a1b2c3d4") "," GAVE("call_a1b2c3d4a1b2c3d4a1b2c3d4a1"
	    "b2c3d4a1b2c3d4", "r"), ""), &plain_caps), 0);
	p = w.q.turns->next->parts;
	CHECK(p->wire_id.n > 0 && p->wire_id.n <= 40);
	CHECK_STR(w.q.turns->next->next->parts->wire_id, p->wire_id);
	work_free(&w);
}

/* What the reader leaves for other targets. */
static void
check_neutral(void)
{
	struct work w;

	CHECK_INT(work_read(&w, BODY(HI ",{'role':'assistant','reasoning':'r',"
	    "'tool_calls':[{'id':'a','custom':{'name':'p','input':'x'}}]},"
	    GAVE("a", "1") "," GAVE("b", "2"), ",'tools':[{'type':'custom',"
	    "'custom':{'name':'p','format':{'type':'grammar','grammar':{"
	    "'syntax':'lark','definition':'d'}}}},{'type':'custom','custom':{"
	    "'name':'q','format':{'type':'text'}}}],'stream':true,"
	    "'stream_options':{'include_usage':true},'service_tier':'fast',"
	    "'prompt_cache_key':'k','verbosity':'low'")), 0);
	CHECK(w.q.stream && w.q.include_usage);
	CHECK_STR(w.q.service_tier, STR("fast"));
	CHECK_STR(w.q.cache_key, STR("k"));
	CHECK_STR(w.q.verbosity, STR("low"));
	CHECK_INT(w.q.turns->next->parts->kind, PART_REASONING);
	CHECK_INT(w.q.turns->next->parts->seal.maker, SEAL_NONE);
	CHECK(w.q.turns->next->parts->next->custom);
	/* Results that follow one another are one turn. */
	CHECK(w.q.turns->next->next->next == NULL);
	CHECK(w.q.turns->next->next->parts->custom);
	CHECK(!w.q.turns->next->next->parts->next->custom);
	CHECK_STR(w.q.tools->format, STR("{\"type\":\"grammar\","
	    "\"syntax\":\"lark\",\"definition\":\"d\"}"));
	CHECK_STR(w.q.tools->next->format, STR("{\"type\":\"text\"}"));
	work_free(&w);

	CHECK_INT(work_read(&w, BODY("{'role':'user','content':[" IMAGE "]}",
	    "")), 0);
	CHECK_STR(w.q.turns->parts->media, STR("image/png"));
	CHECK_STR(w.q.turns->parts->data, STR("AAAA"));
	CHECK(w.q.turns->parts->url.n == 0);
	work_free(&w);
}

/* ---- answers ---- */

/* Events as text: S start, O open, + delta, - close, . stop, ! error. */
struct trace {
	struct buf b;
	bool merge; /* deltas of a block are one */
	bool delta;
	long stop_after;
};

static int
note(void *arg, const struct event *ev)
{
	static const char *const kinds[] = { "text", "tool", "custom",
		"think", "refusal" };
	static const char *const stops[] = { "end", "length", "tool",
		"filter", "sequence" };
	struct trace *t = arg;

	if (t->stop_after >= 0 && t->stop_after-- == 0)
		return -1;
	if (ev->type != EV_DELTA)
		t->delta = false;
	switch (ev->type) {
	case EV_START:
		buf_addz(&t->b, "S");
		break;
	case EV_OPEN:
		buf_fmt(&t->b, " %s", kinds[ev->kind]);
		if (is_call(ev->kind))
			buf_fmt(&t->b, "(%.*s,%.*s)", STR_ARG(ev->id),
			    STR_ARG(ev->name));
		break;
	case EV_DELTA:
		buf_fmt(&t->b, "%s%.*s", t->delta && t->merge ? "" : "+",
		    STR_ARG(ev->text));
		t->delta = true;
		break;
	case EV_CLOSE:
		buf_addz(&t->b, "-");
		break;
	case EV_STOP:
		buf_fmt(&t->b, " .%s", stops[ev->stop]);
		if (ev->usage.known)
			buf_fmt(&t->b, " %llu/%llu/%llu/%llu",
			    (unsigned long long)ev->usage.input,
			    (unsigned long long)ev->usage.cached,
			    (unsigned long long)ev->usage.output,
			    (unsigned long long)ev->usage.reasoning);
		break;
	case EV_ERROR:
		buf_fmt(&t->b, " !%d %s %.*s", ev->failure.status,
		    ev->failure.code == NULL ? "-" : ev->failure.code,
		    STR_ARG(ev->failure.message));
		break;
	default:
		buf_addz(&t->b, "?");
		break;
	}
	return 0;
}

/* Lines of events, each the data of one; "!" before it: named error. The
 * trace ends in "|" when the answer is whole, and "#" for -1. */
static void
play(struct trace *t, const char *lines, const struct neutral *q, size_t max)
{
	struct str rest, line;
	struct reader r;
	struct buf data;
	int rc = 0;

	buf_clear(&t->b);
	t->delta = false;
	if (reader_init(&r, DIALECT_CHAT, q, max, note, t) < 0)
		return;
	buf_init(&data, 1 << 22);
	quote(&data, lines);
	for (rest = buf_str(&data); rc == 0 && str_cut(&rest, '\n', &line);) {
		bool named = str_starts(line, STR("!"));

		rc = reader_event(&r, named ? STR("error") : STR(""),
		    str_sub(line, named, line.n));
	}
	if (rc == 0)
		rc = reader_end(&r);
	buf_addz(&t->b, rc < 0 ? "#" : r.ended ? "|" : "");
	CHECK(!(r.ended && r.failed));
	reader_free(&r);
	buf_free(&data);
}

#define CH(delta) "{'id':'chatcmpl-A_1','object':'chat.completion.chunk'," \
	"'choices':[{'index':0,'delta':{" delta "},'finish_reason':null}]}\n"
#define FIN(reason) "{'choices':[{'index':0,'delta':{}," \
	"'finish_reason':'" reason "'}]}\n"
#define USE "{'choices':[],'usage':{'prompt_tokens':30,'completion_tokens'" \
	":21,'prompt_tokens_details':{'cached_tokens':8}," \
	"'completion_tokens_details':{'reasoning_tokens':15}}}\n"
#define TC(i, id, name, args) "{'index':" i ",'id':'" id "','type':" \
	"'function','function':{'name':'" name "','arguments':'" args "'}}"
#define ARGS(i, args) "{'index':" i ",'function':{'arguments':'" args "'}}"
#define CALLS(list) CH("'tool_calls':[" list "]")
#define DONE "[DONE]"

static const struct {
	const char *name, *lines, *want;
} streams[] = {
	{ "text", CH("'role':'assistant','content':''") CH("'content':'a'")
	    CH("'content':'b\\n'") FIN("stop") USE DONE,
	    "S text+a+b\\n- .end 30/8/21/15|" },
	{ "no end marker", CH("'content':'a'") FIN("stop"),
	    "S text+a- .end|" },
	{ "no finish_reason", CH("'content':'a'") DONE, "S text+a- .end|" },
	{ "cut", CH("'content':'a'"), "S text+a" },
	{ "nothing behind the end", CH("'content':'a'") FIN("stop") DONE "\n"
	    CH("'content':'b'") DONE, "S text+a- .end|" },
	{ "all kinds of text", CH("'content':'c','refusal':'r',"
	    "'reasoning_content':'t'") FIN("stop") DONE,
	    "S think+t- text+c- refusal+r- .end|" },
	{ "names of thoughts", CH("'reasoning':'a','reasoning_details':[{"
	    "'type':'reasoning.text','text':'a'}]") CH("'reasoning_text':"
	    "'b','reasoning_content':''") CH("'reasoning_details':[{'type':"
	    "'reasoning.text','text':'c'},{'type':'reasoning.summary',"
	    "'summary':'d'},{'type':'reasoning.encrypted','data':'x'}]")
	    FIN("stop") DONE, "S think+a+b+c+d- .end|" },
	{ "content in parts", CH("'content':[{'type':'thinking','thinking':[{"
	    "'type':'text','text':'t'}]},{'type':'text','text':'c'}]")
	    FIN("stop") DONE, "S think+t- text+c- .end|" },
	{ "thoughts between texts", CH("'content':'a'") CH("'reasoning':'t'")
	    CH("'content':'b'") FIN("stop") DONE,
	    "S text+a- think+t- text+b- .end|" },
	{ "a call", CALLS(TC("0", "c1", "f", "")) CALLS(ARGS("0", "{\\'a\\'"))
	    CALLS(ARGS("0", ":1}")) FIN("tool_calls") DONE,
	    "S tool(c1,f)+{\\\"a\\\"+:1}- .tool|" },
	{ "a call without arguments", CALLS(TC("0", "c1", "f", ""))
	    FIN("tool_calls") DONE, "S tool(c1,f)- .tool|" },
	{ "content and calls in one chunk", CH("'tool_calls':["
	    TC("0", "c1", "f", "{}") "],'content':'x'") FIN("stop") DONE,
	    "S text+x- tool(c1,f)+{}- .tool|" },
	{ "calls that interleave", CALLS(TC("0", "c1", "f", ""))
	    CALLS(TC("1", "c2", "g", "")) CALLS(ARGS("0", "a"))
	    CALLS(ARGS("1", "x")) CALLS(ARGS("0", "b") "," ARGS("1", "y"))
	    FIN("tool_calls") DONE,
	    "S tool(c1,f)+a+b- tool(c2,g)+xy- .tool|" },
	{ "text behind a call waits", CALLS(TC("0", "c1", "f", "a"))
	    CH("'content':'t'") CALLS(ARGS("0", "b")) CH("'content':'u'")
	    FIN("tool_calls") DONE,
	    "S tool(c1,f)+a+b- text+tu- .tool|" },
	{ "a name in pieces", CALLS("{'index':0,'id':'c1','function':{'name':"
	    "'get_'}}") CALLS("{'index':0,'function':{'name':'time'}}")
	    CALLS("{'index':0,'function':{'arguments':'{}'}}")
	    FIN("tool_calls") DONE, "S tool(c1,get_time)+{}- .tool|" },
	{ "identity repeated", CALLS(TC("0", "c1", "f", ""))
	    CALLS(TC("0", "c1", "f", "{")) CALLS(TC("0", "c1", "f", "}"))
	    FIN("tool_calls") DONE, "S tool(c1,f)+{+}- .tool|" },
	{ "empty identity repeated", CALLS(TC("0", "c1", "f", "{"))
	    CALLS(TC("0", "", "", "}")) FIN("tool_calls") DONE,
	    "S tool(c1,f)+{+}- .tool|" },
	{ "no ids", CALLS("{'index':0,'function':{'name':'f','arguments':"
	    "'1'}},{'index':1,'function':{'name':'f','arguments':'2'}}")
	    FIN("tool_calls") DONE,
	    "S tool(call_chatcmplA1_0,f)+1- tool(call_chatcmplA1_1,f)+2- "
	    ".tool|" },
	{ "the same id twice", CALLS(TC("0", "c", "f", "1") ","
	    TC("1", "c", "g", "2")) FIN("tool_calls") DONE,
	    "S tool(c,f)+1- tool(call_chatcmplA1_0,g)+2- .tool|" },
	{ "no index", CALLS("{'id':'a','function':{'name':'f','arguments':"
	    "'1'}}") CALLS("{'id':'b','function':{'name':'f','arguments':"
	    "'2'}}") CALLS("{'function':{'arguments':'3'}}") FIN("stop") DONE,
	    "S tool(a,f)+1- tool(b,f)+23- .tool|" },
	{ "neither index nor id", CALLS("{'function':{'name':'f','arguments':"
	    "'1'}},{'function':{'name':'g','arguments':'2'}}") FIN("stop")
	    DONE, "S tool(call_chatcmplA1_0,f)+1- "
	    "tool(call_chatcmplA1_1,g)+2- .tool|" },
	{ "index 0 for all", CALLS(TC("0", "a", "f", "1"))
	    CALLS(TC("0", "b", "g", "2")) FIN("tool_calls") DONE,
	    "S tool(a,f)+1- tool(b,g)+2- .tool|" },
	{ "arguments as an object", CALLS("{'index':0,'id':'a','function':{"
	    "'name':'f','arguments':{'x':'\\n'}}}") FIN("stop") DONE,
	    "S tool(a,f)+{\\\"x\\\":\\\"\\\\n\\\"}- .tool|" },
	{ "a custom call", CALLS("{'index':0,'id':'a','type':'custom',"
	    "'custom':{'name':'p','input':'x '}}") CALLS("{'index':0,"
	    "'custom':{'input':'y'}}") FIN("tool_calls") DONE,
	    "S custom(a,p)+x y- .tool|" },
	{ "the older call", CH("'function_call':{'name':'f','arguments':''}")
	    CH("'function_call':{'arguments':'{}'}") FIN("function_call")
	    DONE, "S tool(call_chatcmplA1_0,f)+{}- .tool|" },
	{ "why it stopped: length", CALLS(TC("0", "a", "f", "{"))
	    FIN("length") DONE, "S tool(a,f)+{- .length|" },
	{ "why it stopped: filter", CH("'content':'x'") FIN("content_filter")
	    DONE, "S text+x- .filter|" },
	{ "why it stopped: no call came", CH("'content':'x'")
	    FIN("tool_calls") DONE, "S text+x- .end|" },
	{ "why it stopped: unknown", CH("'content':'x'") FIN("eos") DONE,
	    "S text+x- .end|" },
	{ "usage in every chunk", "{'choices':[{'delta':{'content':'a'}}],"
	    "'usage':{'prompt_tokens':1,'completion_tokens':1}}\n"
	    "{'choices':[{'delta':{},'finish_reason':'stop'}],"
	    "'usage':{'prompt_tokens':1,'completion_tokens':2}}\n"
	    "{'choices':[],'usage':null}\n" DONE,
	    "S text+a- .end 1/0/2/0|" },
	{ "usage before the text", USE CH("'content':'a'") FIN("stop") DONE,
	    "S text+a- .end 30/8/21/15|" },
	{ "text behind the finish", CH("'content':'a'") FIN("stop")
	    CH("'content':'b'") DONE, "S text+a+b- .end|" },
	{ "choices that are not the first", "{'choices':[{'index':1,'delta':{"
	    "'content':'b'}},{'index':0,'delta':{'content':'a'}}]}\n"
	    FIN("stop") DONE, "S text+a- .end|" },
	{ "a whole message at the end", CH("'content':'a'") "{'choices':[{"
	    "'index':0,'message':{'content':'a'},'finish_reason':'stop'}]}",
	    "S text+a- .end|" },
	{ "a whole message only", "{'choices':[{'index':0,'message':{"
	    "'role':'assistant','content':'a','tool_calls':["
	    TC("0", "c", "f", "{}") "]},'finish_reason':'stop'}]}",
	    "S text+a- tool(c,f)+{}- .tool|" },
	{ "no choice at all", USE DONE, "S .end 30/8/21/15|" },
	{ "unknown things", "{'x':[{}]}\n[1]\n'ping'\n{'choices':null}\n"
	    "{'choices':[{'delta':null}]}\n" CH("'x':1,'content':null,"
	    "'tool_calls':null") CH("'content':'a'") FIN("stop") DONE,
	    "S text+a- .end|" },
	{ "an error", CH("'content':'a'") "{'error':{'message':'full',"
	    "'type':'overloaded_error','code':null}}\n" CH("'content':'b'")
	    DONE, "S text+a !503 overloaded_error full" },
	{ "an error with a number", "{'error':{'message':'slow','code':429}"
	    ",'choices':[{'delta':{'content':''},'finish_reason':'error'}]}",
	    " !429 - slow" },
	{ "an error that is a text", "{'error':'no'}", " !502 - no" },
	{ "no error", CH("'content':'a'") "{'error':null,'choices':[{'delta'"
	    ":{},'finish_reason':'stop'}]}\n" DONE, "S text+a- .end|" },
	{ "an event named error", "!{'message':'m','code':"
	    "'rate_limit_exceeded'}", " !429 rate_limit_exceeded m" },
	{ "no JSON", CH("'content':'a'") "oops\n" DONE, "S text+a !502 - "
	    "the upstream sent an event that is not JSON" },
};

/* The same answer, streamed and whole. */
static const struct {
	const char *name, *stream, *whole;
} pairs[] = {
	{ "all", CH("'reasoning_content':'th'") CH("'reasoning_content':'ink'")
	    CH("'content':'te'") CH("'content':'xt'")
	    CALLS(TC("0", "a", "f", "")) CALLS(ARGS("0", "{}"))
	    CALLS(TC("1", "b", "g", "{\\'x\\':1}")) FIN("tool_calls") USE
	    DONE,
	    "{'id':'x','object':'chat.completion','choices':[{'index':0,"
	    "'message':{'role':'assistant','content':'text','refusal':null,"
	    "'reasoning_content':'think','tool_calls':["
	    CALL("a", "f", "{}") "," CALL("b", "g", "{\\'x\\':1}") "]},"
	    "'finish_reason':'tool_calls','logprobs':null}],'usage':{"
	    "'prompt_tokens':30,'completion_tokens':21,"
	    "'prompt_tokens_details':{'cached_tokens':8},"
	    "'completion_tokens_details':{'reasoning_tokens':15}}}" },
	{ "refusal", CH("'refusal':'no'") FIN("content_filter") DONE,
	    "{'choices':[{'message':{'content':null,'refusal':'no'},"
	    "'finish_reason':'content_filter'}]}" },
	{ "nothing", CH("'role':'assistant'") FIN("length") DONE,
	    "{'choices':[{'message':{'content':''},'finish_reason':"
	    "'length'}]}" },
	{ "error", "{'error':{'message':'m','type':'invalid_request_error'}}",
	    "{'error':{'message':'m','type':'invalid_request_error'}}" },
};

static void
play_whole(struct trace *t, const char *body)
{
	struct reader r;
	struct buf data;
	int rc;

	buf_clear(&t->b);
	t->delta = false;
	if (reader_init(&r, DIALECT_CHAT, NULL, 1 << 20, note, t) < 0)
		return;
	buf_init(&data, 1 << 20);
	quote(&data, body);
	rc = data.bad ? -1 : reader_answer(&r, buf_str(&data));
	buf_addz(&t->b, rc < 0 ? "#" : r.ended ? "|" : "");
	reader_free(&r);
	buf_free(&data);
}

static int
pass_on(void *arg, const struct event *ev)
{
	answer_event(arg, ev);
	return 0;
}

/* The events are in the order that every writer wants. Messages has no custom
 * calls. */
static void
check_order(enum dialect d, const char *lines, const char *name)
{
	struct str rest, line;
	struct answer a;
	struct reader r;
	struct buf data, out;

	if (d == DIALECT_MESSAGES && strstr(lines, "'custom'") != NULL)
		return;
	buf_init(&data, 1 << 16);
	buf_init(&out, 1 << 16);
	answer_init(&a, d, false, 1 << 16);
	a.out = &out;
	a.id = a.model = STR("x");
	quote(&data, lines);
	CHECK_INT(reader_init(&r, DIALECT_CHAT, NULL, 1 << 16, pass_on, &a),
	    0);
	for (rest = buf_str(&data); str_cut(&rest, '\n', &line);)
		reader_event(&r, STR(""), line);
	CHECK_INT_IN(name, reader_end(&r), 0);
	CHECK_IN(name, !a.bad);
	CHECK_IN(name, (!r.ended && !r.failed) ||
	    json_check(buf_str(&out), NULL) == 0);
	reader_free(&r);
	answer_free(&a);
	buf_free(&data);
	buf_free(&out);
}

static void
check_streams(void)
{
	struct trace t = { .stop_after = -1 }, u = { .stop_after = -1,
		.merge = true };
	size_t i;

	buf_init(&t.b, 1 << 16);
	buf_init(&u.b, 1 << 16);
	for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		play(&t, streams[i].lines, NULL, 1 << 20);
		CHECK_STR_IN(streams[i].name, buf_str(&t.b),
		    str_of(streams[i].want));
		check_order(DIALECT_CHAT, streams[i].lines, streams[i].name);
		check_order(DIALECT_RESPONSES, streams[i].lines,
		    streams[i].name);
		check_order(DIALECT_MESSAGES, streams[i].lines,
		    streams[i].name);
	}
	t.merge = true;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		play(&t, pairs[i].stream, NULL, 1 << 20);
		play_whole(&u, pairs[i].whole);
		CHECK_STR_IN(pairs[i].name, buf_str(&u.b), buf_str(&t.b));
	}
	play_whole(&u, "{'choices':[]}");
	CHECK_STR(buf_str(&u.b), STR("#"));
	play_whole(&u, "{'type':'message'}");
	CHECK_STR(buf_str(&u.b), STR("#"));
	/* What waits is limited. */
	play(&t, CALLS(TC("0", "a", "f", "1") "," TC("1", "b", "f", "12345")),
	    NULL, 4);
	CHECK_STR(buf_str(&t.b), STR("S tool(a,f)+1#"));
	buf_free(&t.b);
	buf_free(&u.b);
}

/* Names come back as the client gave them, custom tools as such. */
static void
check_names_back(void)
{
	struct trace t = { .stop_after = -1 };
	struct work w;

	buf_init(&t.b, 1 << 16);
	CHECK_INT(translate(&w, BODY(HI, ",'tools':[" TOOL("a.b")
	    ",{'type':'custom','custom':{'name':'p q'}}]"), &plain_caps), 0);
	play(&t, CALLS(TC("0", "x", "a_b", "{}") ","
	    TC("1", "y", "p_q", "{\\'input\\':\\'l\\\\n\\'}") ","
	    TC("2", "z", "other", "{}")) FIN("stop") DONE, &w.q, 1 << 20);
	CHECK_STR(buf_str(&t.b), STR("S tool(x,a.b)+{}- custom(y,p q)+l\\n- "
	    "tool(z,other)+{}- .tool|"));
	play(&t, CALLS(TC("0", "y", "p_q", "{\\'in")) CALLS(ARGS("0",
	    "put\\':\\'x\\'}")) FIN("stop") DONE, &w.q, 1 << 20);
	CHECK_STR(buf_str(&t.b), STR("S custom(y,p q)+x- .tool|"));
	play(&t, CALLS(TC("0", "y", "p_q", "raw")) FIN("stop") DONE, &w.q,
	    1 << 20);
	CHECK_STR(buf_str(&t.b), STR("S custom(y,p q)+raw- .tool|"));
	work_free(&w);
	buf_free(&t.b);
}

/* Where buffers grow by a byte, megabytes would take for ever. */
#if defined(BUF_STEP) && BUF_STEP == 1
#define TENS 3000
#else
#define TENS 300000
#endif

/* Events of megabytes, and an emit that stops at any event. */
static void
check_limits(void)
{
	struct trace t = { .stop_after = -1 };
	struct buf lines;
	size_t i;
	long n;

	buf_init(&t.b, 1 << 24);
	buf_init(&lines, 1 << 24);
	buf_addz(&lines, "{'choices':[{'delta':{'tool_calls':[{'index':0,"
	    "'id':'a','function':{'name':'f','arguments':'");
	for (i = 0; i < TENS; i++)
		buf_addz(&lines, "abcdefghij");
	buf_addz(&lines, "'}}]}}]}\n" FIN("tool_calls") DONE);
	play(&t, lines.p, NULL, 1024);
	CHECK_INT(t.b.len, 10 * TENS + 20);
	buf_free(&lines);
	for (n = 0; n < 12; n++) {
		t.stop_after = n;
		play(&t, streams[12].lines, NULL, 1 << 20);
		CHECK(str_ends(buf_str(&t.b), n < 9 ? STR("#") : STR("|")));
	}
	buf_free(&t.b);
}

/* ---- memory ---- */

static void
check_starving(void)
{
	struct trace t = { .stop_after = -1 };
	struct buf body;
	struct work w;
	size_t i;
	long n;
	int rc;

	buf_init(&body, 1 << 16);
	buf_init(&t.b, 1 << 16);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&body);
		buf_fmt(&body, BODY("%s", "%s"), rows[i].messages,
		    rows[i].rest);
		for (n = 0, rc = -1; rc < 0 && n < 1000; n++) {
			mem_fail_after(n);
			rc = translate(&w, body.p, &plain_caps);
			mem_fail_after(-1);
			CHECK_IN(rows[i].name, rc == 0 || w.f.status == 503);
			work_free(&w);
		}
		CHECK_IN(rows[i].name, rc == 0);
	}
	for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
		for (n = 0; n < 10000; n += 1 + n / 8) {
			buf_free(&t.b);
			buf_init(&t.b, 1 << 16);
			buf_room(&t.b, 4096);
			mem_fail_after(n);
			play(&t, streams[i].lines, NULL, 1 << 20);
			mem_fail_after(-1);
		}
	CHECK_STR(buf_str(&t.b), str_of(streams[i - 1].want));
	buf_free(&t.b);
	buf_free(&body);
}

/* ---- the reasoning field ---- */

static void
check_field(const char *field, bool stream, const char *want)
{
	static const struct event evs[] = { { .type = EV_START },
		{ .type = EV_OPEN, .kind = BLOCK_REASONING },
		{ .type = EV_DELTA, .text = STR_INIT("t") },
		{ .type = EV_CLOSE, .maker = SEAL_ANTHROPIC,
		    .sealed = STR_INIT("SECRET") },
		{ .type = EV_STOP } };
	struct answer a;
	struct buf out;
	size_t i;

	answer_init(&a, DIALECT_CHAT, stream, 1 << 16);
	buf_init(&out, 1 << 16);
	a.out = &out;
	a.id = a.model = STR("x");
	a.seal_tag = STR("01234567");
	a.reasoning_field = field;
	for (i = 0; i < sizeof(evs) / sizeof(evs[0]); i++)
		answer_event(&a, &evs[i]);
	CHECK(!a.bad);
	CHECK_IN(want, want[0] == '-' ?
	    str_find(buf_str(&out), STR("reasoning\"")) < 0 &&
	    str_find(buf_str(&out), STR("reasoning_content")) < 0 :
	    str_find(buf_str(&out), str_of(want)) >= 0);
	CHECK(str_find(buf_str(&out), STR("SECRET")) < 0);
	answer_free(&a);
	buf_free(&out);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
	check_refused();
	check_caps();
	check_foreign();
	check_neutral();
	check_streams();
	check_names_back();
	check_limits();
	check_starving();
	for (i = 0; i < 2; i++) {
		check_field("reasoning_content", i > 0,
		    "\"reasoning_content\":\"t\"");
		check_field("reasoning", i > 0, "\"reasoning\":\"t\"");
		check_field(NULL, i > 0, "-");
	}
	return check_done();
}
