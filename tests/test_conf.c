/* SPDX-License-Identifier: MIT */
/*
 * Tests of the conf files without the world around: what each key takes and
 * refuses, with the whole message; the struct that comes of it; printing and
 * reading again; starvation. The rest is in test_conf_env.c.
 */
#include "conf_lab.h"
#include "guard.h"

/* ---- what is refused, and how ---- */

struct bad {
	const char *text, *want; /* want is behind "t.conf: " */
};

#define BIG "line 1: "
#define ONE "line 2: "

static const struct bad bad_main[] = {
	{ "listen = 0.0.0.0:99999",
	    BIG "listen \"0.0.0.0:99999\": port is over 65535" },
	{ "listen =", BIG "listen: a value is missing" },
	{ "listen = 127.0.0.1:1\nlisten = 127.0.0.1:1",
	    "listen \"127.0.0.1:1\": is there twice" },
	{ "listen = tls:127.0.0.1:1\ntls_key = k",
	    "tls_cert is missing; a tls: listener needs it" },
	{ "listen = tls:127.0.0.1:1\ntls_cert = k",
	    "tls_key is missing; a tls: listener needs it" },
	{ "listen=1\nlisten=2\nlisten=3\nlisten=4\nlisten=5\nlisten=6\n"
	    "listen=7\nlisten=8\nlisten=9", "line 9: listen \"9\": expected "
	    "at most 8 listeners" },
	{ "unix_mode = 8", BIG "unix_mode \"8\": expected an octal mode such "
	    "as 0600" },
	{ "unix_mode = 01777", BIG "unix_mode \"01777\": expected an octal "
	    "mode such as 0600" },
	{ "unix_mode = 7", BIG "unix_mode \"7\": expected an octal mode such "
	    "as 0600" },
	{ "tls_cert =", BIG "tls_cert: a value is missing" },
	{ "tls_key =", BIG "tls_key: a value is missing" },
	{ "state_dir =", BIG "state_dir: a value is missing" },
	{ "ca_file =  # none", BIG "ca_file: a value is missing" },
	{ "api_key = sk-ant-api03-abcdef", BIG "api_key: this looks like the "
	    "key of a provider; it belongs under [provider NAME], a local "
	    "key is made with `llmux key add`" },
	{ "api_key = llmux-a b", BIG "api_key: expected a key: visible ASCII "
	    "characters without blanks" },
	{ "require_key = maybe", BIG "require_key \"maybe\": expected auto, "
	    "yes or no" },
	{ "allowed_host = http://x", BIG "allowed_host \"http://x\": expected "
	    "a host name without scheme and port" },
	{ "cors_origin = *", BIG "cors_origin \"*\": expected an origin such "
	    "as https://app.lan, without a path" },
	{ "cors_origin = https://app.lan/", BIG "cors_origin "
	    "\"https://app.lan/\": expected an origin such as "
	    "https://app.lan, without a path" },
	{ "no_proxy = a\x7f", BIG "no_proxy \"a\\x7f\": expected no control "
	    "characters" },
	{ "log_level = loud", BIG "log_level \"loud\": expected error, warn, "
	    "info or debug" },
	{ "log_level = warning", BIG "log_level \"warning\": expected error, "
	    "warn, info or debug" },
	{ "default_model = a b", BIG "default_model \"a b\": expected at most "
	    "256 visible ASCII characters without blanks" },
	{ "prompt_cache = yes", BIG "prompt_cache \"yes\": expected off or "
	    "auto" },
	{ "cache_ttl = 10m", BIG "cache_ttl \"10m\": expected 5m or 1h" },
	{ "reasoning_field = think", BIG "reasoning_field \"think\": expected "
	    "reasoning_content, reasoning or none" },
	{ "max_clients = 0", BIG "max_clients \"0\": expected a number from 1 "
	    "to 65535" },
	{ "max_clients = many", BIG "max_clients \"many\": expected a number "
	    "from 1 to 65535" },
	{ "max_body = 32Q", BIG "max_body \"32Q\": expected a size such as "
	    "64K, 32M or 1G" },
	{ "max_body = 2G", BIG "max_body \"2G\": expected 1 to 1G" },
	{ "max_body = 0", BIG "max_body \"0\": expected 1 to 1G" },
	{ "max_memory = 18446744073709551615K", BIG "max_memory "
	    "\"18446744073709551615K\": expected a size such as 64K, 32M or "
	    "1G" },
	{ "max_memory = 2000G", BIG "max_memory \"2000G\": expected 0 to "
	    "1024G" },
	{ "max_head = 1", BIG "max_head \"1\": expected 1K to 1M" },
	{ "header_timeout = -1", BIG "header_timeout \"-1\": expected a time "
	    "such as 500ms, 10s, 5m or 1h" },
	{ "body_timeout = 1.5", BIG "body_timeout \"1.5\": expected a time "
	    "such as 500ms, 10s, 5m or 1h" },
	{ "idle_timeout = s", BIG "idle_timeout \"s\": expected a time such "
	    "as 500ms, 10s, 5m or 1h" },
	{ "send_timeout = 169h", BIG "send_timeout \"169h\": expected 0s to "
	    "604800s" },
	{ "connect_timeout = 10 s", BIG "connect_timeout \"10 s\": expected a "
	    "time such as 500ms, 10s, 5m or 1h" },
	{ "response_timeout = 1d", BIG "response_timeout \"1d\": expected a "
	    "time such as 500ms, 10s, 5m or 1h" },
	{ "stream_timeout = soon", BIG "stream_timeout \"soon\": expected a "
	    "time such as 500ms, 10s, 5m or 1h" },
	{ "ping_interval = 99999999999h", BIG "ping_interval "
	    "\"99999999999h\": expected 0s to 604800s" },
	{ "stop_timeout = 0", BIG "stop_timeout \"0\": expected 1ms to "
	    "604800s" },
	{ "log_level = \"info\"", BIG "log_level \"\\x22info\\x22\": expected "
	    "a value without quotes" },
	{ "state_dir = /a\nlog_level = info\nstate_dir = /b",
	    "line 3: state_dir is there twice, first on line 1" },
};

