/* SPDX-License-Identifier: MIT */
/*
 * What the mock upstream says in each of the three dialects: one row a dialect.
 *
 * Written after the public API references (OpenAI chat completions and responses, Anthropic
 * messages; November 2026): the least that a client library accepts as a whole answer.
 * Nothing is computed here: ids, times and token counts are invented constants.
 */
#ifndef BENCH_SHAPES_H
#define BENCH_SHAPES_H

/*
 * The texts of one dialect. @m is the marker, @t the text of an event or answer, @p padding,
 * @q the running sequence number of the Responses stream.
 */
struct shape {
	const char *path, *open, *delta, *close, *usage, *done, *answer;
};

#define CHAT_CHUNK(delta, reason) \
	"data: {\"id\":\"chatcmpl-@m\",\"object\":\"chat.completion.chunk\",\"created\":1764000000," \
	"\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":" delta \
	",\"finish_reason\":" reason "}]}\n\n"
#define EVENT(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"," rest "}\n\n"
#define NUMBERED(type, rest) EVENT(type, "\"sequence_number\":@q," rest)
#define RESPONSE(state, output) \
	"\"response\":{\"id\":\"resp_@m\",\"object\":\"response\",\"created_at\":1764000000," \
	"\"status\":\"" state "\",\"model\":\"bench\",\"output\":[" output "]"
#define ITEM(state, content) \
	"{\"id\":\"msg_@m\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"" state \
	"\",\"content\":[" content "]}"
#define PART(text) "{\"type\":\"output_text\",\"text\":\"" text "\",\"annotations\":[]}"

static const struct shape shapes[] = {
	{"chat/completions",
	    CHAT_CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null"),
	    CHAT_CHUNK("{\"content\":\"@t\"}", "null"),
	    CHAT_CHUNK("{}", "\"stop\""),
	    "data: {\"id\":\"chatcmpl-@m\",\"object\":\"chat.completion.chunk\","
	    "\"created\":1764000000,\"model\":\"bench\",\"choices\":[],\"usage\":{"
	    "\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":21}}\n\n",
	    "data: [DONE]\n\n",
	    "{\"id\":\"chatcmpl-@m\",\"object\":\"chat.completion\",\"created\":1764000000,"
	    "\"model\":\"bench\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
	    "\"content\":\"@t@p\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,"
	    "\"completion_tokens\":12,\"total_tokens\":21}}"},
	{"messages",
	    EVENT("message_start", "\"message\":{\"id\":\"msg_@m\",\"type\":\"message\","
	    "\"role\":\"assistant\",\"model\":\"bench\",\"content\":[],\"stop_reason\":null,"
	    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}")
	    EVENT("content_block_start",
	    "\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}"),
	    EVENT("content_block_delta",
	    "\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"@t\"}"),
	    EVENT("content_block_stop", "\"index\":0")
	    EVENT("message_delta", "\"delta\":{\"stop_reason\":\"end_turn\","
	    "\"stop_sequence\":null},\"usage\":{\"output_tokens\":12}"),
	    "", "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
	    "{\"id\":\"msg_@m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench\","
	    "\"content\":[{\"type\":\"text\",\"text\":\"@t@p\"}],\"stop_reason\":\"end_turn\","
	    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":12}}"},
	{"responses",
	    NUMBERED("response.created", RESPONSE("in_progress", "") "}")
	    NUMBERED("response.in_progress", RESPONSE("in_progress", "") "}")
	    NUMBERED("response.output_item.added",
	    "\"output_index\":0,\"item\":" ITEM("in_progress", ""))
	    NUMBERED("response.content_part.added", "\"item_id\":\"msg_@m\","
	    "\"output_index\":0,\"content_index\":0,\"part\":" PART("")),
	    NUMBERED("response.output_text.delta", "\"item_id\":\"msg_@m\","
	    "\"output_index\":0,\"content_index\":0,\"delta\":\"@t\",\"logprobs\":[]"),
	    NUMBERED("response.output_text.done", "\"item_id\":\"msg_@m\","
	    "\"output_index\":0,\"content_index\":0,\"text\":\"all\",\"logprobs\":[]")
	    NUMBERED("response.content_part.done", "\"item_id\":\"msg_@m\","
	    "\"output_index\":0,\"content_index\":0,\"part\":" PART("all"))
	    NUMBERED("response.output_item.done",
	    "\"output_index\":0,\"item\":" ITEM("completed", PART("all"))),
	    "", NUMBERED("response.completed", RESPONSE("completed",
	    ITEM("completed", PART("all"))) ",\"usage\":{\"input_tokens\":9,"
	    "\"output_tokens\":12,\"total_tokens\":21}}"),
	    "{\"id\":\"resp_@m\",\"object\":\"response\",\"created_at\":1764000000,"
	    "\"status\":\"completed\",\"model\":\"bench\",\"output\":["
	    ITEM("completed", PART("@t@p")) "],\"usage\":{\"input_tokens\":9,"
	    "\"output_tokens\":12,\"total_tokens\":21}}"},
};

#endif
