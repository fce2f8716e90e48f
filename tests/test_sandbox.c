/* SPDX-License-Identifier: MIT */
/*
 * Tests of sandbox.c, each in a process of its own: what can still be read and
 * written with Landlock, and that a kernel without it (played by a seccomp
 * filter) is one line and no failure. Without Landlock in this kernel the
 * first kind checks that nothing changed.
 */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "../sandbox.h"
#include "conf_lab.h"

/* linux/seccomp.h and linux/filter.h, which not every libc finds. */
#define SECCOMP_FILTER 2L
#define SECCOMP_FAIL 0x00050000u /* with an errno in the lower half */
#define SECCOMP_ALLOW 0x7fff0000u
struct op {
	uint16_t code;
	uint8_t yes, no;
	uint32_t k;
};
struct program {
	unsigned short n;
	struct op *op;
};

/* Path below home; good for eight calls. */
static const char *
at(const char *rest)
{
	static char ring[8][200];
	static unsigned next;
	char *p = ring[next++ % 8];

	snprintf(p, sizeof(ring[0]), "%s/%s", home, rest);
	return p;
}

/* errno of an attempt to read or to make the file, 0 = it worked. */
static int
try(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int
try_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), rc;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	rc = bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;
	close(fd);
	return rc;
}

static struct conf *
make_conf(void)
{
	struct err e;
	struct buf b;
	struct conf *c;

	buf_init(&b, 4096);
	buf_fmt(&b, "listen = unix:%s/run/s\nstate_dir = %s/state\n"
	    "counters_dir = %s/count\nca_file = %s/ca/ca.pem\n"
	    "tls_cert = %s/link/c.pem\ntls_key = %s/later/key.pem\n"
	    /* missing with its directory: nothing above may come in for it */
	    "[provider far]\ntype = openai\nbase_url = http://127.0.0.1:9/v1\n"
	    "api_key_file = %s/none/deep/key\n", home, home, home, home, home,
	    home, home);
	c = conf_parse(buf_str(&b), "t.conf", &e);
	buf_free(&b);
	if (c == NULL) {
		fprintf(stderr, "%s\n", e.text);
		_exit(1);
	}
	return c;
}

static void
check_process(void)
{
	struct rlimit r;

	CHECK_INT(prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L), 1);
#ifndef SANITIZED /* there the leak checker must be let in */
	CHECK_INT(prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L), 0);
#endif
	CHECK(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_cur == 0 &&
	    r.rlim_max == 0);
}

/* What must work in any case. */
/* What getaddrinfo said before the sandbox: a bare root has no /etc/hosts. */
static int resolved;

static void
check_allowed(void)
{
	struct addrinfo *list = NULL;
	struct err e;

	CHECK_INT(file_replace(at("state/t.json"), STR("{}"), 0600, &e), 0);
	CHECK_INT(file_replace(at("state/t.json"), STR("{1}"), 0600, &e), 0);
	CHECK_INT(mkdir(at("state/accounts"), 0700), 0);
	CHECK_INT(try(at("state/accounts/a"), O_WRONLY | O_CREAT), 0);
	CHECK_INT(try(at("state/t.json"), O_WRONLY | O_TRUNC), 0);
	CHECK_INT(unlink(at("state/t.json")), 0);
	CHECK_INT(try(at("count/c"), O_RDWR | O_CREAT), 0);
	CHECK_INT(try_socket(at("run/s")), 0);
	CHECK_INT(unlink(at("run/s")), 0);
	CHECK_INT(try(at("ca/ca.pem"), O_RDONLY), 0);
	CHECK_INT(try(at("link/c.pem"), O_RDONLY), 0);
	CHECK_INT(try("/etc/passwd", O_RDONLY), 0);
	/* The resolver, which reads its files (and glibc its libraries). */
	CHECK_INT(getaddrinfo("localhost", NULL, NULL, &list), resolved);
	if (list != NULL)
		freeaddrinfo(list);
}

