/* replay.c: runs a fuzz target over its committed corpus, without a fuzzer.
 *
 * fuzz_NAME			each file of $srcdir/tests/fuzz/corpus/NAME
 * fuzz_NAME FILE|DIR …		these instead
 *
 * A target speaks by aborting, so whoever gets to the end has passed. An empty
 * corpus fails: a test of nothing must not look like one that passed. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static unsigned replayed;

static void replay_file(int dir, const char *name)
{
	AUTO(buf_free) struct buf b = BUF_INIT(16 * MIB);
	autofree uint8_t *exact = NULL;
	struct err e = { 0 };

	if (io_read_file(dir, name, &b, &e)) {
		fprintf(stderr, "replay: %s: %s\n", name, e.msg);
		exit(1);
	}
	/* Memory of exactly this length, so that the sanitizer sees the first byte past it. */
	exact = malloc(b.n ? b.n : 1);
	if (!exact)
		exit(1);
	if (b.n)
		memcpy(exact, b.p, b.n);
	LLVMFuzzerTestOneInput(exact, b.n);
	replayed++;
}

static void replay(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;

	if (!d) {
		replay_file(AT_FDCWD, path);
		return;
	}
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.')
			replay_file(dirfd(d), entry->d_name);
	closedir(d);
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir"), *slash = strrchr(argv[0], '/');
	const char *program = slash ? slash + 1 : argv[0];
	char path[4096];

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	if (argc < 2) {
		snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".",
			 strncmp(program, "fuzz_", 5) ? program : program + 5);
		replay(path);
	}
	printf("%s: %u inputs\n", program, replayed);
	return replayed ? 0 : 1;
}
