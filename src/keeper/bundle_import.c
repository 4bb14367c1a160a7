/* bundle_import.c: see bundle_import.h. */
#include "base/cleanup.h"
#include "base/log.h"
#include "keeper/bundle_own.h"
#include "keeper/js.h"
#include "store/releases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct sm_state table[IMPORT_STATES] = {
	[IMPORT_TAKING] = { "taking", SM_TO(IMPORT_FINISHING) | SM_TO(IMPORT_DONE) | SM_TO(IMPORT_REFUSED) },
	[IMPORT_FINISHING] = { "finishing", SM_TO(IMPORT_DONE) | SM_TO(IMPORT_REFUSED) },
	[IMPORT_DONE] = { "done", 0 },
	[IMPORT_REFUSED] = { "refused", 0 },
};

/* --- the end --- */

static void let_go(struct bundle_import *im, bool is_bad)
{
	bundle_image_end(im, is_bad);
	bundle_close(&im->reader);
	bundle_open(&im->reader);	/* closed ones may be closed again */
	records_free(&im->records);
}

static void refuse(struct bundle_import *im, const struct err *why)
{
	struct err e = { 0 };

	snprintf(im->why, sizeof im->why, "%s", why->msg);
	sm_move(&im->sm, IMPORT_REFUSED);
	let_go(im, true);
	log_unusual("bundle", "import refused", "who=%s why=%s", LOG_STR(span_str(im->who)), LOG_STR(span_str(im->why)));
	if (bundle_audit(im, im->ask.is_image ? "image.refuse" : "bundle.refuse", im->why, &e))
		keeper_trouble(im->k, &e);
	keeper_settle_all(im->k);	/* its image is free for others again */
}

/* What the release is now that everything was judged. */
static void tell_done(struct bundle_import *im)
{
	struct release_row r;
	const struct evidence *ev = &im->evidence;

	if (im->ask.is_image || releases_get(im->k->store, &ev->id, ev->sequence, &r, NULL))
		return;
	snprintf(im->why, sizeof im->why, "%s: %.280s", release_state_name(r.state), r.why);
}

static void finish(struct bundle_import *im)
{
	struct keeper *k = im->k;
	bool has_image = im->blob != NULL;
	struct err e = { 0 };

	if (bundle_apply(im, &e)) {
		refuse(im, &e);
		return;
	}
	sm_move(&im->sm, IMPORT_DONE);
	let_go(im, false);
	if (has_image)
		keeper_fetcher_owner(k).on_good(k, &im->fetched);
	keeper_settle(k);
	tell_done(im);
	log_info("bundle", "imported", "who=%s product=%s sequence=%" PRIu64 " why=%s", LOG_STR(span_str(im->who)),
		 im->has_evidence ? im->evidence.product : "-", im->has_evidence ? im->evidence.sequence : 0, LOG_STR(span_str(im->why)));
}

/* [worker] */
static void on_work(uv_work_t *work)
{
	bundle_image_finish(work->data);
}

static void after_work(uv_work_t *work, int status)
{
	struct bundle_import *im = work->data;

	(void)status;
	im->is_working = false;
	if (!keeper_is_serving(im->k))
		return;		/* we are ending: what is on disk is found at the next start */
	if (im->work_rc)
		refuse(im, &im->work_err);
	else
		finish(im);
}

static int end_of_file(struct bundle_import *im, struct err *e)
{
	int rc = im->ask.is_image ? ERR_OK : bundle_end(&im->reader, e);

	if (rc)
		return rc;
	if (!im->blob) {
		finish(im);
		return im->sm.at == IMPORT_REFUSED ? err_set(e, ERR_RULE, "%s", im->why) : ERR_OK;
	}
	sm_move(&im->sm, IMPORT_FINISHING);
	im->is_working = true;
	im->work.data = im;
	uv_queue_work(&im->k->loop, &im->work, on_work, after_work);
	return ERR_OK;
}

/* --- bytes --- */

static int check_envelope(struct bundle_import *im, struct err *e)
{
	struct span envelope;
	int rc = evidence_envelope(&im->evidence, &im->records, &envelope, e);

	if (!rc && !span_eq(envelope, buf_span(&im->reader.bytes[BUNDLE_ENVELOPE])))
		rc = err_set(e, ERR_PROOF, "envelope.suit is not the manifest that the history has for release %" PRIu64, im->evidence.sequence);
	return rc;
}

