/* SPDX-License-Identifier: MIT */
/*
 * conf_print: what `check`, `help` and `budget` say: the configuration in
 * force as a file with masked secrets, the table of keys, and the memory that
 * this configuration may need at most; and how much memory there is.
 *
 * Memory is read from /proc/meminfo, from sysinfo(2) where there is no /proc (a
 * jail), and from the limits of control groups: memory.max (version 2) and
 * memory.limit_in_bytes (version 1) of the process's group and all above it.
 */
#include "conf_priv.h"

#include <sys/sysinfo.h>

#include "tls.h"

#define STACK_BYTES (64u << 10) /* of a connection's thread */
#define POOL_ENTRIES 64         /* POOL_MAX of pool.h */
#define BASE_BYTES (1u << 20)   /* program, libc, tables: budgets.md line 3 */
#define ROOT_BYTES 8            /* a root certificate in the index */
#define LOST_MEMORY (64ull << 20) /* assumed when nothing can be read */

/* ---- check ---- */

static void
print_key(struct str v, struct buf *b)
{
	struct str kind = str_starts(v, STR("llmux-")) ? STR("llmux-") :
	    str_starts(v, STR("sk-")) ? STR("sk-") : STR("");

	/* Four characters of a short key would be too much of it. */
	if (v.n < 16) {
		buf_addz(b, "...");
		return;
	}
	buf_fmt(b, "%.*s...%.*s", STR_ARG(kind),
	    STR_ARG(str_sub(v, v.n - 4, 4)));
}

/* "scheme://user:password@host": the password. */
static void
print_proxy(struct str v, struct buf *b)
{
	ssize_t start = str_find(v, STR("://")), at = -1, colon;
	size_t i, from = start < 0 ? 0 : (size_t)start + 3;
	struct str user;

	for (i = from; i < v.n; i++)
		if (v.p[i] == '@')
			at = (ssize_t)i;
	if (at < 0) {
		buf_adds(b, v);
		return;
	}
	user = str_sub(v, from, (size_t)at - from);
	colon = str_chr(user, ':');
	if (colon >= 0)
		user.n = (size_t)colon;
	buf_adds(b, str_sub(v, 0, from + user.n));
	buf_fmt(b, "%s%.*s", colon >= 0 ? ":..." : "",
	    STR_ARG(str_sub(v, (size_t)at, v.n)));
}

static void
print_text(const struct conf_key *k, struct str v, struct buf *b)
{
	ssize_t colon;

	buf_fmt(b, "%s = ", k->name);
	switch ((enum conf_mask)k->mask) {
	case MASK_NONE:
		buf_adds(b, v);
		break;
	case MASK_KEY:
		print_key(v, b);
		break;
	case MASK_FIELD:
		colon = str_chr(v, ':');
		buf_fmt(b, "%.*s: ...", STR_ARG(str_sub(v, 0,
		    colon < 0 ? 0 : (size_t)colon)));
		break;
	case MASK_PROXY:
		print_proxy(v, b);
		break;
	}
	buf_addc(b, '\n');
}

static void
print_word(const struct conf_key *k, size_t i, struct buf *b)
{
	buf_fmt(b, "%s = %.*s\n", k->name, STR_ARG(conf_word(k->range, i)));
}

static void
print_listen(const struct conf *c, const struct conf_key *k, struct buf *b)
{
	char addr[CONF_ADDR_MAX];
	size_t i;

	for (i = 0; i < c->n_listen; i++) {
		conf_fmt_addr(addr, &c->listen[i]);
		buf_fmt(b, "%s = %s\n", k->name, addr);
	}
}

/* The line or lines of one key; nothing when its value is absent. */
static void
print_value(const struct conf_key *k, const void *base, struct buf *b)
{
	const void *field = (const char *)base + k->offset;
	const struct conf_list *list = field;
	char tmp[24] = "";
	size_t i;

	switch ((enum conf_kind)k->kind) {
	case KIND_TEXT:
	case KIND_PATH:
		if (((const struct str *)field)->n > 0)
			print_text(k, *(const struct str *)field, b);
		return;
	case KIND_LIST:
		for (i = 0; i < list->n; i++)
			print_text(k, list->v[i], b);
		return;
	case KIND_ADDR:
		print_listen(base, k, b);
		return;
	case KIND_WORD:
		print_word(k, *(const unsigned *)field, b);
		return;
	case KIND_FLAG:
		print_word(k, *(const bool *)field ? 1 : 0, b);
		return;
	case KIND_SIZE:
		conf_fmt_size(tmp, *(const uint64_t *)field);
		break;
	case KIND_COUNT:
		fmt_to(tmp, sizeof(tmp), "%llu",
		    (unsigned long long)*(const uint64_t *)field);
		break;
	case KIND_TIME:
		conf_fmt_time(tmp, *(const int64_t *)field);
		break;
	case KIND_MODE:
		conf_fmt_mode(tmp, *(const unsigned *)field);
		break;
	}
	buf_fmt(b, "%s = %s\n", k->name, tmp);
}

