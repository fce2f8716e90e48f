/* SPDX-License-Identifier: MIT */
/*
 * replay LLMUX DIR...: plays the transcripts in *.txt below DIR against the
 * program. Knows bytes, not HTTP: it starts llmux, is its client and its
 * upstream, sends what the file says and compares what comes. Closing line:
 * "N passed, N failed". How a file is written: tests/cases/README.md.
 */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 8000 /* the longest that anything expected may take */
#define QUIET_MS 60  /* how long "nothing more comes" is watched */

struct bytes {
	char *p;
	size_t n, cap;
};

struct play {
	const char *file;
	int line; /* of the section that runs, for messages */
	char dir[64];
	char host[64]; /* llmux's address */
	char up[64];   /* the mock's address */
	int listener, client, upstream;
	struct bytes in_client, in_upstream;
	pid_t pid;
	FILE *out; /* llmux's stdout */
	struct bytes log;
	bool failed;
};

static const char *llmux;

static void
add(struct bytes *b, const char *p, size_t n)
{
	if (b->n + n + 1 > b->cap) {
		b->cap = (b->n + n + 1) * 2;
		b->p = realloc(b->p, b->cap);
		if (b->p == NULL)
			abort();
	}
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

static void
drop(struct bytes *b, size_t n)
{
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
	b->p[b->n] = '\0';
}

static long
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
show(const char *what, const char *p, size_t n)
{
	size_t i;

	fprintf(stdout, "  %s: \"", what);
	for (i = 0; i < n && i < 600; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '\n')
			fputs("\\n\n    ", stdout);
		else if (c == '\r')
			fputs("\\r", stdout);
		else if (c < 0x20 || c > 0x7e)
			fprintf(stdout, "\\x%02x", c);
		else
			fputc(c, stdout);
	}
	fprintf(stdout, "%s\"\n", i < n ? "..." : "");
}

static bool
fail(struct play *p, const char *fmt, ...)
{
	va_list ap;

	if (!p->failed)
		printf("FAIL %s\n", p->file);
	p->failed = true;
	printf("  line %d: ", p->line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	return false;
}

/* ---- text of a section to bytes ---- */

static int
hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' :
	    (tolower((unsigned char)c) - 'a' + 10);
}

static void
add_escaped(struct bytes *b, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char c = s[i];

		if (c == '\\' && i + 1 < n) {
			c = s[++i];
			if (c == 'r')
				c = '\r';
			else if (c == 'n')
				c = '\n';
			else if (c == 't')
				c = '\t';
			else if (c == '0')
				c = '\0';
			else if (c == 'x' && i + 2 < n) {
				c = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
				i += 2;
			}
		}
		add(b, &c, 1);
	}
}

/* $HOST and $UP are put in; $LEN waits for the body. */
static void
add_line(struct bytes *b, const struct play *p, const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (n - i >= 5 && memcmp(s + i, "$HOST", 5) == 0) {
			add(b, p->host, strlen(p->host));
			i += 4;
		} else if (n - i >= 3 && memcmp(s + i, "$UP", 3) == 0) {
			add(b, p->up, strlen(p->up));
			i += 2;
		} else if (n - i >= 4 && memcmp(s + i, "$DIR", 4) == 0) {
			add(b, p->dir, strlen(p->dir));
			i += 3;
		} else {
			add(b, s + i, 1);
		}
	}
}

struct text {
	struct bytes out;
	size_t body; /* where the body begins, 0: still in the head */
	bool in_chunk;
	struct bytes chunk;
};

static void
end_chunk(struct text *t)
{
	char size[32];

	if (!t->in_chunk)
		return;
	snprintf(size, sizeof(size), "%zx\r\n", t->chunk.n);
	add(&t->out, size, strlen(size));
	add(&t->out, t->chunk.p, t->chunk.n);
	add(&t->out, "\r\n", 2);
	t->chunk.n = 0;
	t->in_chunk = false;
}

