/* SPDX-License-Identifier: MIT */
/*
 * sandbox: take rights away from this process before its first thread: no new
 * privileges, no core files, and, where the kernel has Landlock (5.13 and
 * later), no files outside of what the configuration names.
 */
#ifndef LLMUX_SANDBOX_H
#define LLMUX_SANDBOX_H

#include "conf.h"

/*
 * Enter, once, for good. May be read after it: /etc, the place of resolv.conf,
 * the directories of all that conf_each_path names; written: those that it
 * names for writing (they must exist: conf_make_dirs) and /run/llmux. What is
 * open already stays usable. What this kernel cannot do goes into said as one
 * line and is no failure. -1: no memory, or a right was half taken.
 */
int sandbox_enter(const struct conf *c, struct buf *said);
/* May path still be read (or written)? Always true without Landlock. For the
 * reason that a reload is refused with. */
bool sandbox_covers(struct str path, bool write);
/* The user on the other side of a connected unix socket. 0 or -1. */
int sandbox_peer(int fd, long *uid);

#endif
