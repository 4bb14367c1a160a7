/* meter.c: see meter.h. */
#include "net/meter.h"
#include "base/limits.h"

void meter_init(struct meter *m, uv_loop_t *loop, uint64_t rate, void (*on_full)(struct meter *))
{
	*m = (struct meter){ .rate = rate, .on_full = on_full, .filled_ms = uv_now(loop) };
	list_init(&m->waiting);
	uv_timer_init(loop, &m->timer);
	m->timer.data = m;
}

static int64_t capacity(const struct meter *m)
{
	int64_t burst = (int64_t)(m->rate * METER_BURST_MS / 1000);

	return burst > METER_BURST_MIN ? burst : METER_BURST_MIN;
}

static void fill(struct meter *m)
{
	uint64_t now = uv_now(m->timer.loop);
	uint64_t ms = now - m->filled_ms < 1000 ? now - m->filled_ms : 1000;	/* more would only run over */

	if (m->rate * ms < 1000)
		return;			/* less than a byte: time goes on adding up */
	m->tokens += (int64_t)(m->rate * ms / 1000);
	m->filled_ms = now;
	if (m->tokens > capacity(m))
		m->tokens = capacity(m);
}

bool meter_take(struct meter *m, uint64_t n)
{
	if (m->rate == 0)
		return true;
	fill(m);
	if (m->tokens <= 0)
		return false;
	m->tokens -= (int64_t)n;
	return true;
}

static void on_timer(uv_timer_t *timer)
{
	struct meter *m = timer->data;

	fill(m);
	if (list_is_empty(&m->waiting))
		uv_timer_stop(timer);
	else if (m->rate == 0 || m->tokens > 0)
		m->on_full(m);
}

void meter_wait(struct meter *m, struct list *node)
{
	list_append(&m->waiting, node);
	if (!uv_is_active((uv_handle_t *)&m->timer))
		uv_timer_start(&m->timer, on_timer, METER_TICK_MS, METER_TICK_MS);
}

void meter_set_rate(struct meter *m, uint64_t rate)
{
	m->rate = rate;
	m->tokens = 0;
}
