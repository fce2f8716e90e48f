/* SPDX-License-Identifier: MIT */
/*
 * Tests of dialects/responses_*.c: requests of Responses clients read, and
 * requests of any client written for OpenAI and for the ChatGPT backend;
 * answers read as events, and written and read again. In all texts of the
 * tables an apostrophe stands for a quote.
 *
 * Every request is written three times (counted, sent, sent again); every row
 * runs once more for each allocation that can fail.
 */
#include "check.h"
#include "dialects/neutral.h"
#include "sse.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT_MAX 65536

static void
quoted(struct buf *b, const char *z)
{
	for (; *z != '\0'; z++)
		buf_addc(b, *z == '\'' ? '"' : *z);
}

/* ---- requests ---- */

enum { OPENAI, CHATGPT };

static const struct model_caps caps = { .efforts = 1u << EFFORT_LOW |
	1u << EFFORT_MEDIUM | 1u << EFFORT_HIGH, .sampling = true };

static const struct {
	const char *name;
	enum dialect from;
	int to;
	const char *body, *want, *lost;
} requests[] = {
	{ "a string", DIALECT_RESPONSES, OPENAI,
	    "{'model':'x','input':'hi'}",
	    "{'model':'m','input':[{'type':'message','role':'user','content':"
	    "[{'type':'input_text','text':'hi'}]}],'stream':false,"
	    "'store':false}", "" },
	{ "the backend", DIALECT_RESPONSES, CHATGPT,
	    "{'input':'hi','max_output_tokens':5,'temperature':0.5,'top_p':1,"
	    "'user':'u','service_tier':'fast','prompt_cache_key':'k',"
	    "'stream':false,'store':true,'stop':['x'],'top_p':null}",
	    "{'model':'m','instructions':'','input':[{'type':'message',"
	    "'role':'user','content':[{'type':'input_text','text':'hi'}]}],"
	    "'stream':true,'store':false,'include':["
	    "'reasoning.encrypted_content'],'reasoning':{'summary':'auto'},"
	    "'prompt_cache_key':'k','service_tier':'priority'}",
	    "/stop, /max_output_tokens, /temperature, /top_p, /user" },
	{ "tuning for openai", DIALECT_RESPONSES, OPENAI,
	    "{'input':'hi','max_output_tokens':50,'temperature':0.5,"
	    "'top_p':1,'safety_identifier':'u','service_tier':'flex',"
	    "'stream':true,'include':['reasoning.encrypted_content','x'],"
	    "'truncation':'auto','background':false,'reasoning':{"
	    "'effort':'xhigh','summary':'detailed','context':'auto'}}",
	    "{'model':'m','input':[{'type':'message','role':'user','content':"
	    "[{'type':'input_text','text':'hi'}]}],'stream':true,"
	    "'store':false,'include':['reasoning.encrypted_content'],"
	    "'reasoning':{'effort':'high','summary':'detailed'},"
	    "'service_tier':'flex','max_output_tokens':50,'temperature':0.5,"
	    "'top_p':1,'safety_identifier':'u'}",
	    "/truncation, /reasoning/context, /include" },
	{ "system texts", DIALECT_RESPONSES, CHATGPT,
	    "{'instructions':'A','input':[{'role':'system','content':'B'},"
	    "{'role':'developer','content':[{'type':'input_text',"
	    "'text':'C'}]},{'role':'user','content':'u'},{'role':'system',"
	    "'content':'D'}],'prompt_cache_key':'k'}",
	    "{'model':'m','instructions':'A\\n\\nB\\n\\nC','input':[{"
	    "'type':'message','role':'user','content':[{'type':'input_text',"
	    "'text':'u'}]},{'type':'message','role':'developer','content':[{"
	    "'type':'input_text','text':'D'}]}],'stream':true,'store':false,"
	    "'include':['reasoning.encrypted_content'],'reasoning':{"
	    "'summary':'auto'},'prompt_cache_key':'k'}", "" },
	{ "only system texts", DIALECT_RESPONSES, OPENAI,
	    "{'input':[{'role':'system','content':'B'}]}",
	    "{'model':'m','input':[{'type':'message','role':'system',"
	    "'content':[{'type':'input_text','text':'B'}]}],'stream':false,"
	    "'store':false}", "" },
	{ "a whole turn", DIALECT_RESPONSES, OPENAI,
	    "{'input':[{'id':'a','type':'message','role':'user','content':'q',"
	    "'status':'completed'},{'type':'reasoning','id':'r','summary':[{"
	    "'type':'summary_text','text':'S'},{'type':'summary_text',"
	    "'text':'T'}],'content':null,'encrypted_content':'gA=='},{"
	    "'type':'message','role':'assistant','phase':'commentary',"
	    "'content':[{'type':'output_text','text':'c'}]},{"
	    "'type':'message','role':'assistant','phase':'final_answer',"
	    "'content':[{'type':'refusal','refusal':'n'}]},{"
	    "'type':'function_call','call_id':'c1','name':'f',"
	    "'arguments':'{\\'a\\':1}'},{'type':'custom_tool_call',"
	    "'call_id':'c2','name':'g','input':'ls'},{"
	    "'type':'function_call_output','call_id':'c1','output':'4'},{"
	    "'type':'custom_tool_call_output','call_id':'c2','output':[{"
	    "'type':'input_text','text':'x'},{'type':'input_image',"
	    "'image_url':'data:image/png;base64,AA=='}]},{"
	    "'type':'item_reference','id':'a'}]}",
	    "{'model':'m','input':[{'type':'message','role':'user','content':"
	    "[{'type':'input_text','text':'q'}]},{'type':'reasoning',"
	    "'summary':[{'type':'summary_text','text':'S\\n\\nT'}],"
	    "'encrypted_content':'gA=='},{'type':'message',"
	    "'role':'assistant','phase':'commentary','content':[{"
	    "'type':'output_text','text':'c'}]},{'type':'message',"
	    "'role':'assistant','phase':'final_answer','content':[{"
	    "'type':'refusal','refusal':'n'}]},{'type':'function_call',"
	    "'call_id':'c1','name':'f','arguments':'{\\'a\\':1}'},{"
	    "'type':'custom_tool_call','call_id':'c2','name':'g','input':"
	    "'ls'},{'type':'function_call_output','call_id':'c1',"
	    "'output':'4'},{'type':'custom_tool_call_output',"
	    "'call_id':'c2','output':[{'type':'input_text','text':'x'},{"
	    "'type':'input_image','image_url':'data:image/png;base64,AA=='}"
	    "]}],'stream':false,'store':false}", "" },
	{ "orphans, voids, unknown items", DIALECT_RESPONSES, OPENAI,
	    "{'input':[{'type':'function_call_output','call_id':'c9',"
	    "'output':'late'},{'type':'web_search_call','id':'w'},{"
	    "'type':'message','role':'user','content':[{'type':'input_text',"
	    "'text':''},{'type':'odd'}]},{'type':'function_call',"
	    "'call_id':'c1','name':'f','arguments':''},{"
	    "'type':'function_call_output','call_id':'c1','output':[]},{"
	    "'type':'reasoning','summary':[],'encrypted_content':'gB=='}]}",
	    "{'model':'m','input':[{'type':'message','role':'user','content':"
	    "[{'type':'input_text','text':'late'}]},{'type':'function_call',"
	    "'call_id':'c1','name':'f','arguments':'{}'},{"
	    "'type':'function_call_output','call_id':'c1','output':''}],"
	    "'stream':false,'store':false}",
	    "/input/1, /input/2/content/1, /input/5" },
	{ "foreign and altered reasoning", DIALECT_RESPONSES, OPENAI,
	    "{'input':[{'type':'reasoning','summary':[],"
	    "'encrypted_content':'llmux-r1.a.00000000.0.x'},{"
	    "'type':'reasoning','summary':[{'text':'only text'}]},{"
	    "'role':'assistant','content':'k'}]}",
	    "{'model':'m','input':[{'type':'message','role':'assistant',"
	    "'content':[{'type':'output_text','text':'k'}]}],"
	    "'stream':false,'store':false}", "/input/0, /input/1" },
	{ "files", DIALECT_RESPONSES, OPENAI,
	    "{'input':[{'role':'user','content':[{'type':'input_image',"
	    "'image_url':'https://a.lan/b','detail':'low'},{"
	    "'type':'input_image','file_id':'f1'},{'type':'input_file',"
	    "'file_data':'data:application/pdf;base64,AA==',"
	    "'filename':'a.pdf'},{'type':'input_file','file_data':'BB=='},{"
	    "'type':'input_file','file_url':'https://a.lan/c'}]},{"
	    "'role':'assistant','content':[{'type':'input_image',"
	    "'image_url':'https://a.lan/b'},{'type':'output_text',"
	    "'text':'t'}]}]}",
	    "{'model':'m','input':[{'type':'message','role':'user','content':"
	    "[{'type':'input_image','detail':'low','image_url':"
	    "'https://a.lan/b'},{'type':'input_image','file_id':'f1'},{"
	    "'type':'input_file','filename':'a.pdf','file_data':"
	    "'data:application/pdf;base64,AA=='},{'type':'input_file',"
	    "'filename':'document.pdf','file_data':"
	    "'data:application/pdf;base64,BB=='},{'type':'input_file',"
	    "'filename':'document.pdf','file_url':'https://a.lan/c'}]},{"
	    "'type':'message','role':'assistant','content':[{"
	    "'type':'output_text','text':'t'}]}],'stream':false,"
	    "'store':false}", "/input/1/content/0" },
	{ "tools", DIALECT_RESPONSES, OPENAI,
	    "{'input':[{'type':'additional_tools','role':'developer','tools':"
	    "[{'type':'namespace','name':'fs','tools':[{'type':'function',"
	    "'name':'read','parameters':{'type':'object'},'strict':true},{"
	    "'type':'custom','name':'sh','format':{'type':'text'}}]}]},{"
	    "'role':'user','content':'u'},{'type':'function_call',"
	    "'call_id':'c1','name':'read','namespace':'fs','arguments':"
	    "'{}'}],'tools':[{'type':'function','name':'f',"
	    "'description':'d'},{'type':'tool_search'},{"
	    "'type':'web_search'}],'tool_choice':{'type':'custom',"
	    "'name':'sh','namespace':'fs'},'parallel_tool_calls':false}",
	    "{'model':'m','input':[{'type':'message','role':'user','content':"
	    "[{'type':'input_text','text':'u'}]},{'type':'function_call',"
	    "'call_id':'c1','name':'fs__read','arguments':'{}'}],"
	    "'stream':false,'store':false,'tools':[{'type':'function',"
	    "'name':'f','description':'d','parameters':{'type':'object',"
	    "'properties':{}},'strict':false},{'type':'tool_search'},{"
	    "'type':'web_search'},{'type':'function','name':'fs__read',"
	    "'parameters':{'type':'object'},'strict':true},{'type':'custom',"
	    "'name':'fs__sh','format':{'type':'text'}}],'tool_choice':{"
	    "'type':'custom','name':'fs__sh'},'parallel_tool_calls':false}",
	    "" },
	{ "allowed tools, no tool left", DIALECT_RESPONSES, OPENAI,
	    "{'input':'u','tools':[{'type':'function','name':'f'},{"
	    "'type':'function','name':'g'}],'tool_choice':{"
	    "'type':'allowed_tools','mode':'required','tools':[{"
	    "'type':'function','name':'g'}]}}",
	    "{'model':'m','input':[{'type':'message','role':'user','content':"
	    "[{'type':'input_text','text':'u'}]}],'stream':false,"
	    "'store':false,'tools':[{'type':'function','name':'g',"
	    "'parameters':{'type':'object','properties':{}},'strict':false}],"
	    "'tool_choice':'required'}", "" },
	{ "formats", DIALECT_RESPONSES, OPENAI,
	    "{'input':'u','text':{'verbosity':'low','format':{"
	    "'type':'json_schema','name':'n','schema':{'type':'object'},"
	    "'strict':true,'description':'d'}},'tool_choice':'auto',"
	    "'parallel_tool_calls':true}",
	    "{'model':'m','input':[{'type':'message','role':'user','content':"
	    "[{'type':'input_text','text':'u'}]}],'stream':false,"
	    "'store':false,'text':{'verbosity':'low','format':{"
	    "'type':'json_schema','name':'n','description':'d','schema':{"
	    "'type':'object'},'strict':true}}}", "" },
	{ "chat to the backend", DIALECT_CHAT, CHATGPT,
	    "{'messages':[{'role':'system','content':'s'},{'role':'user',"
	    "'content':'u'}],'max_tokens':9,'temperature':1,'stop':['x'],"
	    "'reasoning_effort':'xhigh','response_format':{"
	    "'type':'json_object'},'tools':[{'type':'function','function':{"
	    "'name':'a.b','parameters':{}}}],'tool_choice':'required'}",
	    "{'model':'m','instructions':'s','input':[{'type':'message',"
	    "'role':'user','content':[{'type':'input_text','text':'u'}]}],"
	    "'stream':true,'store':false,'include':["
	    "'reasoning.encrypted_content'],'tools':[{'type':'function',"
	    "'name':'a_b','parameters':{},'strict':false}],"
	    "'tool_choice':'required','reasoning':{'effort':'high',"
	    "'summary':'auto'},'text':{'format':{'type':'json_object'}},"
	    "'prompt_cache_key':'08d94307b57944d5'}",
	    "/max_tokens, /temperature, /stop" },
	{ "messages to the backend", DIALECT_MESSAGES, CHATGPT,
	    "{'max_tokens':400,'system':[{'type':'text','text':'A'},{"
	    "'type':'text','text':'B'}],'messages':[{'role':'user',"
	    "'content':'go'},{'role':'system','content':'late'},{"
	    "'role':'assistant','content':[{'type':'thinking','thinking':"
	    "'t','signature':'plain'},{'type':'tool_use','id':'toolu_1',"
	    "'name':'run','input':{'a':1}}]},{'role':'user','content':[{"
	    "'type':'tool_result','tool_use_id':'toolu_1','is_error':true,"
	    "'content':'bad'},{'type':'text','text':'next'}]},{"
	    "'role':'assistant','content':[{'type':'tool_use','id':"
	    "'toolu_2','name':'run','input':{}}]},{'role':'user',"
	    "'content':[{'type':'tool_result','tool_use_id':'toolu_2',"
	    "'content':[{'type':'text','text':'screen'},{'type':'image',"
	    "'source':{'type':'base64','media_type':'image/png','data':"
	    "'AA=='}}]},{'type':'document','source':{'type':'text',"
	    "'media_type':'text/plain','data':'plain'}}]}]}",
	    "{'model':'m','instructions':'A\\n\\nB','input':[{"
	    "'type':'message','role':'user','content':[{'type':"
	    "'input_text','text':'go'}]},{'type':'message','role':"
	    "'developer','content':[{'type':'input_text','text':'late'}]},{"
	    "'type':'function_call','call_id':'toolu_1','name':'run',"
	    "'arguments':'{\\'a\\':1}'},{'type':'function_call_output',"
	    "'call_id':'toolu_1','output':'Error: bad'},{'type':'message',"
	    "'role':'user','content':[{'type':'input_text','text':'next'}]},{"
	    "'type':'function_call','call_id':'toolu_2','name':'run',"
	    "'arguments':'{}'},{'type':'function_call_output','call_id':"
	    "'toolu_2','output':[{'type':'input_text','text':'screen'},{"
	    "'type':'input_image','image_url':'data:image/png;base64,AA=='}"
	    "]},{'type':'message','role':'user','content':[{"
	    "'type':'input_text','text':'plain'}]}],'stream':true,"
	    "'store':false,'include':['reasoning.encrypted_content'],"
	    "'reasoning':{'summary':'auto'},'prompt_cache_key':"
	    "'9340d58ba53ca828'}", "/messages/2/content/0, /max_tokens" },
	{ "chat's call in an array", DIALECT_CHAT, OPENAI,
	    "{'messages':[{'role':'user','content':'u'},{'role':'assistant',"
	    "'content':null,'tool_calls':[{'id':'c1','type':'function',"
	    "'function':{'name':'f','arguments':'{}'}}]},{'role':'tool',"
	    "'tool_call_id':'c1','content':'r'}]}",
	    "{'model':'m','input':[{'type':'message','role':'user','content':"
	    "[{'type':'input_text','text':'u'}]},{'type':'function_call',"
	    "'call_id':'c1','name':'f','arguments':'{}'},{"
	    "'type':'function_call_output','call_id':'c1','output':'r'}],"
	    "'stream':false,'store':false}", "" },
};

