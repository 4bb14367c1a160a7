/* keeper_own.c: the second copy of what the chain cannot tell (store/owncopy.h), as the keeper keeps it. */
#include "base/log.h"
#include "keeper/keeper.h"

#include <inttypes.h>

static struct owncopy_place place_of(const struct keeper *k)
{
	return (struct owncopy_place){ .dir = k->state_dir, .path = k->conf->gateway.state_dir };
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

/* Said once for as long as it lasts; with the next look it is tried again. */
void keeper_keep_copy(struct keeper *k)
{
	bool was_in_trouble = k->is_copy_in_trouble;
	struct err e = { 0 };

	if (!owncopy_is_due(k->store))
		return;
	if (owncopy_trouble(k->store)[0] && !was_in_trouble)
		log_unusual("store", "the second copy of decisions and reports is behind", "why=\"%s\"", owncopy_trouble(k->store));
	k->is_copy_in_trouble = owncopy_save(k->store, &e) != ERR_OK;
	if (k->is_copy_in_trouble && !was_in_trouble)
		log_unusual("store", "the second copy of decisions and reports cannot be made", "why=\"%s\"", e.msg);
	if (!k->is_copy_in_trouble && was_in_trouble)
		log_info("store", "the second copy of decisions and reports is complete again", "%s", "");
	keeper_look_at_store(k);
}
