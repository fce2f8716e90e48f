/* SPDX-License-Identifier: MIT */
/*
 * The large tables of test_dialects.c: neutral events, and what each dialect
 * makes of them, streamed and whole, to the byte; streams that pass, and what
 * a tap sees in them; requests, and what the echo model says. In all texts an
 * apostrophe stands for a quote, a tilde for the constant members of a
 * response object.
 */
#ifndef LLMUX_TESTS_DIALECT_ROWS_H
#define LLMUX_TESTS_DIALECT_ROWS_H

#include "../dialects/dialect.h"

/* ---- scripts of neutral events ---- */

#define U(i, c, w, o, r) .usage = { .known = true, .input = i, .cached = c, \
	.written = w, .output = o, .reasoning = r }
#define START { .type = EV_START, U(30, 0, 0, 0, 0) }
#define OPEN(k) { .type = EV_OPEN, .kind = k }
#define CALL(k, i, n, s) { .type = EV_OPEN, .kind = k, .id = STR_INIT(i), \
	.name = STR_INIT(n), .namespace = STR_INIT(s) }
#define SAY(t) { .type = EV_DELTA, .text = STR_INIT(t) }
#define CLOSE { .type = EV_CLOSE }
#define STOP(s) { .type = EV_STOP, .stop = s, U(30, 8, 2, 21, 15) }
#define END_TYPE ((enum event_type)99)
#define END { .type = END_TYPE }

static const struct event text_events[] = { START, OPEN(BLOCK_TEXT),
	SAY("Four "), SAY(""), SAY("\\u0034 \xe2\x82\xac"), CLOSE,
	STOP(STOP_END), END };
static const struct event empty_events[] = { START, OPEN(BLOCK_TEXT), CLOSE,
	STOP(STOP_TOOL), END };
static const struct event nothing_events[] = { START, STOP(STOP_FILTER), END };
static const struct event think_events[] = { START, OPEN(BLOCK_REASONING),
	SAY("Hm."), CLOSE, OPEN(BLOCK_TEXT), SAY("4"), CLOSE, STOP(STOP_END),
	END };
/* Two calls, the second without arguments. */
static const struct event call_events[] = { START,
	CALL(BLOCK_TOOL, "call_1", "get_time", "clock"), SAY("{\\\"tz\\\":"),
	SAY("\\\"UTC\\\"}"), CLOSE, CALL(BLOCK_TOOL, "call_2", "stop", ""),
	CLOSE, STOP(STOP_END), END };
static const struct event custom_events[] = { START, OPEN(BLOCK_REASONING),
	CLOSE, CALL(BLOCK_CUSTOM, "call_1", "exec", "shell"), SAY("ls "),
	SAY("-l"), CLOSE, STOP(STOP_TOOL), END };
static const struct event refusal_events[] = { START, OPEN(BLOCK_REFUSAL),
	SAY("No."), CLOSE, STOP(STOP_FILTER), END };
static const struct event cut_events[] = { START,
	CALL(BLOCK_TOOL, "call_1", "f", ""), SAY("{\\\"a"), CLOSE,
	STOP(STOP_LENGTH), END };
static const struct event list_events[] = { START,
	CALL(BLOCK_TOOL, "call_1", "f", ""), SAY("[1]"), CLOSE,
	STOP(STOP_TOOL), END };
/* The usage comes first, and is odd. */
static const struct event sequence_events[] = { { .type = EV_USAGE,
	U(1, 8, 2, 0, 0) }, { .type = EV_START }, { .type = EV_STOP,
	.stop = STOP_SEQUENCE, .stop_sequence = STR_INIT("\\ud800\\n") },
	END };
#define FAILURE { .status = 503, .code = "overloaded", \
	.message = STR_INIT("too \"much\"\n"), .request_id = STR_INIT("r1") }
static const struct event error_events[] = { START, OPEN(BLOCK_TEXT),
	SAY("a"), CLOSE, OPEN(BLOCK_TEXT), SAY("b"),
	{ .type = EV_ERROR, .failure = FAILURE }, END };
static const struct event early_events[] = { { .type = EV_ERROR,
	.failure = FAILURE }, END };

/* ---- what they are in each dialect ---- */

/* Chat: a chunk with this delta; the last chunks; the whole answer. */
#define CHUNK_HEAD "data: {'id':'chatcmpl-0a','object':" \
	"'chat.completion.chunk','created':1795000000,'model':'m\\n'," \
	"'choices':["
#define CHUNK(d) CHUNK_HEAD "{'index':0,'delta':{" d "}," \
	"'finish_reason':null}]}\n\n"
#define CHUNK_ROLE CHUNK("'role':'assistant','content':''")
#define CHUNK_CALL(c) CHUNK("'tool_calls':[{" c "}]")
#define CHUNK_END(f) CHUNK_HEAD "{'index':0,'delta':{},'finish_reason':'" f \
	"'}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define CHAT_USAGE "'usage':{'prompt_tokens':30,'completion_tokens':21," \
	"'total_tokens':51,'prompt_tokens_details':{'cached_tokens':8," \
	"'cache_write_tokens':2},'completion_tokens_details':{" \
	"'reasoning_tokens':15}}"
#define CHAT(m, f) "{'id':'chatcmpl-0a','object':'chat.completion'," \
	"'created':1795000000,'model':'m\\n','choices':[{'index':0," \
	"'message':{'role':'assistant'," m "},'finish_reason':'" f "'," \
	"'logprobs':null}]," CHAT_USAGE "}"
#define OPENAI_ERROR "{'error':{'message':'too \\\"much\\\"\\n','type':" \
	"'server_error','param':null,'code':'overloaded'}}"

/* Responses: the response object, and events of it and of its items. */
#define RESPONSE(status, error, why, output, usage) "{'id':'resp_0a'," \
	"'object':'response','created_at':1795000000,'status':'" status "'," \
	"'error':" error ",'incomplete_details':" why ",'model':'m\\n'," \
	"'output':[" output "],~,'usage':" usage "}"
