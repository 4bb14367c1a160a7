/* coap_libcoap.c: libcoap's server with its block helper, serving one file, for comparison with ours.
 *
 *	coap_libcoap FILE
 *
 * Prints "ready coap=127.0.0.1:PORT" and serves /fw/acme/lamp/image. */
#include <coap3/coap.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint8_t *body;
static size_t body_n;

static void on_get(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
		   const coap_string_t *query, coap_pdu_t *response)
{
	coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
	coap_add_data_large_response(resource, session, request, response, query, COAP_MEDIATYPE_APPLICATION_OCTET_STREAM,
				     -1, 1, body_n, body, NULL, NULL);
}

static void read_file(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f || fseek(f, 0, SEEK_END))
		exit(1);
	body_n = (size_t)ftell(f);
	rewind(f);
	body = malloc(body_n + 1);
	if (!body || fread(body, 1, body_n, f) != body_n)
		exit(1);
	fclose(f);
}

/* A port that is free now: libcoap does not tell which one it was given. */
static uint16_t free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t n = sizeof a;

	if (bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &n))
		exit(1);
	close(fd);
	return ntohs(a.sin_port);
}

int main(int argc, char **argv)
{
	coap_context_t *context;
	coap_resource_t *resource;
	coap_address_t address;

	if (argc != 2)
		return 2;
	read_file(argv[1]);
	coap_startup();
	coap_address_init(&address);
	address.addr.sin.sin_family = AF_INET;
	address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.addr.sin.sin_port = htons(free_port());
	context = coap_new_context(NULL);
	if (!context || !coap_new_endpoint(context, &address, COAP_PROTO_UDP))
		return 1;
	coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP);
	resource = coap_resource_init(coap_make_str_const("fw/acme/lamp/image"), 0);
	coap_register_handler(resource, COAP_REQUEST_GET, on_get);
	coap_add_resource(context, resource);
	printf("ready coap=127.0.0.1:%u\n", ntohs(address.addr.sin.sin_port));
	fflush(stdout);
	for (;;)
		coap_io_process(context, COAP_IO_WAIT);
}
