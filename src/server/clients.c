/* clients.c: see clients.h. */
#include "server/clients.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

void clients_init(struct clients *c, unsigned max, unsigned max_per_address, const struct clock *clock)
{
	*c = (struct clients){ .max = max, .max_per_address = max_per_address, .clock = clock };
	pthread_mutex_init(&c->lock, NULL);
	list_init(&c->all);
	atomic_init(&c->requests, 0);
}

static void client_free(struct client *k)
{
	if (k->has_answer)
		answer_release(&k->answer);
	buf_free(&k->body);
	free(k->call);
	free(k);
}

void clients_fini(struct clients *c)
{
	LIST_EACH(node, &c->all)
		client_free(LIST_ITEM(node, struct client, node));
	pthread_mutex_destroy(&c->lock);
}

bool clients_have_room(struct clients *c)
{
	bool have;

	pthread_mutex_lock(&c->lock);
	have = c->count < c->max;
	pthread_mutex_unlock(&c->lock);
	return have;
}

static struct in6_addr address_of(const struct sockaddr_storage *from)
{
	struct in6_addr a = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (from->ss_family == AF_INET6)
		return ((const struct sockaddr_in6 *)from)->sin6_addr;
	memcpy(&a.s6_addr[12], &((const struct sockaddr_in *)from)->sin_addr, 4);
	return a;
}

static void write_address(const struct in6_addr *a, char out[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(a))
		inet_ntop(AF_INET, &a->s6_addr[12], out, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, a, out, INET6_ADDRSTRLEN);
}

/* Under the lock. */
static unsigned count_from(const struct clients *c, const struct in6_addr *from)
{
	unsigned n = 0;

	LIST_EACH(node, &c->all)
		n += memcmp(&LIST_ITEM(node, struct client, node)->from, from, sizeof *from) == 0;
	return n;
}

struct client *clients_admit(struct clients *c, int fd, const struct sockaddr_storage *from)
{
	struct client *k = calloc(1, sizeof *k);
	bool is_in;

	if (!k)
		return NULL;
	k->fd = fd;
	k->from = address_of(from);
	k->body = BUF_INIT(API_BODY_MAX);
	write_address(&k->from, k->address);
	client_enter(c, k, CLIENT_WAITING);
	pthread_mutex_lock(&c->lock);
	is_in = c->count < c->max && count_from(c, &k->from) < c->max_per_address;
	if (is_in) {
		list_append(&c->all, &k->node);
		c->count++;
	}
	pthread_mutex_unlock(&c->lock);
	if (is_in)
		return k;
	free(k);
	return NULL;
}

/* Once out of the list nobody shuts its descriptor down any more: the number may soon be another's. */
static void unlist(struct clients *c, struct client *k)
{
	pthread_mutex_lock(&c->lock);
	list_remove(&k->node);
	c->count--;
	pthread_mutex_unlock(&c->lock);
}

void clients_drop(struct clients *c, struct client *k)
{
	unlist(c, k);
	client_free(k);
}

struct client *clients_begin(struct clients *c, int fd, struct MHD_Connection *connection)
{
	struct client *found = NULL;

	pthread_mutex_lock(&c->lock);
	LIST_EACH(node, &c->all) {
		struct client *k = LIST_ITEM(node, struct client, node);

		if (k->fd == fd && !k->connection)
			found = k;
	}
	if (found)
		found->connection = connection;
	pthread_mutex_unlock(&c->lock);
	return found;
}

void clients_end(struct clients *c, struct client *k)
{
	unlist(c, k);
	client_free(k);
}

void client_enter(struct clients *c, struct client *k, enum client_phase phase)
{
	atomic_store_explicit(&k->since_ms, clock_mono_ms(c->clock), memory_order_relaxed);
	atomic_store_explicit(&k->phase, phase, memory_order_relaxed);
}

void client_reset(struct clients *c, struct client *k)
{
	if (k->has_answer)
		answer_release(&k->answer);
	k->has_answer = false;
	free(k->call);
	k->call = NULL;
	buf_free(&k->body);
	k->sends = 0;
	atomic_store(&k->done, 0);
	client_enter(c, k, CLIENT_WAITING);
}

/* --- the sweep; under the lock --- */

/* Bytes that the other end has acknowledged. */
static uint64_t sent_bytes(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t n = sizeof info;

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 ? info.tcpi_bytes_acked : 0;
}

/* The rate is judged over whole windows, so that a short pause costs nobody a download. */
static bool is_too_slow(struct client *k, int64_t since_ms, int64_t now_ms)
{
	uint64_t sent;

	if (k->window_ms < since_ms) {	/* a new answer */
		k->window_ms = since_ms;
		k->window_bytes = sent_bytes(k->fd);
		return false;
	}
	if (now_ms - k->window_ms < HTTP_RATE_WINDOW_MS)
		return false;
	sent = sent_bytes(k->fd);
	if (sent - k->window_bytes < (uint64_t)HTTP_RATE_MIN * HTTP_RATE_WINDOW_MS / 1000)
		return true;
	k->window_ms = now_ms;
	k->window_bytes = sent;
	return false;
}

static bool overstays(struct client *k, int64_t now_ms)
{
	int64_t since_ms = atomic_load_explicit(&k->since_ms, memory_order_relaxed);

	switch (atomic_load_explicit(&k->phase, memory_order_relaxed)) {
	case CLIENT_WAITING:
		return now_ms - since_ms > HTTP_HEADER_MS;
	case CLIENT_READING:
		return now_ms - since_ms > HTTP_BODY_MS;
	case CLIENT_SENDING:
		return is_too_slow(k, since_ms, now_ms);
	default:
		return false;
	}
}

void clients_sweep(struct clients *c)
{
	int64_t now_ms = clock_mono_ms(c->clock);

	pthread_mutex_lock(&c->lock);
	LIST_EACH(node, &c->all) {
		struct client *k = LIST_ITEM(node, struct client, node);

		if (!overstays(k, now_ms))
			continue;
		log_debug("server", "slow client shut down", "address=%s", k->address);
		shutdown(k->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&c->lock);
}

void clients_shut(struct clients *c)
{
	pthread_mutex_lock(&c->lock);
	LIST_EACH(node, &c->all)
		shutdown(LIST_ITEM(node, struct client, node)->fd, SHUT_RDWR);
	pthread_mutex_unlock(&c->lock);
}
