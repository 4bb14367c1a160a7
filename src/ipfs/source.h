/* source.h: the kinds of places that IPFS blocks can be had from: what to ask them, and what their replies mean.
 *
 * Pure: builds requests and reads reply heads; net/ does the talking, and
 * ipfs/intake reads the bodies. A kind is one row of a table in source.c:
 * how it spells each question, which media types it may answer with. A source of
 * any kind is untrusted; nothing here decides what is true. */
#ifndef IPFS_SOURCE_H
#define IPFS_SOURCE_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"
#include "formats/cid.h"
#include "ipfs/plan.h"
#include "base/template.h"

enum source_kind {
	SOURCE_TRUSTLESS,	/* the Trustless Gateway specification (specs.ipfs.tech/http-gateways/trustless-gateway) */
	SOURCE_PEER,		/* the same, from another gatepost on the LAN */
	SOURCE_KUBO,		/* Kubo's RPC, /api/v0, which js-ipfs and hosted services speak too */
	SOURCE_CAR,		/* a CARv1 that is a file on a web server */
	SOURCE_BLOCKS,		/* each block a file on a web server, by its CID */
	SOURCE_MIRROR,		/* the plain firmware file on a web server */
	SOURCE_KINDS
};

/* "trustless", "peer", … */
const char *source_kind_name(enum source_kind kind);
MUST_USE int source_kind_read(struct span text, enum source_kind *out, struct err *e);

/* A configured source. Borrowed strings; all outlive its use. */
struct source {
	enum source_kind kind;
	const char *url;	/* http:// or https://, host, maybe a path; with or without a final slash. CAR, BLOCKS and MIRROR:
				   a template (base/template.h) */
	const char *token;	/* goes out as "Authorization: Bearer …", to the server in url only; NULL for none */
	const char *inner;	/* MIRROR: template of the CAR with the inner blocks alone; NULL: as source_inner_url() says */
};

/* Is url fit for a source of this kind? ERR_USAGE says what is wrong: scheme, user info, fragment, control
 * characters, a query or names where the kind has none, longer than SOURCE_URL_MAX. */
MUST_USE int source_check_url(enum source_kind kind, const char *url, struct err *e);

/* Where a mirror keeps inner blocks when nobody says: a `dir:` export has "image/{sha256}" beside "inner/{cid}.car" (its files
 * are listed in publish/export.h). false: this url is no such place. */
bool source_inner_url(const char *url, char out[SOURCE_URL_MAX + 1]);

enum source_ask {
	SOURCE_ASK_CAR,		/* the whole DAG under a CID, as a CAR */
	SOURCE_ASK_BLOCK,	/* one block's bytes */
	SOURCE_ASK_INNER,	/* a CAR of the inner blocks alone: leaves are not in it */
	SOURCE_ASK_FILE,	/* bytes of the plain file */
	SOURCE_ASKS
};

/* What a question is about. */
struct source_about {
	const struct cid *cid;
	uint64_t size;		/* of the file; budgets come from it */
	struct template_names names;	/* of the release; only templates use it; its cid is not looked at */
	uint64_t from, end;	/* ASK_CAR, ASK_FILE of kinds that are files: bytes from … to before end are wanted; end 0: all that
				   follows. Others ignore it */
	const char *etag;	/* the ETag of what came before `from`: a file that changed meanwhile must not be sewn on; NULL or "": none */
};

#define SOURCE_LINES_MAX 5
#define SOURCE_ETAG_MAX 128	/* longer ones are not sent back */

/* A request, ready for net/. Owns its text. */
struct source_request {
	const char *method;			/* "GET" or "POST"; a POST has an empty body */
	char url[SOURCE_URL_MAX + CID_TEXT_MAX + 256];
	char line[SOURCE_LINES_MAX][SOURCE_TOKEN_MAX + 32];	/* header lines "Name: value" */
	size_t lines;
	uint64_t body_max;			/* more bytes than this are not an answer */
	bool has_range;				/* parts of a file were asked for, from this byte on: */
	uint64_t from;
	uint64_t total;				/* the whole file's size, when it is known; 0: not */
};

/* Does this source have an answer to that question at all? */
bool source_can(const struct source *s, enum source_ask ask);
/* Can the answer to it be continued in the middle, over `from`? */
bool source_can_resume(enum source_kind kind, enum source_ask ask);

/* Builds the question. ERR_USAGE when the source cannot be asked that. */
MUST_USE int source_request(const struct source *s, enum source_ask ask, const struct source_about *about,
			    struct source_request *out, struct err *e);

/* The head of a reply. Empty spans: no such header. Header names are compared by net/. */
struct source_reply {
	unsigned status;
	struct span content_type, content_encoding, retry_after, content_range;
	int64_t content_length;	/* -1: not said */
	int64_t wall_ms;	/* now, for a Retry-After that is a date; 0: not known */
};

/* What to do about it. */
enum source_verdict {
	SOURCE_READ,	/* hand the body to an intake */
	SOURCE_NO_RANGE,	/* it would begin at the front, not at `from` (200), or what came before has changed */
	SOURCE_LACKS,	/* it does not have this (404, 410); ask others, come back some time */
	SOURCE_NO_CAR,	/* it will not give this as a CAR (400, 405, 406, 410, 413, 415, 501 …): ask it for blocks */
	SOURCE_LATER,	/* it wants to be left alone for wait_ms (429, 503) */
	SOURCE_DENIES,	/* 401, 402, 403, 451: somebody has to change something */
	SOURCE_BROKEN,	/* 5xx, redirects, a wrong media type, an encoded or over-long body: lowers its score */
};

const char *source_verdict_name(enum source_verdict v);

struct source_answer {
	enum source_verdict verdict;
	int64_t wait_ms;	/* SOURCE_LATER: from Retry-After, 1 s to RETRY_AFTER_MAX_MS; RETRY_AFTER_DEFAULT_MS without */
	enum plan_order order;	/* SOURCE_READ of a CAR: what its Content-Type promises */
	char why[160];		/* a sentence part for status and log, without a final stop */
};

void source_classify(const struct source *s, const struct source_request *r, enum source_ask ask,
		     const struct source_reply *reply, struct source_answer *out);

/* A media type with its parameters, as found in Content-Type; borrowed. For tests and the server's Accept. */
struct source_media {
	struct span type;	/* "type/subtype", as it stands */
	struct span order, dups, version;	/* parameter values without quotes; empty when absent */
};
MUST_USE int source_media_read(struct span text, struct source_media *out, struct err *e);

#endif
