/* SPDX-License-Identifier: MIT */
/*
 * tls_trust: whom we trust. Reads PEM, keeps an index of the roots of a bundle
 * and checks certificate chains with BearSSL's minimal engine, which gets only
 * the roots that can matter, decoded from the file when they are needed: 8
 * bytes a root instead of 600.
 *
 * Not here: revocation (OCSP, CRL), name constraints (BearSSL refuses critical
 * ones and ignores others), key usage of intermediates beyond what BearSSL
 * checks, RSA-PSS, keys over 4096 bit. See docs/tls.md.
 *
 * Speaks: PEM (RFC 7468, read loosely: any line end, any line length, text
 * between the blocks), as much DER (X.690) as leads to the names, the key and
 * the basic constraints of a certificate (RFC 5280 4.1). What a peer sends is
 * judged by BearSSL, which gets each certificate in one piece (docs/tls.md,
 * rule 3).
 *
 * Limits: bundle 8 MB, certificate 16 kB, 8 roots of one name.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls_priv.h"

#define BUNDLE_MAX  (8u << 20) /* usual ones have 230 kB */
#define BLOCK_MAX   24576      /* TLS_CERT_MAX in base64, with line ends */
#define ANCHORS_MAX 8          /* roots of one name; mostly there is one */
#define KEY_MAX     576        /* of a root, as DER: RSA of 4096 bit */
#define LOOK_MS     1000       /* the bundle's stat is read so often at most */
#define RSA_MIN_BYTES 256     /* 2048 bit; BearSSL alone takes 1024 */

enum { DER_BOOL = 0x01, DER_INT = 0x02, DER_BITS = 0x03, DER_OCTETS = 0x04,
	DER_OID = 0x06, DER_SEQ = 0x30, DER_SET = 0x31, DER_CONTEXT_0 = 0xa0,
	DER_CONTEXT_3 = 0xa3 };

struct root {
	uint32_t hash; /* of the subject name's DER */
	uint32_t off;  /* of the BEGIN line in the file */
};

/* One reading of the bundle. The file stays open, so that the offsets fit
 * whatever the path names later. */
struct tls_index {
	atomic_uint refs;
	uint32_t serial;
	int fd;
	uint32_t size;
	size_t count;
	struct buf roots; /* array of struct root, in the order of the file */
};

