/* SPDX-License-Identifier: MIT */
/*
 * sandbox: no_new_privs, no core files, Landlock. The only file with
 * _GNU_SOURCE; it types the few constants of the kernel itself, since old
 * headers lack them.
 *
 * Speaks: prctl(2), setrlimit(2), SO_PEERCRED of unix(7), landlock(7) with the
 * access rights of ABI 1 to 3. Rules are put on directories, never on files: a
 * rule on a file dies when the file is replaced by rename. Not handled: the
 * network, ioctl, signals. There is no list of system calls (seccomp): the
 * resolver of the C library decides what it calls, and a wrong list kills.
 *
 * Missing support is normal: kernels before 5.13, qemu-user, a service manager
 * that filters the calls. Limits: 64 directories.
 */
#define _GNU_SOURCE
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIRS_MAX 64
#define PATH_BYTES 1024
#define STEPS_MAX 64 /* links and parents on the way to a directory */

/* ---- what the kernel calls it ---- */

/* The numbers are the same on all architectures but for a base. */
#if defined(__mips__) && defined(_MIPS_SIM) && defined(_ABIO32)
#if _MIPS_SIM == _ABIO32
#define CALL_BASE 4000
#elif _MIPS_SIM == _ABIN32
#define CALL_BASE 6000
#else
#define CALL_BASE 5000
#endif
#elif defined(__alpha__)
#define CALL_BASE 110
#elif defined(__x86_64__) && defined(__ILP32__)
#define CALL_BASE 0x40000000
#else
#define CALL_BASE 0
#endif

#define CALL_CREATE (CALL_BASE + 444)
#define CALL_ADD_RULE (CALL_BASE + 445)
#define CALL_RESTRICT (CALL_BASE + 446)

#define CREATE_VERSION 1u /* flag: give the ABI instead of a ruleset */
#define RULE_PATH 1       /* a directory and all below it */

enum {
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_MAKE_SOCK = 1 << 9,
	FS_ABI_1 = (1 << 13) - 1, /* all that ABI 1 knows */
	FS_REFER = 1 << 13,       /* ABI 2 */
	FS_TRUNCATE = 1 << 14     /* ABI 3 */
};

#define MAY_READ (FS_READ_FILE | FS_READ_DIR)
/* As file_replace, lock files and unix sockets need it. */
#define MAY_WRITE (MAY_READ | FS_WRITE_FILE | FS_REMOVE_FILE | FS_MAKE_DIR | \
	FS_MAKE_REG | FS_MAKE_SOCK | FS_TRUNCATE)

struct ruleset {
	uint64_t handled_fs;
};

/* The kernel's struct is packed; it reads the first 12 bytes, which lie the
 * same here. */
struct path_rule {
	uint64_t allowed;
	int32_t dir;
};

/* ---- the directories ---- */

/* By what they are, not by path: that is what the kernel's rules go by. */
struct dir {
	dev_t dev;
	ino_t ino;
	int fd; /* until the rules are made */
	bool write;
};

/* Filled by sandbox_enter before the first thread, constant afterwards. */
static struct {
	struct dir dir[DIRS_MAX];
	size_t n;
	bool landlock, full;
} box;

#define OPEN_DIR (O_PATH | O_DIRECTORY | O_CLOEXEC)

/* A file's directory in path (cut in place); "." for a bare name. */
static void
cut_name(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL)
		memcpy(path, ".", 2);
	else if (slash == path)
		path[1] = '\0';
	else
		*slash = '\0';
}

/* The directory that path is, or that its file really lies in, or would: goes
 * after symbolic links and up from what is missing. Uses path up. */
static int
open_dir(char path[PATH_BYTES])
{
	char link[PATH_BYTES / 2];
	int fd = -1, steps;
	ssize_t n;

	for (steps = 0; fd < 0 && steps < STEPS_MAX; steps++) {
		fd = open(path, OPEN_DIR);
		if (fd >= 0)
			break;
		n = readlink(path, link, sizeof(link));
		cut_name(path);
		if (n <= 0)
			continue;
		if (link[0] == '/')
			path[0] = '\0';
		fmt_to(path + strlen(path), PATH_BYTES - strlen(path),
		    "/%.*s", (int)n, link);
	}
	return fd;
}

static struct dir *
find_dir(const struct stat *st)
{
	size_t i;

	for (i = 0; i < box.n; i++)
		if (box.dir[i].dev == st->st_dev &&
		    box.dir[i].ino == st->st_ino)
			return &box.dir[i];
	return NULL;
}

/* Takes fd, which may be -1: what is not there needs no rule. */
static void
add_open(int fd, bool write)
{
	struct dir *d;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	d = find_dir(&st);
	if (d == NULL && box.n < DIRS_MAX) {
		box.dir[box.n++] = (struct dir){ st.st_dev, st.st_ino, fd,
			write };
		return;
	}
	if (d == NULL)
		box.full = true;
	else if (write)
		d->write = true;
	close(fd);
}

static void
add_dir(const char *path, bool write)
{
	add_open(open(path, OPEN_DIR), write);
}

/* The directory that holds the file at path, and the one that it really lies
 * in when path is a symbolic link. */
