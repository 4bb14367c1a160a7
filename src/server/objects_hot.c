/* objects_hot.c: see objects.h. Images that live in sealed memfds, and the thread that brings them there. */
#include "server/objects_own.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int object_hot_fd(struct object *o)
{
	return atomic_load_explicit(&o->hot_fd, memory_order_acquire);
}

/* --- the budget; all under the lock --- */

static void uncharge(struct objects *all, struct object *o)
{
	all->hot_charged -= o->size;
	if (o->heat == OBJECT_HOT)
		all->hot--;
}

void objects_cool(struct objects *all, struct object *o)
{
	const uint8_t *hot = atomic_load(&o->hot);

	if (o->heat != OBJECT_HOT)
		return;
	uncharge(all, o);
	o->heat = OBJECT_COLD;
	atomic_store(&o->hot, NULL);
	munmap((void *)(uintptr_t)hot, o->size);
	close(atomic_exchange(&o->hot_fd, -1));
}

/* The hot object that nobody holds and that was last asked for before `before_ms`, longest ago. */
static struct object *oldest_hot(struct objects *all, int64_t before_ms)
{
	struct object *best = NULL;

	LIST_EACH(node, &all->table) {
		struct object *o = LIST_ITEM(node, struct object, node);

		if (o->heat == OBJECT_HOT && !o->holders && o->used_ms <= before_ms && (!best || o->used_ms < best->used_ms))
			best = o;
	}
	return best;
}

/* Cools others until `need` more bytes fit. */
static bool make_room(struct objects *all, uint64_t need, int64_t before_ms)
{
	while (all->hot_charged + need > all->conf.hot_bytes) {
		struct object *o = oldest_hot(all, before_ms);

		if (!o)
			return false;
		objects_cool(all, o);
	}
	return true;
}

void objects_want_hot(struct objects *all, struct object *o)
{
	if (o->heat != OBJECT_COLD || o->size > all->conf.hot_bytes)
		return;
	if (!make_room(all, o->size, clock_mono_ms(all->conf.clock) - OBJECT_IDLE_MS))
		return;
	all->hot_charged += o->size;
	o->heat = OBJECT_QUEUED;
	o->holders++;
	list_append(&all->loads, &o->load_node);
	pthread_cond_signal(&all->work);
}

void objects_set_hot_bytes(struct objects *all, uint64_t hot_bytes)
{
	pthread_mutex_lock(&all->lock);
	all->conf.hot_bytes = hot_bytes;
	make_room(all, 0, INT64_MAX);	/* what is held is over the budget until it is let go */
	pthread_mutex_unlock(&all->lock);
}

/* --- loading; without the lock --- */

static int copy_checked(struct object *o, int memfd, struct err *e)
{
	autofree uint8_t *bytes = malloc(CHUNK_SIZE);

	if (!bytes)
		return err_set(e, ERR_MEMORY, "no memory for a chunk");
	for (uint32_t i = 0; i < o->chunks; i++) {
		size_t n;
		int rc = object_fill(o, i, bytes, &n, e);

		if (!rc)
			rc = io_write_all(memfd, SPAN(bytes, n), e);
		if (rc)
			return rc;
	}
	return ERR_OK;
}

/* Makes the memfd and its mapping, both sealed against us too: what was checked stays what it was. */
static int load(struct object *o, int *fd, void **map, struct err *e)
{
	autoclose int memfd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	if (memfd < 0)
		return err_errno(e, "memfd_create");
	rc = copy_checked(o, memfd, e);
	if (rc)
		return rc;
	if (fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_errno(e, "sealing an image");
	*map = mmap(NULL, o->size, PROT_READ, MAP_SHARED, memfd, 0);
	if (*map == MAP_FAILED)
		return err_errno(e, "mapping an image");
	*fd = STEAL_FD(memfd);
	return ERR_OK;
}

/* Takes the next one that waits; NULL: the end. */
static struct object *next_load(struct objects *all)
{
	struct object *o = NULL;

	pthread_mutex_lock(&all->lock);
	while (list_is_empty(&all->loads) && !all->is_stopping)
		pthread_cond_wait(&all->work, &all->lock);
	if (!list_is_empty(&all->loads)) {
		o = LIST_ITEM(all->loads.next, struct object, load_node);
		list_remove(&o->load_node);
	}
	pthread_mutex_unlock(&all->lock);
	return o;
}

static void loaded(struct object *o, int rc, int fd, void *map)
{
	struct objects *all = o->all;

	pthread_mutex_lock(&all->lock);
	if (rc) {
		uncharge(all, o);
		o->heat = OBJECT_NEVER_HOT;
	} else {
		atomic_store_explicit(&o->hot, map, memory_order_release);
		atomic_store_explicit(&o->hot_fd, fd, memory_order_release);
		o->heat = OBJECT_HOT;
		all->hot++;
	}
	pthread_mutex_unlock(&all->lock);
}

void *objects_load(void *arg)
{
	struct objects *all = arg;
	struct object *o;

	while ((o = next_load(all))) {
		void *map = NULL;
		struct err e = { 0 };
		int fd = -1, rc = load(o, &fd, &map, &e);

		/* Rot was told already; anything else only costs speed. */
		if (rc && rc != ERR_CORRUPT)
			log_unusual("server", "image stays on disk", "why=\"%s\"", e.msg);
		loaded(o, rc, fd, map);
		object_put(o);
	}
	return NULL;
}
