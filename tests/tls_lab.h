/* SPDX-License-Identifier: MIT */
/*
 * What test_tls.c works with: files of the test certificates, a client engine
 * and a server engine, and a wire between them that can cut and damage.
 */
#ifndef LLMUX_TESTS_TLS_LAB_H
#define LLMUX_TESTS_TLS_LAB_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tls.h"
#include "check.h"

/* ---- files ---- */

static const char *pki;
static char tmp[] = "/tmp/test_tls.XXXXXX";

static const char *
path_in(const char *dir, const char *name)
{
	static char ring[4][300];
	static unsigned turn;
	char *p = ring[turn++ % 4];

	snprintf(p, sizeof(ring[0]), "%s/%s", dir, name);
	return p;
}

static void
write_file(const char *path, struct str s)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, s.p, s.n) == (ssize_t)s.n);
	close(fd);
}

static struct buf
read_file(const char *path)
{
	struct err e;
	struct buf b;

	buf_init(&b, 1 << 20);
	if (file_read(path, &b, &e) < 0)
		CHECK_STR(str_of(e.text), STR("readable"));
	return b;
}

static bool
pki_make(void)
{
	char cmd[400];
	int rc;

	pki = getenv("TLS_PKI");
	if (pki == NULL)
		pki = "build/pki";
	snprintf(cmd, sizeof(cmd), "sh tests/pki.sh '%s'", pki);
	rc = system(cmd);
	if (WIFEXITED(rc) && WEXITSTATUS(rc) == 77) {
		printf("test_tls: no openssl command: handshakes skipped\n");
		return false;
	}
	CHECK_INT(rc, 0);
	return rc == 0;
}

/* ---- a client and a server, and a wire between them ---- */

struct pair {
	struct tls_trust *trust;
	struct tls_identity *id;
	struct tls *cl, *sv;
	size_t step;     /* bytes moved at once */
	size_t left;     /* the wire is cut after so many */
	size_t flip;     /* this byte of the wire is changed; 0: none */
	size_t carried;
	unsigned faults; /* threads must not CHECK; looked at by pair_close */
};

static bool
pair_open(struct pair *p, const char *ca, const char *leaf)
{
	char pem[40], key[40];
	struct err e = {0};

	*p = (struct pair){.step = SIZE_MAX, .left = SIZE_MAX};
	snprintf(pem, sizeof(pem), "%s.pem", leaf);
	snprintf(key, sizeof(key), "%s.key", leaf);
	p->trust = tls_trust_open(path_in(pki, ca), &e);
	if (p->trust == NULL)
		CHECK_STR(str_of(e.text), STR("trust"));
	p->id = tls_identity_open(path_in(pki, pem), path_in(pki, key), &e);
	if (p->id == NULL)
		CHECK_STR(str_of(e.text), STR("identity"));
	return p->trust != NULL && p->id != NULL;
}

static void
pair_hang_up(struct pair *p)
{
	tls_free(p->cl);
	tls_free(p->sv);
	p->cl = p->sv = NULL;
}

static void
pair_close(struct pair *p)
{
	pair_hang_up(p);
	CHECK_INT(p->faults, 0);
	tls_trust_free(p->trust);
	tls_identity_free(p->id);
}

static void
pair_connect_as(struct pair *p, const char *host, unsigned port,
    const char *expect)
{
	struct err e = {0};

	pair_hang_up(p);
	p->carried = 0;
	p->cl = tls_client(p->trust, str_of(host), port, str_of(expect), &e);
	p->sv = tls_server(p->id, &e);
	if (p->cl == NULL || p->sv == NULL)
		p->faults++;
}

/* Carry records one way: bytes moved. */
static size_t
wire(struct pair *p, struct tls *from, struct tls *to)
{
	size_t out = 0, in = 0, n;
	unsigned char *src, *dst;

	if ((tls_state(from) & TLS_SEND_REC) == 0)
		return 0;
	src = tls_buf(from, TLS_SEND_REC, &out);
	dst = tls_buf(to, TLS_RECV_REC, &in);
	if (src == NULL || out == 0)
		p->faults++;
	n = out < p->step ? out : p->step;
	n = n < p->left ? n : p->left;
	if ((tls_state(to) & TLS_RECV_REC) == 0)
		return 0;
	n = n < in ? n : in;
	memcpy(dst, src, n);
	if (p->flip > p->carried && p->flip <= p->carried + n)
		dst[p->flip - p->carried - 1] ^= 0x20;
	p->carried += n;
	if (p->left != SIZE_MAX)
		p->left -= n;
	tls_done(from, TLS_SEND_REC, n);
	tls_done(to, TLS_RECV_REC, n);
	return n;
}

/* Until nothing moves. Bounded, so that a spinning engine is a failure. */
static void
pair_run(struct pair *p)
{
	unsigned rounds = 0;

	while (wire(p, p->cl, p->sv) + wire(p, p->sv, p->cl) > 0)
		if (rounds++ > 300000) {
			p->faults++; /* they never come to rest */
			break;
		}
}

static void
pair_connect(struct pair *p)
{
	pair_connect_as(p, "upstream.test", 443, NULL);
	pair_run(p);
}

static bool
is_up(struct tls *t)
{
	return (tls_state(t) & TLS_SEND_APP) != 0;
}

static size_t
put_app(struct tls *t, const char *p, size_t n)
{
	size_t room;
	unsigned char *dst;

	if ((tls_state(t) & TLS_SEND_APP) == 0)
		return 0;
	dst = tls_buf(t, TLS_SEND_APP, &room);
	n = n < room ? n : room;
	memcpy(dst, p, n);
	tls_done(t, TLS_SEND_APP, n);
	tls_flush(t);
	return n;
}

static size_t
get_app(struct tls *t, struct buf *b)
{
	size_t n = 0;
	unsigned char *src;

	if ((tls_state(t) & TLS_RECV_APP) == 0)
		return 0;
	src = tls_buf(t, TLS_RECV_APP, &n);
	buf_add(b, src, n);
	tls_done(t, TLS_RECV_APP, n);
	return n;
}

#endif
