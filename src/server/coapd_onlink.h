/* coapd_onlink.h: what this machine's interfaces say: which addresses are neighbours, and where groups can be joined. */
#ifndef SERVER_COAPD_ONLINK_H
#define SERVER_COAPD_ONLINK_H

#include "coap/endpoint.h"
#include "server/coapd_socket.h"

/* The prefixes of the interfaces that any of these sockets listens on; at most cap. ERR_IO when the kernel does not say. */
MUST_USE int coapd_onlink(const struct coapd_socket *sockets, size_t nsockets, struct prefix *out, size_t cap,
			  size_t *n, struct err *e);

/* Joins the discovery groups on every interface that is up. */
void coapd_join_all(const struct coapd_socket *sockets, size_t nsockets);

#endif
