/* download.c: see download.h. */
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "cli/download.h"
#include "cli/publisher.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static int take_piece(struct download *d, const json_t *answer, bool is_last, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(API_BODY_MAX);
	const char *data = json_string_value(json_object_get(answer, "data"));
	int rc = base64_read(span_str(data ? data : ""), &bytes, e);

	if (!rc)
		rc = io_write_all(d->fd, buf_span(&bytes), e);
	d->at += bytes.n;
	return rc || bytes.n || is_last ? rc : err_set(e, ERR_NET, "the gateway gave no bytes, and says that more will come");
}

static int receive_all(struct download *d, struct err *e)
{
	struct progress shown = { .cli = d->cli, .what = "receiving" };
	bool is_last = false;
	int rc = ERR_OK;

	while (!rc && !is_last) {
		json_t *answer = NULL;
		char path[128];

		snprintf(path, sizeof path, "%s/data?offset=%" PRIu64, d->path, d->at);
		rc = gateway_call(d->o, LINK_GET, path, NULL, &answer, e);
		is_last = json_is_true(json_object_get(answer, "last"));
		if (!rc)
			rc = take_piece(d, answer, is_last, e);
		on_progress(&shown, d->at, is_last ? d->at : d->at < d->size ? d->size : d->at + 1);
		json_decref(answer);
	}
	return rc;
}

static int check_size(const struct download *d, struct err *e)
{
	return !d->is_size_exact || d->at == d->size ? ERR_OK :
		err_set(e, ERR_NET, "the gateway gave %" PRIu64 " bytes where it had promised %" PRIu64, d->at, d->size);
}

/* A new file takes the name: not that of a terminal, or of a link to one. */
static bool is_no_file(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

int download_open(struct download *d, const char *file, struct err *e)
{
	d->file = file;
	if (!strcmp(file, "-")) {
		d->fd = STDOUT_FILENO;
		return ERR_OK;
	}
	if (is_no_file(file))
		return err_set(e, ERR_USAGE, "%.200s is there, and no file; for standard output say -", file);
	if (strlen(file) + sizeof ".part" > sizeof d->part)
		return err_set(e, ERR_USAGE, "%.200s: too long a name", file);
	snprintf(d->part, sizeof d->part, "%s.part", file);
	d->fd = open(d->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, d->mode);
	if (d->fd < 0)
		return err_set(e, ERR_USAGE, "%s: %s", d->part, strerror(errno));
	/* It may have been there, readable by others. */
	return fchmod(d->fd, d->mode) < 0 ? err_errno(e, "%s", d->part) : ERR_OK;
}

int download_run(struct download *d, struct err *e)
{
	int rc = receive_all(d, e);

	if (!rc)
		rc = check_size(d, e);
	if (rc || !d->part[0])
		return rc;
	if (fsync(d->fd) < 0 || rename(d->part, d->file) < 0)
		return err_errno(e, "%s", d->file);
	d->part[0] = '\0';
	return io_sync_directory_of(d->file, e);
}

void download_end(struct download *d)
{
	if (d->fd < 0 || d->fd == STDOUT_FILENO)
		return;
	close(d->fd);
	if (d->part[0])
		unlink(d->part);
}
