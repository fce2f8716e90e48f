/* SPDX-License-Identifier: MIT */
/* Tests of admin/keys.c and admin/key.c: local API keys and their file. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../admin/commands.h"
#include "../admin/keys.h"
#include "check.h"

#define ANA "llmux-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define BOB "llmux-ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBgoM"

/* Entries as the Python LLMux lays them out. */
#define ANA_HASH "c888a26dfa249068460d3d77e331e1c091d4bde067b2a8e8bf8ddd3387c62947"
#define ENTRY_ANA "    \"00112233aabbccdd\": {\n" \
	"      \"name\": \"Ana's  laptop\\u0007\",\n" \
	"      \"key_hash\": \"" ANA_HASH "\",\n" \
	"      \"salt\": \"EBESExQVFhcYGRobHB0eHw==\",\n" \
	"      \"key_prefix\": \"llmux-AAECAw\",\n" \
	"      \"created_at\": \"2026-01-02T03:04:05.678901+00:00\",\n" \
	"      \"last_used_at\": null,\n" \
	"      \"usage_count\": 41,\n" \
	"      \"auto_created\": true\n" \
	"    }"
#define ENTRY_BOB "    \"99887766aabbccdd\": {\n" \
	"      \"name\": \"bob\",\n" \
	"      \"key_hash\": " \
	"\"6796ce442ec521cad1db1bc7bf82b85bf9752c85b20c959bfc7f5d18ade0fa58\",\n" \
	"      \"salt\": \"2Nna29zd3t/g4eLj5OXm5w==\",\n" \
	"      \"key_prefix\": \"llmux-ZGVmZ2\",\n" \
	"      \"created_at\": \"2026-01-03T03:04:05+00:00\",\n" \
	"      \"last_used_at\": null,\n" \
	"      \"usage_count\": 0\n" \
	"    }"
#define BEGIN "{\n  \"version\": 3,\n  \"api_keys\": {\n"
#define END "\n  }\n}"
#define BOTH BEGIN ENTRY_ANA ",\n" ENTRY_BOB END
#define ONLY_BOB BEGIN ENTRY_BOB END

static char lab[64];
static char said_out[65536], said_err[65536]; /* by the last command */

/* ---- the laboratory ---- */

static void
put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) ==
	    (ssize_t)strlen(text));
	close(fd);
}

/* Good until the next call. */
static struct str
get_file(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	return (struct str){ text, n < 0 ? 0 : (size_t)n };
}

static bool
has(struct str s, const char *part)
{
	return str_find(s, str_of(part)) >= 0;
}

/* A configuration with a state directory of its own (made), and more lines.
 * The key file's path goes into path. */
static struct conf *
setup(const char *name, const char *more, char path[256])
{
	char text[512], dir[128];
	struct err e;
	struct conf *c;

	snprintf(dir, sizeof(dir), "%s/%s", lab, name);
	mkdir(dir, 0700);
	snprintf(path, 256, "%s/api_keys.json", dir);
	snprintf(text, sizeof(text), "state_dir = %s\n"
	    "listen = 127.0.0.1:8081\n%s", dir, more);
	c = conf_parse(str_of(text), "test", &e);
	if (c == NULL) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	return c;
}

static void
take(const char *path, char *into, size_t size)
{
	struct str s = get_file(path);

	snprintf(into, size, "%.*s", STR_ARG(s));
}

/* Run `llmux key ...`; what it wrote goes to said_out and said_err. */
static int
run(struct conf *c, const char *a, const char *b, const char *d)
{
	const char *argv[] = { "key", a, b, d, NULL };
	char out[128], err[128];
	int argc = 1, saved[2] = { dup(1), dup(2) }, fd, code;

	while (argv[argc] != NULL)
		argc++;
	snprintf(out, sizeof(out), "%s/out", lab);
	snprintf(err, sizeof(err), "%s/err", lab);
	fflush(NULL);
	put_file(out, "");
	put_file(err, "");
	fd = open(out, O_WRONLY);
	dup2(fd, 1);
	close(fd);
	fd = open(err, O_WRONLY);
	dup2(fd, 2);
	close(fd);
	code = key_command(c, argc, (char **)(uintptr_t)argv);
	dup2(saved[0], 1);
	dup2(saved[1], 2);
	close(saved[0]);
	close(saved[1]);
	take(out, said_out, sizeof(said_out));
	take(err, said_err, sizeof(said_err));
	return code;
}

/* Log lines that are expected here go to nowhere. */
static int
hush(void)
{
	int saved = dup(2), fd = open("/dev/null", O_WRONLY);

	fflush(NULL);
	dup2(fd, 2);
	close(fd);
	return saved;
}

static void
loud(int saved)
{
	dup2(saved, 2);
	close(saved);
}

