// SPDX-License-Identifier: MIT
/*
 * The SDKs of the vendors and of Vercel, through llmux, against the mock upstream.
 *
 * A driver wraps one SDK for one dialect: text, tools, failure, each whole or streamed, always by
 * the SDK's own helpers. Every driver runs the table CASES on every pair of config.mjs that starts
 * in its dialect. A case passes if the client got exactly what the mock sent, the mock got as many
 * requests as the client made and found no fault in them, and the bodies went through unchanged
 * but for the model's name (and, for Messages, cache_control marks of llmux). SPECIALS are single
 * checks of llmux's own surface: keys, paths, models, token counts.
 *
 * Environment: BASE (llmux, no path), CONTROL (the mock's control port), MOCK_CLIENT_KEY, DIRECT=1
 * if BASE is the mock itself: then names are not routed and SPECIALS are left out. An argument is
 * a regular expression for the names to run. Prints failures and "sdk: N passed, N failed".
 * Limits: every test has TEST_MS, no SDK retries by itself.
 */
import assert from 'node:assert/strict';
import http from 'node:http';
import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, isStepCount, jsonSchema, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { ResponsesToolRunner } from 'openai/helpers/responses-tool-runner';
import { PAIRS } from './config.mjs';
import { SUM, TEXT, takeLog } from './mock.mjs';
import { USAGE } from './wire.mjs';

const TEST_MS = 30000;
globalThis.AI_SDK_LOG_WARNINGS = false;
const { BASE, CONTROL, MOCK_CLIENT_KEY: KEY } = process.env;
const direct = process.env.DIRECT === '1';
const only = new RegExp(process.argv[2] ?? '');

/* What the client sent and got in the test that runs now. */
const wire = { sent: [], heads: [] };

async function recorded(url, init) {
	if (init?.method === 'POST') wire.sent.push(String(init.body));
	const res = await fetch(url, init);
	wire.heads.push(res);
	return res;
}

/* The one tool: adds. `note` is there to carry text that is hard to quote. */
const PARAMETERS = {
	type: 'object',
	properties: { a: { type: 'number' }, b: { type: 'number' }, note: { type: 'string' } },
	required: ['a', 'b', 'note'],
	additionalProperties: false,
};
const ABOUT = { name: 'add', description: 'Add two numbers' };
const add = ({ a, b }) => String(a + b);

/* A failure of any SDK as {status, message, type, wait}. */
function failure(e) {
	const body = e.error ?? (e.responseBody ? JSON.parse(e.responseBody) : e.data);
	const head = e.headers ?? new Headers(e.responseHeaders);
	const inner = body?.error ?? body;
	return {
		status: e.status ?? e.statusCode,
		message: e.message,
		type: inner?.type,
		wait: head?.get?.('retry-after'),
		error: e,
	};
}

const openai = (base = `${BASE}/v1`, apiKey = KEY) =>
	new OpenAI({ baseURL: base, apiKey, fetch: recorded, maxRetries: 0, timeout: TEST_MS });
const anthropic = (base = BASE, apiKey = KEY) =>
	new Anthropic({ baseURL: base, apiKey, fetch: recorded, maxRetries: 0, timeout: TEST_MS });

const openaiChat = {
	name: 'openai',
	dialect: 'chat',
	async text(model, prompt, stream) {
		const chat = openai().chat.completions;
		const body = { model, messages: [{ role: 'user', content: prompt }] };
		if (!stream) {
			const r = await chat.create(body);
			return {
				text: r.choices[0].message.content,
				stop: r.choices[0].finish_reason,
				input: r.usage.prompt_tokens,
				output: r.usage.completion_tokens,
			};
		}
		const run = chat.stream({ ...body, stream_options: { include_usage: true } });
		let seen = '';
		run.on('content', (delta) => {
			seen += delta;
		});
		const r = await run.finalChatCompletion();
		assert.equal(seen, r.choices[0].message.content);
		return {
			text: seen,
			stop: r.choices[0].finish_reason,
			input: r.usage.prompt_tokens,
			output: r.usage.completion_tokens,
		};
	},
	async tools(model, prompt, stream) {
		const run = openai().chat.completions.runTools({
			model,
			stream,
			messages: [{ role: 'user', content: prompt }],
			tools: [
				{
					type: 'function',
					function: {
						...ABOUT,
						parameters: PARAMETERS,
						parse: JSON.parse,
						function: add,
					},
				},
			],
		});
		return run.finalContent();
	},
	stops: ['stop'],
};

