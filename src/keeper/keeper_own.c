/* keeper_own.c: the second copy of what the chain cannot tell (store/owncopy.h), as the keeper keeps it. */
#include "base/limits.h"
#include "base/log.h"
#include "keeper/keeper.h"

#include <inttypes.h>

static struct owncopy_place place_of(const struct keeper *k)
{
	return (struct owncopy_place){ .dir = k->state_dir, .path = k->conf->gateway.state_dir };
}

int keeper_wants_recall(const struct keeper *k, bool *out, struct err *e)
{
	struct owncopy_place at = place_of(k);

	return owncopy_is_wanted(k->store, &at, out, e);
}

int keeper_recall(struct keeper *k, struct owncopy_recalled *r, struct err *e)
{
	struct owncopy_place at = place_of(k);
	int rc = owncopy_recall(k->store, &at, clock_wall_ms(k->clock), r, e);

	if (!rc && r->was_there)
		log_unusual("store", "decisions, devices and audit log are taken from their second copy",
			    "whole=%s changes=%" PRIu64 " devices=%" PRIu64 " audit=%" PRIu64, r->is_whole ? "yes" : "no", r->records, r->devices, r->audit);
	return rc;
}

const char *keeper_recalled_words(const struct owncopy_recalled *r)
{
	if (!r->was_there)
		return "there was no second copy of decisions, reports and the audit log: what it held of them is lost";
	return r->is_whole ? "decisions, reports and the audit log came back from their second copy"
			   : "decisions, reports and the audit log came back from their second copy, which is damaged too: some may be lost";
}

void keeper_begin_copy(struct keeper *k)
{
	struct owncopy_place at = place_of(k);

	owncopy_begin(k->store, &at);
}

/* Also when it succeeds each time, and the next change cannot be noted again. */
static void make_copy(struct keeper *k, struct err *e)
{
	bool was_behind = owncopy_trouble(k->store)[0] != '\0';
	int64_t pause_ms;

	k->is_copy_in_trouble = owncopy_save(k->store, e) != ERR_OK;
	if (!was_behind && !k->is_copy_in_trouble) {
		k->copy_tries = 0;
		return;
	}
	pause_ms = (int64_t)OWNCOPY_RETRY_MS << (k->copy_tries < 8 ? k->copy_tries : 8);
	k->copy_tries++;
	k->copy_next_mono_ms = clock_mono_ms(k->clock) + (pause_ms < OWNCOPY_RETRY_MAX_MS ? pause_ms : OWNCOPY_RETRY_MAX_MS);
}

/* Said once for as long as it lasts. */
void keeper_keep_copy(struct keeper *k)
{
	bool was_in_trouble = k->is_copy_in_trouble;
	struct err e = { 0 };

	if (!owncopy_is_due(k->store) || clock_mono_ms(k->clock) < k->copy_next_mono_ms)
		return;
	if (owncopy_trouble(k->store)[0] && !was_in_trouble)
		log_unusual("store", "the second copy of decisions and reports is behind", "why=\"%s\"", owncopy_trouble(k->store));
	make_copy(k, &e);
	if (k->is_copy_in_trouble && !was_in_trouble)
		log_unusual("store", "the second copy of decisions and reports cannot be made", "why=\"%s\"", e.msg);
	if (!k->is_copy_in_trouble && was_in_trouble)
		log_info("store", "the second copy of decisions and reports is complete again", "%s", "");
	keeper_look_at_store(k);
}
