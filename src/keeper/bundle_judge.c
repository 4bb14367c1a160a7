/* bundle_judge.c: does a bundle count here, and by whose word (bundle_own.h)?
 *
 * Its evidence agrees with itself (chain/evidence); what is missing is somebody who vouches for it: the operator, with the
 * hash of its block, or the product's pinned signers. RPC answers are not signed. */
#include "base/hex.h"
#include "contracts/registry_gen.h"
#include "formats/suit.h"
#include "keeper/bundle_own.h"
#include "store/entries.h"
#include "store/releases.h"

#include <inttypes.h>
#include <stdio.h>

#define ACCEPTED_MAX 32

/* --- is it about us? --- */

static int check_chain(const struct keeper *k, const struct evidence *ev, struct err *e)
{
	const struct conf_chain *c = &k->conf->chain;
	struct hash32 known = { REGISTRY_CODE_HASH };
	char theirs[HEX32_MAX], ours[HEX32_MAX];

	if (ev->chain_id != c->chain_id)
		return err_set(e, ERR_RULE, "the bundle is of chain %" PRIu64 ", this gateway follows chain %" PRIu64, ev->chain_id, c->chain_id);
	if (!addr20_eq(&ev->registry, &c->registry))
		return err_set(e, ERR_RULE, "the bundle is of registry %s, this gateway follows %s",
			       hex_0x(SPAN_OF(ev->registry), theirs), hex_0x(SPAN_OF(c->registry), ours));
	if (!hash32_eq(&ev->code_hash, hash32_is_zero(&c->code_hash) ? &known : &c->code_hash))
		return err_set(e, ERR_RULE, "the bundle's registry has code that is not known here (code-hash %s)",
			       hex_0x(SPAN_OF(ev->code_hash), theirs));
	return ERR_OK;
}

/* A wildcard's product may be new here. */
static int find_product(struct keeper *k, const struct evidence *ev, struct ledger_product **out, struct err *e)
{
	struct follower_output found = { .kind = FOLLOWER_PRODUCT, .product = ev->id, .name = ev->product, .registrant = ev->registrant };
	char registrant[HEX32_MAX];
	int rc = ledger_find(&k->ledger, &ev->id) ? ERR_OK : ledger_take(&k->ledger, &found, e);

	if (rc)
		return rc;
	*out = ledger_find(&k->ledger, &ev->id);
	if (!*out)
		return err_set(e, ERR_RULE, "the bundle is of %s of registrant %s, which this gateway does not follow", ev->product,
			       hex_0x(SPAN_OF(ev->registrant), registrant));
	return ERR_OK;
}

/* --- does it fit what is known? --- */

struct comparing {
	const struct records *theirs;
	struct bundle_overlap *out;
	bool differs;
};

static int compare_one(void *arg, const struct entry_row *en, struct err *e)
{
	struct comparing *c = arg;
	struct record ours = { .topics_n = en->topics, .data = en->data };
	struct hash32 a, b;

	(void)e;
	memcpy(ours.topics, en->topic, en->topics * sizeof *ours.topics);
	c->out->known++;
	if (c->differs || en->order >= c->theirs->n || c->theirs->v[en->order].block != en->block) {
		c->differs = true;
		return ERR_OK;
	}
	a = record_digest(&ours);
	b = record_digest(&c->theirs->v[en->order]);
	c->differs = !hash32_eq(&a, &b);
	c->out->same += !c->differs;
	return ERR_OK;
}

int bundle_compare(struct keeper *k, const struct bundle_import *im, struct bundle_overlap *out, struct err *e)
{
	struct comparing c = { &im->records, out, false };
	const struct ledger_product *p = ledger_find(&k->ledger, &im->evidence.id);

	*out = (struct bundle_overlap){ .final = p ? p->final_entries : 0 };
	return entries_each(k->store, &im->evidence.id, 0, compare_one, &c, e);
}

