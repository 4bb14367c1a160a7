/* parts.h: all that the server is made of, started in this order and stopped in reverse.
 *
 * The main thread owns it. Threads: the HTTP library's (devices, operator), CoAP's, the image loader's. */
#ifndef SERVER_PARTS_H
#define SERVER_PARTS_H

#include "catalog/catalog.h"
#include "daemon/conf.h"
#include "daemon/sandbox.h"
#include "server/answer.h"
#include "server/blocks.h"
#include "server/coapd.h"
#include "server/coapd_answers.h"
#include "server/devfloors.h"
#include "server/histories.h"
#include "server/httpd.h"
#include "server/keeper.h"
#include "server/objects.h"
#include "server/operator.h"
#include "server/sightings.h"

#define LISTENERS_MAX 24

struct listener {
	enum listener_kind kind;
	int fd;			/* -1: given to coapd */
	char address[SUP_MESSAGE_MAX];
};

struct parts {
	const struct conf *conf;	/* what it was started with; borrowed */
	struct listener listeners[LISTENERS_MAX];
	size_t listeners_n;
	char listeners_json[LISTENERS_MAX * (SUP_MESSAGE_MAX + 4)];
	struct catalog_slot slot;
	struct sandbox_state sandbox;
	struct keeper *keeper;
	struct devfloors *floors;
	struct sightings *sightings;
	struct objects *objects;
	struct histories *histories;
	struct blocks *blocks;
	struct answers *answers;
	struct httpd *httpd;
	struct operator *operator;
	struct coapd_answers *coap_answers;
	struct coapd *coapd;
};

/* keeper, floors and sightings: what may be used before anything is started. */
MUST_USE int parts_init(struct parts *p, struct err *e);
/* Opens objects and entries, enters the sandbox, starts the threads. conf and listeners are set. */
MUST_USE int parts_start(struct parts *p, struct err *e);
/* Whatever was started. Closes the listeners. */
void parts_stop(struct parts *p);

/* A new catalog, from the supervisor. A bad one is refused and the old one stays. fd is borrowed. */
MUST_USE int parts_set_catalog(struct parts *p, int fd, struct err *e);
/* The keeper's link was made anew: it hears what we have. */
void parts_greet(struct parts *p);
/* What of a new configuration needs no restart: hot bytes, the clock's trust, the log level. */
void parts_reload(struct parts *p, const struct conf *conf);

/* About once a second. */
void parts_tick(struct parts *p);

#endif
