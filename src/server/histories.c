/* histories.c: see histories.h. */
#include "server/histories.h"

#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/list.h"
#include "formats/sha256.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct history {
	struct list node;
	struct histories *all;
	struct hash32 sha256;
	uint64_t bytes;			/* charged; of a bad one 0 */
	int fd;				/* -1: bad */
	unsigned holders;
	int64_t used_ms;		/* of a bad one: when it was found so */
};

struct histories {
	pthread_mutex_t lock;
	struct histories_conf conf;
	struct list table;
	uint32_t n;
	uint64_t bytes;			/* of the table and of what is being read */
};

int histories_new_take(const struct histories_conf *conf, struct histories **out, struct err *e)
{
	struct histories *all = calloc(1, sizeof *all);

	if (!all) {
		cleanup_close(&(int){ conf->dir });
		return err_set(e, ERR_MEMORY, "no memory for histories");
	}
	all->conf = *conf;
	list_init(&all->table);
	pthread_mutex_init(&all->lock, NULL);
	*out = all;
	return ERR_OK;
}

/* --- the table; all under the lock --- */

static void drop(struct histories *all, struct history *h)
{
	assert(h->holders == 0);
	list_remove(&h->node);
	all->n--;
	all->bytes -= h->bytes;
	cleanup_close(&h->fd);
	free(h);
}

static struct history *find(struct histories *all, const struct hash32 *sha256)
{
	LIST_EACH(node, &all->table) {
		struct history *h = LIST_ITEM(node, struct history, node);

		if (hash32_eq(&h->sha256, sha256))
			return h;
	}
	return NULL;
}

static struct history *oldest_idle(struct histories *all)
{
	struct history *best = NULL;

	LIST_EACH(node, &all->table) {
		struct history *h = LIST_ITEM(node, struct history, node);

		if (!h->holders && (!best || h->used_ms < best->used_ms))
			best = h;
	}
	return best;
}

static bool make_room(struct histories *all, uint64_t bytes)
{
	while (all->n >= HISTORIES_MAX || all->bytes + bytes > HISTORIES_BYTES_MAX) {
		struct history *h = oldest_idle(all);

		if (!h)
			return false;
		drop(all, h);
	}
	return true;
}

/* --- reading; without the lock --- */

static int copy_checked(int from, int to, const struct catalog_product *p, struct err *e)
{
	autofree uint8_t *chunk = malloc(CHUNK_SIZE);
	struct hash32 sha256;
	struct sha256 s;

	if (!chunk)
		return err_set(e, ERR_MEMORY, "no memory for a chunk");
	sha256_init(&s);
	for (uint64_t at = 0; at < p->entries_bytes; at += CHUNK_SIZE) {
		size_t n = p->entries_bytes - at < CHUNK_SIZE ? (size_t)(p->entries_bytes - at) : CHUNK_SIZE;
		int rc = io_pread_exact(from, chunk, n, (off_t)at, e);

		if (!rc)
			rc = io_write_all(to, SPAN(chunk, n), e);
		if (rc)
			return rc;
		sha256_add(&s, SPAN(chunk, n));
	}
	sha256 = sha256_end(&s);
	return hash32_eq(&sha256, &p->entries_sha256) ? ERR_OK : err_set(e, ERR_CORRUPT, "entries do not have the digest that the catalog names");
}

