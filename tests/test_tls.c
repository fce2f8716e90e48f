/* SPDX-License-Identifier: MIT */
/*
 * Tests of tls.c and tls_trust.c in memory: a client engine against a server
 * engine, records carried over by hand. Certificates come from tests/pki.sh
 * (TLS_PKI, or build/pki); without the openssl command only PEM, index, names
 * and hashes are tested. OpenSSL as peer: tests/tls_peers.sh.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../tls.h"
#include "check.h"
#include "guard.h"
#include "tls_lab.h"

/* ---- hashes ---- */

static void
test_sha256(void)
{
	static const struct {
		const char *in, *want;
	} rows[] = { /* FIPS 180-2, appendix B */
		{"abc", "ba7816bf8f01cfea414140de5dae2223"
		    "b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		    "248d6a61d20638b8e5c026930c3e6039"
		    "a33ce45964ff2167f6ecedd419db06c1"},
		{"", "e3b0c44298fc1c149afbf4c8996fb924"
		    "27ae41e4649b934ca495991b7852b855"},
	};
	unsigned char out[32];
	struct buf b;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tls_sha256(rows[i].in, strlen(rows[i].in), out);
		buf_init(&b, 64);
		buf_add_hex(&b, out, sizeof(out));
		CHECK_STR(buf_str(&b), str_of(rows[i].want));
		buf_free(&b);
	}
}

/* ---- PEM ---- */

#define BEGIN_X "-----BEGIN X-----"
#define END_X "-----END X-----"

/* What comes out of a text: "label=bytes " for a block, "broken ". */
static const struct {
	const char *name, *in, *want;
} pem_rows[] = {
	{"one", BEGIN_X "\nYWJj\n" END_X "\n", "X=abc "},
	{"CR LF", BEGIN_X "\r\nYWJj\r\nZGVm\r\n" END_X "\r\n", "X=abcdef "},
	{"CR", BEGIN_X "\rYWJj\r" END_X "\r", "X=abc "},
	{"no final line end", BEGIN_X "\nYWJj\n" END_X, "X=abc "},
	{"CR LF, no final one", BEGIN_X "\r\nYWJj\r\n" END_X, "X=abc "},
	{"text around", "a\n\n" BEGIN_X "\nYWI=\n" END_X "\n\n# b\n"
	    BEGIN_X "\nYQ==\n" END_X "\nc", "X=ab X=a "},
	{"blanks", " \t" BEGIN_X " \n  YW \t Jj\n\n\n" END_X "\t\n", "X=abc "},
	{"short and long lines", BEGIN_X "\nY\nWJ\nj\nYWJjYWJjYWJjYWJjYWJjYWJjY"
	    "WJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJj\n" END_X,
	    "X=abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc "},
	{"byte order mark", "\xef\xbb\xbf" BEGIN_X "\nYWJj\n" END_X, "X=abc "},
	{"label with a blank", "-----BEGIN EC PRIVATE KEY-----\nYWJj\n"
	    "-----END EC PRIVATE KEY-----\n", "EC PRIVATE KEY=abc "},
	{"not at the line's start", "x " BEGIN_X "\nYWJj\n" END_X, ""},
	{"empty", "", ""},
	{"only text", "nothing\nhere", ""},
	{"END alone", END_X "\n" BEGIN_X "\nYWJj\n" END_X, "X=abc "},
	{"no END", BEGIN_X "\nYWJj\n", "broken "},
	{"nothing behind BEGIN", BEGIN_X, "broken "},
	{"other END", BEGIN_X "\nYWJj\n-----END Y-----\n", "broken "},
	{"BEGIN in BEGIN", BEGIN_X "\nYWJj\n" BEGIN_X "\nZGVm\n" END_X "\n",
	    "broken X=def "},
	{"foreign character", BEGIN_X "\nYW?j\n" END_X "\n" BEGIN_X
	    "\nZGVm\n" END_X, "broken X=def "},
	{"impossible length", BEGIN_X "\nYWJjZ\n" END_X, "broken "},
	{"no content", BEGIN_X "\n" END_X "\n", "broken "},
	{"BEGIN cut", "-----BEGIN X----\nYWJj\n" END_X "\n", "broken "},
	{"END cut", BEGIN_X "\nYWJj\n-----END X----\n", "broken "},
	{"no label", "-----BEGIN -----\nYWJj\n-----END -----\n", "broken "},
	{"control in label", "-----BEGIN X\001-----\nYWJj\n", "broken "},
	{"header lines", BEGIN_X "\nProc-Type: 4,ENCRYPTED\n\nYWJj\n" END_X,
	    "broken "},
};

static void
pem_run(const char *name, struct str in, struct str want)
{
	struct str s = guard_copy(in), rest = s, label = {NULL, 0};
	struct buf der, got;
	unsigned rounds = 0;
	int found;

	buf_init(&der, 1000);
	buf_init(&got, 2000);
	while ((found = tls_pem_next(&rest, &label, &der)) != 0) {
		CHECK_IN(name, rounds++ <= in.n);
		if (found > 0)
			buf_fmt(&got, "%.*s=%.*s ", STR_ARG(label),
			    STR_ARG(buf_str(&der)));
		else
			buf_addz(&got, "broken ");
		CHECK_IN(name, found > 0 || der.len == 0);
		der.len = 0;
	}
	if (want.p != NULL)
		CHECK_STR_IN(name, buf_str(&got), want);
	CHECK_INT_IN(name, rest.n, 0);
	buf_free(&der);
	buf_free(&got);
	guard_free(s);
}