static void
next_look(void)
{
	nanosleep(&(struct timespec){ 1, 20000000 }, NULL);
}

static bool
good(const struct conf *c, const char *key)
{
	return keys_good(c, str_of(key), NULL);
}

/* ---- tests ---- */

static void
test_table(void)
{
	char path[256], edge[KEY_MAX + 2];
	struct conf *c = setup("table", "api_key = llmux-of-the-config\n",
	    path), *open_c;
	struct key_id who = { "", "" };

	put_file(path, BOTH);
	CHECK(keys_needed(c));
	CHECK(keys_good(c, STR(ANA), &who));
	CHECK_STR(str_of(who.id), STR("00112233aabbccdd"));
	CHECK_STR(str_of(who.name), STR("Ana's__laptop?"));
	CHECK(keys_good(c, STR(BOB), &who));
	CHECK_STR(str_of(who.name), STR("bob"));
	CHECK(keys_good(c, STR("llmux-of-the-config"), &who));
	CHECK_STR(str_of(who.name), STR("config"));
	CHECK_STR(str_of(who.id), STR(""));

	CHECK(!good(c, "") && !good(c, "llmux-") && !good(c, ANA "x"));
	CHECK(!good(c, "llmux-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9"));
	CHECK(!good(c, ANA_HASH));
	memset(edge, 'x', sizeof(edge));
	edge[KEY_MAX + 1] = '\0';
	CHECK(!good(c, edge) && !good(c, edge + 1));
	conf_unref(c);

	/* Another directory, nothing in it: its keys are not those. */
	open_c = setup("none", "", path);
	CHECK(!keys_needed(open_c) && !good(open_c, ANA));
	conf_unref(open_c);
}

/* Entries that can never be good do not let in, and count as keys. */
static void
test_odd_entries(void)
{
	static const char *const odd[] = {
		"{\"api_keys\":{\"a\":null}}",
		"{\"api_keys\":{\"a\":{}}}",
		"{\"api_keys\":{\"a\":{\"key_hash\":\"\",\"salt\":\"\"}}}",
		"{\"api_keys\":{\"a\":{\"key_hash\":\"" ANA_HASH "\"}}}",
		"{\"api_keys\":{\"a\":{\"key_hash\":\"" ANA_HASH "00\","
		"\"salt\":\"EBESExQVFhcYGRobHB0eHw==\"}}}",
		"{\"api_keys\":{\"a\":{\"key_hash\":\"" ANA_HASH "\","
		"\"salt\":\"!\"}}}",
		"{\"api_keys\":{\"this id is longer than any\":{\"key_hash\":"
		"\"" ANA_HASH "\",\"salt\":\"EBESExQVFhcYGRobHB0eHw==\"}}}",
	};
	char path[256], name[16];
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct conf *c;

		snprintf(name, sizeof(name), "odd%zu", i);
		c = setup(name, "", path);
		put_file(path, odd[i]);
		CHECK_IN(odd[i], keys_needed(c));
		CHECK_IN(odd[i], !good(c, ANA) && !good(c, "x"));
		conf_unref(c);
	}
}

/* Files that are broken: closed, not open, and never written over. */
static void
test_broken(void)
{
	static const char *const broken[] = { "{", BEGIN ENTRY_ANA,
		"[]", "{\"api_keys\":[]}", "{}", "x" };
	char path[256], name[16];
	size_t i;

	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct conf *c;
		int err = hush();

		snprintf(name, sizeof(name), "broken%zu", i);
		c = setup(name, "", path);
		put_file(path, broken[i]);
		CHECK_IN(broken[i], keys_needed(c));
		CHECK_IN(broken[i], !good(c, ANA));
		loud(err);
		CHECK_INT_IN(broken[i], run(c, "add", "x", NULL), 1);
		CHECK_IN(broken[i], has(str_of(said_err), path));
		CHECK_STR(str_of(said_out), STR(""));
		CHECK_STR_IN(broken[i], get_file(path), str_of(broken[i]));
		conf_unref(c);
	}
}

/* A key that was good stays so while half a file is there, and goes within
 * about a second when it is deleted. */
static void
test_changes(void)
{
	char path[256];
	struct conf *c = setup("changes", "", path);
	int err;

	CHECK(!keys_needed(c));
	put_file(path, BOTH);
	CHECK(!keys_needed(c)); /* not looked at twice in a second */
	next_look();
	CHECK(keys_needed(c) && good(c, ANA));
	put_file(path, BEGIN ENTRY_ANA);
	err = hush();
	next_look();
	CHECK(good(c, ANA) && good(c, BOB));
	loud(err);
	put_file(path, ONLY_BOB);
	next_look();
	CHECK(!good(c, ANA) && good(c, BOB));

	/* Uses of the deleted one are not written; bob's two sets are. */
	keys_save(c);
	CHECK(has(get_file(path), "\"usage_count\": 2\n"));
	CHECK(!has(get_file(path), "00112233aabbccdd"));
	unlink(path);
	next_look();
	CHECK(!keys_needed(c) && !good(c, BOB));
	conf_unref(c);
}

