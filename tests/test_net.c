/* SPDX-License-Identifier: MIT */
/* Tests of net.c: the bytes of plain and of TLS connections. */
#include "net_lab.h"

#define BIG (8u << 20)

/* A byte that depends on its place, so that lost or swapped ones are seen. */
static char
pattern(size_t i)
{
	return (char)(i * 131 + (i >> 8) * 17 + (i >> 16));
}

static char *
pattern_new(size_t n)
{
	char *p = malloc(n);
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = pattern(i);
	return p;
}

/* ---- plain: reading ---- */

static void
test_read(void)
{
	struct err e = { ERR_NONE, 0, "" };
	char got[8] = "";
	int fd;
	struct net_conn *c = lab_pair(&fd);
	int64_t t;

	lab_write(fd, "hello", 5);
	memset(&calls, 0, sizeof(calls));
	CHECK_INT(net_fill(c, due_in(LAB_MS), &e), 5);
	CHECK(calls.poll == 1 && calls.recv == 1 && calls.send == 0);
	CHECK_STR(net_peek(c), STR("hello"));
	net_take(c, 2);
	CHECK_INT(net_read(c, got, 2, 0, &e), 2);
	CHECK_STR(str_of(got), STR("ll"));
	lab_write(fd, " you", 4);
	CHECK_INT(net_fill(c, due_in(LAB_MS), &e), 4);
	CHECK_STR(net_peek(c), STR("o you"));
	net_take(c, 99);
	CHECK_INT(net_peek(c).n, 0);

	t = now_ms();
	CHECK_INT(net_fill(c, t + 60, &e), -1);
	CHECK_INT(e.kind, ERR_TIME);
	CHECK(now_ms() - t >= 60 && now_ms() - t < 2000);
	/* What is there is given even when it is too late. */
	lab_write(fd, "late", 4);
	lab_sleep(20);
	CHECK_INT(net_fill(c, now_ms() - 1, &e), 4);
	net_take(c, 4);

	/* Straight into the caller's memory. */
	lab_write(fd, "direct", 6);
	memset(got, 0, sizeof(got));
	CHECK_INT(net_read(c, got, sizeof(got), due_in(LAB_MS), &e), 6);
	CHECK_STR(str_of(got), STR("direct"));
	CHECK_INT(c->received, 19);
	close(fd);
	CHECK_INT(net_fill(c, due_in(LAB_MS), &e), 0);
	CHECK(c->eof && c->clean);
	CHECK_INT(net_fill(c, due_in(LAB_MS), &e), 0);
	net_close(c);
}

static void
test_full_buffer(void)
{
	struct err e = { ERR_NONE, 0, "" };
	char *big = pattern_new(NET_IN_MAX + 100);
	int fd;
	struct net_conn *c = lab_pair(&fd);
	size_t n = 0;
	ssize_t k = 0;

	lab_write(fd, big, NET_IN_MAX + 100);
	while (n < NET_IN_MAX && (k = net_fill(c, due_in(LAB_MS), &e)) > 0)
		n += (size_t)k;
	CHECK_INT(n, NET_IN_MAX);
	CHECK_INT(net_fill(c, due_in(LAB_MS), &e), -1);
	CHECK_INT(e.kind, ERR_LIMIT);
	net_take(c, NET_IN_MAX - 50);
	while (net_peek(c).n < 150 && net_fill(c, due_in(LAB_MS), &e) > 0)
		;
	CHECK_STR(net_peek(c), ((struct str){ big + NET_IN_MAX - 50, 150 }));
	close(fd);
	net_close(c);
	free(big);
}

