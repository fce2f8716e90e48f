/* SPDX-License-Identifier: MIT */
/*
 * A small TLS client and server over real sockets, for tests/tls_peers.sh:
 * tls.c without net.c, with a pump of its own.
 *
 *   tls_client get CA HOST PORT [KEY=VALUE ...]
 *       expect=NAME   certificate name to require
 *       path=/X       what to ask for (default /)
 *       count=N       so many connections, one after another
 *       early=1       close in the middle of the answer
 *       fin=N rst=N flip=N   through a relay that ends the connection after N
 *                     bytes from the server (FIN, reset), or changes byte N
 *     One line a connection:
 *       <BearSSL's number> resumed=0|1 id=<length> got=<bytes> end=<how>
 *     end: clean (close_notify), fin, reset, early, time, or error with text.
 *
 *   tls_client serve CERT KEY
 *     Prints "port N", then answers one connection after another with "hello"
 *     and prints such a line, until it is killed.
 *
 * Everything is bounded: 10 s a connection, 60 s in all.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* For the length of the session id, which tls.h does not tell. */
#include "../tls.c"

#define CONNECTION_MS 10000

static const char *path = "/", *expect;
static bool early;
static long cut_at = -1;
static char cut_how;

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static struct sockaddr_in
loopback(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};

	a.sin_port = htons((uint16_t)port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static int
listen_any(unsigned *port)
{
	struct sockaddr_in a = loopback(0);
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, 8) < 0 || getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		die("listen");
	*port = ntohs(a.sin_port);
	return fd;
}

static int
connect_to(unsigned port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("connect");
	return fd;
}

/* ---- the relay that cuts ---- */

