/* SPDX-License-Identifier: MIT */
/*
 * route: model name to provider, in the order of docs/design.md section 4,
 * first match wins:
 *   [model NAME]; exact `model =`; PROVIDER/ID; the same without the suffixes
 *   -reasoning-LEVEL and -1m; the Python LLMux's short ids; claude-* to an
 *   anthropic provider; gpt-*, o1..o9*, codex* to chatgpt or openai; echo;
 *   `model = *`; else 404.
 * Pure: reads the configuration, keeps nothing.
 */
#include "oauth.h"
#include "route.h"

#include <string.h>

/* Ids that the Python LLMux accepted, and today's spelling of each. */
static const struct {
	const char *old, *id;
} short_ids[] = {
	{ "opus-4-5", "claude-opus-4-5" },
	{ "sonnet-4-5", "claude-sonnet-4-5" },
	{ "haiku-4-5", "claude-haiku-4-5" },
	{ "opus-4-1", "claude-opus-4-1" },
	{ "sonnet-4", "claude-sonnet-4" },
	{ "gpt5", "gpt-5" },
	{ "gpt5codex", "gpt-5-codex" },
	{ "gpt51", "gpt-5.1" },
	{ "gpt51codex", "gpt-5.1-codex" },
	{ "codexmini", "codex-mini-latest" },
};

bool
route_usable(const struct conf *c, const struct provider *p)
{
	return oauth_usable(c, p);
}

/* Text for f.message, in a. */
static struct str
say(struct arena *a, const struct buf *b)
{
	struct str s = arena_dup(a, buf_str(b));

	return s.p == NULL || b->bad ? STR("no memory for the reason") : s;
}

int
route_no_credential(const struct provider *p, struct arena *a, struct failure *f)
{
	const char *as = str_eq(p->name, STR("claude")) ||
	    str_eq(p->name, STR("chatgpt")) ? "" : " --as ";
	struct str name = as[0] == '\0' ? STR("") : p->name;
	struct buf b;

	buf_init(&b, 1000);
	buf_fmt(&b, "provider \"%.*s\" has no credential: ",
	    STR_ARG(p->name));
	if (p->type == PROVIDER_CHATGPT)
		buf_fmt(&b, "run: llmux login chatgpt%s%.*s", as,
		    STR_ARG(name));
	else if (p->type == PROVIDER_ANTHROPIC)
		buf_fmt(&b, "run: llmux login claude%s%.*s; or set api_key under "
		    "[provider %.*s], or ANTHROPIC_API_KEY in the environment "
		    "of llmux", as, STR_ARG(name), STR_ARG(p->name));
	else
		buf_fmt(&b, "set api_key under [provider %.*s]",
		    STR_ARG(p->name));
	*f = (struct failure){ .status = 401, .code = "provider_login_needed",
		.message = say(a, &b), .param = STR("model") };
	buf_free(&b);
	return -1;
}

static int
unknown_model(const struct conf *c, struct str model, struct arena *a,
    struct failure *f)
{
	struct model_entry *known;
	struct buf b;
	size_t n = 0, i;

	known = route_models(c, a, &n);
	buf_init(&b, 4000);
	buf_addz(&b, "model \"");
	buf_add_quoted(&b, model, 100);
	buf_addz(&b, "\" is not known here; known: ");
	for (i = 0; known != NULL && i < n && b.len < 1500; i++)
		buf_fmt(&b, "%s%.*s", i > 0 ? ", " : "",
		    STR_ARG(known[i].id));
	if (i < n)
		buf_addz(&b, ", ...");
	buf_addz(&b, "; or PROVIDER/ID");
	*f = (struct failure){ .status = 404, .code = "model_not_found",
		.message = say(a, &b), .param = STR("model") };
	buf_free(&b);
	return -1;
}

static void
add(struct route *r, const struct provider *p, struct str model)
{
	if (r->n < ROUTE_MAX)
		r->c[r->n++] = (struct candidate){ p, model };
}

static bool
list_has(const struct conf_list *l, struct str id)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (str_eq(l->v[i], id))
			return true;
	return false;
}

