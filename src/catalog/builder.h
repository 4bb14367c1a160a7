/* builder.h: writing a catalog. For the keeper.
 *
 *	b = builder_new(&about);
 *	builder_image(b, …);			each verified image, once
 *	builder_cid(b, …);			what /ipfs/{cid} may name
 *	builder_product(b, …);			then what belongs to it:
 *	builder_channel(b, …); builder_release(b, …);
 *	rc = builder_finish(b, &bytes, &e);
 *
 * Any order of images, CIDs, products and releases will do. Errors are sticky: the
 * first one is what builder_finish() returns. Everything is copied at once.
 * The bytes of equal catalogs are equal. */
#ifndef CATALOG_BUILDER_H
#define CATALOG_BUILDER_H

#include "base/buf.h"
#include "catalog/catalog.h"

struct builder_about {
	uint64_t generation, chain_id;
	struct addr20 registry;
	struct span gateway;
};

struct builder;

/* NULL: no memory. */
struct builder *builder_new(const struct builder_about *about);
void builder_free(struct builder *b);

struct builder_image {
	struct hash32 sha256, sums;	/* sums: of the .sums file (blob_digests.sums) */
	uint64_t size;
	enum catalog_image_state state;
	const uint8_t *md5, *sha1;	/* 16 and 20 bytes, or NULL */
	struct span format;
};
void builder_image(struct builder *b, const struct builder_image *i);

/* The same CID twice is fine when it names the same image. */
void builder_cid(struct builder *b, const struct cid *cid, const struct hash32 *image);

struct builder_product {
	struct span name;		/* "vendor/model" */
	struct hash32 id;
	struct addr20 registrant;
	struct catalog_proof proof;	/* zero: never proven */
	enum catalog_trust trust;
	uint64_t max_age_ms;
	struct hash32 entries_sha256;
	uint64_t entries_bytes;		/* 0: none */
};
void builder_product(struct builder *b, const struct builder_product *p);

/* Of the product added last; the first one is the default. withdrawn: see catalog.h. */
void builder_channel(struct builder *b, struct span name, bool is_pending, uint64_t withdrawn);

struct builder_release {
	uint64_t sequence, from_sequence, published_at;
	enum catalog_release_state state;
	bool is_urgent;
	struct span channel;		/* one of the product's; may be added later */
	struct span manifest, version, description, cid;
	struct hash32 image;		/* its sha256; builder_image() may come later */
	const struct span *hardware;
	size_t hardware_n;
};
/* Of the product added last. */
void builder_release(struct builder *b, const struct builder_release *r);

/* Writes the catalog to the end of out, which must be empty, and checks it as a reader would. ERR_RULE: a name twice, an image or
 * channel that was never added; ERR_LIMIT: over CATALOG_MAX. */
MUST_USE int builder_finish(struct builder *b, struct buf *out, struct err *e);

/* What of a catalog from disk may still be told. Each answers for one row. */
struct catalog_filter {
	bool (*keeps_product)(void *arg, const struct catalog *c, const struct catalog_product *p);	/* false: no longer followed */
	bool (*keeps_release)(void *arg, const struct catalog *c, const struct catalog_product *p,
			      const struct catalog_release *r);	/* false: below the floor, revoked, … */
	void *arg;
};

/* Writes c again without what the filter drops. An image whose every release (there was one) was dropped becomes
 * CATALOG_REVOKED. */
MUST_USE int catalog_filter(const struct catalog *c, const struct catalog_filter *f, struct buf *out, struct err *e);

#endif
