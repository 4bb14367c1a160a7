/* dagpb.h: dag-pb, the protobuf that IPFS links blocks with (ipld.io/specs/codecs/dag-pb).
 *
 *	PBLink  { 1: bytes Hash (a CID), 2: string Name, 3: uint64 Tsize }	in this order
 *	PBNode  { 2: repeated PBLink Links, 1: bytes Data }
 *
 * Read strictly: minimal varints, known fields with their wire types, none
 * twice, fields of a link in order, all links together. Links may stand before
 * or after Data, as the specification's reader allows. Nothing is allocated: a
 * decoded node borrows from its block. */
#ifndef FORMATS_DAGPB_H
#define FORMATS_DAGPB_H

#include "base/buf.h"
#include "base/err.h"
#include "formats/cid.h"

struct dagpb {
	struct span links;	/* the bytes of all links; walk them with dagpb_next_link */
	size_t n_links;
	bool has_data;
	struct span data;
};

struct dagpb_link {
	struct cid cid;
	bool has_name, has_tsize;
	struct span name;	/* as it stands; not checked to be UTF-8 */
	uint64_t tsize;		/* the writer's claim; nothing here believes it */
};

/* Checks the whole block, its links' CIDs included, and at most DAG_LINKS_MAX of them. ERR_FORMAT: the encoding;
 * ERR_RULE: a link to a kind of CID that we refuse; ERR_LIMIT: too many links. */
MUST_USE int dagpb_read(struct span block, struct dagpb *out, struct err *e);

/* Takes the next link off the front of *links, which come from dagpb_read; false at their end. */
bool dagpb_next_link(struct span *links, struct dagpb_link *out);

/* Writing, in canonical order: every link, then the data. name NULL writes no Name field; an empty one
 * writes an empty field, as the file importers do. */
void dagpb_put_link(struct buf *out, const struct cid *cid, const char *name, uint64_t tsize);
void dagpb_put_data(struct buf *out, struct span data);

#endif
