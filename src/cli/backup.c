/* backup.c: `gatepost backup` and `gatepost restore`.
 *
 * A backup comes from a running gateway, over the API. A restore is for a stopped one, on its own host: gatepost-keeper does it, which
 * has the database and the sandbox; here it is started, and what it says is shown. */
#include "base/cleanup.h"
#include "base/io.h"
#include "cli/download.h"
#include "cli/publisher.h"
#include "daemon/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_MAX (64 * KIB)	/* the keeper's line: 256 names of tokens, and products that are held back */

struct options {
	struct gateway_options gateway;
	const char *config;
	bool only_check;
};

static const struct opt backup_opts[] = { GATEWAY_OPTS(struct options), { NULL } };
static const struct opt restore_opts[] = {
	{ "c", OPT_TEXT, offsetof(struct options, config), "FILE", "the gateway's configuration, which says where its state is" },
	{ "check", OPT_FLAG, offsetof(struct options, only_check), NULL, "only look whether the file is a whole backup" },
	{ NULL },
};

/* --- out --- */

static int begin(struct download *d, json_t **at, struct err *e)
{
	int rc = gateway_call(d->gateway, LINK_POST, "/api/v1/backups", NULL, at, e);

	if (rc)
		return rc;
	snprintf(d->path, sizeof d->path, "/api/v1/backups/%" PRIu64, number_at(*at, "id"));
	rc = wait_while(d->gateway, d->path, "copying", "hashing", at, e);
	if (!rc && strcmp(text_at(*at, "state"), "ready"))
		rc = err_set(e, ERR_IO, "%.300s", text_at(*at, "why"));
	d->size = number_at(*at, "size");
	return rc;
}

static int run_backup(struct cli *cli, const void *options, struct err *e)
{
	const struct options *o = options;
	struct download d = { .cli = cli, .gateway = &o->gateway, .mode = 0600 };
	json_t *at = NULL;
	const char *path;
	int rc = take_word(cli, "a file to write, or -", &path, e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (!rc)
		rc = begin(&d, &at, e);
	if (!rc)
		rc = download(&d, path, e);
	if (!rc && strcmp(path, "-"))
		cli_print_take(cli, json_pack("{s:s, s:I, s:s}", "file", path, "bytes", (json_int_t)d.at, "made_at", text_at(at, "made_at")));
	json_decref(at);
	return rc;
}

/* --- in --- */

/* Beside us in a build tree, else where it is installed. */
static void find_keeper(char *out, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", out, cap - 1);
	char *slash;

	out[n > 0 ? n : 0] = '\0';
	slash = strrchr(out, '/');
	if (slash)
		snprintf(slash, cap - (size_t)(slash - out), "/gatepost-keeper");
	if (access(out, X_OK) < 0)
		snprintf(out, cap, "%s/gatepost-keeper", GATEPOST_LIBEXECDIR);
}

static int start(const struct options *o, const char *file, int *from, pid_t *pid, struct err *e)
{
	const char *args[] = { "gatepost-keeper", o->only_check ? "-C" : "-R", file, "-c", o->config ? o->config : CONF_FILE_DEFAULT, NULL };
	char keeper[4096];
	int ends[2];

	find_keeper(keeper, sizeof keeper);
	if (access(keeper, X_OK) < 0)
		return err_set(e, ERR_USAGE, "%s: %s; a restore needs the gateway's programs", keeper, strerror(errno));
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, "pipe");
	*pid = fork();
	if (*pid == 0) {
		if (dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO)
			execv(keeper, (char *const *)(uintptr_t)args);
		_exit(127);
	}
	close(ends[1]);
	*from = ends[0];
	return *pid < 0 ? err_errno(e, "fork") : ERR_OK;
}

/* What it said on its way; it has ended then. */
static int take_said(int from, pid_t pid, json_t **said, struct err *e)
{
	AUTO(buf_free) struct buf text = BUF_INIT(SAID_MAX);
	int status, rc = io_read_all(from, &text, e);

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, "gatepost-keeper");
	if (rc)
		return rc;
	*said = text.n ? json_loadb((const char *)text.p, text.n, 0, NULL) : NULL;
	return *said ? ERR_OK : err_set(e, ERR_INTERNAL, "gatepost-keeper ended without a word (status %d)", status);
}

static int show(const struct cli *cli, json_t *said, struct err *e)
{
	int rc = ERR_OK;

	if (json_object_get(said, "problem"))
		rc = err_set(e, (enum err_code)number_at(said, "code"), "%.310s", text_at(said, "problem"));
	else if (json_array_size(json_object_get(said, "tokens_restored")) && !cli->json)
		cli_note("tokens came back with this backup, also those that were revoked after it was made: `gatepost token list`");
	if (rc)
		json_decref(said);
	else
		cli_print_take(cli, said);
	return rc;
}

static int run_restore(struct cli *cli, const void *options, struct err *e)
{
	autoclose int from = -1;
	json_t *said = NULL;
	const char *path;
	pid_t pid = -1;
	int rc = take_word(cli, "a backup", &path, e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (!rc)
		rc = start(options, path, &from, &pid, e);
	if (!rc)
		rc = take_said(from, pid, &said, e);
	return rc ? rc : show(cli, said, e);
}

const struct command backup_commands[] = {
	{ "backup", "FILE", "what this gateway knows and nobody else does, as one file; - is standard output", backup_opts, sizeof(struct options), run_backup },
	{ "restore", "FILE [-c FILE]", "a backup into the state of a stopped gateway", restore_opts, sizeof(struct options), run_restore },
	{ NULL },
};
