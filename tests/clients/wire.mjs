// SPDX-License-Identifier: MIT
/*
 * The three wire formats as the mock upstream speaks them: what a request must look like, what it
 * says, and how an answer is written, whole or as events.
 *
 * Each entry of DIALECTS has:
 *	path		where requests for it arrive
 *	check(body)	faults of the body's shape, a list of sentences, empty when it is good
 *	read(body)	{items, tools, reasoning}: the conversation in order, the tools on offer,
 *			and whether the caller wants sealed reasoning
 *	whole(answer, body), events(answer, body)	the answer, not streamed and streamed
 *	error(status, text)	an error body
 *	midway(text, at, answer, body)	the event that ends a stream after `at` events of the answer
 * An item is {kind: user | text | call | result | reasoning, text, id, name, input, seal}.
 * An answer is {n, seal, text, calls: [{id, name, input, custom, namespace}]}; n is its number.
 *
 * Limits: only what the clients of this directory send. Nothing is translated here, so that a
 * mistake of llmux cannot be repeated by its test.
 * Sources: the public API references of the two vendors, as summed up in docs/dialects.md.
 */

export const USAGE = { input: 31, cached: 8, output: 21 };
const CREATED = 1795000000;

/* Pieces of at most n code points: a pair of surrogates is never cut. */
function pieces(text, n) {
	const out = [];
	const points = Array.from(text);
	for (let i = 0; i < points.length; i += n) out.push(points.slice(i, i + n).join(''));
	return out;
}

const isText = (v) => typeof v === 'string';
const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);

function isJsonObject(text) {
	try {
		return isObject(JSON.parse(text));
	} catch {
		return false;
	}
}

/* The text of a content that is a string or a list of parts. */
function textOf(content) {
	if (isText(content)) return content;
	return (content ?? []).map((part) => part.text ?? part.refusal ?? '').join('');
}

/* ---- Anthropic Messages ---- */

function countMarks(value) {
	if (Array.isArray(value)) return value.reduce((n, v) => n + countMarks(v), 0);
	if (!isObject(value)) return 0;
	return Object.entries(value).reduce(
		(n, [key, v]) => n + (key === 'cache_control' && isObject(v) ? 1 : countMarks(v)),
		0,
	);
}

/* Every tool_use is answered at once: results come first in the next user message. */
function checkResults(messages, faults) {
	messages.forEach((m, i) => {
		if (m.role !== 'assistant' || !Array.isArray(m.content)) return;
		const want = m.content.filter((b) => b.type === 'tool_use').map((b) => b.id);
		if (want.length === 0) return;
		const next = messages[i + 1];
		const blocks =
			next?.role === 'user' && Array.isArray(next.content) ? next.content : [];
		const got = blocks.slice(0, want.length).map((b) => b.tool_use_id);
		if (want.toSorted().join() !== got.toSorted().join())
			faults.push(
				`messages[${i + 1}]: no tool_result for each tool_use before it`,
			);
	});
}

function checkBlock(block, where, faults) {
	if (!isObject(block) || !isText(block.type)) faults.push(`${where}: not a content block`);
	else if (block.type === 'text' && (!isText(block.text) || block.text === ''))
		faults.push(`${where}: empty text`);
	else if (block.type === 'tool_use' && !isObject(block.input))
		faults.push(`${where}: input is not an object`);
	else if (block.type === 'thinking' && (!isText(block.signature) || block.signature === ''))
		faults.push(`${where}: thinking without signature`);
}