static void
check_refused(void)
{
	CHECK_INT(try(at("out/file"), O_RDONLY), EACCES);
	CHECK_INT(try(at("out/new"), O_WRONLY | O_CREAT), EACCES);
	CHECK_INT(try(at("new"), O_WRONLY | O_CREAT), EACCES);
	CHECK_INT(try(at("ca/new"), O_WRONLY | O_CREAT), EACCES);
	CHECK_INT(try(at("ca/ca.pem"), O_WRONLY), EACCES);
	CHECK_INT(try(at("state2/x"), O_WRONLY | O_CREAT), EACCES);
	CHECK_INT(try("/etc/passwd", O_WRONLY), EACCES);
	CHECK_INT(try_socket(at("out/s")), EACCES);
	CHECK_INT(unlink(at("out/file")) < 0 ? errno : 0, EACCES);
	CHECK(rename(at("state/accounts/a"), at("out/a")) < 0);
}

static const struct {
	const char *path; /* below home, unless it begins with a slash */
	bool read, write;
} covers[] = {
	{ "state", true, true }, { "state/x", true, true },
	{ "state/no/such", true, true }, { "state2/x", false, false },
	{ "count/c", true, true }, { "run/other", true, true },
	{ "ca/ca.pem", true, false }, { "ca/new.pem", true, false },
	{ "link/c.pem", true, false }, { "real/c2.pem", true, false },
	{ "later/key.pem", true, false }, { "out/file", false, false },
	{ "state/../out/file", false, false }, { "/etc/passwd", true, false },
	{ "/root/x", false, false }, { "/", false, false },
};

static void
check_covers(bool landlock)
{
	size_t i;

	for (i = 0; i < sizeof(covers) / sizeof(covers[0]); i++) {
		const char *name = covers[i].path;
		struct str path = str_of(*name == '/' ? name : at(name));

		CHECK_INT_IN(name, sandbox_covers(path, false),
		    !landlock || covers[i].read);
		CHECK_INT_IN(name, sandbox_covers(path, true),
		    !landlock || covers[i].write);
	}
}

static void *
thread(void *arg)
{
	*(int *)arg = try(at("out/file"), O_RDONLY);
	return NULL;
}

/* With the machine's own kernel. to: a byte asks the parent to replace a file;
 * from: it is done. */
static void
enter_real(int to, int from)
{
	struct conf *c = make_conf();
	struct buf said;
	pthread_t t;
	char byte = 0;
	int seen = -1;
	bool landlock;

	buf_init(&said, 1000);
	CHECK_INT(sandbox_enter(c, &said), 0);
	landlock = said.len == 0;
	if (!landlock)
		CHECK(str_starts(buf_str(&said), STR("Landlock: ")));
	check_process();
	check_allowed();
	check_covers(landlock);
	if (landlock)
		check_refused();
	CHECK(write(to, &byte, 1) == 1 && read(from, &byte, 1) == 1);
	CHECK_INT(try(at("ca/ca.pem"), O_RDONLY), 0);
	CHECK_INT(try(at("link/c.pem"), O_RDONLY), 0);
	if (pthread_create(&t, NULL, thread, &seen) == 0)
		pthread_join(t, NULL);
	CHECK_INT(seen, landlock ? EACCES : 0);
	buf_free(&said);
	conf_unref(c);
}

