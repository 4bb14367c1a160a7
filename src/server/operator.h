/* operator.h: the operator's listener (chapter 8): HTTP checked here, everything else in the keeper.
 *
 * Happy path: Host, Origin and sizes are checked; /api/v1/… and /metrics go to the keeper with the token as they are,
 * the connection waits suspended, and the keeper's answer goes back. /healthz, /readyz and the page at / are
 * answered here and need no token.
 * Failure modes: the keeper is down or silent → 503 problem+json; for /api/v1/status with what the server
 * itself knows. Wrong tokens → 401 from the keeper, and 429 when they come in numbers (failures.h).
 *
 * A daemon of its own, so that a flood of devices cannot lock the operator out. */
#ifndef SERVER_OPERATOR_H
#define SERVER_OPERATOR_H

#include "base/clock.h"
#include "daemon/sandbox.h"
#include "server/answer.h"
#include "server/hostcheck.h"

struct operator;

/* What the server's own status tells. Pointers outlive the operator. */
struct operator_conf {
	struct catalog_slot *slot;
	struct keeper *keeper;
	const struct clock *clock;
	bool clock_is_trusted;
	struct hostcheck hosts;
	struct sandbox_state sandbox;
	const char *listeners;		/* JSON: {"http":["…"],"coap":[…],"operator":[…]} */
};

MUST_USE int operator_start(const struct operator_conf *conf, struct operator **out, struct err *e);
/* No call may be waiting any more (keeper_free first). */
void operator_stop(struct operator *o);

void operator_accept(struct operator *o, int listener);
bool operator_has_room(struct operator *o);
void operator_tick(struct operator *o);

#endif
