/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of the PEM reader, of the DER walk and of what is done with a
 * root: the input is a bundle. Each block goes, as a certificate, through the
 * chain check as well, so BearSSL's decoders get it in one piece, as always.
 */
#include "../../tls_trust.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

void
tls_sessions_forget(uint32_t serial)
{
	(void)serial;
}

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static bool
within(struct str part, struct str all)
{
	return part.n == 0 || (part.p >= all.p &&
	    part.p + part.n <= all.p + all.n);
}

static bool
inside(const unsigned char *p, size_t n, struct str all)
{
	return within((struct str){(const char *)p, n}, all);
}

/* Keys borrow from what they were read from. */
static void
check_keys(struct str der)
{
	struct tls_secret k;
	br_x509_pkey pk;

	if (tls_cert_key(der, &pk) == 0)
		must(pk.key_type == BR_KEYTYPE_RSA ?
		    inside(pk.key.rsa.n, pk.key.rsa.nlen, der) &&
		    inside(pk.key.rsa.e, pk.key.rsa.elen, der) :
		    inside(pk.key.ec.q, pk.key.ec.qlen, der));
	if (tls_secret_read(der, &k) == 0)
		must(k.is_rsa ? inside(k.rsa.p, k.rsa.plen, der) &&
		    inside(k.rsa.q, k.rsa.qlen, der) &&
		    inside(k.rsa.dp, k.rsa.dplen, der) &&
		    inside(k.rsa.dq, k.rsa.dqlen, der) &&
		    inside(k.rsa.iq, k.rsa.iqlen, der) &&
		    k.rsa.n_bitlen <= 8 * der.n :
		    inside(k.ec.x, k.ec.xlen, der));
}

/* A chain of this one certificate, with itself among the roots. */
static void
check_cert(struct str der)
{
	struct tls_index ix = {.refs = 1, .fd = -1};
	struct tls_trust trust = {.lock = PTHREAD_MUTEX_INITIALIZER,
	    .ix = &ix, .looked_ms = now_ms()};
	struct tls_chain *c = tls_chain_new(&trust, STR("upstream.test"), NULL);
	struct str issuer, subject, rest, all = {NULL, 0};

	if (c == NULL)
		return;
	check_keys(der);
	if (cert_names(der, &issuer, &subject, &rest) == 0) {
		must(within(issuer, der) && within(subject, der));
		must(within(dn_shown(issuer), issuer));
		buf_adds(&c->der, der);
		all = buf_str(&c->der);
		cert_names(all, &issuer, &subject, &rest);
		anchor_add(c, subject, true);
		anchor_add(c, subject, false);
		must(c->anchors <= 1);
	}
	c->vtable->start_chain(&c->vtable, NULL);
	c->vtable->start_cert(&c->vtable, (uint32_t)der.n);
	c->vtable->append(&c->vtable, (const unsigned char *)der.p, der.n);
	c->vtable->end_cert(&c->vtable);
	/* No root was in the index. */
	must(c->vtable->end_chain(&c->vtable) != 0);
	tls_chain_free(c);
	must(atomic_load(&ix.refs) == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str all = {(const char *)p, n}, rest = all, label = {NULL, 0};
	struct tls_index ix = {.fd = -1};
	struct buf der;
	size_t i, good = 0, last = 0;
	int found;

	if (n > 65536)
		return 0;
	buf_init(&der, TLS_CERT_MAX);
	while ((found = tls_pem_next(&rest, &label, &der)) != 0) {
		must(rest.p > all.p + last);
		last = (size_t)(rest.p - all.p);
		must(found > 0 ? der.len > 0 : der.len == 0);
		if (found > 0) {
			must(within(label, all) && der.len <= TLS_CERT_MAX);
			good++;
			if (good <= 4)
				check_cert(buf_str(&der));
		}
		buf_clear(&der);
	}
	must(rest.n == 0);
	buf_init(&ix.roots, BUNDLE_MAX / 64);
	index_scan(&ix, all, &der);
	must(ix.count <= good && ix.roots.len == ix.count * sizeof(struct root));
	for (i = 0; i < ix.count; i++) {
		const struct root *r =
		    (const struct root *)(const void *)ix.roots.p + i;

		/* What root_load will read begins with the block's line. */
		must(r->off < n && str_starts(str_sub(all, r->off, n),
		    STR("-----BEGIN CERTIFICATE-----")));
	}
	buf_free(&ix.roots);
	buf_free(&der);
	return 0;
}
