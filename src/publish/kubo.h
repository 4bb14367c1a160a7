/* kubo.h: giving an image to an IPFS node, or a hosted service that speaks Kubo's RPC
 * (docs.ipfs.tech/reference/kubo/rpc).
 *
 *	pin/ls		has it this already?
 *	dag/import	the CAR, as multipart form data, streamed; the node answers with the root that it took
 *	pin/add		so that it is kept; the node answers with what it pinned
 *	id		where it can be reached
 *	dag/export	back through the verifier of ipfs/, every block, and against the file (readback.h)
 *
 * The node's word counts for nothing: its CIDs are compared as bytes, and only
 * what came back whole was stored. */
#ifndef PUBLISH_KUBO_H
#define PUBLISH_KUBO_H

#include "publish/pack.h"
#include "publish/target.h"
#include "publish/web.h"

#include <jansson.h>

/* Imports and pins. ERR_NET: not reachable, or its answer is no answer; ERR_DENIED: it wants another token; ERR_PROOF: it
 * named another CID. watch may be NULL; it sees the CAR's bytes sent. *sent: how many, set on failure too. */
MUST_USE int kubo_upload(struct web *web, const struct target *t, const struct pack *p, const struct pack_watch *watch,
			 uint64_t *sent, struct err *e);

/* Does the node say that it has the image and keeps it? Only reading it back tells. A node that does not know the question has not.
 * ERR_NET: not reachable; ERR_DENIED: it wants another token. */
MUST_USE int kubo_look(struct web *web, const struct target *t, const struct pack *p, bool *is_pinned, struct err *e);
/* Adds where the node can be reached from outside (multiaddrs, as "/ip4/203.0.113.4/tcp/4001/p2p/12D3…") to an array, up to max
 * in all: a pinning service finds the image sooner. Private addresses are nobody's business. A node that does not say adds none. */
void kubo_addresses(struct web *web, const struct target *t, json_t *out, size_t max);

#endif