#define RESPONSE_USAGE "{'input_tokens':30,'input_tokens_details':{" \
	"'cached_tokens':8,'cache_write_tokens':2},'output_tokens':21," \
	"'output_tokens_details':{'reasoning_tokens':15},'total_tokens':51}"
#define WHY(r) "{'reason':'" r "'}"
#define EV(type, seq, rest) "event: " type "\ndata: {'type':'" type "'," \
	"'sequence_number':" seq "," rest "}\n\n"
#define R_LIFE(what, seq, response) EV("response." what, seq, \
	"'response':" response)
#define R_BEGIN R_LIFE("created", "0", RESPONSE("in_progress", "null", \
	"null", "", "null")) R_LIFE("in_progress", "1", \
	RESPONSE("in_progress", "null", "null", "", "null"))
#define R_END(seq, output) R_LIFE("completed", seq, RESPONSE("completed", \
	"null", "null", output, RESPONSE_USAGE))
#define R_ADDED(seq, i, item) EV("response.output_item.added", seq, \
	"'output_index':" i ",'item':" item)
#define R_DONE(seq, i, item) EV("response.output_item.done", seq, \
	"'output_index':" i ",'item':" item)
#define R_AT(type, seq, id, i, rest) EV("response." type, seq, "'item_id':'" \
	id "','output_index':" i "," rest)
#define MESSAGE(id, status, parts) "{'id':'" id "','type':'message'," \
	"'status':'" status "','role':'assistant','content':[" parts "]}"
#define OUT_TEXT(t) "{'type':'output_text','text':'" t "','annotations':[]," \
	"'logprobs':[]}"
#define R_TEXT(s1, s2, s3, s4, s5, s6, i, id, t) \
	R_ADDED(s1, i, MESSAGE(id, "in_progress", "")) \
	R_AT("content_part.added", s2, id, i, "'content_index':0,'part':" \
	OUT_TEXT("")) \
	R_AT("output_text.delta", s3, id, i, "'content_index':0,'delta':'" t \
	"','logprobs':[]") \
	R_AT("output_text.done", s4, id, i, "'content_index':0,'text':'" t \
	"','logprobs':[]") \
	R_AT("content_part.done", s5, id, i, "'content_index':0,'part':" \
	OUT_TEXT(t)) \
	R_DONE(s6, i, MESSAGE(id, "completed", OUT_TEXT(t)))
#define REFUSAL(t) "{'type':'refusal','refusal':'" t "'}"
#define SUMMARY(t) "{'type':'summary_text','text':'" t "'}"
#define REASONING(id, parts) "{'id':'" id "','type':'reasoning','summary':[" \
	parts "]}"
#define F_CALL(id, status, call, name, args) "{'id':'" id "','type':" \
	"'function_call','status':'" status "','call_id':'" call "'," \
	"'name':'" name ",'arguments':'" args "'}"
#define C_CALL(id, status, input) "{'id':'" id "','type':" \
	"'custom_tool_call','status':'" status "','call_id':'call_1'," \
	"'name':'exec','namespace':'shell','input':'" input "'}"
#define UTC "{\\\"tz\\\":\\\"UTC\\\"}"
#define THOUGHT REASONING("rs_0a_0", SUMMARY("Hm.")) "," \
	MESSAGE("msg_0a_1", "completed", OUT_TEXT("4"))
#define CALL_1(status, args) F_CALL("fc_0a_0", status, "call_1", \
	"get_time','namespace':'clock'", args)
#define CALL_2(status, args) F_CALL("fc_0a_1", status, "call_2", "stop'", \
	args)

/* Messages: an event; the start and the end; the whole answer. */
#define MV(type, rest) "event: " type "\ndata: {'type':'" type "'" rest \
	"}\n\n"
#define M_USAGE(i, w, r, o) "'usage':{'input_tokens':" i "," \
	"'cache_creation_input_tokens':" w ",'cache_read_input_tokens':" r "," \
	"'output_tokens':" o "}"
#define M_START MV("message_start", ",'message':{'id':'msg_0a','type':" \
	"'message','role':'assistant','model':'m\\n','content':[]," \
	"'stop_reason':null,'stop_sequence':null," M_USAGE("30", "0", "0", \
	"0") "}")
#define M_OPEN(i, b) MV("content_block_start", ",'index':" i \
	",'content_block':{'type':" b "}")
#define M_DELTA(i, d) MV("content_block_delta", ",'index':" i \
	",'delta':{'type':" d "}")
#define M_CLOSE(i) MV("content_block_stop", ",'index':" i)
#define M_TEXT(t) "'text','text':'" t "'"
#define M_STOP(r, s, u) MV("message_delta", ",'delta':{'stop_reason':'" r \
	"','stop_sequence':" s "}," u) MV("message_stop", "")
#define M_LAST M_USAGE("20", "2", "8", "21")
#define M_WHOLE(content, r, s, u) "{'id':'msg_0a','type':'message'," \
	"'role':'assistant','model':'m\\n','content':[" content "]," \
	"'stop_reason':'" r "','stop_sequence':" s "," u "}"
#define M_ERROR "{'type':'error','error':{'type':'overloaded_error'," \
	"'message':'too \\\"much\\\"\\n'},'request_id':'r1'}"

enum form { WHOLE, STREAM, STREAM_USAGE };