/* Everything that proves is here: does it count? */
static int on_front(struct bundle_import *im, struct err *e)
{
	bool wants_image = false;
	int rc = evidence_read(buf_span(&im->reader.bytes[BUNDLE_PROOF]), &im->evidence, e);

	im->has_evidence = !rc;
	if (!rc)
		rc = evidence_replay(&im->evidence, buf_span(&im->reader.bytes[BUNDLE_ENTRIES]), &im->records, e);
	buf_free(&im->reader.bytes[BUNDLE_ENTRIES]);
	if (!rc)
		rc = check_envelope(im, e);
	if (!rc)
		rc = bundle_judge(im, &wants_image, e);
	if (!rc && wants_image)
		rc = bundle_image_begin(im, e);
	if (!rc)
		bundle_take_image(&im->reader, im->plan);
	return rc;
}

static int take_bundle(struct bundle_import *im, struct span bytes, struct err *e)
{
	enum bundle_event event;
	int rc = ERR_OK;

	while (bytes.n > 0 && !rc) {
		rc = bundle_next(&im->reader, &bytes, &event, e);
		if (!rc && event == BUNDLE_FRONT)
			rc = on_front(im, e);
	}
	return rc;
}

static int take(struct bundle_import *im, struct span bytes, struct err *e)
{
	int rc = im->ask.is_image ? blob_write(im->blob, im->taken, bytes, e) : take_bundle(im, bytes, e);

	im->taken += bytes.n;
	im->touched_ms = clock_mono_ms(im->k->clock);
	return rc || im->taken < im->ask.size ? rc : end_of_file(im, e);
}

int bundle_import_bytes(struct bundle_import *im, uint64_t offset, struct span bytes, struct err *e)
{
	int rc;

	if (im->sm.at != IMPORT_TAKING)
		return err_set(e, ERR_RULE, "this import is over%s%s", im->why[0] ? ": " : "", im->why);
	if (offset != im->taken)
		return err_set(e, ERR_EXISTS, "offset: the next byte is %" PRIu64, im->taken);
	if (bytes.n == 0 || bytes.n > im->ask.size - im->taken)
		rc = err_set(e, ERR_LIMIT, "the file was said to have %" PRIu64 " bytes", im->ask.size);
	else
		rc = take(im, bytes, e);
	if (rc && im->sm.at != IMPORT_REFUSED)
		refuse(im, e);
	return rc;
}

/* --- the beginning --- */

/* A release whose manifest names the image, and that would be fetched. */
struct naming {
	struct bundle_import *im;
	bool is_found;
};

static int note_release(void *arg, const struct release_row *r, struct err *e)
{
	struct naming *n = arg;
	struct fetch_target *t = &n->im->fetched.target;

	(void)e;
	if (r->state == RELEASE_REJECTED || r->state == RELEASE_REVOKED || r->facts.size != n->im->ask.size)
		return ERR_OK;
	n->is_found = true;
	*t = (struct fetch_target){ .sha256 = r->facts.sha256, .size = r->facts.size };
	snprintf(t->cid, sizeof t->cid, "%s", r->facts.cid);
	return ERR_OK;
}

static int begin_image(struct bundle_import *im, struct err *e)
{
	struct naming n = { .im = im };
	struct image_row row;
	int rc = releases_each_of_image(im->k->store, &im->ask.sha256, note_release, &n, e);

	if (!rc && !n.is_found)
		rc = err_set(e, ERR_NOT_FOUND, "no known manifest names an image of this SHA-256 and size");
	if (!rc && images_get(im->k->store, &im->ask.sha256, &row, NULL) == ERR_OK && row.state == IMAGE_IS_GOOD)
		rc = err_set(e, ERR_EXISTS, "the image is here already");
	return rc ? rc : bundle_image_begin(im, e);
}

static int check_size(const struct bundle_ask *ask, struct err *e)
{
	uint64_t most = ask->is_image ? IMAGE_MAX : BUNDLE_FILE_MAX;

	if (ask->size == 0 || ask->size > most)
		return err_set(e, ERR_LIMIT, "size: 1 to %" PRIu64 " bytes", most);
	return ERR_OK;
}

