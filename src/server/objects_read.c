/* objects_read.c: see objects.h. Checked bytes. */
#include "server/objects_own.h"

#include "base/io.h"
#include "formats/sha256.h"

#include <assert.h>
#include <stdlib.h>

struct transfer {
	struct object *o;
	struct chunk *chunk;	/* held; NULL: none yet */
	uint32_t index;		/* its */
};

static size_t chunk_length(const struct object *o, uint32_t index)
{
	uint64_t at = (uint64_t)index * CHUNK_SIZE;

	return o->size - at < CHUNK_SIZE ? (size_t)(o->size - at) : CHUNK_SIZE;
}

int object_fill(void *object, uint32_t index, uint8_t *out, size_t *n, struct err *e)
{
	struct object *o = object;
	size_t length = chunk_length(o, index);
	struct hash32 sha256;
	int rc = io_pread_exact(o->fd, out, length, (off_t)index * CHUNK_SIZE, e);

	/* An unreadable sector is damage like a changed one. */
	if (rc)
		return object_found_rot(o, index, rc);
	sha256 = sha256_of(SPAN(out, length));
	if (!hash32_eq(&sha256, &o->sums[index]))
		return object_found_rot(o, index, err_set(e, ERR_CORRUPT, "chunk %u does not fit its digest", index));
	*n = length;
	return ERR_OK;
}

static int get_chunk(struct object *o, uint32_t index, struct chunk **out, struct err *e)
{
	return chunks_get(o->all->chunks, (struct chunk_key){ o->id, index }, object_fill, o, out, e);
}

static int read_cold(struct object *o, uint64_t off, uint8_t *out, size_t n, struct err *e)
{
	while (n) {
		struct chunk *c;
		struct span part;
		int rc = get_chunk(o, (uint32_t)(off / CHUNK_SIZE), &c, e);

		if (rc)
			return rc;
		part = span_cut(chunk_bytes(c), (size_t)(off % CHUNK_SIZE), n);
		memcpy(out, part.p, part.n);
		chunks_put(o->all->chunks, c);
		off += part.n;
		out += part.n;
		n -= part.n;
	}
	return ERR_OK;
}

int object_read(struct object *o, uint64_t off, uint8_t *out, size_t n, struct err *e)
{
	const uint8_t *hot = atomic_load_explicit(&o->hot, memory_order_acquire);

	assert(off <= o->size && n <= o->size - off);
	if (!hot)
		return read_cold(o, off, out, n, e);
	memcpy(out, hot + off, n);
	return ERR_OK;
}

/* --- transfers --- */

int transfer_new(struct object *o, struct transfer **out, struct err *e)
{
	struct objects *all = o->all;
	struct transfer *t;
	bool is_free;

	pthread_mutex_lock(&all->lock);
	is_free = all->transfers < OBJECT_TRANSFERS_MAX;
	if (is_free)
		all->transfers++;
	pthread_mutex_unlock(&all->lock);
	if (!is_free)
		return err_set(e, ERR_BUSY, "%d images are being sent from the disk", OBJECT_TRANSFERS_MAX);
	t = calloc(1, sizeof *t);
	if (!t) {
		pthread_mutex_lock(&all->lock);
		all->transfers--;
		pthread_mutex_unlock(&all->lock);
		return err_set(e, ERR_MEMORY, "no memory for a transfer");
	}
	t->o = object_hold(o);
	*out = t;
	return ERR_OK;
}

void transfer_free(struct transfer *t)
{
	struct objects *all;

	if (!t)
		return;
	all = t->o->all;
	if (t->chunk)
		chunks_put(all->chunks, t->chunk);
	pthread_mutex_lock(&all->lock);
	all->transfers--;
	pthread_mutex_unlock(&all->lock);
	object_put(t->o);
	free(t);
}

/* Holds the chunk of this index, and lets go of the one before. */
static int transfer_turn(struct transfer *t, uint32_t index, struct err *e)
{
	int rc;

	if (t->chunk && t->index == index)
		return ERR_OK;
	if (t->chunk)
		chunks_put(t->o->all->chunks, t->chunk);
	t->chunk = NULL;
	rc = get_chunk(t->o, index, &t->chunk, e);
	t->index = index;
	return rc;
}

int transfer_read(struct transfer *t, uint64_t off, uint8_t *out, size_t max, size_t *n, struct err *e)
{
	struct span part;
	int rc;

	assert(off < t->o->size && max > 0);
	rc = transfer_turn(t, (uint32_t)(off / CHUNK_SIZE), e);
	if (rc)
		return rc;
	part = span_cut(chunk_bytes(t->chunk), (size_t)(off % CHUNK_SIZE), max);
	memcpy(out, part.p, part.n);
	*n = part.n;
	return ERR_OK;
}
