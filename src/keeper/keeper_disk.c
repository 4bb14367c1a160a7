/* keeper_disk.c: what the keeper does while the disk lets it store nothing (degraded.h), and before and after that. */
#include "base/log.h"
#include "keeper/keeper.h"

/* --- there and back --- */

void keeper_rest(struct keeper *k)
{
	fetcher_pause(&k->fetcher, k->degraded.why);
	chain_pause(&k->chain);
	devices_pause(&k->devices);
}

static void on_pause(void *arg)
{
	struct keeper *k = arg;

	if (!keeper_is_serving(k))
		return;		/* it failed at the start, and serving begins at rest */
	if (store_is_corrupt(k->store))
		keeper_rebuild(k);
	else
		keeper_rest(k);
}

/* What latches must be found again by the next start. */
static void latch_again(struct keeper *k)
{
	for (size_t i = 0; i < k->alarms.n; i++) {
		const struct alarm *a = &k->alarms.at[i];

		if (a->is_latched)
			keeper_alarm(k, a->code, a->subject, a->detail, true);
	}
}

static void on_fine(void *arg)
{
	struct keeper *k = arg;

	keeper_alarm_over(k, "store-degraded", "store");
	latch_again(k);
	devices_resume(&k->devices);
	chain_resume(&k->chain);
	fetcher_resume(&k->fetcher);
	if (!k->is_recovered)
		keeper_recover(k);
	keeper_settle_all(k);
}

/* --- does it work? --- */

static int try_to_open(struct keeper *k, struct err *e)
{
	struct store *s = NULL;
	int rc = store_open(k->conf->gateway.state_dir, &s, e);

	if (rc == ERR_CORRUPT)
		return ERR_OK;		/* the next start sets it aside */
	if (!rc)
		rc = store_try(s, e);
	store_close(s);
	return rc;
}

static int probe(void *arg, struct err *e)
{
	struct keeper *k = arg;
	int rc;

	if (degraded_is_absent(&k->degraded))
		rc = try_to_open(k, e);
	else
		rc = store_is_unreadable(k->store) ? store_check(k->store, e) : store_try(k->store, e);
	if (!rc)
		rc = blobs_try(k->blobs, e);
	if (!rc && floor_is_dirty(k->floors))
		rc = floor_save(k->floors, e);
	if (store_is_corrupt(k->store))
		keeper_rebuild(k);
	return rc;
}

static void on_back(void *arg)
{
	struct keeper *k = arg;

	log_info("keeper", "the database can be opened again: restarting", "%s", "");
	uv_stop(&k->loop);
}

/* --- for the others --- */

void keeper_watch_disk(struct keeper *k)
{
	degraded_init(&k->degraded, &k->loop, k->clock, (struct degraded_owner){ on_pause, probe, on_fine, on_back, k });
}

void keeper_trouble(struct keeper *k, const struct err *e)
{
	degraded_take(&k->degraded, e);
	keeper_alarm(k, "store-degraded", "store", e->msg, false);
}

/* What follows comes from the loop: who met the damage is still at work with the database. */
void keeper_look_at_store(struct keeper *k)
{
	struct err e = { 0 };

	if (!keeper_is_serving(k) || !k->store || !store_is_corrupt(k->store))
		return;
	err_drop(err_set(&e, ERR_CORRUPT, "the database is damaged"));
	keeper_trouble(k, &e);
}

bool keeper_is_paused(const struct keeper *k)
{
	return degraded_is_paused(&k->degraded);
}

int keeper_do_without_store(struct keeper *k, const struct err *why, struct err *e)
{
	log_broken("store", "no database: the last catalog is served until it can be opened", "why=\"%s\"", why->msg);
	store_close(k->store);
	k->store = NULL;
	degraded_without(&k->degraded, why);
	keeper_alarm(k, "store-degraded", "store", why->msg, false);
	return store_open_in_memory(&k->store, e);
}

int keeper_exit_status(const struct err *e)
{
	return err_may_pass(e) ? SUP_EXIT_LATER : 1;
}
