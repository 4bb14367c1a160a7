/* export.c: see export.h. */
#include "publish/export.h"
#include "publish/readback.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/limits.h"
#include "formats/sha256.h"

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

/* --- what a file holds --- */

enum holds { HOLDS_CAR, HOLDS_INNER, HOLDS_IMAGE, HOLDS_BYTES };

struct content {
	enum holds what;
	const struct pack *pack;
	struct span bytes;	/* HOLDS_BYTES */
};

static uint64_t content_size(const struct content *c)
{
	switch (c->what) {
	case HOLDS_CAR:
		return c->pack->car_size;
	case HOLDS_INNER:
		return c->pack->inner_car_size;
	case HOLDS_IMAGE:
		return c->pack->size;
	case HOLDS_BYTES:
		break;
	}
	return c->bytes.n;
}

/* Its bytes from the front. */
struct reader {
	struct content of;
	struct pack_car car;
	uint64_t at;
};

static void reader_init(struct reader *r, const struct content *c)
{
	*r = (struct reader){ .of = *c };
	if (c->what == HOLDS_CAR || c->what == HOLDS_INNER)
		pack_car_init(&r->car, c->pack, c->what == HOLDS_INNER);
}

static void reader_fini(struct reader *r)
{
	if (r->of.what == HOLDS_CAR || r->of.what == HOLDS_INNER)
		pack_car_fini(&r->car);
}

/* *n < cap only at the end. */
static int reader_read(struct reader *r, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	uint64_t left = content_size(&r->of) - r->at;
	int rc = ERR_OK;

	*n = left < cap ? (size_t)left : cap;
	switch (r->of.what) {
	case HOLDS_CAR:
	case HOLDS_INNER:
		return pack_car_read(&r->car, out, cap, n, e);
	case HOLDS_IMAGE:
		rc = io_pread_exact(r->of.pack->fd, out, *n, (off_t)r->at, e);
		break;
	case HOLDS_BYTES:
		if (*n)
			memcpy(out, r->of.bytes.p + r->at, *n);
		break;
	}
	r->at += *n;
	return rc;
}

/* --- is it there, byte for byte? --- */

static int compare(int fd, const struct content *c, bool *is_same, struct err *e)
{
	autofree uint8_t *own = malloc(COPY_BYTES), *theirs = malloc(COPY_BYTES);
	size_t n = COPY_BYTES;
	struct reader r;
	off_t at = 0;
	int rc = own && theirs ? ERR_OK : err_set(e, ERR_MEMORY, "out of memory");

	reader_init(&r, c);
	for (*is_same = true; !rc && *is_same && n == COPY_BYTES; at += (off_t)n) {
		rc = reader_read(&r, own, COPY_BYTES, &n, e);
		*is_same = !rc && !io_pread_exact(fd, theirs, n, at, NULL) && memcmp(own, theirs, n) == 0;
	}
	reader_fini(&r);
	return rc;
}

/* What is not there, or cannot be read, is not the same. */
static int look(int dir, const char *name, const struct content *c, bool *is_same, struct err *e)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	*is_same = false;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != content_size(c))
		return ERR_OK;
	return compare(fd, c, is_same, e);
}

/* --- writing --- */

/* An export under way. */
struct export {
	int root;
	const struct pack *pack;
	const struct pack_watch *watch;
	uint64_t written;
};

static int stream(struct export *x, int fd, const struct content *c, struct err *e)
{
	autofree uint8_t *chunk = malloc(COPY_BYTES);
	size_t n = COPY_BYTES;
	struct reader r;
	int rc = chunk ? ERR_OK : err_set(e, ERR_MEMORY, "out of memory");

	reader_init(&r, c);
	while (!rc && n == COPY_BYTES) {
		rc = reader_read(&r, chunk, COPY_BYTES, &n, e);
		if (!rc)
			rc = io_write_all(fd, SPAN(chunk, n), e);
		if (rc)
			break;
		x->written += n;
		if (x->watch && c->what == HOLDS_CAR)
			x->watch->progress(x->watch->arg, r.car.sent, x->pack->car_size);
	}
	reader_fini(&r);
	return rc;
}

static int put(struct export *x, int dir, const char *name, const struct content *c, struct err *e)
{
	struct fresh f;
	bool is_same;
	int rc = look(dir, name, c, &is_same, e);

	if (rc || is_same)
		return rc;
	rc = fresh_open(&f, dir, name, e);
	return rc ? rc : fresh_close(&f, stream(x, f.fd, c, e), e);
}

