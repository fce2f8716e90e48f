/* SPDX-License-Identifier: MIT */
/*
 * login: `llmux login`, `setup-token` and `logout`. One sign-in is: where its
 * login will lie, the code (login_code.c), the exchange, the file, and one
 * question to the provider that generates nothing. Between the provider's
 * answer and the rename nothing is done but writing: the code was good once.
 *
 * Does not: speak the provider's protocol (oauth.c) or know the files' shape
 * (oauth_file.c). Tokens go to stdout by `setup-token`, and else only if the
 * user says so when they cannot be written.
 */
#include "commands.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "login_priv.h"
#include "term.h"

#define ASIDE_MS 15000 /* identity and probe, each */
#define REVOKE_MS 10000
#define LOCK_MS 10000  /* before a code is made */
#define SAVE_MS 60000  /* a server may be refreshing meanwhile */

static int
fail(const struct signin *s)
{
	term_fail("%s: %.*s: %s", s->command, STR_ARG(s->p->name), s->e.text);
	return s->r.failure == OAUTH_TRANSIENT ? EXIT_LATER : EXIT_FAILED;
}

static int
misuse(const char *command, const char *what, const char *why)
{
	term_fail("%s: %s: %s; see \"llmux help %s\"", command, what, why,
	    command);
	return EXIT_USAGE;
}

/* ---- accounts by name ---- */

/* The usual provider of a type under another name, with nothing of its
 * credentials. */
static const struct provider *
named_like(const struct conf *c, enum provider_type type, struct str name,
    struct provider *own)
{
	static const struct str none = { NULL, 0 };

	*own = *conf_provider(c, type == PROVIDER_CHATGPT ? STR("chatgpt") :
	    STR("claude"));
	own->name = name;
	own->token_file = own->oauth_token = own->account_id = none;
	own->env_refresh = own->api_key = none;
	own->key_source = own->oauth_source = NULL;
	return own;
}

/* The provider NAME that can have a login: of the configuration, or of a file
 * of accounts/ (conf_load makes those). NULL: none. */
static const struct provider *
find_account(const struct conf *c, struct str name)
{
	const struct provider *p = conf_provider(c, name);

	return p == NULL || p->type == PROVIDER_OPENAI ? NULL : p;
}

/* Which provider s is about: TYPE or NAME, and --as. 0, or an exit code. */
static int
choose(struct signin *s, const char *what, const char *as)
{
	const struct provider *base = find_account(s->c, str_of(what));

	if (base == NULL)
		return misuse(s->command, what, conf_provider(s->c,
		    str_of(what)) != NULL ? "takes an api_key, not a login" :
		    "expected \"claude\" or \"chatgpt\"");
	s->p = base;
	if (as == NULL || str_eq(str_of(as), base->name))
		return 0;
	if (!conf_name_ok(str_of(as)))
		return misuse(s->command, as, "a name is [a-z0-9][a-z0-9_-]"
		    "{0,31}, and not \"echo\"");
	s->p = find_account(s->c, str_of(as));
	if (s->p == NULL && conf_provider(s->c, str_of(as)) == NULL)
		s->p = named_like(s->c, base->type, str_of(as), &s->own);
	if (s->p == NULL || s->p->type != base->type)
		return misuse(s->command, as, "is the name of another kind "
		    "of provider; choose another one");
	return 0;
}

/* Anything of the network needs CA file and the like; the menu comes here
 * again and again. */
static int
open_conf(struct conf *c, struct err *e)
{
	return c->trust != NULL ? 0 : conf_open_client(c, e);
}

/* The lock of the login (if it will be written) and the network: what can
 * fail is to fail before a code was made. 0, or an exit code. */
