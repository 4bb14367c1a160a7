/* test_keeper_server.c: the pair to the server: what is done of what it says, what it is told first, and what becomes of the pair. */
#include "base/cleanup.h"
#include "handed.h"

#include <fcntl.h>
#include <sys/socket.h>

static const struct sm_state serving[] = { { "waiting", SM_TO(1) }, { "serving", 0 } };	/* as keeper.c has them */

/* The server's end of the newest pair; not blocking. */
static int server = -1;

static void end_server(void)
{
	close(STEAL_FD(server));
}

static int new_pair(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	server = pair[1];
	return pair[0];
}

static void setup_waiting(void)
{
	setup();
	sm_init(&rig.k.sm, "keeper", serving, 0);
	world_register(&rig.w, 0, 1, "A");
	release(0, 0);
	world_settle(&rig.w);
}

static void setup_serving(void)
{
	setup_waiting();
	sm_move(&rig.k.sm, 1);
	keeper_take_server(&rig.k, new_pair());
	ck_assert(seqsock_is_open(&rig.k.server));
}

static void teardown_server(void)
{
	teardown();
	cleanup_close(&server);
	server = -1;
}

/* The next datagram at this end; 0 bytes: none waits; -1: it is closed. */
static ssize_t hear(int end, uint8_t room[LINK_MESSAGE_MAX], int *fd)
{
	int fds[IO_FDS_MAX];
	size_t n;
	int rc = io_recv_fds(end, room, LINK_MESSAGE_MAX, &n, fds, NULL);

	if (rc)
		return rc == ERR_BUSY ? 0 : -1;
	for (size_t i = 1; i < IO_FDS_MAX; i++)
		cleanup_close(&fds[i]);
	*fd = fds[0];
	return (ssize_t)n;
}

/* What it has been told since the last time, the last one left in room. */
static uint8_t room[LINK_MESSAGE_MAX];
static size_t heard;
static int heard_fd = -1;

static unsigned hear_all(enum link_type type)
{
	unsigned times = 0;
	ssize_t n;
	int fd;

	while ((n = hear(server, room, &fd)) > 0) {
		times += room[0] == type;
		heard = (size_t)n;
		cleanup_close(&heard_fd);
		heard_fd = fd;
	}
	return times;
}

static void say(struct span datagram)
{
	ck_assert_int_eq(write(server, datagram.p, datagram.n), (ssize_t)datagram.n);
	uv_run(&rig.k.loop, UV_RUN_NOWAIT);
}

/* The only floor of the records that came with the last message: 0, if there is none. */
static uint64_t floor_told(void)
{
	AUTO(buf_free) struct buf records = BUF_INIT(MIB);
	struct link_floor f = { .sequence = 0 };
	struct span rest;

	ck_assert(heard == 1 && heard_fd >= 0 && lseek(heard_fd, 0, SEEK_SET) == 0);
	ck_ok(io_read_all(heard_fd, &records, &err));
	close(STEAL_FD(heard_fd));
	rest = buf_span(&records);
	if (link_floor_next(&rest, &f, NULL) == ERR_OK)
		ck_assert(span_is(f.device, "d1") && span_is(f.product, world_name[0]) && span_is(f.channel, "stable") && rest.n == 0);
	return f.sequence;
}

/* --- what it says --- */

static const struct link_seen seen = { .device = SPAN_LIT("d1"), .product = SPAN_LIT("acme/thermostat"), .channel = SPAN_LIT("stable"),
	.address = SPAN_LIT("192.0.2.1"), .given = 1, .bytes = 1000, .protocol = LINK_HTTP };
static const struct link_report report = { .id = 7, .device = SPAN_LIT("d1"), .product = SPAN_LIT("acme/thermostat"),
	.address = SPAN_LIT("192.0.2.1"), .reason = SPAN_LIT(""), .sequence = 1, .state = REPORT_INSTALLED, .progress = 255,
	.protocol = LINK_HTTP };

static void put_seen(struct buf *b) { link_seen_write(b, &seen); }
static void put_report(struct buf *b) { link_report_write(b, &report); }
static void put_rot(struct buf *b) { link_rot_write(b, &(struct link_rot){ world_sha(0), 0 }); }
static void put_entries_rot(struct buf *b) { link_entries_rot_write(b, &rig.w.product[0].id); }
static void put_dag_rot(struct buf *b) { link_dag_rot_write(b, &(struct hash32[]){ world_sha(1) }[0]); }
static void put_wanted(struct buf *b) { link_wanted_write(b, &(struct hash32[]){ world_sha(0) }[0]); }
static void put_stats(struct buf *b) { link_stats_write(b, &(struct link_stats){ .http_requests = 5 }); }
static void put_ack(struct buf *b) { link_catalog_ack_write(b, 5); }
static void put_call(struct buf *b)
{
	link_call_write(b, &(struct link_call){ .id = 9, .method = LINK_GET, .path = SPAN_LIT("/api/v1/status"), .address = SPAN_LIT("::1") });
}

