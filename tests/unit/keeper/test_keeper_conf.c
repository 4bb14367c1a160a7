/* test_keeper_conf.c: what the keeper makes of its configuration: whose clock counts, who is asked first, and which words nobody may see. */
#include "base/cleanup.h"
#include "base/io.h"
#include "keeper/keeper.h"
#include "store/tempdir.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>

static struct keeper k;
static bool is_1970;	/* a board without a clock, ten seconds after whatever was asked before */

int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (is_1970)
		t->tv_sec = id == CLOCK_REALTIME ? 100 : t->tv_sec + 10;
	return rc;
}

int adjtimex(struct timex *t)
{
	return is_1970 ? -1 : (int)syscall(SYS_adjtimex, t);
}

static const char conf_text[] =
	"[gateway]\nname = porch\nstate-dir = %s/state\nrun-dir = %s/run\n%s\n"
	"[chain]\nchain-id = 31337\nregistry = 0x5fbdb2315678afecb367f032d93f642f64180aa3\nanchor = quorum:1\n"
	"[network]\nproxy = http://someone:proxy-word@127.0.0.1:8\n"
	"[provider one]\nurl = http://127.0.0.1:9/provider-word\noperator = someone\n"
	"[source far]\nurl = http://127.0.0.1:9/source-word\nkind = trustless\nprivate = yes\npriority = 3\ntoken = token-word\n"
	"[source mirror]\nurl = http://127.0.0.1:9/{sha256}\nkind = mirror\nprivate = yes\ninner = http://127.0.0.1:9/inner-word/{sha256}\n"
	"entries = http://127.0.0.1:9/entries-word/{vendor}/{model}\n"
	"[source near]\nurl = http://127.0.0.1:9\nkind = peer\nprivate = yes\npriority = 1000\n"
	"[product acme/thermostat]\nregistrant = 0xaa01000000000000000000000000000000000000\npolicy = approve\nkeep = 3\n"
	"[product *]\nregistrant = 0xaa02000000000000000000000000000000000000\n"
	"[http]\nlisten = 127.0.0.1:0\n[coap]\nlisten = 127.0.0.1:0\n[operator]\nlisten = 127.0.0.1:0\n";

/* As the supervisor hands it over: made by gatepost-keeper -P. */
static int resolve(const char *gateway_lines)
{
	int pair[2], fds[IO_FDS_MAX];
	uint8_t type[8];
	char path[PATH_MAX + 300];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "%s", tempdir_path("test.conf"));
	f = fopen(path, "w");
	ck_assert(f && fprintf(f, conf_text, tempdir, tempdir, gateway_lines) > 0 && fclose(f) == 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	ck_assert_int_eq(conf_resolve(path, pair[1]), 0);
	ck_ok(io_recv_fds(pair[0], type, sizeof type, &n, fds, &err));
	close(pair[0]);
	close(pair[1]);
	close(fds[1]);		/* the server's */
	return fds[0];
}

static void read_conf(const char *gateway_lines)
{
	autoclose int fd = resolve(gateway_lines);

	ck_ok(keeper_read_conf(&k, fd, &err));
}

static void setup(void)
{
	tempdir_make();
	k = (struct keeper){ .clock = clock_system() };
}

static void teardown(void)
{
	secrets_fini(&k.secrets);
	conf_free(k.conf);
	free(k.follow);
	free(k.source);
	free(k.entries);
	tempdir_remove();
}

static const char *const words[] = { "proxy-word", "provider-word", "source-word", "token-word", "inner-word", "entries-word" };

START_TEST(nobody_sees_a_key)
{
	char text[64];

	read_conf("");
	snprintf(text, sizeof text, "no such path: /%s/", words[_i]);
	secrets_hide(&k.secrets, text);
	ck_assert_str_eq(text, "no such path: /" SECRET_SHOWN "/");
}
END_TEST

START_TEST(the_operator_vouches_for_the_clock)
{
	read_conf("clock = kernel");
	ck_assert_ptr_eq(k.clock, clock_system());
	teardown();
	setup();
	read_conf("clock = trusted");
	ck_assert_ptr_eq(k.clock, &k.clock_used);
	ck_assert_int_eq(clock_state(k.clock), CLOCK_SYNCED);
	is_1970 = true;
	ck_assert_msg(clock_state(k.clock) == CLOCK_UNSET, "nobody meant that");
	is_1970 = false;
}
END_TEST

START_TEST(peers_are_asked_first)
{
	read_conf("");
	ck_assert_uint_eq(k.sources, 3);
	for (size_t i = 0; i < k.sources; i++)
		ck_assert_msg((k.source[i].source.kind == SOURCE_PEER) == (k.source[i].priority < 0), "%s", k.source[i].name);
	ck_assert(k.source[0].source.token && !k.source[1].source.token && k.source[1].source.inner && !k.source[2].source.inner);
}
END_TEST

START_TEST(products_are_followed_as_it_says)
{
	read_conf("");
	ck_assert(k.follow[0].needs_approval && k.follow[0].keep == 3 && !strcmp(k.follow[0].name, "acme/thermostat"));
	ck_assert(!k.follow[1].name && !k.follow[1].needs_approval && k.follow[1].registrant.b[1] == 2);
}
END_TEST

START_TEST(what_is_no_configuration_is_refused)
{
	autoclose int fd = -1;

	ck_ok(io_sealed_memfd("conf", SPAN_LIT("nonsense"), &fd, &err));
	ck_assert_int_ne(keeper_read_conf(&k, fd, &err), ERR_OK);
	ck_assert_ptr_null(k.follow);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_operator_vouches_for_the_clock, peers_are_asked_first, products_are_followed_as_it_says,
		what_is_no_configuration_is_refused,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("keeper_conf");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, nobody_sees_a_key, 0, sizeof words / sizeof *words);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
