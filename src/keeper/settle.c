/* settle.c: ledger_settle: one product judged anew from its entries.
 *
 *	entries ──walk──► history (signatures, continuity, revocations)
 *	                     │ + images, decisions, channels
 *	                     ▼
 *	                  judge ──► states, wants, the product's row, floors */
#include "base/cleanup.h"
#include "base/log.h"
#include "keeper/settle_own.h"
#include "store/audit.h"

#include <inttypes.h>
#include <stdio.h>

#define ACCEPTED_MAX 32		/* acceptances that can matter: older ones were superseded by later sets */

static void settling_end(struct settling *s)
{
	history_fini(&s->history);
	free(s->noted);
	free(s->judged);
}

/* The newest release under the anchor. */
static uint64_t final_sequence(const struct settling *s)
{
	for (size_t i = s->n; i-- > 0;)
		if (s->history.release[i].is_final)
			return i + 1;
	return 0;
}

/* "Old firmware is never shown as new, also after the database is lost": what was once proven must be there again
 * before anything new becomes active. */
static bool is_behind_floor(const struct settling *s)
{
	const struct floor_item *f = floor_get(s->l->floors, &s->p->id);

	return f && f->proven > final_sequence(s);
}

/* A lost database's word, and ours. */
static uint64_t was_active(const struct settling *s)
{
	const struct floor_item *f = floor_get(s->l->floors, &s->p->id);

	return f ? f->active : 0;
}

/* After the database was lost images come back in any order: the first of them is not the newest. */
static bool is_recovering(const struct ledger *l)
{
	return l->owner.is_recovering && l->owner.is_recovering(l->owner.arg);
}

/* --- writing the verdicts down --- */

static int audit_change(struct settling *s, size_t i, struct err *e)
{
	struct audit_row a = { .at_ms = clock_wall_ms(s->l->clock), .actor = "gatepost", .action = "release.state" };

	snprintf(a.subject, sizeof a.subject, "%s %zu", s->p->name, i + 1);
	snprintf(a.detail, sizeof a.detail, "%s: %.400s", release_state_name(s->judged[i].state), s->judged[i].why);
	return audit_add(s->l->store, &a, e);
}

static void tell_change(struct settling *s, size_t i)
{
	const struct judge_release *j = &s->judged[i];
	struct ledger_change c = { .product = s->p, .sequence = i + 1, .from = s->noted[i].before, .to = j->state,
		.is_new = s->noted[i].is_new,
		.version = j->h->has_manifest ? j->h->manifest.version : "", .why = j->why };

	log_info("ledger", "release", "product=%s sequence=%zu version=%s state=%s why=%s", s->p->name, i + 1,
		 LOG_STR(span_str(c.version)), release_state_name(j->state), LOG_STR(span_str(j->why)));
	if (s->l->owner.on_change)
		s->l->owner.on_change(s->l->owner.arg, &c);
}

static int write_state(struct settling *s, size_t i, struct err *e)
{
	struct judge_release *j = &s->judged[i];
	bool changed = false;
	int rc = releases_set_state(s->l->store, &s->p->id, i + 1, j->state, j->why, clock_wall_ms(s->l->clock), &changed, e);

	if (rc || s->noted[i].before == j->state)
		return rc;
	return audit_change(s, i, e);
}

/* Some are never left in `ready`, nor become `active`. When the image is gone it must still be known that it was here: what was evicted and is
 * taken for new would be fetched by itself, push out others, and be pushed out, without end. */
static int note_ready(struct settling *s, size_t i, struct err *e)
{
	const struct judge_release *j = &s->judged[i];

	if (s->noted[i].was_here || j->image != IMAGE_GOOD || (j->state != RELEASE_SUPERSEDED && j->state != RELEASE_HELD))
		return ERR_OK;
	return releases_note_time(s->l->store, &s->p->id, i + 1, RELEASE_READY, clock_wall_ms(s->l->clock), e);
}

static int write_image_state(struct settling *s, size_t i, struct err *e)
{
	int64_t now = clock_wall_ms(s->l->clock);
	const struct hash32 *sha256 = &s->noted[i].sha256;
	struct image_row image;
	bool is_needed = false;
	int rc;

	if (s->judged[i].image != IMAGE_GOOD)
		return ERR_OK;
	if (s->noted[i].is_leaving)
		return images_set_state(s->l->store, sha256, IMAGE_IS_GOOD, now, e);
	rc = images_get(s->l->store, sha256, &image, e);
	if (!rc)
		rc = releases_need_image(s->l->store, sha256, &is_needed, e);
	if (rc || (image.state == IMAGE_IS_REVOKED) == !is_needed)
		return rc;
	return images_set_state(s->l->store, sha256, is_needed ? IMAGE_IS_GOOD : IMAGE_IS_REVOKED, now, e);
}

