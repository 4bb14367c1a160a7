/* unixfs.c: see unixfs.h. */
#include "formats/unixfs.h"
#include "formats/dagpb.h"
#include "formats/protobuf.h"
#include "formats/varint.h"

#include <assert.h>

enum { F_TYPE = 1, F_DATA, F_FILESIZE, F_BLOCKSIZES, F_HASH_TYPE, F_FANOUT, F_MODE, F_MTIME };
enum { T_SECONDS = 1, T_NANOS };

/* The UnixFS message inside a dag-pb block. */
struct message {
	uint32_t seen;		/* bit per field number */
	uint64_t type, filesize, sum;
	struct span data, sizes;	/* sizes: from the first blocksize to the last */
	size_t n_sizes;
};

/* What a field's wire type must be, and that it stands once. Numbers that are not here are unknown. */
static const struct { const char *name; enum pb_wire wire; bool repeats; } fields[] = {
	[F_TYPE] = { "Type", PB_VARINT, false },
	[F_DATA] = { "Data", PB_BYTES, false },
	[F_FILESIZE] = { "filesize", PB_VARINT, false },
	[F_BLOCKSIZES] = { "blocksizes", PB_VARINT, true },
	[F_HASH_TYPE] = { "hashType", PB_VARINT, false },
	[F_FANOUT] = { "fanout", PB_VARINT, false },
	[F_MODE] = { "mode", PB_VARINT, false },
	[F_MTIME] = { "mtime", PB_BYTES, false },
};

static bool has(const struct message *m, unsigned field)
{
	return (m->seen & 1u << field) != 0;
}

static int check_field(const struct message *m, const struct pb_field *f, struct err *e)
{
	if (f->number >= sizeof fields / sizeof *fields)
		return err_set(e, ERR_FORMAT, "unixfs: unknown field %u", (unsigned)f->number);
	if (f->wire != fields[f->number].wire)
		return err_set(e, ERR_FORMAT, "unixfs: %s has wire type %d", fields[f->number].name, (int)f->wire);
	if (has(m, f->number) && !fields[f->number].repeats)
		return err_set(e, ERR_FORMAT, "unixfs: %s twice", fields[f->number].name);
	return ERR_OK;
}

/* When a file was changed decides nothing here, but bytes that nobody checked do not pass. */
static int check_mtime(struct span bytes, struct err *e)
{
	struct cursor c = cur_of(bytes);
	uint32_t last = 0;

	while (cur_left(&c) > 0) {
		struct pb_field f;

		if (pb_next(&c, &f, e))
			return err_wrap(e, "unixfs: mtime");
		if (f.number <= last || f.number > T_NANOS || f.wire != (f.number == T_SECONDS ? PB_VARINT : PB_FIXED32))
			return err_set(e, ERR_FORMAT, "unixfs: mtime is not seconds and nanoseconds");
		last = f.number;
	}
	return last ? ERR_OK : err_set(e, ERR_FORMAT, "unixfs: mtime has no seconds");
}

/* start … c->p is the field as it stands. */
static int take_size(struct message *m, const struct pb_field *f, const uint8_t *start, const struct cursor *c,
		     struct err *e)
{
	if (m->n_sizes == 0)
		m->sizes.p = start;
	else if (start != m->sizes.p + m->sizes.n)
		return err_set(e, ERR_FORMAT, "unixfs: blocksizes stand apart");
	if (f->value == 0)
		return err_set(e, ERR_RULE, "unixfs: child %zu has no bytes", m->n_sizes);
	if (__builtin_add_overflow(m->sum, f->value, &m->sum))
		return err_set(e, ERR_RULE, "unixfs: the blocksizes do not fit 64 bits");
	m->sizes.n = (size_t)(c->p - m->sizes.p);
	m->n_sizes++;
	return ERR_OK;
}

static int take_field(struct message *m, const struct pb_field *f, const uint8_t *start, const struct cursor *c,
		      struct err *e)
{
	int rc = check_field(m, f, e);

	if (rc)
		return rc;
	m->seen |= 1u << f->number;
	switch (f->number) {
	case F_TYPE:
		m->type = f->value;
		return ERR_OK;
	case F_DATA:
		m->data = f->bytes;
		return ERR_OK;
	case F_FILESIZE:
		m->filesize = f->value;
		return ERR_OK;
	case F_BLOCKSIZES:
		return take_size(m, f, start, c, e);
	case F_MTIME:
		return check_mtime(f->bytes, e);
	default:
		return ERR_OK;
	}
}

static int read_message(struct span bytes, struct message *m, struct err *e)
{
	struct cursor c = cur_of(bytes);

	while (cur_left(&c) > 0) {
		const uint8_t *start = c.p;
		struct pb_field f;
		int rc;

		if (pb_next(&c, &f, e))
			return err_wrap(e, "unixfs");
		if ((rc = take_field(m, &f, start, &c, e)))
			return rc;
	}
	return has(m, F_TYPE) ? ERR_OK : err_set(e, ERR_FORMAT, "unixfs: no Type");
}

static int check_type(const struct message *m, struct err *e)
{
	static const char *const refused[] = {
		[UNIXFS_DIRECTORY] = "a directory",
		[UNIXFS_METADATA] = "metadata",
		[UNIXFS_SYMLINK] = "a symlink",
		[UNIXFS_HAMT] = "a HAMT directory",
	};

	if (m->type > UNIXFS_HAMT)
		return err_set(e, ERR_FORMAT, "unixfs: unknown Type %llu", (unsigned long long)m->type);
	if (refused[m->type])
		return err_set(e, ERR_RULE, "unixfs: %s, not a file", refused[m->type]);
	if (has(m, F_HASH_TYPE) || has(m, F_FANOUT))
		return err_set(e, ERR_RULE, "unixfs: a file with the fields of a HAMT directory");
	return ERR_OK;
}

