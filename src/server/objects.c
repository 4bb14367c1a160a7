/* objects.c: see objects.h. The table. */
#include "server/objects_own.h"

#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "formats/sha256.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* --- one object --- */

static void object_free(struct object *o)
{
	if (o->fd >= 0)
		close(o->fd);
	free(o->sums);
	free(o);
}

static struct object *object_new(struct objects *all, const struct catalog_image *image)
{
	struct object *o = calloc(1, sizeof *o);

	if (!o)
		return NULL;
	list_init(&o->node);
	list_init(&o->load_node);
	o->all = all;
	o->id = ++all->next_id;
	o->sha256 = image->sha256;
	o->sums_sha256 = image->sums;
	o->size = image->size;
	o->chunks = (uint32_t)((image->size + CHUNK_SIZE - 1) / CHUNK_SIZE);
	o->fd = -1;
	atomic_init(&o->hot_fd, -1);
	return o;
}

static int open_image(struct object *o, const char *path, struct err *e)
{
	struct stat st;
	int rc = io_open_own(o->all->conf.dir, path, 0, &o->fd, e);

	if (rc)
		return err_wrap(e, "object");
	if (fstat(o->fd, &st) < 0)
		return err_errno(e, "object %s: fstat", path);
	if ((uint64_t)st.st_size != o->size)
		return err_set(e, ERR_CORRUPT, "object %s: not a file of %llu bytes", path, (unsigned long long)o->size);
	return ERR_OK;
}

/* The digests of its chunks, themselves checked against the catalog. */
static int open_sums(struct object *o, const char *path, struct err *e)
{
	size_t n = o->chunks * sizeof *o->sums;
	autoclose int fd = -1;
	struct hash32 sha256;
	int rc = io_open_own(o->all->conf.dir, path, 0, &fd, e);

	if (rc)
		return err_wrap(e, "object");
	o->sums = malloc(n);
	if (!o->sums)
		return err_set(e, ERR_MEMORY, "object %s: no memory", path);
	rc = io_pread_exact(fd, o->sums, n, 0, e);
	if (rc)
		return rc;
	sha256 = sha256_of(SPAN(o->sums, n));
	if (!hash32_eq(&sha256, &o->sums_sha256))
		return err_set(e, ERR_CORRUPT, "object %s: not the digests that the catalog names", path);
	return ERR_OK;
}

static int open_files(struct object *o, struct err *e)
{
	char hex[65], path[80];
	int rc;

	hex_str(SPAN_OF(o->sha256), hex);
	snprintf(path, sizeof path, "%.2s/%s", hex, hex);
	rc = open_image(o, path, e);
	if (rc)
		return rc;
	snprintf(path, sizeof path, "%.2s/%s.sums", hex, hex);
	return open_sums(o, path, e);
}

/* Under the lock. Is it to be told that it is bad? The word of that may be lost, so it is said again as long as somebody asks. */
static bool tells_rot(struct object *o)
{
	int64_t now_ms = clock_mono_ms(o->all->conf.clock);

	if (o->rot_told_ms && now_ms - o->rot_told_ms < OBJECT_ROT_AGAIN_MS)
		return false;
	o->rot_told_ms = now_ms;
	return true;
}

int object_found_rot(struct object *o, uint32_t chunk, int rc)
{
	struct objects *all = o->all;
	bool is_first;

	pthread_mutex_lock(&all->lock);
	is_first = o->state != OBJECT_BAD;
	if (is_first) {
		o->state = OBJECT_BAD;
		o->bad_chunk = chunk;
		(void)tells_rot(o);
	}
	pthread_mutex_unlock(&all->lock);
	if (is_first)
		all->conf.rot(all->conf.arg, &o->sha256, chunk);
	return rc;
}

/* --- the table; all under the lock --- */

static size_t sums_bytes(const struct object *o)
{
	return o->chunks * sizeof *o->sums;
}

static void enlist(struct objects *all, struct object *o)
{
	list_append(&all->table, &o->node);
	o->is_listed = true;
	all->open++;
	all->sums_bytes += sums_bytes(o);
}

/* Out of the table. Freed now, or by its last holder. */
static void delist(struct objects *all, struct object *o)
{
	list_remove(&o->node);
	o->is_listed = false;
	all->open--;
	all->sums_bytes -= sums_bytes(o);
	if (o->holders)
		return;
	objects_cool(all, o);
	object_free(o);
}

static struct object *find(struct objects *all, const struct hash32 *sha256)
{
	LIST_EACH(node, &all->table) {
		struct object *o = LIST_ITEM(node, struct object, node);

		if (hash32_eq(&o->sha256, sha256))
			return o;
	}
	return NULL;
}

static struct object *oldest_idle(struct objects *all)
{
	struct object *best = NULL;

	LIST_EACH(node, &all->table) {
		struct object *o = LIST_ITEM(node, struct object, node);

		if (!o->holders && (!best || o->used_ms < best->used_ms))
			best = o;
	}
	return best;
}

static int make_room(struct objects *all, const struct object *for_this, struct err *e)
{
	while (all->open >= OBJECTS_OPEN_MAX || all->sums_bytes + sums_bytes(for_this) > OBJECT_SUMS_MAX) {
		struct object *o = oldest_idle(all);

		if (!o)
			return err_set(e, ERR_BUSY, "too many images are being read");
		delist(all, o);
	}
	return ERR_OK;
}

