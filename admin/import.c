/* SPDX-License-Identifier: MIT */
/*
 * import: logins come in from other programs, and go out to another llmux. As
 * a refresh token works once, a login is not copied but moved: import says so,
 * export marks what stays behind, and nobody refreshes it any more. Setup
 * tokens do not rotate and may be copied.
 *
 * What a file holds is told by its contents (login_parse), not by its name.
 * Where other programs keep theirs: docs/authentication.md. Not here: logging
 * in (login.c), keychains (`... -w | llmux import -` reads them).
 * Limits: LOGIN_FILE_MAX bytes a file, FOUND_MAX files are offered.
 */
#include "commands.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "../oauth.h"
#include "control.h"
#include "term.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_LATER = 75 };

#define FOUND_MAX 16
#define LOCK_MS 10000
#define PROBE_MS 30000
#define REFRESH_MS 60000
#define EXPIRES_SOON_S 30
#define SAID_MAX 400

/* One login on its way in. */
struct import {
	struct conf *c;
	const char *as;   /* --as, NULL: the usual name */
	const char *from; /* for messages: a path, or "stdin" */
	const struct provider *p;
	struct provider own; /* what p is when the configuration has none */
	char name[40];
	char path[LOGIN_PATH_MAX];
	struct login l;
	struct err e;
};

static int
misuse(const char *command, const char *what, const char *why)
{
	term_fail("%s: %s: %s; see \"llmux help %s\"", command, what, why,
	    command);
	return EXIT_USAGE;
}

static int
failed(const char *command, const char *what, const struct err *e)
{
	term_fail("%s: %s: %s", command, what, e->text);
	return e->kind == ERR_TIME ? EXIT_LATER : EXIT_FAILED;
}

/* "claude login of ana@example.org (max, Ana's Organization)" */
static void
describe(const struct login *l, struct buf *b)
{
	char until[21];

	buf_addz(b, l->type == PROVIDER_CHATGPT ? "chatgpt login" :
	    l->long_term ? "claude setup token" : "claude login");
	if (l->email.n > 0)
		buf_fmt(b, " of %.*s", STR_ARG(l->email));
	if (l->plan.n > 0 || l->organization.n > 0)
		buf_fmt(b, " (%.*s%s%.*s)", STR_ARG(l->plan), l->plan.n > 0 &&
		    l->organization.n > 0 ? ", " : "",
		    STR_ARG(l->organization));
	if (l->long_term && l->expires_at > 0) {
		time_rfc3339(l->expires_at, until);
		buf_fmt(b, ", until %.*s", 10, until);
	}
}

/* ---- which provider ---- */

/* The provider called name, or the usual one of the type under that name, with
 * nothing of its credentials: the next conf_load finds it by its file. */
static void
use_provider(struct import *m, const char *name, enum provider_type type)
{
	static const struct str none = { NULL, 0 };

	fmt_to(m->name, sizeof(m->name), "%s", name);
	m->p = conf_provider(m->c, str_of(m->name));
	if (m->p != NULL)
		return;
	m->own = *conf_provider(m->c, type == PROVIDER_CHATGPT ?
	    STR("chatgpt") : STR("claude"));
	m->own.name = str_of(m->name);
	m->own.token_file = m->own.oauth_token = m->own.account_id = none;
	m->own.env_refresh = m->own.api_key = none;
	m->own.key_source = m->own.oauth_source = NULL;
	m->p = &m->own;
}

/* 0, or an exit code. */
static int
choose(struct import *m, enum provider_type type)
{
	const char *name = m->as != NULL ? m->as :
	    type == PROVIDER_CHATGPT ? "chatgpt" : "claude";

	if (!conf_name_ok(str_of(name)))
		return misuse("import", name, "a name is "
		    "[a-z0-9][a-z0-9_-]{0,31}, and not \"echo\"");
	use_provider(m, name, type);
	if (m->p->type != type)
		return misuse("import", name, type == PROVIDER_CHATGPT ?
		    "is no provider of type chatgpt, but this is a login of "
		    "ChatGPT; choose another name with --as" :
		    "is no provider of type anthropic, but this is a "
		    "credential of Claude; choose another name with --as");
	return EXIT_OK;
}

/* ---- storing ---- */

static bool
is_refreshable(const struct login *l)
{
	return !l->long_term && l->refresh.n > 0 && !l->moved &&
	    l->trouble.n == 0;
}

