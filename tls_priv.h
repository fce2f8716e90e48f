/* SPDX-License-Identifier: MIT */
/*
 * tls_priv: what tls.c (engines, sessions, errors) and tls_trust.c (PEM, trust
 * index, certificate chains) need of each other. Nobody else includes this.
 */
#ifndef LLMUX_TLS_PRIV_H
#define LLMUX_TLS_PRIV_H

#include <bearssl.h>

#include "tls.h"

#define TLS_NAME_MAX 255    /* RFC 1035; BearSSL keeps 255 and a NUL */
#define TLS_CERT_MAX 16384  /* DER of one certificate */

/* The check of one server's certificates; memory for one handshake. */
struct tls_chain;

/* What is known of it beside BearSSL's error number. */
struct tls_chain_note {
	uint32_t serial; /* of the reading of the bundle; never used twice */
	bool starved;    /* failed for want of memory */
	char name[TLS_NAME_MAX + 1]; /* the name that is required */
	char issuer[64]; /* of the last certificate, fit to print, or "" */
};

/* name: what the certificate must be for, 1 to TLS_NAME_MAX bytes, copied.
 * Holds on to the roots as they are now, whatever happens to trust. NULL:
 * ERR_MEM. */
struct tls_chain *tls_chain_new(const struct tls_trust *trust, struct str name,
    struct err *e);
void tls_chain_free(struct tls_chain *c);
/* For br_ssl_engine_set_x509. */
const br_x509_class **tls_chain_x509(struct tls_chain *c);
const struct tls_chain_note *tls_chain_note(const struct tls_chain *c);

/* The public key of a certificate (RSA or EC), in whose DER it stays. -1:
 * another kind of key, or no certificate. Nothing else is checked. */
int tls_cert_key(struct str der, br_x509_pkey *pk);

/* A private key, in whose DER its numbers stay. */
struct tls_secret {
	bool is_rsa; /* else ec */
	br_rsa_private_key rsa;
	br_ec_private_key ec;
};

/* PKCS#8 or the traditional forms. -1: another kind of key, or none. Whether
 * its numbers fit together, only its use tells. */
int tls_secret_read(struct str der, struct tls_secret *k);

/* The reading with this number is gone: forget the sessions that rest on it. */
void tls_sessions_forget(uint32_t serial);

#endif