function checkMessages(body, counting) {
	const faults = [];
	if (!counting && !(Number.isInteger(body.max_tokens) && body.max_tokens > 0))
		faults.push('max_tokens is not a positive integer');
	for (const key of counting ? ['max_tokens', 'stream', 'metadata'] : [])
		if (key in body) faults.push(`${key} is not a field of count_tokens`);
	if (!Array.isArray(body.messages) || body.messages.length === 0)
		return faults.concat('messages is not a list with entries');
	body.messages.forEach((m, i) => {
		if (
			!['user', 'assistant', 'system'].includes(m.role) ||
			(i === 0 && m.role !== 'user')
		)
			faults.push(`messages[${i}]: bad role`);
		if (Array.isArray(m.content) && m.content.length > 0)
			m.content.forEach((b, k) =>
				checkBlock(b, `messages[${i}].content[${k}]`, faults),
			);
		else if (!isText(m.content) || m.content === '')
			faults.push(`messages[${i}]: no content`);
	});
	checkResults(body.messages, faults);
	if (Array.isArray(body.system))
		body.system.forEach((b, i) => checkBlock(b, `system[${i}]`, faults));
	(body.tools ?? []).forEach((t, i) => {
		if (
			!isText(t.name) ||
			((t.type ?? 'custom') === 'custom' && t.input_schema?.type !== 'object')
		)
			faults.push(`tools[${i}]: no name or no input_schema of type object`);
	});
	if (countMarks(body) > 4) faults.push('more than 4 cache_control marks');
	return faults;
}

function readMessages(body) {
	const items = [];
	for (const m of body.messages) {
		const blocks = isText(m.content) ? [{ type: 'text', text: m.content }] : m.content;
		for (const b of blocks) {
			if (b.type === 'text')
				items.push({
					kind: m.role === 'user' ? 'user' : 'text',
					text: b.text,
				});
			else if (b.type === 'tool_use')
				items.push({
					kind: 'call',
					id: b.id,
					name: b.name,
					input: b.input,
				});
			else if (b.type === 'tool_result')
				items.push({
					kind: 'result',
					id: b.tool_use_id,
					text: textOf(b.content),
				});
			else if (b.type === 'thinking')
				items.push({
					kind: 'reasoning',
					text: b.thinking,
					seal: b.signature,
				});
		}
	}
	return {
		items,
		tools: (body.tools ?? []).map((t) => ({ name: t.name })),
		reasoning: isObject(body.thinking) && body.thinking.type !== 'disabled',
	};
}

function wholeMessages(answer, body) {
	const content = [];
	if (answer.seal) content.push({ type: 'thinking', thinking: '', signature: answer.seal });
	if (answer.text) content.push({ type: 'text', text: answer.text, citations: null });
	for (const c of answer.calls)
		content.push({ type: 'tool_use', id: c.id, name: c.name, input: c.input });
	return {
		id: `msg_mock${answer.n}`,
		type: 'message',
		role: 'assistant',
		model: body.model,
		content,
		stop_reason: answer.calls.length ? 'tool_use' : 'end_turn',
		stop_sequence: null,
		usage: {
			input_tokens: USAGE.input - USAGE.cached,
			output_tokens: USAGE.output,
			cache_creation_input_tokens: 0,
			cache_read_input_tokens: USAGE.cached,
		},
	};
}

function eventsMessages(answer, body) {
	const full = wholeMessages(answer, body);
	const out = [];
	const add = (type, fields) => out.push({ event: type, data: { type, ...fields } });
	const usage = { ...full.usage, output_tokens: 2 };

	add('message_start', { message: { ...full, content: [], stop_reason: null, usage } });
	add('ping', {});
	full.content.forEach((block, index) => {
		const delta = (d) => add('content_block_delta', { index, delta: d });
		const start = { ...block };
		if (block.type === 'text') start.text = '';
		else if (block.type === 'tool_use') start.input = {};
		else start.signature = '';
		add('content_block_start', { index, content_block: start });
		if (block.type === 'thinking')
			delta({ type: 'signature_delta', signature: block.signature });
		for (const text of block.type === 'text' ? pieces(block.text, 7) : [])
			delta({ type: 'text_delta', text });
		if (block.type === 'tool_use')
			for (const p of ['', ...pieces(JSON.stringify(block.input), 9)])
				delta({ type: 'input_json_delta', partial_json: p });
		add('content_block_stop', { index });
	});
	add('message_delta', {
		delta: { stop_reason: full.stop_reason, stop_sequence: null },
		usage: full.usage,
	});
	add('message_stop', {});
	return out;
}

const ANTHROPIC_TYPES = {
	400: 'invalid_request_error',
	401: 'authentication_error',
	404: 'not_found_error',
	429: 'rate_limit_error',
	529: 'overloaded_error',
};

function errorMessages(status, message) {
	const type = ANTHROPIC_TYPES[status] ?? 'api_error';
	return { type: 'error', error: { type, message }, request_id: 'req_mock1' };
}

