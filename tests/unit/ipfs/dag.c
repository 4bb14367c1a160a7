/* dag.c: see dag.h. */
#include "dag.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "formats/car.h"
#include "formats/dagpb.h"
#include "formats/protobuf.h"

#include <check.h>
#include <stdlib.h>

void dag_init(struct dag *d)
{
	*d = (struct dag){ .seed = 1 };
	d->blocks = calloc(DAG_BLOCKS_MAX, sizeof *d->blocks);
	ck_assert_ptr_nonnull(d->blocks);
}

void dag_fini(struct dag *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free((void *)(uintptr_t)d->blocks[i].bytes.p);
		free(d->blocks[i].children);
	}
	free(d->blocks);
}

/* Random bytes are kept as an unlinked block, so that dag_fini finds them. */
struct span dag_random(struct dag *d, size_t n)
{
	uint8_t *p = malloc(n ? n : 1);

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < n; i++) {
		d->seed = d->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		p[i] = (uint8_t)(d->seed >> 56);
	}
	ck_assert_uint_lt(d->n, DAG_BLOCKS_MAX);
	d->blocks[d->n++] = (struct dag_entry){ .bytes = SPAN(p, n), .cid.version = 99 };
	return SPAN(p, n);
}

static const struct dag_entry *add(struct dag *d, const struct cid *cid, struct span bytes, uint64_t size)
{
	uint8_t *copy = malloc(bytes.n ? bytes.n : 1);
	struct dag_entry *e = &d->blocks[d->n];

	for (size_t i = 0; i < d->n; i++) {
		if (cid_eq(&d->blocks[i].cid, cid)) {
			free(copy);
			return &d->blocks[i];
		}
	}
	ck_assert_uint_lt(d->n, DAG_BLOCKS_MAX);
	ck_assert_ptr_nonnull(copy);
	if (bytes.n)
		memcpy(copy, bytes.p, bytes.n);
	*e = (struct dag_entry){ .cid = *cid, .bytes = SPAN(copy, bytes.n), .size = size };
	d->n++;
	return e;
}

const struct dag_entry *dag_put(struct dag *d, unsigned version, enum cid_codec codec, struct span bytes, uint64_t size)
{
	struct cid cid = cid_of(version, codec, bytes);

	return add(d, &cid, bytes, size);
}

static const struct dag_entry *put_identity(struct dag *d, enum cid_codec codec, struct span bytes, uint64_t size)
{
	struct cid cid = { .version = 1, .codec = (uint8_t)codec, .hash = CID_IDENTITY, .n = (uint8_t)bytes.n };

	ck_assert_uint_le(bytes.n, CID_IDENTITY_MAX);
	memcpy(cid.digest, bytes.p, bytes.n);
	return add(d, &cid, bytes, size);
}

const struct dag_entry *dag_leaf(struct dag *d, enum dag_leaf kind, struct span data)
{
	AUTO(buf_free) struct buf b = BUF_INIT(16 * MIB);
	AUTO(buf_free) struct buf m = BUF_INIT(16 * MIB);

	switch (kind) {
	case LEAF_RAW:
		return dag_put(d, 1, CID_RAW, data, data.n);
	case LEAF_IDENTITY:
		return put_identity(d, CID_RAW, data, data.n);
	case LEAF_MODE:
		pb_put_varint(&m, 1, UNIXFS_FILE);
		pb_put_bytes(&m, 2, data);
		pb_put_varint(&m, 3, data.n);
		pb_put_varint(&m, 7, 0644);
		dagpb_put_data(&b, buf_span(&m));
		return dag_put(d, 1, CID_DAG_PB, buf_span(&b), data.n);
	default:
		unixfs_put_leaf(&b, kind == LEAF_RAW_NODE ? UNIXFS_RAW : UNIXFS_FILE, data);
		if (kind == LEAF_IDENTITY_FILE)
			return put_identity(d, CID_DAG_PB, buf_span(&b), data.n);
		return dag_put(d, kind != LEAF_FILE_V0, CID_DAG_PB, buf_span(&b), data.n);
	}
}

