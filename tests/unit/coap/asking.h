/* asking.h: requests to a fake responder, and what came back. */
#ifndef TEST_COAP_ASKING_H
#define TEST_COAP_ASKING_H

#include "fake.h"

/* Options beyond these are given as option rows. */
struct asking {
	uint8_t type, code;	/* CON GET when zero */
	uint16_t id;
	const char *token, *path;	/* path: "/a/b"; split into segments */
	const char *queries[3];
	struct { uint16_t number; const char *hex; } options[6];	/* number 0 ends; ascending, above Uri-Path if it has any */
	struct span payload;
	struct endpoint from;	/* port 5683 of 192.0.2.1 when zero */
	bool was_group, was_cut;
	int64_t now_ms;
};

struct answered {
	struct pdu m;
	size_t n;		/* 0: nothing came back */
	uint8_t bytes[COAP_MESSAGE_MAX];
};

/* The request as bytes. */
size_t asking_write(const struct asking *a, uint8_t out[COAP_MESSAGE_MAX + 200]);
/* Asks, and checks that the reply is well-formed, fits a datagram and mirrors token, type and id. */
struct answered ask(struct fake *f, const struct asking *a);
struct answered ask_raw(struct fake *f, struct span datagram, const struct asking *a);

/* An option of the reply as a uint; -1: it has none. */
int64_t answered_uint(const struct answered *a, uint16_t number);

#endif
