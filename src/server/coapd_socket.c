/* coapd_socket.c: see coapd_socket.h. */
#include "server/coapd_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>

#define SEND_WAIT_MS 10		/* then the device asks again, as for any lost datagram */

static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

static void set(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof value);	/* without it we are worse, not wrong */
}

static void set_buffer(int fd, int forced, int plain)
{
	int size = COAPD_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) < 0)	/* needs CAP_NET_ADMIN */
		set(fd, SOL_SOCKET, plain, size);
}

static bool is_any(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;

	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
}

int coapd_socket_init(struct coapd_socket *s, int fd, struct err *e)
{
	struct coapd_socket made = { .fd = fd };
	socklen_t n = sizeof made.bound;
	int type = 0;
	socklen_t type_n = sizeof type;

	if (getsockname(fd, (struct sockaddr *)&made.bound, &n) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_n) < 0)
		return err_errno(e, "coap listener");
	if (type != SOCK_DGRAM || (made.bound.ss_family != AF_INET && made.bound.ss_family != AF_INET6))
		return err_set(e, ERR_USAGE, "coap listener: not a UDP socket");
	made.is_wildcard = is_any(&made.bound);
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	if (made.is_wildcard) {
		set(fd, IPPROTO_IP, IP_PKTINFO, made.bound.ss_family == AF_INET);
		if (made.bound.ss_family == AF_INET6)
			set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		/* Only groups that this socket joined, not what others on this machine listen to. */
		set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
	}
	*s = made;
	return ERR_OK;
}

void coapd_socket_join(const struct coapd_socket *s, unsigned interface)
{
	struct ip_mreqn four = { .imr_ifindex = (int)interface };
	struct ipv6_mreq six = { .ipv6mr_interface = interface };
	static const char *const groups[] = { "ff02::fd", "ff05::fd" };

	inet_pton(AF_INET, "224.0.1.187", &four.imr_multiaddr);
	(void)setsockopt(s->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four, sizeof four);
	for (size_t i = 0; s->bound.ss_family == AF_INET6 && i < 2; i++) {
		inet_pton(AF_INET6, groups[i], &six.ipv6mr_multiaddr);
		(void)setsockopt(s->fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &six, sizeof six);
	}
}

void coapd_receive(const struct coapd_socket *s, struct coapd_batch *in)
{
	int n;

	for (size_t i = 0; i < COAPD_BATCH; i++) {
		in->parts[i] = (struct iovec){ in->bytes[i], COAP_MESSAGE_MAX };
		in->heads[i].msg_hdr = (struct msghdr){
			.msg_name = &in->peers[i], .msg_namelen = sizeof in->peers[i],
			.msg_iov = &in->parts[i], .msg_iovlen = 1,
			.msg_control = s->is_wildcard ? in->control[i] : NULL,
			.msg_controllen = s->is_wildcard ? COAPD_CONTROL : 0,
		};
	}
	n = recvmmsg(s->fd, in->heads, COAPD_BATCH, MSG_DONTWAIT, NULL);
	in->n = n > 0 ? (size_t)n : 0;
}

static void set_address(uint8_t out[16], const void *four, const void *six)
{
	if (six) {
		memcpy(out, six, 16);
		return;
	}
	memcpy(out, v4_mapped, sizeof v4_mapped);
	memcpy(out + 12, four, 4);
}

static struct endpoint endpoint_of(const struct sockaddr_storage *a)
{
	struct endpoint p = { .port = 0 };

	if (a->ss_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)a;

		set_address(p.address, &four->sin_addr, NULL);
		p.port = ntohs(four->sin_port);
	} else {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;

		set_address(p.address, NULL, &six->sin6_addr);
		p.port = ntohs(six->sin6_port);
		p.scope = endpoint_is_link_local(&p) ? six->sin6_scope_id : 0;
	}
	return p;
}

static bool is_group(const uint8_t address[16])
{
	return address[0] == 0xff || (memcmp(address, v4_mapped, sizeof v4_mapped) == 0 && address[12] >> 4 == 14);
}

