/* bundle_export.c: see bundle_export.h. */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/sm.h"
#include "chain/entries.h"
#include "chain/evidence.h"
#include "ipfs/bundle.h"
#include "keeper/bundle_walk.h"
#include "keeper/js.h"
#include "keeper/keeper.h"
#include "store/entries.h"
#include "store/releases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXPORT_ASKING, EXPORT_READY, EXPORT_DONE, EXPORT_FAILED };

static const struct sm_state table[] = {
	[EXPORT_ASKING] = { "asking", SM_TO(EXPORT_READY) | SM_TO(EXPORT_FAILED) },
	[EXPORT_READY] = { "ready", SM_TO(EXPORT_DONE) | SM_TO(EXPORT_FAILED) },
	[EXPORT_DONE] = { "done", 0 },
	[EXPORT_FAILED] = { "failed", 0 },
};

struct bundle_export {
	struct keeper *k;
	uint64_t id;
	struct sm sm;
	int64_t touched_ms;
	struct evidence about;		/* what is asked for; then what was proven */
	struct block_ref at[2];		/* blocks to prove at: the final one, then the newest; number 0: none */
	size_t turn;			/* of these */
	struct image_row image;
	struct cid root;
	uint8_t envelope[MANIFEST_MAX];
	size_t envelope_n;
	/* ASKING */
	size_t provider;
	struct http_call *call;
	json_t *block;			/* the present provider's; NULL: asked for first */
	char why[320];
	/* READY */
	struct bundle_walk walk;
	struct buf ready;		/* made, and not given yet: from `given` on */
	uint64_t given;			/* bytes given before `ready` begins */
	size_t last;			/* of `ready`: given already, and may be asked for once more */
	bool is_made;			/* the walk is over */
};

static void ask(struct bundle_export *x);

/* --- from answers to the beginning of the file --- */

/* Is it the very block, and the very history? */
static int check_evidence(struct bundle_export *x, struct span text, struct err *e)
{
	struct evidence ev;
	int rc = evidence_read(text, &ev, e);

	if (!rc && !hash32_eq(&ev.header.hash, &x->at[x->turn].hash))
		rc = err_set(e, ERR_PROOF, "another block %" PRIu64 " than the one that was proven", x->at[x->turn].number);
	if (!rc)
		x->about = ev;
	return rc;
}

static int check_entries(struct bundle_export *x, struct span entries, struct err *e)
{
	struct records r = { .n = 0 };
	struct span envelope;
	int rc = evidence_replay(&x->about, entries, &r, e);

	if (!rc)
		rc = evidence_envelope(&x->about, &r, &envelope, e);
	if (!rc && !span_eq(envelope, SPAN(x->envelope, x->envelope_n)))
		rc = err_set(e, ERR_PROOF, "the release has another manifest by now");
	records_free(&r);
	return rc;
}

static int make_front(struct bundle_export *x, const json_t *proof, struct err *e)
{
	AUTO(buf_free) struct buf text = BUF_INIT(BUNDLE_PROOF_MAX), entries = BUF_INIT(ENTRIES_FILE_MAX);
	int rc = evidence_put(&text, &x->about, x->block, proof, e);

	if (!rc)
		rc = check_evidence(x, buf_span(&text), e);
	if (!rc)
		rc = entryfiles_write(x->k->store, &x->about.id, &x->about.registry, x->about.words.entries, &entries, e);
	if (!rc)
		rc = check_entries(x, buf_span(&entries), e);
	if (!rc)
		rc = bundle_walk_open(&x->walk, x->k->blobs, &x->image, &x->root, e);
	if (rc)
		return rc;
	struct span bytes[BUNDLE_IMAGE] = { [BUNDLE_ENTRIES] = buf_span(&entries), [BUNDLE_ENVELOPE] = SPAN(x->envelope, x->envelope_n),
		[BUNDLE_PROOF] = buf_span(&text) };

	return bundle_put_front(&x->ready, bytes, &(struct bundle_link){ x->root, x->walk.root_bytes }, e);
}

/* --- asking --- */

static void fail(struct bundle_export *x, const char *why)
{
	snprintf(x->why, sizeof x->why, "%.300s", why);
	sm_move(&x->sm, EXPORT_FAILED);
	log_unusual("bundle", "export failed", "product=%s sequence=%" PRIu64 " why=%s", x->about.product, x->about.sequence,
		    LOG_STR(span_str(x->why)));
}

