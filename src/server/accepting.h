/* accepting.h: connections on their way from a listening socket into the HTTP library. */
#ifndef SERVER_ACCEPTING_H
#define SERVER_ACCEPTING_H

#include "server/clients.h"

#include <microhttpd.h>

/* Accepts at most ACCEPT_BATCH connections, so that one listener does not starve the others. One too many of an
 * address is closed at once. */
void accepting(struct clients *clients, struct MHD_Daemon *daemon, int listener);

/* For MHD_OPTION_NOTIFY_CONNECTION; cls is the struct clients. The socket context is the struct client. */
void accepting_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
		      enum MHD_ConnectionNotificationCode code);

/* What differs between the two daemons. */
struct accepting_conf {
	struct clients *clients;
	unsigned threads;
	MHD_AccessHandlerCallback handler;
	MHD_RequestCompletedCallback completed;
	void *arg;		/* of both; *con_cls is the struct client */
};

/* Starts a daemon that listens nowhere and gets its connections from accepting(). NULL: the library would not. */
struct MHD_Daemon *accepting_start(const struct accepting_conf *conf);

#endif
