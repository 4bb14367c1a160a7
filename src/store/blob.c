/* blob.c: an image file while it is being written. */
#include "store/blob_own.h"

#include "base/aside.h"
#include "base/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int may_start(struct blobs *b, const struct hash32 *sha256, uint64_t size, struct err *e)
{
	if (size == 0 || size > IMAGE_MAX)
		return err_set(e, ERR_LIMIT, "an image has 1 to %lld bytes", (long long)IMAGE_MAX);
	if (blobs_is_read_only(b))
		return err_set(e, ERR_READ_ONLY, "the disk failed to keep %u files: nothing more is written to it",
			       blobs_sync_failures(b));
	if (blob_file_exists(b, sha256, FILE_OBJECT))
		return err_set(e, ERR_EXISTS, "the image file is there already");
	return ERR_OK;
}

static int make_ab(struct blobs *b, const struct hash32 *sha256, struct err *e)
{
	char ab[3] = "";

	hex_digits(SPAN(sha256->b, 1), ab);
	if (b->sys->mkdirat(b->fd, ab, 0750) == 0)
		return ERR_OK;
	if (errno != EEXIST)
		return err_errno(e, "objects/%s", ab);
	return aside_folder(b->fd, ab, e);
}

/* The .part at its full size, with room on disk for all of it. */
static int open_part(struct blob *w, bool *was_there, struct err *e)
{
	const struct sysio *sys = w->b->sys;
	char name[BLOB_PATH_MAX];
	struct stat st;
	int rc = blob_file_open(w->b, &w->sha256, FILE_PART, O_RDWR | O_CREAT, &w->fd, e);

	if (rc)
		return rc;
	blob_file_name(&w->sha256, FILE_PART, name);
	if (fstat(w->fd, &st) < 0)
		return err_errno(e, "%s", name);
	*was_there = (uint64_t)st.st_size == w->size;
	if (!*was_there && st.st_size != 0 && sys->ftruncate(w->fd, 0) < 0)
		return err_errno(e, "%s: begin anew", name);
	if (sys->fallocate(w->fd, (off_t)w->size) == 0)
		return ERR_OK;
	rc = err_errno(e, "room for an image of %llu bytes", (unsigned long long)w->size);
	if (!*was_there)
		sys->unlinkat(w->b->fd, name);
	return rc;
}

/* What was there under the part's name is taken up. */
static int take_part(struct blobs *b, const struct hash32 *sha256, uint64_t size, struct blob **out, bool *was_there, struct err *e)
{
	struct blob *w = calloc(1, sizeof *w);
	bool resumed = false;
	int rc;

	if (!w)
		return err_set(e, ERR_MEMORY, "no memory for an image");
	*w = (struct blob){ .b = b, .sha256 = *sha256, .size = size, .fd = -1, .dag.fd = -1 };
	rc = blob_hasher_init(&w->hasher, size, e);
	if (rc == ERR_OK)
		rc = open_part(w, &resumed, e);
	if (rc) {
		blob_free(w);
		return rc;
	}
	if (was_there)
		*was_there = resumed;
	*out = w;
	return ERR_OK;
}

int blob_start(struct blobs *b, const struct hash32 *sha256, uint64_t size, struct blob **out, bool *was_there,
	       struct err *e)
{
	int rc = may_start(b, sha256, size, e);

	if (rc || (rc = make_ab(b, sha256, e)))
		return rc;
	return take_part(b, sha256, size, out, was_there, e);
}

/* A part of another size is begun anew; of this one all that is there can be told apart. */
static int set_size(struct blobs *b, const struct hash32 *sha256, uint64_t size, struct err *e)
{
	autoclose int fd = -1;
	struct stat st;
	int rc = blob_file_open(b, sha256, FILE_PART, O_WRONLY, &fd, e);

	if (rc)
		return rc;
	if (fstat(fd, &st) == 0 && ((uint64_t)st.st_size == size || b->sys->ftruncate(fd, (off_t)size) == 0))
		return ERR_OK;
	return err_errno(e, "a damaged image: size");
}

/* The object becomes the part. */
static int take_back(struct blobs *b, const struct hash32 *sha256, uint64_t size, struct err *e)
{
	int rc;

	/* A .part may be this very file under a second name (blob_complete): renaming would leave both. */
	if ((rc = blob_file_unlink(b, sha256, FILE_PART, e)) || (rc = blob_file_move(b, sha256, FILE_OBJECT, FILE_PART, e)))
		return rc;
	rc = blob_file_move(b, sha256, FILE_DAG, FILE_DAG_PART, e);
	if (rc && rc != ERR_NOT_FOUND)
		return rc;
	rc = blob_file_unlink(b, sha256, FILE_SUMS, e);
	return rc ? rc : set_size(b, sha256, size, e);
}

