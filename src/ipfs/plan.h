/* plan.h: one file's way from a root CID to bytes at their offsets, whoever brings the blocks.
 *
 * The plan knows what is still missing and believes nobody: a block counts
 * only when a block that was verified before refers to it (or it is the root)
 * and its hash is the one in that reference. Sources may come and go, send
 * CARs or single blocks, in order or not; what is verified stays verified.
 *
 *	plan_new(root, size)
 *	   │ frontier = { the root, covering bytes 0 … size }
 *	   ▼
 *	plan_block(cid, bytes)	hash ─► parse ─► own bytes written, children take its place in the frontier
 *	   ▼
 *	plan_is_done()		frontier empty: every byte is written
 *
 * The *frontier* is the list of links whose blocks have not come, in the order
 * of the file. It is all the plan needs to hold: while a CAR arrives depth
 * first, it is the open path's remaining siblings; it is also the list of
 * what to ask other sources for. Progress survives a restart because nothing
 * but the blocks and bytes themselves is remembered: plan_restore() walks
 * the kept inner blocks and hashes what the part file holds.
 *
 * Inner blocks (and leaves that cannot be made again from their file bytes)
 * go to io->keep, so that the file can be served as IPFS blocks later and a
 * restart finds its way. Raw leaves and ordinary dag-pb leaves are only written.
 *
 * Pure: the plan's only doings are the calls of struct plan_io, made from
 * within plan_block, plan_bytes, plan_settle and plan_restore, and never later.
 * Limits: DAG_LINKS_MAX, DAG_DEPTH_MAX, DAG_FRONTIER_MAX (memory: 44 bytes each), PLAN_SEEN_MAX (16 bytes each),
 * DAG_NODES_FREE + size / DAG_BYTES_PER_NODE nodes, so that a few blocks that name each other many times end soon. */
#ifndef IPFS_PLAN_H
#define IPFS_PLAN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "formats/cid.h"

enum plan_kept { PLAN_INNER, PLAN_WRAPPER };

/* Where bytes go and come from. Each returns 0 or an error of the environment, which ends the call with
 * PLAN_STORAGE and leaves the block unverified, so that it can be given again. */
struct plan_io {
	/* File bytes for the part file. No range comes twice in a plan's life, except after a failure. */
	int (*write)(void *arg, uint64_t offset, struct span bytes, struct err *e);
	/* A verified block to keep by its CID. The same one may come again. ERR_LIMIT: there is too much to keep, PLAN_BAD_DAG. */
	int (*keep)(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e);
	/* Appends the kept block of that name; ERR_NOT_FOUND when there is none. Its hash is checked here. */
	int (*load)(void *arg, const struct cid *cid, struct buf *out, struct err *e);
	/* Reads n bytes of the part file; any failure means "not there". What was read is checked here. */
	int (*read)(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e);
	void *arg;
};

/* keep and load of whoever reads a file once and will not be asked for its blocks: nothing is kept, nothing is found. */
int plan_keep_none(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e);
int plan_load_none(void *arg, const struct cid *cid, struct buf *out, struct err *e);

/* What became of a block. */
enum plan_verdict {
	PLAN_TAKEN,	/* verified and placed, wherever the file is known to have it (up to PLAN_PLACE_MAX) */
	PLAN_REPEAT,	/* verified earlier; nothing done */
	PLAN_STRAY,	/* nobody asked for it (or there is no room to open it before its turn); not even hashed. Counts
			   against its source's small budget */
	PLAN_LIE,	/* its bytes are not what its CID says: ERR_PROOF. Quarantine the source */
	PLAN_BAD_DAG,	/* it is what the root names, but breaks a rule: ERR_FORMAT, ERR_RULE, ERR_LIMIT. No source can
			   help: the release is to be rejected; the plan is over */
	PLAN_STORAGE,	/* a plan_io call failed; e is its error */
};

/* "taken", "repeat", … */
const char *plan_verdict_name(enum plan_verdict v);

/* Which blocks of the frontier a stream may bring. */
enum plan_order {
	PLAN_DFS,	/* order=dfs, dups=y: the first missing one, or one that came before */
	PLAN_ANY,	/* everything else, and single blocks: any that a verified block refers to */
};

struct plan;

/* A plan for a file of exactly `size` bytes (1 to IMAGE_MAX). An identity root is complete at once.
 * io is copied; its arg must outlive the plan. */
MUST_USE int plan_new(const struct cid *root, uint64_t size, const struct plan_io *io, struct plan **out, struct err *e);
void plan_free(struct plan *p);

/* Would plan_block take a block of this name? PLAN_TAKEN, PLAN_REPEAT or PLAN_STRAY; nothing changes.
 * Asked when a CAR section's CID has come and before its bytes are held. */
