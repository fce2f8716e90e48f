/* SPDX-License-Identifier: MIT */
/*
 * keys: local API keys from `api_key =` lines. They guard the owner's
 * accounts from other users of the machine and of the LAN; they are never sent
 * upstream and never written to a log.
 */
#include "keys.h"

#include <pthread.h>
#include <string.h>

#include "../tls.h"

#define SALT 16
#define KEY_MAX 1024 /* bytes; longer ones are never good */

static struct {
	pthread_mutex_t lock;
	bool ready; /* constant from then on */
	unsigned char salt[SALT];
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The first comer makes the salt; the others wait for it. */
static void
make_salt(void)
{
	pthread_mutex_lock(&state.lock);
	if (!state.ready)
		random_fill(state.salt, sizeof(state.salt));
	state.ready = true;
	pthread_mutex_unlock(&state.lock);
}

bool
keys_needed(const struct conf *c)
{
	return conf_needs_key(c, false);
}

/* SHA-256 of salt and key (at most KEY_MAX bytes). No memory is asked for: a
 * good key must not be refused because there is none. */
static void
hash(struct str key, unsigned char out[32])
{
	char b[SALT + KEY_MAX];

	memcpy(b, state.salt, SALT);
	memcpy(b + SALT, key.p, key.n);
	tls_sha256(b, SALT + key.n, out);
	mem_wipe(b, SALT + key.n);
}

bool
keys_good(const struct conf *c, struct str presented)
{
	unsigned char want[32], got[32];
	bool good = false;
	size_t i;

	make_salt();
	if (presented.n == 0 || presented.n > KEY_MAX)
		return false;
	hash(presented, got);
	for (i = 0; i < c->api_keys.n; i++) {
		if (c->api_keys.v[i].n > KEY_MAX)
			continue;
		hash(c->api_keys.v[i], want);
		good |= mem_same((struct str){ (char *)want, 32 },
		    (struct str){ (char *)got, 32 });
	}
	return good;
}
