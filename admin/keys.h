/* SPDX-License-Identifier: MIT */
/* keys: the local API keys that clients present to llmux. */
#ifndef LLMUX_KEYS_H
#define LLMUX_KEYS_H

#include "../conf.h"

/* Must a request bring a key? require_key = auto: yes when any key exists or a
 * listener is neither loopback nor a unix socket. */
bool keys_needed(const struct conf *c);
/* Is presented one of the keys? Both sides are hashed with a salt of this
 * process, and all keys are compared, so that the time tells nothing. */
bool keys_good(const struct conf *c, struct str presented);

#endif
