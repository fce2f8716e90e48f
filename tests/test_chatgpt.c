/* SPDX-License-Identifier: MIT */
/*
 * Tests of dialects/chatgpt.c: bodies of Responses clients checked and written
 * for the ChatGPT backend, its events on the way back, streamed and collected.
 * In all texts of the tables an apostrophe stands for a quote; an L for 55
 * letters (names over 64 bytes are cut there).
 */
#include "check.h"
#include "dialects/chatgpt.h"
#include "sse.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT_MAX 65536
#define LETTERS "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabc"

static void
quoted(struct buf *b, const char *z)
{
	for (; *z != '\0'; z++) {
		if (*z == 'L')
			buf_addz(b, LETTERS);
		else
			buf_addc(b, *z == '\'' ? '"' : *z);
	}
}

/* ---- there ---- */

#define MESSAGE "{'type':'message','role':'user','content':[{" \
	"'type':'input_text','text':'hi'}]}"
#define FIXED "'stream':true,'store':false,'include':[" \
	"'reasoning.encrypted_content'],"
#define END "'reasoning':{'summary':'auto'},'prompt_cache_key':'k'}"
#define KEY "'prompt_cache_key':'k'"

static const struct model_caps caps = { .efforts = 1u << EFFORT_LOW |
	1u << EFFORT_MEDIUM | 1u << EFFORT_HIGH };

