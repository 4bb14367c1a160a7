/* fetch_source.c: see fetch_source.h. */
#include "keeper/fetch_source.h"
#include "base/log.h"

#include <stdio.h>

#define UNKNOWN_COST_MS 1200		/* a MiB at 1 MB/s after 200 ms: better than what fails, worse than what is good */
#define RATE_SAMPLE_BYTES (64 * KIB)	/* fewer measure the way there and back */

bool fetch_source_is_quarantined(const struct fetch_source *s, int64_t mono_ms)
{
	return s->is_quarantined && mono_ms < s->quarantined_until_ms;
}

const char *fetch_source_state(const struct fetch_source *s, int64_t mono_ms)
{
	if (fetch_source_is_quarantined(s, mono_ms))
		return "quarantined";
	return mono_ms < s->rest_until_ms ? "resting" : "ok";
}

int64_t fetch_source_cost_ms(const struct fetch_source *s)
{
	int64_t once = s->rate ? s->first_byte_ms + (int64_t)(MIB * UINT64_C(1000) / s->rate) : UNKNOWN_COST_MS;

	/* With one request of ten failing, every tenth is paid twice. */
	return once * 1000 / (1000 - (s->failing < 950 ? (int)s->failing : 950)) + 1;
}

unsigned fetch_source_score(const struct fetch_source *s, int64_t mono_ms)
{
	if (fetch_source_is_quarantined(s, mono_ms))
		return 0;
	return (unsigned)(100 * UNKNOWN_COST_MS / (UNKNOWN_COST_MS + fetch_source_cost_ms(s)));
}

/* A quarter of what is new, three of what was. */
static uint64_t blend(uint64_t old, uint64_t new)
{
	return (3 * old + new) / 4;
}

void fetch_source_measured(struct fetch_source *s, uint64_t bytes, int64_t took_ms, int64_t first_byte_ms)
{
	uint64_t rate = bytes * 1000 / (uint64_t)(took_ms > first_byte_ms ? took_ms - first_byte_ms : 1);

	s->first_byte_ms = s->rate ? (int64_t)blend((uint64_t)s->first_byte_ms, (uint64_t)first_byte_ms) : first_byte_ms;
	s->rate = (s->rate ? blend(s->rate, rate) : rate) | 1;
}

void fetch_source_did(struct fetch_source *s, uint64_t bytes, int64_t took_ms, int64_t first_byte_ms)
{
	s->successes++;
	s->failing = (unsigned)blend(s->failing, 0);
	if (bytes >= RATE_SAMPLE_BYTES)
		fetch_source_measured(s, bytes, took_ms, first_byte_ms);
}

void fetch_source_failed(struct fetch_source *s, const struct secrets *secrets, const char *why)
{
	s->failures++;
	s->failing = (unsigned)blend(s->failing, 1000);
	snprintf(s->last_error, sizeof s->last_error, "%.190s", why);
	secrets_hide(secrets, s->last_error);
}

void fetch_source_lied(struct fetch_source *s, const struct secrets *secrets, int64_t mono_ms, const char *why)
{
	s->bad_blocks++;
	s->is_quarantined = true;
	s->quarantined_until_ms = mono_ms + SOURCE_QUARANTINE_MS;
	fetch_source_failed(s, secrets, why);
	log_unusual("fetch", "source lied", "source=%s why=%s", s->name, LOG_STR(span_str(s->last_error)));
}