/*
 * Write m->l to its place. 0, -1, or 1: nothing was done, since there is a
 * login that refreshes itself, and it is worth more than a setup token.
 */
static int
store(struct import *m)
{
	struct login old = { .moved = false };
	struct buf b;
	int fd, rc = 0;

	if (login_path(m->c, m->p, m->path, &m->e) < 0)
		return -1;
	fd = login_lock(m->path, due_in(LOCK_MS), &m->e);
	if (fd < 0)
		return -1;
	if (login_load(m->path, &old, NULL) == 0) {
		buf_init(&b, 4096);
		describe(&old, &b);
		if (m->l.long_term && is_refreshable(&old))
			rc = 1;
		else
			term_note("it replaces the %.*s in %s\n",
			    STR_ARG(buf_str(&b)), m->path);
		buf_free(&b);
	}
	if (rc == 0)
		rc = login_save(m->path, &m->l, &m->e);
	login_unlock(fd);
	login_free(&old);
	return rc;
}

/* The same, beside a login that stays. 0, or an exit code. */
static int
store_somewhere(struct import *m)
{
	char name[40];
	int rc = store(m);

	if (rc == 1) {
		fmt_to(name, sizeof(name), "%s-setup", m->name);
		if (!conf_name_ok(str_of(name)))
			return misuse("import", m->name, "has a login that "
			    "refreshes itself; choose another name with --as");
		term_note("%s has a login that refreshes itself: it stays, "
		    "and the token goes to accounts/%s.json\n", m->name, name);
		use_provider(m, name, m->l.type);
		rc = m->p->type != m->l.type ? 1 : store(m);
	}
	if (rc < 0)
		return failed("import", m->name, &m->e);
	return rc == 0 ? EXIT_OK : misuse("import", m->name, "is in use for "
	    "another login; choose a name with --as");
}

/* ---- the provider's word ---- */

/* What identity was found, into the file, unless it is another login by now. */
static void
store_identity(struct import *m)
{
	struct login now = { .moved = false };
	int fd = login_lock(m->path, due_in(LOCK_MS), NULL);

	if (fd >= 0 && login_load(m->path, &now, NULL) == 0 &&
	    str_eq(now.access, m->l.access)) {
		now.email = m->l.email;
		now.organization = m->l.organization;
		now.plan = m->l.plan;
		login_save(m->path, &now, NULL);
	}
	login_unlock(fd);
	login_free(&now);
}

/* An access token that is over is refreshed first. -1 with m->e. */
static int
refresh_if_old(struct import *m)
{
	bool old = m->l.access.n == 0 || (m->l.expires_at > 0 &&
	    oauth_clock_ok() && m->l.expires_at < wall_s() + EXPIRES_SOON_S);

	if (!old || m->l.long_term || m->l.refresh.n == 0)
		return 0;
	if (oauth_refresh_now(m->c, m->p, due_in(REFRESH_MS), &m->e) < 0)
		return -1;
	login_free(&m->l);
	return login_load(m->path, &m->l, &m->e);
}

/* A request that generates nothing. Whatever comes of it, the login stays. */
static void
probe(struct import *m)
{
	struct buf said;
	int status;

	buf_init(&said, SAID_MAX);
	if ((m->c->trust == NULL && m->c->identity == NULL &&
	    conf_open_client(m->c, &m->e) < 0) || refresh_if_old(m) < 0 ||
	    oauth_probe(m->c, m->p, &m->l, due_in(PROBE_MS), &status, &said,
	    &m->e) < 0) {
		term_note("warning: it could not be tried: %s\n", m->e.text);
	} else {
		term_note("%s answers %d%s%.*s\n%s", m->name, status,
		    said.len > 0 ? ": " : "",
		    STR_ARG(buf_str(&said)), status < 300 ?
		    "(that does not prove how the plan bills)\n" : "");
		if (m->l.email.n == 0 && status < 300 &&
		    oauth_identity(m->c, m->p, &m->l, due_in(PROBE_MS),
		    &m->e) == 0)
			store_identity(m);
	}
	buf_free(&said);
}

/* ---- import ---- */

