// SPDX-License-Identifier: MIT
/*
 * The strict upstream that stands in for the providers in `make check-clients`.
 *
 * It listens on 127.0.0.1, kernel-chosen ports: HTTPS, HTTP and a control port, and prints
 * one line {"https":N,"http":N,"control":N}. Every request is held against what llmux promises to
 * send (path, fields, one credential of the right kind, no trace of the client, Content-Length,
 * renamed model, a body the provider would take). A request with a fault gets 400 with the faults
 * as its message, so that the client shows them, and is kept with them for the test to see.
 * What to answer is asked for in the user's text by words that start with "mock:":
 *	tool, two	call one tool, or two at once; after the results: the final text
 *	bytes, crlf	one byte in a segment; lines that end in CRLF
 *	cut, midway	half of the stream, then a closed connection, or an error event
 *	400 404 429 503 529	that status with an error body
 * Without any: the text TEXT. A request to the control port gives the requests since the last one.
 *
 * It deliberately knows no rate limits, no OAuth, no other endpoint than those of wire.mjs,
 * token counting and the list of models. It ends when its standard input ends, and after LIFE_MS.
 * Environment: MOCK_CERT, MOCK_KEY_FILE (PEM files), MOCK_ANTHROPIC_KEY, MOCK_OPENAI_KEY (what
 * llmux must send), MOCK_CLIENT_KEY (what it must never send), MOCK_LENIENT=1 (only bodies are
 * checked: for clients that talk to it without llmux).
 * Sources: RFC 9112 (framing), wire.mjs.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import { DIALECTS } from './wire.mjs';

const LIFE_MS = 40 * 60 * 1000;
const BODY_MAX = 8 << 20;

export const TEXT =
	'Grüße aus Łódź, 世界 🚀: "quoted" back\\slash </end> &amp;\n\tsecond line\u2028\u00a0.';
export const SUM = 'The sum is 42. ✔';
export const MODELS = ['messages', 'chat', 'responses'].flatMap((d) => [
	`up-${d}-tls`,
	`up-${d}-plain`,
]);
export const EXTRA_FIELD = { name: 'x-title', value: 'llmux check' };

const COMMON = [
	'host',
	'connection',
	'content-type',
	'content-length',
	'accept',
	'accept-encoding',
	'user-agent',
];
const PROVIDERS = {
	anthropic: {
		credential: 'x-api-key',
		value: (key) => key,
		key: process.env.MOCK_ANTHROPIC_KEY,
		fields: [
			...COMMON,
			'x-api-key',
			'anthropic-version',
			'anthropic-beta',
			'anthropic-workspace-id',
			'anthropic-user-profile-id',
		],
	},
	openai: {
		credential: 'authorization',
		value: (key) => `Bearer ${key}`,
		key: process.env.MOCK_OPENAI_KEY,
		fields: [...COMMON, 'authorization', EXTRA_FIELD.name],
	},
};
const CREDENTIALS = ['authorization', 'x-api-key', 'api-key', 'proxy-authorization'];
const VERSIONS = ['2023-06-01', '2026-10-21'];

const lenient = process.env.MOCK_LENIENT === '1';
const clientKey = process.env.MOCK_CLIENT_KEY;
const ports = {};
let taken = [];
let running = 0;
let answers = 0;
const threads = new Map(); /* id of an answer of a message thread: the body with all turns so far */

/* All values of one field; node joins or drops repeated ones in req.headers. */
function values(req, name) {
	const raw = req.rawHeaders;
	return raw.filter((v, i) => i % 2 === 1 && raw[i - 1].toLowerCase() === name);
}

/* The keys at the top level of a JSON text, repeated ones included. */
function topKeys(text) {
	const keys = [];
	let depth = 0;
	let last = '';
	for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
		if (token === '{' || token === '[') depth++;
		else if (token === '}' || token === ']') depth--;
		else if (token === ':' && depth === 1) keys.push(JSON.parse(last));
		last = token;
	}
	return keys;
}

