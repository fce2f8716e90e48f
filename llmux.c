/* SPDX-License-Identifier: MIT */
/*
 * llmux: one address on this machine for a person's own Claude account,
 * ChatGPT account and OpenAI-compatible servers. This file is the command
 * line: one table that prints its own usage. The server's life is serve.c, a
 * request's life relay.c.
 *
 * Goals in order: no token and no stream end lost or made up; small enough for
 * a router; code that can be read; speed.
 * Exit codes: 0, 1 failed, 2 usage or configuration, 75 try again later.
 */
#include <string.h>
#include <unistd.h>

#include "admin/commands.h"
#include "route.h"
#include "serve.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int cmd_serve(int argc, char **argv);
static int cmd_check(int argc, char **argv);
static int cmd_models(int argc, char **argv);
static int cmd_budget(int argc, char **argv);
static int cmd_help(int argc, char **argv);
static int cmd_login(int argc, char **argv);
static int cmd_setup_token(int argc, char **argv);
static int cmd_logout(int argc, char **argv);
static int cmd_import(int argc, char **argv);
static int cmd_export(int argc, char **argv);
static int cmd_status(int argc, char **argv);
static int cmd_key(int argc, char **argv);

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command */
	const char *args, *line, *more;
} commands[] = {
	{ "serve", cmd_serve, "[-c FILE] [--listen ADDR]... [--bind ADDR] "
	    "[--port N]\n                   [--env-file FILE] [--debug]",
	    "run the proxy in the foreground",
	    "Runs until SIGTERM or SIGINT; SIGHUP reads the configuration "
	    "again.\nStarts with whatever there is; the built-in model "
	    "\"echo\" always answers.\n\n"
	    "  -c FILE          configuration file\n"
	    "  --listen ADDR    127.0.0.1:8081, [::1]:8081, unix:/path or "
	    "tls:IP:PORT;\n                   replaces the listeners of the "
	    "configuration; may be repeated\n"
	    "  --bind ADDR      only the address\n"
	    "  --port N         only the port; 0: the kernel chooses\n"
	    "  --env-file FILE  NAME=value lines, behind the real "
	    "environment\n"
	    "  --debug          log_level = debug\n" },
	{ "login", cmd_login, "claude|chatgpt [--paste|--device|--url|--code -] "
	    "[--as NAME]", "log in with a Claude or ChatGPT account",
	    "Tokens stay on this machine, in state_dir.\n\n"
	    "  --paste     read what the browser shows, no listener\n"
	    "  --device    ChatGPT: a code to enter on another device\n"
	    "  --url       print the address and end; finish with --code\n"
	    "  --code -    read the code from standard input and finish\n"
	    "  --as NAME   a further account: provider NAME\n" },
	{ "setup-token", cmd_setup_token, "[--no-save]",
	    "a Claude token for a year, alone on standard output",
	    "llmux setup-token | ssh box llmux import -\n\n"
	    "  --no-save   only print it\n" },
	{ "logout", cmd_logout, "NAME", "forget a login, and revoke it where "
	    "the provider allows", "NAME is the provider's: claude, chatgpt "
	    "or what --as gave.\n" },
	{ "import", cmd_import, "[--as NAME] [FILE|-]",
	    "take over a login of another program or machine",
	    "Knows the files of Claude Code, Codex, ChatMock, CLIProxyAPI, "
	    "LiteLLM, the\nPython LLMux, of llmux export, and a bare token "
	    "line. Without FILE it looks in\nthe known places and asks. A "
	    "login moves: its refresh token works once.\n" },
	{ "export", cmd_export, "NAME [--force]",
	    "print a login, for llmux import on another machine",
	    "llmux export claude | ssh box llmux import -\nThe login moves: "
	    "it is not refreshed here any more.\n\n"
	    "  --force     also to a terminal\n" },
	{ "status", cmd_status, "[--json|--check]",
	    "accounts, how long their tokens live, quota windows",
	    "Asks the running server; without one, what the files say.\n\n"
	    "  --json      for programs\n"
	    "  --check     exit code 0 only if the server answers\n" },
	{ "key", cmd_key, "add NAME | list | delete ID | rename ID NAME",
	    "local API keys for clients",
	    "A key is shown once, when it is made.\n" },
	{ "check", cmd_check, "[-c FILE] [--env-file FILE] [--keys]",
	    "print the configuration in force, secrets masked",
	    "Exit code 2 and the reason if it is not valid.\n\n"
	    "  --keys           list all keys with default and meaning\n" },
	{ "models", cmd_models, "[-c FILE] [--env-file FILE]",
	    "list the models that can be called",
	    "One line a model: its name and who serves it.\n" },
	{ "budget", cmd_budget, "[-c FILE] [--env-file FILE]",
	    "worst-case memory of this configuration",
	    "What all clients, streams and bodies can take together at "
	    "most.\n" },
	{ "help", cmd_help, "[COMMAND]", "explain a command", "" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *
find_command(const char *name)
{
	size_t i;

	for (i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* All of it to a descriptor; what cannot be written is the reader's loss. */
static void
put(int fd, const struct buf *b)
{
	struct str s = buf_str(b);

	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n <= 0)
			return;
		s = str_sub(s, (size_t)n, s.n);
	}
}

static void
usage(int fd)
{
	struct buf b;
	size_t i;

	buf_init(&b, 8192);
	buf_addz(&b, "usage: llmux COMMAND [ARGUMENTS]\n\n");
	for (i = 0; i < N_COMMANDS; i++)
		buf_fmt(&b, "  %-11s  %s\n", commands[i].name,
		    commands[i].line);
	buf_addz(&b, "\n  --version, --help\n"
	    "  --headless [--token V] [--bind A] [--port N] [--no-auto-start] "
	    "[--debug]\n               serve without questions; fails "
	    "without any credential\n  --setup-token  = setup-token\n\n"
	    "On a terminal, llmux alone shows a menu. llmux help COMMAND "
	    "explains one.\nFirst steps: llmux serve\n");
	put(fd, &b);
	buf_free(&b);
}

static void
usage_of(int fd, const struct command *c)
{
	struct buf b;

	buf_init(&b, 8192);
	buf_fmt(&b, "usage: llmux %s %s\n\n%s.\n%s", c->name, c->args, c->line,
	    c->more);
	put(fd, &b);
	buf_free(&b);
}

/* ---- options ---- */

struct options {
	struct conf_flags conf;
	struct str listen[CONF_LISTEN_MAX];
	bool keys;
	bool setup_token;
};

enum { TAKES_LISTEN = 1, TAKES_KEYS = 2, TAKES_OLD = 4 };

static int
bad_option(const char *command, const char *what, const char *why)
{
	log_put(LOG_ERROR, "%s: %s: %s; see \"llmux help %s\"", command, what,
	    why, command);
	return -1;
}

/* The field that a value option fills, or NULL. */
static struct str *
value_field(struct options *o, const char *name, int takes)
{
	if (strcmp(name, "-c") == 0)
		return &o->conf.file;
	if (strcmp(name, "--env-file") == 0)
		return &o->conf.env_file;
	if ((takes & TAKES_LISTEN) == 0)
		return NULL;
	if (strcmp(name, "--token") == 0)
		return &o->conf.token;
	if (strcmp(name, "--bind") == 0 || strcmp(name, "-b") == 0)
		return &o->conf.bind;
	if (strcmp(name, "--port") == 0)
		return &o->conf.port;
	if (strcmp(name, "--listen") == 0 &&
	    o->conf.listen.n < CONF_LISTEN_MAX)
		return &o->listen[o->conf.listen.n++];
	return NULL;
}

/* Flags of the Python LLMux that stand without a command. */
static bool
old_flag(struct options *o, const char *arg)
{
	if (strcmp(arg, "--headless") == 0)
		o->conf.headless = true;
	else if (strcmp(arg, "--no-auto-start") == 0)
		o->conf.only_check = true;
	else if (strcmp(arg, "--setup-token") == 0)
		o->setup_token = true;
	else
		return false;
	return true;
}

/* "--name value" and "--name=value". 0, or -1 with a line on stderr. */
static int
options_read(struct options *o, int argc, char **argv, int takes)
{
	int i;

	memset(o, 0, sizeof(*o));
	o->conf.listen.v = o->listen;
	for (i = 1; i < argc; i++) {
		char name[32];
		const char *equals = strchr(argv[i], '=');
		struct str *field;

		if ((strcmp(argv[i], "--debug") == 0 ||
		    strcmp(argv[i], "-d") == 0) &&
		    (takes & TAKES_LISTEN) != 0) {
			o->conf.debug = true;
			continue;
		}
		if ((takes & TAKES_OLD) != 0 && old_flag(o, argv[i]))
			continue;
		if (strcmp(argv[i], "--keys") == 0 &&
		    (takes & TAKES_KEYS) != 0) {
			o->keys = true;
			continue;
		}
		fmt_to(name, sizeof(name), "%.*s", equals != NULL &&
		    argv[i][0] == '-' ? (int)(equals - argv[i]) :
		    (int)strlen(argv[i]), argv[i]);
		field = value_field(o, name, takes);
		if (field == NULL)
			return bad_option(argv[0], argv[i],
			    "not an option of this command");
		if (equals == NULL && i + 1 >= argc)
			return bad_option(argv[0], argv[i],
			    "needs a value");
		*field = str_of(equals != NULL ? equals + 1 : argv[++i]);
		if (field->n == 0)
			return bad_option(argv[0], name, "needs a value");
	}
	return 0;
}

/* Options, then the configuration; NULL: said why. */
static struct conf *
load(int argc, char **argv, struct options *o, int takes)
{
	struct err e = { .kind = ERR_NONE };
	struct conf *c;

	if (options_read(o, argc, argv, takes) < 0)
		return NULL;
	log_setup(LOG_WARN, false); /* stdout is for the answer */
	c = conf_load(&o->conf, &e);
	if (c == NULL)
		log_put(LOG_ERROR, "%s", e.text);
	return c;
}

/* ---- commands ---- */

static int
cmd_serve(int argc, char **argv)
{
	struct options o;

	if (options_read(&o, argc, argv, TAKES_LISTEN) < 0)
		return EXIT_USAGE;
	return serve(&o.conf);
}

static int
cmd_check(int argc, char **argv)
{
	struct options o;
	struct err e = { .kind = ERR_NONE };
	struct conf *c = NULL;
	struct buf b;

	if (options_read(&o, argc, argv, TAKES_KEYS) < 0)
		return EXIT_USAGE;
	buf_init(&b, 1024 * 1024);
	if (o.keys) {
		conf_print_keys(&b);
		put(1, &b);
		buf_free(&b);
		return EXIT_OK;
	}
	log_setup(LOG_WARN, false); /* stdout is for the answer */
	c = conf_load(&o.conf, &e);
	if (c == NULL || conf_open(c, &e) < 0) {
		log_put(LOG_ERROR, "%s", e.text);
		conf_unref(c);
		return EXIT_USAGE;
	}
	conf_print(c, &b);
	put(1, &b);
	buf_wipe(&b);
	conf_unref(c);
	return EXIT_OK;
}

static int
cmd_models(int argc, char **argv)
{
	struct options o;
	struct conf *c = load(argc, argv, &o, 0);
	struct model_entry *m;
	struct arena a;
	struct buf b;
	size_t n, i;

	if (c == NULL)
		return EXIT_USAGE;
	arena_init(&a, 1024 * 1024);
	buf_init(&b, 1024 * 1024);
	m = route_models(c, &a, &n);
	for (i = 0; m != NULL && i < n; i++)
		buf_fmt(&b, "%-32.*s %.*s\n", STR_ARG(m[i].id),
		    STR_ARG(m[i].owner));
	put(1, &b);
	buf_free(&b);
	arena_free(&a);
	conf_unref(c);
	return m == NULL ? EXIT_FAILED : EXIT_OK;
}

static int
cmd_budget(int argc, char **argv)
{
	struct options o;
	struct conf *c = load(argc, argv, &o, 0);
	struct buf b;

	if (c == NULL)
		return EXIT_USAGE;
	buf_init(&b, 65536);
	conf_budget(c, &b);
	put(1, &b);
	buf_free(&b);
	conf_unref(c);
	return EXIT_OK;
}

/* -c and --env-file go out of argv; what the command itself does with the
 * rest is its own affair. */
static int
with_conf(int argc, char **argv,
    int (*command)(struct conf *c, int argc, char **argv))
{
	struct conf_flags f = { .debug = false };
	struct err e = { .kind = ERR_NONE };
	struct conf *c;
	int i, n = 1, code;

	for (i = 1; i < argc; i++) {
		struct str *field = strcmp(argv[i], "-c") == 0 ? &f.file :
		    strcmp(argv[i], "--env-file") == 0 ? &f.env_file : NULL;

		if (field == NULL) {
			argv[n++] = argv[i];
			continue;
		}
		if (i + 1 >= argc) {
			bad_option(argv[0], argv[i], "needs a value");
			return EXIT_USAGE;
		}
		*field = str_of(argv[++i]);
	}
	argv[n] = NULL;
	log_setup(LOG_WARN, false); /* stdout is for the answer */
	c = conf_load(&f, &e);
	if (c == NULL) {
		log_put(LOG_ERROR, "%s", e.text);
		return EXIT_USAGE;
	}
	code = command(c, n, argv);
	conf_unref(c);
	return code;
}

static int
cmd_login(int argc, char **argv)
{
	return with_conf(argc, argv, login_command);
}

static int
cmd_setup_token(int argc, char **argv)
{
	return with_conf(argc, argv, setup_token_command);
}

static int
cmd_logout(int argc, char **argv)
{
	return with_conf(argc, argv, logout_command);
}

static int
cmd_import(int argc, char **argv)
{
	return with_conf(argc, argv, import_command);
}

static int
cmd_export(int argc, char **argv)
{
	return with_conf(argc, argv, export_command);
}

static int
cmd_status(int argc, char **argv)
{
	return with_conf(argc, argv, status_command);
}

static int
cmd_key(int argc, char **argv)
{
	return with_conf(argc, argv, key_command);
}

static int
cmd_help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		usage(1);
		return EXIT_OK;
	}
	c = find_command(argv[1]);
	if (c == NULL) {
		bad_option("help", argv[1], "no such command");
		return EXIT_USAGE;
	}
	usage_of(1, c);
	return EXIT_OK;
}

