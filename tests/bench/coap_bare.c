/* coap_bare.c: the least that a responder can do: batches in, batches out, a fixed body of 1024 bytes. It reads no option
 * but the last, takes that for Block2, and mirrors it: a limit to measure against, not a server.
 *
 *	coap_bare BLOCKS
 *
 * Prints "ready coap=127.0.0.1:PORT". */
#include "coap/option.h"
#include "coap/pdu.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BATCH 64
#define ROOM 1280

static struct mmsghdr in[BATCH], out[BATCH];
static struct iovec in_part[BATCH], out_part[BATCH];
static struct sockaddr_in peers[BATCH];
static uint8_t in_bytes[BATCH][ROOM], out_bytes[BATCH][ROOM], body[1024];

static size_t answer(struct span d, uint8_t *to, uint32_t blocks)
{
	struct option_iter it;
	struct option o = { .number = 0 };
	struct pdu_writer w;
	struct pdu m;
	uint32_t block;

	if (pdu_read(d, &m, NULL))
		return 0;
	it = option_first(m.options);
	while (option_next(&it, &o))
		;
	block = option_uint(o.value) >> 4;
	pdu_begin(&w, to, ROOM, PDU_ACK, PDU_CONTENT, m.id, m.token);
	pdu_option(&w, OPTION_ETAG, SPAN("bare-tag", 8));
	pdu_option_uint(&w, OPTION_CONTENT_FORMAT, 42);
	pdu_option_uint(&w, OPTION_BLOCK2, block << 4 | (block + 1 < blocks ? 8 : 0) | 6);
	pdu_payload(&w, SPAN_OF(body));
	return pdu_end(&w);
}

static void serve(int fd, uint32_t blocks)
{
	for (;;) {
		int n;

		for (int i = 0; i < BATCH; i++) {
			in_part[i] = (struct iovec){ in_bytes[i], ROOM };
			in[i].msg_hdr = (struct msghdr){ .msg_name = &peers[i], .msg_namelen = sizeof peers[i],
							 .msg_iov = &in_part[i], .msg_iovlen = 1 };
		}
		n = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++) {
			out_part[i] = (struct iovec){ out_bytes[i], answer(SPAN(in_bytes[i], in[i].msg_len), out_bytes[i], blocks) };
			out[i].msg_hdr = (struct msghdr){ .msg_name = &peers[i], .msg_namelen = sizeof peers[i],
							  .msg_iov = &out_part[i], .msg_iovlen = 1 };
		}
		if (n > 0 && sendmmsg(fd, out, (unsigned)n, 0) < 0)
			perror("sendmmsg");
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
	socklen_t n = sizeof a;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
	if (argc != 2 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return 1;
	printf("ready coap=127.0.0.1:%u\n", ntohs(a.sin_port));
	fflush(stdout);
	serve(fd, (uint32_t)atoi(argv[1]));
	return 0;
}
