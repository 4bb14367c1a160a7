/* entryfiles.h: every product's final entries as a file that the server reads: STATE/entries/<the product's id in hex>.
 *
 * What counts is the database. A file is made from it, and is made again when it is not what the database says; so losing
 * one loses nothing. New entries are appended: whoever reads by an older catalog finds its bytes where they were.
 *
 * Nothing is synced after an append: a file that a power cut tore does not have the digest that the catalog names, so it is not
 * served, and the next start writes it again. That is one write for each new entry, and none when nothing is new. */
#ifndef KEEPER_ENTRYFILES_H
#define KEEPER_ENTRYFILES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "store/sysio.h"

struct store;

/* What lies in one product's file, as far as we have seen to it: its first `bytes` bytes. */
struct entryfile {
	uint32_t entries;
	uint64_t bytes;			/* 0: there is nothing to be told */
	struct hash32 sha256;		/* zero when bytes is 0 */
	bool is_seen_to;		/* was compared with the database, or made from it */
	int64_t asked_ms;		/* monotonic: when somebody last said that it is damaged */
};

struct entryfiles {
	int state_dir, dir;		/* dir: -1 while it cannot be made */
	struct store *store;
	struct addr20 registry;
	const struct sysio *sys;
	uint64_t appended, replaced;	/* files, since the start */
	bool is_swept;
};

/* Touches nothing yet: on a disk that takes no writes the rest must go on. All is borrowed; sys NULL: the kernel's. */
void entryfiles_init(struct entryfiles *all, int state_dir, struct store *store, const struct addr20 *registry,
		     const struct sysio *sys);
void entryfiles_close(struct entryfiles *all);

/* Sees to it that the file holds the product's first `entries` entries. Does nothing when that was done. On failure f tells
 * of no more than before, and the next call tries again. A history over ENTRIES_FILE_MAX gets no file. */
MUST_USE int entryfiles_bring(struct entryfiles *all, const struct hash32 *product, uint32_t entries, struct entryfile *f,
			      struct err *e);

/* The next entryfiles_bring compares what lies on the disk, once more. */
void entryfiles_doubt(struct entryfiles *all, const struct hash32 *product, struct entryfile *f);

/* What such a file is to hold: the product's first `entries` entries as the database has them, a line each. registry is the contract's
 * address. ERR_LIMIT: more than out may take. */
MUST_USE int entryfiles_write(struct store *store, const struct hash32 *product, const struct addr20 *registry, uint32_t entries,
			      struct buf *out, struct err *e);

/* What the file has, whatever that is. ERR_NOT_FOUND; ERR_LIMIT: longer than ours get. */
MUST_USE int entryfiles_read(struct entryfiles *all, const struct hash32 *product, struct buf *out, struct err *e);

/* Removes what is of no product that keeps() keeps. A file that cannot be removed is left, and that is logged; the next start tries again. */
MUST_USE int entryfiles_sweep(struct entryfiles *all, bool (*keeps)(void *arg, const struct hash32 *product), void *arg, struct err *e);

#endif
