/* recorder.c: preloaded into the daemon's programs: writes down everything that changes files, in one order for all processes.
 *
 * RECORD_FILE is the log: zeros, mapped by every process before it enters its sandbox, so that no call is needed to write to it.
 * RECORD_DIR is a directory on the file system that is watched; what lies on others (memfds, pipes) is left out. A call and its
 * record are one step under a lock, so the order of the records is the order of the effects; of a failed call there is none.
 *
 *	log    = lock:4 0:4 used:8 ahead_ms:8 free:8 record…       used counts from the log's start, so whoever makes the log sets it to 32
 *	record = length:4 op:1 process:1 text_n:2 ino:8 a:8 b:8 text bytes…, padded to 8
 *	         ino, a, b: WRITE file, offset, length; ALLOCATE file, offset, length; TRUNCATE file, size; SYNC file, 1 for its data
 *	         alone, text: who called, of the daemon; CREATE, MKDIR, UNLINK directory, what the name is of; RENAME, LINK directory, other directory, file
 *
 * An inode's number may be used again: CREATE and MKDIR begin a new file. A SENT record stands before what it tells of leaves: at
 * it, everything that the answer acknowledges must have been made durable. So does a TOLD record, before a catalog goes to the
 * server. Whoever records can let ten minutes pass at once (ahead_ms is added to the wall clock), and fill the disk (free, unless 0, is
 * how many bytes it has left).
 *
 * Ways to change a file that no program of the daemon uses (a mapping, copies in the kernel) end it, so that none is missed.
 *
 * Calls are met under the names by which the programs, SQLite, libuv and libmicrohttpd of Debian ask for them. */
#include "catalog/link.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#undef open
#undef fstat

enum op { OP_CREATE = 1, OP_TRUNCATE, OP_WRITE, OP_ALLOCATE, OP_SYNC, OP_MKDIR, OP_RENAME, OP_LINK, OP_UNLINK, OP_SENT, OP_TOLD };

struct log {
	uint32_t lock, zero;
	uint64_t used;
	int64_t ahead_ms;
	uint64_t free_bytes;
};

struct record {
	uint32_t length;
	uint8_t op, process;
	uint16_t text_n;
	uint64_t ino, a, b;
};

static struct log *all;
static size_t room;
static dev_t device;
static uint8_t process;		/* the letter after "gatepost-", or 'd'; 'm': meddle.c */

/* The next one's address; the name is the wrapper's own. */
#define NEXT(name) \
	static __typeof__(&name) next; \
	if (!next) \
		next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* --- the log --- */

static void lock(void)
{
	while (all && __atomic_exchange_n(&all->lock, 1, __ATOMIC_ACQUIRE))
		syscall(SYS_sched_yield);
}

static void unlock(void)
{
	if (all)
		__atomic_store_n(&all->lock, 0, __ATOMIC_RELEASE);
}

static uint8_t *put(uint8_t *at, const void *p, size_t n)
{
	if (n)
		memcpy(at, p, n);
	return at + n;
}

/* With the lock. A full log is no log: the run ends here. */
static void note(enum op op, uint64_t ino, uint64_t a, uint64_t b, const char *text, const struct iovec *v, int v_n, size_t bytes)
{
	size_t text_n = text ? strlen(text) : 0, length = (sizeof(struct record) + text_n + bytes + 7) & ~(size_t)7;
	struct record r = { (uint32_t)length, (uint8_t)op, process, (uint16_t)text_n, ino, a, b };
	uint8_t *at = (uint8_t *)all + all->used;

	if (all->used + length > room)
		abort();
	at = put(put(at, &r, sizeof r), text, text_n);
	for (int i = 0; i < v_n && bytes; i++) {
		size_t n = v[i].iov_len < bytes ? v[i].iov_len : bytes;

		at = put(at, v[i].iov_base, n);
		bytes -= n;
	}
	__atomic_store_n(&all->used, all->used + length, __ATOMIC_RELEASE);
}

/* --- files and names --- */

