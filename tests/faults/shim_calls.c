/* shim_calls.c: see shim.h. The calls, each under every name by which programs and libraries of Debian ask for it. */
#include "tests/faults/shim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define WATCHES 4096	/* descriptors that may wait for edges */

#undef open
#undef fstat
#undef stat

/* The next one's address; the name is the wrapper's own. */
#define NEXT(name) \
	static __typeof__(&name) next; \
	if (!next) \
		next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define TRY(class, dir, path, failed) do { \
	int error_ = shim_hit(class, dir, path); \
	if (error_ && error_ != SHIM_SHORT) { /* here there is nothing to halve */ \
		errno = error_; \
		return failed; \
	} \
} while (0)

/* Files, pipes and sockets do a part of what they were asked for; an eventfd and its like do all or nothing. */
static bool does_parts(int fd)
{
	struct stat st;

	return syscall(SYS_fstat, fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

/* As TRY; SHIM_SHORT: only half of n, which is more than 1, where there can be a half. */
#define TRY_SOME(class, fd, n, is_half, failed) do { \
	int error_ = shim_hit(class, fd, NULL); \
	if (error_ == SHIM_SHORT) { \
		is_half = n > 1 && does_parts(fd); \
		n = is_half ? n / 2 : n; \
	} else if (error_) { \
		errno = error_; \
		return failed; \
	} \
} while (0)

/* --- memory --- */

/* Until dlsym has answered, which may allocate. */
static char early[65536];
static size_t early_n;
static bool is_resolving;
static void *(*next_malloc)(size_t), *(*next_calloc)(size_t, size_t), *(*next_realloc)(void *, size_t);
static void *(*next_memalign)(size_t, size_t);
static void (*next_free)(void *);

static bool is_early(const void *p)
{
	return (const char *)p >= early && (const char *)p < early + sizeof early;
}

static void *take_early(size_t n)
{
	void *p = early + early_n;

	early_n += (n + 15) & ~(size_t)15;
	if (early_n > sizeof early)
		abort();
	return p;
}

static bool resolve(void)
{
	if (next_memalign)
		return true;
	if (is_resolving)
		return false;
	is_resolving = true;
	next_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	next_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	next_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	next_memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign");
	is_resolving = false;
	return true;
}

static void *counted(void *p, uint32_t site)
{
	if (p)
		shim_block_add(p, site);
	return p;
}

/* Gives `failed`, or declares `site`. */
#define TRY_MEMORY(failed) \
	uint32_t site; \
	if (shim_hit_memory(&site)) { \
		errno = ENOMEM; \
		return failed; \
	}

/* What has moved is still what it was: a buffer that grew belongs to whoever made it. */
static void *moved(void *p, size_t n, uint32_t site)
{
	uint32_t before = p ? shim_block_remove(p) : site;
	void *fresh = next_realloc(p, n);

	shim_block_add(fresh ? fresh : p, before);
	return fresh;
}

void *malloc(size_t n)
{
	if (!resolve())
		return take_early(n);
	TRY_MEMORY(NULL);
	return counted(next_malloc(n), site);
}

void *calloc(size_t n, size_t size)
{
	if (!resolve())
		return take_early(n * size);
	TRY_MEMORY(NULL);
	return counted(next_calloc(n, size), site);
}

void *realloc(void *p, size_t n)
{
	void *fresh;

	if (is_early(p) || !resolve()) {
		fresh = malloc(n);
		return fresh && p ? memcpy(fresh, p, n) : fresh;
	}
	TRY_MEMORY(NULL);
	return moved(p, n, site);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	TRY_MEMORY(NULL);
	return resolve() ? moved(p, bytes, site) : NULL;
}

void *aligned_alloc(size_t align, size_t n)
{
	TRY_MEMORY(NULL);
	return resolve() ? counted(next_memalign(align, n), site) : NULL;
}

void *memalign(size_t align, size_t n);
void *memalign(size_t align, size_t n)
{
	TRY_MEMORY(NULL);
	return resolve() ? counted(next_memalign(align, n), site) : NULL;
}

int posix_memalign(void **out, size_t align, size_t n)
{
	void *p;
	TRY_MEMORY(ENOMEM);

	if (!resolve() || !(p = counted(next_memalign(align, n), site)))
		return ENOMEM;
	*out = p;
	return 0;
}

void free(void *p)
{
	if (!p || is_early(p) || !resolve())
		return;
	shim_block_remove(p);
	next_free(p);
}

/* --- opening --- */

static enum shim_class open_class(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) ? SHIM_OPEN_WRITE : SHIM_OPEN_READ;
}

