/* blob_hash.c: digests of an image and its chunks. */
#include "store/blob_own.h"

#include <stdlib.h>

int blob_hasher_init(struct blob_hasher *h, uint64_t size, struct err *e)
{
	h->size = size;
	h->sums = malloc((size_t)((size + CHUNK_SIZE - 1) / CHUNK_SIZE * 32));
	if (!h->sums)
		return err_set(e, ERR_MEMORY, "no memory for chunk digests");
	blob_hasher_restart(h);
	return ERR_OK;
}

void blob_hasher_fini(struct blob_hasher *h)
{
	free(h->sums);
	h->sums = NULL;
}

void blob_hasher_restart(struct blob_hasher *h)
{
	h->at = 0;
	sha256_init(&h->whole);
	sha256_init(&h->chunk);
}

/* Bytes of one chunk. */
static void add_part(struct blob_hasher *h, struct span s)
{
	struct hash32 sum;

	sha256_add(&h->whole, s);
	sha256_add(&h->chunk, s);
	h->at += s.n;
	if (h->at % CHUNK_SIZE != 0 && h->at != h->size)
		return;
	sum = sha256_end(&h->chunk);
	memcpy(h->sums + (h->at - 1) / CHUNK_SIZE * 32, sum.b, sizeof sum.b);
	sha256_init(&h->chunk);
}

void blob_hasher_add(struct blob_hasher *h, struct span s)
{
	while (s.n > 0) {
		struct span part = span_cut(s, 0, CHUNK_SIZE - (size_t)(h->at % CHUNK_SIZE));

		add_part(h, part);
		s = span_cut(s, part.n, s.n);
	}
}

int blob_hasher_read(struct blob_hasher *h, int fd, struct err *e)
{
	autofree uint8_t *room = malloc(CHUNK_SIZE);
	int rc;

	if (!room)
		return err_set(e, ERR_MEMORY, "no memory to hash an image");
	while (h->at < h->size) {
		uint64_t left = h->size - h->at;
		size_t n = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;

		if ((rc = io_pread_exact(fd, room, n, (off_t)h->at, e)))
			return rc;
		blob_hasher_add(h, SPAN(room, n));
	}
	return ERR_OK;
}
