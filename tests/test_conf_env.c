/* SPDX-License-Identifier: MIT */
/*
 * Tests of where a configuration comes from: the order of flags, environment,
 * file and defaults; keys, models.json, proxies; files and their places; what
 * conf_open refuses and clamps; the machine's memory; starvation.
 */
#include <sys/resource.h>

#include "conf_lab.h"

struct from {
	const char *name, *env, *file;
	struct conf_flags flags;
	const char *want; /* a line of conf_print, or an error */
	const char *said; /* part of the log; NULL: nothing is logged */
};

#define S(z) { z, sizeof(z) - 1 }
#define DOTS "127.0.0.1:8081"
static struct str many[] = { S("nowhere") };
static struct str two[] = { S("127.0.0.1:5001"), S("unix:/tmp/u") };

static const struct from froms[] = {
	{ .name = "default", .want = "listen = " DOTS },
	{ .name = "file", .file = "listen = 127.0.0.1:9", .want =
	    "listen = 127.0.0.1:9" },
	{ .name = "PORT over file", .file = "listen = [::1]:9", .env =
	    "PORT=77", .want = "listen = [::1]:77" },
	{ .name = "LLMUX_PORT over PORT", .env = "PORT=77\nLLMUX_PORT=78",
	    .want = "listen = 127.0.0.1:78" },
	{ .name = "--port over LLMUX_PORT", .env = "LLMUX_PORT=78", .flags =
	    { .port = S("79") }, .want = "listen = 127.0.0.1:79" },
	{ .name = "BIND_ADDRESS", .env = "BIND_ADDRESS=0.0.0.0", .file =
	    "listen = 127.0.0.1:9", .want = "listen = 0.0.0.0:9" },
	{ .name = "LLMUX_BIND", .env = "BIND_ADDRESS=0.0.0.0\nLLMUX_BIND=::1",
	    .want = "listen = [::1]:8081" },
	{ .name = "localhost", .flags = { .bind = S("localhost") }, .want =
	    "listen = " DOTS },
	{ .name = "--bind and LLMUX_PORT", .env = "LLMUX_PORT=5", .flags =
	    { .bind = S("10.0.0.1") }, .want = "listen = 10.0.0.1:5" },
	{ .name = "port moves plain ones only", .env = "PORT=5", .file =
	    "listen = unix:/tmp/s\nlisten = 127.0.0.1:6", .want =
	    "listen = unix:/tmp/s" },
	{ .name = "port makes them one", .env = "PORT=5", .file =
	    "listen = 127.0.0.1:7\nlisten = 127.0.0.1:6", .want =
	    "listen = 127.0.0.1:5" },
	{ .name = "--listen", .env = "PORT=77\nBIND_ADDRESS=::1", .file =
	    "listen = 9", .flags = { .listen = { two, 2 } }, .want =
	    "listen = 127.0.0.1:5001" },
	{ .name = "--listen and --port", .flags = { .listen = { two, 1 },
	    .port = S("1") }, .want = "--listen does not go together with "
	    "--bind or --port" },
	{ .name = "bad --listen", .flags = { .listen = { many, 1 } }, .want =
	    "--listen \"nowhere\": " },
	{ .name = "listeners behind --bind", .flags = { .bind = S("::1") },
	    .file = "listen=unix:/1\nlisten=unix:/2\nlisten=unix:/3\n"
	    "listen=unix:/4\nlisten=unix:/5\nlisten=unix:/6\n"
	    "listen=unix:/7\nlisten=unix:/8", .want = "listen: expected at "
	    "most 8 listeners" },
	{ .name = "bad --port", .flags = { .port = S("x") }, .want =
	    "--port \"x\": port is no number" },
	{ .name = "bad LLMUX_PORT", .env = "LLMUX_PORT=70000", .want =
	    "LLMUX_PORT \"70000\": port is over 65535" },
	{ .name = "a cluster's LLMUX_PORT", .env =
	    "LLMUX_PORT=tcp://10.0.0.1:80", .want = "listen = " DOTS },
	{ .name = "bad PORT", .env = "PORT=eighty", .want =
	    "listen = " DOTS, .said = "llmux: conf: PORT \"eighty\": port is "
	    "no number; it is not used\n" },
	{ .name = "bad BIND_ADDRESS", .env = "BIND_ADDRESS=box", .want =
	    "listen = " DOTS, .said = "conf: BIND_ADDRESS \"box\": " },
	{ .name = "bad LLMUX_BIND", .env = "LLMUX_BIND=unix:/x", .want =
	    "LLMUX_BIND \"unix:/x\": " },
	{ .name = "level", .file = "log_level = error", .env =
	    "LOG_LEVEL=WARNING", .want = "log_level = warn" },
	{ .name = "level 2", .env = "LOG_LEVEL=info\nLLMUX_LOG_LEVEL=error",
	    .want = "log_level = error" },
	{ .name = "level 3", .env = "LLMUX_LOG_LEVEL=error", .flags =
	    { .debug = true }, .want = "log_level = debug" },
	{ .name = "bad level", .env = "LLMUX_LOG_LEVEL=x", .want =
	    "LLMUX_LOG_LEVEL \"x\": expected error, warn, info or debug" },
	{ .name = "python level", .env = "LOG_LEVEL=x", .file =
	    "log_level = debug", .want = "log_level = debug", .said =
	    "llmux: conf: LOG_LEVEL \"x\": expected error, warn, info or "
	    "debug; it is not used\n" },
	{ .name = "model", .env = "DEFAULT_MODEL=m", .file =
	    "default_model = n", .want = "default_model = m" },
	{ .name = "empty is absent", .env = "DEFAULT_MODEL= ", .file =
	    "default_model = n", .want = "default_model = n" },
	{ .name = "ttl", .env = "CACHE_TTL=1h", .want = "cache_ttl = 1h" },
	{ .name = "bad ttl", .env = "CACHE_TTL=2h", .file =
	    "cache_ttl = 5m", .want = "cache_ttl = 5m", .said =
	    "CACHE_TTL \"2h\": expected 5m or 1h" },
	{ .name = "connect", .env = "CONNECT_TIMEOUT=10.0", .want =
	    "connect_timeout = 10s" },
	{ .name = "read", .env = "READ_TIMEOUT=7.25", .want =
	    "stream_timeout = 7250ms" },
	{ .name = "read .5", .env = "READ_TIMEOUT=.5", .want =
	    "stream_timeout = 500ms" },
	{ .name = "read 3.", .env = "READ_TIMEOUT=3.", .want =
	    "stream_timeout = 3s" },
	{ .name = "request", .env = "REQUEST_TIMEOUT=30", .want =
	    "response_timeout = 30s" },
	{ .name = "bad read", .env = "READ_TIMEOUT=1e3", .want =
	    "stream_timeout = 300s", .said = "READ_TIMEOUT \"1e3\": expected "
	    "a time" },
	{ .name = "bad read 3", .env = "READ_TIMEOUT=x.5", .want =
	    "stream_timeout = 300s", .said = "READ_TIMEOUT \"x.5\": " },
	{ .name = "long read", .env = "READ_TIMEOUT=1000001.0", .want =
	    "stream_timeout = 300s", .said = "READ_TIMEOUT \"1000001.0\": "
	    "expected a time" },
	{ .name = "critical", .env = "LOG_LEVEL=CRITICAL", .want =
	    "log_level = error" },
	{ .name = "bad read 2", .env = "READ_TIMEOUT=1.-3", .want =
	    "stream_timeout = 300s", .said = "READ_TIMEOUT \"1.-3\": " },
	{ .name = "dot", .env = "READ_TIMEOUT=.", .want =
	    "stream_timeout = 300s", .said = "READ_TIMEOUT \".\": " },
	{ .name = "state", .env = "LLMUX_STATE_DIR=/x", .file =
	    "state_dir = /y", .want = "state_dir = /x" },
	{ .name = "counters follow", .env = "LLMUX_STATE_DIR=/x", .want =
	    "counters_dir = /x" },
	{ .name = "bad state", .env = "LLMUX_STATE_DIR=/a #b", .want =
	    "LLMUX_STATE_DIR \"/a #b\": expected no # behind a blank" },
	{ .name = "keys file", .env = "API_KEYS_FILE=/k/keys.json", .want =
	    "# API_KEYS_FILE=/k/keys.json" },
	{ .name = "token file", .env = "TOKEN_FILE=/k/t.json", .want =
	    "# TOKEN_FILE=/k/t.json" },
	{ .name = "token file 2", .env = "CHATGPT_TOKEN_FILE=/k/t.json",
	    .want = "# CHATGPT_TOKEN_FILE=/k/t.json" },
	{ .name = "usage db", .env = "USAGE_DB_FILE=/data/.llmux/usage.db",
	    .want = "counters_dir = /data/.llmux" },
	{ .name = "effort", .env = "CHATGPT_DEFAULT_REASONING_EFFORT=High",
	    .want = "# CHATGPT_DEFAULT_REASONING_EFFORT=high" },
	{ .name = "bad effort", .env = "CHATGPT_DEFAULT_REASONING_EFFORT=x",
	    .want = "listen = " DOTS, .said =
	    "CHATGPT_DEFAULT_REASONING_EFFORT \"x\": expected none," },
	{ .name = "summary", .env =
	    "CHATGPT_DEFAULT_REASONING_SUMMARY=concise", .want =
	    "# CHATGPT_DEFAULT_REASONING_SUMMARY=concise" },
	{ .name = "variants", .env = "CHATGPT_EXPOSE_REASONING_VARIANTS=0",
	    .want = "# CHATGPT_EXPOSE_REASONING_VARIANTS=false" },
	{ .name = "local key", .env =
	    "LLMUX_API_KEY=llmux-0123456789abcdef", .want =
	    "api_key = llmux-...cdef" },
	{ .name = "local key of a provider", .env = "LLMUX_API_KEY=sk-1234",
	    .want = "LLMUX_API_KEY: this looks like the key of a provider; "
	    "it belongs under [provider NAME], a local key is made with "
	    "`llmux key add`" },
	{ .name = "local key file", .env = "LLMUX_API_KEY_FILE=~/keys",
	    .want = "api_key = llmux-...wxyz" },
	{ .name = "no local key file", .env = "LLMUX_API_KEY_FILE=/no/keys",
	    .want = "LLMUX_API_KEY_FILE: /no/keys: No such file or "
	    "directory" },
	{ .name = "anthropic", .env = "ANTHROPIC_API_KEY=sk-ant-0123456789ab",
	    .want = "# key from ANTHROPIC_API_KEY: sk-...89ab" },
	{ .name = "anthropic after file", .env = "ANTHROPIC_API_KEY=sk-ant-x",
	    .file = "[provider claude]\napi_key = sk-ant-0123456789zz",
	    .want = "api_key = sk-...89zz" },
	{ .name = "anthropic file", .env = "ANTHROPIC_API_KEY_FILE=~/keys",
	    .want = "listen = " DOTS, .said = "llmux: conf: "
	    "ANTHROPIC_API_KEY is a key of this proxy, not of a provider; it "
	    "is not used\n" },
	{ .name = "dummy", .env = "ANTHROPIC_API_KEY=Dummy", .want =
	    "listen = " DOTS, .said = "ANTHROPIC_API_KEY is a key of this "
	    "proxy" },
	{ .name = "local key as provider's", .file = "api_key = open-sesame",
	    .env = "OPENAI_API_KEY=open-sesame", .want = "listen = " DOTS,
	    .said = "OPENAI_API_KEY is a key of this proxy" },
	{ .name = "openai", .env = "OPENAI_API_KEY=sk-0123456789abcd", .want =
	    "[provider openai]" },
	{ .name = "openai url", .env = "OPENAI_API_KEY=sk-0123456789abcd",
	    .want = "base_url = https://api.openai.com/v1" },
	{ .name = "openai key", .env = "OPENAI_API_KEY=sk-0123456789abcd",
	    .file = "[model m]\nuse = openai/x",
	    .want = "# key from OPENAI_API_KEY: sk-...abcd" },
	{ .name = "openai in the file", .env =
	    "OPENAI_API_KEY=sk-0123456789abcd", .file =
	    "[provider openai]\nbase_url = https://o.example/v1", .want =
	    "# key from OPENAI_API_KEY: sk-...abcd" },
	{ .name = "openai in the clear", .env =
	    "OPENAI_API_KEY=sk-0123456789abcd", .file =
	    "[provider openai]\nbase_url = http://10.0.0.1/v1", .want =
	    "base_url = http://10.0.0.1/v1", .said = "OPENAI_API_KEY does not "
	    "go to provider openai over plain http" },
	{ .name = "bad openai", .env = "OPENAI_API_KEY=a b", .want =
	    "listen = " DOTS, .said = "OPENAI_API_KEY: expected a key" },
	{ .name = "key env", .env = "MY_KEY=0123456789abcdef", .file =
	    "[provider claude]\napi_key_env = MY_KEY", .want =
	    "# key from api_key_env: ...cdef" },
	{ .name = "key env of another llmux", .env =
	    "MY_KEY=llmux-0123456789abcdef", .file =
	    "[provider claude]\napi_key_env = MY_KEY", .want =
	    "# key from api_key_env: llmux-...cdef" },
	{ .name = "no key env", .file =
	    "[provider claude]\napi_key_env = MY_KEY", .want =
	    "api_key_env = MY_KEY", .said = "llmux: conf: provider claude: "
	    "api_key_env: MY_KEY is not set; it has no key now\n" },
	{ .name = "key env is ours", .env = "OPENAI_API_KEY=dummy", .file =
	    "[provider claude]\napi_key_env = OPENAI_API_KEY", .want =
	    "listen = " DOTS, .said = "OPENAI_API_KEY is a key of this "
	    "proxy, not of the provider; it has no key now" },
	{ .name = "key file", .file =
	    "[provider claude]\napi_key_file = ~/keys", .want =
	    "# key from api_key_file: llmux-...wxyz" },
	{ .name = "no key file", .file =
	    "[provider claude]\napi_key_file = /no/keys", .want =
	    "api_key_file = /no/keys", .said = "provider claude: "
	    "api_key_file: /no/keys: No such file or directory; it has no "
	    "key now" },
	{ .name = "key on the lan", .file = "[provider l]\n"
	    "base_url = http://10.0.0.1/v1\napi_key = 0123456789abcdef",
	    .want = "base_url = http://10.0.0.1/v1", .said = "llmux: conf: "
	    "provider l: the API key goes over plain http to 10.0.0.1; "
	    "anybody on the way can read it\n" },
	{ .name = "all proxy", .env = "ALL_PROXY=socks5://10.0.0.2:1", .file =
	    "proxy = http://10.0.0.3:1", .want =
	    "proxy = socks5://10.0.0.2:1" },
	{ .name = "lower case", .env = "all_proxy=socks5h://10.0.0.2:1",
	    .want = "proxy = socks5h://10.0.0.2:1" },
	{ .name = "no proxy", .env = "no_proxy=.lan,*.x", .file =
	    "no_proxy = .home", .want = "no_proxy = .lan,*.x" },
	{ .name = "bad all proxy", .env = "ALL_PROXY=ftp://x:1", .want =
	    "ALL_PROXY: " },
	{ .name = "bad no proxy", .env = "NO_PROXY=a\tb\x01", .want =
	    "NO_PROXY: expected no control characters" },
	{ .name = "bad proxy", .env = "HTTPS_PROXY=ftp://u:hush@x:1", .want =
	    "HTTPS_PROXY: " },
	{ .name = "-c", .flags = { .file = S("other.conf") }, .want =
	    "log_level = debug" },
	{ .name = "no -c", .flags = { .file = S("missing.conf") }, .want =
	    "missing.conf: No such file or directory" },
	{ .name = "LLMUX_CONFIG", .env = "LLMUX_CONFIG=~/other.conf", .want =
	    "log_level = debug" },
	{ .name = "no LLMUX_CONFIG", .env = "LLMUX_CONFIG=/no/x.conf", .want =
	    "/no/x.conf: No such file or directory" },
	{ .name = "-c over LLMUX_CONFIG", .env = "LLMUX_CONFIG=/no/x.conf",
	    .flags = { .file = S("~/other.conf") }, .want =
	    "log_level = debug" },
	{ .name = "-c a directory", .flags = { .file = S(".") }, .want =
	    ".: Is a directory" },
	{ .name = "env file", .flags = { .env_file = S("~/vars") }, .want =
	    "~/vars: No such file or directory" },
	{ .name = "env file 2", .flags = { .env_file = S("vars") }, .want =
	    "default_model = from" },
	{ .name = "environment over env file", .env = "CACHE_TTL=5m",
	    .flags = { .env_file = S("vars2") }, .want = "cache_ttl = 5m" },
	{ .name = "env file 3", .flags = { .env_file = S("vars2") }, .want =
	    "listen = 127.0.0.1:4444" },
	{ .name = "bad env file", .flags = { .env_file = S("vars3") }, .want =
	    "vars3: line 2: expected NAME=VALUE" },
};

