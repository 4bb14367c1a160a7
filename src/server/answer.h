/* answer.h: the one place that decides what a device gets (chapter 7).
 *
 * httpd and coapd take their protocol off a request and ask here; both send
 * what comes back, so that every front offers the same bytes, digests and refusals. Nothing here
 * dials out or writes to disk.
 *
 *	struct ask ask = { .path = …, .protocol = LINK_COAP, .address = … };
 *	ask_query(&ask, SPAN_LIT("channel=beta"));	each, as it stands in the request
 *	answer_find(answers, &ask, &a);			always followed by
 *	… a.status, a.format, a.etag, a.size …
 *	answer_read(&a, off, out, n, &e);		checked bytes, as often as wanted
 *	answer_release(&a);
 *
 * Every function may be called from any thread. An answer belongs to one thread
 * at a time, comes from one committed catalog, and holds it until it is released. */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include "base/clock.h"
#include "catalog/catalog.h"
#include "catalog/link.h"
#include "catalog/freshness.h"
#include "server/ipfsreq.h"

struct objects;		/* objects.h: the image files */
struct object;
struct blocks;		/* blocks.h: the same as IPFS blocks */
struct share;		/* share.h: some of them, to be sent */
struct histories;	/* histories.h: the files of entries */
struct history;
struct keeper;		/* keeper.h: the link to the keeper */
struct devfloors;	/* devfloors.h: what each device was given */
struct sightings;	/* sightings.h: who was met */

enum answer_format {
	FORMAT_ANY,		/* in an ask: no Accept, or one that takes anything */
	FORMAT_MANIFEST,	/* HTTP application/suit-envelope+cose, CoAP 42 */
	FORMAT_IMAGE,		/* HTTP application/octet-stream, CoAP 42 */
	FORMAT_JSON,		/* CoAP 50 */
	FORMAT_CBOR,		/* CoAP 60 */
	FORMAT_LINES,		/* HTTP application/x-ndjson */
	FORMAT_OTHER,		/* in an ask: something that we never send. Refused with 406 */
};

/* A request without its protocol. Spans are borrowed for the call; p == NULL: not said. */
struct ask {
	struct span path;	/* without query, not decoded: "/fw/acme/lamp/info" */
	struct span channel, hardware, from, device;
	struct ipfsreq_said ipfs;	/* of /ipfs/{cid}; over CoAP only the plain file is to be had */
	bool is_odd;		/* one of them came twice */
	enum answer_format accept;	/* of one content format; FORMAT_ANY in doubt */
	enum answer_format prefers;	/* when accept is FORMAT_ANY: what info comes in. HTTP: JSON, CoAP: CBOR */
	struct span body;		/* of a report */
	enum answer_format body_format;	/* FORMAT_JSON or FORMAT_CBOR; FORMAT_ANY: seen from its first byte */
	struct span address;		/* of the asker, as text without port */
	enum link_protocol protocol;
	bool is_silent;			/* nobody asked (an observer is told): nobody is noted as seen, but what is
					 * told counts as given */
};

/* Takes one "key=value" in. Keys that we do not know are ignored. Percent signs are no escapes here. */
void ask_query(struct ask *ask, struct span query);

enum answer_kind {
	ANSWER_NONE,		/* an error: status and why */
	ANSWER_MANIFEST,	/* bytes in the catalog; observable */
	ANSWER_INFO,		/* made for this answer */
	ANSWER_FRESHNESS,	/* made for this answer */
	ANSWER_IMAGE,		/* an object */
	ANSWER_ENTRIES,		/* a history; over HTTP only */
	ANSWER_BLOCKS,		/* a raw block or a CAR, as `ipfs` says; over HTTP only */
};

#define ANSWER_MADE_MAX 1024	/* info with the longest names and CID: 600 */