static void
test_real(void)
{
	int up[2], down[2], status = -1;
	char byte;
	pid_t pid;

	if (pipe(up) < 0 || pipe(down) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		close(up[0]);
		close(down[1]);
		enter_real(up[1], down[0]);
		/* No exit handlers: a leak checker could not do its work in
		 * a process that may not be looked at. */
		_exit(check_failed > 0);
	}
	close(up[1]);
	close(down[0]);
	/* As a package or a certificate's renewal replaces files. */
	if (read(up[0], &byte, 1) == 1) {
		struct err e;

		CHECK_INT(file_replace(at("ca/ca.pem"), STR("n"), 0600, &e),
		    0);
		put_file(at("real/c2.pem"), "n");
		unlink(at("link/c.pem"));
		CHECK_INT(symlink("../real/c2.pem", at("link/c.pem")), 0);
		CHECK(write(down[1], &byte, 1) == 1);
	}
	close(up[0]);
	close(down[1]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* ---- kernels without it ---- */

/* From now on system call nr fails with sys. -1: no seccomp here. */
static int
fail_call(uint32_t nr, unsigned sys)
{
	struct op op[] = { { 0x20, 0, 0, 0 },   /* load the number */
		{ 0x15, 0, 1, nr },             /* equal: go on, else skip */
		{ 0x06, 0, 0, SECCOMP_FAIL | sys },
		{ 0x06, 0, 0, SECCOMP_ALLOW } };
	struct program p = { 4, op };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_FILTER, &p);
}

static const struct {
	uint32_t call; /* on this architecture: not on MIPS and Alpha */
	int sys;
	const char *want;
} lacks[] = {
	{ 444, ENOSYS, "Landlock: not in this kernel" },
	{ 444, EOPNOTSUPP, "Landlock: switched off in this kernel" },
	{ 444, EPERM, "Landlock: Operation not permitted" },
	{ 445, EINVAL, "Landlock: Invalid argument" },
	{ 446, E2BIG, "Landlock: Argument list too long" },
};

static void
enter_lacking(size_t row)
{
	struct conf *c = make_conf();
	struct buf said;

	buf_init(&said, 1000);
	if (fail_call(lacks[row].call, (unsigned)lacks[row].sys) < 0)
		_exit(0);
	CHECK_INT(sandbox_enter(c, &said), 0);
	/* Where there is none anyway, the later calls are never made. */
	if (lacks[row].call == 444 ||
	    !str_eq(buf_str(&said), str_of(lacks[0].want)))
		CHECK_STR(buf_str(&said), str_of(lacks[row].want));
	check_process();
	check_covers(false);
	CHECK_INT(try(at("out/file"), O_RDONLY), 0);
	CHECK_INT(try(at("out/new"), O_WRONLY | O_CREAT), 0);
	unlink(at("out/new"));
	buf_free(&said);
	conf_unref(c);
}

static void
test_lacking(void)
{
	size_t i;

	for (i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++) {
		int status = -1;
		pid_t pid = fork();

		if (pid == 0) {
			enter_lacking(i);
			_exit(check_failed > 0);
		}
		CHECK_IN(lacks[i].want, waitpid(pid, &status, 0) == pid &&
		    status == 0);
	}
}

/* A directory to write that is not there is said. */
static void
test_missing(void)
{
	int status = -1;
	pid_t pid;

	rmdir(at("count"));
	pid = fork();
	if (pid == 0) {
		struct conf *c = make_conf();
		struct buf said;

		buf_init(&said, 1000);
		CHECK_INT(sandbox_enter(c, &said), 0);
		if (!str_starts(buf_str(&said), STR("Landlock: "))) {
			CHECK(has(buf_str(&said), "/count is missing and "
			    "cannot be made later"));
			CHECK(!sandbox_covers(str_of(at("count")), true));
		}
		buf_free(&said);
		conf_unref(c);
		_exit(check_failed > 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int
main(void)
{
	static const char *const dirs[] = { "state", "state2", "count", "run",
		"ca", "link", "real", "later", "out" };
	struct addrinfo *list = NULL;
	size_t i;

	lab_enter();
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		mkdir(dirs[i], 0700);
	put_file("out/file", "x");
	put_file("ca/ca.pem", "x");
	put_file("real/c.pem", "x");
	CHECK_INT(symlink("../real/c.pem", "link/c.pem"), 0);
	CHECK(sandbox_covers(STR("/anything"), true)); /* not yet entered */
	resolved = getaddrinfo("localhost", NULL, NULL, &list);
	if (resolved == 0)
		freeaddrinfo(list);
	test_lacking();
	test_real();
	unlink("count/c");
	test_missing();
	lab_leave();
	return check_done();
}
