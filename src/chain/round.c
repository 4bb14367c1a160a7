/* round.c: one round of the follower, from step to step. See follow.h for the picture. */
#include "chain/follow.h"

#define RETRY_MIN_MS 500	/* a round that came to nothing is not repeated sooner, however soon a provider may be asked */

static const struct sm_state table[STEPS] = {
	[STEP_IDLE]	  = { "idle", SM_TO(STEP_CHECKING) },
	[STEP_CHECKING]	  = { "checking", SM_TO(STEP_TAGS) },
	[STEP_TAGS]	  = { "asking", SM_TO(STEP_HASHES) },
	[STEP_HASHES]	  = { "voting", SM_TO(STEP_ACCOUNT) | SM_TO(STEP_RECORDS) | SM_TO(STEP_PROMOTING) | SM_TO(STEP_IDLE) },
	[STEP_ACCOUNT]	  = { "proving", SM_TO(STEP_WORDS) | SM_TO(STEP_RECORDS) | SM_TO(STEP_ACCOUNT) | SM_TO(STEP_PROMOTING) |
					 SM_TO(STEP_IDLE) },
	[STEP_WORDS]	  = { "proving words", SM_TO(STEP_EXPLAINING) | SM_TO(STEP_RECORDS) | SM_TO(STEP_ACCOUNT) |
					 SM_TO(STEP_PROMOTING) | SM_TO(STEP_IDLE) },
	[STEP_EXPLAINING] = { "explaining", SM_TO(STEP_WORDS) },
	[STEP_RECORDS]	  = { "fetching records", SM_TO(STEP_ACCOUNT) | SM_TO(STEP_RECORDS) | SM_TO(STEP_PROMOTING) |
					 SM_TO(STEP_IDLE) },
	[STEP_PROMOTING]  = { "promoting", SM_TO(STEP_RECORDS) | SM_TO(STEP_ACCOUNT) | SM_TO(STEP_IDLE) |
					 SM_TO(STEP_PROMOTING) | SM_TO(STEP_LINKING) },
	[STEP_LINKING]	  = { "linking", SM_TO(STEP_RECORDS) | SM_TO(STEP_ACCOUNT) | SM_TO(STEP_IDLE) | SM_TO(STEP_PROMOTING) },
};

void round_init(struct follower *f)
{
	sm_init(&f->sm, "follower", table, STEP_IDLE);
}

void step_to(struct follower *f, enum step to)
{
	sm_move(&f->sm, to);
}

void round_begin(struct follower *f)
{
	f->claims.n = 0;
	f->has_recent = f->has_proof = f->is_proof_tried = f->is_quorum_missing = false;
	f->wants_final = f->wants_promotion = f->wants_recent = false;
	f->incomplete = 0;
	step_to(f, STEP_CHECKING);
	check_begin(f);
	follow_advance(f);
}

/* Every call of the present step has been answered. */
void round_advance(struct follower *f)
{
	switch ((enum step)f->sm.at) {
	case STEP_CHECKING:
		check_done(f);
		step_to(f, STEP_TAGS);
		tags_begin(f);
		return;
	case STEP_TAGS:
		step_to(f, STEP_HASHES);
		tags_done(f);
		return;
	case STEP_HASHES:
		hashes_done(f);
		return;
	case STEP_ACCOUNT:
		account_advance(f);
		return;
	case STEP_WORDS:
		words_advance(f);
		return;
	case STEP_EXPLAINING:
		explain_advance(f);
		return;
	case STEP_RECORDS:
		records_advance(f);
		return;
	case STEP_PROMOTING:
		promote_done(f);
		return;
	case STEP_LINKING:
		link_advance(f);
		return;
	case STEP_IDLE:
	case STEPS:
		return;
	}
}

void round_next(struct follower *f)
{
	target_reset(f);
	if (f->wants_final) {
		f->wants_final = false;
		prove_begin(f, LEVEL_FINAL, &f->anchor_header);
	} else if (f->wants_promotion) {
		f->wants_promotion = false;
		promote_begin(f);
	} else if (f->wants_recent) {
		f->wants_recent = false;
		prove_begin(f, LEVEL_RECENT, &f->recent);
	} else {
		round_end(f);
	}
}

static int64_t earliest_retry(const struct follower *f)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < f->providers_n; i++) {
		const struct provider *p = &f->provider[i];

		if (provider_state(p) != PROVIDER_QUARANTINED && p->identity != IDENTITY_FOREIGN && p->retry_at_ms < at)
			at = p->retry_at_ms;
	}
	return at > f->now_ms + RETRY_MIN_MS ? at : f->now_ms + RETRY_MIN_MS;
}

void round_end(struct follower *f)
{
	if (f->is_proof_tried && !f->has_proof)
		alarm_on(f, ALARM_PROOF_UNAVAILABLE, "", "no provider gives a proof that holds at a block that we can anchor");
	else if (f->has_proof)
		alarm_off(f, ALARM_PROOF_UNAVAILABLE, "");
	f->rounds++;
	f->next_round_ms = f->now_ms + f->poll_ms;
	if (f->is_quorum_missing || (f->is_proof_tried && !f->has_proof)) {
		int64_t retry = earliest_retry(f);

		f->next_round_ms = retry < f->next_round_ms ? retry : f->next_round_ms;
	}
	step_to(f, STEP_IDLE);
}
