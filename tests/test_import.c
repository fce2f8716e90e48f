/* SPDX-License-Identifier: MIT */
/*
 * Tests of `llmux import` and `llmux export` as a user meets them: each run is
 * a process of its own with files for stdin, stdout and stderr. The provider
 * is a port of this machine where nobody listens: a login that cannot be tried
 * stays. Also the lines and questions of term.c.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../admin/commands.h"
#include "../admin/term.h"
#include "../oauth.h"
#include "conf_lab.h"

#define OAT "sk-ant-oat01-aaaa_bbbb-cccc"
#define CLAUDE "{\"claudeAiOauth\":{\"accessToken\":\"at-1\"," \
	"\"refreshToken\":\"rt-1\",\"expiresAt\":4000000000000," \
	"\"subscriptionType\":\"max\"}}"
#define CODEX "{\"tokens\":{\"access_token\":\"at-2\",\"refresh_token\":" \
	"\"rt_2\",\"account_id\":\"acc-2\"},\"email\":\"bo@example.org\"}"

static char said[2][16384]; /* stdout, stderr of the last run */

static void
read_back(const char *path, char *dst)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, dst, sizeof(said[0]) - 1);

	dst[n < 0 ? 0 : n] = '\0';
	close(fd);
}

static void
to_fd(const char *path, int flags, int fd)
{
	int got = open(path, flags, 0600);

	dup2(got, fd);
	close(got);
}

/* One command line, words separated by one blank, as a process. out: what is
 * stdout, NULL: a file that said[0] shows. Gives its exit code. */
