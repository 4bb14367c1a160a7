/* dagpb.c: see dagpb.h. */
#include "formats/dagpb.h"
#include "formats/protobuf.h"
#include "formats/varint.h"

#include <assert.h>

enum { NODE_DATA = 1, NODE_LINKS = 2 };
enum { LINK_HASH = 1, LINK_NAME = 2, LINK_TSIZE = 3 };

static int take_link_field(const struct pb_field *f, struct dagpb_link *out, struct err *e)
{
	switch (f->number) {
	case LINK_HASH:
		return f->wire == PB_BYTES ? cid_read(f->bytes, &out->cid, e)
					   : err_set(e, ERR_FORMAT, "Hash is not bytes");
	case LINK_NAME:
		out->has_name = true;
		out->name = f->bytes;
		return f->wire == PB_BYTES ? ERR_OK : err_set(e, ERR_FORMAT, "Name is not bytes");
	case LINK_TSIZE:
		out->has_tsize = true;
		out->tsize = f->value;
		return f->wire == PB_VARINT ? ERR_OK : err_set(e, ERR_FORMAT, "Tsize is not a varint");
	default:
		return err_set(e, ERR_FORMAT, "unknown field %u", (unsigned)f->number);
	}
}

static int read_link(struct span bytes, struct dagpb_link *out, struct err *e)
{
	struct cursor c = cur_of(bytes);
	uint32_t last = 0;
	int rc = ERR_OK;

	*out = (struct dagpb_link){ 0 };
	while (rc == ERR_OK && cur_left(&c) > 0) {
		struct pb_field f;

		rc = pb_next(&c, &f, e);
		if (rc == ERR_OK && last == 0 && f.number != LINK_HASH)
			rc = err_set(e, ERR_FORMAT, "no Hash in front");
		if (rc == ERR_OK && f.number <= last)
			rc = err_set(e, ERR_FORMAT, f.number == last ? "field %u twice" : "field %u out of order",
				     (unsigned)f.number);
		if (rc == ERR_OK)
			rc = take_link_field(&f, out, e);
		last = f.number;
	}
	if (rc == ERR_OK && last == 0)
		rc = err_set(e, ERR_FORMAT, "no Hash");
	return rc;
}

/* Checks one more link; its bytes end where c stands now. */
static int take_link(struct dagpb *node, const struct pb_field *f, const struct cursor *c, struct err *e)
{
	struct dagpb_link link;

	if (f->wire != PB_BYTES)
		return err_set(e, ERR_FORMAT, "dag-pb: Links are not bytes");
	if (node->n_links == DAG_LINKS_MAX)
		return err_set(e, ERR_LIMIT, "dag-pb: more than %d links", DAG_LINKS_MAX);
	if (read_link(f->bytes, &link, e))
		return err_wrap(e, "dag-pb: link %zu", node->n_links);
	node->n_links++;
	node->links.n = (size_t)(c->p - node->links.p);
	return ERR_OK;
}

static int take_data(struct dagpb *node, const struct pb_field *f, struct err *e)
{
	if (node->has_data)
		return err_set(e, ERR_FORMAT, "dag-pb: Data twice");
	if (f->wire != PB_BYTES)
		return err_set(e, ERR_FORMAT, "dag-pb: Data is not bytes");
	node->has_data = true;
	node->data = f->bytes;
	return ERR_OK;
}

static int take_field(struct dagpb *node, const struct pb_field *f, const struct cursor *c, struct err *e)
{
	switch (f->number) {
	case NODE_LINKS:
		return take_link(node, f, c, e);
	case NODE_DATA:
		return take_data(node, f, e);
	default:
		return err_set(e, ERR_FORMAT, "dag-pb: unknown field %u", (unsigned)f->number);
	}
}

int dagpb_read(struct span block, struct dagpb *out, struct err *e)
{
	struct dagpb node = { 0 };
	struct cursor c = cur_of(block);
	struct err local;
	uint32_t last = 0;

	e = e ? e : &local;
	while (cur_left(&c) > 0) {
		const uint8_t *start = c.p;
		struct pb_field f;
		int rc;

		if (pb_next(&c, &f, e))
			return err_wrap(e, "dag-pb");
		if (f.number == NODE_LINKS && last != NODE_LINKS) {
			if (node.n_links > 0)
				return err_set(e, ERR_FORMAT, "dag-pb: Links stand apart");
			node.links.p = start;
		}
		if ((rc = take_field(&node, &f, &c, e)))
			return rc;
		last = f.number;
	}
	*out = node;
	return ERR_OK;
}

bool dagpb_next_link(struct span *links, struct dagpb_link *out)
{
	struct cursor c = cur_of(*links);
	struct pb_field f;
	int rc;

	if (links->n == 0)
		return false;
	rc = pb_next(&c, &f, NULL);
	assert(rc == ERR_OK);
	rc = read_link(f.bytes, out, NULL);
	assert(rc == ERR_OK);
	(void)rc;	/* with NDEBUG */
	*links = SPAN(c.p, cur_left(&c));
	return true;
}

void dagpb_put_link(struct buf *out, const struct cid *cid, const char *name, uint64_t tsize)
{
	uint8_t bytes[CID_BYTES_MAX];
	size_t n_cid = cid_write(cid, bytes), n_name = name ? strlen(name) : 0;
	size_t n = 1 + varint_length(n_cid) + n_cid + 1 + varint_length(tsize);

	if (name)
		n += 1 + varint_length(n_name) + n_name;
	pb_put_head(out, NODE_LINKS, n);
	pb_put_bytes(out, LINK_HASH, SPAN(bytes, n_cid));
	if (name)
		pb_put_bytes(out, LINK_NAME, SPAN(name, n_name));
	pb_put_varint(out, LINK_TSIZE, tsize);
}

void dagpb_put_data(struct buf *out, struct span data)
{
	pb_put_bytes(out, NODE_DATA, data);
}