/* Opens a new object, without the lock meanwhile. */
static int open_new(struct objects *all, const struct catalog_image *image, struct object **out, struct err *e)
{
	struct object *o = object_new(all, image);
	struct err why = { 0 };
	int rc;

	if (!o)
		return err_set(e, ERR_MEMORY, "no memory for an object");
	rc = make_room(all, o, e);
	if (rc) {
		object_free(o);
		return rc;
	}
	enlist(all, o);
	o->holders = 1;
	pthread_mutex_unlock(&all->lock);
	rc = open_files(o, &why);
	pthread_mutex_lock(&all->lock);
	o->state = rc ? OBJECT_BAD : OBJECT_GOOD;
	pthread_cond_broadcast(&all->opened);
	if (rc && err_is_shortage(&why)) {	/* no damage of the file: try again later */
		o->holders = 0;
		delist(all, o);
		return err_set(e, ERR_BUSY, "%s", why.msg);
	}
	*out = o;
	return ERR_OK;
}

/* *is_rot: it is bad in *chunk, which is to be told. */
static int get(struct objects *all, const struct catalog_image *image, struct object **out, bool *is_rot, uint32_t *chunk, struct err *e)
{
	struct object *o = find(all, &image->sha256);
	int rc = ERR_OK;

	while (o && o->state == OBJECT_OPENING) {
		pthread_cond_wait(&all->opened, &all->lock);
		o = find(all, &image->sha256);
	}
	if (o)
		o->holders++;
	else
		rc = open_new(all, image, &o, e);
	if (rc)
		return rc;
	o->used_ms = clock_mono_ms(all->conf.clock);
	if (o->state == OBJECT_BAD) {
		*is_rot = tells_rot(o);
		*chunk = o->bad_chunk;
		o->holders--;
		return err_set(e, ERR_CORRUPT, "the image is damaged");
	}
	objects_want_hot(all, o);
	*out = o;
	return ERR_OK;
}

int objects_get(struct objects *all, const struct catalog_image *image, struct object **out, struct err *e)
{
	bool is_rot = false;
	uint32_t chunk = 0;
	int rc;

	pthread_mutex_lock(&all->lock);
	rc = get(all, image, out, &is_rot, &chunk, e);
	pthread_mutex_unlock(&all->lock);
	if (is_rot)
		all->conf.rot(all->conf.arg, &image->sha256, chunk);
	return rc;
}

struct object *object_hold(struct object *o)
{
	pthread_mutex_lock(&o->all->lock);
	o->holders++;
	pthread_mutex_unlock(&o->all->lock);
	return o;
}

void object_put(struct object *o)
{
	struct objects *all = o ? o->all : NULL;

	if (!o)
		return;
	pthread_mutex_lock(&all->lock);
	assert(o->holders > 0);
	if (--o->holders == 0 && !o->is_listed) {
		objects_cool(all, o);
		object_free(o);
	}
	pthread_mutex_unlock(&all->lock);
}

uint64_t object_size(const struct object *o)
{
	return o->size;
}

/* --- all of them --- */

/* Does the catalog still want this object served, as it is open here? */
static bool is_wanted(const struct object *o, const struct catalog *c)
{
	const struct catalog_image *image = catalog_find_image(c, &o->sha256);

	return image && image->state == CATALOG_GOOD && hash32_eq(&image->sums, &o->sums_sha256) && o->state != OBJECT_BAD;
}

void objects_settle(struct objects *all, const struct catalog *c)
{
	pthread_mutex_lock(&all->lock);
	LIST_EACH(node, &all->table) {
		struct object *o = LIST_ITEM(node, struct object, node);

		if (o->state != OBJECT_OPENING && !is_wanted(o, c))
			delist(all, o);
	}
	pthread_mutex_unlock(&all->lock);
}

static int start(struct objects *all, struct err *e)
{
	all->chunks = chunks_new(OBJECT_TRANSFERS_MAX + CHUNKS_SPARE);
	if (!all->chunks)
		return err_set(e, ERR_MEMORY, "no memory for chunks");
	if (pthread_create(&all->loader, NULL, objects_load, all))
		return err_set(e, ERR_INTERNAL, "no thread for loading images");
	return ERR_OK;
}

int objects_new_take(const struct objects_conf *conf, struct objects **out, struct err *e)
{
	struct objects *all = calloc(1, sizeof *all);
	int rc;

	if (!all) {
		close(conf->dir);
		return err_set(e, ERR_MEMORY, "no memory for objects");
	}
	all->conf = *conf;
	list_init(&all->table);
	list_init(&all->loads);
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->opened, NULL);
	pthread_cond_init(&all->work, NULL);
	rc = start(all, e);
	if (!rc) {
		*out = all;
		return ERR_OK;
	}
	chunks_free(all->chunks);
	close(conf->dir);
	free(all);
	return rc;
}

void objects_free(struct objects *all)
{
	if (!all)
		return;
	pthread_mutex_lock(&all->lock);
	all->is_stopping = true;
	pthread_cond_signal(&all->work);
	pthread_mutex_unlock(&all->lock);
	pthread_join(all->loader, NULL);
	LIST_EACH(node, &all->table) {
		struct object *o = LIST_ITEM(node, struct object, node);

		assert(o->holders == 0);
		delist(all, o);
	}
	chunks_free(all->chunks);
	close(all->conf.dir);
	pthread_cond_destroy(&all->opened);
	pthread_cond_destroy(&all->work);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

struct objects_stats objects_stats(struct objects *all)
{
	struct objects_stats s;

	pthread_mutex_lock(&all->lock);
	s = (struct objects_stats){ all->open, all->hot, all->transfers, all->hot_charged };
	pthread_mutex_unlock(&all->lock);
	return s;
}
