// SPDX-License-Identifier: MIT
/*
 * Claude Code and Codex, the programs themselves, through llmux (TLS upstream) against the mock.
 *
 * Each test starts one program in its batch mode with an empty home and an empty project of its
 * own, no other variable than PATH and what is needed, and everything switched off that would call
 * elsewhere. It passes if the program ended in time with the right status, its answer is the mock's
 * text, and the mock found no fault in any request. The requests that arrived are counted.
 *
 * Environment: BASE (llmux), CONTROL (the mock's control port), MOCK_CLIENT_KEY, BIG_DIR (holds
 * node_modules), CHECK_DIR (homes go there). An argument is a regular expression for names.
 * Prints failures and "big: N passed, N failed, N skipped". A program whose binary for this
 * machine is not there is skipped with a line.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { SUM, TEXT, takeLog } from './mock.mjs';

const TEST_MS = 120000;
const OUTPUT_MAX = 1 << 20;
const { BASE, CONTROL, MOCK_CLIENT_KEY: KEY, BIG_DIR, CHECK_DIR } = process.env;
const only = new RegExp(process.argv[2] ?? '');

const machine = `linux-${process.arch}`;
const triple = { x64: 'x86_64', arm64: 'aarch64' }[process.arch];
const PROGRAMS = {
	claude: `${BIG_DIR}/node_modules/@anthropic-ai/claude-code-${machine}/claude`,
	codex:
		`${BIG_DIR}/node_modules/@openai/codex-${machine}/vendor/` +
		`${triple}-unknown-linux-musl/bin/codex`,
};

/* Run a program in its own process group: {status, out, err}. Nothing of the group outlives it. */
function run(program, args, env, home) {
	const project = `${home}/project`;
	mkdirSync(project, { recursive: true });
	return new Promise((done, fail) => {
		const child = spawn(program, args, {
			cwd: project,
			detached: true,
			stdio: ['ignore', 'pipe', 'pipe'],
			env: {
				PATH: process.env.PATH,
				HOME: home,
				TMPDIR: home,
				LANG: 'C.UTF-8',
				TERM: 'dumb',
				...env,
			},
		});
		const got = { out: '', err: '' };
		const kill = () => {
			try {
				process.kill(-child.pid, 'SIGKILL');
			} catch {
				/* all of it has ended */
			}
		};
		const timer = setTimeout(() => {
			got.late = true;
			kill();
		}, TEST_MS);
		child.stdout.setEncoding('utf8').on('data', (t) => {
			got.out = (got.out + t).slice(-OUTPUT_MAX);
		});
		child.stderr.setEncoding('utf8').on('data', (t) => {
			got.err = (got.err + t).slice(-OUTPUT_MAX);
		});
		child.on('error', fail);
		child.on('exit', kill);
		child.on('close', (status) => {
			clearTimeout(timer);
			done({ ...got, status });
		});
	});
}

/* ---- Claude Code: Messages ---- */

const CLAUDE_ENV = {
	ANTHROPIC_BASE_URL: BASE,
	CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
	DISABLE_AUTOUPDATER: '1',
	DISABLE_TELEMETRY: '1',
	DISABLE_ERROR_REPORTING: '1',
	CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL: '1',
};
const claude =
	(model, prompt, env, ...more) =>
	(home) =>
		run(
			PROGRAMS.claude,
			[
				'-p',
				prompt,
				'--model',
				model,
				'--output-format',
				'json',
				'--allowed-tools',
				'Bash',
				...more,
			],
			{ ...CLAUDE_ENV, ...env },
			home,
		);

/* The last line of its JSON output is the result. */
function claudeResult({ out }) {
	const result = JSON.parse(out.trim().split('\n').at(-1));
	assert.equal(result.is_error, false, JSON.stringify(result));
	return result.result;
}

/* ---- Codex: Responses ---- */

const CODEX_PROVIDER = [
	'model_provider = "llmux"',
	'[model_providers.llmux]',
	'name = "llmux"',
	`base_url = "${BASE}/v1"`,
	'env_key = "LLMUX_KEY"',
	'wire_api = "responses"',
];

const codex = (model, prompt, config, env) => (home) => {
	const dir = `${home}/.codex`;
	mkdirSync(dir, { recursive: true });
	writeFileSync(
		`${dir}/config.toml`,
		[
			`model = "${model}"`,
			'check_for_update_on_startup = false',
			...config,
			'[analytics]',
			'enabled = false',
			'',
		].join('\n'),
	);
	return run(
		PROGRAMS.codex,
		[
			'exec',
			'--json',
			'--skip-git-repo-check',
			'-s',
			'danger-full-access',
			'-o',
			`${home}/last`,
			prompt,
		],
		{ CODEX_HOME: dir, ...env },
		home,
	);
};

/* The last message among its JSON events. */
function codexResult({ out }) {
	const events = out
		.trim()
		.split('\n')
		.map((line) => JSON.parse(line));
	const said = events.filter(
		(e) => e.type === 'item.completed' && e.item.type === 'agent_message',
	);
	return said.at(-1)?.item.text;
}

