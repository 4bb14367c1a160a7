/* test_get.c: representations in blocks (RFC 7959; chapter 7, items 3, 4, 6, 7). */
#include "suites.h"
#include "asking.h"

#include <stdlib.h>

#define ROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define IMAGE "/fw/acme/lamp/image"

static struct answered ask_block(struct fake *f, const char *path, uint32_t number, unsigned szx)
{
	uint8_t raw[COAP_MESSAGE_MAX];
	struct asking a = { .path = path, .id = (uint16_t)number };
	struct pdu_writer w;
	size_t n = asking_write(&a, (uint8_t[COAP_MESSAGE_MAX + 200]){ 0 });
	uint8_t whole[COAP_MESSAGE_MAX + 200];
	struct answered r;

	asking_write(&a, whole);
	memcpy(raw, whole, n);
	/* Uri-Path was last, so Block2 (23) has delta 12. */
	w = (struct pdu_writer){ .start = raw, .p = raw + n, .end = raw + sizeof raw, .last = OPTION_URI_PATH };
	pdu_option_uint(&w, OPTION_BLOCK2, number << 4 | szx);
	r = ask_raw(f, SPAN(raw, pdu_end(&w)), &a);
	ck_assert(r.n && pdu_read(SPAN(r.bytes, r.n), &r.m, NULL) == ERR_OK);
	return r;
}

static struct span etag_of(const struct answered *r)
{
	struct span etag = SPAN(NULL, 0);
	struct pdu m;

	ck_assert_int_eq(pdu_read(SPAN(r->bytes, r->n), &m, NULL), ERR_OK);
	option_find(m.options, OPTION_ETAG, &etag);
	return etag;
}

static const struct { const char *rule; uint64_t size; uint32_t number; unsigned szx; uint8_t code; size_t n; bool more; } blocks[] = {
	{ "the first of many", 5000, 0, 6, PDU_CONTENT, 1024, true },
	{ "the last, shorter", 5000, 4, 6, PDU_CONTENT, 904, false },
	{ "a full last one", 4096, 3, 6, PDU_CONTENT, 1024, false },
	{ "past the end", 4096, 4, 6, PDU_BAD_REQUEST, 0, false },
	{ "far past the end", 4096, 0xfffff, 6, PDU_BAD_REQUEST, 0, false },
	{ "16 bytes", 5000, 100, 0, PDU_CONTENT, 16, true },
	{ "32 bytes", 5000, 100, 1, PDU_CONTENT, 32, true },
	{ "64 bytes", 5000, 5, 2, PDU_CONTENT, 64, true },
	{ "128 bytes", 5000, 5, 3, PDU_CONTENT, 128, true },
	{ "256 bytes", 5000, 5, 4, PDU_CONTENT, 256, true },
	{ "512 bytes", 5000, 5, 5, PDU_CONTENT, 512, true },
	{ "number 4095", 10000000, 4095, 6, PDU_CONTENT, 1024, true },
	{ "number 4096", 10000000, 4096, 6, PDU_CONTENT, 1024, true },
	{ "number 65535", 100000000, 65535, 6, PDU_CONTENT, 1024, true },
	{ "number 65536", 100000000, 65536, 6, PDU_CONTENT, 1024, true },
	{ "number 65535 of 16", 2000000, 65535, 0, PDU_CONTENT, 16, true },
	{ "number 65536 of 16", 2000000, 65536, 0, PDU_CONTENT, 16, true },
	{ "the last number there is", UINT64_C(1) << 30, 0xfffff, 6, PDU_CONTENT, 1024, false },
	{ "1 GiB and a byte has no end", (UINT64_C(1) << 30) + 1, 0, 6, PDU_BAD_REQUEST, 0, false },
	{ "16 MiB end with 16-byte blocks", (16 << 20) + 1, 0, 0, PDU_BAD_REQUEST, 0, false },
	{ "and are no trouble for larger ones", (16 << 20) + 1, 0, 1, PDU_CONTENT, 32, true },
	{ "no bytes", 0, 0, 6, PDU_CONTENT, 0, false },
};

