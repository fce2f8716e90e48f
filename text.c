/* SPDX-License-Identifier: MIT */
/*
 * text: slices, growing buffers, number formatting, base64 and hex.
 *
 * Deliberately not here: stdio (8-20 kB of code, and floating point on targets
 * that have none), locale, wide characters. Letters fold in ASCII only.
 * Encodings: base64 and base64url (RFC 4648), hex.
 */
#include "base.h"

#include <string.h>

/* ---- slices ---- */

struct str
str_of(const char *z)
{
	struct str s = { z, z == NULL ? 0 : strlen(z) };

	return s;
}

struct str
str_sub(struct str s, size_t from, size_t n)
{
	if (from > s.n)
		from = s.n;
	if (n > s.n - from)
		n = s.n - from;
	return (struct str){ s.p == NULL ? NULL : s.p + from, n };
}

bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool
str_ieq(struct str a, struct str b)
{
	size_t i;

	if (a.n != b.n)
		return false;
	for (i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq(str_sub(s, 0, prefix.n), prefix);
}

bool
str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n &&
	    str_eq(str_sub(s, s.n - suffix.n, suffix.n), suffix);
}

ssize_t
str_chr(struct str s, char c)
{
	const char *hit;

	if (s.n == 0)
		return -1;
	hit = memchr(s.p, c, s.n);
	return hit == NULL ? -1 : hit - s.p;
}

ssize_t
str_find(struct str s, struct str needle)
{
	size_t at = 0;

	if (needle.n == 0)
		return 0;
	while (s.n - at >= needle.n && at <= s.n) {
		const char *hit = memchr(s.p + at, needle.p[0],
		    s.n - at - needle.n + 1);

		if (hit == NULL)
			return -1;
		if (memcmp(hit, needle.p, needle.n) == 0)
			return hit - s.p;
		at = (size_t)(hit - s.p) + 1;
	}
	return -1;
}

struct str
str_trim(struct str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool
str_cut(struct str *s, char sep, struct str *part)
{
	ssize_t at;

	if (s->p == NULL)
		return false;
	at = str_chr(*s, sep);
	if (at < 0) {
		*part = *s;
		*s = (struct str){ NULL, 0 };
		return true;
	}
	*part = str_sub(*s, 0, (size_t)at);
	*s = str_sub(*s, (size_t)at + 1, s->n);
	return true;
}

ssize_t
str_place(struct str s, const char *words)
{
	struct str rest = str_of(words), w;
	ssize_t i;

	for (i = 0; str_cut(&rest, '|', &w); i++)
		if (str_ieq(w, s))
			return i;
	return -1;
}

int
str_u64(struct str s, uint64_t *v)
{
	uint64_t n = 0;
	size_t i;

	if (s.n == 0)
		return -1;
	for (i = 0; i < s.n; i++) {
		unsigned d = (unsigned)(unsigned char)s.p[i] - '0';

		if (d > 9 || n > (UINT64_MAX - d) / 10)
			return -1;
		n = n * 10 + d;
	}
	*v = n;
	return 0;
}

/* ---- buffers ---- */

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_free(struct buf *b)
{
	mem_free(b->p);
	*b = (struct buf){ .max = b->max };
}

void
buf_wipe(struct buf *b)
{
	if (b->p != NULL)
		mem_wipe(b->p, b->cap);
	buf_free(b);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->bad = false;
}

struct str
buf_str(const struct buf *b)
{
	return (struct str){ b->p == NULL ? "" : b->p, b->len };
}

/* Tests build with a step of 1, so that every addition moves the bytes. */
#ifndef BUF_STEP
#define BUF_STEP 256
#endif

char *
buf_room(struct buf *b, size_t n)
{
	size_t cap = b->cap;
	char *p;

	if (b->bad)
		return NULL;
	if (n > b->max || b->len > b->max - n) {
		b->bad = true;
		return NULL;
	}
	if (b->p != NULL && b->len + n < cap) {
		b->p[b->len + n] = '\0';
		return b->p + b->len;
	}
	if (BUF_STEP == 1 || cap == 0)
		cap = b->len + n + BUF_STEP;
	while (cap <= b->len + n)
		cap *= 2;
	if (cap > b->max + 1)
		cap = b->max + 1;
	p = mem_realloc(b->p, cap);
	if (p == NULL) {
		b->bad = true;
		return NULL;
	}
	b->p = p;
	b->cap = cap;
	b->p[b->len + n] = '\0';
	return b->p + b->len;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	char *to;

	if (n == 0)
		return;
	to = buf_room(b, n);
	if (to == NULL)
		return;
	memcpy(to, p, n);
	b->len += n;
}

void
buf_adds(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.n);
}

