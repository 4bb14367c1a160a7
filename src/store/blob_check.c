/* blob_check.c: the scrubber's read: what lies on the disk, not what the page cache remembers of it. */
#include "store/blob_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/ioprio.h, which older headers lack. */
#define IOPRIO_OF_THREAD 1
#define IOPRIO_IDLE (3 << 13)

static int io_priority(void)
{
	return (int)syscall(SYS_ioprio_get, IOPRIO_OF_THREAD, 0);
}

/* A kernel or sandbox that refuses it only makes the scrubber less polite. */
static void set_io_priority(int priority)
{
	if (priority >= 0)
		(void)syscall(SYS_ioprio_set, IOPRIO_OF_THREAD, 0, priority);
}

struct scrub {
	struct blobs *b;
	const struct hash32 *sha256;
	int fd;
	uint64_t size;
	uint8_t *room;		/* CHUNK_SIZE, aligned for O_DIRECT */
	struct buf sums;	/* as they lie there */
	bool are_sums_good;
	struct blob_hasher found;	/* digests of what was read; where a read failed, of zeros */
	bool is_unreadable;
	void (*on_damaged)(void *arg, uint32_t chunk);
	void *arg;
	struct blob_watch *watch;
};

static uint32_t chunks_of(uint64_t size)
{
	return (uint32_t)((size + CHUNK_SIZE - 1) / CHUNK_SIZE);
}

