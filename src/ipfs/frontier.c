/* frontier.c: see frontier.h. */
#include "ipfs/frontier.h"
#include "base/limits.h"

#include <assert.h>
#include <stdlib.h>

void frontier_free(struct frontier *f)
{
	free(f->spots);
	*f = (struct frontier){ 0 };
}

static int make_room(struct frontier *f, struct err *e)
{
	size_t cap = f->cap ? f->cap * 2 : 16;
	struct spot *spots = realloc(f->spots, cap * sizeof *spots);

	if (!spots)
		return err_set(e, ERR_MEMORY, "no memory for %zu open links", cap);
	f->spots = spots;
	f->cap = cap;
	return ERR_OK;
}

int frontier_append(struct frontier *f, const struct spot *s, struct err *e)
{
	int rc;

	if (f->n == DAG_FRONTIER_MAX)
		return err_set(e, ERR_LIMIT, "more than %d links open at once", DAG_FRONTIER_MAX);
	if (f->n == f->cap && (rc = make_room(f, e)))
		return rc;
	f->spots[f->n++] = *s;
	return ERR_OK;
}

static void reverse(struct spot *from, struct spot *end)
{
	while (from < end && from < --end) {
		struct spot s = *from;

		*from++ = *end;
		*end = s;
	}
}

void frontier_replace(struct frontier *f, size_t i, size_t n)
{
	struct spot *at = f->spots + i;
	size_t added = f->n - n;

	assert(i < n && n <= f->n);
	/* at: the spot to go, [later: nearer to the front], [children, first to last]
	 * becomes [children, last to first], [later]. One reversal of all but the spot turns both
	 * round and swaps them; a second one turns `later` back. */
	reverse(at + 1, f->spots + f->n);
	reverse(at + 1 + added, f->spots + f->n);
	memmove(at, at + 1, (f->n - i - 1) * sizeof *at);
	f->n--;
}

void frontier_sweep(struct frontier *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (f->spots[i].size == 0)
			continue;
		if (kept != i)
			f->spots[kept] = f->spots[i];
		kept++;
	}
	f->n = kept;
}

size_t frontier_find(const struct frontier *f, uint64_t offset)
{
	size_t low = 0, high = f->n;

	/* Offsets fall with the index: low counts the spots known to be at or after offset. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->spots[mid].offset >= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 ? low - 1 : f->n;
}

struct cid spot_cid(const struct spot *s)
{
	return cid_of_digest(s->version, (enum cid_codec)s->codec, &s->digest);
}