static void
test_reset(void)
{
	struct linger hard = { 1, 0 };
	struct err e = { ERR_NONE, 0, "" };
	int fd;
	struct net_conn *c = lab_pair(&fd);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	lab_sleep(20);
	CHECK(net_gone(c));
	CHECK(!net_idle_ok(c));
	/* net_idle_ok took the error off the socket; what follows must not
	 * look like a good end. */
	CHECK_INT(net_send_str(c, STR("x"), 100, &e), -1);
	CHECK(e.kind == ERR_SYS && e.sys != 0 && c->write_dead);
	CHECK_INT(net_send_str(c, STR("x"), 100, &e), -1);
	CHECK(net_fill(c, due_in(LAB_MS), &e) <= 0 && !c->clean);
	net_close(c);

	c = lab_pair(&fd);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	CHECK_INT(net_fill(c, due_in(LAB_MS), &e), -1);
	CHECK(e.kind == ERR_SYS && e.sys == ECONNRESET);
	CHECK(net_fill(c, due_in(LAB_MS), &e) <= 0 && !c->clean);
	net_close(c);
}

/* ---- the watch ---- */

struct leave {
	int fd;
	bool half;
};

/* The client sends its next request early, and leaves later. */
static void *
leave_main(void *arg)
{
	struct leave *l = arg;

	lab_sleep(50);
	lab_write(l->fd, "early", 5);
	lab_sleep(100);
	if (l->half)
		shutdown(l->fd, SHUT_WR);
	else
		close(l->fd);
	return NULL;
}

static void
watch_case(const char *row, bool half, bool sending)
{
	struct err e = { ERR_NONE, 0, "" };
	struct leave l = { -1, half };
	int up_fd;
	struct net_conn *up = lab_pair(&up_fd), *client = lab_pair(&l.fd);
	char *big = pattern_new(BIG);
	struct iovec v = { big, BIG };
	pthread_t thread;
	int64_t t = now_ms();
	bool early;

	up->watch = client;
	if (pthread_create(&thread, NULL, leave_main, &l) != 0)
		lab_die("pthread_create");
	memset(&calls, 0, sizeof(calls));
	if (sending)
		CHECK_INT_IN(row, net_send(up, &v, 1, LAB_MS, &early, &e), -1);
	else
		CHECK_INT_IN(row, net_fill(up, due_in(LAB_MS), &e), -1);
	CHECK_INT_IN(row, e.kind, ERR_GONE);
	CHECK_IN(row, now_ms() - t >= 140 && now_ms() - t < 1000);
	/* Pipelined bytes woke nobody. */
	CHECK_IN(row, calls.poll <= (sending ? 8 : 1));
	pthread_join(thread, NULL);
	/* and they are still there */
	CHECK_INT_IN(row, net_fill(client, due_in(LAB_MS), &e), 5);
	net_close(up);
	net_close(client);
	close(up_fd);
	if (half)
		close(l.fd);
	free(big);
}

/* ---- plain: writing ---- */

static void
test_send_counts(void)
{
	struct err e = { ERR_NONE, 0, "" };
	struct iovec v[200];
	char *data = pattern_new(1000), got[1000];
	size_t i, n;
	int fd;
	struct net_conn *c = lab_pair(&fd);

	for (i = 0; i < 200; i++)
		v[i] = (struct iovec){ data + i * 5, i % 3 == 0 ? 0 : 5 };
	memset(&calls, 0, sizeof(calls));
	CHECK_INT(net_send(c, v + 1, 60, 100, NULL, &e), 0);
	CHECK(calls.send == 1 && calls.poll == 0);
	/* 200 pieces are more than one call takes; the last may be empty. */
	CHECK_INT(net_send(c, v, 199, 100, NULL, &e), 0);
	CHECK(calls.send == 4 && calls.poll == 0);
	CHECK_INT(net_send(c, v, 1, 100, NULL, &e), 0);
	CHECK_INT(calls.send, 4);
	n = lab_read(fd, got, 200);
	for (i = 0; i < n; i++)
		CHECK(got[i] == data[(i / 10) * 15 + 5 + i % 10]);
	CHECK_INT(lab_read(fd, got, 660), 660);
	CHECK_INT(c->sent, 860);
	close(fd);
	net_close(c);
	free(data);
}

