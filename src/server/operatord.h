/* operatord.h: the operator's listener: HTTP taken off, the rest asked of the keeper.
 *
 * Its own libmicrohttpd daemons (one a socket, each with one thread), so that no flood of devices locks the operator
 * out. A request is checked (opgate.h), its body gathered up to API_BODY_MAX, and forwarded as one LINK_CALL; the
 * connection sleeps until the keeper answers. Keeper gone: 503, and for /api/v1/status what the server knows itself. */
#ifndef SERVER_OPERATORD_H
#define SERVER_OPERATORD_H

#include "base/buf.h"
#include "base/clock.h"
#include "server/keeper.h"

struct operatord_conf {
	const int *fds;			/* listening sockets; the daemons take them over and close them */
	size_t fds_n;
	struct keeper *keeper;		/* outlives it, like all below */
	char *const *hosts;		/* `[operator] hosts` */
	size_t hosts_n;
	const struct clock *clock;
	/* Writes the minimal status, a JSON object. From any thread. */
	void (*write_status)(void *arg, struct buf *out);
	void *arg;
};

struct operatord;

MUST_USE int operatord_start(const struct operatord_conf *conf, struct operatord **out, struct err *e);
/* keeper_free() or keeper_attach_take() must have answered who waits, or they are waited for. */
void operatord_stop(struct operatord *o);
uint64_t operatord_requests(const struct operatord *o);

#endif
