/* readback.h: what a store gives back, through the same verifier that every gateway uses. */
#ifndef PUBLISH_READBACK_H
#define PUBLISH_READBACK_H

#include "publish/pack.h"
#include "publish/target.h"
#include "publish/web.h"

/* A node, asked for a CAR and then for the blocks that are missing. ERR_PROOF: it does not give back what it was given; ERR_NET,
 * ERR_DENIED: it gives nothing. watch may be NULL; it sees the image's verified bytes. */
MUST_USE int readback_kubo(struct web *web, const struct target *t, const struct pack *p, const struct pack_watch *watch,
			   struct err *e);

/* A CAR in a file, read from its start. ERR_PROOF: it is not all of the image. */
MUST_USE int readback_archive(int fd, const struct pack *p, const struct pack_watch *watch, struct err *e);

#endif