struct reader {
	size_t first;       /* bytes to read before the answer */
	const char *answer; /* NULL: none */
	int pause_ms;       /* between reads of 64 kB, 0 = read no more */
	bool close_now;     /* with unread bytes: a reset */
	bool half;          /* say FIN before reading */
	size_t got;
	bool good;
};

static void
read_play(int fd, void *arg)
{
	struct reader *r = arg;
	char *p = malloc(65536);
	size_t k, i;

	r->good = true;
	if (r->half)
		shutdown(fd, SHUT_WR);
	while (r->got < r->first) {
		size_t want = r->first - r->got;

		k = lab_read(fd, p, want > 65536 ? 65536 : want);
		for (i = 0; i < k; i++)
			r->good = r->good && p[i] == pattern(r->got + i);
		r->got += k;
		if (k == 0)
			break;
		if (r->pause_ms > 0)
			lab_sleep(r->pause_ms);
	}
	if (r->answer != NULL)
		lab_write(fd, r->answer, strlen(r->answer));
	if (!r->close_now)
		lab_wait_end(fd, 400);
	free(p);
	close(fd);
}

/* Small buffers in the kernel, so that a slow reader is felt. */
static void
small_buffer(struct net_conn *c)
{
	int n = 128 * 1024; /* less than a segment would wait for late ACKs */

	setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n));
}

struct upload_row {
	const char *name;
	struct reader reader;
	int64_t idle_ms;
	bool ask_early;
	int rc;
	enum err_kind kind;
	bool early;
};

static const struct upload_row uploads[] = {
	{ "whole", { .first = BIG }, 5000, true, 0, ERR_NONE, false },
	{ "half-open peer", { .first = BIG, .half = true }, 5000, false, 0,
	    ERR_NONE, false },
	{ "slow but steady", { .first = BIG, .pause_ms = 5 }, 300, false, 0,
	    ERR_NONE, false },
	{ "early answer", { .first = 65536, .answer = "413 too large" },
	    5000, true, 0, ERR_NONE, true },
	{ "early answer, nobody asks", { .first = 65536,
	    .answer = "413 too large" }, 150, false, -1, ERR_TIME, false },
	{ "early answer, then a reset", { .first = 65536,
	    .answer = "413 too large", .close_now = true }, 5000, true, 0,
	    ERR_NONE, true },
	{ "FIN while we send", { .first = 0, .half = true }, 5000, true,
	    0, ERR_NONE, true },
	{ "reader stops", { .first = 65536 }, 150, false, -1, ERR_TIME,
	    false },
	{ "reset without answer", { .first = 65536, .close_now = true },
	    5000, false, -1, ERR_SYS, false },
};

static void
upload_case(const struct upload_row *row)
{
	struct err e = { ERR_NONE, 0, "" };
	struct reader r = row->reader;
	char *big = pattern_new(BIG);
	struct iovec v[3] = { { big, 100 }, { big + 100, 0 },
		{ big + 100, BIG - 100 } };
	struct net_conn *c;
	struct peer p;
	bool early = false;
	int64_t t;
	int rc;

	peer_start(&p, read_play, &r);
	c = lab_open(p.port);
	small_buffer(c);
	t = now_ms();
	rc = net_send(c, v, 3, row->idle_ms, row->ask_early ? &early : NULL,
	    &e);
	CHECK_INT_IN(row->name, rc, row->rc);
	CHECK_INT_IN(row->name, early, row->early);
	if (rc < 0)
		CHECK_INT_IN(row->name, e.kind, row->kind);
	if (row->kind == ERR_TIME)
		CHECK_IN(row->name, now_ms() - t >= row->idle_ms &&
		    now_ms() - t < row->idle_ms + 2000);
	if (early && r.answer != NULL) {
		CHECK_INT_IN(row->name, net_fill(c, due_in(LAB_MS), &e), 13);
		CHECK_STR_IN(row->name, net_peek(c), STR("413 too large"));
	}
	net_close(c);
	peer_end(&p);
	CHECK_IN(row->name, r.good && r.got == r.first);
	free(big);
}