static int open_past_cache(struct blobs *b, const struct hash32 *sha256, int *fd, struct err *e)
{
	char name[BLOB_PATH_MAX];
	struct err why = { 0 };
	int rc = io_open_own(b->fd, blobs_path(sha256, name), O_DIRECT, fd, &why);

	if (rc && why.sys == EINVAL) {	/* a file system without it */
		rc = io_open_own(b->fd, name, 0, fd, &why);
		if (!rc)
			posix_fadvise(*fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	return rc ? err_tell(e, &why) : ERR_OK;
}

/* One whole chunk (the last may be shorter) at once: O_DIRECT takes no odd offsets. */
static bool read_chunk(struct scrub *s, uint64_t at, size_t n)
{
	ssize_t got;

	do
		got = pread(s->fd, s->room, CHUNK_SIZE, (off_t)at);
	while (got < 0 && errno == EINTR);
	posix_fadvise(s->fd, (off_t)at, CHUNK_SIZE, POSIX_FADV_DONTNEED);
	if (got == (ssize_t)n)
		return true;
	memset(s->room, 0, n);
	s->is_unreadable = true;
	return false;
}

static void check_chunk(struct scrub *s, uint32_t chunk, struct blob_check *out)
{
	uint64_t at = (uint64_t)chunk * CHUNK_SIZE;
	size_t n = s->size - at < CHUNK_SIZE ? (size_t)(s->size - at) : CHUNK_SIZE;
	bool is_read = read_chunk(s, at, n);

	blob_hasher_add(&s->found, SPAN(s->room, n));
	if (!s->are_sums_good ||
	    (is_read && memcmp(s->found.sums + chunk * 32UL, s->sums.p + chunk * 32UL, 32) == 0))
		return;
	out->damaged++;
	if (s->on_damaged)
		s->on_damaged(s->arg, chunk);
}

static void all_damaged(struct scrub *s, struct blob_check *out)
{
	out->damaged = out->chunks;
	for (uint32_t i = 0; s->on_damaged && i < out->chunks; i++)
		s->on_damaged(s->arg, i);
}

static bool is_the_image(struct scrub *s)
{
	struct hash32 got = sha256_end(&s->found.whole);

	return !s->is_unreadable && hash32_eq(&got, s->sha256);
}

/* .sums is lost: the image's own SHA-256 decides, and gives new ones. */
static int judge_whole(struct scrub *s, struct blob_check *out, struct err *e)
{
	bool is_sync = false;
	int rc;

	out->were_sums_damaged = true;
	if (!is_the_image(s)) {
		all_damaged(s, out);
		return ERR_OK;
	}
	out->digests.sums = sha256_of(blob_hasher_sums(&s->found));
	rc = blob_place_sums(s->b, s->sha256, blob_hasher_sums(&s->found), &is_sync, e);
	if (is_sync)
		blobs_count_sync_failure(s->b);
	return rc;
}

/* Chunks that fit their digests may all be another image's: whoever wrote to the disk may have seen to both. */
static void judge_chunks(struct scrub *s, struct blob_check *out)
{
	if (out->damaged == 0 && !out->is_size_wrong && !is_the_image(s))
		all_damaged(s, out);
}

/* What could not be read for want of something says nothing. */
static int pass_shortage(const struct err *why, struct err *e)
{
	return err_is_shortage(why) ? err_tell(e, why) : ERR_OK;
}

static int load_sums(struct scrub *s, const struct hash32 *digest, struct err *e)
{
	char name[BLOB_PATH_MAX];
	struct err why = { 0 };
	struct hash32 got;

	s->are_sums_good = false;
	if (io_read_own(s->b->fd, blob_file_name(s->sha256, FILE_SUMS, name), &s->sums, &why))
		return pass_shortage(&why, e);
	got = sha256_of(buf_span(&s->sums));
	s->are_sums_good = s->sums.n == blob_hasher_sums(&s->found).n && hash32_eq(&got, digest);
	return ERR_OK;
}

static int ignore_block(void *arg, struct span cid, struct span block, struct err *e)
{
	(void)arg, (void)cid, (void)block, (void)e;
	return ERR_OK;
}

int blobs_check_dag(struct blobs *b, const struct hash32 *sha256, const struct blob_digests *d, bool *is_damaged, struct err *e)
{
	struct err why = { 0 };
	int rc = blobs_each_block(b, sha256, d, ignore_block, NULL, &why);

	if (pass_shortage(&why, e))
		return rc;
	*is_damaged = rc != ERR_OK;
	return ERR_OK;
}

/* What lies beside it is small, and read as everybody does. */
static void forget_beside(struct scrub *s, enum blob_file file)
{
	char name[BLOB_PATH_MAX];

	io_forget_pages(s->b->fd, blob_file_name(s->sha256, file, name));
}

static int scrub(struct scrub *s, const struct blob_digests *d, struct blob_check *out, struct err *e)
{
	struct stat st;
	int rc;

	if (fstat(s->fd, &st) < 0)
		return err_errno(e, "an image");
	forget_beside(s, FILE_DAG);
	forget_beside(s, FILE_SUMS);
	if ((rc = blobs_check_dag(s->b, s->sha256, d, &out->is_dag_damaged, e)) || (rc = load_sums(s, &d->sums, e)))
		return rc;
	out->chunks = chunks_of(s->size);
	out->is_size_wrong = (uint64_t)st.st_size != s->size;
	for (uint32_t i = 0; i < out->chunks; i++) {
		if (s->watch->is_over)
			return err_set(e, ERR_BUSY, "the check was broken off");
		check_chunk(s, i, out);
		s->watch->bytes = s->found.at;
	}
	if (!s->are_sums_good)
		return judge_whole(s, out, e);
	judge_chunks(s, out);
	return ERR_OK;
}

/* What can be had of it: nothing. */
static void not_to_be_opened(struct scrub *s, struct blob_check *out)
{
	out->chunks = chunks_of(s->size);
	all_damaged(s, out);
}

int blobs_verify(struct blobs *b, const struct hash32 *sha256, uint64_t size, const struct blob_digests *d,
		 void (*on_damaged)(void *arg, uint32_t chunk), void *arg, struct blob_watch *watch, struct blob_check *out,
		 struct err *e)
{
	struct blob_watch unwatched = { .is_over = false };
	struct scrub s = {
		.b = b, .sha256 = sha256, .fd = -1, .size = size, .sums = BUF_INIT(IMAGE_MAX / CHUNK_SIZE * 32 + 32),
		.on_damaged = on_damaged, .arg = arg, .watch = watch ? watch : &unwatched,
	};
	struct blob_check found = { .digests = *d };
	int priority = io_priority();
	struct err why = { 0 };
	int rc = open_past_cache(b, sha256, &s.fd, &why);

	if (rc == ERR_NOT_FOUND || err_is_shortage(&why))
		return err_tell(e, &why);
	if (rc) {
		not_to_be_opened(&s, &found);
		*out = found;
		return ERR_OK;
	}
	s.room = aligned_alloc(4096, CHUNK_SIZE);
	rc = s.room ? blob_hasher_init(&s.found, size, e) : err_set(e, ERR_MEMORY, "no memory to check an image");
	if (rc == ERR_OK) {
		set_io_priority(IOPRIO_IDLE);
		rc = scrub(&s, d, &found, e);
		set_io_priority(priority);
	}
	blob_hasher_fini(&s.found);
	buf_free(&s.sums);
	free(s.room);
	close(s.fd);
	if (rc == ERR_OK)
		*out = found;
	return rc;
}