static const struct bad bad_form[] = {
	{ "lisen = 1", BIG "unknown key \"lisen\": did you mean listen?" },
	{ "max_cleints = 1", BIG "unknown key \"max_cleints\": did you mean "
	    "max_clients?" },
	{ "colour = red", BIG "unknown key \"colour\": no such key above the "
	    "sections" },
	{ "base_url = http://x", BIG "key \"base_url\" belongs under "
	    "[provider NAME]" },
	{ "[provider x]\nlisten = 1", ONE "key \"listen\" belongs above all "
	    "sections" },
	{ "[model x]\nmodel = 1", ONE "key \"model\" belongs under "
	    "[provider NAME]" },
	{ "[provider x]\ntypo = 1", ONE "unknown key \"typo\": did you mean "
	    "type?" },
	{ "[provider x]\ncolour = 1", ONE "unknown key \"colour\": no such "
	    "key under [provider NAME]" },
	{ "[provider x]\nwires = 1", ONE "unknown key \"wires\": did you mean "
	    "wire?" },
	{ "[provder x]", BIG "unknown section \"[provder x]\": expected "
	    "[provider NAME] or [model NAME]" },
	{ "[]", BIG "unknown section \"[]\": expected [provider NAME] or "
	    "[model NAME]" },
	{ "[", BIG "section \"[\": expected ] at the end" },
	{ "[provider x", BIG "section \"[provider x\": expected ] at the "
	    "end" },
	{ "[provider x] y", BIG "section \"[provider x] y\": expected ] at "
	    "the end" },
	{ "[provider]", BIG "provider name: expected 1 to 32 of a-z, 0-9, - "
	    "and _, first a letter or digit, not echo" },
	{ "[provider Big]", BIG "provider name \"Big\": expected 1 to 32 of "
	    "a-z, 0-9, - and _, first a letter or digit, not echo" },
	{ "[provider -x]", BIG "provider name \"-x\": expected 1 to 32 of "
	    "a-z, 0-9, - and _, first a letter or digit, not echo" },
	{ "[provider echo]", BIG "provider name \"echo\": expected 1 to 32 of "
	    "a-z, 0-9, - and _, first a letter or digit, not echo" },
	{ "[provider a12345678901234567890123456789012]", BIG "provider name "
	    "\"a12345678901234567890123456789012\": expected 1 to 32 of a-z, "
	    "0-9, - and _, first a letter or digit, not echo" },
	{ "[provider claude]\n\n[provider claude]", "line 3: [provider "
	    "claude] is there twice, first on line 1" },
	{ "[model m]\nuse = claude/x\n[model m]", "line 3: [model m] is there "
	    "twice, first on line 1" },
	{ "[model]", BIG "model name: expected visible ASCII characters "
	    "without blanks and quotes, not echo" },
	{ "[model echo]", BIG "model name \"echo\": expected visible ASCII "
	    "characters without blanks and quotes, not echo" },
	{ "listen", BIG "line \"listen\": expected key = value" },
	{ "sk-ant-oat01-abcdef", BIG "line: expected key = value" },
	{ "listen = 1\n= 2", ONE "unknown key: no such key above the "
	    "sections" },
	{ "log_level = in\rfo", BIG "expected text, not byte 0x0d" },
};

#define P "[provider x]\n"
#define U P "base_url = https://x.example\n"
#define URL_BAD "expected a URL that begins with https:// or http://"

