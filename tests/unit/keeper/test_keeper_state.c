/* test_keeper_state.c: what the keeper needs of its state directory before it opens the database: its folders, nobody else in it, the sandbox,
 * floors, tokens. It is opened in a process of its own, for a sandbox is never left. */
#include "keeper/keeper.h"
#include "catalog/link.h"
#include "store/restore.h"
#include "store/tempdir.h"
#include "support/unreadable.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* What the other process has to say. */
struct told {
	int rc, exit;
	char msg[sizeof err.msg];
	struct alarms alarms;
	mode_t state_mode, run_mode;
	bool has_all, sees_passwd, has_seccomp;
};
static struct told *told;

static void say(void *arg, bool is_error, const char *text)
{
	(void)arg;
	ck_assert_msg(!is_error, "%s", text);
}

static const char conf_text[] =
	"[gateway]\nname = porch\nstate-dir = %s/%s\nrun-dir = %s/%s\n"
	"[chain]\nchain-id = 31337\nregistry = 0x5fbdb2315678afecb367f032d93f642f64180aa3\nanchor = quorum:1\n"
	"[provider one]\nurl = http://127.0.0.1:9\noperator = someone\n"
	"[source own]\nurl = http://127.0.0.1:9\nkind = trustless\nprivate = yes\n"
	"[product acme/fridge]\nregistrant = 0xaa01000000000000000000000000000000000000\n"
	"[http]\nlisten = 127.0.0.1:0\n[coap]\nlisten = 127.0.0.1:0\n[operator]\nlisten = 127.0.0.1:0\n";

static struct conf *conf_of(const char *state, const char *run)
{
	struct conf_say how = { say, NULL };
	struct conf *c = NULL;
	FILE *f = fopen(tempdir_path("test.conf"), "w");

	ck_assert(f && fprintf(f, conf_text, tempdir, state, tempdir, run) > 0 && fclose(f) == 0);
	ck_ok(conf_load(tempdir_path("test.conf"), &how, &c, &err));
	return c;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_mode & 07777;
}

static void open_here(struct keeper *k)
{
	struct err e = { 0 };

	umask(0);
	told->rc = keeper_open_state(k, &e);
	told->exit = told->rc ? keeper_exit_status(&e) : 0;
	memcpy(told->msg, e.msg, sizeof told->msg);
	told->alarms = k->alarms;
	told->has_all = k->blobs && k->floors && k->tokens;
	told->has_seccomp = k->sandbox.seccomp;
	told->state_mode = mode_of(k->conf->gateway.state_dir);
	told->run_mode = mode_of(k->conf->gateway.run_dir);
	told->sees_passwd = open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

/* As gatepost-keeper does. */
static int open_state(const char *state, const char *run)
{
	struct conf *conf = conf_of(state, run);
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct keeper k = { .conf = conf, .clock = clock_system(), .state_dir = -1 };

		open_here(&k);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
	conf_free(conf);
	return told->rc;
}

static void setup(void)
{
	tempdir_make();
	unreadable_none();
	told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(told, MAP_FAILED);
}

static void teardown(void)
{
	munmap(told, sizeof *told);
	tempdir_remove();
}

static bool has_alarm(const char *code)
{
	return alarms_has(&told->alarms, span_str(code));
}

START_TEST(a_first_start_makes_its_folders)
{
	ck_assert_msg(open_state("state", "run") == ERR_OK, "%s", told->msg);
	ck_assert(told->has_all && told->alarms.n == 0);
	ck_assert_uint_eq(told->state_mode, 0750);
	ck_assert_uint_eq(told->run_mode, 0755);
}
END_TEST

START_TEST(folders_that_are_there_are_taken)
{
	ck_assert_int_eq(open_state("state", "run"), ERR_OK);
	ck_assert_msg(open_state("state", "run") == ERR_OK, "%s", told->msg);
	ck_assert(told->has_all && told->alarms.n == 0);
}
END_TEST

START_TEST(from_then_on_it_sees_nothing_else)
{
	ck_assert_int_eq(open_state("state", "run"), ERR_OK);
	ck_assert(told->has_seccomp && !told->sees_passwd);
}
END_TEST

static const struct { const char *rule, *state, *run, *says; } bad[] = {
	{ "no place for the state", "none/state", "run", "none/state" },
	{ "no place for sockets", "state", "none/run", "none/run" },
	{ "a file where the state should be", "test.conf", "run", "test.conf" },
};

START_TEST(a_folder_that_cannot_be_is_named)
{
	ck_assert_msg(open_state(bad[_i].state, bad[_i].run) != ERR_OK, "%s", bad[_i].rule);
	ck_assert_msg(strstr(told->msg, bad[_i].says), "%s: %s", bad[_i].rule, told->msg);
	ck_assert_msg(!told->has_all && told->sees_passwd, "%s: and nothing is done beyond", bad[_i].rule);
}
END_TEST

START_TEST(nobody_else_is_in_it)
{
	ck_ok(restore_lock(tempdir_fd, &err));
	ck_assert_int_eq(open_state(".", "run"), ERR_BUSY);
	ck_assert_msg(strstr(told->msg, "a restore") && !told->has_all, "%s", told->msg);
}
END_TEST

static void save_floors(void)
{
	struct floors *f;

	ck_ok(floor_load(tempdir_fd, NULL, &f, &err));
	for (unsigned n = 1; n <= 2; n++) {	/* each of the two files once */
		struct floor_item item = { .product = hash_of(n), .name = "a/b", .proven = n };

		ck_ok(floor_note(f, &item, &err));
		ck_ok(floor_save(f, &err));
	}
	floor_free(f);
}

START_TEST(one_floor_file_is_enough)
{
	save_floors();
	tempdir_flip(_i ? "floor.a" : "floor.b", 20);
	ck_assert_int_eq(open_state(".", "run"), ERR_OK);
	ck_assert(told->has_all && told->alarms.n == 0);
}
END_TEST

START_TEST(lost_floors_are_told)
{
	save_floors();
	tempdir_flip("floor.a", 20);
	tempdir_flip("floor.b", 20);
	ck_assert_int_eq(open_state(".", "run"), ERR_OK);
	ck_assert(told->has_all && told->alarms.n == 1 && has_alarm("floor-lost"));
}
END_TEST

static void save_tokens(void)
{
	char text[TOKEN_TEXT_MAX];
	struct tokens *t;

	ck_ok(tokens_load(tempdir_fd, NULL, &t, &err));
	ck_ok(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err));
	tokens_free(t);
}

