/* SPDX-License-Identifier: MIT */
/*
 * control: one socket, two places. The first one may be held by a server with
 * another state_dir, so a question carries the asker's: "status /etc/llmux",
 * ended by a line feed. A server closes without an answer when it is not the
 * one that is meant, and when the peer is neither root nor its own user; the
 * asker then tries the other place. An answer ends with a line feed, so that
 * one that was cut is noticed.
 *
 * Answers are made in threads, four at most: the asker is on this machine, but
 * it may be stopped. Limits: a question of 16 kB, an answer of 256 KiB.
 */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../dialects/dialect.h"
#include "../route.h"
#include "../sandbox.h"
#include "status.h"

#define PLACES 2
#define ANSWER_MS 2000
#define ASK_MS 4000
#define ANSWER_MAX (256u << 10)
#define PEERS_MAX 4

/* Where this server listens: the main thread's own. */
static struct net_addr here;
static atomic_int peers;

static int
place(const struct conf *c, int i, struct net_addr *a, struct err *e)
{
	size_t n;

	*a = (struct net_addr){ .is_unix = true, .mode = 0600 };
	if (i == 0) {
		fmt_to(a->host, sizeof(a->host), "/run/llmux/control.sock");
		return 0;
	}
	if (c->state_dir.n == 0)
		return err_set(e, ERR_LIMIT, "there is no state_dir");
	n = fmt_to(a->host, sizeof(a->host), "%.*s/control.sock",
	    STR_ARG(c->state_dir));
	if (n < c->state_dir.n + 13)
		return err_set(e, ERR_LIMIT, "its path in state_dir would be "
		    "over %d bytes", (int)sizeof(a->host) - 1);
	return 0;
}

int
control_listen(const struct conf *c, struct err *e)
{
	bool held = false;
	struct err why;
	int i, fd;

	for (i = 0; i < PLACES; i++) {
		if (i == 0 && access("/run/llmux", W_OK | X_OK) < 0)
			continue;
		if (place(c, i, &here, e) < 0)
			return -1;
		fd = net_listen(&here, &why);
		if (fd >= 0) {
			status_started();
			return fd;
		}
		held = why.sys == EADDRINUSE;
	}
	err_set(e, held ? ERR_INPUT : ERR_SYS, "%s", why.text);
	return -1;
}

void
control_close(int fd, const struct conf *c)
{
	(void)c;
	if (fd >= 0)
		net_unlisten(fd, &here);
}

/* ---- answers ---- */

static void
put_models(const struct conf *c, struct buf *out)
{
	struct model_entry *m;
	struct arena a;
	size_t n;

	arena_init(&a, 1024 * 1024);
	m = route_models(c, &a, &n);
	if (m == NULL)
		out->bad = true;
	else
		models_list(false, m, n, out);
	arena_free(&a);
}

static void
put_reload(const struct conf *c, struct buf *out)
{
	(void)c;
	kill(getpid(), SIGHUP);
	buf_addz(out, "ok");
}

static const struct {
	const char *name;
	void (*put)(const struct conf *c, struct buf *out);
} questions[] = {
	{ "status", status_json },
	{ "models", put_models },
	{ "reload", put_reload },
};

static void
put_answer(const struct conf *c, struct str line, struct buf *out)
{
	struct str dir = line, word;
	size_t i, n = sizeof(questions) / sizeof(questions[0]);

	str_cut(&dir, ' ', &word);
	if (!str_eq(dir, c->state_dir))
		return; /* another server is meant */
	for (i = 0; i < n; i++)
		if (str_eq(word, str_of(questions[i].name)))
			break;
	if (i < n)
		questions[i].put(c, out);
	else
		buf_addz(out, "{\"error\":\"unknown question\"}");
	buf_addc(out, '\n');
}

