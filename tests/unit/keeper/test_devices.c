/* test_devices.c: what the server says of devices, on its way into a real store; some servers are taken over. */
#include "keeper/devices.h"
#include "store/devices.h"
#include "store/store_own.h"
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdint.h>
#include <sys/resource.h>

#define ACKS 16

static struct world w;
static uv_loop_t loop;
static struct devices d;
static struct link_report_ack ack[ACKS];
static size_t acks;
static unsigned troubles;
static int trouble;	/* the last one's code */
static bool is_closed;

static void on_ack(void *arg, const struct link_report_ack *a)
{
	(void)arg;
	ck_assert_uint_lt(acks, ACKS);
	ack[acks++] = *a;
}

static char floors[256];	/* that were told, as "device channel sequence acks, …" */

static void on_floors(void *arg, struct span records)
{
	struct link_floor f;
	size_t n = strlen(floors);

	(void)arg;
	while (link_floor_next(&records, &f, NULL) == ERR_OK)
		n += (size_t)snprintf(floors + n, sizeof floors - n, "%.*s %.*s %u after %zu acks, ", (int)f.device.n, (const char *)f.device.p,
				      (int)f.channel.n, (const char *)f.channel.p, (unsigned)f.sequence, acks);
}

static void on_trouble(void *arg, const struct err *e)
{
	(void)arg;
	trouble = (int)e->code;
	troubles++;
}

static void setup(void)
{
	acks = troubles = 0;
	floors[0] = '\0';
	is_closed = false;
	world_open(&w);
	world_register(&w, 0, 1, "A");
	world_publish(&w, 0, 0);
	world_settle(&w);
	uv_loop_init(&loop);
	devices_init(&d, &loop, w.store, &w.ledger, &w.clock, 4, (struct devices_owner){ on_ack, on_floors, on_trouble, NULL });
}

/* Writes everything. */
static void close_devices(void)
{
	if (!is_closed)
		devices_close(&d);
	is_closed = true;
	uv_run(&loop, UV_RUN_DEFAULT);
}

static void teardown(void)
{
	close_devices();
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	world_close(&w);
}

static struct link_report report(uint64_t id, const char *device)
{
	return (struct link_report){ .id = id, .device = span_str(device), .product = span_str(world_name[0]),
		.address = SPAN_LIT("192.0.2.1"), .reason = SPAN_LIT(""), .sequence = 1, .state = REPORT_INSTALLED, .progress = 100,
		.protocol = LINK_COAP };
}

static struct link_seen seen(const char *device, uint64_t given)
{
	return (struct link_seen){ .device = span_str(device), .product = span_str(world_name[0]), .channel = SPAN_LIT("stable"),
		.address = SPAN_LIT("192.0.2.1"), .given = given, .bytes = 100, .protocol = LINK_HTTP };
}

static uint64_t floor_of(const char *device)
{
	uint64_t floor;

	ck_ok(devices_floor(w.store, device, world_name[0], "stable", &floor, &err));
	return floor;
}

START_TEST(reports_are_acknowledged_after_their_commit)
{
	struct link_report r = report(7, "dev-1");
	struct device_row row;

	devices_take_report(&d, &r);
	ck_assert_msg(acks == 0, "not before");
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert(acks == 1 && ack[0].id == 7 && ack[0].status == 204);
	ck_ok(devices_get(w.store, "dev-1", &row, &err));
	ck_assert_str_eq(row.state, "installed");
	ck_assert_str_eq(row.version, "1.1");
	ck_assert_uint_eq(floor_of("dev-1"), 1);
}
END_TEST

/* A server that never told of this release knows of no floor by itself. */
START_TEST(the_server_hears_of_floors_before_it_is_acknowledged)
{
	struct link_report r[] = { report(1, "d1"), report(2, "d2"), report(3, "d3"), report(4, "d4") };

	r[1].state = REPORT_FAILED;
	r[2].sequence = 99;	/* no release, so in no channel */
	for (size_t i = 0; i < sizeof r / sizeof *r; i++)
		devices_take_report(&d, &r[i]);
	ck_assert_str_eq(floors, "");
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_uint_eq(acks, 4);
	ck_assert_str_eq(floors, "d1 stable 1 after 0 acks, d4 stable 1 after 0 acks, ");
}
END_TEST

static const struct { const char *rule; const char *device, *product; uint64_t sequence; uint16_t want; } odd[] = {
	{ "a product that is not followed", "dev-1", "acme/unknown", 1, 404 },
	{ "no id", "", "acme/thermostat", 1, 400 },
	{ "an id with a space", "a b", "acme/thermostat", 1, 400 },
	{ "an id with a byte above ASCII", "d\xc3\xa9v", "acme/thermostat", 1, 400 },
	{ "an id of 65 bytes", "0123456789012345678901234567890123456789012345678901234567890123x", "acme/thermostat", 1, 400 },
	{ "an id of 64 bytes is one", "0123456789012345678901234567890123456789012345678901234567890123", "acme/thermostat", 1, 204 },
	{ "a sequence that no registry can have", "dev-1", "acme/thermostat", UINT64_MAX, 400 },
	{ "a sequence that is not there is the device's business", "dev-1", "acme/thermostat", 99, 204 },
};