const openaiResponses = {
	name: 'openai',
	dialect: 'responses',
	async text(model, input, stream) {
		const api = openai().responses;
		let r;
		if (stream) {
			const run = api.stream({ model, input });
			let seen = '';
			run.on('response.output_text.delta', (e) => {
				seen += e.delta;
			});
			r = await run.finalResponse();
			if (r.status === 'failed') throw new Error(r.error.message);
			assert.equal(seen, r.output_text);
		} else {
			r = await api.create({ model, input });
		}
		return {
			text: r.output_text,
			stop: r.status,
			input: r.usage.input_tokens,
			output: r.usage.output_tokens,
		};
	},
	async tools(model, input, stream) {
		const function_ = {
			type: 'function',
			...ABOUT,
			parameters: PARAMETERS,
			strict: true,
		};
		const runner = new ResponsesToolRunner({
			functions: [{ tool: function_, execute: add }],
		});
		const r = await runner.run(
			openai(),
			{
				model,
				input,
				include: ['reasoning.encrypted_content'],
				store: false,
			},
			{ stream },
		);
		return r.output_text;
	},
	stops: ['completed'],
};

/* The runner of tools keeps the conversation upstream (message threads) unless thread is false. */
const anthropicMessages = (name, thread, only) => ({
	name,
	dialect: 'messages',
	only,
	async text(model, prompt, stream) {
		const api = anthropic().messages;
		const body = {
			model,
			max_tokens: 1000,
			system: 'Be brief.',
			messages: [{ role: 'user', content: prompt }],
		};
		let r;
		if (stream) {
			const run = api.stream(body);
			let seen = '';
			run.on('text', (delta) => {
				seen += delta;
			});
			r = await run.finalMessage();
			assert.equal(seen, r.content[0].text);
		} else {
			r = await api.create(body);
		}
		return {
			text: r.content[0].text,
			stop: r.stop_reason,
			input: r.usage.input_tokens + r.usage.cache_read_input_tokens,
			output: r.usage.output_tokens,
		};
	},
	async tools(model, prompt, stream) {
		const r = await anthropic()
			.beta.messages.toolRunner({
				model,
				stream,
				...thread,
				max_tokens: 2000,
				thinking: { type: 'adaptive' },
				messages: [{ role: 'user', content: prompt }],
				tools: [betaTool({ ...ABOUT, inputSchema: PARAMETERS, run: add })],
			})
			.runUntilDone();
		return r.content
			.filter((b) => b.type === 'text')
			.map((b) => b.text)
			.join('');
	},
	stops: ['end_turn'],
});

/* The three ways of Vercel's `ai` differ in the model object alone. */
function vercel(name, dialect, modelOf) {
	const base = (model, prompt) => ({ model: modelOf(model), prompt, maxRetries: 0 });
	const adder = tool({
		description: ABOUT.description,
		inputSchema: jsonSchema(PARAMETERS),
		execute: async (input) => add(input),
	});

	/* A stream's failure arrives as a part of it: the reader throws it. */
	async function streamed(options) {
		const run = streamText({ ...options, onError() {} });
		let text = '';
		for await (const part of run.fullStream) {
			if (part.type === 'error') throw part.error;
			if (part.type === 'start-step') text = '';
			if (part.type === 'text-delta') text += part.text;
		}
		return { text, finishReason: await run.finishReason, usage: await run.usage };
	}
	const run = (options, stream) => (stream ? streamed(options) : generateText(options));
	return {
		name,
		dialect,
		stops: ['stop'],
		async text(model, prompt, stream) {
			const r = await run(base(model, prompt), stream);
			return {
				text: r.text,
				stop: r.finishReason,
				input: r.usage.inputTokens,
				output: r.usage.outputTokens,
			};
		},
		async tools(model, prompt, stream) {
			const options = {
				...base(model, prompt),
				tools: { add: adder },
				stopWhen: isStepCount(4),
			};
			return (await run(options, stream)).text;
		},
	};
}

const vercelOptions = { baseURL: `${BASE}/v1`, apiKey: KEY, fetch: recorded };
const DRIVERS = [
	openaiChat,
	openaiResponses,
	anthropicMessages('anthropic', {}, /./),
	anthropicMessages('anthropic-no-thread', { thread: false }, /^tools/),
	vercel('ai-openai', 'responses', createOpenAI(vercelOptions)),
	vercel('ai-openai', 'chat', createOpenAI(vercelOptions).chat),
	vercel(
		'ai-compatible',
		'chat',
		createOpenAICompatible({ ...vercelOptions, name: 'llmux', includeUsage: true }),
	),
	vercel('ai-anthropic', 'messages', createAnthropic(vercelOptions)),
];