#define MODE(flags) ({ \
	va_list args_; \
	mode_t mode_ = 0; \
	if ((flags) & (O_CREAT | O_TMPFILE)) { \
		va_start(args_, flags); \
		mode_ = va_arg(args_, mode_t); \
		va_end(args_); \
	} \
	mode_; \
})

int open(const char *path, int flags, ...)
{
	NEXT(open);
	mode_t mode = MODE(flags);

	TRY(open_class(flags), AT_FDCWD, path, -1);
	return next(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	NEXT(open64);
	mode_t mode = MODE(flags);

	TRY(open_class(flags), AT_FDCWD, path, -1);
	return next(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	NEXT(openat);
	mode_t mode = MODE(flags);

	TRY(open_class(flags), dir, path, -1);
	return next(dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
	NEXT(openat64);
	mode_t mode = MODE(flags);

	TRY(open_class(flags), dir, path, -1);
	return next(dir, path, flags, mode);
}

/* --- plain wrappers --- */

#define WRAP(type, name, params, args, class, dir, path, failed) \
type name params; \
type name params \
{ \
	NEXT(name); \
	TRY(class, dir, path, failed); \
	return next args; \
}

/* --- what opens without a mode: _FORTIFY_SOURCE's names, streams, directories --- */

static enum shim_class stream_class(const char *mode)
{
	return mode[0] == 'r' && !strchr(mode, '+') ? SHIM_OPEN_READ : SHIM_OPEN_WRITE;
}

typedef int (*filter_fn)(const struct dirent *);
typedef int (*order_fn)(const struct dirent **, const struct dirent **);
typedef int (*filter64_fn)(const struct dirent64 *);
typedef int (*order64_fn)(const struct dirent64 **, const struct dirent64 **);

WRAP(int, __open_2, (const char *path, int flags), (path, flags), open_class(flags), AT_FDCWD, path, -1)
WRAP(int, __open64_2, (const char *path, int flags), (path, flags), open_class(flags), AT_FDCWD, path, -1)
WRAP(int, __openat_2, (int dir, const char *path, int flags), (dir, path, flags), open_class(flags), dir, path, -1)
WRAP(int, __openat64_2, (int dir, const char *path, int flags), (dir, path, flags), open_class(flags), dir, path, -1)
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), stream_class(mode), AT_FDCWD, path, NULL)
WRAP(FILE *, fopen64, (const char *path, const char *mode), (path, mode), stream_class(mode), AT_FDCWD, path, NULL)
WRAP(struct group *, fgetgrent, (FILE *f), (f), SHIM_READ, -1, NULL, NULL)
WRAP(int, fflush, (FILE *f), (f), SHIM_WRITE, -1, NULL, EOF)
WRAP(DIR *, opendir, (const char *path), (path), SHIM_OPEN_READ, AT_FDCWD, path, NULL)
WRAP(DIR *, fdopendir, (int fd), (fd), SHIM_DIRECTORY, fd, NULL, NULL)
WRAP(struct dirent *, readdir, (DIR *d), (d), SHIM_DIRECTORY, dirfd(d), NULL, NULL)
WRAP(struct dirent64 *, readdir64, (DIR *d), (d), SHIM_DIRECTORY, dirfd(d), NULL, NULL)
WRAP(int, scandir, (const char *path, struct dirent ***out, filter_fn is_meant, order_fn order), (path, out, is_meant, order),
     SHIM_OPEN_READ, AT_FDCWD, path, -1)
WRAP(int, scandir64, (const char *path, struct dirent64 ***out, filter64_fn is_meant, order64_fn order), (path, out, is_meant, order),
     SHIM_OPEN_READ, AT_FDCWD, path, -1)

/* --- half of a call --- */

/* By descriptor: the last order to tell edges of it, epoll_event.events 0 when there is none. */
static struct watch { int ep; struct epoll_event event; } watches[WATCHES];

static void note_watch(int ep, int op, int fd, const struct epoll_event *e)
{
	if (fd < 0 || fd >= WATCHES)
		return;
	if (op == EPOLL_CTL_DEL || !(e->events & EPOLLET))
		watches[fd].event.events = 0;
	else
		watches[fd] = (struct watch){ ep, *e };
}

/*
 * The kernel sends or receives a part when there is no more room or nothing more there, and tells of the edge when there is again (epoll(7)): who
 * waits for edges may count on it. Half of a call has to come with the edge, then; changing an order tells it anew.
 */
static ssize_t with_edge(int fd, ssize_t done)
{
	int before = errno;

	if (fd >= 0 && fd < WATCHES && watches[fd].event.events)
		syscall(SYS_epoll_ctl, watches[fd].ep, EPOLL_CTL_MOD, fd, &watches[fd].event);
	errno = before;
	return done;
}

int epoll_ctl(int ep, int op, int fd, struct epoll_event *e);
int epoll_ctl(int ep, int op, int fd, struct epoll_event *e)
{
	NEXT(epoll_ctl);
	TRY(SHIM_EPOLL, -1, NULL, -1);
	note_watch(ep, op, fd, e);
	return next(ep, op, fd, e);
}

/* Those that take a size n. */
#define WRAP_SOME(type, name, params, args, class, fd) \
type name params; \
type name params \
{ \
	bool is_half = false; \
	NEXT(name); \
	TRY_SOME(class, fd, n, is_half, -1); \
	return is_half ? with_edge(fd, next args) : next args; \
}

WRAP_SOME(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n), SHIM_READ, fd)
WRAP_SOME(ssize_t, __read_chk, (int fd, void *p, size_t n, size_t room), (fd, p, n, room), SHIM_READ, fd)
WRAP_SOME(ssize_t, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at), SHIM_READ, fd)
WRAP_SOME(ssize_t, pread64, (int fd, void *p, size_t n, off64_t at), (fd, p, n, at), SHIM_READ, fd)
WRAP_SOME(ssize_t, __pread_chk, (int fd, void *p, size_t n, off_t at, size_t room), (fd, p, n, at, room), SHIM_READ, fd)
WRAP_SOME(ssize_t, __pread64_chk, (int fd, void *p, size_t n, off64_t at, size_t room), (fd, p, n, at, room), SHIM_READ, fd)
WRAP(ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n), SHIM_READ, fd, NULL, -1)
WRAP_SOME(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), SHIM_WRITE, fd)
WRAP_SOME(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at), SHIM_WRITE, fd)
WRAP_SOME(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at), SHIM_WRITE, fd)
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), SHIM_WRITE, fd, NULL, -1)
WRAP(int, fsync, (int fd), (fd), SHIM_SYNC, fd, NULL, -1)
WRAP(int, fdatasync, (int fd), (fd), SHIM_SYNC, fd, NULL, -1)
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), SHIM_SIZE, fd, NULL, -1)
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n), SHIM_SIZE, fd, NULL, -1)
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n), SHIM_SIZE, fd, NULL, -1)
WRAP(int, fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n), SHIM_SIZE, fd, NULL, -1)
WRAP(int, rename, (const char *from, const char *to), (from, to), SHIM_NAME, AT_FDCWD, to, -1)
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), SHIM_NAME, b, to, -1)
WRAP(int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags), SHIM_NAME, b, to, -1)
WRAP(int, link, (const char *from, const char *to), (from, to), SHIM_NAME, AT_FDCWD, to, -1)
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), SHIM_NAME, b, to, -1)
WRAP(int, unlink, (const char *path), (path), SHIM_NAME, AT_FDCWD, path, -1)
WRAP(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags), SHIM_NAME, dir, path, -1)
WRAP(int, chown, (const char *path, uid_t user, gid_t group), (path, user, group), SHIM_NAME, AT_FDCWD, path, -1)
WRAP(int, fchownat, (int dir, const char *path, uid_t user, gid_t group, int flags), (dir, path, user, group, flags), SHIM_NAME, dir, path, -1)
WRAP(int, flock, (int fd, int what), (fd, what), SHIM_LOCK, fd, NULL, -1)
WRAP(void *, mmap, (void *p, size_t n, int prot, int flags, int fd, off_t at), (p, n, prot, flags, fd, at), SHIM_MAP, fd, NULL, MAP_FAILED)
WRAP(void *, mmap64, (void *p, size_t n, int prot, int flags, int fd, off64_t at), (p, n, prot, flags, fd, at), SHIM_MAP, fd, NULL, MAP_FAILED)
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), SHIM_MAP, -1, NULL, -1)
WRAP(int, socket, (int family, int type, int protocol), (family, type, protocol), SHIM_SOCKET, -1, NULL, -1)
WRAP(int, socketpair, (int family, int type, int protocol, int out[2]), (family, type, protocol, out), SHIM_SOCKET, -1, NULL, -1)
WRAP(int, eventfd, (unsigned n, int flags), (n, flags), SHIM_SOCKET, -1, NULL, -1)
WRAP(int, pipe2, (int out[2], int flags), (out, flags), SHIM_SOCKET, -1, NULL, -1)
WRAP(int, epoll_create, (int n), (n), SHIM_SOCKET, -1, NULL, -1)
WRAP(int, epoll_create1, (int flags), (flags), SHIM_SOCKET, -1, NULL, -1)
WRAP(int, signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags), SHIM_SOCKET, -1, NULL, -1)
WRAP(int, getifaddrs, (struct ifaddrs **out), (out), SHIM_SOCKET, -1, NULL, -1)
WRAP(struct if_nameindex *, if_nameindex, (void), (), SHIM_SOCKET, -1, NULL, NULL)
WRAP(int, setsockopt, (int fd, int level, int name, const void *p, socklen_t n), (fd, level, name, p, n), SHIM_OPTION, -1, NULL, -1)
WRAP(int, getsockopt, (int fd, int level, int name, void *p, socklen_t *n), (fd, level, name, p, n), SHIM_OPTION, -1, NULL, -1)
WRAP(int, getsockname, (int fd, struct sockaddr *at, socklen_t *n), (fd, at, n), SHIM_OPTION, -1, NULL, -1)
WRAP(int, getpeername, (int fd, struct sockaddr *at, socklen_t *n), (fd, at, n), SHIM_OPTION, -1, NULL, -1)
WRAP(int, connect, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n), SHIM_CONNECT, -1, NULL, -1)
WRAP(int, bind, (int fd, const struct sockaddr *at, socklen_t n), (fd, at, n), SHIM_BIND, -1, NULL, -1)
WRAP(int, listen, (int fd, int n), (fd, n), SHIM_BIND, -1, NULL, -1)
WRAP(int, accept, (int fd, struct sockaddr *from, socklen_t *n), (fd, from, n), SHIM_ACCEPT, -1, NULL, -1)
WRAP(int, accept4, (int fd, struct sockaddr *from, socklen_t *n, int flags), (fd, from, n, flags), SHIM_ACCEPT, -1, NULL, -1)
WRAP_SOME(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags), SHIM_SEND, fd)
WRAP(ssize_t, sendto, (int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t to_n),
     (fd, p, n, flags, to, to_n), SHIM_SEND, -1, NULL, -1)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), SHIM_SEND, -1, NULL, -1)
