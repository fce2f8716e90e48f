/* SPDX-License-Identifier: MIT */
/* relay: the life of a request, from first byte to log line. */
#ifndef LLMUX_RELAY_H
#define LLMUX_RELAY_H

#include "net.h"

/* Serve one client connection until it ends; closes it and leaves the slot of
 * clients.h. The whole work of a connection's thread. local: it came in by a
 * loopback or unix listener. */
void relay_serve(struct net_conn *client, int slot, bool local);
/* Bytes that a connection holds beside net.h's, its stack not counted. */
size_t relay_cost(void);
/* A canned 503 for a connection beyond max_clients: never waits, closes fd. */
void relay_refuse(int fd);

#endif
