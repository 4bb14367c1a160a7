/* blobdir.c: the directory of image files: names, what lies there, removal. */
#include "store/blob_own.h"

#include "base/aside.h"
#include "base/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS 64
#define TRIAL_NAME ".trial"	/* no name of an image's directory */
static const char *const suffixes[BLOB_FILES] = {
	[FILE_OBJECT] = "", [FILE_PART] = ".part", [FILE_SUMS] = ".sums", [FILE_SUMS_PART] = ".sums.part",
	[FILE_DAG] = ".dag", [FILE_DAG_PART] = ".dag.part",
};

char *blob_file_name(const struct hash32 *sha256, enum blob_file file, char out[BLOB_PATH_MAX])
{
	hex_digits(SPAN(sha256->b, 1), out);
	out[2] = '/';
	hex_digits(SPAN_OF(*sha256), out + 3);
	snprintf(out + 3 + DIGITS, BLOB_PATH_MAX - 3 - DIGITS, "%s", suffixes[file]);
	return out;
}

char *blobs_path(const struct hash32 *sha256, char out[BLOB_PATH_MAX])
{
	return blob_file_name(sha256, FILE_OBJECT, out);
}

static int open_objects(struct blobs *b, int state_dir, struct err *e)
{
	bool is_new = b->sys->mkdirat(state_dir, "objects", 0750) == 0;

	if (is_new || errno == EEXIST)
		b->fd = b->sys->openat(state_dir, "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0);
	if (b->fd < 0)
		return err_errno(e, "objects");
	/* Also where it was there: whoever made it may not have come to this. But then nothing is lost by going on. */
	if (b->sys->fsync(state_dir) < 0 && is_new)
		return err_errno(e, "objects: sync the directory it is in");
	return ERR_OK;
}

int blobs_open(int state_dir, const struct sysio *sys, struct blobs **out, struct err *e)
{
	struct blobs *b = calloc(1, sizeof *b);
	int rc;

	if (!b)
		return err_set(e, ERR_MEMORY, "no memory for the image files");
	b->sys = sysio_or_kernel(sys);
	b->fd = -1;
	rc = open_objects(b, state_dir, e);
	if (rc) {
		blobs_free(b);
		return rc;
	}
	*out = b;
	return ERR_OK;
}

void blobs_free(struct blobs *b)
{
	if (!b)
		return;
	if (b->fd >= 0)
		close(b->fd);
	free(b);
}

int blobs_fd(const struct blobs *b)
{
	return b->fd;
}

unsigned blobs_sync_failures(const struct blobs *b)
{
	return atomic_load(&b->sync_failures);
}

bool blobs_is_read_only(const struct blobs *b)
{
	return blobs_sync_failures(b) >= BLOB_SYNC_FAILURES_MAX;
}

static int write_trial(struct blobs *b, int fd, struct err *e)
{
	static const uint8_t bytes[4096] = { 0x5a };
	int rc;

	if (b->sys->fallocate(fd, BLOB_TRY_BYTES) < 0)
		return err_errno(e, "room for %d bytes", (int)BLOB_TRY_BYTES);
	if ((rc = sysio_pwrite_all(b->sys, fd, SPAN_OF(bytes), 0, e)))
		return rc;
	return b->sys->fdatasync(fd) < 0 ? err_errno(e, "a file's sync") : ERR_OK;
}

int blobs_try(struct blobs *b, struct err *e)
{
	autoclose int fd = b->sys->openat(b->fd, TRIAL_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	int rc = fd < 0 ? err_errno(e, "objects: a new file") : write_trial(b, fd, e);

	/* Also one that an earlier try left. */
	if (b->sys->unlinkat(b->fd, TRIAL_NAME) < 0 && errno != ENOENT && !rc)
		rc = err_errno(e, "objects: remove a file");
	if (!rc && b->sys->fsync(b->fd) < 0)
		rc = err_errno(e, "objects: sync the directory");
	if (!rc)
		atomic_store(&b->sync_failures, 0);
	return rc;
}

bool blob_file_exists(struct blobs *b, const struct hash32 *sha256, enum blob_file file)
{
	char name[BLOB_PATH_MAX];
	struct stat st;

	return fstatat(b->fd, blob_file_name(sha256, file, name), &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int blob_file_unlink(struct blobs *b, const struct hash32 *sha256, enum blob_file file, struct err *e)
{
	char name[BLOB_PATH_MAX];

	if (b->sys->unlinkat(b->fd, blob_file_name(sha256, file, name)) == 0 || errno == ENOENT)
		return ERR_OK;
	return errno == EISDIR ? aside_move(b->fd, name, e) : err_errno(e, "%s: remove", name);
}

int blob_file_move(struct blobs *b, const struct hash32 *sha256, enum blob_file from, enum blob_file to, struct err *e)
{
	char old[BLOB_PATH_MAX], new[BLOB_PATH_MAX];
	int rc;

	blob_file_name(sha256, from, old);
	blob_file_name(sha256, to, new);
	if (b->sys->rename_over(b->fd, old, new) == 0)
		return ERR_OK;
	if (errno != EISDIR)
		return err_errno(e, "%s: rename", old);
	if ((rc = aside_move(b->fd, new, e)))
		return rc;
	return b->sys->rename_over(b->fd, old, new) < 0 ? err_errno(e, "%s: rename", old) : ERR_OK;
}

/* Nobody but the file is to blame, or the directory's entry for it. */
static bool is_odd(int sys)
{
	return sys == ELOOP || sys == ENXIO || sys == EISDIR || sys == EACCES || sys == EPERM || sys == EIO || sys == EUCLEAN || sys == EBADMSG;
}

/* Gives errno, or EISDIR for what was opened and is no file. */
static int open_regular(struct blobs *b, const char *name, int flags, int *fd)
{
	int got = b->sys->openat(b->fd, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	struct stat st;

	if (got < 0)
		return errno;
	if (fstat(got, &st) == 0 && S_ISREG(st.st_mode)) {
		*fd = got;
		return 0;
	}
	close(got);
	return EISDIR;
}

int blob_file_open(struct blobs *b, const struct hash32 *sha256, enum blob_file file, int flags, int *fd, struct err *e)
{
	char name[BLOB_PATH_MAX];
	int sys, rc;

	blob_file_name(sha256, file, name);
	sys = open_regular(b, name, flags, fd);
	if (is_odd(sys)) {
		if ((rc = blob_file_unlink(b, sha256, file, e)))
			return rc;
		sys = open_regular(b, name, flags, fd);
	}
	errno = sys;
	return sys ? err_errno(e, "%s", name) : ERR_OK;
}

static int sync_one(struct blobs *b, int fd, const char *what, struct err *e)
{
	return b->sys->fsync(fd) < 0 ? err_errno(e, "%s: sync the directory", what) : ERR_OK;
}

int blobs_sync_dirs(struct blobs *b, const struct hash32 *sha256, struct err *e)
{
	char ab[3] = "";
	int rc;

	hex_digits(SPAN(sha256->b, 1), ab);
	autoclose int fd = b->sys->openat(b->fd, ab, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return errno == ENOENT ? ERR_OK : err_errno(e, "objects/%s", ab);
	/* The upper one too: it may have gained `ab` just now. */
	if ((rc = sync_one(b, fd, ab, e)))
		return rc;
	return sync_one(b, b->fd, "objects", e);
}

static int unlink_files(struct blobs *b, const struct hash32 *sha256, const enum blob_file *files, size_t n,
			struct err *e)
{
	int rc = ERR_OK;

	for (size_t i = 0; i < n && rc == ERR_OK; i++)
		rc = blob_file_unlink(b, sha256, files[i], e);
	return rc ? rc : blobs_sync_dirs(b, sha256, e);
}

int blobs_remove(struct blobs *b, const struct hash32 *sha256, struct err *e)
{
	/* What takes the room goes first; and one that cannot be removed keeps what it takes to serve it. */
	static const enum blob_file files[] = {
		FILE_OBJECT, FILE_PART, FILE_SUMS, FILE_SUMS_PART, FILE_DAG, FILE_DAG_PART,
	};

	return unlink_files(b, sha256, files, sizeof files / sizeof *files, e);
}

int blobs_remove_part(struct blobs *b, const struct hash32 *sha256, struct err *e)
{
	static const enum blob_file files[] = { FILE_PART, FILE_SUMS_PART, FILE_DAG_PART };

	return unlink_files(b, sha256, files, sizeof files / sizeof *files, e);
}

void blobs_count_sync_failure(struct blobs *b)
{
	atomic_fetch_add(&b->sync_failures, 1);
}

int blobs_sync_failed(struct blobs *b, const struct hash32 *sha256, struct err *e)
{
	struct err first = e ? *e : (struct err){ .code = ERR_IO };

	blobs_count_sync_failure(b);
	err_drop(blobs_remove(b, sha256, NULL));	/* as far as it goes; a leftover is hashed at the next start */
	return err_set(e, first.code, "%.250s: the file is given up", first.msg);
}

int blobs_open_object(struct blobs *b, const struct hash32 *sha256, int *fd, struct err *e)
{
	char name[BLOB_PATH_MAX];

	return io_open_own(b->fd, blobs_path(sha256, name), 0, fd, e);
}

/* --- what lies there --- */

static bool read_name(const char *dir, const char *name, struct hash32 *sha256, enum blob_file *file)
{
	if (strlen(name) < DIGITS || memcmp(dir, name, 2) != 0 ||
	    hex_read(SPAN(name, DIGITS), sha256->b, sizeof sha256->b, NULL))
		return false;
	for (unsigned i = 0; i < BLOB_FILES; i++)
		if (strcmp(name + DIGITS, suffixes[i]) == 0) {
			*file = (enum blob_file)i;
			return true;
		}
	return false;
}

/* What a file is to the caller; false: it belongs to another file, which is shown. */
static bool kind_of(struct blobs *b, const struct hash32 *sha256, enum blob_file file, enum blob_kind *kind)
{
	bool has_object = blob_file_exists(b, sha256, FILE_OBJECT);

	switch (file) {
	case FILE_OBJECT:
		*kind = BLOB_OBJECT;
		return true;
	case FILE_PART:
		*kind = BLOB_PART;
		return true;
	case FILE_DAG_PART:
		*kind = BLOB_LEFTOVER;
		return !has_object && !blob_file_exists(b, sha256, FILE_PART);
	case FILE_SUMS:
	case FILE_DAG:
		*kind = BLOB_LEFTOVER;
		return !has_object;
	default:
		*kind = BLOB_LEFTOVER;
		return true;
	}
}

static int show(struct blobs *b, const char *dir, const char *name, blob_seen_fn *fn, void *arg, struct err *e)
{
	char path[3 + NAME_MAX + 1];
	struct hash32 sha256 = { 0 };
	enum blob_file file;
	enum blob_kind kind = BLOB_STRANGE;
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (fstatat(b->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ERR_OK;		/* gone, or not to be read */
	if (!S_ISREG(st.st_mode) || !read_name(dir, name, &sha256, &file))
		memset(&sha256, 0, sizeof sha256);
	else if (!kind_of(b, &sha256, file, &kind))
		return ERR_OK;
	return fn(arg, kind, &sha256, path, (uint64_t)st.st_size, e);
}

static void dir_close(DIR **d)
{
	if (*d)
		closedir(*d);
}

static DIR *dir_open(struct blobs *b, const char *name)
{
	int fd = b->sys->openat(b->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

/* --- all of them --- */

struct walk {
	struct blobs *b;
	blob_seen_fn *fn;
	void *arg;
	const char *dir;	/* the folder we are in */
	struct err *unread;
};

typedef int name_fn(struct walk *w, const char *name, struct err *e);

/* The other folders can be read. Want of descriptors or memory would meet them as well. */
static int pass_over(struct walk *w, const struct err *why, struct err *e)
{
	if (!err_is_of_one_file(why))
		return err_tell(e, why);
	if (!w->unread->code)
		*w->unread = *why;
	return ERR_OK;
}

/* What is no directory, or is gone, has nothing in it. */
static int open_folder(struct blobs *b, const char *dir, const char *what, DIR **out, struct err *e)
{
	*out = dir_open(b, dir);
	return *out || errno == ENOTDIR || errno == ELOOP || errno == ENOENT ? ERR_OK : err_errno(e, "%s", what);
}

static int each_name(struct walk *w, const char *dir, const char *what, name_fn *fn, struct err *e)
{
	AUTO(dir_close) DIR *d = NULL;
	const char *name = NULL;
	struct err why = { 0 };
	int rc = ERR_OK;

	if (open_folder(w->b, dir, what, &d, &why))
		return pass_over(w, &why, e);
	while (d && !rc) {
		if (io_next_name(d, what, &name, &why))
			return pass_over(w, &why, e);
		if (!name)
			break;
		rc = fn(w, name, e);
	}
	return rc;
}

static int on_name(struct walk *w, const char *name, struct err *e)
{
	return show(w->b, w->dir, name, w->fn, w->arg, e);
}

static int on_folder(struct walk *w, const char *name, struct err *e)
{
	char what[sizeof "objects/ab"];
	uint8_t byte;

	if (hex_read(span_str(name), &byte, 1, NULL))
		return ERR_OK;
	snprintf(what, sizeof what, "objects/%.2s", name);
	w->dir = name;
	return each_name(w, name, what, on_name, e);
}

int blobs_each(struct blobs *b, blob_seen_fn *fn, void *arg, struct err *unread, struct err *e)
{
	struct walk w = { .b = b, .fn = fn, .arg = arg, .unread = unread };

	return each_name(&w, ".", "objects", on_folder, e);
}

int blobs_remove_leftover(struct blobs *b, const char *path, struct err *e)
{
	if (b->sys->unlinkat(b->fd, path) < 0 && errno != ENOENT)
		return err_errno(e, "objects/%s: remove", path);
	return ERR_OK;
}
