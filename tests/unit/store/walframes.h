/* walframes.h: what of a WAL counts: it has its full size from the beginning, so that its size says nothing. The offsets are SQLite's
 * (fileformat2.html, section 4.1). */
#ifndef TESTS_WALFRAMES_H
#define TESTS_WALFRAMES_H

#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Frames that a recovery would take: those of the header's salts. -1: no such file; 0 as well without a header. */
static inline int wal_frames(int dir, const char *name)
{
	static const unsigned char magic[3] = { 0x37, 0x7f, 0x06 };
	unsigned char head[32] = { 0 }, frame[24];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC), n = 0;

	if (fd < 0)
		return -1;
	if (pread(fd, head, sizeof head, 0) == sizeof head && memcmp(head, magic, sizeof magic) == 0)
		while (pread(fd, frame, sizeof frame, 32 + (off_t)n * (24 + 4096)) == sizeof frame && memcmp(frame + 8, head + 16, 8) == 0)
			n++;
	close(fd);
	return n;
}

#endif