static void
run_from(const struct from *f)
{
	struct err e = { .kind = ERR_NONE };
	struct conf *c;
	struct str said;
	struct buf b;

	set_env(f->env);
	mkdir(".llmux", 0700);
	if (f->file != NULL)
		put_file(".llmux/llmux.conf", f->file);
	else
		unlink(".llmux/llmux.conf");
	log_catch();
	c = conf_load(&f->flags, &e);
	said = log_said();
	if (f->said == NULL)
		CHECK_STR_IN(f->name, said, STR(""));
	else if (!has(said, f->said))
		CHECK_STR_IN(f->name, said, str_of(f->said));
	CHECK_IN(f->name, !has(said, "hush"));
	if (c == NULL) {
		if (!str_starts(str_of(e.text), str_of(f->want)))
			CHECK_STR_IN(f->name, str_of(e.text),
			    str_of(f->want));
		CHECK_IN(f->name, !has(str_of(e.text), "hush"));
		return;
	}
	buf_init(&b, 65536);
	conf_print(c, &b);
	if (!has_line(buf_str(&b), str_of(f->want)))
		CHECK_STR_IN(f->name, buf_str(&b), str_of(f->want));
	/* What is printed is read again, keys of the environment aside. */
	conf_unref(c);
	log_setup(LOG_ERROR, false);
	c = conf_parse(buf_str(&b), "again", &e);
	log_setup(LOG_INFO, false);
	CHECK_STR_IN(f->name, c == NULL ? str_of(e.text) : STR(""), STR(""));
	conf_unref(c);
	buf_free(&b);
}

