/* aside.c: see aside.h. */
#include "base/aside.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int aside_move(int dir, const char *name, struct err *e)
{
	char to[4096];	/* PATH_MAX */
	int n = 0, i = 1;

	do
		n = snprintf(to, sizeof to, "%s.odd-%d", name, i);
	while (i++ < ASIDE_MAX && is_there(dir, to));
	if (n < 0 || (size_t)n >= sizeof to)
		return err_set(e, ERR_LIMIT, "%.200s: the name is too long", name);
	if (renameat(dir, name, dir, to) == 0 || errno == ENOENT)
		return ERR_OK;
	/* A sandbox lets no links and pipes be made, nor moved: they hold nothing, and can go. */
	return errno == EACCES && unlinkat(dir, name, 0) == 0 ? ERR_OK : err_errno(e, "%s: in the way", name);
}

int aside_free(int dir, const char *name, struct err *e)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return ERR_OK;
	/* POSIX says EPERM of a directory, Linux EISDIR. */
	return errno == EISDIR || errno == EPERM ? aside_move(dir, name, e) : err_errno(e, "%s: remove", name);
}

static bool is_folder(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int aside_folder(int dir, const char *name, struct err *e)
{
	int rc;

	if (is_folder(dir, name))
		return ERR_OK;
	if (is_there(dir, name)) {
		log_broken("disk", "not a directory: moved away, and made anew", "name=%s", name);
		if ((rc = aside_move(dir, name, e)))
			return rc;
	}
	return mkdirat(dir, name, 0750) < 0 ? err_errno(e, "%s: make", name) : ERR_OK;
}
