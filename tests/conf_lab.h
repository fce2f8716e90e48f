/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the conf files share: a directory of their own that is
 * HOME, an environment of their own, and the lines that were logged.
 */
#ifndef LLMUX_TESTS_CONF_LAB_H
#define LLMUX_TESTS_CONF_LAB_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../conf_priv.h"
#include "check.h"

static char home[64]; /* the directory; also HOME */

/* ---- lines of the log ---- */

static int real_out, real_err;

static inline void
log_catch(void)
{
	int fd = open("said", O_RDWR | O_CREAT | O_TRUNC, 0600);

	fflush(NULL);
	real_out = dup(1);
	real_err = dup(2);
	dup2(fd, 1);
	dup2(fd, 2);
	close(fd);
}

/* What was logged since log_catch; good until the next call. */
static inline struct str
log_said(void)
{
	static char text[8192];
	ssize_t n;
	int fd;

	fflush(NULL);
	dup2(real_out, 1);
	dup2(real_err, 2);
	close(real_out);
	close(real_err);
	fd = open("said", O_RDONLY);
	n = read(fd, text, sizeof(text));
	close(fd);
	return (struct str){ text, n < 0 ? 0 : (size_t)n };
}

static inline void
put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) ==
	    (ssize_t)strlen(text));
	close(fd);
}

static inline bool
has(struct str s, const char *part)
{
	return str_find(s, str_of(part)) >= 0;
}

/* Is want a whole line of text? */
static inline bool
has_line(struct str text, struct str want)
{
	struct str line;

	while (str_cut(&text, '\n', &line))
		if (str_eq(line, want))
			return true;
	return false;
}

/* ---- the environment ---- */

static const char *const known[] = { "LLMUX_CONFIG", "LLMUX_STATE_DIR",
	"LLMUX_BIND", "LLMUX_PORT", "LLMUX_LOG_LEVEL", "LLMUX_API_KEY",
	"LLMUX_API_KEY_FILE", "PORT", "BIND_ADDRESS", "LOG_LEVEL",
	"DEFAULT_MODEL", "CACHE_TTL", "TOKEN_FILE", "CHATGPT_TOKEN_FILE",
	"API_KEYS_FILE", "USAGE_DB_FILE", "CONNECT_TIMEOUT", "READ_TIMEOUT",
	"REQUEST_TIMEOUT", "CHATGPT_DEFAULT_REASONING_EFFORT",
	"CHATGPT_DEFAULT_REASONING_SUMMARY",
	"CHATGPT_EXPOSE_REASONING_VARIANTS", "ANTHROPIC_API_KEY",
	"ANTHROPIC_API_KEY_FILE", "OPENAI_API_KEY", "OPENAI_API_KEY_FILE",
	"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY",
	"no_proxy", "MY_KEY" };

/* Nothing but HOME, then "NAME=value" lines. */
static inline void
set_env(const char *lines)
{
	struct str rest = str_of(lines), line, name;
	char n[64], v[400];
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		unsetenv(known[i]);
	setenv("HOME", home, 1);
	while (str_cut(&rest, '\n', &line)) {
		if (!str_cut(&line, '=', &name))
			continue;
		snprintf(n, sizeof(n), "%.*s", STR_ARG(name));
		snprintf(v, sizeof(v), "%.*s", STR_ARG(line));
		setenv(n, v, 1);
	}
}

/* ---- the directory ---- */

static inline void
lab_enter(void)
{
	snprintf(home, sizeof(home), "/tmp/llmux-conf.XXXXXX");
	if (mkdtemp(home) == NULL || chdir(home) < 0) {
		perror(home);
		exit(1);
	}
	set_env("");
	mkdir(".llmux", 0700);
}

static inline void
lab_leave(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", home);
	if (chdir("/") < 0 || system(cmd) != 0)
		perror(home);
}

#endif
