/* SPDX-License-Identifier: MIT */
/*
 * tls: BearSSL's engines behind tls.h: profile, session caches, identity of the
 * LAN server, error texts. PEM, trust and certificate chains: tls_trust.c.
 *
 * Speaks: TLS 1.2 (RFC 5246), ECDHE with ECDSA or RSA signatures (RFC 8422),
 * AES-GCM (RFC 5288, 5289) and ChaCha20-Poly1305 (RFC 7905), SNI (RFC 6066),
 * ALPN "http/1.1" (RFC 7301), resumption by session id, secure renegotiation
 * info (RFC 5746; renegotiation itself is refused).
 * Not here: TLS 1.3, CBC suites, RSA key exchange, session tickets, client
 * certificates, OCSP. Sockets and due times are net.c's.
 *
 * The rules about BearSSL 0.6 that this code keeps, with reasons: docs/tls.md.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tls_priv.h"

/* Output buffer. A smaller one (4181, or 597 at least) saves RAM, but asks the
 * peer for small records: two to ten times the CPU for bulk data. */
#ifndef TLS_OUT_SIZE
#define TLS_OUT_SIZE BR_SSL_BUFSIZE_OUTPUT
#endif

/* When this program was built (Unix seconds); the Makefile may give it. A
 * clock that shows less is wrong. Here: 2026-11-24. */
#ifndef LLMUX_BUILD_TIME
#define LLMUX_BUILD_TIME 1795478400
#endif

#define UPSTREAM_SESSIONS 32 /* that are kept; the least used make room */
#define LAN_SESSIONS 64
#define SESSION_MAX_MS (24 * 3600 * (int64_t)1000) /* RFC 5246 F.1.4 */

_Static_assert(TLS_OUT_SIZE >= 597, "BearSSL needs 512 + 85 bytes");
_Static_assert(TLS_CLOSED == BR_SSL_CLOSED && TLS_SEND_REC == BR_SSL_SENDREC &&
    TLS_RECV_REC == BR_SSL_RECVREC && TLS_SEND_APP == BR_SSL_SENDAPP &&
    TLS_RECV_APP == BR_SSL_RECVAPP, "the bits of tls.h are BearSSL's");

struct tls {
	union {
		br_ssl_client_context client;
#ifndef NO_TLS_SERVER
		br_ssl_server_context server;
#endif
	} c; /* first, so that the server's cache finds the rest */
	br_ssl_engine_context *eng;
	struct tls_chain *chain;  /* client, until the handshake is done */
	struct tls_identity *id;  /* server, until the handshake is done */
	bool done;                /* the handshake */
	bool resumed;
	bool closing;
	bool failed;              /* the error was seen and dealt with */
	size_t size;              /* of its block */
	uint32_t serial;          /* client: reading of the trust bundle */
	unsigned char key[32];    /* client: of the session table */
	unsigned char offered[32]; /* client: session id of the hello */
	unsigned char offered_len;
	/* Below: not cleared when made, not touched before it is used. */
	unsigned char in[BR_SSL_BUFSIZE_INPUT];
	unsigned char out[TLS_OUT_SIZE];
};

void
tls_sha256(const void *p, size_t n, unsigned char out[32])
{
	br_sha256_context c;

	br_sha256_init(&c);
	br_sha256_update(&c, p, n);
	br_sha256_out(&c, out);
}

/* ---- sessions: two locked tables ---- */

struct session {
	unsigned char key[32];
	uint32_t serial; /* 0: free entry */
	int64_t made_ms;
	uint64_t used; /* by this count the oldest is found */
	br_ssl_session_parameters p; /* holds the master secret */
};

struct sessions {
	pthread_mutex_t lock;
	uint64_t uses;
	size_t max;
	struct session *entry;
};

/* With servers. One that is resumed is not validated again, so its key holds
 * all that the validation looked at: reading of the bundle, port, host,
 * required name. */
static struct session upstream_entry[UPSTREAM_SESSIONS];
static struct sessions upstream = {.lock = PTHREAD_MUTEX_INITIALIZER,
	.max = UPSTREAM_SESSIONS, .entry = upstream_entry};

