/* coapd_socket.h: a bound UDP socket, and datagrams from and to it in batches. */
#ifndef SERVER_COAPD_SOCKET_H
#define SERVER_COAPD_SOCKET_H

#include "base/limits.h"
#include "coap/responder.h"

#include <sys/socket.h>
#include <sys/uio.h>

#define COAPD_BATCH 64			/* datagrams a system call */
#define COAPD_BUFFER (4 * MIB)		/* asked of the kernel for each direction */
#define COAPD_CONTROL 64		/* room for one packet info */

struct coapd_socket {
	int fd;
	struct sockaddr_storage bound;
	bool is_wildcard;		/* bound to no single address: replies must name theirs, groups can be joined */
};

/* Does not take fd on failure. ERR_USAGE: not a bound UDP socket. */
MUST_USE int coapd_socket_init(struct coapd_socket *s, int fd, struct err *e);

/* Joins 224.0.1.187, ff02::fd and ff05::fd on this interface, as far as the socket's family has them. Joining again is fine. */
void coapd_socket_join(const struct coapd_socket *s, unsigned interface);

struct coapd_batch {
	size_t n;
	struct mmsghdr heads[COAPD_BATCH];
	struct iovec parts[COAPD_BATCH];
	struct sockaddr_storage peers[COAPD_BATCH];
	_Alignas(8) uint8_t control[COAPD_BATCH][COAPD_CONTROL];
	uint8_t bytes[COAPD_BATCH][COAP_MESSAGE_MAX];
};

/* Reads what is there, without waiting: in->n datagrams. */
void coapd_receive(const struct coapd_socket *s, struct coapd_batch *in);
/* The i-th of them, as the responder wants it. */
struct datagram coapd_datagram(const struct coapd_socket *s, uint16_t socket, struct coapd_batch *in, size_t i);

/* The bytes that the next reply is written to; the batch must have room. */
static inline uint8_t *coapd_room(struct coapd_batch *out)
{
	return out->bytes[out->n];
}

/* Adds what was written there: n bytes to this peer, from where the route says. */
void coapd_add(const struct coapd_socket *s, struct coapd_batch *out, const struct endpoint *to,
	       const struct route *via, size_t n);
/* Sends all of it, and empties it. Returns how many the kernel refused; waits a moment when its buffer is full. */
size_t coapd_send(const struct coapd_socket *s, struct coapd_batch *out);

#endif