/* The write that fails finds the answer: the reset came before we looked. */
static void
test_answer_behind_reset(void)
{
	struct err e = { ERR_NONE, 0, "" };
	struct iovec v = { (char *)(uintptr_t)"more", 4 };
	bool early = false;
	int fd;
	struct net_conn *c = lab_pair(&fd);

	CHECK_INT(net_send_str(c, STR("unread"), 100, &e), 0);
	lab_sleep(20);
	lab_write(fd, "503", 3);
	close(fd); /* with unread bytes: FIN is a reset */
	lab_sleep(20);
	CHECK_INT(net_send(c, &v, 1, 100, &early, &e), 0);
	CHECK(early && c->write_dead);
	CHECK_INT(net_fill(c, due_in(LAB_MS), &e), 3);
	CHECK_STR(net_peek(c), STR("503"));
	CHECK_INT(net_fill(c, due_in(LAB_MS), &e), 0);
	CHECK(!c->clean);
	net_close(c);
}

/* ---- ends ---- */

static void
test_ends(void)
{
	struct err e = { ERR_NONE, 0, "" };
	char got[16], big[40000] = "";
	int fd;
	struct net_conn *c = lab_pair(&fd);
	int64_t t;

	CHECK(net_idle_ok(c) && !net_gone(c));
	lab_write(fd, "x", 1);
	lab_sleep(20);
	CHECK(!net_idle_ok(c) && !net_gone(c));
	CHECK_INT(net_fill(c, due_in(LAB_MS), &e), 1);
	CHECK(!net_idle_ok(c));
	net_take(c, 1);
	CHECK(net_idle_ok(c));
	shutdown(fd, SHUT_WR);
	lab_sleep(20);
	CHECK(!net_idle_ok(c) && net_gone(c));
	net_abort(c);
	CHECK(recv(fd, got, 1, 0) < 0 && errno == ECONNRESET);
	close(fd);

	/* The refusal arrives although the request was never read. */
	c = lab_pair(&fd);
	lab_write(fd, big, sizeof(big));
	lab_sleep(20);
	CHECK_INT(net_send_str(c, STR("refused"), 100, &e), 0);
	t = now_ms();
	net_linger_close(c, 65536, t + 150);
	CHECK(now_ms() - t >= 150 && now_ms() - t < 2000);
	CHECK_INT(lab_read(fd, got, sizeof(got)), 7);
	close(fd);

	/* It ends with the peer's FIN, or after max bytes. */
	c = lab_pair(&fd);
	close(fd);
	t = now_ms();
	net_linger_close(c, 65536, t + 3000);
	c = lab_pair(&fd);
	lab_write(fd, big, sizeof(big));
	net_linger_close(c, 20000, t + 3000);
	CHECK(now_ms() - t < 1000);
	close(fd);
	net_close(NULL);
	net_abort(NULL);
	net_linger_close(NULL, 1, 1);
}

/* ---- memory ---- */

static void
test_memory(void)
{
	struct err e = { ERR_NONE, 0, "" };
	uint64_t before = mem_reserved();
	int pair[2], fd;
	struct net_conn *c;
	ssize_t k = -1;
	long n;

	for (n = 0; k < 0 && n < 20; n++) {
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		lab_write(pair[1], "x", 1);
		mem_fail_after(n);
		c = net_accepted(pair[0], NULL, &e);
		if (c != NULL)
			k = net_fill(c, due_in(LAB_MS), &e);
		mem_fail_after(-1);
		if (k < 0)
			CHECK_INT(e.kind, ERR_MEM);
		else
			CHECK_INT(mem_reserved() - before, sizeof(*c) +
			    NET_IN_MAX);
		net_close(c);
		close(pair[1]);
		CHECK_INT(mem_reserved(), before);
	}
	CHECK_INT(n, 3);

	c = lab_pair(&fd);
	lab_write(fd, "x", 1);
	mem_limit(before + sizeof(*c) + 100);
	CHECK_INT(net_fill(c, due_in(LAB_MS), &e), -1);
	CHECK_INT(e.kind, ERR_MEM);
	mem_limit(0);
	CHECK_INT(net_fill(c, due_in(LAB_MS), &e), 1);
	net_close(c);
	close(fd);
	CHECK_INT(mem_reserved(), before);
}

