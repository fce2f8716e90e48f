/* SPDX-License-Identifier: MIT */
/*
 * control: the socket by which commands talk to a running llmux:
 * /run/llmux/control.sock if that directory is there and may be written, else
 * control.sock in state_dir; mode 0600, and the peer must be root or the same
 * user. One line of a question, an answer, close.
 */
#ifndef LLMUX_CONTROL_H
#define LLMUX_CONTROL_H

#include "../conf.h"

/* A listening descriptor for c, O_NONBLOCK, or -1 (ERR_SYS; another running
 * llmux holds it: ERR_INPUT, names it). */
int control_listen(const struct conf *c, struct err *e);
/* Remove the socket and close. */
void control_close(int fd, const struct conf *c);
/* fd is readable: take one peer and answer it in a thread of its own, within
 * 2 s. "status", "models", "usage": JSON; "reload": SIGHUP to this process,
 * answers "ok". */
void control_accept(int fd);
/* Ask the server of c: 0 with its answer; -1: ERR_SYS (no server there),
 * ERR_TIME, ERR_PEER. */
int control_ask(const struct conf *c, const char *question,
    struct buf *answer, struct err *e);
/* Tell a running server, if there is one, to read its configuration again
 * (after a login, an import, a logout). */
void control_reload(const struct conf *c);

#endif