struct seen {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

struct tls_trust {
	pthread_mutex_t lock; /* over ix, seen, looked_ms */
	struct tls_index *ix; /* never NULL */
	struct seen seen;     /* the file when it was read last */
	int64_t looked_ms;
	char path[];
};

struct tls_chain {
	const br_x509_class *vtable; /* first: all that the engine sees */
	br_x509_minimal_context mini;
	struct tls_index *ix;
	struct buf cert;  /* the one that is coming in */
	struct buf block; /* a root as PEM, and as DER */
	struct buf der;
	uint32_t certs;
	unsigned failed;  /* our own error for end_chain, or 0 */
	size_t anchors;
	br_x509_trust_anchor anchor[ANCHORS_MAX];
	char key[ANCHORS_MAX][KEY_MAX]; /* as DER, the anchors point there */
	struct tls_chain_note note;
};

static atomic_uint last_serial;

/* ---- PEM ---- */

/* The next line of s without its end, which may be LF, CR LF or CR. CR LF
 * gives an empty line in addition; nobody minds. */
static struct str
line_next(struct str *s)
{
	struct str line = {s->p, 0};

	while (line.n < s->n && s->p[line.n] != '\n' && s->p[line.n] != '\r')
		line.n++;
	*s = str_sub(*s, line.n + 1, s->n);
	return line;
}

/* Is line (trimmed) "-----<word> <label>-----"? 1 yes, 0 another line, -1 it
 * begins so and ends otherwise. */
static int
is_boundary(struct str line, struct str word, struct str *label)
{
	struct str dashes = STR("-----");
	size_t i;

	if (!str_starts(line, word))
		return 0;
	line = str_sub(line, word.n, line.n);
	if (!str_ends(line, dashes) || line.n == dashes.n)
		return -1;
	line.n -= dashes.n;
	for (i = 0; i < line.n; i++)
		if (line.p[i] < ' ' || line.p[i] > '~')
			return -1;
	*label = line;
	return 1;
}

int
tls_pem_next(struct str *s, struct str *label, struct buf *der)
{
	struct str line, rest, end, body;
	size_t mark = der->len;
	int found = 0;

	while (found == 0 && s->n > 0) {
		line = str_trim(line_next(s));
		/* Some editors begin a file with a byte order mark. */
		if (str_starts(line, STR("\xef\xbb\xbf")))
			line = str_sub(line, 3, line.n);
		found = is_boundary(line, STR("-----BEGIN "), label);
	}
	if (found <= 0)
		return found;
	rest = *s;
	body = (struct str){rest.p, 0};
	do {
		if (rest.n == 0)
			return -1;
		body.n = (size_t)(rest.p - body.p);
		line = str_trim(line_next(&rest));
	} while (!str_starts(line, STR("-----")));
	if (is_boundary(line, STR("-----END "), &end) != 1 ||
	    !str_eq(end, *label) || buf_add_unb64(der, body) < 0 ||
	    der->len == mark) {
		der->len = mark;
		return -1;
	}
	*s = rest;
	return 1;
}

/* ---- DER, as far as names ---- */

/* Takes the first element of s: its content, and all of it with tag and
 * length (whole may be NULL). Fails when it has another tag or does not fit;
 * tag 0 takes any. Lengths over 64 kB are not DER of ours. With body == s it
 * is entered. */
static int
der_take(struct str *s, unsigned char tag, struct str *body, struct str *whole)
{
	const unsigned char *p = (const unsigned char *)s->p;
	struct str all = *s;
	size_t head = 2, n;

	if (s->n < 2 || (tag != 0 && p[0] != tag))
		return -1;
	n = p[1];
	if (n == 0x81 && s->n >= 3) {
		n = p[2];
		head = 3;
	} else if (n == 0x82 && s->n >= 4) {
		n = (size_t)p[2] << 8 | p[3];
		head = 4;
	} else if (n >= 0x80) {
		return -1;
	}
	if (n > s->n - head)
		return -1;
	*s = str_sub(all, head + n, all.n);
	if (whole != NULL)
		*whole = str_sub(all, 0, head + n);
	*body = str_sub(all, head, n);
	return 0;
}

/* Issuer and subject of a certificate, as DER with tag and length: what two
 * equal names have in common byte by byte (BearSSL compares so, too). *rest:
 * what follows, from the key on. */
static int
cert_names(struct str der, struct str *issuer, struct str *subject,
    struct str *rest)
{
	struct str cert, body;

