/* scrubber.c: see scrubber.h. */
#include "keeper/scrubber.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "keeper/verify.h"

#include <inttypes.h>

static const struct sm_state table[] = {
	[SCRUB_RESTING] = { "resting", SM_TO(SCRUB_READING) | SM_TO(SCRUB_CLOSED) },
	[SCRUB_READING] = { "reading", SM_TO(SCRUB_RESTING) | SM_TO(SCRUB_CLOSED) },
	[SCRUB_CLOSED] = { "closed", 0 },
};

static void turn(struct scrubber *s);

static int64_t mono_ms(const struct scrubber *s)
{
	return clock_mono_ms(s->k->clock);
}

static int64_t wall_ms(const struct scrubber *s)
{
	return clock_wall_ms(s->k->clock);
}

static int64_t interval_ms(const struct scrubber *s)
{
	return s->k->conf->cache.scrub_interval_ms;
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- reading; on a worker --- */

static void on_damaged(void *arg, uint32_t chunk)
{
	struct scrubber *s = arg;

	if (s->damage_n < SCRUB_DAMAGE_MAX)
		s->damage[s->damage_n++] = chunk;
}

/* [worker] */
static void work_read(uv_work_t *work)
{
	struct scrubber *s = work->data;
	const struct image_row *i = &s->image;

	if (s->is_for_dag) {
		s->check = (struct blob_check){ .digests = i->digests };
		s->rc = blobs_check_dag(s->k->blobs, &i->sha256, &i->digests, &s->check.is_dag_damaged, &s->err);
		return;
	}
	s->rc = blobs_verify(s->k->blobs, &i->sha256, i->size, &i->digests, on_damaged, s, &s->watch, &s->check, &s->err);
}

/* --- what was found --- */

/* The same bytes as when the read began? */
static bool is_same(const struct image_row *before, const struct image_row *now)
{
	return now->state == IMAGE_IS_GOOD && now->verified_ms == before->verified_ms && now->since_ms == before->since_ms &&
	       now->size == before->size && hash32_eq(&now->digests.sums, &before->digests.sums) &&
	       hash32_eq(&now->digests.dag, &before->digests.dag);
}

static int note_chunks(struct scrubber *s, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(s->k->store);
	uint32_t last = (uint32_t)((s->image.size - 1) / CHUNK_SIZE);
	int rc = ERR_OK;

	/* The file is gone, or bytes follow that are not its own: whatever the chunk, all of it is seen to. */
	if (s->damage_n == 0)
		rc = images_add_damage(s->k->store, &s->image.sha256, s->rc == ERR_NOT_FOUND ? 0 : last, wall_ms(s), e);
	for (size_t i = 0; i < s->damage_n && !rc; i++)
		rc = images_add_damage(s->k->store, &s->image.sha256, s->damage[i], wall_ms(s), e);
	return rc ? rc : store_commit(&tx, e);
}

static void note_damage(struct scrubber *s, const char *what)
{
	char hex[65];
	struct err e = { 0 };

	log_broken("store", "bit rot", "sha256=%s found=scrub what=\"%s\" chunks=%" PRIu32, hex_str(SPAN_OF(s->image.sha256), hex), what,
		   s->check.damaged);
	s->counts.damaged_images++;
	s->counts.damaged_chunks += s->check.damaged ? s->check.damaged : 1;
	if (note_chunks(s, &e))
		keeper_trouble(s->k, &e);
	keeper_image_changed(s->k, &s->image.sha256);
}

static void note_lost_dag(struct scrubber *s)
{
	char hex[65];
	struct err e = { 0 };

	log_broken("store", "bit rot in the blocks beside an image", "sha256=%s", hex_str(SPAN_OF(s->image.sha256), hex));
	s->counts.lost_dags++;
	if (images_set_dag_lost(s->k->store, &s->image.sha256, &e))
		keeper_trouble(s->k, &e);
	keeper_image_changed(s->k, &s->image.sha256);
}

static int write_good(struct scrubber *s, struct err *e)
{
	return images_set_good(s->k->store, &s->image.sha256, s->image.size, &s->check.digests, s->image.format, wall_ms(s), e);
}

/* .sums was made again, beside a whole image. */
static int write_sums(struct scrubber *s, struct err *e)
{
	char hex[65];

	log_broken("store", "bit rot in the digests beside an image: made again", "sha256=%s", hex_str(SPAN_OF(s->image.sha256), hex));
	s->counts.lost_sums++;
	return write_good(s, e);
}

/* There are blocks beside it, and they are what was written: it may have been another fault for which they were called lost. */
static bool is_dag_back(const struct scrubber *s)
{
	return s->image.is_dag_lost && s->image.digests.dag_bytes && !s->check.is_dag_damaged;
}

static int write_dag_back(struct scrubber *s, struct err *e)
{
	char hex[65];
	int rc = write_good(s, e);

	if (rc)
		return rc;
	log_info("store", "the blocks beside an image are whole", "sha256=%s", hex_str(SPAN_OF(s->image.sha256), hex));
	keeper_image_changed(s->k, &s->image.sha256);
	return ERR_OK;
}

static int write_whole(struct scrubber *s, struct err *e)
{
	if (s->check.were_sums_damaged)
		return write_sums(s, e);
	return is_dag_back(s) ? write_dag_back(s, e) : images_set_verified(s->k->store, &s->image.sha256, wall_ms(s), e);
}

static void note_whole(struct scrubber *s)
{
	struct err e = { 0 };

	if (write_whole(s, &e))
		keeper_trouble(s->k, &e);
	/* New digests have taken the mark away. */
	if (s->check.is_dag_damaged && (!s->image.is_dag_lost || s->check.were_sums_damaged))
		note_lost_dag(s);
}

/* It is what was written, and yet the server can make no blocks of it: it was cut before an adoption took it as it lay there. One
 * fetch may help, and if it does not, a second one would not either. */
static bool is_worth_a_try(struct scrubber *s)
{
	for (size_t n = 0; n < SCRUB_ASKED_MAX; n++)
		if (hash32_eq(&s->tried[n], &s->image.sha256))
			return false;
	s->tried[s->tried_n++ % SCRUB_ASKED_MAX] = s->image.sha256;
	return true;
}

static void judge(struct scrubber *s)
{
	char hex[65];

	if (s->rc == ERR_NOT_FOUND)
		note_damage(s, "the file is not there");
	else if (s->rc)
		log_unusual("store", "an image could not be checked", "sha256=%s why=\"%s\"", hex_str(SPAN_OF(s->image.sha256), hex), s->err.msg);
	else if (s->check.damaged || s->check.is_size_wrong)
		note_damage(s, s->check.is_size_wrong ? "the file has another size" : "chunks");
	else if (!s->is_for_dag)
		note_whole(s);
	else if (s->check.is_dag_damaged || is_worth_a_try(s))
		note_lost_dag(s);
}

static void after_read(uv_work_t *work, int status)
{
	struct scrubber *s = work->data;
	struct image_row now;
	bool is_believed;

	(void)status;
	if (s->sm.at == SCRUB_CLOSED)
		return;
	sm_move(&s->sm, SCRUB_RESTING);
	is_believed = s->rc != ERR_BUSY && images_get(s->k->store, &s->image.sha256, &now, NULL) == ERR_OK && is_same(&s->image, &now);
	if (is_believed) {
		s->counts.images += !s->is_for_dag;
		s->counts.bytes += s->watch.bytes;
		judge(s);
	}
	if (!s->is_for_dag)
		verify_saw(s->k->verify, s, is_believed);
	fetcher_hurry(&s->k->fetcher, &s->image.sha256);
	scrubber_hurry(s);
}

static void begin_read(struct scrubber *s, const struct image_row *i, bool is_for_dag)
{
	sm_move(&s->sm, SCRUB_READING);
	s->image = *i;
	s->is_for_dag = is_for_dag;
	s->watch.is_over = false;
	s->watch.bytes = 0;
	s->damage_n = 0;
	s->check = (struct blob_check){ .chunks = 0 };
	s->rc = ERR_OK;
	s->err = (struct err){ 0 };
	s->work.data = s;
	uv_queue_work(&s->k->loop, &s->work, work_read, after_read);
}

void scrubber_read(struct scrubber *s, const struct image_row *i)
{
	begin_read(s, i, false);
}

/* --- whose turn it is --- */

int64_t scrubber_gap_ms(int64_t interval_ms, uint64_t images)
{
	int64_t gap = images ? interval_ms / (int64_t)images : interval_ms;

	return gap > 0 ? gap : 1;
}

/* An image that somebody works at is left alone: its turn comes again. */
static bool may_read(const struct scrubber *s, const struct image_row *i)
{
	return i->state == IMAGE_IS_GOOD && !fetcher_is_fetching(&s->k->fetcher, &i->sha256);
}

/* false: there is no doubt, or it came to nothing. */
static bool read_asked(struct scrubber *s)
{
	struct image_row i;

	while (s->asked_n > 0) {
		if (images_get(s->k->store, &s->asked[--s->asked_n], &i, NULL) || !may_read(s, &i) || i.is_dag_lost)
			continue;
		begin_read(s, &i, true);
		return true;
	}
	return false;
}

/* Recovery first, and whoever waits for an image. Outstaying one's welcome is no reason to wait for ever. */
static bool has_to_yield(struct scrubber *s, int64_t now)
{
	bool is_busy = s->k->adoptions > 0 || fetcher_is_working(&s->k->fetcher) || keeper_is_paused(s->k);

	if (!is_busy)
		s->yield_ms = 0;
	else if (!s->yield_ms)
		s->yield_ms = now;
	return is_busy && now - s->yield_ms < SCRUB_YIELD_MAX_MS;
}

/* The one that was read longest ago; but one that cannot be verified (no room for its digests, say) stays that, and has one turn in so many, as
 * the others have. */
static int next_image(struct scrubber *s, uint64_t good, struct image_row *image)
{
	const struct image_row *after = good && s->turns % good ? &s->last : NULL;
	int rc = images_next_to_scrub(s->k->store, after, image, NULL);

	return rc && after ? images_next_to_scrub(s->k->store, NULL, image, NULL) : rc;
}

/* How long until the next image's turn; *image is it. -1: there is none. */
static int64_t wait_ms(struct scrubber *s, int64_t now, struct image_row *image)
{
	struct images_totals t = { 0 };
	int64_t gap, wait;

	if (images_totals(s->k->store, &t, NULL) || next_image(s, t.good, image))
		return -1;
	gap = scrubber_gap_ms(interval_ms(s), t.good);
	wait = s->read_ms + gap - now;
	if (wall_ms(s) - image->verified_ms >= interval_ms(s))
		wait = s->has_read ? s->read_ms + gap / SCRUB_CATCH_UP - now : 0;
	if (wait < s->slot_ms - now)
		wait = s->slot_ms - now;
	return wait > 0 ? wait : 0;
}

/* Returns how long until it is to be asked again. */
static int64_t read_scheduled(struct scrubber *s)
{
	int64_t now = mono_ms(s), wait;
	struct image_row i;

	wait = wait_ms(s, now, &i);
	if (wait != 0)
		return min64(wait < 0 ? SCRUB_START_MS : wait, min64(SCRUB_START_MS, interval_ms(s)));
	if (has_to_yield(s, now))
		return min64(SCRUB_YIELD_MS, scrubber_gap_ms(interval_ms(s), 4));
	s->read_ms = now;
	s->has_read = true;
	s->last = i;
	s->turns++;
	if (may_read(s, &i))
		begin_read(s, &i, false);
	return 0;
}

/* The rest, once in the interval. */
static void look_at_the_rest(struct scrubber *s)
{
	int64_t now = mono_ms(s);

	if (s->k->upkeep || now < s->slot_ms || (s->looked_ms && now - s->looked_ms < interval_ms(s)) || has_to_yield(s, now))
		return;
	s->looked_ms = now;
	s->k->upkeep = verify_new(s->k, 0, false);
}

static void on_timer(uv_timer_t *timer)
{
	turn(timer->data);
}

static bool run_upkeep(struct scrubber *s)
{
	look_at_the_rest(s);
	if (verify_turn(s->k->upkeep) >= 0)
		return true;
	verify_free(STEAL_PTR(s->k->upkeep));
	return false;
}

static void turn(struct scrubber *s)
{
	int64_t ms;

	if (s->sm.at != SCRUB_RESTING || read_asked(s))
		return;
	ms = verify_turn(s->k->verify);
	if (ms < 0)
		ms = run_upkeep(s) ? 0 : read_scheduled(s);
	if (s->sm.at == SCRUB_RESTING)
		uv_timer_start(&s->timer, on_timer, (uint64_t)ms, 0);
}

/* --- from outside --- */

void scrubber_begin(struct scrubber *s, struct keeper *k)
{
	int64_t now = clock_mono_ms(k->clock);

	*s = (struct scrubber){ .k = k };
	sm_init(&s->sm, "scrubber", table, SCRUB_RESTING);
	s->slot_ms = now + min64(SCRUB_START_MS, interval_ms(s) / 2);
	s->read_ms = now;
	uv_timer_init(&k->loop, &s->timer);
	s->timer.data = s;
	scrubber_hurry(s);
}

void scrubber_close(struct scrubber *s)
{
	if (!s->k)
		return;
	s->watch.is_over = true;
	sm_move(&s->sm, SCRUB_CLOSED);
	uv_close((uv_handle_t *)&s->timer, NULL);
}

void scrubber_hurry(struct scrubber *s)
{
	if (s->k && s->sm.at == SCRUB_RESTING)
		uv_timer_start(&s->timer, on_timer, 0, 0);
}

void scrubber_ask_dag(struct scrubber *s, const struct hash32 *sha256)
{
	for (size_t n = 0; n < s->asked_n; n++)
		if (hash32_eq(&s->asked[n], sha256))
			return;
	if (s->asked_n == SCRUB_ASKED_MAX)
		return;		/* the server says so again with its next catalog */
	s->asked[s->asked_n++] = *sha256;
	scrubber_hurry(s);
}

bool scrubber_is_reading(const struct scrubber *s, const struct hash32 *sha256)
{
	return s->k && s->sm.at == SCRUB_READING && hash32_eq(&s->image.sha256, sha256);
}

void scrubber_break_off(struct scrubber *s, const struct hash32 *sha256)
{
	if (scrubber_is_reading(s, sha256))
		s->watch.is_over = true;
}
