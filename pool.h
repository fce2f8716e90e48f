/* SPDX-License-Identifier: MIT */
/*
 * pool: idle upstream connections, one locked table. A key is the number that
 * conf gives to a provider's transport settings (base_url, proxy, ca_file);
 * it changes when they do, so an old connection is never used for new
 * settings.
 */
#ifndef LLMUX_POOL_H
#define LLMUX_POOL_H

#include "net.h"

#define POOL_IDLE_MS 30000
#define POOL_MAX 64 /* entries in all */

/* The youngest idle connection of key that is still good, or NULL. Bad ones
 * met on the way are closed. */
struct net_conn *pool_get(uint32_t key);
/* Give back after a complete answer with no byte left over. When the pool is
 * full the oldest goes. Takes ownership. */
void pool_put(uint32_t key, struct net_conn *c);
/* Close what was idle for POOL_IDLE_MS; gives the due time of the next look,
 * DUE_NEVER when the pool is empty. */
int64_t pool_reap(int64_t now);
/* Close the entries of key; of all when key is 0. */
void pool_drop(uint32_t key);
unsigned pool_count(void);

#endif
