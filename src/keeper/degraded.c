/* degraded.c: see degraded.h. */
#include "keeper/degraded.h"
#include "base/limits.h"
#include "base/log.h"

#include <stdio.h>

static const struct sm_state table[STORE_STATES] = {
	[STORE_FINE] = { "fine", SM_TO(STORE_UNSURE) | SM_TO(STORE_FAILING) | SM_TO(STORE_ABSENT) },
	[STORE_UNSURE] = { "unsure", SM_TO(STORE_FINE) | SM_TO(STORE_FAILING) },
	[STORE_FAILING] = { "failing", SM_TO(STORE_DEGRADED) },
	[STORE_DEGRADED] = { "degraded", SM_TO(STORE_FINE) },
	[STORE_ABSENT] = { "absent", 0 },
};

/* The disk's doing, and likely to meet the next write too? */
static bool is_disk(enum err_code code)
{
	return code == ERR_NO_SPACE || code == ERR_READ_ONLY || code == ERR_IO || code == ERR_CORRUPT;
}

static void on_look(uv_timer_t *timer);

static void look_in(struct degraded *d, uint64_t ms)
{
	if (!uv_is_closing((uv_handle_t *)&d->look))
		uv_timer_start(&d->look, on_look, ms, 0);
}

static void look_later(struct degraded *d)
{
	int64_t ms = (int64_t)DEGRADED_RETRY_MS << (d->tries < 8 ? d->tries : 8);

	d->tries++;
	d->pause_ms = ms < DEGRADED_RETRY_MAX_MS ? ms : DEGRADED_RETRY_MAX_MS;
	look_in(d, (uint64_t)d->pause_ms);
}

static void note(struct degraded *d, const struct err *e)
{
	if (strcmp(d->why, e->msg) != 0)
		log_broken("store", "trouble", "kind=%s why=\"%s\"", err_name(e->code), e->msg);
	snprintf(d->why, sizeof d->why, "%s", e->msg);
}

static void pause_all(struct degraded *d)
{
	sm_move(&d->sm, STORE_DEGRADED);
	log_unusual("store", "degraded: nothing is fetched or stored, what is here is served on", "why=\"%s\"", d->why);
	d->owner.on_pause(d->owner.arg);
	look_later(d);
}

static void be_fine(struct degraded *d)
{
	log_info("store", "storing works again", "was=\"%s\"", d->why);
	d->why[0] = '\0';
	d->fine_ms = clock_mono_ms(d->clock);
	sm_move(&d->sm, STORE_FINE);
	d->owner.on_fine(d->owner.arg);
}

static void look(struct degraded *d)
{
	struct err e = { 0 };

	if (d->owner.probe(d->owner.arg, &e)) {
		note(d, &e);
		look_later(d);
	} else if (d->sm.at == STORE_ABSENT) {
		d->owner.on_back(d->owner.arg);
	} else {
		be_fine(d);
	}
}

static void on_look(uv_timer_t *timer)
{
	struct degraded *d = timer->data;

	if (d->sm.at == STORE_FAILING)
		pause_all(d);
	else
		look(d);
}

void degraded_init(struct degraded *d, uv_loop_t *loop, const struct clock *clock, struct degraded_owner owner)
{
	*d = (struct degraded){ .clock = clock, .owner = owner };
	sm_init(&d->sm, "store", table, STORE_FINE);
	uv_timer_init(loop, &d->look);
	d->look.data = d;
}

void degraded_close(struct degraded *d)
{
	uv_close((uv_handle_t *)&d->look, NULL);
}

/* A new series: the last one is long over. */
static void begin(struct degraded *d)
{
	if (d->sm.at == STORE_FINE && clock_mono_ms(d->clock) - d->fine_ms >= 2 * d->pause_ms)
		d->tries = 0;
}

void degraded_take(struct degraded *d, const struct err *e)
{
	note(d, e);
	if (degraded_is_paused(d))
		return;
	begin(d);
	if (is_disk(e->code)) {
		sm_move(&d->sm, STORE_FAILING);
		look_in(d, 0);
	} else if (d->sm.at == STORE_FINE) {
		sm_move(&d->sm, STORE_UNSURE);
		look_later(d);
	}
}

void degraded_without(struct degraded *d, const struct err *e)
{
	note(d, e);
	sm_move(&d->sm, STORE_ABSENT);
	look_later(d);
}