/* ---- OpenAI Chat Completions ---- */

function checkChat(body) {
	const faults = [];
	if (!Array.isArray(body.messages) || body.messages.length === 0)
		return ['messages is not a list with entries'];
	let open = [];
	body.messages.forEach((m, i) => {
		const where = `messages[${i}]`;
		if (!['system', 'developer', 'user', 'assistant', 'tool'].includes(m.role))
			faults.push(`${where}: bad role`);
		if (m.role !== 'tool' && open.length)
			faults.push(`${where}: tool calls without result before it`);
		if (m.role === 'tool') {
			if (!open.includes(m.tool_call_id))
				faults.push(`${where}: tool_call_id is of no open call`);
			open = open.filter((id) => id !== m.tool_call_id);
		} else {
			open = (m.tool_calls ?? []).map((c) => c.id);
		}
		for (const c of m.tool_calls ?? [])
			if (c.type !== 'function' || !isJsonObject(c.function.arguments))
				faults.push(
					`${where}: arguments are not the text of a JSON object`,
				);
		if (!isText(m.content) && !Array.isArray(m.content) && !m.tool_calls)
			faults.push(`${where}: no content`);
	});
	if (open.length) faults.push('the last tool calls have no result');
	(body.tools ?? []).forEach((t, i) => {
		if (t.type !== 'function' || !isText(t.function?.name))
			faults.push(`tools[${i}]: not a function with a name`);
	});
	return faults;
}

function readChat(body) {
	const items = [];
	for (const m of body.messages) {
		if (m.role === 'user') items.push({ kind: 'user', text: textOf(m.content) });
		else if (m.role === 'tool')
			items.push({ kind: 'result', id: m.tool_call_id, text: textOf(m.content) });
		else if (m.content) items.push({ kind: 'text', text: textOf(m.content) });
		for (const c of m.tool_calls ?? []) {
			const input = JSON.parse(c.function.arguments);
			items.push({ kind: 'call', id: c.id, name: c.function.name, input });
		}
	}
	const tools = (body.tools ?? []).map((t) => ({ name: t.function.name }));
	return { items, tools, reasoning: false };
}

const chatCall = (c) => ({
	id: c.id,
	type: 'function',
	function: { name: c.name, arguments: JSON.stringify(c.input) },
});

const CHAT_USAGE = {
	prompt_tokens: USAGE.input,
	completion_tokens: USAGE.output,
	total_tokens: USAGE.input + USAGE.output,
	prompt_tokens_details: { cached_tokens: USAGE.cached },
};

function wholeChat(answer, body) {
	const message = { role: 'assistant', content: answer.text || null, refusal: null };
	if (answer.calls.length) message.tool_calls = answer.calls.map(chatCall);
	return {
		id: `chatcmpl-mock${answer.n}`,
		object: 'chat.completion',
		created: CREATED,
		model: body.model,
		choices: [
			{
				index: 0,
				message,
				finish_reason: answer.calls.length ? 'tool_calls' : 'stop',
				logprobs: null,
			},
		],
		usage: CHAT_USAGE,
	};
}

function eventsChat(answer, body) {
	const out = [];
	const chunk = (fields) =>
		out.push({
			data: {
				id: `chatcmpl-mock${answer.n}`,
				object: 'chat.completion.chunk',
				created: CREATED,
				model: body.model,
				...fields,
			},
		});
	const delta = (d, finish_reason = null) =>
		chunk({ choices: [{ index: 0, delta: d, finish_reason }] });

	delta({ role: 'assistant', content: '' });
	for (const content of pieces(answer.text ?? '', 7)) delta({ content });
	answer.calls.forEach((c, index) => {
		const call = chatCall(c);
		const args = call.function.arguments;
		delta({
			tool_calls: [{ index, ...call, function: { name: c.name, arguments: '' } }],
		});
		for (const p of pieces(args, 9))
			delta({ tool_calls: [{ index, function: { arguments: p } }] });
	});
	delta({}, answer.calls.length ? 'tool_calls' : 'stop');
	if (body.stream_options?.include_usage) chunk({ choices: [], usage: CHAT_USAGE });
	out.push({ data: '[DONE]' });
	return out;
}

