/* SPDX-License-Identifier: MIT */
/*
 * replay LLMUX DIR...: plays the transcripts in *.txt below DIR against the
 * program. Knows bytes, not HTTP: it starts llmux, is its client and its
 * upstream, sends what the file says and compares what comes. Closing line:
 * "N passed, N failed". How a file is written: tests/cases/README.md.
 */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "replay_lab.h"

#define JOBS 4 /* files that are played side by side */

/* ---- directives between sections ---- */

static void
hang_up(struct conn *c, bool reset)
{
	struct linger l = { 1, 0 };

	c->in.n = 0;
	if (c->fd < 0)
		return;
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(c->fd);
	c->fd = -1;
}

static bool
do_accept(struct play *p)
{
	int one = 1;

	hang_up(p->upstream, false);
	if (!wait_fd(p->listener, POLLIN, WAIT_MS))
		return fail(p, "no connection to the upstream came");
	p->upstream->fd = accept(p->listener, NULL, NULL);
	setsockopt(p->upstream->fd, IPPROTO_TCP, TCP_NODELAY, &one,
	    sizeof(one));
	return p->upstream->fd >= 0;
}

static bool
do_connect(struct play *p)
{
	hang_up(p->client, false);
	p->client->fd = dial(p->host);
	return p->client->fd >= 0 || fail(p, "cannot connect to llmux");
}

