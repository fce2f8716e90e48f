/* SPDX-License-Identifier: MIT */
/*
 * key: `llmux key add|list|delete|rename`. They write the key file themselves;
 * a running server sees it within a second. The key itself is shown once, on
 * stdout, and kept nowhere.
 */
#include "keys.h"

#include <string.h>

#include "../tls.h"
#include "commands.h"
#include "term.h"

#define LOCK_MS 10000
#define KEY_BYTES 32 /* of chance; base64url behind KEY_BEGIN */
#define KEY_BEGIN "llmux-"
#define PREFIX 12 /* characters of the key that the file shows */

enum { OK = 0, FAILED = 1, USAGE = 2, LATER = 75 };

/* ---- entries ---- */

/* The string member name of v, in b, safe for a terminal. */
static struct str
shown(const struct json_value *v, const char *name, struct buf *b)
{
	key_text(v, name, b);
	key_clean(b->p, b->len, ' ');
	return buf_str(b);
}

/* Leave w at the entry of that id, or at one of that name; gives how many
 * there are. */
static size_t
find(const struct key_file *f, struct str what, struct json_walk *w)
{
	struct json_walk at;
	size_t n = 0;

	json_walk(&at, f->keys);
	while (json_step(&at)) {
		bool id = json_is(at.key, what);

		if (!id && !json_is(json_get(at.value, "name"), what))
			continue;
		*w = at;
		if (id)
			return 1;
		n++;
	}
	return n;
}

static void
not_one(const struct key_file *f, struct str what, size_t n)
{
	struct json_walk w;

	if (n == 0) {
		term_fail("key: there is no key with this id or name; see "
		    "`llmux key list`");
		return;
	}
	term_fail("key: %zu keys have this name; give one of the ids:", n);
	json_walk(&w, f->keys);
	while (json_step(&w))
		if (json_is(json_get(w.value, "name"), what))
			term_note("  %.*s\n", STR_ARG(w.key.text));
}

