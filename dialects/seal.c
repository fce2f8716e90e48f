/* SPDX-License-Identifier: MIT */
/*
 * seal: opaque reasoning in a field of a dialect that is not its maker's
 * (neutral.h, "reasoning that travels"). The check is FNV-1a with 64 bits: it
 * finds what was cut or mixed up on the way through a client. It protects from
 * nobody, nor need it: the provider proves its own text.
 */
#include "ops.h"

#define PREFIX "llmux-r1."

#define FNV_BASE 14695981039346656037u

/* Backslashes do not count: some clients send "/" back as "\/". */
static uint64_t
fnv(uint64_t h, struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] != '\\')
			h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
	return h;
}

static void
check_of(char maker, struct str tag, struct str text, char dst[17])
{
	uint64_t h = fnv(FNV_BASE, (struct str){ &maker, 1 });

	h = fnv(fnv(h, tag), text);
	fmt_to(dst, 17, "%08x%08x", (unsigned)(h >> 32), (unsigned)h);
}

void
seal_tag(struct str provider, struct str model, char dst[9])
{
	uint64_t h = fnv(FNV_BASE, provider);

	h = fnv(fnv(h, STR("/")), model);
	fmt_to(dst, 9, "%08x", (unsigned)(h ^ h >> 32));
}

/* Whose text may stand in a dialect's own field. */
static enum seal_maker
maker_of(enum dialect d)
{
	return d == DIALECT_MESSAGES ? SEAL_ANTHROPIC :
	    d == DIALECT_RESPONSES ? SEAL_OPENAI : SEAL_NONE;
}

bool
seal_open(enum dialect d, struct str text, struct seal *s)
{
	struct str maker, check;
	char want[17];

	*s = (struct seal){ .maker = SEAL_NONE };
	if (text.n == 0)
		return true;
	if (!str_starts(text, STR(PREFIX))) {
		s->maker = maker_of(d);
		s->text = text;
		return true;
	}
	text = str_sub(text, sizeof(PREFIX) - 1, text.n);
	if (!str_cut(&text, '.', &maker) || maker.n != 1 ||
	    !str_cut(&text, '.', &s->tag) || !str_cut(&text, '.', &check) ||
	    text.n == 0)
		return false;
	check_of(maker.p[0], s->tag, text, want);
	if (!str_eq(check, str_of(want)))
		return false;
	s->maker = maker.p[0] == 'a' ? SEAL_ANTHROPIC :
	    maker.p[0] == 'o' ? SEAL_OPENAI : SEAL_NONE;
	s->wrapped = true;
	s->text = text;
	return s->maker != SEAL_NONE;
}

void
seal_put(enum dialect d, enum seal_maker maker, struct str tag,
    struct str text, struct buf *out)
{
	char name = maker == SEAL_ANTHROPIC ? 'a' : 'o', check[17];

	if (maker == SEAL_NONE)
		return;
	if (maker != maker_of(d)) {
		check_of(name, tag, text, check);
		buf_fmt(out, PREFIX "%c.%.*s.%s.", name, STR_ARG(tag), check);
	}
	buf_adds(out, text);
}
