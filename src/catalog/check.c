/* check.c: is this a catalog? Asked once, when it is opened, so that look-ups need no check.
 *
 * Each table is walked in order with a running count of what its rows refer
 * to: rows of products name consecutive runs of channels and releases, releases
 * consecutive runs of words. So nothing is left over and nothing is shared. */
#include "catalog/layout.h"

#include "base/utf8.h"
#include "formats/sha256.h"

#include <stddef.h>

const uint32_t catalog_row_size[TABLES] = {
	[TABLE_PRODUCTS] = sizeof(struct catalog_product), [TABLE_CHANNELS] = sizeof(struct catalog_channel),
	[TABLE_RELEASES] = sizeof(struct catalog_release), [TABLE_IMAGES] = sizeof(struct catalog_image),
	[TABLE_CIDS] = sizeof(struct catalog_cid), [TABLE_WORDS] = sizeof(struct catalog_ref), [TABLE_POOL] = 1,
};

struct hash32 catalog_digest(struct span whole)
{
	static const struct hash32 zero;
	size_t at = offsetof(struct catalog_head, sha256);
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, span_cut(whole, 0, at));
	sha256_add(&s, SPAN_OF(zero));
	sha256_add(&s, span_cut(whole, at + sizeof zero, whole.n));
	return sha256_end(&s);
}

/* Sticky: the first broken rule stays. */
struct check {
	const struct catalog *c;
	struct err err;
};

static void rule(struct check *k, bool holds, enum catalog_table t, uint32_t row, const char *what)
{
	static const char *const names[TABLES] = { "product", "channel", "release", "image", "CID", "word", "pool" };

	if (!holds && !k->err.code)
		err_set(&k->err, ERR_CORRUPT, "catalog: %s %u: %s", names[t], row, what);
}

static bool ref_fits(const struct catalog *c, struct catalog_ref r)
{
	return r.at <= c->head->table[TABLE_POOL].n && r.n <= c->head->table[TABLE_POOL].n - r.at;
}

static bool text_fits(const struct catalog *c, struct catalog_ref r, uint32_t min, uint32_t max)
{
	return r.n >= min && r.n <= max && ref_fits(c, r) && utf8_is_printable(catalog_bytes(c, r));
}

/* a before b, strictly, in the order of look-ups. Both fit. */
static bool is_before(const struct catalog *c, struct catalog_ref a, struct catalog_ref b)
{
	return catalog_order(catalog_bytes(c, a), catalog_bytes(c, b)) < 0;
}

static int check_head(const struct catalog *c, struct err *e)
{
	const struct catalog_head *h = c->head;
	uint64_t at = sizeof *h;
	struct hash32 digest;

	if (h->magic != CATALOG_MAGIC)
		return err_set(e, ERR_CORRUPT, "catalog: not a catalog of this machine");
	if (h->version != CATALOG_VERSION)
		return err_set(e, ERR_RULE, "catalog: version %u, this program reads %u", h->version, CATALOG_VERSION);
	if (h->length != c->n)
		return err_set(e, ERR_CORRUPT, "catalog: %zu bytes long, says %llu", c->n, (unsigned long long)h->length);
	for (unsigned t = 0; t < TABLES; t++) {
		if (h->table[t].at != catalog_aligned(at))
			return err_set(e, ERR_CORRUPT, "catalog: table %u is not where the one before it ends", t);
		at = h->table[t].at + (uint64_t)h->table[t].n * catalog_row_size[t];
		if (at > c->n)
			return err_set(e, ERR_CORRUPT, "catalog: table %u runs past the end", t);
	}
	if (at != c->n)
		return err_set(e, ERR_CORRUPT, "catalog: bytes after the last table");
	digest = catalog_digest(catalog_whole(c));
	if (!hash32_eq(&digest, &h->sha256))
		return err_set(e, ERR_CORRUPT, "catalog: SHA-256 does not fit");
	if (!text_fits(c, h->gateway, 0, GATEWAY_NAME_MAX))
		return err_set(e, ERR_CORRUPT, "catalog: the gateway's name is no text");
	return ERR_OK;
}

/* What of the tables behind has been claimed by rows seen so far. */
struct claims {
	uint32_t channels, releases, words;
};

