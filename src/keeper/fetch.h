/* fetch.h: one image, from the network to a finished blob.
 *
 *  QUEUED ─► OPENING ─► RESTORING ─► CAR ─► BLOCKS ─► SETTLING ─► FINISHING ─► DONE
 *    ▲           │          │         │ ▲      │          │            │
 *    │           └──────────┴─────────┴─┼──────┴──────────┴────────────┤
 *    │                                  └── next source ──┘            ├─► WRONG
 *    └─────────────────────── WAITING ◄── no source left ──────────────┘
 *
 * Happy path: room is made, the .part opened, what an earlier run left in it is
 * taken up block by block; the best source gives a CAR, whose blocks are
 * verified and written as they come; when the plan is complete the file is
 * hashed and made durable on a worker.
 *
 * A source breaks off, refuses CARs or goes silent: what came stays, and the
 * missing blocks are asked of it one by one (several in flight), then of the
 * next source. A hash that does not fit quarantines the source. All sources
 * tried: WAITING with growing pauses. The content is not the manifest's image:
 * WRONG, for good, for those who claim just this CID and size; for others, QUEUED
 * again. The disk refuses: WAITING, with that reason. */
#ifndef KEEPER_FETCH_H
#define KEEPER_FETCH_H

#include "base/sm.h"
#include "ipfs/intake.h"
#include "keeper/fetcher.h"
#include "keeper/kept.h"
#include "net/http.h"

enum fetch_at {
	FETCH_QUEUED, FETCH_OPENING, FETCH_RESTORING, FETCH_CAR, FETCH_BLOCKS, FETCH_SETTLING, FETCH_FINISHING,
	FETCH_WAITING, FETCH_DONE, FETCH_WRONG, FETCH_STATES
};

struct fetch;

/* One request for one block. */
struct fetch_block {
	struct fetch *fetch;
	struct http_call *call;		/* NULL: free */
	struct source_request asked;
	struct cid cid;
	struct intake intake;
};

struct fetch {
	struct list node;		/* in fetcher.fetches */
	struct fetcher *owner;
	struct sm sm;
	struct list claims;		/* who wants it; the first one's idea of it is tried next. Never empty while in the list */
	struct fetch_target target;	/* of this try */
	struct cid root;
	_Atomic bool is_forgotten;	/* workers look at it */

	struct blob *blob;
	struct plan *plan;
	struct kept kept;

	struct fetch_source *source;	/* asked now */
	uint32_t tried;			/* bit per source of fetcher.source */
	struct http_call *call;		/* the CAR's */
	struct source_request asked;
	struct source_answer answer;	/* to the CAR request */
	struct intake intake;
	uint64_t settled_at;		/* verified bytes when repetitions were last filled in */
	bool is_reading;		/* intake is open */
	struct fetch_block block[FETCH_BLOCKS_MAX];

	uv_work_t work;
	int work_rc;
	enum plan_verdict work_verdict;
	bool work_more;
	struct err work_err;
	struct fetched fetched;

	uv_timer_t pause;
	unsigned tries;
	char why[320];			/* the last thing that went wrong */
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