/* The next one's turn. */
static void pass_over(struct bundle_export *x, const char *why)
{
	struct conf *c = x->k->conf;
	char shown[256];

	snprintf(shown, sizeof shown, "%s", why);
	secrets_hide(&x->k->secrets, shown);
	snprintf(x->why, sizeof x->why, "no provider proves block %" PRIu64 " now; %s: %.200s", x->at[x->turn].number, c->providers[x->provider].name, shown);
	json_decref(STEAL_PTR(x->block));
	x->provider++;
	if (x->provider == c->providers_n && x->turn == 0 && x->at[1].number) {
		x->turn = 1;
		x->provider = 0;
	}
	ask(x);
}

static void on_answer(struct bundle_export *x, const struct rpc_answer *a)
{
	struct err e = { 0 };

	if (a->class != RPC_OK || json_is_null(a->result)) {
		pass_over(x, a->class != RPC_OK ? a->text : "it does not have that block");
		return;
	}
	if (!x->block) {
		x->block = json_incref((json_t *)(uintptr_t)a->result);
		ask(x);
		return;
	}
	if (make_front(x, a->result, &e)) {
		buf_reset(&x->ready);
		bundle_walk_close(&x->walk);
		pass_over(x, e.msg);
		return;
	}
	json_decref(STEAL_PTR(x->block));
	sm_move(&x->sm, EXPORT_READY);
	x->why[0] = '\0';
	x->touched_ms = clock_mono_ms(x->k->clock);
}

static void on_done(void *arg, int rc, const struct http_reply *r, const struct err *why)
{
	struct bundle_export *x = arg;
	struct rpc_exchange ex = { .net = rc, .net_text = rc ? why->msg : NULL, .status = (int)r->status, .body = r->body };
	struct rpc_reply reply;

	x->call = NULL;
	rpc_reply_read(&reply, &ex, &(uint64_t){ 1 }, 1);
	on_answer(x, &reply.answer[0]);
	rpc_reply_free(&reply);
}

static void put_question(struct bundle_export *x, struct buf *body)
{
	AUTO(buf_free) struct buf params = BUF_INIT(4 * KIB);
	struct product_slots slots = product_slots(&x->about.id);
	struct hash32 keys[] = { slots.head, slots.packed };

	if (x->block)
		rpc_put_proof(&params, &x->about.registry, keys, 2, x->at[x->turn].number);
	else
		rpc_put_block_hash(&params, &x->at[x->turn].hash);
	rpc_put_call(body, 1, x->block ? "eth_getProof" : "eth_getBlockByHash", buf_span(&params), x->block ? "" : RPC_BLOCK_MORE);
}

/* The block first, then the proof, of one provider after the other. */
static void ask(struct bundle_export *x)
{
	static const char *const lines[] = { "Content-Type: application/json", "Accept: application/json" };
	AUTO(buf_free) struct buf body = BUF_INIT(8 * KIB);
	struct conf *c = x->k->conf;
	struct http_ask h = { .method = "POST", .lines = lines, .lines_n = 2, .private_ok = true, .body_max = RPC_SMALL_BODY_MAX,
		.total_ms = BUNDLE_ASK_MS, .on_done = on_done, .arg = x };
	struct err e = { 0 };

	if (x->provider >= c->providers_n) {
		fail(x, x->why[0] ? x->why : "there is no provider to ask for a proof");
		return;
	}
	put_question(x, &body);
	h.url = c->providers[x->provider].url;
	h.body = buf_span(&body);
	if (buf_ok(&body, &e) || http_start(x->k->http, &h, &x->call, &e))
		pass_over(x, e.msg);
}

/* --- the beginning --- */

static int look(struct bundle_export *x, const struct ledger_product *p, uint64_t sequence, struct err *e)
{
	struct follower_info info = { 0 };
	struct release_row r;
	int rc = releases_get(x->k->store, &p->id, sequence, &r, e);

	if (rc)
		return rc;
	if (!r.has_facts || r.entry_order >= p->final_entries || p->proven.number == 0)
		return err_set(e, ERR_RULE, "release %" PRIu64 " of %s is not proven and final here: %.200s", sequence, p->name, r.why);
	rc = images_get(x->k->store, &r.facts.sha256, &x->image, NULL);
	if (rc || (x->image.state != IMAGE_IS_GOOD && x->image.state != IMAGE_IS_REVOKED))
		return err_set(e, ERR_RULE, "the image of release %" PRIu64 " of %s is not here, or damaged: %.200s", sequence, p->name, r.why);
	chain_info(&x->k->chain, &info);
	x->at[0] = (struct block_ref){ p->proven.number, p->proven.hash, p->proven.time };
	if (info.recent_proof.number > p->proven.number)
		x->at[1] = info.recent_proof;
	x->envelope_n = r.manifest_len;
	memcpy(x->envelope, r.manifest, r.manifest_len);
	x->about = (struct evidence){ .chain_id = x->k->conf->chain.chain_id, .registry = x->k->conf->chain.registry,
		.registrant = p->registrant, .id = p->id, .sequence = sequence };
	snprintf(x->about.product, sizeof x->about.product, "%s", p->name);
	return cid_read_text(span_str(r.facts.cid), &x->root, e);
}