/* The request as it would be sent. 0; -1 with *f. */
static int
translate(enum dialect from, int to, struct str body, struct buf *out,
    struct buf *lost, struct failure *f, struct arena *a)
{
	struct neutral q = { .from = from, .body = body, .a = a };
	struct target target = { .d = DIALECT_RESPONSES,
		.chatgpt = to == CHATGPT, .model = STR("m"), .caps = &caps,
		.tag = STR("12345678") };
	struct json_out o;
	struct buf again;
	int bad;

	q.root = json_root(body);
	bad = neutral_read(&q, f) < 0 || neutral_fit(&q, &target, f) < 0;
	if (!bad) {
		json_out_init(&o, NULL, 0, NULL, NULL);
		neutral_write(&q, &o);
		CHECK(!o.bad);
		buf_init(&again, TEXT_MAX);
		json_out_buf(&o, &again);
		neutral_write(&q, &o);
		json_out_flush(&o);
		bad = again.bad;
		CHECK(bad || o.total == again.len);
		json_out_buf(&o, out);
		neutral_write(&q, &o);
		json_out_flush(&o);
		bad = bad || out->bad;
		if (!bad)
			CHECK_STR(buf_str(out), buf_str(&again));
		buf_adds(lost, neutral_lost(&q));
		bad = bad || lost->bad || q.loss.list.bad;
		buf_free(&again);
	}
	neutral_free(&q);
	return bad ? -1 : 0;
}

