/* pinning.h: asking a service to keep a further copy (IPFS Pinning Service API, ipfs.github.io/pinning-services-api-spec).
 *
 *	GET /pins?cid=…		asked for already? then that request is followed
 *	POST /pins		else: CID, name, who has it, what it is
 *	GET /pins/ID		until it is pinned, has failed, or patience ends
 *
 * The service fetches the image from others. What it says counts for nothing but its own report: nothing is read back here. */
#ifndef PUBLISH_PINNING_H
#define PUBLISH_PINNING_H

#include "publish/pack.h"
#include "publish/target.h"
#include "publish/web.h"

#include <jansson.h>

#define PINNING_WAIT_MS (10 * 60 * 1000)	/* by default; hosted services take some minutes */
#define PINNING_ORIGINS_MAX 20			/* the API takes no more */
#define PINNING_NAME_MAX 255			/* bytes; the API's own limit */

struct pinning_job {
	struct web *web;
	const struct target *target;
	const struct pack *pack;
	const char *name;	/* for people who look at their list of pins */
	json_t *meta;		/* borrowed: an object of strings; NULL: none */
	json_t *origins;	/* borrowed: an array of multiaddrs of nodes that have it; NULL: none */
	int64_t wait_ms;	/* for all of it */
};

/* Pinned, or why not. ERR_DENIED: it wants another token; ERR_RULE: it refuses, or it has failed, in its own words; ERR_PROOF: it
 * pins another CID; ERR_NET: no answer that makes sense, or none in time. */
MUST_USE int pinning_pin(const struct pinning_job *job, struct err *e);

#endif
