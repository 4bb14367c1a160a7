/* test_seqsock.c: one end of a local socket on the loop, and an other end that does as it likes. */
#include "keeper/seqsock.h"
#include "base/limits.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static uv_loop_t loop;
static struct seqsock sock;
static int other;
static unsigned messages, closed, freed, fds_seen;
static bool closes_itself, reopens;
static char last[LINK_MESSAGE_MAX];
static size_t last_n;

static void on_freed(struct seqsock *s);

static void on_message(void *arg, struct span s, int fds[IO_FDS_MAX])
{
	ck_assert_ptr_eq(arg, &sock);
	messages++;
	fds_seen += fds[0] >= 0;
	memcpy(last, s.p, s.n);
	last_n = s.n;
	if (closes_itself)
		seqsock_close(&sock, on_freed);
}

static void on_closed(void *arg, const struct err *why)
{
	(void)arg;
	ck_assert_int_ne(why->code, ERR_OK);
	closed++;
}

static void open_pair(void)
{
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	other = fd[1];
	fcntl(other, F_SETFL, O_NONBLOCK);
	ck_assert_int_eq(seqsock_open_take(&sock, &loop, fd[0], (struct seqsock_owner){ on_message, on_closed, &sock }, NULL), ERR_OK);
}

static void on_freed(struct seqsock *s)
{
	ck_assert_ptr_eq(s, &sock);
	freed++;
	if (reopens) {
		reopens = false;
		close(other);
		open_pair();
	}
}

static void setup(void)
{
	uv_loop_init(&loop);
	open_pair();
}

static void teardown(void)
{
	seqsock_close(&sock, NULL);
	close(other);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_msg(uv_loop_close(&loop) == 0, "no handle is left");
}

static void turn(void)
{
	uv_run(&loop, UV_RUN_NOWAIT);
}

START_TEST(a_datagram_with_a_descriptor)
{
	ck_assert_int_eq(io_send_fds(other, SPAN_LIT("hello"), &other, 1, NULL), ERR_OK);
	turn();
	ck_assert_uint_eq(messages, 1);
	ck_assert_uint_eq(fds_seen, 1);
	ck_assert(last_n == 5 && !memcmp(last, "hello", 5));
}
END_TEST

START_TEST(a_flood_leaves_the_loop_its_turn)
{
	unsigned sent = 0;

	while (sent < 3 * LINK_TURN_MAX && send(other, "x", 1, 0) == 1)
		sent++;
	ck_assert_uint_gt(sent, LINK_TURN_MAX);
	turn();
	ck_assert_uint_le(messages, LINK_TURN_MAX);
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_msg(messages == sent, "the rest comes with the next turns");
}
END_TEST

START_TEST(what_does_not_fit_goes_out_later_in_order)
{
	uint8_t big[60000] = { 0 }, got[60001];
	unsigned queued = 0;

	for (; list_is_empty(&sock.queue) || queued < 5; queued++) {
		big[0] = (uint8_t)queued;
		ck_assert_int_eq(seqsock_send(&sock, SPAN(big, sizeof big), -1, NULL), ERR_OK);
	}
	for (unsigned i = 0; i < queued; turn())
		if (recv(other, got, sizeof got, 0) == sizeof big)
			ck_assert_uint_eq(got[0], (uint8_t)i++);
	ck_assert(list_is_empty(&sock.queue) && sock.queued_bytes == 0);
}
END_TEST

/* The C library's, between it and our program. */
static unsigned sends_that_fail;

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (sends_that_fail == 0)
		return (ssize_t)syscall(SYS_sendmsg, fd, m, flags);
	sends_that_fail--;
	errno = ENOBUFS;
	return -1;
}

