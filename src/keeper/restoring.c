/* restoring.c: see restoring.h. */
#include "keeper/restoring.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "chain/entry.h"
#include "daemon/conf.h"
#include "daemon/sandbox.h"
#include "keeper/js.h"
#include "store/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* In a child, as the supervisor does it: what reads the configuration sends it and ends. */
static int read_conf(const char *file, struct conf **out, struct err *e)
{
	int pair[2], fds[IO_FDS_MAX] = { -1, -1, -1, -1 }, rc;
	uint8_t type[8];
	size_t n;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, "socketpair");
	pid = fork();
	if (pid == 0)
		_exit(conf_resolve(file, pair[1]));
	close(pair[1]);
	rc = pid < 0 ? err_errno(e, "fork") : io_recv_fds(pair[0], type, sizeof type, &n, fds, e);
	if (rc)
		rc = err_set(e, ERR_USAGE, "%s: the configuration was refused", file);
	else
		rc = conf_read(fds[0], out, e);
	for (size_t i = 0; i < IO_FDS_MAX; i++)
		cleanup_close(&fds[i]);
	close(pair[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return rc;
}

/* Where it would forbid what a restore does, there is none: an old kernel must not keep an operator from his backup. */
static int enter_sandbox(const char *state_dir, struct err *e)
{
	struct sandbox_path paths[] = { { state_dir, SANDBOX_WRITE } };
	struct sandbox_state got;

	if (mkdir(state_dir, 0750) < 0 && errno != EEXIST)
		return err_errno(e, "%s", state_dir);
	return sandbox_lets_rename_across() ? sandbox_enter(SANDBOX_KEEPER, paths, 1, &got, e) : ERR_OK;
}

static bool is_product(const struct hash32 *id, const struct addr20 *registrant, const char *name)
{
	struct hash32 right = product_id(registrant, span_str(name));

	return hash32_eq(&right, id);
}

static void conf_free_auto(struct conf **c)
{
	conf_free(*c);
}

static json_t *told(const struct restore_result *r)
{
	json_t *o = json_object();

	js_set(o, "name", js_str(r->about.name));
	js_set(o, "made_at", js_time((int64_t)r->about.made_ms));
	js_set(o, "version", js_str(r->about.version));
	js_set(o, "sha256", js_hex(SPAN_OF(r->sum)));
	js_set(o, "database", js_str(r->had_database ? "replaced" : r->set_aside ? "damaged one set aside" : "new"));
	js_set(o, "audit", js_str(r->audit == RESTORE_AUDIT_HERE ? "kept" : "backup"));
	js_set(o, "devices", js_u64(r->devices));
	js_set(o, "floors", js_u64(r->floors));
	js_set(o, "tokens", js_u64(r->tokens));
	js_set(o, "tokens_from", js_str(r->took_tokens ? "backup" : "here"));
	js_set(o, "tokens_left_out", js_u64(r->tokens_left_out));
	return o;
}

static int run(const char *file, const char *backup, bool with_tokens, struct restore_result *out, struct err *e)
{
	autoclose int fd = open(backup, O_RDONLY | O_CLOEXEC);
	AUTO(conf_free_auto) struct conf *c = NULL;
	char who[32];
	struct restore_ask ask = { .fd = fd, .with_tokens = with_tokens, .is_product = is_product, .now_ms = clock_wall_ms(clock_system()), .who = who };
	int rc = fd < 0 ? err_set(e, ERR_USAGE, "%s: %s", backup, strerror(errno)) : read_conf(file, &c, e);

	if (rc)
		return rc;
	snprintf(who, sizeof who, "uid:%u", (unsigned)getuid());
	ask.state_dir = c->gateway.state_dir;
	ask.chain_id = c->chain.chain_id;
	ask.registry = c->chain.registry;
	rc = enter_sandbox(ask.state_dir, e);
	return rc ? rc : restore_run(&ask, out, e);
}

int restoring_run(const char *file, const char *backup, bool with_tokens)
{
	struct restore_result result = { .floors = 0 };
	struct err e = { 0 };
	int rc = run(file, backup, with_tokens, &result, &e);
	json_t *o = rc ? json_pack("{s:i, s:s}", "code", (int)e.code, "error", e.msg) : told(&result);
	bool printed = o && !js_take_short() && json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) == 0 && fflush(stdout) == 0;

	json_decref(o);
	return rc || !printed;
}
