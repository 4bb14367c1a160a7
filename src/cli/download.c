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

static int take_piece(struct download *d, int fd, const json_t *answer, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(API_BODY_MAX);
	const char *data = json_string_value(json_object_get(answer, "data"));
	int rc = base64_read(span_str(data ? data : ""), &bytes, e);

	if (!rc)
		rc = io_write_all(fd, buf_span(&bytes), e);
	d->at += bytes.n;
	return rc;
}

static int receive_all(struct download *d, int fd, struct err *e)
{
	struct progress shown = { .cli = d->cli, .what = "receiving" };
	bool is_last = false;
	int rc = ERR_OK;

	while (!rc && !is_last) {
		json_t *answer = NULL;
		char path[128];

		snprintf(path, sizeof path, "%s/data?offset=%" PRIu64, d->path, d->at);
		rc = gateway_call(d->o, LINK_GET, path, NULL, &answer, e);
		if (!rc)
			rc = take_piece(d, fd, answer, e);
		is_last = json_is_true(json_object_get(answer, "last"));
		on_progress(&shown, d->at, is_last ? d->at : d->at < d->size ? d->size : d->at + 1);
		json_decref(answer);
	}
	return rc;
}

/* A new file takes the name: not that of a terminal, or of a link to one. */
static bool is_no_file(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

int download_file(struct download *d, const char *path, struct err *e)
{
	autoclose int fd = -1;
	char part[4096];
	int rc;

	if (!strcmp(path, "-"))
		return receive_all(d, STDOUT_FILENO, e);
	if (is_no_file(path))
		return err_set(e, ERR_USAGE, "%.200s is there, and no file; for standard output say -", path);
	if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
		return err_set(e, ERR_USAGE, "%.200s: too long a name", path);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, d->mode);
	if (fd < 0)
		return err_set(e, ERR_USAGE, "%s: %s", part, strerror(errno));
	/* It may have been there, readable by others. */
	rc = fchmod(fd, d->mode) < 0 ? err_errno(e, "%s", part) : receive_all(d, fd, e);
	if (!rc && (fsync(fd) < 0 || rename(part, path) < 0))
		rc = err_errno(e, "%s", path);
	if (rc)
		unlink(part);
	return rc ? rc : io_sync_directory_of(path, e);
}