static const struct {
	const char *name, *body;
	struct chatgpt_opts opts;
	const char *want, *lost;
} writes[] = {
	{ "a string", "{'model':'x','input':'hi'," KEY "}", { .caps = NULL },
	    "{'model':'m','instructions':'','input':[" MESSAGE "]," FIXED END,
	    "" },
	{ "what is refused or fixed",
	    "{'input':[" MESSAGE "],'instructions':'I','max_output_tokens':5,"
	    "'temperature':1,'top_p':null,'stream':false,'store':true,"
	    "'background':false,'metadata':{},'truncation':'disabled',"
	    "'include':['reasoning.encrypted_content','other'],"
	    "'service_tier':'flex','stream_options':{},'a/b~,':1,"
	    "'previous_response_id':null," KEY "}", { .caps = NULL },
	    "{'model':'m','instructions':'I','input':[" MESSAGE "]," FIXED END,
	    "/max_output_tokens /temperature /metadata /include "
	    "/service_tier /a~1b~0? " },
	{ "options", "{'input':'hi','reasoning':{'effort':'minimal',"
	    "'summary':'detailed','context':'all_turns'},'text':{"
	    "'verbosity':'low','format':{'type':'text'},'other':1},"
	    "'service_tier':'fast','parallel_tool_calls':false," KEY "}",
	    { .caps = &caps },
	    "{'model':'m','instructions':'','input':[" MESSAGE "]," FIXED
	    "'parallel_tool_calls':false,'reasoning':{'effort':'low',"
	    "'summary':'detailed','context':'all_turns'},'text':{"
	    "'verbosity':'low','format':{'type':'text'}}," KEY ","
	    "'service_tier':'priority'}", "" },
	{ "the suffix wins", "{'input':'hi','reasoning':{'effort':'low',"
	    "'generate_summary':'concise'}," KEY "}",
	    { .caps = &caps, .effort = EFFORT_ULTRA },
	    "{'model':'m','instructions':'','input':[" MESSAGE "]," FIXED
	    "'reasoning':{'effort':'high','summary':'concise'}," KEY "}",
	    "" },
	{ "defaults", "{'input':'hi','reasoning':null," KEY "}",
	    { .caps = &caps, .effort_default = STR_INIT("medium"),
	    .summary_default = STR_INIT("none") },
	    "{'model':'m','instructions':'','input':[" MESSAGE "]," FIXED
	    "'reasoning':{'effort':'medium'}," KEY "}", "" },
	{ "a level that is not known", "{'input':'hi','reasoning':{"
	    "'effort':'odd'}," KEY "}", { .caps = &caps },
	    "{'model':'m','instructions':'','input':[" MESSAGE "]," FIXED
	    "'reasoning':{'effort':'odd','summary':'auto'}," KEY "}", "" },
	{ "items", "{'input':[{'role':'system','content':'S'},{'id':'a',"
	    "'type':'message','role':'assistant','phase':'commentary',"
	    "'status':'completed','content':[{'type':'output_text',"
	    "'text':'t','prompt_cache_breakpoint':{}}]},{"
	    "'role':'assistant','content':'A'},{'type':'reasoning',"
	    "'id':'r','encrypted_content':'gA','content':null},{"
	    "'type':'reasoning','summary':[],'encrypted_content':"
	    "'llmux-r1.a.0.0.x'},{'type':'web_search_call','id':'w',"
	    "'odd':[1]},{'type':'item_reference','id':'r'},{"
	    "'type':'function_call','call_id':'Lcall_12345','name':"
	    "'Lname_12345','arguments':'{}'},{"
	    "'type':'function_call_output','call_id':'Lcall_12345',"
	    "'output':'o'}]," KEY "}", { .caps = NULL },
	    "{'model':'m','instructions':'','input':[{'type':'message',"
	    "'role':'developer','content':[{'type':'input_text',"
	    "'text':'S'}]},{'type':'message','role':'assistant',"
	    "'phase':'commentary','status':'completed','content':[{"
	    "'type':'output_text','text':'t'}]},{'type':'message',"
	    "'role':'assistant','content':[{'type':'output_text',"
	    "'text':'A'}]},{'type':'reasoning','encrypted_content':'gA',"
	    "'content':null,'summary':[]},{'type':'web_search_call',"
	    "'odd':[1]},{'type':'function_call','call_id':'L_53fb6538',"
	    "'name':'L_e3223ab7','arguments':'{}'},{"
	    "'type':'function_call_output','call_id':'L_53fb6538',"
	    "'output':'o'}]," FIXED END, "/input/4 " },
	{ "tools", "{'input':[{'type':'additional_tools','role':'developer',"
	    "'id':'x','tools':[{'type':'namespace','name':'n','tools':[{"
	    "'type':'function','name':'Lname_12345','parameters':{}},{"
	    "'type':'custom','name':'exec'}]}]}," MESSAGE "],'tools':[{"
	    "'type':'web_search_preview_2025_03_11','x':1},{"
	    "'type':'function','name':'Lname_12346'},{"
	    "'type':'tool_search'}],'tool_choice':{'type':'function',"
	    "'name':'Lname_12346'}," KEY "}", { .caps = NULL },
	    "{'model':'m','instructions':'','input':[{"
	    "'type':'additional_tools','role':'developer','tools':[{"
	    "'type':'namespace','name':'n','tools':[{'type':'function',"
	    "'name':'L_e3223ab7','parameters':{}},{'type':'custom',"
	    "'name':'exec'}]}]}," MESSAGE "]," FIXED "'tools':[{"
	    "'type':'web_search','x':1},{'type':'function','name':"
	    "'L_e32228ce'},{'type':'tool_search'}],'tool_choice':{"
	    "'type':'function','name':'L_e32228ce'}," END, "" },
	{ "allowed tools", "{'input':'hi','tool_choice':{'type':"
	    "'allowed_tools','mode':'auto','tools':[{'type':'function',"
	    "'name':'Lname_12345'}]}," KEY "}", { .caps = NULL },
	    "{'model':'m','instructions':'','input':[" MESSAGE "]," FIXED
	    "'tool_choice':{'type':'allowed_tools','mode':'auto','tools':[{"
	    "'type':'function','name':'L_e3223ab7'}]}," END, "" },
	{ "no tools, a choice", "{'input':'hi','tools':[],"
	    "'tool_choice':'none'," KEY "}", { .caps = NULL },
	    "{'model':'m','instructions':'','input':[" MESSAGE "]," FIXED
	    "'tool_choice':'none'," END, "" },
};