const TOKEN = { ANTHROPIC_AUTH_TOKEN: KEY };
const CODEX_KEY = { LLMUX_KEY: KEY };
/* How many requests: a number, or the least and the most where the program decides. */
const messages = (n) => ({ '/v1/messages': n });
const responses = (n) => ({ '/v1/responses': n });
const TESTS = [
	{
		name: 'claude text',
		run: claude('claude-opus-5-5', 'hi mock:crlf', TOKEN),
		of: claudeResult,
		says: TEXT,
		requests: messages(1),
	},
	{
		name: 'claude text, x-api-key, older model',
		run: claude('claude-sonnet-4-5', 'hi mock:bytes', { ANTHROPIC_API_KEY: KEY }),
		of: claudeResult,
		says: TEXT,
		requests: messages(1),
	},
	{
		name: 'claude tool',
		run: claude('claude-opus-5-5', 'add mock:tool', TOKEN),
		of: claudeResult,
		says: SUM,
		requests: messages(2),
	},
	{
		name: 'claude broken stream',
		run: claude('claude-opus-5-5', 'hi mock:midway', TOKEN),
		status: 1,
		of: (got) => got.out,
		says: /Server error mid-response/,
		requests: messages([2, 8]),
	},
	{
		name: 'claude token counts',
		run: claude('claude-opus-5-5', '/context', TOKEN),
		of: claudeResult,
		says: /Messages \| 123 /,
		requests: { '/v1/messages/count_tokens': [20, 40] },
	},
	{
		name: 'codex text, unknown model',
		run: codex('unknown-model', 'hi mock:bytes', CODEX_PROVIDER, CODEX_KEY),
		of: codexResult,
		says: TEXT,
		requests: responses(1),
	},
	{
		name: 'codex tool',
		run: codex('gpt-5.5', 'add mock:tool', CODEX_PROVIDER, CODEX_KEY),
		of: codexResult,
		says: SUM,
		requests: responses(2),
	},
	{
		name: 'codex tool in a group, lite model',
		run: codex('gpt-6-sol', 'add mock:tool', CODEX_PROVIDER, CODEX_KEY),
		of: codexResult,
		says: SUM,
		requests: responses(2),
	},
	{
		name: 'codex refusal',
		run: codex('gpt-5.5', 'hi mock:400', CODEX_PROVIDER, CODEX_KEY),
		status: 1,
		of: (got) => got.out,
		says: /mock says 400/,
		requests: responses(1),
	},
	{
		name: 'codex broken stream',
		run: codex('gpt-5.5', 'hi mock:midway', CODEX_PROVIDER, CODEX_KEY),
		status: 1,
		of: (got) => got.out,
		says: /mock stops midway/,
		requests: responses([2, 8]),
	},
	{
		name: 'codex text, openai_base_url',
		run: codex('gpt-5.5', 'hi mock:crlf', [`openai_base_url = "${BASE}/v1"`], {
			CODEX_API_KEY: KEY,
		}),
		of: codexResult,
		says: TEXT,
		requests: responses(1),
	},
];

async function check(test, home) {
	const got = await test.run(home);
	const log = await takeLog(CONTROL);
	const faults = log.flatMap((r) => r.faults);
	assert.deepEqual(faults, [], 'the mock found faults');
	const told = [
		`status ${got.status}${got.late ? ', too late' : ''}`,
		got.out.slice(-2000),
		got.err.slice(-2000),
	].join('\n');
	assert.equal(got.status, test.status ?? 0, told);
	if (test.says instanceof RegExp) assert.match(test.of(got), test.says, told);
	else assert.equal(test.of(got), test.says, told);
	const count = {};
	for (const { url } of log) count[url.split('?')[0]] = (count[url.split('?')[0]] ?? 0) + 1;
	for (const [path, want] of Object.entries(test.requests)) {
		const [least, most] = [want].flat().length === 2 ? want : [want, want];
		assert.ok(
			count[path] >= least && count[path] <= most,
			`${count[path]} requests to ${path}\n${told}`,
		);
	}
	assert.deepEqual(Object.keys(count), Object.keys(test.requests), told);
	for (const r of log) assert.ok(r.secure, 'went upstream without TLS');
}

const total = { passed: 0, failed: 0, skipped: 0 };
await takeLog(CONTROL);
for (const [i, test] of TESTS.filter((t) => only.test(t.name)).entries()) {
	const program = PROGRAMS[test.name.split(' ')[0]];
	if (!existsSync(program)) {
		console.log(`skip ${test.name}: no binary for ${machine}`);
		total.skipped++;
		continue;
	}
	try {
		await check(test, `${CHECK_DIR}/home${i}`);
		total.passed++;
	} catch (e) {
		console.log(
			`FAIL ${test.name}\n\t${String(e.stack ?? e)
				.slice(0, 6000)
				.replaceAll('\n', '\n\t')}`,
		);
		total.failed++;
	}
}
console.log(`big: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed ? 1 : 0);