static const struct bad bad_section[] = {
	{ P "type = chatgtp", ONE "type \"chatgtp\": expected anthropic, "
	    "chatgpt or openai" },
	{ P "enabled = perhaps", ONE "enabled \"perhaps\": expected no or "
	    "yes" },
	{ P "enabled = yes", "line 1: [provider x]: base_url is missing" },
	{ P "base_url = x.example", ONE "base_url \"x.example\": " URL_BAD },
	{ P "base_url = ftp://x", ONE "base_url \"ftp://x\": " URL_BAD },
	{ P "base_url = https://", ONE "base_url \"https://\": expected a "
	    "host name or IP address" },
	{ P "base_url = https://u:secret@x", ONE "base_url: expected no user "
	    "and password; use api_key" },
	{ P "base_url = https://x:0", ONE "base_url \"https://x:0\": expected "
	    "a port from 1 to 65535" },
	{ P "base_url = https://x:65536", ONE "base_url \"https://x:65536\": "
	    "expected a port from 1 to 65535" },
	{ P "base_url = https://x:", ONE "base_url \"https://x:\": expected a "
	    "port from 1 to 65535" },
	{ P "base_url = https://1.2.3.4", ONE "base_url \"https://1.2.3.4\": "
	    "expected a host name: certificates are not checked for IP "
	    "addresses" },
	{ P "base_url = http://[::1", ONE "base_url \"http://[::1\": expected "
	    "an IPv6 address in brackets" },
	{ P "base_url = http://[::g]", ONE "base_url \"http://[::g]\": "
	    "expected an IPv6 address in brackets" },
	{ P "base_url = http://[::1]8", ONE "base_url \"http://[::1]8\": "
	    "expected a port behind the bracket" },
	{ P "base_url = http://::1", ONE "base_url \"http://::1\": expected a "
	    "host name or IP address" },
	{ P "base_url = https://x/v1?a=b", ONE "base_url "
	    "\"https://x/v1?a=b\": expected a path without blanks, query and "
	    "fragment" },
	{ P "base_url = https://x#a", ONE "base_url \"https://x#a\": expected "
	    "a path without blanks, query and fragment" },
	{ U "api_key = a b", "line 3: api_key: expected a key: visible ASCII "
	    "characters without blanks" },
	{ U "api_key_file =", "line 3: api_key_file: a value is missing" },
	{ U "api_key_env = sk-123", "line 3: api_key_env: expected the name "
	    "of an environment variable, not the key itself" },
	{ U "api_key_env = 1A", "line 3: api_key_env: expected the name "
	    "of an environment variable, not the key itself" },
	{ U "api_key = a\napi_key_env = B", "line 1: [provider x]: expected "
	    "only one of api_key, api_key_file and api_key_env" },
	{ U "oauth_token_file =", "line 3: oauth_token_file: a value is "
	    "missing" },
	{ U "oauth_hosts = old", "line 3: oauth_hosts \"old\": expected seed "
	    "or platform" },
	{ U "authorize_url = x", "line 3: authorize_url \"x\": " URL_BAD },
	{ U "token_url = http://x.example/t", "line 3: token_url "
	    "\"http://x.example/t\": expected https, or http to this machine: "
	    "tokens go there" },
	{ U "auth_url = http://10.0.0.1", "line 3: auth_url "
	    "\"http://10.0.0.1\": expected https, or http to this machine: "
	    "tokens go there" },
	{ U "redirect_uri = here", "line 3: redirect_uri \"here\": "
	    URL_BAD },
	{ U "client_id = a b", "line 3: client_id \"a b\": expected at most "
	    "256 visible ASCII characters without blanks" },
	{ U "scope =", "line 3: scope: a value is missing" },
	{ U "wire = messages", "line 3: wire \"messages\": expected chat or "
	    "responses" },
	{ U "model = a\"b", "line 3: model \"a\\x22b\": expected a model id "
	    "without quotes" },
	{ U "header = X-Title", "line 3: header: expected NAME: VALUE" },
	{ U "header = X Y: z", "line 3: header: expected NAME: VALUE" },
	{ U "header = X:", "line 3: header: expected NAME: VALUE" },
	{ U "header = Host: z", "line 3: header: host is set by llmux "
	    "itself" },
	{ U "header = user-agent: z", "line 3: header: user-agent is set by "
	    "llmux itself" },
	{ U "wire = chat\nwire = chat", "line 4: wire is there twice, first "
	    "on line 3" },
	{ P "base_url = http://8.8.8.8/v1\napi_key = k", "line 1: [provider "
	    "x]: base_url \"http://8.8.8.8/v1\": expected https, or http to "
	    "the own network: the API key goes there" },
	{ P "base_url = http://api.example/v1\napi_key_env = K", "line 1: "
	    "[provider x]: base_url \"http://api.example/v1\": expected "
	    "https, or http to the own network: the API key goes there" },
	{ "[provider claude]\nbase_url = http://10.0.0.1", "line 1: "
	    "[provider claude]: base_url \"http://10.0.0.1\": expected https, "
	    "or http to this machine: the login's token goes there" },
	{ "[model m]", "line 1: [model m]: use is missing" },
	{ "[model m]\nuse = claude", ONE "use \"claude\": expected "
	    "PROVIDER/MODEL" },
	{ "[model m]\nuse = claude/", ONE "use \"claude/\": expected "
	    "PROVIDER/MODEL" },
	{ "[model m]\nuse = echo/x", ONE "use \"echo/x\": expected "
	    "PROVIDER/MODEL" },
	{ "[model m]\nuse = clod/x", "line 1: [model m]: use \"clod/...\": "
	    "there is no [provider clod]" },
	{ "[model m]\nuse = claude/x\nreasoning = very", "line 3: reasoning "
	    "\"very\": expected none, minimal, low, medium, high, xhigh, max "
	    "or ultrathink" },
	{ "[model m]\nuse = claude/x\nreasoning = low\nreasoning = low",
	    "line 4: reasoning is there twice, first on line 3" },
};