static void
note(void *arg, const char *pointer)
{
	buf_addz(arg, pointer);
	buf_addc(arg, ' ');
}

static void
test_writes(void)
{
	struct buf body, want, out, again, lost;
	struct failure f;
	struct json_out o;
	size_t i;

	buf_init(&body, TEXT_MAX);
	buf_init(&want, TEXT_MAX);
	buf_init(&out, TEXT_MAX);
	buf_init(&again, TEXT_MAX);
	buf_init(&lost, TEXT_MAX);
	for (i = 0; i < COUNT(writes); i++) {
		const char *row = writes[i].name;
		struct json_value root;

		buf_clear(&body);
		buf_clear(&want);
		buf_clear(&out);
		buf_clear(&again);
		buf_clear(&lost);
		quoted(&body, writes[i].body);
		quoted(&want, writes[i].want);
		CHECK_INT_IN(row, json_check(buf_str(&body), NULL), 0);
		root = json_root(buf_str(&body));
		CHECK_INT_IN(row, chatgpt_check(root, note, &lost, &f), 0);
		CHECK_STR_IN(row, buf_str(&lost), str_of(writes[i].lost));
		CHECK_INT_IN(row, chatgpt_check(root, NULL, NULL, &f), 0);
		json_out_init(&o, NULL, 0, NULL, NULL);
		chatgpt_write(root, STR("m"), &writes[i].opts, &o);
		CHECK_IN(row, !o.bad);
		json_out_buf(&o, &out);
		chatgpt_write(root, STR("m"), &writes[i].opts, &o);
		json_out_flush(&o);
		CHECK_INT_IN(row, o.total, out.len);
		json_out_buf(&o, &again);
		chatgpt_write(root, STR("m"), &writes[i].opts, &o);
		json_out_flush(&o);
		CHECK_STR_IN(row, buf_str(&again), buf_str(&out));
		CHECK_STR_IN(row, buf_str(&out), buf_str(&want));
	}
	buf_free(&body);
	buf_free(&want);
	buf_free(&out);
	buf_free(&again);
	buf_free(&lost);
}

static const struct {
	const char *body, *param;
} refused[] = {
	{ "{'input':'x','previous_response_id':'r'}",
	    "previous_response_id" },
	{ "{'input':'x','conversation':'c'}", "conversation" },
	{ "{'input':'x','prompt':{}}", "prompt" },
	{ "{'input':'x','background':true}", "background" },
	{ "{'input':'x','instructions':[]}", "instructions" },
	{ "{'input':{}}", "input" },
	{ "{'input':['x']}", "input" },
	{ "{'input':[{'type':'item_reference','id':'z'}]}", "input" },
	{ "{}", "input" },
};

static void
test_refused(void)
{
	struct buf body;
	struct failure f;
	size_t i;

	buf_init(&body, TEXT_MAX);
	for (i = 0; i < COUNT(refused); i++) {
		buf_clear(&body);
		quoted(&body, refused[i].body);
		CHECK_INT_IN(refused[i].body, chatgpt_check(json_root(buf_str(
		    &body)), NULL, NULL, &f), -1);
		CHECK_INT(f.status, 400);
		CHECK_STR(f.param, str_of(refused[i].param));
		CHECK(f.message.n > 0);
	}
	buf_free(&body);
}

/* ---- the conversation and its key ---- */

static void
session(const char *body, const char *account, char dst[37])
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	quoted(&b, body);
	chatgpt_session(json_root(buf_str(&b)), str_of(account), STR("m"),
	    dst);
	buf_free(&b);
}

static void
cache_key(const char *body, struct buf *out)
{
	struct chatgpt_opts opts = { .caps = NULL };
	struct json_out o;
	struct buf b;
	struct str key;

	buf_init(&b, TEXT_MAX);
	quoted(&b, body);
	buf_clear(out);
	json_out_buf(&o, out);
	chatgpt_write(json_root(buf_str(&b)), STR("m"), &opts, &o);
	json_out_flush(&o);
	key = text_of(json_get(json_root(buf_str(out)), "prompt_cache_key"));
	CHECK(key.n > 0 && key.n <= 64);
	buf_cut(out, (size_t)(key.p - out->p));
	out->len = key.n;
	buf_free(&b);
}

