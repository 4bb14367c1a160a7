/* blob_finish.c: from a full .part to an image that may be served; and the same for a file found at start.
 *
 * A sync that fails ends what was just written: the kernel may have thrown the
 * pages away, and a second fsync would say all is well. What was whole before
 * stays. */
#include "store/blob_own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Step 3. */
int blob_compare(struct blob *w, struct err *e)
{
	struct hash32 got;
	struct stat st;
	int rc;

	if (fstat(w->fd, &st) < 0)
		return err_errno(e, "an image's part");
	if ((uint64_t)st.st_size != w->size)
		return err_set(e, ERR_PROOF, "the file has %lld bytes, not the announced %llu", (long long)st.st_size,
			       (unsigned long long)w->size);
	if ((rc = blob_hasher_read(&w->hasher, w->fd, e)))
		return rc;
	got = sha256_end(&w->hasher.whole);
	blob_hasher_restart(&w->hasher);	/* its chunk digests stay; a second try begins anew */
	return hash32_eq(&got, &w->sha256) ? ERR_OK : err_set(e, ERR_PROOF, "the image's bytes have another SHA-256");
}

/* Is the object that is there already what its name says, and on the disk? Whoever wrote it may not have come to that. */
static bool is_object_good(struct blobs *b, const struct hash32 *sha256, uint64_t size)
{
	struct blob_hasher h = { 0 };
	struct hash32 got = { 0 };
	autoclose int fd = -1;
	struct stat st;
	bool is_good = false;

	if (blobs_open_object(b, sha256, &fd, NULL) || fstat(fd, &st) < 0 || (uint64_t)st.st_size != size)
		return false;
	if (blob_hasher_init(&h, size, NULL) == ERR_OK && blob_hasher_read(&h, fd, NULL) == ERR_OK) {
		got = sha256_end(&h.whole);
		is_good = hash32_eq(&got, sha256) && b->sys->fdatasync(fd) == 0;
	}
	blob_hasher_fini(&h);
	return is_good;
}

/* Step 5. */
static int take_name(struct blob *w, struct err *e)
{
	char part[BLOB_PATH_MAX], name[BLOB_PATH_MAX];
	const struct sysio *sys = w->b->sys;

	blob_file_name(&w->sha256, FILE_PART, part);
	blob_file_name(&w->sha256, FILE_OBJECT, name);
	if (sys->rename_new(w->b->fd, part, name) == 0)
		return ERR_OK;
	if (errno != EEXIST)
		return err_errno(e, "%s: rename", part);
	if (is_object_good(w->b, &w->sha256, w->size))
		return blob_file_unlink(w->b, &w->sha256, FILE_PART, e);
	return blob_file_move(w->b, &w->sha256, FILE_PART, FILE_OBJECT, e);
}

static int sync_file(const struct sysio *sys, int fd, const char *name, bool *is_sync, struct err *e)
{
	if (sys->fdatasync(fd) == 0)
		return ERR_OK;
	*is_sync = true;
	return err_errno(e, "%s: sync", name);
}

static int sync_dirs(struct blobs *b, const struct hash32 *sha256, bool *is_sync, struct err *e)
{
	struct err why = { 0 };
	int rc = blobs_sync_dirs(b, sha256, &why);

	/* Without a descriptor for it no sync was tried, and none has lost anything. */
	*is_sync = *is_sync || (rc && !err_is_shortage(&why));
	return rc ? err_tell(e, &why) : ERR_OK;
}

/* Written, not synced yet. */
static int write_sums(struct blobs *b, const struct hash32 *sha256, struct span sums, int *fd, struct err *e)
{
	int rc = blob_file_open(b, sha256, FILE_SUMS_PART, O_WRONLY | O_CREAT | O_TRUNC, fd, e);

	return rc ? rc : sysio_pwrite_all(b->sys, *fd, sums, 0, e);
}

static int keep_sums(struct blobs *b, const struct hash32 *sha256, int fd, bool *is_sync, struct err *e)
{
	char part[BLOB_PATH_MAX];
	int rc;

	blob_file_name(sha256, FILE_SUMS_PART, part);
	if ((rc = sync_file(b->sys, fd, part, is_sync, e)))
		return rc;
	/* Over an older one: these were just made from the object itself. */
	return blob_file_move(b, sha256, FILE_SUMS_PART, FILE_SUMS, e);
}