START_TEST(an_odd_report_harms_only_itself)
{
	struct link_report bad = report(1, odd[_i].device), good = report(2, "dev-2");

	bad.product = span_str(odd[_i].product);
	bad.sequence = odd[_i].sequence;
	devices_take_report(&d, &bad);
	devices_take_report(&d, &good);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_uint_eq(acks, 2);
	ck_assert_msg(ack[0].id == 1 && ack[0].status == odd[_i].want, "%s: %u", odd[_i].rule, ack[0].status);
	ck_assert_msg(ack[1].id == 2 && ack[1].status == 204, "%s: the other one is stored", odd[_i].rule);
	ck_assert_uint_eq(troubles, 0);
}
END_TEST

START_TEST(the_end_waits_for_no_timer)
{
	devices_take_report(&d, &(struct link_report[]){ report(1, "dev-1") }[0]);
	close_devices();
	ck_assert(acks == 1 && ack[0].status == 204 && floor_of("dev-1") == 1);
}
END_TEST

START_TEST(an_id_ends_where_it_says)
{
	struct link_report r = report(1, "dev-1");

	r.device = SPAN("dev-1\0x", 7);
	devices_take_report(&d, &r);
	ck_assert(acks == 1 && ack[0].status == 400);
}
END_TEST

static const struct { uint8_t state; bool is_terminal, raises_floor; } states[] = {
	{ REPORT_INSTALLED, true, true }, { REPORT_RUNNING, true, true }, { REPORT_FAILED, true, false }, { REPORT_DOWNLOADING, false, false },
};

/* What a device says once is acknowledged when it is durable; only what it has can raise its floor. */
START_TEST(a_report_counts_by_its_state)
{
	struct link_report r = report(1, "dev-1");

	r.state = states[_i].state;
	devices_take_report(&d, &r);
	ck_assert_uint_eq(acks, !states[_i].is_terminal);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_uint_eq(acks, 1);
	ck_assert_uint_eq(floor_of("dev-1"), states[_i].raises_floor);
}
END_TEST

START_TEST(a_report_without_a_place_is_not_acknowledged)
{
	for (int i = 0; i < 4; i++)
		ck_ok(devices_put(w.store, (const char *[]){ "l1", "l2", "l3", "l4" }[i], NULL, NULL, NULL, 1, &err));
	devices_take_report(&d, &(struct link_report[]){ report(1, "dev-1") }[0]);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert(acks == 1 && ack[0].status == 503);
	ck_assert_msg(!floors[0], "nor is a floor told that is nowhere kept");
}
END_TEST

START_TEST(another_server_does_not_hear_of_them)
{
	devices_take_report(&d, &(struct link_report[]){ report(1, "dev-1") }[0]);
	devices_forget_server(&d);
	devices_take_report(&d, &(struct link_report[]){ report(1, "dev-2") }[0]);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_msg(acks == 1, "its own id 1 only");
	ck_assert_msg(floor_of("dev-1") == 1, "but it is stored");
}
END_TEST

START_TEST(sightings_add_up)
{
	struct link_seen s = seen("dev-1", 1);
	struct device_row row;

	devices_take_seen(&d, &s);
	s.given = 0;
	devices_take_seen(&d, &s);
	ck_assert_uint_eq(d.seen_n, 1);
	close_devices();
	ck_ok(devices_get(w.store, "dev-1", &row, &err));
	ck_assert_uint_eq(row.bytes, 200);
	ck_assert_str_eq(row.address, "192.0.2.1");
	ck_assert_uint_eq(floor_of("dev-1"), 1);
}
END_TEST

static const struct { const char *rule; uint64_t given; const char *channel; } lies[] = {
	{ "a release that is not there", 2, "stable" },
	{ "a release of another channel", 1, "beta" },
	{ "a number that the store cannot keep", UINT64_MAX, "stable" },
};

START_TEST(a_lie_raises_no_floor)
{
	struct link_seen s = seen("dev-1", lies[_i].given);
	struct device_row row;
	uint64_t floor;

	s.channel = span_str(lies[_i].channel);
	s.bytes = UINT64_MAX;
	devices_take_seen(&d, &s);
	devices_take_seen(&d, &(struct link_seen[]){ seen("dev-2", 1) }[0]);
	close_devices();
	ck_ok(devices_floor(w.store, "dev-1", world_name[0], lies[_i].channel, &floor, &err));
	ck_assert_msg(floor == 0, "%s", lies[_i].rule);
	ck_ok(devices_get(w.store, "dev-1", &row, &err));
	ck_assert_uint_eq(row.bytes, 1024 * GIB);
	ck_assert_msg(floor_of("dev-2") == 1 && troubles == 0, "%s: the other one is stored", lies[_i].rule);
}
END_TEST

