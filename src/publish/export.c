/* export.c: see export.h. */
#include "publish/export.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define COPY_BYTES (256 * KIB)

/* A file on its way: written under another name, then renamed. */
struct fresh {
	int dir, fd;
	char temporary[NAME_MAX + 1], name[NAME_MAX + 1];
};

/* Opens (and makes) a directory below dir, one or more levels deep. */
static int open_below(int dir, const char *path, int *out, struct err *e)
{
	autoclose int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	char part[NAME_MAX + 1];

	while (at >= 0 && *path) {
		size_t n = strcspn(path, "/");
		int next;

		if (n >= sizeof part)
			return err_set(e, ERR_USAGE, "%.40s…: name too long", path);
		memcpy(part, path, n);
		part[n] = '\0';
		if (mkdirat(at, part, 0755) < 0 && errno != EEXIST)
			return err_errno(e, "%s", part);
		next = openat(at, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			return err_errno(e, "%s", part);
		close(at);
		at = next;
		path += n + (path[n] == '/');
	}
	if (at < 0)
		return err_errno(e, "directory");
	*out = STEAL_FD(at);
	return ERR_OK;
}

/* The export's own directory. */
static int open_root(const char *path, int *out, struct err *e)
{
	int fd;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_set(e, ERR_USAGE, "%s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_USAGE, "%s: %s", path, strerror(errno));
	*out = fd;
	return ERR_OK;
}

static int fresh_open(struct fresh *f, int dir, const char *name, struct err *e)
{
	f->dir = dir;
	snprintf(f->name, sizeof f->name, "%.240s", name);
	snprintf(f->temporary, sizeof f->temporary, ".%.240s.new", name);
	f->fd = openat(dir, f->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	return f->fd < 0 ? err_errno(e, "%s", name) : ERR_OK;
}

/* rc: how writing went. Gives the file its name, or removes it. */
static int fresh_close(struct fresh *f, int rc, struct err *e)
{
	if (!rc && fsync(f->fd) < 0)
		rc = err_errno(e, "%s", f->name);
	close(f->fd);
	if (!rc && renameat(f->dir, f->temporary, f->dir, f->name) < 0)
		rc = err_errno(e, "%s", f->name);
	if (rc)
		unlinkat(f->dir, f->temporary, 0);
	else if (fsync(f->dir) < 0)
		rc = err_errno(e, "%s", f->name);
	return rc;
}

static int write_file(int dir, const char *name, struct span bytes, struct err *e)
{
	struct fresh f;
	int rc = fresh_open(&f, dir, name, e);

	return rc ? rc : fresh_close(&f, io_write_all(f.fd, bytes, e), e);
}

static int stream_car(int fd, const struct pack *p, bool only_inner, const struct pack_watch *watch, struct err *e)
{
	autofree uint8_t *chunk = malloc(COPY_BYTES);
	uint64_t total = only_inner ? p->inner_car_size : p->car_size;
	struct pack_car car;
	size_t n = COPY_BYTES;
	int rc = chunk ? ERR_OK : err_set(e, ERR_MEMORY, "out of memory");

	pack_car_init(&car, p, only_inner);
	while (!rc && n == COPY_BYTES) {
		rc = pack_car_read(&car, chunk, COPY_BYTES, &n, e);
		if (!rc)
			rc = io_write_all(fd, SPAN(chunk, n), e);
		if (!rc && watch)
			watch->progress(watch->arg, car.sent, total);
	}
	pack_car_fini(&car);
	return rc;
}

static int export_car(int root, const char *folder, const struct pack *p, bool only_inner, const struct pack_watch *watch,
		      struct err *e)
{
	char cid[CID_TEXT_MAX], name[CID_TEXT_MAX + 8];
	autoclose int dir = -1;
	struct fresh f;
	int rc = open_below(root, folder, &dir, e);

	snprintf(name, sizeof name, "%s.car", cid_text(&p->root, cid));
	if (!rc)
		rc = fresh_open(&f, dir, name, e);
	return rc ? rc : fresh_close(&f, stream_car(f.fd, p, only_inner, watch, e), e);
}

static int export_blocks(int root, const struct pack *p, struct err *e)
{
	autoclose int dir = -1;
	struct pack_walk walk;
	int rc = open_below(root, "blocks", &dir, e);

	pack_walk_init(&walk, p, false);
	while (!rc) {
		char name[CID_TEXT_MAX];
		struct span block;
		struct cid cid;

		rc = pack_walk_next(&walk, &cid, &block, e);
		if (rc || !block.p)
			break;
		rc = write_file(dir, cid_text(&cid, name), block, e);
	}
	pack_walk_fini(&walk);
	return rc;
}

static int copy_image(int fd, const struct pack *p, struct err *e)
{
	autofree uint8_t *chunk = malloc(COPY_BYTES);
	uint64_t at = 0;

	if (!chunk)
		return err_set(e, ERR_MEMORY, "out of memory");
	while (at < p->size) {
		size_t n = p->size - at < COPY_BYTES ? (size_t)(p->size - at) : COPY_BYTES;
		int rc = io_pread_exact(p->fd, chunk, n, (off_t)at, e);

		if (!rc)
			rc = io_write_all(fd, SPAN(chunk, n), e);
		if (rc)
			return rc;
		at += n;
	}
	return ERR_OK;
}

static int export_plain(int root, const struct pack *p, struct err *e)
{
	autoclose int dir = -1;
	char name[HEX32_MAX];
	struct fresh f;
	int rc = open_below(root, "image", &dir, e);

	if (!rc)
		rc = fresh_open(&f, dir, hex_str(SPAN_OF(p->sha256), name), e);
	return rc ? rc : fresh_close(&f, copy_image(f.fd, p, e), e);
}

int export_image(const char *path, const struct pack *p, const struct pack_watch *watch, struct err *e)
{
	autoclose int root = -1;
	int rc = open_root(path, &root, e);

	/* The blocks first: the walk checks each leaf, so that the plain copy after it is of the same file. */
	if (!rc)
		rc = export_blocks(root, p, e);
	if (!rc)
		rc = export_car(root, "car", p, false, watch, e);
	if (!rc)
		rc = export_car(root, "inner", p, true, NULL, e);
	return rc ? rc : export_plain(root, p, e);
}

int export_entries(const char *path, const char *name, struct span lines, struct err *e)
{
	autoclose int root = -1, dir = -1;
	const char *model = strchr(name, '/');
	char folder[NAME_PART_MAX + 16];
	int rc = model ? open_root(path, &root, e) : err_set(e, ERR_INTERNAL, "not a product's name");

	if (rc)
		return rc;
	snprintf(folder, sizeof folder, "entries/%.*s", (int)(model - name), name);
	rc = open_below(root, folder, &dir, e);
	return rc ? rc : write_file(dir, model + 1, lines, e);
}
