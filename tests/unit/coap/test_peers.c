/* test_peers.c: who may draw how much: prefixes, Echo values (RFC 9175), rates. */
#include "suites.h"

#include "coap/guard.h"

#include <arpa/inet.h>

#define ROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))

static struct endpoint peer(const char *address, uint16_t port)
{
	struct prefix p;

	ck_assert_int_eq(prefix_read(span_str(address), &p, NULL), ERR_OK);
	struct endpoint e = { .port = port };
	memcpy(e.address, p.address, sizeof e.address);
	return e;
}

static const struct { const char *rule, *text; int bits; } prefixes[] = {
	{ "an IPv4 network", "192.168.0.0/16", 112 },
	{ "an IPv4 address alone", "10.0.0.7", 128 },
	{ "everything in IPv4", "0.0.0.0/0", 96 },
	{ "an IPv6 network", "fd00::/8", 8 },
	{ "an odd length", "2001:db8::/33", 33 },
	{ "an IPv6 address alone", "::1", 128 },
	{ "everything", "::/0", 0 },
	{ "bits after the prefix are 0", "192.168.1.0/16", -1 },
	{ "the same in IPv6", "fd00::1/64", -1 },
	{ "IPv4 has 32 bits", "10.0.0.0/33", -1 },
	{ "IPv6 has 128 bits", "fd00::/129", -1 },
	{ "a length has digits", "10.0.0.0/", -1 },
	{ "a length has only digits", "10.0.0.0/8x", -1 },
	{ "a length is not negative", "10.0.0.0/-1", -1 },
	{ "a name is no address", "localhost", -1 },
	{ "nothing is no address", "", -1 },
	{ "a very long text is no address", "1111111111111111111111111111111111111111111111111111111111", -1 },
};

START_TEST(prefix_texts)
{
	struct prefix p = { .bits = 77 };
	int rc = prefix_read(span_str(prefixes[_i].text), &p, NULL);

	ck_assert_msg((rc == ERR_OK) == (prefixes[_i].bits >= 0), "%s", prefixes[_i].rule);
	ck_assert_msg(p.bits == (rc ? 77 : prefixes[_i].bits), "%s", prefixes[_i].rule);
}
END_TEST

static const struct { const char *prefix, *address; bool in; } members[] = {
	{ "192.168.0.0/16", "192.168.255.1", true },
	{ "192.168.0.0/16", "192.169.0.1", false },
	{ "192.168.0.0/17", "192.168.127.255", true },
	{ "192.168.0.0/17", "192.168.128.0", false },
	{ "10.0.0.7", "10.0.0.7", true },
	{ "10.0.0.7", "10.0.0.6", false },
	{ "0.0.0.0/0", "203.0.113.9", true },
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "fd00::/8", "fdff::1", true },
	{ "fd00::/8", "fc00::1", false },
	{ "::/0", "1.2.3.4", true },
};

static const char *const addresses[] = { "0.0.0.0", "10.200.7.99", "255.255.255.255", "100.1.19.110", "::1", "2001:db8::7:0:1" };

START_TEST(addresses_as_text)
{
	struct endpoint e = peer(addresses[_i], 1);
	char text[ENDPOINT_TEXT];

	ck_assert_uint_eq(endpoint_text(&e, text), strlen(addresses[_i]));
	ck_assert_str_eq(text, addresses[_i]);
}
END_TEST

START_TEST(prefix_members)
{
	struct endpoint e = peer(members[_i].address, 5683);
	struct prefix p;

	ck_assert_int_eq(prefix_read(span_str(members[_i].prefix), &p, NULL), ERR_OK);
	ck_assert_msg(prefix_has(&p, &e) == members[_i].in, "%s in %s", members[_i].address, members[_i].prefix);
}
END_TEST

/* Key and text folded so that every bit of either matters; the core needs no more of it. */
static struct hash32 on_mac(void *arg, struct span s)
{
	struct hash32 h = { { *(const uint8_t *)arg } };

	for (size_t i = 0; i < s.n; i++)
		for (size_t k = 0; k < sizeof h.b; k++)
			h.b[k] = (uint8_t)((h.b[k] ^ s.p[i]) * 167 + k + 1);
	return h;
}