static bool claim(uint32_t *next, struct catalog_rows r, uint32_t of)
{
	if (r.first != *next || r.n > of - *next)
		return false;
	*next += r.n;
	return true;
}

static void check_product(struct check *k, uint32_t i, struct claims *claims)
{
	const struct catalog *c = k->c;
	const struct catalog_product *p = catalog_at(c, TABLE_PRODUCTS, i);
	bool is_named = text_fits(c, p->name, 3, PRODUCT_NAME_MAX);

	rule(k, is_named, TABLE_PRODUCTS, i, "the name is no text of the right length");
	rule(k, i == 0 || k->err.code || is_before(c, p[-1].name, p->name), TABLE_PRODUCTS, i, "not after the one before it");
	rule(k, p->trust < TRUST_KINDS, TABLE_PRODUCTS, i, "unknown trust");
	rule(k, p->entries_bytes <= ENTRIES_FILE_MAX, TABLE_PRODUCTS, i, "more entries than are served");
	rule(k, hash32_is_zero(&p->entries_sha256) == (p->entries_bytes == 0), TABLE_PRODUCTS, i, "entries without a digest, or the reverse");
	rule(k, p->channels.n > 0, TABLE_PRODUCTS, i, "no channel");
	rule(k, claim(&claims->channels, p->channels, c->head->table[TABLE_CHANNELS].n), TABLE_PRODUCTS, i,
	     "its channels do not follow those of the product before it");
	rule(k, claim(&claims->releases, p->releases, c->head->table[TABLE_RELEASES].n), TABLE_PRODUCTS, i,
	     "its releases do not follow those of the product before it");
}

static void check_channel(struct check *k, uint32_t i)
{
	const struct catalog_channel *h = catalog_at(k->c, TABLE_CHANNELS, i);

	rule(k, text_fits(k->c, h->name, 1, CHANNEL_MAX), TABLE_CHANNELS, i, "the name is no text of the right length");
	rule(k, h->is_pending <= 1, TABLE_CHANNELS, i, "pending is neither 0 nor 1");
}

/* The product, whose rows were claimed already, has this channel and this release. */
static void check_belongs(struct check *k, const struct catalog_product *p, uint32_t product)
{
	for (uint32_t i = p->channels.first; i < p->channels.first + p->channels.n; i++)
		rule(k, ((const struct catalog_channel *)catalog_at(k->c, TABLE_CHANNELS, i))->product == product,
		     TABLE_CHANNELS, i, "belongs to another product");
	for (uint32_t i = p->releases.first; i < p->releases.first + p->releases.n; i++) {
		const struct catalog_release *r = catalog_at(k->c, TABLE_RELEASES, i);

		rule(k, r->product == product, TABLE_RELEASES, i, "belongs to another product");
		rule(k, r->channel - p->channels.first < p->channels.n, TABLE_RELEASES, i, "a channel of another product");
		rule(k, i == p->releases.first || r[-1].sequence < r->sequence, TABLE_RELEASES, i,
		     "the sequence does not rise");
	}
}

static void check_release(struct check *k, uint32_t i, struct claims *claims)
{
	const struct catalog *c = k->c;
	const struct catalog_release *r = catalog_at(c, TABLE_RELEASES, i);

	rule(k, r->sequence > 0 && r->from_sequence < r->sequence, TABLE_RELEASES, i,
	     "the sequence is 0, or not above the one it needs");
	rule(k, r->manifest.n > 0 && r->manifest.n <= MANIFEST_MAX && ref_fits(c, r->manifest), TABLE_RELEASES, i,
	     "the manifest does not fit");
	rule(k, text_fits(c, r->version, 1, VERSION_MAX), TABLE_RELEASES, i, "the version is no text of the right length");
	rule(k, text_fits(c, r->description, 0, MANIFEST_MAX), TABLE_RELEASES, i, "the description is no text");
	rule(k, text_fits(c, r->cid, 1, CID_TEXT_MAX - 1), TABLE_RELEASES, i, "the CID is no text of the right length");
	rule(k, r->image < c->head->table[TABLE_IMAGES].n, TABLE_RELEASES, i, "no such image");
	rule(k, r->state == CATALOG_ACTIVE || r->state == CATALOG_SUPERSEDED, TABLE_RELEASES, i, "unknown state");
	rule(k, r->is_urgent <= 1, TABLE_RELEASES, i, "urgent is neither 0 nor 1");
	rule(k, r->hardware.n <= HARDWARE_MAX, TABLE_RELEASES, i, "too many hardware names");
	rule(k, claim(&claims->words, r->hardware, c->head->table[TABLE_WORDS].n), TABLE_RELEASES, i,
	     "its hardware names do not follow those of the release before it");
}