static void
run_bad(const struct bad *t, size_t n)
{
	char want[300];
	size_t i;

	for (i = 0; i < n; i++) {
		struct err e = { .kind = ERR_NONE };
		struct str text = guard_copy(str_of(t[i].text));
		struct conf *c = conf_parse(text, "t.conf", &e);

		/* An error holds 199 bytes. */
		snprintf(want, sizeof(e.text), "t.conf: %s", t[i].want);
		CHECK_IN(t[i].text, c == NULL);
		CHECK_INT_IN(t[i].text, e.kind, ERR_INPUT);
		CHECK_STR_IN(t[i].text, str_of(e.text), str_of(want));
		conf_unref(c);
		guard_free(text);
	}
}

static void
test_bad(void)
{
	struct err e;
	char text[400], long_name[120];
	size_t i;

	run_bad(bad_main, sizeof(bad_main) / sizeof(bad_main[0]));
	run_bad(bad_form, sizeof(bad_form) / sizeof(bad_form[0]));
	run_bad(bad_section, sizeof(bad_section) / sizeof(bad_section[0]));
	CHECK(conf_parse(((struct str){ "log_level = in\0fo", 17 }), "t.conf",
	    &e) == NULL);
	CHECK_STR(str_of(e.text),
	    STR("t.conf: line 1: expected text, not byte 0x00"));
	/* No proxy ever shows its password. */
	CHECK(conf_parse(STR("proxy = ftp://u:hush@h:1"), "t.conf", &e) ==
	    NULL);
	CHECK(str_starts(str_of(e.text), STR("t.conf: line 1: proxy: ")));
	CHECK(!has(str_of(e.text), "hush"));
	CHECK(conf_parse(STR(U "proxy = socks5://h:0x"), "t.conf", &e) ==
	    NULL);
	CHECK(str_starts(str_of(e.text), STR("t.conf: line 3: proxy: ")));
	/* A long value and a long name are cut, at their less telling end. */
	memset(text, 'x', sizeof(text));
	memcpy(text, "log_level = ", 12);
	memset(long_name, 'd', sizeof(long_name));
	memcpy(long_name + sizeof(long_name) - 8, "/t.conf", 8);
	CHECK(conf_parse(((struct str){ text, sizeof(text) }), long_name,
	    &e) == NULL);
	CHECK(has(str_of(e.text), "/t.conf: line 1: log_level \"xxxx"));
	CHECK(has(str_of(e.text), "xxx...\": expected error, warn"));
	/* Too many of everything. */
	for (i = 0; i < 2; i++) {
		struct buf b;
		unsigned k, n = i == 0 ? CONF_LIST_MAX : CONF_PROVIDERS_MAX;

		buf_init(&b, 100000);
		buf_addz(&b, U);
		for (k = 0; k <= n; k++)
			buf_fmt(&b, i == 0 ? "model = m%u\n" :
			    "[provider p%u]\nbase_url = http://h\n", k);
		CHECK(conf_parse(buf_str(&b), "t.conf", &e) == NULL);
		CHECK(has(str_of(e.text), i == 0 ?
		    ": model \"m1024\": expected at most 1024 of them" :
		    ": expected at most 64 providers"));
		buf_free(&b);
	}
}

/* ---- what is taken ---- */

struct good {
	const char *text, *want; /* want: a line of conf_print */
};

