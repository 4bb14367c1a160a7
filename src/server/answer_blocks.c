/* answer_blocks.c: /ipfs/{cid} (specs.ipfs.tech/http-gateways/trustless-gateway). See answer.h. */
#include "server/answer_own.h"

#include "formats/car.h"
#include "formats/unixfs.h"
#include "server/blocks.h"
#include "server/objects.h"
#include "server/share.h"

/* What an identity CID gives: the name is the block. */
static bool put_identity(const struct cid *cid, enum ipfsreq_kind kind, struct buf *b)
{
	struct unixfs_node node;

	if (kind == IPFSREQ_RAW) {
		buf_add(b, cid_digest(cid));
		return true;
	}
	if (unixfs_read((enum cid_codec)cid->codec, cid_digest(cid), &node, NULL) || node.n_links > 0)
		return false;
	/* "MUST NOT include virtual blocks identified by identity CIDs": a header is all of it. */
	if (kind == IPFSREQ_CAR)
		car_put_header(b, cid);
	else
		buf_add(b, node.data);
	return true;
}

static bool give_identity(struct turn *t)
{
	struct buf b = BUF_INIT(ANSWER_MADE_MAX);

	if (!put_identity(&t->path.cid, t->out->ipfs.kind, &b))
		return turn_refuse(t, 400, "this identity CID is no whole file", 0);
	t->out->is_immutable = true;
	return turn_give_made(t, &b, ANSWER_BLOCKS, FORMAT_IMAGE);
}

/* Which blocks of a CAR, of a file of this size; false: none can be meant. */
static bool choose_blocks(struct turn *t, uint64_t size, struct dagwalk_how *how)
{
	const struct ipfsreq *r = &t->out->ipfs;
	int rc = ERR_OK;

	*how = (struct dagwalk_how){ .is_once = r->is_once, .is_alone = r->scope == IPFSREQ_BLOCK, .to = UINT64_MAX };
	if (r->has_range)
		rc = ipfsreq_range(r, size, &how->from, &how->to);
	/* "If the requested entity-bytes resolves to a zero-length range […] equivalent to dag-scope=block" */
	how->is_alone |= rc == ERR_NOT_FOUND;
	return rc != ERR_RULE || turn_refuse(t, 400, "entity-bytes: past the end", 0);
}

static bool open_share(struct turn *t, struct blockset *set, uint32_t row)
{
	const struct dagtree_node *n = &set->tree->node[row];
	struct dagwalk_how how;
	int rc;

	if (!choose_blocks(t, t->path.cid.codec == CID_RAW ? n->length : n->size, &how))
		return false;
	rc = objects_get(t->s->conf.objects, t->image, &t->out->object, NULL);
	if (rc)
		return rc == ERR_CORRUPT ? turn_refuse(t, 503, "this image is being repaired", RETRY_REPAIR_S) :
					   turn_refuse(t, 503, "too much is being read", RETRY_BUSY_S);
	if (share_open(set, row, t->out->object, &t->path.cid, t->out->ipfs.kind == IPFSREQ_CAR, &how, &t->out->share, NULL))
		return turn_refuse(t, 503, "no memory", RETRY_BUSY_S);
	turn_wish(t, &t->image->sha256, true);
	turn_is(t, ANSWER_BLOCKS, FORMAT_IMAGE);
	t->out->size = share_size(t->out->share);
	t->out->is_immutable = true;
	return true;
}

/* What the catalog says of a root comes first: a revoked image is gone, whoever asks for it. */
static bool find_blocks(struct turn *t, struct blockset **set, uint32_t *row)
{
	const struct catalog *c = t->out->catalog;
	int rc;

	t->image = catalog_find_cid(c, &t->path.cid);
	if (t->image && t->image->state == CATALOG_REVOKED)
		return turn_refuse(t, 410, "this image was revoked", 0);
	if (t->image && t->image->state == CATALOG_DAMAGED)
		return turn_refuse(t, 503, "this image is being repaired", RETRY_REPAIR_S);
	rc = blocks_find(t->s->conf.blocks, &t->path.cid, set, row, NULL);
	if (rc == ERR_BUSY)
		return turn_refuse(t, 503, "not all blocks are known yet", RETRY_BUSY_S);
	if (rc)
		return turn_is_absent(t, "no such block here");
	t->image = catalog_find_image(c, &(*set)->sha256);
	if (t->image && t->image->state == CATALOG_GOOD)
		return true;
	blockset_put(*set);
	return turn_is_absent(t, "no such block here");
}

static bool give_blocks(struct turn *t)
{
	struct blockset *set;
	bool is_given;
	uint32_t row;

	if (!find_blocks(t, &set, &row))
		return false;
	/* A raw leaf under a name that says dag-pb has no children, and is no node. */
	if (t->out->ipfs.kind == IPFSREQ_CAR && t->path.cid.codec == CID_DAG_PB && set->tree->node[row].codec == CID_RAW)
		is_given = turn_refuse(t, 400, "this block is not of the codec that its CID says", 0);
	else
		is_given = open_share(t, set, row);
	blockset_put(set);
	return is_given;
}

bool turn_give_cid(struct turn *t)
{
	const struct ask *ask = t->ask;
	bool is_http = ask->protocol == LINK_HTTP, is_identity = is_http && t->path.cid.hash == CID_IDENTITY;
	const char *why = "not to be had in the format asked for";
	unsigned status = is_http ? ipfsreq_read(&ask->ipfs, &t->out->ipfs, &why) : ask->ipfs.format.p ? 406 : 0;

	t->out->cid = span_cut(ask->path, sizeof "/ipfs/" - 1, ask->path.n);
	if (status)
		return turn_refuse(t, (uint16_t)status, why, 0);
	if (t->out->ipfs.kind == IPFSREQ_PLAIN && (!is_identity || catalog_find_cid(t->out->catalog, &t->path.cid)))
		return turn_give_named(t);
	return is_identity ? give_identity(t) : give_blocks(t);
}
