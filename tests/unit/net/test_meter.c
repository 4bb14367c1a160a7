/* test_meter.c: many transfers under one bound. What is held back must take long; nothing here says that it must be quick. */
#include "base/cleanup.h"
#include "net/http.h"
#include "server.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY 60000
#define CALLS 3
#define RATE 200000

static uv_loop_t loop;
static struct http *http;
static bool is_gone;
static struct server *server[CALLS];
static char reply[BODY + 100];
static struct err err;

static struct call {
	struct http_call *call;
	uint64_t bytes;
	uint64_t refuse_at, closes_at;	/* bytes with which the owner has enough, or closes it all; 0: never */
	unsigned done;
	int rc;
} call[CALLS];

static void on_gone(void *arg)
{
	(void)arg;
	is_gone = true;
}

static void setup(void)
{
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(http_new(&loop, &(struct http_conf){ .rate_max = RATE }, &http, &err), ERR_OK);
	snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY);
	memset(reply + strlen(reply), 'x', BODY);
	memset(call, 0, sizeof call);
	is_gone = false;
	for (size_t i = 0; i < CALLS; i++)
		server[i] = server_new(SAY, reply, 0);
}

static void teardown(void)
{
	if (http)
		http_close(http, on_gone, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert(is_gone);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	for (size_t i = 0; i < CALLS; i++)
		server_free(server[i]);
}

static int on_body(void *arg, struct span bytes, struct err *e)
{
	struct call *c = arg;

	ck_assert_msg(http, "nothing is heard after http_close");
	c->bytes += bytes.n;
	if (c->closes_at && c->bytes >= c->closes_at)
		http_close(STEAL_PTR(http), on_gone, NULL);
	return c->refuse_at && c->bytes >= c->refuse_at ? err_set(e, ERR_RULE, "that is enough") : ERR_OK;
}

static void on_done(void *arg, int rc, const struct http_reply *r, const struct err *e)
{
	struct call *c = arg;

	(void)r, (void)e;
	c->done++;
	c->rc = rc;
	c->call = NULL;
}

static void start(size_t i, bool is_metered)
{
	char url[64];

	snprintf(url, sizeof url, "http://127.0.0.1:%u/", server_port(server[i]));
	struct http_ask ask = { .url = url, .private_ok = true, .is_metered = is_metered, .body_max = BODY, .total_ms = 30000,
		.on_body = on_body, .on_done = on_done, .arg = &call[i] };
	ck_assert_int_eq(http_start(http, &ask, &call[i].call, &err), ERR_OK);
}

static void run_until_done(size_t i)
{
	while (!call[i].done)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_uint_eq(call[i].done, 1);
}

/* Runs until the bound has held this one back: some bytes have come, the rest waits. */
static void run_until_waiting(size_t i)
{
	while (call[i].bytes == 0 || call[i].bytes == BODY)
		uv_run(&loop, UV_RUN_ONCE);
}

START_TEST(together_they_keep_to_the_bound)
{
	uint64_t began, ms, burst = RATE * METER_BURST_MS / 1000;

	uv_update_time(&loop);
	began = uv_now(&loop);
	for (size_t i = 0; i < CALLS; i++)
		start(i, true);
	for (size_t i = 0; i < CALLS; i++)
		run_until_done(i);
	ms = uv_now(&loop) - began;
	ck_assert_msg(ms >= (CALLS * BODY - burst - CALLS * METER_BURST_MIN) * 1000 / RATE, "%llu ms", (unsigned long long)ms);
	for (size_t i = 0; i < CALLS; i++)
		ck_assert_msg(call[i].rc == ERR_OK && call[i].bytes == BODY, "nothing is lost on the way: %llu", (unsigned long long)call[i].bytes);
}
END_TEST

START_TEST(each_has_its_turn)
{
	for (size_t i = 0; i < CALLS; i++)
		start(i, true);
	run_until_done(0);
	ck_assert_msg(call[1].bytes > BODY / 3 && call[2].bytes > BODY / 3, "%llu and %llu when the first was done",
		      (unsigned long long)call[1].bytes, (unsigned long long)call[2].bytes);
}
END_TEST

START_TEST(who_is_not_metered_does_not_wait)
{
	http_set_rate_max(http, 1000);
	start(0, true);
	start(1, false);
	run_until_done(1);
	ck_assert_msg(call[1].bytes == BODY && !call[0].done, "a peer is not at the uplink");
}
END_TEST

START_TEST(another_bound_holds_at_once)
{
	http_set_rate_max(http, 100);
	start(0, true);
	run_until_waiting(0);
	http_set_rate_max(http, 0);
	run_until_done(0);
	ck_assert_uint_eq(call[0].bytes, BODY);
}
END_TEST

START_TEST(cancelled_while_it_waits)
{
	http_set_rate_max(http, 100);
	start(0, true);
	run_until_waiting(0);
	http_cancel(call[0].call);
	http_set_rate_max(http, 0);
	start(1, true);
	run_until_done(1);
	ck_assert(!call[0].done);
}
END_TEST

START_TEST(closed_while_it_waits)
{
	http_set_rate_max(http, 100);
	start(0, true);
	run_until_waiting(0);
	/* teardown closes; every handle must go */
}
END_TEST

START_TEST(refused_when_it_goes_on)
{
	http_set_rate_max(http, 100);
	start(0, true);
	run_until_waiting(0);
	call[0].refuse_at = call[0].bytes + 1;
	http_set_rate_max(http, 0);
	run_until_done(0);
	ck_assert_int_eq(call[0].rc, ERR_RULE);
}
END_TEST

/* From within a callback, while others are let go on in the same breath. */
START_TEST(closed_by_one_of_them)
{
	for (size_t i = 0; i < CALLS; i++)
		start(i, true);
	for (size_t i = 0; i < CALLS; i++)
		while (call[i].bytes == 0)
			uv_run(&loop, UV_RUN_ONCE);
	http_set_rate_max(http, 1);		/* from here on they wait, with bytes at hand */
	for (int i = 0; i < 100; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	for (size_t i = 0; i < CALLS; i++)
		call[i].closes_at = call[i].bytes + 1;
	http_set_rate_max(http, 0);
	while (!is_gone)
		uv_run(&loop, UV_RUN_ONCE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("meter");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;
	const TTest *const tests[] = { together_they_keep_to_the_bound, each_has_its_turn, who_is_not_metered_does_not_wait,
		another_bound_holds_at_once, cancelled_while_it_waits, closed_while_it_waits, closed_by_one_of_them, refused_when_it_goes_on };

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
