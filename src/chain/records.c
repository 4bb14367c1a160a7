/* records.c: see records.h. */
#include "chain/records.h"

#include <stdlib.h>

static int reserve(struct records *list, size_t n, struct err *e)
{
	if (n <= list->cap)
		return ERR_OK;

	size_t cap = n < 8 ? 8 : n * 2;
	struct record *v = realloc(list->v, cap * sizeof *v);

	if (!v)
		return err_set(e, ERR_MEMORY, "no memory for %zu records", n);
	list->v = v;
	list->cap = cap;
	return ERR_OK;
}

int records_add(struct records *list, const struct record *r, struct err *e)
{
	int rc = reserve(list, list->n + 1, e);
	uint8_t *data = rc ? NULL : malloc(r->data.n + 1);

	if (rc)
		return rc;
	if (!data)
		return err_set(e, ERR_MEMORY, "no memory for a record");
	if (r->data.n)
		memcpy(data, r->data.p, r->data.n);
	list->v[list->n] = *r;
	list->v[list->n++].data = SPAN(data, r->data.n);
	list->bytes += r->data.n;
	return ERR_OK;
}

int records_prepend(struct records *list, struct records *earlier, struct err *e)
{
	if ((list->n + earlier->n) * sizeof *list->v + list->bytes + earlier->bytes > RECORDS_HELD_MAX)
		return err_set(e, ERR_LIMIT, "a history takes more than %d bytes", RECORDS_HELD_MAX);

	int rc = reserve(earlier, earlier->n + list->n, e);

	if (rc)
		return rc;
	if (list->n)
		memcpy(earlier->v + earlier->n, list->v, list->n * sizeof *list->v);
	earlier->n += list->n;
	earlier->bytes += list->bytes;
	free(list->v);
	*list = *earlier;
	*earlier = (struct records){ .n = 0 };
	return ERR_OK;
}

void records_cut(struct records *list, size_t n)
{
	while (list->n > n) {
		list->bytes -= list->v[--list->n].data.n;
		free((void *)list->v[list->n].data.p);
	}
}

void records_free(struct records *list)
{
	records_cut(list, 0);
	free(list->v);
	*list = (struct records){ .n = 0 };
}

bool record_is_after(const struct record *a, const struct record *b)
{
	return a->block > b->block || (a->block == b->block && a->log_index > b->log_index);
}

struct hash32 record_digest(const struct record *r)
{
	struct hash32 h = { { 0 } };

	record_extend(&h, r);
	return h;
}
