/* keeper_images.c: images between fetcher, store and catalog: arrival, room, damage, recovery. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "store/recover.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static int64_t now_ms(const struct keeper *k)
{
	return clock_wall_ms(k->clock);
}

void keeper_image_changed(struct keeper *k, const struct hash32 *sha256)
{
	struct err e = { 0 };

	if (ledger_mark_image(&k->ledger, sha256, &e))
		keeper_trouble(k, &e);
	keeper_settle_soon(k);
}

/* --- the fetcher's owner --- */

static void on_begun(void *arg, const struct hash32 *sha256)
{
	struct keeper *k = arg;
	struct image_row i;
	struct err e = { 0 };

	/* One that is repaired is told as damaged, not as missing. */
	if (images_get(k->store, sha256, &i, NULL) == ERR_OK && i.state == IMAGE_IS_WANTED &&
	    images_set_state(k->store, sha256, IMAGE_IS_FETCHING, now_ms(k), &e))
		keeper_trouble(k, &e);
	keeper_image_changed(k, sha256);
}

static int write_fetched(void *arg, const struct release_row *r, struct err *e)
{
	struct keeper *k = arg;

	return r->image_is_wrong ? ERR_OK : releases_set_fetch(k->store, &r->product, r->sequence, false, "", 0, 0, e);
}

/* What earlier tries ended with is over: else it would be told again when the image is evicted. */
static int store_good(struct keeper *k, const struct hash32 *sha256, uint64_t size, const char *cid,
		      const struct blob_digests *digests, const char *format, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(k->store);
	int rc = images_set_good(k->store, sha256, size, digests, format, now_ms(k), e);

	if (!rc)
		rc = images_set_cid(k->store, sha256, cid, e);
	if (!rc)
		rc = releases_each_of_image(k->store, sha256, write_fetched, k, e);
	return rc ? rc : store_commit(&tx, e);
}

/* Right by its SHA-256 alone: by its CID, if by any, it was compared before. What there was of its blocks is to be had again. */
static int store_right(struct keeper *k, const struct fetched *f, struct err *e)
{
	struct image_row was = { .cid = "" };
	int rc;

	if (images_get(k->store, &f->target.sha256, &was, NULL) || was.state != IMAGE_IS_DAMAGED)
		was = (struct image_row){ .cid = "" };
	rc = store_good(k, &f->target.sha256, f->target.size, was.cid, &f->digests, f->format, e);
	if (rc || !(was.digests.dag_bytes || was.is_dag_lost || f->digests.dag_bytes))
		return rc;
	return images_set_dag_lost(k->store, &f->target.sha256, e);
}

static int store_fetched(struct keeper *k, const struct fetched *f, struct err *e)
{
	return f->lacks_blocks ? store_right(k, f, e)
			       : store_good(k, &f->target.sha256, f->target.size, f->target.cid, &f->digests, f->format, e);
}

static void on_good(void *arg, const struct fetched *f)
{
	struct keeper *k = arg;
	char hex[65];
	struct err e = { 0 };

	log_info("fetch", "image complete", "sha256=%s size=%" PRIu64 " format=%s", hex_str(SPAN_OF(f->target.sha256), hex),
		 f->target.size, f->format);
	if (store_fetched(k, f, &e))
		keeper_trouble(k, &e);
	keeper_image_changed(k, &f->target.sha256);
}

struct verdict {
	struct keeper *k;
	const struct fetch_target *target;
	const char *why;
	bool is_wrong;
	unsigned tries;
	int64_t retry_at_ms;
};

/* Another release may name the same digest by a better CID, or with the right size: only this claim is judged. */
static int write_verdict(void *arg, const struct release_row *r, struct err *e)
{
	struct verdict *v = arg;

	if (strcmp(v->target->cid, r->facts.cid) || v->target->size != r->facts.size)
		return ERR_OK;
	return releases_set_fetch(v->k->store, &r->product, r->sequence, v->is_wrong, v->why, v->tries, v->retry_at_ms, e);
}

static void note_verdict(struct keeper *k, const struct verdict *v)
{
	struct err e = { 0 };

	if (releases_each_of_image(k->store, &v->target->sha256, write_verdict, (void *)(uintptr_t)v, &e))
		keeper_trouble(k, &e);
	keeper_image_changed(k, &v->target->sha256);
}

static bool is_unfinished(const struct image_row *i)
{
	return i->state == IMAGE_IS_WANTED || i->state == IMAGE_IS_FETCHING;
}

