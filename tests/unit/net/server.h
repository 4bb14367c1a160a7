/* server.h: a small HTTP server in a thread that does to a client what a test says. */
#ifndef TESTS_UNIT_NET_SERVER_H
#define TESTS_UNIT_NET_SERVER_H

#include <stddef.h>
#include <stdint.h>

enum deed {
	SAY,		/* send text, close */
	SAY_KEEP,	/* send text, wait for the next request */
	STALL,		/* send text, then nothing until the client goes */
	DRIP,		/* send text, then a byte every 100 ms */
	RESET,		/* send text, then RST */
	FLOOD_BODY,	/* send text, then bytes without end */
	FLOOD_LINES,	/* send text, then header lines without end */
	SAY_BACK,		/* answer 200 with the request's head and body as body */
};

struct server;

/* Listens on a free port of 127.0.0.1 (or of ::1, when is_ipv6). text is borrowed. */
struct server *server_new(enum deed deed, const char *text, int is_ipv6);
uint16_t server_port(const struct server *s);
/* Connections that it has accepted. */
unsigned server_accepted(const struct server *s);
void server_free(struct server *s);

#endif