/* 0: nothing that is watched. */
static uint64_t ino_of(int fd)
{
	struct stat st;

	if (!all || syscall(SYS_fstat, fd, &st) < 0 || st.st_dev != device || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return 0;
	return st.st_ino;
}

struct where {
	uint64_t dir, ino;	/* ino 0: there is nothing of that name */
	const char *name;
};

static uint64_t ino_at(int dir, const char *path, dev_t *dev)
{
	struct stat st;

	if (syscall(SYS_newfstatat, dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	*dev = st.st_dev;
	return st.st_ino;
}

static struct where where(int dir, const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[4096] = ".";
	struct where w = { .name = slash ? slash + 1 : path };
	dev_t dev = 0, unused;

	if (slash)
		snprintf(parent, sizeof parent, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	w.dir = ino_at(dir, parent, &dev);
	w.dir = dev == device ? w.dir : 0;
	w.ino = ino_at(dir, path, &unused);
	return w;
}

static void note_name(enum op op, const struct where *w, uint64_t ino)
{
	if (w->dir)
		note(op, w->dir, ino, 0, w->name, NULL, 0, 0);
}

/* "from/to" in one text: no name has a slash. */
static void note_names(enum op op, const struct where *from, const struct where *to)
{
	char both[600];

	snprintf(both, sizeof both, "%s/%s", from->name, to->name);
	if (from->dir || to->dir)
		note(op, from->dir, to->dir, from->ino, both, NULL, 0, 0);
}

/* --- open --- */

static int opened(int dir, const char *path, int flags, int fd, const struct where *before)
{
	struct stat st;

	if (fd < 0 || syscall(SYS_fstat, fd, &st) < 0 || st.st_dev != device)
		return fd;
	if ((flags & O_CREAT) && before->ino == 0) {
		struct where now = where(dir, path);

		note_name(OP_CREATE, &now, now.ino);
	} else if ((flags & O_TRUNC) && S_ISREG(st.st_mode)) {
		note(OP_TRUNCATE, st.st_ino, 0, 0, NULL, NULL, 0, 0);
	}
	return fd;
}

static int do_open(int dir, const char *path, int flags, mode_t mode)
{
	bool changes = all && (flags & (O_CREAT | O_TRUNC));
	struct where before = { .ino = 0 };
	int fd;

	if (!changes)
		return (int)syscall(SYS_openat, dir, path, flags, mode);
	lock();
	before = where(dir, path);
	fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	if (fd >= 0)
		opened(dir, path, flags, fd, &before);
	unlock();
	return fd;
}

#define MODE(flags, last) mode_t mode = 0; \
	if ((flags) & O_CREAT) { \
		va_list more; \
		va_start(more, last); \
		mode = va_arg(more, mode_t); \
		va_end(more); \
	}

int open(const char *path, int flags, ...) { MODE(flags, flags) return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, flags) return do_open(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags, flags) return do_open(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags, flags) return do_open(dir, path, flags, mode); }
int __open_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
int __openat_2(int dir, const char *path, int flags) { return do_open(dir, path, flags, 0); }
int __openat64_2(int dir, const char *path, int flags) { return do_open(dir, path, flags, 0); }

/* --- content --- */

static ssize_t wrote(uint64_t ino, int64_t at, const struct iovec *v, int n, ssize_t done)
{
	if (done > 0)
		note(OP_WRITE, ino, (uint64_t)at, (uint64_t)done, NULL, v, n, (size_t)done);
	return done;
}

static ssize_t write_at(int fd, const struct iovec *v, int n, int64_t at)
{
	uint64_t ino = ino_of(fd);
	ssize_t done;

	if (!ino)
		return syscall(SYS_pwritev, fd, v, n, at, 0);
	lock();
	done = wrote(ino, at, v, n, syscall(SYS_pwritev, fd, v, n, at, 0));
	unlock();
	return done;
}

static void note_sent(int fd);

static ssize_t write_on(int fd, const struct iovec *v, int n)
{
	uint64_t ino = ino_of(fd);
	ssize_t done;
	int64_t at;

	if (!ino) {
		note_sent(fd);
		return syscall(SYS_writev, fd, v, n);
	}
	lock();
	done = syscall(SYS_writev, fd, v, n);
	at = syscall(SYS_lseek, fd, 0, SEEK_CUR) - done;
	wrote(ino, at, v, n, done);
	unlock();
	return done;
}

static struct iovec one(const void *p, size_t n)
{
	return (struct iovec){ (void *)(uintptr_t)p, n };
}

ssize_t write(int fd, const void *p, size_t n) { struct iovec v = one(p, n); return write_on(fd, &v, 1); }
ssize_t writev(int fd, const struct iovec *v, int n) { return write_on(fd, v, n); }
ssize_t pwrite(int fd, const void *p, size_t n, off_t at) { struct iovec v = one(p, n); return write_at(fd, &v, 1, at); }
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) { struct iovec v = one(p, n); return write_at(fd, &v, 1, at); }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) { return write_at(fd, v, n, at); }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) { return write_at(fd, v, n, at); }

