/* share.c: see share.h. */
#include "server/share.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "formats/car.h"
#include "formats/sha256.h"
#include "formats/unixfs.h"

#include <assert.h>
#include <stdlib.h>

/* The front of a section: a varint and a CID; and a CAR's header before the first one. */
#define SECTION_FRONT_MAX (2 * (CID_BYTES_MAX + 64))

struct share {
	struct blockset *set;		/* held */
	struct object *object;		/* held */
	struct cid asked;
	uint32_t row;
	bool is_car, is_entered;
	struct dagwalk_how how;
	struct dagwalk walk;		/* of a CAR; from share_begin on */
	uint64_t size;
	int kept;			/* the .dag; -1: not needed yet */
	struct buf piece;		/* what is being sent */
	size_t sent;			/* of it */
};

/* --- how long --- */

static uint64_t header_length(const struct cid *root)
{
	AUTO(buf_free) struct buf b = BUF_INIT(SECTION_FRONT_MAX);

	car_put_header(&b, root);
	return b.n;
}

static int car_length(struct share *s, struct err *e)
{
	struct dagwalk w;
	struct cid cid;
	uint32_t row;
	int rc = dagwalk_start(&w, s->set->tree, s->row, &s->asked, &s->how, e);

	if (rc)
		return rc;
	s->size = header_length(&s->asked);
	while (dagwalk_next(&w, &cid, &row))
		s->size += car_section_length(&cid, s->set->tree->node[row].length);
	dagwalk_end(&w);
	return ERR_OK;
}

int share_open(struct blockset *set, uint32_t row, struct object *o, const struct cid *asked, bool is_car,
	       const struct dagwalk_how *how, struct share **out, struct err *e)
{
	struct share *s = calloc(1, sizeof *s);
	int rc = s ? ERR_OK : err_set(e, ERR_MEMORY, "no memory for a transfer");

	if (rc)
		return rc;
	*s = (struct share){ .set = set, .asked = *asked, .row = row, .is_car = is_car, .how = *how, .kept = -1,
			     .size = set->tree->node[row].length, .piece = BUF_INIT(BLOCK_MAX + SECTION_FRONT_MAX) };
	if (is_car && (rc = car_length(s, e))) {
		free(s);
		return rc;
	}
	s->object = object_hold(o);
	blockset_hold(set);
	*out = s;
	return ERR_OK;
}

void share_free(struct share *s)
{
	if (!s)
		return;
	dagwalk_end(&s->walk);
	if (s->is_entered)
		blocks_leave(s->set->all);
	cleanup_close(&s->kept);
	buf_free(&s->piece);
	object_put(s->object);
	blockset_put(s->set);
	free(s);
}

uint64_t share_size(const struct share *s)
{
	return s->size;
}

/* --- one block --- */

static bool is_block(const struct dagtree_node *n, struct span block)
{
	struct hash32 digest = sha256_of(block);

	return hash32_eq(&digest, &n->digest);
}

static int put_kept(struct share *s, const struct dagtree_node *n, uint8_t *room, struct err *e)
{
	int rc = s->kept < 0 ? blockset_open_kept(s->set, &s->kept, e) : ERR_OK;

	if (!rc)
		rc = io_pread_exact(s->kept, room, n->length, (off_t)n->at, e);
	return rc;
}

/* An ordinary wrapper around bytes of the image. */
static int put_leaf(struct share *s, const struct dagtree_node *n, struct err *e)
{
	struct cid cid = cid_of_digest(1, CID_DAG_PB, &n->digest);
	autofree uint8_t *bytes = malloc(n->size + 1u);
	int rc = bytes ? object_read(s->object, n->at, bytes, n->size, e) : err_set(e, ERR_MEMORY, "no memory for a leaf");

	return rc ? rc : unixfs_rebuild_leaf(&cid, SPAN(bytes, n->size), &s->piece, e);
}

static int put_plain(struct share *s, const struct dagtree_node *n, struct err *e)
{
	uint8_t *room = buf_grow(&s->piece, n->length);
	int rc;

	if (!room)
		return err_set(e, ERR_MEMORY, "no memory for a block");
	rc = n->kind == DAGTREE_KEPT ? put_kept(s, n, room, e) : object_read(s->object, n->at, room, n->length, e);
	if (!rc && !is_block(n, SPAN(room, n->length)))
		rc = err_set(e, ERR_PROOF, "a block is not what its name says");
	return rc;
}

/* Appends the block, checked. Damage of the image itself was told by whoever read it; what lies beside it is not used again. */
static int put_block(struct share *s, uint32_t row, struct err *e)
{
	const struct dagtree_node *n = &s->set->tree->node[row];
	struct err why = { 0 };
	int rc = n->kind == DAGTREE_LEAF ? put_leaf(s, n, &why) : put_plain(s, n, &why);

	if (!rc)
		return ERR_OK;
	if (err_is_shortage(&why))
		return err_set(e, ERR_BUSY, "%s", why.msg);
	if (rc == ERR_PROOF || n->kind == DAGTREE_KEPT) {
		blockset_forsake(s->set);
		rc = ERR_CORRUPT;
	}
	return err_set(e, (enum err_code)rc, "%s", why.msg);
}

/* The next section of a CAR. */
static int turn(struct share *s, struct err *e)
{
	struct cid cid;
	uint32_t row;

	buf_reset(&s->piece);
	s->sent = 0;
	if (!s->is_car || !dagwalk_next(&s->walk, &cid, &row))
		return err_set(e, ERR_INTERNAL, "a transfer has no more to send");
	car_put_section_head(&s->piece, &cid, s->set->tree->node[row].length);
	return put_block(s, row, e);
}

static int begin_car(struct share *s, struct err *e)
{
	struct cid cid;
	uint32_t row;
	int rc = dagwalk_start(&s->walk, s->set->tree, s->row, &s->asked, &s->how, e);

	if (rc)
		return rc;
	car_put_header(&s->piece, &s->asked);
	if (!dagwalk_next(&s->walk, &cid, &row))
		return ERR_OK;
	car_put_section_head(&s->piece, &cid, s->set->tree->node[row].length);
	return put_block(s, row, e);
}

int share_begin(struct share *s, struct err *e)
{
	assert(!s->is_entered);
	if (!blocks_enter(s->set->all))
		return err_set(e, ERR_BUSY, "too many blocks are being sent");
	s->is_entered = true;
	return s->is_car ? begin_car(s, e) : put_block(s, s->row, e);
}

void share_skip(struct share *s, uint64_t n)
{
	assert(n <= s->piece.n);
	s->sent = (size_t)n;
}

int share_read(struct share *s, uint8_t *out, size_t max, size_t *n, struct err *e)
{
	struct span part;
	int rc = s->sent == s->piece.n ? turn(s, e) : ERR_OK;

	if (rc)
		return rc;
	part = span_cut(buf_span(&s->piece), s->sent, max);
	memcpy(out, part.p, part.n);
	s->sent += part.n;
	*n = part.n;
	return ERR_OK;
}