static void
print_section(enum conf_section section, const void *base, struct buf *b)
{
	size_t i;

	for (i = 0; i < conf_n_keys; i++)
		if (conf_keys[i].section == section)
			print_value(&conf_keys[i], base, b);
}

/* What has no key of its own is printed as a comment. */
static void
print_env(const char *name, struct str v, struct buf *b)
{
	if (v.n > 0)
		buf_fmt(b, "# %s=%.*s\n", name, STR_ARG(v));
}

static void
print_provider(const struct provider *p, struct buf *b)
{
	struct provider shown = *p;

	buf_fmt(b, "\n[provider %.*s]\n", STR_ARG(p->name));
	if (p->key_source != NULL &&
	    !str_eq(str_of(p->key_source), STR("api_key"))) {
		buf_fmt(b, "# key from %s: ", p->key_source);
		print_key(p->api_key, b);
		buf_addc(b, '\n');
		shown.api_key = (struct str){ NULL, 0 };
	}
	print_env(p->type == PROVIDER_CHATGPT ? "CHATGPT_TOKEN_FILE" :
	    "TOKEN_FILE", p->token_file, b);
	print_section(CONF_PROVIDER, &shown, b);
}

void
conf_print(const struct conf *c, struct buf *b)
{
	size_t i;

	if (c->path.n > 0)
		buf_fmt(b, "# %.*s\n", STR_ARG(c->path));
	print_section(CONF_MAIN, c, b);
	print_env("API_KEYS_FILE", c->api_keys_file, b);
	print_env("CHATGPT_DEFAULT_REASONING_EFFORT", c->chatgpt_effort, b);
	print_env("CHATGPT_DEFAULT_REASONING_SUMMARY", c->chatgpt_summary, b);
	if (!c->chatgpt_variants)
		print_env("CHATGPT_EXPOSE_REASONING_VARIANTS", STR("false"),
		    b);
	for (i = 0; i < c->n_providers; i++)
		print_provider(&c->providers[i], b);
	for (i = 0; i < c->n_aliases; i++) {
		buf_fmt(b, "\n[model %.*s]\n", STR_ARG(c->aliases[i].name));
		print_section(CONF_MODEL, &c->aliases[i], b);
	}
}

/* ---- keys ---- */

void
conf_print_keys(struct buf *b)
{
	static const char *const sections[] = { "global", "provider",
		"model" };
	size_t i;

	for (i = 0; i < conf_n_keys; i++)
		buf_fmt(b, "%-8s %-16s %-12s %s\n",
		    sections[conf_keys[i].section], conf_keys[i].name,
		    conf_keys[i].def == NULL ? "-" : conf_keys[i].def,
		    conf_keys[i].meaning);
}

/* ---- how much memory there is ---- */

/* The decimal number that stands behind label in the file at path ("" = at the
 * beginning); UINT64_MAX when there is none, as in "max". */
static uint64_t
read_number(const char *path, struct str label)
{
	struct str s;
	struct buf b;
	uint64_t v = UINT64_MAX;
	ssize_t at = -1;
	size_t n = 0;

	buf_init(&b, 16384);
	if (file_read(path, &b, NULL) == 0) {
		s = buf_str(&b);
		at = label.n == 0 ? 0 : str_find(s, label);
	}
	if (at >= 0) {
		s = str_trim(str_sub(s, (size_t)at + label.n, s.n));
		while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
			n++;
		if (str_u64(str_sub(s, 0, n), &v) < 0)
			v = UINT64_MAX;
	}
	buf_free(&b);
	return v;
}

/* The least limit of the group at group and of all above it. A group outside
 * of our view ("/../x") leaves the mount's own limit. */
static uint64_t
group_limit(const char *root, const char *mount, struct str group,
    const char *leaf)
{
	char path[CONF_PATH_MAX];
	uint64_t least = UINT64_MAX, v;

	if (str_find(group, STR("/..")) >= 0 || str_eq(group, STR("/")))
		group.n = 0;
	for (;;) {
		fmt_to(path, sizeof(path), "%s%s%.*s/%s", root, mount,
		    STR_ARG(group), leaf);
		v = read_number(path, STR(""));
		if (v < least)
			least = v;
		if (group.n == 0)
			return least;
		while (group.n > 0 && group.p[--group.n] != '/')
			continue;
	}
}

/* Is memory one of the controllers "a,b,c"? */
static bool
controls_memory(struct str list)
{
	struct str one;

	while (str_cut(&list, ',', &one))
		if (str_eq(one, STR("memory")))
			return true;
	return false;
}