/* Send the chunk again and again, until the other side has enough of it. */
static bool
do_pour(struct play *p, const char *text)
{
	struct bytes one = { NULL, 0, 0 };
	char size[32];
	long due = now() + WAIT_MS;
	ssize_t n = 0;

	add_escaped(&one, text, strlen(text));
	snprintf(size, sizeof(size), "%zx\r\n", one.n);
	add(&one, "\r\n", 2);
	while (now() < due && n >= 0) {
		struct bytes all = { NULL, 0, 0 };
		size_t done = 0;

		add(&all, size, strlen(size));
		add(&all, one.p, one.n);
		while (done < all.n && now() < due && n >= 0) {
			wait_fd(p->upstream->fd, POLLOUT, 100);
			n = send(p->upstream->fd, all.p + done, all.n - done,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
			done += n > 0 ? (size_t)n : 0;
			if (n < 0 && errno == EAGAIN)
				n = 0;
		}
		free(all.p);
	}
	free(one.p);
	hang_up(p->upstream, false);
	return n < 0 || fail(p, "everything was taken");
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

static bool read_log(struct play *p);

/* Wait until a log line has this text. */
static bool
await_log(struct play *p, const char *text)
{
	long due = now() + WAIT_MS;

	while (now() < due) {
		read_log(p);
		if (p->log.n > 0 && strstr(p->log.p, text) != NULL)
			return true;
		usleep(2000);
	}
	return fail(p, "the log has no \"%s\"", text);
}

static bool
client_directive(struct play *p, const char *s)
{
	if (isdigit((unsigned char)s[0]) && s[1] == '\0') {
		p->client = &p->clients[(s[0] - '0') % LINES];
		return p->client->fd >= 0 || do_connect(p);
	}
	if (strcmp(s, "connect") == 0)
		return do_connect(p);
	if (strcmp(s, "closed") == 0)
		return expect_closed(p, p->client, 'f');
	if (strcmp(s, "aborted") == 0)
		return expect_closed(p, p->client, 'r');
	if (strcmp(s, "quiet") == 0)
		return expect_quiet(p, p->client, QUIET_MS);
	if (strcmp(s, "close") == 0)
		return hang_up(p->client, false), true;
	if (strcmp(s, "reset") == 0)
		return hang_up(p->client, true), true;
	if (strcmp(s, "shut") == 0)
		return shutdown(p->client->fd, SHUT_WR) == 0;
	return fail(p, "unknown directive \"@client %s\"", s);
}

static bool
upstream_directive(struct play *p, const char *s)
{
	if (isdigit((unsigned char)s[0]) && s[1] == '\0') {
		p->upstream = &p->upstreams[(s[0] - '0') % LINES];
		return true;
	}
	if (strcmp(s, "accept") == 0)
		return do_accept(p);
	if (strcmp(s, "closed") == 0)
		return expect_closed(p, p->upstream, 'e');
	if (strcmp(s, "quiet") == 0)
		return expect_quiet(p, p->upstream, QUIET_MS);
	if (strcmp(s, "close") == 0)
		return hang_up(p->upstream, false), true;
	if (strcmp(s, "reset") == 0)
		return hang_up(p->upstream, true), true;
	if (strcmp(s, "none") == 0)
		return !wait_fd(p->listener, POLLIN, QUIET_MS) ||
		    fail(p, "a connection to the upstream came");
	if (strncmp(s, "pour ", 5) == 0)
		return do_pour(p, s + 5);
	return fail(p, "unknown directive \"@upstream %s\"", s);
}

static bool
directive(struct play *p, const char *s)
{
	int ms = 0;

	if (sscanf(s, "@pause %d", &ms) == 1)
		return usleep((useconds_t)ms * 1000) == 0;
	if (sscanf(s, "@idle %d", &ms) == 1)
		return do_idle(p, ms);
	if (strncmp(s, "@client ", 8) == 0)
		return client_directive(p, s + 8);
	if (strncmp(s, "@upstream ", 10) == 0)
		return upstream_directive(p, s + 10);
	if (strncmp(s, "@log ", 5) == 0)
		return await_log(p, s + 5);
	if (strcmp(s, "@term") == 0)
		return kill(p->pid, SIGTERM) == 0;
	if (strcmp(s, "@hup") == 0)
		return kill(p->pid, SIGHUP) == 0;
	return fail(p, "unknown directive \"%s\"", s);
}

/* ---- llmux itself ---- */

static const char *llmux;

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

static void
write_config(struct play *p, const struct bytes *config)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/conf", p->dir);
	write_file(path, config);
}

static void
become_llmux(struct play *p, int out)
{
	char conf[128], err[128], home[128], asan[256];
	const char *set = getenv("ASAN_OPTIONS");
	char *const env[] = { home, (char *)"PATH=/usr/bin:/bin", asan, NULL };
	char *const argv[] = { (char *)(size_t)llmux, (char *)"serve",
		(char *)"-c", conf, NULL };
	int fd;

	snprintf(conf, sizeof(conf), "%s/conf", p->dir);
	snprintf(err, sizeof(err), "%s/stderr", p->dir);
	snprintf(home, sizeof(home), "LLMUX_STATE_DIR=%s", p->dir);
	snprintf(asan, sizeof(asan), "ASAN_OPTIONS=%s", set == NULL ? "" :
	    set);
	fd = open(err, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	dup2(out, 1);
	dup2(fd, 2);
	close(fd);
	close(out);
	close(p->listener);
	close(p->mute);
	execve(llmux, argv, env);
	_exit(127);
}

static bool
launch(struct play *p, const struct bytes *config)
{
	static const char listening[] = "listening on http://";
	int fds[2];

	write_config(p, config);
	if (pipe(fds) < 0)
		return fail(p, "pipe");
	fflush(stdout);
	p->pid = fork();
	if (p->pid == 0) {
		close(fds[0]);
		become_llmux(p, fds[1]);
	}
	close(fds[1]);
	p->out = fds[0];
	fcntl(p->out, F_SETFL, O_NONBLOCK);
	if (!await_log(p, listening))
		return false;
	snprintf(p->host, sizeof(p->host), "%s", strstr(p->log.p, listening) +
	    sizeof(listening) - 1);
	p->host[strcspn(p->host, "\n")] = '\0';
	return true;
}

static bool
read_log(struct play *p)
{
	char tmp[4096];
	ssize_t n;

	while ((n = read(p->out, tmp, sizeof(tmp))) > 0)
		add(&p->log, tmp, (size_t)n);
	return n == 0;
}

/* Does the line hold want, whose $ANY stands for any bytes? */
static bool
line_has(const char *line, size_t n, const char *want)
{
	struct bytes part = { NULL, 0, 0 }, rest = { NULL, 0, 0 };
	bool has = true;
	const char *at;

	add(&rest, line, n);
	while (has && want[0] != '\0') {
		const char *any = strstr(want, "$ANY");
		size_t len = any == NULL ? strlen(want) :
		    (size_t)(any - want);

		part.n = 0;
		add(&part, want, len);
		at = strstr(rest.p, part.p);
		has = at != NULL;
		if (has)
			drop(&rest, (size_t)(at - rest.p) + len);
		want += len + (any == NULL ? 0 : 4);
	}
	free(part.p);
	free(rest.p);
	return has;
}

/* Every line of want must stand in have, in any place; gives how many there
 * are. never: none may stand there. */
static unsigned
expect_lines(struct play *p, const char *what, const struct bytes *want,
    const struct bytes *have, bool never)
{
	struct bytes copy = { NULL, 0, 0 };
	unsigned count = 0;
	char *line, *next;

	add(&copy, want->n == 0 ? "" : want->p, want->n);
	for (line = copy.p; *line != '\0'; line = next) {
		size_t n = strcspn(line, "\n");
		const char *at = have->n == 0 ? "" : have->p;
		bool found = false;

		next = line + n + (line[n] == '\n');
		line[n] = '\0';
		if (n == 0)
			continue;
		for (; *at != '\0' && !found; at += strcspn(at, "\n"),
		    at += *at == '\n')
			found = line_has(at, strcspn(at, "\n"), line);
		count++;
		if (found != never)
			continue;
		fail(p, never ? "%s has \"%s\"" : "%s has no \"%s\"", what,
		    line);
		show("got ", have->n == 0 ? "" : have->p, have->n);
	}
	free(copy.p);
	return count;
}

static void
stop_llmux(struct play *p)
{
	int status = 0, n;
	long due = now() + WAIT_MS;

	kill(p->pid, SIGTERM);
	while ((n = waitpid(p->pid, &status, WNOHANG)) == 0 && now() < due) {
		read_log(p);
		usleep(2000);
	}
	if (n == 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, &status, 0);
		fail(p, "llmux did not stop on SIGTERM");
	} else if (status != 0) {
		fail(p, "llmux ended with status %d", status);
	}
	read_log(p);
	close(p->out);
}

static void
read_stderr(struct play *p, struct bytes *err)
{
	char path[128], tmp[4096];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/stderr", p->dir);
	fd = open(path, O_RDONLY);
	while (fd >= 0 && (got = read(fd, tmp, sizeof(tmp))) > 0)
		add(err, tmp, (size_t)got);
	if (fd >= 0)
		close(fd);
	unlink(path);
	snprintf(path, sizeof(path), "%s/conf", p->dir);
	unlink(path);
	rmdir(p->dir);
}

static void
finish(struct play *p, const struct bytes *log, const struct bytes *errors,
    const struct bytes *nowhere)
{
	struct bytes err = { NULL, 0, 0 };
	unsigned lines = 0;
	size_t i;

	for (i = 0; i < LINES; i++) {
		hang_up(&p->clients[i], false);
		hang_up(&p->upstreams[i], false);
		free(p->clients[i].in.p);
		free(p->upstreams[i].in.p);
	}
	close(p->listener);
	close(p->mute);
	if (p->pid > 0)
		stop_llmux(p);
	read_stderr(p, &err);
	for (i = 0; i < err.n; i++)
		lines += err.p[i] == '\n';
	if (expect_lines(p, "stderr", errors, &err, false) != lines) {
		fail(p, "stderr has other lines than expected");
		show("got ", err.n == 0 ? "" : err.p, err.n);
	}
	expect_lines(p, "log", log, &p->log, false);
	expect_lines(p, "log", nowhere, &p->log, true);
	expect_lines(p, "stderr", nowhere, &err, true);
	free(err.p);
	free(p->log.p);
}

/* ---- a transcript ---- */

/* A socket bound to a port of loopback's; its address goes into name. */
static int
bound(char *name, size_t size)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0), small = 16384;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0) {
		perror("port for the upstream");
		exit(1);
	}
	snprintf(name, size, "127.0.0.1:%d", ntohs(a.sin_port));
	return fd;
}

