/* download.c: see download.h. */
#include "cli/download.h"
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "cli/publisher.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 50

const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

uint64_t number_at(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

int wait_while(const struct gateway_options *g, const char *path, const char *a, const char *b, json_t **at, struct err *e)
{
	int rc = ERR_OK;

	while (!rc && (!strcmp(text_at(*at, "state"), a) || (b && !strcmp(text_at(*at, "state"), b)))) {
		nanosleep(&(struct timespec){ .tv_nsec = WAIT_MS * 1000000L }, NULL);
		json_decref(STEAL_PTR(*at));
		rc = gateway_call(g, LINK_GET, path, NULL, at, e);
	}
	return rc;
}

static int take_piece(struct download *d, const json_t *answer, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(API_BODY_MAX);
	int rc = base64_read(span_str(text_at(answer, "data")), &bytes, e);

	if (!rc)
		rc = io_write_all(d->fd, buf_span(&bytes), e);
	d->at += bytes.n;
	return rc;
}

static int receive(struct download *d, struct err *e)
{
	struct progress shown = { .cli = d->cli, .what = "receiving" };
	bool is_last = false;
	int rc = ERR_OK;

	while (!rc && !is_last) {
		json_t *answer = NULL;
		char path[128];

		snprintf(path, sizeof path, "%s/data?offset=%" PRIu64, d->path, d->at);
		rc = gateway_call(d->gateway, LINK_GET, path, NULL, &answer, e);
		if (!rc)
			rc = take_piece(d, answer, e);
		is_last = json_is_true(json_object_get(answer, "last"));
		on_progress(&shown, d->at, is_last ? d->at : d->at < d->size ? d->size : d->at + 1);
		json_decref(answer);
	}
	return rc;
}

/* The new name is durable only once its directory is. */
static int sync_parent(const char *path, struct err *e)
{
	autofree char *copy = strdup(path);
	autoclose int dir = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return dir < 0 || fsync(dir) < 0 ? err_errno(e, "%s: sync its directory", path) : ERR_OK;
}

static int receive_as(struct download *d, const char *part, const char *path, struct err *e)
{
	autoclose int fd = -1;
	int rc;

	/* A file of our own with our mode: never one that was there. */
	unlink(part);
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, d->mode);
	if (fd < 0)
		return err_set(e, ERR_USAGE, "%s: %s", part, strerror(errno));
	d->fd = fd;
	rc = receive(d, e);
	if (!rc && (fsync(fd) < 0 || rename(part, path) < 0))
		rc = err_errno(e, "%s", path);
	if (rc)
		unlink(part);
	return rc ? rc : sync_parent(path, e);
}

int download(struct download *d, const char *path, struct err *e)
{
	char part[4096];

	if (!strcmp(path, "-")) {
		d->fd = STDOUT_FILENO;
		return receive(d, e);
	}
	if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
		return err_set(e, ERR_USAGE, "%.80s…: too long a name", path);
	return receive_as(d, part, path, e);
}
