/* SPDX-License-Identifier: MIT */
/*
 * The tables of test_anthropic_dialect.c. In all texts an apostrophe stands
 * for a quote.
 */
#ifndef LLMUX_TESTS_ANTHROPIC_ROWS_H
#define LLMUX_TESTS_ANTHROPIC_ROWS_H

#include "../dialects/neutral.h"

/* ---- requests to Anthropic ---- */

#define CHAT DIALECT_CHAT
#define RESPONSES DIALECT_RESPONSES
#define OPUS55 "claude-opus-5-5"
#define OPUS5 "claude-opus-5"
#define SONNET45 "claude-sonnet-4-5"
#define U(text) "{'role':'user','content':[{'type':'text','text':'" text \
	"'}]}"
#define A(text) "{'role':'assistant','content':[{'type':'text','text':'" \
	text "'}]}"
#define MAX5 "'max_tokens':128000,"
#define MAX45 "'max_tokens':64000,"
#define MARK ",'cache_control':{'type':'ephemeral'}"
#define USER_X "'messages':[{'role':'user','content':'x'}]"
#define SENT_X "'messages':[" U("x") "]"
#define TOOL_F "{'type':'function','function':{'name':'f'}}"
#define SENT_F "{'name':'f','input_schema':{'type':'object'," \
	"'properties':{}}}"
#define CALL_F(id, args) "{'id':'" id "','type':'function','function':" \
	"{'name':'f','arguments':'" args "'}}"

