/* filter.c: see filter.h. */
#include "daemon/filter.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/limits.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM_MAX (BPF_MAXINSNS * sizeof(struct sock_filter))	/* what the kernel takes */

/* What glibc, libuv, the loops and the log need. Names that an architecture lacks are passed over. */
static const char *const common[] = {
	/* memory, threads, time */
	"brk", "munmap", "mremap", "madvise", "membarrier", "futex", "futex_time64", "set_robust_list", "rseq", "exit", "exit_group",
	"sched_yield", "sched_getaffinity", "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64",
	"clock_nanosleep", "clock_nanosleep_time64", "nanosleep", "gettimeofday", "time", "adjtimex", "clock_adjtime", "clock_adjtime64",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack", "restart_syscall", "tgkill",
	"getpid", "gettid", "getppid", "getuid", "getuid32", "geteuid", "geteuid32", "getgid", "getgid32", "getegid", "getegid32",
	"getrandom", "uname", "sysinfo", "getrlimit", "ugetrlimit", "prlimit64", "getrusage", "set_tid_address", "get_robust_list",
	/* descriptors */
	"read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "close", "close_range", "lseek", "_llseek",
	"dup", "dup2", "dup3", "fcntl", "fcntl64", "fstat", "fstat64", "newfstatat", "fstatat64", "stat", "stat64", "lstat", "lstat64",
	"statx", "fstatfs", "fstatfs64", "statfs", "statfs64", "open", "openat", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
	"getdents", "getdents64", "getcwd", "pipe", "pipe2", "eventfd2", "memfd_create", "ftruncate", "ftruncate64", "fadvise64",
	"fadvise64_64", "arm_fadvise64_64", "sendfile", "sendfile64",
	/* waiting */
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "ppoll_time64", "select",
	"_newselect", "pselect6", "pselect6_time64", "timerfd_create", "timerfd_settime", "timerfd_settime64",
	/* sockets that are there */
	"accept", "accept4", "recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64", "send", "sendto", "sendmsg", "sendmmsg",
	"getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown", "socketpair", "bind",
};

/* The keeper writes its state, dials out, and listens on the control socket. */
static const char *const keeper[] = {
	"mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "fsync", "fdatasync",
	"sync_file_range", "sync_file_range2", "arm_sync_file_range", "fallocate", "flock", "chmod", "fchmod", "fchmodat", "chown", "fchown",
	"fchown32", "fchownat", "utimensat", "utimensat_time64", "umask", "truncate", "truncate64", "copy_file_range", "readahead",
	"ioprio_get", "ioprio_set", "connect", "listen",
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static int allow(scmp_filter_ctx f, const char *const *names, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);

		if (nr != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);
		if (rc == -EDOM)
			rc = 0;	/* not on this architecture */
	}
	return rc;
}

/* One argument must have this value. */
static int allow_value(scmp_filter_ctx f, int nr, unsigned arg, uint64_t value)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1, SCMP_CMP64(arg, SCMP_CMP_EQ, value));
}

/* Of the bits in mask exactly these. */
static int allow_bits(scmp_filter_ctx f, int nr, unsigned arg, uint64_t mask, uint64_t bits)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1, SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, bits));
}

/* Memory is for writing or for running, never both. */
static int allow_memory(scmp_filter_ctx f)
{
	static const uint64_t fine[] = { 0, PROT_WRITE, PROT_EXEC };
	const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect) };
	int rc = 0;

	for (size_t i = 0; i < COUNT(calls); i++)
		for (size_t j = 0; j < COUNT(fine) && rc == 0; j++)
			rc = allow_bits(f, calls[i], 2, PROT_WRITE | PROT_EXEC, fine[j]);
	return rc;
}