/* The first line of n, a slice of its input buffer. */
static int
read_line(struct net_conn *n, int64_t due, struct str *line, struct err *e)
{
	ssize_t end;

	while ((end = str_chr(net_peek(n), '\n')) < 0)
		if (net_fill(n, due, e) <= 0)
			return -1;
	*line = str_sub(net_peek(n), 0, (size_t)end);
	return 0;
}

static void *
peer_thread(void *arg)
{
	struct conf *c = conf_current();
	struct str line;
	struct err e;
	struct net_conn *n = net_accepted((int)(intptr_t)arg, NULL, &e);
	struct buf out;

	buf_init(&out, ANSWER_MAX);
	if (n != NULL && c != NULL &&
	    read_line(n, due_in(ANSWER_MS), &line, &e) == 0) {
		put_answer(c, line, &out);
		if (!out.bad)
			net_send_str(n, buf_str(&out), ANSWER_MS, &e);
	}
	net_close(n);
	buf_free(&out);
	conf_unref(c);
	atomic_fetch_sub(&peers, 1);
	return NULL;
}

void
control_accept(int fd)
{
	int peer = accept(fd, NULL, NULL);
	long uid;

	if (peer < 0) {
		/* Out of descriptors: wait for one rather than spin. */
		if (errno != EAGAIN && errno != EINTR)
			nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
		return;
	}
	fcntl(peer, F_SETFD, FD_CLOEXEC);
	if (atomic_fetch_add(&peers, 1) < PEERS_MAX &&
	    sandbox_peer(peer, &uid) == 0 &&
	    (uid == 0 || uid == (long)geteuid()) &&
	    thread_start(peer_thread, (void *)(intptr_t)peer, NULL) == 0)
		return;
	atomic_fetch_sub(&peers, 1);
	close(peer);
}

/* ---- questions ---- */

/* NULL: nobody listens there, or not for us. */
static struct net_conn *
dial(const struct net_addr *a)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sa.sun_path, a->host, sizeof(sa.sun_path) - 1);
	if (fd < 0)
		return NULL;
	/* On a full backlog this would wait; the server takes them quickly. */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		close(fd);
		return NULL;
	}
	return net_accepted(fd, NULL, NULL);
}

static int
ask(struct net_conn *n, const struct conf *c, const char *question,
    struct buf *answer, struct err *e)
{
	int64_t due = now_ms() + ASK_MS;
	struct buf line;
	ssize_t got;
	int rc;

	buf_init(&line, 1024);
	buf_fmt(&line, "%s %.*s\n", question, STR_ARG(c->state_dir));
	rc = line.bad ? err_set(e, ERR_MEM, "no memory") :
	    net_send_str(n, buf_str(&line), ASK_MS, e);
	buf_free(&line);
	while (rc == 0 && (got = net_fill(n, due, e)) != 0) {
		if (got < 0)
			return -1;
		buf_adds(answer, net_peek(n));
		net_take(n, net_peek(n).n);
	}
	if (rc < 0)
		return -1;
	if (answer->bad)
		return err_set(e, ERR_MEM, "no memory for the answer");
	if (answer->len == 0 || answer->p[answer->len - 1] != '\n')
		return err_set(e, ERR_PEER, "the server gave no answer; is it "
		    "another user's?");
	answer->p[--answer->len] = '\0';
	return 0;
}

int
control_ask(const struct conf *c, const char *question, struct buf *answer,
    struct err *e)
{
	struct net_conn *n;
	struct net_addr a;
	int i, rc = -1;

	err_set(e, ERR_SYS, "no server is running with this state_dir");
	for (i = 0; i < PLACES && rc < 0; i++) {
		n = place(c, i, &a, NULL) < 0 ? NULL : dial(&a);
		if (n == NULL)
			continue;
		buf_clear(answer);
		rc = ask(n, c, question, answer, e);
		net_close(n);
	}
	return rc;
}

void
control_reload(const struct conf *c)
{
	struct buf answer;
	struct err e;

	buf_init(&answer, 100);
	control_ask(c, "reload", &answer, &e);
	buf_free(&answer);
}
