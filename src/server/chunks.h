/* chunks.h: pieces of files that were checked a moment ago.
 *
 * A device that asks over CoAP takes 64 requests for one chunk; without this each of them would
 * read and hash 64 KiB. A transfer holds the chunk that it is sending, so that
 * its bytes stay. Whoever asks first fills a chunk in; others wait for that.
 *
 * Bounded: `count` chunks of CHUNK_SIZE bytes, allocated as they are first
 * needed. When all are held chunks_get() says ERR_BUSY. Any thread may call. */
#ifndef SERVER_CHUNKS_H
#define SERVER_CHUNKS_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

/* Which chunk: the owner is a number that is never used twice. */
struct chunk_key {
	uint64_t owner;
	uint32_t index;
};

struct chunk;
struct chunks;

/* NULL: no memory. */
struct chunks *chunks_new(size_t count);
/* No chunk may be held any more. */
void chunks_free(struct chunks *all);

/* Reads a chunk and checks it: *n bytes, at most CHUNK_SIZE. Called without a lock, perhaps by several threads for
 * different chunks. */
typedef int chunk_fill_fn(void *arg, uint32_t index, uint8_t *out, size_t *n, struct err *e);

/* A held chunk, from memory or filled in now. ERR_BUSY: all are held; ERR_MEMORY; or fill's error. */
MUST_USE int chunks_get(struct chunks *all, struct chunk_key key, chunk_fill_fn *fill, void *arg,
			struct chunk **out, struct err *e);
/* Its bytes, while it is held. */
struct span chunk_bytes(const struct chunk *c);
void chunks_put(struct chunks *all, struct chunk *c);

#endif
