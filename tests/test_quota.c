/* SPDX-License-Identifier: MIT */
/* Tests of admin/quota.c: windows from answer heads. */
#include "../admin/quota.h"
#include "check.h"

#define NOW 1795000000

/* The head of an answer with these fields; good until the next call. */
static struct http_head *
head(const char *fields)
{
	static struct http_head h;
	static char text[4096];
	struct http_bad bad;
	size_t used;

	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n", fields);
	CHECK(http_parse_answer(&h, str_of(text), false, &used, &bad) ==
	    PARSE_OK);
	return &h;
}

static struct provider
provider(const char *name, enum provider_type type)
{
	struct provider p;

	memset(&p, 0, sizeof(p));
	p.name = str_of(name);
	p.type = type;
	return p;
}

/* want: "5h 425 1795000100;", name, permille and reset of each window. */
static void
check_windows(const char *name, int64_t now, const char *want)
{
	struct quota_window w[QUOTA_WINDOWS];
	size_t n = quota_get(str_of(name), now, w), i;
	char got[512] = "";

	for (i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got),
		    "%s %u %lld;", w[i].name, w[i].permille,
		    (long long)w[i].resets_at);
	CHECK_STR_IN(name, str_of(got), str_of(want));
}

#define A "anthropic-ratelimit-unified-"

static const struct {
	const char *name;
	enum provider_type type;
	const char *fields, *want;
} rows[] = {
	{ "a-usual", PROVIDER_ANTHROPIC,
		A "status: allowed\r\n" A "5h-status: allowed\r\n"
		A "5h-reset: 1795000100\r\n" A "5h-utilization: 0.425\r\n"
		A "7d-utilization: 0.0449\r\n" A "7d-reset: 1795400000\r\n"
		A "fallback-percentage: 0.5\r\n",
		"5h 425 1795000100;7d 44 1795400000;" },
	{ "a-over", PROVIDER_ANTHROPIC,
		"Anthropic-Ratelimit-Unified-7d_opus-Utilization: 1.05\r\n"
		A "7d_opus-reset: 1795400000\r\n",
		"7d_opus 1050 1795400000;" },
	{ "a-whole", PROVIDER_ANTHROPIC,
		A "5h-utilization: 1\r\n" A "7d-utilization: 0\r\n",
		"5h 1000 0;7d 0 0;" },
	{ "a-odd", PROVIDER_ANTHROPIC,
		A "a-utilization: \r\n" A "b-utilization: -0.5\r\n"
		A "c-utilization: 1e3\r\n" A "d-utilization: 0.5x\r\n"
		A "e-utilization: .5\r\n" A "f-utilization: 9999999999\r\n"
		A "utilization: 0.5\r\n" A "-utilization: 0.5\r\n"
		"x-codex-primary-used-percent: 12\r\n", "" },
	{ "a-reset", PROVIDER_ANTHROPIC,
		A "5h-utilization: 0.5\r\n"
		A "5h-reset: 2026-11-25T00:00:00Z\r\n"
		A "7d-utilization: 0.5\r\n"
		A "7d-reset: 99999999999999\r\n", "5h 500 0;7d 500 0;" },
	{ "a-passed", PROVIDER_ANTHROPIC,
		A "5h-utilization: 0.5\r\n" A "5h-reset: 1795000000\r\n", "" },
	{ "c-usual", PROVIDER_CHATGPT,
		"x-codex-primary-used-percent: 12.5\r\n"
		"x-codex-primary-window-minutes: 300\r\n"
		"x-codex-primary-reset-at: 1795000100\r\n"
		"x-codex-secondary-used-percent: 100\r\n"
		"x-codex-secondary-window-minutes: 10080\r\n"
		"x-codex-secondary-reset-after-seconds: 500\r\n"
		"x-codex-primary-over-secondary-limit-percent: 3\r\n",
		"5h 125 1795000100;7d 1000 1795000500;" },
	{ "c-bare", PROVIDER_CHATGPT,
		"X-Codex-Primary-Used-Percent: 7\r\n"
		"x-codex-secondary-used-percent: \r\n",
		"Primary 70 0;" },
	{ "c-family", PROVIDER_CHATGPT,
		"x-codex-other-primary-used-percent: 3\r\n"
		"x-codex-other-primary-window-minutes: 90\r\n"
		"x-used-percent: 3\r\nx--used-percent: 3\r\n",
		"codex-other_primary 30 0;" },
	{ "o-none", PROVIDER_OPENAI,
		A "5h-utilization: 0.5\r\nx-codex-primary-used-percent: 3\r\n",
		"" },
};

static void
test_rows(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct provider p = provider(rows[i].name, rows[i].type);

		quota_note(&p, head(rows[i].fields), NOW);
		check_windows(rows[i].name, NOW, rows[i].want);
	}
}

/* Values are replaced, others stay; each ends at its reset. */
static void
test_age(void)
{
	struct provider p = provider("age", PROVIDER_ANTHROPIC);
	struct quota_window w[QUOTA_WINDOWS];

	quota_note(&p, head(A "5h-utilization: 0.1\r\n"
	    A "5h-reset: 1795000100\r\n" A "7d-utilization: 0.2\r\n"), NOW);
	quota_note(&p, head(A "5h-utilization: 0.3\r\n"
	    A "5h-reset: 1795000100\r\n"), NOW + 50);
	CHECK_INT(quota_get(p.name, NOW + 60, w), 2);
	CHECK_INT(w[0].permille, 300);
	CHECK_INT(w[0].seen_at, NOW + 50);
	CHECK_INT(w[1].seen_at, NOW);
	check_windows("age", NOW + 99, "5h 300 1795000100;7d 200 0;");
	check_windows("age", NOW + 100, "7d 200 0;");
	/* Without a reset: longer than any window, then forgotten. */
	check_windows("age", NOW + 8 * 86400 - 1, "7d 200 0;");
	check_windows("age", NOW + 8 * 86400, "");
}

/* The table is full: of windows the longest not seen goes, further providers
 * are not noted. */
static void
test_full(void)
{
	struct provider p = provider("full", PROVIDER_ANTHROPIC);
	char fields[128], name[16];
	int i;

	for (i = 0; i < QUOTA_WINDOWS + 1; i++) {
		snprintf(fields, sizeof(fields), A "w%d-utilization: 0.%d\r\n"
		    A "w%d-reset: %d\r\n", i, i, i,
		    i == 2 ? NOW + 6 : NOW + 1000);
		quota_note(&p, head(fields), NOW + i);
	}
	/* w2 was over when w6 came. */
	check_windows("full", NOW + 6, "w0 0 1795001000;w1 100 1795001000;"
	    "w6 600 1795001000;w3 300 1795001000;w4 400 1795001000;"
	    "w5 500 1795001000;");
	quota_note(&p, head(A "w7-utilization: 1\r\n"), NOW + 7);
	check_windows("full", NOW + 7, "w7 1000 0;w1 100 1795001000;"
	    "w6 600 1795001000;w3 300 1795001000;w4 400 1795001000;"
	    "w5 500 1795001000;");
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		p = provider(name, PROVIDER_ANTHROPIC);
		quota_note(&p, head(A "5h-utilization: 0.5\r\n"), NOW);
	}
	check_windows("many0", NOW, "5h 500 0;");
	check_windows("many19", NOW, "");
	check_windows("full", NOW + 7, "w7 1000 0;w1 100 1795001000;"
	    "w6 600 1795001000;w3 300 1795001000;w4 400 1795001000;"
	    "w5 500 1795001000;");
}

int
main(void)
{
	test_rows();
	test_age();
	test_full();
	return check_done();
}