static void
test_froms(void)
{
	size_t i;

	put_file("keys", "# mine\n\n  llmux-0123456789-wxyz  \r\nllmux-2\n");
	put_file("other.conf", "log_level = debug\n");
	put_file("vars", "# c\nDEFAULT_MODEL='from'\n");
	put_file("vars2", "\n  export LLMUX_PORT=\"4444\"\r\nCACHE_TTL=1h");
	put_file("vars3", "A=1\nhush\n");
	for (i = 0; i < sizeof(froms) / sizeof(froms[0]); i++)
		run_from(&froms[i]);
}

static const char models[] = "{\"custom_models\":["
    "{\"id\":\"qwen\\u0033\",\"base_url\":\"http://10.0.0.1:1/v1/chat/"
    "completions\",\"api_key\":\"k123\",\"context_length\":1},"
    "{\"id\":\"two\",\"base_url\":\"http://10.0.0.1:1/v1/\",\"api_key\":"
    "\"k123\"},{\"id\":\"three\",\"base_url\":\"http://127.0.0.1/v1\"},"
    "{\"id\":\"\",\"base_url\":\"http://h/v1\"},{\"base_url\":1},7,"
    "{\"id\":\"a b\",\"base_url\":\"http://h/v1\"},"
    "{\"id\":\"x\",\"base_url\":\"http://api.example/v1\",\"api_key\":\"k\"},"
    "{\"id\":\"y\",\"base_url\":\"ftp://h\",\"api_key\":\"k\"}]}";

