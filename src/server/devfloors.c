/* devfloors.c: see devfloors.h. Open addressing, never more than half full, nothing is ever removed. */
#include "server/devfloors.h"

#include "base/log.h"
#include "catalog/link.h"
#include "formats/sha256.h"

#include <pthread.h>
#include <stdlib.h>

struct slot {
	uint64_t name[2];
	uint64_t sequence;	/* 0: free */
};

struct devfloors {
	pthread_mutex_t lock;
	size_t max, count, mask;
	bool was_full, is_whole;
	struct slot at[];
};

struct devfloors *devfloors_new(size_t max)
{
	struct devfloors *f;
	size_t slots = 16;

	while (slots < max * 2)
		slots *= 2;
	f = calloc(1, sizeof *f + slots * sizeof *f->at);
	if (!f)
		return NULL;
	pthread_mutex_init(&f->lock, NULL);
	f->max = max;
	f->mask = slots - 1;
	return f;
}

void devfloors_free(struct devfloors *f)
{
	if (!f)
		return;
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* The parts cannot hold a NUL, so it keeps them apart. A device cannot choose an id with another one's name. */
static struct slot named(const struct devfloor_key *key)
{
	struct slot s = { 0 };
	struct sha256 h;
	struct hash32 digest;

	sha256_init(&h);
	sha256_add(&h, key->device);
	sha256_add(&h, SPAN("", 1));
	sha256_add(&h, key->product);
	sha256_add(&h, SPAN("", 1));
	sha256_add(&h, key->channel);
	digest = sha256_end(&h);
	memcpy(s.name, digest.b, sizeof s.name);
	return s;
}

/* Its slot, or the free one where it belongs. */
static struct slot *place(struct devfloors *f, const struct slot *s)
{
	size_t i = s->name[0] & f->mask;

	while (f->at[i].sequence && memcmp(f->at[i].name, s->name, sizeof s->name) != 0)
		i = (i + 1) & f->mask;
	return &f->at[i];
}

struct devfloor devfloors_get(struct devfloors *f, const struct devfloor_key *key)
{
	struct slot s = named(key);
	struct devfloor found;

	pthread_mutex_lock(&f->lock);
	found = (struct devfloor){ place(f, &s)->sequence, f->is_whole };
	pthread_mutex_unlock(&f->lock);
	return found;
}

/* Under the lock. */
static bool raise_slot(struct devfloors *f, const struct slot *s)
{
	struct slot *at = place(f, s);

	if (at->sequence >= s->sequence)
		return false;
	if (!at->sequence && f->count == f->max) {
		if (!f->was_full)
			log_unusual("server", "no room for another device's floor", "max=%zu", f->max);
		f->was_full = true;
		return false;
	}
	f->count += !at->sequence;
	*at = *s;
	return true;
}

bool devfloors_raise(struct devfloors *f, const struct devfloor_key *key, uint64_t sequence)
{
	struct slot s = named(key);
	bool rose;

	s.sequence = sequence;
	pthread_mutex_lock(&f->lock);
	rose = raise_slot(f, &s);
	pthread_mutex_unlock(&f->lock);
	return rose;
}

int devfloors_load(struct devfloors *f, struct span records, struct err *e)
{
	struct link_floor m;
	struct err end = { 0 };
	int rc;

	while (!(rc = link_floor_next(&records, &m, &end)))
		devfloors_raise(f, &(struct devfloor_key){ m.device, m.product, m.channel }, m.sequence);
	if (rc != ERR_NOT_FOUND)
		return err_set(e, rc, "%s", end.msg);
	pthread_mutex_lock(&f->lock);
	f->is_whole = true;
	pthread_mutex_unlock(&f->lock);
	return ERR_OK;
}

size_t devfloors_count(struct devfloors *f)
{
	size_t n;

	pthread_mutex_lock(&f->lock);
	n = f->count;
	pthread_mutex_unlock(&f->lock);
	return n;
}