/* What the head must be, whatever the body says. */
function checkHead(req, provider, secure, body) {
	const faults = [];
	const want = PROVIDERS[provider];
	const once = (name, good, what) => {
		const got = values(req, name);
		if (got.length !== 1 || !good(got[0]))
			faults.push(`${name} is ${JSON.stringify(got)}, not ${what}`);
	};
	const names = req.rawHeaders.filter((_, i) => i % 2 === 0).map((n) => n.toLowerCase());

	for (const name of new Set(names))
		if (!want.fields.includes(name) && !CREDENTIALS.includes(name))
			faults.push(`field ${name} is not one to send`);
	const credentials = names.filter((n) => CREDENTIALS.includes(n));
	if (credentials.length !== 1)
		faults.push(`credential fields: ${JSON.stringify(credentials)}, not one`);
	once(want.credential, (v) => v === want.value(want.key), 'the key of the provider');
	once('user-agent', (v) => /^llmux\/[0-9][\w.+-]*$/.test(v), 'llmux/<version>');
	once(
		'host',
		(v) => v === `localhost:${secure ? ports.https : ports.http}`,
		'the authority of base_url',
	);
	if (req.method === 'POST') {
		once(
			'content-length',
			(v) => v === String(body.length),
			`${body.length}, the length of the body`,
		);
		once('content-type', (v) => v === 'application/json', 'application/json');
	}
	if (values(req, 'accept-encoding').some((v) => v !== 'identity'))
		faults.push('accept-encoding is not identity');
	if (provider === 'anthropic')
		once('anthropic-version', (v) => VERSIONS.includes(v), 'a version');
	else if (req.method === 'POST' && req.url.endsWith('/chat/completions'))
		once(EXTRA_FIELD.name, (v) => v === EXTRA_FIELD.value, 'what `header =` says');
	const betas = values(req, 'anthropic-beta')
		.join()
		.split(',')
		.map((b) => b.trim());
	if (values(req, 'anthropic-beta').length > 1 || new Set(betas).size !== betas.length)
		faults.push('anthropic-beta: more than one line, or a name twice');
	if (betas.includes('oauth-2025-04-20'))
		faults.push('anthropic-beta names the OAuth beta beside an API key');
	if (secure && (req.socket.servername !== 'localhost' || req.socket.alpnProtocol === 'h2'))
		faults.push(
			`server name ${req.socket.servername}, ALPN ${req.socket.alpnProtocol}`,
		);
	return faults;
}

function checkSecrets(req, text) {
	const all = [req.url, ...req.rawHeaders, text].join('\n');
	return clientKey && all.includes(clientKey) ? ['the key of the client went upstream'] : [];
}

/* The body as an object, or null with the fault told. */
function parseBody(bytes, faults) {
	try {
		const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
			bytes,
		);
		const body = JSON.parse(text);
		const keys = topKeys(text);
		if (new Set(keys).size !== keys.length) faults.push('body: a field is there twice');
		return body;
	} catch (e) {
		faults.push(`body: ${e.message}`);
		return null;
	}
}

/* Routed to the right place under the right name: up-<dialect>-<tls or plain>. */
function checkModel(model, dialect, secure) {
	const want = `up-${dialect}-${secure ? 'tls' : 'plain'}`;
	return model === want ? [] : [`model is ${JSON.stringify(model)}, not ${want}`];
}

const SHELL_TEXT = 'printf sum-%s $((19+23))';
const MOCK_CALLS = [
	{ name: 'add', input: { a: 19, b: 23, note: 'Łódź "q" \\ 🚀' }, good: (t) => t === '42' },
	{
		name: 'Bash',
		input: { command: SHELL_TEXT, description: 'Add two numbers' },
		good: (t) => t.includes('sum-42'),
	},
	{ name: 'exec_command', input: { cmd: SHELL_TEXT }, good: (t) => t.includes('sum-42') },
	{
		name: 'exec',
		input: `text(String(19 + 23) + "-sum");\n`,
		good: (t) => t.includes('42-sum'),
	},
];
const SECOND_CALL = { name: 'add', input: { a: 1, b: 2, note: '' }, good: (t) => t === '3' };