static void
test_session(void)
{
	static const char one[] = "{'input':[{'role':'user','content':'q'}]}";
	static const char more[] = "{'input':[{'role':'user','content':'q'},{"
	    "'role':'assistant','content':'a'},{'role':'user',"
	    "'content':'r'}]}";
	static const char uuid[] = "01234567-89ab-cdef-0123-456789abcdef";
	struct buf k, l;
	char a[37], b[37];

	session(one, "acc", a);
	CHECK_INT(strlen(a), 36);
	CHECK(a[8] == '-' && a[13] == '-' && a[14] == '8' && a[18] == '-' &&
	    strchr("89ab", a[19]) != NULL && a[23] == '-');
	session(more, "acc", b);
	CHECK_STR(str_of(a), str_of(b));
	session(one, "other", b);
	CHECK(strcmp(a, b) != 0);
	session("{'instructions':'i','input':[{'role':'user',"
	    "'content':'q'}]}", "acc", b);
	CHECK(strcmp(a, b) != 0);
	session("{'input':'x','prompt_cache_key':"
	    "'01234567-89ab-cdef-0123-456789abcdef'}", "acc", b);
	CHECK_STR(str_of(b), str_of(uuid));
	session("{'input':'x','prompt_cache_key':'no uuid'}", "acc", a);
	session("{'input':'y','prompt_cache_key':'no uuid'}", "acc", b);
	CHECK_STR(str_of(a), str_of(b));

	buf_init(&k, TEXT_MAX);
	buf_init(&l, TEXT_MAX);
	cache_key(one, &k);
	cache_key(more, &l);
	CHECK_STR(buf_str(&k), buf_str(&l));
	cache_key("{'input':'x','prompt_cache_key':'Lxxxxxxxxxx'}", &k);
	cache_key("{'input':'y','prompt_cache_key':'Lxxxxxxxxxx'}", &l);
	CHECK_STR(buf_str(&k), buf_str(&l));
	cache_key("{'input':'y','prompt_cache_key':'Lxxxxxxxxxy'}", &l);
	CHECK(!str_eq(buf_str(&k), buf_str(&l)));
	buf_free(&k);
	buf_free(&l);
}

/* ---- back ---- */

#define REQUEST "{'input':'x','tools':[{'type':'function','name':" \
	"'Lname_12345'}]}"
#define ITEM0 "{'id':'r','type':'reasoning','summary':[]}"
#define ITEM1 "{'id':'f','type':'function_call','call_id':'c'," \
	"'name':'L_e3223ab7','arguments':'{}'}"
#define WHOLE1 "{'id':'f','type':'function_call','call_id':'c'," \
	"'name':'Lname_12345','arguments':'{}'}"

/* Lines of the upstream and of the client: data only; "response." and the
 * rest of the type come from it. */
