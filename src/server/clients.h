/* clients.h: the connections of one HTTP daemon: counted, limited, watched.
 *
 * The library's own timeout only sees silence; a client that drips a byte now
 * and then keeps its place for ever. So each connection has a phase with a
 * deadline, and clients_sweep() shuts down what overstays it, or takes its answer at less than HTTP_RATE_MIN:
 *
 *	WAITING   ─ header complete ─►  READING  ─ body complete ─►  ASKING  (the keeper)
 *	  ▲  HTTP_HEADER_MS               HTTP_BODY_MS                 │ its own deadline
 *	  └────────── last byte sent ──────── SENDING ◄────────────────┘
 *
 * A struct client lives from accept() until the library has closed the connection, and carries what one request at a time needs. */
#ifndef SERVER_CLIENTS_H
#define SERVER_CLIENTS_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "server/answer.h"
#include "server/httpreq.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

struct MHD_Connection;

enum client_phase { CLIENT_WAITING, CLIENT_READING, CLIENT_ASKING, CLIENT_SENDING };

struct client {
	struct list node;
	int fd;				/* the library's; valid while in the list */
	struct MHD_Connection *connection;	/* NULL until the library has begun it */
	struct in6_addr from;		/* IPv4 as mapped address */
	char address[INET6_ADDRSTRLEN];
	atomic_int phase;		/* enum client_phase */
	_Atomic int64_t since_ms;	/* of the phase */
	int64_t window_ms;		/* the sweeper's: when it last looked at the rate … */
	uint64_t window_bytes;		/* … and what was sent until then */
	/* of the present request; the library's thread's */
	const char *raw;		/* the target, where the library has it */
	size_t target_n;		/* more than HTTP_TARGET_MAX: cut */
	char target[HTTP_TARGET_MAX + 1];
	struct httpreq req;
	struct answer answer;
	bool has_answer;		/* answer is to be released */
	struct ask ask;			/* of the answer; for the statistics */
	uint64_t sends;			/* bytes of the image that the reply has */
	struct buf body;
	const char *why;		/* of a status that is known before the keeper answers */
	atomic_uint done;		/* status of what was asked of the keeper; 0: not yet */
	void *call;			/* the operator's listener: the keeper's answer */
};

struct clients {
	pthread_mutex_t lock;
	struct list all;
	unsigned count, max, max_per_address;
	const struct clock *clock;
	atomic_ullong requests;
};

void clients_init(struct clients *c, unsigned max, unsigned max_per_address, const struct clock *clock);
/* Every connection is closed. */
void clients_fini(struct clients *c);

/* Is there room for any connection at all? While there is not, nothing is accepted. */
bool clients_have_room(struct clients *c);
/* A connection that was accepted. NULL: one too many of this address; the caller closes fd. */
struct client *clients_admit(struct clients *c, int fd, const struct sockaddr_storage *from);
/* The library refused it. Frees. */
void clients_drop(struct clients *c, struct client *k);

/* The library began the connection on this descriptor, and will close it. */
struct client *clients_begin(struct clients *c, int fd, struct MHD_Connection *connection);
void clients_end(struct clients *c, struct client *k);

void client_enter(struct clients *c, struct client *k, enum client_phase phase);
/* The request is over: lets go of all that it held. */
void client_reset(struct clients *c, struct client *k);

/* Shuts down who is too slow. About once a second. */
void clients_sweep(struct clients *c);
/* Shuts down everybody: the end. */
void clients_shut(struct clients *c);

#endif