/* May this one come in? Forget what only its old place had to know. */
static int
admit(struct import *m)
{
	static const struct str none = { NULL, 0 };

	if (m->l.moved)
		return err_set(&m->e, ERR_INPUT, "this login was exported "
		    "already, and its tokens are used elsewhere");
	if (m->l.type == PROVIDER_CHATGPT && m->l.account_id.n == 0 &&
	    m->l.access.n > 0)
		return err_set(&m->e, ERR_INPUT, "account id missing from "
		    "token");
	m->l.trouble = m->l.token_url = m->l.env_hash = none;
	return 0;
}

/* m->l, parsed, to its place; then what people want to know. */
static int
import_login(struct import *m)
{
	const char *first;
	struct buf b;
	int rc;

	if (admit(m) < 0)
		return failed("import", m->from, &m->e);
	rc = choose(m, m->l.type);
	if (rc != EXIT_OK)
		return rc;
	if (term_state(m->c) < 0)
		return EXIT_FAILED;
	rc = store_somewhere(m);
	if (rc != EXIT_OK)
		return rc;
	if (m->l.refresh.n > 0 && !m->l.long_term)
		term_note("the login has moved here: a refresh token works "
		    "once, so the program that had it\nwill have to sign in "
		    "again; do not go on using it there\n");
	probe(m);
	buf_init(&b, 4096);
	describe(&m->l, &b);
	term_say("%s: %.*s, in %s\n", m->name, STR_ARG(buf_str(&b)), m->path);
	buf_free(&b);
	first = m->p->oauth_source != NULL ? m->p->oauth_source :
	    m->p->key_ambient ? NULL : m->p->key_source;
	if (first != NULL)
		term_note("note: %s goes before it\n", first);
	if (!m->p->enabled)
		term_note("note: provider %s has enabled = no\n", m->name);
	control_reload(m->c);
	return EXIT_OK;
}

/* An API key is no login: it goes into a file that the configuration names. */
static int
import_key(struct import *m, struct str key)
{
	struct buf b;
	size_t i;
	int rc = choose(m, PROVIDER_ANTHROPIC);

	if (rc != EXIT_OK)
		return rc;
	for (i = 0; i < key.n; i++)
		if (key.p[i] < 0x21 || key.p[i] > 0x7e) {
			err_set(&m->e, ERR_INPUT, "expected the API key alone "
			    "on one line");
			return failed("import", m->from, &m->e);
		}
	if (term_state(m->c) < 0)
		return EXIT_FAILED;
	fmt_to(m->path, sizeof(m->path), "%.*s/%s.key",
	    STR_ARG(m->c->state_dir), m->name);
	buf_init(&b, LOGIN_FILE_MAX);
	buf_room(&b, key.n + 1);
	buf_adds(&b, key);
	buf_addc(&b, '\n');
	rc = b.bad ? err_set(&m->e, ERR_MEM, "no memory") :
	    file_replace(m->path, buf_str(&b), 0600, &m->e);
	buf_wipe(&b);
	if (rc < 0)
		return failed("import", m->name, &m->e);
	if (str_eq(m->p->api_key_file, str_of(m->path))) {
		term_say("%s: API key, in %s\n", m->name, m->path);
		control_reload(m->c);
		return EXIT_OK;
	}
	term_say("the API key is in %s, but is not used yet: add to %s\n\n"
	    "[provider %s]\n%sapi_key_file = %s\n", m->path,
	    m->c->path.n > 0 ? m->c->path.p : "llmux.conf", m->name,
	    m->p == &m->own ? "type = anthropic\n" : "", m->path);
	return EXIT_OK;
}

static int
import_text(struct import *m, struct str text)
{
	int rc;

	while (text.n > 0 && str_chr(STR(" \t\r\n"), text.p[text.n - 1]) >= 0)
		text.n--;
	text = str_trim(text);
	if (str_starts(text, STR("sk-ant-api")))
		return import_key(m, text);
	rc = login_parse(text, &m->l, &m->e) < 0 ?
	    failed("import", m->from, &m->e) : import_login(m);
	login_free(&m->l);
	return rc;
}

static int
import_file(struct import *m, const char *file)
{
	struct buf text;
	int rc;

	buf_init(&text, LOGIN_FILE_MAX);
	if (strcmp(file, "-") == 0) {
		m->from = "stdin";
		if (isatty(0) == 1)
			term_note("paste the login or the token, then an end "
			    "of input (Ctrl-D):\n");
		rc = term_all(0, &text, &m->e);
	} else {
		m->from = file;
		rc = file_read(file, &text, &m->e);
	}
	if (rc == 0) {
		rc = import_text(m, buf_str(&text));
	} else {
		term_fail("import: %s", m->e.text);
		rc = EXIT_FAILED;
	}
	buf_wipe(&text);
	return rc;
}