/* Lines "0::/group" (version 2) and "4:memory:/group" (version 1). */
static uint64_t
cgroup_limit(const char *root)
{
	struct str rest, line, id, controllers;
	uint64_t least = UINT64_MAX, v;
	char path[CONF_PATH_MAX];
	struct buf b;

	buf_init(&b, 16384);
	fmt_to(path, sizeof(path), "%s/proc/self/cgroup", root);
	if (file_read(path, &b, NULL) < 0)
		buf_clear(&b);
	rest = buf_str(&b);
	while (str_cut(&rest, '\n', &line)) {
		if (!str_cut(&line, ':', &id) ||
		    !str_cut(&line, ':', &controllers) || line.p == NULL)
			continue;
		if (controllers.n == 0)
			v = group_limit(root, "/sys/fs/cgroup", line,
			    "memory.max");
		else if (controls_memory(controllers))
			v = group_limit(root, "/sys/fs/cgroup/memory", line,
			    "memory.limit_in_bytes");
		else
			continue;
		if (v < least)
			least = v;
	}
	buf_free(&b);
	return least;
}

uint64_t
conf_find_memory(const char *root)
{
	char path[CONF_PATH_MAX];
	struct sysinfo all;
	uint64_t ram, group;

	fmt_to(path, sizeof(path), "%s/proc/meminfo", root);
	ram = read_number(path, STR("MemTotal:"));
	if (ram < UINT64_MAX / 1024)
		ram *= 1024; /* the file counts in kB */
	if (ram == UINT64_MAX && sysinfo(&all) == 0)
		ram = (uint64_t)all.totalram * all.mem_unit;
	group = cgroup_limit(root);
	if (group < ram)
		ram = group;
	if (ram == UINT64_MAX || ram == 0)
		ram = LOST_MEMORY;
	return ram / 4;
}

uint64_t
conf_memory(const struct conf *c)
{
	if (c->max_memory != 0)
		return c->max_memory;
	return c->found_memory != 0 ? c->found_memory : conf_find_memory("");
}

/* ---- budget ---- */

static void
put_bytes(uint64_t v, char dst[24])
{
	bool mega = v >= 1u << 20;
	uint64_t unit = mega ? 1u << 20 : 1u << 10;

	fmt_to(dst, 24, "%llu.%u %s", (unsigned long long)(v / unit),
	    (unsigned)(v % unit * 10 / unit), mega ? "MiB" : "KiB");
}

/* "what  count x each  sum  why", in columns; gives the sum. */
static uint64_t
put_part(struct buf *b, const char *what, uint64_t count, uint64_t each,
    const char *why)
{
	char one[24], sum[24];
	size_t n;

	put_bytes(each, one);
	put_bytes(count * each, sum);
	buf_fmt(b, "%-10s", what);
	if (count > 1)
		buf_fmt(b, "%5llu x ", (unsigned long long)count);
	else
		buf_addz(b, "        ");
	for (n = str_of(one).n; n < 11; n++)
		buf_addc(b, ' ');
	buf_addz(b, one);
	for (n = str_of(sum).n; n < 13; n++)
		buf_addc(b, ' ');
	buf_fmt(b, "%s  %s\n", sum, why);
	return count * each;
}

uint64_t
conf_budget(const struct conf *c, struct buf *b)
{
	uint64_t memory = conf_memory(c), sum, room, front, back, tls;
	bool lan = false, wide = false;
	char tmp[24];
	size_t i;

	for (i = 0; i < c->n_listen; i++)
		lan = lan || c->listen[i].is_tls;
	for (i = 0; i < c->n_providers; i++)
		wide = wide || (c->providers[i].enabled &&
		    c->providers[i].tls);
	tls = tls_cost();
	front = STACK_BYTES + c->max_head + NET_IN_MAX + (lan ? tls : 0);
	back = NET_IN_MAX + (wide ? tls : 0);
	sum = put_part(b, "clients", c->max_clients, front, lan ?
	    "stack, head, input, TLS" : "stack, head, input");
	sum += put_part(b, "upstreams", c->max_clients, back, wide ?
	    "input, TLS" : "input");
	sum += put_part(b, "pool", POOL_ENTRIES, back, "idle upstreams");
	room = memory > sum ? memory - sum : 0;
	if (c->max_clients * c->max_body > room)
		sum += put_part(b, "bodies", 1, room,
		    "what max_memory leaves");
	else
		sum += put_part(b, "bodies", c->max_clients, c->max_body,
		    "max_body for each client");
	sum += put_part(b, "base", 1, BASE_BYTES + c->a.sum + ROOT_BYTES *
	    (c->trust == NULL ? 0 : tls_trust_count(c->trust)),
	    "program, roots, config");
	put_part(b, "sum", 1, sum, "at the worst");
	put_part(b, "max_memory", 1, memory, c->max_memory == 0 ?
	    "a quarter of the RAM" : "as configured");
	if (room < c->max_body) {
		put_bytes(c->max_body, tmp);
		buf_fmt(b, "All %llu clients at once leave no room for one "
		    "body of %s: some get\n503 then; lower max_clients or "
		    "max_body, or raise max_memory.\n",
		    (unsigned long long)c->max_clients, tmp);
	}
	return sum;
}