static struct image_row image_of(unsigned n)
{
	struct hash32 sha = world_sha(n);
	struct image_row i;

	ck_ok(images_get(rig.w.store, &sha, &i, &err));
	return i;
}

static struct ledger_product *product(void)
{
	return ledger_find(&rig.k.ledger, &rig.w.product[0].id);
}

static bool is_answered(void)
{
	struct link_answer a;

	return hear_all(LINK_ANSWER) == 1 && link_answer_read(SPAN(room, heard), &a, NULL) == ERR_OK && a.id == 9 && a.status == 401;
}

static bool was_seen(void) { return rig.k.devices.seen_n == 1; }
static bool was_reported(void) { return rig.k.devices.reports_n == 1; }
static bool is_damaged(void) { return image_of(0).state == IMAGE_IS_DAMAGED; }
static bool is_looked_at(void) { return product()->file.asked_ms == rig.w.mono_ms; }
static bool is_doubted(void) { return rig.k.scrubber.asked_n == 1; }
static bool was_used(void) { return image_of(0).wanted_ms == rig.w.wall_ms; }
static bool is_counted(void) { return rig.k.served.http_requests == 5; }
static bool is_acknowledged(void) { return rig.k.catalogs.acknowledged == 5; }

static const struct { const char *what; void (*put)(struct buf *b); bool (*is_done)(void); } messages[] = {
	{ "a device was seen", put_seen, was_seen },
	{ "a device reports", put_report, was_reported },
	{ "an image has rotted", put_rot, is_damaged },
	{ "entries have rotted", put_entries_rot, is_looked_at },
	{ "blocks have rotted", put_dag_rot, is_doubted },
	{ "an image is wanted", put_wanted, was_used },
	{ "numbers", put_stats, is_counted },
	{ "the catalog has come", put_ack, is_acknowledged },
	{ "an operator asks", put_call, is_answered },
};

/* Nothing of a message that ends early, or of a kind that nobody knows, and the pair lives on. */
START_TEST(what_the_server_says_is_done)
{
	AUTO(buf_free) struct buf b = BUF_INIT(LINK_MESSAGE_MAX);
	struct blob_digests with_blocks = { .dag_bytes = 500 };
	struct hash32 sha = world_sha(1);

	ck_ok(images_set_good(rig.w.store, &sha, 1000, &with_blocks, "raw", rig.w.wall_ms, &err));
	ck_ok(catalogs_publish(&rig.k, &err));
	rig.w.wall_ms += 1000;
	messages[_i].put(&b);
	say(SPAN_LIT("?"));
	say(SPAN(b.p, b.n - 1));
	hear_all(LINK_FLOORS);
	ck_assert_msg(!messages[_i].is_done(), "%s", messages[_i].what);
	say(buf_span(&b));
	ck_assert_msg(messages[_i].is_done(), "%s", messages[_i].what);
}
END_TEST

/* --- what it is told --- */

START_TEST(a_new_server_hears_of_floors_first)
{
	ck_assert(hear_all(LINK_FLOORS) == 1 && floor_told() == 0);
	devices_take_seen(&rig.k.devices, &seen);
	end_server();
	while (seqsock_is_open(&rig.k.server))
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	uv_run(&rig.k.loop, UV_RUN_NOWAIT);
	keeper_take_server(&rig.k, new_pair());
	ck_assert(hear_all(LINK_FLOORS) == 1 && floor_told() == 1);
}
END_TEST

START_TEST(a_report_raises_a_floor_that_is_told)
{
	hear_all(LINK_FLOORS);
	devices_take_report(&rig.k.devices, &report);
	while (rig.k.devices.reports_n)
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert(hear_all(LINK_FLOORS) == 1 && floor_told() == 1);
}
END_TEST

/* --- what becomes of the pair --- */

static unsigned acks;

static void on_report_ack(void *arg, const struct link_report_ack *ack)
{
	(void)arg, (void)ack;
	acks++;
}

/* Another server knows nothing of the report that was said to this one, nor of its catalog. */
static void nothing_is_left_of_the_old_one(void)
{
	ck_assert_uint_eq(rig.k.catalogs.acknowledged, 0);
	while (rig.k.devices.reports_n)
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	ck_assert_uint_eq(acks, 0);
}