START_TEST(echo_names_one_peer_and_time)
{
	uint8_t key = 1, other_key = 2, value[ECHO_VALUE];
	struct echo_mac mac = { on_mac, &key }, other_mac = { on_mac, &other_key };
	struct endpoint a = peer("192.0.2.1", 5683), b = peer("192.0.2.2", 5683), c = peer("192.0.2.1", 5684);
	int64_t now = 10 * ECHO_STEP_MS + 5;

	echo_make(&mac, &a, now, value);
	ck_assert_msg(echo_check(&mac, &a, now, SPAN_OF(value)), "made just now");
	ck_assert_msg(echo_check(&mac, &a, now + ECHO_STEP_MS, SPAN_OF(value)), "good for a step more");
	ck_assert_msg(!echo_check(&mac, &a, now + 2 * ECHO_STEP_MS, SPAN_OF(value)), "and no longer");
	ck_assert_msg(!echo_check(&mac, &a, now - ECHO_STEP_MS, SPAN_OF(value)), "nor before it was made");
	ck_assert_msg(!echo_check(&mac, &b, now, SPAN_OF(value)), "of another address");
	ck_assert_msg(!echo_check(&mac, &c, now, SPAN_OF(value)), "of another port");
	ck_assert_msg(!echo_check(&other_mac, &a, now, SPAN_OF(value)), "of another gateway");
	ck_assert_msg(!echo_check(&mac, &a, now, SPAN(value, ECHO_VALUE - 1)), "cut");
	for (int bit = 0; bit < ECHO_VALUE * 8; bit++) {
		value[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_msg(!echo_check(&mac, &a, now, SPAN_OF(value)), "bit %d flipped", bit);
		value[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

static uint8_t guard_key = 3;

static struct guard start(uint32_t per_source, uint32_t all)
{
	struct guard g;
	struct guard_rates rates = { per_source, all };
	struct echo_mac mac = { on_mac, &guard_key };
	struct prefix lan;

	ck_assert_int_eq(guard_init(&g, &mac, 12345, &rates, NULL), ERR_OK);
	ck_assert_int_eq(prefix_read(SPAN_LIT("192.168.0.0/16"), &lan, NULL), ERR_OK);
	guard_trust(&g, &lan, 1);
	return g;
}

static const struct { const char *rule, *address; uint16_t port; enum guard_verdict verdict; } admissions[] = {
	{ "in a trusted prefix", "192.168.1.1", 5683, GUARD_SERVE },
	{ "outside of it", "203.0.113.1", 5683, GUARD_LIMITED },
	{ "loopback is trusted no more than others", "127.0.0.1", 40000, GUARD_LIMITED },
	{ "a privileged port is somebody's service", "192.168.1.1", 1023, GUARD_DROP },
	{ "DNS is one", "203.0.113.1", 53, GUARD_DROP },
	{ "1024 is the first that is none", "192.168.1.1", 1024, GUARD_SERVE },
};

START_TEST(admits)
{
	struct guard g = start(0, 0);
	struct endpoint e = peer(admissions[_i].address, admissions[_i].port);

	ck_assert_msg(guard_admit(&g, &e, 1000) == admissions[_i].verdict, "%s", admissions[_i].rule);
	guard_fini(&g);
}
END_TEST

START_TEST(an_echo_verifies_for_a_while)
{
	struct guard g = start(0, 0);
	struct endpoint e = peer("203.0.113.1", 5683), other = peer("203.0.113.1", 5684);
	uint8_t value[ECHO_VALUE];

	echo_make(&g.mac, &e, 1000, value);
	ck_assert(!guard_verify(&g, &other, 1000, SPAN_OF(value)));
	ck_assert(!guard_verify(&g, &e, 1000, SPAN_LIT("twelve bytes")));
	ck_assert_int_eq(guard_admit(&g, &e, 1000), GUARD_LIMITED);
	ck_assert(guard_verify(&g, &e, 1000, SPAN_OF(value)));
	ck_assert_int_eq(guard_admit(&g, &e, 1000), GUARD_SERVE);
	ck_assert_int_eq(guard_admit(&g, &other, 1000), GUARD_LIMITED);
	for (unsigned i = 0; i < 50000; i++) {	/* many of these share its place in the table */
		struct endpoint another = { .address = { 0x20, (uint8_t)(i >> 8), (uint8_t)i }, .port = 5683 };

		ck_assert_int_eq(guard_admit(&g, &another, 1000), GUARD_LIMITED);
	}
	ck_assert_int_eq(guard_admit(&g, &e, 1000 + 5 * 60 * 1000), GUARD_LIMITED);
	guard_fini(&g);
}
END_TEST

static unsigned count(struct guard *g, const struct endpoint *e, unsigned tries, int64_t now_ms, enum guard_verdict v)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += guard_admit(g, e, now_ms) == v;
	return n;
}

START_TEST(one_source_has_a_rate)
{
	struct guard g = start(100, 0);
	struct endpoint e = peer("192.168.1.1", 5683), same = peer("192.168.1.1", 9999), other = peer("192.168.1.2", 5683);

	ck_assert_msg(count(&g, &e, 200, 1000, GUARD_SERVE) == 200, "a burst of two seconds");
	ck_assert_msg(count(&g, &same, 400, 1000, GUARD_SERVE) == 100, "then one in four, whatever the port");
	ck_assert_msg(count(&g, &e, 400, 1000, GUARD_TOO_MANY) == 100, "one in four is told");
	ck_assert_msg(count(&g, &other, 200, 1000, GUARD_SERVE) == 200, "others have their own");
	ck_assert_msg(count(&g, &e, 50, 1500, GUARD_SERVE) == 50, "half a second brings half of the rate");
	ck_assert_msg(count(&g, &e, 4, 1500, GUARD_SERVE) == 1, "and no more");
	ck_assert_msg(count(&g, &e, 200, 9000, GUARD_SERVE) == 200, "a long silence brings the burst, no more");
	ck_assert_msg(count(&g, &e, 4, 9000, GUARD_SERVE) == 1, "and no more than that");
	guard_fini(&g);
}
END_TEST

START_TEST(an_ipv6_network_is_one_source)
{
	struct guard g = start(10, 0);
	struct endpoint a = peer("2001:db8::1", 5683), b = peer("2001:db8::2:2:2:2", 5683), c = peer("2001:db8:0:1::1", 5683);

	ck_assert_uint_eq(count(&g, &a, 20, 1000, GUARD_LIMITED), 20);
	ck_assert_uint_eq(count(&g, &b, 8, 1000, GUARD_LIMITED), 2);
	ck_assert_uint_eq(count(&g, &c, 20, 1000, GUARD_LIMITED), 20);
	guard_fini(&g);
}
END_TEST

START_TEST(a_spoofed_flood_leaves_the_known_alone)
{
	struct guard g = start(0, 1000);
	struct endpoint device = peer("192.168.1.1", 5683);
	unsigned through = 0;

	for (unsigned i = 0; i < 100000; i++) {
		struct endpoint spoofed = { .address = { [10] = 0xff, 0xff, 20, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i },
					    .port = 5683 };
		through += guard_admit(&g, &spoofed, 1000) != GUARD_DROP;
	}
	ck_assert_msg(through <= 2000 + 98000 / 4, "%u got through", through);
	ck_assert_uint_eq(count(&g, &device, 2000, 1000, GUARD_SERVE), 2000);
	ck_assert_msg(count(&g, &device, 4, 1000, GUARD_SERVE) == 1, "all together have a rate too");
	guard_fini(&g);
}
END_TEST

START_TEST(a_spoofer_of_its_address_leaves_the_verified_alone)
{
	struct guard g = start(100, 0);
	struct endpoint device = peer("203.0.113.1", 5683), spoofed = peer("203.0.113.1", 5684);
	uint8_t value[ECHO_VALUE];

	echo_make(&g.mac, &device, 1000, value);
	ck_assert(guard_verify(&g, &device, 1000, SPAN_OF(value)));
	count(&g, &spoofed, 10000, 1000, GUARD_LIMITED);
	ck_assert_uint_eq(count(&g, &device, 200, 1000, GUARD_SERVE), 200);
	guard_fini(&g);
}
END_TEST

START_TEST(loopback_has_no_rate)
{
	struct guard g = start(1, 1);
	struct endpoint e = peer("127.0.0.1", 5683), six = peer("::1", 5683);

	ck_assert_uint_eq(count(&g, &e, 1000, 1000, GUARD_LIMITED), 1000);
	ck_assert_uint_eq(count(&g, &six, 1000, 1000, GUARD_LIMITED), 1000);
	guard_fini(&g);
}
END_TEST

START_TEST(budgets)
{
	ck_assert_uint_eq(guard_budget(4), 12);
	ck_assert_uint_eq(guard_budget(45), 135);
	ck_assert_uint_eq(guard_budget(46), 136);
	ck_assert_uint_eq(guard_budget(1280), 136);
}
END_TEST

TCase *peers_cases(void)
{
	TCase *t = tcase_create("peers");

	tcase_add_loop_test(t, prefix_texts, 0, ROWS(prefixes));
	tcase_add_loop_test(t, addresses_as_text, 0, ROWS(addresses));
	tcase_add_loop_test(t, prefix_members, 0, ROWS(members));
	tcase_add_loop_test(t, admits, 0, ROWS(admissions));
	tcase_add_test(t, echo_names_one_peer_and_time);
	tcase_add_test(t, an_echo_verifies_for_a_while);
	tcase_add_test(t, one_source_has_a_rate);
	tcase_add_test(t, an_ipv6_network_is_one_source);
	tcase_add_test(t, a_spoofed_flood_leaves_the_known_alone);
	tcase_add_test(t, a_spoofer_of_its_address_leaves_the_verified_alone);
	tcase_add_test(t, loopback_has_no_rate);
	tcase_add_test(t, budgets);
	return t;
}