/* Cuts a torn tail, makes it durable, says its digest. An empty one is no .dag. */
static int settle_dag(struct blobs *b, int fd, const char *name, struct blob_digests *d, bool *is_sync, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(DAG_FILE_MAX);
	uint64_t end;
	int rc = blob_dag_scan(fd, &end, NULL, NULL, e);

	if (rc)
		return rc;
	if (b->sys->ftruncate(fd, (off_t)end) < 0)
		return err_errno(e, "%s: cut", name);
	if ((rc = sync_file(b->sys, fd, name, is_sync, e)))
		return rc;
	if ((rc = io_read_all(fd, &bytes, e)))
		return rc;
	d->dag = sha256_of(buf_span(&bytes));
	d->dag_bytes = bytes.n;
	return ERR_OK;
}

static int put_dag(struct blobs *b, const struct hash32 *sha256, struct blob_digests *d, bool *is_sync, struct err *e)
{
	enum blob_file from = blob_file_exists(b, sha256, FILE_DAG_PART) ? FILE_DAG_PART : FILE_DAG;
	autoclose int fd = -1;
	char old[BLOB_PATH_MAX];
	int rc = blob_file_open(b, sha256, from, O_RDWR, &fd, e);

	d->dag = sha256_of(SPAN(NULL, 0));
	d->dag_bytes = 0;
	if (rc)
		return rc == ERR_NOT_FOUND ? ERR_OK : rc;
	blob_file_name(sha256, from, old);
	if ((rc = settle_dag(b, fd, old, d, is_sync, e)))
		return rc;
	if (d->dag_bytes == 0)
		return blob_file_unlink(b, sha256, from, e);
	return from == FILE_DAG_PART ? blob_file_move(b, sha256, from, FILE_DAG, e) : ERR_OK;
}

static int keep_sides(struct blobs *b, const struct hash32 *sha256, int sums, struct blob_digests *d, bool *is_sync, struct err *e)
{
	int rc;

	if ((rc = put_dag(b, sha256, d, is_sync, e)) || (rc = keep_sums(b, sha256, sums, is_sync, e)))
		return rc;
	return sync_dirs(b, sha256, is_sync, e);
}

int blob_place_sums(struct blobs *b, const struct hash32 *sha256, struct span sums, bool *is_sync, struct err *e)
{
	autoclose int fd = -1;
	int rc = write_sums(b, sha256, sums, &fd, e);

	if (!rc)
		rc = keep_sums(b, sha256, fd, is_sync, e);
	return rc ? rc : sync_dirs(b, sha256, is_sync, e);
}

/* On their way together: then the first sync, which brings the file system's journal up to date, does it for all, and the others need none
 * of their own. It promises nothing, and takes no error away from the syncs. */
static void push(const struct blob *w, int sums)
{
	const int fds[] = { sums, w->dag.fd, w->fd };

	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			(void)sync_file_range(fds[i], 0, 0, SYNC_FILE_RANGE_WRITE);
}

/* Steps 4 and 5. The directories are synced once, when all names are there: until the row says "ready" nobody relies on any of them. */
static int place_object(struct blob *w, bool *is_sync, struct err *e)
{
	char name[BLOB_PATH_MAX];
	int rc;

	if (w->is_placed)
		return ERR_OK;
	blob_file_name(&w->sha256, FILE_PART, name);
	if ((rc = sync_file(w->b->sys, w->fd, name, is_sync, e)) || (rc = take_name(w, e)))
		return rc;
	w->is_placed = true;
	return ERR_OK;
}

static int place_all(struct blob *w, struct blob_digests *out, bool *is_sync, struct err *e)
{
	struct span sums = blob_hasher_sums(&w->hasher);
	struct blob_digests d = { .dag_bytes = 0 };
	autoclose int fd = -1;
	int rc = w->is_placed ? ERR_OK : blob_compare(w, e);

	if (rc || (rc = write_sums(w->b, &w->sha256, sums, &fd, e)))
		return rc;
	push(w, fd);
	if ((rc = place_object(w, is_sync, e)) || (rc = keep_sides(w->b, &w->sha256, fd, &d, is_sync, e)))
		return rc;
	d.sums = sha256_of(sums);
	*out = d;
	return ERR_OK;
}

void blob_keep_part(struct blob *w)
{
	w->keeps_part = true;
}

/* An object that was whole before this fetch is durable: what was to come beside it is all that is lost. */
static int sync_failed(struct blob *w, struct err *why)
{
	if (!w->is_whole)
		return blobs_sync_failed(w->b, &w->sha256, why);
	blobs_count_sync_failure(w->b);
	err_drop(blobs_remove_part(w->b, &w->sha256, NULL));
	return (int)why->code;
}