static const struct {
	const char *name;
	enum dialect d;
	enum form form;
	const struct event *events;
	const char *want;
} answers[] = {
	{ "chat text", DIALECT_CHAT, STREAM_USAGE, text_events, CHUNK_ROLE
	    CHUNK("'content':'Four '")
	    CHUNK("'content':'\\u0034 \xe2\x82\xac'") CHUNK_END("stop")
	    CHUNK_HEAD "]," CHAT_USAGE "}\n\n" DONE },
	{ "chat text, whole", DIALECT_CHAT, WHOLE, text_events,
	    CHAT("'content':'Four \\u0034 \xe2\x82\xac','refusal':null",
	    "stop") },
	{ "chat empty", DIALECT_CHAT, STREAM, empty_events, CHUNK_ROLE
	    CHUNK_END("stop") DONE },
	{ "chat empty, whole", DIALECT_CHAT, WHOLE, empty_events,
	    CHAT("'content':'','refusal':null", "stop") },
	{ "chat nothing", DIALECT_CHAT, STREAM, nothing_events, CHUNK_ROLE
	    CHUNK_END("content_filter") DONE },
	{ "chat reasoning", DIALECT_CHAT, STREAM, think_events, CHUNK_ROLE
	    CHUNK("'reasoning_content':'Hm.'")
	    CHUNK("'content':'4'") CHUNK_END("stop") DONE },
	{ "chat reasoning, whole", DIALECT_CHAT, WHOLE, think_events,
	    CHAT("'content':'4','refusal':null,'reasoning_content':'Hm.'",
	    "stop") },
	{ "chat calls", DIALECT_CHAT, STREAM, call_events, CHUNK_ROLE
	    CHUNK_CALL("'index':0,'id':'call_1','type':'function',"
	    "'function':{'name':'get_time','arguments':''}")
	    CHUNK_CALL("'index':0,'function':{'arguments':'{\\\"tz\\\":'}")
	    CHUNK_CALL("'index':0,'function':{'arguments':"
	    "'\\\"UTC\\\"}'}")
	    CHUNK_CALL("'index':1,'id':'call_2','type':'function',"
	    "'function':{'name':'stop','arguments':''}")
	    CHUNK_CALL("'index':1,'function':{'arguments':'{}'}")
	    CHUNK_END("tool_calls") DONE },
	{ "chat calls, whole", DIALECT_CHAT, WHOLE, call_events,
	    CHAT("'content':null,'refusal':null,"
	    "'tool_calls':[{'id':'call_1','type':'function','function':{"
	    "'name':'get_time','arguments':'" UTC "'}},{'id':'call_2',"
	    "'type':'function','function':{'name':'stop','arguments':'{}'}}]",
	    "tool_calls") },
	{ "chat custom", DIALECT_CHAT, STREAM, custom_events, CHUNK_ROLE
	    CHUNK_CALL("'index':0,'id':'call_1','type':'custom','custom':{"
	    "'name':'exec','input':''}")
	    CHUNK_CALL("'index':0,'custom':{'input':'ls '}")
	    CHUNK_CALL("'index':0,'custom':{'input':'-l'}")
	    CHUNK_END("tool_calls") DONE },
	{ "chat custom, whole", DIALECT_CHAT, WHOLE, custom_events,
	    CHAT("'content':null,'refusal':null,'tool_calls':[{'id':"
	    "'call_1','type':'custom','custom':{'name':'exec','input':"
	    "'ls -l'}}]", "tool_calls") },
	{ "chat refusal", DIALECT_CHAT, STREAM, refusal_events, CHUNK_ROLE
	    CHUNK("'refusal':'No.'") CHUNK_END("content_filter") DONE },
	{ "chat refusal, whole", DIALECT_CHAT, WHOLE, refusal_events,
	    CHAT("'content':null,'refusal':'No.'", "content_filter") },
	{ "chat cut, whole", DIALECT_CHAT, WHOLE, cut_events,
	    CHAT("'content':null,'refusal':null,'tool_calls':[{'id':"
	    "'call_1','type':'function','function':{'name':'f',"
	    "'arguments':'{\\\"a'}}]", "length") },
	{ "chat error", DIALECT_CHAT, STREAM_USAGE, error_events, CHUNK_ROLE
	    CHUNK("'content':'a'") CHUNK("'content':'b'")
	    "data: " OPENAI_ERROR "\n\n" },
	{ "chat early error", DIALECT_CHAT, STREAM, early_events,
	    "data: " OPENAI_ERROR "\n\n" },
	{ "chat error, whole", DIALECT_CHAT, WHOLE, error_events,
	    OPENAI_ERROR },

	{ "responses text", DIALECT_RESPONSES, STREAM, text_events, R_BEGIN
	    R_ADDED("2", "0", MESSAGE("msg_0a_0", "in_progress", ""))
	    R_AT("content_part.added", "3", "msg_0a_0", "0",
	    "'content_index':0,'part':" OUT_TEXT(""))
	    R_AT("output_text.delta", "4", "msg_0a_0", "0",
	    "'content_index':0,'delta':'Four ','logprobs':[]")
	    R_AT("output_text.delta", "5", "msg_0a_0", "0",
	    "'content_index':0,'delta':'\\u0034 \xe2\x82\xac','logprobs':[]")
	    R_AT("output_text.done", "6", "msg_0a_0", "0",
	    "'content_index':0,'text':'Four \\u0034 \xe2\x82\xac',"
	    "'logprobs':[]")
	    R_AT("content_part.done", "7", "msg_0a_0", "0",
	    "'content_index':0,'part':" OUT_TEXT("Four \\u0034 \xe2\x82\xac"))
	    R_DONE("8", "0", MESSAGE("msg_0a_0", "completed",
	    OUT_TEXT("Four \\u0034 \xe2\x82\xac")))
	    R_END("9", MESSAGE("msg_0a_0", "completed",
	    OUT_TEXT("Four \\u0034 \xe2\x82\xac"))) },
	{ "responses text, whole", DIALECT_RESPONSES, WHOLE, text_events,
	    RESPONSE("completed", "null", "null", MESSAGE("msg_0a_0",
	    "completed", OUT_TEXT("Four \\u0034 \xe2\x82\xac")),
	    RESPONSE_USAGE) },
	{ "responses empty", DIALECT_RESPONSES, STREAM, empty_events, R_BEGIN
	    R_ADDED("2", "0", MESSAGE("msg_0a_0", "in_progress", ""))
	    R_AT("content_part.added", "3", "msg_0a_0", "0",
	    "'content_index':0,'part':" OUT_TEXT(""))
	    R_AT("output_text.done", "4", "msg_0a_0", "0",
	    "'content_index':0,'text':'','logprobs':[]")
	    R_AT("content_part.done", "5", "msg_0a_0", "0",
	    "'content_index':0,'part':" OUT_TEXT(""))
	    R_DONE("6", "0", MESSAGE("msg_0a_0", "completed", OUT_TEXT("")))
	    R_END("7", MESSAGE("msg_0a_0", "completed", OUT_TEXT(""))) },
	{ "responses nothing", DIALECT_RESPONSES, STREAM, nothing_events,
	    R_BEGIN R_LIFE("incomplete", "2", RESPONSE("incomplete", "null",
	    WHY("content_filter"), "", RESPONSE_USAGE)) },
	{ "responses reasoning", DIALECT_RESPONSES, STREAM, think_events,
	    R_BEGIN R_ADDED("2", "0", REASONING("rs_0a_0", ""))
	    R_AT("reasoning_summary_part.added", "3", "rs_0a_0", "0",
	    "'summary_index':0,'part':" SUMMARY(""))
	    R_AT("reasoning_summary_text.delta", "4", "rs_0a_0", "0",
	    "'summary_index':0,'delta':'Hm.'")
	    R_AT("reasoning_summary_text.done", "5", "rs_0a_0", "0",
	    "'summary_index':0,'text':'Hm.'")
	    R_AT("reasoning_summary_part.done", "6", "rs_0a_0", "0",
	    "'summary_index':0,'part':" SUMMARY("Hm."))
	    R_DONE("7", "0", REASONING("rs_0a_0", SUMMARY("Hm.")))
	    R_TEXT("8", "9", "10", "11", "12", "13", "1", "msg_0a_1", "4")
	    R_END("14", THOUGHT) },
	{ "responses reasoning, whole", DIALECT_RESPONSES, WHOLE,
	    think_events, RESPONSE("completed", "null", "null", THOUGHT,
	    RESPONSE_USAGE) },
	{ "responses calls", DIALECT_RESPONSES, STREAM, call_events, R_BEGIN
	    R_ADDED("2", "0", CALL_1("in_progress", ""))
	    R_AT("function_call_arguments.delta", "3", "fc_0a_0", "0",
	    "'delta':'{\\\"tz\\\":'")
	    R_AT("function_call_arguments.delta", "4", "fc_0a_0", "0",
	    "'delta':'\\\"UTC\\\"}'")
	    R_AT("function_call_arguments.done", "5", "fc_0a_0", "0",
	    "'arguments':'" UTC "'")
	    R_DONE("6", "0", CALL_1("completed", UTC))
	    R_ADDED("7", "1", CALL_2("in_progress", ""))
	    R_AT("function_call_arguments.delta", "8", "fc_0a_1", "1",
	    "'delta':'{}'")
	    R_AT("function_call_arguments.done", "9", "fc_0a_1", "1",
	    "'arguments':'{}'")
	    R_DONE("10", "1", CALL_2("completed", "{}"))
	    R_END("11", CALL_1("completed", UTC) ","
	    CALL_2("completed", "{}")) },
	{ "responses calls, whole", DIALECT_RESPONSES, WHOLE, call_events,
	    RESPONSE("completed", "null", "null", CALL_1("completed", UTC) ","
	    CALL_2("completed", "{}"), RESPONSE_USAGE) },
	{ "responses custom", DIALECT_RESPONSES, STREAM, custom_events,
	    R_BEGIN R_ADDED("2", "0", REASONING("rs_0a_0", ""))
	    R_DONE("3", "0", REASONING("rs_0a_0", ""))
	    R_ADDED("4", "1", C_CALL("ctc_0a_1", "in_progress", ""))
	    R_AT("custom_tool_call_input.delta", "5", "ctc_0a_1", "1",
	    "'delta':'ls '")
	    R_AT("custom_tool_call_input.delta", "6", "ctc_0a_1", "1",
	    "'delta':'-l'")
	    R_AT("custom_tool_call_input.done", "7", "ctc_0a_1", "1",
	    "'input':'ls -l'")
	    R_DONE("8", "1", C_CALL("ctc_0a_1", "completed", "ls -l"))
	    R_END("9", REASONING("rs_0a_0", "") ","
	    C_CALL("ctc_0a_1", "completed", "ls -l")) },
	{ "responses refusal", DIALECT_RESPONSES, STREAM, refusal_events,
	    R_BEGIN R_ADDED("2", "0", MESSAGE("msg_0a_0", "in_progress", ""))
	    R_AT("content_part.added", "3", "msg_0a_0", "0",
	    "'content_index':0,'part':" REFUSAL(""))
	    R_AT("refusal.delta", "4", "msg_0a_0", "0",
	    "'content_index':0,'delta':'No.'")
	    R_AT("refusal.done", "5", "msg_0a_0", "0",
	    "'content_index':0,'refusal':'No.'")
	    R_AT("content_part.done", "6", "msg_0a_0", "0",
	    "'content_index':0,'part':" REFUSAL("No."))
	    R_DONE("7", "0", MESSAGE("msg_0a_0", "completed",
	    REFUSAL("No.")))
	    R_LIFE("incomplete", "8", RESPONSE("incomplete", "null",
	    WHY("content_filter"), MESSAGE("msg_0a_0", "completed",
	    REFUSAL("No.")), RESPONSE_USAGE)) },
	{ "responses cut, whole", DIALECT_RESPONSES, WHOLE, cut_events,
	    RESPONSE("incomplete", "null", WHY("max_output_tokens"),
	    F_CALL("fc_0a_0", "completed", "call_1", "f'", "{\\\"a"),
	    RESPONSE_USAGE) },
	{ "responses error", DIALECT_RESPONSES, STREAM, error_events, R_BEGIN
	    R_TEXT("2", "3", "4", "5", "6", "7", "0", "msg_0a_0", "a")
	    R_ADDED("8", "1", MESSAGE("msg_0a_1", "in_progress", ""))
	    R_AT("content_part.added", "9", "msg_0a_1", "1",
	    "'content_index':0,'part':" OUT_TEXT(""))
	    R_AT("output_text.delta", "10", "msg_0a_1", "1",
	    "'content_index':0,'delta':'b','logprobs':[]")
	    R_LIFE("failed", "11", RESPONSE("failed", "{'code':'overloaded',"
	    "'message':'too \\\"much\\\"\\n'}", "null", MESSAGE("msg_0a_0",
	    "completed", OUT_TEXT("a")), "{'input_tokens':30,"
	    "'input_tokens_details':{'cached_tokens':0,"
	    "'cache_write_tokens':0},'output_tokens':0,"
	    "'output_tokens_details':{'reasoning_tokens':0},"
	    "'total_tokens':30}")) },
	{ "responses early error", DIALECT_RESPONSES, STREAM, early_events,
	    EV("error", "0", "'code':'overloaded','message':"
	    "'too \\\"much\\\"\\n','param':null") },
	{ "responses error, whole", DIALECT_RESPONSES, WHOLE, error_events,
	    OPENAI_ERROR },

	{ "messages text", DIALECT_MESSAGES, STREAM, text_events, M_START
	    M_OPEN("0", M_TEXT("")) M_DELTA("0", "'text_delta','text':'Four '")
	    M_DELTA("0", "'text_delta','text':'\\u0034 \xe2\x82\xac'")
	    M_CLOSE("0") M_STOP("end_turn", "null", M_LAST) },
	{ "messages text, whole", DIALECT_MESSAGES, WHOLE, text_events,
	    M_WHOLE("{'type':" M_TEXT("Four \\u0034 \xe2\x82\xac") "}",
	    "end_turn", "null", M_LAST) },
	{ "messages empty", DIALECT_MESSAGES, STREAM, empty_events, M_START
	    M_OPEN("0", M_TEXT("")) M_CLOSE("0")
	    M_STOP("end_turn", "null", M_LAST) },
	{ "messages nothing, whole", DIALECT_MESSAGES, WHOLE, nothing_events,
	    M_WHOLE("", "refusal", "null", M_LAST) },
	{ "messages reasoning", DIALECT_MESSAGES, STREAM, think_events,
	    M_START M_OPEN("0", "'thinking','thinking':'','signature':''")
	    M_DELTA("0", "'thinking_delta','thinking':'Hm.'")
	    M_CLOSE("0") M_OPEN("1", M_TEXT(""))
	    M_DELTA("1", "'text_delta','text':'4'") M_CLOSE("1")
	    M_STOP("end_turn", "null", M_LAST) },
	{ "messages reasoning, whole", DIALECT_MESSAGES, WHOLE, think_events,
	    M_WHOLE("{'type':'thinking','thinking':'Hm.','signature':''},"
	    "{'type':" M_TEXT("4") "}", "end_turn", "null", M_LAST) },
	{ "messages calls", DIALECT_MESSAGES, STREAM, call_events, M_START
	    M_OPEN("0", "'tool_use','id':'call_1','name':'get_time',"
	    "'input':{}")
	    M_DELTA("0", "'input_json_delta','partial_json':'{\\\"tz\\\":'")
	    M_DELTA("0", "'input_json_delta','partial_json':'\\\"UTC\\\"}'")
	    M_CLOSE("0")
	    M_OPEN("1", "'tool_use','id':'call_2','name':'stop','input':{}")
	    M_DELTA("1", "'input_json_delta','partial_json':'{}'")
	    M_CLOSE("1") M_STOP("tool_use", "null", M_LAST) },
	{ "messages calls, whole", DIALECT_MESSAGES, WHOLE, call_events,
	    M_WHOLE("{'type':'tool_use','id':'call_1','name':'get_time',"
	    "'input':{'tz':'UTC'}},{'type':'tool_use','id':'call_2','name':"
	    "'stop','input':{}}", "tool_use", "null", M_LAST) },
	{ "messages refusal", DIALECT_MESSAGES, STREAM, refusal_events,
	    M_START M_OPEN("0", M_TEXT(""))
	    M_DELTA("0", "'text_delta','text':'No.'") M_CLOSE("0")
	    M_STOP("refusal", "null", M_LAST) },
	{ "messages cut, whole", DIALECT_MESSAGES, WHOLE, cut_events,
	    M_WHOLE("{'type':'tool_use','id':'call_1','name':'f','input':{}}",
	    "max_tokens", "null", M_LAST) },
	{ "messages list, whole", DIALECT_MESSAGES, WHOLE, list_events,
	    M_WHOLE("{'type':'tool_use','id':'call_1','name':'f','input':{}}",
	    "tool_use", "null", M_LAST) },
	{ "messages sequence, whole", DIALECT_MESSAGES, WHOLE,
	    sequence_events, M_WHOLE("", "stop_sequence", "'\\ufffd\\n'",
	    M_USAGE("0", "2", "8", "0")) },
	{ "messages error", DIALECT_MESSAGES, STREAM, error_events, M_START
	    M_OPEN("0", M_TEXT("")) M_DELTA("0", "'text_delta','text':'a'")
	    M_CLOSE("0") M_OPEN("1", M_TEXT(""))
	    M_DELTA("1", "'text_delta','text':'b'")
	    "event: error\ndata: " M_ERROR "\n\n" },
	{ "messages error, whole", DIALECT_MESSAGES, WHOLE, early_events,
	    M_ERROR },
};

