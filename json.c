/* SPDX-License-Identifier: MIT */
/*
 * json: pull tokenizer and writer of JSON texts. What works on whole checked
 * documents is in jsondoc.c.
 *
 * Speaks: RFC 8259, all of it and nothing else; UTF-8 as RFC 3629 section 4
 * has it (shortest form, no surrogates, up to U+10FFFF).
 * Refuses: comments, byte order mark, other encodings, NaN, trailing commas,
 * single quotes, raw control bytes in strings.
 * Leaves open, as the RFC does: an escaped lone surrogate passes the reader
 * (section 8.2); a name that occurs twice is given twice (section 4); numbers
 * of any length and size pass (section 6), they stay text.
 * Deliberately not here: numbers as double, pretty printing, JSON lines.
 *
 * Strings are scanned a word at a time: eight bytes (four on 32 bits) are
 * looked at with a handful of additions, in either byte order and at any
 * address. Nothing is read beyond the end of a slice.
 * Limits: JSON_DEPTH_MAX open arrays and objects, else none.
 */
#include "json.h"

#include <string.h>

/* ---- words of bytes ---- */

#define WORD sizeof(size_t)
#define WORD_BITS (WORD * 8)
#define ONES (SIZE_MAX / 0xff) /* 0x01 in each byte */
#define LOW7 (ONES * 0x7f)
#define HIGH (ONES * 0x80)

/*
 * The high bit of each byte of w that is a quote, a backslash, a control byte
 * or over 0x7f. The seven low bits are added to on their own, so no carry
 * leaves a byte and every flag is exact in both byte orders. Flipping bit 1
 * takes the quote (0x22) to 0x20 and leaves the controls below and all else
 * above it: so one comparison finds both. Macros, as -Os would call a function
 * that is used so often.
 */
#define OVER(w) ((((w) & LOW7) ^ ONES * 0x02) + ONES * (0x80 - 0x21))
#define OTHER(w) ((((w) & LOW7) ^ ONES * '\\') + LOW7)
#define SPECIAL(w) ((~(OVER(w) & OTHER(w)) | (w)) & HIGH)

