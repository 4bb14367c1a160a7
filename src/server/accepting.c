/* accepting.c: see accepting.h. */
#include "server/accepting.h"

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH 32

static void take(struct clients *clients, struct MHD_Daemon *daemon, int fd, const struct sockaddr_storage *from,
		 socklen_t from_n)
{
	struct client *k = clients_admit(clients, fd, from);

	if (!k) {
		close(fd);
		return;
	}
	/* The library closes fd when it refuses it. This thread is also the one that sweeps, so nobody uses the number. */
	if (MHD_add_connection(daemon, fd, (const struct sockaddr *)from, from_n) != MHD_YES)
		clients_drop(clients, k);
}

void accepting(struct clients *clients, struct MHD_Daemon *daemon, int listener)
{
	for (unsigned i = 0; i < ACCEPT_BATCH && clients_have_room(clients); i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t n = sizeof from;
		int fd = accept4(listener, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			log_unusual("server", "accept failed", "errno=%d", errno);
		if (fd < 0)
			return;
		take(clients, daemon, fd, &from, n);
	}
}

void accepting_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
		      enum MHD_ConnectionNotificationCode code)
{
	struct clients *clients = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

		*socket_context = info ? clients_begin(clients, info->connect_fd, connection) : NULL;
	} else if (*socket_context) {
		clients_end(clients, *socket_context);
		*socket_context = NULL;
	}
}

static PRINTF(2, 0) void on_library_log(void *cls, const char *fmt, va_list args)
{
	char text[200];

	(void)cls;
	vsnprintf(text, sizeof text, fmt, args);
	log_debug("server", "http library", "says=%s", LOG_STR(span_str(text)));
}

/* No Date: our clock may be wrong, and a device should not set its own by it (RFC 9110, 6.6.1: without a clock, none).
 * SIGPIPE is ignored by main, and the library must know it: else it does not use sendfile. */
struct MHD_Daemon *accepting_start(const struct accepting_conf *conf)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME |
			 MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_ERROR_LOG;

	return MHD_start_daemon(flags, 0, NULL, NULL, conf->handler, conf->arg,
		MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, accepting_notify, conf->clients,
		MHD_OPTION_NOTIFY_COMPLETED, conf->completed, conf->arg,
		MHD_OPTION_URI_LOG_CALLBACK, httpreq_note_target, conf->clients,
		MHD_OPTION_UNESCAPE_CALLBACK, httpreq_no_unescape, NULL,
		MHD_OPTION_CONNECTION_LIMIT, conf->clients->max * conf->threads,	/* divided among them; ours is exact */
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, 0u,
		MHD_OPTION_THREAD_POOL_SIZE, conf->threads > 1 ? conf->threads : 0u,
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
#if MHD_VERSION >= 0x00097600
		MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1,
#endif
		MHD_OPTION_END);
}
