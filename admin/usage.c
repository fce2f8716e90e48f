/* SPDX-License-Identifier: MIT */
/*
 * usage: one locked table of counters, of fixed size. A provider beyond
 * PROVIDERS counts under "other"; a failure reason is one of relay.c's
 * constants and finds its row by its text.
 */
#include "usage.h"

#include <pthread.h>

#include "../clients.h"
#include "../pool.h"

#define PROVIDERS 32
#define REASONS 32

/* Upper ends of the latency buckets, milliseconds. */
static const int64_t bucket_ms[] = { 50, 100, 250, 500, 1000, 2500, 5000,
	10000, 30000, 60000 };
#define BUCKETS (sizeof(bucket_ms) / sizeof(bucket_ms[0]))

struct row {
	char name[33];
	uint64_t by_class[6]; /* 1xx (unused) .. 5xx at [1]..[5] */
	uint64_t input, cached, written, output;
	uint64_t bucket[BUCKETS], count, sum_ms;
};

struct counters {
	struct row row[PROVIDERS];
	size_t rows;
	struct {
		const char *name;
		uint64_t n;
	} reason[REASONS];
	size_t reasons;
	uint64_t bytes_in, bytes_out, dropped;
	int64_t streams;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct counters table; /* behind lock */

static struct row *
find_row(struct str name)
{
	size_t i;

	if (name.n == 0)
		name = STR("llmux");
	for (i = 0; i < table.rows; i++)
		if (str_eq(name, str_of(table.row[i].name)))
			return &table.row[i];
	if (table.rows == PROVIDERS - 1)
		name = STR("other");
	if (table.rows == PROVIDERS)
		return &table.row[PROVIDERS - 1];
	fmt_to(table.row[table.rows].name, sizeof(table.row[0].name), "%.*s",
	    STR_ARG(name));
	return &table.row[table.rows++];
}

static void
count_reason(const char *reason)
{
	size_t i;

	for (i = 0; i < table.reasons; i++)
		if (str_eq(str_of(reason), str_of(table.reason[i].name)))
			break;
	if (i == REASONS)
		i = REASONS - 1;
	if (i == table.reasons) {
		table.reason[i].name = reason;
		table.reasons++;
	}
	table.reason[i].n++;
}

static void
count_latency(struct row *r, int64_t ms)
{
	size_t i;

	for (i = 0; i < BUCKETS; i++)
		if (ms <= bucket_ms[i])
			r->bucket[i]++;
	r->count++;
	r->sum_ms += (uint64_t)ms;
}

void
usage_add(const struct usage_sample *s)
{
	struct row *r;

	pthread_mutex_lock(&lock);
	r = find_row(s->provider);
	if (s->status >= 100 && s->status < 600)
		r->by_class[s->status / 100]++;
	if (s->reason != NULL)
		count_reason(s->reason);
	if (s->first_ms >= 0)
		count_latency(r, s->first_ms);
	if (s->tokens.known) {
		r->input += s->tokens.input;
		r->cached += s->tokens.cached;
		r->written += s->tokens.written;
		r->output += s->tokens.output;
	}
	table.bytes_in += s->bytes_in;
	table.bytes_out += s->bytes_out;
	table.dropped += s->dropped;
	pthread_mutex_unlock(&lock);
}

void
usage_stream(int step)
{
	pthread_mutex_lock(&lock);
	table.streams += step;
	pthread_mutex_unlock(&lock);
}

int64_t
usage_streams(void)
{
	int64_t n;

	pthread_mutex_lock(&lock);
	n = table.streams < 0 ? 0 : table.streams;
	pthread_mutex_unlock(&lock);
	return n;
}

static void
head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_fmt(out, "# HELP llmux_%s %s\n# TYPE llmux_%s %s\n", name, help,
	    name, type);
}

static void
single(struct buf *out, const char *name, const char *type, const char *help,
    uint64_t v)
{
	head(out, name, type, help);
	buf_fmt(out, "llmux_%s %llu\n", name, (unsigned long long)v);
}

static void
put_tokens(struct buf *out, const struct row *r, const char *kind, uint64_t n)
{
	buf_fmt(out, "llmux_tokens_total{provider=\"%s\",kind=\"%s\"} %llu\n",
	    r->name, kind, (unsigned long long)n);
}

