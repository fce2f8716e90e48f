/* SPDX-License-Identifier: MIT */
/*
 * base: memory and its account, errors, arenas, clock, random numbers, log
 * lines and the one writer of files. Everything else stands on this and on
 * text.c; both stand on libc alone.
 *
 * Times are UTC in the form of RFC 3339. Limits: an error text holds 199
 * bytes, a log line 1 kB, a path 767 bytes.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h> /* rename, nothing else */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024
#define PATH_LEN_MAX 768
#define ARENA_BLOCK 2000 /* with the heap's bookkeeping half a page */

/* ---- memory ---- */

#ifdef LLMUX_TEST
static _Atomic long fail_after = -1;

/* LLMUX_STARVE=n: the n-th allocation of this process fails, and no other
 * (tests/torture.py). 0: none does. */
static struct {
	pthread_once_t once;
	uint64_t n;
	atomic_ulong count;
} nth = { .once = PTHREAD_ONCE_INIT };

static void
read_nth(void)
{
	if (str_u64(str_of(getenv("LLMUX_STARVE")), &nth.n) < 0)
		nth.n = 0;
}

static bool
is_nth(void)
{
	pthread_once(&nth.once, read_nth);
	if (nth.n == 0 || atomic_fetch_add(&nth.count, 1) + 1 != nth.n)
		return false;
	log_put(LOG_ERROR, "test: allocation %llu failed",
	    (unsigned long long)nth.n);
	return true;
}

static bool
starve(void)
{
	if (is_nth())
		return true;
	if (fail_after < 0)
		return false;
	if (fail_after == 0)
		return true;
	fail_after--;
	return false;
}

void
mem_fail_after(long n)
{
	fail_after = n;
}
#else
static bool
starve(void)
{
	return false;
}

void
mem_fail_after(long n)
{
	(void)n;
}
#endif

void *
mem_alloc(size_t n)
{
	return starve() ? NULL : malloc(n == 0 ? 1 : n);
}

void *
mem_calloc(size_t n)
{
	return starve() ? NULL : calloc(1, n == 0 ? 1 : n);
}

void *
mem_realloc(void *p, size_t n)
{
	return starve() ? NULL : realloc(p, n == 0 ? 1 : n);
}

void
mem_free(void *p)
{
	free(p);
}

/* The account of max_memory. A leaf lock: nothing is called while it is held.
 * 64-bit totals live under a lock, since MIPS has no 64-bit atomics. */
static struct {
	pthread_mutex_t lock;
	uint64_t total, used;
} account = { PTHREAD_MUTEX_INITIALIZER, 0, 0 };

/*
 * Large blocks that were freed, kept for the next one who wants such a size:
 * what the kernel asks for fresh pages is more than all else that a large body
 * costs. Guarded by account's lock; their bytes stay in account.used.
 */
#define BLOCKS_MAX 16
#define BLOCKS_LEAST (1024 * 1024)

static struct {
	struct {
		void *p;
		size_t n;
		int64_t since;
	} slot[BLOCKS_MAX];
	size_t count;
	uint64_t sum;
} blocks;

void
mem_limit(uint64_t total)
{
	pthread_mutex_lock(&account.lock);
	account.total = total;
	pthread_mutex_unlock(&account.lock);
}

/* With the lock. */
static bool
reserve(size_t n)
{
	bool ok = account.total == 0 || (n <= account.total &&
	    account.used <= account.total - n);

	if (ok)
		account.used += n;
	return ok;
}

bool
mem_reserve(size_t n)
{
	bool ok;

	pthread_mutex_lock(&account.lock);
	ok = reserve(n);
	pthread_mutex_unlock(&account.lock);
	/* What only waits to be used again must not stand in the way. */
	if (ok)
		return true;
	mem_blocks_reap(INT64_MAX);
	pthread_mutex_lock(&account.lock);
	ok = reserve(n);
	pthread_mutex_unlock(&account.lock);
	return ok;
}

void
mem_release(size_t n)
{
	pthread_mutex_lock(&account.lock);
	account.used = n > account.used ? 0 : account.used - n;
	pthread_mutex_unlock(&account.lock);
}

uint64_t
mem_reserved(void)
{
	uint64_t n;

	pthread_mutex_lock(&account.lock);
	n = account.used - blocks.sum;
	pthread_mutex_unlock(&account.lock);
	return n;
}