static void
test_models(void)
{
	struct conf_flags none = { .debug = false };
	struct err e = { .kind = ERR_NONE };
	const struct provider *p;
	struct conf *c;
	struct str said;

	set_env("LLMUX_STATE_DIR=~/.llmux");
	put_file(".llmux/llmux.conf", "[provider custom2]\n"
	    "base_url = http://127.0.0.1:5\n");
	put_file(".llmux/models.json", models);
	log_catch();
	c = conf_load(&none, &e);
	said = log_said();
	CHECK_STR(c == NULL ? str_of(e.text) : STR(""), STR(""));
	CHECK(has(said, "custom_models[3]: expected id and base_url; it is "
	    "not used\n"));
	CHECK(has(said, "custom_models[4]: expected id and base_url"));
	CHECK(has(said, "custom_models[5]: expected id and base_url"));
	CHECK(has(said, "custom_models[6]: expected at most 256"));
	CHECK(has(said, "custom_models[7]: base_url \"http://api.example/v1\""
	    ": expected https"));
	CHECK(has(said, "custom_models[8]: expected a URL"));
	CHECK(has(said, "provider custom: the API key goes over plain http"));
	if (c == NULL)
		return;
	CHECK_INT(c->n_providers, 5);
	p = conf_provider(c, STR("custom"));
	CHECK(p != NULL && p->type == PROVIDER_OPENAI && p->models.n == 2);
	CHECK_STR(p->models.v[0], STR("qwen3"));
	CHECK_STR(p->models.v[1], STR("two"));
	CHECK_STR(p->path, STR("/v1"));
	CHECK_STR(p->api_key, STR("k123"));
	CHECK_STR(str_of(p->key_source), STR("models.json"));
	p = conf_provider(c, STR("custom3"));
	CHECK(p != NULL && p->key_source == NULL && p->models.n == 1);
	CHECK_STR(p->host_field, STR("127.0.0.1"));
	conf_unref(c);

	put_file(".llmux/models.json", "{");
	log_catch();
	c = conf_load(&none, &e);
	said = log_said();
	CHECK(c != NULL && has(said, "conf: models.json: "));
	conf_unref(c);
	unlink(".llmux/models.json");
	mkdir(".llmux/models.json", 0700);
	log_catch();
	c = conf_load(&none, &e);
	said = log_said();
	CHECK(c != NULL && has(said, "models.json: Is a directory; it is not "
	    "used\n"));
	conf_unref(c);
	rmdir(".llmux/models.json");
	unlink(".llmux/llmux.conf");
	set_env("");
}

