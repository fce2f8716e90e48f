// SPDX-License-Identifier: MIT
/*
 * The providers and model names of `make check-clients`, and the configuration made from them.
 *
 * PAIRS is the list of what is tested: which dialect the client speaks, and which provider its
 * request is routed to. Pairs of two dialects are added here; the tests of sdk.mjs run for every
 * pair whose client dialect they speak.
 * Run as a program it prints the configuration. Environment: LLMUX_LISTEN, MOCK_HTTPS, MOCK_HTTP
 * (ports), MOCK_ANTHROPIC_KEY, MOCK_OPENAI_KEY, MOCK_CLIENT_KEY, CHECK_DIR (holds ca.pem; state
 * goes there).
 */
import { EXTRA_FIELD } from './mock.mjs';

const provider = (dialect, secure) => ({
	name: `${dialect}-${secure ? 'tls' : 'plain'}`,
	dialect,
	secure,
	model: `up-${dialect}-${secure ? 'tls' : 'plain'}`,
});
const PROVIDERS = ['messages', 'chat', 'responses'].flatMap((d) => [
	provider(d, true),
	provider(d, false),
]);

const pair = (client, name) => ({
	client,
	provider: PROVIDERS.find((p) => p.name === name),
	alias: `from-${client}-to-${name}`,
});
export const PAIRS = [
	pair('messages', 'messages-tls'),
	pair('messages', 'messages-plain'),
	pair('chat', 'chat-tls'),
	pair('chat', 'chat-plain'),
	pair('responses', 'responses-tls'),
	pair('responses', 'responses-plain'),
];

/* Names that the big clients know features of, so that they send all of these. */
const BIG = {
	'claude-opus-5-5': 'messages-tls',
	'claude-sonnet-4-5': 'messages-tls',
	'gpt-6-sol': 'responses-tls',
	'gpt-5.5': 'responses-tls',
	'unknown-model': 'responses-tls',
};

function providerText(p, env) {
	const origin = p.secure
		? `https://localhost:${env.MOCK_HTTPS}`
		: `http://localhost:${env.MOCK_HTTP}`;
	const lines =
		p.dialect === 'messages'
			? [
					'type = anthropic',
					`base_url = ${origin}`,
					`api_key = ${env.MOCK_ANTHROPIC_KEY}`,
				]
			: [
					'type = openai',
					`base_url = ${origin}/v1`,
					`api_key = ${env.MOCK_OPENAI_KEY}`,
					`wire = ${p.dialect}`,
				];
	if (p.dialect === 'chat') lines.push(`header = X-Title: ${EXTRA_FIELD.value}`);
	return `[provider ${p.name}]\n${lines.join('\n')}\nmodel = ${p.model}\n`;
}

function modelText(alias, p) {
	return `[model ${alias}]\nuse = ${p.name}/${p.model}\n`;
}

function configText(env) {
	const head = [
		`listen = ${env.LLMUX_LISTEN}`,
		`state_dir = ${env.CHECK_DIR}/state`,
		`api_key = ${env.MOCK_CLIENT_KEY}`,
		`ca_file = ${env.CHECK_DIR}/ca.pem`,
		'log_level = debug',
	].join('\n');
	const aliases = [
		...PAIRS.map((p) => modelText(p.alias, p.provider)),
		...Object.entries(BIG).map(([alias, name]) =>
			modelText(
				alias,
				PROVIDERS.find((p) => p.name === name),
			),
		),
	];
	return [`${head}\n`, ...PROVIDERS.map((p) => providerText(p, env)), ...aliases].join('\n');
}

if (process.argv[1] === import.meta.filename) process.stdout.write(configText(process.env));
