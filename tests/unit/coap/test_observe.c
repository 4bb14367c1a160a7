/* test_observe.c: Observe (RFC 7641; chapter 7, item 5). */
#include "suites.h"
#include "asking.h"

#include <stdio.h>

#define ROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define LAMP "/fw/acme/lamp"
#define DAY_MS (24 * 3600 * 1000)

static const struct asking registration = { .path = LAMP, .token = "ob", .options = { { OPTION_OBSERVE, "" } } };

static void start(struct fake *f)
{
	*f = (struct fake){ .version = 1, .image_size = 100 };
	fake_start(f, NULL);
	fake_trust_all(f);
}

static void change(struct fake *f, uint8_t version, int64_t now_ms)
{
	f->version = version;
	f->sent = 0;
	responder_changed(f->r, now_ms);
}

static struct answered last_sent(const struct fake *f)
{
	struct answered r = { .n = f->sent_n };

	memcpy(r.bytes, f->sent_bytes, f->sent_n);
	ck_assert_int_eq(pdu_read(SPAN(f->sent_bytes, f->sent_n), &r.m, NULL), ERR_OK);
	return r;
}

static void reply_empty(struct fake *f, enum pdu_type type, uint16_t id, int64_t now_ms)
{
	uint8_t raw[4];
	struct asking a = { .now_ms = now_ms };

	pdu_write_empty(raw, type, id);
	ask_raw(f, SPAN_OF(raw), &a);
}

static const struct { const char *rule; struct asking a; bool registered; } registrations[] = {
	{ "a manifest", { .path = LAMP, .options = { { 6, "" } } }, true },
	{ "value 0 as a byte", { .path = LAMP, .options = { { 6, "00" } } }, true },
	{ "with a block size", { .path = LAMP, .options = { { 6, "" }, { 23, "02" } } }, true },
	{ "with an ETag that is still right", { .path = LAMP, .options = { { 4, "0101010101010101" }, { 6, "" } } }, true },
	{ "value 1 ends one", { .path = LAMP, .options = { { 6, "01" } } }, false },
	{ "value 2 means nothing", { .path = LAMP, .options = { { 6, "02" } } }, false },
	{ "without the option", { .path = LAMP }, false },
	{ "an image does not change", { .path = LAMP "/image", .options = { { 6, "" } } }, false },
	{ "block 0 only", { .path = LAMP, .options = { { 6, "" }, { 23, "12" } } }, false },
	{ "what is not there", { .path = "/fw/acme/none", .options = { { 6, "" } } }, false },
	{ "a format that it does not have", { .path = LAMP, .options = { { 6, "" }, { 17, "3c" } } }, false },
	{ "a request too long to keep", { .path = LAMP, .options = { { 6, "" } },
		.queries = { "hw=0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
			     "from=0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
			     "x=0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" } }, false },
};

START_TEST(registering)
{
	struct fake f;
	struct answered r;

	start(&f);
	r = ask(&f, &registrations[_i].a);
	ck_assert_msg((answered_uint(&r, OPTION_OBSERVE) >= 0) == registrations[_i].registered, "%s", registrations[_i].rule);
	change(&f, 2, 1);
	ck_assert_msg(f.sent == registrations[_i].registered, "%s", registrations[_i].rule);
	fake_stop(&f);
}
END_TEST

START_TEST(a_stranger_is_not_registered)
{
	struct fake f = { .version = 1 };
	struct asking a = registration;

	fake_start(&f, NULL);
	a.options[1].number = 23;	/* small enough to be answered at once */
	a.options[1].hex = "00";
	ck_assert_uint_eq(ask(&f, &a).m.code, PDU_CONTENT);
	change(&f, 2, 1);
	ck_assert_uint_eq(f.sent, 0);
	fake_stop(&f);
}
END_TEST