WRAP(int, sendmmsg, (int fd, struct mmsghdr *m, unsigned n, int flags), (fd, m, n, flags), SHIM_SEND, -1, NULL, -1)
WRAP_SOME(ssize_t, sendfile, (int to, int from, off_t *at, size_t n), (to, from, at, n), SHIM_SEND, to)
WRAP_SOME(ssize_t, sendfile64, (int to, int from, off64_t *at, size_t n), (to, from, at, n), SHIM_SEND, to)
WRAP_SOME(ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags), SHIM_RECEIVE, fd)
WRAP(ssize_t, recvfrom, (int fd, void *p, size_t n, int flags, struct sockaddr *from, socklen_t *from_n),
     (fd, p, n, flags, from, from_n), SHIM_RECEIVE, -1, NULL, -1)
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), SHIM_RECEIVE, -1, NULL, -1)
WRAP(int, recvmmsg, (int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *wait), (fd, m, n, flags, wait), SHIM_RECEIVE, -1, NULL, -1)
WRAP(int, poll, (struct pollfd *p, nfds_t n, int ms), (p, n, ms), SHIM_EPOLL, -1, NULL, -1)
WRAP(int, __poll_chk, (struct pollfd *p, nfds_t n, int ms, size_t room), (p, n, ms, room), SHIM_EPOLL, -1, NULL, -1)
WRAP(int, epoll_wait, (int ep, struct epoll_event *e, int n, int ms), (ep, e, n, ms), SHIM_WAIT, -1, NULL, -1)
WRAP(int, epoll_pwait, (int ep, struct epoll_event *e, int n, int ms, const sigset_t *mask), (ep, e, n, ms, mask), SHIM_WAIT, -1, NULL, -1)
WRAP(pid_t, fork, (void), (), SHIM_PROCESS, -1, NULL, -1)
WRAP(int, execv, (const char *path, char *const args[]), (path, args), SHIM_PROCESS, AT_FDCWD, path, -1)
WRAP(int, fstat, (int fd, struct stat *st), (fd, st), SHIM_STAT, fd, NULL, -1)
WRAP(int, fstat64, (int fd, struct stat64 *st), (fd, st), SHIM_STAT, fd, NULL, -1)
WRAP(int, stat64, (const char *path, struct stat64 *st), (path, st), SHIM_STAT, AT_FDCWD, path, -1)
WRAP(int, lstat64, (const char *path, struct stat64 *st), (path, st), SHIM_STAT, AT_FDCWD, path, -1)
WRAP(int, stat, (const char *path, struct stat *st), (path, st), SHIM_STAT, AT_FDCWD, path, -1)
WRAP(int, lstat, (const char *path, struct stat *st), (path, st), SHIM_STAT, AT_FDCWD, path, -1)
WRAP(int, fstatat64, (int dir, const char *path, struct stat64 *st, int flags), (dir, path, st, flags), SHIM_STAT, dir, path, -1)
WRAP(int, fstatat, (int dir, const char *path, struct stat *st, int flags), (dir, path, st, flags), SHIM_STAT, dir, path, -1)
WRAP(int, fstatvfs, (int fd, struct statvfs *st), (fd, st), SHIM_STAT, fd, NULL, -1)
WRAP(int, fstatvfs64, (int fd, struct statvfs64 *st), (fd, st), SHIM_STAT, fd, NULL, -1)
WRAP(int, faccessat, (int dir, const char *path, int mode, int flags), (dir, path, mode, flags), SHIM_STAT, dir, path, -1)
WRAP(ssize_t, readlink, (const char *path, char *p, size_t n), (path, p, n), SHIM_STAT, AT_FDCWD, path, -1)
WRAP(int, access, (const char *path, int mode), (path, mode), SHIM_STAT, AT_FDCWD, path, -1)
WRAP(ssize_t, getrandom, (void *p, size_t n, unsigned flags), (p, n, flags), SHIM_RANDOM, -1, NULL, -1)
WRAP(int, dup2, (int from, int to), (from, to), SHIM_COPY_FD, -1, NULL, -1)