const struct dag_entry *dag_node(struct dag *d, const struct dag_node *n)
{
	AUTO(buf_free) struct buf b = BUF_INIT(16 * MIB);
	AUTO(buf_free) struct buf m = BUF_INIT(16 * MIB);
	uint64_t size = n->data.n;
	const struct dag_entry *e;

	for (size_t i = 0; i < n->n; i++) {
		bool is_last = i + 1 == n->n;

		dagpb_put_link(&b, &n->children[i]->cid, is_last && n->name ? n->name : "", n->children[i]->bytes.n);
		size += n->children[i]->size + (uint64_t)(is_last ? n->blocksize_lie : 0);
	}
	pb_put_varint(&m, 1, UNIXFS_FILE);
	if (n->data.n)
		pb_put_bytes(&m, 2, n->data);
	pb_put_varint(&m, 3, size + (uint64_t)n->filesize_lie);
	for (size_t i = 0; i < n->n; i++)
		pb_put_varint(&m, 4, n->children[i]->size + (uint64_t)(i + 1 == n->n ? n->blocksize_lie : 0));
	buf_add(&m, n->more);
	dagpb_put_data(&b, buf_span(&m));
	e = dag_put(d, n->version, CID_DAG_PB, buf_span(&b), size);
	if (!e->children && n->n > 0) {
		struct dag_entry *fresh = &d->blocks[e - d->blocks];

		fresh->children = calloc(n->n, sizeof *fresh->children);
		ck_assert_ptr_nonnull(fresh->children);
		memcpy(fresh->children, n->children, n->n * sizeof *fresh->children);
		fresh->n_children = n->n;
	}
	return e;
}

static unsigned version_of(enum dag_leaf kind)
{
	return kind != LEAF_FILE_V0;
}

const struct dag_entry *dag_balanced(struct dag *d, enum dag_leaf kind, size_t size, size_t chunk, size_t width)
{
	size_t n = (size + chunk - 1) / chunk;
	autofree const struct dag_entry **row = calloc(n, sizeof *row);

	for (size_t i = 0; i < n; i++)
		row[i] = dag_leaf(d, kind, dag_random(d, i + 1 < n ? chunk : size - chunk * (n - 1)));
	while (n > 1) {
		size_t up = 0;

		for (size_t i = 0; i < n; i += width) {
			struct dag_node node = { .children = row + i, .n = n - i < width ? n - i : width };

			node.version = version_of(kind);
			row[up++] = dag_node(d, &node);
		}
		n = up;
	}
	return row[0];
}

/* A node of trickle depth k: `width` leaves, then four subtrees of each depth below k, as far as leaves last. */
static const struct dag_entry *trickle(struct dag *d, enum dag_leaf kind, size_t *leaves, size_t chunk, size_t width,
				       unsigned depth)
{
	const struct dag_entry *children[256];
	struct dag_node node = { .children = children, .version = version_of(kind) };

	while (node.n < width && *leaves > 0) {
		children[node.n++] = dag_leaf(d, kind, dag_random(d, chunk));
		--*leaves;
	}
	for (unsigned k = 0; k < depth; k++)
		for (unsigned i = 0; i < 4 && *leaves > 0; i++)
			children[node.n++] = trickle(d, kind, leaves, chunk, width, k);
	return dag_node(d, &node);
}

const struct dag_entry *dag_trickle(struct dag *d, enum dag_leaf kind, size_t leaves, size_t chunk, size_t width)
{
	return trickle(d, kind, &leaves, chunk, width, 8);
}

void dag_file(const struct dag_entry *root, struct buf *out)
{
	struct unixfs_node node;

	ck_assert_int_eq(unixfs_read((enum cid_codec)root->cid.codec, root->bytes, &node, NULL), ERR_OK);
	buf_add(out, node.data);
	for (size_t i = 0; i < root->n_children; i++)
		dag_file(root->children[i], out);
}

/* --- archives --- */

struct list {
	const struct dag_entry **out;
	size_t n, max;
};

static bool has(const struct list *l, const struct dag_entry *e)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->out[i] == e)
			return true;
	return false;
}

static void list_add(struct list *l, const struct dag_entry *e)
{
	if (l->n == l->max)
		ck_abort_msg("more than %zu blocks", l->max);
	if (e->cid.hash != CID_IDENTITY)
		l->out[l->n++] = e;
}

static void list_dfs(struct list *l, const struct dag_entry *e, bool once)
{
	if (once && has(l, e))
		return;
	list_add(l, e);
	for (size_t i = 0; i < e->n_children; i++)
		list_dfs(l, e->children[i], once);
}

/* The children of e; those of an identity link in its place. */
static void list_children(struct list *l, const struct dag_entry *e)
{
	for (size_t i = 0; i < e->n_children; i++) {
		if (e->children[i]->cid.hash == CID_IDENTITY)
			list_children(l, e->children[i]);
		else if (!has(l, e->children[i]))
			list_add(l, e->children[i]);
	}
}

