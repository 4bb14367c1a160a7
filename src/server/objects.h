/* objects.h: image files, read so that no byte leaves that was not checked since it came from the disk (chapter 6).
 *
 * An object is cold or hot:
 *
 *	cold	each CHUNK_SIZE bytes are read whole, compared with their digest, and kept for a moment (chunks.h)
 *	hot	the whole image lies in a sealed memfd that was checked when it was loaded: objects may be sent
 *		from it with sendfile, and reading is a copy
 *
 * An image becomes hot by being asked for, when it fits into the budget; a
 * thread of ours loads it meanwhile, so the first askers are served cold. To
 * make room, hot objects that nobody holds and nobody asked for in OBJECT_IDLE_MS are dropped.
 *
 * Bit rot: a chunk that does not fit its digest, cannot be read, or a file
 * that is not there or not of the announced length marks the object bad and is told once, through
 * conf.rot. Nothing of it is served until objects_settle() brings a catalog that still (or again) calls the image good.
 *
 * Any thread may call. An object that is held stays readable, also when its file is unlinked. */
#ifndef SERVER_OBJECTS_H
#define SERVER_OBJECTS_H

#include "base/clock.h"
#include "catalog/catalog.h"

struct objects;
struct object;

struct objects_conf {
	int dir;		/* STATE/objects; taken: closed by objects_free, and on failure */
	uint64_t hot_bytes;	/* `[limits] hot`; 0: nothing is hot */
	const struct clock *clock;
	/* Told once for each damage. On any thread, without a lock held. */
	void (*rot)(void *arg, const struct hash32 *sha256, uint32_t chunk);
	void *arg;
};

/* Starts the loading thread. */
MUST_USE int objects_new_take(const struct objects_conf *conf, struct objects **out, struct err *e);
/* No object may be held any more. */
void objects_free(struct objects *all);

/* A held object for a row of the catalog. ERR_CORRUPT: known to be bad; ERR_BUSY: too many are open; ERR_IO. */
MUST_USE int objects_get(struct objects *all, const struct catalog_image *image, struct object **out, struct err *e);
struct object *object_hold(struct object *o);
void object_put(struct object *o);		/* NULL is fine */

uint64_t object_size(const struct object *o);

/* n checked bytes from off on; off + n ≤ size. */
MUST_USE int object_read(struct object *o, uint64_t off, uint8_t *out, size_t n, struct err *e);

/* The sealed memfd with the whole image, borrowed while the object is held; -1: it is cold. */
int object_hot_fd(struct object *o);

/* A cold transfer: at most OBJECT_TRANSFERS_MAX at once, since each holds a chunk. Holds the object. ERR_BUSY. */
struct transfer;
MUST_USE int transfer_new(struct object *o, struct transfer **out, struct err *e);
void transfer_free(struct transfer *t);
/* Up to max checked bytes at off, as many as its chunk has: *n > 0. */
MUST_USE int transfer_read(struct transfer *t, uint64_t off, uint8_t *out, size_t max, size_t *n, struct err *e);

/* A new catalog is in place: bad objects get another chance, and what it does not name (or calls revoked) is let go. */
void objects_settle(struct objects *all, const struct catalog *c);
void objects_set_hot_bytes(struct objects *all, uint64_t hot_bytes);

struct objects_stats {
	uint32_t open, hot, transfers;
	uint64_t hot_bytes;
};
struct objects_stats objects_stats(struct objects *all);

#endif
