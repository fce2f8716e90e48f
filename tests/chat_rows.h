/* SPDX-License-Identifier: MIT */
/*
 * Rows of test_chat_dialect.c: requests of Chat Completions, what is sent to a
 * server for each, and what is refused. ' stands for ".
 */
#ifndef LLMUX_TESTS_CHAT_ROWS_H
#define LLMUX_TESTS_CHAT_ROWS_H

#define HI "{'role':'user','content':'hi'}"
#define BODY(messages, rest) "{'model':'m','messages':[" messages "]" rest "}"
/* What the writer puts around. */
#define SENT(messages, rest) "{'model':'up','messages':[" messages "]" rest \
	",'stream':true,'stream_options':{'include_usage':true}}"

#define CALL(id, name, args) "{'id':'" id "','type':'function'," \
	"'function':{'name':'" name "','arguments':'" args "'}}"
#define CALLED(id) "{'role':'assistant','content':null,'tool_calls':[" \
	CALL(id, "f", "{}") "]}"
#define GAVE(id, text) "{'role':'tool','content':'" text \
	"','tool_call_id':'" id "'}"
#define TOOL(name) "{'type':'function','function':{'name':'" name \
	"','parameters':{'type':'object'}}}"
#define PNG "data:image/png;base64,AAAA"
#define IMAGE "{'type':'image_url','image_url':{'url':'" PNG "'}}"
#define TEXT(t) "{'type':'text','text':'" t "'}"
#define ANY_SCHEMA "{'type':'object','properties':{}}"
#define INPUT_SCHEMA "{'type':'object','properties':{'input':" \
	"{'type':'string'}},'required':['input']}"

struct row {
	const char *name;
	const char *messages, *rest;           /* of the client */
	const char *want_messages, *want_rest; /* NULL: the same */
	const char *lost;
};

