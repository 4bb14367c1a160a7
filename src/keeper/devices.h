/* devices.h: what the server says of devices, on its way into the store.
 *
 * Sightings are merged in memory by (device, product, channel) and written
 * every DEVICES_FLUSH_MS. Reports wait for the next group commit, at most
 * REPORTS_COMMIT_MS; terminal ones (installed, running, failed) are acknowledged after it: what was acknowledged
 * survives a power cut. The others are acknowledged at once. A failed commit answers 503; the device says it again.
 *
 * The server is on the LAN and may be taken over: what it says of products that are not followed is dropped, no
 * floor rises to a release that is not of that channel, and one row that the store refuses does not keep the others out. */
#ifndef KEEPER_DEVICES_H
#define KEEPER_DEVICES_H

#include "base/clock.h"
#include "base/list.h"
#include "catalog/link.h"
#include "keeper/ledger.h"

#include <uv.h>

struct devices_owner {
	void (*on_ack)(void *arg, const struct link_report_ack *ack);
	/* Floors that reports have raised, as records for LINK_FLOORS; before those reports are acknowledged. */
	void (*on_floors)(void *arg, struct span records);
	/* Storing failed; the keeper decides what that means. */
	void (*on_trouble)(void *arg, const struct err *e);
	void *arg;
};

struct devices {
	struct store *store;
	const struct ledger *ledger;
	const struct clock *clock;
	uint32_t devices_max;
	struct devices_owner owner;
	struct list seen, reports;
	size_t seen_n, reports_n;
	bool is_paused;			/* the disk takes nothing */
	uv_timer_t flush, commit;
};

void devices_init(struct devices *d, uv_loop_t *loop, struct store *s, const struct ledger *l, const struct clock *clock,
		  uint32_t devices_max, struct devices_owner owner);
/* Writes what waits, acknowledges it, and closes the timers. */
void devices_close(struct devices *d);

/* Borrowed. Over DEVICES_PENDING_MAX the sighting is dropped (it comes again), the report refused with 503. */
void devices_take_seen(struct devices *d, const struct link_seen *m);
void devices_take_report(struct devices *d, const struct link_report *m);

/* Nothing is written from now on: sightings wait, and a report that must not be lost is refused, to be sent again. */
void devices_pause(struct devices *d);
void devices_resume(struct devices *d);

/* The server is gone: nobody waits for the acknowledgements of its reports, and the next one's ids begin anew. */
void devices_forget_server(struct devices *d);

/* Every device's floors as records for LINK_FLOORS. */
MUST_USE int devices_floors(struct devices *d, struct buf *out, struct err *e);

#endif
