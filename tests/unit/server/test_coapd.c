/* test_coapd.c: CoAP's sockets and thread: what may be handed in, whom to trust, start and stop. */
#include "base/cleanup.h"
#include "coap/option.h"
#include "server/coapd.h"
#include "server/coapd_onlink.h"

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <sys/socket.h>

#define ROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct { const char *rule, *text; int rc; enum coapd_trust trust; size_t n; } texts[] = {
	{ "neighbours", "on-link", ERR_OK, COAPD_TRUST_ON_LINK, 0 },
	{ "nobody", "none", ERR_OK, COAPD_TRUST_NONE, 0 },
	{ "a prefix", "192.168.0.0/16", ERR_OK, COAPD_TRUST_LIST, 1 },
	{ "several, with spaces", "192.168.0.0/16 fd00::/8", ERR_OK, COAPD_TRUST_LIST, 2 },
	{ "several, with commas", " 10.0.0.1,fd00::/8 ,\t10.1.0.0/16, ", ERR_OK, COAPD_TRUST_LIST, 3 },
	{ "nothing", "", ERR_USAGE, COAPD_TRUST_NONE, 7 },
	{ "only commas", " , ", ERR_USAGE, COAPD_TRUST_NONE, 7 },
	{ "another word", "everybody", ERR_USAGE, COAPD_TRUST_NONE, 7 },
	{ "on-link is no prefix among others", "on-link 10.0.0.0/8", ERR_USAGE, COAPD_TRUST_NONE, 7 },
	{ "bits after the prefix", "10.0.0.1/8", ERR_USAGE, COAPD_TRUST_NONE, 7 },
	{ "one bad word spoils it", "10.0.0.0/8 fd00::/8 x", ERR_USAGE, COAPD_TRUST_NONE, 7 },
	{ "more than there is room for",
	  "1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 "
	  "1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 "
	  "1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1 1.0.0.1", ERR_USAGE, COAPD_TRUST_NONE, 7 },
};

START_TEST(trusted_texts)
{
	struct coapd_conf conf = { .trust = COAPD_TRUST_NONE, .ntrusted = 7 };
	struct err e = { 0 };

	ck_assert_msg(coapd_read_trusted(span_str(texts[_i].text), &conf, &e) == texts[_i].rc, "%s", texts[_i].rule);
	ck_assert_msg(conf.trust == texts[_i].trust && conf.ntrusted == texts[_i].n, "%s", texts[_i].rule);
	ck_assert(texts[_i].rc == ERR_OK || strncmp(e.msg, "trusted: ", 9) == 0);
}
END_TEST

static int bound_socket(int type, const char *address, struct sockaddr_in *out)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(inet_pton(AF_INET, address, &a.sin_addr), 1);
	ck_assert(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	if (out)
		*out = a;
	return fd;
}

static bool is_open(int fd)
{
	int type;
	socklen_t n = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0;
}

static void on_find(void *arg, const struct resource_ask *ask, struct resource *out)
{
	unsigned *finds = arg;

	(void)ask;
	++*finds;
	out->code = PDU_NOT_FOUND;
}

static struct resources resources_of(unsigned *finds)
{
	return (struct resources){ .find = on_find, .arg = finds };
}

START_TEST(only_udp_sockets)
{
	struct coapd_conf conf = coapd_defaults();
	unsigned finds = 0;
	struct resources resources = resources_of(&finds);
	int fds[2] = { bound_socket(SOCK_DGRAM, "127.0.0.1", NULL), bound_socket(SOCK_STREAM, "127.0.0.1", NULL) };
	struct coapd *d = NULL;
	struct err e = { 0 };

	ck_assert_int_eq(coapd_start_take(&conf, fds, 2, &resources, &d, &e), ERR_USAGE);
	ck_assert(!d && !is_open(fds[0]) && !is_open(fds[1]));
}
END_TEST

START_TEST(not_too_many_sockets)
{
	struct coapd_conf conf = coapd_defaults();
	unsigned finds = 0;
	struct resources resources = resources_of(&finds);
	int fds[COAPD_SOCKETS_MAX + 1];
	struct coapd *d = NULL;
	struct err e = { 0 };

	for (size_t i = 0; i <= COAPD_SOCKETS_MAX; i++)
		fds[i] = bound_socket(SOCK_DGRAM, "127.0.0.1", NULL);
	ck_assert_int_eq(coapd_start_take(&conf, fds, COAPD_SOCKETS_MAX + 1, &resources, &d, &e), ERR_LIMIT);
	for (size_t i = 0; i <= COAPD_SOCKETS_MAX; i++)
		ck_assert(!is_open(fds[i]));
}
END_TEST

