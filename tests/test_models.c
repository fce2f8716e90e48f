/* SPDX-License-Identifier: MIT */
/* Tests of dialects/models.c: levels of effort, budgets, what models can do.
 * (The lists of models are in test_dialects.c.) */
#include "check.h"
#include "../dialects/neutral.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_levels(void)
{
	static const struct {
		const char *name;
		enum effort e;
	} rows[] = {
		{ "none", EFFORT_NONE },
		{ "minimal", EFFORT_MINIMAL },
		{ "low", EFFORT_LOW },
		{ "medium", EFFORT_MEDIUM },
		{ "high", EFFORT_HIGH },
		{ "xhigh", EFFORT_XHIGH },
		{ "max", EFFORT_MAX },
		{ "ultra", EFFORT_ULTRA },
		{ "", EFFORT_UNSET },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		CHECK_INT_IN(rows[i].name, effort_of(str_of(rows[i].name)),
		    rows[i].e);
		CHECK_STR(str_of(effort_name(rows[i].e)),
		    str_of(rows[i].name));
	}
	CHECK_INT(effort_of(STR("ultrathink")), EFFORT_HIGH);
	CHECK_INT(effort_of(STR("hi")), EFFORT_UNSET);
	CHECK_INT(effort_of(STR("High")), EFFORT_UNSET);
	CHECK_INT(effort_of((struct str){ NULL, 0 }), EFFORT_UNSET);
}

static void
test_budgets(void)
{
	static const struct {
		uint64_t budget;
		enum effort e;
	} rows[] = {
		{ 0, EFFORT_NONE },
		{ 1, EFFORT_MINIMAL },
		{ 512, EFFORT_MINIMAL },
		{ 513, EFFORT_LOW },
		{ 1024, EFFORT_LOW },
		{ 1025, EFFORT_MEDIUM },
		{ 8192, EFFORT_MEDIUM },
		{ 8193, EFFORT_HIGH },
		{ 24576, EFFORT_HIGH },
		{ 31999, EFFORT_XHIGH },
		{ 32769, EFFORT_MAX },
		{ UINT64_MAX, EFFORT_MAX },
	};
	size_t i;
	int e;

	for (i = 0; i < COUNT(rows); i++)
		CHECK_INT(budget_effort(rows[i].budget), rows[i].e);
	CHECK_INT(effort_budget(EFFORT_UNSET), 0);
	CHECK_INT(effort_budget(EFFORT_NONE), 0);
	CHECK_INT(effort_budget(EFFORT_LOW), 8000);
	CHECK_INT(effort_budget(EFFORT_MEDIUM), 16000);
	CHECK_INT(effort_budget(EFFORT_HIGH), 32000);
	for (e = EFFORT_MINIMAL; e <= EFFORT_ULTRA; e++) {
		CHECK(effort_budget((enum effort)e) >= 1024);
		CHECK(effort_budget((enum effort)e) >=
		    effort_budget((enum effort)(e - 1)));
	}
}

