/* settle_walk.c: a product's entries, walked from the first: history, registry state, publications. */
#include "keeper/settle_own.h"
#include "store/entries.h"

#include <inttypes.h>
#include <stdio.h>

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
		.has_facts = hr->has_manifest, .state = RELEASE_SEEN, .why = SETTLE_FOUND };
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
	/* What pinned signers vouch for counts as if it were final; the follower still sees it as provisional. */
	bool is_final = en->order < s->row.final_entries || en->order < s->p->bundle.entries;
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

int settle_walk(struct settling *s, struct err *e)
{
	static const struct hash32 zero;

	s->row.head = zero;
	s->row.sequence = s->row.floor = s->row.last_block = 0;
	/* A reorg can take the registration itself back. */
	s->row.owner = (struct addr20){ .b = { 0 } };
	s->row.signers = (struct product_signers){ .threshold = 0 };
	return entries_each(s->l->store, &s->p->id, 0, on_entry, s, e);
}
