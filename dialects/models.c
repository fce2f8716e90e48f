/* SPDX-License-Identifier: MIT */
/*
 * models: what models can do, the levels of reasoning effort, and GET
 * /v1/models in the shape of OpenAI's API, or in Anthropic's for clients that
 * send anthropic-version. The list says only what is known: no context length,
 * no date is invented (`created` is 0, `created_at` the Unix epoch).
 *
 * Sources of the table: protocols/anthropic.md 5 and chatgpt.md 2.10 (November
 * 2026). Models that are retired are not in it.
 */
#include "ops.h"

/* ---- effort ---- */

#define BIT(e) (1u << (e))
#define LOW_TO_HIGH (BIT(EFFORT_LOW) | BIT(EFFORT_MEDIUM) | BIT(EFFORT_HIGH))
#define LOW_TO_MAX (LOW_TO_HIGH | BIT(EFFORT_XHIGH) | BIT(EFFORT_MAX))
#define OFF BIT(EFFORT_NONE)
#define ALL (OFF | BIT(EFFORT_MINIMAL) | LOW_TO_MAX)

/*
 * give: tokens that a level is worth where a budget is wanted: the Python
 * LLMux's for low to high. upto: the largest budget that still means this level
 * (openai.md 6.4, column CPA).
 */
static const struct {
	const char *name;
	uint64_t give, upto;
} levels[] = {
	{ "", 0, 0 },
	{ "none", 0, 0 },
	{ "minimal", 1024, 512 },
	{ "low", 8000, 1024 },
	{ "medium", 16000, 8192 },
	{ "high", 32000, 24576 },
	{ "xhigh", 48000, 32768 },
	{ "max", 128000, UINT64_MAX },
	{ "ultra", 128000, UINT64_MAX },
};

const char *
effort_name(enum effort e)
{
	return levels[e].name;
}

enum effort
effort_of(struct str plain)
{
	enum effort e = EFFORT_ULTRA;

	/* The Python LLMux's word, worth as much as its high. */
	if (str_eq(plain, STR("ultrathink")))
		return EFFORT_HIGH;
	while (e > EFFORT_UNSET && !str_eq(plain, str_of(levels[e].name)))
		e--;
	return e;
}

uint64_t
effort_budget(enum effort e)
{
	return levels[e].give;
}

enum effort
budget_effort(uint64_t budget)
{
	enum effort e = EFFORT_NONE;

	while (levels[e].upto < budget)
		e++;
	return e;
}

/* ---- what models can do ---- */

#define K 1000

/* More exact ids first. */
static const struct model_caps claude[] = {
	/* id, context, most output, efforts, adaptive, sampling, vision, 1M */
	{ "claude-fable-5", 1000 * K, 128 * K, LOW_TO_MAX, true, false, true,
	    true },
	{ "claude-mythos-5", 1000 * K, 128 * K, LOW_TO_MAX, true, false, true,
	    true },
	{ "claude-opus-5-5", 1000 * K, 128 * K, LOW_TO_MAX, true, false, true,
	    true },
	{ "claude-sonnet-5-5", 1000 * K, 128 * K, LOW_TO_MAX, true, false,
	    true, true },
	{ "claude-haiku-5-5", 1000 * K, 128 * K, OFF | LOW_TO_MAX, true,
	    false, true, true },
	{ "claude-opus-5", 1000 * K, 128 * K, OFF | LOW_TO_MAX, true, false,
	    true, true },
	{ "claude-sonnet-5", 1000 * K, 128 * K, OFF | LOW_TO_MAX, true, false,
	    true, true },
	{ "claude-opus-4-8", 1000 * K, 128 * K, OFF | LOW_TO_MAX, true, false,
	    true, true },
	{ "claude-opus-4-7", 1000 * K, 128 * K, OFF | LOW_TO_MAX, true, false,
	    true, true },
	{ "claude-opus-4-6", 1000 * K, 128 * K, OFF | LOW_TO_HIGH |
	    BIT(EFFORT_MAX), true, true, true, true },
	{ "claude-sonnet-4-6", 1000 * K, 128 * K, OFF | LOW_TO_HIGH |
	    BIT(EFFORT_MAX), true, true, true, true },
	{ "claude-opus-4-5", 200 * K, 64 * K, ALL, false, true, true, false },
	{ "claude-sonnet-4-5", 200 * K, 64 * K, ALL, false, true, true,
	    false },
	{ "claude-haiku-4-5", 200 * K, 64 * K, ALL, false, true, true,
	    false },
	/* A newer one: what all of them take. */
	{ "claude", 200 * K, 64 * K, LOW_TO_HIGH, true, false, true, false },
	/* Another maker's model behind this dialect: as the older ones. */
	{ "", 200 * K, 32 * K, ALL, false, true, true, false },
};