static void
test_pem(void)
{
	struct str none = {NULL, 0}, rest, label;
	struct buf der;
	size_t i, n;

	for (i = 0; i < sizeof(pem_rows) / sizeof(pem_rows[0]); i++) {
		struct str in = str_of(pem_rows[i].in);

		pem_run(pem_rows[i].name, in, str_of(pem_rows[i].want));
		for (n = 0; n < in.n; n++)
			pem_run(pem_rows[i].name, str_sub(in, 0, n), none);
	}
	/* Appends, and a full buffer leaves what was there. */
	buf_init(&der, 5);
	buf_addz(&der, "xy");
	rest = STR(BEGIN_X "\nYWJj\n" END_X "\n" BEGIN_X "\nYWJj\n" END_X);
	CHECK_INT(tls_pem_next(&rest, &label, &der), 1);
	CHECK_STR(buf_str(&der), STR("xyabc"));
	CHECK_INT(tls_pem_next(&rest, &label, &der), -1);
	CHECK_STR(buf_str(&der), STR("xyabc"));
	CHECK(der.bad);
	buf_free(&der);
}

/* ---- trust index ---- */

/* The least that the index takes for a certificate: serial, algorithm, issuer,
 * validity, subject. */
#define CERT_A "MBUwEwIBATAAMAQxAjAAMAAwBDECMAA="
#define BEGIN_C "-----BEGIN CERTIFICATE-----\n"
#define END_C "-----END CERTIFICATE-----\n"
#define BLOCK BEGIN_C CERT_A "\n" END_C

static const struct {
	const char *name, *in;
	int want; /* roots, or -1 */
} bundle_rows[] = {
	{"one", BLOCK, 1},
	{"three", BLOCK BLOCK BLOCK, 3},
	{"CR LF", "-----BEGIN CERTIFICATE-----\r\n" CERT_A
	    "\r\n-----END CERTIFICATE-----\r\n", 1},
	{"no final line end", BLOCK BEGIN_C CERT_A
	    "\n-----END CERTIFICATE-----", 2},
	{"text between", "# first\n" BLOCK "\nsecond:\n" BLOCK "# end", 2},
	{"broken in the middle", BLOCK BEGIN_C "!!\n" END_C BLOCK, 2},
	{"cut in the middle", BLOCK BEGIN_C CERT_A "\n" BLOCK, 2},
	{"other blocks", "-----BEGIN X509 CRL-----\nYWJj\n"
	    "-----END X509 CRL-----\n" BLOCK, 1},
	{"not a certificate", BEGIN_C "YWJj\n" END_C BLOCK, 1},
	{"bytes behind it", BEGIN_C "MBUwEwIBATAAMAQxAjAAMAAwBDECMAAA\n" END_C,
	    -1},
	{"cut certificate", BEGIN_C "MBUwEwIBATAAMAQxAjAAMAAwBDEC\n" END_C,
	    -1},
	{"length too long", BEGIN_C "MIT/////AgEB\n" END_C, -1},
	{"nothing", "", -1},
	{"text", "hello\n", -1},
};

static int
bundle_count(const char *path, enum err_kind *kind)
{
	struct err e = {0};
	struct tls_trust *t = tls_trust_open(path, &e);
	int n = -1;

	if (t != NULL)
		n = (int)tls_trust_count(t);
	else
		CHECK(strstr(e.text, path) != NULL);
	*kind = e.kind;
	tls_trust_free(t);
	return n;
}

static void
test_bundles(void)
{
	const char *path = path_in(tmp, "bundle");
	enum err_kind kind;
	size_t i;

	for (i = 0; i < sizeof(bundle_rows) / sizeof(bundle_rows[0]); i++) {
		write_file(path, str_of(bundle_rows[i].in));
		CHECK_INT_IN(bundle_rows[i].name, bundle_count(path, &kind),
		    bundle_rows[i].want);
		if (bundle_rows[i].want < 0)
			CHECK_INT_IN(bundle_rows[i].name, kind, ERR_INPUT);
	}
	CHECK_INT(bundle_count(path_in(tmp, "none"), &kind), -1);
	CHECK_INT(kind, ERR_SYS);
	CHECK_INT(bundle_count(tmp, &kind), -1);
	CHECK_INT(kind, ERR_INPUT);
	if (mkfifo(path_in(tmp, "fifo"), 0600) == 0) {
		CHECK_INT(bundle_count(path_in(tmp, "fifo"), &kind), -1);
		CHECK_INT(kind, ERR_INPUT);
	}
	CHECK_INT(mem_reserved(), 0);
}

static void
wait_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* The index follows the file, but at most once a second, and never to nothing.
 */