struct answer {
	enum answer_kind kind;
	uint16_t status;	/* as HTTP says it: 200, 400, 404, 406, 410, 503. CoAP: 2.05, 4.00, 4.04, 4.06, 4.04, 5.03 */
	bool is_absent;		/* 404 because the gateway does not have it, whatever was asked of it */
	const char *why;	/* of an error: static, at most COAP_DIAGNOSTIC_MAX bytes */
	uint32_t retry_after_s;	/* with 503; CoAP: Max-Age */
	enum answer_format format;
	struct hash32 etag;	/* SHA-256 of the whole representation; CoAP takes the first 8 bytes. Of ANSWER_BLOCKS: ipfsreq_etag() */
	uint64_t size;
	bool is_immutable;	/* reached by its digest */
	bool is_private;	/* depends on who asks */
	bool is_observable;
	/* of a release; sequence 0: not one */
	uint64_t sequence;
	struct span version;
	enum freshness freshness;
	uint32_t row;		/* of the release or image in the catalog: with kind, format and freshness it names a hot answer */
	struct catalog *catalog;	/* held; NULL when there is none yet */
	struct object *object;		/* held; of an image */
	struct history *history;	/* held; of entries */
	struct ipfsreq ipfs;		/* of /ipfs/{cid} */
	struct span cid;		/* the same: its name as it stands in the path */
	struct share *share;		/* of blocks; NULL: they are `bytes` */
	struct span bytes;		/* of everything else; in the catalog or in made */
	uint8_t made[ANSWER_MADE_MAX];
};

struct answers_conf {
	struct catalog_slot *slot;	/* must outlive the answers, like all pointers here */
	struct objects *objects;
	struct devfloors *floors;
	struct keeper *keeper;
	struct sightings *sightings;
	const struct clock *clock;
	bool clock_is_trusted;		/* `[gateway] clock = trusted` */
	struct histories *histories;	/* may be NULL where nobody asks over HTTP */
	struct blocks *blocks;		/* the same */
};

struct answers;

/* NULL: no memory. */
struct answers *answers_new(const struct answers_conf *conf);
void answers_free(struct answers *s);
/* `[gateway] clock` was changed by a reload. */
void answers_set_clock_trusted(struct answers *s, bool is_trusted);

/* GET. Fills in all of *out; it is released with answer_release() whatever it says. The pointer to out must
 * stay the same until then (bytes may point into it). */
void answer_find(struct answers *s, const struct ask *ask, struct answer *out);

/* n checked bytes from off on; off + n is within size. Not of ANSWER_BLOCKS, whose share is read in order. ERR_CORRUPT: bit rot
 * (the keeper was told); ERR_IO; ERR_BUSY. Any failure: send nothing of it. */
MUST_USE int answer_read(const struct answer *a, uint64_t off, uint8_t *out, size_t n, struct err *e);
void answer_release(struct answer *a);

/* Firmware bytes went to the asker: for the statistics. Cheap; call it per answer or block. */
void answer_sent(struct answers *s, const struct ask *ask, const struct answer *a, uint64_t bytes);

/* POST /fw/{vendor}/{model}/report. Returns 0 when the keeper was asked: done is then called exactly once, on the link's
 * thread, perhaps before this returns, with 204, 400, 404 or 503. Else returns the status (400, 404, 413, 415, 503) and
 * *why at once, and done is never called. */
typedef void answer_reported_fn(void *arg, uint64_t ticket, uint16_t status);
MUST_USE uint16_t answer_report(struct answers *s, const struct ask *ask, answer_reported_fn *done, void *arg,
				uint64_t ticket, const char **why);

/* Is this the path of a resource that takes POST / GET? For 405 and its Allow. */
enum answer_methods { ANSWER_NO_PATH, ANSWER_TAKES_GET, ANSWER_TAKES_POST };
enum answer_methods answer_methods(struct span path);

/* Each thing that a listing (/.well-known/core) names: of each product what a device gets that says nothing of itself. */
struct answer_link {
	struct span path;		/* lives until fn returns, like title */
	enum answer_kind kind;
	enum answer_format format;
	uint64_t size;			/* 0: not fixed */
	struct span title;		/* version */
};
void answer_list(const struct catalog *c, void (*fn)(void *arg, const struct answer_link *l), void *arg);
/* The same of the present catalog. */
void answer_each(struct answers *s, void (*fn)(void *arg, const struct answer_link *l), void *arg);

#endif
