/* ipfsreq.h: what a request for /ipfs/{cid} asks for (specs.ipfs.tech/http-gateways/trustless-gateway): the plain file, one raw
 * block, or a CAR and which.
 *
 * `format` in the query decides; without it Accept does, and where that would take anything, or says nothing, it is the plain
 * file. The parameters of a CAR come from car-version, car-order and car-dups in the query, else from Accept's
 * best "application/vnd.ipld.car" that can be had, else they are version 1, order=dfs, dups=n (the specification's default). */
#ifndef SERVER_IPFSREQ_H
#define SERVER_IPFSREQ_H

#include "base/err.h"
#include "base/span.h"

/* As it stands in the request, decoded; p == NULL: not said. */
struct ipfsreq_said {
	struct span format, dag_scope, entity_bytes, car_version, car_order, car_dups;
	struct span accept;		/* the header */
};

enum ipfsreq_kind { IPFSREQ_PLAIN, IPFSREQ_RAW, IPFSREQ_CAR };
enum ipfsreq_scope { IPFSREQ_ALL, IPFSREQ_ENTITY, IPFSREQ_BLOCK };

struct ipfsreq {
	enum ipfsreq_kind kind;
	bool is_by_accept;		/* Accept decided, or a CAR's parameters came from it */
	/* of a CAR */
	enum ipfsreq_scope scope;
	bool is_once;			/* dups=n */
	bool has_range;			/* entity-bytes; then scope is IPFSREQ_ENTITY */
	int64_t from, to;		/* below 0: from the end; to = INT64_MAX: '*' */
};

/* 0; or 400 or 406 with *why, a static text, and *out untouched. What belongs to CARs is not looked at for others. */
MUST_USE unsigned ipfsreq_read(const struct ipfsreq_said *said, struct ipfsreq *out, const char **why);

/* entity-bytes of a file of this size: the bytes [*from, *to], with to = UINT64_MAX for the whole rest. ERR_RULE: it lies past the end;
 * ERR_NOT_FOUND: no byte is in it, so that only the top block is to be sent. */
MUST_USE int ipfsreq_range(const struct ipfsreq *r, uint64_t size, uint64_t *from, uint64_t *to);

/* With a NUL; cid is text. Raw: `"CID.raw"`; CAR: `W/"CID.car.SCOPE[.FROM:TO].dfs.DUPS"`. */
#define IPFSREQ_ETAG_MAX 320
char *ipfsreq_etag(const struct ipfsreq *r, struct span cid, char out[IPFSREQ_ETAG_MAX]);
/* The path and query that ask for the same without Accept, with a NUL. Of blocks. */
#define IPFSREQ_LOCATION_MAX 400
char *ipfsreq_location(const struct ipfsreq *r, struct span cid, char out[IPFSREQ_LOCATION_MAX]);
/* The media type that it is answered with. */
const char *ipfsreq_type(const struct ipfsreq *r);

#endif