/* Slot i goes; its block is the caller's now. With the lock. */
static void *
block_out(size_t i, size_t *n)
{
	void *p = blocks.slot[i].p;

	*n = blocks.slot[i].n;
	blocks.sum -= *n;
	blocks.slot[i] = blocks.slot[--blocks.count];
	return p;
}

void *
mem_block(size_t n, size_t *size)
{
	size_t i, best = BLOCKS_MAX;
	void *p = NULL;

	n = n > SIZE_MAX - 4096 ? n : MEM_BLOCK(n);
	pthread_mutex_lock(&account.lock);
	for (i = 0; i < blocks.count; i++)
		if (blocks.slot[i].n >= n && blocks.slot[i].n - n <= n / 4 &&
		    (best == BLOCKS_MAX ||
		    blocks.slot[i].n < blocks.slot[best].n))
			best = i;
	if (best < BLOCKS_MAX)
		p = block_out(best, size);
	pthread_mutex_unlock(&account.lock);
	if (p != NULL || !mem_reserve(n))
		return p;
	p = mem_alloc(n);
	*size = n;
	if (p == NULL)
		mem_release(n);
	return p;
}

void
mem_block_free(void *p, size_t size)
{
	uint64_t cap = BLOCKS_LEAST;

	if (p == NULL)
		return;
	pthread_mutex_lock(&account.lock);
	if (account.total / 8 > cap)
		cap = account.total / 8;
	if (blocks.count < BLOCKS_MAX && size <= cap &&
	    blocks.sum <= cap - size) {
		blocks.slot[blocks.count].p = p;
		blocks.slot[blocks.count].n = size;
		blocks.slot[blocks.count++].since = now_ms();
		blocks.sum += size;
		p = NULL;
	}
	pthread_mutex_unlock(&account.lock);
	if (p == NULL)
		return;
	mem_free(p);
	mem_release(size);
}

int64_t
mem_blocks_reap(int64_t now)
{
	int64_t due;
	size_t i, n;
	void *p;

	do {
		p = NULL;
		due = DUE_NEVER;
		pthread_mutex_lock(&account.lock);
		for (i = 0; i < blocks.count && p == NULL; i++) {
			int64_t end = blocks.slot[i].since + BLOCK_IDLE_MS;

			if (end <= now)
				p = block_out(i, &n);
			else if (end < due)
				due = end;
		}
		pthread_mutex_unlock(&account.lock);
		if (p != NULL) {
			mem_free(p);
			mem_release(n);
		}
	} while (p != NULL);
	return due;
}

uint64_t
mem_total(void)
{
	uint64_t n;

	pthread_mutex_lock(&account.lock);
	n = account.total;
	pthread_mutex_unlock(&account.lock);
	return n;
}

/* Called through a volatile pointer, so that no compiler knows that it is the
 * last use of the bytes. */
static void *(*const volatile wipe)(void *, int, size_t) = memset;

void
mem_wipe(void *p, size_t n)
{
	if (n > 0)
		wipe(p, 0, n);
}

bool
mem_same(struct str a, struct str b)
{
	unsigned char diff = a.n != b.n;
	size_t i;

	for (i = 0; i < a.n; i++)
		diff |= (unsigned char)(a.p[i] ^ (b.n == 0 ? 1 :
		    b.p[i % b.n]));
	return diff == 0;
}

/* ---- errors ---- */

