/* bundle.c: see bundle.h.
 *
 *	ROOT ─► ENTRIES ─► ENVELOPE ─► PROOF ─► FRONT ─► IMAGE
 *
 * A file of one raw block is complete with it; the others are plans whose bytes land in r->bytes. */
#include "ipfs/bundle.h"
#include "base/cleanup.h"
#include "formats/dagbuild.h"
#include "formats/dagpb.h"
#include "formats/unixfs.h"

#include <assert.h>
#include <stdlib.h>

enum { ROOT = BUNDLE_PARTS, FRONT, IMAGE_PASSED };	/* beside the parts themselves */

static const struct {
	const char *name;
	size_t max;
	bool is_one_block;
} parts[BUNDLE_PARTS] = {
	[BUNDLE_ENTRIES] = { "entries.jsonl", ENTRIES_FILE_MAX, false },
	[BUNDLE_ENVELOPE] = { "envelope.suit", MANIFEST_MAX, true },
	[BUNDLE_PROOF] = { "eth-proof.json", BUNDLE_PROOF_MAX, true },
	[BUNDLE_IMAGE] = { "image.bin", 0, false },
};

/* Type = Directory, and nothing else. */
static const uint8_t directory[] = { 0x08, 0x01 };

const char *bundle_part_name(enum bundle_part part)
{
	return parts[part].name;
}

void bundle_open(struct bundle_reader *r)
{
	*r = (struct bundle_reader){ .at = ROOT };
	car_open(&r->car);
	for (int i = 0; i < BUNDLE_IMAGE; i++)
		r->bytes[i] = BUF_INIT(parts[i].max);
}

void bundle_close(struct bundle_reader *r)
{
	car_close(&r->car);
	if (r->at < BUNDLE_IMAGE)
		plan_free(r->plan);
	for (int i = 0; i < BUNDLE_IMAGE; i++)
		buf_free(&r->bytes[i]);
	r->plan = NULL;
}

/* --- the root --- */

static int read_link(struct bundle_reader *r, enum bundle_part part, struct span *links, struct bundle_link *out, struct err *e)
{
	struct dagpb_link l;

	if (!dagpb_next_link(links, &l) || !span_is(l.name, parts[part].name))
		return err_set(e, ERR_FORMAT, "bundle: the directory has no %s in its place", parts[part].name);
	if (part != BUNDLE_IMAGE && (l.cid.hash != CID_SHA256 || (parts[part].is_one_block && l.cid.codec != CID_RAW)))
		return err_set(e, ERR_RULE, "bundle: %s is not %s", parts[part].name,
			       parts[part].is_one_block ? "one raw block under SHA-256" : "named by SHA-256");
	r->part[part] = l.cid;
	*out = (struct bundle_link){ l.cid, l.tsize };
	return ERR_OK;
}

/* One encoding: what the links say, written by us, gives the same bytes. */
static int read_root(struct bundle_reader *r, struct span block, struct err *e)
{
	AUTO(buf_free) struct buf again = BUF_INIT(BUNDLE_ROOT_MAX);
	struct bundle_link link[BUNDLE_PARTS];
	struct dagpb node;
	int rc = dagpb_read(block, &node, e);

	if (rc)
		return err_wrap(e, "bundle: the first block");
	if (!span_eq(node.data, SPAN(directory, sizeof directory)) || node.n_links != BUNDLE_PARTS)
		return err_set(e, ERR_FORMAT, "bundle: the first block is not a directory of %d files", BUNDLE_PARTS);
	for (int i = 0; i < BUNDLE_PARTS; i++)
		if ((rc = read_link(r, i, &node.links, &link[i], e)))
			return rc;
	bundle_put_root(&again, link);
	if (again.is_starved)
		return buf_ok(&again, e);	/* that is no word on the bundle */
	if (!span_eq(buf_span(&again), block))
		return err_set(e, ERR_FORMAT, "bundle: the directory is not encoded as bundles are");
	r->at = BUNDLE_ENTRIES;
	return ERR_OK;
}

static int check_root(const struct car_item *item, struct err *e)
{
	if (item->cid.codec != CID_DAG_PB || item->cid.version != 1)
		return err_set(e, ERR_FORMAT, "bundle: begins with no directory; an image alone is for `gatepost import`");
	if (item->length > BUNDLE_ROOT_MAX)
		return err_set(e, ERR_LIMIT, "bundle: a directory of %zu bytes, at most %d", item->length, BUNDLE_ROOT_MAX);
	return ERR_OK;
}

/* --- a file of several blocks: bytes in memory --- */

static int io_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	struct buf *b = arg;
	size_t end = (size_t)offset + bytes.n;

	if (end > b->n) {
		size_t more = end - b->n;
		uint8_t *at = buf_grow(b, more);

		if (at)
			memset(at, 0, more);
	}
	if (b->failed)
		return buf_ok(b, e);
	if (bytes.n)
		memcpy(b->p + offset, bytes.p, bytes.n);
	return ERR_OK;
}