static void
test_proxies(void)
{
	struct conf_flags none = { .debug = false };
	struct err e = { .kind = ERR_NONE };
	struct conf *c;

	set_env("https_proxy=http://10.0.0.9:3128\n"
	    "ALL_PROXY=socks5://10.0.0.8:1080\nNO_PROXY=.lan,chatgpt.com");
	put_file(".llmux/llmux.conf", "[provider a]\n"
	    "base_url = http://far.example\n[provider b]\n"
	    "base_url = http://box.lan\n[provider c]\n"
	    "base_url = https://own.lan\nproxy = http://10.0.0.7:1\n"
	    "[provider d]\nbase_url = http://localhost:1\n");
	c = conf_load(&none, &e);
	CHECK(c != NULL);
	if (c == NULL)
		return;
	CHECK_INT(c->providers[0].proxy.kind, NET_PROXY_HTTP);
	CHECK_INT(c->providers[0].proxy.port, 3128);
	CHECK_INT(c->providers[1].proxy.kind, NET_PROXY_NONE);
	CHECK_INT(conf_provider(c, STR("a"))->proxy.port, 1080);
	CHECK_INT(conf_provider(c, STR("b"))->proxy.kind, NET_PROXY_NONE);
	CHECK_INT(conf_provider(c, STR("c"))->proxy.port, 1);
	CHECK_INT(conf_provider(c, STR("d"))->proxy.kind, NET_PROXY_NONE);
	conf_unref(c);
	unlink(".llmux/llmux.conf");
	set_env("");
}