START_TEST(image_blocks)
{
	struct fake f = { .image_size = blocks[_i].size };
	uint64_t off = (uint64_t)blocks[_i].number << (blocks[_i].szx + 4);
	struct answered r;

	fake_start(&f, NULL);
	fake_trust_all(&f);
	r = ask_block(&f, IMAGE, blocks[_i].number, blocks[_i].szx);
	ck_assert_msg(r.m.code == blocks[_i].code, "%s: %x", blocks[_i].rule, r.m.code);
	if (blocks[_i].code == PDU_CONTENT) {
		struct pdu m;

		ck_assert_int_eq(pdu_read(SPAN(r.bytes, r.n), &m, NULL), ERR_OK);
		ck_assert_uint_eq(m.payload.n, blocks[_i].n);
		for (size_t i = 0; i < m.payload.n; i++)
			ck_assert_uint_eq(m.payload.p[i], fake_byte(off + i));
		ck_assert_int_eq(answered_uint(&r, OPTION_BLOCK2),
				 (int64_t)(blocks[_i].number << 4 | (blocks[_i].more ? 8u : 0u) | blocks[_i].szx));
		ck_assert(span_is(etag_of(&r), "\x11\x11\x11\x11\x11\x11\x11\x11"));
		ck_assert_msg(answered_uint(&r, OPTION_SIZE2) == (blocks[_i].number ? -1 : (int64_t)blocks[_i].size),
			      "Size2 in block 0: %s", blocks[_i].rule);
		ck_assert_int_eq(answered_uint(&r, OPTION_CONTENT_FORMAT), CONTENT_OCTETS);
		ck_assert_int_eq(answered_uint(&r, OPTION_MAX_AGE), 31536000);
	}
	fake_stop(&f);
}
END_TEST

/* Any block first, any order, szx changing with the byte offset kept. */
START_TEST(a_shuffled_transfer)
{
	enum { SIZE = 40000 };
	struct fake f = { .image_size = SIZE };
	uint8_t *got = calloc(1, SIZE + 1024), *seen = calloc(1, SIZE + 1024);
	uint32_t x = 7;
	size_t have = 0;

	fake_start(&f, NULL);
	fake_trust_all(&f);
	while (have < SIZE) {
		unsigned szx = (x = x * 1103515245 + 12345) / 65536 % 7;
		uint32_t number = (x = x * 1103515245 + 12345) / 65536 % (SIZE >> (szx + 4));
		struct answered r = ask_block(&f, IMAGE, number, szx);
		size_t off = (size_t)number << (szx + 4);
		struct pdu m;

		ck_assert_uint_eq(r.bytes[1], PDU_CONTENT);
		ck_assert_int_eq(pdu_read(SPAN(r.bytes, r.n), &m, NULL), ERR_OK);
		ck_assert_uint_le(m.payload.n, (size_t)16 << szx);
		memcpy(got + off, m.payload.p, m.payload.n);
		for (size_t i = off; i < off + m.payload.n; i++)
			have += !seen[i], seen[i] = 1;
		if ((SIZE >> (szx + 4)) << (szx + 4) != SIZE && have > SIZE - 1024) {	/* the tail, which random hardly finds */
			r = ask_block(&f, IMAGE, SIZE >> 4, 0);
			break;
		}
	}
	for (size_t i = 0; i < SIZE; i++)
		ck_assert(!seen[i] || got[i] == fake_byte(i));
	free(got);
	free(seen);
	fake_stop(&f);
}
END_TEST

