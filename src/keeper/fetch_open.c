/* fetch_open.c: where a fetch's bytes go: its part on disk, the blocks kept beside it, and the plan over both. */
#include "keeper/fetch_own.h"

/* --- where the plan's bytes go --- */

static int io_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	struct fetch *f = arg;

	return blob_write(f->blob, offset, bytes, e);
}

static int io_keep(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	struct fetch *f = arg;
	uint8_t name[CID_BYTES_MAX];
	struct span known;
	int rc;

	(void)what;
	if (kept_find(&f->kept, cid, &known, NULL) == ERR_OK)
		return ERR_OK;
	rc = blob_add_block(f->blob, SPAN(name, cid_write(cid, name)), block, e);
	return rc ? rc : kept_add(&f->kept, cid, block, e);
}

static int io_load(void *arg, const struct cid *cid, struct buf *out, struct err *e)
{
	struct fetch *f = arg;
	struct span block;
	int rc = kept_find(&f->kept, cid, &block, e);

	if (rc)
		return rc;
	buf_add(out, block);
	return buf_ok(out, e);
}

static int io_read(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	struct fetch *f = arg;

	return blob_read(f->blob, offset, out, n, e);
}

/* --- opening and restoring --- */

static int open_blob(struct fetch *f, struct err *e)
{
	int rc = f->owner->owner.make_room(f->owner->owner.arg, f->target.size, e);

	if (rc)
		return rc;
	rc = blob_start(f->owner->blobs, &f->target.sha256, f->target.size, &f->blob, NULL, e);
	if (rc == ERR_EXISTS)
		rc = blob_repair(f->owner->blobs, &f->target.sha256, f->target.size, &f->blob, e);
	return rc;
}

void fetch_open(struct fetch *f)
{
	struct plan_io io = { io_write, io_keep, io_load, io_read, f };
	struct err e = { 0 };
	int rc = open_blob(f, &e);

	if (!rc)
		rc = kept_load(&f->kept, f->blob, &e);
	if (rc) {
		fetch_fail(f, FETCH_WAITING, e.msg);
		return;
	}
	rc = plan_new(&f->root, f->target.size, &io, &f->plan, &e);
	if (rc)
		fetch_fail(f, rc == ERR_MEMORY ? FETCH_WAITING : FETCH_WRONG, e.msg);
	else
		fetch_enter(f, FETCH_RESTORING);
}