void
buf_addz(struct buf *b, const char *z)
{
	buf_add(b, z, strlen(z));
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_cut(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
	} else {
		memmove(b->p, b->p + n, b->len - n);
		b->len -= n;
	}
	if (b->p != NULL)
		b->p[b->len] = '\0';
}

/* ---- formatting ---- */

/* Where formatted bytes go: a buf or a fixed array. */
struct fmt_out {
	struct buf *b;
	char *p;
	size_t len, cap;
};

static void
fmt_put(struct fmt_out *o, const char *p, size_t n)
{
	if (o->b != NULL) {
		buf_add(o->b, p, n);
		return;
	}
	if (n > o->cap - 1 - o->len)
		n = o->cap - 1 - o->len;
	if (n > 0) /* p may be NULL then */
		memcpy(o->p + o->len, p, n);
	o->len += n;
	o->p[o->len] = '\0';
}

/* v in base 10 or 16 at the end of tmp[24]; gives the first digit. */
static char *
fmt_digits(char *end, uint64_t v, unsigned base)
{
	do {
		*--end = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	return end;
}

static void
fmt_number(struct fmt_out *o, uint64_t v, bool minus, unsigned base,
    size_t width, char pad)
{
	char tmp[24], *end = tmp + sizeof(tmp), *p;
	size_t n;

	p = fmt_digits(end, v, base);
	n = (size_t)(end - p) + (minus ? 1 : 0);
	if (minus && pad == '0')
		fmt_put(o, "-", 1);
	while (n < width) {
		fmt_put(o, &pad, 1);
		n++;
	}
	if (minus && pad != '0')
		fmt_put(o, "-", 1);
	fmt_put(o, p, (size_t)(end - p));
}

static void
fmt_text(struct fmt_out *o, const char *p, size_t n, size_t width)
{
	fmt_put(o, p, n);
	while (n++ < width)
		fmt_put(o, " ", 1);
}

/* One directive behind the '%'; gives the position behind it. */
static const char *
fmt_one(struct fmt_out *o, const char *f, va_list *ap)
{
	size_t width = 0, prec = SIZE_MAX, n;
	int longs = 0;
	bool left = false;
	char pad = ' ', c;
	const char *z;
	int64_t v;

	if (*f == '-') {
		left = true;
		f++;
	}
	if (*f == '0')
		pad = *f++;
	while (*f >= '0' && *f <= '9')
		width = width * 10 + (size_t)(*f++ - '0');
	if (f[0] == '.' && f[1] == '*') {
		int given = va_arg(*ap, int);

		prec = given < 0 ? 0 : (size_t)given;
		f += 2;
	}
	while (*f == 'l' || *f == 'z')
		longs += *f++ == 'z' ? 3 : 1;
	switch (*f) {
	case 's':
		z = va_arg(*ap, const char *);
		if (prec == SIZE_MAX)
			n = z == NULL ? 0 : strlen(z);
		else
			n = z == NULL ? 0 : prec;
		fmt_text(o, z, n, left ? width : 0);
		break;
	case 'c':
		c = (char)va_arg(*ap, int);
		fmt_put(o, &c, 1);
		break;
	case 'd':
		v = longs == 0 ? va_arg(*ap, int) :
		    longs == 1 ? va_arg(*ap, long) :
		    longs == 2 ? va_arg(*ap, long long) :
		    va_arg(*ap, ssize_t);
		fmt_number(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0,
		    10, width, pad);
		break;
	case 'u':
	case 'x':
		fmt_number(o, longs == 0 ? va_arg(*ap, unsigned) :
		    longs == 1 ? va_arg(*ap, unsigned long) :
		    longs == 2 ? va_arg(*ap, unsigned long long) :
		    va_arg(*ap, size_t), false, *f == 'u' ? 10 : 16, width,
		    pad);
		break;
	case '%':
		fmt_put(o, "%", 1);
		break;
	default:
		fmt_put(o, "%?", 2);
		return f;
	}
	return f + 1;
}

static void
fmt_all(struct fmt_out *o, const char *f, va_list ap)
{
	va_list args;

	va_copy(args, ap);
	while (*f != '\0') {
		size_t n = 0;

		while (f[n] != '\0' && f[n] != '%')
			n++;
		if (n > 0)
			fmt_put(o, f, n);
		f += n;
		if (*f == '%')
			f = fmt_one(o, f + 1, &args);
	}
	va_end(args);
}

void
buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	struct fmt_out o = { .b = b };

	fmt_all(&o, fmt, ap);
}