static int
run(const char *line, const char *in, int out)
{
	char copy[512], *argv[8];
	int argc = 0, status = -1;
	char *p = copy;
	pid_t pid;

	put_file("in", in);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct conf_flags f = { .file = STR("llmux.conf") };
		struct err e;
		struct conf *c;

		to_fd("in", O_RDONLY, 0);
		to_fd("err", O_WRONLY | O_CREAT | O_TRUNC, 2);
		if (out < 0)
			to_fd("out", O_WRONLY | O_CREAT | O_TRUNC, 1);
		else
			dup2(out, 1);
		fmt_to(copy, sizeof(copy), "%s", line);
		while (p != NULL) {
			argv[argc++] = p;
			p = strchr(p, ' ');
			if (p != NULL)
				*p++ = '\0';
		}
		argv[argc] = NULL;
		log_setup(LOG_WARN, false);
		c = conf_load(&f, &e);
		if (c == NULL) {
			term_fail("%s", e.text);
			exit(99);
		}
		status = strcmp(argv[0], "import") == 0 ?
		    import_command(c, argc, argv) :
		    export_command(c, argc, argv);
		conf_unref(c);
		/* The leak check cannot look into one that changed its user. */
		if (geteuid() != getuid())
			_exit(status);
		exit(status);
	}
	waitpid(pid, &status, 0);
	if (out < 0)
		read_back("out", said[0]);
	read_back("err", said[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool
out_has(const char *part)
{
	return strstr(said[0], part) != NULL;
}

static bool
err_has(const char *part)
{
	return strstr(said[1], part) != NULL;
}

/* The access token in a file of the state directory; "" when there is none.
 * Its mode is checked on the way. */
static struct str
stored(const char *name, bool *moved)
{
	static char access_token[256];
	char path[128];
	struct stat st;
	struct login l;

	fmt_to(path, sizeof(path), "state/%s", name);
	access_token[0] = '\0';
	if (login_load(path, &l, NULL) == 0) {
		fmt_to(access_token, sizeof(access_token), "%.*s",
		    STR_ARG(l.access));
		CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	}
	if (moved != NULL)
		*moved = l.moved;
	login_free(&l);
	return str_of(access_token);
}

static void
fresh(void)
{
	CHECK(system("rm -rf state") == 0);
}

/* ---- import ---- */

static void
test_import(void)
{
	fresh();
	put_file("cc.json", CLAUDE);
	CHECK_INT(run("import cc.json", "", -1), 0);
	CHECK(out_has("claude: claude login (max), in "));
	CHECK(out_has("/state/tokens.json\n"));
	CHECK(err_has("state: "));
	CHECK(err_has("the login has moved here"));
	CHECK(err_has("warning: it could not be tried: "));
	CHECK(!err_has("at-1") && !err_has("rt-1") && !out_has("t-1"));
	CHECK_STR(stored("tokens.json", NULL), STR("at-1"));
	/* Another account beside it, from stdin. */
	CHECK_INT(run("import --as work -", CODEX, -1), 0);
	CHECK(out_has("work: chatgpt login of bo@example.org, in "));
	CHECK_STR(stored("accounts/work.json", NULL), STR("at-2"));
	/* Its name is taken for ChatGPT now. */
	CHECK_INT(run("import --as work cc.json", "", -1), 2);
	CHECK(err_has("import: work: is no provider of type anthropic"));
	CHECK_INT(run("import --as=local cc.json", "", -1), 2);
	CHECK_INT(run("import --as claude -", CODEX, -1), 2);
	CHECK_STR(stored("tokens.json", NULL), STR("at-1"));
	/* Over one that is there: it is said. */
	CHECK_INT(run("import -", "{\"access_token\":\"at-3\","
	    "\"refresh_token\":\"r\",\"token_url\":\"http://evil.example\","
	    "\"login_needed\":\"x\",\"expires_at\":4000000000}", -1), 0);
	CHECK(err_has("it replaces the claude login (max) in "));
	CHECK_STR(stored("tokens.json", NULL), STR("at-3"));
	read_back("state/tokens.json", said[0]);
	CHECK(!out_has("evil") && !out_has("login_needed"));
}

static void
test_refused(void)
{
	static const struct {
		const char *line, *in, *want;
		int code;
	} rows[] = {
		{ "import nothing.json", "", "llmux: import: nothing.json: No "
		    "such file or directory\n", 1 },
		{ "import -", "", "llmux: import: stdin: it is empty\n", 1 },
		{ "import -", "{\"access_token\":\"secret", "llmux: import: "
		    "stdin: not JSON: byte 23: expected a quote\n", 1 },
		{ "import -", "{\"access_token\":\"a\",\"moved\":true}",
		    "llmux: import: stdin: this login was exported already, "
		    "and its tokens are used elsewhere\n", 1 },
		{ "import -", "{\"tokens\":{\"access_token\":\"a\"}}",
		    "llmux: import: stdin: account id missing from token\n",
		    1 },
		{ "import --as Bad -", CODEX, "llmux: import: Bad: a name is "
		    "[a-z0-9][a-z0-9_-]{0,31}, and not \"echo\"; see \"llmux "
		    "help import\"\n", 2 },
		{ "import --as echo -", CODEX, "llmux: import: echo: a name is "
		    "[a-z0-9][a-z0-9_-]{0,31}, and not \"echo\"; see \"llmux "
		    "help import\"\n", 2 },
		{ "import --as", "", "llmux: import: --as: needs a value; see "
		    "\"llmux help import\"\n", 2 },
		{ "import --ass x", "", "llmux: import: --ass: not an option "
		    "of this command; see \"llmux help import\"\n", 2 },
		{ "import a b", "", "llmux: import: b: one file at a time; see "
		    "\"llmux help import\"\n", 2 },
		{ "import -", "sk-ant-api03-aaaa bbbb", "llmux: import: "
		    "stdin: expected the API key alone on one line\n", 1 },
		{ "import", "", "llmux: import: no login of another program "
		    "was found; name a file, or \"-\" for stdin\n", 1 },
	};
	struct stat st;
	size_t i;

	fresh();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_INT_IN(rows[i].line, run(rows[i].line, rows[i].in, -1),
		    rows[i].code);
		CHECK_STR_IN(rows[i].line, str_of(said[1]),
		    str_of(rows[i].want));
		CHECK_STR_IN(rows[i].line, str_of(said[0]), STR(""));
	}
	CHECK(stat("state", &st) < 0); /* nothing was touched */
}

static void
test_setup_token(void)
{
	fresh();
	CHECK_INT(run("import -", OAT "\n", -1), 0);
	CHECK(out_has("claude: claude setup token, until 20"));
	CHECK(!err_has("has moved here") && !err_has("sk-ant"));
	CHECK_STR(stored("tokens.json", NULL), STR(OAT));
	/* A login goes over it, and it not over a login. */
	CHECK_INT(run("import -", CLAUDE, -1), 0);
	CHECK_STR(stored("tokens.json", NULL), STR("at-1"));
	CHECK_INT(run("import -", OAT, -1), 0);
	CHECK(err_has("claude has a login that refreshes itself: it stays, "
	    "and the token goes to accounts/claude-setup.json\n"));
	CHECK(out_has("claude-setup: claude setup token, until 20"));
	CHECK_STR(stored("tokens.json", NULL), STR("at-1"));
	CHECK_STR(stored("accounts/claude-setup.json", NULL), STR(OAT));
	/* Nor over a login that happens to be there. */
	CHECK_INT(run("import --as claude-setup -", CLAUDE, -1), 0);
	CHECK_INT(run("import -", OAT, -1), 2);
	CHECK_STR(stored("accounts/claude-setup.json", NULL), STR("at-1"));
}

static void
test_api_key(void)
{
	struct stat st;

	fresh();
	CHECK_INT(run("import -", "sk-ant-api03-aaaa_bbbb\n", -1), 0);
	CHECK(out_has("the API key is in ") && out_has("[provider claude]\n"
	    "api_key_file = ") && out_has("/state/claude.key\n"));
	CHECK(!out_has("sk-ant") && !err_has("sk-ant"));
	CHECK(stat("state/claude.key", &st) == 0 &&
	    (st.st_mode & 07777) == 0600);
	read_back("state/claude.key", said[0]);
	CHECK_STR(str_of(said[0]), STR("sk-ant-api03-aaaa_bbbb\n"));
	CHECK_INT(run("import --as work -", "sk-ant-api03-aaaa_bbbb\n", -1),
	    0);
	CHECK(out_has("[provider work]\ntype = anthropic\napi_key_file = "));
}

static void
test_search(void)
{
	fresh();
	CHECK(mkdir(".claude", 0700) == 0 && mkdir(".codex", 0700) == 0 &&
	    mkdir("ch", 0700) == 0 && mkdir(".cli-proxy-api", 0700) == 0);
	put_file(".claude/.credentials.json", CLAUDE);
	put_file(".codex/auth.json", "{\"auth_mode\":\"apikey\"}");
	put_file("ch/auth.json", CODEX);
	put_file(".cli-proxy-api/x.json", "{\"type\":\"claude\","
	    "\"access_token\":\"a\",\"email\":\"cy@example.org\"}");
	CHECK_INT(run("import", "", -1), 2);
	CHECK(err_has("/.claude/.credentials.json: claude login (max)\n"));
	CHECK(err_has("/.codex/auth.json: auth_mode is not chatgpt"));
	CHECK(err_has("/.cli-proxy-api/x.json: claude login of "
	    "cy@example.org\n"));
	CHECK(!err_has("bo@example.org"));
	CHECK(err_has("llmux: import: no FILE: name one of these; see "));
	setenv("CODEX_HOME", "ch", 1);
	CHECK_INT(run("import", "", -1), 2);
	CHECK(err_has("ch/auth.json: chatgpt login of bo@example.org\n"));
	unsetenv("CODEX_HOME");
	CHECK(access("state", F_OK) < 0);
}

/* ---- export ---- */

static void
test_export(void)
{
	char text[4096];
	bool moved;
	int p[2];

	fresh();
	CHECK_INT(run("export", "", -1), 2);
	CHECK_INT(run("export nobody", "", -1), 2);
	CHECK_INT(run("export local", "", -1), 2);
	CHECK_INT(run("export claude extra", "", -1), 2);
	CHECK_INT(run("export claude", "", -1), 1);
	CHECK_STR(str_of(said[0]), STR(""));
	CHECK_INT(run("import -", CLAUDE, -1), 0);
	/* Nobody reads it: the mark is taken back. */
	CHECK(pipe(p) == 0);
	close(p[0]);
	CHECK_INT(run("export claude", "", p[1]), 1);
	close(p[1]);
	CHECK(err_has("writing: Broken pipe"));
	CHECK_STR(stored("tokens.json", &moved), STR("at-1"));
	CHECK(!moved);
	CHECK_INT(run("export claude", "", -1), 0);
	CHECK_STR(str_of(said[0]), STR("{\"token_type\":\"oauth_flow\","
	    "\"access_token\":\"at-1\",\"refresh_token\":\"rt-1\","
	    "\"expires_at\":4000000000,\"plan\":\"max\"}\n"));
	CHECK(err_has("has moved into that text") && !err_has("t-1"));
	memcpy(text, said[0], sizeof(text));
	CHECK_STR(stored("tokens.json", &moved), STR("at-1"));
	CHECK(moved);
	CHECK_INT(run("export claude", "", -1), 1);
	CHECK(err_has("llmux: export: claude: it was exported already"));
	CHECK_STR(str_of(said[0]), STR(""));
	/* And back again. */
	CHECK_INT(run("import -", text, -1), 0);
	CHECK_STR(stored("tokens.json", &moved), STR("at-1"));
	CHECK(!moved);
	/* A setup token is copied. */
	CHECK_INT(run("import --as st -", OAT, -1), 0);
	CHECK_INT(run("export st", "", -1), 0);
	CHECK(out_has(OAT) && err_has("a copy: "));
	CHECK_STR(stored("accounts/st.json", &moved), STR(OAT));
	CHECK(!moved);
}

/* Somebody holds the lock for a while. */
static void
test_locked(void)
{
	struct err e;
	int64_t start;
	int p[2];
	char c = 'x';
	pid_t pid;

	fresh();
	CHECK_INT(run("import -", CLAUDE, -1), 0);
	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		c = login_lock("state/tokens.json", now_ms(), &e) < 0 ? 'n' :
		    'y';
		if (write(p[1], &c, 1) == 1)
			sleep(1);
		_exit(0);
	}
	CHECK(read(p[0], &c, 1) == 1 && c == 'y');
	start = now_ms();
	CHECK_INT(run("export claude", "", -1), 0);
	CHECK(now_ms() - start > 700);
	CHECK(waitpid(pid, NULL, 0) == pid);
	close(p[0]);
	close(p[1]);
}