function checkText(driver, got) {
	assert.equal(got.text, TEXT);
	assert.ok(driver.stops.includes(got.stop), `stopped by ${got.stop}`);
	assert.deepEqual([got.input, got.output], [USAGE.input, USAGE.output]);
}

async function failed(promise) {
	try {
		await promise;
	} catch (e) {
		return failure(e);
	}
	throw new Error('the client took a failure for success');
}

const text = (words, stream) => ({
	name: `text ${words}${stream ? ' stream' : ''}`,
	requests: 1,
	stream,
	run: async (driver, model) =>
		checkText(driver, await driver.text(model, `hi ${words}`, stream)),
});
const tools = (words, stream) => ({
	name: `tools ${words}${stream ? ' stream' : ''}`,
	requests: 2,
	stream,
	run: async (driver, model) =>
		assert.equal(await driver.tools(model, `add ${words}`, stream), SUM),
});

/* types: that of Anthropic's errors, that of OpenAI's; none where the status does not occur. */
const typeFor = (driver, types) => types[driver.dialect === 'messages' ? 0 : 1];

/* The status, the provider's sentence and its type must arrive, streamed or not. */
const refusal = (status, stream, types) => ({
	name: `refusal ${status}${stream ? ' stream' : ''}`,
	requests: 1,
	stream,
	fits: (driver) => typeFor(driver, types) !== undefined,
	async run(driver, model) {
		const got = await failed(driver.text(model, `hi mock:${status}`, stream));
		assert.equal(got.status, status);
		assert.match(got.message, new RegExp(`mock says ${status}`));
		assert.equal(got.type, typeFor(driver, types));
		if (status === 429) assert.equal(got.wait, '7');
	},
});

/* A stream that broke must never look whole; word is the cause, says what the client must see. */
const broken = (word, says) => ({
	name: `broken ${word} stream`,
	requests: 1,
	stream: true,
	async run(driver, model) {
		const got = await failed(driver.text(model, `hi mock:${word}`, true));
		assert.match(`${got.message} ${JSON.stringify(got.error)}`, says);
	},
});

const CASES = [
	text('', false),
	text('', true),
	text('mock:bytes', false),
	text('mock:bytes', true),
	text('mock:crlf', true),
	tools('mock:tool', false),
	tools('mock:tool', true),
	tools('mock:two', false),
	tools('mock:two', true),
	tools('mock:two mock:bytes', true),
	refusal(400, false, ['invalid_request_error', 'invalid_request_error']),
	refusal(404, false, ['not_found_error', 'invalid_request_error']),
	refusal(404, true, ['not_found_error', 'invalid_request_error']),
	refusal(429, true, ['rate_limit_error', 'rate_limit_error']),
	refusal(503, false, ['api_error', 'server_error']),
	refusal(529, true, ['overloaded_error']),
	broken('midway', /mock stops midway/),
	broken('cut', /./),
];

/* Take off what llmux may add to a Messages body: marks, and the text block that carries one. */
function unmarked(value) {
	if (Array.isArray(value)) return value.map(unmarked);
	if (typeof value !== 'object' || value === null) return value;
	const out = Object.fromEntries(
		Object.entries(value)
			.filter(([key]) => key !== 'cache_control')
			.map(([key, v]) => [key, unmarked(v)]),
	);
	for (const key of ['content', 'system'])
		if (typeof out[key] === 'string') out[key] = [{ type: 'text', text: out[key] }];
	return out;
}

/* The body arrived as it was sent, but for the name of the model. */
function checkBody(sent, got, dialect) {
	const rename = (text, model) => text.replace(/("model"\s*:\s*)"[^"]*"/, `$1"${model}"`);
	const want = rename(sent, JSON.parse(got).model);
	if (want === got) return;
	assert.equal(dialect, 'messages', `body changed: ${sent} -> ${got}`);
	assert.ok(
		!sent.includes('"cache_control"'),
		`a body with own marks changed: ${sent} -> ${got}`,
	);
	assert.deepEqual(unmarked(JSON.parse(got)), unmarked(JSON.parse(want)));
}

