/* builder.c: see builder.h.
 *
 * Rows are gathered as they come, with digests and names where the file has
 * indexes. builder_finish() sorts, resolves, lays out, and reads the result back. */
#include "catalog/builder.h"
#include "catalog/layout.h"

#include "base/cleanup.h"
#include "base/hex.h"
#include "formats/sha256.h"

#include <assert.h>
#include <stdlib.h>

/* A row of the file, and what its indexes are made from. */
struct built_product {
	struct catalog_product row;	/* channels, releases: as they were added */
	uint32_t order;
};

struct built_release {
	struct catalog_release row;	/* product: as it was added */
	struct hash32 image;
	uint32_t channel_n;
	char channel[CHANNEL_MAX];
};

struct built_cid {
	struct catalog_ref cid;
	struct hash32 image;
};

struct builder {
	struct builder_about about;
	struct catalog_ref gateway;
	struct buf products, channels, releases, images, cids, words, pool;	/* arrays of struct built_… or rows */
	struct err err;
};

struct builder *builder_new(const struct builder_about *about)
{
	struct builder *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->products = b->channels = b->releases = b->images = b->cids = b->words = b->pool = BUF_INIT(CATALOG_MAX);
	b->about = *about;
	b->gateway = (struct catalog_ref){ 0, (uint32_t)about->gateway.n };
	buf_add(&b->pool, about->gateway);
	return b;
}

void builder_free(struct builder *b)
{
	if (!b)
		return;
	buf_free(&b->products);
	buf_free(&b->channels);
	buf_free(&b->releases);
	buf_free(&b->images);
	buf_free(&b->cids);
	buf_free(&b->words);
	buf_free(&b->pool);
	free(b);
}

static struct catalog_ref pooled(struct builder *b, struct span s)
{
	struct catalog_ref r = { (uint32_t)b->pool.n, (uint32_t)s.n };

	buf_add(&b->pool, s);
	return r;
}

static struct span text(const struct builder *b, struct catalog_ref r)
{
	return span_cut(buf_span(&b->pool), r.at, r.n);
}

static uint32_t count(const struct buf *rows, size_t size)
{
	return (uint32_t)(rows->n / size);
}

/* --- gathering --- */

void builder_image(struct builder *b, const struct builder_image *i)
{
	struct catalog_image row = { .size = i->size, .sha256 = i->sha256, .sums = i->sums, .state = i->state };

	row.format = pooled(b, i->format);
	if (i->sha1) {
		memcpy(row.sha1, i->sha1, sizeof row.sha1);
		row.digests |= CATALOG_HAS_SHA1;
	}
	if (i->md5) {
		memcpy(row.md5, i->md5, sizeof row.md5);
		row.digests |= CATALOG_HAS_MD5;
	}
	buf_add(&b->images, SPAN_OF(row));
}

void builder_cid(struct builder *b, const struct cid *cid, const struct hash32 *image)
{
	struct built_cid row = { .image = *image };
	struct cid v1 = *cid;
	uint8_t bytes[CID_BYTES_MAX];

	v1.version = 1;
	row.cid = pooled(b, SPAN(bytes, cid_write(&v1, bytes)));
	buf_add(&b->cids, SPAN_OF(row));
}

void builder_product(struct builder *b, const struct builder_product *p)
{
	struct built_product row = {
		.row = { .proof = p->proof, .id = p->id, .max_age_ms = p->max_age_ms, .registrant = p->registrant,
			 .trust = p->trust, .name = pooled(b, p->name), .entries_sha256 = p->entries_sha256,
			 .entries_bytes = p->entries_bytes },
		.order = count(&b->products, sizeof row),
	};

	row.row.channels.first = count(&b->channels, sizeof(struct catalog_channel));
	row.row.releases.first = count(&b->releases, sizeof(struct built_release));
	buf_add(&b->products, SPAN_OF(row));
}