void
buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

size_t
vfmt_to(char *dst, size_t cap, const char *fmt, va_list ap)
{
	struct fmt_out o = { .p = dst, .cap = cap };

	dst[0] = '\0';
	fmt_all(&o, fmt, ap);
	return o.len;
}

size_t
fmt_to(char *dst, size_t cap, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vfmt_to(dst, cap, fmt, ap);
	va_end(ap);
	return n;
}

void
buf_addu(struct buf *b, uint64_t v)
{
	char tmp[24], *end = tmp + sizeof(tmp), *p = fmt_digits(end, v, 10);

	buf_add(b, p, (size_t)(end - p));
}

void
buf_add_quoted(struct buf *b, struct str s, size_t max)
{
	size_t i;

	for (i = 0; i < s.n && i < max; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			buf_fmt(b, "\\x%02x", c);
		else
			buf_addc(b, (char)c);
	}
	if (i < s.n)
		buf_addz(b, "...");
}

void
buf_add_hex(struct buf *b, const void *p, size_t n)
{
	const unsigned char *u = p;
	size_t i;

	for (i = 0; i < n; i++)
		buf_fmt(b, "%02x", u[i]);
}

/* last: the digits of 62 and 63 and, if there is one, the padding. */
static void
add_b64(struct buf *b, const unsigned char *p, size_t n, const char *last)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t i, k;

	for (i = 0; i < n; i += 3) {
		uint32_t v = 0, d;

		for (k = 0; k < 3; k++)
			v = v << 8 | (i + k < n ? p[i + k] : 0);
		for (k = 0; k < 4; k++) {
			d = v >> (18 - 6 * k) & 63;
			if (i + k <= n)
				buf_addc(b, d < 62 ? digits[d] :
				    last[d - 62]);
			else if (last[2] != '\0')
				buf_addc(b, last[2]);
		}
	}
}

void
buf_add_b64(struct buf *b, const void *p, size_t n)
{
	add_b64(b, p, n, "+/=");
}

void
buf_add_b64url(struct buf *b, const void *p, size_t n)
{
	add_b64(b, p, n, "-_");
}

enum { B64_SKIP = 64, B64_PAD = 65, B64_BAD = 66 };

/* What an ASCII character is in base64 of either alphabet: a digit's value or
 * one of the above. By table: a bundle of roots is 200 kB of it. */
static const unsigned char b64_class[128] = {
	66, 66, 66, 66, 66, 66, 66, 66, 66, 64, 64, 66, 66, 64, 66, 66,
	66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
	64, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 62, 66, 62, 66, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 66, 66, 66, 65, 66, 66,
	66,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 66, 66, 66, 66, 63,
	66, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 66, 66, 66, 66, 66,
};

int
buf_add_unb64(struct buf *b, struct str s)
{
	size_t room = s.n / 4 * 3 + 3, digits = 0, pads = 0, i;
	unsigned char *out, *end;
	uint32_t acc = 0;

	if (room > b->max - b->len)
		room = b->max - b->len;
	out = (unsigned char *)buf_room(b, room);
	if (out == NULL)
		return -1;
	end = out + room;
	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		unsigned v = c < 128 ? b64_class[c] : B64_BAD;

		if (v == B64_SKIP)
			continue;
		if (v == B64_PAD && ++pads <= 2)
			continue;
		if (v > 63 || pads > 0)
			return -1;
		acc = acc << 6 | v;
		/* The byte that this digit completes, if any. */
		if (digits++ % 4 == 0)
			continue;
		if (out == end) {
			b->bad = true;
			return -1;
		}
		*out++ = (unsigned char)(acc >> (6 - 2 * ((digits - 1) % 4)));
	}
	b->len = (size_t)((char *)out - b->p);
	b->p[b->len] = '\0';
	if (digits % 4 == 1 || (pads > 0 && (digits + pads) % 4 != 0))
		return -1;
	return 0;
}