/* body and want: the members behind `model`. */
static const struct write_row {
	const char *name;
	enum dialect from;
	const char *model, *body, *want, *lost;
	enum effort effort;
	bool cache;
	const char *ttl;
	bool one_way; /* what is written says less than what was read */
} write_rows[] = {
	{ .name = "system and developer", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'developer','content':'One.'},"
	    "{'role':'user','content':'hi'},{'role':'assistant','content':"
	    "'hello'},{'role':'system','content':'Two.'},{'role':'user',"
	    "'content':'go'}]",
	    .want = MAX5 "'system':[{'type':'text','text':'One.'},"
	    "{'type':'text','text':'Two.'}],'messages':[" U("hi") ","
	    A("hello") "," U("go") "]", .lost = "" },
	{ .name = "neighbours, blank text, last space", .from = CHAT,
	    .model = OPUS55,
	    .body = "'messages':[{'role':'user','content':'a'},{'role':"
	    "'user','content':[{'type':'text','text':''},{'type':'text',"
	    "'text':' \\n'},{'type':'text','text':'b'}]},{'role':"
	    "'assistant','content':''},{'role':'assistant','content':"
	    "'c\\\\n \\t\\n'}]",
	    .want = MAX5 "'messages':[{'role':'user','content':[{'type':"
	    "'text','text':'a'},{'type':'text','text':'b'}]},"
	    A("c\\\\n") "]", .lost = "" },
	{ .name = "no user at first", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'system','content':'S'},{'role':"
	    "'assistant','content':'a'},{'role':'user','content':'b'}]",
	    .want = MAX5 "'system':[{'type':'text','text':'S'}],'messages':["
	    U(".") "," A("a") "," U("b") "]", .lost = "" },
	{ .name = "no user, no system", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'assistant','content':'a'}]",
	    .want = MAX5 "'messages':[" U(".") "," A("a") "]", .lost = "" },
	{ .name = "system only", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'system','content':'S'}]",
	    .want = MAX5 "'system':[{'type':'text','text':'S'}],'messages':["
	    U(".") "]", .lost = "" },
	{ .name = "results first, all, each once", .from = CHAT,
	    .model = OPUS55,
	    .body = "'messages':[{'role':'user','content':'x'},{'role':"
	    "'assistant','content':null,'tool_calls':["
	    CALL_F("c1", "") "," CALL_F("c2", "{\\'a\\':[1]}") ","
	    CALL_F("c3", "[1]") "]},{'role':'user','content':'wait'},"
	    "{'role':'tool','tool_call_id':'c2','content':'two'},"
	    "{'role':'tool','tool_call_id':'c2','content':'again'},"
	    "{'role':'tool','tool_call_id':'c9','content':'lost'},"
	    "{'role':'tool','tool_call_id':'c1','content':''}],'tools':["
	    TOOL_F "]",
	    .want = MAX5 "'messages':[" U("x") ",{'role':'assistant',"
	    "'content':[{'type':'tool_use','id':'c1','name':'f','input':{}},"
	    "{'type':'tool_use','id':'c2','name':'f','input':{'a':[1]}},"
	    "{'type':'tool_use','id':'c3','name':'f','input':{}}]},"
	    "{'role':'user','content':[{'type':'tool_result','tool_use_id':"
	    "'c2','content':[{'type':'text','text':'two'}]},"
	    "{'type':'tool_result','tool_use_id':'c1'},"
	    "{'type':'tool_result','tool_use_id':'c3','content':[{'type':"
	    "'text','text':'no result'}],'is_error':true},"
	    "{'type':'text','text':'wait'},{'type':'text','text':'again'},"
	    "{'type':'text','text':'lost'}]}],'tools':[" SENT_F "]",
	    .lost = "" },
	{ .name = "ids that come twice", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'user','content':'x'},{'role':"
	    "'assistant','content':null,'tool_calls':[" CALL_F("c0", "{}")
	    "]},{'role':'tool','tool_call_id':'c0','content':'one'},"
	    "{'role':'assistant','content':null,'tool_calls':["
	    CALL_F("c1", "{}") "]},{'role':'tool','tool_call_id':'c1',"
	    "'content':'two'},{'role':'assistant','content':null,"
	    "'tool_calls':[" CALL_F("c1", "{}") "]},{'role':'tool',"
	    "'tool_call_id':'c1','content':'three'}],'tools':[" TOOL_F "]",
	    .want = MAX5 "'messages':[" U("x") ",{'role':'assistant',"
	    "'content':[{'type':'tool_use','id':'c0','name':'f',"
	    "'input':{}}]},{'role':'user','content':[{'type':'tool_result',"
	    "'tool_use_id':'c0','content':[{'type':'text','text':"
	    "'one'}]}]},{'role':'assistant','content':[{'type':'tool_use',"
	    "'id':'c1','name':'f','input':{}}]},{'role':'user','content':["
	    "{'type':'tool_result','tool_use_id':'c1','content':[{'type':"
	    "'text','text':'two'}]}]},{'role':'assistant','content':["
	    "{'type':'tool_use','id':'c1_1','name':'f','input':{}}]},"
	    "{'role':'user','content':[{'type':'tool_result','tool_use_id':"
	    "'c1_1','content':[{'type':'text','text':'three'}]}]}],"
	    "'tools':[" SENT_F "]", .lost = "" },
	{ .name = "results that are all of a turn, without a call",
	    .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'user','content':'x'},{'role':"
	    "'assistant','content':'a'},{'role':'tool','tool_call_id':'c1',"
	    "'content':''}]",
	    .want = MAX5 "'messages':[" U("x") "," A("a") "," U(".") "]",
	    .lost = "" },
	{ .name = "images", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'user','content':[{'type':"
	    "'image_url','image_url':{'url':'data:image/jpg;base64,AAAA',"
	    "'detail':'high'}},{'type':'image_url','image_url':{'url':"
	    "'https://e.test/a.png'}}]},{'role':'assistant','content':null,"
	    "'tool_calls':[" CALL_F("c1", "{}") "]},{'role':'tool',"
	    "'tool_call_id':'c1','content':[{'type':'text','text':'s'},"
	    "{'type':'image_url','image_url':{'url':"
	    "'data:image/png;base64,BBBB'}}]}],'tools':[" TOOL_F "]",
	    .want = MAX5 "'messages':[{'role':'user','content':[{'type':"
	    "'image','source':{'type':'base64','media_type':'image/jpeg',"
	    "'data':'AAAA'}},{'type':'image','source':{'type':'url','url':"
	    "'https://e.test/a.png'}}]},{'role':'assistant','content':["
	    "{'type':'tool_use','id':'c1','name':'f','input':{}}]},"
	    "{'role':'user','content':[{'type':'tool_result','tool_use_id':"
	    "'c1','content':[{'type':'text','text':'s'},{'type':'image',"
	    "'source':{'type':'base64','media_type':'image/png','data':"
	    "'BBBB'}}]}]}],'tools':[" SENT_F "]", .lost = "" },
	{ .name = "files", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'user','content':[{'type':'file',"
	    "'file':{'file_data':'data:application/pdf;base64,JVBE',"
	    "'filename':'a.pdf'}},{'type':'file','file':{'file_data':"
	    "'data:text/plain;base64,YSJi'}},{'type':'file','file':{"
	    "'file_data':'https://e.test/a.pdf'}}]}]",
	    .want = MAX5 "'messages':[{'role':'user','content':[{'type':"
	    "'document','source':{'type':'base64','media_type':"
	    "'application/pdf','data':'JVBE'},'title':'a.pdf'},{'type':"
	    "'document','source':{'type':'text','media_type':'text/plain',"
	    "'data':'a\\'b'}},{'type':'document','source':{'type':'url',"
	    "'url':'https://e.test/a.pdf'}}]}]", .lost = "" },
	{ .name = "another provider's file", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'user','content':[{'type':'file',"
	    "'file':{'file_id':'file-1'}}]}]", .want = NULL,
	    .lost = "file_id: the id of another provider's file; send the "
	    "file itself" },
	{ .name = "a file of another kind", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'user','content':[{'type':'file',"
	    "'file':{'file_data':'data:application/zip;base64,UEsD'}}]}]",
	    .want = NULL,
	    .lost = "file_data: this model reads PDF and text only" },
	{ .name = "text that is no base64", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'user','content':[{'type':'file',"
	    "'file':{'file_data':'data:text/csv;base64,?'}}]}]",
	    .want = NULL,
	    .lost = "file_data: this model reads PDF and text only" },
	{ .name = "schemas, names, choice none", .from = CHAT,
	    .model = OPUS55,
	    .body = USER_X ",'tools':[{'type':'function','function':{"
	    "'name':'a b','description':'d','strict':true,'parameters':{"
	    "'$schema':'s','properties':{'x':{'type':'integer'}}}}},{'type':"
	    "'function','function':{'name':'c','parameters':{'type':"
	    "'object','x':1}}}],'tool_choice':'none',"
	    "'parallel_tool_calls':false",
	    .want = MAX5 SENT_X ",'tools':[{'name':'a_b',"
	    "'description':'d','input_schema':{'type':'object','$schema':"
	    "'s','properties':{'x':{'type':'integer'}}}},{'name':'c',"
	    "'input_schema':{'type':'object','x':1}}],'tool_choice':{'type':"
	    "'none'}", .lost = "", .one_way = true },
	{ .name = "not in parallel", .from = CHAT, .model = OPUS55,
	    .body = USER_X ",'tools':[" TOOL_F "],"
	    "'parallel_tool_calls':false",
	    .want = MAX5 SENT_X ",'tools':[" SENT_F "],'tool_choice':{"
	    "'type':'auto','disable_parallel_tool_use':true}", .lost = "" },
	{ .name = "allowed tools", .from = CHAT, .model = OPUS55,
	    .body = USER_X ",'tools':[" TOOL_F ",{'type':'function',"
	    "'function':{'name':'g'}}],'tool_choice':{'type':"
	    "'allowed_tools','allowed_tools':{'mode':'auto','tools':[{'type':"
	    "'function','function':{'name':'f'}}]}}",
	    .want = MAX5 SENT_X ",'tools':[" SENT_F "],'tool_choice':{"
	    "'type':'auto'}", .lost = "" },
	{ .name = "calls without tools", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'user','content':'x'},{'role':"
	    "'assistant','content':null,'tool_calls':[" CALL_F("c1", "{}")
	    "]},{'role':'tool','tool_call_id':'c1','content':'r'}],"
	    "'parallel_tool_calls':false",
	    .want = MAX5 "'messages':[" U("x") ",{'role':'assistant',"
	    "'content':[{'type':'tool_use','id':'c1','name':'f','input':{}}]"
	    "},{'role':'user','content':[{'type':'tool_result',"
	    "'tool_use_id':'c1','content':[{'type':'text','text':'r'}]}]}],"
	    "'tools':[" SENT_F "],'tool_choice':{'type':'none'}",
	    .lost = "" },
	{ .name = "a choice without tools", .from = CHAT, .model = OPUS55,
	    .body = USER_X ",'tool_choice':'required'",
	    .want = MAX5 SENT_X, .lost = "/tool_choice" },
	{ .name = "the choice of no tool", .from = CHAT, .model = OPUS55,
	    .body = USER_X ",'tools':[" TOOL_F "],'tool_choice':{'type':"
	    "'function','function':{'name':'g'}}", .want = NULL,
	    .lost = "tool_choice: no such tool can be given to this "
	    "model" },
	{ .name = "forced, always thinking", .from = CHAT, .model = OPUS55,
	    .body = USER_X ",'tools':[" TOOL_F "],'tool_choice':'required'",
	    .want = MAX5 SENT_X ",'tools':[" SENT_F "],'tool_choice':{"
	    "'type':'auto'}", .lost = "/tool_choice" },
	{ .name = "forced, thinking off", .from = CHAT, .model = OPUS5,
	    .body = USER_X ",'tools':[" TOOL_F "],'tool_choice':{'type':"
	    "'function','function':{'name':'f'}},'reasoning_effort':'high'",
	    .want = MAX5 SENT_X ",'tools':[" SENT_F "],'tool_choice':{"
	    "'type':'tool','name':'f'},'thinking':{'type':'disabled'}",
	    .lost = "/reasoning_effort" },
	{ .name = "forced, an older model", .from = CHAT, .model = SONNET45,
	    .body = USER_X ",'tools':[" TOOL_F "],'tool_choice':'required',"
	    "'reasoning_effort':'high'",
	    .want = MAX45 SENT_X ",'tools':[" SENT_F "],'tool_choice':{"
	    "'type':'any'}", .lost = "/reasoning_effort" },
	{ .name = "custom tools and search", .from = RESPONSES,
	    .model = OPUS55,
	    .body = "'input':[{'type':'message','role':'user','content':'x'},"
	    "{'type':'custom_tool_call','call_id':'c1','name':'patch',"
	    "'input':'*** a\\nb'},{'type':'custom_tool_call_output',"
	    "'call_id':'c1','output':'done'}],'tools':[{'type':'custom',"
	    "'name':'patch','description':'P','format':{'type':'grammar',"
	    "'syntax':'lark','definition':'start: x'}},{'type':'web_search',"
	    "'user_location':{'type':'approximate','city':'Oslo'},"
	    "'filters':{'allowed_domains':['e.test']}},"
	    "{'type':'code_interpreter'}]",
	    .want = MAX5 "'messages':[" U("x") ",{'role':'assistant',"
	    "'content':[{'type':'tool_use','id':'c1','name':'patch',"
	    "'input':{'input':'*** a\\nb'}}]},{'role':'user','content':["
	    "{'type':'tool_result','tool_use_id':'c1','content':[{'type':"
	    "'text','text':'done'}]}]}],'tools':[{'name':'patch',"
	    "'description':'P\\n\\nstart: x','input_schema':{'type':'object',"
	    "'properties':{'input':{'type':'string'}},'required':['input']}"
	    "},{'type':'web_search_20250305','name':'web_search',"
	    "'user_location':{'type':'approximate','city':'Oslo'},"
	    "'allowed_domains':['e.test']}]", .lost = "/tools/2",
	    .one_way = true },
	{ .name = "effort, a newer model", .from = CHAT, .model = OPUS55,
	    .body = USER_X ",'reasoning_effort':'minimal','temperature':0.2,"
	    "'top_p':1,'max_completion_tokens':900",
	    .want = "'max_tokens':900," SENT_X ",'thinking':{'type':"
	    "'adaptive','display':'summarized'},'output_config':{'effort':"
	    "'low'}", .lost = "/temperature" },
	{ .name = "effort none, always thinking", .from = RESPONSES,
	    .model = OPUS55,
	    .body = "'input':'x','reasoning':{'effort':'none'}",
	    .want = MAX5 SENT_X ",'thinking':{'type':'adaptive'},"
	    "'output_config':{'effort':'low'}", .lost = "" },
	{ .name = "effort none", .from = CHAT, .model = OPUS5,
	    .body = USER_X ",'reasoning_effort':'none'",
	    .want = MAX5 SENT_X ",'thinking':{'type':'disabled'}",
	    .lost = "" },
	{ .name = "a summary", .from = RESPONSES, .model = OPUS5,
	    .body = "'input':'x','reasoning':{'effort':'xhigh','summary':"
	    "'auto'},'text':{'verbosity':'low'}",
	    .want = MAX5 SENT_X ",'thinking':{'type':'adaptive','display':"
	    "'summarized'},'output_config':{'effort':'xhigh'}",
	    .lost = "/text/verbosity" },
	{ .name = "effort of the model's name", .from = CHAT,
	    .model = "claude-opus-4-6", .effort = EFFORT_XHIGH,
	    .body = USER_X ",'reasoning_effort':'low','temperature':1.0",
	    .want = MAX5 SENT_X ",'thinking':{'type':'adaptive','display':"
	    "'summarized'},'output_config':{'effort':'high'}", .lost = "" },
	{ .name = "budget", .from = CHAT, .model = SONNET45,
	    .body = USER_X ",'reasoning_effort':'medium',"
	    "'max_tokens':2000,'temperature':0,'top_p':0.5",
	    .want = "'max_tokens':17024," SENT_X ",'thinking':{'type':"
	    "'enabled','budget_tokens':16000}",
	    .lost = "/temperature, /top_p" },
	{ .name = "budget over the model's limit", .from = CHAT,
	    .model = SONNET45,
	    .body = USER_X ",'reasoning_effort':'max','max_tokens':90000",
	    .want = MAX45 SENT_X ",'thinking':{'type':'enabled',"
	    "'budget_tokens':62976}", .lost = "/max_completion_tokens" },
	{ .name = "budget, a call without thinking", .from = CHAT,
	    .model = SONNET45,
	    .body = "'messages':[{'role':'user','content':'x'},{'role':"
	    "'assistant','content':null,'tool_calls':[" CALL_F("c1", "{}")
	    "]},{'role':'tool','tool_call_id':'c1','content':'r'}],'tools':["
	    TOOL_F "],'reasoning_effort':'low'",
	    .want = MAX45 "'messages':[" U("x") ",{'role':'assistant',"
	    "'content':[{'type':'tool_use','id':'c1','name':'f','input':{}}]"
	    "},{'role':'user','content':[{'type':'tool_result',"
	    "'tool_use_id':'c1','content':[{'type':'text','text':'r'}]}]}],"
	    "'tools':[" SENT_F "]", .lost = "/reasoning_effort" },
	{ .name = "sampling", .from = CHAT, .model = SONNET45,
	    .body = USER_X ",'temperature':1.01,'top_p':0.5",
	    .want = MAX45 SENT_X ",'temperature':1",
	    .lost = "/temperature, /top_p" },
	{ .name = "sampling alone", .from = CHAT, .model = SONNET45,
	    .body = USER_X ",'top_p':0.5",
	    .want = MAX45 SENT_X ",'top_p':0.5", .lost = "" },
	{ .name = "an unknown model", .from = CHAT, .model = "claude-next",
	    .body = USER_X ",'reasoning_effort':'max'",
	    .want = MAX45 SENT_X ",'thinking':{'type':'adaptive','display':"
	    "'summarized'},'output_config':{'effort':'high'}", .lost = "" },
	{ .name = "another maker's model", .from = CHAT, .model = "glm",
	    .body = USER_X ",'temperature':0.5",
	    .want = "'max_tokens':32000," SENT_X ",'temperature':0.5",
	    .lost = "" },
	{ .name = "stop, user, tier, stream", .from = CHAT,
	    .model = OPUS55,
	    .body = USER_X ",'stop':['\\n','END',''],'user':'u-1',"
	    "'service_tier':'default','stream':true",
	    .want = MAX5 "'stream':true," SENT_X ",'stop_sequences':['END'],"
	    "'metadata':{'user_id':'u-1'},'service_tier':'standard_only'",
	    .lost = "/stop, /stop" },
	{ .name = "what is not said", .from = CHAT, .model = OPUS55,
	    .body = USER_X ",'stop':' ','user':'a@e.test','service_tier':"
	    "'flex','verbosity':'low'",
	    .want = MAX5 SENT_X,
	    .lost = "/user, /verbosity, /service_tier, /stop" },
	{ .name = "JSON", .from = CHAT, .model = OPUS55, .cache = true,
	    .body = "'messages':[{'role':'user','content':'x'}],"
	    "'response_format':{'type':'json_object'}",
	    .want = MAX5 "'system':[{'type':'text','text':'Answer with one "
	    "valid JSON object and nothing else.'" MARK "}],'messages':["
	    "{'role':'user','content':[{'type':'text','text':'x'" MARK "}]}]",
	    .lost = "" },
	{ .name = "a schema", .from = CHAT, .model = SONNET45,
	    .body = USER_X ",'response_format':{'type':'json_schema',"
	    "'json_schema':{'name':'n','strict':true,'schema':{'type':"
	    "'object','$defs':{}}}}",
	    .want = MAX45 SENT_X ",'output_config':{'format':{'type':"
	    "'json_schema','schema':{'type':'object','$defs':{}}}}",
	    .lost = "" },
	{ .name = "marks on tools and two turns", .from = CHAT,
	    .model = OPUS55, .cache = true, .ttl = "1h",
	    .body = "'messages':[{'role':'user','content':'a'},{'role':"
	    "'assistant','content':'b'},{'role':'user','content':'c'},"
	    "{'role':'assistant','content':null,'tool_calls':["
	    CALL_F("c1", "{}") "]},{'role':'tool','tool_call_id':'c1',"
	    "'content':'r'}],'tools':[" TOOL_F "]",
	    .want = MAX5 "'messages':[" U("a") "," A("b") ",{'role':'user',"
	    "'content':[{'type':'text','text':'c','cache_control':{'type':"
	    "'ephemeral','ttl':'1h'}}]},{'role':'assistant','content':["
	    "{'type':'tool_use','id':'c1','name':'f','input':{}}]},{'role':"
	    "'user','content':[{'type':'tool_result','tool_use_id':'c1',"
	    "'content':[{'type':'text','text':'r'}],'cache_control':{'type':"
	    "'ephemeral','ttl':'1h'}}]}],'tools':[{'name':'f',"
	    "'input_schema':{'type':'object','properties':{}},"
	    "'cache_control':{'type':'ephemeral','ttl':'1h'}}]",
	    .lost = "" },
	{ .name = "foreign reasoning", .from = CHAT, .model = OPUS55,
	    .body = "'messages':[{'role':'user','content':'x'},{'role':"
	    "'assistant','content':'a','reasoning_content':'R'},{'role':"
	    "'user','content':'b'}]",
	    .want = MAX5 "'messages':[" U("x") "," A("a") "," U("b") "]",
	    .lost = "/messages/1" },
	{ .name = "own thinking", .from = DIALECT_MESSAGES,
	    .model = SONNET45,
	    .body = "'max_tokens':4000,'messages':[{'role':'user','content':"
	    "'x'},{'role':'assistant','content':[{'type':'thinking',"
	    "'thinking':'T','signature':'Eq'},{'type':'redacted_thinking',"
	    "'data':'Ab'},{'type':'tool_use','id':'c1','name':'f','input':"
	    "{'a':1}},{'type':'thinking','thinking':'end','signature':'E2'}"
	    "]},{'role':'user','content':[{'type':'tool_result',"
	    "'tool_use_id':'c1','content':'r','is_error':true}]}],'tools':["
	    "{'name':'f','input_schema':{'type':'object'}}],'thinking':{"
	    "'type':'enabled','budget_tokens':2000}",
	    .want = "'max_tokens':4000,'messages':[" U("x") ",{'role':"
	    "'assistant','content':[{'type':'thinking','thinking':'T',"
	    "'signature':'Eq'},{'type':'redacted_thinking','data':'Ab'},"
	    "{'type':'tool_use','id':'c1','name':'f','input':{'a':1}}]},"
	    "{'role':'user','content':[{'type':'tool_result','tool_use_id':"
	    "'c1','content':[{'type':'text','text':'r'}],'is_error':true}]}],"
	    "'tools':[{'name':'f','input_schema':{'type':'object'}}],"
	    "'thinking':{'type':'enabled','budget_tokens':2000}",
	    .lost = "" },
	{ .name = "thinking goes with thinking", .from = DIALECT_MESSAGES,
	    .model = OPUS5,
	    .body = "'max_tokens':4000,'messages':[{'role':'user','content':"
	    "'x'},{'role':'assistant','content':[{'type':'thinking',"
	    "'thinking':'T','signature':'Eq'},{'type':'text','text':'a'}]},"
	    "{'role':'user','content':'b'},{'role':'assistant','content':["
	    "{'type':'thinking','thinking':'T','signature':'Eq'}]},"
	    "{'role':'user','content':'c'}],'thinking':{'type':'disabled'}",
	    .want = "'max_tokens':4000,'messages':[" U("x") "," A("a")
	    ",{'role':'user','content':[{'type':'text','text':'b'},{'type':"
	    "'text','text':'c'}]}],'thinking':{'type':'disabled'}",
	    .lost = "" },
};

/* ---- requests of Messages clients ---- */

#define NOWHERE "|messages\n"
#define WITH(content) "{'messages':[{'role':'user','content':[" content "]}]}"
#define WITH_A(content) "{'messages':[{'role':'assistant','content':[" \
	content "]}]}"

static const struct {
	const char *name, *body, *want;
} read_rows[] = {
	{ "plain", "{'model':'m','max_tokens':9,'messages':[{'role':'user',"
	    "'content':'a\\n'}],'stream':true}",
	    "U text(a\\n)\nmax=9\nstream\n" },
	{ "system, mixed", "{'messages':[{'role':'user','content':'hi'},"
	    "{'role':'system','content':[{'type':'text','text':'Two',"
	    "'cache_control':{'type':'ephemeral'}}]},{'role':'assistant',"
	    "'content':'ok'},{'role':'system','content':'Three'}],'system':"
	    "[{'type':'text','text':'One'},{'type':'text','text':'1b'}]}",
	    "S text(One) text(1b)\nU text(hi)\nS text(Two)\nA text(ok)\n"
	    "S text(Three)\n" },
	{ "images", WITH("{'type':'image','source':{'type':'base64',"
	    "'media_type':'image/png','data':'AA'}},{'type':'image',"
	    "'source':{'type':'url','url':'https://e.test/i'}},{'type':"
	    "'image','source':{'type':'file','file_id':'f1'}}"),
	    "U image(image/png,AA,) image(,https://e.test/i,)"
	    " image(,f1,)\n" },
	{ "documents", WITH("{'type':'document','title':'T','context':'C',"
	    "'source':{'type':'base64','media_type':'application/pdf',"
	    "'data':'JV'},'citations':{'enabled':true}},{'type':'document',"
	    "'source':{'type':'text','media_type':'text/plain','data':'D'}},"
	    "{'type':'document','source':{'type':'url','url':'u'}},{'type':"
	    "'document','source':{'type':'file','file_id':'f'}},{'type':"
	    "'document','source':{'type':'content','content':'E'}},{'type':"
	    "'document','title':'T2','source':{'type':'content','content':["
	    "{'type':'text','text':'F'},{'type':'image','source':{'type':"
	    "'url','url':'i'}}]}}"),
	    "U text(C) document(application/pdf,JV,T)"
	    " document(plain,text/plain,D,) document(,u,) document(,f,)"
	    " document(plain,text/plain,E,) text(T2) text(F) image(,i,)\n" },
	{ "search results", WITH("{'type':'search_result','source':'S',"
	    "'title':'T','content':[{'type':'text','text':'a'},{'type':"
	    "'text','text':'b'}],'citations':{'enabled':true}}"),
	    "U text(T) text(S) text(a) text(b)\n" },
	{ "calls and results", "{'messages':[{'role':'user','content':'x'},"
	    "{'role':'assistant','content':[{'type':'text','text':'t'},"
	    "{'type':'tool_use','id':'t1','name':'f','input':{'a':1},"
	    "'caller':{'type':'direct'}},{'type':'tool_use','id':'t2',"
	    "'name':'g'}]},{'role':'user','content':[{'type':'tool_result',"
	    "'tool_use_id':'t1','content':'r1','is_error':false},{'type':"
	    "'tool_result','tool_use_id':'t2','is_error':true,'content':["
	    "{'type':'text','text':'r2'},{'type':'image','source':{'type':"
	    "'base64','media_type':'image/png','data':'AA'}},{'type':"
	    "'document','source':{'type':'text','data':'DD'}},{'type':"
	    "'tool_reference','tool_name':'h'}]},{'type':'text','text':"
	    "'more'}]},{'role':'user','content':[{'type':'tool_result',"
	    "'tool_use_id':'t3'}]}]}",
	    "U text(x)\nA text(t) call({'a':1},t1,f) call({},t2,g)\n"
	    "U result(,t1, text(r1)) result(,t2,,error text(r2) image(AA)"
	    " document(DD)) text(more)\nU result(,t3,)\n"
	    "lost=/messages/2/content/1/content/3\n" },
	{ "thinking", WITH_A("{'type':'thinking','thinking':'T','signature':"
	    "'Eq'},{'type':'thinking','thinking':'U','signature':''},"
	    "{'type':'redacted_thinking','data':'Ab'},{'type':'thinking',"
	    "'thinking':'V','signature':'llmux-r1.o.0.0.x'}"),
	    "A reasoning(T,a,Eq) reasoning(U,none,)"
	    " reasoning(,a,Ab,redacted) reasoning(V,none,)\n"
	    "lost=/messages/0/content/3\n" },
	{ "the provider's own tools", WITH_A("{'type':'server_tool_use',"
	    "'id':'s','name':'web_search','input':{}},{'type':"
	    "'web_search_tool_result','tool_use_id':'s','content':[]},"
	    "{'type':'text','text':'found','citations':[{}]}"),
	    "A text(found)\nlost=/messages/0/content/0,"
	    " /messages/0/content/1\n" },
	{ "tools", "{'messages':[{'role':'user','content':'x'}],'tools':["
	    "{'name':'f','description':'D','input_schema':{'type':'object'},"
	    "'cache_control':{'type':'ephemeral'}},{'type':'custom','name':"
	    "'g','input_schema':{},'defer_loading':true},{'type':"
	    "'web_search_20260209','name':'web_search'},{'type':"
	    "'bash_20250124','name':'bash'}],'tool_choice':{'type':'any',"
	    "'disable_parallel_tool_use':true}}",
	    "U text(x)\ntool=f,D,{'type':'object'}\ntool=g,,{}\n"
	    "tool=web_search,,,hosted,search\ntool=bash,,,hosted\n"
	    "choice=3,\none call\n" },
	{ "a choice", "{'messages':[{'role':'user','content':'x'}],'tools':"
	    "[],'tool_choice':{'type':'tool','name':'f'}}",
	    "U text(x)\nchoice=4,f\n" },
	{ "budget", "{" USER_X ",'thinking':{'type':'enabled',"
	    "'budget_tokens':31999,'display':'omitted'}}",
	    "U text(x)\nthink=,31999,\n" },
	{ "adaptive", "{" USER_X ",'thinking':{'type':'adaptive','display':"
	    "'summarized'},'output_config':{'effort':'xhigh','format':{"
	    "'type':'json_schema','schema':{'type':'object'}}}}",
	    "U text(x)\nthink=xhigh,0,adaptive,auto\n"
	    "schema={'type':'object'}\n" },
	{ "off", "{" USER_X ",'thinking':{'type':'disabled'},"
	    "'output_config':{'effort':'high','format':null}}",
	    "U text(x)\nthink=none,0,\n" },
	{ "off, the other order", "{" USER_X ",'output_config':{'effort':"
	    "'high'},'thinking':{'type':'disabled'}}",
	    "U text(x)\nthink=none,0,\n" },
	{ "what nobody knows", "{" USER_X ",'thinking':{'type':"
	    "'between_tools'},'output_config':{'effort':'most'},"
	    "'context_management':{'edits':[]},'safeguards':{},'a b/c':1,"
	    "'speed':'fast','output_format':{'type':'json_schema','schema':"
	    "{}},'temperature':'hot','mcp_servers':[],'container':null}",
	    "U text(x)\nschema={}\nlost=/thinking, /output_config/effort,"
	    " /context_management, /safeguards, /a?b/c, /speed,"
	    " /temperature\n" },
	{ "the rest", "{" USER_X ",'stop_sequences':['a','\\n'],'metadata':"
	    "{'user_id':'{\\'k\\':1}'},'service_tier':'standard_only',"
	    "'temperature':0.5,'top_p':1e0,'top_k':40,'max_tokens':0,"
	    "'cache_control':{'type':'ephemeral'}}",
	    "U text(x)\nmax=1\nsampling=0.5,1e0,40\nstop=a\nstop=\\n\n"
	    "user={\\'k\\':1}\ntier=default\n" },
	{ "nothing in lists", "{" USER_X ",'tools':null,'system':'',"
	    "'stop_sequences':[],'tool_choice':null}", "S\nU text(x)\n" },

	{ "no messages", "{'model':'m'}",
	    "400 messages: expected an array of messages|messages\n" },
	{ "an empty list", "{'messages':[]}",
	    "400 messages: expected an array of messages|messages\n" },
	{ "a role", "{'messages':[{'role':'tool','content':'x'}]}",
	    "400 messages[0].role: expected user, assistant or system"
	    "|messages[0].role\n" },
	{ "no object", "{'messages':['x']}",
	    "400 messages[0].role: expected user, assistant or system"
	    "|messages[0].role\n" },
	{ "content", "{'messages':[{'role':'user','content':null}]}",
	    "400 messages[0].content: expected a string or an array of "
	    "blocks|messages[0].content\n" },
	{ "a block", WITH("'x'"), "400 messages[0].content[0].type: expected "
	    "a block with a type|messages[0].content[0].type\n" },
	{ "text", WITH("{'type':'text','text':1}"),
	    "400 messages[0].content[0].text: expected a string"
	    "|messages[0].content[0].text\n" },
	{ "text in a result", WITH("{'type':'tool_result','tool_use_id':"
	    "'t','content':[{'type':'text','text':'a'},{'type':'text'}]}"),
	    "400 messages[0].content[0].content[1].text: expected a string"
	    "|messages[0].content[0].content[1].text\n" },
	{ "a result's content", WITH("{'type':'tool_result','tool_use_id':"
	    "'t','content':{}}"),
	    "400 messages[0].content[0].content: expected a string or an "
	    "array of blocks|messages[0].content[0].content\n" },
	{ "a result's id", WITH("{'type':'tool_result'}"),
	    "400 messages[0].content[0].tool_use_id: expected an id"
	    "|messages[0].content[0].tool_use_id\n" },
	{ "a call's name", WITH_A("{'type':'tool_use','id':'t','name':''}"),
	    "400 messages[0].content[0].name: expected a name"
	    "|messages[0].content[0].name\n" },
	{ "a call's id", WITH_A("{'type':'tool_use','name':'f'}"),
	    "400 messages[0].content[0].id: expected an id"
	    "|messages[0].content[0].id\n" },
	{ "an image's source", WITH("{'type':'image','source':{'type':"
	    "'text','data':'x'}}"),
	    "400 messages[0].content[0].source.type: expected base64, url, "
	    "file, or (in a document) text or content"
	    "|messages[0].content[0].source.type\n" },
	{ "an image's data", WITH("{'type':'image','source':{'type':"
	    "'base64'}}"),
	    "400 messages[0].content[0].source.data: expected a string"
	    "|messages[0].content[0].source.data\n" },
	{ "system", "{" USER_X ",'system':5}",
	    "400 system: expected a string or an array of blocks|system\n" },
	{ "system's text", "{" USER_X ",'system':[{'type':'text'}]}",
	    "400 system[0].text: expected a string|system[0].text\n" },
	{ "tools", "{" USER_X ",'tools':{}}",
	    "400 tools: expected an array|tools\n" },
	{ "a tool", "{" USER_X ",'tools':['f']}",
	    "400 tools[0]: expected an object|tools[0]\n" },
	{ "a tool's name", "{" USER_X ",'tools':[{'name':'f'},{}]}",
	    "400 tools[1].name: expected a name|tools[1].name\n" },
	{ "tool_choice", "{" USER_X ",'tool_choice':{'type':'all'}}",
	    "400 tool_choice.type: expected auto, any, tool or none"
	    "|tool_choice.type\n" },
	{ "a choice without name", "{" USER_X ",'tool_choice':{'type':"
	    "'tool'}}",
	    "400 tool_choice.name: expected a name|tool_choice.name\n" },
	{ "max_tokens", "{" USER_X ",'max_tokens':-1}",
	    "400 max_tokens: expected a number|max_tokens\n" },
	{ "stop_sequences", "{" USER_X ",'stop_sequences':['a',1]}",
	    "400 stop_sequences: expected an array of strings"
	    "|stop_sequences\n" },
	{ "stop_sequences, a string", "{" USER_X ",'stop_sequences':'a'}",
	    "400 stop_sequences: expected an array of strings"
	    "|stop_sequences\n" },
	{ "a format", "{" USER_X ",'output_config':{'format':{'type':"
	    "'grammar'}}}",
	    "400 output_config.format: expected json_schema with a schema"
	    "|output_config.format\n" },
	{ "container", "{" USER_X ",'container':'c1'}",
	    "400 container: this provider keeps no such state|container\n" },
	{ "mcp_servers", "{" USER_X ",'mcp_servers':[{}]}",
	    "400 mcp_servers: this provider keeps no such state"
	    "|mcp_servers\n" },
};

/* ---- answers of Anthropic ---- */

#define BEGIN "{'type':'message_start','message':{'id':'msg_1','usage':{" \
	"'input_tokens':13,'cache_read_input_tokens':22000," \
	"'cache_creation_input_tokens':500,'output_tokens':1}}}\n"
#define BEGUN "start in=22513,22000,500 out=1,0\n"
#define OPENED(block) "{'type':'content_block_start','index':0," \
	"'content_block':{" block "}}\n"
#define DELTA(d) "{'type':'content_block_delta','index':0,'delta':{" d "}}\n"
#define TEXT(t) DELTA("'type':'text_delta','text':'" t "'")
#define JSON(t) DELTA("'type':'input_json_delta','partial_json':'" t "'")
#define CLOSED "{'type':'content_block_stop','index':0}\n"
#define STOPPED(why) "{'type':'message_delta','delta':{'stop_reason':'" why \
	"','stop_sequence':null},'usage':{'output_tokens':40}}\n"
#define STOP "{'type':'message_stop'}\n"
#define USED " in=22513,22000,500 out=40,0\n"
#define ENDED "ended done "

static const struct answer_row {
	const char *name, *text, *want;
	bool whole;
} answer_rows[] = {
	{ "text", BEGIN "{'type':'ping'}\n" OPENED("'type':'text','text':''")
	    TEXT("Hi \\ud83d") TEXT("") TEXT("\\ude00")
	    DELTA("'type':'citations_delta','citation':{}") CLOSED
	    STOPPED("end_turn") STOP,
	    BEGUN "open text\ndelta Hi \\ud83d\ndelta \\ude00\nclose\n"
	    "stop end " USED ENDED "content\n", false },
	{ "later counts win", BEGIN "{'type':'message_delta','delta':{},"
	    "'usage':{'input_tokens':20,'output_tokens':7,"
	    "'cache_read_input_tokens':null,'output_tokens_details':"
	    "{'thinking_tokens':3}}}\n" STOP,
	    BEGUN "stop end  in=22520,22000,500 out=7,3\n" ENDED "\n",
	    false },
	{ "tools", BEGIN OPENED("'type':'tool_use','id':'toolu_1','name':"
	    "'a_b','input':{}") JSON("") JSON("{\\'x\\'") JSON(":1}") CLOSED
	    OPENED("'type':'tool_use','id':'toolu_2','name':'mcp__go',"
	    "'input':{}") CLOSED STOPPED("tool_use") STOP,
	    BEGUN "open tool toolu_1 a.b \ndelta {\\'x\\'\ndelta :1}\nclose\n"
	    "open tool toolu_2 go mcp\nclose\nstop tool " USED ENDED
	    "content\n", false },
	{ "arguments at the begin", BEGIN OPENED("'type':'tool_use','id':"
	    "'t','name':'f','input':{'a':'b'}") CLOSED OPENED("'type':"
	    "'tool_use','id':'u','name':'f','input':{'a':1}") JSON("{}")
	    CLOSED,
	    BEGUN "open tool t f \ndelta {\\'a\\':\\'b\\'}\nclose\n"
	    "open tool u f \ndelta {}\nclose\ncontent\n", false },
	{ "custom tools", BEGIN OPENED("'type':'tool_use','id':'t1','name':"
	    "'patch','input':{}") JSON("{\\'input\\':\\'a")
	    JSON("\\\\nb\\'}") CLOSED OPENED("'type':'tool_use','id':'t2',"
	    "'name':'patch','input':{'input':'c'}") CLOSED
	    OPENED("'type':'tool_use','id':'t3','name':'patch','input':{}")
	    JSON("{\\'inp") CLOSED STOPPED("max_tokens") STOP,
	    BEGUN "open custom t1 patch \ndelta a\\nb\nclose\n"
	    "open custom t2 patch \ndelta c\nclose\n"
	    "open custom t3 patch \ndelta {\\'inp\nclose\n"
	    "stop length " USED ENDED "content\n", false },
	{ "thinking", BEGIN OPENED("'type':'thinking','thinking':'',"
	    "'signature':''") DELTA("'type':'thinking_delta','thinking':'Hm'")
	    DELTA("'type':'signature_delta','signature':'Eq'")
	    DELTA("'type':'signature_delta','signature':'QB'") CLOSED
	    OPENED("'type':'redacted_thinking','data':'Ab'") CLOSED
	    OPENED("'type':'thinking','thinking':''") CLOSED
	    STOPPED("refusal") STOP,
	    BEGUN "open reasoning\ndelta Hm\nclose a:EqQB\n"
	    "open reasoning redacted:Ab\nclose a:redacted:Ab\n"
	    "open reasoning\nclose\nstop filter " USED ENDED "content\n",
	    false },
	{ "passed over", BEGIN OPENED("'type':'server_tool_use','id':'s',"
	    "'name':'web_search','input':{}") JSON("{}") CLOSED
	    "{'type':'news','x':1}\n" OPENED("'type':"
	    "'web_search_tool_result','content':[]") CLOSED
	    DELTA("'type':'text_delta','text':'nowhere'") CLOSED
	    STOPPED("pause_turn") STOP STOP,
	    BEGUN "stop end " USED ENDED "\n", false },
	{ "sloppy", OPENED("'type':'text','text':'a'") OPENED("'type':"
	    "'tool_use','id':'t','name':'f'") STOP,
	    "start\nopen text\ndelta a\nclose\nopen tool t f \nclose\n"
	    "stop tool \n" ENDED "content\n", false },
	{ "cut", BEGIN OPENED("'type':'text','text':''") TEXT("a") CLOSED
	    STOPPED("end_turn"),
	    BEGUN "open text\ndelta a\nclose\ncontent\n", false },
	{ "stop sequence", BEGIN "{'type':'message_delta','delta':{"
	    "'stop_reason':'stop_sequence','stop_sequence':'EN\\'D'}}\n" STOP,
	    BEGUN "stop sequence EN\\'D in=22513,22000,500 out=1,0\n" ENDED
	    "\n", false },
	{ "context full", BEGIN STOPPED("model_context_window_exceeded") STOP,
	    BEGUN "stop length " USED ENDED "\n", false },
	{ "a failure", BEGIN OPENED("'type':'text','text':''") TEXT("a")
	    "{'type':'error','error':{'type':'overloaded_error','message':"
	    "'Over\\nloaded'}}\n" TEXT("b"),
	    BEGUN "open text\ndelta a\n"
	    "error 503 overloaded_error Over\nloaded\n"
	    "failed done content\n", false },
	{ "a failure at first", "{'type':'error','error':{}}\n",
	    "error 502 - the upstream failed without a reason\n"
	    "failed done \n", false },
	{ "no JSON", BEGIN "{'type':\n",
	    BEGUN "error 502 server_error the upstream sent an event that is "
	    "no JSON\nfailed done \n", false },
	{ "whole", "{'id':'m','type':'message','role':'assistant','content':["
	    "{'type':'thinking','thinking':'Hm','signature':'Eq'},"
	    "{'type':'redacted_thinking','data':'Ab'},"
	    "{'type':'text','text':'Hi','citations':null},"
	    "{'type':'server_tool_use','id':'s','name':'x','input':{}},"
	    "{'type':'tool_use','id':'t1','name':'a_b','input':{'x':[1]}},"
	    "{'type':'tool_use','id':'t2','name':'patch','input':{'input':"
	    "'a\\nb'}},{'type':'tool_use','id':'t3','name':'f','input':{}}],"
	    "'stop_reason':'tool_use','stop_sequence':null,'usage':{"
	    "'input_tokens':40,'output_tokens':55,"
	    "'cache_read_input_tokens':8}}",
	    "start in=48,8,0 out=55,0\nopen reasoning\ndelta Hm\n"
	    "close a:Eq\nopen reasoning redacted:Ab\nclose a:redacted:Ab\n"
	    "open text\ndelta Hi\nclose\nopen tool t1 a.b \n"
	    "delta {\\'x\\':[1]}\nclose\nopen custom t2 patch \n"
	    "delta a\\nb\nclose\nopen tool t3 f \nclose\n"
	    "stop tool  in=48,8,0 out=55,0\n" ENDED "content\n", true },
	{ "whole, nothing", "{'type':'message','content':[],'stop_reason':"
	    "'end_turn'}", "start\nstop end \n" ENDED "\n", true },
	{ "none of this dialect", "{'object':'chat.completion','choices':[]}",
	    "bad \n", true },
	{ "an error", "{'type':'error','error':{'type':'api_error'}}",
	    "bad \n", true },
	{ "no JSON at all", "<html>", "bad \n", true },
};

/* ---- sealed thinking ---- */

#define WHOLE(block) "'content':[" block "]"

static const struct sealed_row {
	const char *name;
	enum seal_maker maker;
	const char *tag, *sealed;
	bool redacted;
	const char *text, *streamed, *whole;
} sealed_rows[] = {
	{ "its own", SEAL_ANTHROPIC, NULL, "Eq\\/B", false, "Hm",
	    "'thinking':'Hm'}}\n\nevent: content_block_delta\ndata: {'type':"
	    "'content_block_delta','index':0,'delta':{'type':"
	    "'signature_delta','signature':'Eq\\/B'}}\n\n"
	    "event: content_block_stop\n",
	    WHOLE("{'type':'thinking','thinking':'Hm','signature':"
	    "'Eq\\/B'}") },
	{ "wrapped", SEAL_OPENAI, "0123abcd", "gAAA", false, "",
	    "'delta':{'type':'signature_delta','signature':"
	    "'llmux-r1.o.0123abcd.",
	    "'content':[{'type':'thinking','thinking':'','signature':"
	    "'llmux-r1.o.0123abcd." },
	{ "no tag, no wrapping", SEAL_OPENAI, NULL, "gAAA", false, "Hm",
	    "'thinking':'Hm'}}\n\nevent: content_block_stop",
	    WHOLE("{'type':'thinking','thinking':'Hm','signature':''}") },
	{ "nothing sealed", SEAL_NONE, "0123abcd", "", false, "Hm",
	    "'thinking':'Hm'}}\n\nevent: content_block_stop",
	    WHOLE("{'type':'thinking','thinking':'Hm','signature':''}") },
	{ "redacted", SEAL_ANTHROPIC, NULL, "redacted:Ab", true, "",
	    "'content_block':{'type':'redacted_thinking','data':'Ab'}}\n\n"
	    "event: content_block_stop",
	    WHOLE("{'type':'redacted_thinking','data':'Ab'}") },
};

#endif