static const struct good goods[] = {
	{ "listen = 8082", "listen = 127.0.0.1:8082" },
	{ "listen = [::1]:8081", "listen = [::1]:8081" },
	{ "listen = unix:/run/x.sock", "listen = unix:/run/x.sock" },
	{ "listen = tls:10.0.0.1:1\ntls_cert=c\ntls_key=k",
	    "listen = tls:10.0.0.1:1" },
	{ "listen = 1\nlisten = 2", "listen = 127.0.0.1:2" },
	{ "", "listen = 127.0.0.1:8081" },
	{ "unix_mode = 660", "unix_mode = 0660" },
	{ "", "unix_mode = 0600" },
	{ "tls_cert = /etc/llmux/cert.pem", "tls_cert = /etc/llmux/cert.pem" },
	{ "tls_key = k.pem", "tls_key = k.pem" },
	{ "state_dir = ~/.llmux", "state_dir = ~/.llmux" },
	{ "state_dir = /a#b", "state_dir = /a#b" },
	{ "state_dir = /a #b", "state_dir = /a" },
	{ "state_dir=/a\t# b", "state_dir = /a" },
	{ "  state_dir \t =  /a b  ", "state_dir = /a b" },
	{ "state_dir = /a=b", "state_dir = /a=b" },
	{ "\xef\xbb\xbfstate_dir = /a", "state_dir = /a" },
	{ "# x\r\nstate_dir = /a\r\n", "state_dir = /a" },
	{ "api_key = llmux-0123456789abcdef", "api_key = llmux-...cdef" },
	{ "api_key = 0123456789abcdef", "api_key = ...cdef" },
	{ "api_key = short", "api_key = ..." },
	{ "require_key = NO", "require_key = no" },
	{ "require_key = 1", "require_key = yes" },
	{ "", "require_key = auto" },
	{ "allowed_host = llmux.lan", "allowed_host = llmux.lan" },
	{ "cors_origin = https://app.lan:8443",
	    "cors_origin = https://app.lan:8443" },
	{ "cors_origin = app://notes.md", "cors_origin = app://notes.md" },
	{ "", "ca_file = /etc/ssl/certs/ca-certificates.crt" },
	{ "proxy = socks5://10.0.0.2:1080",
	    "proxy = socks5://10.0.0.2:1080" },
	{ "proxy = http://u:hush@10.0.0.2:1080",
	    "proxy = http://u:...@10.0.0.2:1080" },
	{ "proxy = http://u@10.0.0.2:1080",
	    "proxy = http://u@10.0.0.2:1080" },
	{ "proxy = none", "proxy = none" },
	{ "no_proxy = .lan, 10.0.0.0/8", "no_proxy = .lan, 10.0.0.0/8" },
	{ "log_level = Debug", "log_level = debug" },
	{ "default_model = qwen3:8b", "default_model = qwen3:8b" },
	{ "default_model =\nlog_level = warn", "log_level = warn" },
	{ "prompt_cache = off", "prompt_cache = off" },
	{ "", "prompt_cache = auto" },
	{ "cache_ttl = 1H", "cache_ttl = 1h" },
	{ "cache_ttl =", "log_level = info" },
	{ "reasoning_field = none", "reasoning_field = none" },
	{ "", "reasoning_field = reasoning_content" },
	{ "counters_dir = /tmp/llmux", "counters_dir = /tmp/llmux" },
	{ "counters_dir =", "log_level = info" },
	{ "", "max_clients = 64" }, { "max_clients = 9", "max_clients = 9" },
	{ "", "max_body = 32M" }, { "max_body = 64k", "max_body = 64K" },
	{ "max_body = 1025", "max_body = 1025" },
	{ "", "max_memory = 0" }, { "max_memory = 1g", "max_memory = 1G" },
	{ "", "max_head = 32K" }, { "max_head = 1M", "max_head = 1M" },
	{ "", "header_timeout = 10s" }, { "", "body_timeout = 20s" },
	{ "", "idle_timeout = 30s" }, { "", "send_timeout = 60s" },
	{ "", "connect_timeout = 10s" }, { "", "response_timeout = 600s" },
	{ "", "stream_timeout = 300s" }, { "", "ping_interval = 15s" },
	{ "", "stop_timeout = 10s" },
	{ "header_timeout = 500MS", "header_timeout = 500ms" },
	{ "body_timeout = 5m", "body_timeout = 300s" },
	{ "idle_timeout = 1H", "idle_timeout = 3600s" },
	{ "send_timeout = 7", "send_timeout = 7s" },
	{ "connect_timeout = 7S", "connect_timeout = 7s" },
	{ "ping_interval = 0", "ping_interval = 0s" },
	{ "", "[provider claude]" }, { "", "[provider chatgpt]" },
	{ "", "base_url = https://api.anthropic.com" },
	{ "", "base_url = https://chatgpt.com" },
	{ "", "auth_url = https://auth.openai.com" },
	{ "", "type = anthropic" }, { "", "type = chatgpt" },
	{ "", "oauth_hosts = seed" },
	{ "[ provider  local ]\nbase_url = http://192.168.1.50:11434/v1/",
	    "base_url = http://192.168.1.50:11434/v1/" },
	{ U "type = Anthropic", "type = anthropic" },
	{ U, "type = openai" }, { U, "wire = chat" },
	{ U "wire = responses", "wire = responses" },
	{ P "enabled = 0", "enabled = no" },
	{ U "enabled = ON", "enabled = yes" },
	{ U "api_key = sk-0123456789abcdefg", "api_key = sk-...defg" },
	{ U "api_key_file = /k", "api_key_file = /k" },
	{ U "api_key_env = MY_KEY", "api_key_env = MY_KEY" },
	{ U "oauth_token_file = /t", "oauth_token_file = /t" },
	{ U "oauth_hosts = platform", "oauth_hosts = platform" },
	{ U "authorize_url = https://a.example/x\n"
	    "authorize_url = http://127.0.0.1:9/y",
	    "authorize_url = http://127.0.0.1:9/y" },
	{ U "token_url = http://localhost/t", "token_url = "
	    "http://localhost/t" },
	{ U "redirect_uri = http://localhost:1455/auth/callback",
	    "redirect_uri = http://localhost:1455/auth/callback" },
	{ U "client_id = app_x", "client_id = app_x" },
	{ U "scope = openid profile", "scope = openid profile" },
	{ U "auth_url = https://a.example", "auth_url = https://a.example" },
	{ U "model = qwen3\nmodel = *", "model = *" },
	{ U "header = X-Title: llmux", "header = X-Title: ..." },
	{ U "proxy = none", "proxy = none" },
	{ "[model fast]\nuse = claude/claude-haiku-5-5\nuse = chatgpt/a/b",
	    "use = chatgpt/a/b" },
	{ "[model a/b:c]\nuse = claude/x\nreasoning = LOW",
	    "reasoning = low" },
};