static void
test_save(void)
{
	static const char both[] = BOTH;
	char path[256], want[4096];
	const char *null, *count;
	struct conf *c = setup("save", "", path);
	struct stat before, after;
	struct str got;
	ssize_t at;

	put_file(path, BOTH);
	keys_save(c);
	CHECK_STR(get_file(path), STR(BOTH));
	CHECK(good(c, ANA) && good(c, ANA));
	keys_save(c);
	got = get_file(path);
	at = str_find(got, STR("\"last_used_at\": \"20"));
	CHECK(at > 0);
	if (at < 0)
		return;
	/* Nothing else has changed, not even the layout. */
	null = strstr(both, "null");
	count = strstr(both, "41,");
	snprintf(want, sizeof(want), "%.*s%.27s%.*s43%s", (int)(null - both),
	    both, got.p + at + 16, (int)(count - null - 4), null + 4,
	    count + 2);
	CHECK_STR(got, str_of(want));
	CHECK(str_starts(str_sub(got, (size_t)at + 36, 100),
	    STR("+00:00\",\n")));

	/* Nothing was used: the file is left alone. */
	CHECK(stat(path, &before) == 0);
	keys_save(c);
	CHECK(stat(path, &after) == 0 && before.st_ino == after.st_ino);
	/* What is counted before the table is read anew is not lost. */
	CHECK(good(c, ANA));
	next_look();
	CHECK(good(c, ANA));
	keys_save(c);
	CHECK(has(get_file(path), "\"usage_count\": 45,"));
	CHECK(stat(path, &after) == 0 && (after.st_mode & 0777) == 0600);

	/* Deleted behind our back, between two looks. */
	CHECK(good(c, ANA) && good(c, BOB));
	put_file(path, ONLY_BOB);
	keys_save(c);
	CHECK(!has(get_file(path), "00112233aabbccdd"));
	CHECK(has(get_file(path), "\"usage_count\": 1\n"));
	conf_unref(c);
}

/* A member that the entry lacks is put in; a count that is none begins. */
static void
test_save_odd(void)
{
	char path[256];
	struct conf *c = setup("saveodd", "", path);

	put_file(path, "{\"api_keys\":{\"a\":{\"key_hash\":\"" ANA_HASH "\","
	    "\"salt\":\"EBESExQVFhcYGRobHB0eHw==\",\"usage_count\":\"x\"}}}");
	CHECK(good(c, ANA));
	keys_save(c);
	CHECK(has(get_file(path), "\"usage_count\":1,\"last_used_at\": \"20"));
	CHECK(json_check(get_file(path), NULL) == 0);
	conf_unref(c);
}

static void
test_commands(void)
{
	char path[256], first[128], second[128], id[32];
	struct conf *c = setup("commands", "", path);
	struct stat st;
	struct str s;

	CHECK_INT(run(c, "list", NULL, NULL), 0);
	CHECK_STR(str_of(said_out), STR(""));
	CHECK(has(str_of(said_err), "llmux key add NAME"));

	CHECK_INT(run(c, "add", "my \"laptop\"", NULL), 0);
	s = str_of(said_out);
	CHECK(str_starts(s, STR("llmux-")) && s.n == 6 + 43 + 1);
	CHECK(has(str_of(said_err), "from now on every client needs a key"));
	snprintf(first, sizeof(first), "%.49s", said_out);
	CHECK(!has(str_of(said_err), first));
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(!has(get_file(path), first + 12));
	CHECK(good(c, first) && keys_needed(c));

	CHECK_INT(run(c, "add", "twin", NULL), 0);
	CHECK(!has(str_of(said_err), "from now on"));
	snprintf(second, sizeof(second), "%.49s", said_out);
	CHECK(strcmp(first, second) != 0);
	CHECK_INT(run(c, "add", "twin", NULL), 0);
	CHECK_INT(json_check(get_file(path), NULL), 0);

	CHECK_INT(run(c, "list", NULL, NULL), 0);
	s = str_of(said_out);
	CHECK(has(s, "my \"laptop\"") && has(s, "never") &&
	    !has(s, first + 12));
	snprintf(id, sizeof(id), "%.16s", strchr(said_out, '\n') + 1);

	/* Two of one name: nothing is deleted. */
	CHECK_INT(run(c, "delete", "twin", NULL), 1);
	CHECK(has(str_of(said_err), "2 keys have this name"));
	CHECK_INT(run(c, "delete", "nobody", NULL), 1);
	CHECK_INT(run(c, "rename", "nobody", "x"), 1);

	CHECK_INT(run(c, "rename", id, "B\xc3\xbcro"), 0);
	CHECK(has(get_file(path), "\"name\": \"B\xc3\xbcro\""));
	next_look();
	CHECK(good(c, first) && good(c, second));
	CHECK_INT(run(c, "delete", "B\xc3\xbcro", NULL), 0);
	next_look();
	CHECK(!good(c, first) && good(c, second));
	CHECK_INT(json_check(get_file(path), NULL), 0);
	conf_unref(c);
}