static int
run_request(size_t i, struct str body, struct buf *out, struct buf *lost)
{
	struct arena a;
	struct failure f;
	int result;

	arena_init(&a, 1 << 20);
	buf_clear(out);
	buf_clear(lost);
	result = translate(requests[i].from, requests[i].to, body, out, lost,
	    &f, &a);
	arena_free(&a);
	return result;
}

static void
test_requests(void)
{
	struct buf body, want, out, lost;
	size_t i;
	long n;

	buf_init(&body, TEXT_MAX);
	buf_init(&want, TEXT_MAX);
	buf_init(&out, TEXT_MAX);
	buf_init(&lost, 4096);
	for (i = 0; i < COUNT(requests); i++) {
		const char *row = requests[i].name;

		buf_clear(&body);
		buf_clear(&want);
		quoted(&body, requests[i].body);
		quoted(&want, requests[i].want);
		CHECK_INT_IN(row, json_check(buf_str(&body), NULL), 0);
		CHECK_INT_IN(row, run_request(i, buf_str(&body), &out, &lost),
		    0);
		CHECK_STR_IN(row, buf_str(&out), buf_str(&want));
		CHECK_STR_IN(row, buf_str(&lost),
		    str_of(requests[i].lost));
		for (n = 0; n < 2000; n++) {
			int good;

			buf_free(&out);
			buf_init(&out, TEXT_MAX);
			mem_fail_after(n);
			good = run_request(i, buf_str(&body), &out, &lost);
			mem_fail_after(-1);
			if (good == 0)
				break;
		}
		CHECK_IN(row, n > 0 && n < 2000);
		CHECK_STR_IN(row, buf_str(&out), buf_str(&want));
	}
	buf_free(&body);
	buf_free(&want);
	buf_free(&out);
	buf_free(&lost);
}

