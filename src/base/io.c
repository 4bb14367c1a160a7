/* io.c: see io.h. */
#include "base/io.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int io_write_all(int fd, struct span s, struct err *e)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "write");
		s = span_cut(s, (size_t)n, s.n);
	}
	return ERR_OK;
}

int io_pwrite_all(int fd, struct span s, off_t at, struct err *e)
{
	while (s.n > 0) {
		ssize_t n = pwrite(fd, s.p, s.n, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "write");
		s = span_cut(s, (size_t)n, s.n);
		at += n;
	}
	return ERR_OK;
}

int io_pread_exact(int fd, void *out, size_t n, off_t at, struct err *e)
{
	uint8_t *p = out;

	while (n > 0) {
		ssize_t got = pread(fd, p, n, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(e, "read");
		if (got == 0)
			return err_set(e, ERR_CORRUPT, "the file ends %zu bytes too early", n);
		p += got;
		n -= (size_t)got;
		at += got;
	}
	return ERR_OK;
}

int io_read_all(int fd, struct buf *b, struct err *e)
{
	uint8_t chunk[16384];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "read");
		if (n == 0)
			return buf_ok(b, e);
		buf_add(b, SPAN(chunk, (size_t)n));
		if (b->failed)
			return buf_ok(b, e);
	}
}

int io_read_file(int dir, const char *name, struct buf *b, struct err *e)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "%s", name);
	return io_read_all(fd, b, e) ? err_wrap(e, "%s", name) : ERR_OK;
}

int io_open_own(int dir, const char *name, int flags, int *out, struct err *e)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags);
	struct stat st;

	/* A link, a socket. */
	if (fd < 0 && (errno == ELOOP || errno == ENXIO))
		return err_set(e, ERR_CORRUPT, "%s: not a file", name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CORRUPT, "%s: not a file", name);
	*out = STEAL_FD(fd);
	return ERR_OK;
}

void io_forget_pages(int dir, const char *name)
{
	autoclose int fd = -1;

	if (io_open_own(dir, name, 0, &fd, NULL) == ERR_OK)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

int io_read_own(int dir, const char *name, struct buf *b, struct err *e)
{
	autoclose int fd = -1;
	int rc = io_open_own(dir, name, 0, &fd, e);

	if (rc)
		return rc;
	return io_read_all(fd, b, e) ? err_wrap(e, "%s", name) : ERR_OK;
}

int io_next_name(DIR *d, const char *what, const char **name, struct err *e)
{
	const struct dirent *at;

	do {
		errno = 0;
		at = readdir(d);
	} while (at && (!strcmp(at->d_name, ".") || !strcmp(at->d_name, "..")));
	if (!at && errno)
		return err_errno(e, "%s: read the directory", what);
	*name = at ? at->d_name : NULL;
	return ERR_OK;
}

int io_sync_directory_of(const char *path, struct err *e)
{
	autofree char *copy = strdup(path);
	autoclose int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	/* EINVAL: of a file system that has no such thing. */
	return fd < 0 || (fsync(fd) < 0 && errno != EINVAL) ? err_errno(e, "directory of %s", path) : ERR_OK;
}

int io_sealed_memfd(const char *name, struct span s, int *out, struct err *e)
{
	autoclose int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	if (fd < 0)
		return err_errno(e, "memfd_create");
	rc = io_write_all(fd, s, e);
	if (rc)
		return rc;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_errno(e, "seal memfd");
	*out = STEAL_FD(fd);
	return ERR_OK;
}

union fd_room {
	char room[CMSG_SPACE(sizeof(int) * IO_FDS_MAX)];
	struct cmsghdr align;
};

int io_send_fds(int sock, struct span s, const int *fds, size_t nfds, struct err *e)
{
	union fd_room room = { { 0 } };
	struct iovec iov = { (void *)(uintptr_t)s.p, s.n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (nfds > 0) {
		struct cmsghdr *c = &room.align;

		msg.msg_control = room.room;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return ERR_OK;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return err_set(e, ERR_BUSY, "the other process does not keep up");
	if (errno == EPIPE || errno == ECONNRESET)
		return err_set(e, ERR_NET, "the other process is gone");
	return err_errno(e, "sendmsg");
}

static void take_fds(struct msghdr *msg, int fds[IO_FDS_MAX])
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	for (size_t i = 0; i < IO_FDS_MAX; i++)
		fds[i] = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
}

int io_recv_fds(int sock, uint8_t *out, size_t cap, size_t *n, int fds[IO_FDS_MAX], struct err *e)
{
	union fd_room room;
	struct iovec iov = { out, cap };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room.room, .msg_controllen = sizeof room.room };
	ssize_t got;

	do
		got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return err_set(e, ERR_BUSY, "nothing to receive");
	if (got < 0 && errno == ECONNRESET)
		return err_set(e, ERR_NET, "the other process is gone");
	if (got < 0)
		return err_errno(e, "recvmsg");
	take_fds(&msg, fds);
	if (got == 0)
		return err_set(e, ERR_NET, "the other process is gone");
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < IO_FDS_MAX; i++)
			cleanup_close(&fds[i]);
		return err_set(e, ERR_LIMIT, "a datagram of more than %zu bytes", cap);
	}
	*n = (size_t)got;
	return ERR_OK;
}