/* ---- streams that pass ---- */

#define C(delta) "data: {'id':'c','choices':[{'index':0,'delta':{" delta \
	"},'finish_reason':null}]}\n\n"
#define M(type, rest) "event: " type "\ndata: {'type':'" type "'" rest \
	"}\n\n"
#define R(type, seq, rest) M(type, ",'sequence_number':" seq rest)
#define R_USAGE "'usage':{'input_tokens':30,'input_tokens_details':{" \
	"'cached_tokens':8,'cache_write_tokens':2},'output_tokens':21," \
	"'output_tokens_details':{'reasoning_tokens':15}}"

/* want: a letter for each event (Preamble, Content, End, eRror, - none), then
 * what the tap holds at the end. */
static const struct {
	const char *name;
	enum dialect d;
	const char *events, *want;
} taps[] = {
	{ "chat", DIALECT_CHAT, C("'role':'assistant','content':''")
	    C("'content':'a'") C("'content':''") C("'content':' \\'usage"
	    "\\':1'") "data: {'choices':[{'delta':{},'finish_reason':'stop'"
	    "}],'usage':null}\n\ndata: {'choices':[],'usage':{"
	    "'prompt_tokens':30,'completion_tokens':21,"
	    "'prompt_tokens_details':{'cached_tokens':8,"
	    "'cache_write_tokens':2},'completion_tokens_details':{"
	    "'reasoning_tokens':15}}}\n\n: bye\n\ndata: [DONE]\n\n",
	    "PCCCEC-E usage=30/8/2/21/15 finished done" },
	{ "chat, all in one chunk", DIALECT_CHAT, "data: {'choices':[{"
	    "'delta':{'content':'a'},'finish_reason':'length'}],'usage':{"
	    "'prompt_tokens':3,'completion_tokens':2}}\n\n",
	    "E usage=3/0/0/2/0 finished" },
	{ "chat, blanks", DIALECT_CHAT, "data:{ 'choices' : [ { 'delta' : "
	    "{ 'role' : 'x' , 'content' :\n"
	    "data: '' , 'tool_calls' : [] } , 'finish_reason' : null } ] , "
	    "'usage' : null , 'error' : null}\n\n"
	    "data:{ 'choices' : [ { 'delta' : { 'content'\n"
	    "data: : ' ' } , 'finish_reason' : '' } ] , 'usage' : { "
	    "'prompt_tokens' : 3 } }\n\n"
	    "data: { 'choices' : [ { 'finish_reason'  :  'stop' } ] }\n\n"
	    "data:  [DONE] \n\n", "PCEE usage=3/0/0/0/0 finished done" },
	{ "chat, empty choices first", DIALECT_CHAT, "data: {'choices':[],"
	    "'prompt_filter_results':[{}]}\n\n" C("'role':'assistant',"
	    "'content':null,'refusal':null") C("'refusal':'n'"), "PPC" },
	{ "chat reasoning", DIALECT_CHAT, C("'reasoning_content':''")
	    C("'reasoning_content':'r'"), "PC" },
	{ "chat reasoning, short name", DIALECT_CHAT, C("'reasoning':'r'"),
	    "C" },
	{ "chat reasoning details", DIALECT_CHAT, C("'reasoning_details':[]")
	    C("'reasoning_details':[{}]"), "PC" },
	{ "chat calls", DIALECT_CHAT, C("'tool_calls':[]")
	    C("'tool_calls':[{'index':0}]"), "PC" },
	{ "completions", DIALECT_CHAT, "data: {'choices':[{'text':'a',"
	    "'finish_reason':null}]}\n\ndata: {'choices':[{'text':'',"
	    "'finish_reason':'stop'}]}\n\n", "CE finished" },
	{ "chat two choices", DIALECT_CHAT, "data: {'choices':[{'index':0,"
	    "'delta':{'content':'a'}},{'index':1,'finish_reason':'stop'}]}"
	    "\n\n", "E finished" },
	{ "chat error", DIALECT_CHAT, "data: {'error':{'message':'slow "
	    "\\u0064own','type':'x','param':null,'code':"
	    "'rate_limit_exceeded'}}\n\n",
	    "R 429 rate_limit_exceeded: slow down" },
	{ "chat error, number", DIALECT_CHAT, C("'content':'a'") "data: {"
	    "'error':{'message':'m','code':529},'choices':[{'finish_reason':"
	    "'error'}]}\n\n", "CR 503 : m" },
	{ "chat error, odd number", DIALECT_CHAT, "data: {'error':{'code':"
	    "200,'type':'api_error'}}\n\n",
	    "R 500 api_error: the upstream failed without a reason" },
	{ "chat error, string", DIALECT_CHAT, "data: {'error':'no model'}"
	    "\n\n", "R 502 : no model" },
	{ "chat error, by name", DIALECT_CHAT, "event: error\ndata: {"
	    "'message':'m','type':'invalid_image_format'}\n\n",
	    "R 400 invalid_image_format: m" },
	{ "chat error, by name only", DIALECT_CHAT, "event: error\ndata: "
	    "oops\n\n", "R 502 : the upstream failed without a reason" },
	{ "chat no error", DIALECT_CHAT, "data: {'error':''}\n\n"
	    "data: {'error':{}}\n\ndata: {'a':{'error':'x'}}\n\n"
	    C("'content':'\\'error\\':{}'") "data: {'error':'','choices':[{"
	    "'finish_reason':'stop'}]}\n\n", "PPPCE finished" },
	{ "chat rubbish", DIALECT_CHAT, "data: {'usage':{'prompt_tokens':1}"
	    "\n\ndata: 'finish_reason':'stop'\n\ndata: :\n\n"
	    "data: '\n\ndata:\n\n", "PPPP-" },

	{ "responses", DIALECT_RESPONSES, R("response.created", "0",
	    ",'response':{'id':'resp_1','tools':[{'sequence_number':{}}]}")
	    R("response.in_progress", "1", ",'response':{'id':'resp_1'}")
	    R("response.metadata", "2", ",'metadata':{}")
	    M("codex.rate_limits", ",'rate_limits':{}")
	    R("response.output_item.added", "3", ",'item':{}")
	    R("response.output_text.delta", "4", ",'delta':'a'")
	    R("keepalive", "5", "")
	    R("response.completed", "6", ",'response':{'id':'resp_1',"
	    R_USAGE "}"), "PPPPCC-E usage=30/8/2/21/15 finished done seq=7 "
	    "id=resp_1" },
	{ "responses, no names", DIALECT_RESPONSES,
	    "data: {'type': 'response.queued','response':{'id':'r'}}\n\n"
	    "data: {'response':{'id':'r'},'type':'response.in_progress'}\n\n"
	    "data: { 'type' : 'response.refusal.delta' }\n\n"
	    "data: {'a':{'sequence_number':'x'},'sequence_number' : 12}\n\n"
	    "data: {'type':'response.incomplete','response':{'usage':null}}"
	    "\n\n", "PPCCE finished done seq=13 id=r" },
	{ "responses, other names", DIALECT_RESPONSES, "event: message\n"
	    "data: {'type':'response.done','response':{}}\n\n",
	    "E finished done" },
	{ "responses, name only", DIALECT_RESPONSES, "event: "
	    "response.completed\ndata: {'sequence_number':3,'response':{}}"
	    "\n\n", "E finished done seq=4" },
	{ "responses failed", DIALECT_RESPONSES, R("response.created", "0",
	    ",'response':{'id':'r'}") R("response.failed", "1",
	    ",'response':{'id':'r','error':{'code':'server_is_overloaded',"
	    "'message':'full'}," R_USAGE "}"), "PR usage=30/8/2/21/15 seq=2 "
	    "id=r 503 server_is_overloaded: full" },
	{ "responses failed, no reason", DIALECT_RESPONSES,
	    R("response.failed", "0", ",'response':{'error':null}"),
	    "R seq=1 502 : the upstream failed without a reason" },
	{ "responses error, flat", DIALECT_RESPONSES, R("error", "0",
	    ",'code':'context_length_exceeded','message':'long','param':null"),
	    "R seq=1 400 context_length_exceeded: long" },
	{ "responses error, nested", DIALECT_RESPONSES, M("error",
	    ",'error':{'type':'invalid_request_error','code':null,"
	    "'message':'m'}"), "R 400 invalid_request_error: m" },
	{ "responses rubbish", DIALECT_RESPONSES, "event: response.failed\n"
	    "data: {\n\nevent: response.completed\ndata: {\n\n"
	    "event: response.created\ndata: 1\n\ndata: {'type':'\n\n"
	    "data: {'type':'response.completed'\n\n", "RCPCC 502 : "
	    "the upstream failed without a reason" },
	{ "responses, long id", DIALECT_RESPONSES, R("response.created", "0",
	    ",'response':{'id':'0123456789012345678901234567890123456789"
	    "0123456789012345678901234567890123456789'}"), "P seq=1" },
	{ "responses, escaped id", DIALECT_RESPONSES, M("response.created",
	    ",'response':{'id':'r\\u0031'}"), "P" },

	{ "messages", DIALECT_MESSAGES, M("message_start", ",'message':{"
	    "'id':'m','usage':{'input_tokens':20,'cache_read_input_tokens':8,"
	    "'cache_creation_input_tokens':2,'output_tokens':1}}")
	    M("ping", "") M("content_block_start", ",'index':0")
	    M("content_block_delta", ",'delta':{}")
	    M("content_block_stop", ",'index':0") M("future_event", "")
	    M("message_delta", ",'delta':{},'usage':{'output_tokens':21,"
	    "'input_tokens':null,'output_tokens_details':{"
	    "'thinking_tokens':15}}") M("message_stop", ""),
	    "P-CCCCCE usage=30/8/2/21/15 finished done" },
	{ "messages, input counts at the end", DIALECT_MESSAGES,
	    M("message_start", ",'message':{'usage':{'input_tokens':0,"
	    "'output_tokens':0}}") M("message_delta", ",'usage':{"
	    "'input_tokens':20,'cache_read_input_tokens':8,"
	    "'cache_creation_input_tokens':2,'output_tokens':21}"),
	    "PC usage=30/8/2/21/0" },
	{ "messages, cache counts at the end", DIALECT_MESSAGES,
	    M("message_start", ",'message':{'usage':{'input_tokens':5,"
	    "'cache_read_input_tokens':1}}") M("message_delta", ",'usage':{"
	    "'cache_read_input_tokens':8}"), "PC usage=13/8/0/0/0" },
	{ "messages, no names", DIALECT_MESSAGES, "data: {'message':{},"
	    "'type':'message_start'}\n\ndata: {'type':'ping'}\n\n"
	    "data: { 'type': 'content_block_delta' }\n\n"
	    "data: {'x:y':{'type':'message_stop'},'type':'ping'}\n\n"
	    "data: {'type':'message_stop'}\n\n", "P-C-E finished done" },
	{ "messages error", DIALECT_MESSAGES, M("error", ",'error':{'type':"
	    "'overloaded_error','message':'Overloaded'}"),
	    "R 529 overloaded_error: Overloaded" },
	{ "messages rubbish", DIALECT_MESSAGES, "event: message_start\n"
	    "data: {\n\nevent: message_delta\ndata: x\n\n"
	    "event: error\ndata: {'type':1}\n\ndata: {\n\n", "PCRC 502 : "
	    "the upstream failed without a reason" },
};

