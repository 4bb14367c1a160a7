/* sightings.c: see sightings.h. */
#include "server/sightings.h"

#include "server/keeper.h"

#include <pthread.h>
#include <stdlib.h>

/* A short text in place. */
struct word {
	uint8_t n;
	char s[LINK_ADDRESS_MAX];
};
_Static_assert(LINK_ADDRESS_MAX >= DEVICE_ID_MAX && LINK_ADDRESS_MAX >= PRODUCT_NAME_MAX, "a word holds each of them");

struct sighting {
	struct word device, product, channel, address;
	uint64_t given, bytes;
	uint8_t protocol;
	bool is_used;
};

struct sightings {
	pthread_mutex_t lock;
	struct keeper *keeper;
	uint64_t bytes;
	int64_t flushed_ms;
	struct sighting at[SIGHTINGS_MAX];
};

struct sightings *sightings_new(struct keeper *keeper)
{
	struct sightings *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->keeper = keeper;
	return s;
}

void sightings_free(struct sightings *s)
{
	if (!s)
		return;
	sightings_flush(s);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void set_word(struct word *w, struct span s)
{
	s = span_cut(s, 0, sizeof w->s);
	if (s.n)
		memcpy(w->s, s.p, s.n);
	w->n = (uint8_t)s.n;
}

static struct span word(const struct word *w)
{
	return SPAN(w->s, w->n);
}

/* Tells it, and frees its place. */
static void tell(struct sightings *s, struct sighting *at)
{
	keeper_seen(s->keeper, &(struct link_seen){ word(&at->device), word(&at->product), word(&at->channel),
						    word(&at->address), at->given, at->bytes, at->protocol });
	at->is_used = false;
}

/* FNV-1a: spreads honest ids; a hostile one only makes its neighbours be told earlier. */
static size_t place_of(const struct link_seen *m)
{
	const struct span parts[] = { m->device, m->product, m->channel };
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < parts[i].n; j++)
			h = (h ^ parts[i].p[j]) * 16777619u;
	return h % SIGHTINGS_MAX;
}

static bool is_same(const struct sighting *at, const struct link_seen *m)
{
	return span_eq(word(&at->device), m->device) && span_eq(word(&at->product), m->product) &&
	       span_eq(word(&at->channel), m->channel);
}

/* Under the lock. */
static void add(struct sightings *s, const struct link_seen *m, bool is_rise)
{
	struct sighting *at = &s->at[place_of(m)];

	if (at->is_used && !is_same(at, m))
		tell(s, at);
	if (!at->is_used) {
		*at = (struct sighting){ .is_used = true };
		set_word(&at->device, m->device);
		set_word(&at->product, m->product);
		set_word(&at->channel, m->channel);
	}
	set_word(&at->address, m->address);
	at->protocol = m->protocol;
	at->bytes += m->bytes;
	if (m->given > at->given)
		at->given = m->given;
	if (is_rise)
		tell(s, at);
}

void sightings_add(struct sightings *s, const struct link_seen *m, bool is_rise)
{
	pthread_mutex_lock(&s->lock);
	s->bytes += m->bytes;
	if (m->device.n)
		add(s, m, is_rise);
	pthread_mutex_unlock(&s->lock);
}

void sightings_flush(struct sightings *s)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < SIGHTINGS_MAX; i++)
		if (s->at[i].is_used)
			tell(s, &s->at[i]);
	pthread_mutex_unlock(&s->lock);
}

void sightings_tick(struct sightings *s, int64_t now_ms)
{
	if (now_ms - s->flushed_ms < SIGHTINGS_FLUSH_MS)
		return;
	s->flushed_ms = now_ms;
	sightings_flush(s);
}

uint64_t sightings_bytes(struct sightings *s)
{
	uint64_t n;

	pthread_mutex_lock(&s->lock);
	n = s->bytes;
	pthread_mutex_unlock(&s->lock);
	return n;
}