/* What stays of it is seen at the next start. */
static int drop_part(struct keeper *k, const struct hash32 *sha256, struct err *e)
{
	struct err why = { 0 };

	if (blobs_remove_part(k->blobs, sha256, &why) == ERR_OK)
		return ERR_OK;
	if (!err_is_of_one_file(&why))
		return err_tell(e, &why);
	log_broken("store", "a part cannot be removed", "why=\"%s\"", why.msg);
	return ERR_OK;
}

int keeper_drop_unfinished(struct keeper *k, const struct hash32 *sha256, struct err *e)
{
	struct image_row i;
	int rc = images_get(k->store, sha256, &i, e);

	if (rc == ERR_OK && !is_unfinished(&i))
		return ERR_OK;
	if (rc == ERR_OK)
		rc = images_delete(k->store, sha256, e);
	return rc && rc != ERR_NOT_FOUND ? rc : drop_part(k, sha256, e);
}

static void on_wrong(void *arg, const struct fetch_target *t, const char *why)
{
	struct keeper *k = arg;
	char hex[65];
	struct err e = { 0 };

	log_unusual("fetch", "not the manifest's image", "sha256=%s cid=%s why=%s", hex_str(SPAN_OF(t->sha256), hex), t->cid, LOG_STR(span_str(why)));
	if (keeper_drop_unfinished(k, &t->sha256, &e))
		keeper_trouble(k, &e);
	note_verdict(k, &(struct verdict){ .k = k, .target = t, .why = why, .is_wrong = true });
}

static void on_failed(void *arg, const struct fetch_target *t, const char *why, unsigned tries, int64_t retry_at_ms)
{
	struct keeper *k = arg;
	char hex[65];

	log_unusual("fetch", "no source has the image now", "sha256=%s tries=%u why=%s", hex_str(SPAN_OF(t->sha256), hex), tries, LOG_STR(span_str(why)));
	if (keeper_is_paused(k))
		return;		/* it says so itself, and tries again by itself */
	note_verdict(k, &(struct verdict){ .k = k, .target = t, .why = why, .tries = tries, .retry_at_ms = retry_at_ms });
}

static void on_rotten(void *arg, const struct hash32 *sha256)
{
	struct keeper *k = arg;
	char hex[65];
	struct err e = { 0 };

	log_broken("store", "bit rot", "sha256=%s found=fetch", hex_str(SPAN_OF(*sha256), hex));
	/* Whatever the chunk, all of it is seen to. */
	if (images_add_damage(k->store, sha256, 0, now_ms(k), &e))
		keeper_trouble(k, &e);
	keeper_image_changed(k, sha256);
}

static void on_trouble(void *arg, const struct err *e)
{
	keeper_trouble(arg, e);
}

/* --- room --- */

static int evict(void *arg, const struct image_row *i, struct err *e)
{
	struct keeper *k = arg;
	char hex[65];

	log_info("store", "image evicted for space", "sha256=%s size=%" PRIu64, hex_str(SPAN_OF(i->sha256), hex), i->size);
	return images_set_state(k->store, &i->sha256, IMAGE_IS_EVICTING, now_ms(k), e);
}

static int read_space(struct keeper *k, struct space *out, struct err *e)
{
	struct images_totals totals;
	int rc = images_totals(k->store, &totals, e);

	return rc ? rc : space_read(k->state_dir, k->conf->cache.size, totals.bytes, out, e);
}

struct leaving {
	const struct keeper *k;
	uint64_t bytes;
};

/* What does not go is not waited for. */
static int add_leaving(void *arg, const struct image_row *i, struct err *e)
{
	struct leaving *l = arg;

	(void)e;
	if (!stuck_has(&l->k->stuck, &i->sha256))
		l->bytes += space_cost(i->size) + i->digests.dag_bytes;
	return ERR_OK;
}

static int make_room(void *arg, uint64_t size, struct err *e)
{
	struct keeper *k = arg;
	struct space space;
	struct leaving leaving = { .k = k };
	uint64_t need = 0;
	int rc = read_space(k, &space, e);

	if (!rc)
		rc = space_admit(&space, size, &need, e);
	if (rc || need == 0)
		return rc;
	rc = images_each(k->store, 1u << IMAGE_IS_EVICTING, NULL, 0, add_leaving, &leaving, e);
	/* What leaves already will be room too: asking again while it does must not push out more. */
	if (!rc && need > leaving.bytes) {
		rc = images_victims(k->store, need - leaving.bytes, evict, k, e);
		keeper_settle_all(k);
	}
	if (rc)
		return rc;
	/* Evicted bytes leave the disk only when no reader can have them any more: this try has to wait. */
	return err_set(e, ERR_NO_SPACE, "waiting until %" PRIu64 " bytes of evicted images have left the disk", need);
}