/* The product added last; NULL when there was no memory for it (builder_finish says so). */
static struct built_product *last_product(struct builder *b)
{
	assert(b->products.n || b->products.failed);
	if (b->products.failed)
		return NULL;
	return (struct built_product *)(void *)(b->products.p + b->products.n) - 1;
}

void builder_channel(struct builder *b, struct span name, bool is_pending, uint64_t withdrawn)
{
	struct built_product *p = last_product(b);
	struct catalog_channel row = { .withdrawn = withdrawn, .is_pending = is_pending, .name = pooled(b, name) };

	if (!p)
		return;
	buf_add(&b->channels, SPAN_OF(row));
	p->row.channels.n++;
}

static struct catalog_rows add_words(struct builder *b, const struct span *words, size_t n)
{
	struct catalog_rows rows = { count(&b->words, sizeof(struct catalog_ref)), (uint32_t)n };

	for (size_t i = 0; i < n; i++) {
		struct catalog_ref r = pooled(b, words[i]);

		buf_add(&b->words, SPAN_OF(r));
	}
	return rows;
}

void builder_release(struct builder *b, const struct builder_release *r)
{
	struct built_product *p = last_product(b);
	struct built_release row = {
		.row = { .sequence = r->sequence, .from_sequence = r->from_sequence, .published_at = r->published_at,
			 .manifest_sha256 = sha256_of(r->manifest), .state = (uint16_t)r->state,
			 .is_urgent = r->is_urgent },
		.image = r->image,
		.channel_n = (uint32_t)r->channel.n,
	};

	if (!p)
		return;
	if (r->channel.n > CHANNEL_MAX) {
		err_set(&b->err, ERR_RULE, "catalog: a channel name over %d bytes", CHANNEL_MAX);
		return;
	}
	if (r->channel.n)
		memcpy(row.channel, r->channel.p, r->channel.n);
	row.row.manifest = pooled(b, r->manifest);
	row.row.version = pooled(b, r->version);
	row.row.description = pooled(b, r->description);
	row.row.cid = pooled(b, r->cid);
	row.row.hardware = add_words(b, r->hardware, r->hardware_n);
	buf_add(&b->releases, SPAN_OF(row));
	p->row.releases.n++;
}

/* --- finishing --- */

static int by_sha256(const void *a, const void *b)
{
	return hash32_cmp(&((const struct catalog_image *)a)->sha256, &((const struct catalog_image *)b)->sha256);
}

static int by_cid(const void *a, const void *b, void *builder)
{
	const struct built_cid *x = a, *y = b;

	return catalog_order(text(builder, x->cid), text(builder, y->cid));
}

static int by_name(const void *a, const void *b, void *builder)
{
	const struct built_product *x = a, *y = b;

	return catalog_order(text(builder, x->row.name), text(builder, y->row.name));
}

static int by_sequence(const void *a, const void *b)
{
	const struct built_release *x = a, *y = b;

	return (x->row.sequence > y->row.sequence) - (x->row.sequence < y->row.sequence);
}

/* Index of the image in the sorted table. */
static int resolve_image(const struct builder *b, const struct hash32 *sha256, uint32_t *out, struct err *e)
{
	struct catalog_image key = { .sha256 = *sha256 };
	const struct catalog_image *all = (const void *)b->images.p, *found = NULL;
	char hex[65];

	if (b->images.n)
		found = bsearch(&key, all, count(&b->images, sizeof *all), sizeof *all, by_sha256);
	if (!found)
		return err_set(e, ERR_RULE, "catalog: image %s is named, but not in the catalog",
			       hex_str(SPAN_OF(*sha256), hex));
	*out = (uint32_t)(found - all);
	return ERR_OK;
}

static int sort_images(struct builder *b, struct err *e)
{
	struct catalog_image *all = (void *)b->images.p;
	uint32_t n = count(&b->images, sizeof *all);
	char hex[65];

	if (n)
		qsort(all, n, sizeof *all, by_sha256);
	for (uint32_t i = 1; i < n; i++)
		if (hash32_eq(&all[i - 1].sha256, &all[i].sha256))
			return err_set(e, ERR_RULE, "catalog: image %s is in it twice", hex_str(SPAN_OF(all[i].sha256), hex));
	return ERR_OK;
}