static const struct {
	const char *body, *param;
	int to;
} refused[] = {
	{ "{'input':'x','previous_response_id':'r'}",
	    "previous_response_id", OPENAI },
	{ "{'input':'x','conversation':{}}", "conversation", OPENAI },
	{ "{'input':'x','prompt':{'id':'p'}}", "prompt", OPENAI },
	{ "{'input':'x','background':true}", "background", OPENAI },
	{ "{'input':'x','temperature':'1'}", "temperature", OPENAI },
	{ "{'input':'x','user':1}", "user", OPENAI },
	{ "{'input':'x','max_output_tokens':0}", "max_output_tokens",
	    OPENAI },
	{ "{'input':5}", "input", OPENAI },
	{ "{'input':[]}", "input", OPENAI },
	{ "{}", "input", OPENAI },
	{ "{'input':['x']}", "input[0]", OPENAI },
	{ "{'input':[{'role':'user','content':'x'},{'role':'tool'}]}",
	    "input[1].role", OPENAI },
	{ "{'input':[{'role':'user','content':5}]}", "input[0].content",
	    OPENAI },
	{ "{'input':[{'role':'user','content':[{'type':'input_audio'}]}]}",
	    "input[0].content", OPENAI },
	{ "{'input':[{'role':'user','content':[{'type':'input_text'}]}]}",
	    "input[0].content", OPENAI },
	{ "{'input':[{'role':'user','content':[{'type':'input_image'}]}]}",
	    "input[0].content", OPENAI },
	{ "{'input':[{'role':'user','content':[{'type':'input_image',"
	    "'file_id':'f'}]}]}", "file_id", CHATGPT },
	{ "{'input':[{'type':'item_reference','id':'m1'}]}", "input[0]",
	    OPENAI },
	{ "{'input':[{'type':'function_call','name':'f'}]}",
	    "input[0].call_id", OPENAI },
	{ "{'input':[{'type':'function_call','call_id':'f'}]}",
	    "input[0].name", OPENAI },
	{ "{'input':[{'type':'function_call_output','call_id':'f',"
	    "'output':7}]}", "input[0].output", OPENAI },
	{ "{'input':'x','tools':[7]}", "tools[0]", OPENAI },
	{ "{'input':'x','tools':[{'type':'function'}]}", "tools[0]",
	    OPENAI },
	{ "{'input':'x','tools':[{'type':'mcp'}],'tool_choice':{"
	    "'type':'mcp'}}", "tool_choice", OPENAI },
	{ "{'input':'x','text':{'format':{'type':'xml'}}}", "text.format",
	    OPENAI },
	{ "{'input':'x','text':{'format':{'type':'json_schema'}}}",
	    "text.format.schema", OPENAI },
};

static void
test_refused(void)
{
	struct buf body, out, lost;
	struct failure f;
	struct arena a;
	size_t i;

	buf_init(&body, TEXT_MAX);
	buf_init(&out, TEXT_MAX);
	buf_init(&lost, 4096);
	for (i = 0; i < COUNT(refused); i++) {
		const char *row = refused[i].body;

		buf_clear(&body);
		quoted(&body, row);
		CHECK_INT_IN(row, json_check(buf_str(&body), NULL), 0);
		arena_init(&a, 1 << 20);
		CHECK_INT_IN(row, translate(DIALECT_RESPONSES, refused[i].to,
		    buf_str(&body), &out, &lost, &f, &a), -1);
		CHECK_INT_IN(row, f.status, 400);
		CHECK_STR_IN(row, f.param, str_of(refused[i].param));
		CHECK_IN(row, str_find(f.message, f.param) == 0);
		arena_free(&a);
	}
	buf_free(&body);
	buf_free(&out);
	buf_free(&lost);
}

/* ---- answers ---- */