/* Threads, no processes. clone3 hides its flags behind a pointer: glibc falls back to clone when it is "not there". */
static int allow_threads(scmp_filter_ctx f)
{
	int rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	if (rc == 0)
		rc = allow_bits(f, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
	return rc;
}

static int allow_controls(scmp_filter_ctx f)
{
	static const uint64_t ioctls[] = { FIONBIO, FIONREAD, FIOCLEX, TCGETS, TIOCGWINSZ, SIOCGIFNAME };
	static const uint64_t prctls[] = { PR_SET_NAME, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP };
	int rc = 0;

	for (size_t i = 0; i < COUNT(ioctls) && rc == 0; i++)
		rc = allow_value(f, SCMP_SYS(ioctl), 1, ioctls[i]);
	for (size_t i = 0; i < COUNT(prctls) && rc == 0; i++)
		rc = allow_value(f, SCMP_SYS(prctl), 0, prctls[i]);
	return rc;
}

static int allow_sockets(scmp_filter_ctx f, enum sandbox_profile profile)
{
	static const uint64_t families[] = { AF_NETLINK, AF_UNIX, AF_INET, AF_INET6 };	/* the server: the first */
	size_t n = profile == SANDBOX_SERVER ? 1 : COUNT(families);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = allow_value(f, SCMP_SYS(socket), 0, families[i]);
	return rc;
}

static int allow_sanitizers(scmp_filter_ctx f)
{
	static const char *const calls[] = { "clone", "ptrace", "wait4", "prctl", "mincore", "personality", "process_vm_readv", "mprotect", "mmap", "ioctl" };

	return IS_SANITIZED ? allow(f, calls, COUNT(calls)) : 0;
}

static int fill(scmp_filter_ctx f, enum sandbox_profile profile)
{
	int rc = allow(f, common, COUNT(common));

	if (rc == 0 && profile == SANDBOX_KEEPER)
		rc = allow(f, keeper, COUNT(keeper));
	if (rc == 0)
		rc = allow_memory(f);
	if (rc == 0)
		rc = allow_threads(f);
	if (rc == 0)
		rc = allow_controls(f);
	if (rc == 0)
		rc = allow_sockets(f, profile);
	return rc ? rc : allow_sanitizers(f);
}

/* --- the program --- */

/* A process that libseccomp does not let go of ends, and so does one that nobody waits for any more. */
static bool bound_process(pid_t parent)
{
	struct rlimit cpu = { FILTER_CPU_S, FILTER_CPU_S };

	return setrlimit(RLIMIT_CPU, &cpu) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
}

/* In a process of its own: without memory libseccomp damages the heap, and may then run for ever (2.5.4). Its exit status. */
static int make_program(enum sandbox_profile profile, int fd, pid_t parent)
{
	scmp_filter_ctx f = bound_process(parent) ? seccomp_init(SCMP_ACT_ERRNO(EPERM)) : NULL;
	int rc = f ? fill(f, profile) : -ENOMEM;

	return rc == 0 && seccomp_export_bpf(f, fd) == 0 ? 0 : 1;
}

static int wait_for(pid_t pid, struct err *e)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, "sandbox: waitpid");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ERR_OK : err_set(e, ERR_MEMORY, "sandbox: no memory for a filter");
}

static int get_program(enum sandbox_profile profile, struct buf *out, struct err *e)
{
	autoclose int fd = memfd_create("filter", MFD_CLOEXEC);
	pid_t parent = getpid(), pid = fd < 0 ? -1 : fork();
	int rc;

	if (pid < 0)
		return err_errno(e, "sandbox: a process for the filter");
	if (pid == 0)
		_exit(make_program(profile, fd, parent));
	rc = wait_for(pid, e);
	if (!rc && lseek(fd, 0, SEEK_SET) < 0)
		rc = err_errno(e, "sandbox: memfd");
	return rc ? rc : io_read_all(fd, out, e);
}

static int load(struct span program, struct err *e)
{
	struct sock_fprog p = { .len = (unsigned short)(program.n / sizeof(struct sock_filter)), .filter = (struct sock_filter *)(uintptr_t)program.p };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p, 0, 0) < 0 ? err_errno(e, "sandbox: seccomp") : ERR_OK;
}

/* Made twice: without memory libseccomp also says that it succeeded, and leaves something out. */
int filter_enter(enum sandbox_profile profile, bool *entered, struct err *e)
{
	AUTO(buf_free) struct buf one = BUF_INIT(PROGRAM_MAX), two = BUF_INIT(PROGRAM_MAX);
	int rc;

	*entered = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
	if (!*entered)
		return ERR_OK;
	rc = get_program(profile, &one, e);
	if (!rc)
		rc = get_program(profile, &two, e);
	if (!rc && !span_eq(buf_span(&one), buf_span(&two)))
		rc = err_set(e, ERR_MEMORY, "sandbox: no memory for a filter");
	return rc ? rc : load(buf_span(&one), e);
}
