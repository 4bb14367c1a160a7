/* provider.c: see provider.h. */
#include "chain/provider.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

#define BACKOFF_BASE_MS 1000
#define BACKOFF_CAP_MS 300000
#define HONESTY_MIN 0.5		/* seven contradictions in a row, or one in every second round */
#define HONESTY_HIGH 0.9	/* twenty rounds in order after that */
#define SCORE_MEMORY 0.9	/* how much of a score one answer leaves: ten answers make a reputation */

#define TO_ANY (SM_TO(PROVIDER_OK) | SM_TO(PROVIDER_BEHIND) | SM_TO(PROVIDER_THROTTLED) | SM_TO(PROVIDER_DOWN))

static const struct sm_state table[PROVIDER_STATES] = {
	[PROVIDER_OK]	       = { "ok",	  TO_ANY | SM_TO(PROVIDER_QUARANTINED) },
	[PROVIDER_BEHIND]      = { "behind",	  TO_ANY | SM_TO(PROVIDER_QUARANTINED) },
	[PROVIDER_THROTTLED]   = { "throttled",	  TO_ANY | SM_TO(PROVIDER_QUARANTINED) },
	[PROVIDER_DOWN]	       = { "down",	  TO_ANY | SM_TO(PROVIDER_QUARANTINED) },
	[PROVIDER_QUARANTINED] = { "quarantined", SM_TO(PROVIDER_OK) | SM_TO(PROVIDER_QUARANTINED) },
};

const char *provider_state_name(enum provider_state s)
{
	return table[s].name;
}

void provider_init(struct provider *p, const char *name, const char *operator)
{
	*p = (struct provider){
		.name = strdup(name), .operator = strdup(operator && *operator ? operator : name),
		.takes_batches = true, .availability = 1, .honesty = 1,
	};
	pace_init(&p->pace);
	if (!p->name || !p->operator)
		err_no_memory();
	sm_init(&p->sm, "provider", table, PROVIDER_OK);
}

void provider_fini(struct provider *p)
{
	free(p->name);
	free(p->operator);
}

enum provider_state provider_state(const struct provider *p)
{
	return (enum provider_state)p->sm.at;
}

bool provider_has_lean(const struct provider *p, int64_t now)
{
	return p->no_lean_until_ms <= now;
}

void provider_lean(struct provider *p, bool is_lean, bool has_failed, int64_t now)
{
	if (is_lean)
		p->lean_works = true;
	if (is_lean || !has_failed)
		return;
	p->lean_works = false;
	p->no_lean_until_ms = now + RPC_LEAN_AGAIN_MS;
}

bool provider_is_usable(const struct provider *p, int64_t now)
{
	return provider_state(p) != PROVIDER_QUARANTINED && p->identity != IDENTITY_FOREIGN && p->retry_at_ms <= now;
}

int64_t backoff_full_jitter(int64_t base_ms, int64_t cap_ms, unsigned tries, uint64_t random)
{
	int64_t top = tries < 20 ? base_ms << tries : cap_ms;

	if (top > cap_ms)
		top = cap_ms;
	return (int64_t)(random % (uint64_t)(top + 1));
}

static void move(struct provider *p, enum provider_state to)
{
	if (provider_state(p) != PROVIDER_QUARANTINED && provider_state(p) != to)
		sm_move(&p->sm, to);
}

static void score(double *s, bool is_good)
{
	*s = *s * SCORE_MEMORY + (is_good ? 1 - SCORE_MEMORY : 0);
}

static void say(struct provider *p, const char *what, const char *text)
{
	snprintf(p->last_error, sizeof p->last_error, "%s: %s", what, text);
}

/* What fails while it rests was under way when it broke, or of the same batch: one break, whatever it took along. */
static void back_off(struct provider *p, const struct provider_outcome *o, int64_t now)
{
	int64_t at = p->retry_at_ms;

	if (at <= now)
		at = now + backoff_full_jitter(BACKOFF_BASE_MS, BACKOFF_CAP_MS, p->failures++, o->random);
	p->retry_at_ms = now + o->retry_after_ms > at ? now + o->retry_after_ms : at;
}