START_TEST(strangers_are_not_noted)
{
	struct link_seen s = seen("dev-1", 1);

	s.product = SPAN_LIT("acme/unknown");
	devices_take_seen(&d, &s);
	devices_take_seen(&d, &(struct link_seen[]){ seen("", 1) }[0]);
	ck_assert_uint_eq(d.seen_n, 0);
}
END_TEST

START_TEST(both_queues_are_bounded)
{
	char id[32];

	for (unsigned i = 0; i <= DEVICES_PENDING_MAX; i++) {
		snprintf(id, sizeof id, "dev-%u", i);
		devices_take_seen(&d, &(struct link_seen[]){ seen(id, 0) }[0]);
	}
	ck_assert_uint_eq(d.seen_n, DEVICES_PENDING_MAX);
	d.reports_n = DEVICES_PENDING_MAX;
	devices_take_report(&d, &(struct link_report[]){ report(5, "dev-1") }[0]);
	d.reports_n = 0;
	ck_assert(acks == 1 && ack[0].status == 503);
}
END_TEST

START_TEST(a_disk_that_refuses_is_trouble)
{
	struct rlimit none = { 0, RLIM_INFINITY }, before;

	getrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	devices_take_report(&d, &(struct link_report[]){ report(1, "dev-1") }[0]);
	devices_take_seen(&d, &(struct link_seen[]){ seen("dev-1", 1) }[0]);
	while (acks == 0 || troubles < 2)
		uv_run(&loop, UV_RUN_ONCE);
	setrlimit(RLIMIT_FSIZE, &before);
	ck_assert(ack[0].status == 503);
	ck_assert_str_eq(floors, "");
	ck_assert_msg(d.seen_n == 1 && uv_is_active((uv_handle_t *)&d.flush), "sightings wait for the next try");
}
END_TEST

/* So that whatever comes after these in the table needs another page. */
static void fill_table(void)
{
	char id[32];
	int rc = ERR_OK;

	ck_ok(db_exec(w.store->db, "PRAGMA max_page_count=1", &err));	/* that is: no more than there are */
	for (int n = 0; !rc; n++) {
		snprintf(id, sizeof id, "dev-0-%05d", n);
		rc = devices_put(w.store, id, NULL, NULL, NULL, 1, &err);
	}
	ck_assert_int_eq(rc, ERR_NO_SPACE);
}

static ssize_t no_answer(int fd, void *p, size_t n, off_t at)
{
	(void)fd, (void)p, (void)n, (void)at;
	errno = ETIMEDOUT;
	return -1;
}

static void read_by(ssize_t (*read)(int, void *, size_t, off_t))
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pread", (sqlite3_syscall_ptr)read), SQLITE_OK);
	ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)read), SQLITE_OK);
	ck_ok(db_exec(w.store->db, "PRAGMA shrink_memory", &err));	/* so that it has to read */
}

enum { READ_ONLY, FULL, NO_MEMORY, CORRUPT, UNREADABLE, WAYS };
static const int trouble_of[WAYS] = { ERR_READ_ONLY, ERR_NO_SPACE, ERR_MEMORY, ERR_CORRUPT, ERR_IO };

static unsigned looks;	/* at the clock: one for each report that is written */

static int64_t short_of_memory_at_first(void *arg)
{
	sqlite3_hard_heap_limit64(looks++ ? 0 : 1);
	return ((struct world *)arg)->wall_ms;
}

static int64_t unreadable_at_first(void *arg)
{
	read_by(looks++ ? NULL : no_answer);
	return ((struct world *)arg)->wall_ms;
}

static void break_store(int how)
{
	if (how == READ_ONLY)
		ck_ok(db_exec(w.store->db, "PRAGMA query_only=ON", &err));
	d.devices_max = 1000000;
	if (how == FULL)
		fill_table();
	looks = 0;
	if (how == NO_MEMORY)
		w.clock.wall_ms = short_of_memory_at_first;
	if (how == CORRUPT)
		err_drop(db_damage(w.store->db, &err, "a page"));
	if (how == UNREADABLE)
		w.clock.wall_ms = unreadable_at_first;
}