static bool is_of_its_size(struct keeper *k, const struct image_row *i)
{
	autoclose int fd = -1;
	struct stat st;

	return blobs_open_object(k->blobs, &i->sha256, &fd, NULL) == ERR_OK && fstat(fd, &st) == 0 && (uint64_t)st.st_size == i->size;
}

/* A repair, or a second try, takes no more room than it has; a scrubber that reads the files breaks off. */
static int look(void *arg, const struct hash32 *sha256, struct fetch_place *out, struct err *e)
{
	struct keeper *k = arg;
	struct image_row i;
	int rc = images_get(k->store, sha256, &i, e);

	if (rc)
		return rc == ERR_NOT_FOUND ? ERR_OK : rc;
	if (scrubber_is_reading(&k->scrubber, sha256)) {
		scrubber_break_off(&k->scrubber, sha256);
		return err_set(e, ERR_BUSY, "the image is being read by the scrubber, which lets go of it");
	}
	/* Its blocks are to be had again, and meanwhile it has been damaged itself: nobody may read it soon. */
	if (i.state == IMAGE_IS_GOOD && !is_of_its_size(k, &i)) {
		i.state = IMAGE_IS_DAMAGED;
		rc = images_add_damage(k->store, sha256, 0, now_ms(k), e);
		keeper_image_changed(k, sha256);
	}
	if (rc)
		return rc;
	*out = (struct fetch_place){ .is_whole = i.state == IMAGE_IS_GOOD, .was_whole = i.state == IMAGE_IS_DAMAGED,
		.has_room = i.state != IMAGE_IS_WANTED };
	return ERR_OK;
}

struct fetcher_owner keeper_fetcher_owner(struct keeper *k)
{
	return (struct fetcher_owner){ on_good, on_wrong, on_failed, on_begun, on_rotten, on_trouble, make_room, look, k };
}

/* --- damage --- */

void keeper_image_rotten(struct keeper *k, const struct link_rot *m)
{
	struct image_row i;
	char hex[65];
	struct err e = { 0 };

	if (keeper_is_paused(k))
		return;		/* the next reader meets it too */
	/* The server may be late, or taken over: only a chunk that there is can be damaged. */
	if (images_get(k->store, &m->sha256, &i, &e) || (uint64_t)m->chunk * CHUNK_SIZE >= i.size) {
		log_unusual("store", "damage of what is not here", "sha256=%s chunk=%" PRIu32, hex_str(SPAN_OF(m->sha256), hex), m->chunk);
		return;
	}
	log_broken("store", "bit rot", "sha256=%s chunk=%" PRIu32, hex_str(SPAN_OF(m->sha256), hex), m->chunk);
	if (images_add_damage(k->store, &m->sha256, m->chunk, now_ms(k), &e)) {
		keeper_trouble(k, &e);
		return;
	}
	scrubber_break_off(&k->scrubber, &m->sha256);
	if (i.state == IMAGE_IS_GOOD)
		fetcher_hurry(&k->fetcher, &m->sha256);	/* one that was after its blocks may wait for long */
	keeper_image_changed(k, &m->sha256);
}

void keeper_dag_rotten(struct keeper *k, const struct hash32 *sha256)
{
	struct image_row i;

	/* Some never had blocks to give; of adopted ones, whose format nobody looked at, we do not know. */
	if (images_get(k->store, sha256, &i, NULL) == ERR_OK && i.state == IMAGE_IS_GOOD && (i.digests.dag_bytes || !i.format[0]) && !i.is_dag_lost)
		scrubber_ask_dag(&k->scrubber, sha256);
}

/* "evicted: image dropped for space; fetched again when wanted"; and what was superseded before it could be fetched. */
static bool may_be_absent(enum release_state state)
{
	return state == RELEASE_EVICTED || state == RELEASE_SUPERSEDED;
}

/* For once: whoever wants it asks again. */
static int want_absent(void *arg, const struct release_row *r, struct err *e)
{
	struct keeper *k = arg;
	const struct ledger_product *p = ledger_find(&k->ledger, &r->product);
	const struct release_facts *f = &r->facts;
	struct ledger_want w = { .sha256 = f->sha256, .size = f->size, .cid = f->cid, .version = f->version, .sequence = r->sequence, .is_urgent = f->urgent };
	struct image_row i;
	int rc = images_get(k->store, &f->sha256, &i, e);

	if (!may_be_absent(r->state) || !p || (rc == ERR_OK && !is_unfinished(&i)) || bundle_import_brings(k->import, &f->sha256) ||
	    keeper_is_adopting(k, &f->sha256))
		return ERR_OK;		/* here, or on its way in or out */
	w.product = p->name;
	rc = rc == ERR_NOT_FOUND ? images_want(k->store, &w.sha256, w.size, w.cid, now_ms(k), e) : rc;
	return rc ? rc : fetcher_want_once(&k->fetcher, &w, e);
}