function checkHeads(test) {
	for (const res of wire.heads) {
		if (!direct)
			assert.ok(
				res.headers.get('x-request-id'),
				'an answer without x-request-id',
			);
		const type =
			test.stream && res.status === 200
				? 'text/event-stream'
				: 'application/json';
		assert.equal(res.headers.get('content-type').split(';')[0], type);
	}
}

/* One case of one driver on one pair as a test {name, run}. */
function testOf(driver, pair, c) {
	const name = `${driver.name} ${pair.client}>${pair.provider.name}: ${c.name}`;
	const model = direct ? pair.provider.model : pair.alias;
	async function run() {
		let wrong = null;
		await c.run(driver, model).catch((e) => {
			wrong = e;
		});
		const log = await takeLog(CONTROL);
		for (const r of log)
			assert.deepEqual(
				r.faults,
				[],
				`the mock found faults in ${r.method} ${r.url}`,
			);
		if (wrong) throw wrong;
		assert.equal(log.length, c.requests, 'requests that arrived');
		assert.equal(wire.sent.length, c.requests, 'requests that were sent');
		checkHeads(c);
		if (pair.client === pair.provider.dialect)
			log.forEach((r, i) => checkBody(wire.sent[i], r.body, pair.client));
	}
	return { name, run };
}

/* A request without any SDK: {status, head, body}. */
function plain(method, path, fields, body) {
	return new Promise((done, fail) => {
		const req = http.request(
			`${BASE}${path}`,
			{ method, headers: fields, agent: false },
			(res) => {
				let text = '';
				res.setEncoding('utf8').on('data', (part) => {
					text += part;
				});
				res.on('end', () =>
					done({
						status: res.statusCode,
						head: res.headers,
						body: text,
					}),
				);
			},
		);
		req.on('upgrade', () => fail(new Error('upgraded')))
			.on('error', fail)
			.end(body);
	});
}

async function quiet() {
	assert.deepEqual(await takeLog(CONTROL), [], 'something went upstream');
}

const aliasOf = (dialect) => PAIRS.find((p) => p.client === dialect).alias;

async function checkWrongKey() {
	const chat = await failed(
		openai(undefined, 'wrong').chat.completions.create({
			model: aliasOf('chat'),
			messages: [{ role: 'user', content: 'hi' }],
		}),
	);
	assert.equal(chat.status, 401);
	assert.equal(chat.type, 'invalid_request_error');
	const messages = await failed(
		anthropic(undefined, 'wrong').messages.create({
			model: aliasOf('messages'),
			max_tokens: 9,
			messages: [{ role: 'user', content: 'hi' }],
		}),
	);
	assert.equal(messages.status, 401);
	assert.equal(messages.type, 'authentication_error');
	for (const res of wire.heads) assert.equal(res.headers.get('x-should-retry'), 'false');
	await quiet();
}

async function checkUnknownModel() {
	const got = await failed(
		openai().chat.completions.create({
			model: 'no-such-model',
			messages: [{ role: 'user', content: 'hi' }],
		}),
	);
	assert.equal(got.status, 404);
	assert.equal(got.error.code, 'model_not_found');
	const known = ['echo', ...PAIRS.flatMap((p) => [p.alias, p.provider.model])];
	assert.ok(
		known.some((id) => got.message.includes(id)),
		`names no known id: ${got.message}`,
	);
	await quiet();
}

async function checkModels() {
	const ids = [];
	for await (const m of openai().models.list()) ids.push(m.id);
	for (const p of PAIRS) assert.ok(ids.includes(p.alias), `${p.alias} is not among ${ids}`);
	const page = await anthropic().models.list({ limit: 1000 });
	assert.ok(page.data.every((m) => m.type === 'model' && m.display_name));
	assert.deepEqual(page.data.map((m) => m.id).toSorted(), ids.toSorted());
	assert.equal((await openai().models.retrieve(ids[0])).id, ids[0]);
	assert.equal((await failed(openai().models.retrieve('no-such-model'))).status, 404);
}

async function checkCount() {
	const body = {
		model: aliasOf('messages'),
		system: 'Be brief.',
		messages: [{ role: 'user', content: 'hi' }],
	};
	assert.equal((await anthropic().messages.countTokens(body)).input_tokens, 123);
	const [r, ...rest] = await takeLog(CONTROL);
	assert.deepEqual(
		[r.url.split('?')[0], r.faults, rest],
		['/v1/messages/count_tokens', [], []],
	);
}