static void
put_rows(struct buf *out, const struct counters *t)
{
	size_t i, k;

	head(out, "requests_total", "counter", "Finished requests.");
	for (i = 0; i < t->rows; i++)
		for (k = 2; k < 6; k++)
			buf_fmt(out, "llmux_requests_total{provider=\"%s\","
			    "class=\"%zuxx\"} %llu\n", t->row[i].name, k,
			    (unsigned long long)t->row[i].by_class[k]);
	head(out, "tokens_total", "counter",
	    "Tokens as the upstreams reported them.");
	for (i = 0; i < t->rows; i++) {
		put_tokens(out, &t->row[i], "input", t->row[i].input);
		put_tokens(out, &t->row[i], "cached", t->row[i].cached);
		put_tokens(out, &t->row[i], "cache_write",
		    t->row[i].written);
		put_tokens(out, &t->row[i], "output", t->row[i].output);
	}
}

/* ms as seconds with three decimals. */
static void
put_seconds(struct buf *out, uint64_t ms)
{
	buf_fmt(out, "%llu.%03u", (unsigned long long)(ms / 1000),
	    (unsigned)(ms % 1000));
}

static void
put_latency(struct buf *out, const struct counters *t)
{
	static const char name[] = "llmux_upstream_first_byte_seconds";
	size_t i, k;

	head(out, "upstream_first_byte_seconds", "histogram",
	    "Time from the request to the upstream's answer head.");
	for (i = 0; i < t->rows; i++) {
		const struct row *r = &t->row[i];

		for (k = 0; k < BUCKETS; k++) {
			buf_fmt(out, "%s_bucket{provider=\"%s\",le=\"", name,
			    r->name);
			put_seconds(out, (uint64_t)bucket_ms[k]);
			buf_fmt(out, "\"} %llu\n",
			    (unsigned long long)r->bucket[k]);
		}
		buf_fmt(out, "%s_bucket{provider=\"%s\",le=\"+Inf\"} %llu\n"
		    "%s_sum{provider=\"%s\"} ", name, r->name,
		    (unsigned long long)r->count, name, r->name);
		put_seconds(out, r->sum_ms);
		buf_fmt(out, "\n%s_count{provider=\"%s\"} %llu\n", name,
		    r->name, (unsigned long long)r->count);
	}
}

void
usage_metrics(struct buf *out)
{
	struct counters *t = mem_alloc(sizeof(*t));
	size_t i;

	if (t == NULL) {
		out->bad = true;
		return;
	}
	/* A copy, so that nothing is written while the lock is held. */
	pthread_mutex_lock(&lock);
	*t = table;
	pthread_mutex_unlock(&lock);
	head(out, "build_info", "gauge", "Version.");
	buf_fmt(out, "llmux_build_info{version=\"%s\"} 1\n", LLMUX_VERSION);
	single(out, "client_connections", "gauge",
	    "Client connections that are open.", clients_count());
	single(out, "pool_idle_connections", "gauge",
	    "Idle upstream connections.", pool_count());
	single(out, "memory_reserved_bytes", "gauge",
	    "Bytes counted against max_memory.", mem_reserved());
	single(out, "memory_limit_bytes", "gauge", "max_memory in force.",
	    mem_total());
	single(out, "streams_open", "gauge", "Streams that are open.",
	    t->streams < 0 ? 0 : (uint64_t)t->streams);
	single(out, "client_bytes_received_total", "counter",
	    "Request body bytes.", t->bytes_in);
	single(out, "client_bytes_sent_total", "counter",
	    "Answer body bytes.", t->bytes_out);
	single(out, "dropped_fields_total", "counter",
	    "Request fields that could not be carried.", t->dropped);
	put_rows(out, t);
	head(out, "errors_total", "counter", "Failed requests by reason.");
	for (i = 0; i < t->reasons; i++)
		buf_fmt(out, "llmux_errors_total{reason=\"%s\"} %llu\n",
		    t->reason[i].name, (unsigned long long)t->reason[i].n);
	put_latency(out, t);
	mem_free(t);
}