void keeper_image_wanted(struct keeper *k, const struct hash32 *sha256)
{
	struct err e = { 0 };

	if (keeper_is_paused(k))
		return;		/* whoever wants it asks again */
	if (images_note_use(k->store, sha256, 0, now_ms(k), &e) || releases_each_of_image(k->store, sha256, want_absent, k, &e))
		keeper_trouble(k, &e);
	fetcher_hurry(&k->fetcher, sha256);
}

int keeper_refetch(struct keeper *k, const struct ledger_product *p, const struct release_row *row, struct err *e)
{
	int rc = releases_set_fetch(k->store, &p->id, row->sequence, false, "", 0, 0, e);

	if (!rc)
		rc = want_absent(k, row, e);
	if (!rc)
		fetcher_hurry(&k->fetcher, &row->facts.sha256);
	return rc;
}

/* --- recovery --- */

static void look_again_later(struct keeper *k)
{
	int64_t ms = (int64_t)RECOVER_RETRY_MS << (k->scans < 8 ? k->scans : 8);

	k->scans++;
	k->scan_next_mono_ms = clock_mono_ms(k->clock) + (ms < RECOVER_RETRY_MAX_MS ? ms : RECOVER_RETRY_MAX_MS);
}

struct adoption {
	struct list node;
	uv_work_t work;
	struct keeper *k;
	struct hash32 sha256;
	bool is_of_recovery;		/* of a look before k->is_recovered */
	uint64_t size;
	struct blob_digests digests;
	int rc;
	struct err err;
};

bool keeper_is_adopting(const struct keeper *k, const struct hash32 *sha256)
{
	for (const struct list *at = k->adopting.next; at != &k->adopting; at = at->next)
		if (hash32_eq(&LIST_ITEM(at, const struct adoption, node)->sha256, sha256))
			return true;
	return false;
}

/* [worker] */
static void work_adopt(uv_work_t *work)
{
	struct adoption *a = work->data;

	a->rc = blobs_adopt(a->k->blobs, &a->sha256, &a->size, &a->digests, &a->err);
}

/* No image, or none any more, is an answer. All else says nothing of what lies there; what would meet others too is the one to remember. */
static void not_adopted(struct keeper *k, const struct adoption *a, const struct err *why)
{
	char hex[65];

	log_unusual("store", "object not adopted", "sha256=%s why=\"%s\"", hex_str(SPAN_OF(a->sha256), hex), why->msg);
	if (a->is_of_recovery && why->code != ERR_PROOF && why->code != ERR_NOT_FOUND && (!k->unadopted.code || err_is_of_one_file(&k->unadopted)))
		k->unadopted = *why;
}

static void adopted(struct keeper *k, const struct adoption *a)
{
	char cid[CID_TEXT_MAX];
	struct err e = { 0 };

	if (store_good(k, &a->sha256, a->size, catalogs_last_cid(k, &a->sha256, cid) ? cid : "", &a->digests, "", &e)) {
		keeper_trouble(k, &e);
		not_adopted(k, a, &e);
	} else {
		keeper_image_changed(k, &a->sha256);
	}
}

/* After a lost database it may be the newest firmware of all. Want of room or descriptors passes. One file that cannot be read may stay so, and must
 * not keep all others waiting for good: it is left to its release's fetch, which takes of it what can be read, and judge.c to nothing that is older. */
static bool is_waited_for(const struct keeper *k, const struct err *why)
{
	return why->code && !catalogs_last_has_rows(k) && (!err_is_of_one_file(why) || k->scans < RECOVER_HOLDS);
}

static void wait_for_adoption(struct keeper *k, const struct err *why)
{
	char detail[sizeof ((struct alarm *)0)->detail];

	k->is_recovered = false;
	if (!err_is_of_one_file(why)) {
		keeper_trouble(k, why);		/* tried again when that is over */
		return;
	}
	snprintf(detail, sizeof detail, "%.150s; newer firmware may lie there, so no release becomes active before it was tried again", why->msg);
	keeper_alarm(k, "objects-unread", "images", detail, false);
	look_again_later(k);
}

static void end_adoptions(struct keeper *k)
{
	struct err why = k->unadopted;

	k->unadopted = (struct err){ 0 };
	if (is_waited_for(k, &why))
		wait_for_adoption(k, &why);
	else
		keeper_alarm_over(k, "objects-unread", "images");
	keeper_settle_all(k);
}

