/* SPDX-License-Identifier: MIT */
/* usage: counters of what passed, and their Prometheus text. */
#ifndef LLMUX_USAGE_H
#define LLMUX_USAGE_H

#include "../dialects/dialect.h"

/* One finished request, as the log line has it. */
struct usage_sample {
	struct str provider; /* "echo"; absent: answered by llmux itself */
	int status;          /* what the client got; 499: it left */
	const char *reason;  /* why it failed, a constant of relay.c, or NULL */
	int64_t first_ms;    /* to the upstream's first byte, -1: none */
	uint64_t bytes_in, bytes_out;
	struct usage tokens;
	size_t dropped;      /* fields that could not be carried */
};

void usage_add(const struct usage_sample *s);
/* Streams that are open now: +1 at the first byte, -1 at the end. */
void usage_stream(int step);
int64_t usage_streams(void); /* how many */
/* The text of GET /metrics (Prometheus text format 0.0.4). */
void usage_metrics(struct buf *out);

#endif
