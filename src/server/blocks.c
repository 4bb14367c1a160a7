/* blocks.c: see blocks.h.
 *
 *	NEW ─► READING ─► GOOD
 *	          ├─────► BARE	no blocks: there is no room for them, NEW again when there is; or they are more than are served
 *	          ├─────► LOST	incomplete or damaged: told. NEW again when somebody asks after BLOCKS_AGAIN_MS
 *	          └─────► SHORT	memory or descriptors were short, which says nothing of it: not told. NEW again as LOST
 *
 * all.lock guards the table and every set's state; no file is read under it. */
#include "server/blocks.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/log.h"
#include "formats/dagfile.h"
#include "formats/unixfs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum set_state { SET_NEW, SET_READING, SET_GOOD, SET_BARE, SET_LOST, SET_SHORT };

struct blocks {
	pthread_mutex_t lock;
	pthread_cond_t work, read;
	int dir;
	struct blockset **set;		/* in the order of the catalog's CIDs */
	size_t sets;
	size_t next;			/* the thread has looked at those before it */
	uint64_t bytes, trees_max;
	const struct clock *clock;
	void (*rot)(void *arg, const struct hash32 *sha256);
	void *arg;
	uint32_t shares;
	pthread_t reader;
	bool is_stopping;
};

/* --- one set --- */

static void set_free(struct blockset *s)
{
	dagtree_free(s->tree);
	free(s);
}

static struct blockset *set_new(struct blocks *all, const struct cid *root, const struct catalog_image *image)
{
	struct blockset *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->all = all;
	s->root = *root;
	s->sha256 = image->sha256;
	s->size = image->size;
	s->is_listed = true;
	return s;
}

/* ERR_FORMAT: the file ends before that. */
static int read_exact(int fd, uint8_t *p, size_t n, uint64_t at, struct err *e)
{
	int rc = io_pread_exact(fd, p, n, (off_t)at, e);

	return rc == ERR_CORRUPT ? err_set(e, ERR_FORMAT, "no more records") : rc;
}

/* Reads the record at `at` into b. ERR_FORMAT: the file ends there, or is torn. */
static int read_record(int fd, uint64_t at, struct buf *b, struct span *cid, struct span *block, struct err *e)
{
	uint8_t head[DAGFILE_HEAD], *p;
	size_t n;
	int rc = read_exact(fd, head, sizeof head, at, e);

	if (rc)
		return rc;
	n = dagfile_length(head);	/* 0: then nothing is read, and nothing is no record */
	buf_reset(b);
	p = buf_grow(b, n);
	if (!p)
		return err_set(e, ERR_MEMORY, "no memory for a block");
	rc = read_exact(fd, p, n, at, e);
	return rc ? rc : dagfile_read(buf_span(b), cid, block);
}

static int add_kept(struct dagtree *t, int fd, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(DAGFILE_RECORD_MAX);
	uint64_t at = 0;
	int rc = ERR_OK;

	while (rc == ERR_OK && at < DAG_FILE_MAX) {
		struct span name, block;
		struct cid cid;

		rc = read_record(fd, at, &b, &name, &block, e);
		if (rc == ERR_FORMAT)
			return ERR_OK;	/* what is missing will be missed */
		if (rc == ERR_OK && !(rc = cid_read(name, &cid, e)))
			rc = dagtree_add(t, &cid, block, (uint32_t)(at + (size_t)(block.p - b.p)), e);
		at += b.n;
	}
	return rc;
}

