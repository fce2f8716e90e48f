/* SPDX-License-Identifier: MIT */
/*
 * login_code: how the code of a sign-in comes back to `llmux login`: pasted;
 * by the loopback listener (callback.c) beside the paste; by device code; or
 * in a second process, with the flow in STATE/login-NAME.json meanwhile (0600:
 * verifier, state, redirect, type, time; 15 minutes).
 *
 * A browser is started only where somebody would see it, and says so. Does
 * not: exchange the code or write logins (login.c). Limits: 15 minutes for a
 * person, 5 where only the browser can end it, 3 tries to paste.
 */
#include "login_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../json.h"
#include "term.h"

#define BROWSER_MS (5 * 60 * 1000) /* to sign in, without a terminal */
#define TRIES 3
#define FLOW_MAX 4096              /* of a flow file */

/* ---- a browser ---- */

/* The full path of name in PATH. -1: it is not there. */
static int
in_path(const char *name, const struct conf *c, char *path, size_t cap)
{
	struct str rest = conf_getenv(c, "PATH"), dir;

	while (str_cut(&rest, ':', &dir)) {
		fmt_to(path, cap, "%.*s/%s", STR_ARG(dir), name);
		if (dir.n > 0 && dir.p[0] == '/' && access(path, X_OK) == 0)
			return 0;
	}
	return -1;
}

/* No shell; a grandchild, so that nobody has to wait for it. The address has
 * no secret in it: ps may show it. */
static void
run_apart(char *program, char *argument)
{
	char *argv[] = { program, argument, NULL };
	pid_t pid = fork();
	int fd;

	if (pid < 0)
		return;
	if (pid > 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		return;
	}
	if (fork() != 0)
		_exit(0);
	setsid();
	fd = open("/dev/null", O_RDWR);
	if (fd >= 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
	}
	execv(program, argv);
	_exit(127);
}

/* Only where one would be seen: not as root, not over ssh, not without a
 * display. */
static void
open_browser(const struct conf *c, struct buf *url)
{
	char path[512];

	if (getuid() == 0 || geteuid() == 0 || !term_is_person() ||
	    conf_getenv(c, "SSH_CONNECTION").n > 0 ||
	    (conf_getenv(c, "DISPLAY").n == 0 &&
	    conf_getenv(c, "WAYLAND_DISPLAY").n == 0) ||
	    in_path("xdg-open", c, path, sizeof(path)) < 0)
		return;
	term_note("A browser opens with it (xdg-open).\n");
	run_apart(path, url->p);
}

/* Show the address on stderr. -1: no memory. */
static int
show_url(struct signin *s)
{
	struct buf url;
	int rc = 0;

	buf_init(&url, TEXT_MAX);
	oauth_authorize_url(s->p, &s->flow, &url);
	if (url.bad) {
		rc = err_set(&s->e, ERR_MEM, "no memory");
	} else {
		term_note("\nOpen this address in a browser and sign in:\n\n"
		    "%.*s\n\n", STR_ARG(buf_str(&url)));
		open_browser(s->c, &url);
	}
	buf_free(&url);
	return rc;
}

/* ---- the code: paste and callback ---- */

/*
 * A pasted line. 0: code is filled; 1: ask again; -1: it was the last try.
 */
static int
take_line(struct signin *s, struct str line, unsigned *tries)
{
	line = str_trim(line);
	if (line.n == 0)
		return 1;
	if (oauth_pasted(&s->flow, line, &s->code, &s->e) == 0)
		return 0;
	if (s->e.kind != ERR_INPUT || ++*tries == TRIES)
		return -1;
	buf_clear(&s->code);
	term_note("%s\npaste again: ", s->e.text);
	return 1;
}

/* The browser is back, or /cancel came. 0, 1 (wait on), -1 as above. */
static int
take_callback(struct signin *s)
{
	struct buf query;
	int rc = 1;

	buf_init(&query, TEXT_MAX);
	switch (callback_step(&s->cb, s->flow.state, &query)) {
	case CALLBACK_NONE:
		break;
	case CALLBACK_CANCELLED:
		rc = err_set(&s->e, ERR_INPUT, "cancelled by another program "
		    "that wants port %u", s->cb.port);
		break;
	case CALLBACK_QUERY:
		term_note("\n"); /* behind the question that was open */
		rc = oauth_pasted(&s->flow, buf_str(&query), &s->code, &s->e);
		if (rc < 0)
			callback_answer(&s->cb, s->e.text);
		break;
	}
	buf_wipe(&query);
	return rc;
}

/* stdin has ended: only the browser is left. -1: ERR_TIME. */
static int
wait_wake(const struct callback *cb, int64_t due, struct err *e)
{
	struct pollfd p = { .fd = cb->wake, .events = POLLIN };
	int64_t left;

	do {
		left = due - now_ms();
		if (left <= 0)
			return err_set(e, ERR_TIME, "time is up");
	} while (poll(&p, 1, left > 60000 ? 60000 : (int)left) <= 0);
	return 0;
}