static void
add_file(const char *path)
{
	char z[PATH_BYTES];
	struct stat st;

	fmt_to(z, sizeof(z), "%s", path);
	cut_name(z);
	add_dir(z, false);
	/* Not for a missing file: going up from it could end at the root. */
	if (stat(path, &st) < 0)
		return;
	fmt_to(z, sizeof(z), "%s", path);
	add_open(open_dir(z), false);
}

static void
add_path(void *arg, struct str path, bool write)
{
	struct buf *said = arg;
	char z[PATH_BYTES];
	struct stat st;
	bool dir;

	fmt_to(z, sizeof(z), "%.*s", STR_ARG(path));
	dir = stat(z, &st) == 0 && S_ISDIR(st.st_mode);
	if (dir)
		add_dir(z, write);
	else if (!write)
		add_file(z);
	else
		buf_fmt(said, "%s%s is missing and cannot be made later",
		    said->len > 0 ? "; " : "", z);
}

static void
collect(const struct conf *c, struct buf *said)
{
#ifdef __GLIBC__
	/* Its resolver loads libraries when it is first called. */
	static const char *const libs[] = { "/lib", "/lib64", "/usr/lib",
		"/usr/lib64", "/usr/local/lib" };
	size_t i;

	for (i = 0; i < sizeof(libs) / sizeof(libs[0]); i++)
		add_dir(libs[i], false);
#endif
#ifdef SANITIZED
	add_dir("/proc", false); /* the leak checker lists the threads */
#endif
	add_dir("/etc", false);
	add_file("/etc/resolv.conf");
	add_dir("/run/llmux", true);
	conf_each_path(c, add_path, said);
}

/* ---- Landlock ---- */

static int
add_rules(int set, uint64_t handled)
{
	struct path_rule rule;
	int rc = 0;
	size_t i;

	for (i = 0; i < box.n; i++) {
		rule.allowed = handled &
		    (uint64_t)(box.dir[i].write ? MAY_WRITE : MAY_READ);
		rule.dir = box.dir[i].fd;
		if (rc == 0)
			rc = (int)syscall(CALL_ADD_RULE, set, RULE_PATH,
			    &rule, 0u);
		close(rule.dir);
	}
	return rc;
}

/* 0, or -1 with errno. */
static int
landlock(const struct conf *c, struct buf *said)
{
	struct ruleset r = { .handled_fs = FS_ABI_1 };
	long abi = syscall(CALL_CREATE, NULL, (size_t)0, CREATE_VERSION);
	int set, rc, sys;

	if (abi < 1)
		return -1;
	if (abi >= 2)
		r.handled_fs |= FS_REFER;
	if (abi >= 3)
		r.handled_fs |= FS_TRUNCATE;
	set = (int)syscall(CALL_CREATE, &r, sizeof(r), 0u);
	if (set < 0)
		return -1;
	collect(c, said);
	rc = add_rules(set, r.handled_fs);
	if (rc == 0)
		rc = (int)syscall(CALL_RESTRICT, set, 0u);
	sys = errno;
	close(set);
	errno = sys;
	return rc;
}

static void
say(struct buf *said, const char *what, int sys)
{
	buf_fmt(said, "%s%s: %s", said->len > 0 ? "; " : "", what,
	    sys == ENOSYS ? "not in this kernel" :
	    sys == EOPNOTSUPP ? "switched off in this kernel" :
	    strerror(sys));
}

int
sandbox_enter(const struct conf *c, struct buf *said)
{
	const struct rlimit none = { 0, 0 };

	/* Core files and /proc/PID/mem would show keys and tokens. prlimit is
	 * the system call; setrlimit of musl brings 2 kB for old kernels. */
	if (prlimit(0, RLIMIT_CORE, &none, NULL) < 0)
		say(said, "core files", errno);
#ifndef SANITIZED /* the leak checker attaches to the process */
	if (prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) < 0)
		say(said, "dumpable", errno);
#endif
	/* Landlock demands it; without it there is none. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0) {
		say(said, "no_new_privs", errno);
		return 0;
	}
	if (landlock(c, said) < 0)
		say(said, "Landlock", errno);
	else
		box.landlock = true;
	if (box.full)
		buf_fmt(said, "%smore than %d directories",
		    said->len > 0 ? "; " : "", DIRS_MAX);
	return said->bad ? -1 : 0;
}

/* From the directory of path up to the root. */
bool
sandbox_covers(struct str path, bool write)
{
	char z[PATH_BYTES];
	struct stat st, below = { .st_ino = 0 };
	const struct dir *d;
	bool found = false;
	int fd, up;

	if (!box.landlock)
		return true;
	fmt_to(z, sizeof(z), "%.*s", STR_ARG(path));
	fd = open_dir(z);
	/* The root is its own parent. */
	while (!found && fd >= 0 && fstat(fd, &st) == 0 &&
	    (st.st_ino != below.st_ino || st.st_dev != below.st_dev)) {
		d = find_dir(&st);
		found = d != NULL && (d->write || !write);
		below = st;
		up = openat(fd, "..", OPEN_DIR);
		close(fd);
		fd = up;
	}
	if (fd >= 0)
		close(fd);
	return found;
}

int
sandbox_peer(int fd, long *uid)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return -1;
	*uid = (long)peer.uid;
	return 0;
}