function errorOpenai(status, message) {
	const types = {
		400: 'invalid_request_error',
		404: 'invalid_request_error',
		429: 'rate_limit_error',
	};
	const type = types[status] ?? 'server_error';
	return {
		error: {
			message,
			type,
			param: null,
			code: status === 404 ? 'model_not_found' : null,
		},
	};
}

/* ---- OpenAI Responses ---- */

const CALL_TYPES = ['function_call', 'custom_tool_call'];

function checkResponses(body) {
	const faults = [];
	if (isText(body.input)) return body.input === '' ? ['input is empty'] : [];
	if (!Array.isArray(body.input) || body.input.length === 0)
		return ['input is neither text nor a list with entries'];
	let open = [];
	body.input.forEach((item, i) => {
		const where = `input[${i}]`;
		const type = item.type ?? 'message';
		if (
			type === 'message' &&
			!['user', 'assistant', 'system', 'developer'].includes(item.role)
		)
			faults.push(`${where}: bad role`);
		if (type === 'message' && !isText(item.content) && !Array.isArray(item.content))
			faults.push(`${where}: no content`);
		if (type === 'function_call' && !isJsonObject(item.arguments))
			faults.push(`${where}: arguments are not the text of a JSON object`);
		if (CALL_TYPES.includes(type)) open.push(item.call_id);
		if (type.endsWith('_call_output')) {
			if (!open.includes(item.call_id))
				faults.push(`${where}: call_id is of no open call`);
			open = open.filter((id) => id !== item.call_id);
		}
	});
	if (open.length) faults.push('calls without output');
	return faults;
}

/* Tools, with those of a group and those that came as an input item. */
function toolsOfResponses(body) {
	const tools = [...(body.tools ?? [])];
	for (const item of Array.isArray(body.input) ? body.input : [])
		if (item.type === 'additional_tools') tools.push(...item.tools);
	return tools.flatMap((t) =>
		t.type === 'namespace'
			? t.tools.map((u) => ({
					name: u.name,
					custom: u.type === 'custom',
					namespace: t.name,
				}))
			: [{ name: t.name ?? t.type, custom: t.type === 'custom' }],
	);
}

function readResponses(body) {
	const items = [];
	const input = isText(body.input) ? [{ role: 'user', content: body.input }] : body.input;
	for (const it of input) {
		const type = it.type ?? 'message';
		if (type === 'message')
			items.push({
				kind: it.role === 'user' ? 'user' : 'text',
				text: textOf(it.content),
			});
		else if (type === 'function_call')
			items.push({
				kind: 'call',
				id: it.call_id,
				name: it.name,
				input: JSON.parse(it.arguments),
			});
		else if (type === 'custom_tool_call')
			items.push({
				kind: 'call',
				id: it.call_id,
				name: it.name,
				input: it.input,
			});
		else if (type.endsWith('_call_output'))
			items.push({ kind: 'result', id: it.call_id, text: textOf(it.output) });
		else if (type === 'reasoning')
			items.push({ kind: 'reasoning', seal: it.encrypted_content });
	}
	return {
		items,
		tools: toolsOfResponses(body),
		reasoning: (body.include ?? []).includes('reasoning.encrypted_content'),
	};
}

/* Clients want ids that never come twice in a conversation: each answer has its number n. */
function itemsOfAnswer(answer) {
	const output = [];
	if (answer.seal)
		output.push({
			id: `rs_mock${answer.n}`,
			type: 'reasoning',
			summary: [],
			encrypted_content: answer.seal,
		});
	if (answer.text)
		output.push({
			id: `msg_mock${answer.n}`,
			type: 'message',
			role: 'assistant',
			status: 'completed',
			content: [
				{
					type: 'output_text',
					text: answer.text,
					annotations: [],
					logprobs: [],
				},
			],
		});
	answer.calls.forEach((c, i) => {
		const item = {
			id: `fc_mock${answer.n}_${i + 1}`,
			status: 'completed',
			call_id: c.id,
			name: c.name,
		};
		if (c.namespace) item.namespace = c.namespace;
		output.push(
			c.custom
				? { ...item, type: 'custom_tool_call', input: c.input }
				: {
						...item,
						type: 'function_call',
						arguments: JSON.stringify(c.input),
					},
		);
	});
	return output;
}

