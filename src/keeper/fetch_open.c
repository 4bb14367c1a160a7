/* fetch_open.c: where a fetch's bytes go: its part on disk, the blocks kept beside it, and the plan over both. */
#include "keeper/fetch_own.h"
#include "formats/dagbuild.h"

/* --- where the plan's bytes go --- */

static int io_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	struct fetch *f = arg;
	int rc = blob_write(f->blob, offset, bytes, e);

	f->is_doubted |= f->is_for_blocks && rc;	/* nothing is written there: its bytes differ, or cannot be read */
	f->is_unlike |= rc == ERR_PROOF;
	return fetch_note_disk(f, rc, e);
}

static int io_keep(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	struct fetch *f = arg;

	(void)what;
	return fetch_note_disk(f, kept_put(&f->kept, f->blob, cid, block, e), e);
}

static int io_load(void *arg, const struct cid *cid, struct buf *out, struct err *e)
{
	struct fetch *f = arg;
	struct span block;
	int rc = kept_find(&f->kept, cid, &block, e);

	if (!rc)
		buf_add(out, block);
	return rc ? rc : buf_ok(out, e);
}

static int io_read(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	struct fetch *f = arg;

	/* What cannot be read is what is not there: it is fetched, and written over. */
	return blob_read(f->blob, offset, out, n, e);
}

/* --- opening and restoring --- */

static int open_blob(struct fetch *f, struct err *e)
{
	const struct fetcher_owner *o = &f->owner->owner;
	struct fetch_place place = { .is_whole = false };
	int rc = o->look ? o->look(o->arg, &f->target.sha256, &place, e) : ERR_OK;

	if (!rc && !place.has_room)
		rc = o->make_room(o->arg, f->target.size, e);
	if (rc)
		return rc;
	f->is_for_blocks = place.is_whole;
	f->was_whole = place.was_whole;
	if (place.is_whole)
		return blob_complete(f->owner->blobs, &f->target.sha256, f->target.size, &f->blob, e);
	rc = blob_start(f->owner->blobs, &f->target.sha256, f->target.size, &f->blob, NULL, e);
	f->was_whole |= rc == ERR_EXISTS;
	if (rc == ERR_EXISTS)
		rc = blob_repair(f->owner->blobs, &f->target.sha256, f->target.size, &f->blob, e);
	return fetch_note_disk(f, rc, e);
}

void fetch_open(struct fetch *f)
{
	struct plan_io io = { io_write, io_keep, io_load, io_read, f };
	struct err e = { 0 };
	int rc = open_blob(f, &e);

	f->has_bytes = false;
	if (rc) {
		fetch_fail(f, FETCH_WAITING, e.msg);
		return;
	}
	rc = plan_new(&f->root, f->target.size, &io, &f->plan, &e);
	if (rc == ERR_OK)
		fetch_enter(f, FETCH_RESTORING);
	else if (rc == ERR_FORMAT || rc == ERR_RULE || rc == ERR_LIMIT)
		fetch_fail(f, FETCH_WRONG, e.msg);
	else
		fetch_not_stored(f, e.msg);
}

/* What still cannot be read after the keeper has looked at the disk is of no use, and would be in the way of what is fetched in its place. */
int fetch_load_kept(struct fetch *f, struct err *e)
{
	int rc = kept_load(&f->kept, f->blob, &f->root, e);

	if (!rc || !f->told_io || !err_is_of_one_file(e))
		return fetch_note_disk(f, rc, e);
	kept_fini(&f->kept);
	return fetch_note_disk(f, blob_drop_blocks(f->blob, e), e);
}

/* --- a plain file's DAG --- */

/* The image that is in the part, and its inner blocks on their way to be kept. */
struct guess {
	struct fetch *f;
	uint64_t at;
	bool keeps;
};

static int read_part(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	struct guess *g = arg;
	uint64_t left = g->f->target.size - g->at;
	int rc;

	*n = left < cap ? (size_t)left : cap;
	rc = *n ? blob_read(g->f->blob, g->at, out, *n, e) : ERR_OK;
	g->at += *n;
	return rc;
}

static int keep_inner(void *arg, const struct dag_block *b, struct err *e)
{
	struct guess *g = arg;

	return b->is_leaf || !g->keeps ? ERR_OK : io_keep(g->f, PLAN_INNER, &b->cid, b->bytes, e);
}

/* Twice: nothing is kept of a DAG that turns out to be another one. */
static bool try_profile(struct fetch *f, const struct dag_profile *profile)
{
	struct guess g = { .f = f };
	const struct dag_io io = { read_part, keep_inner, &g };
	struct dag_built built;

	if (dag_build(profile, &io, &built, NULL) || !cid_same_block(&built.root, &f->root))
		return false;
	g = (struct guess){ .f = f, .keeps = true };
	return dag_build(profile, &io, &built, NULL) == ERR_OK;
}

bool fetch_guess_dag(struct fetch *f)
{
	static const char *const names[] = { "unixfs-v1-2025", "unixfs-v0-2015" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (try_profile(f, dag_profile_find(span_str(names[i]))))
			return true;
	return false;
}