/* The calls that are made for these words with the tools on offer. */
function callsFor(words, tools, dialect) {
	const prefix = dialect === 'messages' ? 'toolu_mock' : 'call_mock';
	const first = MOCK_CALLS.find((c) => tools.some((t) => t.name === c.name));
	const calls = [first, words.has('two') ? SECOND_CALL : null].filter(Boolean);
	return calls.map((c, i) => ({
		...tools.find((t) => t.name === c.name),
		...c,
		id: `${prefix}${i + 1}`,
	}));
}

/* The results must be those of the calls, and both must come back unchanged. */
function checkRound(after, calls, seal) {
	const faults = [];
	const results = after.filter((it) => it.kind === 'result');
	const echoed = after.filter((it) => it.kind === 'call');
	for (const call of calls) {
		const result = results.find((r) => r.id === call.id);
		const echo = echoed.find((c) => c.id === call.id);
		if (!result || !call.good(result.text))
			faults.push(`result of ${call.id} is ${JSON.stringify(result?.text)}`);
		if (!echo || echo.name !== call.name || !isDeepStrictEqual(echo.input, call.input))
			faults.push(`call ${call.id} came back as ${JSON.stringify(echo)}`);
	}
	if (results.length !== calls.length || echoed.length !== calls.length)
		faults.push(
			`${echoed.length} calls, ${results.length} results for ${calls.length}`,
		);
	if (seal && !after.some((it) => it.kind === 'reasoning' && it.seal === seal))
		faults.push('the sealed reasoning did not come back');
	return faults;
}

/* Which answer the conversation asks for: {words, answer, faults}. */
function plan(dialect, body) {
	const { items, tools, reasoning } = DIALECTS[dialect].read(body);
	const from = items.findLastIndex((it) => it.kind === 'user' && it.text.includes('mock:'));
	const asked = from < 0 ? '' : items[from].text;
	const words = new Set([...asked.matchAll(/mock:(\w+)/g)].map((m) => m[1]));
	const seal = reasoning ? 'c2VhbGVkIGJ5IHRoZSBtb2Nr' : '';
	const answer = (text, calls) => ({ n: ++answers, seal, text, calls });
	if (!words.has('tool') && !words.has('two'))
		return { words, answer: answer(TEXT, []), faults: [] };
	const calls = callsFor(words, tools, dialect);
	if (calls.length === 0)
		return { words, faults: [`no tool known here among ${tools.map((t) => t.name)}`] };
	const after = items.slice(from + 1);
	if (!after.some((it) => it.kind === 'result'))
		return { words, answer: answer('', calls), faults: [] };
	return { words, answer: answer(SUM, []), faults: checkRound(after, calls, seal) };
}

/*
 * Message threads, which the Messages SDK uses by itself: the upstream keeps the conversation, and
 * a later request brings the new messages alone. Gives the whole conversation as a body.
 */
function wholeThread(req, body, faults) {
	const { thread } = body;
	if (!thread) return body;
	if (
		!values(req, 'anthropic-beta')
			.join()
			.split(/, */)
			.includes('message-threads-2026-08-12')
	)
		faults.push('thread without its beta');
	if (thread.type !== 'continue') return body;
	const before = threads.get(thread.previous_message_id);
	if (!before || body.system || body.tools)
		faults.push('continues no thread, or repeats its tools');
	return { ...before, ...body, messages: [...(before?.messages ?? []), ...body.messages] };
}

function keepThread(body, reply) {
	const turn = { role: 'assistant', content: reply.content };
	if (body.thread) threads.set(reply.id, { ...body, messages: [...body.messages, turn] });
}

const tick = () => new Promise((done) => setImmediate(done));

