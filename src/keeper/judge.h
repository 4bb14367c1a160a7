/* judge.h: the state of each release of a product, and why, in a sentence (chapter 3, "States").
 *
 * Pure. history.h says what the publisher signed; this adds what the gateway
 * and its operator know: which channels are followed, which images are here,
 * what was approved or held. One table of rules, asked in order; the first one
 * that applies decides. */
#ifndef KEEPER_JUDGE_H
#define KEEPER_JUDGE_H

#include "keeper/history.h"
#include "store/releases.h"

enum image_at {
	IMAGE_NONE,		/* not asked for yet */
	IMAGE_FETCHING,
	IMAGE_FAILED,		/* no source has it now; judge_image.detail says what the last one said */
	IMAGE_GOOD,		/* complete and verified */
	IMAGE_WRONG,		/* the CID's content has not the manifest's size or SHA-256: never again */
	IMAGE_EVICTED,
};

/* What is known of one release besides its history. The caller fills it in. */
struct judge_release {
	const struct history_release *h;
	enum image_at image;
	const char *image_detail;	/* for FAILED and WRONG */
	bool is_channel_followed;
	bool is_approved, is_held;	/* by the operator */
	bool was_active;
	/* answers */
	enum release_state state;
	char why[RELEASE_WHY_MAX];
	bool is_wanted;			/* its image should be here */
};

struct judge_product {
	bool needs_approval;		/* policy = approve */
	unsigned keep;			/* newest images per channel that stay */
	bool is_frozen;			/* what was known before is not known again yet: nothing new becomes active */
	uint64_t active;		/* the newest sequence that was ever active here, also by a database that is lost; 0: none */
};

/* Judges a product's releases, in order of sequence; r[i].h must be set in each. At most
 * CONF_WORDS_MAX different channels are followed. */
void judge_releases(const struct judge_product *p, struct judge_release *r, size_t n);

#endif