static const struct row rows[] = {
	{ "one message", HI, "", NULL, NULL, "" },
	{ "escapes stay", "{'role':'user','content':'a\\n\\u00e9\\/\\\\ \\ud83d'}",
	    "", NULL, NULL, "" },
	{ "parts", "{'role':'user','content':[" TEXT("a") "," IMAGE ","
	    "{'type':'image_url','image_url':{'url':'https://h/p.png',"
	    "'detail':'low'}}," TEXT("b") "]}", "", NULL, NULL, "" },
	{ "one text part is a string", "{'role':'user','content':["
	    TEXT("a") "]}", "", "{'role':'user','content':'a'}", NULL, "" },
	{ "plain strings among parts", "{'role':'user','content':['a'," IMAGE
	    "]}", "", "{'role':'user','content':[" TEXT("a") "," IMAGE "]}",
	    NULL, "" },
	{ "an image alone stays a part", "{'role':'user','content':[" IMAGE
	    "]}", "", NULL, NULL, "" },
	{ "image_url as a string", "{'role':'user','content':[{'type':"
	    "'image_url','image_url':'https://h/p'}]}", "",
	    "{'role':'user','content':[{'type':'image_url','image_url':"
	    "{'url':'https://h/p'}}]}", NULL, "" },
	{ "empty text", "{'role':'user','content':''}", "", NULL, NULL, "" },
	{ "empty parts", "{'role':'user','content':[]}", "",
	    "{'role':'user','content':''}", NULL, "" },
	{ "files", "{'role':'user','content':[{'type':'file','file':{"
	    "'filename':'a.pdf','file_data':"
	    "'data:application/pdf;base64,AAAA'}},"
	    "{'type':'file','file':{'file_id':'f1'}}]}", "", NULL, NULL,
	    "" },
	{ "a file without a data URL, and a link", "{'role':'user','content':"
	    "[{'type':'file','file':{'file_data':'AAAA'}},{'type':'file',"
	    "'file':{'file_data':'https:\\/\\/h'}}]}", "",
	    "{'role':'user','content':[{'type':'file','file':{'filename':"
	    "'document.pdf','file_data':'data:application/pdf;base64,AAAA'}},"
	    TEXT("[document: https:\\/\\/h]") "]}", NULL,
	    "/messages/0/content/1" },
	{ "neighbours of a role are one message", HI ","
	    "{'role':'user','content':'ho'},{'role':'assistant','content':"
	    "'x'},{'role':'assistant','content':[" TEXT("y") "," TEXT("z")
	    "]}", "", "{'role':'user','content':[" TEXT("hi") "," TEXT("ho")
	    "]},{'role':'assistant','content':'x\n\nyz'}", NULL, "" },
	{ "system and developer anywhere", "{'role':'developer','content':"
	    "'one'},{'role':'system','content':[" TEXT("two") "," TEXT("2")
	    "]}," HI ",{'role':'assistant','content':'a'},"
	    "{'role':'system','content':'three'}," HI, "",
	    "{'role':'system','content':'one\n\ntwo\n\n2'}," HI ","
	    "{'role':'assistant','content':'a'},"
	    "{'role':'system','content':'three'}," HI, NULL, "" },
	{ "a call and its result", HI "," CALLED("c1") "," GAVE("c1", "r"),
	    "", NULL, NULL, "" },
	{ "text and calls", HI ",{'role':'assistant','content':'t',"
	    "'tool_calls':[" CALL("a", "f", "{}") "," CALL("b", "g",
	    "{\\'x\\':1}") "]}," GAVE("b", "2") "," GAVE("a", "1") "," HI, "",
	    NULL, NULL, "" },
	{ "empty content beside a call", HI ",{'role':'assistant','content':"
	    "'','tool_calls':[" CALL("c1", "f", "{}") "]},"
	    GAVE("c1", "r"), "", HI "," CALLED("c1") "," GAVE("c1", "r"),
	    NULL, "" },
	{ "no content beside a call", HI ",{'role':'assistant','tool_calls':["
	    CALL("c1", "f", "{}") "]}," GAVE("c1", "r"), "",
	    HI "," CALLED("c1") "," GAVE("c1", "r"), NULL, "" },
	{ "empty, missing and odd arguments", HI ",{'role':'assistant',"
	    "'content':null,'tool_calls':[" CALL("a", "f", "") ","
	    "{'id':'b','type':'function','function':{'name':'f'}},"
	    "{'id':'c','function':{'name':'f','arguments':{'x':'\\n'}}},"
	    CALL("d", "f", "no JSON") "]}", "", HI ",{'role':'assistant',"
	    "'content':null,'tool_calls':[" CALL("a", "f", "{}") ","
	    CALL("b", "f", "{}") "," CALL("c", "f",
	    "{\\'x\\':\\'\\\\n\\'}") "," CALL("d", "f", "no JSON") "]}",
	    NULL, "" },
	{ "an empty turn of the assistant goes", HI ",{'role':'assistant',"
	    "'content':null},{'role':'assistant','content':'','refusal':null,"
	    "'tool_calls':[],'annotations':[]}", "", HI, NULL, "" },
	{ "results move to their call", HI "," CALLED("c1") ","
	    "{'role':'system','content':'s'}," HI "," GAVE("c1", "r"), "",
	    HI "," CALLED("c1") "," GAVE("c1", "r") ","
	    "{'role':'system','content':'s'}," HI, NULL, "" },
	{ "a result without its call", HI "," GAVE("c9", "r"), "",
	    "{'role':'user','content':[" TEXT("hi") ","
	    TEXT("[result of tool call c9]\nr") "]}", NULL, "" },
	{ "a result behind another answer", HI "," CALLED("c1") "," HI ","
	    "{'role':'assistant','content':'a'}," GAVE("c1", "r"), "",
	    HI "," CALLED("c1") "," HI ",{'role':'assistant','content':'a'},"
	    "{'role':'user','content':["
	    TEXT("[result of tool call c1]\nr") "]}", NULL, "" },
	{ "tool content in parts, and none", HI ",{'role':'assistant',"
	    "'content':null,'tool_calls':[" CALL("a", "f", "{}") ","
	    CALL("b", "f", "{}") "]},{'role':'tool','tool_call_id':'a',"
	    "'content':[" TEXT("x") "," TEXT("y") "]},{'role':'tool',"
	    "'tool_call_id':'b','content':null}", "", HI ",{'role':"
	    "'assistant','content':null,'tool_calls':["
	    CALL("a", "f", "{}") "," CALL("b", "f", "{}") "]},"
	    GAVE("a", "x\n\ny") "," GAVE("b", ""), NULL, "" },
	{ "a picture in a result", HI "," CALLED("c1") ",{'role':'tool',"
	    "'tool_call_id':'c1','content':[" TEXT("s") "," IMAGE "]}," HI,
	    "", HI "," CALLED("c1") "," GAVE("c1", "s\n\n"
	    "[more in the following user message]") ",{'role':'user',"
	    "'content':[" TEXT("[result of tool call c1]") "," IMAGE ","
	    TEXT("hi") "]}", NULL, "" },
	{ "reasoning is left out", HI ",{'role':'assistant','content':'a',"
	    "'reasoning_content':'why'}," HI, "", HI ",{'role':'assistant',"
	    "'content':'a'}," HI, NULL, "/messages/1" },
	{ "refusals are text", HI ",{'role':'assistant','content':null,"
	    "'refusal':'no'},{'role':'user','content':'x'},"
	    "{'role':'assistant','content':[{'type':'refusal','refusal':"
	    "'never'}]}", "", HI ",{'role':'assistant','content':'no'},"
	    "{'role':'user','content':'x'},{'role':'assistant','content':"
	    "'never'}", NULL, "" },
	{ "pictures and thoughts of the assistant", HI ",{'role':'assistant',"
	    "'content':[{'type':'thinking','thinking':'t'}," IMAGE ","
	    TEXT("a") "]}", "", HI ",{'role':'assistant','content':'a'}",
	    NULL, "/messages/1/content/0, /messages/1/content/1" },
	{ "the older calls", HI ",{'role':'assistant','content':null,"
	    "'function_call':{'name':'f','arguments':'{}'}},"
	    "{'role':'function','name':'f','content':'r'}",
	    ",'functions':[{'name':'f','parameters':{'type':'object'}}],"
	    "'function_call':{'name':'f'}", HI "," CALLED("call_legacy_1")
	    "," GAVE("call_legacy_1", "r"), ",'tools':[" TOOL("f") "],"
	    "'tool_choice':{'type':'function','function':{'name':'f'}}",
	    "/messages/2/name" },
	{ "unknown members", "{'role':'user','content':'hi','name':'n',"
	    "'a,b':1,'x':null}", ",'seed':1,'store':false,'metadata':{},"
	    "'logit_bias':{},'logprobs':true,'n':1,'modalities':['text'],"
	    "'x\\u0001':2,'prediction':{'type':'content'}", HI, "",
	    "/messages/0/name, /messages/0/a?b, /seed, /logprobs, "
	    "/x\\u0001, /prediction" },
	{ "null is absent", HI, ",'tools':null,'tool_choice':null,'stop':null,"
	    "'n':null,'stream':null,'max_tokens':null,'temperature':null,"
	    "'response_format':null,'user':null,'stream_options':null", NULL,
	    "", "" },
	{ "tools", HI, ",'tools':[{'type':'function','function':{'name':'f',"
	    "'description':'d\\n','parameters':{'a':[1.50]},'strict':true}},"
	    "{'type':'function','function':{'name':'g','parameters':"
	    ANY_SCHEMA ",'strict':false}}],'tool_choice':'auto',"
	    "'parallel_tool_calls':false", NULL, NULL, "" },
	{ "tools without a schema, flat, with null", HI, ",'tools':[{'type':"
	    "'function','function':{'name':'f','description':null,"
	    "'strict':null}},{'type':'function','name':'g'}]", NULL,
	    ",'tools':[{'type':'function','function':{'name':'f',"
	    "'parameters':" ANY_SCHEMA "}},{'type':'function','function':{"
	    "'name':'g','parameters':" ANY_SCHEMA "}}]", "" },
	{ "no tools: no choice", HI, ",'tools':[],'tool_choice':'none',"
	    "'parallel_tool_calls':true", NULL, "", "" },
	{ "custom tools", HI ",{'role':'assistant','content':null,"
	    "'tool_calls':[{'id':'c1','type':'custom','custom':{'name':'p',"
	    "'input':'a\\n\\'b\\\\'}}]}," GAVE("c1", "r"), ",'tools':[{"
	    "'type':'custom','custom':{'name':'p','description':'d','format':"
	    "{'type':'grammar','grammar':{'definition':'x','syntax':'lark'}}"
	    "}}],'tool_choice':{'type':'custom','custom':{'name':'p'}}",
	    HI ",{'role':'assistant','content':null,'tool_calls':["
	    CALL("c1", "p", "{\\'input\\':\\'a\\\\n\\\\\\'b\\\\\\\\\\'}")
	    "]}," GAVE("c1", "r"), ",'tools':[{'type':'function','function':{"
	    "'name':'p','description':'d','parameters':" INPUT_SCHEMA "}}],"
	    "'tool_choice':{'type':'function','function':{'name':'p'}}",
	    "/tools/0" },
	{ "tools of the provider", HI, ",'tools':[{'type':"
	    "'web_search_preview','x':1}," TOOL("f") "]", NULL, ",'tools':["
	    TOOL("f") "]", "/tools/0" },
	{ "choices", HI, ",'tools':[" TOOL("f") "],'tool_choice':'required'",
	    NULL, NULL, "" },
	{ "choice none", HI, ",'tools':[" TOOL("f") "],'tool_choice':'none'",
	    NULL, NULL, "" },
	{ "choice of a function", HI, ",'tools':[" TOOL("f") "],"
	    "'tool_choice':{'type':'function','function':{'name':'f'}}",
	    NULL, NULL, "" },
	{ "allowed tools", HI, ",'tool_choice':{'type':'allowed_tools',"
	    "'allowed_tools':{'mode':'required','tools':[{'type':'function',"
	    "'function':{'name':'g'}},{'type':'function','name':'h'}]}},"
	    "'tools':[" TOOL("f") "," TOOL("g") "," TOOL("h") "]", NULL,
	    ",'tools':[" TOOL("g") "," TOOL("h") "],"
	    "'tool_choice':'required'", "" },
	{ "names that no server takes", HI ",{'role':'assistant','content':"
	    "null,'tool_calls':[" CALL("c1", "a.b", "{}") "]},"
	    GAVE("c1", "r"), ",'tools':[" TOOL("a.b") "],'tool_choice':{"
	    "'type':'function','function':{'name':'a.b'}}",
	    HI ",{'role':'assistant','content':null,'tool_calls':["
	    CALL("c1", "a_b", "{}") "]},"
	    GAVE("c1", "r"), ",'tools':[" TOOL("a_b")
	    "],'tool_choice':{'type':'function','function':{'name':'a_b'}}",
	    "" },
	{ "formats", HI, ",'response_format':{'type':'json_schema',"
	    "'json_schema':{'name':'n','description':'d','schema':{'$defs':{"
	    "}},'strict':true}}", NULL, NULL, "" },
	{ "format without a schema", HI, ",'response_format':{'type':"
	    "'json_schema','json_schema':{'name':'n'}}", NULL,
	    ",'response_format':{'type':'json_object'}", "" },
	{ "format without a name", HI, ",'response_format':{'type':"
	    "'json_schema','json_schema':{'schema':{}}}", NULL,
	    ",'response_format':{'type':'json_schema','json_schema':{"
	    "'name':'answer','schema':{}}}", "" },
	{ "format text", HI, ",'response_format':{'type':'text'}", NULL, "",
	    "" },
	{ "limits", HI, ",'max_tokens':5,'temperature':0.20,'top_p':1,"
	    "'stop':['a','\\n'],'user':'u1'", NULL, NULL, "" },
	{ "max_completion_tokens wins", HI, ",'max_completion_tokens':7,"
	    "'max_tokens':5,'stop':'x'", NULL, ",'max_tokens':7,'stop':['x']",
	    "" },
	{ "in any order", HI, ",'max_tokens':5,'max_completion_tokens':7,"
	    "'user':'a','safety_identifier':'b'", NULL, ",'max_tokens':7,"
	    "'user':'b'", "" },
	{ "hints", HI, ",'verbosity':'low','prompt_cache_key':'k',"
	    "'service_tier':'fast','top_k':3,'reasoning_effort':'high',"
	    "'user':'{\\'account\\':1}','stream_options':{'include_usage':"
	    "true,'include_obfuscation':false}", NULL, "",
	    "/reasoning_effort, /top_k, /verbosity, /prompt_cache_key, "
	    "/service_tier, /user" },
	{ "stream", HI, ",'stream':false", NULL, "", "" },
};

