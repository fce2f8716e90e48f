/* SPDX-License-Identifier: MIT */
/*
 * neutral_error: a provider's error body, in whatever shape, as a failure for
 * the client: {"error":{...}} and {"error":"..."} of OpenAI's and Anthropic's
 * APIs, {"detail":...} of the ChatGPT backend, text, and the HTML page of an
 * edge (anthropic.md 4, openai.md 4, chatgpt.md 2.7).
 *
 * The provider's own sentence passes unchanged, cut after MESSAGE_MAX bytes.
 * Its status stands, but for names that say more than it does.
 */
#include "ops.h"

#define MESSAGE_MAX 4096
#define QUOTE_MAX 200
#define RETRY_MAX (31 * 86400)

/* Codes that decide over the status that came with them (a 404 with a usage
 * limit is seen in the wild), and what clients are told. */
static const struct {
	const char *name;
	int status;
	const char *code;
} rules[] = {
	{ "usage_limit_reached", 429, "usage_limit_reached" },
	{ "usage_limit_exceeded", 429, "usage_limit_reached" },
	{ "usage_not_included", 403, "usage_not_included" },
	{ "insufficient_quota", 429, "insufficient_quota" },
	{ "rate_limit_exceeded", 429, "rate_limit_exceeded" },
	{ "rate_limit_error", 429, "rate_limit_exceeded" },
	{ "context_length_exceeded", 400, "context_length_exceeded" },
	{ "token_invalidated", 401, "token_invalidated" },
	{ "overloaded_error", 503, "overloaded" },
	{ "server_is_overloaded", 503, "overloaded" },
	{ "slow_down", 503, "overloaded" },
};

static bool
apply_rule(struct json_value v, struct failure *f)
{
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (json_is(v, str_of(rules[i].name))) {
			f->status = rules[i].status;
			f->code = rules[i].code;
			return true;
		}
	return false;
}

/* The first text that says what went wrong. */
static struct json_value
sentence(struct json_value root)
{
	static const char *const paths[] = { "error/message", "error",
		"detail", "detail/0/msg", "message", "detail/message" };
	struct json_value v = root;
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		v = json_at(root, paths[i]);
		if (v.type == JSON_STRING && v.text.n > 0)
			return v;
	}
	v.type = JSON_NONE;
	return v;
}

/* Cut to whole characters. */
static struct str
cut_text(struct str s, size_t max)
{
	size_t n = max;

	if (s.n <= max)
		return s;
	while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return str_sub(s, 0, n);
}

static struct str
decoded(struct arena *a, struct str text)
{
	struct str s = { NULL, 0 };
	struct buf b;

	buf_init(&b, 6 * MESSAGE_MAX + 64);
	json_decode(str_sub(text, 0, 6 * MESSAGE_MAX), &b);
	if (!b.bad)
		s = arena_dup(a, cut_text(buf_str(&b), MESSAGE_MAX));
	buf_free(&b);
	return s;
}

/* Is it a page for people? */
static bool
is_html(struct str body)
{
	body = skip_space(body);
	return str_ieq(str_sub(body, 0, 9), STR("<!doctype")) ||
	    str_ieq(str_sub(body, 0, 5), STR("<html"));
}

/* There is no JSON: what can be said of it. */
static void
from_text(struct failure *f, struct str body, struct arena *a)
{
	bool edge = str_find(body, STR("error 1010")) >= 0 ||
	    str_find(body, STR("error code: 1010")) >= 0;
	struct buf b;

	buf_init(&b, 4 * QUOTE_MAX + 100);
	if (edge || (is_html(body) && f->status == 403)) {
		/* It refuses this address or kind of client; the credential
		 * is fine. */
		f->status = 502;
		f->code = "upstream_edge";
		buf_addz(&b, "upstream edge refused the connection");
	} else if (body.n == 0 || is_html(body)) {
		buf_fmt(&b, "the upstream answered %d without a JSON body",
		    f->status);
	} else {
		buf_fmt(&b, "the upstream answered %d: ", f->status);
		buf_add_quoted(&b, str_trim(body), QUOTE_MAX);
	}
	if (!b.bad)
		f->message = arena_dup(a, buf_str(&b));
	buf_free(&b);
}

