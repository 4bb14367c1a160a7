/* blob_dag.c: the IPFS blocks beside an image; how they lie there is formats/dagfile.h. */
#include "store/blob_own.h"

#include "formats/dagfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Reads the record at `at` into b; ERR_FORMAT: it is not whole. */
static int read_record(int fd, uint64_t at, uint64_t size, struct buf *b, struct span *cid, struct span *block)
{
	uint8_t head[DAGFILE_HEAD], *p;
	size_t n;

	if (size - at < sizeof head || io_pread_exact(fd, head, sizeof head, (off_t)at, NULL))
		return ERR_FORMAT;
	n = dagfile_length(head);
	if (n == 0 || size - at < n)
		return ERR_FORMAT;
	buf_reset(b);
	p = buf_grow(b, n);
	if (!p)
		return ERR_MEMORY;
	if (io_pread_exact(fd, p, n, (off_t)at, NULL))
		return ERR_FORMAT;
	return dagfile_read(buf_span(b), cid, block);
}

int blob_dag_scan(int fd, uint64_t *end, blob_block_fn *fn, void *arg, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(DAGFILE_RECORD_MAX);
	struct span cid, block;
	struct stat st;
	int rc = ERR_OK;

	*end = 0;
	if (fstat(fd, &st) < 0)
		return err_errno(e, "blocks beside an image");
	while (rc == ERR_OK && *end < (uint64_t)st.st_size) {
		rc = read_record(fd, *end, (uint64_t)st.st_size, &b, &cid, &block);
		if (rc == ERR_MEMORY)
			return err_set(e, ERR_MEMORY, "no memory for a block");
		if (rc)
			return ERR_OK;	/* torn here */
		*end += b.n;
		if (fn)
			rc = fn(arg, cid, block, e);
	}
	return rc;
}

/* Opens it and finds the end of what is whole. */
static int dag_open(struct blob *w, struct err *e)
{
	int rc = w->dag.fd >= 0 ? ERR_OK : blob_file_open(w->b, &w->sha256, FILE_DAG_PART, O_RDWR | O_CREAT, &w->dag.fd, e);

	if (rc)
		return rc;
	return blob_dag_scan(w->dag.fd, &w->dag.end, NULL, NULL, e);
}

int blob_add_block(struct blob *w, struct span cid, struct span block, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(DAGFILE_RECORD_MAX);
	int rc;

	if (cid.n == 0 || cid.n > CID_BYTES_MAX || block.n > BLOCK_MAX)
		return err_set(e, ERR_LIMIT, "a block beside an image has at most %d bytes", BLOCK_MAX);
	if ((rc = dag_open(w, e)))
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
	int rc;

	if (w->dag.fd < 0 && !blob_file_exists(w->b, &w->sha256, FILE_DAG_PART))
		return ERR_OK;
	if ((rc = dag_open(w, e)))
		return rc;
	return blob_dag_scan(w->dag.fd, &end, fn, arg, e);
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