static int finish_cids(struct builder *b, struct buf *rows, struct err *e)
{
	struct built_cid *all = (void *)b->cids.p;
	uint32_t n = count(&b->cids, sizeof *all);

	if (n)
		qsort_r(all, n, sizeof *all, by_cid, b);
	for (uint32_t i = 0; i < n; i++) {
		struct catalog_cid row = { .cid = all[i].cid };
		int rc = resolve_image(b, &all[i].image, &row.image, e);

		if (rc)
			return rc;
		if (i && by_cid(&all[i - 1], &all[i], b) == 0) {
			if (!hash32_eq(&all[i - 1].image, &all[i].image))
				return err_set(e, ERR_RULE, "catalog: one CID names two images");
			continue;
		}
		buf_add(rows, SPAN_OF(row));
	}
	return ERR_OK;
}

/* The tables whose rows are not those that were gathered. */
struct finished {
	struct buf products, channels, releases, cids, words;
};

static void finished_free(struct finished *f)
{
	buf_free(&f->products);
	buf_free(&f->channels);
	buf_free(&f->releases);
	buf_free(&f->cids);
	buf_free(&f->words);
}

/* Index in f->channels of the product's channel of this name. */
static int resolve_channel(const struct builder *b, const struct finished *f, const struct catalog_product *p,
			   const struct built_release *r, uint32_t *out, struct err *e)
{
	const struct catalog_channel *all = (const void *)f->channels.p;
	struct span name = SPAN(r->channel, r->channel_n);

	for (uint32_t i = p->channels.first; i < p->channels.first + p->channels.n; i++) {
		if (!span_eq(text(b, all[i].name), name))
			continue;
		*out = i;
		return ERR_OK;
	}
	return err_set(e, ERR_RULE, "catalog: release %llu is of a channel that its product does not have",
		       (unsigned long long)r->row.sequence);
}

static int finish_release(struct builder *b, struct finished *f, const struct catalog_product *p, uint32_t product,
			  const struct built_release *r, struct err *e)
{
	struct catalog_release row = r->row;
	const struct catalog_ref *words = (const void *)b->words.p;
	int rc = resolve_image(b, &r->image, &row.image, e);

	if (!rc)
		rc = resolve_channel(b, f, p, r, &row.channel, e);
	if (rc)
		return rc;
	row.product = product;
	row.hardware.first = count(&f->words, sizeof *words);
	for (uint32_t i = 0; i < row.hardware.n; i++)
		buf_add(&f->words, SPAN_OF(words[r->row.hardware.first + i]));
	buf_add(&f->releases, SPAN_OF(row));
	return ERR_OK;
}

static void finish_channels(struct builder *b, struct finished *f, struct catalog_product *p, uint32_t product)
{
	const struct catalog_channel *all = (const void *)b->channels.p;
	uint32_t from = p->channels.first;

	p->channels.first = count(&f->channels, sizeof *all);
	for (uint32_t i = 0; i < p->channels.n; i++) {
		struct catalog_channel row = all[from + i];

		row.product = product;
		buf_add(&f->channels, SPAN_OF(row));
	}
}

static int finish_product(struct builder *b, struct finished *f, const struct built_product *built, uint32_t product,
			  struct err *e)
{
	struct catalog_product row = built->row;
	struct built_release *releases = (void *)b->releases.p;
	int rc;

	finish_channels(b, f, &row, product);
	rc = buf_ok(&f->channels, e);	/* releases look their channel up there */
	if (row.releases.n)
		qsort(releases + row.releases.first, row.releases.n, sizeof *releases, by_sequence);
	row.releases.first = count(&f->releases, sizeof(struct catalog_release));
	for (uint32_t i = 0; i < row.releases.n && !rc; i++)
		rc = finish_release(b, f, &row, product, &releases[built->row.releases.first + i], e);
	buf_add(&f->products, SPAN_OF(row));
	return rc;
}