/* ---- TLS ---- */

static char lab_dir[] = "/tmp/test_net.XXXXXX";
static char cert[64], key[64]; /* the trust store reads on demand */
static struct tls_identity *identity;
static struct tls_trust *trust;

static void
make_certificate(void)
{
	struct err e = { ERR_NONE, 0, "" };
	char cmd[600];

	if (mkdtemp(lab_dir) == NULL)
		lab_die("mkdtemp");
	snprintf(cert, sizeof(cert), "%s/cert.pem", lab_dir);
	snprintf(key, sizeof(key), "%s/key.pem", lab_dir);
	snprintf(cmd, sizeof(cmd), "openssl req -x509 -newkey ec -pkeyopt "
	    "ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=up.test "
	    "-addext subjectAltName=DNS:up.test -keyout %s -out %s "
	    "2>/dev/null", key, cert);
	if (system(cmd) != 0) {
		fprintf(stderr, "test_net: needs the openssl command\n");
		exit(1);
	}
	identity = tls_identity_open(cert, key, &e);
	trust = tls_trust_open(cert, &e);
	CHECK_STR(str_of(e.text), STR(""));
}

enum act {
	ACT_ECHO,    /* send back what comes, then close */
	ACT_FIN,     /* answer, then FIN without close_notify */
	ACT_RESET,   /* answer, then reset */
	ACT_CLOSE,   /* answer, then close_notify and FIN */
	ACT_CUT,     /* FIN in the handshake */
	ACT_MUTE,    /* no word in the handshake */
	ACT_EARLY,   /* answer after 64 kB, read no more for a while */
	ACT_EARLY_RESET, /* answer after 64 kB, close with unread bytes */
	ACT_BURST,   /* 40 records of 30 bytes */
	ACT_STUCK,   /* read nothing after the handshake */
	ACT_TUNNEL   /* be an HTTP proxy first, then as ACT_CLOSE */
};

static void
tls_echo(struct net_conn *c)
{
	struct err e;
	char *p = malloc(65536);
	struct iovec v = { p, 0 };
	ssize_t k;

	while ((k = net_read(c, p, 65536, due_in(LAB_MS), &e)) > 0) {
		v.iov_len = (size_t)k;
		if (net_send(c, &v, 1, LAB_MS, NULL, &e) < 0)
			break;
	}
	PEER_CHECK("echo", k == 0 && c->clean);
	free(p);
}