/* Search order, paths, and the mode of a file with keys. */
static void
test_files(void)
{
	struct conf_flags flags = { .debug = false };
	struct err e = { .kind = ERR_NONE };
	struct str said;
	struct conf *c;
	char want[128];

	set_env("");
	put_file("t", "sk-ant-oat01-invented\n");
	put_file(".llmux/llmux.conf", "state_dir = ~/deep/er\n"
	    "counters_dir = ~/count\ntls_cert = ~/c.pem\n[provider x]\n"
	    "base_url = http://127.0.0.1:1\noauth_token_file = ~/t\n"
	    "api_key = 0123456789abcdef\n");
	c = conf_load(&flags, &e);
	CHECK(c != NULL);
	if (c == NULL)
		return;
	snprintf(want, sizeof(want), "%s/deep/er", home);
	CHECK_STR(c->state_dir, str_of(want));
	CHECK_INT(conf_make_dirs(c, &e), 0);
	CHECK(access("deep/er", W_OK) == 0 && access("count", W_OK) == 0);
	CHECK_INT(conf_make_dirs(c, &e), 0);
	snprintf(want, sizeof(want), "%s/t", home);
	CHECK_STR(c->providers[2].oauth_token_file, str_of(want));
	snprintf(want, sizeof(want), "%s/.llmux/llmux.conf", home);
	CHECK_STR(c->path, str_of(want));
	conf_unref(c);
	rmdir("deep/er");
	put_file("deep/er", "in the way");
	c = conf_load(&flags, &e);
	CHECK_INT(conf_make_dirs(c, &e), -1);
	CHECK(str_starts(str_of(e.text), STR("state_dir: ")) &&
	    str_ends(str_of(e.text), STR("deep/er: Not a directory")));
	conf_unref(c);

	/* Others may read it only if they may enter the directory. */
	chmod(".llmux/llmux.conf", 0644);
	log_catch();
	conf_unref(conf_load(&flags, &e));
	CHECK_STR(log_said(), STR(""));
	chmod(".llmux", 0755);
	log_catch();
	conf_unref(conf_load(&flags, &e));
	said = log_said();
	CHECK(has(said, "llmux.conf holds keys and others can read it; chmod "
	    "600 "));
	chmod(".llmux", 0700);
	unlink(".llmux/llmux.conf");

	/* Without HOME there is no ~. Somebody else's state may be there. */
	log_setup(LOG_ERROR, false);
	put_file("plain.conf", "state_dir = ~/x\n");
	unsetenv("HOME");
	flags.file = STR("plain.conf");
	CHECK(conf_load(&flags, &e) == NULL);
	CHECK_STR(str_of(e.text), STR("state_dir \"~/x\": HOME is not set; "
	    "give the whole path"));
	put_file("plain.conf", "");
	c = conf_load(&flags, &e);
	CHECK(c != NULL);
	if (c != NULL)
		CHECK_STR(c->state_dir, access("/etc/openwrt_release", F_OK) ==
		    0 ? STR("/etc/llmux") : STR("/var/lib/llmux"));
	conf_unref(c);
	log_setup(LOG_INFO, false);
	set_env("");
	c = conf_load(&flags, &e);
	snprintf(want, sizeof(want), "%s/.llmux", home);
	if (c != NULL && geteuid() != 0)
		CHECK_STR(c->state_dir, str_of(want));
	conf_unref(c);
}

/* The environment file is looked up behind the environment, which stays as it
 * was. */
static void
test_getenv(void)
{
	struct conf_flags flags = { .env_file = STR("vars4") };
	struct err e = { .kind = ERR_NONE };
	struct conf *c;

	set_env("CACHE_TTL=5m");
	put_file("vars4", "CACHE_TTL=1h\nMY_KEY = \" a b \"\nEMPTY=\nMY_KEY=2");
	c = conf_load(&flags, &e);
	CHECK_STR(c == NULL ? str_of(e.text) : STR(""), STR(""));
	if (c == NULL)
		return;
	CHECK_STR(conf_getenv(c, "CACHE_TTL"), STR("5m"));
	CHECK_STR(conf_getenv(c, "MY_KEY"), STR(" a b "));
	CHECK(conf_getenv(c, "EMPTY").p == NULL);
	CHECK(conf_getenv(c, "MY_KE").p == NULL);
	CHECK(getenv("MY_KEY") == NULL);
	conf_unref(c);
	set_env("");
}

/* ---- opening ---- */

struct opening {
	const char *text, *want; /* the error, "" = none */
	bool stored;
	const char *said;
};

#define OFF "[provider claude]\nenabled = no\n[provider chatgpt]\nenabled = no"
#define OPEN "is open to the network and there is no local key; make one " \
	"with `llmux key add NAME`"