/* ---- the known places ---- */

/* All are read before the first is written: as root one becomes the owner of
 * the state directory then, who may not read them. */
struct found {
	size_t n;
	struct {
		char path[LOGIN_PATH_MAX];
		struct login l;
	} v[FOUND_MAX];
};

static void
look_at(struct found *f, const char *path)
{
	struct err e = { .kind = ERR_NONE };
	struct buf text, b;

	if (f->n == FOUND_MAX || access(path, F_OK) < 0)
		return;
	buf_init(&text, LOGIN_FILE_MAX);
	buf_init(&b, 4096);
	if (file_read(path, &text, &e) < 0) {
		term_note("%s\n", e.text);
	} else if (login_parse(buf_str(&text), &f->v[f->n].l, &e) < 0) {
		term_note("%s: %s\n", path, e.text);
	} else {
		describe(&f->v[f->n].l, &b);
		term_note("%s: %.*s\n", path, STR_ARG(buf_str(&b)));
		fmt_to(f->v[f->n++].path, LOGIN_PATH_MAX, "%s", path);
	}
	buf_free(&b);
	buf_wipe(&text);
}

static void
look_into(struct found *f, const char *dir)
{
	char path[LOGIN_PATH_MAX];
	struct dirent *d;
	DIR *open_dir = opendir(dir);

	while (open_dir != NULL && (d = readdir(open_dir)) != NULL)
		if (str_ends(str_of(d->d_name), STR(".json"))) {
			fmt_to(path, sizeof(path), "%s/%s", dir, d->d_name);
			look_at(f, path);
		}
	if (open_dir != NULL)
		closedir(open_dir);
}

/* env names the directory, else it is dir below HOME; file NULL: all in it. */
static void
search(const struct conf *c, struct found *f)
{
	static const struct {
		const char *env, *dir, *file;
	} places[] = {
		{ "CLAUDE_CONFIG_DIR", ".claude", ".credentials.json" },
		{ "CODEX_HOME", ".codex", "auth.json" },
		{ "CHATGPT_LOCAL_HOME", ".chatgpt-local", "auth.json" },
		{ "CHATGPT_LOCAL_HOME", ".chatgpt-local", "tokens.json" },
		{ "", ".anthropic-claude-max-proxy", "tokens.json" },
		{ "", ".config/litellm/chatgpt", "auth.json" },
		{ "", ".cli-proxy-api", NULL },
	};
	char path[LOGIN_PATH_MAX];
	struct str home = conf_getenv(c, "HOME"), top;
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		top = conf_getenv(c, places[i].env);
		if (top.n == 0 && home.n == 0)
			continue;
		fmt_to(path, sizeof(path), "%.*s%s%s%s%s", STR_ARG(top.n > 0 ?
		    top : home), top.n > 0 ? "" : "/", top.n > 0 ? "" :
		    places[i].dir, places[i].file == NULL ? "" : "/",
		    places[i].file == NULL ? "" : places[i].file);
		if (places[i].file == NULL)
			look_into(f, path);
		else
			look_at(f, path);
	}
}

/* Ask for each that was found. */
static int
import_found(struct import *m, struct found *f)
{
	int rc = EXIT_OK, got;
	size_t i, taken = 0;
	char question[LOGIN_PATH_MAX + 20];

	search(m->c, f);
	if (f->n == 0) {
		term_fail("import: no login of another program was found; "
		    "name a file, or \"-\" for stdin");
		return EXIT_FAILED;
	}
	if (!term_is_person())
		return misuse("import", "no FILE", "name one of these");
	for (i = 0; i < f->n && (m->as == NULL || taken == 0); i++) {
		fmt_to(question, sizeof(question), "import %s?", f->v[i].path);
		if (!term_yes(question, false))
			continue;
		m->from = f->v[i].path;
		m->l = f->v[i].l;
		f->v[i].l = (struct login){ .moved = false };
		got = import_login(m);
		login_free(&m->l);
		taken++;
		rc = got != EXIT_OK ? got : rc;
	}
	return taken == 0 ? EXIT_FAILED : rc;
}