/* One line for each event. */
static int
trace(void *arg, const struct event *ev)
{
	static const char *const kinds[] = { "text", "tool", "custom",
		"reasoning", "refusal" };
	static const char *const stops[] = { "end", "length", "tool",
		"filter", "sequence" };
	struct buf *b = arg;

	switch (ev->type) {
	case EV_START:
		buf_addz(b, "start\n");
		break;
	case EV_OPEN:
		buf_fmt(b, "open %s %.*s %.*s %.*s\n", kinds[ev->kind],
		    STR_ARG(ev->id), STR_ARG(ev->name),
		    STR_ARG(ev->namespace));
		break;
	case EV_DELTA:
		CHECK(ev->text.n > 0);
		buf_fmt(b, "+%.*s\n", STR_ARG(ev->text));
		break;
	case EV_CLOSE:
		buf_fmt(b, "close%s%.*s\n", ev->maker == SEAL_NONE ? "" :
		    ev->maker == SEAL_OPENAI ? " o:" : " a:",
		    STR_ARG(ev->sealed));
		break;
	case EV_STOP:
		buf_fmt(b, "stop %s", stops[ev->stop]);
		if (ev->usage.known)
			buf_fmt(b, " %u/%u/%u/%u/%u",
			    (unsigned)ev->usage.input,
			    (unsigned)ev->usage.cached,
			    (unsigned)ev->usage.written,
			    (unsigned)ev->usage.output,
			    (unsigned)ev->usage.reasoning);
		buf_addc(b, '\n');
		break;
	case EV_ERROR:
		buf_fmt(b, "error %d %s %.*s\n", ev->failure.status,
		    ev->failure.code == NULL ? "-" : ev->failure.code,
		    STR_ARG(ev->failure.message));
		break;
	default:
		buf_addz(b, "?\n");
		break;
	}
	return b->bad ? -1 : 0;
}

/* Short forms of the tables: an event's type without "response." before the
 * first blank, and the rest of its members. */
