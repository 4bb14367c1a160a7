/* meter.h: one bound on bytes a second for many transfers together. Private to src/net.
 *
 * A token bucket: it fills at `rate`, holds METER_BURST_MS of it, and a
 * transfer that finds it empty is paused. Those that wait are let go on in the order in which they
 * came, so that each has its turn. What curl was handed is taken whole; the debt is waited off. */
#ifndef NET_METER_H
#define NET_METER_H

#include "base/list.h"

#include <stdbool.h>
#include <uv.h>

struct meter {
	uint64_t rate;		/* bytes a second; 0: no bound */
	int64_t tokens;		/* bytes that may come now; below 0: debt */
	uint64_t filled_ms;	/* uv_now() of the last filling */
	struct list waiting;	/* struct http_call.waits */
	uv_timer_t timer;	/* runs while somebody waits */
	void (*on_full)(struct meter *m);
};

/* on_full comes from the loop now and then while `waiting` is not empty, with tokens in the bucket. */
void meter_init(struct meter *m, uv_loop_t *loop, uint64_t rate, void (*on_full)(struct meter *));
/* Holds from now on; what waits goes on with the next filling. */
void meter_set_rate(struct meter *m, uint64_t rate);

/* May n more bytes come? They are taken off when it says yes. */
bool meter_take(struct meter *m, uint64_t n);
/* It is over its bound: node waits for on_full. */
void meter_wait(struct meter *m, struct list *node);

/* The timer is to be closed by its owner. */
static inline uv_handle_t *meter_handle(struct meter *m)
{
	return (uv_handle_t *)&m->timer;
}

#endif
