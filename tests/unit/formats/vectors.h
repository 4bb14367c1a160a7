/* vectors.h: other people's test files. Fails the test when one is not there. */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/limits.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>

/* tests/vectors/NAME as a whole. */
static inline struct buf vector_file(const char *name)
{
	struct buf b = BUF_INIT(16 * MIB);
	struct err e = { 0 };
	char path[1024];

	snprintf(path, sizeof path, VECTORS_DIR "/%s", name);
	ck_assert_msg(io_read_file(AT_FDCWD, path, &b, &e) == ERR_OK, "%s", e.msg);
	return b;
}

#endif
