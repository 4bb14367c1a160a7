/* fetcher.c: see fetcher.h. */
#include "keeper/fetcher.h"
#include "base/limits.h"
#include "keeper/fetch_own.h"

#include <stdio.h>

void fetcher_init(struct fetcher *f, uv_loop_t *loop, struct http *http, struct blobs *blobs, const struct clock *clock,
		  struct fetch_source *source, size_t sources, struct fetcher_owner owner)
{
	*f = (struct fetcher){ .loop = loop, .http = http, .blobs = blobs, .clock = clock,
		.source = source, .sources = sources, .owner = owner };
	list_init(&f->fetches);
}

static struct fetch *find(const struct fetcher *f, const struct hash32 *sha256)
{
	struct list *head = (struct list *)&f->fetches;

	LIST_EACH(node, head) {
		struct fetch *it = LIST_ITEM(node, struct fetch, node);

		if (hash32_eq(&it->target.sha256, sha256))
			return it;
	}
	return NULL;
}

static unsigned running(const struct fetcher *f)
{
	struct list *head = (struct list *)&f->fetches;
	unsigned n = 0;

	LIST_EACH(node, head)
		n += fetch_is_running(LIST_ITEM(node, struct fetch, node));
	return n;
}

/* Urgent ones first; then of the product whose turn it is the newest: that is what its devices will ask for. */
static bool goes_before(const struct fetch *it, const struct fetch *first)
{
	bool is_urgent = fetch_is_urgent(it), is_first_urgent = fetch_is_urgent(first);

	return is_urgent != is_first_urgent ? is_urgent : fetch_is_newer(it, first);
}

static struct fetch *first_queued(struct fetcher *f)
{
	struct fetch *first = NULL;

	LIST_EACH(node, &f->fetches) {
		struct fetch *it = LIST_ITEM(node, struct fetch, node);

		if (it->sm.at == FETCH_QUEUED && (!first || goes_before(it, first)))
			first = it;
	}
	return first;
}

static unsigned places_for(const struct fetch *it)
{
	return FETCHES_MAX + (fetch_is_urgent(it) ? FETCHES_URGENT : 0);
}

/* Products take turns. */
static void let_others_pass(struct fetcher *f, const struct fetch *begun)
{
	struct list kin;

	list_init(&kin);
	LIST_EACH(node, &f->fetches) {
		struct fetch *it = LIST_ITEM(node, struct fetch, node);

		if (it->sm.at != FETCH_QUEUED || !fetch_is_kin(it, begun))
			continue;
		list_remove(node);
		list_append(&kin, node);
	}
	LIST_EACH(node, &kin) {
		list_remove(node);
		list_append(&f->fetches, node);
	}
}

void fetcher_next(struct fetcher *f)
{
	struct fetch *it;

	if (f->is_starting)
		return;
	f->is_starting = true;
	while (!f->is_closing && !f->paused[0] && (it = first_queued(f)) != NULL && running(f) < places_for(it)) {
		let_others_pass(f, it);
		fetch_start(it);
	}
	f->is_starting = false;
}

static int want(struct fetcher *f, const struct ledger_want *w, bool is_once, struct err *e)
{
	struct fetch *it = find(f, &w->sha256);
	bool is_new = false;
	int rc;

	if (f->is_closing)
		return ERR_OK;
	if (it) {
		rc = fetch_claim(it, w, is_once, &is_new, e);
		if (!rc && is_new)
			fetch_hurry(it);
		return rc;
	}
	rc = fetch_new(f, w, is_once, &it, e);
	if (rc)
		return rc;
	list_append(&f->fetches, &it->node);
	fetcher_next(f);
	return ERR_OK;
}

int fetcher_want(struct fetcher *f, const struct ledger_want *w, struct err *e)
{
	return want(f, w, false, e);
}

int fetcher_want_once(struct fetcher *f, const struct ledger_want *w, struct err *e)
{
	return want(f, w, true, e);
}

void fetcher_ended(struct fetcher *f, struct fetch *it)
{
	list_remove(&it->node);
	fetch_cancel(it);
	fetcher_next(f);
}

void fetcher_unwant(struct fetcher *f, const struct ledger_want *w)
{
	struct fetch *it = find(f, &w->sha256);

	if (it && !fetch_unclaim(it, w))
		fetcher_ended(f, it);
}

void fetcher_hurry(struct fetcher *f, const struct hash32 *sha256)
{
	struct fetch *it = find(f, sha256);

	if (it)
		fetch_hurry(it);
}

void fetcher_pause(struct fetcher *f, const char *why)
{
	snprintf(f->paused, sizeof f->paused, "%.200s", why[0] ? why : "nothing can be stored");
	LIST_EACH(node, &f->fetches) {
		struct fetch *it = LIST_ITEM(node, struct fetch, node);

		if (it->sm.at == FETCH_FETCHING)
			fetch_fail(it, FETCH_WAITING, f->paused);
	}
}

void fetcher_resume(struct fetcher *f)
{
	if (!f->paused[0])
		return;
	f->paused[0] = '\0';
	f->is_starting = true;		/* starts move others in the list, or out of it */
	LIST_EACH(node, &f->fetches)
		fetch_hurry(LIST_ITEM(node, struct fetch, node));
	f->is_starting = false;
	fetcher_next(f);
}

void fetcher_close(struct fetcher *f)
{
	f->is_closing = true;
	LIST_EACH(node, &f->fetches)
		fetcher_ended(f, LIST_ITEM(node, struct fetch, node));
}

bool fetcher_is_working(const struct fetcher *f)
{
	return running(f) > 0;
}

bool fetcher_is_fetching(const struct fetcher *f, const struct hash32 *sha256)
{
	const struct fetch *it = find(f, sha256);

	return it && fetch_is_running(it);
}

bool fetcher_progress(const struct fetcher *f, const struct hash32 *sha256, struct fetch_progress *out)
{
	const struct fetch *it = find(f, sha256);
	struct plan_progress p = { 0 };

	if (!it)
		return false;
	if (it->plan && !it->work.data)		/* a worker may be changing it */
		plan_progress(it->plan, &p);
	*out = (struct fetch_progress){ .verified = p.verified, .total = it->target.size };
	for (size_t i = 0; i < FETCH_LANES_MAX; i++) {
		const struct fetch_lane *l = &it->lane[i];

		if (!l->source)
			continue;
		out->source = out->source ? out->source : l->source->name;
		out->verified = l->is_whole ? l->from : out->verified;
	}
	return true;
}
