/* SPDX-License-Identifier: MIT */
/*
 * keys: local API keys from `api_key =` lines. They guard the owner's
 * accounts from other users of the machine and of the LAN; they are never sent
 * upstream and never written to a log.
 */
#include "keys.h"

#include <pthread.h>

#include "../tls.h"

#define SALT 16

static struct {
	pthread_once_t once;
	unsigned char salt[SALT];
} state = { .once = PTHREAD_ONCE_INIT };

static void
make_salt(void)
{
	random_fill(state.salt, sizeof(state.salt));
}

bool
keys_needed(const struct conf *c)
{
	return conf_needs_key(c, false);
}

/* SHA-256 of salt and key; -1 when there is no memory. */
static int
hash(struct str key, unsigned char out[32])
{
	struct buf b;
	int rc = -1;

	buf_init(&b, SALT + key.n);
	buf_add(&b, state.salt, SALT);
	buf_adds(&b, key);
	if (!b.bad) {
		tls_sha256(b.p, b.len, out);
		rc = 0;
	}
	buf_wipe(&b);
	return rc;
}

bool
keys_good(const struct conf *c, struct str presented)
{
	unsigned char want[32], got[32];
	bool good = false;
	size_t i;

	pthread_once(&state.once, make_salt);
	if (presented.n == 0 || presented.n > 1024 ||
	    hash(presented, got) < 0)
		return false;
	for (i = 0; i < c->api_keys.n; i++) {
		if (hash(c->api_keys.v[i], want) < 0)
			return false;
		good |= mem_same((struct str){ (char *)want, 32 },
		    (struct str){ (char *)got, 32 });
	}
	return good;
}
