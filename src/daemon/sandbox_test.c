/* sandbox_test.c: does the sandbox refuse? Asked of this very kernel, in a child that then ends. */
#include "daemon/filter.h"
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each act returns what its call did: -1 and errno when it was refused. */
static int read_passwords(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int list_root(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int write_elsewhere(void)
{
	return open("/tmp/gatepost-sandbox-test", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static int read_parent_memory(void)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/%d/mem", getppid());
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int trace_parent(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int run_program(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static int signal_parent(void)
{
	return kill(getppid(), 0);
}

static int become_root(void)
{
	return setuid(0);
}

static int make_namespace(void)
{
	return (int)syscall(SYS_unshare, 0);
}

static int write_and_run_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int load_bpf(void)
{
	return (int)syscall(SYS_bpf, 0, NULL, 0);
}

static int open_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int bind_port(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = open_socket();

	return fd < 0 ? -1 : bind(fd, (struct sockaddr *)&any, sizeof any);
}

static int open_raw_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

enum { BY_FILTER = 1, BY_LANDLOCK = 2, BY_LANDLOCK_NET = 4, ONLY_SERVER = 8, NOT_SANITIZED = 16 };

static const struct act {
	const char *name;
	int (*commit)(void);
	unsigned when;
} acts[] = {
	{ "read /etc/passwd", read_passwords, BY_LANDLOCK },
	{ "list /", list_root, BY_LANDLOCK },
	{ "write in /tmp", write_elsewhere, BY_LANDLOCK },
	{ "read the parent's memory", read_parent_memory, BY_LANDLOCK },
	{ "bind a TCP port", bind_port, BY_LANDLOCK_NET },
	{ "open an Internet socket", open_socket, BY_FILTER | ONLY_SERVER },
	{ "open a packet socket", open_raw_socket, BY_FILTER },
	{ "trace the parent", trace_parent, BY_FILTER | NOT_SANITIZED },
	{ "run a program", run_program, BY_FILTER },
	{ "make a process", make_process, BY_FILTER | NOT_SANITIZED },
	{ "signal the parent", signal_parent, BY_FILTER },
	{ "become root", become_root, BY_FILTER },
	{ "make a namespace", make_namespace, BY_FILTER },
	{ "make memory that is written and run", write_and_run_memory, BY_FILTER | NOT_SANITIZED },
	{ "load a BPF program", load_bpf, BY_FILTER },
};
#define ACTS (sizeof acts / sizeof *acts)

static bool is_due(const struct act *a, enum sandbox_profile profile, const struct sandbox_state *s)
{
	if ((a->when & ONLY_SERVER) && profile != SANDBOX_SERVER)
		return false;
	if ((a->when & NOT_SANITIZED) && IS_SANITIZED)
		return false;
	return ((a->when & BY_FILTER) && s->seccomp) || ((a->when & BY_LANDLOCK) && s->landlock_abi >= 1) ||
	       ((a->when & BY_LANDLOCK_NET) && s->landlock_abi >= 4);
}

static bool is_refused(const struct act *a)
{
	errno = 0;
	return a->commit() < 0 && (errno == EPERM || errno == EACCES);
}

/* The exit status of the child: 0, or 1 + the act that was not refused; ACTS + 1: it did not get into the sandbox. */
static int commit_all(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n)
{
	struct sandbox_state s;

	if (sandbox_enter(profile, paths, n, &s, NULL))
		return ACTS + 1;
	for (size_t i = 0; i < ACTS; i++)
		if (is_due(&acts[i], profile, &s) && !is_refused(&acts[i]))
			return (int)i + 1;
	return 0;
}

int sandbox_self_test(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n, struct err *e)
{
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		return err_errno(e, "sandbox: fork for the self-test");
	if (pid == 0)
		_exit(commit_all(profile, paths, n));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, "sandbox: self-test");
	if (!WIFEXITED(status))
		return err_set(e, ERR_INTERNAL, "sandbox: the self-test was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 0)
		return ERR_OK;
	if (WEXITSTATUS(status) > (int)ACTS)
		return err_set(e, ERR_INTERNAL, "sandbox: the self-test could not enter it");
	return err_set(e, ERR_INTERNAL, "sandbox: this was not refused: %s", acts[WEXITSTATUS(status) - 1].name);
}