enum plan_verdict plan_wants(const struct plan *p, const struct cid *cid, enum plan_order order);

/* Takes a block that somebody says is `cid`. All kinds of verdict; e is set for the last three.
 * Versions and codecs of cid need not agree with the link's: the multihash names a block. */
enum plan_verdict plan_block(struct plan *p, const struct cid *cid, struct span block, enum plan_order order,
			     struct err *e);

/* Takes file bytes for the missing link at exactly this offset, from somebody who has the plain file (a mirror, or our own
 * part file): rebuilds the leaf around them and checks its hash. bytes.n must be the link's size.
 * PLAN_STRAY: no such link is missing, or it is too large for a leaf. PLAN_LIE: not these bytes; or, where the link
 * may_be_inner, maybe no leaf of an ordinary shape, and only its block helps: plan_ask_run passes it over from now on. */
enum plan_verdict plan_bytes(struct plan *p, uint64_t offset, struct span bytes, struct err *e);

/* Fills in, from what was verified already, links that name the same blocks again (padding, mostly); senders leave such
 * repetitions out under dups=n. Does at most about budget_bytes of copying a call. *more: call again, there is more to do. To be called
 * after a stream has ended and before plan_ask. Verdict PLAN_TAKEN, PLAN_BAD_DAG or PLAN_STORAGE. */
enum plan_verdict plan_settle(struct plan *p, uint64_t budget_bytes, bool *more, struct err *e);

/* After a restart, on a new plan: takes up what is kept and what the part file holds, hash by hash, at most about
 * budget_bytes a call; call until !*more. Never fails for what is missing or damaged: that just stays missing.
 * May run on a worker thread, if nothing else touches the plan and its io meanwhile. */
enum plan_verdict plan_restore(struct plan *p, uint64_t budget_bytes, bool *more, struct err *e);

/* A missing block: its name, and the bytes of the file that lie under it. */
struct plan_link {
	struct cid cid;
	uint64_t offset, size;
	unsigned depth;		/* links from the root; the root's is 0 */
	bool may_be_leaf;	/* small enough for that; else plan_bytes is no use */
	bool may_be_inner;	/* raw blocks have no children */
};

/* The first link, in file order, that was not asked for yet; marks it, and every other link to the same block, as
 * asked. False: nothing (left) to ask. Links that plan_settle can fill are passed over. */
bool plan_ask(struct plan *p, struct plan_link *out);
/* The same among the links that fits says yes to. */
bool plan_ask_if(struct plan *p, bool (*fits)(void *arg, const struct plan_link *l), void *arg, struct plan_link *out);
/* For plan_bytes: the first run of links of which file bytes are enough, and that were not asked for; marks them. It
 * covers from *offset on *n bytes, at most about max_bytes, without a gap. False: none. */
bool plan_ask_run(struct plan *p, uint64_t max_bytes, uint64_t *offset, uint64_t *n);
/* It may have been a lie: plan_ask_run passes nothing over any more. False: there was nothing. */
bool plan_reconsider(struct plan *p);
/* Whoever was asked for these bytes of the file did not deliver (all of) them. */
void plan_unask_run(struct plan *p, uint64_t offset, uint64_t n);
/* Whoever was asked for it did not deliver: it may be asked for again. */
void plan_unask(struct plan *p, const struct cid *cid);
/* None is asked for: after a source broke off. */
void plan_unask_all(struct plan *p);

/* The first missing link at or after this offset, asked for or not. False: none. For looking only. */
bool plan_missing(const struct plan *p, uint64_t offset, struct plan_link *out);

/* The first bytes at or after *at that are not verified, up to where a missing link ends. False: none. */
bool plan_gap(const struct plan *p, uint64_t *at, uint64_t *n);

struct plan_progress {
	uint64_t size, verified;	/* bytes of the file; verified == size when done */
	uint64_t contiguous;		/* all before this offset are verified: what a running digest may have read */
	uint64_t restored, copied;	/* of the verified ones: found on disk by plan_restore; repeated by plan_settle */
	uint32_t blocks, inner;		/* blocks verified; of these, with children */
	uint32_t missing, asked;	/* links in the frontier; of these, asked for */
};

/* How many places of the tree are filled, repeated ones counted each time: an honest stream repeats no more blocks than that. */
uint64_t plan_places(const struct plan *p);

/* Is a block missing that never came? When not, plan_settle completes the file. */
bool plan_needs_source(const struct plan *p);

void plan_progress(const struct plan *p, struct plan_progress *out);
bool plan_is_done(const struct plan *p);
uint64_t plan_size(const struct plan *p);
const struct cid *plan_root(const struct plan *p);

#endif
