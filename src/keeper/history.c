/* history.c: see history.h. */
#include "keeper/history.h"
#include "formats/sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void history_init(struct history *h, const struct history_rules *rules)
{
	*h = (struct history){ .rules = *rules };
}

void history_fini(struct history *h)
{
	free(h->set);
	free(h->release);
	*h = (struct history){ .rules = h->rules };
}

/* Room for one more; arrays grow by doubling. */
static void *grow(void *array, size_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	return realloc(array, (n ? 2 * n : 1) * size);
}

static int by_thumbprint(const void *a, const void *b)
{
	return hash32_cmp(a, b);
}

static struct hash32 set_digest(const struct suit_signers *s)
{
	uint8_t threshold[2] = { (uint8_t)(s->threshold >> 8), (uint8_t)s->threshold };
	struct hash32 thumb[SIGNERS_MAX];
	struct sha256 sum;

	for (size_t i = 0; i < s->n; i++)
		thumb[i] = s->signer[i].thumbprint;
	qsort(thumb, s->n, sizeof *thumb, by_thumbprint);
	sha256_init(&sum);
	sha256_add(&sum, SPAN(threshold, sizeof threshold));
	sha256_add(&sum, SPAN(thumb, s->n * sizeof *thumb));
	return sha256_end(&sum);
}

static struct hash32 set_id(const struct hash32 *digest, size_t place)
{
	uint8_t at[4] = { (uint8_t)(place >> 24), (uint8_t)(place >> 16), (uint8_t)(place >> 8), (uint8_t)place };
	struct sha256 sum;

	sha256_init(&sum);
	sha256_add(&sum, SPAN(at, sizeof at));
	sha256_add(&sum, SPAN_OF(*digest));
	return sha256_end(&sum);
}

static bool is_among(const struct hash32 *h, const struct hash32 *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hash32_eq(h, &list[i]))
			return true;
	return false;
}

static void apply_pins(const struct history_rules *r, struct suit_signers *s)
{
	for (size_t i = 0; r->pinned_n > 0 && i < s->n; i++)
		if (!is_among(&s->signer[i].thumbprint, r->pinned, r->pinned_n))
			s->signer[i].is_usable = false;
}

const struct history_set *history_current(const struct history *h)
{
	return h->sets ? &h->set[h->sets - 1] : NULL;
}

bool history_is_continuous(const struct history *h)
{
	return h->sets && hash32_eq(&h->set[h->remembered].digest, &history_current(h)->digest);
}

/* Makes the present set the remembered one; what was held for it is good now. */
static void remember(struct history *h)
{
	h->remembered = h->sets - 1;
	for (size_t i = 0; i < h->releases; i++) {
		struct history_release *r = &h->release[i];

		if (r->verdict == HISTORY_HELD && hash32_eq(&h->set[r->set].digest, &history_current(h)->digest))
			r->verdict = HISTORY_GOOD;
	}
}

int history_signers(struct history *h, uint16_t threshold, const struct span *keys, size_t n, struct err *e)
{
	struct history_set *sets = grow(h->set, h->sets, sizeof *sets), *s;
	int rc = ERR_OK;

	if (!sets)
		return err_set(e, ERR_MEMORY, "no memory for a signer set");
	h->set = sets;
	s = &sets[h->sets];
	*s = (struct history_set){ .signers.threshold = threshold };
	for (size_t i = 0; i < n && !rc; i++)
		rc = suit_signers_add(&s->signers, keys[i], e);
	if (rc)
		return rc;
	s->digest = set_digest(&s->signers);
	s->id = set_id(&s->digest, h->sets);
	apply_pins(&h->rules, &s->signers);
	h->sets++;
	if (is_among(&s->id, h->rules.accepted, h->rules.accepted_n))
		remember(h);
	return ERR_OK;
}

/* The rules that the manifest alone must keep, besides its form (suit_manifest). */
static int check_manifest(const struct history *h, const struct history_release *r, struct err *e)
{
	const struct suit_manifest *m = &r->manifest;

	if (!span_is(h->rules.vendor, m->vendor) || !span_is(h->rules.model, m->model))
		return err_set(e, ERR_RULE, "the manifest is for another product, %s/%s", m->vendor, m->model);
	if (m->sequence != r->sequence)
		return err_set(e, ERR_RULE, "the manifest says sequence %" PRIu64 ", the registry %" PRIu64, m->sequence, r->sequence);
	if (m->image_size > h->rules.image_max)
		return err_set(e, ERR_LIMIT, "the image has %" PRIu64 " bytes, the limit (max-image) is %" PRIu64,
			       m->image_size, h->rules.image_max);
	return ERR_OK;
}