int blob_finish(struct blob *w, struct blob_digests *out, struct err *e)
{
	struct err why = { 0 };
	bool is_sync = false;
	int rc = place_all(w, out, &is_sync, &why);

	/* A record that no longer is what was added ends the file there: what follows it is gone. */
	if (rc == ERR_OK && w->dag.fd >= 0 && out->dag_bytes != w->dag.end)
		rc = err_set(&why, ERR_CORRUPT, "the disk has changed the blocks beside the image");
	if (is_sync)
		rc = sync_failed(w, &why);
	else if (rc == ERR_PROOF && !w->keeps_part)
		err_drop(blobs_remove_part(w->b, &w->sha256, NULL));
	return rc ? err_tell(e, &why) : ERR_OK;
}

/* Blocks that cannot be read now stay as they lie, and the image is taken without: it is whole, and may be all that devices can have. */
static int adopt_dag(struct blobs *b, const struct hash32 *sha256, struct blob_digests *d, bool *is_sync, struct err *e)
{
	struct err why = { 0 };
	int rc = put_dag(b, sha256, d, is_sync, &why);

	if (rc && (*is_sync || !err_is_of_one_file(&why))) {
		*e = why;
		return rc;
	}
	if (rc)
		*d = (struct blob_digests){ .dag = sha256_of(SPAN(NULL, 0)) };
	return ERR_OK;
}

static int adopt(struct blobs *b, const struct hash32 *sha256, int fd, struct blob_hasher *h, struct blob_digests *out,
		 bool *is_sync, struct err *e)
{
	struct blob_digests d = { .dag_bytes = 0 };
	struct hash32 got;
	int rc = blob_hasher_read(h, fd, e);

	if (rc)
		return rc;
	got = sha256_end(&h->whole);
	if (!hash32_eq(&got, sha256))
		return err_set(e, ERR_PROOF, "a file is not the image that its name says");
	/* Whoever wrote it may not have come to this. */
	if ((rc = sync_file(b->sys, fd, "an image", is_sync, e)) || (rc = adopt_dag(b, sha256, &d, is_sync, e)) ||
	    (rc = blob_place_sums(b, sha256, blob_hasher_sums(h), is_sync, e)))
		return rc;
	d.sums = sha256_of(blob_hasher_sums(h));
	*out = d;
	return ERR_OK;
}

/* The bytes are right, and may have been on the disk for long: they stay. The next try reads what the disk has kept, not what memory remembers. */
static void doubt(struct blobs *b, const struct hash32 *sha256)
{
	char name[BLOB_PATH_MAX];

	blobs_count_sync_failure(b);
	io_forget_pages(b->fd, blobs_path(sha256, name));
}

static int open_orphan(struct blobs *b, const struct hash32 *sha256, int *fd, uint64_t *size, struct err *e)
{
	struct stat st;
	int rc = blobs_open_object(b, sha256, fd, e);

	if (rc)
		return rc;
	if (fstat(*fd, &st) < 0)
		return err_errno(e, "an image");
	if (st.st_size <= 0 || st.st_size > IMAGE_MAX)
		return err_set(e, ERR_PROOF, "a file of %lld bytes is no image", (long long)st.st_size);
	*size = (uint64_t)st.st_size;
	return ERR_OK;
}

int blobs_adopt(struct blobs *b, const struct hash32 *sha256, uint64_t *size, struct blob_digests *out, struct err *e)
{
	struct blob_hasher h = { 0 };
	struct err why = { 0 };
	autoclose int fd = -1;
	uint64_t n = 0;
	bool is_sync = false;
	int rc;

	if (blobs_is_read_only(b))
		return err_set(e, ERR_READ_ONLY, "nothing more is written to this disk, nor removed from it");
	rc = open_orphan(b, sha256, &fd, &n, &why);
	if (rc == ERR_OK)
		rc = blob_hasher_init(&h, n, &why);
	if (rc == ERR_OK)
		rc = adopt(b, sha256, fd, &h, out, &is_sync, &why);
	blob_hasher_fini(&h);
	if (is_sync)
		doubt(b, sha256);
	else if (rc == ERR_PROOF)
		err_drop(blobs_remove(b, sha256, NULL));
	if (rc)
		return err_tell(e, &why);
	*size = n;
	return ERR_OK;
}