static void
test_last_one(void)
{
	char path[256];
	struct conf *c = setup("last", "", path);

	put_file(path, ONLY_BOB);
	CHECK_INT(run(c, "delete", "99887766aabbccdd", NULL), 0);
	CHECK(has(str_of(said_err), "clients need none"));
	CHECK(has(get_file(path), "\"version\": 3"));
	CHECK_INT(json_check(get_file(path), NULL), 0);
	conf_unref(c);
	c = setup("lastlan", "require_key = yes\n", path);
	put_file(path, ONLY_BOB);
	CHECK_INT(run(c, "delete", "bob", NULL), 0);
	CHECK(has(str_of(said_err), "nobody can use llmux"));
	conf_unref(c);
}

static void
test_usage(void)
{
	static const struct {
		const char *a, *b, *d;
	} bad[] = {
		{ NULL, NULL, NULL }, { "add", NULL, NULL },
		{ "add", "", NULL }, { "add", "a\nb", NULL },
		{ "add", "a", "b" }, { "list", "x", NULL },
		{ "delete", NULL, NULL }, { "rename", "x", NULL },
		{ "rename", "x", "" }, { "remove", "x", NULL },
		{ "add", "0123456789012345678901234567890123456789"
		    "012345678901234567890123", NULL },
	};
	char path[256];
	struct conf *c = setup("usage", "", path);
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_INT(run(c, bad[i].a, bad[i].b, bad[i].d), 2);
		CHECK(str_starts(str_of(said_err), STR("llmux: key: ")));
		CHECK(access(path, F_OK) < 0);
	}
	conf_unref(c);
}

/* No memory anywhere: the file stays whole, nobody comes in. */
static void
test_memory(void)
{
	char path[256], name[16];
	int err = hush(), code = 1, n;

	mem_fail_after(0);
	if (mem_alloc(1) != NULL) { /* not a test build */
		mem_fail_after(-1);
		loud(err);
		return;
	}
	mem_fail_after(-1);
	/* Where buffers grow by a byte there are thousands: not each one. */
	for (n = 0; n < 100000; n += 1 + n / 10) {
		struct conf *c;

		snprintf(name, sizeof(name), "mem%d", n);
		c = setup(name, "", path);
		put_file(path, ONLY_BOB);
		mem_fail_after(n);
		code = run(c, "add", "x", NULL);
		mem_fail_after(-1);
		CHECK_INT(json_check(get_file(path), NULL), 0);
		CHECK(code == 0 || code == 1);
		mem_fail_after(n);
		CHECK(keys_needed(c) && !good(c, ANA));
		good(c, BOB);
		keys_save(c);
		mem_fail_after(-1);
		CHECK_INT(json_check(get_file(path), NULL), 0);
		CHECK(has(get_file(path), "99887766aabbccdd"));
		conf_unref(c);
		if (code == 0)
			break;
	}
	CHECK(code == 0 && n > 3);
	loud(err);
}

static void *
ask(void *arg)
{
	int i;

	for (i = 0; i < 500; i++)
		if (!keys_good(arg, STR(BOB), NULL) ||
		    keys_good(arg, STR(ANA), NULL))
			return arg;
	return NULL;
}

static void
test_threads(void)
{
	char path[256];
	struct conf *c = setup("threads", "", path);
	pthread_t t[4];
	void *wrong;
	int i;

	put_file(path, ONLY_BOB);
	for (i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, ask, c) == 0);
	for (i = 0; i < 5; i++)
		keys_save(c);
	for (i = 0; i < 4; i++) {
		CHECK(pthread_join(t[i], &wrong) == 0);
		CHECK(wrong == NULL);
	}
	keys_save(c);
	CHECK(has(get_file(path), "\"usage_count\": 2000\n"));
	conf_unref(c);
}

int
main(void)
{
	char cmd[128];

	snprintf(lab, sizeof(lab), "/tmp/llmux-keys.XXXXXX");
	if (mkdtemp(lab) == NULL) {
		perror(lab);
		return 1;
	}
	log_setup(LOG_ERROR, false);
	test_table();
	test_odd_entries();
	test_broken();
	test_changes();
	test_save();
	test_save_odd();
	test_commands();
	test_last_one();
	test_usage();
	test_memory();
	test_threads();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", lab);
	if (system(cmd) != 0)
		perror(cmd);
	return check_done();
}