/* "An older bundle cannot roll back": also after the database was lost. */
static int check_floor(struct keeper *k, const struct evidence *ev, struct err *e)
{
	const struct floor_item *f = floor_get(k->floors, &ev->id);

	if (f && f->proven > ev->words.sequence)
		return err_set(e, ERR_RULE, "the bundle is older than what this gateway had: its history ends with release %" PRIu64
			       ", release %" PRIu64 " was there", ev->words.sequence, f->proven);
	return ERR_OK;
}

static int check_final(const struct ledger_product *p, const struct bundle_import *im, const struct bundle_overlap *o, struct err *e)
{
	if (o->same >= o->final && (im->records.n == o->final || im->evidence.header.number >= p->proven.number))
		return ERR_OK;
	if (o->same == im->records.n)
		return err_set(e, ERR_RULE, "the bundle is older than what this gateway has: %zu entries of %s, %" PRIu32 " are proven here",
			       im->records.n, p->name, o->final);
	return err_set(e, ERR_RULE, "the bundle contradicts the history of %s that was proven here at block %" PRIu64, p->name, p->proven.number);
}

/* Signers do not sign a history: theirs may go on with what is here, and change nothing of it. */
static int check_provisional(const struct ledger_product *p, const struct bundle_import *im, const struct bundle_overlap *o, struct err *e)
{
	if (o->same == o->known)
		return ERR_OK;
	if (o->same == im->records.n)
		return err_set(e, ERR_RULE, "the bundle is older than what this gateway has: %zu entries of %s, %" PRIu32 " are here",
			       im->records.n, p->name, o->known);
	return err_set(e, ERR_RULE, "the bundle contradicts entry %" PRIu32 " of %s that is here already: only --block-hash can decide between them",
		       o->same, p->name);
}

/* --- whose word? --- */

static int check_block(const struct bundle_import *im, struct err *e)
{
	char said[HEX32_MAX], has[HEX32_MAX];

	if (hash32_eq(&im->ask.block_hash, &im->evidence.header.hash))
		return ERR_OK;
	return err_set(e, ERR_RULE, "the bundle's block %" PRIu64 " has hash %s, not %s as given with --block-hash", im->evidence.header.number,
		       hex_0x(SPAN_OF(im->evidence.header.hash), has), hex_0x(SPAN_OF(im->ask.block_hash), said));
}

static int add_entry(struct history *h, const struct record *r, struct err *e)
{
	struct entry entry;
	int rc = entry_decode(r, &entry, e);

	if (rc)
		return rc;
	switch (entry.kind) {
	case ENTRY_SIGNERS:
		return history_signers(h, entry.signers.threshold, entry.signers.keys, entry.signers.n, e);
	case ENTRY_RELEASE:
		return history_publish(h, entry.release.sequence, entry.release.manifest, true, e);
	case ENTRY_REVOKED:
		return history_revoke(h, entry.revoked.sequence, entry.revoked.reason, true, e);
	case ENTRY_FLOOR:
		return history_raise_floor(h, entry.floor.floor, entry.floor.reason, true, e);
	default:
		return ERR_OK;
	}
}

static int walk(const struct bundle_import *im, const struct ledger_product *p, struct history *h, struct err *e)
{
	int rc = ERR_OK;

	for (size_t i = 0; i < im->records.n && !rc; i++)
		rc = add_entry(h, &im->records.v[i], e);
	return rc ? err_wrap(e, "the history of %s", p->name), rc : ERR_OK;
}

/* The release that the bundle brings must be one that counts by the product's rules: its pinned keys, threshold, continuity. */
static int check_signers(struct keeper *k, const struct bundle_import *im, const struct ledger_product *p, const struct history_release *r, struct err *e)
{
	uint64_t n = im->evidence.sequence;
	const struct floor_item *f = floor_get(k->floors, &p->id);

	if (p->follow->pinned_n == 0)
		return err_set(e, ERR_RULE, "nobody vouches for the bundle: RPC answers are not signed; pin `signers` for %s, or give the hash of block %" PRIu64
			       " with --block-hash", p->name, im->evidence.header.number);
	if (r->verdict != HISTORY_GOOD)
		return err_set(e, ERR_RULE, "release %" PRIu64 " of %s is not signed as its pinned signers must: %s", n, p->name, r->why);
	if (r->is_revoked || (f && f->floor > n) || floor_is_revoked(k->floors, &p->id, n))
		return err_set(e, ERR_RULE, "release %" PRIu64 " of %s is revoked%s%s", n, p->name, r->is_revoked ? ": " : "", r->is_revoked ? r->why : "");
	return ERR_OK;
}

