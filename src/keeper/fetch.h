/* fetch.h: one image, from the network to a finished blob.
 *
 *  QUEUED ─► OPENING ─► RESTORING ─► FETCHING ◄─► SETTLING      FINISHING ─► DONE
 *    ▲          │           │         │  │            │             │ │
 *    │          │           │         │  └── complete ┴────────────►│ └─► OPENING, after a lie: a mirror's, or the disk's
 *    │          └───────────┴─────────┴── not the image ────────────┴───► WRONG
 *    └────────────────────── WAITING ◄── no source left ────────────┘
 *
 * Happy path: room is made, the .part opened, what an earlier run left in it is
 * taken up block by block; the best source gives a CAR, whose blocks are
 * verified and written as they come; when the plan is complete the file is
 * hashed and made durable on a worker. What was an object, and is said to be damaged, is
 * hashed before anybody is asked. Where the image is whole and only blocks beside it are lost, nothing is written to it.
 *
 * FETCHING has lanes: requests under way, to one source or to several. A fresh
 * file begins with one lane for all of it: a CAR. When that breaks, is refused
 * or falls under a floor, what came stays, and the missing blocks are asked for one by
 * one, or in runs of the plain file, of the cheapest sources of the best priority;
 * a block that lets everybody wait is asked of a second source too. Nothing
 * that was verified is asked for again.
 *
 * Failure modes: a hash that does not fit quarantines the source. One that fails
 * is left alone for a moment, and after some failures in a row for the rest of
 * this try. All sources out: a mirror's whole file is taken, and believed only
 * when its SHA-256 is right; without a mirror, WAITING with growing pauses. The
 * content is not the manifest's image, also when it was read from the disk
 * again: WRONG, for good, for those who claim just this CID and size; for
 * others, QUEUED again. A block has other bytes than a whole image: FINISHING
 * reads all of it, and either the CID is WRONG, or the image has rotted, and
 * its owner hears of that; what only could not be read once says nothing of
 * the CID, and is tried again. The disk refuses: WAITING, with that reason; when it
 * fails again after the owner was told, it is this file's place, the next try
 * begins a new file, and the owner hears no more of it. */
#ifndef KEEPER_FETCH_H
#define KEEPER_FETCH_H

#include "base/sm.h"
#include "ipfs/intake.h"
#include "keeper/fetcher.h"
#include "keeper/kept.h"
#include "net/http.h"

enum fetch_at {
	FETCH_QUEUED, FETCH_OPENING, FETCH_RESTORING, FETCH_FETCHING, FETCH_SETTLING, FETCH_FINISHING,
	FETCH_WAITING, FETCH_DONE, FETCH_WRONG, FETCH_STATES
};

struct fetch;

/* One request under way. */
struct fetch_lane {
	struct fetch *fetch;
	struct fetch_source *source;	/* NULL: free */
	struct http_call *call;
	enum source_ask ask;
	struct cid cid;			/* asked for */
	uint64_t from, end;		/* SOURCE_ASK_FILE: bytes of the file */
	bool is_whole;			/* SOURCE_ASK_FILE: taken as it comes, and judged by the whole file's digest */
	bool is_reading;		/* there is an answer, and intake is open (but for whole files) */
	bool has_come;			/* all that was asked for */
	bool is_hedged;			/* somebody else was asked for the same, since it took too long */
	struct source_request asked;
	struct source_answer answer;
	struct intake intake;
	uint64_t skipped;		/* bytes in front that were not asked for: SOURCE_ASK_CAR, of what is there */
	uint64_t bytes;			/* of the body, over all its resumptions */
	uint64_t resumed_at;		/* bytes at the last resumption */
	char etag[SOURCE_ETAG_MAX];
	int64_t started_ms, first_byte_ms;	/* monotonic; 0: none came */
	int64_t looked_ms;		/* when its pace was measured last … */
	uint64_t looked_bytes;		/* … and what had come by then */
};

/* A source in this try. */
struct fetch_use {
	bool is_out;			/* asked no more */
	/* refused or tried: CARs; a CAR from the middle on; parts of the file; the whole file; inner blocks */
	bool no_car, no_rest, no_parts, no_whole, has_inner;
	unsigned errors;		/* in a row */
	unsigned lacks;			/* blocks that it does not have */
	uint64_t brought;		/* good answers */
	int64_t again_ms;		/* monotonic: left alone until then */
};

/* Blocks that sources have said they lack. */
struct fetch_denied {
	struct hash32 digest;
	uint32_t sources;		/* bit per source */
};

struct fetch {
	struct list node;		/* in fetcher.fetches */
	struct fetcher *owner;
	struct sm sm;
	struct list claims;		/* who wants it; the first one's idea of it is tried next. Never empty while in the list */
	struct fetch_target target;	/* of this try */
	struct cid root;
	struct template_names names;	/* target's release; its texts are these, since the claim may go before the try is over: */
	char product[PRODUCT_NAME_MAX + 1], version[VERSION_MAX + 1];
	_Atomic bool is_forgotten;	/* workers look at it */

	struct blob *blob;
	struct plan *plan;
	struct kept kept;
	bool is_for_blocks;		/* the image is whole; what is beside it is to be had again */
	bool is_doubted;		/* a block could not be compared with that image … */
	bool is_unlike;			/* … or has other bytes */
	bool was_whole;			/* what is repaired was an object, and may have been called damaged for nothing */
	bool is_right;			/* and so it was: all of it has the image's SHA-256 */
	unsigned unproven;		/* tries that ended with every block right, and another SHA-256 */

	struct fetch_lane lane[FETCH_LANES_MAX];
	struct fetch_use use[SOURCES_MAX];	/* as fetcher.source */
	struct fetch_denied denied[FETCH_DENIED_MAX];
	unsigned denied_n;		/* ever; the oldest make room */
	struct fetch_source *whole_from;	/* who gave the file that is being finished; NULL: the plan is complete */
	uint64_t came;			/* body bytes in this try */
	uint64_t rate;			/* of these a second, lately; 0: not known */
	uint64_t paced_bytes;		/* `came` and the time … */
	int64_t paced_ms;		/* … when the rate was measured */
	bool has_bytes;			/* the first verified one has been told of */
	uint64_t settled_at;		/* verified blocks when repetitions were last filled in; inner ones may bring no byte, but links */

	uv_work_t work;
	int work_rc;
	enum plan_verdict work_verdict;
	bool work_more;
	struct err work_err;
	struct fetched fetched;

	uv_timer_t pause;		/* WAITING: until the next try */
	uv_timer_t tick;		/* FETCHING: the next look at lanes and resting sources */
	unsigned handles;		/* of the two, not closed yet */
	unsigned tries;
	char why[320];			/* the last thing that went wrong */
	struct err disk;		/* what the disk refused in this try; code ERR_OK: nothing */
	bool told_io;			/* that it failed with this file, once: the keeper has rested and looked at it since */
};

/* Makes one, QUEUED. */
MUST_USE int fetch_new(struct fetcher *owner, const struct ledger_want *w, bool is_once, struct fetch **out, struct err *e);
/* QUEUED → OPENING. */
void fetch_start(struct fetch *f);
/* WAITING → QUEUED before its time. */
void fetch_hurry(struct fetch *f);
/* Ends it from any state; the struct is freed from the loop. */
void fetch_cancel(struct fetch *f);
/* Takes one of fetcher.fetches' places? */
bool fetch_is_running(const struct fetch *f);

#endif
