/* io.h: whole reads and writes, and datagrams that carry file descriptors. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include "base/err.h"
#include "base/buf.h"

#include <dirent.h>
#include <sys/types.h>

/* Writes all of s, over EINTR and short writes. */
MUST_USE int io_write_all(int fd, struct span s, struct err *e);
MUST_USE int io_pwrite_all(int fd, struct span s, off_t at, struct err *e);

/* Reads exactly n bytes; ERR_CORRUPT when the file ends before. */
MUST_USE int io_pread_exact(int fd, void *out, size_t n, off_t at, struct err *e);

/* Appends the rest of fd to b; ERR_LIMIT beyond b's limit. */
MUST_USE int io_read_all(int fd, struct buf *b, struct err *e);

/* The same for a file by name (relative to dir, or AT_FDCWD). */
MUST_USE int io_read_file(int dir, const char *name, struct buf *b, struct err *e);

/* Opens a file of our own for reading: a regular one, under exactly this name. A link, a directory or a pipe there is ERR_CORRUPT, and is
 * not waited for. flags: what open(2) knows besides. */
MUST_USE int io_open_own(int dir, const char *name, int flags, int *fd, struct err *e);
/* The next read of it comes from the disk, not from what the kernel remembers of it: for who looks for rot. What was written and not synced yet,
 * or is mapped, it remembers on. What cannot be opened is left. */
void io_forget_pages(int dir, const char *name);
/* io_read_file of such a file. */
MUST_USE int io_read_own(int dir, const char *name, struct buf *b, struct err *e);

/* The next name in d but "." and "..", which lives until the next call; NULL at the end. What cannot be read is no end: readdir(3) answers both alike.
 * d's owner is named `what` in the message. */
MUST_USE int io_next_name(DIR *d, const char *what, const char **name, struct err *e);

/* A new name is on the disk only once its directory is. */
MUST_USE int io_sync_directory_of(const char *path, struct err *e);

/* A sealed memfd (SEAL, SHRINK, GROW, WRITE) that holds s. The caller closes it. */
MUST_USE int io_sealed_memfd(const char *name, struct span s, int *fd, struct err *e);

/* Datagrams over a SOCK_SEQPACKET pair. At most IO_FDS_MAX descriptors go along. */
#define IO_FDS_MAX 4

/* Sends s and nfds borrowed descriptors as one datagram. ERR_BUSY when the socket does not block and is full. */
MUST_USE int io_send_fds(int sock, struct span s, const int *fds, size_t nfds, struct err *e);

/* Receives one datagram of at most cap bytes into out. Received descriptors (close-on-exec) go to fds and are
 * the caller's; unused places are -1. ERR_BUSY: nothing there; ERR_NET: the other end is closed; ERR_LIMIT: the
 * datagram was longer than cap (it is gone, its descriptors are closed). */
MUST_USE int io_recv_fds(int sock, uint8_t *out, size_t cap, size_t *n, int fds[IO_FDS_MAX], struct err *e);

#endif