static void
test_refresh(void)
{
	const char *path = path_in(tmp, "moving");
	struct err e = {0};
	struct tls_trust *t;

	write_file(path, STR(BLOCK));
	t = tls_trust_open(path, &e);
	CHECK(t != NULL);
	if (t == NULL)
		return;
	write_file(path, STR(BLOCK BLOCK));
	CHECK_INT(tls_trust_count(t), 1); /* within the second */
	wait_ms(1050);
	CHECK_INT(tls_trust_count(t), 2);
	write_file(path, STR("nothing"));
	wait_ms(1050);
	CHECK_INT(tls_trust_count(t), 2);
	unlink(path);
	wait_ms(1050);
	CHECK_INT(tls_trust_count(t), 2);
	write_file(path, STR(BLOCK BLOCK BLOCK));
	wait_ms(1050);
	CHECK_INT(tls_trust_count(t), 3);
	tls_trust_free(t);
}

/* ---- names ---- */

#define L60 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
#define L240 L60 L60 L60 L60

static const struct {
	const char *host, *expect;
	bool good;
} name_rows[] = {
	{"upstream.test", NULL, true},
	{"upstream.test.", NULL, true},
	{"UPSTREAM.Test", NULL, true},
	{"a", NULL, true},
	{"_x-1.test", NULL, true},
	{"xn--bcher-kva.test", NULL, true},
	{"1.2.3.4.test", NULL, true},
	{L240 "bcdefghijklmnop", NULL, true},   /* 255 */
	{L240 "bcdefghijklmnop.", NULL, true},  /* 255 and the dot */
	{L240 "bcdefghijklmnopq", NULL, false}, /* 256 */
	{"", NULL, false},
	{".", NULL, false},
	{"..", NULL, false},
	{".test", NULL, false},
	{"a..test", NULL, false},
	{"test..", NULL, false},
	{"127.0.0.1", NULL, false},
	{"127.0.0.1.", NULL, false},
	{"127.1", NULL, false},
	{"2130706433", NULL, false},
	{"::1", NULL, false},
	{"[::1]", NULL, false},
	{"fe80::1%eth0", NULL, false},
	{"a b.test", NULL, false},
	{"*.test", NULL, false},
	{"b\xc3\xbc" "cher.test", NULL, false},
	{"a\n.test", NULL, false},
	{"127.0.0.1", "upstream.test", true},
	{"::1", "upstream.test", true},
	{"upstream.test", "other.test", true},
	{"upstream.test", "", false},
	{"upstream.test", "127.0.0.1", false},
	{"upstream.test", "*.test", false},
	{"", "upstream.test", false},
};

static void
test_names(void)
{
	struct err e = {0};
	struct tls_trust *trust;
	size_t i;

	write_file(path_in(tmp, "bundle"), STR(BLOCK));
	trust = tls_trust_open(path_in(tmp, "bundle"), &e);
	CHECK(trust != NULL);
	for (i = 0; i < sizeof(name_rows) / sizeof(name_rows[0]); i++) {
		struct tls *t = tls_client(trust, str_of(name_rows[i].host),
		    443, str_of(name_rows[i].expect), &e);

		CHECK_INT_IN(name_rows[i].host, t != NULL, name_rows[i].good);
		if (t == NULL)
			CHECK_INT_IN(name_rows[i].host, e.kind, ERR_INPUT);
		else
			CHECK_INT_IN(name_rows[i].host, tls_state(t),
			    TLS_SEND_REC | TLS_RECV_REC);
		tls_free(t);
	}
	CHECK_INT(tls_client(trust, (struct str){"a\0b", 3}, 443,
	    (struct str){NULL, 0}, &e) == NULL, 1);
	tls_trust_free(trust);
}

/* ---- identities ---- */

static const struct {
	const char *cert, *key, *want; /* part of the message; NULL: good */
} identity_rows[] = {
	{"ec-leaf.pem", "ec-leaf.key", NULL},
	{"ec-leaf.pem", "ec-leaf-sec1.key", NULL},
	{"ec-leaf.pem", "ec-leaf-params.key", NULL},
	{"ec-leaf-all.pem", "ec-leaf-all.pem", NULL},
	{"rsa-leaf.pem", "rsa-leaf.key", NULL},
	{"rsa-leaf.pem", "rsa-leaf-pkcs1.key", NULL},
	{"p384.pem", "p384.key", NULL},
	{"pinned.pem", "pinned.key", NULL},
	{"ec-leaf.pem", "ec-root.key", "not the key of"},
	{"ec-leaf.pem", "ec-inter.key", "not the key of"},
	{"ec-leaf.pem", "rsa-leaf.key", "not the key of"},
	{"rsa-leaf.pem", "rsa-root.key", "not the key of"},
	{"rsa-leaf.pem", "ec-leaf.key", "not the key of"},
	{"ec-leaf.key", "ec-leaf.key", "no certificate in it"},
	{"ec-leaf.pem", "ec-leaf.pem", "no private key in it"},
	{"ec-leaf.pem", "ec-params.pem", "no private key in it"},
	{"ec-leaf.pem", "encrypted.key", "encrypted"},
	{"rsa-leaf.pem", "encrypted-pkcs1.key", "encrypted"},
	{"p521.pem", "p521.key", "neither RSA of"},
	{"weak.pem", "weak.key", "neither RSA of"},
	{"big.pem", "big.key", "neither RSA of"},
	{"nine", "ec-leaf.key", "more than 8 certificates"},
	{"none", "ec-leaf.key", "none"},
	{"ec-leaf.pem", "none", "none"},
};

