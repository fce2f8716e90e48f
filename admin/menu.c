/* SPDX-License-Identifier: MIT */
/*
 * menu: `llmux` on a terminal. Numbered lines, no curses; a number and return,
 * q or the end of input leaves. Every line is one of the commands, called in
 * this process as if it had been typed; one table says which.
 */
#include "commands.h"

#include <string.h>

#include "../oauth.h"
#include "control.h"
#include "term.h"

#define REFRESH_MS 60000
#define ARGS_MAX 4
#define ANSWER_MAX 128

enum { EXIT_OK = 0, EXIT_FAILED = 1 };

typedef int command_fn(struct conf *c, int argc, char **argv);

static command_fn refresh_command;

struct line {
	const char *text;
	command_fn *run;             /* NULL: see menu */
	const char *args[ARGS_MAX];  /* "?text": is asked for */
	unsigned char menu;          /* one of enum place, when run is NULL */
};

enum place { TOP, ACCOUNTS, KEYS, START, LEAVE };

static const struct line top[] = {
	{ .text = "start proxy", .menu = START },
	{ .text = "Authentication", .menu = ACCOUNTS },
	{ "status", status_command, { "status" }, 0 },
	{ .text = "API keys", .menu = KEYS },
	{ .text = "quit", .menu = LEAVE },
};

static const struct line accounts[] = {
	{ "Claude: log in", login_command, { "login", "claude" }, 0 },
	{ "Claude: setup token (365 days)", setup_token_command,
	    { "setup-token" }, 0 },
	{ "Claude: refresh now", refresh_command, { "refresh", "claude" }, 0 },
	{ "Claude: log out", logout_command, { "logout", "claude" }, 0 },
	{ "ChatGPT: log in", login_command, { "login", "chatgpt" }, 0 },
	{ "ChatGPT: log in with a device code", login_command,
	    { "login", "chatgpt", "--device" }, 0 },
	{ "ChatGPT: refresh now", refresh_command, { "refresh", "chatgpt" },
	    0 },
	{ "ChatGPT: log out", logout_command, { "logout", "chatgpt" }, 0 },
	{ "status", status_command, { "status" }, 0 },
	{ .text = "back", .menu = TOP },
};

static const struct line keys[] = {
	{ "list", key_command, { "key", "list" }, 0 },
	{ "add", key_command, { "key", "add", "?name" }, 0 },
	{ "delete", key_command, { "key", "delete", "?id" }, 0 },
	{ "rename", key_command, { "key", "rename", "?id", "?new name" }, 0 },
	{ .text = "back", .menu = TOP },
};

#define ROWS(t) t, sizeof(t) / sizeof((t)[0])

static const struct menu {
	const char *title;
	const struct line *line;
	size_t n;
} menus[] = { /* in the order of enum place */
	{ "llmux", ROWS(top) },
	{ "Authentication", ROWS(accounts) },
	{ "API keys", ROWS(keys) },
};

static int
refresh_command(struct conf *c, int argc, char **argv)
{
	struct err e = { .kind = ERR_NONE };
	const struct provider *p;

	(void)argc;
	p = conf_provider(c, str_of(argv[1]));
	if (term_state(c) < 0)
		return EXIT_FAILED;
	if ((c->trust == NULL && c->identity == NULL &&
	    conf_open_client(c, &e) < 0) ||
	    oauth_refresh_now(c, p, due_in(REFRESH_MS), &e) < 0) {
		term_fail("refresh: %s: %s", argv[1], e.text);
		return EXIT_FAILED;
	}
	term_say("refreshed: %s\n", argv[1]);
	control_reload(c);
	return EXIT_OK;
}

/* A line of the user without blanks around it. -1: the input ended. */
static int
ask(const char *what, char *dst, size_t cap)
{
	struct buf b;
	int rc;

	term_note("%s: ", what);
	buf_init(&b, 4096);
	rc = term_line(&b, -1, DUE_NEVER, NULL) == 1 ? 0 : -1;
	fmt_to(dst, cap, "%.*s", STR_ARG(str_trim(buf_str(&b))));
	buf_wipe(&b);
	return rc;
}

/* -1: the input ended. */
static int
run_line(struct conf *c, const struct line *l)
{
	char text[ARGS_MAX][ANSWER_MAX], *argv[ARGS_MAX + 1] = { NULL };
	int n = 0;

	for (; n < ARGS_MAX && l->args[n] != NULL; n++) {
		argv[n] = text[n];
		if (l->args[n][0] != '?')
			fmt_to(text[n], ANSWER_MAX, "%s", l->args[n]);
		else if (ask(l->args[n] + 1, text[n], ANSWER_MAX) < 0)
			return -1;
		else if (text[n][0] == '\0')
			return 0; /* thought better of it */
	}
	l->run(c, n, argv); /* has said how it ended */
	return 0;
}

/* Show m and take one choice; the line, or NULL: leave. */
static const struct line *
choose(const struct menu *m)
{
	char answer[16];
	uint64_t n;
	size_t i;

	term_note("\n%s\n", m->title);
	for (i = 0; i < m->n; i++)
		term_note(" %2u  %s\n", (unsigned)i + 1, m->line[i].text);
	for (;;) {
		if (ask("number", answer, sizeof(answer)) < 0 ||
		    strcmp(answer, "q") == 0)
			return NULL;
		if (str_u64(str_of(answer), &n) == 0 && n > 0 && n <= m->n)
			return &m->line[n - 1];
		term_note("expected a number from 1 to %u, or q to quit\n",
		    (unsigned)m->n);
	}
}

int
menu_command(struct conf *c, int (*start)(void))
{
	const struct line *l;
	unsigned place = TOP;

	for (;;) {
		l = choose(&menus[place]);
		if (l == NULL)
			return EXIT_OK;
		if (l->run != NULL) {
			if (run_line(c, l) < 0)
				return EXIT_OK;
			continue;
		}
		if (l->menu == START)
			return start();
		if (l->menu == LEAVE)
			return EXIT_OK;
		place = l->menu;
	}
}
