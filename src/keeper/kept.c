/* kept.c: see kept.h. */
#include "keeper/kept.h"

#include <stdlib.h>

void kept_init(struct kept *k)
{
	*k = (struct kept){ .bytes = BUF_INIT(KEPT_BYTES_MAX) };
}

void kept_fini(struct kept *k)
{
	free(k->block);
	table_free(&k->by_digest);
	buf_free(&k->bytes);
	kept_init(k);
}

int kept_find(const struct kept *k, const struct cid *cid, struct span *out, struct err *e)
{
	struct table_cursor c;
	size_t i = table_first(&k->by_digest, table_hash(cid_digest(cid)), &c);

	while (i != TABLE_NONE && !cid_same_block(&k->block[i].cid, cid))
		i = table_next(&k->by_digest, &c);
	if (i == TABLE_NONE)
		return err_set(e, ERR_NOT_FOUND, "no such block is kept");
	*out = SPAN(k->bytes.p + k->block[i].at, k->block[i].n);
	return ERR_OK;
}

static int must_fit(const struct kept *k, struct span block, struct err *e)
{
	return block.n <= KEPT_BYTES_MAX - k->bytes.n ? ERR_OK : err_set(e, ERR_LIMIT, "more than %d bytes of inner blocks", KEPT_BYTES_MAX);
}

int kept_put(struct kept *k, struct blob *blob, const struct cid *cid, struct span block, struct err *e)
{
	uint8_t name[CID_BYTES_MAX];
	struct span known;
	int rc;

	if (kept_find(k, cid, &known, NULL) == ERR_OK)
		return ERR_OK;
	if ((rc = must_fit(k, block, e)) || (rc = blob_add_block(blob, SPAN(name, cid_write(cid, name)), block, e)))
		return rc;
	return kept_add(k, cid, block, e);
}

static int make_room(struct kept *k, struct err *e)
{
	size_t room = k->room ? 2 * k->room : 16;
	void *more = realloc(k->block, room * sizeof *k->block);

	if (!more)
		return err_set(e, ERR_MEMORY, "no memory for inner blocks");
	k->block = more;
	k->room = room;
	return ERR_OK;
}

int kept_add(struct kept *k, const struct cid *cid, struct span block, struct err *e)
{
	struct span known;
	size_t at = k->bytes.n;
	int rc;

	if (kept_find(k, cid, &known, NULL) == ERR_OK)
		return ERR_OK;
	if (k->blocks == k->room && (rc = make_room(k, e)))
		return rc;
	buf_add(&k->bytes, block);
	if (buf_ok(&k->bytes, e))
		return err_wrap(e, "inner blocks");
	if (!table_add(&k->by_digest, table_hash(cid_digest(cid)), k->blocks))
		return err_set(e, ERR_MEMORY, "no memory for inner blocks");
	k->block[k->blocks].cid = *cid;
	k->block[k->blocks].at = at;
	k->block[k->blocks++].n = block.n;
	return ERR_OK;
}

static int load_one(void *arg, struct span name, struct span block, struct err *e)
{
	struct cid cid;
	int rc = cid_read(name, &cid, e);

	return rc ? rc : kept_add(arg, &cid, block, e);
}

static bool is_under(const struct kept *k, const struct cid *root)
{
	return k->blocks == 0 || cid_same_block(&k->block[0].cid, root);
}

int kept_load(struct kept *k, struct blob *blob, const struct cid *root, struct err *e)
{
	int rc = blob_each_block(blob, load_one, k, e);

	if (rc != ERR_LIMIT && (rc || is_under(k, root)))
		return rc;
	kept_fini(k);
	return blob_drop_blocks(blob, e);
}
