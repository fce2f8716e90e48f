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

/* A chain of this one certificate, with itself among the roots. */
static void
check_cert(struct str der)
{
	struct tls_index ix = {.refs = 1, .fd = -1};
	struct tls_trust trust = {.lock = PTHREAD_MUTEX_INITIALIZER,
	    .ix = &ix, .looked_ms = now_ms()};
	struct tls_chain *c = tls_chain_new(&trust, STR("upstream.test"), NULL);
	struct str issuer, subject, all = {NULL, 0};

	if (c == NULL)
		return;
	if (cert_names(der, &issuer, &subject) == 0) {
		must(within(issuer, der) && within(subject, der));
		must(within(dn_shown(issuer), issuer));
		buf_adds(&c->der, der);
		all = buf_str(&c->der);
		cert_names(all, &issuer, &subject);
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