static int io_read(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	const struct buf *b = arg;

	if (offset > b->n || b->n - offset < n)
		return err_set(e, ERR_NOT_FOUND, "not there yet");
	memcpy(out, b->p + offset, n);
	return ERR_OK;
}

static int begin_plan(struct bundle_reader *r, struct span block, struct err *e)
{
	struct plan_io io = { io_write, plan_keep_none, plan_load_none, io_read, &r->bytes[r->at] };
	struct unixfs_node node;
	int rc = unixfs_read(CID_DAG_PB, block, &node, e);

	if (!rc && (node.size == 0 || node.size > parts[r->at].max))
		rc = err_set(e, ERR_LIMIT, "%llu bytes, at most %zu", (unsigned long long)node.size, parts[r->at].max);
	if (!rc)
		rc = plan_new(&r->part[r->at], node.size, &io, &r->plan, e);
	return rc ? err_wrap(e, "bundle: %s", parts[r->at].name), rc : ERR_OK;
}

/* --- blocks on their way --- */

static const char *name_at(const struct bundle_reader *r)
{
	return r->at == ROOT ? "the directory" : r->at == IMAGE_PASSED ? "image.bin" : parts[r->at].name;
}

static int settle(struct plan *p, struct err *e)
{
	enum plan_verdict v = PLAN_TAKEN;
	bool more = !plan_is_done(p) && !plan_needs_source(p);

	while (more && v == PLAN_TAKEN)
		v = plan_settle(p, BLOCK_MAX, &more, e);
	return v < PLAN_LIE ? ERR_OK : (int)e->code;
}

static void part_done(struct bundle_reader *r)
{
	plan_free(r->plan);
	r->plan = NULL;
	r->at++;
	if (r->at == BUNDLE_IMAGE)
		r->at = FRONT;
}

static int into_plan(struct bundle_reader *r, const struct cid *cid, struct span block, struct err *e)
{
	enum plan_verdict v = plan_block(r->plan, cid, block, PLAN_ANY, e);
	int rc = v < PLAN_LIE ? ERR_OK : (int)e->code;

	if (v == PLAN_REPEAT)
		rc = cid_check(cid, block, e);
	if (!rc && r->at < BUNDLE_IMAGE)
		rc = settle(r->plan, e);
	if (rc)
		return err_wrap(e, "bundle: %s", name_at(r)), rc;
	if (r->at < BUNDLE_IMAGE && plan_is_done(r->plan))
		part_done(r);
	return ERR_OK;
}

static int first_block(struct bundle_reader *r, const struct car_item *item, struct err *e)
{
	int rc = cid_check(&item->cid, item->block, e);

	if (rc)
		return err_wrap(e, "bundle: %s", name_at(r)), rc;
	if (r->at == ROOT) {
		r->root = item->cid;
		return read_root(r, item->block, e);
	}
	if (item->cid.codec == CID_RAW) {
		buf_add(&r->bytes[r->at], item->block);
		rc = buf_ok(&r->bytes[r->at], e);
		if (!rc)
			part_done(r);
		return rc;
	}
	rc = begin_plan(r, item->block, e);
	return rc ? rc : into_plan(r, &item->cid, item->block, e);
}

/* Is this the block that comes next? Decided before a byte of it is held. */
static int on_cid(struct bundle_reader *r, const struct car_item *item, struct err *e)
{
	char text[CID_TEXT_MAX];

	r->blocks++;
	if (r->at == ROOT)
		return check_root(item, e);
	if (r->at == IMAGE_PASSED) {
		car_skip(&r->car);
		return ERR_OK;
	}
	if (r->at == BUNDLE_IMAGE && !plan_needs_source(r->plan) && plan_wants(r->plan, &item->cid, PLAN_ANY) == PLAN_STRAY)
		return err_set(e, ERR_RULE, "bundle: the block %s stands behind the image's last one", cid_text(&item->cid, text));
	if (r->plan ? plan_wants(r->plan, &item->cid, PLAN_ANY) == PLAN_STRAY : !cid_eq(&item->cid, &r->part[r->at]))
		return err_set(e, ERR_RULE, "bundle: the block %s is none of %s, which comes here", cid_text(&item->cid, text), name_at(r));
	if (!r->plan && item->cid.codec == CID_RAW && item->length > parts[r->at].max)
		return err_set(e, ERR_LIMIT, "bundle: %s has %zu bytes, at most %zu", name_at(r), item->length, parts[r->at].max);
	return ERR_OK;
}