static bool
run_section(struct play *p, const char *kind, struct text *t)
{
	end_chunk(t);
	fill_length(t);
	if (strcmp(kind, "client>") == 0)
		return send_all(p, p->client, &t->out);
	if (strcmp(kind, "client<") == 0)
		return expect(p, p->client, &t->out);
	if (strcmp(kind, "upstream>") == 0)
		return send_all(p, p->upstream, &t->out);
	if (strcmp(kind, "upstream<") == 0) {
		if (p->upstream->fd < 0 && !do_accept(p))
			return false;
		return expect(p, p->upstream, &t->out);
	}
	return fail(p, "unknown section \"%s\"", kind);
}

static bool
is_section(const char *s)
{
	static const char *const kinds[] = { "config>", "client>", "client<",
		"upstream>", "upstream<", "log<", "stderr<", "nowhere<" };
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
	struct bytes config, log, errors, nowhere;
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

	if (strcmp(s->kind, "config>") == 0 && s->started)
		write_config(p, &s->config);
	else if (s->kind[0] != '\0' && strchr("cu", s->kind[0]) != NULL &&
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
	struct bytes *lines;

	if (is_section(line) || is_between(line)) {
		if (!flush(p, s))
			return false;
		p->line = number;
	}
	if (is_section(line)) {
		snprintf(s->kind, sizeof(s->kind), "%.10s", line);
		if (strcmp(line, "config>") == 0)
			s->config.n = 0;
		/* $HOST is known from now on. */
		return strchr("cu", line[0]) == NULL || strcmp(line,
		    "config>") == 0 || begin(p, s);
	}
	if (is_between(line))
		return begin(p, s) && directive(p, line);
	if (s->kind[0] == '\0')
		return true; /* comments between sections */
	lines = strcmp(s->kind, "config>") == 0 ? &s->config :
	    strcmp(s->kind, "log<") == 0 ? &s->log :
	    strcmp(s->kind, "stderr<") == 0 ? &s->errors :
	    strcmp(s->kind, "nowhere<") == 0 ? &s->nowhere : NULL;
	if (lines == NULL) {
		text_line(p, &s->text, line, strlen(line));
		return true;
	}
	add_line(lines, p, line, strlen(line));
	add(lines, "\n", 1);
	return true;
}

static bool
play_file(const char *path)
{
	static struct play p;
	static struct script s;
	static char line[1 << 20];
	bool ok = true;
	int number = 0, i;
	FILE *f = fopen(path, "r");

	p.file = path;
	snprintf(p.dir, sizeof(p.dir), "/tmp/llmux-replay-XXXXXX");
	if (f == NULL || mkdtemp(p.dir) == NULL) {
		perror(path);
		exit(1);
	}
	for (i = 0; i < LINES; i++)
		p.clients[i].fd = p.upstreams[i].fd = -1;
	p.client = p.clients;
	p.upstream = p.upstreams;
	p.mute = bound(p.dead, sizeof(p.dead));
	p.listener = bound(p.up, sizeof(p.up));
	listen(p.listener, 16);
	while (ok && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		ok = script_line(&p, &s, line, ++number);
	}
	ok = ok && flush(&p, &s) && (s.started || fail(&p, "plays nothing"));
	for (i = 0; ok && i < LINES; i++)
		if (p.clients[i].fd >= 0 && p.clients[i].in.n > 0) {
			show("rest", p.clients[i].in.p, p.clients[i].in.n);
			ok = fail(&p, "more came than was expected");
		}
	finish(&p, &s.log, &s.errors, &s.nowhere);
	fclose(f);
	return !p.failed;
}

/* ---- all files ---- */

struct job {
	pid_t pid;
	FILE *said; /* what it prints, kept until its turn comes */
};

static struct job jobs[JOBS]; /* a ring, in the order of the files */
static unsigned begun, ended, failed;

/* The job whose turn it is: wait for it, and say what it said. */
static void
end_job(void)
{
	struct job *j = &jobs[ended++ % JOBS];
	int status, c;

	waitpid(j->pid, &status, 0);
	if (status != 0)
		failed++;
	rewind(j->said);
	while ((c = fgetc(j->said)) != EOF)
		fputc(c, stdout);
	fclose(j->said);
}

static void
start_job(const char *path)
{
	struct job *j = &jobs[begun % JOBS];

	if (begun - ended == JOBS)
		end_job();
	begun++;
	fflush(stdout);
	j->said = tmpfile();
	j->pid = j->said == NULL ? -1 : fork();
	if (j->pid < 0) {
		perror("fork");
		exit(1);
	}
	if (j->pid > 0)
		return;
	dup2(fileno(j->said), 1);
	exit(play_file(path) ? 0 : 1);
}

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
		if (len > 4 && strcmp(path + len - 4, ".txt") == 0)
			start_job(path);
		return;
	}
	n = scandir(path, &v, NULL, by_name);
	for (i = 0; i < n; i++) {
		/* json/ has tables of another test, no transcripts. */
		if (v[i]->d_name[0] != '.' &&
		    strcmp(v[i]->d_name, "json") != 0) {
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
	while (ended < begun)
		end_job();
	printf("%u passed, %u failed\n", ended - failed, failed);
	return failed > 0 || ended == 0;
}
