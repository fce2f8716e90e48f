/* SPDX-License-Identifier: MIT */
/*
 * status: what is known of server, accounts and quota windows, as JSON and as
 * text. Times in JSON are Unix seconds, null when they are not known; no token
 * is in any of it.
 */
#ifndef LLMUX_STATUS_H
#define LLMUX_STATUS_H

#include "../conf.h"

/* This process is the server from now on. */
void status_started(void);
/*
 * {"server":{"running":..,"version":..,..},"providers":[{"name":..,"type":..,
 * "kind":..,..,"quota":[{"window":..,"used_percent":..,"resets_at":..,
 * "seen_at":..}]}]} of all providers that are enabled, appended.
 */
void status_json(const struct conf *c, struct buf *out);
/* GET /auth/status: the members of the Python LLMux for the first anthropic
 * provider, and "accounts", the list of providers as above. */
void auth_status_json(const struct conf *c, struct buf *out);
/*
 * GET /api/oauth/usage: what Anthropic says of the windows of p (anthropic),
 * appended as it came; at most one call a minute. When it refuses or cannot be
 * reached: the windows of answer heads in the same shape, with
 * "llmux_source":"headers". -1: ERR_AUTH (no login, or an API key), ERR_MEM,
 * and what oauth_credential gives.
 */
int oauth_usage_json(const struct conf *c, const struct provider *p,
    struct buf *out, struct err *e);

#endif