static const struct {
	const char *name, *in, *want, *whole;
} backs[] = {
	{ "nothing to do",
	    "{'type':'response.created','sequence_number':0,'response':{}}\n"
	    "{'type':'response.output_text.delta','sequence_number':1,"
	    "'delta':'a'}\n"
	    "{'type':'response.completed','sequence_number':2,'response':{"
	    "'id':'r','output':[{'id':'q'}]}}\n",
	    "{'type':'response.created','sequence_number':0,'response':{}}\n"
	    "{'type':'response.output_text.delta','sequence_number':1,"
	    "'delta':'a'}\n"
	    "{'type':'response.completed','sequence_number':2,'response':{"
	    "'id':'r','output':[{'id':'q'}]}}\n",
	    "{'id':'r','output':[{'id':'q'}]}" },
	{ "backend's own, numbers, names, output",
	    "{'type':'response.created','sequence_number':0,'response':{"
	    "'output':[]}}\n"
	    "{'type':'codex.rate_limits','limit_reached':true}\n"
	    "{'type':'response.metadata','sequence_number':1}\n"
	    "{'type':'keepalive','sequence_number':466}\n"
	    "{'type':'response.output_item.added','sequence_number':2,"
	    "'output_index':1,'item':" ITEM1 "}\n"
	    "{'type':'response.output_item.done','sequence_number':3,"
	    "'output_index':1,'item':" ITEM1 "}\n"
	    "{'type':'response.output_item.done','output_index':0,'item':"
	    ITEM0 "}\n"
	    "{'type':'response.done','sequence_number':7,'response':{"
	    "'id':'r','output':[],'x':1}}\n"
	    "[DONE]\n",
	    "{'type':'response.created','sequence_number':0,'response':{"
	    "'output':[]}}\n"
	    "{'type':'response.output_item.added','sequence_number':1,"
	    "'output_index':1,'item':" WHOLE1 "}\n"
	    "{'type':'response.output_item.done','sequence_number':2,"
	    "'output_index':1,'item':" WHOLE1 "}\n"
	    "{'type':'response.output_item.done','output_index':0,'item':"
	    ITEM0 ",'sequence_number':3}\n"
	    "{'type':'response.completed','sequence_number':4,'response':{"
	    "'id':'r','output':[" ITEM0 "," WHOLE1 "],'x':1}}\n",
	    "{'id':'r','output':[" ITEM0 "," WHOLE1 "],'x':1}" },
	{ "renamed and full, cut by length",
	    "{'type':'response.output_item.done','sequence_number':0,"
	    "'output_index':0,'item':" ITEM1 "}\n"
	    "{'type':'response.incomplete','sequence_number':1,'response':{"
	    "'output':[" ITEM1 "]}}\n",
	    "{'type':'response.output_item.done','sequence_number':0,"
	    "'output_index':0,'item':" WHOLE1 "}\n"
	    "{'type':'response.incomplete','sequence_number':1,'response':{"
	    "'output':[" WHOLE1 "]}}\n",
	    "{'output':[" WHOLE1 "]}" },
	{ "no output at all",
	    "{'type':'response.output_item.done','sequence_number':0,"
	    "'output_index':0,'item':" ITEM0 "}\n"
	    "{'type':'response.completed','sequence_number':1,'response':{"
	    "'id':'r'}}\n",
	    "{'type':'response.output_item.done','sequence_number':0,"
	    "'output_index':0,'item':" ITEM0 "}\n"
	    "{'type':'response.completed','sequence_number':1,'response':{"
	    "'id':'r','output':[" ITEM0 "]}}\n",
	    "{'id':'r','output':[" ITEM0 "]}" },
	{ "failed",
	    "{'type':'response.created','sequence_number':0}\n"
	    "{'type':'response.failed','sequence_number':1,'response':{}}\n",
	    "{'type':'response.created','sequence_number':0}\n"
	    "{'type':'response.failed','sequence_number':1,'response':{}}\n",
	    NULL },
};

/* True: all events were taken. */
static bool
run_back(size_t i, bool stream, size_t max, struct buf *out)
{
	struct buf request, data;
	struct chatgpt_back b;
	struct str rest = str_of(backs[i].in), line;
	bool good = true;
	char z[1024];

	buf_init(&request, TEXT_MAX);
	buf_init(&data, TEXT_MAX);
	quoted(&request, REQUEST);
	chatgpt_back_init(&b, json_root(buf_str(&request)), stream, max);
	while (good && str_cut(&rest, '\n', &line) && rest.p != NULL) {
		fmt_to(z, sizeof(z), "%.*s", STR_ARG(line));
		buf_clear(&data);
		quoted(&data, z);
		good = !request.bad && !data.bad && chatgpt_back_event(&b,
		    str_of(NULL), buf_str(&data), out) == 0;
	}
	if (good && !stream) {
		CHECK_INT_IN(backs[i].name, out->len, 0);
		good = chatgpt_back_whole(&b, out) == 0;
	}
	chatgpt_back_free(&b);
	buf_free(&request);
	buf_free(&data);
	return good && !out->bad;
}

