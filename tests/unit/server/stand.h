/* stand.h: the server's parts without a network: objects in a temporary directory, the sample catalog, a keeper that
 * the test plays, a clock that it owns. One at a time. */
#ifndef TESTS_SERVER_STAND_H
#define TESTS_SERVER_STAND_H

#include "catalog/builder.h"
#include "server/answer.h"
#include "server/blocks.h"
#include "server/devfloors.h"
#include "server/histories.h"
#include "server/keeper.h"
#include "server/objects.h"
#include "server/sightings.h"

#include <stdatomic.h>
#include <sys/types.h>

struct stand {
	char dir[64];
	struct catalog_slot slot;
	struct clock clock;
	int64_t wall_ms, mono_ms;
	enum clock_state clock_state;
	int peer;		/* the keeper's end of the link */
	struct keeper *keeper;
	struct devfloors *floors;
	struct sightings *sightings;
	struct objects *objects;
	struct histories *histories;
	struct blocks *blocks;
	struct answers *answers;
	unsigned rots;		/* told by objects */
	struct hash32 rot;
	uint32_t rot_chunk;
	atomic_uint dag_rots;	/* told by blocks */
	unsigned entries_rots;	/* told by histories */
	struct hash32 entries_rot;
};

/* hot_bytes: `[limits] hot`. The catalog is the sample's (tests/unit/catalog/sample.h); its good
 * images lie on disk, and so does the file of entries of acme/lamp, whose id is { 1 }. */
struct stand *stand_new(uint64_t hot_bytes);
void stand_free(struct stand *s);

/* Writes an object and its .sums; returns the row that a catalog would have. */
struct catalog_image stand_object(struct stand *s, struct span content);
/* Writes a file beside an object; suffix: ".dag". */
void stand_beside(struct stand *s, const struct hash32 *sha256, const char *suffix, struct span content);
/* Changes a byte of an object's file. suffix: "", ".sums" or ".dag". */
void stand_flip(struct stand *s, const struct hash32 *sha256, const char *suffix, off_t at);
void stand_unlink(struct stand *s, const struct hash32 *sha256, const char *suffix);
void stand_pipe(struct stand *s, const struct hash32 *sha256, const char *suffix);
/* Writes a product's file of entries. */
void stand_entries(struct stand *s, const struct hash32 *product, struct span content);
/* A catalog made by fn. */
void stand_catalog(struct stand *s, void (*fn)(struct builder *b));

/* The next datagram that the keeper got; 0 bytes when there is none. */
struct span stand_heard(struct stand *s, uint8_t room[LINK_MESSAGE_MAX]);
/* Drops all that waits. */
void stand_deaf(struct stand *s);

#endif
