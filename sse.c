/* SPDX-License-Identifier: MIT */
/*
 * sse: reads and writes server-sent events.
 *
 * Does: finds one event at a time at the beginning of a slice and points into
 * it. One pass: s keeps offsets, never pointers, between calls that give
 * PARSE_MORE, so an event of any size that arrives byte by byte is looked at
 * once and the bytes may move meanwhile.
 * Does not: decode UTF-8 (bytes stay as they came), keep ids or reconnection
 * times (llmux never reconnects a stream), read JSON.
 *
 * Speaks (WHATWG HTML, section 9.2.5 and 9.2.6): one byte order mark before
 * the first line; line ends LF, CRLF and CR; ":" comments; the fields event
 * and data, with or without colon, one blank after it dropped; a blank line
 * ends the event. All other fields (id, retry, unknown) are skipped.
 * Otherwise than there: an event with no data is given too, and at the end of
 * the stream a last event that lacks its blank line (sse_next with final).
 *
 * Limits: the size of one event, chosen by the caller at sse_init.
 */
#include "sse.h"

#include <string.h>

void
sse_init(struct sse *s, size_t max)
{
	*s = (struct sse){ .max = max };
	buf_init(&s->joined, max);
}

void
sse_free(struct sse *s)
{
	buf_free(&s->joined);
	mem_release(s->reserved);
	s->reserved = 0;
}

/*
 * Offset of the first CR or LF at or behind i, or in.n. A word at a time: the
 * test says "some byte is under 14", which only control bytes are.
 */
static size_t
find_end(struct str in, size_t i)
{
	const size_t ones = (size_t)-1 / 255, highs = ones << 7;
	size_t w, stop;

	for (;;) {
		for (; in.n - i >= sizeof(w); i += sizeof(w)) {
			memcpy(&w, in.p + i, sizeof(w));
			if (((w - ones * 14) & ~w & highs) != 0)
				break;
		}
		stop = in.n - i < sizeof(w) ? in.n : i + sizeof(w);
		for (; i < stop; i++)
			if (in.p[i] == '\n' || in.p[i] == '\r')
				return i;
		if (i == in.n)
			return i;
	}
}

/* Offset of the value when the line is this field, else 0. */
static size_t
value_of(struct str line, struct str field)
{
	if (!str_starts(line, field))
		return 0;
	if (line.n == field.n)
		return field.n;
	if (line.p[field.n] != ':')
		return 0;
	if (field.n + 1 < line.n && line.p[field.n + 1] == ' ')
		return field.n + 2;
	return field.n + 1;
}

/* A second or later data line: joined takes over. The whole event so far is
 * reserved, which is more than its data can be. */
static void
join(struct sse *s, struct str in, struct str value)
{
	size_t need = (size_t)(value.p - in.p) + value.n;

	if (need > s->reserved) {
		if (!mem_reserve(need - s->reserved)) {
			s->joined.bad = true;
			return;
		}
		s->reserved = need;
	}
	if (s->datas == 1) {
		buf_clear(&s->joined);
		buf_adds(&s->joined, str_sub(in, s->data, s->data_n));
	}
	buf_addc(&s->joined, '\n');
	buf_adds(&s->joined, value);
}

static void
take_line(struct sse *s, struct str in, size_t end)
{
	struct str line = { in.p + s->line, end - s->line };
	size_t v;

	if (line.p[0] == ':') {
		s->comments = true;
		return;
	}
	s->fields = true;
	if ((v = value_of(line, STR("data"))) > 0) {
		if (s->datas > 0)
			join(s, in, str_sub(line, v, line.n - v));
		else {
			s->data = s->line + v;
			s->data_n = line.n - v;
		}
		s->datas++;
	} else if ((v = value_of(line, STR("event"))) > 0) {
		s->named = true;
		s->name = s->line + v;
		s->name_n = line.n - v;
	}
}

/* Give what the lines so far make, of used bytes, and begin anew. */
static enum parse
give(struct sse *s, struct str in, struct sse_event *ev, size_t *used)
{
	*ev = (struct sse_event){ .comment = s->comments && !s->fields };
	if (s->named)
		ev->name = (struct str){ in.p + s->name, s->name_n };
	if (s->datas == 1)
		ev->data = (struct str){ in.p + s->data, s->data_n };
	else if (s->datas > 1)
		ev->data = buf_str(&s->joined);
	*used = s->scan;
	s->scan = s->line = s->datas = 0;
	s->named = s->fields = s->comments = false;
	return s->joined.bad ? PARSE_BAD : PARSE_OK;
}

/* Step over the byte order mark. False: too few bytes to know. */
static bool
begin(struct sse *s, struct str in, bool final)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t n = in.n < 3 ? in.n : 3;

	if (memcmp(in.p, mark, n) == 0) {
		if (n == 3)
			s->line = s->scan = 3;
		else if (!final)
			return false;
	}
	s->begun = true;
	return true;
}

enum parse
sse_next(struct sse *s, struct str in, bool final, struct sse_event *ev,
    size_t *used)
{
	size_t i;

	*used = 0;
	if (in.n == 0 || (!s->begun && !begin(s, in, final)))
		return PARSE_MORE;
	while ((i = find_end(in, s->scan)) < in.n) {
		bool blank = i == s->line;

		/* The second half of a CRLF ends nothing. */
		if (blank && i > 0 && in.p[i] == '\n' && in.p[i - 1] == '\r') {
			s->line = s->scan = i + 1;
			continue;
		}
		if (i >= s->max)
			return PARSE_BAD;
		if (!blank)
			take_line(s, in, i);
		s->line = s->scan = i + 1;
		if (!blank)
			continue;
		/* A CR is not left waiting for an LF that may never come; if
		 * it comes later, it makes one more event of no field. */
		if (in.p[i] == '\r' && i + 1 < in.n && in.p[i + 1] == '\n')
			s->scan++;
		return give(s, in, ev, used);
	}
	s->scan = in.n;
	if (in.n > s->max)
		return PARSE_BAD;
	if (!final)
		return PARSE_MORE;
	if (s->line < in.n)
		take_line(s, in, in.n);
	return give(s, in, ev, used);
}

void
sse_put(struct buf *b, const char *name, struct str data)
{
	if (name != NULL) {
		buf_adds(b, STR("event: "));
		buf_addz(b, name);
		buf_addc(b, '\n');
	}
	buf_adds(b, STR("data: "));
	buf_adds(b, data);
	buf_adds(b, STR("\n\n"));
}