static int put_in(struct export *x, const char *folder, const char *name, enum holds what, struct err *e)
{
	const struct content c = { .what = what, .pack = x->pack };
	autoclose int dir = -1;
	int rc = open_below(x->root, folder, &dir, e);

	return rc ? rc : put(x, dir, name, &c, e);
}

static int put_blocks(struct export *x, struct err *e)
{
	autoclose int dir = -1;
	struct pack_walk walk;
	int rc = open_below(x->root, "blocks", &dir, e);

	pack_walk_init(&walk, x->pack, false);
	while (!rc) {
		struct content c = { .what = HOLDS_BYTES };
		char name[CID_TEXT_MAX];
		struct cid cid;

		rc = pack_walk_next(&walk, &cid, &c.bytes, e);
		if (rc || !c.bytes.p)
			break;
		rc = put(x, dir, cid_text(&cid, name), &c, e);
	}
	pack_walk_fini(&walk);
	return rc;
}

/* The files' names, from the image's. */
struct names {
	char car[CID_TEXT_MAX + 8], image[HEX32_MAX];
};

static void make_names(const struct pack *p, struct names *out)
{
	char cid[CID_TEXT_MAX];

	snprintf(out->car, sizeof out->car, "%s.car", cid_text(&p->root, cid));
	hex_str(SPAN_OF(p->sha256), out->image);
}

int export_image(const char *path, const struct pack *p, const struct pack_watch *watch, uint64_t *written, struct err *e)
{
	autoclose int root = -1;
	struct export x = { .pack = p, .watch = watch };
	struct names names;
	int rc = open_root(path, &root, e);

	make_names(p, &names);
	x.root = root;
	/* The blocks first: the walk checks each leaf, so that the plain copy after it is of the same file. */
	if (!rc)
		rc = put_blocks(&x, e);
	if (!rc)
		rc = put_in(&x, "car", names.car, HOLDS_CAR, e);
	if (!rc)
		rc = put_in(&x, "inner", names.car, HOLDS_INNER, e);
	if (!rc)
		rc = put_in(&x, "image", names.image, HOLDS_IMAGE, e);
	*written = x.written;
	return rc;
}

/* --- reading back --- */

static int open_file(const char *path, const char *folder, const char *name, int *out, struct err *e)
{
	char file[PATH_MAX];

	snprintf(file, sizeof file, "%s/%s/%s", path, folder, name);
	*out = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return *out < 0 ? err_errno(e, "reading back %s/%.20s…", folder, name) : ERR_OK;
}

static int check_digest(int fd, const struct pack *p, struct err *e)
{
	autofree uint8_t *chunk = malloc(COPY_BYTES);
	struct sha256 sha;
	struct hash32 digest;
	ssize_t n;

	if (!chunk)
		return err_set(e, ERR_MEMORY, "out of memory");
	sha256_init(&sha);
	while ((n = read(fd, chunk, COPY_BYTES)) > 0)
		sha256_add(&sha, SPAN(chunk, (size_t)n));
	digest = sha256_end(&sha);
	if (n < 0)
		return err_errno(e, "reading back");
	return hash32_eq(&digest, &p->sha256) ? ERR_OK : err_set(e, ERR_PROOF, "reading back: the plain file has another SHA-256");
}

int export_read_back(const char *path, const struct pack *p, const struct pack_watch *watch, struct err *e)
{
	autoclose int car = -1, image = -1;
	struct names names;
	int rc;

	make_names(p, &names);
	rc = open_file(path, "car", names.car, &car, e);
	if (!rc)
		rc = readback_archive(car, p, watch, e);
	if (!rc)
		rc = open_file(path, "image", names.image, &image, e);
	return rc ? rc : check_digest(image, p, e);
}

/* --- entries --- */

int export_entries(const char *path, const char *name, struct span lines, struct err *e)
{
	autoclose int root = -1, dir = -1;
	const char *model = strchr(name, '/');
	char folder[NAME_PART_MAX + 16];
	struct fresh f;
	int rc = model ? open_root(path, &root, e) : err_set(e, ERR_INTERNAL, "not a product's name");

	if (rc)
		return rc;
	snprintf(folder, sizeof folder, "entries/%.*s", (int)(model - name), name);
	rc = open_below(root, folder, &dir, e);
	if (rc)
		return rc;
	rc = fresh_open(&f, dir, model + 1, e);
	return rc ? rc : fresh_close(&f, io_write_all(f.fd, lines, e), e);
}