static void
test_caps(void)
{
	static const struct {
		enum dialect d;
		const char *id, *family;
		uint64_t context, most;
		bool adaptive, sampling;
		enum effort given[3], sent[3];
	} rows[] = {
#define A DIALECT_MESSAGES
#define R DIALECT_RESPONSES
#define GIVEN { EFFORT_NONE, EFFORT_MINIMAL, EFFORT_XHIGH }
#define LOW3 { EFFORT_LOW, EFFORT_LOW, EFFORT_XHIGH }
#define OFF3 { EFFORT_NONE, EFFORT_LOW, EFFORT_XHIGH }
#define OLD3 { EFFORT_NONE, EFFORT_MINIMAL, EFFORT_XHIGH }
		{ A, "claude-opus-5-5", "claude-opus-5-5", 1000000, 128000,
		    true, false, GIVEN, LOW3 },
		{ A, "claude-opus-5", "claude-opus-5", 1000000, 128000, true,
		    false, GIVEN, OFF3 },
		{ A, "claude-opus-5-20260724", "claude-opus-5", 1000000,
		    128000, true, false, GIVEN, OFF3 },
		{ A, "claude-opus-5[1m]", "claude-opus-5", 1000000, 128000,
		    true, false, GIVEN, OFF3 },
		{ A, "Claude-Haiku-5-5", "claude-haiku-5-5", 1000000, 128000,
		    true, false, GIVEN, OFF3 },
		{ A, "claude-fable-5-2", "claude-fable-5", 1000000, 128000,
		    true, false, GIVEN, LOW3 },
		{ A, "claude-sonnet-4-6", "claude-sonnet-4-6", 1000000,
		    128000, true, true, GIVEN,
		    { EFFORT_NONE, EFFORT_LOW, EFFORT_HIGH } },
		{ A, "claude-sonnet-4-5-20250929", "claude-sonnet-4-5",
		    200000, 64000, false, true, GIVEN, OLD3 },
		{ A, "claude-opus-50", "claude", 200000, 64000, true, false,
		    GIVEN, { EFFORT_LOW, EFFORT_LOW, EFFORT_HIGH } },
		{ A, "glm-7", "", 200000, 32000, false, true, GIVEN, OLD3 },
		{ A, "", "", 200000, 32000, false, true, GIVEN, OLD3 },
		{ R, "gpt-6-sol", "gpt-6-sol", 272000, 128000, false, false,
		    GIVEN, OFF3 },
		{ R, "gpt-6-astra", "gpt-6-astra", 272000, 128000, false,
		    false, GIVEN, LOW3 },
		{ R, "gpt-6.1-sol", "gpt-6.1-sol", 272000, 128000, false,
		    false, GIVEN, LOW3 },
		{ R, "gpt-6.1-terra", "gpt-6.1-terra", 500000, 128000, false,
		    false, GIVEN, OFF3 },
		{ R, "gpt-5.6-luna", "gpt-5.6", 272000, 128000, false, false,
		    GIVEN, OFF3 },
		{ R, "gpt-5.5", "gpt-5.5", 272000, 128000, false, false,
		    { EFFORT_NONE, EFFORT_MAX, EFFORT_ULTRA },
		    { EFFORT_LOW, EFFORT_XHIGH, EFFORT_XHIGH } },
		{ R, "gpt-7", "", 272000, 128000, false, false, GIVEN,
		    { EFFORT_LOW, EFFORT_LOW, EFFORT_HIGH } },
		{ DIALECT_CHAT, "claude-opus-5", "", 200000, 0, false, true,
		    { EFFORT_NONE, EFFORT_ULTRA, EFFORT_UNSET },
		    { EFFORT_NONE, EFFORT_MAX, EFFORT_UNSET } },
	};
	size_t i, k;

	for (i = 0; i < COUNT(rows); i++) {
		const struct model_caps *c = models_caps(rows[i].d,
		    str_of(rows[i].id));

		CHECK_STR_IN(rows[i].id, str_of(c->id),
		    str_of(rows[i].family));
		CHECK_INT_IN(rows[i].id, c->context, rows[i].context);
		CHECK_INT_IN(rows[i].id, c->max_output, rows[i].most);
		CHECK_INT_IN(rows[i].id, c->adaptive, rows[i].adaptive);
		CHECK_INT_IN(rows[i].id, c->sampling, rows[i].sampling);
		CHECK_IN(rows[i].id, c->vision);
		CHECK_IN(rows[i].id, c->native_1m == (c->context > 900000));
		for (k = 0; k < 3; k++)
			CHECK_INT_IN(rows[i].id, caps_effort(c,
			    rows[i].given[k]), rows[i].sent[k]);
	}
}

int
main(void)
{
	test_levels();
	test_budgets();
	test_caps();
	return check_done();
}