size_t dag_list(const struct dag_entry *root, enum dag_order order, const struct dag_entry **out, size_t max)
{
	struct list l = { out, 0, max };

	if (order != ORDER_BREADTH) {
		list_dfs(&l, root, order != ORDER_DFS);
	} else {
		list_add(&l, root);
		for (size_t at = 0; at < l.n; at++)
			list_children(&l, l.out[at]);
	}
	for (size_t i = 0; order == ORDER_LEAVES_FIRST && i < l.n / 2; i++) {
		const struct dag_entry *swap = out[i];

		out[i] = out[l.n - 1 - i];
		out[l.n - 1 - i] = swap;
	}
	return l.n;
}

void dag_section(const struct cid *cid, struct span bytes, struct buf *out)
{
	car_put_section_head(out, cid, bytes.n);
	buf_add(out, bytes);
}

void dag_car(const struct dag_entry *root, enum dag_order order, struct buf *out)
{
	autofree const struct dag_entry **list = calloc(DAG_BLOCKS_MAX, sizeof *list);
	size_t n = dag_list(root, order, list, DAG_BLOCKS_MAX);

	car_put_header(out, &root->cid);
	for (size_t i = 0; i < n; i++)
		dag_section(&list[i]->cid, list[i]->bytes, out);
	ck_assert(!out->failed);
}

/* --- a place --- */

void place_init(struct place *p, uint64_t size)
{
	*p = (struct place){ .size = size, .file = malloc(size), .written = calloc(1, size) };
	ck_assert(p->file && p->written);
	memset(p->file, 0xee, size);
}

void place_fini(struct place *p)
{
	for (size_t i = 0; i < p->n_kept; i++)
		free(p->kept[i].bytes);
	free(p->kept);
	free(p->file);
	free(p->written);
}

static bool fails(struct place *p)
{
	return ++p->calls == p->fail_at;
}

static int on_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	struct place *p = arg;

	if (fails(p))
		return err_set(e, ERR_NO_SPACE, "the disk is full");
	/* Check writes a record for every assertion that holds; here that would take most of the time. */
	if (bytes.n == 0 || offset + bytes.n > p->size)
		ck_abort_msg("a write of %zu bytes at %llu", bytes.n, (unsigned long long)offset);
	for (uint64_t i = offset; i < offset + bytes.n; i++) {
		if (p->written[i] && !p->allow_rewrite)
			ck_abort_msg("byte %llu is written twice", (unsigned long long)i);
		p->written[i] = 1;
	}
	memcpy(p->file + offset, bytes.p, bytes.n);
	p->bytes_written += bytes.n;
	return ERR_OK;
}

static struct place_block *find_kept(struct place *p, const struct cid *cid)
{
	for (size_t i = 0; i < p->n_kept; i++)
		if (cid_same_block(&p->kept[i].cid, cid))
			return &p->kept[i];
	return NULL;
}

static int on_keep(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	struct place *p = arg;
	struct place_block *k;

	if (fails(p))
		return err_set(e, ERR_NO_SPACE, "the disk is full");
	if (cid_check(cid, block, NULL))
		ck_abort_msg("a block is kept that was not verified");
	if (find_kept(p, cid))
		return ERR_OK;
	if (p->n_kept == p->cap_kept) {
		p->cap_kept = p->cap_kept ? p->cap_kept * 2 : 64;
		p->kept = realloc(p->kept, p->cap_kept * sizeof *p->kept);
		ck_assert_ptr_nonnull(p->kept);
	}
	k = &p->kept[p->n_kept++];
	*k = (struct place_block){ .cid = *cid, .n = block.n, .what = what, .bytes = malloc(block.n) };
	memcpy(k->bytes, block.p, block.n);
	return ERR_OK;
}

static int on_load(void *arg, const struct cid *cid, struct buf *out, struct err *e)
{
	struct place *p = arg;
	struct place_block *k = find_kept(p, cid);

	if (fails(p) || !k)
		return err_set(e, ERR_NOT_FOUND, "not kept");
	buf_add(out, SPAN(k->bytes, k->n));
	return buf_ok(out, e);
}

static int on_read(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	struct place *p = arg;

	if (fails(p))
		return err_set(e, ERR_IO, "the medium is gone");
	if (offset + n > p->size)
		ck_abort_msg("a read past the end");
	memcpy(out, p->file + offset, n);
	return ERR_OK;
}

struct plan_io place_io(struct place *p)
{
	return (struct plan_io){ on_write, on_keep, on_load, on_read, p };
}
