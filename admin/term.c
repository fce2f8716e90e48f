/* SPDX-License-Identifier: MIT */
/*
 * term: what commands say and hear. Answers on stdout, everything beside them
 * on stderr, so that stdout can go into a pipe. Lines only: no escape
 * sequences, no terminal modes, no curses.
 *
 * Reads stdin through a buffer of its own, which is wiped as it is used up,
 * since lines may be codes and keys. Nothing here is thread-safe; nothing is
 * called while llmux serves. POSIX.1-2008.
 */
#include "term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAY_MAX (64u << 10)
#define LINE_MAX_BYTES (64u << 10)
#define ANSWER_MS 600000 /* for a yes or no */
#define ANSWER_TRIES 3
#define PASSWD_MAX (256u << 10)
#define SERVICE_DIR "/var/lib/llmux"

/* ---- saying ---- */

int
term_put(int fd, struct str s, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EAGAIN)
			poll(&p, 1, -1); /* a terminal shared with O_NONBLOCK */
		else if (n < 0 && errno != EINTR)
			return err_sys(e, "writing");
		else if (n > 0)
			s = str_sub(s, (size_t)n, s.n);
	}
	return 0;
}

static void
put(int fd, const char *before, const char *fmt, va_list ap, const char *after)
{
	struct buf b;

	buf_init(&b, SAY_MAX);
	buf_addz(&b, before);
	buf_vfmt(&b, fmt, ap);
	buf_addz(&b, after);
	/* Nobody is left to be told if this cannot be written. */
	term_put(fd, b.bad ? STR("llmux: no memory\n") : buf_str(&b), NULL);
	buf_wipe(&b);
}

void
term_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(1, "", fmt, ap, "");
	va_end(ap);
}

void
term_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(2, "", fmt, ap, "");
	va_end(ap);
}

void
term_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(2, "llmux: ", fmt, ap, "\n");
	va_end(ap);
}

/* ---- hearing ---- */

/* What was read from stdin and not given to anybody yet. */
static struct buf held = { .max = LINE_MAX_BYTES };

/* The first n bytes of held go, the last skip of them (a line's end) unseen. */
static void
take_held(struct buf *line, size_t n, size_t skip)
{
	struct str s = str_sub(buf_str(&held), 0, n - skip);
	size_t old = held.len;

	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	buf_adds(line, s);
	buf_cut(&held, n);
	if (held.p != NULL)
		mem_wipe(held.p + held.len, old - held.len);
	if (held.len == 0)
		buf_wipe(&held);
}

/* Wait for stdin or wake. 1: stdin; 2: wake; -1. */
static int
wait_in(int wake, int64_t due, struct err *e)
{
	struct pollfd p[2] = { { .fd = 0, .events = POLLIN },
		{ .fd = wake, .events = POLLIN } };
	int64_t left;
	int n;

	for (;;) {
		left = due == DUE_NEVER ? -1 : due - now_ms();
		if (due != DUE_NEVER && left < 0)
			left = 0;
		n = poll(p, 2, left > 3600000 ? 3600000 : (int)left);
		if (n < 0 && errno != EINTR)
			return err_sys(e, "waiting for input");
		if (n > 0)
			return p[1].revents != 0 ? 2 : 1;
		if (n == 0 && due != DUE_NEVER && now_ms() >= due)
			return err_set(e, ERR_TIME, "nothing was typed in "
			    "time");
	}
}

int
term_line(struct buf *line, int wake, int64_t due, struct err *e)
{
	char part[1024];
	ssize_t n, at;
	int rc;

	for (;;) {
		at = str_chr(buf_str(&held), '\n');
		if (at >= 0) {
			take_held(line, (size_t)at + 1, 1);
			break;
		}
		rc = wait_in(wake, due, e);
		if (rc != 1)
			return rc;
		/* A terminal's line in one piece: growing would leave copies
		 * of it in freed memory. */
		if (held.p == NULL)
			buf_room(&held, 4096);
		n = read(0, part, sizeof(part));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_sys(e, "reading stdin");
		if (n == 0 && held.len == 0)
			return 0;
		if (n == 0) { /* a last line without its end */
			take_held(line, held.len, 0);
			break;
		}
		if (n > 0)
			buf_add(&held, part, (size_t)n);
		mem_wipe(part, sizeof(part));
		if (held.bad) {
			rc = n > 0 && held.len + (size_t)n > held.max ?
			    err_set(e, ERR_LIMIT, "a line of input is longer "
			    "than %u bytes", LINE_MAX_BYTES) :
			    err_set(e, ERR_MEM, "no memory");
			buf_wipe(&held);
			return rc;
		}
	}
	return line->bad ? err_set(e, ERR_LIMIT, "a line of input is too "
	    "long") : 1;
}

