/* blob.h: image files: STATE/objects/ab/<sha256>, and what lies beside them.
 *
 *	<sha256>		the image, complete, compared with its name
 *	<sha256>.sums		SHA-256 of each CHUNK_SIZE bytes of it, 32 bytes each
 *	<sha256>.dag		IPFS blocks that cannot be cut from the image: inner nodes, odd leaf wrappers
 *	<sha256>.part		one being fetched, full size from the start; and .sums.part, .dag.part
 *
 * Happy path, each step checked and in this order (chapter 6):
 *
 *	blob_start	.part made, fallocate of the exact size: a full disk says so at once
 *	blob_write	verified blocks at their offsets, in any order; blob_add_block for inner nodes
 *	blob_finish	[worker] size and SHA-256 compared, .sums and .dag written, fdatasync of
 *			each, rename without replace, fsync of the directory
 *	then		the caller's row becomes GOOD, COMMIT; only now may an answer mention it
 *
 * Killed anywhere: blob_start finds the .part again. What lies in it is not
 * believed: the fetch plan reads a leaf's range (blob_read) and compares its
 * hash; inner nodes come back through blob_each_block. Nothing else is kept
 * about progress, so nothing else can lie.
 *
 * Failure modes: a wrong digest is ERR_PROOF and the part is gone. A failed
 * fsync or fdatasync is final for what was written (the kernel may have dropped
 * the pages and would call the next one a success): the part is gone, the failure
 * counted, what was whole before stays, and after BLOB_SYNC_FAILURES_MAX of them blobs_is_read_only() holds
 * and nothing is started any more until blobs_try() found that the disk keeps files again.
 *
 * Threads: a struct blobs may be shared. A struct blob belongs to one thread
 * at a time; blob_finish, blobs_verify and blobs_adopt read whole files and are
 * meant for worker threads. Nothing here touches the database. */
#ifndef STORE_BLOB_H
#define STORE_BLOB_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"
#include "store/sysio.h"

#define BLOB_SYNC_FAILURES_MAX 3
#define BLOB_TRY_BYTES MIB	/* as much as the database's WAL can grow before a checkpoint */
#define BLOB_PATH_MAX (2 + 1 + 64 + 16)	/* "ab/<hex>.sums.part" */

struct blobs;
struct blob;

struct blob_digests {
	struct hash32 sums;	/* SHA-256 of the .sums file */
	struct hash32 dag;	/* of the .dag file; of nothing when there is none */
	uint64_t dag_bytes;	/* 0: none */
};

/* Opens (and makes) STATE/objects. state_dir is a descriptor, borrowed for the call. */
MUST_USE int blobs_open(int state_dir, const struct sysio *sys, struct blobs **out, struct err *e);
void blobs_free(struct blobs *b);
bool blobs_is_read_only(const struct blobs *b);
unsigned blobs_sync_failures(const struct blobs *b);
/* Does the disk take a file, with room for what a commit can need, and keep it? Success ends being read-only. */
MUST_USE int blobs_try(struct blobs *b, struct err *e);
/* Of the objects directory; for statfs and the server's openat. Lives as long as b. */
int blobs_fd(const struct blobs *b);
/* "ab/<hex>", relative to blobs_fd. Returns out. */
char *blobs_path(const struct hash32 *sha256, char out[BLOB_PATH_MAX]);

/* --- writing one --- */

/* Begins or resumes. *was_there (may be NULL): a .part of this size was found, its bytes are to be checked.
 * The size is on disk afterwards (ERR_NO_SPACE if not, and no .part of ours is left behind).
 * ERR_EXISTS: the object is there already: blobs_adopt() says whether it is whole. ERR_LIMIT: size 0 or over IMAGE_MAX.
 * ERR_READ_ONLY also after BLOB_SYNC_FAILURES_MAX. */
MUST_USE int blob_start(struct blobs *b, const struct hash32 *sha256, uint64_t size, struct blob **out,
			bool *was_there, struct err *e);
/* For a damaged object: takes it back to .part, so that blob_read finds what is still good and only the rest is
 * fetched again. Readers that have it open see the repair. ERR_NOT_FOUND. */
MUST_USE int blob_repair(struct blobs *b, const struct hash32 *sha256, uint64_t size, struct blob **out, struct err *e);
/* For a whole object whose .dag is lost: a .part that is the object itself, under a second name. Its readers see nothing of it, since
 * blob_write writes nothing to it. ERR_CORRUPT: it has another size. */
MUST_USE int blob_complete(struct blobs *b, const struct hash32 *sha256, uint64_t size, struct blob **out, struct err *e);
/* Lets go; the .part stays for a later blob_start. NULL is fine. */
void blob_free(struct blob *w);
/* Lets go and removes the .part. */
void blob_discard(struct blob *w);

/* Verified bytes at their place. ERR_LIMIT: past the announced size. Bytes written in order are hashed on the way.
 * After blob_complete they are only compared. ERR_PROOF: other bytes lie there; who is right says blob_compare. ERR_IO: they
 * cannot be read. */
MUST_USE int blob_write(struct blob *w, uint64_t at, struct span s, struct err *e);
/* What lies there now: exactly n bytes. */
MUST_USE int blob_read(struct blob *w, uint64_t at, void *out, size_t n, struct err *e);

/* Keeps an IPFS block beside the image. The caller has verified it; here it is only guarded against torn writes. */
MUST_USE int blob_add_block(struct blob *w, struct span cid, struct span block, struct err *e);
/* The blocks kept so far, in the order they were added; a torn tail is passed over. Spans live until fn returns; its
 * failure ends the walk and is returned. ERR_IO: one could not be read; what lies there stays. */