static void check_image(struct check *k, uint32_t i)
{
	const struct catalog_image *m = catalog_at(k->c, TABLE_IMAGES, i);

	rule(k, m->size > 0 && m->size <= (uint64_t)IMAGE_MAX, TABLE_IMAGES, i, "the size is 0 or too large");
	rule(k, i == 0 || hash32_cmp(&m[-1].sha256, &m->sha256) < 0, TABLE_IMAGES, i, "not after the one before it");
	rule(k, m->state >= CATALOG_GOOD && m->state <= CATALOG_DAMAGED, TABLE_IMAGES, i, "unknown state");
	rule(k, (m->digests & ~(uint32_t)(CATALOG_HAS_SHA1 | CATALOG_HAS_MD5)) == 0 && m->reserved == 0, TABLE_IMAGES, i,
	     "unknown digests");
	rule(k, text_fits(k->c, m->format, 0, FORMAT_NAME_MAX), TABLE_IMAGES, i, "the format is no text of the right length");
}

static void check_cid(struct check *k, uint32_t i)
{
	const struct catalog_cid *d = catalog_at(k->c, TABLE_CIDS, i);
	bool fits = d->cid.n > 0 && d->cid.n <= CID_BYTES_MAX && ref_fits(k->c, d->cid);

	rule(k, fits, TABLE_CIDS, i, "the CID does not fit");
	rule(k, i == 0 || k->err.code || is_before(k->c, d[-1].cid, d->cid), TABLE_CIDS, i, "not after the one before it");
	rule(k, d->image < k->c->head->table[TABLE_IMAGES].n, TABLE_CIDS, i, "no such image");
}

static void check_word(struct check *k, uint32_t i)
{
	const struct catalog_ref *w = catalog_at(k->c, TABLE_WORDS, i);

	rule(k, text_fits(k->c, *w, 1, HARDWARE_NAME_MAX), TABLE_WORDS, i, "no text of the right length");
}

static void check_rows(struct check *k)
{
	const struct catalog_head *h = k->c->head;
	struct claims claims = { 0 };

	for (uint32_t i = 0; i < h->table[TABLE_PRODUCTS].n && !k->err.code; i++)
		check_product(k, i, &claims);
	for (uint32_t i = 0; i < h->table[TABLE_CHANNELS].n && !k->err.code; i++)
		check_channel(k, i);
	for (uint32_t i = 0; i < h->table[TABLE_RELEASES].n && !k->err.code; i++)
		check_release(k, i, &claims);
	for (uint32_t i = 0; i < h->table[TABLE_IMAGES].n && !k->err.code; i++)
		check_image(k, i);
	for (uint32_t i = 0; i < h->table[TABLE_CIDS].n && !k->err.code; i++)
		check_cid(k, i);
	for (uint32_t i = 0; i < h->table[TABLE_WORDS].n && !k->err.code; i++)
		check_word(k, i);
	for (uint32_t i = 0; i < h->table[TABLE_PRODUCTS].n && !k->err.code; i++)
		check_belongs(k, catalog_at(k->c, TABLE_PRODUCTS, i), i);
	rule(k, claims.channels == h->table[TABLE_CHANNELS].n, TABLE_CHANNELS, claims.channels, "of no product");
	rule(k, claims.releases == h->table[TABLE_RELEASES].n, TABLE_RELEASES, claims.releases, "of no product");
	rule(k, claims.words == h->table[TABLE_WORDS].n, TABLE_WORDS, claims.words, "of no release");
}

int catalog_check(const struct catalog *c, struct err *e)
{
	struct check k = { .c = c };
	int rc = check_head(c, e);

	if (rc)
		return rc;
	check_rows(&k);
	return k.err.code ? err_set(e, k.err.code, "%s", k.err.msg) : ERR_OK;
}
