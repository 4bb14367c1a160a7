/* gateway.c: finding the gateway, choosing the transport, and stopping when asked to. */
#include "device/gateway.h"

#include "formats/secret.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t is_stopping;
static sigset_t while_polling;	/* the mask under which signals come through */

static void on_signal(int number)
{
	(void)number;
	is_stopping = 1;
}

void gateway_catch_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, &while_polling);
	sigdelset(&while_polling, SIGTERM);
	sigdelset(&while_polling, SIGINT);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
}

bool gateway_is_stopping(void)
{
	return is_stopping;
}

int gateway_poll(int fd, short events, int timeout_ms)
{
	struct pollfd p = { fd, events, 0 };
	struct timespec t = { timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000 };
	int n;

	if (is_stopping)
		return -1;
	n = ppoll(&p, fd < 0 ? 0 : 1, &t, &while_polling);
	return n < 0 && errno == EINTR && !is_stopping ? 0 : n;
}

static int open_udp(struct gateway *g, int *fd, struct err *e)
{
	*fd = socket(g->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return err_errno(e, "socket");
	/* Connected: datagrams of others are not ours, and a closed port is heard of. */
	if (connect(*fd, (const struct sockaddr *)&g->address, g->address_n) < 0)
		return err_set(e, ERR_NET, "%s: %s", g->authority, strerror(errno));
	return ERR_OK;
}

static int resolve(struct gateway *g, const struct options *o, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = o->scheme == SCHEME_COAP ? SOCK_DGRAM : SOCK_STREAM };
	struct addrinfo *found;
	int rc = getaddrinfo(o->host, o->port, &hints, &found);

	if (rc != 0)
		return err_set(e, ERR_NET, "%s: %s", o->host, gai_strerror(rc));
	memcpy(&g->address, found->ai_addr, found->ai_addrlen);
	g->address_n = found->ai_addrlen;
	freeaddrinfo(found);
	return ERR_OK;
}

int gateway_open(struct gateway *g, const struct options *o, struct err *e)
{
	bool is_v6 = strchr(o->host, ':') != NULL;
	uint8_t r[6] = { 0 };
	int rc;

	*g = (struct gateway){ .scheme = o->scheme, .udp = -1, .udp_reports = -1 };
	snprintf(g->authority, sizeof g->authority, "%s%s%s:%s", is_v6 ? "[" : "", o->host, is_v6 ? "]" : "", o->port);
	/* RFC 7252 section 5.3.1: tokens are hard to guess for those who cannot listen. */
	rc = secret_random(r, sizeof r, e);
	memcpy(&g->next_id, r, sizeof g->next_id);
	memcpy(&g->next_token, r + 2, sizeof g->next_token);
	if (rc == ERR_OK)
		rc = resolve(g, o, e);
	if (rc == ERR_OK && g->scheme == SCHEME_COAP)
		rc = open_udp(g, &g->udp, e);
	if (rc == ERR_OK && g->scheme == SCHEME_COAP)
		rc = open_udp(g, &g->udp_reports, e);
	return rc;
}

void gateway_close(struct gateway *g)
{
	if (g->udp >= 0)
		close(g->udp);
	if (g->udp_reports >= 0)
		close(g->udp_reports);
	g->udp = g->udp_reports = -1;
}

int gateway_get(struct gateway *g, const char *path, uint64_t from, const struct sink *sink, struct err *e)
{
	g->retry_s = 0;
	return g->scheme == SCHEME_COAP ? udp_get(g, path, from, sink, e) : http_get(g, path, from, sink, e);
}

int gateway_post(struct gateway *g, const char *path, struct span body, struct err *e)
{
	return g->scheme == SCHEME_COAP ? udp_post(g, path, body, e) : http_post(g, path, body, e);
}

bool gateway_wait(struct gateway *g, const char *path, unsigned seconds)
{
	if (g->scheme == SCHEME_COAP)
		return udp_wait(g, path, seconds);
	for (unsigned s = 0; s < seconds && !is_stopping; s++)
		gateway_poll(-1, 0, 1000);
	return false;
}
