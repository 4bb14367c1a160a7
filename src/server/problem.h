/* problem.h: RFC 9457 problem details, and the status that the server gives without a keeper. */
#ifndef SERVER_PROBLEM_H
#define SERVER_PROBLEM_H

#include "base/buf.h"
#include "server/operator.h"

/* {"type": "about:blank", "title": …, "status": …, "detail": …} */
void problem_write(struct buf *b, unsigned status, const char *detail);

/* A problem 503 that also has the members of /api/v1/status that the server can vouch for: version, name, uptime_s,
 * freshness, trust, listeners, chain.verified, sandbox, clock, alarms (keeper-down). */
void problem_write_status(struct buf *b, const struct operator_conf *conf, int64_t uptime_s);

/* The usual phrase of a status. */
const char *problem_title(unsigned status);

#endif
