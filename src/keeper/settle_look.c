/* settle_look.c: what the gateway knows of each release besides its history: where the image is, what was decided. */
#include "keeper/settle_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* "Superseded" says nothing: what newer ones followed while the gateway was away is that, and was never fetched. */
static bool was_here(const struct release_row *r)
{
	return r->times_ms[RELEASE_READY] || r->times_ms[RELEASE_ACTIVE] || r->times_ms[RELEASE_EVICTED];
}

/* It is not here, and nobody fetches it: a row may say so, or be what a try has left that failed. */
static enum image_at missing(const struct release_row *r)
{
	if (r->image_is_wrong)
		return IMAGE_WRONG;
	if (r->retry_at_ms)
		return IMAGE_FAILED;
	return was_here(r) ? IMAGE_EVICTED : IMAGE_NONE;
}

/* Bytes that are not here yet have no size but what the releases claim, and those may lie about each other's images. */
static bool is_verified(const struct image_row *i)
{
	return i->state != IMAGE_IS_WANTED && i->state != IMAGE_IS_FETCHING;
}

/* A damaged image still serves its good chunks: it counts as here, and is asked for again. */
static enum image_at place_of(struct ledger *l, const struct release_row *r, const struct image_row *i)
{
	if (r->image_is_wrong || (is_verified(i) && i->size != r->facts.size))
		return IMAGE_WRONG;
	if (i->state == IMAGE_IS_EVICTING)
		return IMAGE_EVICTED;
	if (is_verified(i))
		return IMAGE_GOOD;
	return l->owner.is_fetching(l->owner.arg, &r->facts.sha256) ? IMAGE_FETCHING : missing(r);
}

static int look_at_image(struct ledger *l, const struct release_row *r, enum image_at *at, struct noted *n, struct err *e)
{
	struct image_row image;
	int rc = images_get(l->store, &r->facts.sha256, &image, e);

	if (rc == ERR_NOT_FOUND)
		*at = missing(r);
	if (rc)
		return rc == ERR_NOT_FOUND ? ERR_OK : rc;
	n->needs_repair = image.state == IMAGE_IS_DAMAGED || image.is_dag_lost;
	n->is_leaving = image.state == IMAGE_IS_EVICTING;
	*at = place_of(l, r, &image);
	if (*at == IMAGE_WRONG && !n->detail[0])
		snprintf(n->detail, sizeof n->detail, "it has %" PRIu64 " bytes, the manifest says %" PRIu64, image.size, r->facts.size);
	return ERR_OK;
}

static int look_at_release(struct settling *s, size_t i, struct err *e)
{
	struct noted *n = &s->noted[i];
	struct judge_release *j = &s->judged[i];
	struct release_row r;
	int rc = releases_get(s->l->store, &s->p->id, i + 1, &r, e);

	if (rc)
		return rc;
	*n = (struct noted){ .sha256 = r.facts.sha256, .size = r.facts.size, .before = r.state, .is_new = !strcmp(r.why, SETTLE_FOUND),
		.was_here = was_here(&r) };
	snprintf(n->detail, sizeof n->detail, "%s", r.fetch_detail);
	snprintf(n->cid, sizeof n->cid, "%s", r.facts.cid);
	*j = (struct judge_release){ .h = &s->history.release[i], .image_detail = n->detail,
		.is_channel_followed = r.has_facts && ledger_follows_channel(s->p->follow, r.facts.channel),
		.is_approved = r.decision == RELEASE_APPROVED, .is_held = r.decision == RELEASE_HELD_BY_OPERATOR,
		.was_active = r.times_ms[RELEASE_ACTIVE] != 0 };
	return r.has_facts ? look_at_image(s->l, &r, &j->image, n, e) : ERR_OK;
}

int settle_look(struct settling *s, struct err *e)
{
	int rc = ERR_OK;

	s->n = s->history.releases;
	s->noted = calloc(s->n ? s->n : 1, sizeof *s->noted);
	s->judged = calloc(s->n ? s->n : 1, sizeof *s->judged);
	if (!s->noted || !s->judged)
		return err_set(e, ERR_MEMORY, "no memory to judge %zu releases", s->n);
	for (size_t i = 0; i < s->n && !rc; i++)
		rc = look_at_release(s, i, e);
	return rc;
}