/* --- its image --- */

static int name_image(struct bundle_import *im, const struct history_release *r, bool *wants, struct err *e)
{
	struct fetch_target *t = &im->fetched.target;
	struct image_row row;
	struct cid cid;
	int rc;

	*t = (struct fetch_target){ .sha256 = r->manifest.image_sha256, .size = r->manifest.image_size };
	snprintf(t->cid, sizeof t->cid, "%s", r->manifest.cid);
	rc = cid_read_text(span_str(t->cid), &cid, e);
	if (!rc && !cid_eq(&cid, &im->reader.part[BUNDLE_IMAGE]))
		rc = err_set(e, ERR_RULE, "the bundle's image.bin is not the image that the manifest names, %s", t->cid);
	if (rc)
		return rc;
	*wants = images_get(im->k->store, &t->sha256, &row, NULL) || row.state == IMAGE_IS_WANTED || row.state == IMAGE_IS_FETCHING ||
		 row.state == IMAGE_IS_DAMAGED;
	return ERR_OK;
}

static bool is_of_use(const struct ledger_product *p, const struct history_release *r)
{
	return r->verdict == HISTORY_GOOD && !r->is_revoked && ledger_follows_channel(p->follow, r->manifest.channel);
}

/* --- all of it --- */

static int judge_history(struct bundle_import *im, struct ledger_product *p, struct history *h, bool *wants_image, struct err *e)
{
	struct history_release *r;
	struct bundle_overlap o;
	int rc = walk(im, p, h, e);

	if (!rc)
		rc = bundle_compare(im->k, im, &o, e);
	if (!rc)
		rc = check_floor(im->k, &im->evidence, e);
	if (!rc)
		rc = check_final(p, im, &o, e);
	if (rc)
		return rc;
	r = history_find(h, im->evidence.sequence);
	if (!r)
		return err_set(e, ERR_RULE, "the bundle is for release %" PRIu64 ", which its history does not have", im->evidence.sequence);
	im->is_pinned = im->ask.has_block_hash;
	rc = im->is_pinned ? check_block(im, e) : check_signers(im->k, im, p, r, e);
	if (!rc && !im->is_pinned)
		rc = check_provisional(p, im, &o, e);
	return rc || !is_of_use(p, r) ? rc : name_image(im, r, wants_image, e);
}

int bundle_judge(struct bundle_import *im, bool *wants_image, struct err *e)
{
	struct keeper *k = im->k;
	struct ledger_product *p = NULL;
	struct hash32 accepted[ACCEPTED_MAX];
	struct history h;
	size_t accepted_n = 0;
	int rc = check_chain(k, &im->evidence, e);

	*wants_image = false;
	if (!rc)
		rc = find_product(k, &im->evidence, &p, e);
	if (!rc)
		rc = products_accepted_sets(k->store, &p->id, accepted, ACCEPTED_MAX, &accepted_n, e);
	if (rc)
		return rc;
	const char *slash = strchr(p->name, '/');
	struct history_rules rules = { .vendor = SPAN(p->name, (size_t)(slash - p->name)), .model = span_str(slash + 1),
		.pinned = p->follow->pinned, .pinned_n = p->follow->pinned_n, .accepted = accepted, .accepted_n = accepted_n,
		.image_max = p->follow->image_max, .verified = &k->ledger.verified };

	history_init(&h, &rules);
	rc = judge_history(im, p, &h, wants_image, e);
	history_fini(&h);
	return rc;
}