static void
test_identities(void)
{
	struct buf one = read_file(path_in(pki, "ec-root.pem")), nine;
	size_t i;

	buf_init(&nine, 1 << 20);
	for (i = 0; i < 9; i++)
		buf_adds(&nine, buf_str(&one));
	write_file(path_in(tmp, "nine"), buf_str(&nine));
	buf_free(&one);
	buf_free(&nine);
	for (i = 0; i < sizeof(identity_rows) / sizeof(identity_rows[0]); i++) {
		struct err e = {0};
		const char *dir =
		    strcmp(identity_rows[i].cert, "nine") == 0 ? tmp : pki;
		struct tls_identity *id = tls_identity_open(
		    path_in(dir, identity_rows[i].cert),
		    path_in(pki, identity_rows[i].key), &e);
		const char *want = identity_rows[i].want;

		CHECK_INT_IN(identity_rows[i].key, id != NULL, want == NULL);
		if (id == NULL && want != NULL && strstr(e.text, want) == NULL)
			CHECK_STR_IN(identity_rows[i].key, str_of(e.text),
			    str_of(want));
		tls_identity_free(id);
	}
}

/* Cut and broken files: an error, no crash. */
static void
test_identity_broken(void)
{
	struct buf cert = read_file(path_in(pki, "ec-leaf.pem"));
	struct buf key = read_file(path_in(pki, "ec-leaf.key"));
	const char *cert_path = path_in(tmp, "c"), *key_path = path_in(tmp, "k");
	struct tls_identity *id;
	struct err e = {0};
	size_t i;

	write_file(key_path, buf_str(&key));
	for (i = 0; i < cert.len / 2 - 50; i += 13) {
		write_file(cert_path, str_sub(buf_str(&cert), 0, i));
		id = tls_identity_open(cert_path, key_path, &e);
		CHECK(id == NULL);
		tls_identity_free(id);
	}
	write_file(cert_path, buf_str(&cert));
	for (i = 30; i + 30 < key.len; i++) {
		char was = key.p[i];

		key.p[i] = was == 'A' ? 'B' : 'A';
		write_file(key_path, buf_str(&key));
		id = tls_identity_open(cert_path, key_path, &e);
		tls_identity_free(id);
		key.p[i] = was;
	}
	buf_free(&cert);
	buf_free(&key);
}

/* ---- handshakes ---- */

static const struct {
	const char *ca, *leaf, *host, *expect;
	int want;
	const char *text;
} shake_rows[] = {
	{"ec-root.pem", "ec-leaf", "upstream.test", NULL, 0, NULL},
	{"rsa-root.pem", "rsa-leaf", "upstream.test", NULL, 0, NULL},
	{"ec-root.pem", "p384", "upstream.test", NULL, 0, NULL},
	{"ec-root.pem", "ec-leaf", "UPSTREAM.test.", NULL, 0, NULL},
	{"ec-root.pem", "ec-leaf", "a.wild.test", NULL, 0, NULL},
	{"ec-root.pem", "ec-leaf", "wild.test", NULL, 56, "\"wild.test\""},
	{"ec-root.pem", "ec-leaf", "a.b.wild.test", NULL, 56, NULL},
	{"ec-root.pem", "ec-leaf", "other.test", NULL, 56,
	    "not for \"other.test\" (TLS error 56)"},
	{"ec-root.pem", "ec-leaf", "other.test", "upstream.test", 0, NULL},
	{"ec-root.pem", "ec-leaf", "upstream.test", "other.test", 56, NULL},
	{"ec-root.pem", "ec-leaf", "127.0.0.1", "upstream.test", 0, NULL},
	{"ec-root.pem", "ec-leaf", "::1", "other.test", 56, NULL},
	{"other.crt", "ec-leaf", "upstream.test", NULL, 62,
	    "\"Invented ec root\" is not trusted (TLS error 62)"},
	{"rsa-root.pem", "ec-leaf", "upstream.test", NULL, 62, NULL},
	{"ec-root.pem", "alone", "upstream.test", NULL, 62,
	    "\"Invented ec intermediate\""},
	/* An intermediate as root, a root beside another of the same name. */
	{"ec-inter.crt", "ec-leaf", "upstream.test", NULL, 0, NULL},
	{"ec-inter.crt", "alone", "upstream.test", NULL, 0, NULL},
	{"twin-and-root.pem", "ec-leaf", "upstream.test", NULL, 0, NULL},
	{"twin.crt", "ec-leaf", "upstream.test", NULL, 62, NULL},
	/* A chain with a cross-signed end: either root will do. */
	{"ec-root.pem", "cross", "upstream.test", NULL, 0, NULL},
	{"old.crt", "cross", "upstream.test", NULL, 0, NULL},
	{"ec-root.pem", "twice", "upstream.test", NULL, 55,
	    "out of order (TLS error 55); the server must"},
	{"ec-root.pem", "under", "upstream.test", NULL, 57, "(TLS error 57)"},
	{"ec-root.pem", "noca", "upstream.test", NULL, 58, "(TLS error 58)"},
	{"rsa-root.pem", "pss", "upstream.test", NULL, 49, "(TLS error 49)"},
	{"ec-root.pem", "past", "upstream.test", NULL, 54,
	    "expired or is not yet valid (TLS error 54)"},
	{"ec-root.pem", "future", "upstream.test", NULL, 54,
	    "check that first"},
	/* Pinned: dates and names are still checked. */
	{"pinned.crt", "pinned", "upstream.test", NULL, 0, NULL},
	{"pinned.crt", "pinned", "other.test", NULL, 56, NULL},
	{"pinned-ca.crt", "pinned-ca", "upstream.test", NULL, 0, NULL},
	{"pinned-ca.crt", "pinned-ca", "other.test", NULL, 56, NULL},
	{"ec-leaf.crt", "ec-leaf", "upstream.test", NULL, 0, NULL},
	{"past.crt", "past", "upstream.test", NULL, 54, NULL},
	/* Equal hashes of names are not equal names. */
	{"hash-a.crt", "hashed", "upstream.test", NULL, 0, NULL},
	{"hash-b.crt", "hashed", "upstream.test", NULL, 62, NULL},
	/* A pinned leaf vouches for nobody else. */
	{"ec-leaf.crt", "noca", "upstream.test", NULL, 58, NULL},
	{"pinned.crt", "ec-leaf", "upstream.test", NULL, 62, NULL},
};