static const struct {
	const char *name;
	const char *events, *want;
} answers[] = {
	{ "text", "created 'response':{'id':'r'}\n"
	    "in_progress 'response':{}\n"
	    "output_item.added 'output_index':0,'item':{'type':'message'}\n"
	    "content_part.added 'output_index':0,'content_index':0\n"
	    "output_text.delta 'output_index':0,'content_index':0,"
	    "'delta':'a\\n'\n"
	    "output_text.delta 'output_index':0,'content_index':0,"
	    "'delta':'b'\n"
	    "output_text.done 'output_index':0,'content_index':0,"
	    "'text':'a\\nb'\n"
	    "output_item.done 'output_index':0,'item':{'type':'message',"
	    "'content':[{'type':'output_text','text':'a\\nb'}]}\n"
	    "codex.rate_limits 'x':1\n"
	    "completed 'response':{'status':'completed','output':[],"
	    "'usage':{'input_tokens':9,'input_tokens_details':{"
	    "'cached_tokens':3,'cache_write_tokens':2},'output_tokens':5,"
	    "'output_tokens_details':{'reasoning_tokens':4}}}\n"
	    "output_text.delta 'delta':'late'\n",
	    "start\nopen text   \n+a\\n\n+b\nclose\nstop end 9/3/2/5/4\n" },
	{ "texts only in .done", "created 'response':{}\n"
	    "output_item.added 'output_index':0,'item':{'type':'message'}\n"
	    "output_text.done 'output_index':0,'content_index':0,"
	    "'text':'all'\n"
	    "done 'response':{'usage':null}\n",
	    "start\nopen text   \n+all\nclose\nstop end\n" },
	{ "escaped in two ways", "created 'response':{}\n"
	    "output_text.delta 'output_index':0,'content_index':0,"
	    "'delta':'\\u00e9\\ud83d\\ude00\\/'\n"
	    "output_text.done 'output_index':0,'content_index':0,"
	    "'text':'\xc3\xa9\xf0\x9f\x98\x80/!'\n"
	    "completed 'response':{}\n",
	    "start\nopen text   \n+\\u00e9\\ud83d\\ude00\\/\n+!\nclose\n"
	    "stop end\n" },
	{ "items only at their end", "created 'response':{}\n"
	    "output_item.done 'output_index':0,'item':{'type':'reasoning',"
	    "'summary':[{'type':'summary_text','text':'s'},{'type':"
	    "'summary_text','text':'t'}],'encrypted_content':'gA'}\n"
	    "output_item.done 'output_index':1,'item':{'type':'message',"
	    "'content':[{'type':'output_text','text':'x'},{'type':'refusal',"
	    "'refusal':'no'}]}\n"
	    "output_item.done 'output_index':2,'item':{"
	    "'type':'function_call','call_id':'c','name':'f','arguments':"
	    "'{}'}\n"
	    "completed 'response':{'status':'completed'}\n",
	    "start\nopen reasoning   \n+s\n+\\n\\n\n+t\nclose o:gA\n"
	    "open text   \n+x\nclose\nopen refusal   \n+no\nclose\n"
	    "open tool c f \n+{}\nclose\nstop tool\n" },
	{ "nothing but the end", "completed 'response':{"
	    "'status':'completed','output':[{'type':'web_search_call'},{"
	    "'type':'message','content':[{'type':'output_text',"
	    "'text':'x'}]},{'type':'message','content':[{"
	    "'type':'output_text','text':'y'}]}]}\n",
	    "start\nopen text   \n+x\nclose\nopen text   \n+y\nclose\n"
	    "stop end\n" },
	{ "reasoning", "created 'response':{}\n"
	    "output_item.added 'output_index':0,'item':{'type':'reasoning',"
	    "'summary':[],'encrypted_content':'placeholder'}\n"
	    "reasoning_summary_part.added 'output_index':0,"
	    "'summary_index':0\n"
	    "reasoning_summary_text.delta 'output_index':0,"
	    "'summary_index':0,'delta':'a'\n"
	    "reasoning_summary_text.done 'output_index':0,"
	    "'summary_index':0,'text':'ab'\n"
	    "reasoning_text.delta 'output_index':0,'content_index':0,"
	    "'delta':'other list'\n"
	    "reasoning_summary_text.delta 'output_index':0,"
	    "'summary_index':1,'delta':'c'\n"
	    "output_item.done 'output_index':0,'item':{'type':'reasoning',"
	    "'summary':[{'type':'summary_text','text':'ab'},{"
	    "'type':'summary_text','text':'cd'}],"
	    "'encrypted_content':'real'}\n"
	    "completed 'response':{}\n",
	    "start\nopen reasoning   \n+a\n+b\n+\\n\\n\n+c\n+d\n"
	    "close o:real\nstop end\n" },
	{ "plain reasoning text", "created 'response':{}\n"
	    "reasoning_text.delta 'output_index':0,'content_index':0,"
	    "'delta':'raw'\n"
	    "output_item.done 'output_index':0,'item':{'type':'reasoning',"
	    "'summary':[],'content':[{'type':'reasoning_text','text':'raw'}"
	    "]}\n"
	    "completed 'response':{}\n",
	    "start\nopen reasoning   \n+raw\nclose\nstop end\n" },
	{ "reasoning without a word", "created 'response':{}\n"
	    "output_item.added 'output_index':0,'item':{"
	    "'type':'reasoning'}\n"
	    "output_item.done 'output_index':0,'item':{'type':'reasoning',"
	    "'summary':[]}\n"
	    "output_item.done 'output_index':1,'item':{'type':'reasoning',"
	    "'encrypted_content':'z'}\n"
	    "completed 'response':{}\n",
	    "start\nopen reasoning   \nclose o:z\nstop end\n" },
	{ "interleaved", "created 'response':{}\n"
	    "output_item.added 'output_index':0,'item':{"
	    "'type':'function_call','call_id':'c0','name':'f'}\n"
	    "output_item.added 'output_index':1,'item':{"
	    "'type':'custom_tool_call','call_id':'c1','name':'g'}\n"
	    "output_item.added 'output_index':2,'item':{'type':'message'}\n"
	    "function_call_arguments.delta 'output_index':0,'delta':'{'\n"
	    "custom_tool_call_input.delta 'output_index':1,'delta':'l'\n"
	    "output_text.delta 'output_index':2,'content_index':0,"
	    "'delta':'t'\n"
	    "function_call_arguments.delta 'output_index':0,'delta':'}'\n"
	    "custom_tool_call_input.delta 'output_index':1,'delta':'s'\n"
	    "output_item.done 'output_index':1,'item':{"
	    "'type':'custom_tool_call','call_id':'c1','name':'g',"
	    "'input':'ls'}\n"
	    "function_call_arguments.done 'output_index':0,"
	    "'arguments':'{}'\n"
	    "output_item.done 'output_index':0,'item':{"
	    "'type':'function_call','call_id':'c0','name':'f',"
	    "'arguments':'{}'}\n"
	    "output_text.delta 'output_index':2,'content_index':0,"
	    "'delta':'u'\n"
	    "completed 'response':{}\n",
	    "start\nopen tool c0 f \n+{\n+}\nclose\nopen custom c1 g \n+ls\n"
	    "close\nopen text   \n+t\n+u\nclose\nstop tool\n" },
	{ "refusal", "created 'response':{}\n"
	    "output_item.added 'output_index':0,'item':{'type':'message'}\n"
	    "refusal.delta 'output_index':0,'content_index':0,"
	    "'delta':'I'\n"
	    "refusal.done 'output_index':0,'content_index':0,"
	    "'refusal':'I no'\n"
	    "completed 'response':{'status':'completed'}\n",
	    "start\nopen refusal   \n+I\n+ no\nclose\nstop filter\n" },
	{ "cut by length", "created 'response':{}\n"
	    "output_text.delta 'output_index':0,'content_index':0,"
	    "'delta':'I'\n"
	    "incomplete 'response':{'status':'incomplete',"
	    "'incomplete_details':{'reason':'max_output_tokens'},"
	    "'usage':null}\n",
	    "start\nopen text   \n+I\nclose\nstop length\n" },
	{ "filtered", "incomplete 'response':{'incomplete_details':{"
	    "'reason':'content_filter'}}\n", "start\nstop filter\n" },
	{ "failed", "created 'response':{}\n"
	    "failed 'response':{'error':{'code':'rate_limit_exceeded',"
	    "'message':'slow'}}\n",
	    "start\nerror 429 rate_limit_exceeded slow\n" },
	{ "error, nested", "!error 'error':{'type':'invalid_request_error',"
	    "'code':'context_length_exceeded','message':'too long'}\n"
	    "failed 'response':{'error':{'message':'again'}}\n",
	    "error 400 context_length_exceeded too long\n" },
	{ "error, flat", "!error 'code':'server_is_overloaded',"
	    "'message':'later'\n", "error 503 server_is_overloaded later\n" },
	{ "deltas of no item", "created 'response':{}\n"
	    "function_call_arguments.delta 'output_index':3,'delta':'x'\n"
	    "audio.delta 'delta':'x'\naudio.done 'text':'x'\n"
	    "completed 'response':{}\n", "start\nstop end\n" },
};

/* What the reader makes of a row. True: good to the end. */
static bool
read_row(const char *events, struct buf *got, size_t max)
{
	struct str rest = str_of(events), line, type;
	struct buf name, data;
	struct reader r;
	bool good = true;

	if (reader_init(&r, DIALECT_RESPONSES, NULL, max, trace, got) < 0)
		return false;
	buf_init(&name, 256);
	buf_init(&data, TEXT_MAX);
	while (good && str_cut(&rest, '\n', &line) && rest.p != NULL) {
		char z[2048];

		str_cut(&line, ' ', &type);
		buf_clear(&name);
		if (type.p[0] == '!')
			type = str_sub(type, 1, type.n);
		else
			buf_addz(&name, "response.");
		buf_adds(&name, type);
		buf_clear(&data);
		buf_fmt(&data, "{\"type\":\"%.*s\",",
		    STR_ARG(buf_str(&name)));
		fmt_to(z, sizeof(z), "%.*s", STR_ARG(line));
		quoted(&data, z);
		buf_addc(&data, '}');
		good = !name.bad && !data.bad && reader_event(&r,
		    buf_str(&name), buf_str(&data)) == 0;
	}
	good = good && reader_end(&r) == 0;
	CHECK(!good || got->bad || (r.ended != r.failed && r.done));
	buf_free(&name);
	buf_free(&data);
	reader_free(&r);
	return good && !got->bad;
}

