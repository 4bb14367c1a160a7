/* dag_cid.c: the tree builder alone: `dag_cid PROFILE < FILE` prints the root CID; with -b DIR each block goes there, named by its CID. */
#include "base/cleanup.h"
#include "base/io.h"
#include "formats/dagbuild.h"

#include <fcntl.h>
#include <stdio.h>

static int on_read(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	(void)arg;
	for (*n = 0; *n < cap;) {
		ssize_t got = read(STDIN_FILENO, out + *n, cap - *n);

		if (got < 0)
			return err_errno(e, "read");
		if (got == 0)
			break;
		*n += (size_t)got;
	}
	return ERR_OK;
}

static int on_block(void *arg, const struct dag_block *b, struct err *e)
{
	char path[4096], text[CID_TEXT_MAX];
	autoclose int fd = -1;

	snprintf(path, sizeof path, "%s/%s", (const char *)arg, cid_text(&b->cid, text));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd < 0 ? err_errno(e, "%s", path) : io_write_all(fd, b->bytes, e);
}

int main(int argc, char **argv)
{
	struct dag_io io = { .read = on_read };
	const struct dag_profile *p;
	struct dag_built built;
	char text[CID_TEXT_MAX];
	struct err e = { 0 };
	int c;

	while ((c = getopt(argc, argv, "b:")) != -1) {
		if (c != 'b')
			return 2;
		io.arg = optarg;
		io.block = on_block;
	}
	p = optind + 1 == argc ? dag_profile_find(span_str(argv[optind])) : NULL;
	if (!p) {
		fprintf(stderr, "usage: dag_cid [-b DIR] unixfs-v1-2025|unixfs-v0-2015 < FILE\n");
		return 2;
	}
	if (dag_build(p, &io, &built, &e)) {
		fprintf(stderr, "dag_cid: %s\n", e.msg);
		return 1;
	}
	printf("%s\n", cid_text(&built.root, text));
	return 0;
}