/* "provider/id" of an enabled provider: the provider, *id = the rest. */
static const struct provider *
split(const struct conf *c, struct str name, struct str *id)
{
	const struct provider *p;
	ssize_t slash = str_chr(name, '/');

	if (slash <= 0 || (size_t)slash + 1 >= name.n)
		return NULL;
	p = conf_provider(c, str_sub(name, 0, (size_t)slash));
	if (p == NULL || !p->enabled)
		return NULL;
	*id = str_sub(name, (size_t)slash + 1, name.n);
	return p;
}

/* First enabled provider whose `model =` lines hold id; usable ones first. */
static const struct provider *
serving(const struct conf *c, struct str id)
{
	const struct provider *found = NULL;
	size_t i;

	for (i = 0; i < c->n_providers; i++) {
		const struct provider *p = &c->providers[i];

		if (!p->enabled || !list_has(&p->models, id))
			continue;
		if (route_usable(c, p))
			return p;
		if (found == NULL)
			found = p;
	}
	return found;
}

/* The first of a type; usable ones first. For openai: one that names no
 * models of its own, `openai` before others. */
static const struct provider *
first_of(const struct conf *c, enum provider_type type)
{
	const struct provider *found = NULL;
	size_t i;

	if (type == PROVIDER_OPENAI) {
		found = conf_provider(c, STR("openai"));
		if (found != NULL && found->type == type &&
		    route_usable(c, found))
			return found;
		found = NULL;
	}
	for (i = 0; i < c->n_providers; i++) {
		const struct provider *p = &c->providers[i];

		if (!p->enabled || p->type != type ||
		    (type == PROVIDER_OPENAI && p->models.n > 0))
			continue;
		if (route_usable(c, p))
			return p;
		if (found == NULL)
			found = p;
	}
	return found;
}

static bool
is_openai_name(struct str m)
{
	if (str_starts(m, STR("gpt-")))
		return !str_starts(m, STR("gpt-oss"));
	if (str_starts(m, STR("codex")))
		return true;
	return m.n >= 2 && m.p[0] == 'o' && m.p[1] >= '1' && m.p[1] <= '9';
}

/* The steps that depend on exact names. 1 found, 0 not. */
static int
exact(const struct conf *c, struct str model, struct route *r)
{
	const struct provider *p;
	struct str id;

	p = serving(c, model);
	if (p != NULL) {
		add(r, p, model);
		return 1;
	}
	p = split(c, model, &id);
	if (p != NULL) {
		add(r, p, id);
		return 1;
	}
	return 0;
}

/* Take "-1m" or "-reasoning-LEVEL" off the end; false when there is none. */
static bool
strip_suffix(struct str *m)
{
	struct str levels = STR("none|minimal|low|medium|high|xhigh|max|"
	    "ultrathink"), level, mark = STR("-reasoning-");

	if (str_ends(*m, STR("-1m")) && m->n > 3) {
		m->n -= 3;
		return true;
	}
	while (str_cut(&levels, '|', &level)) {
		struct str front = str_sub(*m, 0, m->n < level.n ? 0 :
		    m->n - level.n);

		if (str_ends(*m, level) && str_ends(front, mark) &&
		    front.n > mark.n) {
			m->n = front.n - mark.n;
			return true;
		}
	}
	return false;
}

/* The steps that go by the name's form. */
static int
by_form(const struct conf *c, struct str model, struct route *r)
{
	const struct provider *p = NULL;

	if (str_starts(model, STR("claude-"))) {
		p = first_of(c, PROVIDER_ANTHROPIC);
	} else if (is_openai_name(model)) {
		p = first_of(c, PROVIDER_CHATGPT);
		if (p == NULL || !route_usable(c, p)) {
			const struct provider *o = first_of(c,
			    PROVIDER_OPENAI);

			if (o != NULL)
				p = o;
		}
	}
	/* `model = *` may still take what nobody with a credential serves. */
	if (p != NULL && !route_usable(c, p)) {
		const struct provider *rest = serving(c, STR("*"));

		if (rest != NULL && route_usable(c, rest))
			p = rest;
	}
	if (p == NULL)
		return 0;
	add(r, p, model);
	return 1;
}