/* The kernel says EEXIST before it looks at the disk's state. */
int mkdirat(int dir, const char *path, mode_t mode)
{
	NEXT(mkdirat);

	if (syscall(SYS_faccessat, dir, path, F_OK) < 0)
		TRY(SHIM_NAME, dir, path, -1);
	return next(dir, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
	NEXT(mkdir);

	if (syscall(SYS_faccessat, AT_FDCWD, path, F_OK) < 0)
		TRY(SHIM_NAME, AT_FDCWD, path, -1);
	return next(path, mode);
}

/* --- those that return the error --- */

int posix_fallocate(int fd, off_t at, off_t n)
{
	NEXT(posix_fallocate);
	int error = shim_hit(SHIM_SIZE, fd, NULL);

	return error ? error : next(fd, at, n);
}

int pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	NEXT(pthread_create);
	int error = shim_hit(SHIM_THREAD, -1, NULL);

	return error ? error : next(out, attr, fn, arg);
}

/* --- fcntl --- */

static int before_fcntl(int fd, int what)
{
	if (what == F_DUPFD || what == F_DUPFD_CLOEXEC)
		return shim_hit(SHIM_COPY_FD, -1, NULL);
	if (what == F_SETLK)
		return shim_hit(SHIM_LOCK, fd, NULL);
	return 0;
}

