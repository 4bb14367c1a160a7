/* fetch_claim.c: who wants an image, and what each of them says that it is. */
#include "keeper/fetch_own.h"

#include <stdio.h>
#include <stdlib.h>

struct claim {
	struct list node;
	const char *product;		/* borrowed: the ledger's */
	uint64_t sequence;
	char version[VERSION_MAX + 1];
	struct fetch_target target;
	struct cid root;
	bool is_urgent, is_once;
};

#define CLAIM(at) LIST_ITEM(at, struct claim, node)

static bool is_of(const struct claim *c, const struct ledger_want *w)
{
	return c->sequence == w->sequence && !strcmp(c->product, w->product);
}

static bool same_target(const struct fetch_target *a, const struct fetch_target *b)
{
	return a->size == b->size && !strcmp(a->cid, b->cid);
}

static void drop(struct claim *c)
{
	list_remove(&c->node);
	free(c);
}

static struct claim *claim_of(struct fetch *f, const struct ledger_want *w)
{
	LIST_EACH(node, &f->claims)
		if (is_of(CLAIM(node), w))
			return CLAIM(node);
	return NULL;
}

int fetch_claim(struct fetch *f, const struct ledger_want *w, bool is_once, bool *is_new, struct err *e)
{
	struct claim *known = claim_of(f, w), *c;
	int rc;

	*is_new = !known || known->target.size != w->size || strcmp(known->target.cid, w->cid) != 0;
	if (!*is_new) {
		known->is_once &= is_once;
		return ERR_OK;
	}
	c = calloc(1, sizeof *c);
	if (!c)
		return err_set(e, ERR_MEMORY, "no memory for a fetch");
	*c = (struct claim){ .product = w->product, .sequence = w->sequence, .is_urgent = w->is_urgent, .is_once = is_once,
		.target = { .sha256 = w->sha256, .size = w->size } };
	snprintf(c->target.cid, sizeof c->target.cid, "%s", w->cid);
	snprintf(c->version, sizeof c->version, "%s", w->version);
	rc = cid_read_text(span_str(w->cid), &c->root, e);
	if (rc) {
		free(c);
		return rc;
	}
	/* A reorg can give a release another manifest. */
	if (known) {
		c->is_once &= known->is_once;
		drop(known);
	}
	list_push(&f->claims, &c->node);
	return ERR_OK;
}

bool fetch_unclaim(struct fetch *f, const struct ledger_want *w)
{
	LIST_EACH(node, &f->claims)
		if (is_of(CLAIM(node), w) && !CLAIM(node)->is_once)
			drop(CLAIM(node));
	return !list_is_empty(&f->claims);
}

bool fetch_is_urgent(const struct fetch *f)
{
	LIST_EACH(node, (struct list *)(uintptr_t)&f->claims)
		if (CLAIM(node)->is_urgent)
			return true;
	return false;
}

static bool has_claims(const struct fetch *f, const struct fetch *of, bool is_newer)
{
	LIST_EACH(mine, (struct list *)(uintptr_t)&f->claims)
		LIST_EACH(other, (struct list *)(uintptr_t)&of->claims)
			if (!strcmp(CLAIM(mine)->product, CLAIM(other)->product) && (!is_newer || CLAIM(mine)->sequence > CLAIM(other)->sequence))
				return true;
	return false;
}

bool fetch_is_newer(const struct fetch *f, const struct fetch *of)
{
	return has_claims(f, of, true);
}

bool fetch_is_kin(const struct fetch *f, const struct fetch *of)
{
	return has_claims(f, of, false);
}

void fetch_next_claim(struct fetch *f)
{
	struct list *first = f->claims.next;

	f->target = CLAIM(first)->target;
	f->root = CLAIM(first)->root;
	snprintf(f->product, sizeof f->product, "%s", CLAIM(first)->product);
	snprintf(f->version, sizeof f->version, "%s", CLAIM(first)->version);
	f->names = (struct template_names){ .sha256 = f->target.sha256, .product = f->product, .version = f->version,
		.sequence = CLAIM(first)->sequence };
	list_remove(first);
	list_append(&f->claims, first);
}

bool fetch_drop_once(struct fetch *f)
{
	LIST_EACH(node, &f->claims)
		if (CLAIM(node)->is_once && same_target(&CLAIM(node)->target, &f->target))
			drop(CLAIM(node));
	return !list_is_empty(&f->claims);
}

bool fetch_drop_wrong(struct fetch *f)
{
	LIST_EACH(node, &f->claims)
		if (same_target(&CLAIM(node)->target, &f->target))
			drop(CLAIM(node));
	return !list_is_empty(&f->claims);
}

void fetch_drop_all(struct fetch *f)
{
	LIST_EACH(node, &f->claims)
		drop(CLAIM(node));
}
