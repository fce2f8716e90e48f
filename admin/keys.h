/* SPDX-License-Identifier: MIT */
/*
 * keys: the local API keys that clients present to llmux: `api_key =` lines,
 * and those of `llmux key add` in api_keys.json, a file that the Python LLMux
 * reads and writes as well.
 */
#ifndef LLMUX_KEYS_H
#define LLMUX_KEYS_H

#include "../json.h"
#include "../oauth.h"

/* ---- while llmux serves ---- */

/* Whose key it was: for log lines, so name has no blanks and no control
 * bytes and may be cut. id is "" and name "config" for an `api_key =` line. */
struct key_id {
	char id[20];
	char name[64];
};

/* Must a request bring a key? require_key = auto: yes when any key exists or a
 * listener is neither loopback nor a unix socket. A key file that is there but
 * cannot be read counts as one with keys. */
bool keys_needed(const struct conf *c);
/* Is presented one of the keys? If so, it is counted as used, and *who (may be
 * NULL) is filled. All keys are compared, as salted hashes, so that the time
 * tells nothing. The file is looked at once a second at most. */
bool keys_good(const struct conf *c, struct str presented,
    struct key_id *who);
/* Write last_used_at and usage_count back, if a stored key was used since the
 * last time; keys that were deleted meanwhile stay deleted. Failures are
 * logged, and tried again by the next call. Hourly and at stop, from one
 * thread. */
void keys_save(const struct conf *c);

/* ---- the key file, for commands ---- */

/* Bytes of a name and of a presented key; more are refused. */
#define KEY_NAME_MAX 63
#define KEY_MAX 1024

/* An open key file: text and json_value live until key_file_close. */
struct key_file {
	char path[LOGIN_PATH_MAX];
	int lock; /* descriptor, -1: none is held */
	struct arena a;
	struct buf text;
	struct json_value keys; /* the object that holds id and entry */
	struct json_edits edits;
};

/*
 * Read and check the file of c. due: until when to wait for the lock, that
 * key_file_set and key_file_write need; 0: no lock, for reading alone. A file
 * that is missing or empty has no keys. -1: ERR_INPUT (no state_dir, broken
 * file: it is never written over), ERR_TIME, ERR_SYS, ERR_MEM; nothing is left
 * to close.
 */
int key_file_open(struct key_file *f, const struct conf *c, int64_t due,
    struct err *e);
/* Let obj (f->keys, or an entry) have this member with this JSON value; others
 * stay. Two calls for each entry are possible, and one for f->keys. */
int key_file_set(struct key_file *f, struct json_value obj, const char *name,
    struct str value, struct err *e);
/* Write the file with what was set or dropped in edits. */
int key_file_write(struct key_file *f, struct err *e);
void key_file_close(struct key_file *f);

/* SHA-256 of salt (n bytes, at most 32) and key (at most KEY_MAX), as the file
 * has it. No memory is asked for: a good key must not be refused because there
 * is none. */
void key_hash(const void *salt, size_t n, struct str key,
    unsigned char out[32]);
/* The string member name of an entry, decoded into b (cleared first); "" when
 * there is none. */
struct str key_text(const struct json_value *v, const char *name,
    struct buf *b);
/* Control bytes become "?", blanks become blank. */
void key_clean(char *p, size_t n, char blank);
/* Unix seconds as Python's isoformat writes them, in quotes. */
void key_time(int64_t s, char dst[32]);

#endif