static void
test_answers(void)
{
	struct buf got;
	size_t i, max;
	long n;

	buf_init(&got, TEXT_MAX);
	for (i = 0; i < COUNT(answers); i++) {
		const char *row = answers[i].name;

		buf_clear(&got);
		CHECK_IN(row, read_row(answers[i].events, &got, TEXT_MAX));
		CHECK_STR_IN(row, buf_str(&got), str_of(answers[i].want));
		for (n = 0; n < 500; n++) {
			bool good;

			buf_free(&got);
			buf_init(&got, TEXT_MAX);
			mem_fail_after(n);
			good = read_row(answers[i].events, &got, TEXT_MAX);
			mem_fail_after(-1);
			/* An error may have lost its sentence only. */
			if (good && str_eq(buf_str(&got),
			    str_of(answers[i].want)))
				break;
		}
		CHECK_IN(row, n > 0 && n < 500);
		CHECK_STR_IN(row, buf_str(&got), str_of(answers[i].want));
		for (max = 0; max < 1200; max += 64) {
			buf_clear(&got);
			read_row(answers[i].events, &got, max);
		}
	}
	buf_free(&got);
}

/* Names that the target's alphabet changed come back as the client's. */
static void
test_names(void)
{
	static const char body[] = "{\"input\":\"x\",\"tools\":[{\"type\":"
	    "\"namespace\",\"name\":\"n.s\",\"tools\":[{\"type\":"
	    "\"custom\",\"name\":\"exec\"}]}]}";
	static const char done[] = "{\"type\":\"response.output_item.done\","
	    "\"output_index\":0,\"item\":{\"type\":\"custom_tool_call\","
	    "\"call_id\":\"c\",\"name\":\"%.*s\",\"input\":\"i\"}}";
	struct target to = { .d = DIALECT_RESPONSES, .model = STR("m") };
	struct neutral q = { .from = DIALECT_RESPONSES };
	struct failure f;
	struct buf got, data;
	struct reader r;
	struct arena a;

	arena_init(&a, 1 << 20);
	q.a = &a;
	q.body = STR(body);
	q.root = json_root(q.body);
	CHECK_INT(neutral_read(&q, &f), 0);
	CHECK_INT(neutral_fit(&q, &to, &f), 0);
	CHECK_STR(q.tools->wire_name, STR("n_s__exec"));
	buf_init(&got, TEXT_MAX);
	buf_init(&data, TEXT_MAX);
	buf_fmt(&data, done, STR_ARG(q.tools->wire_name));
	CHECK_INT(reader_init(&r, DIALECT_RESPONSES, &q, 4096, trace, &got),
	    0);
	CHECK_INT(reader_event(&r, str_of(NULL), buf_str(&data)), 0);
	CHECK_STR(buf_str(&got), STR("start\nopen custom c exec n.s\n+i\n"
	    "close\n"));
	reader_free(&r);
	neutral_free(&q);
	arena_free(&a);
	buf_free(&got);
	buf_free(&data);
}

/* Cut, not JSON, and [DONE]. */
static void
test_reader(void)
{
	static const char delta[] = "{\"type\":\"response.output_text.delta\","
	    "\"output_index\":0,\"content_index\":0,\"delta\":\"a\"}";
	struct reader r;
	struct buf got;

	buf_init(&got, TEXT_MAX);
	CHECK_INT(reader_init(&r, DIALECT_RESPONSES, NULL, 4096, trace, &got),
	    0);
	CHECK_INT(reader_event(&r, str_of(NULL), STR(delta)), 0);
	CHECK(r.content);
	CHECK_INT(reader_end(&r), 0);
	CHECK(!r.ended && !r.failed && !r.done);
	CHECK_INT(reader_event(&r, str_of(NULL), STR("[DONE]")), 0);
	CHECK_INT(reader_event(&r, str_of(NULL), STR("{")), 0);
	CHECK(r.failed && !r.ended);
	CHECK_STR(buf_str(&got), STR("start\nopen text   \n+a\nerror 502 - "
	    "the upstream sent an event that is not JSON\n"));
	reader_free(&r);
	buf_free(&got);
}

static const struct {
	const char *body, *want;
	bool none; /* it is no answer of this dialect */
} wholes[] = {
	{ "{'object':'response','status':'completed','error':null,"
	    "'incomplete_details':null,'output':[{'type':'reasoning',"
	    "'summary':[],'encrypted_content':'g'},{'type':'message',"
	    "'content':[{'type':'output_text','text':'a'}]},{"
	    "'type':'custom_tool_call','call_id':'c','name':'n',"
	    "'input':'i'}],'usage':{'input_tokens':1,'output_tokens':2}}",
	    "start\nopen reasoning   \nclose o:g\nopen text   \n+a\nclose\n"
	    "open custom c n \n+i\nclose\nstop tool 1/0/0/2/0\n", false },
	{ "{'status':'incomplete','incomplete_details':{'reason':"
	    "'max_output_tokens'},'output':[]}", "start\nstop length\n",
	    false },
	{ "{'status':'failed','error':{'code':'server_error',"
	    "'message':'m'},'output':[]}", "error 502 server_error m\n",
	    false },
	{ "{'status':'queued','output':[]}", "", true },
	{ "{'choices':[]}", "", true },
};

static void
test_wholes(void)
{
	struct buf body, got;
	struct reader r;
	size_t i;

	buf_init(&body, TEXT_MAX);
	buf_init(&got, TEXT_MAX);
	for (i = 0; i < COUNT(wholes); i++) {
		const char *row = wholes[i].body;

		buf_clear(&body);
		buf_clear(&got);
		quoted(&body, row);
		CHECK_INT_IN(row, reader_init(&r, DIALECT_RESPONSES, NULL,
		    TEXT_MAX, trace, &got), 0);
		CHECK_INT_IN(row, reader_answer(&r, buf_str(&body)),
		    wholes[i].none ? -1 : 0);
		CHECK_IN(row, wholes[i].none ? !r.failed && !r.bad :
		    r.done && r.ended != r.failed);
		CHECK_STR_IN(row, buf_str(&got), str_of(wholes[i].want));
		reader_free(&r);
	}
	buf_free(&body);
	buf_free(&got);
}