int bundle_next(struct bundle_reader *r, struct span *chunk, enum bundle_event *event, struct err *e)
{
	struct err local;
	struct car_item item;

	e = e ? e : &local;
	*event = BUNDLE_MORE;
	assert(r->at != FRONT);
	do {
		int rc = car_next(&r->car, chunk, &item, e);

		if (rc)
			return err_wrap(e, "bundle"), rc;
		if (item.kind == CAR_CID)
			rc = on_cid(r, &item, e);
		if (item.kind == CAR_BLOCK)
			rc = r->plan ? into_plan(r, &item.cid, item.block, e) : first_block(r, &item, e);
		if (rc)
			return rc;
	} while (item.kind != CAR_MORE && r->at != FRONT);
	if (r->at == FRONT)
		*event = BUNDLE_FRONT;
	return ERR_OK;
}

void bundle_take_image(struct bundle_reader *r, struct plan *p)
{
	assert(r->at == FRONT);
	r->plan = p;
	r->at = p ? BUNDLE_IMAGE : IMAGE_PASSED;
}

int bundle_end(struct bundle_reader *r, struct err *e)
{
	struct err local;
	int rc;

	e = e ? e : &local;
	rc = car_end(&r->car, e);
	if (rc)
		return err_wrap(e, "bundle"), rc;
	if (r->at == IMAGE_PASSED || (r->at == BUNDLE_IMAGE && !plan_needs_source(r->plan)))
		return ERR_OK;
	return err_set(e, ERR_FORMAT, "bundle: ends before %s is whole", name_at(r));
}

/* --- writing --- */

void bundle_put_root(struct buf *out, const struct bundle_link part[BUNDLE_PARTS])
{
	for (int i = 0; i < BUNDLE_PARTS; i++)
		dagpb_put_link(out, &part[i].cid, parts[i].name, part[i].bytes);
	dagpb_put_data(out, SPAN(directory, sizeof directory));
}

static void put_section(struct buf *out, const struct cid *cid, struct span block)
{
	car_put_section_head(out, cid, block.n);
	buf_add(out, block);
}

/* The entries, cut into blocks: leaves as sections in `out`, and the node over them, if there are several. */
struct cutting {
	struct span file;
	size_t at;
	struct buf leaves, root;
};

static int cut_read(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	struct cutting *c = arg;
	struct span part = span_cut(c->file, c->at, cap);

	(void)e;
	if (part.n)
		memcpy(out, part.p, part.n);
	c->at += part.n;
	*n = part.n;
	return ERR_OK;
}

static int cut_block(void *arg, const struct dag_block *b, struct err *e)
{
	struct cutting *c = arg;

	put_section(b->is_leaf ? &c->leaves : &c->root, &b->cid, b->bytes);
	return buf_ok(b->is_leaf ? &c->leaves : &c->root, e);
}

static int put_file(struct buf *out, enum bundle_part part, struct span file, struct bundle_link *link, struct err *e)
{
	struct cutting c = { .file = file, .leaves = BUF_INIT(2 * (size_t)ENTRIES_FILE_MAX), .root = BUF_INIT(BLOCK_MAX) };
	const struct dag_io io = { cut_read, cut_block, &c };
	struct dag_built built;
	int rc = file.n > parts[part].max || file.n == 0 ? err_set(e, ERR_LIMIT, "bundle: %s has %zu bytes, 1 to %zu are fine", parts[part].name,
		file.n, parts[part].max) : dag_build(dag_profile_default(), &io, &built, e);

	if (!rc) {
		buf_add(out, buf_span(&c.root));	/* depth first: a node before what it names */
		buf_add(out, buf_span(&c.leaves));
		*link = (struct bundle_link){ built.root, built.block_bytes };
	}
	buf_free(&c.leaves);
	buf_free(&c.root);
	return rc;
}

int bundle_put_front(struct buf *out, const struct span bytes[BUNDLE_IMAGE], const struct bundle_link *image, struct err *e)
{
	AUTO(buf_free) struct buf files = BUF_INIT(out->max), root = BUF_INIT(BUNDLE_ROOT_MAX);
	struct bundle_link part[BUNDLE_PARTS] = { [BUNDLE_IMAGE] = *image };
	struct cid cid;
	int rc = ERR_OK;

	for (int i = 0; i < BUNDLE_IMAGE && !rc; i++)
		rc = put_file(&files, i, bytes[i], &part[i], e);
	if (rc)
		return rc;
	bundle_put_root(&root, part);
	rc = buf_ok(&root, e);	/* half of one has a name too */
	if (rc)
		return rc;
	cid = cid_of(1, CID_DAG_PB, buf_span(&root));
	car_put_header(out, &cid);
	put_section(out, &cid, buf_span(&root));
	buf_add(out, buf_span(&files));
	rc = buf_ok(&files, e);
	return rc ? rc : buf_ok(out, e);
}