static const struct { const char *rule; struct asking a; uint8_t code; int64_t format, block2, size2, max_age; size_t n; } gets[] = {
	{ "a small body needs no block", { .path = "/fw/acme/lamp" }, PDU_CONTENT, 42, -1, -1, -1, 300 },
	{ "a large one is offered in blocks", { .path = IMAGE }, PDU_CONTENT, 42, 8 | 6, 5000, 31536000, 1024 },
	{ "size asked for", { .path = "/fw/acme/lamp", .options = { { 28, "" } } }, PDU_CONTENT, 42, -1, 300, -1, 300 },
	{ "one block asked for", { .path = "/fw/acme/lamp", .options = { { 23, "06" } } }, PDU_CONTENT, 42, 6, 300, -1, 300 },
	{ "the M bit of a request means nothing", { .path = "/fw/acme/lamp", .options = { { 23, "0e" } } }, PDU_CONTENT, 42, 6, 300, -1, 300 },
	{ "info is CBOR", { .path = "/fw/acme/lamp/info" }, PDU_CONTENT, 60, -1, -1, -1, 20 },
	{ "the format that it has", { .path = "/fw/acme/lamp/info", .options = { { 17, "3c" } } }, PDU_CONTENT, 60, -1, -1, -1, 20 },
	{ "another format", { .path = "/fw/acme/lamp/info", .options = { { 17, "32" } } }, PDU_NOT_ACCEPTABLE, -1, -1, -1, -1, 0 },
	{ "format 0 is one", { .path = "/fw/acme/lamp/info", .options = { { 17, "" } } }, PDU_NOT_ACCEPTABLE, -1, -1, -1, -1, 0 },
	{ "an empty body", { .path = "/fw/acme/empty" }, PDU_CONTENT, 60, -1, -1, -1, 0 },
	{ "not yet", { .path = "/fw/acme/later" }, PDU_UNAVAILABLE, -1, -1, -1, 7, 7 },
	{ "bytes that fail their check", { .path = "/fw/acme/broken" }, PDU_UNAVAILABLE, -1, -1, -1, 30, 34 },
	{ "nothing", { .path = "/fw/acme/none" }, PDU_NOT_FOUND, -1, -1, -1, -1, 21 },
	{ "an explanation is cut", { .path = "/fw/acme/talkative" }, PDU_NOT_FOUND, -1, -1, -1, -1, 64 },
	{ "still the same", { .path = "/fw/acme/lamp", .options = { { 4, "0101010101010101" } } }, PDU_VALID, -1, -1, -1, -1, 0 },
	{ "one of several", { .path = "/fw/acme/lamp", .options = { { 4, "02" }, { 4, "0101010101010101" } } }, PDU_VALID, -1, -1, -1, -1, 0 },
	{ "changed", { .path = "/fw/acme/lamp", .options = { { 4, "0202020202020202" } } }, PDU_CONTENT, 42, -1, -1, -1, 300 },
	{ "the front of an ETag is none", { .path = "/fw/acme/lamp", .options = { { 4, "01010101010101" } } }, PDU_CONTENT, 42, -1, -1, -1, 300 },
	{ "validation keeps Max-Age", { .path = IMAGE, .options = { { 4, "1111111111111111" } } }, PDU_VALID, -1, -1, -1, 31536000, 0 },
};

START_TEST(get_rules)
{
	struct fake f = { .version = 1, .image_size = 5000 };
	struct answered r;

	fake_start(&f, NULL);
	fake_trust_all(&f);
	r = ask(&f, &gets[_i].a);
	ck_assert_msg(r.n && r.m.code == gets[_i].code, "%s: %u.%02u", gets[_i].rule, r.m.code >> 5, r.m.code & 31);
	ck_assert_msg(answered_uint(&r, OPTION_CONTENT_FORMAT) == gets[_i].format, "format: %s", gets[_i].rule);
	ck_assert_msg(answered_uint(&r, OPTION_BLOCK2) == gets[_i].block2, "block: %s", gets[_i].rule);
	ck_assert_msg(answered_uint(&r, OPTION_SIZE2) == gets[_i].size2, "size: %s", gets[_i].rule);
	ck_assert_msg(answered_uint(&r, OPTION_MAX_AGE) == gets[_i].max_age, "age: %s", gets[_i].rule);
	ck_assert_int_eq(pdu_read(SPAN(r.bytes, r.n), &r.m, NULL), ERR_OK);
	ck_assert_msg(r.m.payload.n == gets[_i].n, "%s: %zu bytes", gets[_i].rule, r.m.payload.n);
	ck_assert_msg((etag_of(&r).n == 8) == (pdu_class(gets[_i].code) == 2), "ETag with every success: %s", gets[_i].rule);
	fake_stop(&f);
}
END_TEST

