/* blob_own.h: what the files behind blob.h share. */
#ifndef STORE_BLOB_OWN_H
#define STORE_BLOB_OWN_H

#include "base/cleanup.h"
#include "base/io.h"
#include "formats/sha256.h"
#include "store/blob.h"

#include <stdatomic.h>

struct blobs {
	int fd;
	const struct sysio *sys;
	atomic_uint sync_failures;
};

/* SHA-256 of a whole image and of each of its chunks, as its bytes pass by in order. */
struct blob_hasher {
	struct sha256 whole, chunk;
	uint64_t size, at;
	uint8_t *sums;		/* 32 bytes a chunk; those before `at` are filled in */
};
MUST_USE int blob_hasher_init(struct blob_hasher *h, uint64_t size, struct err *e);
void blob_hasher_fini(struct blob_hasher *h);
void blob_hasher_restart(struct blob_hasher *h);
void blob_hasher_add(struct blob_hasher *h, struct span s);
/* Reads fd from h->at to the end. */
MUST_USE int blob_hasher_read(struct blob_hasher *h, int fd, struct err *e);
static inline struct span blob_hasher_sums(const struct blob_hasher *h)
{
	return SPAN(h->sums, (size_t)((h->size + CHUNK_SIZE - 1) / CHUNK_SIZE * 32));
}

/* Blocks beside an image, one record after the other. */
struct blob_dag {
	int fd;			/* -1: not opened yet */
	uint64_t end;		/* where the next record goes: the end of the last whole one */
};

struct blob {
	struct blobs *b;
	struct hash32 sha256;
	uint64_t size;
	int fd;
	struct blob_hasher hasher;
	struct blob_dag dag;
	bool is_placed;		/* blob_finish came past the rename */
	bool keeps_part;	/* blob_keep_part */
	bool is_whole;		/* blob_complete: others read it, and nothing is written to it */
};

/* The files of one image. */
enum blob_file { FILE_OBJECT, FILE_PART, FILE_SUMS, FILE_SUMS_PART, FILE_DAG, FILE_DAG_PART, BLOB_FILES };
char *blob_file_name(const struct hash32 *sha256, enum blob_file file, char out[BLOB_PATH_MAX]);
bool blob_file_exists(struct blobs *b, const struct hash32 *sha256, enum blob_file file);
/* Nothing there is not an error; a directory is set aside (base/aside.h). */
MUST_USE int blob_file_unlink(struct blobs *b, const struct hash32 *sha256, enum blob_file file, struct err *e);
/* Over what is there. */
MUST_USE int blob_file_move(struct blobs *b, const struct hash32 *sha256, enum blob_file from, enum blob_file to, struct err *e);
/* To be written (flags as for open(2)). What lies there and is no file, or cannot be opened, goes: with O_CREAT a new one is made, else it is
 * ERR_NOT_FOUND. */
MUST_USE int blob_file_open(struct blobs *b, const struct hash32 *sha256, enum blob_file file, int flags, int *fd, struct err *e);

/* fsync of objects/ab and objects. */
MUST_USE int blobs_sync_dirs(struct blobs *b, const struct hash32 *sha256, struct err *e);
/* A sync failed: counts it, removes every file of the image; returns e's code. */
int blobs_sync_failed(struct blobs *b, const struct hash32 *sha256, struct err *e);

/* The same where the file itself is whole, and stays. */
void blobs_count_sync_failure(struct blobs *b);

/* Every record up to the first that is torn, or the file's end; fn may be NULL. *end: where the last whole one ends. What cannot be read
 * is not torn: that is a failure, and says nothing of what lies there. */
MUST_USE int blob_dag_scan(int fd, uint64_t *end, blob_block_fn *fn, void *arg, struct err *e);

/* .sums made durable, alone: .dag is left as it lies there. is_sync (set on failure) says that a sync was what failed. */
MUST_USE int blob_place_sums(struct blobs *b, const struct hash32 *sha256, struct span sums, bool *is_sync, struct err *e);

#endif