int blockset_open_kept(struct blockset *s, int *fd, struct err *e)
{
	char hex[65], path[80];

	hex_str(SPAN_OF(s->sha256), hex);
	snprintf(path, sizeof path, "%.2s/%s.dag", hex, hex);
	*fd = openat(s->all->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return *fd < 0 ? err_errno(e, "%s", path) : ERR_OK;
}

/* Is the file, whose root is not kept, a single leaf? If not, the .dag lacks its root. */
static int check_one_leaf(struct blockset *s, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(2 * BLOCK_MAX);
	char hex[65], path[80];
	uint8_t *bytes = buf_grow(&b, (size_t)s->size);
	int rc;

	hex_str(SPAN_OF(s->sha256), hex);
	snprintf(path, sizeof path, "%.2s/%s", hex, hex);
	autoclose int fd = openat(s->all->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_errno(e, "%s", path);
	if (!bytes)
		return err_set(e, ERR_MEMORY, "no memory for a leaf");
	if ((rc = io_pread_exact(fd, bytes, (size_t)s->size, 0, e)))
		return rc;
	AUTO(buf_free) struct buf block = BUF_INIT(2 * BLOCK_MAX);
	return unixfs_rebuild_leaf(&s->root, buf_span(&b), &block, e);
}

static int read_tree(struct blockset *s, struct dagtree *t, struct err *e)
{
	autoclose int fd = -1;
	int rc = s->root.codec == CID_RAW ? ERR_NOT_FOUND : blockset_open_kept(s, &fd, e);

	/* A file of one ordinary leaf has none. */
	if (rc && rc != ERR_NOT_FOUND)
		return rc;
	rc = fd < 0 ? ERR_OK : add_kept(t, fd, e);
	if (rc || (rc = dagtree_finish(t, &s->root, s->size, e)))
		return rc;
	return t->node[t->root].kind == DAGTREE_LEAF ? check_one_leaf(s, e) : ERR_OK;
}

/* NULL: it has none; e says why. */
static struct dagtree *make_tree(struct blockset *s, struct err *e)
{
	struct dagtree *t = dagtree_new(SHARE_NODES_MAX);
	char cid[CID_TEXT_MAX];
	int rc = t ? read_tree(s, t, e) : err_set(e, ERR_MEMORY, "no memory for a tree of blocks");

	if (!rc)
		return t;
	dagtree_free(t);
	log_debug("server", "an image is not served as blocks", "cid=%s why=\"%s\"", cid_text(&s->root, cid), e->msg);
	return NULL;
}

/* What a set without a tree is. ERR_LIMIT: as it was written, by somebody with smaller blocks than are served. */
static enum set_state state_for(const struct err *e)
{
	return e->code == ERR_LIMIT ? SET_BARE : err_is_shortage(e) ? SET_SHORT : SET_LOST;
}

/* Without the lock. */
static void tell_rot(struct blockset *s)
{
	s->all->rot(s->all->arg, &s->sha256);
}

/* --- the table; all under the lock --- */

/* Makes the set's tree, without the lock meanwhile. */
static void read_set(struct blocks *all, struct blockset *s)
{
	struct err e = { 0 };
	enum set_state state;
	struct dagtree *t;

	s->state = SET_READING;
	s->holders++;
	pthread_mutex_unlock(&all->lock);
	t = make_tree(s, &e);
	state = t ? SET_GOOD : state_for(&e);
	if (state == SET_LOST)
		tell_rot(s);
	pthread_mutex_lock(&all->lock);
	s->state = state;
	s->lost_ms = clock_mono_ms(all->clock);
	if (s->state == SET_BARE)
		s->wants_bytes = all->trees_max + 1;	/* no room is enough */
	if (t && all->bytes + dagtree_bytes(t) > all->trees_max) {
		s->wants_bytes = dagtree_bytes(t);
		dagtree_free(t);
		t = NULL;
		s->state = SET_BARE;
	}
	all->bytes += t ? dagtree_bytes(t) : 0;
	s->tree = t;
	pthread_cond_broadcast(&all->read);
}

/* A tree has gone: what had no room may have it now. */
static void use_room(struct blocks *all)
{
	for (size_t i = 0; i < all->sets; i++)
		if (all->set[i]->state == SET_BARE && all->bytes + all->set[i]->wants_bytes <= all->trees_max)
			all->set[i]->state = SET_NEW;
	all->next = 0;
	pthread_cond_broadcast(&all->work);
}

static void let_go(struct blocks *all, struct blockset *s)
{
	assert(s->holders > 0);
	if (--s->holders > 0 || s->is_listed)
		return;
	all->bytes -= s->tree ? dagtree_bytes(s->tree) : 0;
	set_free(s);
	use_room(all);
}

static void delist(struct blocks *all, struct blockset *s)
{
	s->is_listed = false;
	s->holders++;
	let_go(all, s);
}

/* The keeper may have mended one that is lost, and one that is short may do now. A tree that was forsaken goes when nobody holds the set: until
 * then it stays lost. */
static void try_again(struct blocks *all, struct blockset *s)
{
	if (s->state < SET_LOST || s->holders > 0 || clock_mono_ms(all->clock) - s->lost_ms < BLOCKS_AGAIN_MS)
		return;
	all->bytes -= s->tree ? dagtree_bytes(s->tree) : 0;
	dagtree_free(s->tree);
	s->tree = NULL;
	s->state = SET_NEW;
}

/* Its tree, held; NULL: it has none, or none for now. */
static struct blockset *wait_for(struct blocks *all, struct blockset *s)
{
	try_again(all, s);
	s->holders++;
	if (s->state == SET_NEW)
		read_set(all, s), let_go(all, s);
	while (s->state == SET_READING)
		pthread_cond_wait(&all->read, &all->lock);
	if (s->state == SET_GOOD)
		return s;
	let_go(all, s);
	return NULL;
}

/* CIDs sort as the catalog has them: by their bytes as version 1. */
static int order(const struct cid *a, const struct cid *b)
{
	struct cid one = *a, two = *b;
	uint8_t x[CID_BYTES_MAX], y[CID_BYTES_MAX];
	size_t n, m;

	one.version = two.version = 1;
	n = cid_write(&one, x);
	m = cid_write(&two, y);
	return memcmp(x, y, n < m ? n : m);	/* none is the beginning of another */
}

static struct blockset *find_root(struct blocks *all, const struct cid *cid)
{
	size_t low = 0, high = all->sets;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int way = order(&all->set[middle]->root, cid);

		if (way == 0)
			return all->set[middle];
		if (way < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The first set that was not looked through. NULL: all were. */
static struct blockset *next_set(struct blocks *all)
{
	while (all->next < all->sets && all->set[all->next]->state > SET_READING)
		all->next++;
	return all->next < all->sets ? all->set[all->next] : NULL;
}

static bool is_short(const struct blocks *all)
{
	for (size_t i = 0; i < all->sets; i++)
		if (all->set[i]->state == SET_SHORT)
			return true;
	return false;
}

static int find_inside(struct blocks *all, const struct cid *cid, struct blockset **out, uint32_t *row, struct err *e)
{
	for (size_t i = 0; i < all->sets; i++) {
		struct blockset *s = all->set[i];

		if (s->state != SET_GOOD || (*row = dagtree_find(s->tree, cid)) == DAGTREE_NONE)
			continue;
		s->holders++;
		*out = s;
		return ERR_OK;
	}
	/* It may lie in one that has no tree yet, or not any more. */
	for (size_t i = 0; i < all->sets; i++)
		try_again(all, all->set[i]);
	all->next = 0;
	if (next_set(all))
		pthread_cond_broadcast(&all->work);
	return next_set(all) || is_short(all) ? err_set(e, ERR_BUSY, "not all blocks are known yet") :
						err_set(e, ERR_NOT_FOUND, "no such block");
}

int blocks_find(struct blocks *all, const struct cid *cid, struct blockset **out, uint32_t *row, struct err *e)
{
	struct blockset *s;
	int rc = ERR_OK;

	pthread_mutex_lock(&all->lock);
	s = find_root(all, cid);
	if (s)
		s = wait_for(all, s);
	if (s) {
		*out = s;
		*row = s->tree->root;
	} else {
		rc = find_inside(all, cid, out, row, e);
	}
	pthread_mutex_unlock(&all->lock);
	return rc;
}

void blockset_hold(struct blockset *s)
{
	pthread_mutex_lock(&s->all->lock);
	s->holders++;
	pthread_mutex_unlock(&s->all->lock);
}

void blockset_put(struct blockset *s)
{
	struct blocks *all = s ? s->all : NULL;

	if (!s)
		return;
	pthread_mutex_lock(&all->lock);
	let_go(all, s);
	pthread_mutex_unlock(&all->lock);
}

void blockset_forsake(struct blockset *s)
{
	pthread_mutex_lock(&s->all->lock);
	s->state = SET_LOST;
	s->lost_ms = clock_mono_ms(s->all->clock);
	pthread_mutex_unlock(&s->all->lock);
	tell_rot(s);
}

bool blocks_enter(struct blocks *all)
{
	bool is_in;

	pthread_mutex_lock(&all->lock);
	is_in = all->shares < SHARES_MAX;
	all->shares += is_in;
	pthread_mutex_unlock(&all->lock);
	return is_in;
}

void blocks_leave(struct blocks *all)
{
	pthread_mutex_lock(&all->lock);
	assert(all->shares > 0);
	all->shares--;
	pthread_mutex_unlock(&all->lock);
}

/* --- the thread --- */

static void *read_all(void *arg)
{
	struct blocks *all = arg;

	pthread_mutex_lock(&all->lock);
	while (!all->is_stopping) {
		struct blockset *s = next_set(all);

		if (!s) {
			pthread_cond_wait(&all->work, &all->lock);
		} else if (s->state == SET_NEW) {
			/* The table may be another one afterwards: then it is gone through again. */
			read_set(all, s);
			let_go(all, s);
		} else {
			pthread_cond_wait(&all->read, &all->lock);
		}
	}
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

/* --- catalogs --- */

/* The set of this row: `old`, if it is that one and of the same image, or a new one. NULL: it has none, or no memory. */
static struct blockset *set_of(struct blocks *all, const struct catalog *c, const struct catalog_cid *row, const struct cid *root,
			       struct blockset *old)
{
	const struct catalog_image *image = catalog_image(c, row->image);

	if (image->state != CATALOG_GOOD)
		return NULL;
	if (old && order(&old->root, root) == 0 && hash32_eq(&old->sha256, &image->sha256))
		return old;
	return set_new(all, root, image);
}

/* Fills in the new table; both are in the order of the catalog. */
static size_t merge(struct blocks *all, const struct catalog *c, struct blockset **sets)
{
	size_t n, kept = 0, at = 0;
	const struct catalog_cid *rows = catalog_cids(c, &n);

	for (size_t i = 0; i < n; i++) {
		struct cid root;

		if (cid_read(catalog_bytes(c, rows[i].cid), &root, NULL) || root.hash != CID_SHA256)
			continue;
		while (at < all->sets && order(&all->set[at]->root, &root) < 0)
			at++;
		sets[kept] = set_of(all, c, &rows[i], &root, at < all->sets ? all->set[at] : NULL);
		kept += sets[kept] != NULL;
	}
	return kept;
}

void blocks_settle(struct blocks *all, const struct catalog *c)
{
	struct blockset **sets, **old;
	size_t n, old_n;

	(void)catalog_cids(c, &n);
	sets = calloc(n + 1, sizeof(struct blockset *));
	if (!sets)
		return;
	pthread_mutex_lock(&all->lock);
	n = merge(all, c, sets);
	old = all->set;
	old_n = all->sets;
	all->set = sets;
	all->sets = n;
	all->next = 0;
	for (size_t i = 0; i < old_n; i++)
		old[i]->is_listed = false;
	for (size_t i = 0; i < n; i++)
		sets[i]->is_listed = true;
	for (size_t i = 0; i < old_n; i++)
		if (!old[i]->is_listed)
			delist(all, old[i]);
	free(old);
	(void)next_set(all);
	pthread_cond_broadcast(&all->work);
	pthread_cond_broadcast(&all->read);
	pthread_mutex_unlock(&all->lock);
}

/* --- all of them --- */

int blocks_new(const struct blocks_conf *conf, struct blocks **out, struct err *e)
{
	struct blocks *all = calloc(1, sizeof *all);

	if (!all)
		return err_set(e, ERR_MEMORY, "no memory for blocks");
	all->trees_max = conf->trees_max;
	all->clock = conf->clock;
	all->rot = conf->rot;
	all->arg = conf->arg;
	all->dir = fcntl(conf->objects, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->work, NULL);
	pthread_cond_init(&all->read, NULL);
	if (all->dir >= 0 && pthread_create(&all->reader, NULL, read_all, all) == 0) {
		*out = all;
		return ERR_OK;
	}
	cleanup_close(&all->dir);
	free(all);
	return err_set(e, ERR_INTERNAL, "no thread for looking through blocks");
}

void blocks_free(struct blocks *all)
{
	if (!all)
		return;
	pthread_mutex_lock(&all->lock);
	all->is_stopping = true;
	pthread_cond_broadcast(&all->work);
	pthread_cond_broadcast(&all->read);
	pthread_mutex_unlock(&all->lock);
	pthread_join(all->reader, NULL);
	for (size_t i = 0; i < all->sets; i++) {
		assert(all->set[i]->holders == 0);
		set_free(all->set[i]);
	}
	free(all->set);
	close(all->dir);
	pthread_cond_destroy(&all->work);
	pthread_cond_destroy(&all->read);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

struct blocks_stats blocks_stats(struct blocks *all)
{
	struct blocks_stats s;

	pthread_mutex_lock(&all->lock);
	s = (struct blocks_stats){ (uint32_t)all->sets, (uint32_t)(all->sets - all->next), all->shares, all->bytes };
	pthread_mutex_unlock(&all->lock);
	return s;
}
