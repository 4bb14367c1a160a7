/* stays.h: the kernel's file calls on a disk that does not let go of one name. */
#ifndef TESTS_STAYS_H
#define TESTS_STAYS_H

#include "store/sysio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct {
	char name[128];		/* as it is given to unlinkat; "": none */
	int sys;
	unsigned tries;
} stays;

static int stays_unlinkat(int dir, const char *name)
{
	if (!stays.name[0] || strcmp(name, stays.name) != 0)
		return sysio_kernel.unlinkat(dir, name);
	stays.tries++;
	errno = stays.sys;
	return -1;
}

static inline const struct sysio *sysio_stays(void)
{
	static struct sysio sys;

	sys = sysio_kernel;
	sys.unlinkat = stays_unlinkat;
	return &sys;
}

static inline void stays_by(int why, const char *name, const char *suffix)
{
	snprintf(stays.name, sizeof stays.name, "%s%s", name, suffix);
	stays.sys = why;
	stays.tries = 0;
}

/* What says something of one name only, and what of the whole disk, or of this process. */
static const int stays_one[] = { EIO, EPERM, EACCES, EBUSY, ENOTEMPTY };
static const struct { int sys, code; } stays_all[] = {
	{ EROFS, ERR_READ_ONLY }, { ENOSPC, ERR_NO_SPACE }, { EDQUOT, ERR_NO_SPACE }, { ENOMEM, ERR_MEMORY }, { EMFILE, ERR_IO }, { ENFILE, ERR_IO },
};

#endif