/* cross has the key of ec-leaf; so have some others. */
static bool
shake_open(struct pair *p, const char *ca, const char *leaf)
{
	if (strcmp(leaf, "cross") != 0)
		return pair_open(p, ca, leaf);
	if (!pair_open(p, ca, "ec-leaf"))
		return false;
	tls_identity_free(p->id);
	p->id = tls_identity_open(path_in(pki, "cross.pem"),
	    path_in(pki, "ec-leaf.key"), NULL);
	return p->id != NULL;
}

static void
test_handshakes(void)
{
	size_t i;

	for (i = 0; i < sizeof(shake_rows) / sizeof(shake_rows[0]); i++) {
		const char *text = shake_rows[i].text;
		int want = shake_rows[i].want;
		char row[100];
		struct err e = {0};
		struct pair p;

		snprintf(row, sizeof(row), "%s, %s, %s", shake_rows[i].ca,
		    shake_rows[i].leaf, shake_rows[i].host);
		if (!shake_open(&p, shake_rows[i].ca, shake_rows[i].leaf)) {
			CHECK_IN(row, !"files");
			pair_close(&p);
			continue;
		}
		pair_connect_as(&p, shake_rows[i].host, 443,
		    shake_rows[i].expect);
		pair_run(&p);
		CHECK_INT_IN(row, tls_errno(p.cl), want);
		CHECK_INT_IN(row, is_up(p.cl), want == 0);
		CHECK_INT_IN(row, tls_state(p.cl) == TLS_CLOSED, want != 0);
		CHECK_IN(row, !tls_resumed(p.cl) && !tls_closed_clean(p.cl));
		CHECK_INT_IN(row, tls_fail(p.cl, &e), -1);
		CHECK_INT_IN(row, e.kind, ERR_PEER);
		if (text != NULL && strstr(e.text, text) == NULL)
			CHECK_STR_IN(row, str_of(e.text), str_of(text));
		if (want == 0)
			CHECK_STR_IN(row, str_of(e.text), STR("closed"));
		pair_close(&p);
	}
}

/* ---- application bytes ---- */

static void
transfer(struct pair *p, size_t bytes)
{
	struct buf sent, to_server, to_client;
	size_t i, up = 0, down = 0;
	unsigned idle = 0;

	buf_init(&sent, bytes);
	buf_init(&to_server, bytes);
	buf_init(&to_client, bytes);
	/* Growing by single bytes (BUF_STEP) is not what is tested here. */
	CHECK(buf_room(&sent, bytes) != NULL &&
	    buf_room(&to_server, bytes) != NULL &&
	    buf_room(&to_client, bytes) != NULL);
	for (i = 0; i < bytes; i++)
		buf_addc(&sent, (char)(i * 31 + i / 251));
	while ((to_server.len < bytes || to_client.len < bytes) && idle < 3) {
		size_t moved = put_app(p->cl, sent.p + up, bytes - up);

		up += moved;
		i = put_app(p->sv, sent.p + down, bytes - down);
		down += i;
		moved += i;
		moved += wire(p, p->cl, p->sv) + wire(p, p->sv, p->cl);
		moved += get_app(p->sv, &to_server);
		moved += get_app(p->cl, &to_client);
		idle = moved == 0 ? idle + 1 : 0;
	}
	CHECK(str_eq(buf_str(&to_server), buf_str(&sent)));
	CHECK(str_eq(buf_str(&to_client), buf_str(&sent)));
	buf_free(&sent);
	buf_free(&to_server);
	buf_free(&to_client);
}

