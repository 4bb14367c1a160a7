/* bundle_apply.c: what a bundle brought, written down in one transaction (bundle_own.h): as the follower's outputs would be, so that
 * nothing behind the ledger can tell where they came from. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "keeper/bundle_own.h"
#include "store/audit.h"

#include <inttypes.h>
#include <stdio.h>

int bundle_audit(struct bundle_import *im, const char *action, const char *detail, struct err *e)
{
	struct audit_row a = { .at_ms = clock_wall_ms(im->k->clock) };

	snprintf(a.actor, sizeof a.actor, "%s", im->who);
	snprintf(a.address, sizeof a.address, "%s", im->address);
	snprintf(a.action, sizeof a.action, "%s", action);
	if (im->has_evidence)
		snprintf(a.subject, sizeof a.subject, "%s %" PRIu64, im->evidence.product, im->evidence.sequence);
	else if (im->ask.is_image)
		snprintf(a.subject, sizeof a.subject, "%s", hex_str(SPAN_OF(im->ask.sha256), (char[65]){ 0 }));
	snprintf(a.detail, sizeof a.detail, "%s", detail);
	return audit_add(im->k->store, &a, e);
}

static int take_output(struct bundle_import *im, struct follower_output *o, struct err *e)
{
	o->product = im->evidence.id;
	return ledger_take(&im->k->ledger, o, e);
}

static int take_entries(struct bundle_import *im, const struct bundle_overlap *o, struct err *e)
{
	struct follower_output undone = { .kind = FOLLOWER_UNDONE, .position = o->same };
	bool has_other = o->same < o->known && o->same < im->records.n;
	int rc = has_other ? take_output(im, &undone, e) : ERR_OK;

	for (size_t i = o->same; i < im->records.n && !rc; i++) {
		struct follower_output seen = { .kind = FOLLOWER_SEEN, .position = i + 1, .record = im->records.v[i] };

		rc = take_output(im, &seen, e);
	}
	return rc;
}

/* The operator's hash makes all of it final. An older block that proves nothing new leaves the proof as it is. */
static int take_proof(struct bundle_import *im, const struct ledger_product *p, struct err *e)
{
	const struct header *h = &im->evidence.header;
	struct follower_output proven = { .kind = FOLLOWER_PROVEN, .position = im->records.n, .block = { h->number, h->hash, h->time },
		.is_final = true, .words = im->evidence.words };

	if (!im->is_pinned || (im->records.n == p->final_entries && h->number <= p->proven.number))
		return ERR_OK;
	return take_output(im, &proven, e);
}

static int take_trust(struct bundle_import *im, struct ledger_product *p, struct err *e)
{
	struct bundle_row b = { .product = p->id, .entries = (uint32_t)im->records.n, .is_pinned = im->is_pinned,
		.number = im->evidence.header.number, .time = im->evidence.header.time, .hash = im->evidence.header.hash,
		.at_ms = clock_wall_ms(im->k->clock) };

	/* What is proven already does not come to rest on signers alone. */
	if (!im->is_pinned && b.entries <= p->final_entries)
		return ERR_OK;
	return ledger_take_bundle(&im->k->ledger, p, &b, e);
}

/* Of which chain and registry all of this is; and a block that the operator vouches for is an anchor: whoever is asked later must
 * not be behind it, nor contradict it. */
static struct mark mark_after(const struct bundle_import *im)
{
	const struct header *h = &im->evidence.header;
	struct mark m = im->k->chain.mark;

	if (im->is_pinned && (!m.has_anchor || h->number > m.anchor_number)) {
		m.has_anchor = true;
		m.anchor_number = h->number;
		m.anchor_hash = h->hash;
	}
	return m;
}

static int write_audit(struct bundle_import *im, struct err *e)
{
	char detail[256], hash[HEX32_MAX];

	snprintf(detail, sizeof detail, "%s, %zu entries, block %" PRIu64 " %s", im->is_pinned ? "bundle-pinned" : "bundle-signers",
		 im->records.n, im->evidence.header.number, hex_0x(SPAN_OF(im->evidence.header.hash), hash));
	return bundle_audit(im, "bundle.import", detail, e);
}

static int write_all(struct bundle_import *im, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(im->k->store);
	struct ledger_product *p = ledger_find(&im->k->ledger, &im->evidence.id);
	struct mark mark = mark_after(im);
	struct bundle_overlap o;
	int rc = bundle_compare(im->k, im, &o, e);

	if (!rc)
		rc = take_entries(im, &o, e);
	if (!rc)
		rc = take_proof(im, p, e);
	if (!rc)
		rc = take_trust(im, p, e);
	if (!rc)
		rc = mark_save(im->k->store, &mark, e);
	if (!rc)
		rc = write_audit(im, e);
	if (!rc)
		rc = store_commit(&tx, e);
	if (!rc)
		im->k->chain.mark = mark;
	return rc;
}

int bundle_apply(struct bundle_import *im, struct err *e)
{
	struct err again = { 0 };
	int rc;

	if (im->ask.is_image)
		return bundle_audit(im, "image.import", "", e);
	/* The chain may have gone on while the file came. */
	rc = bundle_judge(im, &(bool){ false }, e);
	if (!rc)
		rc = write_all(im, e);
	if (rc && ledger_forget_unstored(&im->k->ledger, &again))
		keeper_trouble(im->k, &again);
	if (!rc)
		chain_restart(&im->k->chain);
	return rc;
}