/* ---- there and back ---- */

#define S(z) STR_INIT(z)

static const struct event events[] = {
	{ .type = EV_START },
	{ .type = EV_OPEN, .kind = BLOCK_REASONING },
	{ .type = EV_DELTA, .text = S("hm\\u00e9") },
	{ .type = EV_CLOSE, .maker = SEAL_OPENAI, .sealed = S("gA==") },
	{ .type = EV_OPEN, .kind = BLOCK_TEXT },
	{ .type = EV_DELTA, .text = S("a\\n") },
	{ .type = EV_DELTA, .text = S("b") },
	{ .type = EV_CLOSE },
	{ .type = EV_OPEN, .kind = BLOCK_REFUSAL },
	{ .type = EV_DELTA, .text = S("no") },
	{ .type = EV_CLOSE },
	{ .type = EV_OPEN, .kind = BLOCK_TOOL, .id = S("c1"), .name = S("f") },
	{ .type = EV_DELTA, .text = S("{\\\"a\\\":1}") },
	{ .type = EV_CLOSE },
	{ .type = EV_OPEN, .kind = BLOCK_CUSTOM, .id = S("c2"),
	    .name = S("g") },
	{ .type = EV_DELTA, .text = S("ls") },
	{ .type = EV_CLOSE },
	{ .type = EV_STOP, .stop = STOP_TOOL, .usage = { .known = true,
	    .input = 5, .cached = 2, .output = 3, .reasoning = 1 } },
};

static void
read_stream(struct str in, struct buf *got)
{
	struct sse_event ev;
	struct reader r;
	struct sse s;
	size_t used;

	sse_init(&s, TEXT_MAX);
	CHECK_INT(reader_init(&r, DIALECT_RESPONSES, NULL, TEXT_MAX, trace,
	    got), 0);
	for (; in.n > 0; in = str_sub(in, used, in.n)) {
		CHECK_INT(sse_next(&s, in, false, &ev, &used), PARSE_OK);
		if (used == 0)
			break;
		CHECK_INT(reader_event(&r, ev.name, ev.data), 0);
	}
	CHECK(r.ended);
	reader_free(&r);
	sse_free(&s);
}

static void
test_round_trip(bool stream)
{
	struct buf out, want, got;
	struct answer a;
	struct reader r;
	size_t i;

	buf_init(&out, TEXT_MAX);
	buf_init(&want, TEXT_MAX);
	buf_init(&got, TEXT_MAX);
	answer_init(&a, DIALECT_RESPONSES, stream, 4096);
	a.id = STR("0a");
	a.model = STR("m");
	a.out = &out;
	for (i = 0; i < COUNT(events); i++) {
		answer_event(&a, &events[i]);
		/* whole: the two deltas of the text come as one */
		if (!stream && i == 5)
			buf_addz(&want, "+a\\nb\n");
		else if (stream || i != 6)
			trace(&want, &events[i]);
	}
	CHECK(!a.bad);
	answer_free(&a);
	if (stream) {
		read_stream(buf_str(&out), &got);
	} else {
		CHECK_INT(reader_init(&r, DIALECT_RESPONSES, NULL, TEXT_MAX,
		    trace, &got), 0);
		CHECK_INT(reader_answer(&r, buf_str(&out)), 0);
		reader_free(&r);
	}
	CHECK_STR(buf_str(&got), buf_str(&want));
	buf_free(&out);
	buf_free(&want);
	buf_free(&got);
}

/* encrypted_content of the answer for a seal, and what it is when it comes
 * back: absent where there is no tag. */
static void
check_sealed(enum seal_maker maker, struct str tag, const char *begin)
{
	struct event ev = { .type = EV_START };
	struct json_value v;
	struct answer a;
	struct seal seal;
	struct buf out;

	buf_init(&out, TEXT_MAX);
	answer_init(&a, DIALECT_RESPONSES, false, 4096);
	a.id = STR("0a");
	a.model = STR("m");
	a.seal_tag = tag;
	a.out = &out;
	answer_event(&a, &ev);
	ev = (struct event){ .type = EV_OPEN, .kind = BLOCK_REASONING };
	answer_event(&a, &ev);
	ev = (struct event){ .type = EV_CLOSE, .maker = maker,
		.sealed = STR("Sig==") };
	answer_event(&a, &ev);
	ev = (struct event){ .type = EV_STOP };
	answer_event(&a, &ev);
	CHECK(!a.bad);
	answer_free(&a);
	CHECK_INT(json_check(buf_str(&out), NULL), 0);
	v = json_at(json_root(buf_str(&out)), "output/0/encrypted_content");
	if (begin == NULL) {
		CHECK_INT(v.type, JSON_NONE);
	} else {
		CHECK(str_starts(text_of(v), str_of(begin)));
		CHECK(seal_open(DIALECT_RESPONSES, text_of(v), &seal));
		CHECK_INT(seal.maker, maker);
		CHECK_STR(seal.text, STR("Sig=="));
		CHECK_INT(seal.wrapped, maker == SEAL_ANTHROPIC);
	}
	buf_free(&out);
}

int
main(void)
{
	test_requests();
	test_refused();
	test_answers();
	test_reader();
	test_names();
	test_wholes();
	test_round_trip(true);
	test_round_trip(false);
	check_sealed(SEAL_OPENAI, STR("01234567"), "Sig==");
	check_sealed(SEAL_OPENAI, str_of(NULL), "Sig==");
	check_sealed(SEAL_ANTHROPIC, STR("01234567"), "llmux-r1.a.01234567.");
	check_sealed(SEAL_ANTHROPIC, str_of(NULL), NULL);
	return check_done();
}
