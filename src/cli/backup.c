/* backup.c: `gatepost backup` of a running gateway, and `gatepost restore` into a stopped one (docs/backup.md). */
#include "base/cleanup.h"
#include "base/io.h"
#include "cli/download.h"
#include "cli/publisher.h"
#include "daemon/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX 4096	/* one flat object */

struct backup_options {
	struct gateway_options gateway;
};
struct restore_options {
	const char *config;
	bool with_tokens;
};

static const struct opt backup_opts[] = { GATEWAY_OPTS(struct backup_options), { NULL } };
static const struct opt restore_opts[] = {
	{ "c", OPT_TEXT, offsetof(struct restore_options, config), "FILE", "the stopped gateway's configuration" },
	{ "with-tokens", OPT_FLAG, offsetof(struct restore_options, with_tokens), NULL, "the backup's tokens instead of those that are there" },
	{ NULL },
};

/* --- out --- */

static int begin(struct download *d, json_t **at, struct err *e)
{
	json_t *body = json_object();
	int rc = gateway_call(d->o, LINK_POST, "/api/v1/backups", body, at, e);

	json_decref(body);
	if (rc)
		return rc;
	snprintf(d->path, sizeof d->path, "/api/v1/backups/%" PRIu64, (uint64_t)json_integer_value(json_object_get(*at, "id")));
	d->size = (uint64_t)json_integer_value(json_object_get(*at, "size"));
	d->is_size_exact = true;
	return ERR_OK;
}

static int run_backup(struct cli *cli, const void *options, struct err *e)
{
	const struct backup_options *o = options;
	/* It has the digests of all tokens, and who asked for what when. */
	AUTO(download_end) struct download d = { .cli = cli, .o = &o->gateway, .mode = 0600, .fd = -1 };
	const char *path;
	json_t *at = NULL;
	int rc = take_word(cli, "a file for the backup", &path, e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (!rc)
		rc = download_open(&d, path, e);
	if (!rc)
		rc = begin(&d, &at, e);
	if (!rc)
		rc = download_run(&d, e);
	if (!rc && strcmp(path, "-"))
		cli_print_take(cli, json_pack("{s:s, s:I, s:O}", "file", path, "bytes", (json_int_t)d.at, "made_at", json_object_get(at, "made_at")));
	json_decref(at);
	return rc;
}

/* --- in --- */

/* Beside us in a build tree; else where it was installed to. */
static void keeper_path(char *out, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", out, cap - 1);
	char *slash;

	out[n > 0 ? n : 0] = '\0';
	slash = strrchr(out, '/');
	snprintf(slash ? slash : out, slash ? cap - (size_t)(slash - out) : cap, "/gatepost-keeper");
	if (access(out, X_OK) < 0)
		snprintf(out, cap, "%s/gatepost-keeper", GATEPOST_LIBEXECDIR);
}

/* Runs args with its standard output in `out`. Its messages go to our standard error. */
static int ask_program(const char *path, const char *const args[], struct buf *out, struct err *e)
{
	int ends[2], rc;
	pid_t pid;

	if (access(path, X_OK) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, "%s", path);
	pid = fork();
	if (pid == 0) {
		if (dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO)
			execv(path, (char *const *)(uintptr_t)args);
		_exit(127);
	}
	close(ends[1]);
	rc = pid < 0 ? err_errno(e, "fork") : io_read_all(ends[0], out, e);
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return rc;
}

/* What it says: a result, or an error of ours from another process. */
static int take_answer(const struct cli *cli, struct span said, struct err *e)
{
	json_t *o = json_loadb((const char *)said.p, said.n, 0, NULL);
	const char *error = json_string_value(json_object_get(o, "error"));
	int rc = ERR_OK;

	if (!o)
		rc = err_set(e, ERR_INTERNAL, "the restore ended without an answer; run it again");
	else if (error)
		rc = err_set(e, (enum err_code)json_integer_value(json_object_get(o, "code")), "%.300s", error);
	if (rc)
		json_decref(o);
	else
		cli_print_take(cli, o);
	return rc;
}

static int run_restore(struct cli *cli, const void *options, struct err *e)
{
	AUTO(buf_free) struct buf said = BUF_INIT(ANSWER_MAX);
	const struct restore_options *o = options;
	const char *args[] = { "gatepost-keeper", "-R", NULL, "-c", o->config ? o->config : CONF_FILE_DEFAULT, o->with_tokens ? "-t" : NULL, NULL };
	char path[4096];
	int rc = take_word(cli, "a backup", &args[2], e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (rc)
		return rc;
	keeper_path(path, sizeof path);
	rc = ask_program(path, args, &said, e);
	return rc ? rc : take_answer(cli, buf_span(&said), e);
}

const struct command backup_commands[] = {
	{ "backup", "FILE", "what only this gateway knows, as one file", backup_opts, sizeof(struct backup_options), run_backup },
	{ "restore", "FILE", "bring a backup into a stopped gateway's state directory", restore_opts, sizeof(struct restore_options), run_restore },
	{ NULL },
};
