/* test_sandbox.c: what the sandbox refuses, what it leaves, and that its self-test would notice. */
#include "base/io.h"
#include "daemon/filter.h"
#include "daemon/landlock.h"
#include "daemon/sandbox.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char rw[] = "/tmp/test-sandbox-rw-XXXXXX", ro[] = "/tmp/test-sandbox-ro-XXXXXX";
static struct sandbox_path paths[3];
static int abi;	/* asked before: the sandbox does not let one ask */

static void make_dirs(void)
{
	abi = landlock_abi();
	ck_assert_ptr_nonnull(mkdtemp(rw));
	ck_assert_ptr_nonnull(mkdtemp(ro));
	paths[0] = (struct sandbox_path){ rw, SANDBOX_WRITE };
	paths[1] = (struct sandbox_path){ ro, SANDBOX_READ };
	paths[2] = (struct sandbox_path){ "/nonexistent/x", SANDBOX_READ };
}

static void enter(enum sandbox_profile profile)
{
	struct sandbox_state s = { 0 };
	struct err e = { 0 };

	ck_assert_msg(sandbox_enter(profile, paths, 3, &s, &e) == ERR_OK, "%s", e.msg);
	ck_assert_int_eq(s.landlock_abi, abi);
	ck_assert(s.seccomp);
	ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	ck_assert_msg(IS_SANITIZED || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0, "nobody reads our memory");
}

START_TEST(the_self_test_passes)
{
	struct err e = { 0 };

	ck_assert_msg(sandbox_self_test(_i ? SANDBOX_SERVER : SANDBOX_KEEPER, paths, 3, &e) == ERR_OK, "%s", e.msg);
	/* And leaves the caller as it was. */
	ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}
END_TEST

/* A sandbox that lets one of the acts pass is found out. */
START_TEST(the_self_test_notices)
{
	const struct sandbox_path hole = { "/etc", SANDBOX_READ };
	struct err e = { 0 };

	if (abi == 0)
		return;
	ck_assert_int_eq(sandbox_self_test(SANDBOX_KEEPER, &hole, 1, &e), ERR_INTERNAL);
	ck_assert_str_eq(e.msg, "sandbox: this was not refused: read /etc/passwd");
}
END_TEST

static void *on_thread(void *arg)
{
	*(bool *)arg = true;
	return NULL;
}

static void threads_run(void)
{
	bool ran = false;
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, on_thread, &ran), 0);
	pthread_join(t, NULL);
	ck_assert(ran);
}

static void path_in(const char *dir, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", dir, name);
}

START_TEST(the_keeper_keeps_what_it_needs)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct addrinfo *found = NULL;
	char a[128], b[128];
	uint8_t random[8];
	int fd;

	enter(SANDBOX_KEEPER);
	path_in(rw, "sub", a);
	ck_assert_int_eq(mkdir(a, 0700), 0);
	path_in(rw, "sub/a", a);
	path_in(rw, "b", b);
	fd = open(a, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(posix_fallocate(fd, 0, 100), 0);
	ck_assert_int_eq(fsync(fd), 0);
	ck_assert_int_eq(ftruncate(fd, 10), 0);
	ck_assert_msg(rename(a, b) == 0 || abi < 2, "between directories");
	close(fd);
	snprintf(local.sun_path, sizeof local.sun_path, "%s/sock", rw);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&local, sizeof local), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	close(fd);
	ck_assert_int_ge(open("/etc/hosts", O_RDONLY | O_CLOEXEC), 0);
	ck_assert_int_eq(getaddrinfo("localhost", "80", NULL, &found), 0);
	freeaddrinfo(found);
	ck_assert_int_eq(getrandom(random, sizeof random, 0), sizeof random);
	threads_run();
}
END_TEST

/* A listener of the test's own; what matters is whether the connect is refused by us, by EPERM or EACCES. */
START_TEST(the_keeper_dials_the_server_does_not)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(1) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	enter(_i ? SANDBOX_SERVER : SANDBOX_KEEPER);
	ck_assert_int_lt(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	if (_i)
		ck_assert_int_eq(errno, EPERM);
	else
		ck_assert_int_eq(errno, ECONNREFUSED);
}
END_TEST

