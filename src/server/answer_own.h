/* answer_own.h: what the parts of answer.h share; nobody else includes it.
 *
 *	answer.c	which product, channel, release, image; reports
 *	answer_blocks.c	/ipfs/{cid}: the plain file, a block, a CAR
 *	answer_list.c	the listing */
#ifndef SERVER_ANSWER_OWN_H
#define SERVER_ANSWER_OWN_H

#include "base/buf.h"
#include "server/answer.h"
#include "server/devpath.h"
#include "server/wishes.h"

#include <stdatomic.h>

#define RETRY_REPAIR_S 30	/* an image is being fetched again */
#define RETRY_BUSY_S 2		/* too many at once */

struct answers {
	struct answers_conf conf;
	atomic_bool clock_is_trusted;
	struct wishes wishes;
};

/* One request on its way to its answer. */
struct turn {
	struct answers *s;
	const struct ask *ask;
	struct answer *out;
	struct devpath path;
	uint64_t from;			/* what the device says it runs; 0: it does not say */
	struct freshness_now now;
	const struct catalog_product *product;
	const struct catalog_channel *channel;
	uint32_t channel_row;
	const struct catalog_release *release;
	const struct catalog_image *image;
};

/* The answer is an error. False, so that `return turn_refuse(…)` ends a chain of steps. */
bool turn_refuse(struct turn *t, uint16_t status, const char *why, uint32_t retry_after_s);
/* The answer is that it is not here. */
bool turn_is_absent(struct turn *t, const char *why);

void turn_is(struct turn *t, enum answer_kind kind, enum answer_format format);
/* Tells the keeper now and then that the image is asked for. */
void turn_wish(struct turn *t, const struct hash32 *sha256, bool is_known);
/* b was made in memory that is given back here. */
bool turn_give_made(struct turn *t, struct buf *b, enum answer_kind kind, enum answer_format format);
/* The image that the path names by its digest or CID. */
bool turn_give_named(struct turn *t);
bool turn_give_cid(struct turn *t);

#endif
