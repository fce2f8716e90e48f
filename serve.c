/* SPDX-License-Identifier: MIT */
/*
 * serve: listeners, the accept loop, one thread a connection, reload on
 * SIGHUP, orderly stop on SIGTERM and SIGINT.
 *
 * The main thread only accepts, reaps what is idle, and acts on signals, which
 * come through a pipe; all other threads have them blocked. It sleeps for good
 * while nobody is connected and nothing is pooled. A second SIGTERM does not
 * wait for the streams.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "admin/control.h"
#include "admin/keys.h"
#include "admin/status.h"
#include "clients.h"
#include "oauth.h"
#include "pool.h"
#include "relay.h"
#include "route.h"
#include "sandbox.h"

#define REAP_MS 5000  /* looks at idle things while somebody is connected */
#define SAVE_MS 3600000 /* use counts of keys go to the file, if changed */
#define ABORT_MS 1500 /* for error records after stop_timeout */
#define STOP_REFRESH_MS 5000 /* a refresh under way must be written */

struct listener {
	int fd;
	struct net_addr asked; /* as configured; the key at a reload */
	struct net_addr addr;  /* as bound */
};

struct server {
	const struct conf_flags *flags;
	struct listener l[CONF_LISTEN_MAX];
	size_t n;
	struct listener next[CONF_LISTEN_MAX]; /* listen_all's, while it binds */
	int64_t save_due; /* of the keys' use counts */
	int control;    /* the control socket, -1: none */
	bool full_said; /* one line for each time that the house is full */
};

/* ---- signals ---- */

static int signal_pipe[2] = { -1, -1 };

static void
on_signal(int number)
{
	int saved = errno;
	char c = (char)number;

	while (write(signal_pipe[1], &c, 1) < 0 && errno == EINTR)
		continue;
	errno = saved;
}

static int
catch_signals(struct err *e)
{
	static const int caught[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction sa;
	size_t i;

	if (pipe(signal_pipe) < 0)
		return err_sys(e, "pipe");
	for (i = 0; i < 2; i++) {
		fcntl(signal_pipe[i], F_SETFL, O_NONBLOCK);
		fcntl(signal_pipe[i], F_SETFD, FD_CLOEXEC);
	}
	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sa.sa_handler = on_signal;
	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		if (sigaction(caught[i], &sa, NULL) < 0)
			return err_sys(e, "sigaction");
	return 0;
}

/* The next signal that came, or 0. */
static int
next_signal(void)
{
	char c;

	return read(signal_pipe[0], &c, 1) == 1 ? c : 0;
}

/* ---- listeners ---- */

static bool
same_addr(const struct net_addr *a, const struct net_addr *b)
{
	return a->is_unix == b->is_unix && a->is_tls == b->is_tls &&
	    a->port == b->port && a->mode == b->mode &&
	    strcmp(a->host, b->host) == 0;
}

static struct listener *
find_listener(struct listener *l, size_t n, const struct net_addr *asked)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (same_addr(&l[i].asked, asked))
			return &l[i];
	return NULL;
}

/*
 * Bind what c wants and s does not have yet, then close what c wants no more:
 * in this order, so that a failure changes nothing.
 */
static int
listen_all(struct server *s, const struct conf *c, struct err *e)
{
	struct listener *now = s->next;
	size_t i;

	for (i = 0; i < c->n_listen; i++) {
		struct listener *old = find_listener(s->l, s->n,
		    &c->listen[i]);

		if (old != NULL) {
			now[i] = *old;
			continue;
		}
		now[i].asked = now[i].addr = c->listen[i];
		now[i].fd = net_listen(&now[i].addr, e);
		if (now[i].fd < 0)
			break;
	}
	if (i < c->n_listen) {
		while (i-- > 0)
			if (find_listener(s->l, s->n, &now[i].asked) == NULL)
				net_unlisten(now[i].fd, &now[i].addr);
		return -1;
	}
	for (i = 0; i < s->n; i++)
		if (find_listener(now, c->n_listen, &s->l[i].asked) == NULL)
			net_unlisten(s->l[i].fd, &s->l[i].addr);
	memcpy(s->l, now, c->n_listen * sizeof(now[0]));
	s->n = c->n_listen;
	return 0;
}

