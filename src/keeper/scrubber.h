/* scrubber.h: reads every cached image now and then, so that bit rot is found before a device asks for it.
 *
 *	RESTING ─► READING ─► RESTING
 *	   └──────────┴─────► CLOSED
 *
 * One image at a time, on a worker, past the page cache and with idle I/O
 * priority (blobs_verify). Each image once in `[cache] scrub-interval`: with n
 * images one every interval / n, the one that was read longest ago; so they
 * spread over it by themselves, and what was just fetched comes last. One that
 * cannot be verified, for want of room, say, keeps no other from its turn. After a
 * pause (the board was off) overdue ones come SCRUB_CATCH_UP times faster, not
 * all at once. Recovery goes first, and fetches: they are waited for, but not
 * for ever. Once in the interval the rest is looked at too (verify.h), and
 * whenever an operator says so everything at once.
 *
 * What is found goes the way of what the server finds on reading: a damaged
 * chunk makes the image DAMAGED, which its releases want fetched again;
 * a lost .sums is made again from a whole image on the spot; a lost .dag leaves
 * the image GOOD and is fetched, or made again, by itself.
 *
 * While the worker reads, the image may be evicted, found damaged by the
 * server, fetched again: what was read is believed only if the row is still
 * the one that it was read by. A fetch that needs the files breaks the read off. */
#ifndef KEEPER_SCRUBBER_H
#define KEEPER_SCRUBBER_H

#include "base/limits.h"
#include "base/sm.h"
#include "store/images.h"

#include <uv.h>

struct keeper;

enum scrub_at { SCRUB_RESTING, SCRUB_READING, SCRUB_CLOSED };

struct scrub_counts {
	uint64_t images, bytes;		/* read */
	uint64_t damaged_images, damaged_chunks, lost_sums, lost_dags;	/* found by reading */
};

struct scrubber {
	struct keeper *k;		/* NULL: not begun */
	struct sm sm;
	uv_timer_t timer;
	int64_t slot_ms;		/* monotonic: no scheduled read before this */
	int64_t read_ms;		/* when the last scheduled one began, or the program */
	bool has_read;			/* the former */
	struct image_row last;		/* whose turn it was then, as its row was */
	uint64_t turns;
	int64_t yield_ms;		/* since when it waits for fetches; 0: it does not */
	int64_t looked_ms;		/* when the rest was looked at last */
	struct hash32 asked[SCRUB_ASKED_MAX];	/* images whose .dag the server doubts */
	size_t asked_n;
	struct hash32 tried[SCRUB_ASKED_MAX];	/* whose .dag was fetched again although it is what was written */
	unsigned tried_n;		/* ever; the oldest make room */
	struct scrub_counts counts;

	/* READING; the worker's, but for image */
	uv_work_t work;
	struct image_row image;		/* as its row was */
	bool is_for_dag;		/* only that is looked at */
	struct blob_watch watch;
	uint32_t damage[SCRUB_DAMAGE_MAX];
	size_t damage_n;
	struct blob_check check;
	int rc;
	struct err err;
};

/* Begins; the first read is SCRUB_START_MS away. */
void scrubber_begin(struct scrubber *s, struct keeper *k);
/* Breaks a read off; the loop must run until the worker has let go. Not begun: nothing. */
void scrubber_close(struct scrubber *s);

/* There is something to do now: an operator's verification, or its next step. */
void scrubber_hurry(struct scrubber *s);
/* The server could not make blocks of this image: its .dag is compared soon. */
void scrubber_ask_dag(struct scrubber *s, const struct hash32 *sha256);

/* For verify.h: reads this image now. Only while RESTING. */
void scrubber_read(struct scrubber *s, const struct image_row *i);

bool scrubber_is_reading(const struct scrubber *s, const struct hash32 *sha256);
/* Somebody needs the files: a read of this image ends soon, without a word. */
void scrubber_break_off(struct scrubber *s, const struct hash32 *sha256);

/* The n good images' pace, in milliseconds from one to the next. */
int64_t scrubber_gap_ms(int64_t interval_ms, uint64_t images);

#endif
