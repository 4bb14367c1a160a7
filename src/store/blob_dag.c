/* blob_dag.c: the IPFS blocks beside an image.
 *
 *	record = cid-length:2 block-length:4 cid block guard:8
 *
 * guard is the front of the SHA-256 of what stands before it in the record: a
 * torn write at the end is noticed without knowing anything about CIDs. */
#include "store/blob_own.h"

#include "base/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define HEAD_LEN 6
#define GUARD_LEN 8
#define RECORD_MAX (HEAD_LEN + CID_BYTES_MAX + BLOCK_MAX + GUARD_LEN)

/* Reads the record at `at` into b; ERR_FORMAT: it is not whole. */
static int read_record(int fd, uint64_t at, uint64_t size, struct buf *b, struct span *cid, struct span *block)
{
	uint8_t head[HEAD_LEN], *p;
	struct cursor c = cur_of(SPAN_OF(head));
	struct hash32 guard;
	uint64_t len;

	if (size - at < HEAD_LEN || io_pread_exact(fd, head, sizeof head, (off_t)at, NULL))
		return ERR_FORMAT;
	cid->n = (size_t)cur_be(&c, 2);
	block->n = (size_t)cur_be(&c, 4);
	len = HEAD_LEN + cid->n + block->n;
	if (cid->n == 0 || cid->n > CID_BYTES_MAX || block->n > BLOCK_MAX || size - at < len + GUARD_LEN)
		return ERR_FORMAT;
	buf_reset(b);
	p = buf_grow(b, (size_t)len + GUARD_LEN);
	if (!p)
		return ERR_MEMORY;
	if (io_pread_exact(fd, p, (size_t)len + GUARD_LEN, (off_t)at, NULL))
		return ERR_FORMAT;
	guard = sha256_of(SPAN(p, (size_t)len));
	cid->p = p + HEAD_LEN;
	block->p = cid->p + cid->n;
	return memcmp(p + len, guard.b, GUARD_LEN) == 0 ? ERR_OK : ERR_FORMAT;
}

int blob_dag_scan(int fd, uint64_t *end, blob_block_fn *fn, void *arg, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(RECORD_MAX);
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
		*end += HEAD_LEN + cid.n + block.n + GUARD_LEN;
		if (fn)
			rc = fn(arg, cid, block, e);
	}
	return rc;
}

/* Opens it and finds the end of what is whole. */
static int dag_open(struct blob *w, struct err *e)
{
	char name[BLOB_PATH_MAX];

	if (w->dag.fd >= 0)
		return ERR_OK;
	w->dag.fd = w->b->sys->openat(w->b->fd, blob_file_name(&w->sha256, FILE_DAG_PART, name),
				      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (w->dag.fd < 0)
		return err_errno(e, "%s", name);
	return blob_dag_scan(w->dag.fd, &w->dag.end, NULL, NULL, e);
}

int blob_add_block(struct blob *w, struct span cid, struct span block, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(RECORD_MAX);
	struct hash32 guard;
	int rc;

	if (cid.n == 0 || cid.n > CID_BYTES_MAX || block.n > BLOCK_MAX)
		return err_set(e, ERR_LIMIT, "a block beside an image has at most %d bytes", BLOCK_MAX);
	if ((rc = dag_open(w, e)))
		return rc;
	buf_be(&b, cid.n, 2);
	buf_be(&b, block.n, 4);
	buf_add(&b, cid);
	buf_add(&b, block);
	guard = sha256_of(buf_span(&b));
	buf_add(&b, SPAN(guard.b, GUARD_LEN));
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

int blobs_each_block(struct blobs *b, const struct hash32 *sha256, const struct blob_digests *d, blob_block_fn *fn,
		     void *arg, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(DAG_FILE_MAX);
	char name[BLOB_PATH_MAX];
	struct hash32 digest;
	uint64_t end;
	int rc;

	if (d->dag_bytes == 0)
		return ERR_OK;
	autoclose int fd = openat(b->fd, blob_file_name(sha256, FILE_DAG, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_errno(e, "%s", name);
	if ((rc = io_read_all(fd, &bytes, e)))
		return rc;
	digest = sha256_of(buf_span(&bytes));
	if (bytes.n != d->dag_bytes || !hash32_eq(&digest, &d->dag))
		return err_set(e, ERR_CORRUPT, "%s is not what was written", name);
	return blob_dag_scan(fd, &end, fn, arg, e);
}
