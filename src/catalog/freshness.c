/* freshness.c: see freshness.h. */
#include "catalog/freshness.h"

const char *freshness_name(enum freshness f)
{
	static const char *const names[] = {
		[FRESHNESS_UNKNOWN] = "unknown", [FRESHNESS_STALE] = "stale", [FRESHNESS_FRESH] = "fresh",
	};

	return names[f];
}

struct freshness_now freshness_now(const struct clock *clock, bool clock_is_trusted, const struct clock_bound *bound)
{
	return (struct freshness_now){
		.wall_ms = clock_wall_ms(clock),
		.is_trusted = clock_is_trusted || clock_state(clock) == CLOCK_SYNCED,
		.least_ms = clock_bound_at(bound, clock_mono_ms(clock)),
	};
}

void freshness_bound(struct clock_bound *bound, const struct catalog *c, int64_t mono_ms)
{
	size_t n;
	const struct catalog_product *p = catalog_products(c, &n);

	for (size_t i = 0; i < n; i++)
		if (p[i].proof.time <= INT64_MAX / 1000)
			clock_bound_raise(bound, (int64_t)p[i].proof.time * 1000, mono_ms);
}

int64_t freshness_age_s(const struct catalog_proof *proof, uint64_t max_age_ms, const struct freshness_now *now)
{
	int64_t age, least;

	if (proof->time == 0 || proof->time > INT64_MAX / 1000 || !now->is_trusted)
		return -1;
	age = now->wall_ms / 1000 - (int64_t)proof->time;
	if (age < 0 && (uint64_t)-age >= max_age_ms / 1000)
		return -1;
	least = now->least_ms / 1000 - (int64_t)proof->time;
	age = age > least ? age : least;
	return age > 0 ? age : 0;
}

enum freshness freshness_of(const struct catalog_proof *proof, uint64_t max_age_ms, const struct freshness_now *now)
{
	int64_t age = freshness_age_s(proof, max_age_ms, now);

	if (!now->is_trusted)
		return FRESHNESS_UNKNOWN;
	if (proof->time == 0)
		return FRESHNESS_STALE;
	if (age < 0)
		return FRESHNESS_UNKNOWN;
	return (uint64_t)age < max_age_ms / 1000 ? FRESHNESS_FRESH : FRESHNESS_STALE;
}

enum freshness freshness_of_all(const struct catalog *c, const struct freshness_now *now)
{
	size_t n;
	const struct catalog_product *p = catalog_products(c, &n);
	enum freshness worst = n ? FRESHNESS_FRESH : FRESHNESS_UNKNOWN;

	for (size_t i = 0; i < n; i++) {
		enum freshness f = freshness_of(&p[i].proof, p[i].max_age_ms, now);

		if (f == FRESHNESS_STALE)
			return f;
		if (f == FRESHNESS_UNKNOWN)
			worst = f;
	}
	return worst;
}