/* The server side uses net.c as well, so both of its roles are tested. */
static void
tls_play(int fd, void *arg)
{
	const enum act *act = arg;
	struct err e = { ERR_NONE, 0, "" };
	struct net_conn *c = NULL;
	char *p = malloc(65536);
	size_t i, n;
	ssize_t k;

	if (*act == ACT_CUT) {
		shutdown(fd, SHUT_WR);
		lab_read(fd, p, 65536); /* unread bytes would be a reset */
	}
	if (*act == ACT_MUTE)
		lab_wait_end(fd, LAB_MS);
	/* The TLS stream begins right behind the proxy's reply. */
	for (n = 0; *act == ACT_TUNNEL && (n < 4 ||
	    memcmp(p + n - 4, "\r\n\r\n", 4) != 0); n++)
		if (n == 1000 || lab_read(fd, p + n, 1) != 1)
			break;
	if (*act == ACT_TUNNEL)
		lab_write(fd, "HTTP/1.1 200 ok\r\n\r\n", 19);
	if (*act == ACT_CUT || *act == ACT_MUTE) {
		close(fd);
		free(p);
		return;
	}
	c = net_accepted(fd, identity, &e);
	PEER_CHECK("tls", net_handshake(c, due_in(LAB_MS), &e) == 0);
	if (*act == ACT_ECHO)
		tls_echo(c);
	if (*act == ACT_FIN || *act == ACT_RESET || *act == ACT_CLOSE ||
	    *act == ACT_TUNNEL) {
		PEER_CHECK("tls", net_fill(c, due_in(LAB_MS), &e) > 0);
		PEER_CHECK("tls", net_send_str(c, STR("answer"), 1000, &e) ==
		    0);
	}
	if (*act == ACT_EARLY || *act == ACT_EARLY_RESET) {
		for (n = 0; n < 65536; n += (size_t)k)
			if ((k = net_read(c, p, 65536, due_in(LAB_MS), &e)) <=
			    0)
				break;
		PEER_CHECK("tls", net_send_str(c, STR("413 too large"), 1000,
		    &e) == 0);
		if (*act == ACT_EARLY)
			lab_wait_end(fd, LAB_MS);
	}
	if (*act == ACT_STUCK)
		lab_wait_end(fd, LAB_MS);
	for (i = 0; *act == ACT_BURST && i < 40; i++)
		PEER_CHECK("tls", net_send_str(c,
		    STR("data: 123456789012345678901234"), 1000, &e) == 0);
	if (*act == ACT_FIN) {
		shutdown(fd, SHUT_RDWR);
		c->write_dead = true;
	}
	if (*act == ACT_RESET)
		net_abort(c);
	else
		net_close(c);
	free(p);
}

static struct net_conn *
tls_open(struct peer *p, enum act *act, int64_t ms, struct err *e)
{
	struct net_target t = { .host = STR("up.test"), .trust = trust };
	struct net_proxy via = { .kind = NET_PROXY_HTTP,
		.host = "127.0.0.1" };

	e->text[0] = '\0';
	peer_start(p, tls_play, act);
	t.port = via.port = p->port;
	if (*act == ACT_TUNNEL)
		t.proxy = &via;
	return net_open(&t, NULL, due_in(ms), e);
}

static void
tls_ends(const char *row, enum act act, ssize_t want, bool clean)
{
	struct err e;
	struct peer p;
	struct net_conn *c = tls_open(&p, &act, LAB_MS, &e);
	ssize_t k;

	CHECK_STR_IN(row, str_of(e.text), STR(""));
	CHECK_IN(row, net_idle_ok(c));
	memset(&calls, 0, sizeof(calls));
	CHECK_INT_IN(row, net_send_str(c, STR("request"), 1000, &e), 0);
	CHECK_IN(row, calls.send == 1 && calls.poll == 0);
	memset(&calls, 0, sizeof(calls));
	CHECK_INT_IN(row, net_fill(c, due_in(LAB_MS), &e), 6);
	if (act != ACT_RESET) /* its bytes and its end may come at once */
		CHECK_IN(row, calls.poll == 1 && calls.recv == 1);
	CHECK_STR_IN(row, net_peek(c), STR("answer"));
	net_take(c, 6);
	k = net_fill(c, due_in(LAB_MS), &e);
	CHECK_INT_IN(row, k, want);
	CHECK_INT_IN(row, c->clean, clean);
	CHECK_IN(row, !net_idle_ok(c));
	net_close(c);
	peer_end(&p);
}