static void
fill_length(struct text *t)
{
	char *at = t->out.n == 0 ? NULL : strstr(t->out.p, "$LEN"), len[32];
	struct bytes whole = { NULL, 0, 0 };

	if (at == NULL)
		return;
	snprintf(len, sizeof(len), "%zu", t->body == 0 ? 0 :
	    t->out.n - t->body);
	add(&whole, t->out.p, (size_t)(at - t->out.p));
	add(&whole, len, strlen(len));
	add(&whole, at + 4, t->out.n - (size_t)(at + 4 - t->out.p));
	if (t->body != 0)
		t->body = t->body + strlen(len) - 4;
	free(t->out.p);
	t->out = whole;
}

/* One line of a section that makes bytes. */
static void
text_line(struct play *p, struct text *t, const char *s, size_t n)
{
	if (n >= 5 && memcmp(s, "@raw ", 5) == 0) {
		end_chunk(t);
		add_escaped(&t->out, s + 5, n - 5);
	} else if (n >= 8 && memcmp(s, "@repeat ", 8) == 0) {
		char *rest;
		long times = strtol(s + 8, &rest, 10);
		struct bytes one = { NULL, 0, 0 };

		add_escaped(&one, rest + 1, n - (size_t)(rest + 1 - s));
		while (times-- > 0)
			add(t->in_chunk ? &t->chunk : &t->out, one.p, one.n);
		free(one.p);
	} else if (n == 6 && memcmp(s, "@chunk", 6) == 0) {
		end_chunk(t);
		t->in_chunk = true;
	} else if (n == 5 && memcmp(s, "@last", 5) == 0) {
		end_chunk(t);
		add(&t->out, "0\r\n\r\n", 5);
	} else if (n == 5 && memcmp(s, "@head", 5) == 0) {
		end_chunk(t);
		t->body = 0;
	} else if (t->in_chunk) {
		add_line(&t->chunk, p, s, n);
		add(&t->chunk, "\n", 1);
	} else if (t->body == 0) {
		add_line(&t->out, p, s, n);
		add(&t->out, "\r\n", 2);
		if (n == 0)
			t->body = t->out.n;
	} else {
		if (t->out.n > t->body)
			add(&t->out, "\n", 1);
		add_line(&t->out, p, s, n);
	}
}

/* ---- the wire ---- */

static bool
wait_fd(int fd, short events, int ms)
{
	struct pollfd f = { .fd = fd, .events = events };

	return poll(&f, 1, ms) > 0;
}

static int
dial(const char *host)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	const char *colon = strchr(host, ':');

	a.sin_port = htons((unsigned short)strtol(colon + 1, NULL, 10));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static bool
