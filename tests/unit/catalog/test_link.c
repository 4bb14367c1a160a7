/* test_link.c: what one process writes, another reads; and nothing else. */
#include "catalog/link.h"

#include <check.h>

#define ROOM 4096

static struct buf out;

static void setup(void)
{
	out = BUF_INIT(ROOM);
}

static void teardown(void)
{
	buf_free(&out);
}

static const struct hash32 digest = { { 1, 2, 3 } };

static void write_seen(void)
{
	link_seen_write(&out, &(struct link_seen){ .device = SPAN_LIT("d1"), .product = SPAN_LIT("acme/thermostat"),
		.channel = SPAN_LIT("stable"), .address = SPAN_LIT("127.0.0.1:5683"), .given = 7, .bytes = 1 << 20, .protocol = LINK_COAP });
}

static int read_seen(struct span s)
{
	struct link_seen m = { 0 };
	int rc = link_seen_read(s, &m, NULL);

	if (rc == ERR_OK) {
		ck_assert(span_is(m.device, "d1") && span_is(m.product, "acme/thermostat") && span_is(m.channel, "stable"));
		ck_assert(span_is(m.address, "127.0.0.1:5683"));
		ck_assert(m.given == 7 && m.bytes == 1 << 20 && m.protocol == LINK_COAP);
	}
	return rc;
}

static void write_report(void)
{
	link_report_write(&out, &(struct link_report){ .id = 9, .device = SPAN_LIT("d1"), .product = SPAN_LIT("a/b"),
		.address = SPAN_LIT("::1"), .reason = SPAN_LIT("flash"), .sequence = 3, .state = REPORT_FAILED, .progress = 255, .protocol = LINK_HTTP });
}

static int read_report(struct span s)
{
	struct link_report m = { 0 };
	int rc = link_report_read(s, &m, NULL);

	if (rc == ERR_OK) {
		ck_assert(m.id == 9 && m.sequence == 3 && m.state == REPORT_FAILED && m.progress == 255 && m.protocol == LINK_HTTP);
		ck_assert(span_is(m.device, "d1") && span_is(m.product, "a/b") && span_is(m.address, "::1") && span_is(m.reason, "flash"));
	}
	return rc;
}

static void write_rot(void)
{
	link_rot_write(&out, &(struct link_rot){ digest, 12 });
}

static int read_rot(struct span s)
{
	struct link_rot m = { 0 };
	int rc = link_rot_read(s, &m, NULL);

	if (rc == ERR_OK)
		ck_assert(hash32_eq(&m.sha256, &digest) && m.chunk == 12);
	return rc;
}

static void write_wanted(void)
{
	link_wanted_write(&out, &digest);
}

static int read_wanted(struct span s)
{
	struct hash32 got = { { 0 } };
	int rc = link_wanted_read(s, &got, NULL);

	if (rc == ERR_OK)
		ck_assert(hash32_eq(&got, &digest));
	return rc;
}

static void write_entries_rot(void)
{
	link_entries_rot_write(&out, &digest);
}

static int read_entries_rot(struct span s)
{
	struct hash32 got = { { 0 } };
	int rc = link_entries_rot_read(s, &got, NULL);

	if (rc == ERR_OK)
		ck_assert(hash32_eq(&got, &digest));
	return rc;
}

static void write_stats(void)
{
	link_stats_write(&out, &(struct link_stats){ 1, 2, 3, 4 });
}

static int read_stats(struct span s)
{
	struct link_stats m = { 0 };
	int rc = link_stats_read(s, &m, NULL);

	if (rc == ERR_OK)
		ck_assert(m.http_requests == 1 && m.coap_requests == 2 && m.devices == 3 && m.bytes == 4);
	return rc;
}

static void write_catalog_ack(void)
{
	link_catalog_ack_write(&out, UINT64_C(1) << 40);
}