static void
test_transfer(void)
{
	static const size_t steps[] = {1, 2, 5, 6, 1000, 16384, SIZE_MAX};
	struct pair p;
	size_t i;

	if (!pair_open(&p, "ec-root.pem", "ec-leaf"))
		return;
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		p.step = steps[i];
		pair_connect(&p);
		CHECK(is_up(p.cl) && is_up(p.sv));
		transfer(&p, steps[i] < 10 ? 20000 : 300000);
	}
	pair_close(&p);
}

/* ---- sessions ---- */

static void
session_row(struct pair *p, const char *host, unsigned port,
    const char *expect, bool resumed)
{
	pair_connect_as(p, host, port, expect);
	pair_run(p);
	CHECK(is_up(p->cl) && is_up(p->sv));
	CHECK_INT_IN(host, tls_resumed(p->cl), resumed);
	CHECK_INT_IN(host, tls_resumed(p->sv), resumed);
}

static void
test_sessions(void)
{
	struct pair p, q;
	struct err e = {0};
	size_t i;

	if (!pair_open(&p, "ec-root.pem", "ec-leaf"))
		return;
	session_row(&p, "upstream.test", 443, NULL, false);
	session_row(&p, "upstream.test", 443, NULL, true);
	session_row(&p, "UPSTREAM.test.", 443, NULL, true);
	transfer(&p, 5000);
	/* Anything that was validated otherwise is another session. */
	session_row(&p, "upstream.test", 444, NULL, false);
	session_row(&p, "a.wild.test", 443, NULL, false);
	session_row(&p, "a.wild.test", 443, "upstream.test", false);
	session_row(&p, "a.wild.test", 443, "upstream.test", true);
	session_row(&p, "upstream.test", 443, NULL, true);
	if (pair_open(&q, "ec-root.pem", "ec-leaf")) {
		session_row(&q, "upstream.test", 443, NULL, false);
		session_row(&q, "upstream.test", 443, NULL, true);
		pair_close(&q);
	}
	/* The least used one makes room: 32 are kept. */
	for (i = 0; i < 31; i++)
		session_row(&p, "upstream.test", 1000 + (unsigned)i, NULL,
		    false);
	session_row(&p, "upstream.test", 1030, NULL, true);
	session_row(&p, "upstream.test", 443, NULL, true);
	session_row(&p, "upstream.test", 1031, NULL, false);
	session_row(&p, "upstream.test", 443, NULL, true);
	/* A connection that fails takes its session along. */
	put_app(p.sv, "x", 1);
	p.flip = p.carried + 20;
	pair_run(&p);
	CHECK_INT(tls_state(p.cl), TLS_CLOSED);
	CHECK_INT(tls_errno(p.cl), 7);
	p.flip = 0;
	session_row(&p, "upstream.test", 443, NULL, false);
	/* An identity may go while its handshake is under way. */
	pair_connect_as(&p, "upstream.test", 443, NULL);
	tls_identity_free(p.id);
	pair_run(&p);
	CHECK(is_up(p.cl) && is_up(p.sv));
	p.id = tls_identity_open(path_in(pki, "ec-leaf.pem"),
	    path_in(pki, "ec-leaf.key"), &e);
	/* And so may trust. */
	pair_connect_as(&p, "upstream.test", 555, NULL);
	tls_trust_free(p.trust);
	p.trust = NULL;
	pair_run(&p);
	CHECK(is_up(p.cl) && is_up(p.sv));
	pair_close(&p);
}

/* ---- ends ---- */

static void
test_close(void)
{
	struct buf got;
	struct pair p;

	if (!pair_open(&p, "ec-root.pem", "ec-leaf"))
		return;
	buf_init(&got, 100000);
	/* Both sides end well; bytes sent before arrive. */
	pair_connect(&p);
	CHECK_INT(put_app(p.sv, "last words", 10), 10);
	tls_close(p.sv);
	while (wire(&p, p.cl, p.sv) + wire(&p, p.sv, p.cl) +
	    get_app(p.cl, &got) > 0)
		;
	CHECK_STR(buf_str(&got), STR("last words"));
	CHECK_INT(tls_state(p.cl), TLS_CLOSED);
	CHECK_INT(tls_state(p.sv), TLS_CLOSED);
	CHECK(tls_closed_clean(p.cl) && tls_closed_clean(p.sv));
	CHECK_INT(tls_errno(p.cl), 0);
	tls_close(p.cl); /* nothing left to do */
	/* Known as soon as it has come, though our own is not out. */
	pair_connect(&p);
	tls_close(p.sv);
	while (wire(&p, p.sv, p.cl) > 0)
		;
	CHECK(tls_closed_clean(p.cl) && !tls_closed_clean(p.sv));
	CHECK_INT(tls_state(p.cl), TLS_SEND_REC);
	/* No close_notify: nothing is closed. */
	pair_connect(&p);
	put_app(p.sv, "x", 1);
	pair_run(&p);
	CHECK(!tls_closed_clean(p.cl) && tls_state(p.cl) != TLS_CLOSED);
	buf_free(&got);
	pair_close(&p);
}

