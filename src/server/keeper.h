/* keeper.h: the server's end of its link to the keeper (catalog/link.h).
 *
 * Never blocks: the socket's own buffer is the queue. What is only of interest
 * (sightings, rot, wishes) is dropped when that is full; reports and operator
 * calls are refused with ERR_BUSY, and their askers hear 503.
 *
 * Happy path: keeper_attach_take() with the pair that the supervisor handed out; any
 * thread sends; the main thread polls keeper_fd(), calls keeper_read(), and keeper_tick() about once a second.
 * The keeper dies: keeper_read() sees the end, everybody who waits is answered 503, and
 * sends are refused until the next pair is attached.
 *
 * Who waits for an answer is called exactly once: on the main thread, without a lock held. */
#ifndef SERVER_KEEPER_H
#define SERVER_KEEPER_H

#include "base/clock.h"
#include "catalog/link.h"

struct keeper;

/* Floors arrived: a row of records for link_floor_next(). On the main thread. */
typedef void keeper_floors_fn(void *arg, struct span records);

/* NULL: no memory. */
struct keeper *keeper_new(const struct clock *clock, keeper_floors_fn *on_floors, void *arg);
/* Answers all who wait with 503. */
void keeper_free(struct keeper *k);

/* A fresh pair, or -1 for none; an older one is closed, and who waited there is answered 503. */
void keeper_attach_take(struct keeper *k, int fd);
/* For poll(); -1: not attached. */
int keeper_fd(struct keeper *k);
bool keeper_is_up(struct keeper *k);
/* Reads all that is there. */
void keeper_read(struct keeper *k);
/* Answers who waited too long with 503. */
void keeper_tick(struct keeper *k);

void keeper_seen(struct keeper *k, const struct link_seen *m);
void keeper_rot(struct keeper *k, const struct hash32 *sha256, uint32_t chunk);
void keeper_dag_rot(struct keeper *k, const struct hash32 *sha256);
void keeper_entries_rot(struct keeper *k, const struct hash32 *product);
void keeper_wanted(struct keeper *k, const struct hash32 *sha256);
void keeper_stats(struct keeper *k, const struct link_stats *m);
void keeper_acknowledge(struct keeper *k, uint64_t generation);

typedef void keeper_reported_fn(void *arg, uint64_t ticket, uint16_t status);
/* m->id is filled in here. ERR_BUSY: not attached, full, or too many wait; then fn is never called. */
MUST_USE int keeper_report(struct keeper *k, struct link_report *m, keeper_reported_fn *fn, void *arg, uint64_t ticket,
			   struct err *e);

/* a is borrowed; the body is whole, also when it came as a memfd. NULL: the keeper is gone or did not answer in time. */
typedef void keeper_answered_fn(void *arg, const struct link_answer *a);
MUST_USE int keeper_call(struct keeper *k, struct link_call *m, keeper_answered_fn *fn, void *arg, struct err *e);

#endif