START_TEST(hears_of_changes)
{
	struct fake f;
	struct answered r;
	int64_t sequence = answered_uint(&(struct answered){ .n = 0 }, 6), next;

	start(&f);
	r = ask(&f, &registration);
	sequence = answered_uint(&r, OPTION_OBSERVE);
	for (uint8_t v = 2; v < 10; v++) {
		change(&f, v, v * 1000);
		r = last_sent(&f);
		ck_assert_uint_eq(f.sent, 1);
		ck_assert_uint_eq(r.m.code, PDU_CONTENT);
		ck_assert_mem_eq(f.sent_bytes + 4, "ob", 2);
		next = answered_uint(&r, OPTION_OBSERVE);
		ck_assert_msg(next > sequence, "later ones have higher numbers");
		sequence = next;
		ck_assert_msg(r.m.type == ((v - 1) % 4 ? PDU_NON : PDU_CON), "every fourth is a CON: %u", v);
		if (r.m.type == PDU_CON)
			reply_empty(&f, PDU_ACK, r.m.id, v * 1000 + 1);
		change(&f, v, v * 1000 + 500);
		ck_assert_msg(f.sent == 0, "no change, no word");
	}
	fake_stop(&f);
}
END_TEST

START_TEST(large_manifests_come_as_block_0)
{
	struct fake f;
	struct asking a = registration;
	struct answered r;

	start(&f);
	a.options[1].number = OPTION_BLOCK2;
	a.options[1].hex = "02";
	ask(&f, &a);
	change(&f, 2, 1);
	r = last_sent(&f);
	ck_assert_uint_eq(r.m.payload.n, 64);
	ck_assert_int_eq(answered_uint(&r, OPTION_BLOCK2), 8 | 2);
	ck_assert_int_eq(answered_uint(&r, OPTION_SIZE2), 300);
	fake_stop(&f);
}
END_TEST

START_TEST(a_reset_ends_it)
{
	struct fake f;

	start(&f);
	ask(&f, &registration);
	change(&f, 2, 1);
	reply_empty(&f, PDU_RST, (uint16_t)(last_sent(&f).m.id + 1), 2);
	change(&f, 3, 3);
	ck_assert_msg(f.sent == 1, "the reset of another message does not");
	reply_empty(&f, PDU_RST, last_sent(&f).m.id, 4);
	change(&f, 4, 5);
	ck_assert_uint_eq(f.sent, 0);
	fake_stop(&f);
}
END_TEST

START_TEST(asked_to_end)
{
	struct asking end = registration, other = registration;
	struct fake f;

	start(&f);
	end.options[0].hex = other.options[0].hex = "01";
	other.token = "xx";
	ask(&f, &registration);
	ask(&f, &other);
	change(&f, 2, 1);
	ck_assert_msg(f.sent == 1, "another token ends nothing");
	ck_assert_uint_eq(ask(&f, &end).m.code, PDU_CONTENT);
	change(&f, 3, 2);
	ck_assert_uint_eq(f.sent, 0);
	fake_stop(&f);
}
END_TEST

START_TEST(gone_is_the_last_word)
{
	struct fake f;
	struct answered r;

	start(&f);
	ask(&f, &registration);
	change(&f, 0, 1);
	r = last_sent(&f);
	ck_assert_uint_eq(f.sent, 1);
	ck_assert_uint_eq(r.m.code, PDU_NOT_FOUND);
	ck_assert_int_eq(answered_uint(&r, OPTION_OBSERVE), -1);
	change(&f, 2, 2);
	ck_assert_uint_eq(f.sent, 0);
	fake_stop(&f);
}
END_TEST

START_TEST(not_now_is_no_word)
{
	struct fake f;

	start(&f);
	ask(&f, &registration);
	f.is_unavailable = true;
	change(&f, 1, 1);
	ck_assert_uint_eq(f.sent, 0);
	f.is_unavailable = false;
	change(&f, 2, 2);
	ck_assert_msg(f.sent == 1, "and it is still registered");
	fake_stop(&f);
}
END_TEST

START_TEST(once_a_day_somebody_must_be_there)
{
	struct fake f;
	struct answered r;
	unsigned n = 0;

	start(&f);
	ask(&f, &registration);
	ck_assert_int_eq(responder_due(f.r), DAY_MS);
	responder_tick(f.r, DAY_MS - 1);
	ck_assert_uint_eq(f.sent, 0);
	responder_tick(f.r, DAY_MS);
	r = last_sent(&f);
	ck_assert(f.sent == 1 && r.m.type == PDU_CON && r.m.code == PDU_CONTENT);
	reply_empty(&f, PDU_ACK, r.m.id, DAY_MS + 10);
	responder_tick(f.r, DAY_MS + 60000);
	ck_assert_msg(f.sent == 1, "it is");
	f.sent = 0;
	for (int64_t t = 2 * DAY_MS + 10; t < 2 * DAY_MS + 300000; t += 1000)
		responder_tick(f.r, t);
	ck_assert_msg(f.sent == 5, "once, and four times more: %u", f.sent);
	change(&f, 2, 3 * (int64_t)DAY_MS);
	ck_assert_msg(f.sent == n, "then it is forgotten");
	fake_stop(&f);
}
END_TEST