static int read_catalog_ack(struct span s)
{
	uint64_t got = 0;
	int rc = link_catalog_ack_read(s, &got, NULL);

	if (rc == ERR_OK)
		ck_assert_uint_eq(got, UINT64_C(1) << 40);
	return rc;
}

static void write_call(void)
{
	link_call_write(&out, &(struct link_call){ .id = 5, .method = LINK_POST, .path = SPAN_LIT("/api/v1/status?x=1"),
		.token = SPAN_LIT("t"), .address = SPAN_LIT("127.0.0.1"), .body = SPAN_LIT("{}") });
}

static int read_call(struct span s)
{
	struct link_call m = { 0 };
	int rc = link_call_read(s, &m, NULL);

	if (rc == ERR_OK) {
		ck_assert(m.id == 5 && m.method == LINK_POST && span_is(m.path, "/api/v1/status?x=1"));
		ck_assert(span_is(m.token, "t") && span_is(m.address, "127.0.0.1") && span_is(m.body, "{}"));
	}
	return rc;
}

static void write_answer(void)
{
	link_answer_write(&out, &(struct link_answer){ .id = 5, .status = 405, .type = SPAN_LIT("application/json"),
		.allow = SPAN_LIT("GET"), .body = SPAN_LIT("[]") });
}

static int read_answer(struct span s)
{
	struct link_answer m = { 0 };
	int rc = link_answer_read(s, &m, NULL);

	if (rc == ERR_OK) {
		ck_assert(m.id == 5 && m.status == 405 && span_is(m.type, "application/json"));
		ck_assert(span_is(m.allow, "GET") && span_is(m.body, "[]"));
	}
	return rc;
}

static void write_report_ack(void)
{
	link_report_ack_write(&out, &(struct link_report_ack){ 6, 204 });
}

static int read_report_ack(struct span s)
{
	struct link_report_ack m = { 0 };
	int rc = link_report_ack_read(s, &m, NULL);

	if (rc == ERR_OK)
		ck_assert(m.id == 6 && m.status == 204);
	return rc;
}

static const struct { const char *name; void (*write)(void); int (*read)(struct span); } kinds[] = {
	{ "seen", write_seen, read_seen },
	{ "report", write_report, read_report },
	{ "rot", write_rot, read_rot },
	{ "wanted", write_wanted, read_wanted },
	{ "rot in entries", write_entries_rot, read_entries_rot },
	{ "stats", write_stats, read_stats },
	{ "catalog ack", write_catalog_ack, read_catalog_ack },
	{ "call", write_call, read_call },
	{ "answer", write_answer, read_answer },
	{ "report ack", write_report_ack, read_report_ack },
};
#define KINDS ((int)(sizeof kinds / sizeof *kinds))

START_TEST(what_is_written_is_read)
{
	kinds[_i].write();
	ck_assert_int_eq(buf_ok(&out, NULL), ERR_OK);
	ck_assert_msg(kinds[_i].read(buf_span(&out)) == ERR_OK, "%s", kinds[_i].name);
}
END_TEST

START_TEST(no_cut_is_accepted)
{
	kinds[_i].write();
	for (size_t n = 0; n < out.n; n++)
		ck_assert_msg(kinds[_i].read(SPAN(out.p, n)) == ERR_FORMAT, "%s cut at %zu", kinds[_i].name, n);
}
END_TEST

START_TEST(no_trailing_byte_is_accepted)
{
	kinds[_i].write();
	buf_byte(&out, 0);
	ck_assert_msg(kinds[_i].read(buf_span(&out)) == ERR_FORMAT, "%s with a byte more", kinds[_i].name);
}
END_TEST

START_TEST(no_other_type_is_accepted)
{
	kinds[_i].write();
	out.p[0] ^= 1;
	ck_assert_msg(kinds[_i].read(buf_span(&out)) == ERR_FORMAT, "%s as another type", kinds[_i].name);
}
END_TEST