function wholeResponses(answer, body) {
	return {
		id: `resp_mock${answer.n}`,
		object: 'response',
		created_at: CREATED,
		completed_at: CREATED + 2,
		status: 'completed',
		error: null,
		incomplete_details: null,
		instructions: null,
		metadata: {},
		model: body.model,
		output: itemsOfAnswer(answer),
		parallel_tool_calls: true,
		temperature: null,
		top_p: null,
		tool_choice: 'auto',
		tools: body.tools ?? [],
		store: false,
		max_output_tokens: null,
		previous_response_id: null,
		reasoning: { effort: 'medium', summary: null },
		text: { format: { type: 'text' } },
		truncation: 'disabled',
		usage: {
			input_tokens: USAGE.input,
			output_tokens: USAGE.output,
			input_tokens_details: {
				cached_tokens: USAGE.cached,
				cache_write_tokens: 0,
			},
			output_tokens_details: { reasoning_tokens: 0 },
			total_tokens: USAGE.input + USAGE.output,
		},
	};
}

function eventsOfItem(item, output_index, add) {
	const at = { item_id: item.id, output_index };
	const start = { ...item, status: 'in_progress' };

	if (item.type === 'message') {
		const [part] = item.content;
		const here = { ...at, content_index: 0 };
		add('output_item.added', { output_index, item: { ...start, content: [] } });
		add('content_part.added', { ...here, part: { ...part, text: '' } });
		for (const delta of pieces(part.text, 7))
			add('output_text.delta', { ...here, delta, logprobs: [] });
		add('output_text.done', { ...here, text: part.text, logprobs: [] });
		add('content_part.done', { ...here, part });
	} else if (item.type === 'reasoning') {
		add('output_item.added', {
			output_index,
			item: { ...item, encrypted_content: '' },
		});
	} else {
		const [key, event] =
			item.type === 'function_call'
				? ['arguments', 'function_call_arguments']
				: ['input', 'custom_tool_call_input'];
		add('output_item.added', { output_index, item: { ...start, [key]: '' } });
		for (const delta of pieces(item[key], 9)) add(`${event}.delta`, { ...at, delta });
		add(`${event}.done`, { ...at, [key]: item[key] });
	}
	add('output_item.done', { output_index, item });
}

function eventsResponses(answer, body) {
	const full = wholeResponses(answer, body);
	const out = [];
	const add = (name, fields) => {
		const type = `response.${name}`;
		out.push({ event: type, data: { type, sequence_number: out.length, ...fields } });
	};
	const empty = {
		...full,
		status: 'in_progress',
		output: [],
		usage: null,
		completed_at: null,
	};

	add('created', { response: empty });
	add('in_progress', { response: empty });
	full.output.forEach((item, i) => eventsOfItem(item, i, add));
	add('completed', { response: full });
	return out;
}

function failedResponses(message, sequence_number, answer, body) {
	const type = 'response.failed';
	const full = wholeResponses({ ...answer, text: '', calls: [] }, body);
	const response = {
		...full,
		status: 'failed',
		usage: null,
		completed_at: null,
		error: { code: 'server_error', message },
	};
	return { event: type, data: { type, sequence_number, response } };
}

export const DIALECTS = {
	messages: {
		path: '/v1/messages',
		provider: 'anthropic',
		check: (body) => checkMessages(body, false),
		checkCount: (body) => checkMessages(body, true),
		read: readMessages,
		whole: wholeMessages,
		events: eventsMessages,
		error: errorMessages,
		midway: (text) => ({ event: 'error', data: errorMessages(529, text) }),
	},
	chat: {
		path: '/v1/chat/completions',
		provider: 'openai',
		check: checkChat,
		read: readChat,
		whole: wholeChat,
		events: eventsChat,
		error: errorOpenai,
		midway: (text) => ({ data: errorOpenai(500, text) }),
	},
	responses: {
		path: '/v1/responses',
		provider: 'openai',
		check: checkResponses,
		read: readResponses,
		whole: wholeResponses,
		events: eventsResponses,
		error: errorOpenai,
		midway: failedResponses,
	},
};
