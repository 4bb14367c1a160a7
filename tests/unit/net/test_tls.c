/* test_tls.c: whom the HTTP client believes, and from which TLS on. The servers are openssl's own. */
#include "net/http.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/test-tls-XXXXXX";
static pid_t server;
static unsigned port;

static void sh(const char *command)
{
	char line[1024];

	snprintf(line, sizeof line, "cd '%s' && (%s) >/dev/null 2>&1", dir, command);
	ck_assert_msg(system(line) == 0, "%s", command);	/* discouraged: a test's own commands */
}

/* Without this the library's own defaults would refuse old versions, whatever we do. */
static const char lax[] =
	"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n";

static void make_dir(void)
{
	char path[64];
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/lax.cnf", dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(lax, f);
	fclose(f);
	sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=t -addext subjectAltName=IP:127.0.0.1");
	sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout other-key -out other -days 2 -subj /CN=t -addext subjectAltName=DNS:elsewhere.example");
	setenv("OPENSSL_CONF", path, 1);
}

static void remove_dir(void)
{
	sh("rm -rf \"$PWD\"");
}

static void start_server(const char *version, const char *cert, const char *key)
{
	char line[256] = "";
	int out[2];
	FILE *f;

	ck_assert_int_eq(pipe(out), 0);
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], 1);
		dup2(open("/dev/null", O_RDWR), 2);
		if (chdir(dir) == 0)
			execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", version, "-cert", cert, "-key", key, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	while (fgets(line, sizeof line, f) && sscanf(line, "ACCEPT 127.0.0.1:%u", &port) != 1)
		;
	ck_assert_msg(port != 0, "openssl s_server did not start: %s", line);
	fclose(f);
}

static void stop_server(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

struct result {
	bool is_done;
	int rc;
	unsigned status;
	struct err e;
};

static void on_done(void *arg, int rc, const struct http_reply *r, const struct err *e)
{
	*(struct result *)arg = (struct result){ true, rc, r->status, *e };
}

static struct result ask(const char *ca_file, const char *host)
{
	struct result got = { 0 };
	struct http_call *call;
	struct http *http;
	uv_loop_t loop;
	char url[64];

	snprintf(url, sizeof url, "https://%s:%u/", host, port);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(http_new(&loop, &(struct http_conf){ .ca_file = ca_file }, &http, NULL), ERR_OK);
	ck_assert_int_eq(http_start(http, &(struct http_ask){ .url = url, .private_ok = true, .body_max = 100000, .total_ms = 10000,
							      .on_done = on_done, .arg = &got }, &call, NULL), ERR_OK);
	while (!got.is_done)
		uv_run(&loop, UV_RUN_ONCE);
	http_close(http, NULL, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	return got;
}

static const struct { const char *rule, *version, *cert, *key, *ca, *host; int rc; } cases[] = {
	{ "TLS 1.2, a root of ours", "-tls1_2", "cert", "key", "cert", "127.0.0.1", ERR_OK },
	{ "TLS 1.3, a root of ours", "-tls1_3", "cert", "key", "cert", "127.0.0.1", ERR_OK },
	{ "TLS 1.1 is refused", "-tls1_1", "cert", "key", "cert", "127.0.0.1", ERR_NET },
	{ "an unknown root is refused", "-tls1_3", "cert", "key", NULL, "127.0.0.1", ERR_NET },
	{ "a CA file replaces the system's roots", "-tls1_3", "cert", "key", "other", "127.0.0.1", ERR_NET },
	{ "a certificate for another name is refused", "-tls1_3", "other", "other-key", "other", "127.0.0.1", ERR_NET },
	{ "a CA file that is not there is refused", "-tls1_3", "cert", "key", "nowhere", "127.0.0.1", ERR_NET },
};

START_TEST(whom_to_believe)
{
	char ca[64];
	struct result got;

	snprintf(ca, sizeof ca, "%s/%s", dir, cases[_i].ca ? cases[_i].ca : "");
	start_server(cases[_i].version, cases[_i].cert, cases[_i].key);
	got = ask(cases[_i].ca ? ca : NULL, cases[_i].host);
	stop_server();
	ck_assert_msg(got.rc == cases[_i].rc, "%s: %d %s", cases[_i].rule, got.rc, got.e.msg);
	if (got.rc == ERR_OK)
		ck_assert_uint_eq(got.status, 200);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tls");
	TCase *t = tcase_create("tls");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, make_dir, remove_dir);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, whom_to_believe, 0, (int)(sizeof cases / sizeof *cases));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