/* A client that goes in mid-stream: pending bytes are thrown away, one
 * close_notify goes out, nothing spins (docs/tls.md, rule 2). */
static void
test_close_pending(void)
{
	static char big[40000];
	unsigned half, rounds;
	struct buf got;
	struct pair p;

	if (!pair_open(&p, "ec-root.pem", "ec-leaf"))
		return;
	for (half = 0; half < 4; half++) {
		buf_init(&got, 100);
		pair_connect(&p);
		put_app(p.sv, big, sizeof(big));
		p.left = half % 2 == 0 ? SIZE_MAX : 5000;
		pair_run(&p);
		p.left = SIZE_MAX;
		if (half % 2 == 0)
			CHECK(tls_state(p.cl) & TLS_RECV_APP);
		if (half >= 2)
			CHECK(put_app(p.cl, "unsent", 6) == 6);
		tls_close(p.cl);
		CHECK((tls_state(p.cl) & (TLS_RECV_APP | TLS_SEND_APP)) == 0);
		CHECK((tls_state(p.cl) & TLS_SEND_REC) != 0);
		/* What more the server sends is dropped; what went out
		 * before arrives. */
		for (rounds = 0; rounds < 1000 && wire(&p, p.cl, p.sv) +
		    wire(&p, p.sv, p.cl) + get_app(p.sv, &got) > 0; rounds++)
			put_app(p.sv, big, sizeof(big));
		CHECK(rounds < 1000);
		CHECK_STR(buf_str(&got), half < 2 ? STR("") : STR("unsent"));
		CHECK_INT(tls_state(p.cl), TLS_CLOSED);
		CHECK_INT(tls_state(p.sv), TLS_CLOSED);
		CHECK(tls_closed_clean(p.sv));
		CHECK_INT(tls_errno(p.cl), 0);
		buf_free(&got);
	}
	/* In the middle of the handshake. */
	pair_connect_as(&p, "upstream.test", 443, NULL);
	p.left = 300;
	pair_run(&p);
	p.left = SIZE_MAX;
	tls_close(p.cl);
	pair_run(&p);
	CHECK(!is_up(p.cl) && !is_up(p.sv));
	pair_close(&p);
}

/* The wire is cut, or one byte is changed, at each place of a short resumed
 * connection. Never are wrong bytes taken, never is it a clean end. */
static void
test_every_byte(void)
{
	struct buf got;
	struct pair p;
	size_t n, total;

	if (!pair_open(&p, "ec-root.pem", "ec-leaf"))
		return;
	buf_init(&got, 1000);
	pair_connect(&p);
	pair_connect(&p);
	CHECK(tls_resumed(p.cl));
	put_app(p.sv, "answer", 6);
	pair_run(&p);
	get_app(p.cl, &got);
	CHECK_STR(buf_str(&got), STR("answer"));
	total = p.carried;
	for (n = 1; n < total * 2; n++) {
		size_t at = n < total ? n : n - total;

		pair_connect_as(&p, "upstream.test", 443, NULL);
		p.left = n < total ? at : SIZE_MAX;
		p.flip = n < total ? 0 : at + 1;
		pair_run(&p);
		put_app(p.sv, "answer", 6);
		pair_run(&p);
		buf_clear(&got);
		get_app(p.cl, &got);
		/* A flipped bit of the session id only costs a handshake. One
		 * in the ALPN names once made the server read out of bounds
		 * (docs/tls.md, rule 11). */
		if (p.flip == 0 || got.len > 0)
			CHECK_STR(buf_str(&got), n < total ? STR("") :
			    STR("answer"));
		CHECK(!tls_closed_clean(p.cl) && !tls_closed_clean(p.sv));
		p.left = SIZE_MAX;
		p.flip = 0;
		/* A failure made both forget; a cut did not. */
		if (n >= total)
			pair_connect(&p);
	}
	buf_free(&got);
	pair_close(&p);
}

/* ---- texts ---- */

/* The peer's answer is made by hand: what becomes of it? */
static const struct {
	const char *name, *bytes;
	size_t n;
	int want;
	const char *text;
} answer_rows[] = {
	{"an HTTP server", "HTTP/1.1 400 Bad Request\r\n", 26, 3,
	    "does not speak TLS 1.2 (TLS error 3); is this an https port?"},
	{"handshake_failure", "\x15\x03\x03\x00\x02\x02\x28", 7, 296,
	    "no common cipher suite"},
	{"protocol_version", "\x15\x03\x03\x00\x02\x02\x46", 7, 326,
	    "refuses TLS 1.2 (TLS error 326); if it wants TLS 1.3"},
	{"no_application_protocol", "\x15\x03\x03\x00\x02\x02\x78", 7, 376,
	    "does not offer HTTP/1.1"},
	{"unknown_ca", "\x15\x03\x03\x00\x02\x02\x30", 7, 304,
	    "does not trust our certificate (TLS error 304); install"},
	{"another alert", "\x15\x03\x03\x00\x02\x02\x50", 7, 336,
	    "the peer sent TLS alert 80"},
	{"record too long", "\x16\x03\x03\xff\xff", 5, 5,
	    "broke the TLS protocol (TLS error 5)"},
	{"application data", "\x17\x03\x03\x00\x01x", 6, 10,
	    "broke the TLS protocol (TLS error 10)"},
};