/* Wait for the code by a line of stdin or by the callback, if it is on. */
static int
await_code(struct signin *s)
{
	int64_t start = now_ms(), due = start + PERSON_MS;
	unsigned tries = 0;
	struct buf line;
	bool eof = false;
	int rc = 1, got;

	buf_init(&line, TEXT_MAX);
	while (rc == 1) {
		buf_wipe(&line);
		got = eof ? (wait_wake(&s->cb, due, &s->e) < 0 ? -1 : 2) :
		    term_line(&line, s->cb.on ? s->cb.wake : -1, due, &s->e);
		if (got == 1) {
			rc = take_line(s, buf_str(&line), &tries);
		} else if (got == 2) {
			rc = take_callback(s);
		} else if (!eof && s->cb.on && s->e.kind != ERR_TIME) {
			eof = true; /* or stdin is closed, or unreadable */
			due = start + BROWSER_MS;
		} else if (got == 0) {
			rc = err_set(&s->e, ERR_INPUT, "the input ended and "
			    "no code came");
		} else {
			rc = s->e.kind != ERR_TIME ? -1 : err_set(&s->e,
			    ERR_TIME, "nobody signed in within %d minutes",
			    eof ? 5 : 15);
		}
	}
	buf_wipe(&line);
	return rc;
}

static int
code_by_paste(struct signin *s)
{
	oauth_flow_new(s->p, s->setup, 1455, &s->flow);
	if (show_url(s) < 0)
		return -1;
	term_note(s->p->type == PROVIDER_ANTHROPIC ?
	    "Then paste the code that the page shows: " :
	    "The browser ends at an address of localhost that it may not "
	    "reach.\nPaste that address: ");
	return await_code(s);
}

/* The browser comes back by itself, or the user pastes. */
static int
code_by_callback(struct signin *s)
{
	struct err e = { .kind = ERR_NONE };

	if (callback_open(&s->cb, s->c, &e) < 0)
		term_note("Both ports are taken: only pasting is left.\n");
	oauth_flow_new(s->p, false, s->cb.port, &s->flow);
	if (show_url(s) < 0)
		return -1;
	if (s->cb.on)
		term_note("Waiting for the browser at localhost:%u. Is it on "
		    "another machine? Run there first:\n  ssh -L "
		    "%u:127.0.0.1:%u THIS_HOST\nOr use a code: llmux login "
		    "%.*s --device\n", s->cb.port, s->cb.port, s->cb.port,
		    STR_ARG(s->p->name));
	term_note("Or paste the address that the browser ended at: ");
	return await_code(s);
}

/* ---- the code: device ---- */

static void
countdown(int64_t left_ms, bool tty)
{
	uint64_t left = left_ms < 0 ? 0 : (uint64_t)left_ms / 1000;

	if (tty)
		term_note("\rwaiting: %02u:%02u left ", (unsigned)(left / 60),
		    (unsigned)(left % 60));
	else
		term_note("waiting: %u minutes left\n",
		    (unsigned)((left + 59) / 60));
}

/* Sleep until due, showing that it goes on: each second on a terminal, else a
 * line a minute (*said: when the next one is due). */
static void
sleep_telling(const struct oauth_device *d, int64_t due, int64_t *said)
{
	bool tty = isatty(2) == 1;
	int64_t now = now_ms();

	while (now < due) {
		if (now >= *said) {
			countdown(d->expires_ms - now, tty);
			*said = now + (tty ? 1000 : 60000);
		}
		poll(NULL, 0, due - now > 1000 ? 1000 : (int)(due - now));
		now = now_ms();
	}
}

static int
device_run(struct signin *s, struct oauth_device *d)
{
	int64_t said = 0;
	int rc;

	if (oauth_device_start(s->c, s->p, due_in(EXCHANGE_MS), d, &s->r,
	    &s->e) < 0)
		return -1;
	term_note("\nOpen %s in a browser, sign in, and enter this code:\n\n"
	    "  %s\n\nOnly if you started this login yourself. Is it refused? "
	    "Allow device codes in ChatGPT:\nSettings, Security; in a "
	    "workspace its admin does.\n", d->page, d->user_code);
	do {
		sleep_telling(d, now_ms() + d->interval_ms, &said);
		rc = oauth_device_poll(s->c, s->p, d, &s->flow, &s->code,
		    &s->e);
		if (rc == 0 && now_ms() >= d->expires_ms)
			rc = err_set(&s->e, ERR_TIME, "the code is too old; "
			    "start the login again");
	} while (rc == 0);
	if (isatty(2) == 1)
		term_note("\n"); /* behind the countdown */
	return rc < 0 ? -1 : 0;
}

static int
code_by_device(struct signin *s)
{
	struct oauth_device *d = mem_calloc(sizeof(*d));
	int rc;

	if (d == NULL)
		return err_set(&s->e, ERR_MEM, "no memory");
	rc = device_run(s, d);
	mem_wipe(d, sizeof(*d));
	mem_free(d);
	return rc;
}

/* ---- the code: two processes ---- */

static void
flow_path(const struct signin *s, char path[LOGIN_PATH_MAX])
{
	fmt_to(path, LOGIN_PATH_MAX, "%.*s/login-%.*s.json",
	    STR_ARG(s->c->state_dir), STR_ARG(s->p->name));
}

