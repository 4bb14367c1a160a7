/* err.c: see err.h. */
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list args;

	if (!e)
		return (int)code;
	e->code = code;
	e->sys = 0;
	va_start(args, fmt);
	vsnprintf(e->msg, sizeof e->msg, fmt, args);
	va_end(args);
	return (int)code;
}

static enum err_code code_of_errno(int sys)
{
	switch (sys) {
	case ENOSPC:
	case EDQUOT:
		return ERR_NO_SPACE;
	case EROFS:
		return ERR_READ_ONLY;
	case ENOENT:
		return ERR_NOT_FOUND;
	case ENOMEM:
		return ERR_MEMORY;
	default:
		return ERR_IO;
	}
}

int err_errno(struct err *e, const char *fmt, ...)
{
	int sys = errno;
	enum err_code code = code_of_errno(sys);
	size_t used;
	va_list args;

	if (!e)
		return (int)code;
	e->code = code;
	e->sys = sys;
	va_start(args, fmt);
	vsnprintf(e->msg, sizeof e->msg, fmt, args);
	va_end(args);
	used = strlen(e->msg);
	snprintf(e->msg + used, sizeof e->msg - used, ": %s", strerror(sys));
	return (int)code;
}

int err_tell(struct err *e, const struct err *why)
{
	if (e)
		*e = *why;
	return (int)why->code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char earlier[sizeof e->msg];
	size_t used;
	va_list args;

	if (!e)
		return ERR_INTERNAL;
	memcpy(earlier, e->msg, sizeof earlier);
	va_start(args, fmt);
	vsnprintf(e->msg, sizeof e->msg, fmt, args);
	va_end(args);
	used = strlen(e->msg);
	snprintf(e->msg + used, sizeof e->msg - used, ": %.*s", (int)sizeof earlier - 1, earlier);
	return (int)e->code;
}

bool err_may_pass(const struct err *e)
{
	if (e->code == ERR_MEMORY || e->code == ERR_NO_SPACE || e->code == ERR_READ_ONLY)
		return true;
	return e->sys == EIO || e->sys == EMFILE || e->sys == ENFILE || e->sys == EAGAIN || e->sys == EINTR || e->sys == ENOBUFS;
}

bool err_is_of_one_file(const struct err *e)
{
	return e->code == ERR_IO && !err_is_shortage(e);
}

bool err_is_shortage(const struct err *e)
{
	return e->code == ERR_MEMORY || e->sys == EMFILE || e->sys == ENFILE;
}

void err_no_memory(void)
{
	log_broken("memory", "a small piece could not be had: ending", "%s", "");
	_exit(ERR_EXIT_LATER);
}

const char *err_name(enum err_code code)
{
	static const char *const names[] = {
		[ERR_OK] = "ok",
		[ERR_FORMAT] = "format",
		[ERR_RULE] = "rule",
		[ERR_PROOF] = "proof",
		[ERR_LIMIT] = "limit",
		[ERR_NOT_FOUND] = "not-found",
		[ERR_EXISTS] = "exists",
		[ERR_BUSY] = "busy",
		[ERR_DENIED] = "denied",
		[ERR_USAGE] = "usage",
		[ERR_NET] = "net",
		[ERR_IO] = "io",
		[ERR_NO_SPACE] = "no-space",
		[ERR_READ_ONLY] = "read-only",
		[ERR_CORRUPT] = "corrupt",
		[ERR_MEMORY] = "memory",
		[ERR_INTERNAL] = "internal",
	};

	return names[code];
}