/* Does the node agree with itself? */
static int check_sums(const struct message *m, const struct dagpb *pb, uint64_t *size, struct err *e)
{
	if (m->n_sizes != pb->n_links)
		return err_set(e, ERR_RULE, "unixfs: %zu blocksizes for %zu links", m->n_sizes, pb->n_links);
	if (m->type == UNIXFS_RAW && pb->n_links > 0)
		return err_set(e, ERR_RULE, "unixfs: a Raw node with links");
	if (__builtin_add_overflow(m->sum, (uint64_t)m->data.n, size))
		return err_set(e, ERR_RULE, "unixfs: the blocksizes do not fit 64 bits");
	if (has(m, F_FILESIZE) && m->filesize != *size)
		return err_set(e, ERR_RULE, "unixfs: filesize says %llu, its parts have %llu",
			       (unsigned long long)m->filesize, (unsigned long long)*size);
	return ERR_OK;
}

static int check_names(struct span links, struct err *e)
{
	struct dagpb_link link;

	for (size_t i = 0; dagpb_next_link(&links, &link); i++)
		if (link.name.n > 0)
			return err_set(e, ERR_RULE, "unixfs: link %zu of a file has a name", i);
	return ERR_OK;
}

static int read_dagpb(struct span block, struct unixfs_node *out, struct err *e)
{
	struct message m = { 0 };
	struct dagpb pb;
	uint64_t size = 0;
	int rc;

	if ((rc = dagpb_read(block, &pb, e)))
		return rc;
	if (!pb.has_data)
		return err_set(e, ERR_RULE, "unixfs: a dag-pb block without UnixFS data");
	if ((rc = read_message(pb.data, &m, e)) || (rc = check_type(&m, e)) || (rc = check_sums(&m, &pb, &size, e)) ||
	    (rc = check_names(pb.links, e)))
		return rc;
	*out = (struct unixfs_node){
		.type = (enum unixfs_type)m.type,
		.size = size,
		.data = m.data,
		.n_links = pb.n_links,
		.links = pb.links,
		.sizes = m.sizes,
	};
	return ERR_OK;
}

int unixfs_read(enum cid_codec codec, struct span block, struct unixfs_node *out, struct err *e)
{
	struct err local;

	if (codec == CID_DAG_PB)
		return read_dagpb(block, out, e ? e : &local);
	*out = (struct unixfs_node){ .type = UNIXFS_RAW, .size = block.n, .data = block };
	return ERR_OK;
}

bool unixfs_next_child(struct unixfs_node *node, struct unixfs_child *out)
{
	struct cursor c = cur_of(node->sizes);
	struct dagpb_link link;
	struct pb_field f;
	int rc;

	if (!dagpb_next_link(&node->links, &link))
		return false;
	rc = pb_next(&c, &f, NULL);
	assert(rc == ERR_OK);
	(void)rc;	/* with NDEBUG */
	node->sizes = SPAN(c.p, cur_left(&c));
	node->n_links--;
	*out = (struct unixfs_child){ .cid = link.cid, .size = f.value };
	return true;
}

/* The UnixFS message of a leaf: Type, Data (importers leave it out of an empty file), filesize. */
static uint64_t leaf_message_length(uint64_t n)
{
	return 2 + (n > 0 ? 1 + varint_length(n) + n : 0) + 1 + varint_length(n);
}

uint64_t unixfs_leaf_length(uint64_t n)
{
	uint64_t message = leaf_message_length(n);

	return 1 + varint_length(message) + message;
}

/* A leaf is these bytes, the data, and a filesize field. */
static void put_leaf_head(struct buf *out, enum unixfs_type type, size_t n)
{
	pb_put_head(out, 1, (size_t)leaf_message_length(n));
	pb_put_varint(out, F_TYPE, (uint64_t)type);
	if (n > 0)
		pb_put_head(out, F_DATA, n);
}

void unixfs_put_leaf(struct buf *out, enum unixfs_type type, struct span data)
{
	put_leaf_head(out, type, data.n);
	buf_add(out, data);
	pb_put_varint(out, F_FILESIZE, data.n);
}

bool unixfs_is_ordinary_leaf(struct span block, const struct unixfs_node *node)
{
	uint8_t room[64];
	/* With all its capacity from the start a buf never allocates. */
	struct buf frame = { .p = room, .cap = sizeof room, .max = sizeof room };
	size_t head;

	put_leaf_head(&frame, node->type, node->data.n);
	head = frame.n;
	pb_put_varint(&frame, F_FILESIZE, node->data.n);
	return block.n == frame.n + node->data.n && memcmp(block.p, room, head) == 0 &&
	       memcmp(block.p + head + node->data.n, room + head, frame.n - head) == 0;
}

int unixfs_rebuild_leaf(const struct cid *cid, struct span data, struct buf *out, struct err *e)
{
	static const enum unixfs_type types[] = { UNIXFS_FILE, UNIXFS_RAW };
	size_t before = out->n;

	if (cid->codec == CID_RAW)
		return cid_check(cid, data, e);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		unixfs_put_leaf(out, types[i], data);
		if (out->failed)
			return buf_ok(out, e);
		if (cid_check(cid, SPAN(out->p + before, out->n - before), NULL) == ERR_OK)
			return ERR_OK;
		out->n = before;
	}
	return err_set(e, ERR_PROOF, "no leaf of these bytes has that CID");
}
