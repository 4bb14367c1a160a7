/* chunks.c: see chunks.h. */
#include "server/chunks.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum chunk_state { CHUNK_EMPTY, CHUNK_FILLING, CHUNK_READY };

struct chunk {
	struct chunk_key key;
	enum chunk_state state;
	unsigned holders;	/* the filler counts */
	uint64_t used_at;	/* in calls */
	size_t n;
	uint8_t *bytes;		/* CHUNK_SIZE, or NULL while it was never used */
};

struct chunks {
	pthread_mutex_t lock;
	pthread_cond_t filled;	/* or failed */
	uint64_t calls;
	size_t count;
	struct chunk at[];
};

struct chunks *chunks_new(size_t count)
{
	struct chunks *all = calloc(1, sizeof *all + count * sizeof *all->at);

	if (!all)
		return NULL;
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->filled, NULL);
	all->count = count;
	return all;
}

void chunks_free(struct chunks *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->count; i++) {
		assert(all->at[i].holders == 0);
		free(all->at[i].bytes);
	}
	pthread_cond_destroy(&all->filled);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

static struct chunk *find(struct chunks *all, struct chunk_key key)
{
	for (size_t i = 0; i < all->count; i++) {
		struct chunk *c = &all->at[i];

		if (c->state != CHUNK_EMPTY && c->key.owner == key.owner && c->key.index == key.index)
			return c;
	}
	return NULL;
}

/* The one that nobody holds and that was not used for longest. */
static struct chunk *oldest(struct chunks *all)
{
	struct chunk *best = NULL;

	for (size_t i = 0; i < all->count; i++) {
		struct chunk *c = &all->at[i];

		if (c->holders == 0 && (!best || c->used_at < best->used_at))
			best = c;
	}
	return best;
}

/* Fills c in without the lock. On failure it is empty again. */
static int fill_in(struct chunks *all, struct chunk *c, chunk_fill_fn *fill, void *arg, struct err *e)
{
	size_t n = 0;
	int rc;

	c->state = CHUNK_FILLING;
	c->holders = 1;
	pthread_mutex_unlock(&all->lock);
	if (!c->bytes)
		c->bytes = malloc(CHUNK_SIZE);
	rc = c->bytes ? fill(arg, c->key.index, c->bytes, &n, e) : err_set(e, ERR_MEMORY, "no memory for a chunk");
	pthread_mutex_lock(&all->lock);
	c->state = rc ? CHUNK_EMPTY : CHUNK_READY;
	c->n = n;
	if (rc)
		c->holders = 0;
	pthread_cond_broadcast(&all->filled);
	return rc;
}

/* Under the lock. */
static int get(struct chunks *all, struct chunk_key key, chunk_fill_fn *fill, void *arg, struct chunk **out,
	       struct err *e)
{
	struct chunk *c = find(all, key);
	int rc = ERR_OK;

	while (c && c->state == CHUNK_FILLING) {
		pthread_cond_wait(&all->filled, &all->lock);
		c = find(all, key);	/* when the other failed we try ourselves */
	}
	if (c) {
		c->holders++;
	} else {
		c = oldest(all);
		if (!c)
			return err_set(e, ERR_BUSY, "all chunks are in use");
		c->key = key;
		rc = fill_in(all, c, fill, arg, e);
	}
	c->used_at = ++all->calls;
	if (!rc)
		*out = c;
	return rc;
}

int chunks_get(struct chunks *all, struct chunk_key key, chunk_fill_fn *fill, void *arg, struct chunk **out,
	       struct err *e)
{
	int rc;

	pthread_mutex_lock(&all->lock);
	rc = get(all, key, fill, arg, out, e);
	pthread_mutex_unlock(&all->lock);
	return rc;
}

struct span chunk_bytes(const struct chunk *c)
{
	return SPAN(c->bytes, c->n);
}

void chunks_put(struct chunks *all, struct chunk *c)
{
	pthread_mutex_lock(&all->lock);
	assert(c->holders > 0);
	c->holders--;
	pthread_mutex_unlock(&all->lock);
}
