/* answer_each.c: what a listing names: for each product that has an active release, what can be asked of it. */
#include "server/answer.h"

#include "base/hex.h"

#include <stdio.h>

struct listing {
	const struct catalog *c;
	void (*fn)(void *arg, const struct answer_link *l);
	void *arg;
};

/* The newest active release of the default channel that is for everybody, or NULL. */
static const struct catalog_release *newest(const struct catalog *c, const struct catalog_product *p)
{
	for (uint32_t i = p->releases.n; i-- > 0;) {
		const struct catalog_release *r = catalog_release(c, p->releases.first + i);

		if (r->state == CATALOG_ACTIVE && r->channel == p->channels.first && !r->from_sequence && !r->hardware.n)
			return r;
	}
	return NULL;
}

static void say(struct listing *l, const char *path, enum answer_kind kind, enum answer_format format, uint64_t size,
		struct span title)
{
	l->fn(l->arg, &(struct answer_link){ span_str(path), kind, format, size, title });
}

static void list_product(struct listing *l, const struct catalog_product *p)
{
	const struct catalog_release *r = newest(l->c, p);
	struct span name = catalog_bytes(l->c, p->name), title;
	char base[8 + PRODUCT_NAME_MAX], path[32 + PRODUCT_NAME_MAX];

	if (!r)
		return;
	title = catalog_bytes(l->c, r->version);
	snprintf(base, sizeof base, "/fw/%.*s", (int)name.n, (const char *)name.p);
	say(l, base, ANSWER_MANIFEST, FORMAT_MANIFEST, r->manifest.n, title);
	snprintf(path, sizeof path, "%s/image", base);
	say(l, path, ANSWER_IMAGE, FORMAT_IMAGE, catalog_image(l->c, r->image)->size, title);
	snprintf(path, sizeof path, "%s/info", base);
	say(l, path, ANSWER_INFO, FORMAT_CBOR, 0, title);
	snprintf(path, sizeof path, "%s/freshness", base);
	say(l, path, ANSWER_FRESHNESS, FORMAT_CBOR, 0, SPAN(NULL, 0));
}

void answer_list(const struct catalog *c, void (*fn)(void *arg, const struct answer_link *l), void *arg)
{
	struct listing l = { c, fn, arg };
	size_t n;
	const struct catalog_product *p = catalog_products(c, &n);

	for (size_t i = 0; i < n; i++)
		list_product(&l, &p[i]);
}