static void after_adopt(uv_work_t *work, int status)
{
	struct adoption *a = work->data;
	struct keeper *k = a->k;

	(void)status;
	k->adoptions--;
	list_remove(&a->node);
	if (a->rc)
		not_adopted(k, a, &a->err);
	else
		adopted(k, a);
	free(a);
	if (k->adoptions == 0)
		end_adoptions(k);
}

static int on_recover(void *arg, enum recover_what what, const struct hash32 *sha256, struct err *e)
{
	struct keeper *k = arg;
	struct adoption *a;

	if (what == RECOVER_EVICT)
		return images_set_state(k->store, sha256, IMAGE_IS_EVICTING, now_ms(k), e);
	if (what == RECOVER_RESUME)
		return ERR_OK;		/* its release wants it, and finds the part */
	a = calloc(1, sizeof *a);
	if (!a)
		return err_set(e, ERR_MEMORY, "no memory to adopt an object");
	a->k = k;
	a->sha256 = *sha256;
	a->is_of_recovery = !k->is_recovered;
	a->work.data = a;
	k->adoptions++;
	list_append(&k->adopting, &a->node);
	uv_queue_work(&k->loop, &a->work, work_adopt, after_adopt);
	return ERR_OK;
}

/* Whoever works at an image sees to its files. */
static bool is_busy(void *arg, const struct hash32 *sha256)
{
	struct keeper *k = arg;

	return fetcher_is_fetching(&k->fetcher, sha256) || bundle_import_brings(k->import, sha256) || scrubber_is_reading(&k->scrubber, sha256);
}

void keeper_tell_stuck(struct keeper *k, const char *subject, size_t n, const char *why)
{
	char detail[sizeof ((struct alarm *)0)->detail];

	snprintf(detail, sizeof detail, "%zu cannot be removed; all else goes on: %.200s", n, why);
	if (n)
		keeper_alarm(k, "files-stuck", subject, detail, false);
	else
		keeper_alarm_over(k, "files-stuck", subject);
}

/* The newest image of all may lie where we cannot look. The last run's catalog knows what was here: if all of that has its row, no database was
 * lost, and nothing without a row counts. */
static bool may_lack_rows(const struct keeper *k, const struct recover_counts *n)
{
	return n->unread.code && !catalogs_last_has_rows(k);
}

static void tell_unread(struct keeper *k, const struct recover_counts *n)
{
	char detail[sizeof ((struct alarm *)0)->detail];
	const char *what = k->is_recovered || !may_lack_rows(k, n) ? "what lies there is left alone"
		: "newer firmware may lie there, so nothing is fetched and no release becomes active until it can be read";

	snprintf(detail, sizeof detail, "%.150s; %s", n->unread.msg, what);
	if (n->unread.code)
		keeper_alarm(k, "objects-unread", "store", detail, false);
	else
		keeper_alarm_over(k, "objects-unread", "store");
}

int keeper_look_at_objects(struct keeper *k, struct recover_counts *n, struct err *e)
{
	int rc;

	if (k->adoptions)
		return ERR_OK;		/* of the last look */
	rc = recover_scan(k->store, k->blobs, now_ms(k), on_recover, is_busy, k, n, e);
	if (rc)
		return rc;
	if (n->lost)
		keeper_settle_all(k);
	keeper_tell_stuck(k, "leftovers", n->stuck, n->first_stuck.msg);
	tell_unread(k, n);
	return ERR_OK;
}

void keeper_recover(struct keeper *k)
{
	struct recover_counts n = { 0 };
	struct err e = { 0 };
	bool is_adopting = k->adoptions > 0;	/* what an earlier look found, that did not come to its end */

	if (!is_adopting && keeper_look_at_objects(k, &n, &e)) {
		keeper_trouble(k, &e);
		return;
	}
	if (is_adopting || may_lack_rows(k, &n)) {
		look_again_later(k);
		return;
	}
	k->scan_next_mono_ms = 0;
	k->is_recovered = true;
	if (k->adoptions)
		keeper_settle_all(k);		/* what waits for an image hears now whether it lies here */
	else
		end_adoptions(k);
	log_info("store", "recovered",
		 "objects=%" PRIu32 " adopt=%" PRIu32 " evict=%" PRIu32 " resume=%" PRIu32 " lost=%" PRIu32 " dropped=%" PRIu32 " stuck=%" PRIu32, n.objects,
		 n.adopt, n.evict, n.resume, n.lost, n.dropped, n.stuck);
	keeper_keep_copy(k);
}