static const struct {
	const char *body, *message; /* NULL: no message is compared */
	const char *param;
} refused[] = {
	{ "{}", "messages: expected an array of messages", "messages" },
	{ "{'messages':[]}", "messages: expected an array of messages",
	    "messages" },
	{ "{'messages':{}}", NULL, "messages" },
	{ "{'messages':null}", NULL, "messages" },
	{ BODY("1", ""), NULL, "messages[0]" },
	{ BODY("{}", ""), NULL, "messages[0].role" },
	{ BODY("{'role':'robot','content':'x'}", ""), NULL,
	    "messages[0].role" },
	{ BODY("{'role':1}", ""), NULL, "messages[0].role" },
	{ BODY(HI ",{'role':'user','content':1}", ""), "messages[1].content: "
	    "expected a string or an array of parts", "messages[1].content" },
	{ BODY("{'role':'user','content':null}", ""), NULL,
	    "messages[0].content" },
	{ BODY("{'role':'system'}", ""), NULL, "messages[0].content" },
	{ BODY("{'role':'user','content':[{'type':'text'}]}", ""), NULL,
	    "messages[0].content[0].text" },
	{ BODY("{'role':'user','content':[{'text':'x'}]}", ""), NULL,
	    "messages[0].content[0].type" },
	{ BODY("{'role':'user','content':[" TEXT("x") ",{'type':"
	    "'input_audio','input_audio':{'data':'','format':'wav'}}]}", ""),
	    NULL, "messages[0].content[1].type" },
	{ BODY("{'role':'user','content':[{'type':'refusal','refusal':'x'}]}",
	    ""), NULL, "messages[0].content[0].type" },
	{ BODY("{'role':'system','content':[" IMAGE "]}", ""),
	    "messages[0].content[0].type: expected text",
	    "messages[0].content[0].type" },
	{ BODY("{'role':'user','content':[{'type':'image_url','image_url':"
	    "{}}]}", ""), NULL, "messages[0].content[0].image_url.url" },
	{ BODY("{'role':'user','content':[{'type':'file','file':{}}]}", ""),
	    NULL, "messages[0].content[0].file" },
	{ BODY("{'role':'assistant','tool_calls':1}", ""), NULL,
	    "messages[0].tool_calls" },
	{ BODY("{'role':'assistant','tool_calls':[1]}", ""), NULL,
	    "messages[0].tool_calls[0].id" },
	{ BODY("{'role':'assistant','tool_calls':[{'id':'a'}]}", ""), NULL,
	    "messages[0].tool_calls[0].function" },
	{ BODY("{'role':'assistant','tool_calls':[{'id':'a','function':{}}]}",
	    ""), NULL, "messages[0].tool_calls[0].function.name" },
	{ BODY("{'role':'assistant','tool_calls':[{'id':'a','function':{"
	    "'name':'f','arguments':1}}]}", ""), NULL,
	    "messages[0].tool_calls[0].function.arguments" },
	{ BODY("{'role':'assistant','tool_calls':[{'id':'a','custom':{"
	    "'name':'f','input':{}}}]}", ""), NULL,
	    "messages[0].tool_calls[0].custom.input" },
	{ BODY("{'role':'assistant','function_call':{}}", ""), NULL, NULL },
	{ BODY("{'role':'assistant','function_call':{'x':1}}", ""), NULL,
	    "messages[0].function_call.name" },
	{ BODY("{'role':'tool','content':'x'}", ""), NULL,
	    "messages[0].tool_call_id" },
	{ BODY("{'role':'tool','tool_call_id':'a','content':1}", ""), NULL,
	    "messages[0].content" },
	{ BODY(HI, ",'tools':1"), NULL, "tools" },
	{ BODY(HI, ",'tools':[1]"), NULL, "tools[0].type" },
	{ BODY(HI, ",'tools':[{'type':'function','function':{}}]"), NULL,
	    "tools[0].function.name" },
	{ BODY(HI, ",'tools':[{'type':'function','function':{'name':'f',"
	    "'parameters':'x'}}]"), NULL, "tools[0].function.parameters" },
	{ BODY(HI, ",'functions':[{}]"), NULL, "functions[0].name" },
	{ BODY(HI, ",'tool_choice':'maybe'"), NULL, "tool_choice" },
	{ BODY(HI, ",'tool_choice':1"), NULL, "tool_choice" },
	{ BODY(HI, ",'tool_choice':{'type':'web_search'}"), NULL,
	    "tool_choice" },
	{ BODY(HI, ",'tool_choice':{'type':'allowed_tools'}"), NULL,
	    "tool_choice.allowed_tools.mode" },
	{ BODY(HI, ",'tools':[" TOOL("f") "],'tool_choice':{'type':"
	    "'function','function':{'name':'g'}}"),
	    "tool_choice: the model has no such tool", "tool_choice" },
	{ BODY(HI, ",'tools':[{'type':'web_search'}],'tool_choice':"
	    "'required'"), NULL, "tool_choice" },
	{ BODY(HI, ",'n':2"), "n: only one choice can be given", "n" },
	{ BODY(HI, ",'n':'1'"), NULL, "n" },
	{ BODY(HI, ",'modalities':['text','audio']"), NULL, "modalities" },
	{ BODY(HI, ",'stop':1"), NULL, "stop" },
	{ BODY(HI, ",'stop':['a',null]"), NULL, "stop" },
	{ BODY(HI, ",'stream':1"), "stream: expected true or false",
	    "stream" },
	{ BODY(HI, ",'parallel_tool_calls':'yes'"), NULL,
	    "parallel_tool_calls" },
	{ BODY(HI, ",'max_tokens':-1"), NULL, "max_tokens" },
	{ BODY(HI, ",'max_tokens':1.5"), NULL, "max_tokens" },
	{ BODY(HI, ",'max_completion_tokens':0"), NULL,
	    "max_completion_tokens" },
	{ BODY(HI, ",'temperature':'hot'"), NULL, "temperature" },
	{ BODY(HI, ",'user':1"), NULL, "user" },
	{ BODY(HI, ",'reasoning_effort':3"), NULL, "reasoning_effort" },
	{ BODY(HI, ",'response_format':{'type':'xml'}"), NULL,
	    "response_format.type" },
	{ BODY(HI, ",'response_format':{'type':'json_schema'}"), NULL,
	    "response_format.json_schema" },
	{ BODY(HI, ",'response_format':{'type':'json_schema','json_schema':{"
	    "'schema':1}}"), NULL, "response_format.json_schema.schema" },
};

#endif