send_all(struct play *p, int fd, const struct bytes *b)
{
	size_t done = 0;
	long due = now() + WAIT_MS;

	while (done < b->n) {
		ssize_t n = send(fd, b->p + done, b->n - done,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			done += (size_t)n;
		else if (errno != EAGAIN)
			return fail(p, "sending %zu bytes: %s after %zu", b->n,
			    strerror(errno), done);
		else if (now() > due)
			return fail(p, "sending: not taken in time");
		else
			wait_fd(fd, POLLOUT, 100);
	}
	return true;
}

/* Match want (where $ANY stands for anything up to the line's end) with the
 * beginning of got: bytes matched, -1 no match, -2 more is needed. */
static long
match(const struct bytes *want, const struct bytes *got, size_t *where)
{
	size_t i = 0, k = 0;

	while (i < want->n) {
		if (want->n - i >= 4 && memcmp(want->p + i, "$ANY", 4) == 0) {
			i += 4;
			while (k < got->n && got->p[k] != '\r' &&
			    got->p[k] != '\n' &&
			    (i >= want->n || got->p[k] != want->p[i] ||
			    want->p[i] == '\r'))
				k++;
			if (k == got->n)
				return -2;
			continue;
		}
		*where = k;
		if (k == got->n)
			return -2;
		if (got->p[k] != want->p[i])
			return -1;
		i++;
		k++;
	}
	return (long)k;
}

/* Read what is there; false at the end or on reset. */
static bool
take(int fd, struct bytes *in)
{
	char tmp[65536];
	ssize_t n = recv(fd, tmp, sizeof(tmp), MSG_DONTWAIT);

	if (n > 0)
		add(in, tmp, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool
expect(struct play *p, int fd, struct bytes *in, const struct bytes *want)
{
	long due = now() + WAIT_MS;
	bool open = true;
	size_t where = 0;

	for (;;) {
		long n = match(want, in, &where);

		if (n >= 0) {
			drop(in, (size_t)n);
			return true;
		}
		if (n == -1 || !open || now() > due) {
			fail(p, n == -1 ? "differs at byte %zu" : open ?
			    "did not come in time (got %zu bytes)" :
			    "closed after %zu bytes", n == -1 ? where : in->n);
			show("want", want->p, want->n);
			show("got ", in->p == NULL ? "" : in->p, in->n);
			return false;
		}
		if (wait_fd(fd, POLLIN, 100))
			open = take(fd, in);
	}
}

static bool
expect_closed(struct play *p, int fd, struct bytes *in)
{
	long due = now() + WAIT_MS;

	while (now() < due) {
		if (!wait_fd(fd, POLLIN, 100))
			continue;
		if (!take(fd, in)) {
			if (in->n == 0)
				return true;
			show("rest", in->p, in->n);
			return fail(p, "bytes before the close");
		}
	}
	return fail(p, "was not closed in time");
}

static bool
expect_quiet(struct play *p, int fd, struct bytes *in, int ms)
{
	long due = now() + ms;

	while (in->n == 0 && now() < due)
		if (wait_fd(fd, POLLIN, 5) && !take(fd, in))
			return fail(p, "closed, but should be quiet");
	if (in->n == 0)
		return true;
	show("got ", in->p, in->n);
	return fail(p, "should be quiet");
}

/* ---- directives between sections ---- */

static void
hang_up(int *fd, bool reset)
{
	struct linger l = { 1, 0 };

	if (*fd < 0)
		return;
	if (reset)
		setsockopt(*fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(*fd);
	*fd = -1;
}

static bool
do_accept(struct play *p)
{
	int one = 1;

	hang_up(&p->upstream, false);
	p->in_upstream.n = 0;
	if (!wait_fd(p->listener, POLLIN, WAIT_MS))
		return fail(p, "no connection to the upstream came");
	p->upstream = accept(p->listener, NULL, NULL);
	setsockopt(p->upstream, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return p->upstream >= 0;
}

static bool
do_connect(struct play *p)
{
	hang_up(&p->client, false);
	p->in_client.n = 0;
	p->client = dial(p->host);
	return p->client >= 0 || fail(p, "cannot connect to llmux");
}

/* CPU time of llmux so far, in clock ticks. */
static long
cpu_ticks(const struct play *p)
{
	char path[64], line[1024];
	unsigned long user = 0, sys = 0;
	char *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)p->pid);
	f = fopen(path, "r");
	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		return -1;
	fclose(f);
	at = strrchr(line, ')');
	if (at == NULL || sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u "
	    "%*u %*u %lu %lu", &user, &sys) != 2)
		return -1;
	return (long)(user + sys);
}

/* Nothing happens for ms, and it costs (nearly) no CPU. */
static bool
do_idle(struct play *p, int ms)
{
	long before = cpu_ticks(p), spent;

	usleep((useconds_t)ms * 1000);
	spent = cpu_ticks(p) - before;
	return spent <= 2 || fail(p, "%ld ticks of CPU in %d ms of waiting",
	    spent, ms);
}

static bool
directive(struct play *p, const char *s)
{
	int ms = 0;

	if (sscanf(s, "@pause %d", &ms) == 1)
		return usleep((useconds_t)ms * 1000) == 0;
	if (sscanf(s, "@idle %d", &ms) == 1)
		return do_idle(p, ms);
	if (strcmp(s, "@accept") == 0)
		return do_accept(p);
	if (strcmp(s, "@connect") == 0)
		return do_connect(p);
	if (strcmp(s, "@client closed") == 0)
		return expect_closed(p, p->client, &p->in_client);
	if (strcmp(s, "@client quiet") == 0)
		return expect_quiet(p, p->client, &p->in_client, QUIET_MS);
	if (strcmp(s, "@client close") == 0)
		return hang_up(&p->client, false), true;
	if (strcmp(s, "@client reset") == 0)
		return hang_up(&p->client, true), true;
	if (strcmp(s, "@client shut") == 0)
		return shutdown(p->client, SHUT_WR) == 0;
	if (strcmp(s, "@upstream closed") == 0)
		return expect_closed(p, p->upstream, &p->in_upstream);
	if (strcmp(s, "@upstream quiet") == 0)
		return expect_quiet(p, p->upstream, &p->in_upstream, QUIET_MS);
	if (strcmp(s, "@upstream close") == 0)
		return hang_up(&p->upstream, false), true;
	if (strcmp(s, "@upstream reset") == 0)
		return hang_up(&p->upstream, true), true;
	if (strcmp(s, "@upstream none") == 0)
		return !wait_fd(p->listener, POLLIN, QUIET_MS) ||
		    fail(p, "a connection to the upstream came");
	if (strcmp(s, "@upstream refuse") == 0) {
		close(p->listener);
		p->listener = -1;
		return true;
	}
	if (strcmp(s, "@term") == 0)
		return kill(p->pid, SIGTERM) == 0;
	if (strcmp(s, "@hup") == 0)
		return kill(p->pid, SIGHUP) == 0;
	return fail(p, "unknown directive \"%s\"", s);
}

/* ---- llmux itself ---- */

static const char default_config[] =
    "listen = 127.0.0.1:0\n"
    "[provider claude]\n"
    "api_key = sk-ant-api-invented-0001\n"
    "base_url = http://$UP\n"
    "[provider local]\n"
    "type = openai\n"
    "base_url = http://$UP/v1\n"
    "model = m1\n";

static void
write_file(const char *path, const struct bytes *b)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fwrite(b->p, 1, b->n, f) != b->n || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

static bool
launch(struct play *p, const struct bytes *config)
{
	char conf[128], err[128], line[512], *at;
	int fds[2];

	snprintf(conf, sizeof(conf), "%s/conf", p->dir);
	snprintf(err, sizeof(err), "%s/stderr", p->dir);
	write_file(conf, config);
	if (pipe(fds) < 0)
		return fail(p, "pipe");
	p->pid = fork();
	if (p->pid == 0) {
		char *const env[] = { (char *)"PATH=/usr/bin:/bin", p->dir[0] ?
			(char *)"HOME=/nonexistent" : NULL, NULL };
		char *const argv[] = { (char *)(size_t)llmux, (char *)"serve",
			(char *)"-c", conf, NULL };
		int fd = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(fds[1], 1);
		dup2(fd, 2);
		close(fds[0]);
		close(fds[1]);
		close(fd);
		close(p->listener);
		execve(llmux, argv, env);
		_exit(127);
	}
	close(fds[1]);
	p->out = fdopen(fds[0], "r");
	while (fgets(line, sizeof(line), p->out) != NULL) {
		add(&p->log, line, strlen(line));
		at = strstr(line, "listening on http://");
		if (at == NULL)
			continue;
		snprintf(p->host, sizeof(p->host), "%s", at + 20);
		p->host[strcspn(p->host, "\n")] = '\0';
		fcntl(fds[0], F_SETFL, O_NONBLOCK);
		return true;
	}
	return fail(p, "llmux did not start; see %s", err);
}

static void
read_log(struct play *p)
{
	char tmp[4096];
	size_t n;

	clearerr(p->out);
	while ((n = fread(tmp, 1, sizeof(tmp), p->out)) > 0)
		add(&p->log, tmp, n);
}

/* Every line of want must stand in have, in any place. */
static void
expect_lines(struct play *p, const char *what, struct bytes *want,
    const struct bytes *have)
{
	char *line = want->n == 0 ? NULL : strtok(want->p, "\n");

	for (; line != NULL; line = strtok(NULL, "\n"))
		if (have->p == NULL || strstr(have->p, line) == NULL) {
			fail(p, "%s has no \"%s\"", what, line);
			show("got ", have->p == NULL ? "" : have->p, have->n);
		}
}

static void
finish(struct play *p, struct bytes *log, struct bytes *errors)
{
	char path[128], tmp[4096];
	struct bytes err = { NULL, 0, 0 };
	int status = 0, n;
	long due = now() + WAIT_MS;
	ssize_t got;
	int fd;

	hang_up(&p->client, false);
	hang_up(&p->upstream, false);
	if (p->listener >= 0)
		close(p->listener);
	if (p->pid > 0) {
		kill(p->pid, SIGTERM);
		while ((n = waitpid(p->pid, &status, WNOHANG)) == 0 &&
		    now() < due)
			usleep(2000);
		if (n == 0) {
			kill(p->pid, SIGKILL);
			waitpid(p->pid, &status, 0);
			fail(p, "llmux did not stop on SIGTERM");
		} else if (status != 0) {
			fail(p, "llmux ended with status %d", status);
		}
	}
	if (p->out != NULL) {
		read_log(p);
		fclose(p->out);
	}
	snprintf(path, sizeof(path), "%s/stderr", p->dir);
	fd = open(path, O_RDONLY);
	while (fd >= 0 && (got = read(fd, tmp, sizeof(tmp))) > 0)
		add(&err, tmp, (size_t)got);
	if (fd >= 0)
		close(fd);
	if (errors->n == 0 && err.n > 0) {
		fail(p, "stderr is not empty");
		show("got ", err.p, err.n);
	}
	expect_lines(p, "stderr", errors, &err);
	expect_lines(p, "log", log, &p->log);
	unlink(path);
	snprintf(path, sizeof(path), "%s/conf", p->dir);
	unlink(path);
	rmdir(p->dir);
	free(err.p);
}

/* ---- a transcript ---- */

static bool
listen_up(struct play *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(p->listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(p->listener, 16) < 0 ||
	    getsockname(p->listener, (struct sockaddr *)&a, &n) < 0)
		return fail(p, "no port for the upstream");
	snprintf(p->up, sizeof(p->up), "127.0.0.1:%d", ntohs(a.sin_port));
	return true;
}

static bool
run_section(struct play *p, const char *kind, struct text *t)
{
	end_chunk(t);
	fill_length(t);
	if (strcmp(kind, "client>") == 0)
		return send_all(p, p->client, &t->out);
	if (strcmp(kind, "client<") == 0)
		return expect(p, p->client, &p->in_client, &t->out);
	if (strcmp(kind, "upstream>") == 0)
		return send_all(p, p->upstream, &t->out);
	if (strcmp(kind, "upstream<") == 0) {
		if (p->upstream < 0 && !do_accept(p))
			return false;
		return expect(p, p->upstream, &p->in_upstream, &t->out);
	}
	return fail(p, "unknown section \"%s\"", kind);
}

static bool
is_section(const char *s)
{
	static const char *const kinds[] = { "config>", "client>", "client<",
		"upstream>", "upstream<", "log<", "stderr<" };
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(s, kinds[i]) == 0)
			return true;
	return false;
}

static bool
is_between(const char *s)
{
	return s[0] == '@' && strncmp(s, "@raw ", 5) != 0 &&
	    strncmp(s, "@repeat ", 8) != 0 && strcmp(s, "@chunk") != 0 &&
	    strcmp(s, "@last") != 0 && strcmp(s, "@head") != 0;
}

struct script {
	char kind[16];
	struct text text;
	struct bytes config, log, errors;
	bool started;
};

static bool
begin(struct play *p, struct script *s)
{
	if (s->started)
		return true;
	s->started = true;
	if (s->config.n == 0)
		add_line(&s->config, p, default_config,
		    strlen(default_config));
	return launch(p, &s->config) && do_connect(p);
}

/* The section that was being read is at its end: run it. */
static bool
flush(struct play *p, struct script *s)
{
	bool ok = true;

	if (s->kind[0] != '\0' && strchr("cu", s->kind[0]) != NULL &&
	    strcmp(s->kind, "config>") != 0)
		ok = begin(p, s) && run_section(p, s->kind, &s->text);
	s->kind[0] = '\0';
	free(s->text.out.p);
	free(s->text.chunk.p);
	memset(&s->text, 0, sizeof(s->text));
	return ok;
}

static bool
script_line(struct play *p, struct script *s, const char *line, int number)
{
	if (is_section(line) || is_between(line)) {
		if (!flush(p, s))
			return false;
		p->line = number;
	}
	if (is_section(line)) {
		snprintf(s->kind, sizeof(s->kind), "%s", line);
		return true;
	}
	if (is_between(line))
		return begin(p, s) && directive(p, line);
	if (s->kind[0] == '\0')
		return true; /* comments between sections */
	if (strcmp(s->kind, "config>") == 0) {
		add_line(&s->config, p, line, strlen(line));
		add(&s->config, "\n", 1);
	} else if (strcmp(s->kind, "log<") == 0) {
		add_line(&s->log, p, line, strlen(line));
		add(&s->log, "\n", 1);
	} else if (strcmp(s->kind, "stderr<") == 0) {
		add_line(&s->errors, p, line, strlen(line));
		add(&s->errors, "\n", 1);
	} else {
		text_line(p, &s->text, line, strlen(line));
	}
	return true;
}

static bool
play_file(const char *path)
{
	struct play p = { .file = path, .client = -1, .upstream = -1,
		.listener = -1 };
	struct script s;
	static char line[1 << 20];
	bool ok;
	int number = 0;
	FILE *f = fopen(path, "r");

	memset(&s, 0, sizeof(s));
	snprintf(p.dir, sizeof(p.dir), "/tmp/llmux-replay-XXXXXX");
	if (f == NULL || mkdtemp(p.dir) == NULL) {
		perror(path);
		exit(1);
	}
	ok = listen_up(&p);
	while (ok && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		ok = script_line(&p, &s, line, ++number);
	}
	ok = ok && flush(&p, &s) && begin(&p, &s);
	if (ok && p.client >= 0)
		ok = expect_quiet(&p, p.client, &p.in_client, 0);
	finish(&p, &s.log, &s.errors);
	fclose(f);
	free(p.in_client.p);
	free(p.in_upstream.p);
	free(p.log.p);
	free(s.config.p);
	free(s.log.p);
	free(s.errors.p);
	return !p.failed;
}

static unsigned passed, failed;

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
play_tree(const char *path)
{
	struct dirent **v;
	struct stat st;
	char sub[1024];
	size_t len = strlen(path);
	int n, i;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		if (len < 4 || strcmp(path + len - 4, ".txt") != 0)
			return;
		if (play_file(path))
			passed++;
		else
			failed++;
		return;
	}
	n = scandir(path, &v, NULL, by_name);
	for (i = 0; i < n; i++) {
		if (v[i]->d_name[0] != '.') {
			snprintf(sub, sizeof(sub), "%s/%s", path,
			    v[i]->d_name);
			play_tree(sub);
		}
		free(v[i]);
	}
	if (n >= 0)
		free(v);
}

int
main(int argc, char **argv)
{
	int i;

	if (argc < 3) {
		fprintf(stderr, "usage: replay LLMUX DIR...\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	llmux = argv[1];
	for (i = 2; i < argc; i++)
		play_tree(argv[i]);
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0 || passed == 0;
}
