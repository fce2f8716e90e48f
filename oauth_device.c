/* SPDX-License-Identifier: MIT */
/*
 * oauth_device: ChatGPT's device code. Not RFC 8628: endpoints of its own
 * under {auth_url}/api/accounts/deviceauth, JSON bodies, and the server makes
 * the PKCE pair. The user enters the code at {auth_url}/codex/device. What
 * comes out is an authorization code for oauth_exchange.
 *
 * Limits: 15 minutes; a poll at most each second; strings as in struct
 * oauth_device. Source: docs/authentication.md (2026-11-24).
 */
#include "oauth_priv.h"

#define DEVICE_MS (15 * 60 * 1000)
#define INTERVAL_S 5     /* when the server names none */
#define INTERVAL_MAX_S 60
#define SLOWER_MS 5000

static struct oauth_call *
device_call(const struct conf *c, const struct provider *p, const char *path,
    int64_t due, struct err *e)
{
	struct oauth_call *k = oauth_call_new(c, p, OAUTH_FOR_OTHER, due, e);

	if (k != NULL)
		oauth_put_issuer(&k->url, p, path);
	return k;
}

static int
read_start(struct oauth_call *k, struct oauth_device *d,
    struct oauth_result *r, struct err *e)
{
	struct json_value every = json_get(k->root, "interval");
	int64_t s = INTERVAL_S;
	struct buf page;

	if (oauth_json_word(json_get(k->root, "device_auth_id"), d->id,
	    sizeof(d->id)) < 0 ||
	    (oauth_json_word(json_get(k->root, "user_code"), d->user_code,
	    sizeof(d->user_code)) < 0 &&
	    oauth_json_word(json_get(k->root, "usercode"), d->user_code,
	    sizeof(d->user_code)) < 0))
		return oauth_call_reject(k, OAUTH_TRANSIENT,
		    "without a code", r, e);
	oauth_json_seconds(every, &s);
	s = s < 1 ? 1 : s > INTERVAL_MAX_S ? INTERVAL_MAX_S : s;
	d->interval_ms = s * 1000;
	d->expires_ms = now_ms() + DEVICE_MS;
	buf_init(&page, sizeof(d->page) - 1);
	oauth_put_issuer(&page, k->p, "/codex/device");
	fmt_to(d->page, sizeof(d->page), "%.*s", STR_ARG(buf_str(&page)));
	if (!page.bad) {
		buf_free(&page);
		return 0;
	}
	buf_free(&page);
	r->failure = OAUTH_TRANSIENT;
	return err_set(e, ERR_MEM, "no memory");
}

int
oauth_device_start(const struct conf *c, const struct provider *p,
    int64_t due, struct oauth_device *d, struct oauth_result *r,
    struct err *e)
{
	struct oauth_call *k;
	struct err own;
	int rc;

	e = e == NULL ? &own : e;
	*d = (struct oauth_device){ .interval_ms = 0 };
	*r = (struct oauth_result){ .failure = OAUTH_TRANSIENT };
	k = device_call(c, p, "/api/accounts/deviceauth/usercode", due, e);
	if (k == NULL)
		return -1;
	oauth_put_json(&k->body, "client_id", p->client_id.n > 0 ?
	    p->client_id : STR(OAUTH_CHATGPT_CLIENT));
	buf_addc(&k->body, '}');
	rc = oauth_call_json(k, r, e);
	if (rc == 0)
		rc = read_start(k, d, r, e);
	else if (r->status == 404)
		err_set(e, ERR_INPUT, "%.*s: device login is not switched on "
		    "there; use --paste", STR_ARG(oauth_call_host(k)));
	oauth_call_free(k);
	return rc;
}

/* The server's half of the flow: 1, or -1. */
static int
read_grant(struct oauth_call *k, struct oauth_flow *f, struct buf *code,
    struct err *e)
{
	struct json_value granted = json_get(k->root, "authorization_code");
	struct oauth_result r;
	struct buf uri;
	int rc = -1;

	*f = (struct oauth_flow){ .setup = false };
	buf_init(&uri, sizeof(f->redirect) - 1);
	oauth_put_issuer(&uri, k->p, "/deviceauth/callback");
	fmt_to(f->redirect, sizeof(f->redirect), "%.*s",
	    STR_ARG(buf_str(&uri)));
	if (granted.type == JSON_STRING)
		json_decode(granted.text, code);
	if (uri.bad || code->bad)
		err_set(e, ERR_MEM, "no memory");
	else if (oauth_json_word(json_get(k->root, "code_verifier"),
	    f->verifier, sizeof(f->verifier)) < 0 ||
	    !oauth_word(buf_str(code)))
		oauth_call_reject(k, OAUTH_TRANSIENT,
		    "without a code and its verifier", &r, e);
	else
		rc = 1;
	oauth_json_word(json_get(k->root, "code_challenge"), f->challenge,
	    sizeof(f->challenge));
	buf_free(&uri);
	return rc;
}

/* What an answer to a poll means, by the table in docs/authentication.md. */
static int
judge(struct oauth_call *k, struct oauth_device *d, struct oauth_flow *f,
    struct buf *code, struct err *e)
{
	struct oauth_result r = { .failure = OAUTH_OK };
	char word[64];

	if (k->got.status == 200 && k->root.type == JSON_OBJECT)
		return read_grant(k, f, code, e);
	oauth_call_code(k, word);
	if (str_eq(str_of(word), STR("slow_down")) || k->got.status == 429) {
		d->interval_ms += SLOWER_MS;
		return 0;
	}
	/* Not a page: that is the edge, which will say the same again. */
	if ((!k->challenge && (k->got.status == 403 ||
	    k->got.status == 404)) || str_eq(str_of(word),
	    STR("deviceauth_authorization_pending")))
		return 0;
	return oauth_call_failed(k, &r, e);
}

int
oauth_device_poll(const struct conf *c, const struct provider *p,
    struct oauth_device *d, struct oauth_flow *f, struct buf *code,
    struct err *e)
{
	struct oauth_call *k;
	struct err own;
	int rc = 0;

	e = e == NULL ? &own : e;
	if (now_ms() >= d->expires_ms)
		return err_set(e, ERR_TIME, "the code was not used within 15 "
		    "minutes; start the login again");
	k = device_call(c, p, "/api/accounts/deviceauth/token", DUE_NEVER, e);
	if (k == NULL)
		return -1;
	k->secret[0] = str_of(d->id);
	oauth_put_json(&k->body, "device_auth_id", str_of(d->id));
	oauth_put_json(&k->body, "user_code", str_of(d->user_code));
	buf_addc(&k->body, '}');
	if (oauth_call_send(k, e) == 0)
		rc = judge(k, d, f, code, e);
	else if (e->kind == ERR_INPUT)
		rc = -1; /* no address to ask: it will not get better */
	oauth_call_free(k);
	return rc;
}