/* ---- term ---- */

static void
test_lines(void)
{
	int p[2], wake[2], keep = dup(0);
	struct buf b;
	struct err e;

	CHECK(pipe(p) == 0 && pipe(wake) == 0);
	dup2(p[0], 0);
	close(p[0]);
	buf_init(&b, 1024);
	CHECK(write(p[1], "one\r\ntwo\n\npart", 14) == 14);
	CHECK_INT(term_line(&b, -1, now_ms() + 5000, &e), 1);
	CHECK_STR(buf_str(&b), STR("one"));
	CHECK_INT(term_line(&b, -1, now_ms() + 5000, &e), 1);
	CHECK_STR(buf_str(&b), STR("onetwo"));
	buf_clear(&b);
	CHECK_INT(term_line(&b, -1, now_ms() + 5000, &e), 1);
	CHECK_STR(buf_str(&b), STR(""));
	CHECK_INT(term_line(&b, -1, now_ms() + 60, &e), -1);
	CHECK_INT(e.kind, ERR_TIME);
	CHECK(write(wake[1], "x", 1) == 1);
	CHECK_INT(term_line(&b, wake[0], now_ms() + 5000, &e), 2);
	CHECK_STR(buf_str(&b), STR(""));
	close(p[1]);
	CHECK_INT(term_line(&b, -1, now_ms() + 5000, &e), 1);
	CHECK_STR(buf_str(&b), STR("part"));
	CHECK_INT(term_line(&b, -1, now_ms() + 5000, &e), 0);
	CHECK(!term_is_person());
	dup2(keep, 0);
	close(keep);
	close(wake[0]);
	close(wake[1]);
	buf_free(&b);
}