static void
unlisten_all(struct server *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		net_unlisten(s->l[i].fd, &s->l[i].addr);
	s->n = 0;
}

/* ---- connections ---- */

struct start {
	int fd, slot;
	bool tls, local;
};

#ifdef PAINT_STACK /* `make stack`: how deep do the threads go? */
#define PAINT 0xa5
#define PAINTED (STACK_SIZE - 8 * 1024) /* frames above, guard below */

static void
stack_paint(void)
{
	volatile unsigned char here[PAINTED];
	size_t i;

	for (i = 0; i < PAINTED; i++)
		here[i] = PAINT;
}

static void
stack_measure(void)
{
	volatile unsigned char here[PAINTED];
	size_t i = 512; /* this frame may lie a little lower than that one */

	while (i < PAINTED && here[i] == PAINT)
		i++;
	log_put(LOG_INFO, "stack: %zu bytes", PAINTED - i);
}
#else
static void
stack_paint(void)
{
}

static void
stack_measure(void)
{
}
#endif

/* A connection's thread. The configuration of its first moment lends the
 * certificate for as long as the connection lives. */
static void *
connection(void *arg)
{
	struct start s = *(struct start *)arg;
	struct conf *c = conf_current();
	struct net_conn *conn;
	struct err e = { .kind = ERR_NONE };

	mem_free(arg);
	stack_paint();
	conn = net_accepted(s.fd, s.tls ? c->identity : NULL, &e);
	if (conn == NULL) {
		/* net_accepted has closed it; the number may be in use again,
		 * but the slot only ever shuts its read side down. */
		clients_leave(s.slot);
		log_put(LOG_WARN, "client: %s", e.text);
	} else if (s.tls && net_handshake(conn, due_in(c->header_ms), &e) < 0) {
		clients_leave(s.slot);
		net_close(conn);
		log_put(LOG_INFO, "client: TLS: %s", e.text);
	} else {
		relay_serve(conn, s.slot, s.local);
	}
	conf_unref(c);
	stack_measure();
	return NULL;
}

static void
start_thread(const struct start *given)
{
	struct start *start = mem_alloc(sizeof(*start));
	struct err e = { .text = "no memory" };

	if (start != NULL)
		*start = *given;
	if (start != NULL && thread_start(connection, start, &e) == 0)
		return;
	mem_free(start);
	clients_leave(given->slot);
	relay_refuse(given->fd);
	log_put(LOG_WARN, "client: %s", e.text);
}

static void
pause_ms(long ms)
{
	struct timespec t = { 0, ms * 1000000 };

	nanosleep(&t, NULL);
}