static int
import_any(struct import *m)
{
	struct found *f = mem_calloc(sizeof(*f));
	size_t i;
	int rc;

	if (f == NULL) {
		term_fail("import: no memory");
		return EXIT_FAILED;
	}
	rc = import_found(m, f);
	for (i = 0; i < f->n; i++)
		login_free(&f->v[i].l);
	mem_free(f);
	return rc;
}

int
import_command(struct conf *c, int argc, char **argv)
{
	struct import *m;
	const char *file = NULL, *as = NULL;
	int i, rc;

	for (i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--as=", 5) == 0)
			as = argv[i] + 5;
		else if (strcmp(argv[i], "--as") == 0 && i + 1 < argc)
			as = argv[++i];
		else if (strcmp(argv[i], "--as") == 0)
			return misuse(argv[0], argv[i], "needs a value");
		else if (argv[i][0] == '-' && argv[i][1] != '\0')
			return misuse(argv[0], argv[i],
			    "not an option of this command");
		else if (file != NULL)
			return misuse(argv[0], argv[i], "one file at a time");
		else
			file = argv[i];
	}
	m = mem_calloc(sizeof(*m));
	if (m == NULL) {
		term_fail("import: no memory");
		return EXIT_FAILED;
	}
	m->c = c;
	m->as = as;
	rc = file == NULL ? import_any(m) : import_file(m, file);
	mem_free(m);
	return rc;
}

/* ---- export ---- */

/*
 * The login in path on stdout, marked there before the first byte is out: if
 * this is interrupted, at most a mark is wrong, never two users of one token.
 * The caller has the lock.
 */
static int
export_login(const char *path, struct login *l, struct err *e)
{
	struct buf text;
	bool moves;
	int rc = -1;

	buf_init(&text, LOGIN_FILE_MAX);
	if (login_load(path, l, e) < 0)
		goto out;
	if (l->moved) {
		err_set(e, ERR_INPUT, "it was exported already; if that was "
		    "lost, log in again");
		goto out;
	}
	moves = !l->long_term && l->refresh.n > 0;
	buf_room(&text, l->access.n + l->refresh.n + l->id_token.n + 2048);
	login_text(l, &text);
	if (text.bad) {
		err_set(e, ERR_MEM, "no memory");
		goto out;
	}
	l->moved = moves;
	if (moves && login_save(path, l, e) < 0)
		goto out;
	rc = term_put(1, buf_str(&text), e);
	if (rc < 0 && moves) {
		l->moved = false;
		if (login_save(path, l, NULL) < 0)
			err_prefix(e, "it is marked as moved now, which could "
			    "not be undone");
	}
out:
	buf_wipe(&text);
	return rc;
}

static int
export_name(struct conf *c, const char *name)
{
	const struct provider *p = conf_provider(c, str_of(name));
	struct login l = { .moved = false };
	struct err e = { .kind = ERR_NONE };
	char path[LOGIN_PATH_MAX];
	int fd, rc = -1;

	if (p == NULL || p->type == PROVIDER_OPENAI)
		return misuse("export", name, "there is no login of that "
		    "name");
	if (term_state(c) < 0)
		return EXIT_FAILED;
	if (login_path(c, p, path, &e) < 0)
		return failed("export", name, &e);
	fd = login_lock(path, due_in(LOCK_MS), &e);
	if (fd >= 0)
		rc = export_login(path, &l, &e);
	login_unlock(fd);
	if (rc == 0 && l.moved)
		term_note("the login of %s has moved into that text: llmux "
		    "does not refresh it here any more\n", name);
	else if (rc == 0)
		term_note("a copy: it does not rotate, and goes on working "
		    "here\n");
	if (rc == 0)
		control_reload(c);
	login_free(&l);
	return rc == 0 ? EXIT_OK : failed("export", name, &e);
}

int
export_command(struct conf *c, int argc, char **argv)
{
	const char *name = NULL;
	bool force = false;
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--force") == 0)
			force = true;
		else if (argv[i][0] == '-' || name != NULL)
			return misuse(argv[0], argv[i],
			    "not an option of this command");
		else
			name = argv[i];
	}
	if (name == NULL)
		return misuse(argv[0], "no name", "which login?");
	if (isatty(1) == 1 && !force)
		return misuse(argv[0], "stdout is a terminal", "this is a "
		    "secret: pipe it, as in \"llmux export claude | ssh box "
		    "llmux import -\", or give --force");
	return export_name(c, name);
}
