/* verified.c: see verified.h. A hash table in buckets: an answer lies in one of the WAYS slots that its key names. */
#include "keeper/verified.h"
#include "formats/sha256.h"

#include <stdlib.h>

#define WAYS 8
#define CAP_MIN 64
#define DOUBTS 16	/* a refusal is believed so many times: it may have come from a want of memory, and then it must not last */

struct verified_slot {
	struct hash32 key;	/* zero: empty */
	uint32_t who;
	unsigned left;		/* refusals: how many times more it is believed */
	int rc;
	char *why;		/* when rc is not ERR_OK */
};

static void slot_clear(struct verified_slot *s)
{
	free(s->why);
	*s = (struct verified_slot){ .why = NULL };
}

void verified_fini(struct verified *v)
{
	for (size_t i = 0; i < v->cap; i++)
		slot_clear(&v->slot[i]);
	free(v->slot);
	*v = (struct verified){ .cap = 0 };
}

static struct hash32 key_of(const struct suit_envelope *env, const struct suit_signers *set)
{
	struct hash32 envelope = sha256_of(env->bytes);
	struct sha256 sum;

	sha256_init(&sum);
	sha256_add(&sum, SPAN_OF(envelope));
	sha256_add(&sum, SPAN_OF(set->threshold));
	for (size_t i = 0; i < set->n; i++) {
		uint8_t is_usable = set->signer[i].is_usable;

		sha256_add(&sum, SPAN_OF(is_usable));
		sha256_add(&sum, SPAN_OF(set->signer[i].thumbprint));
	}
	return sha256_end(&sum);
}

/* The first of the key's slots. */
static struct verified_slot *bucket(const struct verified *v, const struct hash32 *key)
{
	size_t n;

	memcpy(&n, key->b, sizeof n);
	return &v->slot[n % (v->cap / WAYS) * WAYS];
}

static struct verified_slot *find_in(struct verified_slot *s, const struct hash32 *key)
{
	for (size_t i = 0; i < WAYS; i++)
		if (hash32_eq(&s[i].key, key))
			return &s[i];
	return NULL;
}

static struct verified_slot *find(const struct verified *v, const struct hash32 *key)
{
	return v->cap ? find_in(bucket(v, key), key) : NULL;
}

/* The key's own slot, or an empty one; NULL: others have taken all that it names. */
static struct verified_slot *room(const struct verified *v, const struct hash32 *key)
{
	static const struct hash32 empty;
	struct verified_slot *s = find(v, key);

	return s ? s : find_in(bucket(v, key), &empty);
}

static void put(struct verified *v, struct verified_slot *s, const struct verified_slot *answer)
{
	v->used += hash32_is_zero(&s->key);
	slot_clear(s);
	*s = *answer;
}

/* Each answer finds an empty slot: a bucket of the old table becomes two. */
static void move(struct verified *v, const struct verified *old)
{
	v->used = 0;
	for (size_t i = 0; i < old->cap; i++)
		if (!hash32_is_zero(&old->slot[i].key))
			put(v, room(v, &old->slot[i].key), &old->slot[i]);
	free(old->slot);
}

/* false: at its limit, or no memory. */
static bool grow(struct verified *v)
{
	size_t cap = v->cap ? 2 * v->cap : CAP_MIN;
	struct verified old = *v;
	struct verified_slot *slots = cap <= VERIFIED_MAX ? calloc(cap, sizeof *slots) : NULL;

	if (!slots)
		return false;
	v->slot = slots;
	v->cap = cap;
	move(v, &old);
	return true;
}

/* NULL: there is no memory for even one bucket. */
static struct verified_slot *slot_for(struct verified *v, const struct hash32 *key)
{
	struct verified_slot *s = v->cap ? room(v, key) : NULL;

	while (!s && grow(v))
		s = room(v, key);
	if (s || v->cap == 0)
		return s;
	/* Somebody has to go: who, the key decides, that is, chance. */
	return &bucket(v, key)[key->b[sizeof key->b - 1] % WAYS];
}

static void remember(struct verified *v, const struct hash32 *key, int rc, uint32_t who, const struct err *e)
{
	struct verified_slot answer = { *key, who, DOUBTS, rc, rc ? strdup(e->msg) : NULL };
	struct verified_slot *s = rc && !answer.why ? NULL : slot_for(v, key);

	if (s)
		put(v, s, &answer);
	else
		free(answer.why);
}

static int check(struct verified *v, const struct hash32 *key, const struct suit_envelope *env,
		 const struct suit_signers *set, uint32_t *who, struct err *e)
{
	struct err why = { 0 };
	int rc = suit_verify(env, set, who, &why);

	v->checked++;
	remember(v, key, rc, *who, &why);
	return rc ? err_tell(e, &why) : ERR_OK;
}

static bool is_believed(struct verified_slot *s)
{
	return s->rc == ERR_OK || s->left-- > 0;
}

int verified_check(struct verified *v, const struct suit_envelope *env, const struct suit_signers *set, uint32_t *who,
		   struct err *e)
{
	struct verified_slot *known;
	struct hash32 key;
	uint32_t unused;

	if (!v)
		return suit_verify(env, set, who, e);
	if (!who)
		who = &unused;
	key = key_of(env, set);
	known = find(v, &key);
	if (!known || !is_believed(known))
		return check(v, &key, env, set, who, e);
	*who = known->who;
	return known->rc ? err_set(e, known->rc, "%s", known->why) : ERR_OK;
}
