/* sandbox.c: see sandbox.h. */
#include "daemon/sandbox.h"
#include "daemon/filter.h"
#include "daemon/landlock.h"

#include <sys/prctl.h>

/* Name resolution, TLS roots, time zones, and what a C library looks at now and then. */
static const struct sandbox_path keeper_paths[] = {
	{ "/etc/resolv.conf", SANDBOX_READ }, { "/etc/hosts", SANDBOX_READ }, { "/etc/nsswitch.conf", SANDBOX_READ },
	{ "/etc/gai.conf", SANDBOX_READ }, { "/etc/host.conf", SANDBOX_READ }, { "/etc/services", SANDBOX_READ },
	{ "/etc/ssl", SANDBOX_READ }, { "/etc/ca-certificates", SANDBOX_READ }, { "/etc/localtime", SANDBOX_READ },
	{ "/etc/ld.so.cache", SANDBOX_READ }, { "/run/systemd/resolve", SANDBOX_READ }, { "/run/resolvconf", SANDBOX_READ },
	{ "/run/NetworkManager/resolv.conf", SANDBOX_READ }, { "/lib", SANDBOX_READ }, { "/usr/lib", SANDBOX_READ },
	{ "/usr/share/ca-certificates", SANDBOX_READ }, { "/usr/local/share/ca-certificates", SANDBOX_READ },
	{ "/usr/share/zoneinfo", SANDBOX_READ }, { "/sys/devices/system/cpu", SANDBOX_READ }, { "/proc/self", SANDBOX_READ },
	{ "/proc/meminfo", SANDBOX_READ }, { "/dev/urandom", SANDBOX_READ }, { "/dev/null", SANDBOX_WRITE },
};

static const struct sandbox_path server_paths[] = {
	{ "/etc/localtime", SANDBOX_READ }, { "/usr/share/zoneinfo", SANDBOX_READ }, { "/sys/devices/system/cpu", SANDBOX_READ },
	{ "/proc/self", SANDBOX_READ }, { "/dev/urandom", SANDBOX_READ }, { "/dev/null", SANDBOX_WRITE },
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static int enter_landlock(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n, int abi, struct err *e)
{
	bool is_keeper = profile == SANDBOX_KEEPER;
	const struct sandbox_path *lists[] = { paths, is_keeper ? keeper_paths : server_paths };
	const size_t counts[] = { n, is_keeper ? COUNT(keeper_paths) : COUNT(server_paths) };

	return landlock_enter(abi, lists, counts, 2, is_keeper, e);
}

bool sandbox_lets_rename_across(void)
{
	return landlock_abi() != 1;
}

int sandbox_enter(enum sandbox_profile profile, const struct sandbox_path *paths, size_t n, struct sandbox_state *out, struct err *e)
{
	struct sandbox_state got = { .landlock_abi = landlock_abi() };
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, "sandbox: no_new_privs");
	if (!IS_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_errno(e, "sandbox: non-dumpable");
	rc = got.landlock_abi > 0 ? enter_landlock(profile, paths, n, got.landlock_abi, e) : ERR_OK;
	if (!rc)
		rc = filter_enter(profile, &got.seccomp, e);
	if (!rc)
		*out = got;
	return rc;
}