static const struct { const char *rule; struct asking a; uint8_t code; bool has_links; } listings[] = {
	{ "all", { .path = "/.well-known/core" }, PDU_CONTENT, true },
	{ "of a type", { .path = "/.well-known/core", .queries = { "rt=gatepost.*" } }, PDU_CONTENT, true },
	{ "of no type of ours", { .path = "/.well-known/core", .queries = { "rt=core.rd" } }, PDU_CONTENT, false },
	{ "a bad filter", { .path = "/.well-known/core", .queries = { "rt" } }, PDU_BAD_REQUEST, false },
	{ "two filters", { .path = "/.well-known/core", .queries = { "rt=a", "if=b" } }, PDU_BAD_REQUEST, false },
	{ "as link format", { .path = "/.well-known/core", .options = { { 17, "28" } } }, PDU_CONTENT, true },
	{ "as JSON", { .path = "/.well-known/core", .options = { { 17, "32" } } }, PDU_NOT_ACCEPTABLE, false },
	{ "in small blocks", { .path = "/.well-known/core", .options = { { 23, "00" } } }, PDU_CONTENT, true },
};

START_TEST(listing_rules)
{
	struct fake f = { .nlinks = 1 };
	struct answered r;

	fake_start(&f, NULL);
	fake_trust_all(&f);
	for (int again = 0; again < 3; again++) {
		r = ask(&f, &listings[_i].a);
		ck_assert_msg(r.n && r.m.code == listings[_i].code, "%s: %x", listings[_i].rule, r.m.code);
		if (r.m.code != PDU_CONTENT)
			continue;
		ck_assert_int_eq(pdu_read(SPAN(r.bytes, r.n), &r.m, NULL), ERR_OK);
		ck_assert_msg((r.m.payload.n > 0) == listings[_i].has_links, "%s", listings[_i].rule);
		ck_assert_int_eq(answered_uint(&r, OPTION_CONTENT_FORMAT), CONTENT_LINKS);
		ck_assert_uint_eq(etag_of(&r).n, 8);
	}
	fake_stop(&f);
}
END_TEST

START_TEST(each_filter_has_its_listing)
{
	struct fake f = { .nlinks = 1 };
	struct asking all = { .path = "/.well-known/core" }, some = all, none = all;
	size_t n;

	some.queries[0] = "rt=gatepost.*";
	none.queries[0] = "rt=other";
	fake_start(&f, NULL);
	fake_trust_all(&f);
	for (int again = 0; again < 3; again++) {
		n = ask(&f, &some).m.payload.n;
		ck_assert_uint_gt(n, 0);
		ck_assert_uint_eq(ask(&f, &none).m.payload.n, 0);
		ck_assert_uint_eq(ask(&f, &all).m.payload.n, n);
	}
	fake_stop(&f);
}
END_TEST

START_TEST(the_listing_follows_the_catalog)
{
	struct fake f = { .nlinks = 1 };
	struct asking a = { .path = "/.well-known/core" };
	struct answered r, s;

	fake_start(&f, NULL);
	fake_trust_all(&f);
	r = ask(&f, &a);
	f.nlinks = 2;
	responder_changed(f.r, 1);
	s = ask(&f, &a);
	ck_assert_uint_gt(s.n, r.n);
	ck_assert(!span_eq(etag_of(&r), etag_of(&s)));
	fake_stop(&f);
}
END_TEST