/* "try again in 1.5s" or "in 20 ms" or "in 7 seconds": rounded up, 0 if it is
 * not there. */
static int64_t
wait_in_text(struct str text)
{
	ssize_t at = str_find(text, STR("try again in "));
	uint64_t n = 0;
	bool fraction = false;
	size_t i;

	if (at < 0)
		return 0;
	text = str_sub(text, (size_t)at + 13, 32);
	for (i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9' &&
	    n < RETRY_MAX; i++)
		n = n * 10 + (uint64_t)(text.p[i] - '0');
	if (i == 0)
		return 0;
	if (i < text.n && text.p[i] == '.')
		for (fraction = true, i++; i < text.n && text.p[i] >= '0' &&
		    text.p[i] <= '9';)
			i++;
	text = str_trim(str_sub(text, i, text.n));
	if (str_starts(text, STR("ms")))
		return (int64_t)(n / 1000) + 1;
	if (str_starts(text, STR("m")))
		n *= 60;
	return (int64_t)n + (fraction ? 1 : 0);
}

/* When the window resets. */
static int64_t
reset_of(struct json_value error, int64_t now_s)
{
	uint64_t n;

	if (json_u64(json_get(error, "resets_in_seconds"), &n) == 0)
		return n > RETRY_MAX ? RETRY_MAX : (int64_t)n;
	if (json_u64(json_get(error, "resets_at"), &n) == 0 &&
	    n > (uint64_t)now_s)
		return n - (uint64_t)now_s > RETRY_MAX ? RETRY_MAX :
		    (int64_t)n - now_s;
	return 0;
}

/* What names and sentence say. */
static void
from_json(struct failure *f, struct json_value root, struct arena *a)
{
	struct json_value error = json_get(root, "error");
	struct json_value code = json_get(error, "code");
	struct json_value type = json_get(error, "type");
	struct json_value v = sentence(root);

	if (error.type != JSON_OBJECT) {
		code = json_get(root, "code");
		type = json_get(root, "type");
	}
	f->message = decoded(a, v.text);
	if (apply_rule(code, f) || apply_rule(type, f))
		return;
	if (f->status == 0)
		f->status = named_status(code);
	if (f->status == 0)
		f->status = named_status(type);
	if (str_starts(f->message, STR("prompt is too long"))) {
		f->code = "context_length_exceeded"; /* so that it compacts */
		return;
	}
	if (code.type == JSON_STRING && code.text.n > 0 && code.text.n < 64) {
		struct str plain = decoded(a, code.text);

		f->code = plain.p == NULL ? NULL : arena_z(a, plain);
	}
}

void
neutral_error(enum dialect d, bool chatgpt, int status, struct str body,
    struct arena *a, struct failure *f, int64_t now_s, int64_t *retry_s)
{
	struct json_value root = { .type = JSON_NONE };
	struct json_value error;

	(void)d; /* their shapes do not collide */
	*f = (struct failure){ .status = status };
	*retry_s = 0;
	if (json_check(body, NULL) == 0)
		root = json_root(body);
	if (root.type == JSON_OBJECT)
		from_json(f, root, a);
	else
		from_text(f, body, a);
	if (f->status == 529) {
		f->status = 503;
		f->code = "overloaded";
	} else if (f->status < 400 || f->status > 599) {
		f->status = 502;
	}
	if (f->message.n == 0)
		f->message = STR("the upstream failed without a reason");
	error = json_get(root, "error");
	*retry_s = reset_of(error.type == JSON_OBJECT ? error : root, now_s);
	if (*retry_s == 0)
		*retry_s = wait_in_text(f->message);
	/* Codex goes by the type. */
	if (f->status == 429 && f->code != NULL &&
	    str_eq(str_of(f->code), STR("usage_limit_reached")))
		f->type = STR("usage_limit_reached");
	if (chatgpt && f->status == 503 && f->code == NULL)
		f->code = "overloaded";
}