static bool
name_ok(struct str name)
{
	size_t i;

	if (name.n == 0 || name.n > KEY_NAME_MAX)
		return false;
	for (i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
			return false;
	return true;
}

/* ---- commands: each gives 0, or -1 with e ---- */

/* A new entry of this name for key, as JSON. */
static void
put_entry(struct str name, struct str key, struct buf *out)
{
	unsigned char salt[16], hash[32];
	char time[32];

	random_fill(salt, sizeof(salt));
	key_hash(salt, sizeof(salt), key, hash);
	key_time(wall_s(), time);
	buf_addz(out, "{\"name\": \"");
	json_escape(out, name);
	buf_addz(out, "\", \"key_hash\": \"");
	buf_add_hex(out, hash, sizeof(hash));
	buf_addz(out, "\", \"salt\": \"");
	buf_add_b64(out, salt, sizeof(salt));
	buf_fmt(out, "\", \"key_prefix\": \"%.*s\", \"created_at\": %s, "
	    "\"last_used_at\": null, \"usage_count\": 0}", PREFIX, key.p,
	    time);
}

/* Are there entries? */
static bool
any(const struct key_file *f)
{
	struct json_walk w;

	json_walk(&w, f->keys);
	return json_step(&w);
}

static void
made(const struct conf *c, struct str name, const char *id, bool first)
{
	term_note("key \"%.*s\" (id %s); it is shown this once\n",
	    STR_ARG(name), id);
	if (first && !conf_needs_key(c, false) && conf_needs_key(c, true))
		term_note("it is the first one: from now on every client "
		    "needs a key\n");
}

static int
add(const struct conf *c, struct key_file *f, struct str name, struct err *e)
{
	unsigned char chance[KEY_BYTES + 8];
	char id[17];
	struct buf key, entry;
	bool first = !any(f);
	int rc = -1;

	buf_init(&key, 100);
	buf_init(&entry, 1024);
	random_fill(chance, sizeof(chance));
	buf_add_hex(&entry, chance + KEY_BYTES, 8);
	fmt_to(id, sizeof(id), "%.*s", STR_ARG(buf_str(&entry)));
	buf_clear(&entry);
	buf_addz(&key, KEY_BEGIN);
	buf_add_b64url(&key, chance, KEY_BYTES);
	if (!key.bad)
		put_entry(name, buf_str(&key), &entry);
	buf_addc(&key, '\n');
	if (key.bad || entry.bad || id[0] == '\0') {
		err_set(e, ERR_MEM, "no memory");
		goto out;
	}
	if (key_file_set(f, f->keys, id, buf_str(&entry), e) < 0 ||
	    key_file_write(f, e) < 0)
		goto out;
	rc = term_put(1, buf_str(&key), e);
	if (rc < 0)
		err_prefix(e, "nobody has seen the key; delete %s", id);
	else
		made(c, name, id, first);
out:
	mem_wipe(chance, sizeof(chance));
	buf_wipe(&key);
	buf_free(&entry);
	return rc;
}

static int
delete(const struct conf *c, struct key_file *f, struct json_walk *w,
    struct err *e)
{
	struct str doc = buf_str(&f->text);

	if (json_edit_drop(&f->edits, doc, f->keys, w) < 0)
		return err_set(e, ERR_MEM, "no memory");
	if (key_file_write(f, e) < 0)
		return -1;
	term_note("key %.*s is deleted\n", STR_ARG(w->key.text));
	json_walk(w, f->keys);
	if (json_step(w) && !json_step(w) && c->api_keys.n == 0)
		term_note(conf_needs_key(c, false) ? "there is no key now: "
		    "nobody can use llmux\n" :
		    "there is no key now: clients need none\n");
	return 0;
}

static int
rename_to(struct key_file *f, const struct json_walk *w, struct str name,
    struct err *e)
{
	struct buf b;
	int rc = -1;

	buf_init(&b, 1024);
	buf_addc(&b, '"');
	json_escape(&b, name);
	buf_addc(&b, '"');
	if (b.bad)
		err_set(e, ERR_MEM, "no memory");
	else if (key_file_set(f, w->value, "name", buf_str(&b), e) == 0)
		rc = key_file_write(f, e);
	buf_free(&b);
	if (rc == 0)
		term_note("key %.*s is \"%.*s\" now\n", STR_ARG(w->key.text),
		    STR_ARG(name));
	return rc;
}

/* "2026-11-24T18:40:00.12+00:00" as far as a table has room. */
static void
put_time(const struct json_value *v, const char *name, size_t n,
    struct buf *scratch, struct buf *out)
{
	struct str t = str_sub(shown(v, name, scratch), 0, n);

	if (scratch->len > 10)
		scratch->p[10] = ' ';
	buf_fmt(out, n > 10 ? "%-16.*s  " : "%-10.*s  ",
	    STR_ARG(t.n > 0 ? t : STR("never")));
}

static int
list(const struct key_file *f, struct err *e)
{
	struct json_walk w;
	struct buf b, out;
	uint64_t uses;
	int rc;

	buf_init(&b, CONF_FILE_MAX);
	buf_init(&out, 2 * CONF_FILE_MAX);
	if (any(f))
		buf_fmt(&out, "%-16s  %-12s  %-10s  %-16s  %6s  %s\n", "id",
		    "key", "created", "last used", "  uses", "name");
	json_walk(&w, f->keys);
	while (json_step(&w)) {
		uses = 0;
		json_u64(json_get(w.value, "usage_count"), &uses);
		buf_fmt(&out, "%-16.*s  ", STR_ARG(w.key.text));
		buf_fmt(&out, "%-12.*s  ",
		    STR_ARG(shown(&w.value, "key_prefix", &b)));
		put_time(&w.value, "created_at", 10, &b, &out);
		put_time(&w.value, "last_used_at", 16, &b, &out);
		buf_fmt(&out, "%6llu  %.*s\n", (unsigned long long)uses,
		    STR_ARG(shown(&w.value, "name", &b)));
	}
	rc = b.bad || out.bad ? err_set(e, ERR_MEM, "no memory") :
	    term_put(1, buf_str(&out), e);
	if (rc == 0 && out.len == 0)
		term_note("there is no key yet; make one with "
		    "`llmux key add NAME`\n");
	buf_free(&b);
	buf_free(&out);
	return rc;
}

/* ---- the command ---- */

enum verb { ADD, LIST, DELETE, RENAME };

static const struct {
	const char *name;
	int argc; /* with the verb */
} verbs[] = { { "add", 2 }, { "list", 1 }, { "delete", 2 }, { "rename", 3 } };

/* The verb of a well-formed command line, or -1: said why. */
static int
read_args(int argc, char **argv)
{
	size_t i, n = sizeof(verbs) / sizeof(verbs[0]);

	for (i = 0; argc > 1 && i < n; i++)
		if (strcmp(argv[1], verbs[i].name) == 0 &&
		    argc - 1 == verbs[i].argc)
			break;
	if (argc < 2 || i == n) {
		term_fail("key: expected add NAME, list, delete ID, or rename "
		    "ID NAME; see `llmux help key`");
		return -1;
	}
	if ((i == ADD || i == RENAME) && !name_ok(str_of(argv[argc - 1]))) {
		term_fail("key: name: expected 1 to %d bytes without control "
		    "characters", KEY_NAME_MAX);
		return -1;
	}
	return (int)i;
}

static int
act(const struct conf *c, int verb, char **argv, struct key_file *f,
    struct err *e)
{
	struct json_walk w;
	size_t n;

	if (verb == ADD)
		return add(c, f, str_of(argv[2]), e);
	if (verb == LIST)
		return list(f, e);
	n = find(f, str_of(argv[2]), &w);
	if (n != 1) {
		not_one(f, str_of(argv[2]), n);
		return -1;
	}
	return verb == DELETE ? delete(c, f, &w, e) :
	    rename_to(f, &w, str_of(argv[3]), e);
}

int
key_command(struct conf *c, int argc, char **argv)
{
	struct err e = { .kind = ERR_NONE };
	int verb = read_args(argc, argv), rc;
	struct key_file f;

	if (verb < 0)
		return USAGE;
	if (verb != LIST && term_state(c) < 0)
		return FAILED;
	rc = key_file_open(&f, c, verb == LIST ? 0 : now_ms() + LOCK_MS, &e);
	if (rc == 0) {
		rc = act(c, verb, argv, &f, &e);
		key_file_close(&f);
	}
	if (e.kind != ERR_NONE)
		term_fail("key: %s", e.text);
	return rc == 0 ? OK : e.kind == ERR_TIME ? LATER : FAILED;
}
