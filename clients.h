/* SPDX-License-Identifier: MIT */
/*
 * clients: the table of client connections, one lock. The accept loop enters
 * them, the threads mark themselves idle or busy and leave; when the house is
 * full the longest idle one is shut down, and at the end all of them.
 */
#ifndef LLMUX_CLIENTS_H
#define LLMUX_CLIENTS_H

#include "base.h"

/* Room for max connections; again at reload (it only grows). 0 or -1. */
int clients_setup(size_t max, struct err *e);
/* A slot for fd, or -1 when max are busy. When some are idle the longest idle
 * one is shut down to make room. */
int clients_enter(int fd);
void clients_busy(int slot);
/* False: the program is stopping or the slot was given away; close. */
bool clients_idle(int slot);
/* Must be called before fd is closed. */
void clients_leave(int slot);
size_t clients_count(void);

/* No more keep-alive: idle connections are shut down now. */
void clients_stop(void);
/* End the busy ones too: their threads see the client as gone, and may still
 * write an error record. */
void clients_abort(void);
bool clients_stopping(void);

#endif
