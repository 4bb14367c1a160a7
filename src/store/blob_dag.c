/* blob_dag.c: the IPFS blocks beside an image; how they lie there is formats/dagfile.h. */
#include "store/blob_own.h"

#include "formats/dagfile.h"

#include <fcntl.h>

/* ERR_FORMAT: the file ends before. A read that fails says nothing of what lies there. */
static int read_part(int fd, void *out, size_t n, uint64_t at, struct err *e)
{
	int rc = io_pread_exact(fd, out, n, (off_t)at, NULL);

	if (rc == ERR_CORRUPT)
		return ERR_FORMAT;
	return rc ? err_errno(e, "the blocks beside an image") : ERR_OK;
}

/* Reads the record at `at` into b; ERR_FORMAT, and e is untouched: it is not whole. */
static int read_record(int fd, uint64_t at, struct buf *b, struct span *cid, struct span *block, struct err *e)
{
	uint8_t head[DAGFILE_HEAD], *p;
	size_t n;
	int rc = read_part(fd, head, sizeof head, at, e);

	if (rc)
		return rc;
	n = dagfile_length(head);	/* 0: no record is so short */
	buf_reset(b);
	p = buf_grow(b, n);
	if (!p)
		return err_set(e, ERR_MEMORY, "no memory for a block");
	rc = read_part(fd, p, n, at, e);
	return rc ? rc : dagfile_read(buf_span(b), cid, block);
}

int blob_dag_scan(int fd, uint64_t *end, blob_block_fn *fn, void *arg, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(DAGFILE_RECORD_MAX);
	struct span cid, block;
	uint64_t at = 0;
	int rc;

	while ((rc = read_record(fd, at, &b, &cid, &block, e)) == ERR_OK) {
		at += b.n;
		if (fn && (rc = fn(arg, cid, block, e)))
			return rc;
	}
	if (rc != ERR_FORMAT)
		return rc;
	*end = at;
	return ERR_OK;
}

/* Opens it; fn (may be NULL) sees what is whole, and behind that the next one goes. Once: what is added then need not be read again. */
static int dag_open(struct blob *w, blob_block_fn *fn, void *arg, struct err *e)
{
	autoclose int fd = -1;
	int rc = blob_file_open(w->b, &w->sha256, FILE_DAG_PART, O_RDWR | O_CREAT, &fd, e);

	if (rc || (rc = blob_dag_scan(fd, &w->dag.end, fn, arg, e)))
		return rc;
	w->dag.fd = STEAL_FD(fd);
	return ERR_OK;
}

int blob_add_block(struct blob *w, struct span cid, struct span block, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(DAGFILE_RECORD_MAX);
	int rc;

	if (cid.n == 0 || cid.n > CID_BYTES_MAX || block.n > BLOCK_MAX)
		return err_set(e, ERR_LIMIT, "a block beside an image has at most %d bytes", BLOCK_MAX);
	if (w->dag.fd < 0 && (rc = dag_open(w, NULL, NULL, e)))
		return rc;
	dagfile_put(&b, cid, block);
	if ((rc = buf_ok(&b, e)))
		return rc;
	if (w->dag.end + b.n > DAG_FILE_MAX)
		return err_set(e, ERR_LIMIT, "the blocks beside an image are more than %d MiB", DAG_FILE_MAX / MIB);
	if ((rc = sysio_pwrite_all(w->b->sys, w->dag.fd, buf_span(&b), (off_t)w->dag.end, e)))
		return rc;
	w->dag.end += b.n;
	return ERR_OK;
}

int blob_each_block(struct blob *w, blob_block_fn *fn, void *arg, struct err *e)
{
	uint64_t end;

	if (w->dag.fd >= 0)
		return blob_dag_scan(w->dag.fd, &end, fn, arg, e);
	return blob_file_exists(w->b, &w->sha256, FILE_DAG_PART) ? dag_open(w, fn, arg, e) : ERR_OK;
}

int blob_drop_blocks(struct blob *w, struct err *e)
{
	autoclose int old = STEAL_FD(w->dag.fd);

	return blob_file_unlink(w->b, &w->sha256, FILE_DAG_PART, e);
}

int blobs_each_block(struct blobs *b, const struct hash32 *sha256, const struct blob_digests *d, blob_block_fn *fn,
		     void *arg, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(DAG_FILE_MAX);
	char name[BLOB_PATH_MAX];
	struct hash32 digest;
	autoclose int fd = -1;
	uint64_t end;
	int rc;

	if (d->dag_bytes == 0)
		return ERR_OK;
	if ((rc = io_open_own(b->fd, blob_file_name(sha256, FILE_DAG, name), 0, &fd, e)))
		return rc;
	if ((rc = io_read_all(fd, &bytes, e)))
		return rc;
	digest = sha256_of(buf_span(&bytes));
	if (bytes.n != d->dag_bytes || !hash32_eq(&digest, &d->dag))
		return err_set(e, ERR_CORRUPT, "%s is not what was written", name);
	return blob_dag_scan(fd, &end, fn, arg, e);
}