static void
test_long_line(void)
{
	struct err e;
	struct buf b;
	int keep = dup(0), i;
	FILE *f = fopen("long", "w");

	for (i = 0; i < 70000; i++)
		fputc('x', f);
	fclose(f);
	to_fd("long", O_RDONLY, 0);
	buf_init(&b, 1024);
	CHECK_INT(term_line(&b, -1, now_ms() + 5000, &e), -1);
	CHECK_INT(e.kind, ERR_LIMIT);
	/* The rest is a line of its own. */
	CHECK_INT(term_line(&b, -1, now_ms() + 5000, &e), -1);
	buf_free(&b);
	to_fd("long", O_RDONLY, 0);
	buf_init(&b, 70000);
	CHECK_INT(term_all(0, &b, &e), 0);
	CHECK_INT(b.len, 70000);
	buf_free(&b);
	to_fd("long", O_RDONLY, 0);
	buf_init(&b, 69999);
	CHECK_INT(term_all(0, &b, &e), -1);
	CHECK_INT(e.kind, ERR_LIMIT);
	buf_free(&b);
	dup2(keep, 0);
	close(keep);
}

static void
test_yes(void)
{
	static const struct {
		const char *in;
		bool preset, want;
	} rows[] = {
		{ "y\n", false, true }, { "Yes\n", false, true },
		{ "n\n", true, false }, { "NO\n", true, false },
		{ "\n", true, true }, { " \n", false, false },
		{ "what\ny\n", false, true }, { "a\nb\nc\ny\n", true, false },
		{ "", true, false }, { "y", false, true },
	};
	struct buf rest;
	int keep = dup(0);
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_file("in", rows[i].in);
		to_fd("in", O_RDONLY, 0);
		log_catch();
		CHECK_INT_IN(rows[i].in, term_yes("really?", rows[i].preset),
		    rows[i].want);
		CHECK(has(log_said(), rows[i].preset ? "really? [Y/n] " :
		    "really? [y/N] "));
		buf_init(&rest, 1024); /* what the tries left */
		CHECK_INT(term_all(0, &rest, NULL), 0);
		buf_free(&rest);
	}
	dup2(keep, 0);
	close(keep);
}