static void
test_good(void)
{
	size_t i;

	for (i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		const char *row = goods[i].text;
		struct str text = guard_copy(str_of(row));
		struct err e = { .kind = ERR_NONE };
		struct conf *c = conf_parse(text, "t.conf", &e), *again;
		struct buf b, b2;

		CHECK_STR_IN(row, str_of(e.text), STR(""));
		guard_free(text);
		if (c == NULL)
			continue;
		buf_init(&b, 65536);
		buf_init(&b2, 65536);
		conf_print(c, &b);
		if (!has_line(buf_str(&b), str_of(goods[i].want)))
			CHECK_STR_IN(row, buf_str(&b), str_of(goods[i].want));
		CHECK(!b.bad && !has(buf_str(&b), "hush"));
		again = conf_parse(buf_str(&b), "again", &e);
		CHECK_STR_IN(row, str_of(e.text), STR(""));
		if (again != NULL)
			conf_print(again, &b2);
		/* The same text, where no secret is masked. */
		if (!has(buf_str(&b), "..."))
			CHECK_STR_IN(row, buf_str(&b2), buf_str(&b));
		conf_unref(again);
		conf_unref(c);
		buf_free(&b);
		buf_free(&b2);
	}
}

static const char full[] =
    "listen = 127.0.0.1:8081\nlisten = unix:/tmp/x.sock\nunix_mode = 0660\n"
    "state_dir = /s\nproxy = socks5://10.0.0.2:1080\nno_proxy = .lan\n"
    "default_model = fast\nmax_body = 1M\nping_interval = 100ms\n"
    "[provider claude]\nenabled = no\n"
    "[provider local]\nbase_url = http://box.lan:11434/v1/\nmodel = a\n"
    "model = b\nwire = responses\n"
    "[provider six]\nbase_url = http://[fd00::1]:81\nproxy = none\n"
    "[provider far]\nbase_url = HTTPS://Far.Example:8443\n"
    "[provider here]\nbase_url = http://127.0.0.1/x\n"
    "[model fast]\nuse = local/a\nuse = far/b\nreasoning = low\n"
    "[model slow]\nuse = claude/c\n";

