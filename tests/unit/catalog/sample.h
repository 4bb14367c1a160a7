/* sample.h: a small catalog with something of everything, for the tests of catalog and server. */
#ifndef TESTS_CATALOG_SAMPLE_H
#define TESTS_CATALOG_SAMPLE_H

#include "catalog/builder.h"
#include "formats/sha256.h"

#include <stdio.h>

#define SAMPLE_PROOF_TIME 1790000000	/* of acme/lamp; acme/clock was never proven */
#define SAMPLE_MAX_AGE_MS (60 * 60 * 1000)

/* Contents of the images; their digests name them. */
#define SAMPLE_OLD "image of lamp 1"
#define SAMPLE_NEW "image of lamp 2"
#define SAMPLE_BETA "image of lamp 3, beta"
#define SAMPLE_BOARD "image of lamp 4, for board b only"
#define SAMPLE_STEP "image of lamp 5, from 4 on"
#define SAMPLE_REVOKED "image that was revoked"
#define SAMPLE_DAMAGED "image that is being fetched again"
/* The file of entries of acme/lamp; acme/clock has none. */
#define SAMPLE_ENTRIES "{\"one\":1}\n{\"two\":2}\n"

static inline struct hash32 sample_image(struct builder *b, const char *content, enum catalog_image_state state)
{
	struct hash32 sha256 = sha256_of(span_str(content)), sums = sha256_of(SPAN_OF(sha256));
	struct cid cid = cid_of_digest(1, CID_RAW, &sha256);

	/* One chunk, so that its digest is the image's. */
	builder_image(b, &(struct builder_image){ .sha256 = sha256, .sums = sums, .size = strlen(content), .state = state,
						  .format = SPAN_LIT("raw") });
	builder_cid(b, &cid, &sha256);
	return sha256;
}

static inline void sample_release(struct builder *b, uint64_t sequence, uint64_t from, const char *channel,
				  enum catalog_release_state state, const char *content, const char *board)
{
	struct hash32 sha256 = sha256_of(span_str(content));
	struct cid cid = cid_of_digest(1, CID_RAW, &sha256);
	struct span hardware = span_str(board);
	char text[CID_TEXT_MAX], manifest[64], version[16];

	snprintf(manifest, sizeof manifest, "manifest of release %llu", (unsigned long long)sequence);
	snprintf(version, sizeof version, "1.%llu", (unsigned long long)sequence);
	builder_release(b, &(struct builder_release){ .sequence = sequence, .from_sequence = from, .published_at = 1789990000,
		.state = state, .channel = span_str(channel), .manifest = span_str(manifest), .version = span_str(version),
		.description = SPAN_LIT("better"), .cid = span_str(cid_text(&cid, text)), .image = sha256,
		.hardware = &hardware, .hardware_n = board ? 1 : 0 });
}

/*	acme/lamp	stable: 1 superseded, 2 active, 4 (board b), 5 (from 4) active; beta (pending): 3 active;
 *			nightly: nothing
 *	acme/clock	stable, pending, nothing yet */
static inline void sample_build(struct builder *b)
{
	sample_image(b, SAMPLE_OLD, CATALOG_GOOD);
	sample_image(b, SAMPLE_NEW, CATALOG_GOOD);
	sample_image(b, SAMPLE_BETA, CATALOG_GOOD);
	sample_image(b, SAMPLE_BOARD, CATALOG_GOOD);
	sample_image(b, SAMPLE_STEP, CATALOG_GOOD);
	sample_image(b, SAMPLE_REVOKED, CATALOG_REVOKED);
	sample_image(b, SAMPLE_DAMAGED, CATALOG_DAMAGED);
	builder_product(b, &(struct builder_product){ .name = SPAN_LIT("acme/lamp"), .max_age_ms = SAMPLE_MAX_AGE_MS,
		.proof = { .number = 77, .time = SAMPLE_PROOF_TIME, .hash = { { 7 } } }, .trust = TRUST_QUORUM,
		.id = { { 1 } }, .registrant = { { 2 } }, .entries_sha256 = sha256_of(SPAN_LIT(SAMPLE_ENTRIES)),
		.entries_bytes = sizeof SAMPLE_ENTRIES - 1 });
	builder_channel(b, SPAN_LIT("stable"), false, 0);
	builder_channel(b, SPAN_LIT("beta"), true, 3);
	builder_channel(b, SPAN_LIT("nightly"), false, 0);
	sample_release(b, 2, 0, "stable", CATALOG_ACTIVE, SAMPLE_NEW, NULL);
	sample_release(b, 1, 0, "stable", CATALOG_SUPERSEDED, SAMPLE_OLD, NULL);
	sample_release(b, 3, 0, "beta", CATALOG_ACTIVE, SAMPLE_BETA, NULL);
	sample_release(b, 4, 0, "stable", CATALOG_ACTIVE, SAMPLE_BOARD, "board-b");
	sample_release(b, 5, 4, "stable", CATALOG_ACTIVE, SAMPLE_STEP, NULL);
	builder_product(b, &(struct builder_product){ .name = SPAN_LIT("acme/clock"), .max_age_ms = SAMPLE_MAX_AGE_MS,
		.trust = TRUST_SINGLE, .id = { { 3 } }, .registrant = { { 2 } } });
	builder_channel(b, SPAN_LIT("stable"), true, 0);
}

static inline struct builder *sample_builder(uint64_t generation)
{
	return builder_new(&(struct builder_about){ .generation = generation, .chain_id = 31337, .registry = { { 9 } },
						    .gateway = SPAN_LIT("porch") });
}

#endif
