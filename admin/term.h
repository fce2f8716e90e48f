/* SPDX-License-Identifier: MIT */
/*
 * term: what commands say to a person and what they hear: lines, no curses, so
 * that a serial console or a dumb terminal is enough. Nothing here is used
 * while llmux serves.
 */
#ifndef LLMUX_TERM_H
#define LLMUX_TERM_H

#include "../conf.h"

/* Text for stdout (answers) and for stderr (everything beside them), as it
 * is: the caller ends its lines. Formats are those of buf_fmt. */
void term_say(const char *fmt, ...) FMT_LIKE(1, 2);
void term_note(const char *fmt, ...) FMT_LIKE(1, 2);
/* A message of failure on stderr: "llmux: " fmt "\n". */
void term_fail(const char *fmt, ...) FMT_LIKE(1, 2);
/* All of s to fd: 0, or -1 (ERR_SYS). For tokens on stdout. */
int term_put(int fd, struct str s, struct err *e);

/*
 * One line of stdin without its end, appended to line; what was read behind it
 * waits for the next call. wake: another descriptor that ends the wait when it
 * is readable (-1: none). 1: a line; 0: end of input; 2: wake is readable; -1:
 * ERR_TIME, ERR_SYS, ERR_LIMIT (64 KiB).
 */
int term_line(struct buf *line, int wake, int64_t due, struct err *e);
/* All of a descriptor to its end, up to b->max. -1: ERR_SYS, ERR_LIMIT. */
int term_all(int fd, struct buf *b, struct err *e);
/* Are stdin and stderr a terminal, so that somebody can be asked? */
bool term_is_person(void);
/* Print question (stderr) and read yes or no; plain return gives preset. */
bool term_yes(const char *question, bool preset);

/*
 * Before any file of the state directory is written by a command: print
 * "state: DIR (owner)" on stderr; as root, become the owner of state_dir
 * (effective uid and gid) so that files stay his; an ordinary user hears when
 * a system service has a state of its own. From then on SIGPIPE and SIGXFSZ
 * are errors of write, not the end. 0; -1: said why.
 */
int term_state(const struct conf *c);

#endif
