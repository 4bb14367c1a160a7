/* calls.h: operator calls that arrive as datagrams: answered at once, on the socket they came from. */
#ifndef KEEPER_CALLS_H
#define KEEPER_CALLS_H

#include "keeper/api.h"
#include "keeper/seqsock.h"

/* datagram: a LINK_CALL. peer_uid as for api_answer. A datagram that is no call, or an answer that cannot be sent,
 * is logged; nothing else happens. */
void calls_answer(struct keeper *k, struct seqsock *from, struct span datagram, int64_t peer_uid);

#endif