/* Base URLs typed the other way round, and names without an alias. */
async function checkPaths() {
	const messages = [{ role: 'user', content: 'hi' }];
	const named = PAIRS.find((p) => p.client === 'chat').provider;
	const calls = [
		() => openai(BASE).chat.completions.create({ model: aliasOf('chat'), messages }),
		() => openai(BASE).responses.create({ model: aliasOf('responses'), input: 'hi' }),
		() =>
			openai(`${BASE}/v1/v1`).chat.completions.create({
				model: aliasOf('chat'),
				messages,
			}),
		() =>
			anthropic(`${BASE}/v1`).messages.create({
				model: aliasOf('messages'),
				max_tokens: 9,
				messages,
			}),
		() =>
			openai().chat.completions.create({
				model: `${named.name}/${named.model}`,
				messages,
			}),
		() => openai().chat.completions.create({ model: named.model, messages }),
	];
	for (const call of calls) {
		await call();
		const log = await takeLog(CONTROL);
		assert.deepEqual(
			log.map((r) => r.faults),
			[[]],
		);
	}
}

async function checkBothKeys() {
	const body = JSON.stringify({
		model: aliasOf('messages'),
		max_tokens: 9,
		stream: false,
		messages: [{ role: 'user', content: 'hi' }],
	});
	const fields = {
		authorization: `Bearer ${KEY}`,
		'x-api-key': KEY,
		cookie: 'a=b',
		'content-type': 'application/json',
		'x-stainless-lang': 'js',
		referer: 'http://localhost/',
	};
	const got = await plain('POST', '/v1/messages?beta=true', fields, body);
	assert.equal(got.status, 200, got.body);
	const log = await takeLog(CONTROL);
	assert.deepEqual(
		log.map((r) => r.faults),
		[[]],
	);
}

async function checkProbes() {
	const hello = await plain('HEAD', '/api/hello', {});
	assert.deepEqual([hello.status, hello.body], [200, '']);
	assert.equal((await plain('GET', '/healthz', {})).status, 200);
	const key = { authorization: `Bearer ${KEY}` };
	const upgrade = await plain('GET', '/v1/responses', {
		...key,
		connection: 'Upgrade',
		upgrade: 'websocket',
		'sec-websocket-version': '13',
		'sec-websocket-key': 'bWFkZSB1cCBrZXkgMQ==',
	});
	assert.equal(upgrade.status, 426);
	assert.equal(upgrade.head.connection.toLowerCase(), 'close');
	assert.ok(JSON.parse(upgrade.body).error.message);
	const foreign = await plain(
		'POST',
		'/v1/chat/completions',
		{ ...key, origin: 'https://page.test', 'content-type': 'application/json' },
		'{}',
	);
	assert.equal(foreign.status, 403);
	assert.equal(foreign.head['access-control-allow-origin'], undefined);
	const missing = await plain('GET', '/v1/nothing', key);
	assert.equal(missing.status, 404);
	assert.ok(JSON.parse(missing.body).error.message);
	await quiet();
}

const SPECIALS = [
	['wrong key', checkWrongKey],
	['unknown model', checkUnknownModel],
	['models', checkModels],
	['count_tokens', checkCount],
	['paths and names', checkPaths],
	['both keys', checkBothKeys],
	['probes', checkProbes],
].map(([name, run]) => ({ name: `llmux: ${name}`, run }));

async function runOne(test) {
	let timer;
	wire.sent = [];
	wire.heads = [];
	const late = new Promise((_, fail) => {
		timer = setTimeout(() => fail(new Error(`nothing after ${TEST_MS} ms`)), TEST_MS);
	});
	try {
		await Promise.race([test.run(), late]);
		return true;
	} catch (e) {
		console.log(
			`FAIL ${test.name}\n\t${String(e.stack ?? e)
				.slice(0, 1500)
				.replaceAll('\n', '\n\t')}`,
		);
		return false;
	} finally {
		clearTimeout(timer);
	}
}

const tests = DRIVERS.flatMap((driver) =>
	PAIRS.filter((p) => p.client === driver.dialect).flatMap((pair) =>
		CASES.filter((c) => (driver.only ?? /./).test(c.name))
			.filter((c) => c.fits?.(driver) ?? true)
			.map((c) => testOf(driver, pair, c)),
	),
);
let passed = 0;
let failures = 0;
await takeLog(CONTROL);
for (const test of [...tests, ...(direct ? [] : SPECIALS)].filter((t) => only.test(t.name)))
	(await runOne(test)) ? passed++ : failures++;
console.log(`sdk: ${passed} passed, ${failures} failed`);
process.exit(failures ? 1 : 0);