void bundle_export_tidy(struct keeper *k)
{
	if (k->export && clock_mono_ms(k->clock) - k->export->touched_ms >= BUNDLE_IDLE_MS)
		bundle_export_free(STEAL_PTR(k->export));
}

static int make_place(struct keeper *k, struct err *e)
{
	bundle_export_tidy(k);
	if (k->export && k->export->sm.at < EXPORT_DONE)
		return err_set(e, ERR_BUSY, "another export is under way");
	bundle_export_free(STEAL_PTR(k->export));
	return ERR_OK;
}

int bundle_export_begin(struct keeper *k, const struct ledger_product *p, uint64_t sequence, struct err *e)
{
	struct bundle_export *x;
	int rc = make_place(k, e);

	if (rc)
		return rc;
	x = calloc(1, sizeof *x);
	if (!x)
		return err_set(e, ERR_MEMORY, "no memory for an export");
	x->k = k;
	x->id = ++k->bundles_begun;
	x->touched_ms = clock_mono_ms(k->clock);
	x->walk.fd = -1;
	/* The front, and what one piece may be short of a block. */
	x->ready = BUF_INIT(2 * (size_t)ENTRIES_FILE_MAX + 4 * BLOCK_MAX);
	sm_init(&x->sm, "export", table, EXPORT_ASKING);
	rc = look(x, p, sequence, e);
	if (rc) {
		bundle_export_free(x);
		return rc;
	}
	k->export = x;
	ask(x);
	return ERR_OK;
}

void bundle_export_free(struct bundle_export *x)
{
	if (!x)
		return;
	http_cancel(x->call);
	json_decref(x->block);
	bundle_walk_close(&x->walk);
	buf_free(&x->ready);
	free(x);
}

/* --- pieces --- */

static void drop_last(struct bundle_export *x)
{
	memmove(x->ready.p, x->ready.p + x->last, x->ready.n - x->last);
	x->ready.n -= x->last;
	x->given += x->last;
	x->last = 0;
}

static int make_more(struct bundle_export *x, struct err *e)
{
	bool more = true;
	int rc = ERR_OK;

	while (!rc && x->ready.n < BUNDLE_PIECE && !x->is_made) {
		rc = bundle_walk_next(&x->walk, &x->ready, &more, e);
		x->is_made = !more;
	}
	if (rc)
		fail(x, e->msg);
	return rc;
}

int bundle_export_piece(struct bundle_export *x, uint64_t offset, struct span *out, bool *is_last, struct err *e)
{
	int rc;

	if (x->sm.at == EXPORT_FAILED)
		return err_set(e, ERR_RULE, "this export is over: %.250s", x->why);
	if (x->sm.at == EXPORT_ASKING)
		return err_set(e, ERR_BUSY, "the proof is not here yet");
	if (offset != x->given && offset != x->given + x->last)
		return err_set(e, ERR_EXISTS, "offset: the next byte is %" PRIu64, x->given + x->last);
	if (offset != x->given)
		drop_last(x);
	rc = make_more(x, e);
	if (rc)
		return rc;
	x->touched_ms = clock_mono_ms(x->k->clock);
	*out = span_cut(buf_span(&x->ready), 0, BUNDLE_PIECE);
	x->last = out->n;
	*is_last = x->is_made && out->n == x->ready.n;
	if (*is_last && x->sm.at == EXPORT_READY)
		sm_move(&x->sm, EXPORT_DONE);
	return ERR_OK;
}

/* --- for others --- */

uint64_t bundle_export_id(const struct bundle_export *x)
{
	return x->id;
}

json_t *bundle_export_json(const struct bundle_export *x)
{
	json_t *o = json_object(), *block = json_object();

	js_set(block, "number", js_u64(x->at[x->turn].number));
	js_set(block, "hash", js_0x(SPAN_OF(x->at[x->turn].hash)));
	js_set(block, "time", js_time((int64_t)x->at[x->turn].time * 1000));
	js_set(block, "final", js_bool(x->turn == 0));
	js_set(o, "id", js_u64(x->id));
	js_set(o, "state", js_str(table[x->sm.at].name));
	js_set(o, "why", js_str(x->why));
	js_set(o, "product", js_str(x->about.product));
	js_set(o, "sequence", js_u64(x->about.sequence));
	js_set(o, "block", block);
	js_set(o, "image_size", js_u64(x->image.size));
	return o;
}
