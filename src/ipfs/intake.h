/* intake.h: the body of one reply on its way into a plan, with that reply's budgets.
 *
 *	intake_open(&in, plan, SOURCE_ASK_CAR, order, cid)	or intake_open_file(&in, plan, from, end)
 *	per arriving chunk:	switch (intake_feed(&in, chunk, &e))
 *	at the end of the body:	switch (intake_end(&in, &e))
 *	always:			intake_close(&in)
 *
 * A CAR runs through formats/car block by block; a single block is gathered up
 * to BLOCK_MAX. Bytes of the plain file are cut where the plan's missing leaves begin and end, and each is
 * made a leaf again and compared with its hash; bytes that are not missing are passed over. What a CAR holds besides the file's blocks is passed over,
 * within STRAY_BLOCKS_MAX, STRAY_BYTES_MAX and, for all bytes together, 1.05 × size + 1 MiB; what came before may
 * come again as often as the file has blocks so far. Holds no more than one block. Time limits (stall, rate, deadline) are net's and the keeper's. */
#ifndef IPFS_INTAKE_H
#define IPFS_INTAKE_H

#include "formats/car.h"
#include "ipfs/plan.h"
#include "ipfs/source.h"

enum intake_result {
	INTAKE_MORE,	/* go on */
	INTAKE_DONE,	/* everything this reply was asked for is verified; hang up, whatever else it wants to send. Blocks
			   that the file repeats may still want plan_settle: see plan_is_done */
	INTAKE_SHORT,	/* intake_end only: the body ended early. What came is verified and kept; ask for the rest */
	INTAKE_BROKEN,	/* not a CAR, over a budget, strays: this reply is over, its source loses score */
	INTAKE_LIE,	/* a hash did not fit: quarantine the source */
	INTAKE_BAD_DAG,	/* see PLAN_BAD_DAG: the release is over */
	INTAKE_STORAGE,	/* see PLAN_STORAGE: our disk */
};

const char *intake_result_name(enum intake_result r);

struct intake {
	struct plan *plan;
	enum source_ask ask;
	enum plan_order order;
	struct cid cid;		/* that was asked for */
	struct car_reader car;
	struct buf block;	/* SOURCE_ASK_BLOCK, SOURCE_ASK_FILE: gathered so far */
	uint64_t at, end;	/* SOURCE_ASK_FILE: the offset of what is gathered or comes next; asked for until here */
	size_t want;		/* bytes of the leaf that is being gathered; 0: none */
	bool is_maybe_odd;	/* its wrapper may be one that file bytes alone do not give */
	uint64_t bytes, bytes_max;
	uint64_t stray_bytes;
	uint32_t stray_blocks, repeats, taken, odd;	/* odd: leaves that file bytes did not give */
};

/* cid: what was asked for: the plan's root for a CAR, a missing link's CID for a block. */
void intake_open(struct intake *in, struct plan *p, enum source_ask ask, enum plan_order order, const struct cid *cid);
/* For the rest of a CAR, from a section on, as carpos.h finds it; a file that is the same whenever it is asked for. */
void intake_open_rest(struct intake *in, struct plan *p);
/* For file bytes from..end, of a plain file; the chunks begin with the one at from. */
void intake_open_file(struct intake *in, struct plan *p, uint64_t from, uint64_t end);
void intake_close(struct intake *in);

/* Any result but INTAKE_MORE and INTAKE_SHORT is final; e is set for all after INTAKE_DONE and names the rule. */
enum intake_result intake_feed(struct intake *in, struct span chunk, struct err *e);
/* The body has ended, in order or not. INTAKE_DONE or one of the failures, never INTAKE_MORE. */
enum intake_result intake_end(struct intake *in, struct err *e);

/* The most bytes a CAR of a file of this size may take. */
uint64_t intake_car_max(uint64_t size);

#endif