static void
test_struct(void)
{
	struct err e = { .kind = ERR_NONE };
	struct conf *c = conf_parse(STR(full), "t.conf", &e);
	const struct provider *p;
	const struct model_alias *m;

	CHECK_STR(str_of(e.text), STR(""));
	if (c == NULL)
		return;
	CHECK_INT(c->n_listen, 2);
	CHECK_INT(c->listen[1].mode, 0660);
	CHECK_INT(c->n_providers, 6);
	CHECK_STR(c->providers[0].name, STR("claude"));
	CHECK_STR(c->providers[1].name, STR("chatgpt"));
	CHECK(!c->providers[0].enabled && c->providers[1].enabled);
	CHECK_STR(c->providers[1].host, STR("chatgpt.com"));
	CHECK_STR(c->providers[1].path, STR(""));
	CHECK_INT(c->providers[1].port, 443);
	CHECK_INT(c->providers[1].proxy.kind, NET_PROXY_SOCKS5);
	p = conf_provider(c, STR("local"));
	CHECK(p != NULL && !p->tls && p->port == 11434);
	CHECK_STR(p->host_field, STR("box.lan:11434"));
	CHECK_STR(p->path, STR("/v1"));
	CHECK_INT(p->proxy.kind, NET_PROXY_NONE); /* .lan */
	CHECK_INT(p->models.n, 2);
	CHECK_INT(p->wire, WIRE_RESPONSES);
	CHECK(p->key_source == NULL);
	p = conf_provider(c, STR("six"));
	CHECK_STR(p->host, STR("fd00::1"));
	CHECK_STR(p->host_field, STR("[fd00::1]:81"));
	CHECK_INT(p->proxy.kind, NET_PROXY_NONE); /* its own none */
	p = conf_provider(c, STR("far"));
	CHECK(p->tls && p->port == 8443);
	CHECK_STR(p->host_field, STR("Far.Example:8443"));
	CHECK_INT(p->proxy.kind, NET_PROXY_SOCKS5);
	CHECK_INT(p->proxy.port, 1080);
	p = conf_provider(c, STR("here"));
	CHECK_STR(p->host_field, STR("127.0.0.1"));
	CHECK_INT(p->proxy.kind, NET_PROXY_NONE); /* loopback */
	CHECK(conf_provider(c, STR("none")) == NULL);
	m = conf_alias(c, STR("fast"));
	CHECK(m != NULL && m->use.n == 2);
	CHECK_STR(m->use.v[1], STR("far/b"));
	CHECK_STR(m->reasoning, STR("low"));
	CHECK(conf_alias(c, STR("quick")) == NULL);
	CHECK_INT(c->max_body, 1 << 20);
	CHECK_INT(c->ping_ms, 100);
	CHECK_INT(c->header_ms, 10000);
	/* NUL-terminated for system calls. */
	CHECK(c->state_dir.p[c->state_dir.n] == '\0');
	CHECK(conf_ref(c) == c);
	conf_unref(c);
	conf_unref(c);
	conf_unref(NULL);
}

static void
test_transport(void)
{
	static const char same[] = "[provider claude]\napi_key = other\n"
	    "[provider l]\nbase_url = http://h\nheader = X: y\n";
	static const char url[] = "[provider l]\nbase_url = http://i\n";
	static const char proxy[] = "proxy = 10.0.0.1:1\n"
	    "[provider l]\nbase_url = http://h\n";
	static const char ca[] = "ca_file = /other\n"
	    "[provider l]\nbase_url = http://h\n";
	struct err e;
	struct conf *a = conf_parse(STR("[provider l]\nbase_url = http://h\n"),
	    "t", &e);
	struct conf *b;
	uint32_t claude = a->providers[0].pool_key;
	uint32_t l = conf_provider(a, STR("l"))->pool_key;

	CHECK(claude != 0 && l != 0 && l != claude);
	CHECK(conf_has_pool_key(a, l) && !conf_has_pool_key(a, 0));
	a->found_memory = 4711;

	b = conf_parse(STR(same), "t", &e);
	CHECK(!conf_has_pool_key(b, l));
	conf_inherit(b, a);
	CHECK(conf_has_pool_key(b, l) && conf_has_pool_key(b, claude));
	CHECK_INT(conf_memory(b), 4711);
	conf_unref(b);

	b = conf_parse(STR(url), "t", &e);
	conf_inherit(b, a);
	CHECK(!conf_has_pool_key(b, l) && conf_has_pool_key(b, claude));
	conf_unref(b);

	b = conf_parse(STR(proxy), "t", &e);
	conf_inherit(b, a);
	CHECK(!conf_has_pool_key(b, l) && !conf_has_pool_key(b, claude));
	conf_unref(b);

	b = conf_parse(STR(ca), "t", &e);
	conf_inherit(b, a);
	CHECK(!conf_has_pool_key(b, l) && !conf_has_pool_key(b, claude));
	conf_publish(a);
	CHECK(conf_current() == a);
	conf_unref(a);
	conf_publish(b);
	CHECK(conf_current() == b);
	conf_unref(b);
	conf_publish(NULL);
	CHECK(conf_current() == NULL);
}

static const struct {
	const char *host;
	bool loopback, private;
} hosts[] = {
	{ "localhost", true, true }, { "LOCALHOST", true, true },
	{ "a.localhost", true, true }, { "127.9.9.9", true, true },
	{ "::1", true, true }, { "128.0.0.1", false, false },
	{ "::2", false, false }, { "10.1.2.3", false, true },
	{ "172.16.0.1", false, true }, { "172.32.0.1", false, false },
	{ "192.168.9.9", false, true }, { "192.169.0.1", false, false },
	{ "169.254.1.1", false, true }, { "100.64.0.1", false, true },
	{ "100.128.0.1", false, false }, { "fd12::1", false, true },
	{ "fe80::1", false, true }, { "2001:db8::1", false, false },
	{ "nas", false, true }, { "nas.lan", false, true },
	{ "NAS.LOCAL", false, true }, { "x.home.arpa", false, true },
	{ "api.example", false, false }, { "lan.example", false, false },
	{ "localhost.example", false, false }, { "elan", false, true },
	{ "e.elan", false, false },
};