/* What is here and may be shown is mended, also when nobody would fetch it anew: a device may ask for it any time. */
static bool may_be_repaired(const struct judge_release *j)
{
	return j->image == IMAGE_GOOD &&
	       (j->state == RELEASE_ACTIVE || j->state == RELEASE_SUPERSEDED || j->state == RELEASE_READY || j->state == RELEASE_HELD);
}

static bool is_missing(const struct settling *s, size_t i)
{
	const struct judge_release *j = &s->judged[i];

	return (j->is_wanted && j->image != IMAGE_GOOD) || (s->noted[i].needs_repair && may_be_repaired(j));
}

static int write_want(struct settling *s, size_t i, struct err *e)
{
	const struct noted *n = &s->noted[i];
	int rc = is_missing(s, i) ? images_want(s->l->store, &n->sha256, n->size, n->cid, clock_wall_ms(s->l->clock), e) : ERR_OK;

	/* Known with another size, which may be the lie: the fetch finds out. */
	return rc == ERR_RULE ? ERR_OK : rc;
}

static int write_verdicts(struct settling *s, struct err *e)
{
	/* A start judges all products, thousands: what is as stored costs no write. */
	int rc = memcmp(&s->row, &s->was, sizeof s->row) ? products_put(s->l->store, &s->row, e) : ERR_OK;

	for (size_t i = 0; i < s->n && !rc; i++)
		rc = write_state(s, i, e);
	for (size_t i = 0; i < s->n && !rc; i++)
		rc = note_ready(s, i, e);
	for (size_t i = 0; i < s->n && !rc; i++)
		rc = write_image_state(s, i, e);
	for (size_t i = 0; i < s->n && !rc; i++)
		rc = write_want(s, i, e);
	return rc;
}

/* --- floors and wants --- */

static int note_floor(struct settling *s, struct err *e)
{
	autofree uint64_t *revoked = calloc(s->n ? s->n : 1, sizeof *revoked);
	int rc;
	struct floor_item item = { .product = s->p->id, .registrant = s->row.registrant,
		.floor = s->history.floor, .proven = final_sequence(s), .revoked = revoked };

	if (!revoked)
		return err_set(e, ERR_MEMORY, "no memory for the floor");
	snprintf(item.name, sizeof item.name, "%s", s->p->name);
	for (size_t i = 0; i < s->n; i++) {
		if (s->history.release[i].is_revoked)
			revoked[item.revoked_n++] = i + 1;
		if (s->judged[i].state == RELEASE_ACTIVE)
			item.active = i + 1;
	}
	rc = floor_note(s->l->floors, &item, e);
	if (rc != ERR_LIMIT)
		return rc;
	/* Only what a lost database would make us forget: no reason to keep this product, or others, from being judged. */
	if (alarms_raise(s->l->alarms, "floor-full", s->p->name, e ? e->msg : "", false, clock_wall_ms(s->l->clock)))
		log_broken("ledger", "the floor files are full", "product=%s", s->p->name);
	return ERR_OK;
}

static void tell_want(struct settling *s, size_t i)
{
	const struct noted *n = &s->noted[i];
	const struct judge_release *j = &s->judged[i];
	struct ledger_want w = { .sha256 = n->sha256, .size = n->size, .cid = n->cid, .product = s->p->name, .version = j->h->manifest.version,
		.sequence = i + 1, .is_urgent = j->h->manifest.urgent };

	if (is_missing(s, i))
		s->l->owner.on_want(s->l->owner.arg, &w);
	else
		s->l->owner.on_unwanted(s->l->owner.arg, &w);
}

/* Nobody else would: the release is not there any more, or has another image. */
static void tell_undone(struct settling *s)
{
	for (const struct ledger_undone *u = s->p->undone; u; u = u->next) {
		struct ledger_want w = { .sha256 = u->sha256, .product = s->p->name, .sequence = u->sequence };

		if (u->sequence > s->n || !hash32_eq(&s->noted[u->sequence - 1].sha256, &u->sha256))
			s->l->owner.on_unwanted(s->l->owner.arg, &w);
	}
	ledger_forget_undone(s->p);
}

