/* dagwalk.c: see dagwalk.h. */
#include "formats/dagwalk.h"

#include <assert.h>
#include <stdlib.h>

int dagwalk_start(struct dagwalk *w, const struct dagtree *tree, uint32_t row, const struct cid *asked,
		  const struct dagwalk_how *how, struct err *e)
{
	*w = (struct dagwalk){ .tree = tree, .how = *how, .asked = *asked, .top = row };
	if (!how->is_once)
		return ERR_OK;
	w->seen = calloc(tree->nodes / 8 + 1, 1);
	return w->seen ? ERR_OK : err_set(e, ERR_MEMORY, "no memory for a walk");
}

void dagwalk_end(struct dagwalk *w)
{
	free(w->seen);
	w->seen = NULL;
}

/* Marks it; was it marked before? */
static bool was_seen(struct dagwalk *w, uint32_t row)
{
	uint8_t bit = (uint8_t)(1u << row % 8);
	bool was;

	if (!w->seen)
		return false;
	was = w->seen[row / 8] & bit;
	w->seen[row / 8] |= bit;
	return was;
}

static void open_node(struct dagwalk *w, uint32_t row, uint64_t offset)
{
	if (w->tree->node[row].links == 0)
		return;
	/* No deeper than from the root: dagtree_finish has looked. */
	assert(w->depth <= DAG_DEPTH_MAX);
	w->open[w->depth].node = row;
	w->open[w->depth].link = 0;
	w->open[w->depth++].offset = offset;
}

static bool is_whole(const struct dagwalk *w)
{
	return w->how.from == 0 && w->how.to == UINT64_MAX;
}

static bool is_asked_for(const struct dagwalk *w, uint64_t offset, uint32_t size)
{
	return offset <= w->how.to && offset + size > w->how.from;
}

static bool begin(struct dagwalk *w, struct cid *cid, uint32_t *row)
{
	w->is_begun = true;
	*cid = w->asked;
	*row = w->top;
	was_seen(w, w->top);
	if (!w->how.is_alone && w->asked.codec == CID_DAG_PB)
		open_node(w, w->top, 0);
	return true;
}

/* The block of a link, unless it is not to come (again). A part of the file may need other blocks under one that has come. */
static bool take_link(struct dagwalk *w, const struct dagtree_link *l, uint64_t offset, struct cid *cid, uint32_t *row)
{
	const struct dagtree_node *n = &w->tree->node[l->node];
	bool is_repeat;

	if (!is_asked_for(w, offset, l->size))
		return false;
	is_repeat = was_seen(w, l->node);
	if (!is_repeat || !is_whole(w))
		open_node(w, l->node, offset);
	if (is_repeat)
		return false;
	*cid = cid_of_digest(l->version, (enum cid_codec)n->codec, &n->digest);
	*row = l->node;
	return true;
}

bool dagwalk_next(struct dagwalk *w, struct cid *cid, uint32_t *row)
{
	if (!w->is_begun)
		return begin(w, cid, row);
	while (w->depth > 0) {
		const struct dagtree_node *n = &w->tree->node[w->open[w->depth - 1].node];
		uint32_t i = w->open[w->depth - 1].link++;

		if (i == n->links)
			w->depth--;
		else if (take_link(w, &w->tree->link[n->first + i], w->open[w->depth - 1].offset + w->tree->link[n->first + i].offset,
				   cid, row))
			return true;
	}
	return false;
}
