/* bundle_image.c: an import's image: into the same part file as a fetched one, by the same checks (bundle_own.h). */
#include "base/cleanup.h"
#include "formats/dagbuild.h"
#include "formats/sniff.h"
#include "keeper/bundle_own.h"
#include "store/releases.h"

#include <stdio.h>

/* --- where the plan's bytes go --- */

static int io_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	struct bundle_import *im = arg;

	return blob_write(im->blob, offset, bytes, e);
}

static int io_keep(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	struct bundle_import *im = arg;

	(void)what;
	return kept_put(&im->kept, im->blob, cid, block, e);
}

static int io_load(void *arg, const struct cid *cid, struct buf *out, struct err *e)
{
	struct bundle_import *im = arg;
	struct span block;
	int rc = kept_find(&im->kept, cid, &block, e);

	if (rc)
		return rc;
	buf_add(out, block);
	return buf_ok(out, e);
}

static int io_read(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	struct bundle_import *im = arg;

	return blob_read(im->blob, offset, out, n, e);
}

/* --- begin --- */

/* A fetch that waits for its next try ends; it is asked for again when the import is over. */
static int unwant(void *arg, const struct release_row *r, struct err *e)
{
	struct keeper *k = arg;
	const struct ledger_product *p = ledger_find(&k->ledger, &r->product);
	struct ledger_want w = { .sha256 = r->facts.sha256, .size = r->facts.size, .cid = r->facts.cid, .version = r->facts.version,
		.sequence = r->sequence, .is_urgent = r->facts.urgent };

	(void)e;
	if (!p)
		return ERR_OK;
	w.product = p->name;
	fetcher_unwant(&k->fetcher, &w);
	return ERR_OK;
}

/* What a repair needs is counted already. */
static int make_place(struct keeper *k, const struct fetch_target *t, struct err *e)
{
	struct fetcher_owner o = keeper_fetcher_owner(k);
	struct fetch_place place = { .has_room = false };
	int rc = o.look(k, &t->sha256, &place, e);

	return rc || place.has_room ? rc : o.make_room(k, t->size, e);
}

static int take_place(struct bundle_import *im, const struct cid *root, struct err *e)
{
	struct keeper *k = im->k;
	const struct fetch_target *t = &im->fetched.target;
	int rc;

	if (fetcher_is_fetching(&k->fetcher, &t->sha256))
		return err_set(e, ERR_BUSY, "the image is being fetched right now");
	rc = releases_each_of_image(k->store, &t->sha256, unwant, k, e);
	if (!rc)
		rc = make_place(k, t, e);
	if (rc)
		return rc;
	rc = blob_start(k->blobs, &t->sha256, t->size, &im->blob, NULL, e);
	im->is_repair = rc == ERR_EXISTS;
	if (im->is_repair)
		rc = blob_repair(k->blobs, &t->sha256, t->size, &im->blob, e);
	if (!rc && (rc = kept_load(&im->kept, im->blob, root, e)))
		blob_free(STEAL_PTR(im->blob));		/* what a fetch has left there is not this import's to take away */
	return rc;
}

int bundle_image_begin(struct bundle_import *im, struct err *e)
{
	struct plan_io io = { io_write, io_keep, io_load, io_read, im };
	struct cid root;
	int rc = cid_read_text(span_str(im->fetched.target.cid), &root, e);

	kept_init(&im->kept);
	if (!rc)
		rc = take_place(im, &root, e);
	if (!rc && !im->ask.is_image)
		rc = plan_new(&root, im->fetched.target.size, &io, &im->plan, e);
	return rc;
}

/* --- end --- */

/* A plain file's bytes, read to be cut into blocks as publishers do. */
struct cutting {
	struct bundle_import *im;
	uint64_t at;
	bool keeps;
};

static int cut_read(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	struct cutting *c = arg;
	uint64_t left = c->im->fetched.target.size - c->at;
	int rc;

	*n = left < cap ? (size_t)left : cap;
	rc = *n ? blob_read(c->im->blob, c->at, out, *n, e) : ERR_OK;
	c->at += *n;
	return rc;
}

static int cut_keep(void *arg, const struct dag_block *b, struct err *e)
{
	struct cutting *c = arg;

	return b->is_leaf || !c->keeps ? ERR_OK : io_keep(c->im, PLAN_INNER, &b->cid, b->bytes, e);
}

/* Does this profile give the manifest's CID? Then its inner blocks are kept, and the image can be served as blocks too. */
static bool fits_profile(struct bundle_import *im, const struct dag_profile *profile, const struct cid *root)
{
	struct cutting c = { .im = im };
	const struct dag_io io = { cut_read, cut_keep, &c };
	struct dag_built built;

	if (dag_build(profile, &io, &built, NULL) || !cid_same_block(&built.root, root))
		return false;
	c = (struct cutting){ .im = im, .keeps = true };
	return dag_build(profile, &io, &built, NULL) == ERR_OK;
}

/* A file by itself says nothing of its CID: without one that fits, none is told of it. */
static void find_cid(struct bundle_import *im)
{
	static const char *const names[] = { "unixfs-v1-2025", "unixfs-v0-2015" };
	struct cid root;

	if (cid_read_text(span_str(im->fetched.target.cid), &root, NULL))
		return;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (fits_profile(im, dag_profile_find(span_str(names[i])), &root))
			return;
	im->fetched.target.cid[0] = '\0';
}

/* What the image repeats is copied here, off the loop. */
static int settle(struct bundle_import *im)
{
	enum plan_verdict v = PLAN_TAKEN;
	bool more = im->plan && !plan_is_done(im->plan);

	while (more && v == PLAN_TAKEN)
		v = plan_settle(im->plan, FETCH_STEP_BYTES, &more, &im->work_err);
	if (v >= PLAN_LIE)
		return (int)im->work_err.code;
	return !im->plan || plan_is_done(im->plan) ? ERR_OK : err_set(&im->work_err, ERR_FORMAT, "bundle: image.bin is not whole");
}

void bundle_image_finish(struct bundle_import *im)
{
	uint8_t head[SNIFF_BYTES];
	size_t n = im->fetched.target.size < sizeof head ? (size_t)im->fetched.target.size : sizeof head;

	im->work_rc = settle(im);
	if (im->work_rc)
		return;
	if (im->ask.is_image)
		find_cid(im);
	if (blob_read(im->blob, 0, head, n, NULL) == ERR_OK)
		snprintf(im->fetched.format, sizeof im->fetched.format, "%s", sniff(SPAN(head, n)));
	im->work_rc = blob_finish(im->blob, &im->fetched.digests, &im->work_err);
}

void bundle_image_end(struct bundle_import *im, bool is_bad)
{
	plan_free(im->plan);
	if (is_bad && !im->is_repair)
		blob_discard(im->blob);
	else
		blob_free(im->blob);
	kept_fini(&im->kept);
	im->plan = NULL;
	im->blob = NULL;
}