int
err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	e->kind = kind;
	e->sys = 0;
	va_start(ap, fmt);
	vfmt_to(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

int
err_sys(struct err *e, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;
	size_t n;

	if (e == NULL)
		return -1;
	e->kind = sys == ENOMEM ? ERR_MEM : ERR_SYS;
	e->sys = sys;
	va_start(ap, fmt);
	n = vfmt_to(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	fmt_to(e->text + n, sizeof(e->text) - n, ": %s", strerror(sys));
	return -1;
}

int
err_prefix(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->text)];
	va_list ap;
	size_t n;

	if (e == NULL)
		return -1;
	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	n = vfmt_to(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	fmt_to(e->text + n, sizeof(e->text) - n, ": %s", old);
	return -1;
}

/* ---- arena ---- */

union align {
	long long l;
	void *p;
	struct {
		size_t n, used;
		struct arena_block *next;
	} h;
};

struct arena_block {
	size_t size, used; /* of the bytes behind this head */
	struct arena_block *next;
};

#define ARENA_HEAD \
	((sizeof(struct arena_block) + sizeof(union align) - 1) / \
	sizeof(union align) * sizeof(union align))

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

static struct arena_block *
arena_grow(struct arena *a, size_t n)
{
	size_t size = ARENA_HEAD + n;
	struct arena_block *k;

	if (size < ARENA_BLOCK)
		size = ARENA_BLOCK;
	if (n > a->max || a->sum > a->max || size > a->max - a->sum ||
	    !mem_reserve(size))
		return NULL;
	k = mem_alloc(size);
	if (k == NULL) {
		mem_release(size);
		return NULL;
	}
	k->size = size - ARENA_HEAD;
	k->used = 0;
	a->sum += size;
	/* A large block goes behind the current one, which still has room. */
	if (a->head != NULL && size > ARENA_BLOCK) {
		k->next = a->head->next;
		a->head->next = k;
	} else {
		k->next = a->head;
		a->head = k;
	}
	return k;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *k = a->head;
	char *p;

	if (n > a->max)
		return NULL;
	n = (n + sizeof(union align) - 1) / sizeof(union align) *
	    sizeof(union align);
	if (k == NULL || k->size - k->used < n) {
		k = arena_grow(a, n);
		if (k == NULL)
			return NULL;
	}
	p = (char *)k + ARENA_HEAD + k->used;
	k->used += n;
	return p;
}

struct str
arena_dup(struct arena *a, struct str s)
{
	char *p = arena_z(a, s);

	return (struct str){ p, p == NULL ? 0 : s.n };
}

char *
arena_z(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (p == NULL)
		return NULL;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

static void
arena_drop(struct arena *a, struct arena_block *k)
{
	size_t size = k->size + ARENA_HEAD;

	a->sum -= size;
	mem_free(k);
	mem_release(size);
}

void
arena_reset(struct arena *a)
{
	struct arena_block *keep = NULL, *k, *next;

	for (k = a->head; k != NULL; k = next) {
		next = k->next;
		if (keep == NULL && k->size + ARENA_HEAD == ARENA_BLOCK)
			keep = k;
		else
			arena_drop(a, k);
	}
	if (keep != NULL) {
		keep->used = 0;
		keep->next = NULL;
	}
	a->head = keep;
}

void
arena_free(struct arena *a)
{
	struct arena_block *k, *next;

	for (k = a->head; k != NULL; k = next) {
		next = k->next;
		arena_drop(a, k);
	}
	a->head = NULL;
}

void
arena_wipe(struct arena *a)
{
	struct arena_block *k;

	for (k = a->head; k != NULL; k = k->next)
		mem_wipe((char *)k + ARENA_HEAD, k->used);
	arena_free(a);
}

/* ---- clock and chance ---- */

int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
now_ms(void)
{
	return now_us() / 1000;
}

#ifdef LLMUX_TEST
/* Seconds that the tests put between the machine's clock and ours. */
static int64_t
test_offset(void)
{
	const char *z = getenv("LLMUX_TEST_CLOCK");
	struct str s = str_of(z);
	uint64_t n = 0;
	bool minus = str_starts(s, STR("-"));

	str_u64(str_sub(s, minus, s.n), &n);
	return minus ? -(int64_t)n : (int64_t)n;
}

void
fault_point(void)
{
	static _Atomic unsigned passed;
	const char *z = getenv("LLMUX_TEST_KILL");
	uint64_t n = 0;

	if (z != NULL && str_u64(str_of(z), &n) == 0 && ++passed == n)
		kill(getpid(), SIGKILL);
}
#endif

int64_t
wall_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
#ifdef LLMUX_TEST
	t.tv_sec += (time_t)test_offset();
#endif
	return (int64_t)t.tv_sec;
}

int64_t
due_in(int64_t ms)
{
	return ms <= 0 ? DUE_NEVER : now_ms() + ms;
}

void
time_rfc3339(int64_t s, char dst[21])
{
	int64_t days = s / 86400, rest = s % 86400, era, doe, yoe, doy, mp;
	int64_t year, month, day;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	/* Days to a civil date, counted in 400-year eras from 0000-03-01. */
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	day = doy - (153 * mp + 2) / 5 + 1;
	month = mp < 10 ? mp + 3 : mp - 9;
	year = yoe + era * 400 + (month <= 2 ? 1 : 0);
	fmt_to(dst, 21, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year,
	    (int)month, (int)day, (int)(rest / 3600), (int)(rest / 60 % 60),
	    (int)(rest % 60));
}

void
random_fill(void *p, size_t n)
{
	char *to = p;

	while (n > 0) {
		ssize_t got = getrandom(to, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			log_put(LOG_ERROR, "random numbers: %s",
			    strerror(errno));
			abort();
		}
		to += got;
		n -= (size_t)got;
	}
}

/* ---- log ---- */

static _Atomic int log_level = LOG_INFO;
static _Atomic bool log_time;

void
log_setup(enum log_level level, bool with_time)
{
	log_level = (int)level;
	log_time = with_time;
}

bool
log_on(enum log_level level)
{
	return (int)level <= log_level;
}

void
log_put(enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	size_t n = 0;
	va_list ap;

	if (!log_on(level))
		return;
	if (log_time) {
		time_rfc3339(wall_s(), line);
		n = 20;
		line[n++] = ' ';
	}
	memcpy(line + n, "llmux: ", 7);
	n += 7;
	va_start(ap, fmt);
	n += vfmt_to(line + n, sizeof(line) - 1 - n, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	/* A log that cannot be written must not stop the service. */
	while (write(level <= LOG_WARN ? 2 : 1, line, n) < 0 &&
	    errno == EINTR)
		continue;
}

/* ---- threads ---- */

int
thread_start(void *(*fn)(void *), void *arg, struct err *e)
{
	pthread_attr_t attr;
	pthread_t id;
	sigset_t all, old;
	int rc = pthread_attr_init(&attr);

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (rc == 0) {
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		rc = pthread_attr_setstacksize(&attr, STACK_SIZE);
		if (rc == 0)
			rc = pthread_create(&id, &attr, fn, arg);
		pthread_attr_destroy(&attr);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = rc;
	return rc == 0 ? 0 : err_sys(e, "no thread");
}

/* ---- files ---- */

int
file_read(const char *path, struct buf *b, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc = -1;

	if (fd < 0)
		return err_sys(e, "%s", path);
	for (;;) {
		size_t want = b->max - b->len > 4096 ? 4096 :
		    b->max - b->len;
		char *to = buf_room(b, want == 0 ? 1 : want);
		ssize_t got;

		if (to == NULL) {
			if (b->len >= b->max)
				err_set(e, ERR_LIMIT,
				    "%s: larger than %zu bytes", path, b->max);
			else
				err_set(e, ERR_MEM, "%s: no memory", path);
			break;
		}
		got = read(fd, to, want);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			err_sys(e, "%s", path);
			break;
		}
		if (got == 0) {
			rc = 0;
			break;
		}
		b->len += (size_t)got;
	}
	if (b->p != NULL && b->len < b->cap)
		b->p[b->len] = '\0';
	close(fd);
	return rc;
}

static int
write_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		s = str_sub(s, (size_t)n, s.n);
	}
	return 0;
}