static int do_truncate(int fd, int64_t size)
{
	uint64_t ino = ino_of(fd);
	int rc;

	lock();
	rc = (int)syscall(SYS_ftruncate, fd, size);
	if (rc == 0 && ino)
		note(OP_TRUNCATE, ino, (uint64_t)size, 0, NULL, NULL, 0, 0);
	unlock();
	return rc;
}

int ftruncate(int fd, off_t size) { return do_truncate(fd, size); }
int ftruncate64(int fd, off64_t size) { return do_truncate(fd, size); }

int posix_fallocate(int fd, off_t at, off_t n)
{
	NEXT(posix_fallocate);
	uint64_t ino = ino_of(fd);
	int rc;

	lock();
	rc = next(fd, at, n);
	if (rc == 0 && ino)
		note(OP_ALLOCATE, ino, (uint64_t)at, (uint64_t)n, NULL, NULL, 0, 0);
	unlock();
	return rc;
}

int posix_fallocate64(int fd, off64_t at, off64_t n) { return posix_fallocate(fd, at, n); }

/* Which program or library, and where in it. */
static void name_caller(void *from, char *out, size_t cap)
{
	Dl_info info = { .dli_fname = "" };
	const char *slash;

	if (!dladdr(from, &info))
		info.dli_fbase = NULL;
	slash = strrchr(info.dli_fname, '/');
	snprintf(out, cap, "%s+0x%zx", slash ? slash + 1 : info.dli_fname, (size_t)((char *)from - (char *)info.dli_fbase));
}

static int do_sync(int fd, long nr, uint64_t is_data, void *from)
{
	uint64_t ino = ino_of(fd);
	char caller[128] = "";
	int rc;

	if (ino && process != 'm')
		name_caller(from, caller, sizeof caller);
	lock();
	rc = (int)syscall(nr, fd);
	if (rc == 0 && ino)
		note(OP_SYNC, ino, is_data, 0, caller, NULL, 0, 0);
	unlock();
	return rc;
}

int fsync(int fd) { return do_sync(fd, SYS_fsync, 0, __builtin_return_address(0)); }
int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync, 1, __builtin_return_address(0)); }

/* --- what nobody does, so that nothing escapes --- */

/* With the log open: whoever changes files in these ways is not seen, so it ends here. */
static void refuse_unseen(int fd)
{
	if (ino_of(fd))
		abort();
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	NEXT(mmap);

	if (fd >= 0 && (prot & PROT_WRITE) && (flags & MAP_TYPE) != MAP_PRIVATE)
		refuse_unseen(fd);
	return next(at, n, prot, flags, fd, from);
}

void *mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t from) { return mmap(at, n, prot, flags, fd, from); }

int fallocate(int fd, int mode, off_t at, off_t n)
{
	refuse_unseen(fd);
	return (int)syscall(SYS_fallocate, fd, mode, at, n);
}

int fallocate64(int fd, int mode, off64_t at, off64_t n) { return fallocate(fd, mode, at, n); }

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t n, unsigned flags)
{
	refuse_unseen(to);
	return syscall(SYS_copy_file_range, from, from_at, to, to_at, n, flags);
}

ssize_t sendfile(int to, int from, off_t *at, size_t n)
{
	refuse_unseen(to);
	return syscall(SYS_sendfile, to, from, at, n);
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t n) { return sendfile(to, from, at, n); }

ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t n, unsigned flags)
{
	refuse_unseen(to);
	return syscall(SYS_splice, from, from_at, to, to_at, n, flags);
}

ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
	refuse_unseen(fd);
	return syscall(SYS_pwritev2, fd, v, n, at, 0, flags);
}

int truncate(const char *path, off_t size)
{
	if (all)
		abort();
	return (int)syscall(SYS_truncate, path, size);
}

int truncate64(const char *path, off64_t size) { return truncate(path, size); }

/* --- names --- */

static int do_rename(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	struct where a, b;
	int rc;

	lock();
	a = where(from_dir, from);
	b = where(to_dir, to);
	rc = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	if (rc == 0 && all)
		note_names(OP_RENAME, &a, &b);
	unlock();
	return rc;
}