typedef int blob_block_fn(void *arg, struct span cid, struct span block, struct err *e);
MUST_USE int blob_each_block(struct blob *w, blob_block_fn *fn, void *arg, struct err *e);

/* None of them is kept any more. */
MUST_USE int blob_drop_blocks(struct blob *w, struct err *e);

/* [worker] Steps 3 to 7. Success: the object is there, whole and durable, w is spent (still blob_free it).
 * An object that is there already is read and compared: a good one is kept, a bad one replaced.
 * ERR_PROOF: the bytes have another SHA-256; the .part is gone, but after blob_keep_part. ERR_IO after a failed sync: the same, and
 * an object that blob_complete found whole stays.
 * ERR_NO_SPACE, ERR_READ_ONLY elsewhere: the .part stays. */
MUST_USE int blob_finish(struct blob *w, struct blob_digests *out, struct err *e);

/* [worker] Step 3 alone: are its bytes the image? ERR_PROOF: no. Nothing changes. */
MUST_USE int blob_compare(struct blob *w, struct err *e);

/* From now on wrong bytes do not cost the .part: what was verified lies in it too, and can be told apart block by block. */
void blob_keep_part(struct blob *w);

/* --- reading and checking --- */

/* Read-only descriptor of the object; the caller's. ERR_NOT_FOUND; ERR_CORRUPT: what lies there is no file. */
MUST_USE int blobs_open_object(struct blobs *b, const struct hash32 *sha256, int *fd, struct err *e);
/* The blocks of a finished object's .dag, compared with its digest first (ERR_CORRUPT). */
MUST_USE int blobs_each_block(struct blobs *b, const struct hash32 *sha256, const struct blob_digests *d,
			      blob_block_fn *fn, void *arg, struct err *e);
/* Is its .dag what was written? *is_damaged: no. A failure is want of memory or descriptors, and says nothing. */
MUST_USE int blobs_check_dag(struct blobs *b, const struct hash32 *sha256, const struct blob_digests *d, bool *is_damaged, struct err *e);

/* What a long read tells others, and what they tell it. */
struct blob_watch {
	_Atomic bool is_over;		/* set by others: it ends with ERR_BUSY at the next chunk */
	_Atomic uint64_t bytes;		/* read so far */
};

struct blob_check {
	uint32_t chunks;
	uint32_t damaged;	/* chunks that cannot be read or have another digest */
	bool is_size_wrong;
	bool were_sums_damaged;	/* .sums was missing or not what its digest says; made again from the object if its
				 * own SHA-256 is right: `digests` then has the new one */
	bool is_dag_damaged;	/* .dag the same; only a fetch brings it back */
	struct blob_digests digests;
};
/* [worker] The scrubber's read of one object: from the disk, not the page cache, with idle I/O priority.
 * on_damaged (may be NULL) sees each bad chunk; when .sums is lost and the object not whole, every chunk counts
 * as bad. OK also when there is damage; ERR_NOT_FOUND: no object; ERR_BUSY: watch said so. Else memory, descriptors or room for a new .sums
 * are short, and nothing is said of it. watch may be NULL. */
MUST_USE int blobs_verify(struct blobs *b, const struct hash32 *sha256, uint64_t size, const struct blob_digests *d,
			  void (*on_damaged)(void *arg, uint32_t chunk), void *arg, struct blob_watch *watch,
			  struct blob_check *out, struct err *e);

/* [worker] For an object without a row: hashes it. Good: writes .sums anew, gives size and digests.
 * ERR_PROOF: not what its name says, and it was removed. ERR_NOT_FOUND. All else says nothing of the object, which stays for another try:
 * also after a failed sync, which is counted. ERR_READ_ONLY also after BLOB_SYNC_FAILURES_MAX: nothing is removed any more.
 * Blocks beside it that cannot be read stay where they are, and are none of its digests. */
MUST_USE int blobs_adopt(struct blobs *b, const struct hash32 *sha256, uint64_t *size, struct blob_digests *out,
			 struct err *e);

/* Removes object, .sums, .dag and .part of this image, and syncs the directory. Nothing there is not an error. The object
 * goes first: if it cannot be removed, all else stays as well. */
MUST_USE int blobs_remove(struct blobs *b, const struct hash32 *sha256, struct err *e);
/* The same of .part, .sums.part and .dag.part only. */
MUST_USE int blobs_remove_part(struct blobs *b, const struct hash32 *sha256, struct err *e);

/* --- what lies there --- */

enum blob_kind {
	BLOB_OBJECT,
	BLOB_PART,		/* can be resumed */
	BLOB_LEFTOVER,		/* .sums or .dag without object or .part, .sums.part: dropped by blobs_remove_leftover */
	BLOB_STRANGE,		/* not a name of ours; left alone */
};
/* Each file once. path is relative to blobs_fd; sha256 is zero for BLOB_STRANGE. fn may remove what it is shown; its failure ends the walk and is
 * returned. A folder that cannot be read to its end keeps nobody from the others: *unread says which (the first), and stays as it was when all was seen. */
typedef int blob_seen_fn(void *arg, enum blob_kind kind, const struct hash32 *sha256, const char *path, uint64_t size,
			 struct err *e);
MUST_USE int blobs_each(struct blobs *b, blob_seen_fn *fn, void *arg, struct err *unread, struct err *e);
MUST_USE int blobs_remove_leftover(struct blobs *b, const char *path, struct err *e);

#endif