/* A reply comes from the address that was asked; for a group, from the interface's own. */
static void route_of_info(struct cmsghdr *c, struct route *r)
{
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(c), sizeof info);
		set_address(r->local, &info.ipi_spec_dst, NULL);
		r->interface = (uint32_t)info.ipi_ifindex;
		r->was_group = info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;	/* multicast or broadcast */
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(c), sizeof info);
		set_address(r->local, NULL, &info.ipi6_addr);
		r->interface = info.ipi6_ifindex;
		r->was_group = is_group(r->local);
		if (r->was_group)
			memset(r->local, 0, sizeof r->local);
	}
}

struct datagram coapd_datagram(const struct coapd_socket *s, uint16_t socket, struct coapd_batch *in, size_t i)
{
	struct msghdr *head = &in->heads[i].msg_hdr;
	struct datagram d = {
		.from = endpoint_of(&in->peers[i]),
		.via = { .socket = socket },
		.bytes = SPAN(in->bytes[i], in->heads[i].msg_len),
		.was_cut = (head->msg_flags & MSG_TRUNC) != 0,
	};

	if (s->is_wildcard)
		for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR(head, c))
			route_of_info(c, &d.via);
	return d;
}

static socklen_t set_peer(struct sockaddr_storage *out, int family, const struct endpoint *to)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

	if (family == AF_INET) {
		*four = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(to->port) };
		memcpy(&four->sin_addr, to->address + 12, 4);
		return sizeof *four;
	}
	*six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(to->port), .sin6_scope_id = to->scope };
	memcpy(&six->sin6_addr, to->address, 16);
	return sizeof *six;
}

/* The interface is named only where the address alone does not say it; elsewhere routing knows better. */
static size_t set_source(uint8_t *control, int family, const struct endpoint *to, const struct route *via)
{
	struct cmsghdr *c = (struct cmsghdr *)(void *)control;
	uint32_t interface = via->was_group || endpoint_is_link_local(to) ? via->interface : 0;

	if (family == AF_INET) {
		struct in_pktinfo info = { .ipi_ifindex = (int)interface };

		memcpy(&info.ipi_spec_dst, via->local + 12, 4);
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO };
		memcpy(CMSG_DATA(c), &info, sizeof info);
		return CMSG_SPACE(sizeof info);
	}
	struct in6_pktinfo info = { .ipi6_ifindex = interface };

	memcpy(&info.ipi6_addr, via->local, 16);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO };
	memcpy(CMSG_DATA(c), &info, sizeof info);
	return CMSG_SPACE(sizeof info);
}

void coapd_add(const struct coapd_socket *s, struct coapd_batch *out, const struct endpoint *to,
	       const struct route *via, size_t n)
{
	size_t i = out->n++;
	int family = s->bound.ss_family;

	out->parts[i] = (struct iovec){ out->bytes[i], n };
	out->heads[i].msg_hdr = (struct msghdr){
		.msg_name = &out->peers[i], .msg_namelen = set_peer(&out->peers[i], family, to),
		.msg_iov = &out->parts[i], .msg_iovlen = 1,
	};
	if (s->is_wildcard) {
		out->heads[i].msg_hdr.msg_control = out->control[i];
		out->heads[i].msg_hdr.msg_controllen = set_source(out->control[i], family, to, via);
	}
}

static bool wait_for_room(const struct coapd_socket *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };

	return poll(&p, 1, SEND_WAIT_MS) == 1;
}

size_t coapd_send(const struct coapd_socket *s, struct coapd_batch *out)
{
	size_t at = 0, refused = 0;

	while (at < out->n) {
		int sent = sendmmsg(s->fd, out->heads + at, (unsigned)(out->n - at), 0);

		if (sent > 0)
			at += (size_t)sent;
		else if (errno == EINTR || (errno == EAGAIN && wait_for_room(s)))
			continue;
		else {		/* this one cannot go (no route, a filter); those behind it may */
			at++;
			refused++;
		}
	}
	out->n = 0;
	return refused;
}