#define GPT(id, context, efforts) \
	{ id, context, 128 * K, efforts, false, false, true, false }

static const struct model_caps gpt[] = {
	GPT("gpt-6.1-sol", 272 * K, LOW_TO_MAX),
	GPT("gpt-6.1-terra", 500 * K, OFF | LOW_TO_MAX),
	GPT("gpt-6-astra", 272 * K, LOW_TO_MAX),
	GPT("gpt-6-sol", 272 * K, OFF | LOW_TO_MAX),
	GPT("gpt-6-luna", 272 * K, OFF | LOW_TO_MAX),
	GPT("gpt-5.6", 272 * K, OFF | LOW_TO_MAX),
	GPT("gpt-5.5", 272 * K, LOW_TO_HIGH | BIT(EFFORT_XHIGH)),
	GPT("", 272 * K, LOW_TO_HIGH),
};

/* Nothing is known of them: max_output 0. */
static const struct model_caps others = { "", 200 * K, 0,
	ALL, false, true, true, false };

/* Is id of that family: the same, or a date or variant behind it? */
static bool
is_of(struct str id, struct str family)
{
	return str_ieq(str_sub(id, 0, family.n), family) &&
	    (id.n == family.n || family.n == 0 ||
	    str_chr(STR("-@:[_"), id.p[family.n]) >= 0);
}

const struct model_caps *
models_caps(enum dialect d, struct str id)
{
	const struct model_caps *c = d == DIALECT_MESSAGES ? claude : gpt;

	if (d == DIALECT_CHAT)
		return &others;
	while (!is_of(id, str_of(c->id)))
		c++;
	return c;
}

enum effort
caps_effort(const struct model_caps *caps, enum effort e)
{
	enum effort to = e;

	if (e == EFFORT_UNSET || (caps->efforts & BIT(e)) != 0)
		return e;
	/* Who asked for a level is not switched off. */
	while (to > EFFORT_MINIMAL && (caps->efforts & BIT(to)) == 0)
		to--;
	while (to < EFFORT_ULTRA && (to <= EFFORT_NONE ||
	    (caps->efforts & BIT(to)) == 0))
		to++;
	return to;
}

/* ---- GET /v1/models ---- */

static void
put_model(struct json_out *o, bool anthropic, const struct model_entry *m)
{
	json_open(o, '{');
	if (anthropic) {
		json_key(o, "type");
		json_str(o, STR("model"));
	}
	json_key(o, "id");
	json_str(o, m->id);
	if (anthropic) {
		json_key(o, "display_name");
		json_str(o, m->id);
		json_key(o, "created_at");
		json_str(o, STR("1970-01-01T00:00:00Z"));
	} else {
		json_key(o, "object");
		json_str(o, STR("model"));
		json_key(o, "created");
		json_num(o, 0);
		json_key(o, "owned_by");
		json_str(o, m->owner);
	}
	json_close(o, '}');
}

void
models_list(bool anthropic, const struct model_entry *m, size_t n,
    struct buf *out)
{
	struct json_out o;
	size_t i;

	json_out_buf(&o, out);
	json_open(&o, '{');
	if (!anthropic) {
		json_key(&o, "object");
		json_str(&o, STR("list"));
	}
	json_key(&o, "data");
	json_open(&o, '[');
	for (i = 0; i < n; i++)
		put_model(&o, anthropic, &m[i]);
	json_close(&o, ']');
	if (anthropic) {
		json_key(&o, "has_more");
		json_bool(&o, false);
		json_key(&o, "first_id");
		if (n > 0)
			json_str(&o, m[0].id);
		else
			json_null(&o);
		json_key(&o, "last_id");
		if (n > 0)
			json_str(&o, m[n - 1].id);
		else
			json_null(&o);
	}
	json_close(&o, '}');
	json_out_flush(&o);
}

void
models_one(bool anthropic, const struct model_entry *m, struct buf *out)
{
	struct json_out o;

	json_out_buf(&o, out);
	put_model(&o, anthropic, m);
	json_out_flush(&o);
}