START_TEST(fields_out_of_range_are_refused)
{
	link_report_write(&out, &(struct link_report){ .state = REPORT_STATES, .progress = 1, .protocol = LINK_HTTP });
	ck_assert_int_eq(link_report_read(buf_span(&out), &(struct link_report){ 0 }, NULL), ERR_FORMAT);
	buf_reset(&out);
	link_report_write(&out, &(struct link_report){ .state = 0, .progress = 101, .protocol = LINK_HTTP });
	ck_assert_int_eq(link_report_read(buf_span(&out), &(struct link_report){ 0 }, NULL), ERR_FORMAT);
	buf_reset(&out);
	link_call_write(&out, &(struct link_call){ .method = 0 });
	ck_assert_int_eq(link_call_read(buf_span(&out), &(struct link_call){ 0 }, NULL), ERR_FORMAT);
	buf_reset(&out);
	link_answer_write(&out, &(struct link_answer){ .status = 99 });
	ck_assert_int_eq(link_answer_read(buf_span(&out), &(struct link_answer){ 0 }, NULL), ERR_FORMAT);
	buf_reset(&out);
	link_report_ack_write(&out, &(struct link_report_ack){ 1, 600 });
	ck_assert_int_eq(link_report_ack_read(buf_span(&out), &(struct link_report_ack){ 0 }, NULL), ERR_FORMAT);
}
END_TEST

START_TEST(a_length_over_its_limit_is_refused)
{
	uint8_t many[DEVICE_ID_MAX + 1] = { 'x' };

	link_seen_write(&out, &(struct link_seen){ .device = SPAN(many, sizeof many), .protocol = LINK_HTTP });
	ck_assert_int_eq(link_seen_read(buf_span(&out), &(struct link_seen){ 0 }, NULL), ERR_FORMAT);
}
END_TEST

START_TEST(floors_are_a_row_of_records)
{
	struct link_floor f = { SPAN_LIT("d1"), SPAN_LIT("a/b"), SPAN_LIT("stable"), 4 }, got;
	struct span s;

	link_floor_put(&out, &f);
	f.sequence = 5;
	link_floor_put(&out, &f);
	s = buf_span(&out);
	ck_assert_int_eq(link_floor_next(&s, &got, NULL), ERR_OK);
	ck_assert_uint_eq(got.sequence, 4);
	ck_assert_int_eq(link_floor_next(&s, &got, NULL), ERR_OK);
	ck_assert(got.sequence == 5 && span_is(got.device, "d1") && span_is(got.product, "a/b") && span_is(got.channel, "stable"));
	ck_assert_int_eq(link_floor_next(&s, &got, NULL), ERR_NOT_FOUND);
	s = SPAN(out.p, out.n - 1);
	ck_assert_int_eq(link_floor_next(&s, &got, NULL), ERR_OK);
	ck_assert_int_eq(link_floor_next(&s, &got, NULL), ERR_FORMAT);
}
END_TEST

START_TEST(report_states_have_names)
{
	enum report_state s = REPORT_STATES;

	for (unsigned i = 0; i < REPORT_STATES; i++) {
		ck_assert_int_eq(report_state_read(span_str(report_state_name((enum report_state)i)), &s, NULL), ERR_OK);
		ck_assert_uint_eq(s, i);
	}
	ck_assert_int_eq(report_state_read(SPAN_LIT("done"), &s, NULL), ERR_FORMAT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link");
	TCase *t = tcase_create("link");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, what_is_written_is_read, 0, KINDS);
	tcase_add_loop_test(t, no_cut_is_accepted, 0, KINDS);
	tcase_add_loop_test(t, no_trailing_byte_is_accepted, 0, KINDS);
	tcase_add_loop_test(t, no_other_type_is_accepted, 0, KINDS);
	tcase_add_test(t, fields_out_of_range_are_refused);
	tcase_add_test(t, a_length_over_its_limit_is_refused);
	tcase_add_test(t, floors_are_a_row_of_records);
	tcase_add_test(t, report_states_have_names);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
