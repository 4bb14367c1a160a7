/* kubo.h: giving an image to an IPFS node, or a hosted service that speaks Kubo's RPC
 * (docs.ipfs.tech/reference/kubo/rpc).
 *
 *	dag/import	the CAR, as multipart form data, streamed; the node answers with the root that it took
 *	pin/add		so that it is kept; the node answers with what it pinned
 *	dag/export	back through the verifier of ipfs/, every block, and against the file
 *
 * The node's word counts for nothing: its CIDs are compared as bytes, and only
 * what came back whole was stored. */
#ifndef PUBLISH_KUBO_H
#define PUBLISH_KUBO_H

#include "publish/pack.h"
#include "publish/target.h"
#include "publish/web.h"

/* Imports and pins. ERR_NET: not reachable, or its answer is no answer; ERR_DENIED: it wants another token; ERR_PROOF: it
 * named another CID. watch may be NULL; it sees the CAR's bytes sent. */
MUST_USE int kubo_upload(struct web *web, const struct target *t, const struct pack *p, const struct pack_watch *watch,
			 struct err *e);

/* Reads the image back. ERR_PROOF: it does not give back what it was given; watch sees the image's verified bytes. */
MUST_USE int kubo_read_back(struct web *web, const struct target *t, const struct pack *p,
			    const struct pack_watch *watch, struct err *e);

#endif