/* ---- the echo model ---- */

#define USER(c) "{'role':'user','content':" c "}"
#define CHAT_ASK(m, tools) "{'messages':[" m "],'tools':[" tools "]}"
#define FUNCTION(n, p) "{'type':'function','function':{'name':'" n "'," \
	"'parameters':" p "}}"
#define FLAT(n) "{'type':'function','name':'" n "'}"
#define TAKE USER("'use the tool'")
#define INPUT(items, tools) "{'input':[" items "],'tools':[" tools "]}"

/* want: the events; [a|b] is a block of text with its deltas, <id name: a> a
 * call, <<id name: a>> a custom one, @ns its namespace; then input tokens/
 * output tokens and why it stopped. */
static const struct {
	enum dialect d;
	const char *body, *want;
} echoes[] = {
	{ DIALECT_CHAT, CHAT_ASK("{'role':'system','content':'be brief'},"
	    USER("'one'") ",{'role':'assistant','content':null},"
	    USER("'two  \\u00e9t\\u00e9\\nx'"), FUNCTION("f", "{}")),
	    "[two | |\\u00e9t\\u00e9\\nx] 8/5 end" },
	{ DIALECT_CHAT, "{'messages':[" USER("[{'type':'text','text':'a'},"
	    "{'type':'image_url','image_url':{}},{'type':'text','text':"
	    "'b'}]") "]}", "[b] 1/1 end" },
	{ DIALECT_CHAT, "{'messages':[" USER("''") "]}", "[] 1/1 end" },
	{ DIALECT_CHAT, "{'messages':[" USER("null") "]}", "[] 1/1 end" },
	{ DIALECT_CHAT, "{'messages':[" TAKE "]}", "[use |the |tool] 3/3 end" },
	{ DIALECT_CHAT, CHAT_ASK(TAKE, FUNCTION("f", "{}")),
	    "<call_echo1 f: {}> 3/1 call" },
	{ DIALECT_CHAT, CHAT_ASK(USER("'Do use the tool!'"), FUNCTION("f",
	    "{'required':['s','i','b','a','o','e','m','u','\\u006e','z'],"
	    "'properties':{'s':{'type':'string'},'i':{'type':'integer'},"
	    "'b':{'type':'boolean'},'a':{'type':'array'},'o':{'type':"
	    "'object'},'e':{'type':'string','enum':['x y','z']},"
	    "'m':{'type':['number','null']},'n':{'type':'null'},"
	    "'optional':{}}}")), "<call_echo1 f: {\\'s\\':\\'echo\\',"
	    "\\'i\\':1,\\'b\\':true,\\'a\\':[],\\'o\\':{},"
	    "\\'e\\':\\'x y\\',\\'m\\':1,\\'u\\':\\'echo\\',"
	    "\\'n\\':null,\\'z\\':\\'echo\\'}> 4/29 call" },
	{ DIALECT_CHAT, CHAT_ASK(TAKE ",{'role':'assistant','tool_calls':[]},"
	    "{'role':'tool','content':'12 C'}", FUNCTION("f", "{}")),
	    "[the tool gave: |12 |C] 4/4 end" },
	{ DIALECT_CHAT, CHAT_ASK(TAKE ",{'role':'tool','content':[{'type':"
	    "'text','text':'r'}]},{'role':'assistant','content':'k'}," TAKE,
	    FUNCTION("f", "{}")), "<call_echo2 f: {}> 6/1 call" },
	{ DIALECT_CHAT, CHAT_ASK(TAKE, "{'type':'custom','custom':{'name':"
	    "'c'}}," FUNCTION("f", "{}")), "<call_echo1 f: {}> 3/1 call" },
	{ DIALECT_CHAT, CHAT_ASK(TAKE, "{'type':'custom','custom':{'name':"
	    "'c'}}"), "[use |the |tool] 3/3 end" },
	{ DIALECT_CHAT, "{'messages':[]}", "field 'messages' is missing or "
	    "empty" },
	{ DIALECT_CHAT, "{'messages':{'a':" TAKE "}}", "field 'messages' is "
	    "missing or empty" },
	{ DIALECT_CHAT, "{'messages':'hi'}", "field 'messages' is missing or "
	    "empty" },

	{ DIALECT_RESPONSES, "{'instructions':'1234','input':'5678 90'}",
	    "[5678 |90] 2/1 end" },
	{ DIALECT_RESPONSES, INPUT("{'role':'developer','content':'d'},"
	    "{'type':'message','role':'user','content':[{'type':'input_text',"
	    "'text':'q'}]},{'type':'reasoning','summary':[],'content':null}",
	    ""), "[q] 1/1 end" },
	{ DIALECT_RESPONSES, INPUT(TAKE, "{'type':'web_search','name':'w'},"
	    FLAT("f") "," FLAT("g")), "<call_echo1 f: {}> 3/1 call" },
	{ DIALECT_RESPONSES, INPUT("{'type':'additional_tools','tools':["
	    "{'type':'namespace','name':'ns','tools':[{'type':'custom',"
	    "'name':'exec'}," FLAT("f") "]}]}," TAKE, ""),
	    "<call_echo1 f@ns: {}> 3/1 call" },
	{ DIALECT_RESPONSES, INPUT(TAKE, "{'type':'tool_search'},"
	    "{'type':'namespace','name':'ns','tools':[{'type':'custom',"
	    "'name':'exec'}]},{'type':'custom','name':'other'}"),
	    "<<call_echo1 exec@ns: echo>> 3/1 call" },
	{ DIALECT_RESPONSES, INPUT(TAKE ",{'type':'custom_tool_call',"
	    "'input':'x'},{'type':'custom_tool_call_output','output':'a b'}",
	    FLAT("f")), "[the tool gave: |a |b] 3/4 end" },
	{ DIALECT_RESPONSES, INPUT(TAKE ",{'type':'function_call_output',"
	    "'output':[{'type':'input_text','text':'r'}]},{'role':"
	    "'developer','content':'go on'}", FLAT("f")),
	    "[the tool gave: |r] 4/4 end" },
	{ DIALECT_RESPONSES, "{}", "field 'input' is missing or empty" },
	{ DIALECT_RESPONSES, "{'input':[]}", "field 'input' is missing or "
	    "empty" },

	{ DIALECT_MESSAGES, "{'system':[{'type':'text','text':'12345678'}],"
	    "'messages':[" USER("'hi'") "]}", "[hi] 2/1 end" },
	{ DIALECT_MESSAGES, "{'tools':[{'type':'web_search_20250305','name':"
	    "'web_search'},{'type':'custom','name':'f','input_schema':{"
	    "'required':['a'],'properties':{'a':{'type':'number'}}}}],"
	    "'messages':[" TAKE "]}",
	    "<call_echo1 f: {\\'a\\':1}> 3/2 call" },
	{ DIALECT_MESSAGES, "{'tools':[{'name':'f','input_schema':{}}],"
	    "'messages':[" TAKE "," USER("[{'type':'tool_result','content':"
	    "'1'},{'type':'tool_result','content':[{'type':'text','text':"
	    "'22'}]},{'type':'text','text':'use the tool'}]") ",{'role':"
	    "'system','content':'s'}]}", "[the tool gave: |22] 7/4 end" },
	{ DIALECT_MESSAGES, "{'tools':[{'name':'f','input_schema':{}}],"
	    "'messages':[" USER("[{'type':'tool_result'}]") "," TAKE "]}",
	    "<call_echo2 f: {}> 3/1 call" },
};

#endif