int rename(const char *from, const char *to) { return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int fd, const char *from, int td, const char *to) { return do_rename(fd, from, td, to, 0); }
int renameat2(int fd, const char *from, int td, const char *to, unsigned flags) { return do_rename(fd, from, td, to, flags); }

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	struct where a, b;
	int rc;

	lock();
	a = where(from_dir, from);
	b = where(to_dir, to);
	rc = (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
	if (rc == 0 && all)
		note_names(OP_LINK, &a, &b);
	unlock();
	return rc;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int dir, const char *path, int flags)
{
	struct where w;
	int rc;

	lock();
	w = where(dir, path);
	rc = (int)syscall(SYS_unlinkat, dir, path, flags);
	if (rc == 0 && all)
		note_name(OP_UNLINK, &w, w.ino);
	unlock();
	return rc;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int dir, const char *path, mode_t mode)
{
	struct where w;
	int rc;

	lock();
	rc = (int)syscall(SYS_mkdirat, dir, path, mode);
	if (rc == 0 && all) {
		w = where(dir, path);
		note_name(OP_MKDIR, &w, w.ino);
	}
	unlock();
	return rc;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* --- answers --- */

/* The control socket's own name is how the keeper's end of a connection is known; a pair has none. */
static bool is_answering(int fd)
{
	struct sockaddr_un at = { .sun_family = AF_UNSPEC };
	struct sockaddr_storage peer;
	socklen_t n = sizeof peer, at_n = sizeof at;

	if (process == 's')
		return syscall(SYS_getpeername, fd, &peer, &n) == 0 && peer.ss_family != AF_UNIX;
	return process == 'k' && syscall(SYS_getsockname, fd, &at, &at_n) == 0 && at.sun_family == AF_UNIX &&
	       at_n > offsetof(struct sockaddr_un, sun_path);
}

/* Of the server, to devices and operators; of the keeper, to whoever speaks to it on this host. */
static void note_sent(int fd)
{
	int before = errno;

	if (all && is_answering(fd)) {
		lock();
		note(OP_SENT, 0, 0, 0, NULL, NULL, 0, 0);
		unlock();
	}
	errno = before;
}

/* A catalog, from the keeper: devices may be told of it from here on. */
static void note_told(int fd, const struct msghdr *m)
{
	if (!all || process != 'k' || fd != SUP_FD || m->msg_controllen == 0)
		return;
	lock();
	note(OP_TOLD, 0, 0, 0, NULL, NULL, 0, 0);
	unlock();
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	note_sent(fd);
	return syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	note_sent(fd);
	note_told(fd, m);
	return syscall(SYS_sendmsg, fd, m, flags);
}

/* Only CoAP answers go out many at a time. */
int sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	if (all && process == 's') {
		lock();
		note(OP_SENT, 0, 0, 0, NULL, NULL, 0, 0);
		unlock();
	}
	return (int)syscall(SYS_sendmmsg, fd, m, n, flags);
}

/* --- time --- */

int clock_gettime(clockid_t which, struct timespec *t)
{
	NEXT(clock_gettime);
	int rc = next(which, t);

	if (rc == 0 && all && which == CLOCK_REALTIME)
		t->tv_sec += __atomic_load_n(&all->ahead_ms, __ATOMIC_RELAXED) / 1000;
	return rc;
}

/* --- room --- */

int fstatvfs(int fd, struct statvfs *s)
{
	NEXT(fstatvfs);
	int rc = next(fd, s);
	uint64_t left = rc == 0 && all ? __atomic_load_n(&all->free_bytes, __ATOMIC_RELAXED) : 0;

	if (left)
		s->f_bavail = s->f_bfree = left / s->f_frsize;
	return rc;
}

/* --- start --- */

/* 0: a program that is not recorded. */
static uint8_t letter_of(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	if (strcmp(name, "meddle") == 0)
		return 'm';
	if (strncmp(name, "gatepost", 8))
		return 0;
	return name[8] == '-' ? (uint8_t)name[9] : 'd';
}

static __attribute__((constructor)) void begin(int argc, char **argv)
{
	const char *file = getenv("RECORD_FILE"), *dir = getenv("RECORD_DIR");
	struct stat st;
	void *at;
	int fd;

	process = letter_of(argc > 0 ? argv[0] : "");
	if (!file || !dir || !process || stat(dir, &st) < 0)
		return;
	device = st.st_dev;
	fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_fstat, fd, &st) < 0)
		abort();
	room = (size_t)st.st_size;
	at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		abort();
	close(fd);
	all = at;
}