static void
test_tls_handshakes(void)
{
	struct err e;
	struct peer p;
	struct net_target t = { .host = STR("127.0.0.1") };
	enum act act = ACT_CUT;
	int64_t now;
	char want[100];

	CHECK(tls_open(&p, &act, LAB_MS, &e) == NULL);
	fmt_to(want, sizeof(want), "up.test:%u: TLS: the peer closed during "
	    "the handshake", p.port);
	CHECK(e.kind == ERR_PEER);
	CHECK_STR(str_of(e.text), str_of(want));
	peer_end(&p);

	act = ACT_MUTE;
	now = now_ms();
	CHECK(tls_open(&p, &act, 100, &e) == NULL);
	CHECK(e.kind == ERR_TIME && now_ms() - now >= 100 &&
	    now_ms() - now < 1500);
	peer_end(&p);

	/* A name that the certificate does not have, and an IP literal. */
	act = ACT_MUTE;
	peer_start(&p, tls_play, &act);
	t.port = p.port;
	t.trust = trust;
	CHECK(net_open(&t, NULL, due_in(LAB_MS), &e) == NULL);
	CHECK_INT(e.kind, ERR_INPUT);
	peer_end(&p);
}

static void
test_tls_burst(void)
{
	struct err e;
	struct peer p;
	enum act act = ACT_BURST;
	struct net_conn *c = tls_open(&p, &act, LAB_MS, &e);
	size_t n = 0;
	ssize_t k;

	lab_sleep(200);
	memset(&calls, 0, sizeof(calls));
	while ((k = net_fill(c, due_in(LAB_MS), &e)) > 0) {
		n += (size_t)k;
		net_take(c, (size_t)k);
	}
	CHECK(k == 0 && c->clean);
	CHECK_INT(n, 40 * 30);
	/* 40 records of 59 bytes and close_notify: two receives. */
	CHECK(calls.recv <= 3 && calls.poll <= 3);
	net_close(c);
	peer_end(&p);
}

static void
tls_upload(const char *row, enum act act, int64_t idle_ms)
{
	struct err e;
	struct peer p;
	struct net_conn *c = tls_open(&p, &act, LAB_MS, &e);
	char *big = pattern_new(BIG);
	struct iovec v = { big, BIG };
	bool early = false;
	int rc;

	small_buffer(c);
	rc = net_send(c, &v, 1, idle_ms, &early, &e);
	if (act == ACT_STUCK) {
		CHECK_IN(row, rc < 0 && e.kind == ERR_TIME && !early);
	} else {
		CHECK_STR_IN(row, str_of(e.text), STR(""));
		CHECK_IN(row, rc == 0 && early);
		CHECK_INT_IN(row, net_fill(c, due_in(LAB_MS), &e), 13);
		CHECK_STR_IN(row, net_peek(c), STR("413 too large"));
	}
	net_close(c);
	peer_end(&p);
	free(big);
}

/* ---- both, with a lying kernel ---- */

static void
plain_echo(int fd, void *arg)
{
	char *p = malloc(4096);
	ssize_t k;

	(void)arg;
	while ((k = recv(fd, p, 4096, 0)) > 0)
		lab_write(fd, p, (size_t)k);
	free(p);
	close(fd);
}

/* n bytes there and back, in pieces that both sides can hold. */
static void
echo_all(const char *row, struct net_conn *c, size_t n)
{
	struct err e = { ERR_NONE, 0, "" };
	char *data = pattern_new(n);
	struct iovec v[3];
	size_t sent = 0, got = 0, i, step;
	ssize_t k;

	while (sent < n) {
		step = n - sent > 20000 ? 20000 : n - sent;
		v[0] = (struct iovec){ data + sent, 7 };
		v[1] = (struct iovec){ data + sent + 7, 0 };
		v[2] = (struct iovec){ data + sent + 7, step - 7 };
		if (net_send(c, v, 3, LAB_MS, NULL, &e) < 0)
			break;
		sent += step;
		while (got < sent) {
			struct str in;

			k = net_fill(c, due_in(LAB_MS), &e);
			if (k <= 0)
				break;
			in = net_peek(c);
			for (i = 0; i < in.n; i++)
				if (in.p[i] != data[got + i])
					break;
			CHECK_INT_IN(row, i, in.n);
			got += in.n;
			net_take(c, in.n);
		}
	}
	CHECK_STR_IN(row, str_of(e.text), STR(""));
	CHECK_INT_IN(row, got, n);
	CHECK_IN(row, c->sent == n && c->received == n);
	free(data);
}

