/* catalog.c: see catalog.h. Opening, look-ups, and the slot; the checks are in check.c. */
#include "catalog/layout.h"

#include "base/buf.h"
#include "base/io.h"
#include "catalog/freshness.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char *const trust_names[TRUST_KINDS] = {
	[TRUST_QUORUM] = "quorum", [TRUST_SINGLE] = "single", [TRUST_PINNED] = "pinned", [TRUST_LIGHTCLIENT] = "lightclient",
	[TRUST_BUNDLE_SIGNERS] = "bundle-signers", [TRUST_BUNDLE_PINNED] = "bundle-pinned",
};

const char *catalog_trust_name(enum catalog_trust t)
{
	return trust_names[t];
}

/* --- opening --- */

/* Takes the bytes over, also on failure. */
static int open_take(uint8_t *p, size_t n, bool is_mapped, struct catalog **out, struct err *e)
{
	struct catalog *c = calloc(1, sizeof *c);
	int rc;

	if (!c) {
		if (is_mapped)
			munmap(p, n);
		else
			free(p);
		return err_set(e, ERR_MEMORY, "catalog: no memory");
	}
	c->p = p;
	c->n = n;
	c->is_mapped = is_mapped;
	c->head = (const struct catalog_head *)(const void *)p;
	atomic_init(&c->refs, 1);
	rc = catalog_check(c, e);
	if (rc)
		catalog_put(c);
	else
		*out = c;
	return rc;
}

static int open_mapped(int fd, size_t n, struct catalog **out, struct err *e)
{
	const int needed = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int seals = fcntl(fd, F_GET_SEALS);
	void *p;

	if (seals < 0 || (seals & needed) != needed)
		return err_set(e, ERR_DENIED, "catalog: the memfd is not sealed against every change");
	p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_errno(e, "catalog: mmap");
	return open_take(p, n, true, out, e);
}

static int open_read(int fd, size_t n, struct catalog **out, struct err *e)
{
	uint8_t *p = malloc(n);
	int rc;

	if (!p)
		return err_set(e, ERR_MEMORY, "catalog: no memory for %zu bytes", n);
	rc = io_pread_exact(fd, p, n, 0, e);
	if (rc) {
		free(p);
		return rc;
	}
	return open_take(p, n, false, out, e);
}

int catalog_open(int fd, enum catalog_from from, struct catalog **out, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(e, "catalog: fstat");
	if (st.st_size < (off_t)sizeof(struct catalog_head))
		return err_set(e, ERR_CORRUPT, "catalog: too short for a head");
	if (st.st_size > CATALOG_MAX)
		return err_set(e, ERR_LIMIT, "catalog: over %d bytes", CATALOG_MAX);
	if (from == CATALOG_FROM_MEMFD)
		return open_mapped(fd, (size_t)st.st_size, out, e);
	return open_read(fd, (size_t)st.st_size, out, e);
}

int catalog_of(struct span bytes, struct catalog **out, struct err *e)
{
	uint8_t *p;

	if (bytes.n < sizeof(struct catalog_head))
		return err_set(e, ERR_CORRUPT, "catalog: too short for a head");
	if (bytes.n > CATALOG_MAX)
		return err_set(e, ERR_LIMIT, "catalog: over %d bytes", CATALOG_MAX);
	p = malloc(bytes.n);
	if (!p)
		return err_set(e, ERR_MEMORY, "catalog: no memory for %zu bytes", bytes.n);
	memcpy(p, bytes.p, bytes.n);
	return open_take(p, bytes.n, false, out, e);
}