static size_t
load_word(const char *p)
{
	size_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* Known when compiled: costs nothing. */
static bool
little_endian(void)
{
	size_t one = 1;
	unsigned char first;

	memcpy(&first, &one, 1);
	return first == 1;
}

/* Number of bytes before the first flagged one, in the order of memory.
 * flags is not 0. */
static size_t
before_flag(size_t flags)
{
	size_t shift;

	if (little_endian()) {
		flags = (flags - 1) & ~flags;
	} else {
		for (shift = 8; shift < WORD_BITS; shift *= 2)
			flags |= flags >> shift;
		flags = ~flags;
	}
	return ((flags & HIGH) >> 7) * ONES >> (WORD_BITS - 8);
}

/* The first byte in p..end that ends plain ASCII text of a string, or end. */
static const char *
skip_plain(const char *p, const char *end)
{
	size_t w;

	while ((size_t)(end - p) >= WORD) {
		w = load_word(p);
		if (SPECIAL(w) != 0)
			return p + before_flag(SPECIAL(w));
		p += WORD;
	}
	while (p < end && (unsigned char)*p >= 0x20 &&
	    (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* ---- characters ---- */

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool
is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/* A byte 10xxxxxx. */
static bool
is_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* By the borrow of a subtraction: a branch would be guessed wrong half the
 * time. */
static bool
is_hex(char c)
{
	unsigned digit = (unsigned char)(c - '0');
	unsigned letter = (unsigned char)((c | 0x20) - 'a');

	return ((digit - 10) | (letter - 6)) >> 31;
}

/*
 * The multi-byte sequence that begins at p, of n > 0 bytes. OK: *len is its
 * length. MORE: it is cut short after *len good bytes. BAD: p[*len] cannot
 * stand there. RFC 3629 section 4.
 */
static enum parse
utf8_seq(const char *p, size_t n, size_t *len)
{
	unsigned char c = (unsigned char)p[0];
	unsigned char low = 0x80, high = 0xbf;
	size_t need = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	*len = 0;
	if (c < 0xc2 || c > 0xf4)
		return PARSE_BAD;
	if (c == 0xe0)
		low = 0xa0; /* below: a longer form of two bytes */
	else if (c == 0xed)
		high = 0x9f; /* above: surrogates */
	else if (c == 0xf0)
		low = 0x90; /* below: a longer form of three bytes */
	else if (c == 0xf4)
		high = 0x8f; /* above: over U+10FFFF */
	for (*len = 1; *len < need; ++*len) {
		if (*len == n)
			return PARSE_MORE;
		c = (unsigned char)p[*len];
		if (c < low || c > high)
			return PARSE_BAD;
		low = 0x80;
		high = 0xbf;
	}
	return PARSE_OK;
}

/* Skips whole sequences: all of two and three bytes, or else a single one of
 * four. p itself if there is none. */
static const char *
skip_utf8(const char *p, const char *end)
{
	const char *from = p;
	size_t len;

	while (end - p >= 3) {
		unsigned char c = (unsigned char)p[0];

		if (c >= 0xe0 && c < 0xf0 && is_tail(p[1]) && is_tail(p[2]) &&
		    (c != 0xe0 || (p[1] & 0x20) != 0) &&
		    (c != 0xed || (p[1] & 0x20) == 0))
			p += 3;
		else if (c >= 0xc2 && c < 0xe0 && is_tail(p[1]))
			p += 2;
		else
			break;
	}
	if (p == from && utf8_seq(p, (size_t)(end - p), &len) == PARSE_OK)
		p += len;
	return p;
}

/* Length of an escape by the byte behind its backslash; 0: there is none.
 * RFC 8259 section 7. */
static const unsigned char escape_size[256] = { ['"'] = 2, ['\\'] = 2,
	['/'] = 2, ['b'] = 2, ['f'] = 2, ['n'] = 2, ['r'] = 2, ['t'] = 2,
	['u'] = 6 };

/* The same three answers for the escape at p, which begins with a backslash. */
static enum parse
escape_seq(const char *p, size_t n, size_t *len)
{
	size_t size;

	*len = 1;
	if (n == 1)
		return PARSE_MORE;
	size = escape_size[(unsigned char)p[1]];
	if (size == 0)
		return PARSE_BAD;
	for (*len = 2; *len < size; ++*len) {
		if (*len == n)
			return PARSE_MORE;
		if (!is_hex(p[*len]))
			return PARSE_BAD;
	}
	return PARSE_OK;
}

/* ---- blocks of eight words ---- */

/*
 * Scanned word by word, each escape costs one wrong guess of the processor and
 * a new start. So behind the first one the flags of a whole block are gathered
 * into a mask, a bit a byte, the first byte lowest, and are served from there;
 * sequences of UTF-8 are checked for the block as a whole.
 */
#define BLOCK WORD_BITS

/* The product brings the flags of a word together in its highest bits. */
#define GATHER_LITTLE \
	(WORD == 8 ? (size_t)0x0002040810204081 : (size_t)0x00204081)
#define GATHER_BIG \
	(WORD == 8 ? (size_t)0x8040201008040201 : (size_t)0x80402010)
#define GATHER(flags) \
	((little_endian() ? (flags) * GATHER_LITTLE : \
			    ((flags) >> 7) * GATHER_BIG) & \
	    ~(size_t)0 << (WORD_BITS - WORD))
#define PUSH(mask, w) ((mask) >> WORD | GATHER(SPECIAL(w)))

static size_t
special_mask(const char *p)
{
	size_t mask = 0;

	mask = PUSH(mask, load_word(p));
	mask = PUSH(mask, load_word(p + WORD));
	mask = PUSH(mask, load_word(p + 2 * WORD));
	mask = PUSH(mask, load_word(p + 3 * WORD));
	mask = PUSH(mask, load_word(p + 4 * WORD));
	mask = PUSH(mask, load_word(p + 5 * WORD));
	mask = PUSH(mask, load_word(p + 6 * WORD));
	return PUSH(mask, load_word(p + 7 * WORD));
}

static size_t
high_mask(const char *p)
{
	size_t mask = 0, i;

	for (i = 0; i < 8; i++)
		mask = mask >> WORD | GATHER(load_word(p + i * WORD) & HIGH);
	return mask;
}

/* The number of a bit that stands alone. The 64 windows of six bits of the
 * factor (a de Bruijn sequence) are all different. */
static size_t
bit_number(size_t bit)
{
	static const unsigned char number[64] = {
		0, 1, 48, 2, 57, 49, 28, 3, 61, 58, 50, 42, 38, 29, 17, 4,
		62, 55, 59, 36, 53, 51, 43, 22, 45, 39, 33, 30, 24, 18, 12, 5,
		63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21, 44, 32, 23, 11,
		46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9, 13, 8, 7, 6,
	};

	return number[(uint64_t)bit * 0x03f79d71b4cb0a89 >> 58];
}

/*
 * Are the bytes over 0x7f of the block at p all whole sequences of two and
 * three bytes, each tail behind a lead that asks for it and the other way
 * round? The kinds that RFC 3629 restricts further (leads c0, c1, e0, ed and
 * from f0 on) give false: utf8_seq decides there. The last sequence may hang
 * over the end. One byte before and one behind the block are read.
 */
static bool
is_simple_utf8(const char *p)
{
	size_t bad = 0, i, before, w, behind, low;

	if (is_tail(*p))
		return false;
	for (i = 0; i < 8; i++, p += WORD) {
		before = load_word(p - 1);
		w = load_word(p);
		behind = load_word(p + 1);
		bad |= (behind & ~(behind << 1)) ^
		    ((w & w << 1) | (before & before << 1 & before << 2));
		bad |= w & w << 1 & w << 2 & w << 3;
		low = w & LOW7;
		bad |= w & ~((((low & ONES * 0x7e) ^ ONES * 0x40) + LOW7) &
		    ((low ^ ONES * 0x60) + LOW7) &
		    ((low ^ ONES * 0x6d) + LOW7));
	}
	return (bad & HIGH) == 0;
}

/* The length of the escape at p if it is whole and valid, else 0. */
static size_t
escape_len(const char *p, const char *end)
{
	size_t len;

	if (end - p >= 2 && escape_size[(unsigned char)p[1]] == 2)
		return 2;
	return escape_seq(p, (size_t)(end - p), &len) == PARSE_OK ? len : 0;
}

/* Block after block, to a quote, to what is not good or not simple, or to less
 * than a block before end. */
static const char *
skip_blocks(const char *p, const char *end, bool *escaped)
{
	const char *next, *at;
	size_t mask, bit, len;

	for (; (size_t)(end - p) > BLOCK; p = next) {
		next = p + BLOCK;
		mask = special_mask(p);
		while (mask != 0) {
			bit = mask & (0 - mask);
			at = p + bit_number(bit);
			if (*at == '\\') {
				*escaped = true;
				len = escape_len(at, end);
				if (len == 0)
					return at;
				if (at + len > next)
					next = at + len;
				mask &= ~(bit | bit << 1);
			} else if ((unsigned char)*at < 0x80 ||
			    !is_simple_utf8(p)) {
				return at;
			} else {
				if ((unsigned char)next[-1] >= 0xc0)
					next--;
				else if ((unsigned char)next[-2] >= 0xe0)
					next -= 2;
				mask &= ~high_mask(p);
			}
		}
	}
	return p;
}

/* The same in single steps, at least to near. */
static const char *
skip_steps(const char *p, const char *near, const char *end, bool *escaped)
{
	const char *from;

	do {
		from = skip_plain(p, end);
		if (from == end || *from == '"')
			return from;
		if (*from == '\\') {
			*escaped = true;
			p = from + escape_len(from, end);
		} else {
			p = skip_utf8(from, end);
		}
	} while (p != from && p < near);
	return p;
}

/* From p inside a string: its closing quote, or the first byte that is not
 * good or not whole, or end. Short strings end in the first line. */
static const char *
skip_string(const char *p, const char *end, bool *escaped)
{
	const char *from, *near;

	p = skip_plain(p, end);
	while (p < end && *p != '"') {
		from = p;
		p = skip_blocks(p, end, escaped);
		near = (size_t)(end - p) > BLOCK ? p + BLOCK : end;
		p = skip_steps(p, near, end, escaped);
		if (p == from)
			break;
	}
	return p;
}

/* ---- pull tokenizer ---- */

/* What may come next; the rows of expected[]. */
enum {
	AT_VALUE,
	AT_FIRST_ELEMENT,
	AT_FIRST_NAME,
	AT_NAME,
	AT_COLON,
	AFTER_ELEMENT,
	AFTER_MEMBER,
	AT_END
};

static const char *const expected[] = {
	[AT_VALUE] = "a value",
	[AT_FIRST_ELEMENT] = "a value or ']'",
	[AT_FIRST_NAME] = "a name in quotes or '}'",
	[AT_NAME] = "a name in quotes",
	[AT_COLON] = "':'",
	[AFTER_ELEMENT] = "',' or ']'",
	[AFTER_MEMBER] = "',' or '}'",
	[AT_END] = "the end of the text",
};

_Static_assert(JSON_DEPTH_MAX == 128, "the number is in the next message");
static const char too_deep[] = "at most 128 open arrays and objects";

void
json_init(struct json *j)
{
	*j = (struct json){ .type = JSON_NONE, .state = AT_VALUE };
}

static enum parse
fail(struct json *j, size_t pos, const char *why)
{
	j->bad = true;
	j->type = JSON_NONE;
	j->pos = pos;
	j->why = why;
	return PARSE_BAD;
}

/* Hands out the token from pos to end. */
static enum parse
give(struct json *j, enum json_type type, size_t end, struct str text)
{
	j->type = type;
	j->start = j->pos;
	j->end = end;
	j->pos = end;
	j->scan = 0;
	j->text = text;
	return PARSE_OK;
}

/* What follows a value that has just ended. */
static unsigned char
after_value(const struct json *j)
{
	unsigned top = j->depth - 1;

	if (j->depth == 0)
		return AT_END;
	return (j->is_object[top / 32] >> top % 32 & 1) != 0 ? AFTER_MEMBER :
							       AFTER_ELEMENT;
}

static enum parse
open_bracket(struct json *j, bool object)
{
	uint32_t bit = (uint32_t)1 << j->depth % 32;

	if (j->depth == JSON_DEPTH_MAX)
		return fail(j, j->pos, too_deep);
	if (object)
		j->is_object[j->depth / 32] |= bit;
	else
		j->is_object[j->depth / 32] &= ~bit;
	j->depth++;
	j->state = object ? AT_FIRST_NAME : AT_FIRST_ELEMENT;
	return give(j, object ? JSON_OBJECT : JSON_ARRAY, j->pos + 1,
	    (struct str){ NULL, 0 });
}

static enum parse
close_bracket(struct json *j, enum json_type type)
{
	j->depth--;
	j->state = after_value(j);
	return give(j, type, j->pos + 1, (struct str){ NULL, 0 });
}

/* What is the matter at p < end, where skip_string gave up: the answers of
 * escape_seq and utf8_seq, and why they are not OK. */
static enum parse
string_part(const char *p, const char *end, size_t *len, const char **why)
{
	enum parse r;

	if (*p == '\\') {
		r = escape_seq(p, (size_t)(end - p), len);
		*why = *len == 1 ? "one of \"\\/bfnrtu" :
				   "four hexadecimal digits";
		return r;
	}
	*len = 0;
	if ((unsigned char)*p < 0x20) {
		*why = "an escape, not a control character";
		return PARSE_BAD;
	}
	*why = "well-formed UTF-8";
	return utf8_seq(p, (size_t)(end - p), len);
}

/*
 * A string or name whose opening quote is at pos. While it is not whole, scan
 * is the offset up to which it was checked, so that no byte is looked at twice
 * however small the pieces are.
 */
static enum parse
scan_string(struct json *j, struct str doc, bool final, enum json_type type)
{
	const char *end = doc.p + doc.n, *p;
	const char *why = NULL;
	enum parse r = PARSE_OK;
	size_t len = 0;

	if (j->scan == 0) {
		j->scan = j->pos + 1;
		j->escaped = false;
	}
	p = skip_string(doc.p + j->scan, end, &j->escaped);
	if (p < end && *p != '"')
		r = string_part(p, end, &len, &why);
	if (r == PARSE_BAD)
		return fail(j, (size_t)(p - doc.p) + len, why);
	if (p == end || r == PARSE_MORE) {
		if (final)
			return fail(j, doc.n, p == end ? "a quote" : why);
		j->scan = (size_t)(p - doc.p);
		return PARSE_MORE;
	}
	j->state = type == JSON_KEY ? AT_COLON : after_value(j);
	len = (size_t)(p - doc.p) - j->pos - 1;
	return give(j, type, j->pos + len + 2,
	    (struct str){ doc.p + j->pos + 1, len });
}

/*
 * Numbers, RFC 8259 section 6. Row: what was read so far; column: the next
 * byte, in the order of number_class. 0: it is not part of the number, which
 * is then whole if the row may end one.
 */
enum { N_NONE, N_MINUS, N_ZERO, N_INT, N_POINT, N_FRAC, N_E, N_SIGN, N_EXP };

static const unsigned char number_next[][6] = {
	/*            0       1-9     -        +       .        e E */
	[N_NONE]  = { N_ZERO, N_INT,  N_MINUS, 0,      0,       0 },
	[N_MINUS] = { N_ZERO, N_INT,  0,       0,      0,       0 },
	[N_ZERO]  = { 0,      0,      0,       0,      N_POINT, N_E },
	[N_INT]   = { N_INT,  N_INT,  0,       0,      N_POINT, N_E },
	[N_POINT] = { N_FRAC, N_FRAC, 0,       0,      0,       0 },
	[N_FRAC]  = { N_FRAC, N_FRAC, 0,       0,      0,       N_E },
	[N_E]     = { N_EXP,  N_EXP,  N_SIGN,  N_SIGN, 0,       0 },
	[N_SIGN]  = { N_EXP,  N_EXP,  0,       0,      0,       0 },
	[N_EXP]   = { N_EXP,  N_EXP,  0,       0,      0,       0 },
};

static bool
number_may_end(unsigned at)
{
	return at == N_ZERO || at == N_INT || at == N_FRAC || at == N_EXP;
}

static int
number_class(char c)
{
	switch (c) {
	case '0':
		return 0;
	case '-':
		return 2;
	case '+':
		return 3;
	case '.':
		return 4;
	case 'e':
	case 'E':
		return 5;
	default:
		return is_digit(c) ? 1 : -1;
	}
}

/* A number that begins at pos; scan and number hold how far it was read. */
static enum parse
scan_number(struct json *j, struct str doc, bool final)
{
	size_t i = j->scan == 0 ? j->pos : j->scan;
	unsigned at = j->scan == 0 ? N_NONE : j->number;
	int column;

	for (; i < doc.n; i++) {
		if (is_digit(doc.p[i]) && at != N_ZERO && number_may_end(at))
			continue;
		column = number_class(doc.p[i]);
		if (column < 0 || number_next[at][column] == 0)
			break;
		at = number_next[at][column];
	}
	if (i == doc.n && !final) {
		j->scan = i;
		j->number = (unsigned char)at;
		return PARSE_MORE;
	}
	if (!number_may_end(at))
		return fail(j, i, at == N_E ? "a digit or a sign" : "a digit");
	j->state = after_value(j);
	return give(j, JSON_NUMBER, i,
	    (struct str){ doc.p + j->pos, i - j->pos });
}

static enum parse
scan_literal(struct json *j, struct str doc, bool final, struct str word,
    enum json_type type)
{
	size_t i;

	for (i = 1; i < word.n; i++) {
		if (j->pos + i == doc.n && !final)
			return PARSE_MORE;
		if (j->pos + i == doc.n || doc.p[j->pos + i] != word.p[i])
			return fail(j, j->pos + i, word.p);
	}
	j->state = after_value(j);
	return give(j, type, j->pos + word.n, (struct str){ NULL, 0 });
}

static enum parse
scan_value(struct json *j, struct str doc, bool final)
{
	switch (doc.p[j->pos]) {
	case '"':
		return scan_string(j, doc, final, JSON_STRING);
	case '{':
		return open_bracket(j, true);
	case '[':
		return open_bracket(j, false);
	case 't':
		return scan_literal(j, doc, final, STR("true"), JSON_TRUE);
	case 'f':
		return scan_literal(j, doc, final, STR("false"), JSON_FALSE);
	case 'n':
		return scan_literal(j, doc, final, STR("null"), JSON_NULL);
	default:
		if (doc.p[j->pos] == '-' || is_digit(doc.p[j->pos]))
			return scan_number(j, doc, final);
		if (j->pos == 0 && (unsigned char)doc.p[0] == 0xef)
			return fail(j, 0, "a value, not a byte order mark");
		return fail(j, j->pos, expected[j->state]);
	}
}

/* No byte is left that could decide. */
static enum parse
end_of_bytes(struct json *j, bool final)
{
	if (!final)
		return PARSE_MORE;
	if (j->state == AT_END)
		return give(j, JSON_END, j->pos, (struct str){ NULL, 0 });
	return fail(j, j->pos, expected[j->state]);
}

enum parse
json_next(struct json *j, struct str doc, bool final)
{
	char c;

	if (j->bad)
		return PARSE_BAD;
	if (j->scan > doc.n)
		return fail(j, doc.n, "the bytes that were given before");
	for (;;) {
		while (j->pos < doc.n && is_space(doc.p[j->pos]))
			j->pos++;
		if (j->pos >= doc.n)
			return end_of_bytes(j, final);
		c = doc.p[j->pos];
		if (c == ':' && j->state == AT_COLON)
			j->state = AT_VALUE;
		else if (c == ',' && j->state == AFTER_ELEMENT)
			j->state = AT_VALUE;
		else if (c == ',' && j->state == AFTER_MEMBER)
			j->state = AT_NAME;
		else
			break;
		j->pos++;
	}
	switch (j->state) {
	case AFTER_ELEMENT:
	case AT_FIRST_ELEMENT:
		if (c == ']')
			return close_bracket(j, JSON_ARRAY_END);
		if (j->state == AFTER_ELEMENT)
			break;
		return scan_value(j, doc, final);
	case AT_VALUE:
		return scan_value(j, doc, final);
	case AFTER_MEMBER:
	case AT_FIRST_NAME:
		if (c == '}')
			return close_bracket(j, JSON_OBJECT_END);
		if (j->state == AFTER_MEMBER)
			break;
		/* fall through */
	case AT_NAME:
		if (c == '"')
			return scan_string(j, doc, final, JSON_KEY);
		break;
	default:
		break;
	}
	return fail(j, j->pos, expected[j->state]);
}

int
json_check(struct str doc, struct err *e)
{
	struct json j;
	enum parse r;

	json_init(&j);
	do
		r = json_next(&j, doc, true);
	while (r == PARSE_OK && j.type != JSON_END);
	if (r == PARSE_OK)
		return 0;
	return err_set(e, ERR_INPUT, "not JSON: byte %zu: expected %s", j.pos,
	    j.why);
}

/* ---- writer ---- */

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

void
json_out_init(struct json_out *o, char *p, size_t cap,
    int (*sink)(void *, const char *, size_t), void *arg)
{
	*o = (struct json_out){ .sink = sink, .arg = arg, .p = p, .cap = cap,
		.first = true };
}

static int
sink_buf(void *arg, const char *p, size_t n)
{
	struct buf *b = arg;

	buf_add(b, p, n);
	return b->bad ? -1 : 0;
}

void
json_out_buf(struct json_out *o, struct buf *b)
{
	json_out_init(o, NULL, 0, sink_buf, b);
}

void
json_out_flush(struct json_out *o)
{
	if (!o->bad && o->len > 0 && o->sink(o->arg, o->p, o->len) < 0)
		o->bad = true;
	o->len = 0;
}

static void
put(struct json_out *o, const char *p, size_t n)
{
	if (o->bad || n == 0)
		return;
	o->total += n;
	if (o->sink == NULL)
		return;
	if (n > o->cap - o->len)
		json_out_flush(o);
	if (o->bad)
		return;
	if (n > o->cap) {
		if (o->sink(o->arg, p, n) < 0)
			o->bad = true;
		return;
	}
	memcpy(o->p + o->len, p, n);
	o->len += n;
}

static bool
in_object(const struct json_out *o)
{
	unsigned top = o->depth - 1;

	return o->depth > 0 && (o->is_object[top / 32] >> top % 32 & 1) != 0;
}

/* Before a value: the comma if one is due. A value where only a name may
 * stand, or a second value at the top, is a programming error: bad. */
static void
begin_value(struct json_out *o)
{
	if (!o->after_key && (in_object(o) || (o->depth == 0 && !o->first)))
		o->bad = true;
	if (!o->after_key && !o->first)
		put(o, ",", 1);
	o->after_key = false;
	o->first = false;
}

void
json_open(struct json_out *o, char bracket)
{
	uint32_t bit = (uint32_t)1 << o->depth % 32;

	begin_value(o);
	if (o->depth == JSON_DEPTH_MAX)
		o->bad = true;
	if (o->bad)
		return;
	put(o, &bracket, 1);
	if (bracket == '{')
		o->is_object[o->depth / 32] |= bit;
	else
		o->is_object[o->depth / 32] &= ~bit;
	o->depth++;
	o->first = true;
}

void
json_close(struct json_out *o, char bracket)
{
	if (o->depth == 0 || o->after_key || in_object(o) != (bracket == '}'))
		o->bad = true;
	if (o->bad)
		return;
	put(o, &bracket, 1);
	o->depth--;
	o->first = false;
}

/* The byte or the run of UTF-8 at p < end, at which skip_plain stopped; gives
 * where to go on. A sequence that is not well-formed is replaced. */
static const char *
put_special(struct json_out *o, const char *p, const char *end)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	static const char hex[] = "0123456789abcdef";
	char out[6] = { '\\', 'u', '0', '0' };
	const char *hit = memchr(from, *p, sizeof(from) - 1), *next;
	size_t len;

	if (hit != NULL) {
		out[1] = to[hit - from];
		put(o, out, 2);
		return p + 1;
	}
	if ((unsigned char)*p < 0x20) {
		out[4] = hex[*p >> 4];
		out[5] = hex[*p & 15];
		put(o, out, 6);
		return p + 1;
	}
	next = skip_utf8(p, end);
	if (next > p) {
		put(o, p, (size_t)(next - p));
		return next;
	}
	put(o, replacement, sizeof(replacement) - 1);
	utf8_seq(p, (size_t)(end - p), &len);
	return p + (len == 0 ? 1 : len);
}

static void
put_escaped(struct json_out *o, struct str plain)
{
	const char *p = plain.p, *stop, *end;

	if (plain.n == 0)
		return;
	end = p + plain.n;
	while (p < end) {
		stop = skip_plain(p, end);
		put(o, p, (size_t)(stop - p));
		p = stop < end ? put_special(o, stop, end) : end;
	}
}

void
json_key_str(struct json_out *o, struct str plain)
{
	if (o->after_key || (o->depth == 0 ? !o->first : !in_object(o)))
		o->bad = true;
	if (!o->first)
		put(o, ",", 1);
	o->first = false;
	o->after_key = true;
	put(o, "\"", 1);
	put_escaped(o, plain);
	put(o, "\":", 2);
}

void
json_key(struct json_out *o, const char *plain)
{
	json_key_str(o, str_of(plain));
}

void
json_str_begin(struct json_out *o)
{
	begin_value(o);
	put(o, "\"", 1);
}

void
json_str_text(struct json_out *o, struct str text)
{
	put(o, text.p, text.n);
}

void
json_str_plain(struct json_out *o, struct str plain)
{
	put_escaped(o, plain);
}

void
json_str_end(struct json_out *o)
{
	put(o, "\"", 1);
}

void
json_str(struct json_out *o, struct str plain)
{
	json_str_begin(o);
	put_escaped(o, plain);
	json_str_end(o);
}

void
json_text(struct json_out *o, struct str text)
{
	json_str_begin(o);
	put(o, text.p, text.n);
	json_str_end(o);
}

void
json_raw(struct json_out *o, struct str raw)
{
	begin_value(o);
	if (raw.n == 0)
		o->bad = true; /* an absent value would leave a hole */
	put(o, raw.p, raw.n);
}

void
json_num(struct json_out *o, int64_t n)
{
	uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (n < 0)
		digits[--at] = '-';
	json_raw(o, (struct str){ digits + at, sizeof(digits) - at });
}

void
json_bool(struct json_out *o, bool v)
{
	json_raw(o, v ? STR("true") : STR("false"));
}

void
json_null(struct json_out *o)
{
	json_raw(o, STR("null"));
}

void
json_escape(struct buf *b, struct str plain)
{
	struct json_out o;

	json_out_buf(&o, b);
	put_escaped(&o, plain);
}
