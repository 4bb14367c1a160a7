/* settle.c: ledger_settle: one product judged anew from its entries.
 *
 *	entries ──walk──► history (signatures, continuity, revocations)
 *	                     │ + images, decisions, channels
 *	                     ▼
 *	                  judge ──► states, wants, the product's row, floors */
#include "base/cleanup.h"
#include "base/log.h"
#include "keeper/ledger.h"
#include "store/audit.h"
#include "store/entries.h"
#include "store/releases.h"

#include <inttypes.h>
#include <stdio.h>

#define ACCEPTED_MAX 32		/* acceptances that can matter: older ones were superseded by later sets */
#define FOUND "entry found"	/* why of a release that was never judged */

/* What is remembered of a release besides what is judged. */
struct noted {
	char detail[RELEASE_WHY_MAX];
	char cid[CID_TEXT_MAX];
	struct hash32 sha256;
	uint64_t size;
	enum release_state before;
	bool is_new, needs_repair, is_leaving;
};

struct settling {
	struct ledger *l;
	struct ledger_product *p;
	struct product_row row;
	struct history history;
	struct noted *noted;
	struct judge_release *judged;
	size_t n;
};

static void settling_end(struct settling *s)
{
	history_fini(&s->history);
	free(s->noted);
	free(s->judged);
}

/* --- the walk over the entries --- */

static struct record record_of(const struct entry_row *en)
{
	struct record r = { .block = en->block, .block_hash = en->block_hash, .tx = en->tx,
		.log_index = en->log_index, .topics_n = en->topics, .data = en->data };

	memcpy(r.topics, en->topic, en->topics * sizeof *r.topics);
	return r;
}

static void fill_facts(const struct history *h, const struct history_release *hr, struct release_facts *f)
{
	const struct suit_manifest *m = &hr->manifest;
	const struct suit_signers *set = &h->set[hr->set].signers;

	snprintf(f->version, sizeof f->version, "%s", m->version);
	snprintf(f->channel, sizeof f->channel, "%s", m->channel);
	snprintf(f->cid, sizeof f->cid, "%s", m->cid);
	f->sha256 = m->image_sha256;
	f->size = m->image_size;
	f->from_sequence = m->from_sequence;
	f->urgent = m->urgent;
	f->hardware_n = (uint8_t)m->hardware_n;
	memcpy(f->hardware, m->hardware, sizeof f->hardware);
	f->description_len = (uint16_t)m->description.n;
	if (m->description.n)
		memcpy(f->description, m->description.p, m->description.n);
	for (size_t i = 0; i < set->n; i++)
		if (hr->who & UINT32_C(1) << i)
			f->signer[f->signers++] = set->signer[i].thumbprint;
}

/* The row as the entry says it. false: the store has it already. */
static bool row_differs(const struct release_row *known, const struct release_row *now)
{
	return known->block != now->block || !hash32_eq(&known->tx, &now->tx) || known->entry_order != now->entry_order ||
	       known->has_facts != now->has_facts || known->manifest_len != now->manifest_len ||
	       memcmp(known->manifest, now->manifest, now->manifest_len) != 0;
}

static int put_release(struct settling *s, const struct entry_row *en, const struct entry *entry, struct err *e)
{
	const struct history_release *hr = &s->history.release[s->history.releases - 1];
	struct release_row now = { .product = s->p->id, .sequence = hr->sequence, .entry_order = en->order, .block = en->block,
		.tx = en->tx, .published_at = entry->time, .manifest_len = (uint16_t)entry->release.manifest.n,
		.has_facts = hr->has_manifest, .state = RELEASE_SEEN, .why = FOUND };
	struct release_row known;
	int rc;

	memcpy(now.manifest, entry->release.manifest.p, entry->release.manifest.n);
	if (hr->has_manifest)
		fill_facts(&s->history, hr, &now.facts);
	rc = releases_get(s->l->store, &s->p->id, hr->sequence, &known, e);
	if (rc && rc != ERR_NOT_FOUND)
		return rc;
	if (rc == ERR_OK && !row_differs(&known, &now))
		return ERR_OK;
	return releases_put(s->l->store, &now, clock_wall_ms(s->l->clock), e);
}

static void note_signers(struct product_signers *to, const struct entry *entry)
{
	*to = (struct product_signers){ .threshold = entry->signers.threshold, .n = entry->signers.n };
	for (size_t i = 0; i < entry->signers.n; i++) {
		to->key_len[i] = (uint8_t)entry->signers.keys[i].n;
		memcpy(to->key[i], entry->signers.keys[i].p, entry->signers.keys[i].n);
	}
}