static void
test_lies(void)
{
	struct err e;
	struct peer p;
	enum act act = ACT_ECHO;
	struct net_conn *c;
	unsigned seed;

	for (seed = 1; seed < 6; seed++) {
		peer_start(&p, plain_echo, NULL);
		lies = seed;
		c = lab_open(p.port);
		echo_all("plain", c, 300000);
		lies = 0;
		net_close(c);
		peer_end(&p);

		lies = seed;
		c = tls_open(&p, &act, LAB_MS, &e);
		CHECK_STR(str_of(e.text), STR(""));
		echo_all("tls", c, 300000);
		lies = 0;
		net_close(c);
		peer_end(&p);
	}
	c = tls_open(&p, &act, LAB_MS, &e);
	echo_all("tls, honest", c, BIG);
	net_close(c);
	peer_end(&p);
}

/* Server and client starve together; nothing is lost. */
static void
test_tls_memory(void)
{
	uint64_t before = mem_reserved();
	struct err e;
	struct peer p;
	enum act act = ACT_MUTE;
	struct net_conn *c = NULL;
	struct net_target t = { .host = STR("up.test"), .trust = trust };
	long n;
	int pair[2];

	/* net_open's own steps; the handshake then meets a mute peer. */
	for (n = 0; n < 30; n++) {
		peer_start(&p, tls_play, &act);
		t.port = p.port;
		mem_fail_after(n);
		c = net_open(&t, NULL, due_in(50), &e);
		mem_fail_after(-1);
		CHECK(c == NULL);
		CHECK_INT(mem_reserved(), before);
		shutdown(p.listener, SHUT_RD);
		peer_end(&p);
		if (e.kind != ERR_MEM)
			break;
	}
	CHECK(n >= 3 && e.kind == ERR_TIME);
	for (n = 0, c = NULL; c == NULL && n < 30; n++) {
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		mem_fail_after(n);
		c = net_accepted(pair[0], identity, &e);
		mem_fail_after(-1);
		CHECK(c != NULL || e.kind == ERR_MEM);
		close(pair[1]);
	}
	CHECK(c != NULL && n >= 3);
	CHECK_INT(mem_reserved() - before, sizeof(*c) + tls_cost() +
	    NET_RAW_MAX);
	net_close(c);
	CHECK_INT(mem_reserved(), before);
}

int
main(void)
{
	size_t i;

	alarm(100);
	test_read();
	test_full_buffer();
	test_reset();
	watch_case("read, close", false, false);
	watch_case("read, FIN", true, false);
	watch_case("send, close", false, true);
	watch_case("send, FIN", true, true);
	test_send_counts();
	for (i = 0; i < sizeof(uploads) / sizeof(uploads[0]); i++)
		upload_case(&uploads[i]);
	test_answer_behind_reset();
	test_ends();
	test_memory();
	make_certificate();
	tls_ends("close_notify", ACT_CLOSE, 0, true);
	tls_ends("behind a proxy", ACT_TUNNEL, 0, true);
	tls_ends("bare FIN", ACT_FIN, 0, false);
	tls_ends("reset", ACT_RESET, -1, false);
	test_tls_handshakes();
	test_tls_burst();
	tls_upload("tls, early", ACT_EARLY, 5000);
	tls_upload("tls, early and reset", ACT_EARLY_RESET, 5000);
	tls_upload("tls, stuck", ACT_STUCK, 150);
	test_lies();
	test_tls_memory();
	tls_identity_free(identity);
	tls_trust_free(trust);
	unlink(cert);
	unlink(key);
	rmdir(lab_dir);
	return lab_done();
}
