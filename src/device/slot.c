/* slot.c: see slot.h. */
#include "device/slot.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char *with(const char *path, const char *suffix)
{
	char *s = NULL;

	return asprintf(&s, "%s%s", path, suffix) < 0 ? NULL : s;
}

int slot_init(struct slot *s, const char *image, const char *state, struct err *e)
{
	*s = (struct slot){ .fd = -1 };
	s->image = with(image, "");
	s->slot = with(image, ".slot");
	s->state = state ? with(state, "") : with(image, ".state");
	return s->image && s->slot && s->state ? ERR_OK : err_set(e, ERR_MEMORY, "no memory");
}

void slot_fini(struct slot *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->image);
	free(s->slot);
	free(s->state);
	*s = (struct slot){ .fd = -1 };
}

static int open_slot(struct slot *s, int more, struct err *e)
{
	if (s->fd >= 0)
		return ERR_OK;
	s->fd = open(s->slot, O_RDWR | O_CLOEXEC | more, 0644);
	return s->fd < 0 ? err_errno(e, "%s", s->slot) : ERR_OK;
}

int slot_write(struct slot *s, uint32_t at, struct span data, struct err *e)
{
	int rc = open_slot(s, O_CREAT, e);

	if (rc != ERR_OK)
		return rc;
	if (at == 0 && ftruncate(s->fd, 0) < 0)
		return err_errno(e, "%s", s->slot);
	return io_pwrite_all(s->fd, data, (off_t)at, e);
}

int slot_read(struct slot *s, uint32_t at, uint8_t *out, size_t n, struct err *e)
{
	int rc = open_slot(s, 0, e);

	return rc == ERR_OK ? io_pread_exact(s->fd, out, n, (off_t)at, e) : rc;
}

int slot_load_state(struct slot *s, uint8_t state[GPD_STATE_LEN], struct err *e)
{
	autoclose int fd = open(s->state, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "%s", s->state);
	return io_pread_exact(fd, state, GPD_STATE_LEN, 0, e);
}

/* fd is a new file under the name `from`, written. */
static int replace(int fd, const char *from, const char *to, struct err *e)
{
	if (fsync(fd) < 0 || rename(from, to) < 0)
		return err_errno(e, "%s", to);
	return io_sync_directory_of(to, e);
}

int slot_save_state(struct slot *s, const uint8_t state[GPD_STATE_LEN], struct err *e)
{
	autofree char *name = with(s->state, ".new");
	autoclose int fd = name ? open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	int rc;

	if (fd < 0)
		return err_errno(e, "%s.new", s->state);
	/* The state speaks of bytes in the slot: they go first. */
	if (s->fd >= 0 && fdatasync(s->fd) < 0)
		return err_errno(e, "%s", s->slot);
	rc = io_write_all(fd, SPAN(state, GPD_STATE_LEN), e);
	return rc == ERR_OK ? replace(fd, name, s->state, e) : rc;
}

static int copy(struct slot *s, int to, uint32_t size, struct err *e)
{
	uint8_t piece[65536];
	int rc = ERR_OK;

	for (uint32_t at = 0; rc == ERR_OK && at < size;) {
		size_t n = size - at < sizeof piece ? size - at : sizeof piece;

		rc = slot_read(s, at, piece, n, e);
		if (rc == ERR_OK)
			rc = io_write_all(to, SPAN(piece, n), e);
		at += (uint32_t)n;
	}
	return rc;
}

/* A copy, so that the slot still holds the image when this has to be done again after a cut. */
int slot_install(struct slot *s, uint32_t size, struct err *e)
{
	autofree char *name = with(s->image, ".new");
	autoclose int fd = name ? open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
	int rc;

	if (fd < 0)
		return err_errno(e, "%s.new", s->image);
	rc = copy(s, fd, size, e);
	return rc == ERR_OK ? replace(fd, name, s->image, e) : rc;
}
