/* export.h: `dir:PATH`: an image as static files for any web server.
 *
 *	car/CID.car		all blocks, depth first			source of kind car
 *	blocks/CID		each block by its name			kind blocks
 *	image/SHA256		the plain file				kind mirror
 *	inner/CID.car		its inner blocks alone: with them a reader of the plain file checks each leaf
 *	entries/VENDOR/MODEL	the product's log records, JSON lines	history for gateways, also after nodes have pruned it
 *
 * A file is there whole or not at all, also after a power cut. */
#ifndef PUBLISH_EXPORT_H
#define PUBLISH_EXPORT_H

#include "publish/pack.h"

#include <jansson.h>

/* Everything but entries. Directories are made as needed; a file that is there already, byte for byte, is left alone.
 * *written: bytes that were not, set on failure too. */
MUST_USE int export_image(const char *path, const struct pack *p, const struct pack_watch *watch, uint64_t *written,
			  struct err *e);

/* The archive through the verifier of ipfs/, the plain file by its digest. ERR_PROOF: they are not what was written. */
MUST_USE int export_read_back(const char *path, const struct pack *p, const struct pack_watch *watch, struct err *e);

/* Replaces entries/VENDOR/MODEL by these lines. name is the product's. */
MUST_USE int export_entries(const char *path, const char *name, struct span lines, struct err *e);

#endif