static int add_entry(struct settling *s, const struct entry_row *en, const struct entry *entry, struct err *e)
{
	bool is_final = en->order < s->row.final_entries;
	int rc;

	switch (entry->kind) {
	case ENTRY_SIGNERS:
		note_signers(&s->row.signers, entry);
		return history_signers(&s->history, entry->signers.threshold, entry->signers.keys, entry->signers.n, e);
	case ENTRY_RELEASE:
		s->row.sequence = entry->release.sequence;
		rc = history_publish(&s->history, entry->release.sequence, entry->release.manifest, is_final, e);
		return rc ? rc : put_release(s, en, entry, e);
	case ENTRY_REVOKED:
		return history_revoke(&s->history, entry->revoked.sequence, entry->revoked.reason, is_final, e);
	case ENTRY_FLOOR:
		s->row.floor = entry->floor.floor;
		return history_raise_floor(&s->history, entry->floor.floor, entry->floor.reason, is_final, e);
	case ENTRY_REGISTERED:
		s->row.owner = entry->registered.registrant;
		return ERR_OK;
	case ENTRY_OWNER:
		s->row.owner = entry->owner.to;
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

static int on_entry(void *arg, const struct entry_row *en, struct err *e)
{
	struct settling *s = arg;
	struct record r = record_of(en);
	struct entry entry;
	int rc = entry_decode(&r, &entry, e);

	if (rc)
		return err_wrap(e, "entry %" PRIu32 " of %s", en->order, s->p->name);
	record_extend(&s->row.head, &r);
	s->row.last_block = en->block;
	return add_entry(s, en, &entry, e);
}

static int walk(struct settling *s, struct err *e)
{
	static const struct hash32 zero;

	s->row.head = zero;
	s->row.sequence = s->row.floor = s->row.last_block = 0;
	return entries_each(s->l->store, &s->p->id, 0, on_entry, s, e);
}

/* --- what the gateway knows besides --- */

static bool was_here(const struct release_row *r)
{
	return r->times_ms[RELEASE_READY] || r->times_ms[RELEASE_ACTIVE] || r->times_ms[RELEASE_SUPERSEDED] || r->times_ms[RELEASE_EVICTED];
}

static enum image_at missing(const struct release_row *r, enum image_at otherwise)
{
	return r->image_is_wrong ? IMAGE_WRONG : r->retry_at_ms ? IMAGE_FAILED : otherwise;
}

/* Bytes that are not here yet have no size but what the releases claim, and those may lie about each other's images. */
static bool is_verified(const struct image_row *i)
{
	return i->state != IMAGE_IS_WANTED && i->state != IMAGE_IS_FETCHING;
}

/* A damaged image still serves its good chunks: it counts as here, and is asked for again. */
static enum image_at place_of(struct ledger *l, const struct release_row *r, const struct image_row *i)
{
	if (r->image_is_wrong || (is_verified(i) && i->size != r->facts.size))
		return IMAGE_WRONG;
	if (i->state == IMAGE_IS_EVICTING)
		return IMAGE_EVICTED;
	if (is_verified(i))
		return IMAGE_GOOD;
	return l->owner.is_fetching(l->owner.arg, &r->facts.sha256) ? IMAGE_FETCHING : missing(r, IMAGE_NONE);
}

static int look_at_image(struct ledger *l, const struct release_row *r, enum image_at *at, struct noted *n, struct err *e)
{
	struct image_row image;
	int rc = images_get(l->store, &r->facts.sha256, &image, e);

	if (rc == ERR_NOT_FOUND)
		*at = missing(r, was_here(r) ? IMAGE_EVICTED : IMAGE_NONE);
	if (rc)
		return rc == ERR_NOT_FOUND ? ERR_OK : rc;
	n->needs_repair = image.state == IMAGE_IS_DAMAGED;
	n->is_leaving = image.state == IMAGE_IS_EVICTING;
	*at = place_of(l, r, &image);
	if (*at == IMAGE_WRONG && !n->detail[0])
		snprintf(n->detail, sizeof n->detail, "it has %" PRIu64 " bytes, the manifest says %" PRIu64, image.size, r->facts.size);
	return ERR_OK;
}

static int look_at_release(struct settling *s, size_t i, struct err *e)
{
	struct noted *n = &s->noted[i];
	struct judge_release *j = &s->judged[i];
	struct release_row r;
	int rc = releases_get(s->l->store, &s->p->id, i + 1, &r, e);

	if (rc)
		return rc;
	*n = (struct noted){ .sha256 = r.facts.sha256, .size = r.facts.size, .before = r.state, .is_new = !strcmp(r.why, FOUND) };
	snprintf(n->detail, sizeof n->detail, "%s", r.fetch_detail);
	snprintf(n->cid, sizeof n->cid, "%s", r.facts.cid);
	*j = (struct judge_release){ .h = &s->history.release[i], .image_detail = n->detail,
		.is_channel_followed = r.has_facts && ledger_follows_channel(s->p->follow, r.facts.channel),
		.is_approved = r.decision == RELEASE_APPROVED, .is_held = r.decision == RELEASE_HELD_BY_OPERATOR,
		.was_active = r.times_ms[RELEASE_ACTIVE] != 0 };
	return r.has_facts ? look_at_image(s->l, &r, &j->image, n, e) : ERR_OK;
}

static int look(struct settling *s, struct err *e)
{
	int rc = ERR_OK;

	s->n = s->history.releases;
	s->noted = calloc(s->n ? s->n : 1, sizeof *s->noted);
	s->judged = calloc(s->n ? s->n : 1, sizeof *s->judged);
	if (!s->noted || !s->judged)
		return err_set(e, ERR_MEMORY, "no memory to judge %zu releases", s->n);
	for (size_t i = 0; i < s->n && !rc; i++)
		rc = look_at_release(s, i, e);
	return rc;
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

/* Is any release that names the image not revoked? */
static int count_unrevoked(void *arg, const struct release_row *r, struct err *e)
{
	(void)e;
	if (r->state != RELEASE_REVOKED)
		++*(unsigned *)arg;
	return ERR_OK;
}

static int write_image_state(struct settling *s, size_t i, struct err *e)
{
	int64_t now = clock_wall_ms(s->l->clock);
	const struct hash32 *sha256 = &s->noted[i].sha256;
	struct image_row image;
	unsigned unrevoked = 0;
	int rc;

	if (s->judged[i].image != IMAGE_GOOD)
		return ERR_OK;
	if (s->noted[i].is_leaving)
		return images_set_state(s->l->store, sha256, IMAGE_IS_GOOD, now, e);
	rc = images_get(s->l->store, sha256, &image, e);
	if (!rc)
		rc = releases_each_of_image(s->l->store, sha256, count_unrevoked, &unrevoked, e);
	if (rc || (image.state == IMAGE_IS_REVOKED) == (unrevoked == 0))
		return rc;
	return images_set_state(s->l->store, sha256, unrevoked ? IMAGE_IS_GOOD : IMAGE_IS_REVOKED, now, e);
}

static int write_verdicts(struct settling *s, struct err *e)
{
	int rc = products_put(s->l->store, &s->row, e);

	for (size_t i = 0; i < s->n && !rc; i++)
		rc = write_state(s, i, e);
	for (size_t i = 0; i < s->n && !rc; i++)
		rc = write_image_state(s, i, e);
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
		if (s->history.release[i].is_revoked && i + 1 >= item.floor)
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
	struct ledger_want w = { .sha256 = n->sha256, .size = n->size, .cid = n->cid, .product = s->p->name, .sequence = i + 1,
		.is_urgent = j->h->manifest.urgent };

	if (j->is_wanted && (j->image != IMAGE_GOOD || n->needs_repair))
		s->l->owner.on_want(s->l->owner.arg, &w);
	else
		s->l->owner.on_unwanted(s->l->owner.arg, &w);
}

static void tell(struct settling *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->noted[i].before != s->judged[i].state || s->noted[i].is_new)
			tell_change(s, i);
		if (s->judged[i].h->has_manifest)
			tell_want(s, i);
	}
}

/* --- one product, then all --- */

static int begin(struct settling *s, const struct hash32 *accepted, size_t accepted_n, struct err *e)
{
	const struct ledger_follow *f = s->p->follow;
	struct span name = span_str(s->p->name);
	size_t slash = (size_t)(strchr(s->p->name, '/') - s->p->name);
	struct history_rules rules = { .vendor = span_cut(name, 0, slash), .model = span_cut(name, slash + 1, name.n),
		.pinned = f->pinned, .pinned_n = f->pinned_n, .accepted = accepted, .accepted_n = accepted_n,
		.image_max = f->image_max };

	history_init(&s->history, &rules);
	return products_get(s->l->store, &s->p->id, &s->row, e);
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
	struct judge_product jp = { .needs_approval = s->p->follow->needs_approval, .keep = s->p->follow->keep };
	int rc = walk(s, e);

	if (!rc)
		rc = look(s, e);
	if (rc)
		return rc;
	jp.is_frozen = is_behind_floor(s);
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
	p->judged = p->proven;
	tell(&s);
	return ERR_OK;
}

int ledger_current_set(struct ledger *l, struct ledger_product *p, struct hash32 *set_id, struct err *e)
{
	AUTO(settling_end) struct settling s = { .l = l, .p = p };
	int rc = begin(&s, NULL, 0, e);

	if (!rc)
		rc = walk(&s, e);
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