static void
test_hosts(void)
{
	size_t i;

	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		const char *h = hosts[i].host;

		CHECK_INT_IN(h, conf_loopback(str_of(h)), hosts[i].loopback);
		CHECK_INT_IN(h, conf_private(str_of(h)), hosts[i].private);
	}
}
/* ---- printing ---- */

static void
test_budget(void)
{
	struct conf *c = conf_parse(STR("max_memory = 64M\nmax_clients = 8\n"
	    "max_body = 1M\n"), "t", NULL);
	struct str rest, line;
	struct buf b;
	uint64_t sum;

	buf_init(&b, 4096);
	sum = conf_budget(c, &b);
	CHECK(sum > (9 << 20) && sum < (64 << 20)); /* 8 bodies, base ... */
	CHECK(has(buf_str(&b), "clients       8 x   112.0 KiB    896.0 KiB  "
	    "stack, head, input\n"));
	CHECK(has(buf_str(&b), "bodies        8 x     1.0 MiB      8.0 MiB  "
	    "max_body for each client\n"));
	CHECK(has(buf_str(&b), "max_memory           64.0 MiB     64.0 MiB  "
	    "as configured\n"));
	CHECK(!has(buf_str(&b), "503"));
	rest = buf_str(&b);
	while (str_cut(&rest, '\n', &line))
		CHECK(line.n <= 80);
	buf_clear(&b);
	c->max_memory = 8 << 20;
	c->max_clients = 64;
	sum = conf_budget(c, &b);
	CHECK(has(buf_str(&b), "All 64 clients at once leave no room for one "
	    "body of 1.0 MiB"));
	rest = buf_str(&b);
	while (str_cut(&rest, '\n', &line))
		CHECK(line.n <= 80);
	buf_clear(&b);
	/* Bodies fill up max_memory, base stands beside it. */
	c->max_memory = 64 << 20;
	c->max_body = 32 << 20;
	sum = conf_budget(c, &b);
	CHECK(sum >= (65 << 20) && sum < (66 << 20));
	CHECK(has(buf_str(&b), "what max_memory leaves\n"));
	buf_free(&b);
	conf_unref(c);
}

static void
test_keys(void)
{
	struct str rest, line;
	unsigned lines = 0;
	struct buf b;

	buf_init(&b, 65536);
	conf_print_keys(&b);
	rest = buf_str(&b);
	while (str_cut(&rest, '\n', &line) && line.n > 0) {
		CHECK_IN(line.p, line.n <= 92);
		lines++;
	}
	CHECK_INT(lines, conf_n_keys);
	CHECK(has(buf_str(&b), "global   max_body         32M          bytes "
	    "of a request body\n"));
	CHECK(has(buf_str(&b), "provider type             openai       "));
	CHECK(has(buf_str(&b), "model    use              -            "));
	buf_free(&b);
}

static void
note_path(void *arg, struct str path, bool write)
{
	buf_fmt(arg, "%c %.*s\n", write ? 'w' : 'r', STR_ARG(path));
}

static void
test_paths(void)
{
	struct conf *c = conf_parse(STR("listen = unix:/run/a/s\n"
	    "state_dir = /st\ncounters_dir = /co\ntls_cert = c\n"
	    "tls_key = /k/k\nca_file = /ca\n[provider claude]\n"
	    "api_key_file = /a/k\n[provider chatgpt]\n"
	    "oauth_token_file = /o/t\n"), "t", NULL);
	struct buf b;

	c->providers[0].token_file = STR("/tok/f");
	c->api_keys_file = STR("keys.json");
	buf_init(&b, 4096);
	conf_each_path(c, note_path, &b);
	CHECK_STR(buf_str(&b), STR("r c\nr /k/k\nw /st\nr /ca\nw /co\nw .\n"
	    "w /run/a\nr /a/k\nw /tok\nr /o/t\n"));
	buf_free(&b);
	conf_unref(c);
}

/* ---- starvation ---- */

static void
test_starving(void)
{
	struct err e = { .kind = ERR_NONE };
	struct conf *c = NULL;
	uint64_t before = mem_reserved();
	long n;

	for (n = 0; c == NULL && n < 10000; n++) {
		mem_fail_after(n);
		c = conf_parse(STR(full), "t.conf", &e);
		mem_fail_after(-1);
		if (c == NULL)
			CHECK_INT(e.kind, ERR_MEM);
	}
	CHECK(c != NULL && n > 3);
	/* Printing does not fail harder than it must. */
	for (n = 0; n < 10 && c != NULL; n++) {
		struct buf b;

		mem_fail_after(n);
		buf_init(&b, 65536);
		conf_print(c, &b);
		conf_budget(c, &b);
		mem_fail_after(-1);
		buf_free(&b);
	}
	conf_unref(c);
	CHECK_INT(mem_reserved(), before);
}

int
main(void)
{
	lab_enter();
	test_bad();
	test_good();
	test_struct();
	test_transport();
	test_hosts();
	test_budget();
	test_keys();
	test_paths();
	test_starving();
	lab_leave();
	return check_done();
}