static void leave_something(void)
{
	acks = 0;
	rig.k.devices.owner.on_ack = on_report_ack;
	rig.k.catalogs.acknowledged = 5;
	devices_take_report(&rig.k.devices, &report);
}

START_TEST(a_server_that_ends_leaves_nothing)
{
	leave_something();
	end_server();
	while (seqsock_is_open(&rig.k.server))
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	nothing_is_left_of_the_old_one();
	ck_assert_int_eq(rig.k.exit_status, 0);
	keeper_take_server(&rig.k, new_pair());
	uv_run(&rig.k.loop, UV_RUN_NOWAIT);
	ck_assert_msg(hear_all(LINK_FLOORS) == 1, "the next one is spoken to");
}
END_TEST

START_TEST(a_new_pair_replaces_the_old_one)
{
	autoclose int old = server;
	int fd = -1;

	leave_something();
	keeper_take_server(&rig.k, new_pair());
	nothing_is_left_of_the_old_one();
	ck_assert_msg(hear_all(LINK_FLOORS) >= 1, "the new one is spoken to");
	while (hear(old, room, &fd) > 0)
		cleanup_close(&fd);
	ck_assert_msg(hear(old, room, &fd) < 0, "the old one is closed");
}
END_TEST

/* A server that has ended by the time the keeper takes its socket is no reason to end as well: the next one brings a pair. */
START_TEST(a_server_that_has_ended_ends_nobody_else)
{
	int fd;

	end_server();
	fd = new_pair();
	end_server();
	keeper_take_server(&rig.k, fd);
	do
		uv_run(&rig.k.loop, UV_RUN_ONCE);
	while (seqsock_is_open(&rig.k.server));
	ck_assert_int_eq(rig.k.exit_status, 0);
	keeper_take_server(&rig.k, new_pair());
	while (!seqsock_is_open(&rig.k.server))
		uv_run(&rig.k.loop, UV_RUN_ONCE);
}
END_TEST

/* Nobody would bring another pair: the supervisor starts the keeper again. */
START_TEST(a_pair_that_cannot_be_watched_ends_the_keeper)
{
	int fd = open(tempdir_path("no-socket"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	keeper_take_server(&rig.k, fd);
	uv_run(&rig.k.loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(rig.k.exit_status, SUP_EXIT_LATER);
}
END_TEST

START_TEST(before_it_serves_nobody_is_spoken_to)
{
	autoclose int first = -1;
	int fd;

	keeper_open_server(&rig.k);
	keeper_take_server(&rig.k, new_pair());
	first = server;
	keeper_take_server(&rig.k, new_pair());
	ck_assert(!seqsock_is_open(&rig.k.server) && hear_all(LINK_FLOORS) == 0);
	ck_assert_msg(hear(first, room, &fd) < 0, "the first one is closed");
	sm_move(&rig.k.sm, 1);
	keeper_open_server(&rig.k);
	ck_assert(seqsock_is_open(&rig.k.server) && hear_all(LINK_FLOORS) == 1);
	keeper_open_server(&rig.k);
	ck_assert_int_eq(rig.k.exit_status, 0);
	ck_assert(seqsock_is_open(&rig.k.server));
}
END_TEST

/* The supervisor may bring it before there is a database. */
START_TEST(a_pair_may_come_before_everything_else)
{
	struct keeper k = { .server_fd = -1 };
	int fd = new_pair();

	keeper_take_server(&k, fd);
	ck_assert_int_eq(k.server_fd, fd);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("keeper_server");
	TCase *at_work = tcase_create("at work"), *before = tcase_create("before");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(at_work, setup_serving, teardown_server);
	tcase_add_checked_fixture(before, setup_waiting, teardown_server);
	tcase_add_loop_test(at_work, what_the_server_says_is_done, 0, sizeof messages / sizeof *messages);
	tcase_add_test(at_work, a_report_raises_a_floor_that_is_told);
	tcase_add_test(at_work, a_server_that_ends_leaves_nothing);
	tcase_add_test(at_work, a_new_pair_replaces_the_old_one);
	tcase_add_test(at_work, a_server_that_has_ended_ends_nobody_else);
	tcase_add_test(at_work, a_pair_that_cannot_be_watched_ends_the_keeper);
	tcase_add_test(at_work, a_new_server_hears_of_floors_first);
	tcase_add_test(before, before_it_serves_nobody_is_spoken_to);
	tcase_add_test(before, a_pair_may_come_before_everything_else);
	suite_add_tcase(s, at_work);
	suite_add_tcase(s, before);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