static void
test_texts(void)
{
	struct str none = {NULL, 0};
	struct err e = {0};
	struct tls_trust *trust;
	size_t i, n, m;

	trust = tls_trust_open(path_in(tmp, "bundle"), &e);
	CHECK(trust != NULL);
	for (i = 0; i < sizeof(answer_rows) / sizeof(answer_rows[0]); i++) {
		struct tls *t = tls_client(trust, STR("upstream.test"), 443,
		    none, &e);

		tls_buf(t, TLS_SEND_REC, &n);
		tls_done(t, TLS_SEND_REC, n);
		for (n = 0; n < answer_rows[i].n; n += m) {
			unsigned char *in = tls_buf(t, TLS_RECV_REC, &m);

			if (in == NULL)
				break;
			m = m < answer_rows[i].n - n ? m :
			    answer_rows[i].n - n;
			memcpy(in, answer_rows[i].bytes + n, m);
			tls_done(t, TLS_RECV_REC, m);
		}
		CHECK_INT_IN(answer_rows[i].name, tls_state(t), TLS_CLOSED);
		CHECK_INT_IN(answer_rows[i].name, tls_errno(t),
		    answer_rows[i].want);
		tls_fail(t, &e);
		if (strstr(e.text, answer_rows[i].text) == NULL)
			CHECK_STR_IN(answer_rows[i].name, str_of(e.text),
			    str_of(answer_rows[i].text));
		tls_free(t);
	}
	tls_trust_free(trust);
}

/* ---- starvation, threads ---- */

/* All allocations from the n-th on fail: an error that says so, no leak, no
 * crash; with enough of them all is well. */
static void
test_starving(void)
{
	struct str none = {NULL, 0};
	struct pair p = {.step = SIZE_MAX, .left = SIZE_MAX};
	struct err e;
	bool good = false;
	long n;

	/* Each of the first 32, then in growing steps: with BUF_STEP=1 there
	 * are thousands. */
	for (n = 0; !good && n < 100000; n += 1 + n / 32) {
		int kind = ERR_NONE;

		e = (struct err){0};
		mem_fail_after(n);
		p.trust = tls_trust_open(path_in(pki, "ec-root.pem"), &e);
		if (p.trust != NULL)
			p.id = tls_identity_open(path_in(pki, "ec-leaf.pem"),
			    path_in(pki, "ec-leaf.key"), &e);
		if (p.id != NULL)
			p.cl = tls_client(p.trust, STR("upstream.test"),
			    700 + (unsigned)n, none, &e);
		if (p.cl != NULL)
			p.sv = tls_server(p.id, &e);
		if (p.sv != NULL) {
			pair_run(&p);
			good = is_up(p.cl);
			if (!good)
				tls_fail(p.cl, &e);
		}
		mem_fail_after(-1);
		kind = (int)e.kind;
		CHECK(good || kind == ERR_MEM);
		pair_close(&p);
		p.trust = NULL;
		p.id = NULL;
	}
	CHECK(good && n > 8);
	CHECK_INT(mem_reserved(), 0);
}

static struct pair shared;

static void *
thread_main(void *arg)
{
	struct pair p = shared;
	unsigned i;

	for (i = 0; i < 12; i++) {
		pair_connect_as(&p, "upstream.test", 443 + i % 3, NULL);
		pair_run(&p);
		if (!is_up(p.cl) || !is_up(p.sv))
			p.faults++;
	}
	*(unsigned *)arg = p.faults;
	pair_hang_up(&p);
	return NULL;
}

static void
test_threads(void)
{
	unsigned failed[4] = {0}, i;
	pthread_t th[4];

	if (!pair_open(&shared, "ec-root.pem", "ec-leaf"))
		return;
	for (i = 0; i < 4; i++)
		CHECK(pthread_create(&th[i], NULL, thread_main,
		    &failed[i]) == 0);
	for (i = 0; i < 4; i++) {
		pthread_join(th[i], NULL);
		CHECK_INT(failed[i], 0);
	}
	pair_close(&shared);
}

int
main(void)
{
	char cmd[60];

	log_setup(LOG_ERROR, false);
	CHECK(mkdtemp(tmp) != NULL);
	test_sha256();
	test_pem();
	test_bundles();
	test_names();
	test_texts();
	test_refresh();
	if (pki_make()) {
		test_identities();
		test_identity_broken();
		test_handshakes();
		test_transfer();
		test_sessions();
		test_close();
		test_close_pending();
		test_every_byte();
		test_starving();
		test_threads();
	}
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", tmp);
	CHECK_INT(system(cmd), 0);
	return check_done();
}