#define FCNTL(name) \
int name(int fd, int what, ...) \
{ \
	NEXT(name); \
	va_list args; \
	void *arg; \
	int error = before_fcntl(fd, what); \
 \
	va_start(args, what); \
	arg = va_arg(args, void *); \
	va_end(args); \
	if (error) { \
		errno = error; \
		return -1; \
	} \
	return next(fd, what, arg); \
}

FCNTL(fcntl)
FCNTL(fcntl64)

/* --- what a sandbox is made of --- */

int prctl(int what, ...)
{
	NEXT(prctl);
	unsigned long a[4];
	va_list args;

	va_start(args, what);
	for (size_t i = 0; i < 4; i++)
		a[i] = va_arg(args, unsigned long);
	va_end(args);
	if (what == PR_SET_SECCOMP)
		TRY(SHIM_SANDBOX, -1, NULL, -1);
	return next(what, a[0], a[1], a[2], a[3]);
}

/* The question for the version is no ruleset: nothing but an old kernel refuses it. */
static bool makes_sandbox(long number, const long a[6])
{
	return (number == SYS_landlock_create_ruleset && a[0]) || number == SYS_landlock_add_rule || number == SYS_landlock_restrict_self;
}

long syscall(long number, ...)
{
	NEXT(syscall);
	long a[6];
	va_list args;

	va_start(args, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (makes_sandbox(number, a))
		TRY(SHIM_SANDBOX, -1, NULL, -1);
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