static void
accept_one(struct server *s, const struct listener *l)
{
	struct start start = { .tls = l->addr.is_tls,
		.local = net_addr_loopback(&l->addr) };

	start.fd = accept(l->fd, NULL, NULL);
	if (start.fd < 0) {
		/* Out of descriptors: wait for one rather than spin. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS) {
			log_put(LOG_WARN, "accept: %s", strerror(errno));
			pause_ms(50);
		}
		return;
	}
	fcntl(start.fd, F_SETFD, FD_CLOEXEC);
	start.slot = clients_enter(start.fd);
	if (start.slot < 0) {
		if (!s->full_said)
			log_put(LOG_WARN, "max_clients is reached; new "
			    "connections get 503");
		s->full_said = true;
		relay_refuse(start.fd);
		return;
	}
	s->full_said = false;
	start_thread(&start);
}

/* ---- configuration in force ---- */

/* Numbers that live outside the struct. */
static void
apply(const struct conf *c)
{
	mem_limit(conf_memory(c));
	log_setup(c->log_level, conf_getenv(c, "JOURNAL_STREAM").n == 0);
}

/* A question to the sandbox for conf_each_path. */
struct uncovered {
	struct str path;
};

static void
note_uncovered(void *arg, struct str path, bool write)
{
	struct uncovered *u = arg;

	if (u->path.n == 0 && !sandbox_covers(path, write))
		u->path = path;
}

static int
check_reload(const struct conf *c, const struct conf *old, struct err *e)
{
	struct uncovered u = { { NULL, 0 } };

	if (!str_eq(c->state_dir, old->state_dir))
		return err_set(e, ERR_INPUT, "state_dir cannot change while "
		    "llmux runs; restart it");
	conf_each_path(c, note_uncovered, &u);
	if (u.path.n > 0)
		return err_set(e, ERR_INPUT, "\"%.*s\" is outside of what the "
		    "running llmux may reach; restart it", STR_ARG(u.path));
	return 0;
}

static void
drop_pools(const struct conf *c, const struct conf *old)
{
	size_t i;

	for (i = 0; i < old->n_providers; i++)
		if (!conf_has_pool_key(c, old->providers[i].pool_key))
			pool_drop(old->providers[i].pool_key);
}

/* Build and validate all of it, bind, then swap; a failure keeps the old. */
static void
reload(struct server *s)
{
	struct conf *old = conf_current(), *c;
	struct err e = { .kind = ERR_NONE };

	c = conf_load(s->flags, &e);
	if (c != NULL)
		conf_inherit(c, old);
	if (c == NULL || check_reload(c, old, &e) < 0 ||
	    conf_open(c, &e) < 0 ||
	    clients_setup((size_t)c->max_clients, &e) < 0 ||
	    listen_all(s, c, &e) < 0) {
		log_put(LOG_ERROR, "reload: %s; the old configuration stays",
		    e.text);
		/* Cannot fail: the table never becomes smaller. */
		clients_setup((size_t)old->max_clients, NULL);
		conf_unref(c);
		conf_unref(old);
		return;
	}
	apply(c);
	drop_pools(c, old);
	conf_publish(c);
	conf_unref(old);
	log_put(LOG_INFO, "reloaded");
}

/* ---- the loop ---- */

/* What is due of the house's own work; gives how long nothing is. */
static int
wait_ms(struct server *s)
{
	int64_t now = now_ms(), due = pool_reap(now), ms;
	int64_t other = oauth_tick(now);

	if (clients_count() > 0 && due > now + REAP_MS)
		due = now + REAP_MS;
	due = other < due ? other : due;
	other = mem_blocks_reap(now);
	due = other < due ? other : due;
	if (now >= s->save_due) {
		struct conf *c = conf_current();

		if (s->save_due != 0)
			keys_save(c);
		conf_unref(c);
		s->save_due = now + SAVE_MS;
	}
	due = s->save_due < due ? s->save_due : due;
	ms = due - now;
	return ms < 0 ? 0 : (int)ms; /* an hour at most */
}

/* Accept until a signal says to stop; gives it. */
static int
accept_loop(struct server *s)
{
	struct pollfd p[CONF_LISTEN_MAX + 2];
	size_t i;
	int sig;

	for (;;) {
		for (i = 0; i < s->n; i++)
			p[i] = (struct pollfd){ .fd = s->l[i].fd,
				.events = POLLIN };
		p[s->n] = (struct pollfd){ .fd = signal_pipe[0],
			.events = POLLIN };
		p[s->n + 1] = (struct pollfd){ .fd = s->control,
			.events = POLLIN };
		if (poll(p, s->n + 2, wait_ms(s)) < 0 && errno != EINTR)
			pause_ms(50);
		while ((sig = next_signal()) != 0) {
			if (sig != SIGHUP)
				return sig;
			reload(s);
			break; /* the listeners may be others now */
		}
		if (sig != 0)
			continue;
		if ((p[s->n + 1].revents & POLLIN) != 0)
			control_accept(s->control);
		for (i = 0; i < s->n; i++)
			if ((p[i].revents & POLLIN) != 0)
				accept_one(s, &s->l[i]);
	}
}

/* Wait until nobody is connected, or due, or another stop signal. */
static void
wait_for_clients(int64_t due)
{
	struct pollfd p = { .fd = signal_pipe[0], .events = POLLIN };
	int sig;

	while (clients_count() > 0 && now_ms() < due) {
		poll(&p, 1, 10);
		sig = next_signal();
		if (sig == SIGTERM || sig == SIGINT)
			return;
	}
}

static void
stop(struct server *s)
{
	struct conf *c = conf_current();
	size_t left;

	unlisten_all(s);
	clients_stop();
	left = clients_count();
	if (left > 0)
		log_put(LOG_INFO, "stopping; %zu connections may end until "
		    "stop_timeout (%lld s)", left,
		    (long long)(c->stop_ms / 1000));
	wait_for_clients(now_ms() + c->stop_ms);
	clients_abort();
	wait_for_clients(now_ms() + ABORT_MS);
	oauth_stop(now_ms() + STOP_REFRESH_MS);
	keys_save(c);
	control_close(s->control, c);
	pool_drop(0);
	conf_unref(c);
	log_put(LOG_INFO, "stopped");
}

/* ---- the first words ---- */

/* What p is called with, for people: "login, me@example.org"; the remedy
 * where there is nothing. */
static void
put_credential(struct buf *b, const struct conf *c, const struct provider *p)
{
	struct oauth_state st;
	struct failure f;
	struct arena a;
	struct err e;

	arena_init(&a, 8192);
	if (!p->enabled) {
		buf_addz(b, "off (enabled = no)");
	} else if (oauth_state(c, p, &a, &st, &e) < 0) {
		buf_addz(b, e.text);
	} else if (!st.usable) {
		route_no_credential(p, &a, &f);
		buf_adds(b, f.message);
	} else {
		buf_addz(b, st.kind);
		if (st.source[0] != '\0')
			buf_fmt(b, " (%s)", st.source);
		if (st.email.n > 0)
			buf_fmt(b, ", %.*s", STR_ARG(st.email));
		if (st.moved)
			buf_addz(b, ", exported: not refreshed here");
		else if (st.trouble.n > 0)
			buf_fmt(b, ", %.*s", STR_ARG(st.trouble));
	}
	arena_free(&a);
}

/* What a person at a terminal wants to know now. */
static void
greet(const struct server *s, const struct conf *c)
{
	struct buf b, url;
	size_t i;

	buf_init(&b, 16384);
	buf_init(&url, 300);
	if (s->n > 0)
		net_addr_url(&s->l[0].addr, &url);
	buf_fmt(&b, "\nOpenAI clients:    %.*s/v1\n"
	    "Anthropic clients: %.*s\n\nProviders:\n",
	    STR_ARG(buf_str(&url)), STR_ARG(buf_str(&url)));
	for (i = 0; i < c->n_providers; i++) {
		buf_fmt(&b, "  %-12.*s", STR_ARG(c->providers[i].name));
		put_credential(&b, c, &c->providers[i]);
		buf_addc(&b, '\n');
	}
	buf_fmt(&b, "  %-12s%s\n\nTry it:\n  curl -N %.*s/v1/chat/completions "
	    "-H 'content-type: application/json' \\\n    -d '{\"model\":"
	    "\"echo\",\"stream\":true,\"messages\":[{\"role\":\"user\","
	    "\"content\":\"hello\"}]}'\n\n", "echo", "built in, needs nothing",
	    STR_ARG(buf_str(&url)));
	(void)!write(1, buf_str(&b).p, b.len);
	buf_free(&b);
	buf_free(&url);
}

static int
announce(const struct server *s, const struct conf *c, struct err *e)
{
	struct buf url;
	size_t i;

	buf_init(&url, 1000);
	for (i = 0; i < s->n; i++) {
		buf_clear(&url);
		net_addr_url(&s->l[i].addr, &url);
		if (url.bad) { /* nobody would know where */
			buf_free(&url);
			return err_set(e, ERR_MEM, "no memory");
		}
		log_put(LOG_INFO, "listening on %.*s", STR_ARG(buf_str(&url)));
	}
	for (i = 0; i < c->n_providers; i++) {
		buf_clear(&url);
		put_credential(&url, c, &c->providers[i]);
		log_put(LOG_INFO, "provider %.*s: %.*s",
		    STR_ARG(c->providers[i].name), STR_ARG(buf_str(&url)));
	}
	buf_free(&url);
	if (isatty(1))
		greet(s, c);
	return 0;
}

static int
setup(struct server *s, struct conf *c, struct err *e)
{
	struct buf said;
	int rc;

	if (conf_open(c, e) < 0 || conf_make_dirs(c, e) < 0 ||
	    catch_signals(e) < 0 ||
	    clients_setup((size_t)c->max_clients, e) < 0)
		return -1;
	apply(c);
	login_migrate(c);
	if (listen_all(s, c, e) < 0)
		return -1;
	s->control = control_listen(c, e);
	if (s->control < 0)
		log_put(LOG_WARN, "control socket: %s; status, login and "
		    "logout take effect with the next request", e->text);
	buf_init(&said, 1000);
	rc = sandbox_enter(c, &said);
	if (said.len > 0)
		log_put(LOG_INFO, "sandbox: %.*s", STR_ARG(buf_str(&said)));
	buf_free(&said);
	if (rc < 0)
		return err_set(e, ERR_SYS, "sandbox: cannot be entered");
	return 0;
}

/* Is there a provider that can be called? For --headless, which must not sit
 * there without any. */
static int
has_credential(const struct conf *c, struct err *e)
{
	size_t i;

	for (i = 0; i < c->n_providers; i++)
		if (route_usable(c, &c->providers[i]))
			return 0;
	return err_set(e, ERR_AUTH, "--headless: no provider has a "
	    "credential: run \"llmux login claude\" or \"llmux login "
	    "chatgpt\" (or import), or set ANTHROPIC_OAUTH_TOKEN");
}

static int
run(struct server *s, struct conf *c)
{
	struct err e = { .kind = ERR_NONE };

	if ((s->flags->headless && has_credential(c, &e) < 0) ||
	    setup(s, c, &e) < 0 || announce(s, c, &e) < 0) {
		log_put(LOG_ERROR, "%s", e.text);
		unlisten_all(s);
		conf_unref(c);
		return e.kind == ERR_INPUT ? 2 : 1;
	}
	conf_publish(c);
	status_started();
	accept_loop(s);
	stop(s);
	conf_publish(NULL);
	return 0;
}

int
serve(const struct conf_flags *flags)
{
	struct err e = { .kind = ERR_NONE };
	struct conf *c = conf_load(flags, &e);
	struct server *s;
	int code;

	if (c == NULL) {
		log_put(LOG_ERROR, "%s", e.text);
		return e.kind == ERR_MEM ? 1 : 2;
	}
	if (flags->only_check) {
		code = has_credential(c, &e) < 0;
		if (code != 0)
			log_put(LOG_ERROR, "%s", e.text);
		conf_unref(c);
		return code;
	}
	s = mem_calloc(sizeof(*s));
	if (s == NULL) {
		log_put(LOG_ERROR, "no memory");
		conf_unref(c);
		return 1;
	}
	s->flags = flags;
	s->control = -1;
	code = run(s, c);
	mem_free(s);
	return code;
}
