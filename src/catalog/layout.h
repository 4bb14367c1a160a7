/* layout.h: where things lie in a catalog. Shared by reader, checker and builder; nobody else includes it. */
#ifndef CATALOG_LAYOUT_H
#define CATALOG_LAYOUT_H

#include "catalog/catalog.h"

#include <stdatomic.h>

enum catalog_table {
	TABLE_PRODUCTS, TABLE_CHANNELS, TABLE_RELEASES, TABLE_IMAGES, TABLE_CIDS, TABLE_WORDS,
	TABLE_POOL,	/* rows of one byte */
	TABLES
};

#define CATALOG_ALIGN 8

struct catalog_head {
	uint64_t magic;
	struct hash32 sha256;		/* of the whole file with this field zero */
	uint64_t generation, length;
	uint64_t chain_id;
	struct addr20 registry;
	uint32_t version;
	struct catalog_ref gateway;
	struct {
		uint32_t at, n;		/* offset in the file, a multiple of CATALOG_ALIGN; rows */
	} table[TABLES];		/* in this order, without gaps but for the alignment */
};

/* No holes: every byte of the file means something, and equal contents are equal bytes. */
_Static_assert(sizeof(struct catalog_head) == 96 + 8 * TABLES, "head");
_Static_assert(sizeof(struct catalog_product) == 176, "product");
_Static_assert(sizeof(struct catalog_channel) == 24, "channel");
_Static_assert(sizeof(struct catalog_release) == 112, "release");
_Static_assert(sizeof(struct catalog_image) == 128, "image");
_Static_assert(sizeof(struct catalog_cid) == 12, "cid");

extern const uint32_t catalog_row_size[TABLES];

static inline uint64_t catalog_aligned(uint64_t at)
{
	return (at + CATALOG_ALIGN - 1) / CATALOG_ALIGN * CATALOG_ALIGN;
}

struct catalog {
	atomic_uint refs;
	const uint8_t *p;
	size_t n;
	bool is_mapped;
	const struct catalog_head *head;	/* = p */
};

/* Row i of a table. */
static inline const void *catalog_at(const struct catalog *c, enum catalog_table t, uint32_t i)
{
	return c->p + c->head->table[t].at + (size_t)i * catalog_row_size[t];
}

/* The order of names and CIDs: bytewise, a prefix first. */
static inline int catalog_order(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int way = n ? memcmp(a.p, b.p, n) : 0;

	return way ? way : (a.n > b.n) - (a.n < b.n);
}

/* SHA-256 of the file as the head defines it. */
struct hash32 catalog_digest(struct span whole);

/* check.c: everything that catalog_open() promises but seals. c->p and c->n are set. */
MUST_USE int catalog_check(const struct catalog *c, struct err *e);

#endif