/* Each is the disk's doing, or the keeper's: the report is as good as it was, and may come again. */
START_TEST(no_report_is_blamed_for_the_store)
{
	devices_take_report(&d, &(struct link_report[]){ report(1, "dev-1") }[0]);
	devices_take_report(&d, &(struct link_report[]){ report(2, "dev-2") }[0]);
	break_store(_i);
	while (acks == 0)
		uv_run(&loop, UV_RUN_ONCE);
	sqlite3_hard_heap_limit64(0);
	read_by(NULL);
	ck_assert(acks == 2 && ack[0].status == 503 && ack[1].status == 503 && troubles == 1);
	ck_assert_msg(trouble == trouble_of[_i], "the keeper does as this says: %d", trouble);
}
END_TEST

/* Nobody would say it again. */
START_TEST(a_sighting_waits_for_the_store)
{
	struct device_row row;

	devices_take_seen(&d, &(struct link_seen[]){ seen("dev-2", 1) }[0]);
	break_store(FULL);
	while (troubles == 0)
		ck_assert_int_ne(uv_run(&loop, UV_RUN_ONCE), 0);
	ck_assert(d.seen_n == 1 && trouble == ERR_NO_SPACE);
	ck_ok(db_exec(w.store->db, "PRAGMA max_page_count=1000000", &err));
	close_devices();
	ck_ok(devices_get(w.store, "dev-2", &row, &err));
}
END_TEST

START_TEST(nothing_to_write_is_no_trouble)
{
	break_store(CORRUPT);
	close_devices();
	ck_assert_uint_eq(troubles, 0);
}
END_TEST

START_TEST(at_rest_nothing_is_written)
{
	struct link_report m = report(1, "d1"), p = report(2, "d2");
	struct link_seen s = seen("d3", 0);
	struct device_row row;

	devices_pause(&d);
	p.state = REPORT_DOWNLOADING;
	devices_take_report(&d, &m);
	devices_take_report(&d, &p);
	devices_take_seen(&d, &s);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_msg(acks == 2 && ack[0].id == 2 && ack[0].status == 204 && ack[1].id == 1 && ack[1].status == 503,
		      "what must not be lost is to be sent again");
	ck_assert_uint_eq(troubles, 0);
	ck_assert_int_eq(devices_get(w.store, "d3", &row, NULL), ERR_NOT_FOUND);
	devices_resume(&d);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_ok(devices_get(w.store, "d3", &row, &err));
	ck_assert_int_eq(devices_get(w.store, "d1", &row, NULL), ERR_NOT_FOUND);
}
END_TEST

START_TEST(floors_for_a_new_server)
{
	struct buf out = BUF_INIT(FLOORS_MAX);
	struct link_floor f;
	struct span left;
	unsigned n = 0;

	devices_take_seen(&d, &(struct link_seen[]){ seen("dev-1", 1) }[0]);
	close_devices();
	ck_ok(devices_floors(&d, &out, &err));
	left = buf_span(&out);
	while (link_floor_next(&left, &f, NULL) == ERR_OK)
		n += span_is(f.device, "dev-1") && f.sequence == 1;
	ck_assert_uint_eq(n, 1);
	buf_free(&out);
}
END_TEST

START_TEST(floors_that_are_not_written_yet_are_told_too)
{
	struct buf out = BUF_INIT(4096);
	struct link_floor f;
	struct span left;

	devices_take_seen(&d, &(struct link_seen[]){ seen("dev-1", 1) }[0]);
	devices_take_seen(&d, &(struct link_seen[]){ seen("dev-2", 9) }[0]);
	ck_ok(devices_floors(&d, &out, &err));
	left = buf_span(&out);
	ck_assert(link_floor_next(&left, &f, NULL) == ERR_OK);
	ck_assert(span_is(f.device, "dev-1") && span_is(f.product, world_name[0]) && span_is(f.channel, "stable") && f.sequence == 1);
	ck_assert_msg(link_floor_next(&left, &f, NULL) == ERR_NOT_FOUND, "a lie is no floor");
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("devices");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;
	const TTest *const tests[] = { reports_are_acknowledged_after_their_commit, the_server_hears_of_floors_before_it_is_acknowledged, a_report_without_a_place_is_not_acknowledged,
		the_end_waits_for_no_timer, an_id_ends_where_it_says, another_server_does_not_hear_of_them, sightings_add_up, strangers_are_not_noted, both_queues_are_bounded,
		a_disk_that_refuses_is_trouble, a_sighting_waits_for_the_store, nothing_to_write_is_no_trouble, at_rest_nothing_is_written, floors_for_a_new_server,
		floors_that_are_not_written_yet_are_told_too };

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, a_report_counts_by_its_state, 0, sizeof states / sizeof *states);
	tcase_add_loop_test(t, no_report_is_blamed_for_the_store, 0, WAYS);
	tcase_add_loop_test(t, an_odd_report_harms_only_itself, 0, sizeof odd / sizeof *odd);
	tcase_add_loop_test(t, a_lie_raises_no_floor, 0, sizeof lies / sizeof *lies);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