static void note_good(struct provider *p)
{
	p->failures = 0;
	p->retry_at_ms = 0;
	pace_good(&p->pace);
	score(&p->availability, true);
	move(p, p->is_behind ? PROVIDER_BEHIND : PROVIDER_OK);
}

void provider_note(struct provider *p, const struct provider_outcome *o, int64_t now)
{
	p->calls++;
	p->answers[o->class]++;
	if (o->class == RPC_OK) {
		note_good(p);
		return;
	}
	p->call_failures++;
	say(p, rpc_class_name(o->class), o->text);
	switch (o->class) {
	case RPC_THROTTLED:
		move(p, PROVIDER_THROTTLED);
		pace_throttled(&p->pace, now);
		back_off(p, o, now);
		return;
	case RPC_BEHIND:
		move(p, PROVIDER_BEHIND);
		return;
	case RPC_DOWN:
		p->identity = p->identity == IDENTITY_FOREIGN ? IDENTITY_FOREIGN : IDENTITY_UNKNOWN;
		/* fallthrough: whoever sends rubbish is as good as down, but is still the one it was */
		__attribute__((fallthrough));
	case RPC_GARBAGE: case RPC_SLOW:
		score(&p->availability, false);
		move(p, PROVIDER_DOWN);
		back_off(p, o, now);
		return;
	case RPC_OK: case RPC_TOO_LARGE: case RPC_PRUNED: case RPC_UNSUPPORTED:
	case RPC_LYING: case RPC_REFUSED: case RPC_CLASSES:
		return;		/* it answered: the call was at fault, or the caller decides */
	}
}

void provider_quarantine(struct provider *p, const char *text, int64_t now, int64_t probe_ms)
{
	say(p, "lying", text);
	snprintf(p->quarantine, sizeof p->quarantine, "%s", text);
	score(&p->honesty, false);
	p->agreements = 0;
	if (provider_state(p) != PROVIDER_QUARANTINED)
		p->quarantined_ms = now;
	p->probe_at_ms = now + probe_ms;
	if (provider_state(p) != PROVIDER_QUARANTINED)
		sm_move(&p->sm, PROVIDER_QUARANTINED);
}

void provider_behind(struct provider *p, bool is_behind, const char *text)
{
	p->is_behind = is_behind;
	if (is_behind)
		say(p, "behind", text);
	if (provider_state(p) == PROVIDER_OK || provider_state(p) == PROVIDER_BEHIND)
		move(p, is_behind ? PROVIDER_BEHIND : PROVIDER_OK);
}

bool provider_contradicts(struct provider *p, const char *text, int64_t now)
{
	say(p, "contradiction", text);
	score(&p->honesty, false);
	p->contradictions++;
	if (!p->odd_since_ms)
		p->odd_since_ms = now;
	return p->honesty < HONESTY_MIN && now - p->odd_since_ms >= WATCH_ODD_S * 1000;
}

void provider_in_order(struct provider *p)
{
	score(&p->honesty, true);
	if (p->honesty > HONESTY_HIGH)
		p->odd_since_ms = 0;
}

void provider_odd(struct provider *p, const char *text)
{
	say(p, "odd", text);
}

void provider_omitted(struct provider *p, const char *text, int64_t now, int64_t probe_ms)
{
	say(p, "records left out", text);
	score(&p->honesty, false);
	p->no_records_until_ms = now + probe_ms;
}

bool provider_probed(struct provider *p, bool agrees, int64_t now, int64_t probe_ms)
{
	score(&p->honesty, agrees);
	p->probe_at_ms = now + probe_ms;
	p->agreements = agrees ? p->agreements + 1 : 0;
	if (p->agreements < QUARANTINE_AGREEMENTS)
		return false;
	p->odd_since_ms = 0;
	sm_move(&p->sm, PROVIDER_OK);
	return true;
}
