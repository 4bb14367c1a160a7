/* keeper_sweep.c: what is looked after every HOUSEKEEPING_MS: evictions whose time has come, damaged images that nobody names, a look at objects/ that
 * has to be taken again. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/log.h"
#include "keeper/keeper.h"

#include <inttypes.h>
#include <stdio.h>

static int64_t now_ms(const struct keeper *k)
{
	return clock_wall_ms(k->clock);
}

/* --- eviction: out of the catalog, ten minutes unread, off the disk, out of the table --- */

/* A wall clock that was put back must not keep it for months. */
static bool is_unread_long_enough(const struct keeper *k, const struct image_row *i)
{
	int64_t ms = now_ms(k) - i->since_ms;

	return ms >= EVICT_UNREAD_MS || (ms < 0 && clock_mono_ms(k->clock) - k->started_mono_ms >= EVICT_UNREAD_MS);
}

static bool has_object(struct keeper *k, const struct hash32 *sha256)
{
	autoclose int fd = -1;

	return blobs_open_object(k->blobs, sha256, &fd, NULL) != ERR_NOT_FOUND;
}

/* Nothing else waits for it. Without the image itself, what lay beside it is left over: the next start looks at it. */
static int leave(struct keeper *k, const struct image_row *i, const struct err *why, struct err *e)
{
	char hex[65];

	if (!err_is_of_one_file(why))
		return err_tell(e, why);
	if (!has_object(k, &i->sha256))
		return images_delete(k->store, &i->sha256, e);
	if (stuck_note(&k->stuck, &i->sha256, clock_mono_ms(k->clock)))
		log_broken("store", "an evicted image cannot be removed", "sha256=%s why=\"%s\"", hex_str(SPAN_OF(i->sha256), hex), why->msg);
	snprintf(k->stuck_why, sizeof k->stuck_why, "%.*s", (int)sizeof k->stuck_why - 1, why->msg);
	return ERR_OK;
}

static int finish_eviction(void *arg, const struct image_row *i, struct err *e)
{
	struct keeper *k = arg;
	struct err why = { 0 };

	if (stuck_rests(&k->stuck, &i->sha256, clock_mono_ms(k->clock)))
		return ERR_OK;
	if (k->catalogs.acknowledged < k->catalogs.generation || !is_unread_long_enough(k, i))
		return ERR_OK;
	if (scrubber_is_reading(&k->scrubber, &i->sha256)) {
		scrubber_break_off(&k->scrubber, &i->sha256);	/* it might make .sums again behind us */
		return ERR_OK;
	}
	if (blobs_remove(k->blobs, &i->sha256, &why))
		return leave(k, i, &why, e);
	return images_delete(k->store, &i->sha256, e);
}

/* Removed after all, or needed after all. */
static void forget_what_left(struct keeper *k)
{
	struct image_row row;

	for (size_t i = k->stuck.n; i-- > 0;)
		if (images_get(k->store, &k->stuck.at[i].sha256, &row, NULL) || row.state != IMAGE_IS_EVICTING)
			stuck_remove(&k->stuck, i);
}

/* Nobody can say what it was: no repair is possible, and nobody misses it. */
static int drop_if_unnamed(void *arg, const struct image_row *i, struct err *e)
{
	struct keeper *k = arg;
	bool is_needed = false;
	int rc = releases_need_image(k->store, &i->sha256, &is_needed, e);

	if (rc || is_needed)
		return rc;
	keeper_settle_all(k);
	return images_set_state(k->store, &i->sha256, IMAGE_IS_EVICTING, now_ms(k), e);
}

/* A part that no fetch works at, and that nobody waits for any more: it takes the room of others, and nothing else would free it. */
static int drop_if_forsaken(void *arg, const struct image_row *i, struct err *e)
{
	struct keeper *k = arg;
	struct fetch_progress p;

	if (!k->is_recovered || fetcher_progress(&k->fetcher, &i->sha256, &p) || bundle_import_brings(k->import, &i->sha256) ||
	    now_ms(k) - i->wanted_ms < EVICT_UNREAD_MS)
		return ERR_OK;
	return keeper_drop_unfinished(k, &i->sha256, e);
}

static void tell_damage(struct keeper *k)
{
	struct images_totals t;
	char detail[160];

	if (images_totals(k->store, &t, NULL))
		return;
	snprintf(detail, sizeof detail, "%" PRIu64 " images wait for a repair; %" PRIu64 " of their chunks are damaged", t.damaged, t.damaged_chunks);
	if (t.damaged)
		keeper_alarm(k, "images-damaged", "store", detail, false);
	else
		keeper_alarm_over(k, "images-damaged", "store");
}

void keeper_sweep(struct keeper *k)
{
	struct err e = { 0 };

	tell_damage(k);
	if (images_each(k->store, 1u << IMAGE_IS_DAMAGED, NULL, 0, drop_if_unnamed, k, &e))
		keeper_trouble(k, &e);
	if (images_each(k->store, 1u << IMAGE_IS_EVICTING, NULL, 0, finish_eviction, k, &e))
		keeper_trouble(k, &e);
	if (images_each(k->store, 1u << IMAGE_IS_FETCHING, NULL, 0, drop_if_forsaken, k, &e))
		keeper_trouble(k, &e);
	forget_what_left(k);
	keeper_tell_stuck(k, "evicted images", k->stuck.n, k->stuck_why);
	/* A clock that only may be right would lose what a right one noted. */
	if (clock_state(k->clock) == CLOCK_SYNCED && images_mend_times(k->store, now_ms(k), &e))
		keeper_trouble(k, &e);
	if (k->scan_next_mono_ms && clock_mono_ms(k->clock) >= k->scan_next_mono_ms)
		keeper_recover(k);
}