static int
prepare(struct signin *s, bool save)
{
	int fd;

	if (open_conf(s->c, &s->e) < 0) {
		term_fail("%s", s->e.text);
		return EXIT_USAGE;
	}
	if (!save)
		return EXIT_OK;
	if (login_path(s->c, s->p, s->path, &s->e) < 0)
		return fail(s);
	fd = login_lock(s->path, due_in(LOCK_MS), &s->e);
	if (fd < 0)
		return fail(s);
	login_unlock(fd);
	return EXIT_OK;
}

/* ---- the login ---- */

/* Ctrl-C during a write would leave half of it, or lose the login. */
static void
hold_signals(bool hold)
{
	static const int held[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		sigaddset(&set, held[i]);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/*
 * Store l at path. What the old one knows of its environment variable stays:
 * that token is used up, and the new login stands for it.
 */
static int
store(const char *path, struct login *l, struct err *e)
{
	struct login old;
	bool bad = false;
	int fd = login_lock(path, due_in(SAVE_MS), e), rc;

	if (fd < 0)
		return -1;
	login_init(&old);
	if (login_load(path, &old, NULL) == 0 && l->env_hash.n == 0)
		l->env_hash = login_str(l, old.env_hash, &bad);
	rc = bad ? err_set(e, ERR_MEM, "no memory") : login_save(path, l, e);
	login_free(&old);
	login_unlock(fd);
	return rc;
}

/* Identity that was asked for afterwards; a login that is another one by now
 * (refreshed, replaced) is left alone. */
static void
store_identity(const char *path, const struct login *l)
{
	struct login now;
	bool bad = false;
	int fd = login_lock(path, due_in(LOCK_MS), NULL);

	if (fd < 0)
		return;
	login_init(&now);
	if (login_load(path, &now, NULL) == 0 &&
	    mem_same(now.access, l->access)) {
		now.email = login_str(&now, l->email, &bad);
		now.organization = login_str(&now, l->organization, &bad);
		now.plan = login_str(&now, l->plan, &bad);
		if (!bad)
			login_save(path, &now, NULL);
	}
	login_free(&now);
	login_unlock(fd);
}

/* It cannot be written. Only the user may decide to see it. */
static void
offer_text(const struct signin *s)
{
	struct err e = { .kind = ERR_NONE };
	struct buf b;

	if (!term_is_person() || !term_yes("print it here so that it is not "
	    "lost? it is a secret; \"llmux import -\" takes it", false))
		return;
	buf_init(&b, LOGIN_FILE_MAX);
	login_text(&s->l, &b);
	if (b.bad || term_put(1, buf_str(&b), &e) < 0)
		term_fail("%s: %s", s->command, b.bad ? "no memory" : e.text);
	buf_wipe(&b);
}

/* Something that llmux takes before a stored login. */
static void
note_rank(const struct provider *p)
{
	const char *source = p->oauth_token.n > 0 ? p->oauth_source :
	    p->api_key.n > 0 && !p->key_ambient ? p->key_source : NULL;

	if (source != NULL)
		term_note("note: %.*s has a credential from %s, which goes "
		    "before a login\n", STR_ARG(p->name), source);
}

/* Who it is, what the provider says of it, and what that does not prove. */
static void
report(struct signin *s, bool stored)
{
	struct login *l = &s->l;
	struct str email, plan;
	struct err e = { .kind = ERR_NONE };
	struct buf b;
	int status;

	email = l->email;
	plan = l->plan;
	oauth_identity(s->c, s->p, l, due_in(ASIDE_MS), &e);
	if (stored && (!str_eq(email, l->email) || !str_eq(plan, l->plan)))
		store_identity(s->path, l);
	buf_init(&b, 2048);
	buf_fmt(&b, "logged in: %.*s", STR_ARG(l->email.n > 0 ? l->email :
	    s->p->name));
	if (l->plan.n > 0)
		buf_fmt(&b, " (%.*s)", STR_ARG(l->plan));
	if (s->setup) /* stdout has the token alone */
		term_note("%.*s\n", STR_ARG(buf_str(&b)));
	else
		term_say("%.*s\n", STR_ARG(buf_str(&b)));
	buf_clear(&b);
	if (oauth_probe(s->c, s->p, l, due_in(ASIDE_MS), &status, &b, &e) < 0)
		term_note("the provider could not be asked: %s\n", e.text);
	else
		term_note("the provider answers %d%s%.*s\nThis does not prove "
		    "how the plan bills requests.\n", status, b.len > 0 ?
		    ": " : "", STR_ARG(buf_str(&b)));
	buf_free(&b);
	note_rank(s->p);
}

/* From the code to the file. An exit code; s->l.access is there if the
 * provider gave one. */
static int
exchange(struct signin *s, bool save)
{
	int rc;

	login_init(&s->l);
	rc = oauth_exchange(s->c, s->p, &s->flow, buf_str(&s->code),
	    due_in(EXCHANGE_MS), &s->l, &s->r, &s->e);
	buf_wipe(&s->code);
	if (rc < 0) {
		callback_answer(&s->cb, s->e.text);
		rc = fail(s);
		if (s->r.failure == OAUTH_PERMANENT)
			term_note("A code is good once and for a few minutes: "
			    "start the login again.\n");
		return rc;
	}
	if (!save)
		return EXIT_OK;
	hold_signals(true);
	rc = store(s->path, &s->l, &s->e);
	callback_answer(&s->cb, rc < 0 ? "The login could not be saved: see "
	    "the terminal." : NULL);
	hold_signals(false);
	if (rc == 0)
		return EXIT_OK;
	term_fail("%s: %.*s: the login could not be saved: %s", s->command,
	    STR_ARG(s->p->name), s->e.text);
	if (!s->setup) /* else the token is printed anyway */
		offer_text(s);
	return EXIT_FAILED;
}

static int
login_run(struct signin *s)
{
	int rc = prepare(s, true);

	if (rc != EXIT_OK)
		return rc;
	if (s->way == WAY_URL)
		return signin_begin(s) < 0 ? fail(s) : EXIT_OK;
	rc = signin_code(s) < 0 ? fail(s) : exchange(s, true);
	/* What may succeed later keeps its flow; the other ways end one that
	 * was left behind. */
	if (s->way == WAY_CODE ? s->r.failure != OAUTH_TRANSIENT &&
	    s->e.kind != ERR_TIME : rc == EXIT_OK)
		signin_end(s);
	if (rc != EXIT_OK)
		return rc;
	report(s, true);
	control_reload(s->c);
	return rc;
}

static struct signin *
signin_new(struct conf *c, const char *command)
{
	struct signin *s = mem_calloc(sizeof(*s));

	if (s == NULL) {
		term_fail("%s: no memory", command);
		return NULL;
	}
	s->c = c;
	s->command = command;
	buf_init(&s->code, TEXT_MAX);
	return s;
}

static void
signin_free(struct signin *s)
{
	callback_close(&s->cb);
	buf_wipe(&s->code);
	login_free(&s->l);
	mem_wipe(s, sizeof(*s));
	mem_free(s);
}

/* One option of `login`; *i moves over its value. 0, or an exit code. */
static int
login_option(struct signin *s, int argc, char **argv, int *i, const char **as)
{
	static const char *const plain[] = { "--paste", "--device", "--url" };
	static const enum way ways[] = { WAY_PASTE, WAY_DEVICE, WAY_URL };
	struct str rest = str_of(argv[*i]), name;
	const char *value;
	size_t k;

	for (k = 0; k < 3; k++)
		if (strcmp(argv[*i], plain[k]) == 0) {
			s->way = ways[k];
			return 0;
		}
	str_cut(&rest, '=', &name);
	if (!str_eq(name, STR("--as")) && !str_eq(name, STR("--code")))
		return misuse(argv[0], argv[*i], "not an option of this "
		    "command");
	if (rest.p == NULL && *i + 1 == argc)
		return misuse(argv[0], argv[*i], "needs a value");
	value = rest.p != NULL ? rest.p : argv[++*i];
	if (str_eq(name, STR("--as"))) {
		*as = value;
		return 0;
	}
	s->way = WAY_CODE;
	if (strcmp(value, "-") != 0)
		return misuse(argv[0], "--code", "takes only \"-\": the code "
		    "comes on stdin, since others see a command line");
	return 0;
}

static int
login_options(struct signin *s, int argc, char **argv)
{
	const char *what = NULL, *as = NULL;
	int i, rc;

	for (i = 1; i < argc; i++) {
		if (argv[i][0] != '-' && what == NULL) {
			what = argv[i];
			continue;
		}
		rc = login_option(s, argc, argv, &i, &as);
		if (rc != 0)
			return rc;
	}
	if (what == NULL)
		return misuse(argv[0], "no provider",
		    "expected \"claude\" or \"chatgpt\"");
	rc = choose(s, what, as);
	if (rc == 0 && s->way == WAY_DEVICE && s->p->type != PROVIDER_CHATGPT)
		return misuse(argv[0], "--device",
		    "only chatgpt has device codes");
	return rc;
}

int
login_command(struct conf *c, int argc, char **argv)
{
	struct signin *s = signin_new(c, "login");
	int rc;

	if (s == NULL)
		return EXIT_FAILED;
	/* First: files are looked at as their owner. */
	rc = term_state(c) < 0 ? EXIT_FAILED : login_options(s, argc, argv);
	if (rc == EXIT_OK)
		rc = login_run(s);
	signin_free(s);
	return rc;
}

/* ---- setup token ---- */

/* In `llmux setup-token | ssh box ...` stdin may be anything; the code comes
 * from the terminal then, if there is one. */
static void
use_terminal(void)
{
	int fd;

	if (isatty(0) == 1)
		return;
	fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return;
	dup2(fd, 0);
	close(fd);
}

/* A login that refreshes itself is worth more than a year's token: keep it,
 * and put the token beside it. */
static void
choose_place(struct signin *s)
{
	char path[LOGIN_PATH_MAX];
	struct login old;

	login_init(&old);
	if (login_path(s->c, s->p, path, NULL) == 0 &&
	    login_load(path, &old, NULL) == 0 && old.refresh.n > 0 &&
	    !old.moved && old.trouble.n == 0) {
		s->p = named_like(s->c, PROVIDER_ANTHROPIC,
		    STR("claude-setup"), &s->own);
		term_note("claude has a login that refreshes itself: it "
		    "stays, and the token goes to accounts/claude-setup.json"
		    "\n");
	}
	login_free(&old);
}

/* The token alone on stdout. */
static int
put_token(struct signin *s)
{
	char until[21];
	struct buf b;
	int rc;

	buf_init(&b, TEXT_MAX);
	buf_adds(&b, s->l.access);
	buf_addc(&b, '\n');
	rc = b.bad ? err_set(&s->e, ERR_MEM, "no memory") :
	    term_put(1, buf_str(&b), &s->e);
	buf_wipe(&b);
	if (rc < 0)
		return fail(s);
	if (s->l.expires_at > 0) {
		time_rfc3339(s->l.expires_at, until);
		term_note("valid until %s\n", until);
	}
	return EXIT_OK;
}

static int
setup_run(struct signin *s, bool save)
{
	int rc, put;

	s->p = conf_provider(s->c, STR("claude"));
	s->setup = true;
	if (term_state(s->c) < 0)
		return EXIT_FAILED;
	if (save)
		choose_place(s);
	rc = prepare(s, save);
	if (rc != EXIT_OK)
		return rc;
	use_terminal();
	if (signin_code(s) < 0)
		return fail(s);
	rc = exchange(s, save);
	if (s->l.access.n == 0)
		return rc;
	put = put_token(s); /* also when it could not be saved */
	report(s, save && rc == EXIT_OK);
	if (save && rc == EXIT_OK)
		control_reload(s->c);
	return rc != EXIT_OK ? rc : put;
}

int
setup_token_command(struct conf *c, int argc, char **argv)
{
	char *login[] = { (char *)(uintptr_t)"login",
		(char *)(uintptr_t)"claude", NULL };
	struct signin *s;
	bool save = true, refused;
	int i, rc;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--no-save") != 0)
			return misuse(argv[0], argv[i], "not an option of "
			    "this command");
		save = false;
	}
	s = signin_new(c, "setup-token");
	if (s == NULL)
		return EXIT_FAILED;
	rc = setup_run(s, save);
	refused = s->r.failure == OAUTH_REFUSED;
	signin_free(s);
	if (!refused)
		return rc;
	term_note("A normal login refreshes itself: llmux login claude\n");
	/* Not into a pipe: somebody waits for a token there. */
	if (isatty(1) == 1 && term_is_person() &&
	    term_yes("log in that way now?", false))
		return login_command(c, 2, login);
	return rc;
}

/* ---- logout ---- */

static int
unknown_account(const struct conf *c, const char *name)
{
	struct err e = { .kind = ERR_NONE };
	char path[LOGIN_PATH_MAX];
	struct buf b;
	size_t i;

	buf_init(&b, 8192);
	for (i = 0; i < c->n_providers; i++)
		if (c->providers[i].type != PROVIDER_OPENAI &&
		    login_path(c, &c->providers[i], path, &e) == 0 &&
		    access(path, F_OK) == 0)
			buf_fmt(&b, " %.*s", STR_ARG(c->providers[i].name));
	term_fail("logout: %s: no such login; there %s%s", name,
	    b.len == 0 ? "is none" : "are:", b.len == 0 ? "" : b.p);
	buf_free(&b);
	return EXIT_FAILED;
}

/* Under the lock, so that a running server cannot write it again. */
static int
forget(struct conf *c, const struct provider *p, const char *path,
    struct err *e)
{
	struct err said = { .kind = ERR_NONE };
	struct login l;

	login_init(&l);
	if (login_load(path, &l, &said) == 0 && open_conf(c, &said) == 0 &&
	    oauth_revoke(c, p, &l, due_in(REVOKE_MS), &said) == 0)
		term_note("revoked at the provider\n");
	else
		term_note("not revoked: %s\n", said.text);
	login_free(&l);
	return login_remove(path, e);
}

static int
logout_run(struct conf *c, const struct provider *p, const char *path)
{
	struct err e = { .kind = ERR_NONE };
	int fd, rc;

	fd = login_lock(path, due_in(LOCK_MS), &e);
	if (fd < 0) /* a writer that hangs must not keep the login alive */
		term_note("%s\n", e.text);
	rc = forget(c, p, path, &e);
	if (fd >= 0)
		login_unlock(fd);
	if (rc < 0) {
		term_fail("logout: %.*s: %s", STR_ARG(p->name), e.text);
		return EXIT_FAILED;
	}
	term_say("logged out: %.*s\n", STR_ARG(p->name));
	note_rank(p);
	control_reload(c);
	return EXIT_OK;
}

int
logout_command(struct conf *c, int argc, char **argv)
{
	struct err e = { .kind = ERR_NONE };
	char path[LOGIN_PATH_MAX];
	const struct provider *p;

	if (argc != 2 || argv[1][0] == '-')
		return misuse(argv[0], argc < 2 ? "no name" : argv[argc - 1],
		    "expected one NAME of a login");
	if (term_state(c) < 0)
		return EXIT_FAILED;
	p = find_account(c, str_of(argv[1]));
	if (p == NULL || login_path(c, p, path, &e) < 0 ||
	    access(path, F_OK) < 0)
		return unknown_account(c, argv[1]);
	return logout_run(c, p, path);
}