/* Head and body by hand, one byte in each segment, then the end of the connection. */
async function sendBytes(socket, status, fields, text) {
	const body = Buffer.from(text);
	const lines = Object.entries({
		...fields,
		'content-length': body.length,
		connection: 'close',
	});
	const head = lines.map(([k, v]) => `${k}: ${v}\r\n`).join('');
	const all = Buffer.concat([Buffer.from(`HTTP/1.1 ${status} OK\r\n${head}\r\n`), body]);
	socket.setNoDelay(true);
	for (let i = 0; i < all.length && !socket.destroyed; i++) {
		socket.write(all.subarray(i, i + 1));
		await tick();
	}
	socket.end();
}

function eventText({ event, data }, eol) {
	const json = typeof data === 'string' ? data : JSON.stringify(data);
	return `${event ? `event: ${event}${eol}` : ''}data: ${json}${eol}${eol}`;
}

async function sendEvents(req, res, events, words) {
	const eol = words.has('crlf') ? '\r\n' : '\n';
	const fields = {
		'content-type': 'text/event-stream; charset=utf-8',
		'request-id': 'req_mock1',
	};
	const texts = events.map((e) => eventText(e, eol));
	texts.splice(1, 0, `: a comment${eol}${eol}`);
	if (words.has('bytes')) return sendBytes(req.socket, 200, fields, texts.join(''));
	res.writeHead(200, fields);
	for (const text of texts) {
		res.write(text);
		await tick();
	}
	if (words.has('cut')) return setTimeout(() => req.socket.destroy(), 20);
	res.end();
}

async function sendJson(req, res, status, value, words = new Set()) {
	const text = JSON.stringify(value);
	const fields = { 'content-type': 'application/json', 'request-id': 'req_mock1' };
	if (status === 429) fields['retry-after'] = '7';
	if (words.has('bytes')) return sendBytes(req.socket, status, fields, text);
	res.writeHead(status, { ...fields, 'content-length': Buffer.byteLength(text) });
	res.end(req.method === 'HEAD' ? '' : text);
}

async function answerDialect(req, res, dialect, body, { words, answer }) {
	const wire = DIALECTS[dialect];
	const status = [400, 404, 429, 503, 529].find((n) => words.has(String(n)));
	if (status)
		return sendJson(req, res, status, wire.error(status, `mock says ${status}`), words);
	const whole = wire.whole(answer, body);
	keepThread(body, whole);
	if (!body.stream) return sendJson(req, res, 200, whole, words);
	let events = wire.events(answer, body);
	if (words.has('cut') || words.has('midway')) events = events.slice(0, events.length >> 1);
	if (words.has('midway'))
		events.push(wire.midway('mock stops midway', events.length, answer, body));
	return sendEvents(req, res, events, words);
}

function modelList(provider) {
	const ids = MODELS.filter((id) => DIALECTS[id.split('-')[1]].provider === provider);
	const created = {
		anthropic: (id) => ({
			type: 'model',
			id,
			display_name: id,
			created_at: '2026-09-22T00:00:00Z',
		}),
		openai: (id) => ({ id, object: 'model', created: 1795000000, owned_by: 'mock' }),
	};
	const data = ids.map(created[provider]);
	return provider === 'anthropic'
		? { data, has_more: false, first_id: ids[0], last_id: ids.at(-1) }
		: { object: 'list', data };
}

/* Which of the endpoints this is: {provider, dialect, counting, models}, or null. */
function endpointOf(req) {
	const [path, query = ''] = req.url.split('?');
	if (req.method === 'GET' && path === '/v1/models')
		return {
			models: true,
			provider: values(req, 'anthropic-version').length ? 'anthropic' : 'openai',
		};
	if (req.method !== 'POST' || !['', 'beta=true'].includes(query)) return null;
	if (path === '/v1/messages/count_tokens')
		return { counting: true, dialect: 'messages', provider: 'anthropic' };
	const [dialect, wire] = Object.entries(DIALECTS).find(([, d]) => d.path === path) ?? [];
	return dialect ? { dialect, provider: wire.provider } : null;
}

