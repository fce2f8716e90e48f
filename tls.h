/* SPDX-License-Identifier: MIT */
/*
 * tls: TLS 1.2 client and server over BearSSL, without sockets. The only
 * module that knows BearSSL; another library could replace it here. net.c
 * pumps the bytes. AEAD suites only, no renegotiation, certificate and host
 * name always checked. Rules and reasons: docs/tls.md.
 */
#ifndef LLMUX_TLS_H
#define LLMUX_TLS_H

#include "base.h"

/* ---- trust ---- */

/* The roots of a PEM bundle, indexed: 8 bytes a root, decoded on demand.
 * Immutable and shared between threads once opened, but for its own refresh
 * when the file changes (locked inside). */
struct tls_trust;

/* Index the bundle at path. -1: ERR_SYS unreadable, ERR_INPUT holds no usable
 * certificate. e names path. */
struct tls_trust *tls_trust_open(const char *path, struct err *e);
void tls_trust_free(struct tls_trust *t);
unsigned tls_trust_count(const struct tls_trust *t);

/* ---- server identity ---- */

struct tls_identity;

/* Certificate chain and key (PEM; RSA or EC P-256/P-384; PKCS#8 or
 * traditional). ERR_INPUT: which file, what is wrong; also when key and
 * certificate do not belong together. */
struct tls_identity *tls_identity_open(const char *cert_path,
    const char *key_path, struct err *e);
void tls_identity_free(struct tls_identity *id);

/* ---- one connection ---- */

struct tls;

/*
 * Client engine for host (checked against the certificate and sent as SNI;
 * one trailing dot is removed; IP literals and empty names are refused with
 * ERR_INPUT) and port (part of the session cache's key). Sessions are kept in
 * memory per host, port, expect and trust, and resumed. NULL: ERR_MEM,
 * ERR_INPUT. expect: the certificate name to require instead of host when not
 * absent; then host may be an IP literal, and no SNI is sent.
 */
struct tls *tls_client(const struct tls_trust *trust, struct str host,
    unsigned port, struct str expect, struct err *e);
/* Server engine; sessions of all server engines share one locked cache. */
struct tls *tls_server(const struct tls_identity *id, struct err *e);
void tls_free(struct tls *t);
/* Bytes that a connection of this kind keeps in memory (for max_memory). */
size_t tls_cost(void);

/* What the engine can do now, a set of bits. */
enum {
	TLS_CLOSED = 1,
	TLS_SEND_REC = 2, /* has records for the wire */
	TLS_RECV_REC = 4, /* wants records from the wire */
	TLS_SEND_APP = 8, /* takes application bytes (handshake is done) */
	TLS_RECV_APP = 16 /* has application bytes */
};
unsigned tls_state(struct tls *t);

/* The buffer behind one of the four bits and its size (NULL, 0 when the bit is
 * not set); then tell how many bytes of it were used. */
unsigned char *tls_buf(struct tls *t, unsigned bit, size_t *n);
void tls_done(struct tls *t, unsigned bit, size_t n);
/* Make the engine turn pending application bytes into a record now. */
void tls_flush(struct tls *t);
/* Begin to close: pending application data is thrown away, then one
 * close_notify can be sent (TLS_SEND_REC). Never call it twice. */
void tls_close(struct tls *t);
/* Did the peer end with close_notify (as against a bare FIN)? */
bool tls_closed_clean(struct tls *t);
/* Fill e from the engine's error number with a text and a hint; -1 always.
 * kind ERR_PEER (ERR_MEM: no memory for the certificates). When there is no
 * error: "closed". */
int tls_fail(struct tls *t, struct err *e);
/* BearSSL's number (0 = none), for tests. */
int tls_errno(struct tls *t);
/* Was the handshake a resumed one? For tests and metrics. */
bool tls_resumed(struct tls *t);

/* ---- hashes (the library's, so that nobody else includes it) ---- */

void tls_sha256(const void *p, size_t n, unsigned char out[32]);

/* ---- PEM ---- */

/* The next block of s: label ("CERTIFICATE") and DER appended to der. s moves
 * behind it. Text outside BEGIN/END lines, CR and white space are skipped.
 * 1 found, 0 no more, -1 broken block (s moves behind its BEGIN line). */
int tls_pem_next(struct str *s, struct str *label, struct buf *der);

#endif