/* Two sockets, each answering from its own address; then nothing is left running or open. */
START_TEST(serves_and_stops)
{
	static const uint8_t request[] = { 0x40, 0x01, 0x12, 0x34, 0xb1, 'x' };
	struct coapd_conf conf = coapd_defaults();
	unsigned finds = 0;
	struct resources resources = resources_of(&finds);
	struct sockaddr_in at[2];
	int fds[2] = { bound_socket(SOCK_DGRAM, "127.0.0.1", &at[0]), bound_socket(SOCK_DGRAM, "127.0.0.2", &at[1]) };
	struct coapd *d = NULL;

	ck_assert_int_eq(coapd_start_take(&conf, fds, 2, &resources, &d, NULL), ERR_OK);
	for (int i = 0; i < 2; i++) {
		autoclose int fd = bound_socket(SOCK_DGRAM, "127.0.0.1", NULL);
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint8_t reply[16];

		ck_assert_int_eq(connect(fd, (struct sockaddr *)&at[i], sizeof at[i]), 0);	/* hears from there only */
		ck_assert_int_eq(send(fd, request, sizeof request, 0), sizeof request);
		ck_assert_int_eq(poll(&p, 1, 10000), 1);
		ck_assert_int_eq(recv(fd, reply, sizeof reply, 0), 4);
		ck_assert_mem_eq(reply, "\x60\x84\x12\x34", 4);
	}
	coapd_catalog_changed(d);
	coapd_report_done(d, 12345, PDU_CHANGED);
	coapd_stop(d);
	ck_assert_uint_eq(finds, 2);
	ck_assert(!is_open(fds[0]) && !is_open(fds[1]));
	coapd_stop(NULL);
}
END_TEST

static bool has(const struct prefix *p, size_t n, const char *address)
{
	struct prefix one;
	struct endpoint e = { .port = 1 };

	ck_assert_int_eq(prefix_read(span_str(address), &one, NULL), ERR_OK);
	memcpy(e.address, one.address, sizeof e.address);
	for (size_t i = 0; i < n; i++)
		if (prefix_has(&p[i], &e))
			return true;
	return false;
}

START_TEST(neighbours_of_the_listening_interfaces)
{
	struct prefix found[COAP_PREFIXES_MAX];
	struct coapd_socket s;
	autoclose int loopback = bound_socket(SOCK_DGRAM, "127.0.0.1", NULL);
	autoclose int any = bound_socket(SOCK_DGRAM, "0.0.0.0", NULL);
	size_t of_loopback, of_any;

	ck_assert_int_eq(coapd_socket_init(&s, loopback, NULL), ERR_OK);
	ck_assert(!s.is_wildcard);
	ck_assert_int_eq(coapd_onlink(&s, 1, found, COAP_PREFIXES_MAX, &of_loopback, NULL), ERR_OK);
	ck_assert_msg(has(found, of_loopback, "127.8.8.8"), "the loopback network is on-link");
	ck_assert_msg(!has(found, of_loopback, "203.0.113.1"), "a far address is not");
	ck_assert_int_eq(coapd_socket_init(&s, any, NULL), ERR_OK);
	ck_assert(s.is_wildcard);
	ck_assert_int_eq(coapd_onlink(&s, 1, found, COAP_PREFIXES_MAX, &of_any, NULL), ERR_OK);
	ck_assert(of_any >= of_loopback && has(found, of_any, "127.8.8.8") && !has(found, of_any, "203.0.113.1"));
	ck_assert_int_eq(coapd_onlink(&s, 1, found, 0, &of_any, NULL), ERR_OK);
	ck_assert_uint_eq(of_any, 0);
	ck_assert_int_eq(coapd_onlink(&s, 0, found, COAP_PREFIXES_MAX, &of_any, NULL), ERR_OK);
	ck_assert_msg(of_any == 0, "who listens nowhere has no neighbours");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("coapd");
	TCase *t = tcase_create("coapd");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, trusted_texts, 0, ROWS(texts));
	tcase_add_test(t, only_udp_sockets);
	tcase_add_test(t, not_too_many_sockets);
	tcase_add_test(t, serves_and_stops);
	tcase_add_test(t, neighbours_of_the_listening_interfaces);
	suite_add_tcase(suite, t);
	r = srunner_create(suite);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