int blob_repair(struct blobs *b, const struct hash32 *sha256, uint64_t size, struct blob **out, struct err *e)
{
	autoclose int fd = -1;
	int rc;

	if (blobs_is_read_only(b))
		return err_set(e, ERR_READ_ONLY, "nothing more is written to this disk: the image stays as it is");
	if (!blob_file_exists(b, sha256, FILE_OBJECT))
		return err_set(e, ERR_NOT_FOUND, "there is no such image file");
	rc = blob_file_open(b, sha256, FILE_OBJECT, O_RDWR, &fd, e);
	if (!rc)
		rc = take_back(b, sha256, size, e);
	/* Else there was none to be had, and it is gone. */
	return rc && rc != ERR_NOT_FOUND ? rc : blob_start(b, sha256, size, out, NULL, e);
}

/* The same file under both names, if it is as long as it has to be. */
static int link_part(struct blobs *b, const struct hash32 *sha256, uint64_t size, struct err *e)
{
	char name[BLOB_PATH_MAX], part[BLOB_PATH_MAX];
	struct stat st;

	blobs_path(sha256, name);
	if (fstatat(b->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, "%s", name);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return err_set(e, ERR_CORRUPT, "%s has another size", name);
	if (linkat(b->fd, name, b->fd, blob_file_name(sha256, FILE_PART, part), 0) < 0)
		return err_errno(e, "%s: link", part);
	return ERR_OK;
}

int blob_complete(struct blobs *b, const struct hash32 *sha256, uint64_t size, struct blob **out, struct err *e)
{
	int rc;

	if (blobs_is_read_only(b))
		return err_set(e, ERR_READ_ONLY, "nothing more is written to this disk: the blocks stay lost");
	if ((rc = blobs_remove_part(b, sha256, e)) || (rc = link_part(b, sha256, size, e)) ||
	    (rc = take_part(b, sha256, size, out, NULL, e)))
		return rc;
	(*out)->is_whole = true;
	return ERR_OK;
}

void blob_free(struct blob *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	if (w->dag.fd >= 0)
		close(w->dag.fd);
	blob_hasher_fini(&w->hasher);
	free(w);
}

void blob_discard(struct blob *w)
{
	if (!w)
		return;
	err_drop(blobs_remove_part(w->b, &w->sha256, NULL));	/* what stays is seen at the next start */
	blob_free(w);
}

static int in_bounds(const struct blob *w, uint64_t at, uint64_t n, struct err *e)
{
	if (at > w->size || n > w->size - at)
		return err_set(e, ERR_LIMIT, "bytes past the announced size of %llu", (unsigned long long)w->size);
	return ERR_OK;
}

static int must_be_there(struct blob *w, uint64_t at, struct span s, struct err *e)
{
	uint8_t there[16 * KIB];
	int rc = ERR_OK;

	for (size_t i = 0, n; i < s.n && !rc; i += n) {
		n = s.n - i < sizeof there ? s.n - i : sizeof there;
		rc = io_pread_exact(w->fd, there, n, (off_t)(at + i), e);
		/* It ends too early, or has them. A read that fails tells nothing. */
		if (rc == ERR_CORRUPT || (!rc && memcmp(there, s.p + i, n) != 0))
			rc = err_set(e, ERR_PROOF, "the image that lies here has other bytes at %llu", (unsigned long long)(at + i));
	}
	return rc;
}

int blob_write(struct blob *w, uint64_t at, struct span s, struct err *e)
{
	int rc = in_bounds(w, at, s.n, e);

	if (rc)
		return rc;
	if (w->is_whole)
		return must_be_there(w, at, s, e);
	/* What was hashed on the way is written again: hash it all from the disk at the end. */
	if (at < w->hasher.at)
		blob_hasher_restart(&w->hasher);
	if ((rc = sysio_pwrite_all(w->b->sys, w->fd, s, (off_t)at, e)))
		return err_wrap(e, "an image's file"), rc;
	if (at == w->hasher.at)
		blob_hasher_add(&w->hasher, s);
	return ERR_OK;
}

int blob_read(struct blob *w, uint64_t at, void *out, size_t n, struct err *e)
{
	int rc = in_bounds(w, at, n, e);

	return rc ? rc : io_pread_exact(w->fd, out, n, (off_t)at, e);
}