/* As root, files of the state directory stay its owner's. */
static void
test_owner(void)
{
	struct stat st;

	fresh();
	if (geteuid() != 0 || mkdir("state", 0700) < 0 ||
	    chown("state", 4321, 4322) < 0 || chmod(".", 0711) < 0)
		return;
	CHECK_INT(run("import cc.json", "", -1), 0);
	CHECK(err_has("/state (uid 4321)\n"));
	CHECK(stat("state/tokens.json", &st) == 0 && st.st_uid == 4321 &&
	    st.st_gid == 4322 && (st.st_mode & 07777) == 0600);
	CHECK(stat("state/tokens.json.lock", &st) == 0 && st.st_uid == 4321);
}

int
main(void)
{
	char conf[1024];

	lab_enter();
	unsetenv("CODEX_HOME");
	unsetenv("CHATGPT_LOCAL_HOME");
	unsetenv("CLAUDE_CONFIG_DIR");
	fmt_to(conf, sizeof(conf), "state_dir = %s/state\n"
	    "[provider claude]\nbase_url = http://127.0.0.1:9\n"
	    "token_url = http://127.0.0.1:9/oauth/token\n"
	    "[provider chatgpt]\nbase_url = http://127.0.0.1:9\n"
	    "auth_url = http://127.0.0.1:9\n"
	    "[provider local]\ntype = openai\n"
	    "base_url = http://127.0.0.1:9/v1\n", home);
	put_file("llmux.conf", conf);
	test_import();
	test_refused();
	test_setup_token();
	test_api_key();
	test_search();
	test_export();
	test_locked();
	test_lines();
	test_long_line();
	test_yes();
	test_owner();
	lab_leave();
	return check_done();
}