/* What is in the memfd is what was checked: it is sealed against us, too. */
static int load(struct histories *all, const struct catalog_product *p, int *out, struct err *e)
{
	char name[65];
	autoclose int from = openat(all->conf.dir, hex_str(SPAN_OF(p->id), name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	autoclose int memfd = from < 0 ? -1 : memfd_create("entries", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	if (from < 0 || memfd < 0)
		return err_errno(e, "entries");
	rc = copy_checked(from, memfd, p, e);
	if (rc)
		return rc;
	if (fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_errno(e, "sealing entries");
	*out = STEAL_FD(memfd);
	return ERR_OK;
}

/* --- getting one --- */

/* The one in the table: *out, held; or why it is refused. ERR_NOT_FOUND: it has to be read. */
static int look(struct histories *all, const struct hash32 *sha256, struct history **out, struct err *e)
{
	int64_t now = clock_mono_ms(all->conf.clock);
	struct history *h = find(all, sha256);

	if (h && h->fd < 0 && now - h->used_ms >= HISTORY_AGAIN_MS) {
		drop(all, h);
		h = NULL;
	}
	if (!h)
		return ERR_NOT_FOUND;
	if (h->fd < 0)
		return err_set(e, ERR_CORRUPT, "the entries are damaged");
	h->holders++;
	h->used_ms = now;
	*out = h;
	return ERR_OK;
}

/* Notes what was read. Another thread may have been faster: then that one counts. */
static int enlist(struct histories *all, const struct catalog_product *p, int fd, struct history **out, struct err *e)
{
	struct history *h;
	int rc = look(all, &p->entries_sha256, out, e);

	if (rc != ERR_NOT_FOUND) {
		cleanup_close(&fd);
		return rc;
	}
	h = calloc(1, sizeof *h);
	if (!h) {
		cleanup_close(&fd);
		return err_set(e, ERR_BUSY, "no memory for a history");
	}
	*h = (struct history){ .all = all, .sha256 = p->entries_sha256, .bytes = fd < 0 ? 0 : p->entries_bytes, .fd = fd,
		.holders = fd >= 0, .used_ms = clock_mono_ms(all->conf.clock) };
	list_append(&all->table, &h->node);
	all->n++;
	all->bytes += h->bytes;
	if (fd < 0)
		return err_set(e, ERR_CORRUPT, "the entries are damaged");
	*out = h;
	return ERR_OK;
}

/* With the lock, but not while reading. *is_rot: to be told. */
static int read_new(struct histories *all, const struct catalog_product *p, struct history **out, bool *is_rot, struct err *e)
{
	struct err why = { 0 };
	int fd = -1, rc;

	if (!make_room(all, p->entries_bytes))
		return err_set(e, ERR_BUSY, "too many histories are being sent");
	all->bytes += p->entries_bytes;
	pthread_mutex_unlock(&all->lock);
	rc = load(all, p, &fd, &why);
	pthread_mutex_lock(&all->lock);
	all->bytes -= p->entries_bytes;
	if (rc && err_is_shortage(&why))	/* no damage of the file */
		return err_set(e, ERR_BUSY, "%s", why.msg);
	*is_rot = rc != ERR_OK;
	return enlist(all, p, fd, out, e);
}

int histories_get(struct histories *all, const struct catalog_product *p, struct history **out, struct err *e)
{
	bool is_rot = false;
	int rc;

	assert(p->entries_bytes > 0);
	pthread_mutex_lock(&all->lock);
	rc = look(all, &p->entries_sha256, out, e);
	if (rc == ERR_NOT_FOUND)
		rc = read_new(all, p, out, &is_rot, e);
	pthread_mutex_unlock(&all->lock);
	if (is_rot)
		all->conf.rot(all->conf.arg, &p->id);
	return rc;
}

void history_put(struct history *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->all->lock);
	assert(h->holders > 0);
	h->holders--;
	pthread_mutex_unlock(&h->all->lock);
}

int history_fd(const struct history *h)
{
	return h->fd;
}

int history_read(const struct history *h, uint64_t off, uint8_t *out, size_t n, struct err *e)
{
	return io_pread_exact(h->fd, out, n, (off_t)off, e);
}

/* --- all of them --- */

static void drop_unused(struct histories *all, int64_t before_ms)
{
	LIST_EACH(node, &all->table) {
		struct history *h = LIST_ITEM(node, struct history, node);

		if (!h->holders && h->used_ms <= before_ms)
			drop(all, h);
	}
}

void histories_trim(struct histories *all)
{
	pthread_mutex_lock(&all->lock);
	drop_unused(all, clock_mono_ms(all->conf.clock) - OBJECT_IDLE_MS);
	pthread_mutex_unlock(&all->lock);
}

void histories_free(struct histories *all)
{
	if (!all)
		return;
	drop_unused(all, INT64_MAX);
	assert(all->n == 0);
	cleanup_close(&all->conf.dir);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

struct histories_stats histories_stats(struct histories *all)
{
	struct histories_stats s = { 0 };

	pthread_mutex_lock(&all->lock);
	LIST_EACH(node, &all->table)
		s.bad += LIST_ITEM(node, struct history, node)->fd < 0;
	s.held = all->n - s.bad;
	s.bytes = all->bytes;
	pthread_mutex_unlock(&all->lock);
	return s;
}