START_TEST(the_server_keeps_what_it_needs)
{
	struct ifaddrs *found = NULL;
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err e = { 0 };
	char a[128];
	int fd = -1;

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&any, sizeof any), 0);
	path_in(ro, "image", a);
	fd = open(a, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	enter(SANDBOX_SERVER);
	ck_assert_int_eq(listen(listener, 4), -1);	/* listening sockets come from the supervisor */
	ck_assert_int_ge(open(a, O_RDONLY | O_CLOEXEC), 0);
	ck_assert_msg(abi == 0 || open(a, O_RDWR | O_CLOEXEC) < 0, "images are read-only");
	ck_assert_int_eq(unlink(a), -1);
	path_in(ro, "new", a);
	ck_assert_msg(abi == 0 || open(a, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0, "nothing new beside them");
	ck_assert_msg(io_sealed_memfd("x", SPAN_LIT("x"), &fd, &e) == ERR_OK, "%s", e.msg);
	ck_assert_int_eq(getifaddrs(&found), 0);
	freeifaddrs(found);
	threads_run();
}
END_TEST

START_TEST(writing_stays_in_its_place)
{
	char a[128];

	enter(SANDBOX_KEEPER);
	if (abi == 0)
		return;
	path_in(ro, "x", a);
	ck_assert_int_lt(open(a, O_CREAT | O_WRONLY | O_CLOEXEC, 0600), 0);
	ck_assert_int_eq(errno, EACCES);
	path_in(rw, "dev", a);
	ck_assert_int_lt(mknod(a, S_IFCHR | 0600, 0x103), 0);
	path_in(rw, "prog", a);
	ck_assert_int_lt(execl(a, a, (char *)NULL), 0);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

/* --- check's clock --- */

/* After a test check looks once more which clock there is, by making a timer, which a sandbox refuses: then it takes another clock than before the
 * test, and with half of all differences between the two it ends the test for a time that cannot be. */
int __real_timer_create(clockid_t clock, struct sigevent *how, timer_t *out);
int __wrap_timer_create(clockid_t clock, struct sigevent *how, timer_t *out);
int __real_timer_delete(timer_t timer);
int __wrap_timer_delete(timer_t timer);
static bool is_pretended;

int __wrap_timer_create(clockid_t clock, struct sigevent *how, timer_t *out)
{
	int rc = __real_timer_create(clock, how, out);

	is_pretended = rc < 0 && errno == EPERM;
	return is_pretended ? 0 : rc;
}

int __wrap_timer_delete(timer_t timer)
{
	return is_pretended ? 0 : __real_timer_delete(timer);
}

/* --- libseccomp without memory (the linker's --wrap); it is called in processes of their own --- */

static const enum fault { BREAKS_OFF, CRASHES, RUNS_ON, FAULTS, HANGS, IS_ORPHAN } faults[] = { BREAKS_OFF, CRASHES, RUNS_ON };
static struct {
	int calls, faulty;	/* which call is: 0, none */
	enum fault fault;
	pid_t pid;		/* of whom it hangs in */
} *library;
int __real_seccomp_export_bpf(scmp_filter_ctx f, int fd);
int __wrap_seccomp_export_bpf(scmp_filter_ctx f, int fd);

int __wrap_seccomp_export_bpf(scmp_filter_ctx f, int fd)
{
	int rc = __real_seccomp_export_bpf(f, fd);

	if (!library || ++library->calls != library->faulty)
		return rc;
	if (library->fault == CRASHES)
		abort();
	for (library->pid = getpid(); library->fault == HANGS;)
		pause();
	for (volatile int runs = library->fault == RUNS_ON; runs;)
		;
	return ftruncate(fd, 8 * sizeof(struct sock_filter));	/* and says yes */
}

/* The parent was gone before anybody could ask to end with it. */
pid_t __real_getppid(void);
pid_t __wrap_getppid(void);

pid_t __wrap_getppid(void)
{
	return library && library->fault == IS_ORPHAN ? 1 : __real_getppid();
}

static void spoil_library(enum fault fault, int call)
{
	library = mmap(NULL, sizeof *library, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(library != MAP_FAILED);
	library->fault = fault;
	library->faulty = call;
}

/* Each of the two programs in turn. */
START_TEST(a_filter_that_libseccomp_spoils_is_not_entered)
{
	struct err e = { 0 };
	bool entered;

	spoil_library(faults[_i % FAULTS], 1 + _i / FAULTS);
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(filter_enter(SANDBOX_SERVER, &entered, &e), ERR_MEMORY);
	ck_assert_msg(strstr(e.msg, "no memory for a filter"), "%s", e.msg);
	ck_assert_int_eq(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), SECCOMP_MODE_DISABLED);
	ck_assert_int_eq(filter_enter(SANDBOX_SERVER, &entered, &e), ERR_OK);
}
END_TEST

/* The supervisor ends a process that gives no sign of life; what that one had begun ends with it. */
START_TEST(a_process_that_hangs_ends_with_its_parent)
{
	struct err e = { 0 };
	bool entered;
	pid_t parent;
	int status;

	spoil_library(HANGS, 1);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	parent = fork();
	if (parent == 0)
		_exit(filter_enter(SANDBOX_SERVER, &entered, &e));
	while (__atomic_load_n(&library->pid, __ATOMIC_SEQ_CST) == 0)
		sched_yield();
	ck_assert_int_eq(kill(parent, SIGKILL), 0);
	ck_assert_int_eq(waitpid(parent, &status, 0), parent);
	ck_assert_int_eq(waitpid(library->pid, &status, 0), library->pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
END_TEST

START_TEST(a_process_without_its_parent_makes_nothing)
{
	struct err e = { 0 };
	bool entered;

	spoil_library(IS_ORPHAN, 0);
	ck_assert_int_eq(filter_enter(SANDBOX_SERVER, &entered, &e), ERR_MEMORY);
	ck_assert_int_eq(library->calls, 0);
}
END_TEST

static void remove_dirs(void)
{
	char cmd[128];

	snprintf(cmd, sizeof cmd, "rm -rf '%s' '%s'", rw, ro);
	ck_assert_int_eq(system(cmd), 0);	/* discouraged: a test's own directories */
}

int main(void)
{
	Suite *s = suite_create("sandbox");
	TCase *t = tcase_create("sandbox");
	SRunner *r;
	int failed;

	/* Unchecked: once, in the runner, which stays outside of the sandbox; each test is a process of its own. */
	tcase_add_unchecked_fixture(t, make_dirs, remove_dirs);
	tcase_add_loop_test(t, the_self_test_passes, 0, 2);
	tcase_add_test(t, the_self_test_notices);
	tcase_add_test(t, the_keeper_keeps_what_it_needs);
	tcase_add_loop_test(t, the_keeper_dials_the_server_does_not, 0, 2);
	tcase_add_test(t, the_server_keeps_what_it_needs);
	tcase_add_test(t, writing_stays_in_its_place);
	tcase_add_loop_test(t, a_filter_that_libseccomp_spoils_is_not_entered, 0, 2 * FAULTS);
	tcase_add_test(t, a_process_that_hangs_ends_with_its_parent);
	tcase_add_test(t, a_process_without_its_parent_makes_nothing);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
