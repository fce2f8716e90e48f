/* SPDX-License-Identifier: MIT */
/* Tests of base.c and text.c. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "guard.h"

static void
test_slices(void)
{
	struct str s = STR("a,b,,c"), part;
	uint64_t v;
	char got[64];
	size_t n = 0;

	while (str_cut(&s, ',', &part))
		n += fmt_to(got + n, sizeof(got) - n, "[%.*s]", STR_ARG(part));
	CHECK_STR(str_of(got), STR("[a][b][][c]"));
	CHECK(str_ieq(STR("Content-Length"), STR("content-LENGTH")));
	CHECK(!str_ieq(STR("ab"), STR("abc")));
	CHECK_INT(str_find(STR("abcabd"), STR("abd")), 3);
	CHECK_INT(str_find(STR("ab"), STR("abc")), -1);
	CHECK_INT(str_find(STR("aaab"), STR("aab")), 1);
	CHECK_STR(str_trim(STR(" \t x y\t ")), STR("x y"));
	CHECK(str_u64(STR("18446744073709551615"), &v) == 0 &&
	    v == UINT64_MAX);
	CHECK(str_u64(STR("18446744073709551616"), &v) < 0);
	CHECK(str_u64(STR(""), &v) < 0 && str_u64(STR("+1"), &v) < 0);
	CHECK_STR(str_sub(STR("abc"), 2, 9), STR("c"));
	CHECK(str_ends(STR("x.lan"), STR(".lan")));
	CHECK(mem_same(STR("same"), STR("same")));
	CHECK(!mem_same(STR("same"), STR("sama")));
	CHECK(!mem_same(STR("same"), STR("")) && !mem_same(STR(""),
	    STR("x")) && mem_same(STR(""), STR("")));
}

static void
test_format(void)
{
	struct buf b;
	char tiny[6];

	buf_init(&b, 1000);
	buf_fmt(&b, "%s|%.*s|%c|%d|%05d|%-6s|%u|%x|%lld|%llu|%zu|%%", "text",
	    2, "slice", 'c', -42, -42, "ab", 7u, 0xbeefu, INT64_MIN + 0LL,
	    UINT64_MAX + 0ULL, (size_t)9);
	CHECK_STR(buf_str(&b), STR("text|sl|c|-42|-0042|ab    |7|beef|"
	    "-9223372036854775808|18446744073709551615|9|%"));
	buf_clear(&b);
	buf_add_quoted(&b, STR("a\"b\n\xc3"), 100);
	CHECK_STR(buf_str(&b), STR("a\\x22b\\x0a\\xc3"));
	buf_free(&b);
	CHECK_INT(fmt_to(tiny, sizeof(tiny), "%s", "too long"), 5);
	CHECK_STR(str_of(tiny), STR("too l"));
}

static void
test_buf(void)
{
	struct buf b;
	int i;

	buf_init(&b, 10);
	buf_addz(&b, "0123456789");
	CHECK(!b.bad && b.p[10] == '\0');
	buf_addc(&b, 'x');
	CHECK(b.bad && b.len == 10);
	buf_clear(&b);
	buf_addz(&b, "abcdef");
	buf_cut(&b, 2);
	CHECK_STR(buf_str(&b), STR("cdef"));
	buf_cut(&b, 99);
	CHECK_INT(b.len, 0);
	buf_free(&b);

	buf_init(&b, 100000);
	for (i = 0; i < 3000; i++)
		buf_addu(&b, (uint64_t)i);
	CHECK_INT(b.len, 10 + 90 * 2 + 900 * 3 + 2000 * 4);
	buf_wipe(&b);

	buf_init(&b, 1000);
	mem_fail_after(0);
	buf_addz(&b, "x");
	mem_fail_after(-1);
	CHECK(b.bad && b.p == NULL);
}

static void
test_base64(void)
{
	static const struct {
		const char *plain, *url;
	} rows[] = {
		{ "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg" }, { "\xff\xfe\xfd", "__79" },
	};
	static const char *const broken[] = { "A", "Zg=", "Z!==", "Zg==x",
		"Zg===", "Zm9vA" };
	struct buf b;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&b, 100);
		buf_add_b64url(&b, rows[i].plain, strlen(rows[i].plain));
		CHECK_STR(buf_str(&b), str_of(rows[i].url));
		buf_clear(&b);
		CHECK(buf_add_unb64(&b, str_of(rows[i].url)) == 0);
		CHECK_STR(buf_str(&b), str_of(rows[i].plain));
		buf_free(&b);
	}
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		buf_init(&b, 100);
		CHECK_IN(broken[i], buf_add_unb64(&b, str_of(broken[i])) < 0);
		buf_free(&b);
	}
	buf_init(&b, 100);
	CHECK(buf_add_unb64(&b, STR("Zm9v\r\n Yg==\n")) == 0);
	CHECK_STR(buf_str(&b), STR("foob"));
	buf_free(&b);
}

static void
test_arena(void)
{
	struct arena a;
	uint64_t before = mem_reserved();
	struct str s;
	int i;

	arena_init(&a, 64 * 1024);
	s = arena_dup(&a, STR("kept"));
	for (i = 0; i < 100; i++)
		CHECK(arena_alloc(&a, 100) != NULL);
	CHECK(arena_alloc(&a, 20000) != NULL);
	CHECK(arena_alloc(&a, 40000) == NULL);
	CHECK_STR(s, STR("kept"));
	CHECK(mem_reserved() - before == a.sum && a.sum <= a.max);
	arena_reset(&a);
	CHECK_INT(a.sum, 2000);
	CHECK(arena_alloc(&a, SIZE_MAX) == NULL);
	arena_free(&a);
	CHECK(mem_reserved() == before);
	mem_fail_after(0);
	s = arena_dup(&a, STR("x"));
	mem_fail_after(-1);
	CHECK(s.p == NULL && s.n == 0 && mem_reserved() == before);
}

static void
test_account(void)
{
	mem_limit(1000);
	CHECK(mem_reserve(600));
	CHECK(!mem_reserve(401));
	CHECK(mem_reserve(400));
	CHECK(!mem_reserve(SIZE_MAX));
	mem_release(1000);
	CHECK(mem_reserved() == 0);
	mem_limit(0);
}

static void
test_err(void)
{
	struct err e;

	CHECK_INT(err_set(&e, ERR_INPUT, "key \"%s\": unknown", "x"), -1);
	CHECK_INT(e.kind, ERR_INPUT);
	err_prefix(&e, "line %d", 3);
	CHECK_STR(str_of(e.text), STR("line 3: key \"x\": unknown"));
	CHECK_INT(err_set(NULL, ERR_MEM, "nobody listens"), -1);
}

static void
test_time(void)
{
	static const struct {
		int64_t s;
		const char *want;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 951782399, "2000-02-28T23:59:59Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ 1795000000, "2026-11-18T11:06:40Z" },
		{ 4107542400, "2100-03-01T00:00:00Z" },
		{ -1, "1969-12-31T23:59:59Z" },
	};
	char got[21];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		time_rfc3339(rows[i].s, got);
		CHECK_STR(str_of(got), str_of(rows[i].want));
	}
	CHECK(due_in(0) == DUE_NEVER);
	CHECK(due_in(1000) - now_ms() > 900);
}

static void
test_files(void)
{
	char dir[] = "/tmp/llmux-test-XXXXXX", path[64], other[64];
	struct buf b;
	struct stat st;
	struct err e;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/f", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	umask(0);
	CHECK(file_replace(path, STR("one"), 0600, &e) == 0);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	/* A link is replaced; what it points to is left alone. */
	CHECK(file_replace(other, STR("victim"), 0644, &e) == 0);
	CHECK(unlink(path) == 0 && symlink(other, path) == 0);
	CHECK(file_replace(path, STR("two"), 0600, &e) == 0);
	CHECK(lstat(path, &st) == 0 && S_ISREG(st.st_mode));
	buf_init(&b, 100);
	CHECK(file_read(other, &b, &e) == 0);
	CHECK_STR(buf_str(&b), STR("victim"));
	buf_clear(&b);
	CHECK(file_read(path, &b, &e) == 0);
	CHECK_STR(buf_str(&b), STR("two"));
	buf_free(&b);
	buf_init(&b, 2);
	CHECK(file_read(path, &b, &e) < 0 && e.kind == ERR_LIMIT);
	buf_free(&b);
	unlink(path);
	unlink(other);
	CHECK(file_read(path, &b, &e) < 0 && e.kind == ERR_SYS);
	CHECK(rmdir(dir) == 0); /* no temp file was left */
	CHECK(file_replace(path, STR("x"), 0600, &e) < 0 &&
	    e.kind == ERR_SYS);
}

int
main(void)
{
	test_slices();
	test_format();
	test_buf();
	test_base64();
	test_arena();
	test_account();
	test_err();
	test_time();
	test_files();
	return check_done();
}