static const struct { const char *rule; struct asking a; bool answered; } group[] = {
	{ "who is there?", { .type = PDU_NON, .path = "/.well-known/core" }, true },
	{ "who has manifests?", { .type = PDU_NON, .path = "/.well-known/core", .queries = { "rt=gatepost.manifest" } }, true },
	{ "only matches answer", { .type = PDU_NON, .path = "/.well-known/core", .queries = { "rt=other" } }, false },
	{ "no errors", { .type = PDU_NON, .path = "/.well-known/core", .queries = { "rt" } }, false },
	{ "not a bad option", { .type = PDU_NON, .path = "/.well-known/core", .options = { { 9, "" } } }, false },
	{ "nor one behind the path", { .type = PDU_NON, .path = "/.well-known/core", .options = { { 2049, "" } } }, false },
	{ "not another format", { .type = PDU_NON, .path = "/.well-known/core", .options = { { 17, "32" } } }, false },
	{ "a CON is none for a group", { .type = PDU_CON, .path = "/.well-known/core" }, false },
	{ "never firmware", { .type = PDU_NON, .path = IMAGE }, false },
	{ "never a manifest", { .type = PDU_NON, .path = "/fw/acme/lamp" }, false },
	{ "not a PUT", { .type = PDU_NON, .code = PDU_PUT, .path = "/.well-known/core" }, false },
	{ "not a POST", { .type = PDU_NON, .code = PDU_POST, .path = "/fw/acme/lamp/report" }, false },
};

START_TEST(group_rules)
{
	struct fake f = { .version = 1, .image_size = 5000, .nlinks = 1 };
	struct asking a = group[_i].a;

	a.was_group = true;
	a.now_ms = 1000;
	fake_start(&f, NULL);
	fake_trust_all(&f);
	ck_assert_msg(ask(&f, &a).n == 0, "never at once");
	responder_tick(f.r, 1000 + COAP_LEISURE_MS);
	ck_assert_msg(f.sent == (group[_i].answered ? 1 : 0), "%s", group[_i].rule);
	if (f.sent) {
		ck_assert_msg((f.sent_bytes[0] >> 4 & 3) == PDU_NON && f.sent_bytes[1] == PDU_CONTENT, "%s", group[_i].rule);
		ck_assert_uint_eq(f.sent_to.port, 5683);
	}
	responder_tick(f.r, 100000);
	ck_assert_uint_le(f.sent, 1);
	fake_stop(&f);
}
END_TEST

START_TEST(group_replies_spread)
{
	struct fake f = { .nlinks = 1 };
	struct asking a = { .type = PDU_NON, .path = "/.well-known/core", .was_group = true, .now_ms = 0 };
	unsigned early;

	fake_start(&f, NULL);
	fake_trust_all(&f);
	for (int i = 0; i < COAP_DELAYED_MAX + 10; i++)
		ask(&f, &a);
	responder_tick(f.r, COAP_LEISURE_MS / 2);
	early = f.sent;
	ck_assert_msg(early > 4 && early < COAP_DELAYED_MAX - 4, "%u of %d in the first half", early, COAP_DELAYED_MAX);
	ck_assert(responder_due(f.r) > COAP_LEISURE_MS / 2 && responder_due(f.r) <= COAP_LEISURE_MS);
	responder_tick(f.r, COAP_LEISURE_MS);
	ck_assert_msg(f.sent == COAP_DELAYED_MAX, "more than there is room for are dropped");
	ck_assert(responder_due(f.r) == INT64_MAX);
	fake_stop(&f);
}
END_TEST

START_TEST(a_stranger_of_the_group_draws_little)
{
	struct fake f = { .nlinks = 50 };
	struct asking a = { .type = PDU_NON, .path = "/.well-known/core", .was_group = true };

	fake_start(&f, NULL);
	ask(&f, &a);
	responder_tick(f.r, COAP_LEISURE_MS);
	ck_assert_uint_eq(f.sent, 0);
	fake_stop(&f);
}
END_TEST

TCase *get_cases(void)
{
	TCase *t = tcase_create("get");

	tcase_add_loop_test(t, image_blocks, 0, ROWS(blocks));
	tcase_add_loop_test(t, get_rules, 0, ROWS(gets));
	tcase_add_loop_test(t, listing_rules, 0, ROWS(listings));
	tcase_add_loop_test(t, group_rules, 0, ROWS(group));
	tcase_add_test(t, a_shuffled_transfer);
	tcase_add_test(t, each_filter_has_its_listing);
	tcase_add_test(t, the_listing_follows_the_catalog);
	tcase_add_test(t, group_replies_spread);
	tcase_add_test(t, a_stranger_of_the_group_draws_little);
	return t;
}