static const struct opening openings[] = {
	{ OFF, "", false, "" },
	{ "listen = 0.0.0.0:1\n" OFF, "conf: listen \"0.0.0.0:1\": " OPEN,
	    false, "" },
	{ "listen = [::]:1\n" OFF, "conf: listen \"[::]:1\": " OPEN, false,
	    "" },
	{ "listen = [::]:1\n" OFF, "", true, "" },
	{ "listen = unix:/tmp/x\nlisten = [::1]:1\n" OFF, "", false, "" },
	{ "listen = 10.0.0.1:1\napi_key = 0123456789abcdef\n" OFF, "", false,
	    "" },
	{ "listen = 10.0.0.1:1\napi_key = 0123456789abcde\n" OFF, "conf: "
	    "api_key: expected at least 16 characters, as a listener is open "
	    "to the network", false, "" },
	{ "api_key = short\n" OFF, "", false, "" },
	{ "listen = 10.0.0.1:1\nrequire_key = no\n"
	    "api_key = 0123456789abcdef\n" OFF, "conf: listen "
	    "\"10.0.0.1:1\": require_key = no is possible with loopback and "
	    "unix listeners only", false, "" },
	{ "require_key = no\n" OFF, "", false, "" },
	{ "ca_file = /no/ca\n" OFF, "", false, "" },
	/* without a credential it is not called: a line, no failure */
	{ "ca_file = /no/ca\n", "", false, "llmux: provider claude needs "
	    "ca_file: /no/ca: No such file or directory\n" },
	{ "ca_file = /no/ca\n[provider claude]\napi_key = sk-invented\n",
	    "conf: provider claude needs ca_file: /no/ca: ", false, "" },
	{ "max_memory = 8M\n" OFF, "", false, "llmux: conf: max_body 32M: 7M "
	    "is what max_memory allows\n" },
	{ "max_clients = 60000\nmax_memory = 1G\n" OFF, "", false, "llmux: "
	    "conf: max_clients 60000: 112 is what 256 open files allow\n" },
	{ "listen = tls:127.0.0.1:1\ntls_cert=/no/c\ntls_key=/no/k\n" OFF,
	    "conf: ", false, "" },
};

static void
test_open(void)
{
	struct rlimit r, low;
	size_t i;

	getrlimit(RLIMIT_NOFILE, &r);
	low = r;
	low.rlim_cur = 256;
	for (i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
		const struct opening *o = &openings[i];
		struct err e = { .kind = ERR_NONE };
		struct conf *c = conf_parse(str_of(o->text), "t.conf", &e);
		struct str said;
		int rc;

		if (c == NULL) {
			CHECK_STR_IN(o->text, str_of(e.text), STR(""));
			continue;
		}
		if (c->max_memory == 0)
			c->max_memory = 1 << 30;
		c->state_dir = STR(".");
		put_file("api_keys.json", o->stored ?
		    "{\"api_keys\":{\"ab\":{}}}" : "{\"api_keys\":{}}");
		setrlimit(RLIMIT_NOFILE, &low);
		log_catch();
		rc = conf_open(c, &e);
		said = log_said();
		setrlimit(RLIMIT_NOFILE, &r);
		CHECK_INT_IN(o->text, rc, *o->want == '\0' ? 0 : -1);
		if (rc < 0 && !str_starts(str_of(e.text), str_of(o->want)))
			CHECK_STR_IN(o->text, str_of(e.text),
			    str_of(o->want));
		CHECK_STR_IN(o->text, said, str_of(o->said));
		conf_unref(c);
	}
	unlink("api_keys.json");
}

static void
test_needs_key(void)
{
	static const struct {
		const char *text;
		bool without, with; /* keys in the key file */
	} t[] = { { "", false, true }, { "api_key = k", true, true },
		{ "listen = 10.0.0.1:1", true, true },
		{ "listen = unix:/x", false, true },
		{ "require_key = yes", true, true },
		{ "require_key = no\napi_key = k", false, false } };
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct conf *c = conf_parse(str_of(t[i].text), "t", NULL);

		CHECK_INT_IN(t[i].text, conf_needs_key(c, false),
		    t[i].without);
		CHECK_INT_IN(t[i].text, conf_needs_key(c, true), t[i].with);
		conf_unref(c);
	}
}

/* ---- memory ---- */

struct machine {
	const char *name, *meminfo, *cgroup, *dir, *leaf, *value;
	uint64_t want;
};

