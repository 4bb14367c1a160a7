/* fuzz_catalog.c: whatever opens as a catalog can be read through without a check.
 *
 * The digest is made to fit, so that the fuzzer gets at the rules behind it. */
#include "catalog/builder.h"
#include "catalog/layout.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Touches every byte that a row names. */
static unsigned sum(struct span s)
{
	unsigned all = 0;

	for (size_t i = 0; i < s.n; i++)
		all += s.p[i];
	return all;
}

static unsigned read_release(const struct catalog *c, const struct catalog_release *r)
{
	unsigned all = sum(catalog_bytes(c, r->manifest)) + sum(catalog_bytes(c, r->version)) +
		       sum(catalog_bytes(c, r->description)) + sum(catalog_bytes(c, r->cid));

	all += (unsigned)catalog_image(c, r->image)->size + sum(catalog_bytes(c, catalog_channel(c, r->channel)->name));
	for (uint32_t i = 0; i < r->hardware.n; i++)
		all += sum(catalog_word(c, r->hardware.first + i));
	return all;
}

static void read_all(const struct catalog *c)
{
	size_t products, releases, cids;
	const struct catalog_product *p = catalog_products(c, &products);
	const struct catalog_release *r = catalog_releases(c, &releases);
	const struct catalog_cid *d = catalog_cids(c, &cids);
	volatile unsigned all = 0;

	for (size_t i = 0; i < products; i++) {
		if (catalog_find_product(c, catalog_bytes(c, p[i].name)) != &p[i] ||
		    !catalog_find_channel(c, &p[i], SPAN(NULL, 0), NULL))
			abort();
	}
	for (size_t i = 0; i < releases; i++)
		all += read_release(c, &r[i]);
	for (size_t i = 0; i < cids; i++)
		all += (unsigned)catalog_image(c, d[i].image)->size + sum(catalog_bytes(c, d[i].cid));
}

static bool keeps_product(void *arg, const struct catalog *c, const struct catalog_product *p)
{
	(void)arg, (void)c;
	return p->trust != TRUST_SINGLE;
}

static bool keeps_release(void *arg, const struct catalog *c, const struct catalog_product *p, const struct catalog_release *r)
{
	(void)arg, (void)c, (void)p;
	return r->sequence % 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct catalog_filter f = { .keeps_product = keeps_product, .keeps_release = keeps_release };
	struct buf bytes = BUF_INIT(CATALOG_MAX), out = BUF_INIT(CATALOG_MAX);
	struct catalog *c = NULL;

	buf_add(&bytes, SPAN(data, n));
	if (n >= sizeof(struct catalog_head))
		((struct catalog_head *)(void *)bytes.p)->sha256 = catalog_digest(buf_span(&bytes));
	if (catalog_of(buf_span(&bytes), &c, NULL) == 0) {
		read_all(c);
		if (catalog_filter(c, &f, &out, NULL))
			(void)0;	/* two CIDs of one normal form and the like: refused, not crashed */
		catalog_put(c);
	}
	buf_free(&bytes);
	buf_free(&out);
	return 0;
}