static void tell(struct settling *s)
{
	tell_undone(s);
	for (size_t i = 0; i < s->n; i++)
		if (s->noted[i].before != s->judged[i].state || s->noted[i].is_new)
			tell_change(s, i);
	/* The newest first: some of them are begun at once. */
	for (size_t i = s->n; i-- > 0;)
		if (s->judged[i].h->has_manifest)
			tell_want(s, i);
}

/* --- one product, then all --- */

static int begin(struct settling *s, const struct hash32 *accepted, size_t accepted_n, struct err *e)
{
	const struct ledger_follow *f = s->p->follow;
	struct span name = span_str(s->p->name);
	size_t slash = (size_t)(strchr(s->p->name, '/') - s->p->name);
	struct history_rules rules = { .vendor = span_cut(name, 0, slash), .model = span_cut(name, slash + 1, name.n),
		.pinned = f->pinned, .pinned_n = f->pinned_n, .accepted = accepted, .accepted_n = accepted_n,
		.image_max = f->image_max, .verified = &s->l->verified };
	int rc;

	history_init(&s->history, &rules);
	rc = products_get(s->l->store, &s->p->id, &s->row, e);
	s->was = s->row;
	return rc;
}

/* An image that was to leave and is needed after all (a newer release was revoked) is still on disk. */
static bool stop_evictions(struct settling *s)
{
	bool any = false;

	for (size_t i = 0; i < s->n; i++) {
		if (!s->noted[i].is_leaving || !s->judged[i].is_wanted)
			continue;
		s->judged[i].image = IMAGE_GOOD;
		any = true;
	}
	return any;
}

static int judge(struct settling *s, struct err *e)
{
	struct judge_product jp = { .needs_approval = s->p->follow->needs_approval, .keep = s->p->follow->keep, .active = was_active(s) };
	int rc = settle_walk(s, e);

	if (!rc)
		rc = settle_look(s, e);
	if (rc)
		return rc;
	jp.is_frozen = is_behind_floor(s) || is_recovering(s->l);
	judge_releases(&jp, s->judged, s->n);
	if (stop_evictions(s))
		judge_releases(&jp, s->judged, s->n);
	return write_verdicts(s, e);
}

static int settle_one(struct ledger *l, struct ledger_product *p, struct err *e)
{
	AUTO(settling_end) struct settling s = { .l = l, .p = p };
	AUTO(store_tx_end) struct store_tx tx = store_begin(l->store);
	struct hash32 accepted[ACCEPTED_MAX];
	size_t accepted_n = 0;
	int rc = products_accepted_sets(l->store, &p->id, accepted, ACCEPTED_MAX, &accepted_n, e);

	if (!rc)
		rc = begin(&s, accepted, accepted_n, e);
	if (!rc)
		rc = judge(&s, e);
	if (!rc)
		rc = note_floor(&s, e);
	if (!rc)
		rc = store_commit(&tx, e);
	if (rc)
		return err_wrap(e, "judging %s", p->name);
	p->is_marked = false;
	p->has_releases = s.n > 0;
	p->final_sequence = final_sequence(&s);
	p->judged = p->proven;
	tell(&s);
	return ERR_OK;
}

int ledger_current_set(struct ledger *l, struct ledger_product *p, struct hash32 *set_id, struct err *e)
{
	AUTO(settling_end) struct settling s = { .l = l, .p = p };
	int rc = begin(&s, NULL, 0, e);

	if (!rc)
		rc = settle_walk(&s, e);
	if (!rc && !history_current(&s.history))
		rc = err_set(e, ERR_NOT_FOUND, "%s has no signers yet", p->name);
	if (!rc)
		*set_id = history_current(&s.history)->id;
	return rc;
}

int ledger_settle(struct ledger *l, struct err *e)
{
	struct err failed = { 0 };
	int rc = ERR_OK;

	for (size_t i = 0; i < l->products; i++) {
		if (!l->product[i]->is_marked)
			continue;
		l->is_untold = true;
		if (settle_one(l, l->product[i], rc ? NULL : &failed))
			rc = rc ? rc : (int)failed.code;
	}
	/* Durable before devices are told: a lost database must not let an older release pass for new. */
	if (floor_is_dirty(l->floors) && floor_save(l->floors, rc ? NULL : &failed))
		return err_set(e, failed.code, "%s", failed.msg);
	if (l->is_untold) {
		l->is_untold = false;
		l->owner.on_settled(l->owner.arg);
	}
	return rc ? err_set(e, failed.code, "%s", failed.msg) : ERR_OK;
}