START_TEST(what_the_kernel_has_no_memory_for_goes_out_a_moment_later)
{
	char got[8];

	sends_that_fail = 1;
	ck_assert_int_eq(seqsock_send(&sock, SPAN_LIT("first"), other, NULL), ERR_OK);
	ck_assert_int_eq(seqsock_send(&sock, SPAN_LIT("then"), -1, NULL), ERR_OK);
	turn();
	ck_assert_int_eq(recv(other, got, sizeof got, 0), 5);
	ck_assert_int_eq(recv(other, got, sizeof got, 0), 4);
	ck_assert_uint_eq(closed, 0);
	sends_that_fail = 2;
	ck_assert_int_eq(seqsock_send(&sock, SPAN_LIT("again"), -1, NULL), ERR_OK);
	turn();
	ck_assert_msg(closed == 1, "twice: not a moment, and it is broken");
}
END_TEST

static int fill(int fd, size_t n, unsigned max)
{
	static uint8_t bytes[60000];
	int rc = ERR_OK;

	for (unsigned i = 0; i < max && !rc; i++)
		rc = seqsock_send(&sock, SPAN(bytes, n), fd, NULL);
	return rc;
}

START_TEST(the_queue_is_bounded_in_bytes)
{
	ck_assert_int_eq(fill(-1, 60000, 1000), ERR_BUSY);
	ck_assert_uint_le(sock.queued_bytes, LINK_QUEUE_MAX);
}
END_TEST

START_TEST(the_queue_is_bounded_in_descriptors)
{
	while (list_is_empty(&sock.queue))
		ck_assert_int_eq(fill(-1, 60000, 1), ERR_OK);
	ck_assert_int_eq(fill(other, 1, LINK_QUEUE_FDS_MAX), ERR_OK);
	ck_assert_int_eq(fill(other, 1, 1), ERR_BUSY);
	ck_assert_msg(fill(-1, 1, 1) == ERR_OK, "others still fit");
}
END_TEST

START_TEST(the_other_end_closes)
{
	close(other);
	other = -1;
	turn();
	turn();
	ck_assert_msg(closed == 1, "said once");
	ck_assert(!seqsock_is_open(&sock));
	ck_assert_int_eq(seqsock_send(&sock, SPAN_LIT("x"), -1, NULL), ERR_NET);
}
END_TEST

START_TEST(an_oversized_datagram_breaks_it)
{
	static uint8_t big[LINK_MESSAGE_MAX + 1];
	int room = 2 * LINK_MESSAGE_MAX;

	setsockopt(other, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	ck_assert_int_eq(send(other, big, sizeof big, 0), (ssize_t)sizeof big);
	turn();
	ck_assert_uint_eq(messages, 0);
	ck_assert_uint_eq(closed, 1);
}
END_TEST

START_TEST(closed_from_within_a_message)
{
	closes_itself = true;
	ck_assert_int_eq(send(other, "a", 1, 0), 1);
	ck_assert_int_eq(send(other, "b", 1, 0), 1);
	turn();
	turn();
	ck_assert_msg(messages == 1 && closed == 0 && freed == 1, "nothing is called after it");
}
END_TEST

START_TEST(opened_again_when_it_is_freed)
{
	reopens = true;
	seqsock_close(&sock, on_freed);
	turn();
	ck_assert(freed == 1 && seqsock_is_open(&sock));
	ck_assert_int_eq(send(other, "a", 1, 0), 1);
	turn();
	ck_assert_uint_eq(messages, 1);
}
END_TEST

START_TEST(closing_twice_and_never_opened)
{
	struct seqsock never = { .fd = -1 };

	seqsock_close(&never, NULL);
	seqsock_close(&sock, NULL);
	seqsock_close(&sock, on_freed);
	turn();
	ck_assert_uint_eq(freed, 1);
	seqsock_close(&sock, NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("seqsock");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;
	const TTest *const tests[] = { a_datagram_with_a_descriptor, what_the_kernel_has_no_memory_for_goes_out_a_moment_later, a_flood_leaves_the_loop_its_turn,
		what_does_not_fit_goes_out_later_in_order, the_queue_is_bounded_in_bytes, the_queue_is_bounded_in_descriptors,
		the_other_end_closes, an_oversized_datagram_breaks_it, closed_from_within_a_message, opened_again_when_it_is_freed,
		closing_twice_and_never_opened };

	tcase_add_checked_fixture(t, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