/* One file is no reason not to start, nor is it a secret. */
START_TEST(floors_that_cannot_be_read_are_told)
{
	save_floors();
	unreadable_add(tempdir_path("floor.b"));
	if (_i)
		unreadable_add(tempdir_path("floor.a"));
	unreadable_fail(UINT_MAX, EIO);
	ck_assert_int_eq(open_state(".", "run"), ERR_OK);
	ck_assert(told->has_all && has_alarm("floor-unread") && has_alarm("floor-lost") == (_i == 1));
}
END_TEST

START_TEST(tokens_that_cannot_be_read_are_told_and_stay)
{
	save_tokens();
	unreadable_add(tempdir_path("tokens"));
	unreadable_fail(UINT_MAX, EIO);
	ck_assert_int_eq(open_state(".", "run"), ERR_OK);
	ck_assert(told->has_all && told->alarms.n == 1 && has_alarm("tokens-lost"));
	ck_assert(tempdir_has("tokens") && !tempdir_has("tokens.damaged"));
}
END_TEST

START_TEST(a_read_that_fails_once_is_no_loss)
{
	save_floors();
	save_tokens();
	unreadable_add(tempdir_path(_i ? "tokens" : "floor.b"));
	unreadable_fail(1, EIO);
	ck_assert_int_eq(open_state(".", "run"), ERR_OK);
	ck_assert(told->has_all && told->alarms.n == 0);
}
END_TEST

/* Of the kernel's want of memory a read tells as well as an open. */
START_TEST(what_is_short_now_is_waited_for)
{
	save_floors();
	save_tokens();
	unreadable_add(tempdir_path(_i % 2 ? "tokens" : "floor.b"));
	unreadable_fail(UINT_MAX, _i < 2 ? EMFILE : ENOMEM);
	ck_assert_int_ne(open_state(".", "run"), ERR_OK);
	ck_assert_msg(told->exit == SUP_EXIT_LATER && told->alarms.n == 0, "%s", told->msg);
	ck_assert(tempdir_has("tokens") && !tempdir_has("tokens.damaged"));
}
END_TEST

START_TEST(lost_tokens_are_told)
{
	tempdir_poke("tokens", 0, "no tokens at all", 16);
	ck_assert_int_eq(open_state(".", "run"), ERR_OK);
	ck_assert(told->has_all && told->alarms.n == 1 && has_alarm("tokens-lost"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_first_start_makes_its_folders, folders_that_are_there_are_taken, from_then_on_it_sees_nothing_else, nobody_else_is_in_it,
		lost_floors_are_told, lost_tokens_are_told, tokens_that_cannot_be_read_are_told_and_stay,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("keeper_state");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, a_folder_that_cannot_be_is_named, 0, sizeof bad / sizeof *bad);
	tcase_add_loop_test(tc, one_floor_file_is_enough, 0, 2);
	tcase_add_loop_test(tc, floors_that_cannot_be_read_are_told, 0, 2);
	tcase_add_loop_test(tc, a_read_that_fails_once_is_no_loss, 0, 2);
	tcase_add_loop_test(tc, what_is_short_now_is_waited_for, 0, 4);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