static int check_release(const struct history *h, const struct suit_envelope *env, struct history_release *r, struct err *e)
{
	int rc = verified_check(h->rules.verified, env, &history_current(h)->signers, &r->who, e);

	if (!rc)
		rc = suit_manifest(env, &r->manifest, e);
	r->has_manifest = !rc;
	return rc ? rc : check_manifest(h, r, e);
}

/* "When the set changes on chain, a release is accepted by itself only if it is
 * signed to the threshold of the *old* set too" (chapter 3, continuity). */
static void check_continuity(struct history *h, const struct suit_envelope *env, struct history_release *r)
{
	struct err e = { 0 };

	if (history_is_continuous(h))
		return;
	if (verified_check(h->rules.verified, env, &h->set[h->remembered].signers, NULL, &e) == ERR_OK) {
		remember(h);
		return;
	}
	r->verdict = HISTORY_HELD;
	snprintf(r->why, sizeof r->why, "signed only by a new set of signers that the operator has not accepted (%.200s)", e.msg);
}

static void judge(struct history *h, struct span bytes, struct history_release *r)
{
	struct suit_envelope env;
	struct err e = { 0 };
	int rc = suit_open(bytes, &env, &e);

	if (!rc)
		rc = check_release(h, &env, r, &e);
	if (rc) {
		r->verdict = HISTORY_REJECTED;
		snprintf(r->why, sizeof r->why, "%s", e.msg);
		return;
	}
	check_continuity(h, &env, r);
}

int history_publish(struct history *h, uint64_t sequence, struct span envelope, bool is_final, struct err *e)
{
	struct history_release *list, *r;

	if (h->sets == 0 || sequence != h->releases + 1)
		return err_set(e, ERR_RULE, "history: sequence %" PRIu64 " cannot follow %zu", sequence, h->releases);
	list = grow(h->release, h->releases, sizeof *list);
	if (!list)
		return err_set(e, ERR_MEMORY, "no memory for a release");
	h->release = list;
	r = &list[h->releases++];
	*r = (struct history_release){ .sequence = sequence, .is_final = is_final, .set = h->sets - 1 };
	judge(h, envelope, r);
	return ERR_OK;
}

struct history_release *history_find(struct history *h, uint64_t sequence)
{
	return sequence >= 1 && sequence <= h->releases ? &h->release[sequence - 1] : NULL;
}

static void revoke(struct history_release *r, const char *how, struct span reason, bool is_final)
{
	char text[REASON_MAX + 1];

	if (r->is_revoked)
		return;
	snprintf(text, sizeof text, "%.*s", (int)reason.n, reason.n ? (const char *)reason.p : "");
	if (is_final)
		r->is_revoked = true;
	else
		r->is_revoked_soon = true;
	if (r->verdict != HISTORY_REJECTED)
		snprintf(r->why, sizeof r->why, "%s%s%s", how, *text ? ": " : "", text);
}

int history_revoke(struct history *h, uint64_t sequence, struct span reason, bool is_final, struct err *e)
{
	struct history_release *r = history_find(h, sequence);

	if (!r)
		return err_set(e, ERR_RULE, "history: sequence %" PRIu64 " is revoked, but was never published", sequence);
	revoke(r, "revoked by the publisher", reason, is_final);
	return ERR_OK;
}

int history_raise_floor(struct history *h, uint64_t floor, struct span reason, bool is_final, struct err *e)
{
	if (floor > h->releases + 1)
		return err_set(e, ERR_RULE, "history: floor %" PRIu64 " lies above the next sequence", floor);
	for (size_t i = 0; i < h->releases && h->release[i].sequence < floor; i++)
		revoke(&h->release[i], "below the floor that the publisher raised", reason, is_final);
	if (is_final && floor > h->floor)
		h->floor = floor;
	if (floor > h->floor_soon)
		h->floor_soon = floor;
	return ERR_OK;
}
