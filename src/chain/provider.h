/* provider.h: one RPC endpoint's standing: may it be asked, may it vote, what did it do last.
 *
 *	OK ⇄ BEHIND		votes as far as it has got
 *	any → THROTTLED, DOWN	not asked before retry_at; the next good answer makes it OK
 *	any → QUARANTINED	caught at a lie, or at contradictions again and again: only probed, until it agreed QUARANTINE_AGREEMENTS times in a row */
#ifndef CHAIN_PROVIDER_H
#define CHAIN_PROVIDER_H

#include "base/sm.h"
#include "chain/follower.h"
#include "chain/pace.h"
#include "chain/rpc.h"

/* Rules of watch.c, for telling each one now and then only. */
#define WATCH_RULES 9

enum identity { IDENTITY_UNKNOWN, IDENTITY_RIGHT, IDENTITY_FOREIGN };

struct provider {
	char *name, *operator;
	uint8_t operator_index;
	struct sm sm;			/* enum provider_state */
	enum identity identity;		/* chain id and genesis */
	bool has_chain_id, has_genesis, lacks_genesis;	/* this identity check's answers */
	struct hash32 genesis;
	bool takes_batches;
	bool lean_works;		/* it has eth_getHeaderBy… */
	int64_t no_lean_until_ms;	/* it does not */
	int64_t no_proofs_until_ms;	/* it has no eth_getProof, or disowned one */
	struct pace pace;
	double availability, honesty;
	char last_error[RPC_TEXT_MAX + 64];
	unsigned failures;		/* in a row */
	int64_t retry_at_ms;
	int64_t probe_at_ms;
	unsigned agreements;		/* in a row, while quarantined */
	int64_t no_records_until_ms;	/* it left records out: not asked for them before that */
	struct block_ref latest, final;	/* as it last said */
	struct block_ref earlier_latest, earlier_final;	/* and in the round before */
	bool is_behind;			/* a quorum has got further, by the last round */
	bool was_final_low;		/* its final block was below the anchor, in the last round */
	uint64_t contradictions;	/* rounds in which it contradicted itself or a quorum */
	int64_t odd_since_ms;		/* the first contradiction since its honesty was high; 0: none */
	int64_t told_ms[WATCH_RULES];	/* when the owner last heard of each rule (watch.c) */
	char quarantine[RPC_TEXT_MAX];	/* what it was caught at */
	int64_t quarantined_ms;
	uint64_t answers[RPC_CLASSES];
	uint64_t calls, call_failures, bytes_in;
};

void provider_init(struct provider *p, const char *name, const char *operator);
void provider_fini(struct provider *p);

enum provider_state provider_state(const struct provider *p);

/* Has it eth_getHeaderBy…, as far as we know? */
bool provider_has_lean(const struct provider *p, int64_t now);
/* A block was got: by the lean method, or by the other one after the lean one had failed. */
void provider_lean(struct provider *p, bool is_lean, bool has_failed, int64_t now);

/* May it be asked for ordinary things now? */
bool provider_is_usable(const struct provider *p, int64_t now);

/* A call's outcome. random is a fresh random number for the jitter. */
struct provider_outcome {
	enum rpc_class class;
	const char *text;
	int64_t retry_after_ms;
	uint64_t random;
};
void provider_note(struct provider *p, const struct provider_outcome *o, int64_t now);

/* Caught: quarantined at once. */
void provider_quarantine(struct provider *p, const char *text, int64_t now, int64_t probe_ms);

/* Below what a quorum has, or not any more. */
void provider_behind(struct provider *p, bool is_behind, const char *text);

/* Something that no single honest node says. Returns true when it has been so for too long: quarantine it. */
bool provider_contradicts(struct provider *p, const char *text, int64_t now);
/* A round in which everything it said was in order. Contradictions are forgotten once its honesty is high again. */
void provider_in_order(struct provider *p);
/* Odd, without being its fault for certain: only named. */
void provider_odd(struct provider *p, const char *text);

/* It left log records out: not asked for records for a while, but it may vote. */
void provider_omitted(struct provider *p, const char *text, int64_t now, int64_t probe_ms);

/* A probe's result. Returns true when that was the last agreement needed. */
bool provider_probed(struct provider *p, bool agrees, int64_t now, int64_t probe_ms);

/* Full jitter: between 0 and min(cap, base × 2^tries). */
int64_t backoff_full_jitter(int64_t base_ms, int64_t cap_ms, unsigned tries, uint64_t random);

#endif
