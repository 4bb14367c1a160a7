/* track.c: see track.h. */
#include "chain/track.h"
#include "base/err.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

void track_init(struct track *t, const struct addr20 *registrant, const char *name)
{
	*t = (struct track){ .id = product_id(registrant, span_str(name)), .registrant = *registrant, .name = strdup(name) };
	if (!t->name)
		err_no_memory();
}

void track_fini(struct track *t)
{
	free(t->name);
	free(t->marks);
}

uint64_t track_end(const struct track *t)
{
	return t->final.entries + t->n;
}

static bool is_at(const struct hash32 *head, uint64_t block, const struct product_words *w)
{
	return hash32_eq(head, &w->head) && block == w->last_block;
}

uint64_t track_find(const struct track *t, const struct product_words *w)
{
	if (is_at(&t->final.head, t->final.last_block, w))
		return t->final.entries;
	for (size_t i = t->n; i-- > 0;)
		if (is_at(&t->marks[i].head, t->marks[i].block, w))
			return t->final.entries + i + 1;
	return TRACK_NOWHERE;
}

static uint64_t block_at(const struct track *t, uint64_t position)
{
	assert(position >= t->final.entries && position <= track_end(t));
	return position == t->final.entries ? t->final.last_block : t->marks[position - t->final.entries - 1].block;
}

int track_places(const struct track *t, uint64_t from, const struct records *records, struct err *e)
{
	uint64_t before = block_at(t, from);

	for (size_t i = 0; i < records->n; i++) {
		const struct record *r = &records->v[i];
		uint64_t prev;
		int rc = record_prev_block(r, &prev, e);

		if (rc)
			return rc;
		if (prev != before || r->block < prev)
			return err_set(e, ERR_RULE, "a record in block %" PRIu64 " names %" PRIu64 " as the block before it, which is %"
				       PRIu64, r->block, prev, before);
		before = r->block;
	}
	return ERR_OK;
}

struct hash32 track_head(const struct track *t, uint64_t position)
{
	assert(position >= t->final.entries && position <= track_end(t));
	return position == t->final.entries ? t->final.head : t->marks[position - t->final.entries - 1].head;
}

/* A reorg can put an entry into another block and leave its head as it was; the record after it says so. */
static bool has_moved(const struct track *t, uint64_t from, const struct records *records)
{
	uint64_t prev;

	return from > t->final.entries && records->n && record_prev_block(&records->v[0], &prev, NULL) == ERR_OK &&
	       prev != block_at(t, from);
}

uint64_t track_link(const struct track *t, const struct product_words *w, const struct records *records)
{
	if (records->n > w->entries)
		return TRACK_NOWHERE;

	uint64_t from = w->entries - records->n;

	if (from < t->final.entries || from > track_end(t))
		return TRACK_NOWHERE;

	struct hash32 head = track_head(t, from);

	for (size_t i = 0; i < records->n; i++)
		record_extend(&head, &records->v[i]);
	return hash32_eq(&head, &w->head) && !has_moved(t, from, records) ? from : TRACK_NOWHERE;
}

void track_cut(struct track *t, uint64_t position)
{
	assert(position >= t->final.entries && position <= track_end(t));
	t->n = (size_t)(position - t->final.entries);
}

int track_append(struct track *t, const struct hash32 *head, uint64_t block, struct err *e)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 4;
		struct follower_mark *m = realloc(t->marks, cap * sizeof *m);

		if (!m)
			return err_set(e, ERR_MEMORY, "no memory for a product's marks");
		t->marks = m;
		t->cap = cap;
	}
	t->marks[t->n++] = (struct follower_mark){ *head, block };
	return ERR_OK;
}

void track_settle(struct track *t, uint64_t position, const struct product_words *w)
{
	assert(position >= t->final.entries && position <= track_end(t));

	size_t gone = (size_t)(position - t->final.entries);

	if (gone)
		memmove(t->marks, t->marks + gone, (t->n - gone) * sizeof *t->marks);
	t->n -= gone;
	t->final = *w;
}