static void
session_key(unsigned char key[32], uint32_t serial, unsigned port,
    const char *host, const char *expect)
{
	unsigned char head[6] = {
		(unsigned char)(serial >> 24), (unsigned char)(serial >> 16),
		(unsigned char)(serial >> 8), (unsigned char)serial,
		(unsigned char)(port >> 8), (unsigned char)port
	};
	br_sha256_context c;

	br_sha256_init(&c);
	br_sha256_update(&c, head, sizeof(head));
	br_sha256_update(&c, host, strlen(host) + 1);
	br_sha256_update(&c, expect, strlen(expect) + 1);
	br_sha256_out(&c, key);
}

static bool
session_get(struct sessions *t, const unsigned char key[32],
    br_ssl_session_parameters *p)
{
	int64_t now = now_ms();
	bool found = false;
	size_t i;

	pthread_mutex_lock(&t->lock);
	for (i = 0; i < t->max && !found; i++) {
		struct session *s = &t->entry[i];

		if (s->serial == 0 || memcmp(s->key, key, 32) != 0)
			continue;
		if (now - s->made_ms > SESSION_MAX_MS) {
			mem_wipe(s, sizeof(*s));
			continue;
		}
		s->used = ++t->uses;
		*p = s->p;
		found = true;
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

/* In the place of the same key, else in a free one, else in the one that was
 * not used for the longest time. */
static void
session_put(struct sessions *t, const unsigned char key[32], uint32_t serial,
    const br_ssl_session_parameters *p)
{
	struct session *best = NULL;
	size_t i;

	pthread_mutex_lock(&t->lock);
	for (i = 0; i < t->max; i++) {
		struct session *s = &t->entry[i];

		if (s->serial != 0 && memcmp(s->key, key, 32) == 0) {
			best = s;
			break;
		}
		if (best == NULL || s->used < best->used)
			best = s;
	}
	memcpy(best->key, key, 32);
	best->serial = serial;
	best->made_ms = now_ms();
	best->used = ++t->uses;
	best->p = *p;
	pthread_mutex_unlock(&t->lock);
}

/* Forget the session with this key, or (key NULL) all of one reading. */
static void
session_drop(const unsigned char *key, uint32_t serial)
{
	struct sessions *t = &upstream;
	size_t i;

	pthread_mutex_lock(&t->lock);
	for (i = 0; i < t->max; i++) {
		struct session *s = &t->entry[i];

		if (s->serial == serial &&
		    (key == NULL || memcmp(s->key, key, 32) == 0))
			mem_wipe(s, sizeof(*s));
	}
	pthread_mutex_unlock(&t->lock);
}

void
tls_sessions_forget(uint32_t serial)
{
	session_drop(NULL, serial);
}

/* ---- what client and server have in common ---- */

#define SUITES(a, b, c) { \
	BR_TLS_ECDHE_ECDSA_WITH_ ## a, BR_TLS_ECDHE_RSA_WITH_ ## a, \
	BR_TLS_ECDHE_ECDSA_WITH_ ## b, BR_TLS_ECDHE_RSA_WITH_ ## b, \
	BR_TLS_ECDHE_ECDSA_WITH_ ## c, BR_TLS_ECDHE_RSA_WITH_ ## c }

static const uint16_t suites_aes[] = SUITES(AES_128_GCM_SHA256,
    AES_256_GCM_SHA384, CHACHA20_POLY1305_SHA256);
static const uint16_t suites_chacha[] = SUITES(CHACHA20_POLY1305_SHA256,
    AES_128_GCM_SHA256, AES_256_GCM_SHA384);

static const char *alpn[] = {"http/1.1"};

/* All of the engine but the certificates. It has its own random numbers from
 * the kernel before anything asks for them. */
static void
engine_setup(struct tls *t, uint32_t flags)
{
	br_ssl_engine_context *eng = t->eng;
	unsigned char seed[32];

	br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
	/* The first suites are the ones that get used; without AES in the
	 * processor ChaCha20 is several times faster. */
	if (br_aes_x86ni_ctr_get_vtable() != NULL)
		br_ssl_engine_set_suites(eng, suites_aes, 6);
	else
		br_ssl_engine_set_suites(eng, suites_chacha, 6);
	br_ssl_engine_set_hash(eng, br_sha256_ID, &br_sha256_vtable);
	br_ssl_engine_set_hash(eng, br_sha384_ID, &br_sha384_vtable);
	br_ssl_engine_set_hash(eng, br_sha512_ID, &br_sha512_vtable);
	br_ssl_engine_set_prf_sha256(eng, &br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(eng, &br_tls12_sha384_prf);
	br_ssl_engine_set_default_aes_gcm(eng);
	/* Not the library's choice of ChaCha20 and Poly1305, which compiles in
	 * all variants: these have a third of the size and are faster
	 * together. */
	br_ssl_engine_set_chapol(eng, &br_sslrec_in_chapol_vtable,
	    &br_sslrec_out_chapol_vtable);
	br_ssl_engine_set_chacha20(eng, &br_chacha20_ct_run);
	br_ssl_engine_set_poly1305(eng, &br_poly1305_ctmul_run);
	br_ssl_engine_set_default_ecdsa(eng);
	br_ssl_engine_set_default_rsavrfy(eng);
	br_ssl_engine_add_flags(eng, flags | BR_OPT_NO_RENEGOTIATION);
	/* Two buffers: an answer may come while the request still goes out. */
	br_ssl_engine_set_buffers_bidi(eng, t->in, sizeof(t->in), t->out,
	    sizeof(t->out));
	random_fill(seed, sizeof(seed));
	br_ssl_engine_inject_entropy(eng, seed, sizeof(seed));
	mem_wipe(seed, sizeof(seed));
}

static struct tls *
engine_alloc(struct err *e)
{
	size_t size;
	struct tls *t = mem_block(sizeof(*t), &size);

	if (t == NULL) {
		err_set(e, ERR_MEM, "no memory for a TLS connection");
		return NULL;
	}
	memset(t, 0, offsetof(struct tls, in));
	t->size = size;
	return t;
}

size_t
tls_cost(void)
{
	return MEM_BLOCK(sizeof(struct tls));
}

/* ---- client ---- */

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '_' || c == '.';
}

/* Is the last label of name all digits? Then it is an IPv4 address or nothing
 * (RFC 3696 section 2: no top-level domain is). */
static bool
is_ip(const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *last = dot == NULL ? name : dot + 1;

	return strchr(name, ':') != NULL ||
	    strspn(last, "0123456789") == strlen(last);
}

/* Copy host in lower case, without one trailing dot. IP literals pass; names
 * in Unicode must come as "xn--". */
static int
host_copy(char dst[TLS_NAME_MAX + 1], struct str host, struct err *e)
{
	bool good;
	size_t i;

	if (host.n > 0 && host.p[host.n - 1] == '.')
		host.n--;
	good = host.n > 0 && host.n <= TLS_NAME_MAX && host.p[0] != '.' &&
	    str_find(host, STR("..")) < 0;
	for (i = 0; good && i < host.n; i++) {
		char c = host.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + ('a' - 'A'));
		dst[i] = c;
		/* A colon is in IPv6 literals only. */
		good = is_name_char(c) || c == ':';
	}
	if (!good) {
		struct buf b;

		buf_init(&b, 120);
		buf_add_quoted(&b, host, 20);
		err_set(e, ERR_INPUT, "\"%s\": not a host name for TLS",
		    b.len > 0 ? b.p : "");
		buf_free(&b);
		return -1;
	}
	dst[host.n] = '\0';
	return 0;
}

/* The name to send and the name to require. Only a required name makes an IP
 * literal good as host; SNI forbids to send those (RFC 6066 section 3). */
static int
names_choose(char sent[TLS_NAME_MAX + 1], char required[TLS_NAME_MAX + 1],
    struct str host, struct str expect, struct err *e)
{
	if (host_copy(sent, host, e) < 0 ||
	    host_copy(required, expect.p == NULL ? host : expect, e) < 0)
		return -1;
	if (is_ip(required))
		return err_set(e, ERR_INPUT, "%s: an IP address, but "
		    "certificates are checked by name; use a host name",
		    required);
	return 0;
}

struct tls *
tls_client(const struct tls_trust *trust, struct str host, unsigned port,
    struct str expect, struct err *e)
{
	char sent[TLS_NAME_MAX + 1], required[TLS_NAME_MAX + 1];
	br_ssl_session_parameters session;
	struct tls *t;
	bool known;

	if (names_choose(sent, required, host, expect, e) < 0)
		return NULL;
	t = engine_alloc(e);
	if (t == NULL)
		return NULL;
	t->chain = tls_chain_new(trust, str_of(required), e);
	if (t->chain == NULL) {
		tls_free(t);
		return NULL;
	}
	t->serial = tls_chain_note(t->chain)->serial;
	t->eng = &t->c.client.eng;
	engine_setup(t, 0);
	br_ssl_engine_set_protocol_names(t->eng, alpn, 1);
	br_ssl_engine_set_x509(t->eng, tls_chain_x509(t->chain));
	session_key(t->key, t->serial, port, sent, required);
	known = session_get(&upstream, t->key, &session);
	if (known) {
		br_ssl_engine_set_session_parameters(t->eng, &session);
		memcpy(t->offered, session.session_id, sizeof(t->offered));
		t->offered_len = session.session_id_len;
		mem_wipe(&session, sizeof(session));
	}
	if (br_ssl_client_reset(&t->c.client, is_ip(sent) ? NULL : sent,
	    known) == 0) {
		tls_fail(t, e);
		tls_free(t);
		return NULL;
	}
	return t;
}

/* ---- server ---- */

#ifndef NO_TLS_SERVER

#define IDENTITY_CERTS 8     /* leaf and intermediates; three are usual */
#define IDENTITY_FILE  65536 /* bytes of either file */

struct tls_identity {
	atomic_uint refs;
	struct tls_secret key;
	struct buf secret; /* DER of the key */
	struct buf der;    /* the certificates, one after another */
	br_x509_certificate cert[IDENTITY_CERTS];
	size_t certs;
};

/* With clients, by session id; the key is as long. The engines of all threads
 * call this. */
static struct session lan_entry[LAN_SESSIONS];
static struct sessions lan = {.lock = PTHREAD_MUTEX_INITIALIZER,
	.max = LAN_SESSIONS, .entry = lan_entry};

_Static_assert(sizeof(((br_ssl_session_parameters *)0)->session_id) == 32,
    "a session id is the key of its entry");

/* A handshake that is saved was a full one, even when an old session had been
 * found first. */
static void
cache_save(const br_ssl_session_cache_class **ctx, br_ssl_server_context *sc,
    const br_ssl_session_parameters *p)
{
	(void)ctx;
	((struct tls *)(void *)sc)->resumed = false;
	session_put(&lan, p->session_id, 1, p);
}

static int
cache_load(const br_ssl_session_cache_class **ctx, br_ssl_server_context *sc,
    br_ssl_session_parameters *p)
{
	struct tls *t = (struct tls *)(void *)sc;

	(void)ctx;
	t->resumed = p->session_id_len == sizeof(p->session_id) &&
	    session_get(&lan, p->session_id, p);
	return t->resumed;
}

static const br_ssl_session_cache_class cache_class = {
	sizeof(br_ssl_session_cache_class *), cache_save, cache_load
};
static const br_ssl_session_cache_class *cache = &cache_class;

/* All certificates of a PEM text, the server's own first. */
static int
identity_certs(struct tls_identity *id, struct str text, const char *path,
    struct err *e)
{
	size_t from[IDENTITY_CERTS + 1] = {0};
	struct str label;
	int found;
	size_t i;

	while ((found = tls_pem_next(&text, &label, &id->der)) != 0) {
		if (found < 0)
			return err_set(e, id->der.bad ? ERR_MEM : ERR_INPUT,
			    "%s: a PEM block in it is broken", path);
		if (!str_eq(label, STR("CERTIFICATE"))) {
			id->der.len = from[id->certs];
			continue;
		}
		if (id->certs == IDENTITY_CERTS)
			return err_set(e, ERR_INPUT, "%s: more than %d "
			    "certificates", path, IDENTITY_CERTS);
		from[++id->certs] = id->der.len;
	}
	if (id->certs == 0)
		return err_set(e, ERR_INPUT, "%s: no certificate in it; "
		    "expected PEM, BEGIN CERTIFICATE", path);
	for (i = 0; i < id->certs; i++) {
		id->cert[i].data = (unsigned char *)id->der.p + from[i];
		id->cert[i].data_len = from[i + 1] - from[i];
	}
	return 0;
}

/* The first private key of a PEM text (EC parameters may come before it). */
static int
identity_key(struct tls_identity *id, struct str text, const char *path,
    struct err *e)
{
	bool encrypted = str_find(text, STR("ENCRYPTED")) >= 0;
	struct str label;
	int found;

	do {
		id->secret.len = 0;
		found = tls_pem_next(&text, &label, &id->secret);
	} while (found > 0 && !str_ends(label, STR("PRIVATE KEY")));
	if (id->secret.bad)
		return err_set(e, ERR_MEM, "%s: no memory for the key", path);
	if (encrypted)
		return err_set(e, ERR_INPUT, "%s: the key is encrypted; write "
		    "it without passphrase", path);
	if (found == 0)
		return err_set(e, ERR_INPUT, "%s: no private key in it; "
		    "expected PEM, BEGIN PRIVATE KEY", path);
	if (found < 0 || tls_secret_read(buf_str(&id->secret), &id->key) < 0)
		return err_set(e, ERR_INPUT, "%s: the private key is broken "
		    "or of another kind than RSA or EC", path);
	return 0;
}

/* Is the key the one of the first certificate? What it signs tells. */
static bool
identity_fits(struct tls_identity *id)
{
	const br_rsa_private_key *rsa = &id->key.rsa;
	const br_ec_impl *curves = br_ec_get_default();
	unsigned char hash[32], back[32], sig[512];
	br_x509_pkey pk;
	size_t n;

	if (tls_cert_key((struct str){(char *)id->cert[0].data,
	    id->cert[0].data_len}, &pk) < 0 ||
	    pk.key_type != (id->key.is_rsa ? BR_KEYTYPE_RSA : BR_KEYTYPE_EC))
		return false;
	tls_sha256(id->cert[0].data, id->cert[0].data_len, hash);
	if (id->key.is_rsa) {
		n = (rsa->n_bitlen + 7) / 8;
		return br_rsa_pkcs1_sign_get_default()(BR_HASH_OID_SHA256,
		    hash, sizeof(hash), rsa, sig) != 0 &&
		    br_rsa_pkcs1_vrfy_get_default()(sig, n, BR_HASH_OID_SHA256,
		    sizeof(back), &pk.key.rsa, back) != 0 &&
		    memcmp(back, hash, sizeof(hash)) == 0;
	}
	if (id->key.ec.curve != pk.key.ec.curve)
		return false;
	n = br_ecdsa_sign_asn1_get_default()(curves, &br_sha256_vtable, hash,
	    &id->key.ec, sig);
	return n > 0 && br_ecdsa_vrfy_asn1_get_default()(curves, hash,
	    sizeof(hash), &pk.key.ec, sig, n) != 0;
}

/* Kinds of key that the profile can sign with and that peers accept. */
static bool
identity_usable(const struct tls_secret *k)
{
	if (k->is_rsa)
		return k->rsa.n_bitlen >= 2048 && k->rsa.n_bitlen <= 4096;
	return k->ec.curve == BR_EC_secp256r1 ||
	    k->ec.curve == BR_EC_secp384r1;
}

struct tls_identity *
tls_identity_open(const char *cert_path, const char *key_path, struct err *e)
{
	struct tls_identity *id = mem_calloc(sizeof(*id));
	struct buf text;
	int ret = -1;

	buf_init(&text, IDENTITY_FILE);
	if (id == NULL) {
		err_set(e, ERR_MEM, "%s: no memory", cert_path);
		return NULL;
	}
	atomic_init(&id->refs, 1);
	buf_init(&id->der, IDENTITY_FILE);
	buf_init(&id->secret, IDENTITY_FILE);
	if (file_read(cert_path, &text, e) < 0 ||
	    identity_certs(id, buf_str(&text), cert_path, e) < 0)
		goto out;
	buf_wipe(&text);
	buf_init(&text, IDENTITY_FILE);
	if (file_read(key_path, &text, e) < 0 ||
	    identity_key(id, buf_str(&text), key_path, e) < 0)
		goto out;
	if (!identity_usable(&id->key))
		err_set(e, ERR_INPUT, "%s: the key is neither RSA of 2048 to "
		    "4096 bit nor EC P-256 or P-384", key_path);
	else if (!identity_fits(id))
		err_set(e, ERR_INPUT, "%s: not the key of the first "
		    "certificate in %s", key_path, cert_path);
	else
		ret = 0;
out:
	buf_wipe(&text);
	if (ret < 0) {
		tls_identity_free(id);
		id = NULL;
	}
	return id;
}

void
tls_identity_free(struct tls_identity *id)
{
	if (id == NULL || atomic_fetch_sub(&id->refs, 1) != 1)
		return;
	buf_wipe(&id->secret);
	buf_wipe(&id->der); /* a key may have been in the same file */
	mem_free(id);
}

/* The engine takes no const, but changes nothing; the count of users is what
 * lets a reload free an identity while handshakes go on. */
struct tls *
tls_server(const struct tls_identity *cid, struct err *e)
{
	struct tls_identity *id = (struct tls_identity *)cid;
	br_ssl_server_context *sc;
	struct tls *t = engine_alloc(e);

	if (t == NULL)
		return NULL;
	atomic_fetch_add(&id->refs, 1);
	t->id = id;
	sc = &t->c.server;
	t->eng = &sc->eng;
	/* No ALPN names here: 0.6 reads far out of bounds when a client resumes
	 * and offers no name of ours (docs/tls.md, rule 11). */
	engine_setup(t, BR_OPT_ENFORCE_SERVER_PREFERENCES);
	if (id->key.is_rsa)
		br_ssl_server_set_single_rsa(sc, id->cert, id->certs,
		    &id->key.rsa, BR_KEYTYPE_SIGN, 0,
		    br_rsa_pkcs1_sign_get_default());
	else
		br_ssl_server_set_single_ec(sc, id->cert, id->certs,
		    &id->key.ec, BR_KEYTYPE_SIGN, 0,
		    br_ec_get_default(), br_ecdsa_sign_asn1_get_default());
	br_ssl_server_set_cache(sc, &cache);
	if (br_ssl_server_reset(sc) == 0) {
		tls_fail(t, e);
		tls_free(t);
		return NULL;
	}
	return t;
}

#else /* NO_TLS_SERVER: saves about 20 kB */

struct tls_identity *
tls_identity_open(const char *cert_path, const char *key_path, struct err *e)
{
	(void)key_path;
	err_set(e, ERR_INPUT, "%s: this build has no TLS server; use another "
	    "build, or a listener without tls:", cert_path);
	return NULL;
}

void
tls_identity_free(struct tls_identity *id)
{
	(void)id;
}

struct tls *
tls_server(const struct tls_identity *id, struct err *e)
{
	(void)id;
	err_set(e, ERR_INPUT, "this build has no TLS server");
	return NULL;
}

#endif

/* ---- the engine, as net.c sees it ---- */

/* All that only handshakes need is given back; keep the session if there is a
 * new one. */
static void
handshake_done(struct tls *t)
{
	br_ssl_session_parameters p;

	t->done = true;
	tls_identity_free(t->id);
	t->id = NULL;
	if (t->chain == NULL)
		return;
	br_ssl_engine_get_session_parameters(t->eng, &p);
	t->resumed = t->offered_len > 0 && p.session_id_len == t->offered_len &&
	    memcmp(p.session_id, t->offered, t->offered_len) == 0;
	if (!t->resumed && p.session_id_len > 0)
		session_put(&upstream, t->key, t->serial, &p);
	mem_wipe(&p, sizeof(p));
	br_ssl_engine_set_x509(t->eng, NULL);
	tls_chain_free(t->chain);
	t->chain = NULL;
}

unsigned
tls_state(struct tls *t)
{
	unsigned s = br_ssl_engine_current_state(t->eng);

	if (!t->done && (s & (TLS_SEND_APP | TLS_RECV_APP)) != 0)
		handshake_done(t);
	if (s == TLS_CLOSED && !t->failed && tls_errno(t) != 0) {
		t->failed = true;
		/* RFC 5246 7.2.2: no resumption after a fatal alert. It also
		 * gives servers that resume wrongly a fresh start. */
		session_drop(t->key, t->serial);
	}
	return s;
}

unsigned char *
tls_buf(struct tls *t, unsigned bit, size_t *n)
{
	switch (bit) {
	case TLS_SEND_REC:
		return br_ssl_engine_sendrec_buf(t->eng, n);
	case TLS_RECV_REC:
		return br_ssl_engine_recvrec_buf(t->eng, n);
	case TLS_SEND_APP:
		return br_ssl_engine_sendapp_buf(t->eng, n);
	case TLS_RECV_APP:
		return br_ssl_engine_recvapp_buf(t->eng, n);
	default:
		*n = 0;
		return NULL;
	}
}

/* n of 0 is kept from BearSSL, which would look at a record's head again. */
void
tls_done(struct tls *t, unsigned bit, size_t n)
{
	if (n == 0)
		return;
	switch (bit) {
	case TLS_SEND_REC:
		br_ssl_engine_sendrec_ack(t->eng, n);
		break;
	case TLS_RECV_REC:
		br_ssl_engine_recvrec_ack(t->eng, n);
		break;
	case TLS_SEND_APP:
		br_ssl_engine_sendapp_ack(t->eng, n);
		break;
	case TLS_RECV_APP:
		br_ssl_engine_recvapp_ack(t->eng, n);
		break;
	}
}

void
tls_flush(struct tls *t)
{
	br_ssl_engine_flush(t->eng, 0);
}

/* With application bytes unread, BearSSL 0.6 would spin or stall for ever. */
void
tls_close(struct tls *t)
{
	size_t n;

	if (t->closing)
		return;
	t->closing = true;
	while (br_ssl_engine_recvapp_buf(t->eng, &n) != NULL)
		br_ssl_engine_recvapp_ack(t->eng, n);
	br_ssl_engine_close(t->eng);
}

/* The engine is CLOSED only when our own close_notify is out as well, which a
 * peer that is gone can prevent; the flag tells sooner. */
bool
tls_closed_clean(struct tls *t)
{
	return t->eng->shutdown_recv != 0 && tls_errno(t) == 0;
}

bool
tls_resumed(struct tls *t)
{
	return t->resumed;
}

int
tls_errno(struct tls *t)
{
	return br_ssl_engine_last_error(t->eng);
}

void
tls_free(struct tls *t)
{
	size_t size;

	if (t == NULL)
		return;
	tls_chain_free(t->chain);
	tls_identity_free(t->id);
	size = t->size;
	mem_wipe(t, sizeof(*t)); /* keys, and requests in the buffers */
	mem_block_free(t, size);
}

/* ---- what went wrong ---- */

#define SENT(alert) (BR_ERR_SEND_FATAL_ALERT + (alert))
#define RECEIVED(alert) (BR_ERR_RECV_FATAL_ALERT + (alert))

#define OURS_REFUSED \
	"the peer does not trust our certificate; install its CA there"

/* What is not here gets a general text, or one with details (tls_fail). The
 * error's number is put before the hint. docs/tls.md explains the same
 * numbers. */
static const struct {
	int number;
	const char *text; /* "what", or "what; hint" */
} texts[] = {
	{BR_ERR_UNSUPPORTED_VERSION, "the peer does not speak TLS 1.2; is "
	    "this an https port?"},
	{BR_ERR_BAD_VERSION, "the peer does not speak TLS 1.2"},
	{BR_ERR_TOO_LARGE, "a record is too large"},
	{BR_ERR_BAD_MAC, "a record was damaged on its way"},
	{BR_ERR_RESUME_MISMATCH, "the server resumed another session; it was "
	    "forgotten, try again"},
	{BR_ERR_X509_UNSUPPORTED, "a certificate has a signature or key that "
	    "is not supported (such as RSA-PSS)"},
	{BR_ERR_X509_LIMIT_EXCEEDED, "a certificate is over 16 kB or has a "
	    "key over 4096 bit"},
	{BR_ERR_X509_BAD_SIGNATURE, "a certificate has a wrong signature"},
	{BR_ERR_X509_DN_MISMATCH, "the certificates are out of order; the "
	    "server must send its own first, then each issuer, once"},
	{BR_ERR_X509_CRITICAL_EXTENSION, "a certificate has a critical "
	    "extension that is not supported (such as name constraints)"},
	{BR_ERR_X509_NOT_CA, "a certificate was signed by one that is no CA"},
	{BR_ERR_X509_WEAK_PUBLIC_KEY, "a certificate has an RSA key below "
	    "2048 bit"},
	{RECEIVED(BR_ALERT_HANDSHAKE_FAILURE), "the peer found no common "
	    "cipher suite or curve, or wants a client certificate"},
	{RECEIVED(BR_ALERT_BAD_CERTIFICATE), OURS_REFUSED},
	{RECEIVED(BR_ALERT_CERTIFICATE_UNKNOWN), OURS_REFUSED},
	{RECEIVED(BR_ALERT_UNKNOWN_CA), OURS_REFUSED},
	{RECEIVED(BR_ALERT_PROTOCOL_VERSION), "the peer refuses TLS 1.2; if "
	    "it wants TLS 1.3, put a proxy that speaks it in between"},
	{RECEIVED(BR_ALERT_NO_APPLICATION_PROTOCOL), "the peer does not offer "
	    "HTTP/1.1"},
	{SENT(BR_ALERT_HANDSHAKE_FAILURE), "the peer offers no cipher suite "
	    "or curve that is accepted here"},
	{SENT(BR_ALERT_PROTOCOL_VERSION), "the peer does not offer TLS 1.2"},
};

/* Routers start with any time at all, so the clock comes first. */
static int
fail_expired(struct err *e, int number)
{
	int64_t now = wall_s();
	char when[21];

	time_rfc3339(now, when);
	if (now < LLMUX_BUILD_TIME)
		return err_set(e, ERR_PEER, "the clock is wrong: it says %s, "
		    "before this program was built, so no certificate is "
		    "valid (TLS error %d); set the clock", when, number);
	return err_set(e, ERR_PEER, "a certificate has expired or is not yet "
	    "valid (TLS error %d); the clock says %s, check that first",
	    number, when);
}

static int
fail_general(struct err *e, int n)
{
	if (n >= SENT(0))
		return err_set(e, ERR_PEER, "refused with TLS alert %d",
		    n - SENT(0));
	if (n >= RECEIVED(0))
		return err_set(e, ERR_PEER, "the peer sent TLS alert %d",
		    n - RECEIVED(0));
	if (n >= BR_ERR_X509_OK)
		return err_set(e, ERR_PEER, "the certificates are not valid "
		    "(TLS error %d)", n);
	return err_set(e, ERR_PEER, "the peer broke the TLS protocol (TLS "
	    "error %d)", n);
}

int
tls_fail(struct tls *t, struct err *e)
{
	const struct tls_chain_note *note =
	    t->chain == NULL ? NULL : tls_chain_note(t->chain);
	int n = tls_errno(t);
	struct str what, hint;
	size_t i;

	if (n == 0)
		return err_set(e, ERR_PEER, "closed");
	if (note != NULL && note->starved)
		return err_set(e, ERR_MEM, "no memory to check a certificate");
	if (n == BR_ERR_X509_EXPIRED)
		return fail_expired(e, n);
	if (n == BR_ERR_X509_BAD_SERVER_NAME && note != NULL)
		return err_set(e, ERR_PEER, "the certificate is not for \"%s\" "
		    "(TLS error %d)", note->name, n);
	if (n == BR_ERR_X509_NOT_TRUSTED && note != NULL)
		return err_set(e, ERR_PEER, "the certificate's issuer \"%s\" is "
		    "not trusted (TLS error %d); add its root to ca_file",
		    note->issuer, n);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].number != n)
			continue;
		hint = str_of(texts[i].text);
		str_cut(&hint, ';', &what);
		return err_set(e, ERR_PEER, "%.*s (TLS error %d)%s%.*s",
		    STR_ARG(what), n, hint.n > 0 ? ";" : "", STR_ARG(hint));
	}
	return fail_general(e, n);
}