START_TEST(one_at_a_time)
{
	struct fake f;
	struct answered con;

	start(&f);
	ask(&f, &registration);
	for (uint8_t v = 2; v < 6; v++)
		change(&f, v, v);
	con = last_sent(&f);
	ck_assert(con.m.type == PDU_CON && f.sent == 1);
	change(&f, 6, 10);
	change(&f, 7, 11);
	ck_assert_msg(f.sent == 0, "nothing while one waits for its ACK");
	reply_empty(&f, PDU_ACK, con.m.id, 12);
	ck_assert_msg(f.sent == 1, "then the newest");
	ck_assert_int_eq(f.sent_bytes[6 + 1], 7);	/* the ETag's first byte: fake uses the version */
	fake_stop(&f);
}
END_TEST

START_TEST(a_retry_tells_the_newest_under_a_new_id)
{
	struct fake f;
	struct answered con, again;

	start(&f);
	ask(&f, &registration);
	for (uint8_t v = 2; v < 6; v++)
		change(&f, v, v);
	con = last_sent(&f);
	f.version = 9;
	responder_tick(f.r, 4000);
	again = last_sent(&f);
	ck_assert(again.m.type == PDU_CON && again.m.id != con.m.id);
	ck_assert_int_eq(f.sent_bytes[7], 9);
	fake_stop(&f);
}
END_TEST

START_TEST(the_same_again_is_one)
{
	struct fake f;

	start(&f);
	for (int i = 0; i < 10; i++)
		ask(&f, &registration);
	change(&f, 2, 1);
	ck_assert_uint_eq(f.sent, 1);
	fake_stop(&f);
}
END_TEST

START_TEST(the_table_is_bounded)
{
	struct asking a = registration;
	struct fake f;
	unsigned registered = 0;
	char token[4];

	start(&f);
	a.token = token;
	for (unsigned host = 0; host < 20; host++)
		for (unsigned i = 0; i < COAP_OBSERVERS_PER_PEER + 1; i++) {
			struct answered r;

			snprintf(token, sizeof token, "%03u", i);
			a.from = (struct endpoint){ .address = { 9, (uint8_t)host }, .port = (uint16_t)(5000 + i) };
			r = ask(&f, &a);
			ck_assert_uint_eq(r.bytes[1], PDU_CONTENT);
			registered += answered_uint(&r, OPTION_OBSERVE) >= 0;
			if (host == 0)
				ck_assert_uint_eq(registered, i < COAP_OBSERVERS_PER_PEER ? i + 1 : i);
		}
	ck_assert_uint_eq(registered, COAP_OBSERVERS_MAX);
	change(&f, 2, 1);
	ck_assert_uint_eq(f.sent, COAP_OBSERVERS_MAX);
	fake_stop(&f);
}
END_TEST

TCase *observe_cases(void)
{
	TCase *t = tcase_create("observe");

	tcase_add_loop_test(t, registering, 0, ROWS(registrations));
	tcase_add_test(t, a_stranger_is_not_registered);
	tcase_add_test(t, hears_of_changes);
	tcase_add_test(t, large_manifests_come_as_block_0);
	tcase_add_test(t, a_reset_ends_it);
	tcase_add_test(t, asked_to_end);
	tcase_add_test(t, gone_is_the_last_word);
	tcase_add_test(t, not_now_is_no_word);
	tcase_add_test(t, once_a_day_somebody_must_be_there);
	tcase_add_test(t, one_at_a_time);
	tcase_add_test(t, a_retry_tells_the_newest_under_a_new_id);
	tcase_add_test(t, the_same_again_is_one);
	tcase_add_test(t, the_table_is_bounded);
	return t;
}
