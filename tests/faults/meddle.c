/* meddle.c: whoever else changes the daemon's files while it lives: rot, an operator's hand. With recorder.so preloaded its calls stand in the
 * log among those of the daemon, in the order of their effects.
 *
 *	meddle put FILE			a new file of what comes on standard input; nothing of it is synced
 *	meddle write FILE OFFSET	over what is there, and synced: no power cut turns it back
 *	meddle shorten FILE SIZE	the same */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES_MAX (1 << 20)

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static ssize_t read_input(char *p, size_t cap)
{
	size_t n = 0;
	ssize_t got;

	while ((got = read(STDIN_FILENO, p + n, cap - n)) > 0)
		n += (size_t)got;
	return got < 0 ? -1 : (ssize_t)n;
}

static int write_input(int fd, off_t at)
{
	static char bytes[BYTES_MAX];
	ssize_t n = read_input(bytes, sizeof bytes);

	return n < 0 || pwrite(fd, bytes, (size_t)n, at) != n ? -1 : 0;
}

static int put(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	return fd < 0 || write_input(fd, 0) ? fail(file) : 0;
}

static int change(const char *how, const char *file, off_t n)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || (strcmp(how, "write") ? ftruncate(fd, n) : write_input(fd, n)) || fsync(fd))
		return fail(file);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "put") == 0)
		return put(argv[2]);
	if (argc == 4 && (strcmp(argv[1], "write") == 0 || strcmp(argv[1], "shorten") == 0))
		return change(argv[1], argv[2], strtoll(argv[3], NULL, 10));
	fprintf(stderr, "usage: meddle put FILE | write FILE OFFSET | shorten FILE SIZE\n");
	return 2;
}