static const char *
type_name(const struct provider *p)
{
	return p->type == PROVIDER_CHATGPT ? "chatgpt" : "claude";
}

static int
flow_save(struct signin *s, const char *path)
{
	struct json_out o;
	struct buf b;
	int rc;

	buf_init(&b, FLOW_MAX);
	json_out_buf(&o, &b);
	json_open(&o, '{');
	json_key(&o, "type");
	json_str(&o, str_of(type_name(s->p)));
	json_key(&o, "verifier");
	json_str(&o, str_of(s->flow.verifier));
	json_key(&o, "state");
	json_str(&o, str_of(s->flow.state));
	json_key(&o, "redirect");
	json_str(&o, str_of(s->flow.redirect));
	json_key(&o, "time");
	json_num(&o, wall_s());
	json_close(&o, '}');
	json_out_flush(&o);
	rc = o.bad || b.bad ? err_set(&s->e, ERR_MEM, "no memory") :
	    file_replace(path, buf_str(&b), 0600, &s->e);
	buf_wipe(&b);
	return rc;
}

/* A member into a field of fixed size. -1: absent, or too long. */
static int
flow_member(struct json_value v, const char *name, char *dst, size_t cap)
{
	struct json_value m = json_get(v, name);

	if (m.type != JSON_STRING || m.escaped || m.text.n == 0 ||
	    m.text.n >= cap)
		return -1;
	memcpy(dst, m.text.p, m.text.n);
	dst[m.text.n] = '\0';
	return 0;
}

static int
flow_parse(struct signin *s, struct str text)
{
	struct oauth_flow *f = &s->flow;
	struct json_value v;
	uint64_t time = 0;
	int64_t age;

	if (json_check(text, NULL) < 0)
		goto bad;
	v = json_root(text);
	if (flow_member(v, "verifier", f->verifier, sizeof(f->verifier)) < 0 ||
	    flow_member(v, "state", f->state, sizeof(f->state)) < 0 ||
	    flow_member(v, "redirect", f->redirect, sizeof(f->redirect)) < 0 ||
	    json_u64(json_get(v, "time"), &time) < 0 ||
	    !json_is(json_get(v, "type"), str_of(type_name(s->p))))
		goto bad;
	age = wall_s() - (int64_t)time;
	if (age > PERSON_MS / 1000 || age < -PERSON_MS / 1000)
		return err_set(&s->e, ERR_INPUT, "the login that began with "
		    "--url is over 15 minutes old; begin again with --url");
	return 0;
bad:
	return err_set(&s->e, ERR_INPUT, "the file of the login that began "
	    "with --url is damaged; begin again with --url");
}

static int
flow_load(struct signin *s, const char *path)
{
	struct buf b;
	int rc;

	buf_init(&b, FLOW_MAX);
	rc = file_read(path, &b, &s->e);
	if (rc == 0)
		rc = flow_parse(s, buf_str(&b));
	else if (s->e.kind == ERR_SYS && s->e.sys == ENOENT)
		err_set(&s->e, ERR_INPUT, "no login is under way; begin with "
		    "\"llmux login %s --url\"", type_name(s->p));
	buf_wipe(&b);
	return rc;
}

int
signin_begin(struct signin *s)
{
	const char *type = type_name(s->p);
	bool named = !str_eq(s->p->name, str_of(type));
	char path[LOGIN_PATH_MAX];
	struct buf url;
	int rc;

	flow_path(s, path);
	oauth_flow_new(s->p, false, 1455, &s->flow);
	buf_init(&url, TEXT_MAX);
	oauth_authorize_url(s->p, &s->flow, &url);
	buf_addc(&url, '\n');
	rc = url.bad ? err_set(&s->e, ERR_MEM, "no memory") :
	    flow_save(s, path);
	if (rc == 0)
		rc = term_put(1, buf_str(&url), &s->e);
	buf_free(&url);
	if (rc == 0)
		term_note("Sign in there; then, within 15 minutes, give what "
		    "the page shows%s to:\n  llmux login %s%s%.*s --code -\n",
		    s->p->type == PROVIDER_CHATGPT ?
		    ", or the address it ends at," : "", type,
		    named ? " --as " : "", named ? (int)s->p->name.n : 0,
		    s->p->name.p);
	return rc;
}

void
signin_end(const struct signin *s)
{
	char path[LOGIN_PATH_MAX];

	flow_path(s, path);
	unlink(path);
}

/* ---- all ways ---- */

int
signin_code(struct signin *s)
{
	char path[LOGIN_PATH_MAX];

	switch (s->way) {
	case WAY_DEVICE:
		return code_by_device(s);
	case WAY_CODE:
		flow_path(s, path);
		if (flow_load(s, path) < 0)
			return -1;
		if (term_is_person())
			term_note("Paste the code: ");
		return await_code(s);
	case WAY_USUAL:
		if (s->p->type == PROVIDER_CHATGPT)
			return code_by_callback(s);
		return code_by_paste(s);
	default:
		return code_by_paste(s);
	}
}