/* fsync of the directory that holds path, so that the rename lasts. Some file
 * systems refuse it (EINVAL); that is no reason to fail. */
static void
sync_dir(const char *path)
{
	char dir[PATH_LEN_MAX];
	size_t n = fmt_to(dir, sizeof(dir), "%s", path);
	int fd;

	while (n > 0 && dir[n - 1] != '/')
		n--;
	dir[n == 0 ? 0 : n] = '\0';
	fd = open(n == 0 ? "." : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int
file_replace(const char *path, struct str data, unsigned mode, struct err *e)
{
	char temp[PATH_LEN_MAX];
	unsigned char salt[6];
	size_t n;
	int fd;

	random_fill(salt, sizeof(salt));
	n = fmt_to(temp, sizeof(temp), "%s.%02x%02x%02x%02x%02x%02x", path,
	    salt[0], salt[1], salt[2], salt[3], salt[4], salt[5]);
	if (n + 1 >= sizeof(temp))
		return err_set(e, ERR_INPUT, "path is too long");
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    (mode_t)mode);
	if (fd < 0)
		return err_sys(e, "%s", temp);
	fault_point();
	/* The umask may have taken bits away; it can never have added any. */
	if (fchmod(fd, (mode_t)mode) < 0 || write_all(fd, data) < 0 ||
	    fsync(fd) < 0) {
		err_sys(e, "%s", temp);
		close(fd);
		unlink(temp);
		return -1;
	}
	fault_point();
	if (close(fd) < 0 || rename(temp, path) < 0) {
		err_sys(e, "%s", path);
		unlink(temp);
		return -1;
	}
	fault_point();
	sync_dir(path);
	return 0;
}
