/* provider.h: one RPC endpoint's standing: may it be asked, may it vote, what did it do last.
 *
 *	OK ⇄ BEHIND		votes as far as it has got
 *	any → THROTTLED, DOWN	not asked before retry_at; the next good answer makes it OK
 *	any → QUARANTINED	caught at a lie: only probed, until it agreed QUARANTINE_AGREEMENTS times in a row */
#ifndef CHAIN_PROVIDER_H
#define CHAIN_PROVIDER_H

#include "base/sm.h"
#include "chain/follower.h"
#include "chain/rpc.h"

enum identity { IDENTITY_UNKNOWN, IDENTITY_RIGHT, IDENTITY_FOREIGN };

struct provider {
	char *name, *operator;
	uint8_t operator_index;
	struct sm sm;			/* enum provider_state */
	enum identity identity;		/* chain id and genesis */
	bool has_chain_id, has_genesis;	/* this identity check's answers */
	struct hash32 genesis;
	bool takes_batches;
	double availability, honesty;
	char last_error[RPC_TEXT_MAX + 64];
	unsigned failures;		/* in a row */
	int64_t retry_at_ms;
	int64_t probe_at_ms;
	unsigned agreements;		/* in a row, while quarantined */
	int64_t no_records_until_ms;	/* it left records out: not asked for them before that */
	struct block_ref latest, final;	/* as it last said */
	uint64_t calls, call_failures, bytes_in;
};

void provider_init(struct provider *p, const char *name, const char *operator);
void provider_fini(struct provider *p);

enum provider_state provider_state(const struct provider *p);

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

/* It left log records out: not asked for records for a while, but it may vote. */
void provider_omitted(struct provider *p, const char *text, int64_t now, int64_t probe_ms);

/* A probe's result. Returns true when that was the last agreement needed. */
bool provider_probed(struct provider *p, bool agrees, int64_t now, int64_t probe_ms);

/* Full jitter: between 0 and min(cap, base × 2^tries). */
int64_t backoff_full_jitter(int64_t base_ms, int64_t cap_ms, unsigned tries, uint64_t random);

#endif
