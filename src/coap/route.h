/* route.h: the way a datagram came, which is the way its reply goes: socket, local address, interface. */
#ifndef COAP_ROUTE_H
#define COAP_ROUTE_H

#include "coap/endpoint.h"

struct route {
	uint8_t local[16];	/* address that the datagram was sent to, or of the interface when that was a group's */
	uint32_t interface;	/* index */
	uint16_t socket;	/* of the server's sockets */
	bool was_group;		/* sent to a multicast group */
};

#endif
