/* fetch_pace.c: lanes that crawl while others could run; sources that may be asked again; the window that closes. */
#include "keeper/fetch_own.h"

static int64_t now_ms(const struct fetch *f)
{
	return clock_mono_ms(f->owner->clock);
}

/* The least that a lane must bring, in bytes a second, while others could do it: part of what the best of them has shown. One of
 * which nothing is known is worth a try; when the line is thin for all, it is known after that, and nobody is left any more. */
static uint64_t floor_rate(const struct fetch *f, const struct fetch_lane *lane)
{
	uint64_t floor = 0;
	int64_t now = now_ms(f);

	for (size_t i = 0; i < f->owner->sources; i++) {
		const struct fetch_source *s = &f->owner->source[i];
		uint64_t of = s->rate ? s->rate / FETCH_FLOOR_PART : FETCH_FLOOR_RATE;

		if (s != lane->source && fetch_is_usable(f, i, now) && of > floor)
			floor = of;
	}
	/* Nobody is faster than the cap that we set ourselves. */
	if (f->owner->uplink && floor > f->owner->uplink / FETCH_LANES_MAX / FETCH_FLOOR_PART)
		floor = f->owner->uplink / FETCH_LANES_MAX / FETCH_FLOOR_PART;
	return floor;
}

/* What all lanes together bring. A time without a byte says nothing: somebody was waited for. */
static void measure(struct fetch *f)
{
	int64_t ms = now_ms(f) - f->paced_ms;
	uint64_t bytes = f->came - f->paced_bytes;

	if (ms < FETCH_PACE_MS)
		return;
	if (f->paced_ms && bytes)
		f->rate = bytes * 1000 / (uint64_t)ms + 1;
	f->paced_ms = now_ms(f);
	f->paced_bytes = f->came;
}

unsigned fetch_lanes_max(const struct fetch *f)
{
	uint64_t n = f->rate * FETCH_BLOCK_MS / 1000 / MIB;

	if (f->rate == 0 || n > FETCH_LANES_MAX)
		return FETCH_LANES_MAX;
	return n > 0 ? (unsigned)n : 1;
}

/* Has it had its time, and used it badly? Measures anew when the time is over. */
static bool crawls(const struct fetch *f, struct fetch_lane *lane)
{
	int64_t ms = now_ms(f) - lane->looked_ms;
	uint64_t bytes = lane->bytes - lane->looked_bytes;

	if (ms < FETCH_PACE_MS)
		return false;
	lane->looked_ms += ms;
	lane->looked_bytes = lane->bytes;
	return bytes * 1000 / (uint64_t)ms < floor_rate(f, lane);
}

/* Two of its requests share the way: three times what one of them usually takes. */
static int64_t hedge_after_ms(const struct fetch_lane *lane)
{
	int64_t usual = 3 * fetch_source_cost_ms(lane->source);

	return usual > FETCH_HEDGE_MS ? usual : FETCH_HEDGE_MS;
}

/* Blocks are late only where nothing else is left to ask for: a lane is free then. */
static void look(struct fetch *f, struct fetch_lane *lane)
{
	if (!fetch_has_other(f, lane->source))
		return;
	if (lane->ask != SOURCE_ASK_BLOCK) {
		if (crawls(f, lane))
			fetch_lane_too_slow(lane);	/* has a turn of its own: the fetch may be in another state now */
	} else if (!lane->is_hedged && fetch_lanes(f) < fetch_lanes_max(f) && now_ms(f) - lane->started_ms > hedge_after_ms(lane)) {
		lane->is_hedged = fetch_hedge(f, lane);
	}
}

/* The window has closed: what is under way over the uplink ends here. */
static void close_window(struct fetch *f)
{
	if (window_wait_ms(&f->owner->window, f->owner->clock) == 0 || fetch_is_urgent(f))
		return;
	for (size_t i = 0; i < FETCH_LANES_MAX; i++)
		if (f->lane[i].source && f->lane[i].source->source.kind != SOURCE_PEER)
			fetch_lane_close(&f->lane[i]);
}

void fetch_on_tick(struct fetch *f)
{
	close_window(f);
	measure(f);
	for (size_t i = 0; i < FETCH_LANES_MAX && f->sm.at == FETCH_FETCHING; i++)
		if (f->lane[i].source)
			look(f, &f->lane[i]);
	fetch_turn(f);
}

static void on_tick(uv_timer_t *timer)
{
	fetch_on_tick(timer->data);
}

void fetch_tick_soon(struct fetch *f, int64_t ms)
{
	uv_timer_start(&f->tick, on_tick, (uint64_t)ms, 0);
}

int64_t fetch_pause_ms(const struct fetch *f, int64_t ms)
{
	int64_t window = fetch_is_urgent(f) ? 0 : window_wait_ms(&f->owner->window, f->owner->clock);

	for (size_t i = 0; i < f->owner->sources; i++)
		if (f->owner->source[i].source.kind == SOURCE_PEER)
			return ms;	/* they may have it sooner */
	/* By the time of day, which may be wrong now and right in a minute. */
	window = window < FETCH_WINDOW_LOOK_MS ? window : FETCH_WINDOW_LOOK_MS;
	return window > ms ? window : ms;
}