static int finish_products(struct builder *b, struct finished *f, struct err *e)
{
	struct built_product *all = (void *)b->products.p;
	uint32_t n = count(&b->products, sizeof *all);
	int rc = ERR_OK;

	if (n)
		qsort_r(all, n, sizeof *all, by_name, b);
	for (uint32_t i = 0; i < n && !rc; i++) {
		if (i && by_name(&all[i - 1], &all[i], b) == 0)
			return err_set(e, ERR_RULE, "catalog: two products of one name");
		rc = finish_product(b, f, &all[i], i, e);
	}
	return rc;
}

static int finished_ok(const struct finished *f, struct err *e)
{
	const struct buf *all[] = { &f->products, &f->channels, &f->releases, &f->cids, &f->words };
	int rc = ERR_OK;

	for (size_t i = 0; i < sizeof all / sizeof *all && !rc; i++)
		rc = buf_ok(all[i], e);
	return rc;
}

static void write_out(const struct builder *b, const struct finished *f, struct buf *out)
{
	const struct buf *table[TABLES] = {
		[TABLE_PRODUCTS] = &f->products, [TABLE_CHANNELS] = &f->channels, [TABLE_RELEASES] = &f->releases,
		[TABLE_IMAGES] = &b->images, [TABLE_CIDS] = &f->cids, [TABLE_WORDS] = &f->words, [TABLE_POOL] = &b->pool,
	};
	struct catalog_head head = {
		.magic = CATALOG_MAGIC, .version = CATALOG_VERSION, .generation = b->about.generation,
		.chain_id = b->about.chain_id, .registry = b->about.registry, .gateway = b->gateway,
	};

	buf_add(out, SPAN_OF(head));
	for (unsigned t = 0; t < TABLES; t++) {
		while (out->n % CATALOG_ALIGN && !out->failed)
			buf_byte(out, 0);
		head.table[t].at = (uint32_t)out->n;
		head.table[t].n = count(table[t], catalog_row_size[t]);
		buf_add(out, buf_span(table[t]));
	}
	if (out->failed)
		return;
	head.length = out->n;
	memcpy(out->p, &head, sizeof head);
	head.sha256 = catalog_digest(buf_span(out));
	memcpy(out->p, &head, sizeof head);
}

static int gathered_ok(const struct builder *b, struct err *e)
{
	const struct buf *all[] = { &b->products, &b->channels, &b->releases, &b->images, &b->cids, &b->words, &b->pool };
	int rc = b->err.code ? err_set(e, b->err.code, "%s", b->err.msg) : ERR_OK;

	for (size_t i = 0; i < sizeof all / sizeof *all && !rc; i++)
		rc = buf_ok(all[i], e);
	return rc;
}

int builder_finish(struct builder *b, struct buf *out, struct err *e)
{
	AUTO(finished_free) struct finished f = {
		BUF_INIT(CATALOG_MAX), BUF_INIT(CATALOG_MAX), BUF_INIT(CATALOG_MAX), BUF_INIT(CATALOG_MAX),
		BUF_INIT(CATALOG_MAX),
	};
	AUTO(catalog_put_auto) struct catalog *check = NULL;
	int rc = gathered_ok(b, e);

	assert(out->n == 0);
	if (!rc)
		rc = sort_images(b, e);
	if (!rc)
		rc = finish_cids(b, &f.cids, e);
	if (!rc)
		rc = finish_products(b, &f, e);
	if (!rc)
		rc = finished_ok(&f, e);
	if (rc)
		return rc;
	write_out(b, &f, out);
	rc = buf_ok(out, e);
	/* A reader refuses what breaks a rule, and so do we, before anybody gets it. */
	if (!rc)
		rc = catalog_of(buf_span(out), &check, e);
	return rc;
}