int
term_all(int fd, struct buf *b, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char part[1024];
	ssize_t n;
	int rc = 0;

	/* What stood in line for term_line comes first. */
	if (fd == 0)
		take_held(b, held.len, 0);
	do {
		n = read(fd, part, sizeof(part));
		if (n > 0)
			buf_add(b, part, (size_t)n);
		else if (n < 0 && errno == EAGAIN)
			poll(&p, 1, -1);
		else if (n < 0 && errno != EINTR)
			rc = err_sys(e, "reading");
	} while (rc == 0 && n != 0 && !b->bad);
	mem_wipe(part, sizeof(part));
	if (!b->bad)
		return rc;
	return b->len + 1024 > b->max ? err_set(e, ERR_LIMIT, "the input is "
	    "larger than %zu bytes", b->max) : err_set(e, ERR_MEM,
	    "no memory");
}

bool
term_is_person(void)
{
	return isatty(0) == 1 && isatty(2) == 1;
}

bool
term_yes(const char *question, bool preset)
{
	struct buf line;
	ssize_t place = -1;
	int i, rc = 1;

	buf_init(&line, LINE_MAX_BYTES);
	for (i = 0; i < ANSWER_TRIES && rc == 1 && place < 0; i++) {
		term_note("%s [%s] ", question, preset ? "Y/n" : "y/N");
		buf_clear(&line);
		rc = term_line(&line, -1, due_in(ANSWER_MS), NULL);
		place = str_trim(buf_str(&line)).n == 0 ? preset :
		    str_place(str_trim(buf_str(&line)), "n|y|no|yes");
	}
	buf_free(&line);
	if (rc == 1)
		return place >= 0 && place % 2 == 1;
	term_note("\n");
	return false;
}

/* ---- whose files ---- */

/* The name of a user, or his number. Not getpwuid: in a static program it
 * brings the name service along. */
static void
user_name(uid_t uid, char *dst, size_t cap)
{
	struct str rest, line, name, field;
	struct buf b;
	uint64_t n;

	fmt_to(dst, cap, "uid %u", (unsigned)uid);
	buf_init(&b, PASSWD_MAX);
	if (file_read("/etc/passwd", &b, NULL) == 0) {
		rest = buf_str(&b);
		while (str_cut(&rest, '\n', &line))
			if (str_cut(&line, ':', &name) &&
			    str_cut(&line, ':', &field) &&
			    str_cut(&line, ':', &field) &&
			    str_u64(field, &n) == 0 && n == uid) {
				fmt_to(dst, cap, "%.*s", STR_ARG(name));
				break;
			}
	}
	buf_free(&b);
}

int
term_state(const struct conf *c)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct err e = { .kind = ERR_NONE };
	struct stat st, service;
	char owner[64];

	if (c->state_dir.n == 0) {
		term_fail("there is no state_dir to keep anything in");
		return -1;
	}
	if (conf_make_dirs(c, &e) < 0 || stat(c->state_dir.p, &st) < 0) {
		if (e.kind == ERR_NONE)
			err_sys(&e, "%s", c->state_dir.p);
		term_fail("%s", e.text);
		return -1;
	}
	/* A full disk or a reader that has left is an error of write, not the
	 * end: something may have to be undone. */
	sigaction(SIGXFSZ, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	user_name(st.st_uid, owner, sizeof(owner));
	term_note("state: %s (%s)\n", c->state_dir.p, owner);
	/* Group first: the user that one becomes may not change it. */
	if (geteuid() == 0 && st.st_uid != 0 &&
	    (setegid(st.st_gid) < 0 || seteuid(st.st_uid) < 0)) {
		err_sys(&e, "becoming %s, the owner of %s", owner,
		    c->state_dir.p);
		term_fail("%s", e.text);
		return -1;
	}
	if (getuid() != 0 && stat(SERVICE_DIR, &service) == 0 &&
	    (service.st_dev != st.st_dev || service.st_ino != st.st_ino))
		term_note("note: a system service keeps a state of its own in "
		    SERVICE_DIR "; that one is changed as root\n");
	return 0;
}
