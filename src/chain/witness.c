/* witness.c: see witness.h. */
#include "chain/witness.h"
#include "base/limits.h"
#include "formats/keccak.h"

#include <stdlib.h>

#define SLACK 256		/* nodes: so that a few products are not swept at every change */

struct witness_node {
	struct hash32 name;
	uint32_t age;
	uint32_t n;
	uint8_t raw[];
};

static size_t cost(const struct witness_node *node)
{
	return sizeof *node + node->n + 64;	/* its pointer, its slots, the allocator's */
}

static struct witness_node *find(const struct witness *w, const struct hash32 *name)
{
	struct table_cursor c;

	for (size_t at = table_first(&w->by_name, table_hash(SPAN_OF(*name)), &c); at != TABLE_NONE; at = table_next(&w->by_name, &c))
		if (hash32_eq(&w->node[at]->name, name))
			return w->node[at];
	return NULL;
}

static void use(struct witness *w, struct witness_node *node)
{
	w->used += node->age != w->age;
	node->age = w->age;
}

static bool reserve(struct witness *w)
{
	size_t cap = w->cap ? 2 * w->cap : 64;
	struct witness_node **grown;

	if (w->n < w->cap)
		return true;
	grown = realloc(w->node, cap * sizeof(struct witness_node *));
	if (!grown)
		return false;
	w->node = grown;
	w->cap = cap;
	return true;
}

void witness_add(struct witness *w, struct span raw)
{
	struct hash32 name = keccak256(raw);
	struct witness_node *node = find(w, &name);

	if (node) {
		use(w, node);
		return;
	}
	node = malloc(sizeof *node + raw.n);
	if (!node)
		return;
	*node = (struct witness_node){ .name = name, .age = w->age - 1, .n = (uint32_t)raw.n };
	memcpy(node->raw, raw.p, raw.n);
	if (w->bytes + cost(node) > WITNESS_BYTES_MAX || !reserve(w) || !table_add(&w->by_name, table_hash(SPAN_OF(name)), w->n)) {
		free(node);
		return;
	}
	w->node[w->n++] = node;
	w->bytes += cost(node);
	use(w, node);
}

struct span witness_find(void *witness, const struct hash32 *name)
{
	struct witness *w = witness;
	struct witness_node *node = find(w, name);

	if (!node)
		return SPAN(NULL, 0);
	use(w, node);
	return SPAN(node->raw, node->n);
}

void witness_begin(struct witness *w)
{
	w->age++;
	w->used = 0;
}

void witness_sweep(struct witness *w)
{
	size_t kept = 0;

	if (w->n <= 2 * w->used + SLACK)
		return;
	table_clear(&w->by_name);
	for (size_t i = 0; i < w->n; i++) {
		struct witness_node *node = w->node[i];

		/* The table has had more in it than this: it does not grow. */
		if (node->age == w->age && table_add(&w->by_name, table_hash(SPAN_OF(node->name)), kept)) {
			w->node[kept++] = node;
			continue;
		}
		w->bytes -= cost(node);
		free(node);
	}
	w->n = kept;
}

void witness_free(struct witness *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->node[i]);
	free(w->node);
	table_free(&w->by_name);
	*w = (struct witness){ .n = 0 };
}
