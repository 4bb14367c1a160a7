/* landlock.c: see landlock.h. */
#include "daemon/landlock.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Every right of ABI 1 to 5; the bits go up with the ABI. */
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_REMOVE (UINT64_C(3) << 4)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_MAKE_SOCK (UINT64_C(1) << 9)
#define FS_REFER (UINT64_C(1) << 13)	/* ABI 2: rename between directories */
#define FS_TRUNCATE (UINT64_C(1) << 14)	/* ABI 3 */
#define NET_BIND_TCP (UINT64_C(1) << 0)	/* ABI 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0)	/* ABI 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

#define OF_FILES (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE)	/* what a rule on a file may name */

/* struct landlock_ruleset_attr as of ABI 6. */
struct ruleset {
	uint64_t fs, net, scoped;
};

static uint64_t handled_fs(int abi)
{
	static const unsigned bits[] = { 0, 13, 14, 15, 15, 16 };

	return (UINT64_C(1) << bits[abi < 5 ? abi : 5]) - 1;
}

static size_t ruleset_size(int abi)
{
	return abi < 4 ? 8 : abi < 6 ? 16 : 24;
}

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static uint64_t rights(const struct sandbox_path *p, bool is_dir, uint64_t handled)
{
	uint64_t r = FS_READ_FILE | FS_READ_DIR;

	if (p->access == SANDBOX_WRITE)
		r |= FS_WRITE_FILE | FS_REMOVE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK | FS_REFER | FS_TRUNCATE;
	return r & handled & (is_dir ? UINT64_MAX : OF_FILES);
}

static int add_path(int ruleset, const struct sandbox_path *p, uint64_t handled, struct err *e)
{
	autoclose int fd = open(p->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == EACCES || errno == ENOTDIR))
		return ERR_OK;	/* what is not there, or is not ours to see, needs no permission */
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "sandbox: %s", p->path);
	rule.allowed_access = rights(p, S_ISDIR(st.st_mode), handled);
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_errno(e, "sandbox: landlock rule for %s", p->path);
	return ERR_OK;
}

int landlock_enter(int abi, const struct sandbox_path *const *paths, const size_t *n, size_t lists, bool can_connect, struct err *e)
{
	struct ruleset attr = {
		.fs = handled_fs(abi),
		.net = NET_BIND_TCP | (can_connect ? 0 : NET_CONNECT_TCP),
		.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL,
	};
	autoclose int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, ruleset_size(abi), 0);
	int rc = ERR_OK;

	if (ruleset < 0)
		return err_errno(e, "sandbox: landlock ruleset");
	for (size_t i = 0; i < lists; i++)
		for (size_t j = 0; !rc && j < n[i]; j++)
			rc = add_path(ruleset, &paths[i][j], attr.fs, e);
	if (!rc && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		rc = err_errno(e, "sandbox: landlock");
	return rc;
}
