/* SPDX-License-Identifier: MIT */
/* Tests of pool.c: reuse, what is thrown away, age, and many threads. */
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

/* pool.c with a clock that can be moved on. */
static _Atomic int64_t skew;
#include "../base.h"
#define now_ms() (now_ms() + skew)
#include "../pool.c"
#undef now_ms

/* A connection over a socket pair; its other end in *other. */
static struct net_conn *
pair_new(int *other)
{
	struct err e = { ERR_NONE, 0, "" };
	struct net_conn *c;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0) {
		perror("socketpair");
		exit(1);
	}
	c = net_accepted(fd[0], NULL, &e);
	if (c == NULL)
		exit(1);
	*other = fd[1];
	return c;
}

/* The other end was closed by the pool. */
static bool
ended(int other)
{
	char b;

	return recv(other, &b, 1, MSG_DONTWAIT) == 0;
}

static void
test_reuse(void)
{
	struct net_conn *a, *b, *watch;
	int fa, fb, fw;

	CHECK(pool_get(1) == NULL);
	CHECK(pool_reap(0) == DUE_NEVER);
	a = pair_new(&fa);
	b = pair_new(&fb);
	watch = pair_new(&fw);
	a->watch = watch;
	a->sent = a->received = 9;
	CHECK(!a->reused);
	pool_put(1, a);
	pool_put(2, b);
	CHECK_INT(pool_count(), 2);
	CHECK(pool_get(3) == NULL);
	CHECK(pool_get(1) == a);
	CHECK(a->reused && a->watch == NULL && a->sent == 0 &&
	    a->received == 0);
	CHECK(pool_get(1) == NULL);
	/* the youngest first */
	pool_put(2, a);
	CHECK(pool_get(2) == a);
	CHECK(pool_get(2) == b);
	CHECK_INT(pool_count(), 0);
	net_close(a);
	net_close(b);
	net_close(watch);
	close(fa);
	close(fb);
	close(fw);
}

static void
test_discard(void)
{
	struct net_conn *c[4];
	struct err e;
	int fd[4], i;

	for (i = 0; i < 4; i++)
		c[i] = pair_new(&fd[i]);
	/* given back with a byte left over, or after the end */
	CHECK_INT(send(fd[0], "xy", 2, 0), 2);
	CHECK_INT(net_fill(c[0], due_in(1000), &e), 2);
	net_take(c[0], 1);
	pool_put(1, c[0]);
	shutdown(fd[1], SHUT_WR);
	CHECK_INT(net_fill(c[1], due_in(1000), &e), 0);
	pool_put(1, c[1]);
	CHECK_INT(pool_count(), 0);
	CHECK(ended(fd[0]) && ended(fd[1]));
	/* gone bad while it lay there: the older good one is found */
	c[0] = pair_new(&i);
	close(fd[0]);
	fd[0] = i;
	pool_put(1, c[0]);
	pool_put(1, c[2]);
	pool_put(1, c[3]);
	CHECK_INT(send(fd[2], "x", 1, 0), 1);
	shutdown(fd[3], SHUT_WR);
	CHECK(pool_get(1) == c[0]);
	CHECK_INT(pool_count(), 0);
	CHECK(recv(fd[2], &e, 1, MSG_DONTWAIT) <= 0 && ended(fd[3]));
	net_close(c[0]);
	for (i = 0; i < 4; i++)
		close(fd[i]);
}

static void
test_full(void)
{
	struct net_conn *c;
	int fd[POOL_MAX + 1];
	uint64_t before = mem_reserved();
	unsigned i;

	for (i = 0; i <= POOL_MAX; i++) {
		c = pair_new(&fd[i]);
		pool_put(i % 2 + 1, c);
	}
	CHECK_INT(pool_count(), POOL_MAX);
	CHECK(mem_reserved() > before);
	CHECK(ended(fd[0]) && !ended(fd[1]));
	pool_drop(2);
	CHECK_INT(pool_count(), POOL_MAX / 2);
	CHECK(ended(fd[1]) && !ended(fd[2]));
	CHECK(pool_get(2) == NULL);
	pool_drop(0);
	CHECK_INT(pool_count(), 0);
	CHECK_INT(mem_reserved(), before);
	for (i = 0; i <= POOL_MAX; i++) {
		CHECK(ended(fd[i]));
		close(fd[i]);
	}
}

static void
test_age(void)
{
	int64_t t = now_ms(), put, due;
	int fa, fb;

	pool_put(1, pair_new(&fa));
	put = now_ms(); /* at the earliest: the second must be younger */
	while (now_ms() == put)
		;
	pool_put(2, pair_new(&fb));
	due = pool_reap(now_ms());
	CHECK(due >= t + POOL_IDLE_MS && due <= now_ms() + POOL_IDLE_MS);
	CHECK_INT(pool_count(), 2);
	CHECK(pool_reap(due) > due);
	CHECK_INT(pool_count(), 1);
	CHECK(ended(fa) && !ended(fb));
	CHECK(pool_reap(due + POOL_IDLE_MS) == DUE_NEVER);
	CHECK(pool_count() == 0 && ended(fb));
	close(fa);
	close(fb);

	/* The reaper did not come, but old is old. */
	pool_put(1, pair_new(&fa));
	skew = POOL_IDLE_MS + 1;
	CHECK(pool_get(1) == NULL && pool_count() == 0 && ended(fa));
	skew = 0;
	close(fa);
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 200

static void *
worker(void *arg)
{
	uint32_t key = *(uint32_t *)arg;
	struct net_conn *c;
	int other, i;

	for (i = 0; i < ROUNDS; i++) {
		c = pool_get(key);
		if (c == NULL) {
			c = pair_new(&other);
			/* nobody looks at the far end; it stays open until
			 * the process ends, or half of them hang up */
			if (i % 2 == 0)
				close(other);
		}
		pool_put(key, c);
		if (i % 50 == 0)
			pool_reap(now_ms());
		if (i % 97 == 0)
			pool_drop(key);
	}
	return NULL;
}

static void
test_threads(void)
{
	pthread_t thread[THREADS];
	uint32_t keys[THREADS] = { 1, 1, 2, 2 };
	uint64_t before = mem_reserved();
	size_t i;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, worker, &keys[i]) != 0)
			exit(1);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	CHECK(pool_count() > 0 && pool_count() <= POOL_MAX);
	pool_drop(0);
	CHECK_INT(pool_count(), 0);
	CHECK_INT(mem_reserved(), before);
}

int
main(void)
{
	alarm(30);
	test_reuse();
	test_discard();
	test_full();
	test_age();
	test_threads();
	return check_done();
}