/* The data of the stream's events, a line for each; the names fit. */
static void
lines_of(struct str in, struct buf *lines)
{
	struct sse_event ev;
	struct sse s;
	size_t used;

	sse_init(&s, TEXT_MAX);
	for (; in.n > 0; in = str_sub(in, used, in.n)) {
		CHECK_INT(sse_next(&s, in, false, &ev, &used), PARSE_OK);
		if (used == 0)
			break;
		CHECK_INT(json_check(ev.data, NULL), 0);
		CHECK(json_is(json_get(json_root(ev.data), "type"),
		    ev.name));
		buf_adds(lines, ev.data);
		buf_addc(lines, '\n');
	}
	sse_free(&s);
}

static void
test_back(bool stream)
{
	struct buf want, out, lines;
	size_t i, max;
	long n;

	buf_init(&want, TEXT_MAX);
	buf_init(&out, TEXT_MAX);
	buf_init(&lines, TEXT_MAX);
	for (i = 0; i < COUNT(backs); i++) {
		const char *row = backs[i].name;
		const char *text = stream ? backs[i].want : backs[i].whole;

		buf_clear(&want);
		buf_clear(&out);
		buf_clear(&lines);
		CHECK_INT_IN(row, run_back(i, stream, 4096, &out),
		    text != NULL);
		if (text == NULL)
			continue;
		quoted(&want, text);
		if (stream)
			lines_of(buf_str(&out), &lines);
		else
			buf_adds(&lines, buf_str(&out));
		CHECK_STR_IN(row, buf_str(&lines), buf_str(&want));
		for (n = 0; n < 500; n++) {
			bool good;

			buf_free(&out);
			buf_init(&out, TEXT_MAX);
			mem_fail_after(n);
			good = run_back(i, stream, 4096, &out);
			mem_fail_after(-1);
			if (good)
				break;
		}
		CHECK_IN(row, n > 0 && n < 500);
		buf_clear(&lines);
		if (stream)
			lines_of(buf_str(&out), &lines);
		else
			buf_adds(&lines, buf_str(&out));
		CHECK_STR_IN(row, buf_str(&lines), buf_str(&want));
		for (max = 0; max < 600; max += 50) {
			buf_clear(&out);
			run_back(i, stream, max, &out);
		}
	}
	buf_free(&want);
	buf_free(&out);
	buf_free(&lines);
}

static void
test_back_odd(void)
{
	struct chatgpt_back b;
	struct buf out;

	buf_init(&out, TEXT_MAX);
	chatgpt_back_init(&b, json_root(STR("{}")), true, 4096);
	/* several data lines of the upstream are one here */
	CHECK_INT(chatgpt_back_event(&b, STR("x"), STR("{\"type\":\"x\",\n"
	    "\"sequence_number\":0}"), &out), 0);
	CHECK_STR(buf_str(&out), STR("event: x\ndata: {\"type\":\"x\", "
	    "\"sequence_number\":0}\n\n"));
	CHECK_INT(chatgpt_back_event(&b, STR("x"), str_of(NULL), &out), 0);
	CHECK(!b.ended && !b.bad);
	CHECK_INT(chatgpt_back_event(&b, STR("x"), STR("{"), &out), -1);
	CHECK(b.bad);
	CHECK_INT(chatgpt_back_event(&b, STR("x"), STR("{}"), &out), -1);
	chatgpt_back_free(&b);
	chatgpt_back_free(&b);
	/* a collector without an end */
	chatgpt_back_init(&b, json_root(STR("{}")), false, 4096);
	CHECK_INT(chatgpt_back_whole(&b, &out), -1);
	chatgpt_back_free(&b);
	buf_free(&out);
}

int
main(void)
{
	test_writes();
	test_refused();
	test_session();
	test_back(true);
	test_back(false);
	test_back_odd();
	return check_done();
}