static const struct machine machines[] = {
	{ "ram", "MemTotal:       65536 kB\nMemFree: 1 kB\n", NULL, NULL,
	    NULL, NULL, 16 << 20 },
	{ "v2", "MemTotal: 65536 kB\n", "0::/a/b\n", "sys/fs/cgroup/a/b",
	    "memory.max", "4194304\n", 1 << 20 },
	{ "v2 above", "MemTotal: 65536 kB\n", "0::/a/b\n", "sys/fs/cgroup/a",
	    "memory.max", "4194304\n", 1 << 20 },
	{ "v2 in a container", "MemTotal: 65536 kB\n", "0::/\n",
	    "sys/fs/cgroup", "memory.max", "8388608\n", 2 << 20 },
	{ "v2 outside", "MemTotal: 65536 kB\n", "0::/../x\n",
	    "sys/fs/cgroup", "memory.max", "8388608\n", 2 << 20 },
	{ "v2 none", "MemTotal: 65536 kB\n", "0::/a\n", "sys/fs/cgroup/a",
	    "memory.max", "max\n", 16 << 20 },
	{ "v1", "MemTotal: 65536 kB\n", "3:cpu,memory:/m\n1:cpu:/m\n",
	    "sys/fs/cgroup/memory/m", "memory.limit_in_bytes", "4194304\n",
	    1 << 20 },
	{ "v1 none", "MemTotal: 65536 kB\n", "3:memory:/m\n",
	    "sys/fs/cgroup/memory/m", "memory.limit_in_bytes",
	    "9223372036854771712\n", 16 << 20 },
	{ "odd lines", "MemTotal: 65536 kB\n", "x\n::\n4:memory\n0::\n",
	    NULL, NULL, NULL, 16 << 20 },
};

static void
make_dirs(char *path)
{
	char *p;

	for (p = path + 1; *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(path, 0700);
			*p = '/';
		}
	mkdir(path, 0700);
}

static void
test_memory(void)
{
	struct conf *c = conf_parse(STR(""), "t", NULL);
	char root[128], path[300];
	size_t i;

	for (i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		const struct machine *m = &machines[i];

		snprintf(root, sizeof(root), "%s/m%zu", home, i);
		snprintf(path, sizeof(path), "%s/proc/self", root);
		make_dirs(path);
		snprintf(path, sizeof(path), "%s/proc/meminfo", root);
		put_file(path, m->meminfo);
		snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
		if (m->cgroup != NULL)
			put_file(path, m->cgroup);
		if (m->dir != NULL) {
			snprintf(path, sizeof(path), "%s/%s", root, m->dir);
			make_dirs(path);
			snprintf(path, sizeof(path), "%s/%s/%s", root,
			    m->dir, m->leaf);
			put_file(path, m->value);
		}
		CHECK_INT_IN(m->name, conf_find_memory(root), m->want);
	}
	/* Without /proc: what sysconf says, or the least. */
	CHECK(conf_find_memory("/no/such/root") >= 1 << 20);
	CHECK(conf_memory(c) >= 1 << 20);
	c->max_memory = 12345;
	CHECK_INT(conf_memory(c), 12345);
	conf_unref(c);
}

/* ---- starvation ---- */

static void
test_starving(void)
{
	struct conf_flags flags = { .env_file = STR("vars2") };
	struct err e = { .kind = ERR_NONE };
	struct conf *c = NULL;
	uint64_t before = mem_reserved();
	long n;

	set_env("LLMUX_STATE_DIR=~/.llmux\nOPENAI_API_KEY=sk-1234\n"
	    "READ_TIMEOUT=1.5\nPORT=77\nALL_PROXY=10.0.0.1:1");
	put_file(".llmux/llmux.conf", "api_key = llmux-a\n[provider l]\n"
	    "base_url = http://127.0.0.1\napi_key_file = ~/keys\n"
	    "[model m]\nuse = openai/x\n");
	put_file(".llmux/models.json", "{\"custom_models\":[{\"id\":\"a\","
	    "\"base_url\":\"http://127.0.0.1/v1\"}]}");
	log_setup(LOG_ERROR, false);
	for (n = 0; c == NULL && n < 10000; n++) {
		mem_fail_after(n);
		c = conf_load(&flags, &e);
		mem_fail_after(-1);
		if (c == NULL)
			CHECK_INT_IN(e.text, e.kind, ERR_MEM);
	}
	CHECK(c != NULL && n > 10);
	if (c != NULL) {
		/* Nothing was passed over for want of memory. */
		CHECK(conf_provider(c, STR("openai")) != NULL);
		CHECK(conf_provider(c, STR("custom")) != NULL);
		CHECK(conf_provider(c, STR("l"))->api_key.n > 0);
	}
	for (n = 0; n < 10 && c != NULL; n++) {
		mem_fail_after(n);
		conf_open(c, &e);
		mem_fail_after(-1);
	}
	conf_unref(c);
	CHECK_INT(mem_reserved(), before);
	log_setup(LOG_INFO, false);
	unlink(".llmux/models.json");
	unlink(".llmux/llmux.conf");
	set_env("");
}

int
main(void)
{
	lab_enter();
	test_froms();
	test_models();
	test_proxies();
	test_files();
	test_getenv();
	test_open();
	test_needs_key();
	test_memory();
	test_starving();
	lab_leave();
	return check_done();
}