static void
relay_cut(int client)
{
	struct linger off = {1, 0};

	if (cut_how == 'r')
		setsockopt(client, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
	close(client);
	exit(0);
}

static void
relay_run(int listener, unsigned port)
{
	int client = accept(listener, NULL, NULL), server = connect_to(port);
	struct pollfd pf[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
	long passed = 0;
	char b[512];

	for (;;) {
		ssize_t n;

		poll(pf, 2, -1);
		if (pf[0].revents != 0) {
			n = read(client, b, sizeof(b));
			if (n <= 0 || write(server, b, (size_t)n) != n)
				exit(0);
		}
		if (pf[1].revents == 0)
			continue;
		n = read(server, b, cut_how != 'x' && cut_at - passed <
		    (long)sizeof(b) ? (size_t)(cut_at - passed) : sizeof(b));
		if (n <= 0)
			exit(0);
		if (cut_how == 'x' && cut_at >= passed && cut_at < passed + n)
			b[cut_at - passed] ^= 1;
		if (write(client, b, (size_t)n) != n)
			exit(0);
		passed += n;
		if (cut_how != 'x' && passed >= cut_at)
			relay_cut(client);
	}
}

/* A child that relays one connection to port; gives its own port. */
static unsigned
relay_start(unsigned port, pid_t *pid)
{
	unsigned own;
	int fd = listen_any(&own);

	fflush(stdout);
	*pid = fork();
	if (*pid == 0) {
		alarm(20);
		relay_run(fd, port);
	}
	close(fd);
	return own;
}

/* ---- the pump ---- */

struct talk {
	struct tls *t;
	int fd;
	struct str out;    /* not sent yet */
	unsigned id_len;
	size_t got;
	char last[4];      /* end of what was got */
	const char *end;   /* how it ended, or NULL */
	bool write_dead;
};

/* Whether bytes came. */
static bool
talk_app(struct talk *k)
{
	size_t n, i, before = k->got;
	unsigned char *p;

	if ((tls_state(k->t) & TLS_RECV_APP) != 0) {
		p = tls_buf(k->t, TLS_RECV_APP, &n);
		for (i = 0; i < n; i++) {
			memmove(k->last, k->last + 1, 3);
			k->last[3] = (char)p[i];
		}
		k->got += n;
		tls_done(k->t, TLS_RECV_APP, n);
	}
	if ((tls_state(k->t) & TLS_SEND_APP) != 0 && k->out.n > 0) {
		k->id_len = k->t->eng->session.session_id_len;
		p = tls_buf(k->t, TLS_SEND_APP, &n);
		n = n < k->out.n ? n : k->out.n;
		memcpy(p, k->out.p, n);
		tls_done(k->t, TLS_SEND_APP, n);
		k->out = str_sub(k->out, n, k->out.n);
		tls_flush(k->t);
	}
	return k->got > before;
}

static void
talk_write(struct talk *k)
{
	unsigned char *p;
	size_t n;
	ssize_t w;

	p = tls_buf(k->t, TLS_SEND_REC, &n);
	if (p == NULL)
		return;
	w = send(k->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (w > 0)
		tls_done(k->t, TLS_SEND_REC, (size_t)w);
	else if (w < 0 && errno != EAGAIN && errno != EINTR)
		k->write_dead = true;
}

static void
talk_read(struct talk *k)
{
	unsigned char *p;
	size_t n;
	ssize_t r;

	p = tls_buf(k->t, TLS_RECV_REC, &n);
	if (p == NULL)
		return;
	r = recv(k->fd, p, n, MSG_DONTWAIT);
	if (r > 0)
		tls_done(k->t, TLS_RECV_REC, (size_t)r);
	else if (r == 0)
		k->end = "fin";
	else if (errno != EAGAIN && errno != EINTR)
		k->end = "reset";
}

/* One round; false when it is over. */
static bool
talk_round(struct talk *k, int64_t due)
{
	struct pollfd pf = {k->fd, 0, 0};
	int64_t left = due - now_ms();
	bool came = talk_app(k);
	unsigned s;

	s = tls_state(k->t);
	if (tls_closed_clean(k->t))
		k->end = "clean";
	else if (s == TLS_CLOSED)
		k->end = "error";
	else if (early && k->got > 0)
		k->end = "early";
	else if (left <= 0 || s == 0)
		k->end = "time";
	if (k->end != NULL)
		return false;
	if (came)
		return true;
	if ((s & TLS_SEND_REC) != 0 && !k->write_dead)
		pf.events |= POLLOUT;
	if ((s & TLS_RECV_REC) != 0)
		pf.events |= POLLIN;
	poll(&pf, 1, (int)left);
	if ((pf.revents & POLLOUT) != 0)
		talk_write(k);
	if ((pf.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		talk_read(k);
	return k->end == NULL;
}

/* Print the line, say goodbye once, close. */
static void
talk_end(struct talk *k)
{
	struct err e = {0};

	tls_fail(k->t, &e);
	printf("%d resumed=%d id=%u got=%zu end=%s%s%s\n", tls_errno(k->t),
	    tls_resumed(k->t), k->id_len, k->got, k->end,
	    tls_errno(k->t) == 0 ? "" : " ",
	    tls_errno(k->t) == 0 ? "" : e.text);
	fflush(stdout);
	tls_close(k->t);
	talk_write(k);
	tls_free(k->t);
	close(k->fd);
}

/* ---- client, server ---- */

static void
get_one(const struct tls_trust *trust, const char *host, unsigned port)
{
	unsigned to = port;
	struct talk k = {0};
	struct err e = {0};
	char request[200];
	pid_t pid = 0;
	int64_t due = now_ms() + CONNECTION_MS;

	if (cut_how != '\0')
		to = relay_start(port, &pid);
	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
	k.out = str_of(request);
	k.fd = connect_to(to);
	k.t = tls_client(trust, str_of(host), port, str_of(expect), &e);
	if (k.t == NULL) {
		printf("refused: %s\n", e.text);
		exit(1);
	}
	while (talk_round(&k, due))
		;
	talk_end(&k);
	if (pid > 0) {
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
	}
}

static int
get(int argc, char **argv)
{
	struct err e = {0};
	struct tls_trust *trust = tls_trust_open(argv[2], &e);
	long count = 1;
	int i;

	for (i = 5; i < argc; i++) {
		char *v = strchr(argv[i], '=');

		if (v++ == NULL)
			return 2;
		if (strncmp(argv[i], "expect=", 7) == 0)
			expect = v;
		else if (strncmp(argv[i], "path=", 5) == 0)
			path = v;
		else if (strncmp(argv[i], "count=", 6) == 0)
			count = strtol(v, NULL, 10);
		else if (strncmp(argv[i], "early=", 6) == 0)
			early = true;
		else {
			cut_how = strncmp(argv[i], "flip=", 5) == 0 ? 'x' :
			    argv[i][0];
			cut_at = strtol(v, NULL, 10);
		}
	}
	if (trust == NULL) {
		printf("trust: %s\n", e.text);
		return 1;
	}
	while (count-- > 0)
		get_one(trust, argv[3],
		    (unsigned)strtoul(argv[4], NULL, 10));
	tls_trust_free(trust);
	return 0;
}

static void
serve_one(const struct tls_identity *id, int fd)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\n\r\nhello\n";
	int64_t due = now_ms() + CONNECTION_MS;
	struct talk k = {.fd = fd};
	struct err e;

	k.t = tls_server(id, &e);
	if (k.t == NULL)
		die("tls_server");
	while (talk_round(&k, due) && memcmp(k.last, "\r\n\r\n", 4) != 0)
		;
	if (k.end == NULL) {
		k.out = STR(answer);
		do
			talk_app(&k);
		while (tls_buf(k.t, TLS_SEND_REC, &(size_t){0}) == NULL);
		talk_write(&k);
		k.end = "answered";
	}
	talk_end(&k);
}

static int
serve(char **argv)
{
	struct err e = {0};
	struct tls_identity *id = tls_identity_open(argv[2], argv[3], &e);
	unsigned port;
	int listener, fd;

	if (id == NULL) {
		printf("identity: %s\n", e.text);
		return 1;
	}
	listener = listen_any(&port);
	printf("port %u\n", port);
	fflush(stdout);
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		serve_one(id, fd);
	return 0;
}

int
main(int argc, char **argv)
{
	alarm(60);
	if (argc >= 5 && strcmp(argv[1], "get") == 0)
		return get(argc, argv);
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return serve(argv);
	fprintf(stderr, "usage: tls_client get CA HOST PORT [KEY=VALUE ...]\n"
	    "       tls_client serve CERT KEY\n");
	return 2;
}