struct catalog *catalog_hold(struct catalog *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void catalog_put(struct catalog *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (c->is_mapped)
		munmap((void *)(uintptr_t)c->p, c->n);
	else
		free((void *)(uintptr_t)c->p);
	free(c);
}

/* --- reading --- */

struct catalog_facts catalog_facts(const struct catalog *c)
{
	return (struct catalog_facts){
		.generation = c->head->generation, .chain_id = c->head->chain_id, .registry = c->head->registry,
		.gateway = catalog_bytes(c, c->head->gateway),
	};
}

struct span catalog_whole(const struct catalog *c)
{
	return SPAN(c->p, c->n);
}

struct span catalog_bytes(const struct catalog *c, struct catalog_ref r)
{
	return SPAN(c->p + c->head->table[TABLE_POOL].at + r.at, r.n);
}

static const void *table(const struct catalog *c, enum catalog_table t, size_t *n)
{
	*n = c->head->table[t].n;
	return catalog_at(c, t, 0);
}

static const void *row(const struct catalog *c, enum catalog_table t, uint32_t i)
{
	assert(i < c->head->table[t].n);
	return catalog_at(c, t, i);
}

const struct catalog_product *catalog_products(const struct catalog *c, size_t *n)
{
	return table(c, TABLE_PRODUCTS, n);
}

const struct catalog_release *catalog_releases(const struct catalog *c, size_t *n)
{
	return table(c, TABLE_RELEASES, n);
}

const struct catalog_image *catalog_images(const struct catalog *c, size_t *n)
{
	return table(c, TABLE_IMAGES, n);
}

const struct catalog_cid *catalog_cids(const struct catalog *c, size_t *n)
{
	return table(c, TABLE_CIDS, n);
}

const struct catalog_product *catalog_product(const struct catalog *c, uint32_t i)
{
	return row(c, TABLE_PRODUCTS, i);
}

const struct catalog_channel *catalog_channel(const struct catalog *c, uint32_t i)
{
	return row(c, TABLE_CHANNELS, i);
}

const struct catalog_release *catalog_release(const struct catalog *c, uint32_t i)
{
	return row(c, TABLE_RELEASES, i);
}

const struct catalog_image *catalog_image(const struct catalog *c, uint32_t i)
{
	return row(c, TABLE_IMAGES, i);
}

struct span catalog_word(const struct catalog *c, uint32_t i)
{
	return catalog_bytes(c, *(const struct catalog_ref *)row(c, TABLE_WORDS, i));
}

/* --- looking up --- */

/* The row that equals key, or NULL. */
static const void *find(const struct catalog *c, enum catalog_table t, const void *key,
			int (*cmp)(const struct catalog *c, const void *key, const void *row))
{
	uint32_t low = 0, high = c->head->table[t].n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const void *at = catalog_at(c, t, mid);
		int way = cmp(c, key, at);

		if (way == 0)
			return at;
		if (way < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static int cmp_product(const struct catalog *c, const void *key, const void *at)
{
	return catalog_order(*(const struct span *)key, catalog_bytes(c, ((const struct catalog_product *)at)->name));
}

static int cmp_image(const struct catalog *c, const void *key, const void *at)
{
	(void)c;
	return hash32_cmp(key, &((const struct catalog_image *)at)->sha256);
}

static int cmp_cid(const struct catalog *c, const void *key, const void *at)
{
	return catalog_order(*(const struct span *)key, catalog_bytes(c, ((const struct catalog_cid *)at)->cid));
}

const struct catalog_product *catalog_find_product(const struct catalog *c, struct span name)
{
	return find(c, TABLE_PRODUCTS, &name, cmp_product);
}

const struct catalog_channel *catalog_find_channel(const struct catalog *c, const struct catalog_product *p,
						   struct span name, uint32_t *at)
{
	for (uint32_t i = p->channels.first; i < p->channels.first + p->channels.n; i++) {
		const struct catalog_channel *channel = catalog_channel(c, i);

		if (name.n && !span_eq(name, catalog_bytes(c, channel->name)))
			continue;
		if (at)
			*at = i;
		return channel;
	}
	return NULL;
}

const struct catalog_image *catalog_find_image(const struct catalog *c, const struct hash32 *sha256)
{
	return find(c, TABLE_IMAGES, sha256, cmp_image);
}

const struct catalog_image *catalog_find_cid(const struct catalog *c, const struct cid *cid)
{
	struct cid v1 = *cid;
	uint8_t bytes[CID_BYTES_MAX];
	struct span key;
	const struct catalog_cid *found;

	v1.version = 1;
	key = SPAN(bytes, cid_write(&v1, bytes));
	found = find(c, TABLE_CIDS, &key, cmp_cid);
	return found ? catalog_image(c, found->image) : NULL;
}

bool catalog_fits_hardware(const struct catalog *c, const struct catalog_release *r, struct span hardware)
{
	if (r->hardware.n == 0)
		return true;
	for (uint32_t i = 0; i < r->hardware.n; i++)
		if (hardware.n && span_eq(hardware, catalog_word(c, r->hardware.first + i)))
			return true;
	return false;
}

/* --- the slot --- */

struct catalog *catalog_slot_get(struct catalog_slot *s)
{
	struct catalog *c;

	pthread_mutex_lock(&s->lock);
	c = s->now ? catalog_hold(s->now) : NULL;
	pthread_mutex_unlock(&s->lock);
	return c;
}

struct clock_bound catalog_slot_bound(struct catalog_slot *s)
{
	struct clock_bound bound;

	pthread_mutex_lock(&s->lock);
	bound = s->bound;
	pthread_mutex_unlock(&s->lock);
	return bound;
}

void catalog_slot_set_take(struct catalog_slot *s, struct catalog *c, int64_t mono_ms)
{
	struct catalog *old;

	pthread_mutex_lock(&s->lock);
	old = s->now;
	s->now = c;
	if (c)
		freshness_bound(&s->bound, c, mono_ms);
	pthread_mutex_unlock(&s->lock);
	catalog_put(old);
}
