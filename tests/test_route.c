/* SPDX-License-Identifier: MIT */
/* Tests of route.c: where a model goes, in the order of the rules. */
#include "../route.h"
#include "check.h"

static const char config[] =
    "default_model = fast\n"
    "[provider claude]\n"
    "api_key = sk-ant-api-invented-0001\n"
    "model = house-claude\n"
    "[provider work]\n"
    "type = anthropic\n"
    "base_url = http://127.0.0.1:9\n"
    "[provider local]\n"
    "type = openai\n"
    "base_url = http://127.0.0.1:9/v1\n"
    "model = qwen3\n"
    "model = vendor/odd-name\n"
    "model = kept-1m\n"
    "[provider cloud]\n"
    "type = openai\n"
    "base_url = http://127.0.0.1:9/v1\n"
    "[provider off]\n"
    "type = openai\n"
    "base_url = http://127.0.0.1:9/v1\n"
    "enabled = no\n"
    "model = unreachable\n"
    "[provider rest]\n"
    "type = openai\n"
    "base_url = http://127.0.0.1:9/v1\n"
    "model = *\n"
    "[model fast]\n"
    "use = claude/claude-haiku-5-5\n"
    "use = work/never-without-a-key\n"
    "use = local/qwen3\n"
    "[model qwen3-alias]\n"
    "use = local/qwen3\n"
    "[model claude-mine]\n"
    "use = local/qwen3\n";

/* "provider/model provider/model" of a route. */
static void
spell(const struct route *r, struct buf *b)
{
	size_t i;

	buf_clear(b);
	for (i = 0; i < r->n; i++)
		buf_fmt(b, "%s%.*s/%.*s", i > 0 ? " " : "",
		    STR_ARG(r->c[i].provider == NULL ? STR("(echo)") :
		    r->c[i].provider->name), STR_ARG(r->c[i].model));
}

static const struct {
	const char *model, *want;
} rows[] = {
	/* a [model] name comes before everything that its name could mean */
	{ "fast", "claude/claude-haiku-5-5 local/qwen3" },
	{ "qwen3-alias", "local/qwen3" },
	{ "claude-mine", "local/qwen3" },
	/* exact model lines, also with a slash in the name */
	{ "qwen3", "local/qwen3" },
	{ "house-claude", "claude/house-claude" },
	{ "vendor/odd-name", "local/vendor/odd-name" },
	/* PROVIDER/ID; the id may have slashes */
	{ "local/anything", "local/anything" },
	{ "cloud/a/b", "cloud/a/b" },
	{ "claude/claude-x", "claude/claude-x" },
	/* suffixes go, unless the whole name is served */
	{ "qwen3-reasoning-high", "local/qwen3" },
	{ "kept-1m", "local/kept-1m" },
	{ "claude-opus-5-5-1m", "claude/claude-opus-5-5" },
	{ "claude-opus-5-5-reasoning-low-1m", "claude/claude-opus-5-5" },
	{ "claude-x-reasoning-odd", "claude/claude-x-reasoning-odd" },
	/* short ids of the Python program */
	{ "sonnet-4-5", "claude/claude-sonnet-4-5" },
	{ "haiku-4-5-reasoning-high", "claude/claude-haiku-4-5" },
	{ "gpt51codex", "cloud/gpt-5.1-codex" },
	/* by the form of the name */
	{ "claude-sonnet-5-5", "claude/claude-sonnet-5-5" },
	{ "gpt-6-sol", "cloud/gpt-6-sol" },
	{ "o3-mini", "cloud/o3-mini" },
	{ "codex-mini", "cloud/codex-mini" },
	{ "gpt-oss-20b", "rest/gpt-oss-20b" },
	{ "omni", "rest/omni" },
	{ "echo", "(echo)/echo" },
	/* a provider that is off does not count */
	{ "unreachable", "rest/unreachable" },
	{ "off/x", "rest/off/x" },
	{ "*", "rest/*" },
	{ "something-else", "rest/something-else" },
	/* none given: default_model */
	{ "", "claude/claude-haiku-5-5 local/qwen3" },
};

static void
test_table(void)
{
	struct err e = { .kind = ERR_NONE };
	struct conf *c = conf_parse(str_of(config), "config", &e);
	struct route r;
	struct failure f;
	struct arena a;
	struct buf b;
	size_t i;

	CHECK_STR(str_of(e.text), STR(""));
	if (c == NULL)
		return;
	arena_init(&a, 1 << 20);
	buf_init(&b, 10000);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_INT_IN(rows[i].model, route_find(c,
		    str_of(rows[i].model), &r, &a, &f), 0);
		spell(&r, &b);
		CHECK_STR_IN(rows[i].model, buf_str(&b),
		    str_of(rows[i].want));
	}
	buf_free(&b);
	arena_free(&a);
	conf_unref(c);
}

/* Refusals: status, and what the sentence must hold. */
static void
refused(const char *text, const char *model, int status, const char *part)
{
	struct err e = { .kind = ERR_NONE };
	struct conf *c = conf_parse(str_of(text), "config", &e);
	struct failure f = { .status = 0 };
	struct route r;
	struct arena a;

	CHECK_STR(str_of(e.text), STR(""));
	if (c == NULL)
		return;
	arena_init(&a, 1 << 20);
	CHECK_INT_IN(model, route_find(c, str_of(model), &r, &a, &f), -1);
	CHECK_INT_IN(model, f.status, status);
	CHECK_IN(model, str_find(f.message, str_of(part)) >= 0);
	arena_free(&a);
	conf_unref(c);
}

static void
test_models(void)
{
	struct err e;
	struct conf *c = conf_parse(str_of(config), "config", &e);
	struct model_entry *m;
	struct arena a;
	struct buf b;
	size_t n, i;

	if (c == NULL)
		return;
	arena_init(&a, 1 << 20);
	buf_init(&b, 10000);
	m = route_models(c, &a, &n);
	CHECK(m != NULL);
	for (i = 0; m != NULL && i < n; i++)
		buf_fmt(&b, "%.*s ", STR_ARG(m[i].id));
	/* not: what is off, "*", and what has no credential */
	CHECK_STR(buf_str(&b), STR("fast qwen3-alias claude-mine "
	    "house-claude qwen3 vendor/odd-name kept-1m echo "));
	mem_fail_after(0);
	arena_free(&a);
	arena_init(&a, 1 << 20);
	CHECK(route_models(c, &a, &n) == NULL && n == 0);
	mem_fail_after(-1);
	buf_free(&b);
	arena_free(&a);
	conf_unref(c);
}

int
main(void)
{
	test_table();
	test_models();
	refused("", "nothing-of-the-kind", 404, "known: echo");
	refused("", "claude-opus-5-5", 401, "api_key");
	refused("", "gpt-6-sol", 401, "chatgpt");
	refused("[provider w]\ntype = anthropic\nbase_url = http://127.0.0.1:9\n"
	    "[model m]\nuse = w/x\n", "m", 401, "[provider w]");
	refused("", "a\"b\n", 404, "a\\x22b\\x0a");
	return check_done();
}