static int
version(void)
{
	struct buf b;

	buf_init(&b, 100);
	buf_addz(&b, "llmux " LLMUX_VERSION "\n");
	put(1, &b);
	buf_free(&b);
	return EXIT_OK;
}

/* ---- without a command ---- */

static struct options without; /* for start_from_menu */

static int
start_from_menu(void)
{
	/* Commands of the menu may have become the owner of state_dir. */
	if (setegid(getgid()) < 0 || seteuid(getuid()) < 0)
		log_put(LOG_WARN, "serve: stays the owner of state_dir");
	return serve(&without.conf);
}

static int
show_menu(struct conf *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return menu_command(c, start_from_menu);
}

/* Flags alone: the Python LLMux's way, or a person at a terminal. */
static int
no_command(int argc, char **argv)
{
	static char serve_name[] = "serve"; /* whose options these are */
	char *name[] = { argv[0], NULL };

	argv[0] = serve_name;
	if (options_read(&without, argc, argv, TAKES_LISTEN | TAKES_OLD) < 0)
		return EXIT_USAGE;
	if (without.setup_token)
		return with_conf(1, name, setup_token_command);
	if (without.conf.only_check && !without.conf.headless) {
		bad_option(argv[0], "--no-auto-start", "goes with --headless");
		return EXIT_USAGE;
	}
	if (without.conf.headless)
		return serve(&without.conf);
	if (isatty(0) && isatty(1))
		return with_conf(1, name, show_menu);
	usage(2);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	const struct command *c;

	log_setup(LOG_INFO, false);
	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		return version();
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)) {
		usage(1);
		return EXIT_OK;
	}
	if (argc < 2 || argv[1][0] == '-')
		return no_command(argc, argv);
	c = find_command(argv[1]);
	if (c == NULL) {
		log_put(LOG_ERROR, "%s: no such command; see \"llmux "
		    "--help\"", argv[1]);
		return EXIT_USAGE;
	}
	return c->run(argc - 1, argv + 1);
}
