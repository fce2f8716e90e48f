/* SPDX-License-Identifier: MIT */
/*
 * route: which provider gets a request for a model, and which comes next.
 * Rules in their order: docs/design.md section 4, "Routing".
 */
#ifndef LLMUX_ROUTE_H
#define LLMUX_ROUTE_H

#include "conf.h"
#include "dialects/dialect.h"

#define ROUTE_MAX 8 /* candidates of one [model] chain */

struct candidate {
	const struct provider *provider; /* NULL: the built-in echo */
	struct str model;                /* id to send */
};

struct route {
	struct candidate c[ROUTE_MAX];
	size_t n;
	bool stripped; /* -reasoning-LEVEL or -1m was taken off the name */
};

/*
 * Where model goes (plain text; absent: default_model, else the first that can
 * be called). 0; -1 with f filled: 404 that names the ids llmux knows, or 401
 * for a provider without a credential. Slices point into c or model; texts of
 * f live in a.
 */
int route_find(const struct conf *c, struct str model, struct route *r,
    struct arena *a, struct failure *f);
/* Can a request go there now (enabled, and with a credential)? */
bool route_usable(const struct conf *c, const struct provider *p);
/* The failure that says what p lacks and what to do: 401, -1. Its text lives
 * in a. */
int route_no_credential(const struct provider *p, struct arena *a,
    struct failure *f);
/* The models that can be called now, for /v1/models and `llmux models`: an
 * array in a, its length in *n; NULL: no memory. */
struct model_entry *route_models(const struct conf *c, struct arena *a,
    size_t *n);

#endif