static void
through_alias(const struct conf *c, const struct model_alias *m,
    struct route *r)
{
	size_t i;

	for (i = 0; i < m->use.n; i++) {
		const struct provider *p;
		struct str id;

		p = split(c, m->use.v[i], &id);
		if (p != NULL)
			add(r, p, id);
	}
}

/* The model for a request that names none; absent: no memory. The list is
 * never empty, echo is in it. */
static struct str
default_model(const struct conf *c, struct arena *a)
{
	struct model_entry *m;
	size_t n;

	if (c->default_model.n > 0)
		return c->default_model;
	m = route_models(c, a, &n);
	return m == NULL ? (struct str){ NULL, 0 } : m[0].id;
}

static void
find(const struct conf *c, struct str model, struct route *r)
{
	const struct model_alias *alias = conf_alias(c, model);
	struct str bare = model;
	const struct provider *rest;
	size_t i;

	if (alias != NULL) {
		through_alias(c, alias, r);
		return;
	}
	if (exact(c, model, r) > 0)
		return;
	while (strip_suffix(&bare))
		if (exact(c, bare, r) > 0) {
			r->stripped = true;
			return;
		}
	r->stripped = bare.n < model.n;
	for (i = 0; i < sizeof(short_ids) / sizeof(short_ids[0]); i++)
		if (str_eq(bare, str_of(short_ids[i].old)))
			bare = str_of(short_ids[i].id);
	if (by_form(c, bare, r) > 0)
		return;
	if (str_eq(bare, STR("echo"))) {
		add(r, NULL, bare);
		return;
	}
	r->stripped = false;
	rest = serving(c, STR("*"));
	if (rest != NULL)
		add(r, rest, model);
}

int
route_find(const struct conf *c, struct str model, struct route *r,
    struct arena *a, struct failure *f)
{
	size_t i, kept = 0;
	const struct provider *without = NULL;

	if (model.n == 0)
		model = default_model(c, a);
	if (model.n == 0) {
		*f = (struct failure){ .status = 503, .code = "overloaded",
			.message = STR("no memory is free") };
		return -1;
	}
	r->n = 0;
	r->stripped = false;
	find(c, model, r);
	for (i = 0; i < r->n; i++) {
		const struct provider *p = r->c[i].provider;

		if (p == NULL || route_usable(c, p))
			r->c[kept++] = r->c[i];
		else if (without == NULL)
			without = p;
	}
	r->n = kept;
	if (kept > 0)
		return 0;
	if (without != NULL)
		return route_no_credential(without, a, f);
	return unknown_model(c, model, a, f);
}

/* Can at least one entry of the chain be called? */
static bool
alias_usable(const struct conf *c, const struct model_alias *m)
{
	struct route r = { .n = 0 };
	size_t i;

	through_alias(c, m, &r);
	for (i = 0; i < r.n; i++)
		if (route_usable(c, r.c[i].provider))
			return true;
	return false;
}

/* An id that is there twice is answered by the first. */
static void
list_model(struct model_entry *m, size_t *n, struct str id, struct str owner)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (str_eq(m[i].id, id))
			return;
	m[(*n)++] = (struct model_entry){ id, owner };
}

struct model_entry *
route_models(const struct conf *c, struct arena *a, size_t *n)
{
	size_t max = c->n_aliases + 1, i, k;
	struct model_entry *m;

	for (i = 0; i < c->n_providers; i++)
		max += c->providers[i].models.n;
	m = arena_alloc(a, max * sizeof(*m));
	*n = 0;
	if (m == NULL)
		return NULL;
	for (i = 0; i < c->n_aliases; i++)
		if (alias_usable(c, &c->aliases[i]))
			list_model(m, n, c->aliases[i].name, STR("llmux"));
	for (i = 0; i < c->n_providers; i++) {
		const struct provider *p = &c->providers[i];

		for (k = 0; route_usable(c, p) && k < p->models.n; k++)
			if (!str_eq(p->models.v[k], STR("*")))
				list_model(m, n, p->models.v[k], p->name);
	}
	list_model(m, n, STR("echo"), STR("llmux"));
	return m;
}
