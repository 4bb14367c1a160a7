/* fetcher.h: which images are fetched now, in which order, and from where.
 *
 * Wants queue up; FETCHES_MAX run at a time, and FETCHES_URGENT more of urgent
 * releases, which go first. Else products take turns, each with its newest
 * release first. Each is a struct fetch (fetch.h). An image that no source
 * has is tried again with growing pauses, as long as somebody wants it.
 *
 * Releases of different publishers may name one SHA-256 and lie about its CID
 * or size. So every want is a claim of its own: each try takes up the next
 * claim, and what one is convicted of says nothing of the others. */
#ifndef KEEPER_FETCHER_H
#define KEEPER_FETCHER_H

#include "base/clock.h"
#include "base/list.h"
#include "formats/cid.h"
#include "keeper/fetch_source.h"
#include "keeper/ledger.h"
#include "keeper/window.h"
#include "store/blob.h"

#include <uv.h>

struct http;
struct fetch;

struct fetch_progress {
	uint64_t verified, total;
	const char *source;		/* NULL while none is asked */
};

/* What a try is after: one claim's idea of an image. */
struct fetch_target {
	struct hash32 sha256;
	uint64_t size;
	char cid[CID_TEXT_MAX];
};

struct fetched {
	struct fetch_target target;	/* all of it is true now */
	struct blob_digests digests;
	char format[24];		/* sniffed */
	bool lacks_blocks;		/* whole by its SHA-256 alone: its CID was not compared, and its blocks cannot be given */
};

/* What lies on disk of an image before a try. */
struct fetch_place {
	bool is_whole;		/* the object is good; only blocks beside it are lost */
	bool was_whole;		/* it is thought to be damaged; its bytes may be right all the same */
	bool has_room;		/* its bytes are counted already: none are asked for */
};

struct fetcher_owner {
	/* Whole, compared, durable; the row is still to be written. */
	void (*on_good)(void *arg, const struct fetched *f);
	/* What this CID names is not an image of this size and SHA-256: no source can help. */
	void (*on_wrong)(void *arg, const struct fetch_target *t, const char *why);
	/* No source has it now; the next try is at retry_at_ms, wall clock; 0: there is none, nobody waits for it. */
	void (*on_failed)(void *arg, const struct fetch_target *t, const char *why, unsigned tries, int64_t retry_at_ms);
	/* The state changed: queued → being fetched. */
	void (*on_begun)(void *arg, const struct hash32 *sha256);
	/* What was thought to be whole is not. */
	void (*on_rotten)(void *arg, const struct hash32 *sha256);
	/* The disk refused something that a fetch wrote or read. */
	void (*on_trouble)(void *arg, const struct err *e);
	/* Room for so many bytes? May evict. ERR_NO_SPACE names the numbers. */
	int (*make_room)(void *arg, uint64_t size, struct err *e);
	/* NULL: nothing is known of any. ERR_BUSY: its files are in use; whoever uses them says fetcher_hurry() afterwards. */
	int (*look)(void *arg, const struct hash32 *sha256, struct fetch_place *out, struct err *e);
	void *arg;
};

struct fetcher {
	uv_loop_t *loop;
	struct http *http;
	struct blobs *blobs;
	const struct clock *clock;
	struct fetch_source *source;	/* borrowed */
	size_t sources;
	struct fetcher_owner owner;
	struct window window;		/* outside it only peers are asked, and urgent images fetched. Set after fetcher_init */
	uint64_t uplink;		/* bytes a second for all together; 0: no bound. Set after fetcher_init; http keeps to it */
	const struct secrets *secrets;	/* what sources may echo and nobody is to read; NULL: nothing. Set after fetcher_init */
	struct list fetches;		/* struct fetch, in order of age */
	bool is_closing;
	char paused[256];		/* why nothing may be fetched; "": it may */
	bool is_starting;		/* fetcher_next is on the stack: a start that fails at once must not call it again */
};

void fetcher_init(struct fetcher *f, uv_loop_t *loop, struct http *http, struct blobs *blobs, const struct clock *clock,
		  struct fetch_source *source, size_t sources, struct fetcher_owner owner);
/* Cancels everything; parts stay on disk. The loop must run until nothing is left. */
void fetcher_close(struct fetcher *f);

/* This release wants it; w->product is borrowed as long as the want stands. Again for a known one changes nothing.
 * ERR_FORMAT: not a CID that we take. */
MUST_USE int fetcher_want(struct fetcher *f, const struct ledger_want *w, struct err *e);
/* The same for somebody who does not wait: the want ends with the first try that fails, and fetcher_unwant leaves it. */
MUST_USE int fetcher_want_once(struct fetcher *f, const struct ledger_want *w, struct err *e);
/* This release does not want it any more. With nobody left the fetch ends; its part stays on disk. */
void fetcher_unwant(struct fetcher *f, const struct ledger_want *w);
/* A waiting one is tried at once (operator's word, a source came back). */
void fetcher_hurry(struct fetcher *f, const struct hash32 *sha256);

/* Nothing is fetched, for this reason, until fetcher_resume: then everything that waits is tried at once. Not from a callback of f's. */
void fetcher_pause(struct fetcher *f, const char *why);
void fetcher_resume(struct fetcher *f);

/* --- for struct fetch --- */

/* Starts what may run now. */
void fetcher_next(struct fetcher *f);
/* A fetch is over: takes it from the list and frees it. */
void fetcher_ended(struct fetcher *f, struct fetch *fetch);

/* --- for everybody --- */

/* Is any image being fetched just now? */
bool fetcher_is_working(const struct fetcher *f);
bool fetcher_is_fetching(const struct fetcher *f, const struct hash32 *sha256);
/* false: not known here. */
bool fetcher_progress(const struct fetcher *f, const struct hash32 *sha256, struct fetch_progress *out);

#endif
