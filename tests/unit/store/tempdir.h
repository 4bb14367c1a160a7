/* tempdir.h: a directory for one test, gone afterwards. */
#ifndef TESTS_TEMPDIR_H
#define TESTS_TEMPDIR_H

#include "base/err.h"
#include "base/span.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tempdir[PATH_MAX];
static int tempdir_fd = -1;

static int tempdir_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static inline void tempdir_remove(void)
{
	if (tempdir_fd >= 0)
		close(tempdir_fd);
	tempdir_fd = -1;
	nftw(tempdir, tempdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void tempdir_make(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(tempdir, sizeof tempdir, "%s/gatepost-test-XXXXXX", base ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(tempdir));
	tempdir_fd = open(tempdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(tempdir_fd, 0);
}

static inline const char *tempdir_path(const char *name)
{
	static char path[PATH_MAX + 300];

	snprintf(path, sizeof path, "%s/%s", tempdir, name);
	return path;
}

static inline off_t tempdir_size(const char *name)
{
	struct stat st;

	return fstatat(tempdir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : st.st_size;
}

static inline bool tempdir_has(const char *name)
{
	return tempdir_size(name) >= 0;
}

/* What is no file lies under a file's name. */
enum tempdir_odd { ODD_PIPE, ODD_LINK, ODD_FOLDER, ODDS };
static const char *const tempdir_odd_names[ODDS] = { "a pipe", "a link to itself", "a directory with something in it" };

static inline void tempdir_put_odd(const char *name, enum tempdir_odd what)
{
	char inner[PATH_MAX];

	unlinkat(tempdir_fd, name, 0);
	if (what == ODD_PIPE)
		ck_assert_int_eq(mkfifoat(tempdir_fd, name, 0600), 0);
	if (what == ODD_LINK)
		ck_assert_int_eq(symlinkat(tempdir_path(name), tempdir_fd, name), 0);
	if (what != ODD_FOLDER)
		return;
	snprintf(inner, sizeof inner, "%s/x", name);
	ck_assert_int_eq(mkdirat(tempdir_fd, name, 0700), 0);
	ck_assert_int_eq(mkdirat(tempdir_fd, inner, 0700), 0);
}

/* Overwrites n bytes of a file, as bit rot would. */
static inline void tempdir_poke(const char *name, off_t at, const void *p, size_t n)
{
	int fd = openat(tempdir_fd, name, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, p, n, at), (ssize_t)n);
	close(fd);
}

static inline ssize_t tempdir_peek(const char *name, off_t at, void *p, size_t n)
{
	int fd = openat(tempdir_fd, name, O_RDONLY);
	ssize_t got = pread(fd, p, n, at);

	close(fd);
	return got;
}

static inline void tempdir_flip(const char *name, off_t at)
{
	uint8_t byte;
	int fd = openat(tempdir_fd, name, O_RDWR);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

#define ck_ok(call) do {									\
	int ok_rc_ = (call);									\
	ck_assert_msg(ok_rc_ == ERR_OK, "%s: %s: %s", #call, err_name((enum err_code)ok_rc_), err.msg);	\
} while (0)

/* The code that must come out, and the rule it is about. */
#define ck_refused(call, want, rule) do {							\
	int refused_rc_ = (call);								\
	ck_assert_msg(refused_rc_ == (want), "%s: got %s (%s)", (rule),			\
		      err_name((enum err_code)refused_rc_), err.msg);				\
} while (0)

/* The same, and words of the message that the operator reads. */
#define ck_says(call, want, words, rule) do {							\
	ck_refused(call, want, rule);								\
	ck_assert_msg(strstr(err.msg, (words)), "%s: %s", (rule), err.msg);			\
} while (0)

/* What the calls above report about. */
static struct err err;

static inline struct hash32 hash_of(unsigned n)
{
	struct hash32 h = { { 0 } };

	h.b[0] = (uint8_t)(n >> 8);
	h.b[1] = (uint8_t)n;
	h.b[31] = 1;
	return h;
}

#endif