static bool is_over(const struct bundle_import *im)
{
	return im->sm.at == IMPORT_DONE || im->sm.at == IMPORT_REFUSED;
}

/* The place of the one before, if it is over or nobody sends any more. */
static int make_place(struct keeper *k, struct err *e)
{
	struct bundle_import *im = k->import;

	if (!im)
		return ERR_OK;
	bundle_import_tidy(im);
	if (!is_over(im))
		return err_set(e, ERR_BUSY, "another import is under way");
	bundle_import_free(STEAL_PTR(k->import));
	return ERR_OK;
}

int bundle_import_begin(struct keeper *k, const struct bundle_ask *ask, struct err *e)
{
	struct bundle_import *im;
	int rc = check_size(ask, e);

	if (!rc)
		rc = make_place(k, e);
	if (rc)
		return rc;
	im = calloc(1, sizeof *im);
	if (!im)
		return err_set(e, ERR_MEMORY, "no memory for an import");
	im->k = k;
	im->id = ++k->bundles_begun;
	im->ask = *ask;
	im->touched_ms = clock_mono_ms(k->clock);
	snprintf(im->who, sizeof im->who, "%s", ask->who);
	snprintf(im->address, sizeof im->address, "%.*s", (int)ask->address.n, (const char *)ask->address.p);
	sm_init(&im->sm, "import", table, IMPORT_TAKING);
	bundle_open(&im->reader);
	kept_init(&im->kept);
	rc = ask->is_image ? begin_image(im, e) : ERR_OK;
	if (rc)
		bundle_import_free(im);
	else
		k->import = im;
	return rc;
}

bool bundle_import_give_up(struct bundle_import *im, const char *why)
{
	struct err e = { 0 };

	if (im->sm.at == IMPORT_TAKING) {
		err_drop(err_set(&e, ERR_RULE, "%s", why));
		refuse(im, &e);
	}
	return im->sm.at == IMPORT_REFUSED;
}

void bundle_import_tidy(struct bundle_import *im)
{
	if (im && im->sm.at == IMPORT_TAKING && clock_mono_ms(im->k->clock) - im->touched_ms >= BUNDLE_IDLE_MS)
		(void)bundle_import_give_up(im, "given up: nothing came any more");
}

void bundle_import_free(struct bundle_import *im)
{
	if (!im)
		return;
	let_go(im, !is_over(im));
	bundle_close(&im->reader);
	free(im);
}

/* --- for others --- */

bool bundle_import_brings(const struct bundle_import *im, const struct hash32 *sha256)
{
	return im && im->blob && hash32_eq(&im->fetched.target.sha256, sha256);
}

uint64_t bundle_import_id(const struct bundle_import *im)
{
	return im->id;
}

static void add_evidence(json_t *o, const struct bundle_import *im)
{
	const struct evidence *ev = &im->evidence;
	json_t *block = json_object();

	js_set(block, "number", js_u64(ev->header.number));
	js_set(block, "hash", js_0x(SPAN_OF(ev->header.hash)));
	js_set(block, "time", js_time((int64_t)ev->header.time * 1000));
	js_set(o, "product", js_str(ev->product));
	js_set(o, "sequence", js_u64(ev->sequence));
	js_set(o, "entries", js_u64(ev->words.entries));
	js_set(o, "block", block);
}

json_t *bundle_import_json(const struct bundle_import *im)
{
	json_t *o = json_object();

	js_set(o, "id", js_u64(im->id));
	js_set(o, "kind", js_str(im->ask.is_image ? "image" : "bundle"));
	js_set(o, "state", js_str(table[im->sm.at].name));
	js_set(o, "why", js_str(im->why));
	js_set(o, "offset", js_u64(im->taken));
	js_set(o, "size", js_u64(im->ask.size));
	js_set(o, "piece", js_u64(BUNDLE_PIECE));
	js_set(o, "trust", im->sm.at != IMPORT_DONE || im->ask.is_image ? json_null() : js_str(im->is_pinned ? "bundle-pinned" : "bundle-signers"));
	if (im->has_evidence) {
		add_evidence(o, im);
		return o;
	}
	for (size_t i = 0; i < 4; i++)
		js_set(o, (const char *const[]){ "product", "sequence", "entries", "block" }[i], json_null());
	return o;
}
