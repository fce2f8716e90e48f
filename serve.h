/* SPDX-License-Identifier: MIT */
/* serve: the server's own life: start, accept, reload, stop. */
#ifndef LLMUX_SERVE_H
#define LLMUX_SERVE_H

#include "conf.h"

/* Run until SIGTERM or SIGINT. Gives the exit code: 0 stopped in order, 1 it
 * could not start, 2 bad configuration (said on stderr). */
int serve(const struct conf_flags *flags);

#endif