async function serve(req, res, secure, bytes, entry) {
	const { faults } = entry;
	const endpoint = endpointOf(req);
	if (!endpoint) {
		faults.push(`${req.method} ${req.url} is not served`);
		return sendJson(req, res, 404, DIALECTS.chat.error(404, faults[0]));
	}
	const { dialect, provider, counting } = endpoint;
	if (!lenient)
		faults.push(
			...checkHead(req, provider, secure, bytes),
			...checkSecrets(req, entry.body),
		);
	if (endpoint.models) return sendJson(req, res, 200, modelList(provider));
	let body = parseBody(bytes, faults);
	const wire = DIALECTS[dialect];
	let todo = { words: new Set() };
	if (body) {
		body = wholeThread(req, body, faults);
		const shape = counting ? wire.checkCount(body) : wire.check(body);
		faults.push(...checkModel(body.model, dialect, secure), ...shape);
		if (shape.length === 0) todo = plan(dialect, body);
		faults.push(...(todo.faults ?? []));
	}
	if (faults.length)
		return sendJson(req, res, 400, wire.error(400, `mock: ${faults.join('; ')}`));
	if (counting) return sendJson(req, res, 200, { input_tokens: 123 });
	return answerDialect(req, res, dialect, body, todo);
}

function onRequest(secure) {
	return (req, res) => {
		const parts = [];
		let size = 0;
		running++;
		const entry = { method: req.method, url: req.url, secure, faults: [], body: '' };
		taken.push(entry);
		res.on('close', () => running--);
		req.on('data', (part) => {
			size += part.length;
			if (size > BODY_MAX) req.socket.destroy();
			parts.push(part);
		});
		req.on('end', () => {
			const bytes = Buffer.concat(parts);
			entry.body = bytes.toString();
			serve(req, res, secure, bytes, entry).catch((e) => {
				entry.faults.push(`mock: ${e.stack}`);
				req.socket.destroy();
			});
		});
	};
}

/* A connection that never became a request is a fault too. */
function onBroken(error, socket) {
	if (error.code !== 'ECONNRESET')
		taken.push({
			method: '-',
			url: '-',
			faults: [`broken request: ${error.code}`],
			body: '',
		});
	socket.destroy();
}

/* Hand over what came since the last time, once nothing is under way (2 s at most). */
async function onControl(req, res) {
	for (let i = 0; running > 0 && i < 200; i++)
		await new Promise((done) => setTimeout(done, 10));
	const text = JSON.stringify(taken);
	taken = [];
	res.writeHead(200, { 'content-type': 'application/json' });
	res.end(text);
}

/*
 * For the tests: what arrived at the mock with this control port since the last time. Good requests
 * for the list of models are left out: llmux may ask for it whenever it likes.
 */
export async function takeLog(port) {
	const res = await fetch(`http://127.0.0.1:${port}/take`);
	const log = await res.json();
	return log.filter((r) => r.faults.length || r.url.split('?')[0] !== '/v1/models');
}

function listen(server) {
	server.on('clientError', onBroken);
	return new Promise((done) =>
		server.listen(0, '127.0.0.1', () => done(server.address().port)),
	);
}

async function main() {
	const tls = {
		cert: readFileSync(process.env.MOCK_CERT),
		key: readFileSync(process.env.MOCK_KEY_FILE),
	};
	ports.https = await listen(https.createServer(tls, onRequest(true)));
	ports.http = await listen(http.createServer(onRequest(false)));
	ports.control = await listen(http.createServer(onControl));
	process.stdin.on('end', () => process.exit(0)).resume();
	setTimeout(() => process.exit(1), LIFE_MS).unref();
	console.log(JSON.stringify(ports));
}

if (process.argv[1] === import.meta.filename) await main();
