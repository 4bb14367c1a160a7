/* httpd_blocks.h: /ipfs/{cid} as HTTP (specs.ipfs.tech/http-gateways/trustless-gateway and path-gateway): headers, and bodies that are
 * made block by block. */
#ifndef SERVER_HTTPD_BLOCKS_H
#define SERVER_HTTPD_BLOCKS_H

#include "server/answer.h"

#include <microhttpd.h>

struct client;

/* What every answer that was reached by a CID has, 304 too. */
void httpd_blocks_add_name(struct MHD_Response **r, const struct answer *a);
/* And what a raw block or a CAR has besides. */
void httpd_blocks_add_kind(struct MHD_Response **r, const struct answer *a);

/* The body of k->answer.share, which is taken over: n bytes from first on, all within a raw block or the whole of a CAR. The first block is read and
 * checked here, unless it is for HEAD. ERR_BUSY, ERR_CORRUPT, ERR_IO, ERR_MEMORY. */
MUST_USE int httpd_blocks_body(struct client *k, uint64_t first, uint64_t n, struct MHD_Response **out);

#endif