	if (der_take(&der, DER_SEQ, &cert, NULL) < 0 || der.n != 0 ||
	    der_take(&cert, DER_SEQ, rest, NULL) < 0)
		return -1;
	der_take(rest, DER_CONTEXT_0, &body, NULL); /* version, optional */
	if (der_take(rest, DER_INT, &body, NULL) < 0 || /* serial number */
	    der_take(rest, DER_SEQ, &body, NULL) < 0 || /* algorithm */
	    der_take(rest, DER_SEQ, &body, issuer) < 0 ||
	    der_take(rest, DER_SEQ, &body, NULL) < 0 || /* validity */
	    der_take(rest, DER_SEQ, &body, subject) < 0)
		return -1;
	return 0;
}

#define OID_RSA STR("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")
#define OID_EC STR("\x2a\x86\x48\xce\x3d\x02\x01")

/* BearSSL's number of the curve that is the first element of s, 0 = none. */
static int
curve_of(struct str s)
{
	struct str oid;

	if (der_take(&s, DER_OID, &oid, NULL) < 0)
		return 0;
	if (str_eq(oid, STR("\x2a\x86\x48\xce\x3d\x03\x01\x07")))
		return BR_EC_secp256r1;
	if (str_eq(oid, STR("\x2b\x81\x04\x00\x22")))
		return BR_EC_secp384r1;
	return str_eq(oid, STR("\x2b\x81\x04\x00\x23")) ?
	    BR_EC_secp521r1 : 0;
}

/* SubjectPublicKeyInfo (RFC 5280 4.1, keys: RFC 3279 2.3, RFC 5480). */
static int
spki_key(struct str spki, br_x509_pkey *pk)
{
	struct str algorithm, oid, bits, n, exp;

	if (der_take(&spki, DER_SEQ, &algorithm, NULL) < 0 ||
	    der_take(&algorithm, DER_OID, &oid, NULL) < 0 ||
	    der_take(&spki, DER_BITS, &bits, NULL) < 0)
		return -1;
	bits = str_sub(bits, 1, bits.n); /* the count of unused bits, 0 */
	if (str_eq(oid, OID_RSA)) {
		if (der_take(&bits, DER_SEQ, &bits, NULL) < 0 ||
		    der_take(&bits, DER_INT, &n, NULL) < 0 ||
		    der_take(&bits, DER_INT, &exp, NULL) < 0)
			return -1;
		pk->key_type = BR_KEYTYPE_RSA;
		pk->key.rsa = (br_rsa_public_key){(unsigned char *)n.p, n.n,
		    (unsigned char *)exp.p, exp.n};
		return 0;
	}
	pk->key_type = BR_KEYTYPE_EC;
	pk->key.ec = (br_ec_public_key){curve_of(algorithm),
	    (unsigned char *)bits.p, bits.n};
	return str_eq(oid, OID_EC) && pk->key.ec.curve != 0 ? 0 : -1;
}

/* The numbers of RSAPrivateKey from the modulus on (RFC 8017 A.1.2). */
static int
rsa_secret(struct str s, br_rsa_private_key *k)
{
	struct str v[8]; /* n, e, d, p, q, dp, dq, iq */
	size_t i;

	for (i = 0; i < 8; i++)
		if (der_take(&s, DER_INT, &v[i], NULL) < 0)
			return -1;
	while (v[0].n > 0 && v[0].p[0] == 0)
		v[0] = str_sub(v[0], 1, v[0].n);
	k->n_bitlen = (uint32_t)v[0].n * 8;
	for (i = 0x80; v[0].n > 0 && (i & (unsigned char)v[0].p[0]) == 0;
	    i >>= 1)
		k->n_bitlen--;
	k->p = (unsigned char *)v[3].p;
	k->plen = v[3].n;
	k->q = (unsigned char *)v[4].p;
	k->qlen = v[4].n;
	k->dp = (unsigned char *)v[5].p;
	k->dplen = v[5].n;
	k->dq = (unsigned char *)v[6].p;
	k->dqlen = v[6].n;
	k->iq = (unsigned char *)v[7].p;
	k->iqlen = v[7].n;
	return 0;
}

/* PKCS#8 is RFC 5208, ECPrivateKey RFC 5915 section 3. All three forms begin
 * with a version. */
int
tls_secret_read(struct str der, struct tls_secret *k)
{
	struct str body, number, oid = {NULL, 0}, algorithm = {NULL, 0};

	memset(k, 0, sizeof(*k));
	if (der_take(&der, DER_SEQ, &body, NULL) < 0 ||
	    der_take(&body, DER_INT, &number, NULL) < 0)
		return -1;
	if (der_take(&body, DER_SEQ, &algorithm, NULL) == 0 &&
	    (der_take(&algorithm, DER_OID, &oid, NULL) < 0 ||
	    (!str_eq(oid, OID_RSA) && !str_eq(oid, OID_EC)) ||
	    der_take(&body, DER_OCTETS, &body, NULL) < 0 ||
	    der_take(&body, DER_SEQ, &body, NULL) < 0 ||
	    der_take(&body, DER_INT, &number, NULL) < 0))
		return -1;
	if (der_take(&body, DER_OCTETS, &number, NULL) < 0) {
		k->is_rsa = true;
		return rsa_secret(body, &k->rsa);
	}
	k->ec.x = (unsigned char *)number.p;
	k->ec.xlen = number.n;
	if (oid.n == 0 && der_take(&body, DER_CONTEXT_0, &algorithm, NULL) < 0)
		return -1;
	k->ec.curve = curve_of(algorithm);
	return k->ec.curve == 0 ? -1 : 0;
}

/* Do the extensions, in what follows the key, say that it is a CA's? */
static bool
says_ca(struct str rest)
{
	struct str list, ext, oid, body;

	/* Before them there may be two unique ids that nobody uses. */
	while (der_take(&rest, DER_CONTEXT_3, &list, NULL) < 0)
		if (der_take(&rest, 0, &body, NULL) < 0)
			return false;
	if (der_take(&list, DER_SEQ, &list, NULL) < 0)
		return false;
	while (der_take(&list, DER_SEQ, &ext, NULL) == 0) {
		if (der_take(&ext, DER_OID, &oid, NULL) < 0)
			return false;
		if (!str_eq(oid, STR("\x55\x1d\x13"))) /* basicConstraints */
			continue;
		der_take(&ext, DER_BOOL, &body, NULL); /* critical, optional */
		return der_take(&ext, DER_OCTETS, &body, NULL) == 0 &&
		    der_take(&body, DER_SEQ, &body, NULL) == 0 &&
		    der_take(&body, DER_BOOL, &body, NULL) == 0 &&
		    body.n == 1 && body.p[0] != 0;
	}
	return false;
}

int
tls_cert_key(struct str der, br_x509_pkey *pk)
{
	struct str issuer, subject, rest, spki;

	if (cert_names(der, &issuer, &subject, &rest) < 0 ||
	    der_take(&rest, DER_SEQ, &spki, NULL) < 0)
		return -1;
	return spki_key(spki, pk);
}

/* What people call this name: its common name, else its organisation, else
 * nothing. */
static struct str
dn_shown(struct str dn)
{
	struct str rdns = {NULL, 0}, rdn, pair, oid, value, best = {NULL, 0};

	der_take(&dn, DER_SEQ, &rdns, NULL);
	while (der_take(&rdns, DER_SET, &rdn, NULL) == 0) {
		if (der_take(&rdn, DER_SEQ, &pair, NULL) < 0 ||
		    der_take(&pair, DER_OID, &oid, NULL) < 0 ||
		    der_take(&pair, 0, &value, NULL) < 0)
			break;
		if (str_eq(oid, STR("\x55\x04\x03")))
			return value;
		if (str_eq(oid, STR("\x55\x04\x0a")))
			best = value;
	}
	return best;
}

/* FNV-1a. Equal hashes only cost the decoding of one more root. */
static uint32_t
dn_hash(struct str dn)
{
	uint32_t h = 2166136261u;
	size_t i;

	for (i = 0; i < dn.n; i++)
		h = (h ^ (unsigned char)dn.p[i]) * 16777619u;
	return h;
}

/* ---- the index ---- */

static void
index_release(struct tls_index *ix)
{
	if (ix == NULL || atomic_fetch_sub(&ix->refs, 1) != 1)
		return;
	tls_sessions_forget(ix->serial);
	if (ix->fd >= 0)
		close(ix->fd);
	buf_free(&ix->roots);
	mem_free(ix);
}

/* n bytes from off, or as many as there are, appended to b. */
static int
read_at(int fd, size_t off, size_t n, struct buf *b)
{
	char *p = buf_room(b, n);
	ssize_t got;

	if (p == NULL)
		return -1;
	while (n > 0) {
		got = pread(fd, b->p + b->len, n, (off_t)off);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return (int)got;
		b->len += (size_t)got;
		off += (size_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* Fill ix->roots from the text of a bundle. Gives the number of certificate
 * blocks that cannot be used. */
static unsigned
index_scan(struct tls_index *ix, struct str text, struct buf *der)
{
	struct str rest = text, label, issuer, subject, after;
	struct root r;
	unsigned broken = 0;
	int found;

	for (;;) {
		buf_clear(der);
		found = tls_pem_next(&rest, &label, der);
		if (found == 0)
			return broken;
		if (found > 0 && !str_eq(label, STR("CERTIFICATE")))
			continue;
		if (found < 0 ||
		    cert_names(buf_str(der), &issuer, &subject, &after) < 0) {
			broken++;
			continue;
		}
		r.hash = dn_hash(subject);
		r.off = (uint32_t)(label.p - text.p) -
		    (uint32_t)(sizeof("-----BEGIN ") - 1);
		buf_add(&ix->roots, &r, sizeof(r));
		ix->count++;
	}
}

static int
index_fill(struct tls_index *ix, const char *path, struct err *e)
{
	struct buf text, der;
	unsigned broken = 0;
	int ret = -1;

	buf_init(&text, (size_t)ix->size + 1);
	buf_init(&der, TLS_CERT_MAX);
	if (!mem_reserve(ix->size))
		return err_set(e, ERR_MEM, "%s: no memory to read it", path);
	if (buf_room(&text, ix->size) == NULL ||
	    buf_room(&der, TLS_CERT_MAX) == NULL) {
		err_set(e, ERR_MEM, "%s: no memory to read it", path);
		goto out;
	}
	if (read_at(ix->fd, 0, ix->size, &text) < 0) {
		err_sys(e, "%s", path);
		goto out;
	}
	broken = index_scan(ix, buf_str(&text), &der);
	if (ix->roots.bad)
		err_set(e, ERR_MEM, "%s: no memory for its index", path);
	else if (ix->count == 0)
		err_set(e, ERR_INPUT, "%s: no usable certificate in it; "
		    "install the package ca-certificates or ca-bundle, or set "
		    "ca_file", path);
	else
		ret = 0;
	if (ret == 0 && broken > 0)
		log_put(LOG_WARN, "%s: %u broken certificates left out", path,
		    broken);
out:
	buf_free(&der);
	buf_free(&text);
	mem_release(ix->size);
	return ret;
}

/* Read the bundle at path. *seen is filled before reading, so a file that
 * changes meanwhile is read again. */
static struct tls_index *
index_read(const char *path, struct seen *seen, struct err *e)
{
	struct tls_index *ix = mem_calloc(sizeof(*ix));
	struct stat st;

	if (ix == NULL) {
		err_set(e, ERR_MEM, "%s: no memory for its index", path);
		return NULL;
	}
	atomic_init(&ix->refs, 1);
	ix->serial = atomic_fetch_add(&last_serial, 1) + 1;
	buf_init(&ix->roots, BUNDLE_MAX / 64);
	ix->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (ix->fd < 0 || fstat(ix->fd, &st) < 0) {
		err_sys(e, "%s", path);
		goto fail;
	}
	*seen = (struct seen){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_INPUT, "%s: not a regular file", path);
		goto fail;
	}
	if (st.st_size > (off_t)BUNDLE_MAX) {
		err_set(e, ERR_INPUT, "%s: larger than %u bytes", path,
		    BUNDLE_MAX);
		goto fail;
	}
	ix->size = (uint32_t)st.st_size;
	if (index_fill(ix, path, e) == 0)
		return ix;
fail:
	index_release(ix);
	return NULL;
}

/* ---- trust: an index that follows its file ---- */

struct tls_trust *
tls_trust_open(const char *path, struct err *e)
{
	size_t n = strlen(path) + 1;
	struct tls_trust *t = mem_calloc(sizeof(*t) + n);

	if (t == NULL) {
		err_set(e, ERR_MEM, "%s: no memory for its index", path);
		return NULL;
	}
	memcpy(t->path, path, n);
	t->looked_ms = now_ms();
	t->ix = index_read(path, &t->seen, e);
	if (t->ix == NULL) {
		mem_free(t);
		return NULL;
	}
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void
tls_trust_free(struct tls_trust *t)
{
	if (t == NULL)
		return;
	index_release(t->ix);
	pthread_mutex_destroy(&t->lock);
	mem_free(t);
}

static bool
seen_eq(const struct seen *a, const struct seen *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime.tv_sec == b->mtime.tv_sec &&
	    a->mtime.tv_nsec == b->mtime.tv_nsec;
}

/* Has the file changed since old? Then read it again. A file that is gone or
 * that holds no certificate (an upgrade under way) leaves the roots we have;
 * that is said once for each change. */
static void
trust_refresh(struct tls_trust *t, struct seen old)
{
	struct tls_index *fresh = NULL;
	struct seen seen = {0};
	struct err e = {0};
	struct stat st;

	if (stat(t->path, &st) == 0)
		seen = (struct seen){st.st_dev, st.st_ino, st.st_size,
		    st.st_mtim};
	if (seen_eq(&seen, &old))
		return;
	fresh = index_read(t->path, &seen, &e);
	if (fresh == NULL)
		log_put(LOG_WARN, "%s; going on with the roots read before",
		    e.text);
	pthread_mutex_lock(&t->lock);
	t->seen = seen;
	if (fresh != NULL) {
		struct tls_index *last = t->ix;

		t->ix = fresh;
		fresh = last;
	}
	pthread_mutex_unlock(&t->lock);
	index_release(fresh);
}

/* The index as of now, to be released. const for callers means that trust
 * stays what they opened; its refresh is ours. */
static struct tls_index *
trust_index(const struct tls_trust *trust)
{
	struct tls_trust *t = (struct tls_trust *)trust;
	struct tls_index *ix;
	struct seen seen;
	int64_t now = now_ms();
	bool look;

	pthread_mutex_lock(&t->lock);
	seen = t->seen;
	look = now - t->looked_ms >= LOOK_MS;
	if (look)
		t->looked_ms = now;
	pthread_mutex_unlock(&t->lock);
	if (look)
		trust_refresh(t, seen);
	pthread_mutex_lock(&t->lock);
	ix = t->ix;
	atomic_fetch_add(&ix->refs, 1);
	pthread_mutex_unlock(&t->lock);
	return ix;
}

unsigned
tls_trust_count(const struct tls_trust *t)
{
	struct tls_index *ix = trust_index(t);
	unsigned n = (unsigned)ix->count;

	index_release(ix);
	return n;
}

/* ---- the chain: BearSSL's X.509 class in front of its minimal engine ---- */

/* No memory in the middle of a handshake: it ends like an oversized chain, and
 * the note tells the truth. */
static void
chain_starve(struct tls_chain *c)
{
	c->note.starved = true;
	c->failed = BR_ERR_X509_LIMIT_EXCEEDED;
}

/* Read root i back from the file into c->der. */
static int
root_load(struct tls_chain *c, size_t i)
{
	const struct root *r = (const struct root *)(const void *)c->ix->roots.p;
	size_t end = i + 1 < c->ix->count ? r[i + 1].off : c->ix->size;
	struct str text, label;
	int ret = -1;

	if (end - r[i].off > BLOCK_MAX)
		end = r[i].off + BLOCK_MAX;
	buf_clear(&c->block);
	buf_clear(&c->der);
	if (read_at(c->ix->fd, r[i].off, end - r[i].off, &c->block) == 0) {
		text = buf_str(&c->block);
		if (tls_pem_next(&text, &label, &c->der) == 1)
			ret = 0;
	}
	if (c->block.bad || c->der.bad)
		chain_starve(c);
	return ret;
}

/* Make an anchor of c->der if its subject is dn and it is (or is not) a CA.
 * dn must live as long as the anchor. */
static void
anchor_add(struct tls_chain *c, struct str dn, bool ca)
{
	br_x509_trust_anchor *ta = &c->anchor[c->anchors];
	char *key = c->key[c->anchors];
	struct str issuer, subject, rest, spki;

	if (cert_names(buf_str(&c->der), &issuer, &subject, &rest) < 0 ||
	    !str_eq(subject, dn) ||
	    der_take(&rest, DER_SEQ, &spki, NULL) < 0 || spki.n > KEY_MAX ||
	    says_ca(rest) != ca)
		return;
	/* The next root will be in c->der before this one is used. */
	memcpy(key, spki.p, spki.n);
	if (spki_key((struct str){key, spki.n}, &ta->pkey) < 0)
		return;
	ta->dn.data = (unsigned char *)dn.p;
	ta->dn.len = dn.n;
	ta->flags = ca ? BR_X509_TA_CA : 0;
	c->anchors++;
}

static void
anchors_find(struct tls_chain *c, struct str dn, bool ca)
{
	const struct root *r = (const struct root *)(const void *)c->ix->roots.p;
	uint32_t hash = dn_hash(dn);
	size_t i;

	for (i = 0; i < c->ix->count && c->anchors < ANCHORS_MAX; i++)
		if (r[i].hash == hash && root_load(c, i) == 0)
			anchor_add(c, dn, ca);
}

static struct tls_chain *
chain_of(const br_x509_class *const *ctx)
{
	return (struct tls_chain *)(uintptr_t)ctx;
}

/* The name that the engine passes is the one it sent (empty for an IP
 * literal); ours is the one that is required. */
static void
chain_start(const br_x509_class **ctx, const char *sent)
{
	struct tls_chain *c = chain_of(ctx);
	int64_t now = wall_s();

	(void)sent;
	if (now < 0)
		now = 0;
	c->certs = 0;
	c->failed = 0;
	/* Days since the year 0. */
	br_x509_minimal_set_time(&c->mini, (uint32_t)(now / 86400 + 719528),
	    (uint32_t)(now % 86400));
	c->mini.vtable->start_chain(&c->mini.vtable, c->note.name);
}

static void
chain_cert_start(const br_x509_class **ctx, uint32_t n)
{
	struct tls_chain *c = chain_of(ctx);

	buf_clear(&c->cert);
	if (n > TLS_CERT_MAX)
		c->failed = BR_ERR_X509_LIMIT_EXCEEDED;
	else
		buf_room(&c->cert, n);
}

static void
chain_cert_add(const br_x509_class **ctx, const unsigned char *p, size_t n)
{
	struct tls_chain *c = chain_of(ctx);

	if (c->failed == 0)
		buf_add(&c->cert, p, n);
}

static void
note_issuer(struct tls_chain_note *note, struct str issuer)
{
	struct str name = dn_shown(issuer);
	size_t i, n = 0;

	for (i = 0; i < name.n && n < sizeof(note->issuer) - 1; i++)
		if (name.p[i] >= ' ' && name.p[i] <= '~' && name.p[i] != '"')
			note->issuer[n++] = name.p[i];
	note->issuer[n] = '\0';
}

/* A certificate is complete: find the roots that may have signed it, and the
 * pinned ones that it may be, then let the minimal engine judge. */
static void
chain_cert_end(const br_x509_class **ctx)
{
	struct tls_chain *c = chain_of(ctx);
	struct str issuer, subject, rest;

	if (c->cert.bad)
		chain_starve(c);
	c->anchors = 0;
	if (c->failed == 0 &&
	    cert_names(buf_str(&c->cert), &issuer, &subject, &rest) == 0) {
		anchors_find(c, issuer, true);
		if (c->certs == 0)
			anchors_find(c, subject, false);
		note_issuer(&c->note, issuer);
	}
	if (c->failed != 0)
		return;
	c->certs++;
	c->mini.trust_anchors = c->anchor;
	c->mini.trust_anchors_num = c->anchors;
	c->mini.vtable->start_cert(&c->mini.vtable, (uint32_t)c->cert.len);
	c->mini.vtable->append(&c->mini.vtable,
	    (const unsigned char *)c->cert.p, c->cert.len);
	c->mini.vtable->end_cert(&c->mini.vtable);
}

/* What the minimal engine accepted before we gave up stays accepted. */
static unsigned
chain_end(const br_x509_class **ctx)
{
	struct tls_chain *c = chain_of(ctx);
	unsigned r = c->mini.vtable->end_chain(&c->mini.vtable);

	return r != 0 && c->failed != 0 ? c->failed : r;
}

static const br_x509_pkey *
chain_key(const br_x509_class *const *ctx, unsigned *usages)
{
	struct tls_chain *c = chain_of(ctx);

	return c->mini.vtable->get_pkey(&c->mini.vtable, usages);
}

static const br_x509_class chain_class = {
	sizeof(struct tls_chain), chain_start, chain_cert_start,
	chain_cert_add, chain_cert_end, chain_end, chain_key
};

struct tls_chain *
tls_chain_new(const struct tls_trust *trust, struct str name, struct err *e)
{
	struct tls_chain *c = mem_calloc(sizeof(*c));

	if (c == NULL) {
		err_set(e, ERR_MEM, "no memory for a TLS handshake");
		return NULL;
	}
	c->vtable = &chain_class;
	c->ix = trust_index(trust);
	c->note.serial = c->ix->serial;
	buf_init(&c->cert, TLS_CERT_MAX);
	buf_init(&c->block, BLOCK_MAX);
	buf_init(&c->der, TLS_CERT_MAX);
	memcpy(c->note.name, name.p, name.n);
	br_x509_minimal_init(&c->mini, &br_sha256_vtable, NULL, 0);
	br_x509_minimal_set_rsa(&c->mini, br_rsa_pkcs1_vrfy_get_default());
	br_x509_minimal_set_ecdsa(&c->mini, br_ec_get_default(),
	    br_ecdsa_vrfy_asn1_get_default());
	br_x509_minimal_set_hash(&c->mini, br_sha256_ID, &br_sha256_vtable);
	br_x509_minimal_set_hash(&c->mini, br_sha384_ID, &br_sha384_vtable);
	br_x509_minimal_set_hash(&c->mini, br_sha512_ID, &br_sha512_vtable);
	br_x509_minimal_set_minrsa(&c->mini, RSA_MIN_BYTES);
	return c;
}

void
tls_chain_free(struct tls_chain *c)
{
	if (c == NULL)
		return;
	index_release(c->ix);
	buf_free(&c->cert);
	buf_free(&c->block);
	buf_free(&c->der);
	mem_free(c);
}

const br_x509_class **
tls_chain_x509(struct tls_chain *c)
{
	return &c->vtable;
}

const struct tls_chain_note *
tls_chain_note(const struct tls_chain *c)
{
	return &c->note;
}
