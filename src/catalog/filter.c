/* filter.c: catalog_filter() of builder.h: what of a catalog from disk may still be told. */
#include "catalog/builder.h"
#include "catalog/layout.h"

#include "base/cleanup.h"

#include <stdlib.h>

/* What became of an image's releases. */
struct fate {
	bool is_kept, was_dropped;
};

struct filtering {
	const struct catalog *c;
	const struct catalog_filter *f;
	struct builder *to;
	struct fate *fates;	/* one for each image */
};

static void copy_release(struct filtering *g, const struct catalog_release *r)
{
	const struct catalog *c = g->c;
	struct span words[HARDWARE_MAX];
	struct builder_release copy = {
		.sequence = r->sequence, .from_sequence = r->from_sequence, .published_at = r->published_at,
		.state = (enum catalog_release_state)r->state, .is_urgent = r->is_urgent,
		.channel = catalog_bytes(c, catalog_channel(c, r->channel)->name),
		.manifest = catalog_bytes(c, r->manifest), .version = catalog_bytes(c, r->version),
		.description = catalog_bytes(c, r->description), .cid = catalog_bytes(c, r->cid),
		.image = catalog_image(c, r->image)->sha256, .hardware = words, .hardware_n = r->hardware.n,
	};

	for (uint32_t i = 0; i < r->hardware.n; i++)
		words[i] = catalog_word(c, r->hardware.first + i);
	builder_release(g->to, &copy);
}

/* What is dropped was told before: devices may have it. */
static uint64_t withdrawn_of(const struct filtering *g, const struct catalog_product *p, uint32_t channel)
{
	uint64_t withdrawn = catalog_channel(g->c, channel)->withdrawn;

	for (uint32_t i = p->releases.first; i < p->releases.first + p->releases.n; i++) {
		const struct catalog_release *r = catalog_release(g->c, i);

		if (r->channel == channel && r->sequence > withdrawn && !g->f->keeps_release(g->f->arg, g->c, p, r))
			withdrawn = r->sequence;
	}
	return withdrawn;
}

static void copy_product(struct filtering *g, const struct catalog_product *p)
{
	const struct catalog *c = g->c;
	struct builder_product copy = {
		.name = catalog_bytes(c, p->name), .id = p->id, .registrant = p->registrant, .proof = p->proof,
		.trust = (enum catalog_trust)p->trust, .max_age_ms = p->max_age_ms, .entries_sha256 = p->entries_sha256,
		.entries_bytes = p->entries_bytes,
	};

	builder_product(g->to, &copy);
	for (uint32_t i = p->channels.first; i < p->channels.first + p->channels.n; i++)
		builder_channel(g->to, catalog_bytes(c, catalog_channel(c, i)->name), catalog_channel(c, i)->is_pending, withdrawn_of(g, p, i));
	for (uint32_t i = p->releases.first; i < p->releases.first + p->releases.n; i++) {
		const struct catalog_release *r = catalog_release(c, i);
		struct fate *fate = &g->fates[r->image];

		if (g->f->keeps_release(g->f->arg, c, p, r)) {
			fate->is_kept = true;
			copy_release(g, r);
		} else {
			fate->was_dropped = true;
		}
	}
}

static void copy_image(struct filtering *g, const struct catalog_image *m, const struct fate *fate)
{
	struct builder_image copy = {
		.sha256 = m->sha256, .sums = m->sums, .size = m->size,
		.state = fate->was_dropped && !fate->is_kept ? CATALOG_REVOKED : (enum catalog_image_state)m->state,
		.md5 = m->digests & CATALOG_HAS_MD5 ? m->md5 : NULL,
		.sha1 = m->digests & CATALOG_HAS_SHA1 ? m->sha1 : NULL,
		.format = catalog_bytes(g->c, m->format),
	};

	builder_image(g->to, &copy);
}

static int copy_cids(struct filtering *g, struct err *e)
{
	size_t n;
	const struct catalog_cid *all = catalog_cids(g->c, &n);

	for (size_t i = 0; i < n; i++) {
		struct cid cid;
		int rc = cid_read(catalog_bytes(g->c, all[i].cid), &cid, e);

		if (rc)
			return err_wrap(e, "catalog: a CID");
		builder_cid(g->to, &cid, &catalog_image(g->c, all[i].image)->sha256);
	}
	return ERR_OK;
}

static int copy_all(struct filtering *g, struct err *e)
{
	size_t products, images;
	const struct catalog_product *p = catalog_products(g->c, &products);
	const struct catalog_image *m = catalog_images(g->c, &images);

	g->fates = calloc(images ? images : 1, sizeof *g->fates);
	if (!g->fates)
		return err_set(e, ERR_MEMORY, "catalog: no memory");
	for (size_t i = 0; i < products; i++)
		if (g->f->keeps_product(g->f->arg, g->c, &p[i]))
			copy_product(g, &p[i]);
	for (size_t i = 0; i < images; i++)
		copy_image(g, &m[i], &g->fates[i]);
	return copy_cids(g, e);
}

int catalog_filter(const struct catalog *c, const struct catalog_filter *f, struct buf *out, struct err *e)
{
	struct catalog_facts facts = catalog_facts(c);
	struct filtering g = { .c = c, .f = f };
	int rc;

	g.to = builder_new(&(struct builder_about){ .generation = facts.generation, .chain_id = facts.chain_id,
						    .registry = facts.registry, .gateway = facts.gateway });
	if (!g.to)
		return err_set(e, ERR_MEMORY, "catalog: no memory");
	rc = copy_all(&g, e);
	if (!rc)
		rc = builder_finish(g.to, out, e);
	builder_free(g.to);
	free(g.fates);
	return rc;
}
