/* err.h: how a function says that it failed, and why.
 *
 * Fallible functions return 0 or an enum err_code and take a struct err * (may
 * be NULL) as their last parameter. The message is one line without a final
 * stop; for input from outside it names the rule that was broken. A function
 * returns its error or logs it, never both. On failure outputs are untouched. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_code {
	ERR_OK = 0,
	ERR_FORMAT,	/* bytes that break the rules of their format */
	ERR_RULE,	/* well-formed, but refused by a rule of ours or of the protocol */
	ERR_PROOF,	/* a hash, signature or proof does not fit what it claims */
	ERR_LIMIT,	/* more than base/limits.h or the operator allows */
	ERR_NOT_FOUND,	/* asked for something that is not there */
	ERR_EXISTS,	/* is there already */
	ERR_BUSY,	/* not now: try again later */
	ERR_DENIED,	/* the asker may not */
	ERR_USAGE,	/* wrong command line or configuration */
	ERR_NET,	/* a peer cannot be reached, or broke off */
	ERR_IO,		/* a system call failed */
	ERR_NO_SPACE,	/* the disk or the quota is full */
	ERR_READ_ONLY,	/* the file system does not take writes */
	ERR_CORRUPT,	/* our own stored bytes are not what we wrote */
	ERR_MEMORY,
	ERR_INTERNAL,	/* a library refused something that should not be refusable */
};

struct err {
	enum err_code code;
	int sys;	/* errno behind it, or 0 */
	char msg[320];
};

/* Sets code and message; returns code, so that `return err_set(e, …)` reads well. e may be NULL. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF(3, 4);

/* From errno: ENOSPC and EDQUOT become ERR_NO_SPACE, EROFS ERR_READ_ONLY, ENOENT ERR_NOT_FOUND,
 * ENOMEM ERR_MEMORY, others ERR_IO. The message is "WHAT: strerror". */
int err_errno(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Tells `why`, all of it, to e, which may be NULL; returns its code. For a function that judges what it was told before it passes it on. */
int err_tell(struct err *e, const struct err *why);

/* Puts context in front: "CONTEXT: earlier message". Returns e's code (ERR_INTERNAL if e is NULL). */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* For a failure that changes nothing any more; the call says beside it why. */
static inline void err_drop(int rc)
{
	(void)rc;
}

/* Exit status (EX_TEMPFAIL) of a process that ends for want of something that may be there a moment later: its starter starts it again. */
#define ERR_EXIT_LATER 75

/* A small object that nobody outside decides the size of could not be had: says so, and ends the process with ERR_EXIT_LATER.
 * Nothing that was acknowledged is lost by that. What outsiders size fails with ERR_MEMORY instead. */
_Noreturn void err_no_memory(void);

/* Want of memory, descriptors or disk, and what a disk does once in a while: the same may work a moment later. */
bool err_may_pass(const struct err *e);

/* Of a call that was about one file: does its failure say nothing of the next file (one that is immutable, a bad block of its directory)? Else
 * the disk is full or takes no writes, or memory or descriptors are short. */
bool err_is_of_one_file(const struct err *e);

/* Want of memory or descriptors, which is no fault of what was to be opened or read: nothing can be said of that. */
bool err_is_shortage(const struct err *e);

/* A stable lower-case word for a code, for logs and JSON. */
const char *err_name(enum err_code code);

#endif
