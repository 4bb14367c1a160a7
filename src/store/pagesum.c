/* pagesum.c: see pagesum.h. The file format's offsets are SQLite's (fileformat2.html, sections 1.3 and 4.1). */
#include "store/pagesum.h"

#include "formats/sha256.h"

#include <sqlite3.h>
#include <stdlib.h>

#define SMALLEST_PAGE 512	/* that SQLite knows */
#define WAL_HEAD 32
#define FRAME_HEAD 24
#define FRAME (FRAME_HEAD + PAGESUM_PAGE)

struct sum {
	uint8_t b[PAGESUM_LEN];
};

/* What SQLite holds; the kernel-facing VFS's own file follows it in memory. */
struct sum_file {
	sqlite3_file base;
	bool is_wal;
	struct sum *sums;	/* WAL: of each frame's page, where is_known */
	bool *is_known;
	sqlite3_int64 frames;	/* room in both */
};

static sqlite3_file *real(sqlite3_file *f)
{
	return (sqlite3_file *)((struct sum_file *)f + 1);
}

static struct sum sum_of(sqlite3_int64 at, const uint8_t *page, size_t n)
{
	struct sha256 h;
	struct hash32 all;
	struct sum s;

	sha256_init(&h);
	sha256_add(&h, SPAN_OF(at));	/* a good page in the wrong place is damage too */
	sha256_add(&h, SPAN(page, n));
	all = sha256_end(&h);
	memcpy(s.b, all.b, sizeof s.b);
	return s;
}

static bool same(const struct sum *a, const void *b)
{
	return memcmp(a->b, b, sizeof a->b) == 0;
}

/* --- the main file --- */

/* In the machine's byte order `at` would make files that do not travel: it is fixed here. */
static sqlite3_int64 place(sqlite3_int64 at)
{
	uint8_t b[8];
	sqlite3_int64 out;

	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(at >> 8 * i);
	memcpy(&out, b, sizeof out);
	return out;
}

static bool is_page(int n, sqlite3_int64 at)
{
	return n == PAGESUM_PAGE && at % PAGESUM_PAGE == 0;
}

static int main_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	int rc = real(f)->pMethods->xRead(real(f), p, n, at);
	struct sum s;

	/* Shorter reads than of any page are of the header, which is read again as part of page 1. */
	if (rc != SQLITE_OK || n < SMALLEST_PAGE)
		return rc;
	if (!is_page(n, at))
		return SQLITE_NOTADB;	/* not of ours, and not touched */
	s = sum_of(place(at), p, PAGESUM_PAGE - PAGESUM_LEN);
	return same(&s, (uint8_t *)p + PAGESUM_PAGE - PAGESUM_LEN) ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static int main_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	uint8_t page[PAGESUM_PAGE];
	struct sum s;

	if (!is_page(n, at))
		return SQLITE_IOERR_WRITE;	/* the pager writes whole pages, and ours have one size */
	s = sum_of(place(at), p, PAGESUM_PAGE - PAGESUM_LEN);
	memcpy(page, p, PAGESUM_PAGE - PAGESUM_LEN);
	memcpy(page + PAGESUM_PAGE - PAGESUM_LEN, s.b, sizeof s.b);
	return real(f)->pMethods->xWrite(real(f), page, n, at);
}

/* --- the WAL --- */

static bool has_room(struct sum_file *w, sqlite3_int64 frame)
{
	sqlite3_int64 want = w->frames ? w->frames : 256;
	struct sum *sums;
	bool *known;

	if (frame < w->frames)
		return true;
	while (want <= frame)
		want *= 2;
	sums = reallocarray(w->sums, (size_t)want, sizeof *sums);
	w->sums = sums ? sums : w->sums;
	known = reallocarray(w->is_known, (size_t)want, sizeof *known);
	w->is_known = known ? known : w->is_known;
	if (!sums || !known)
		return false;
	memset(known + w->frames, 0, (size_t)(want - w->frames) * sizeof *known);
	w->frames = want;
	return true;
}

/* Without memory a frame is only not compared. */
static void note_frame(struct sum_file *w, sqlite3_int64 frame, const uint8_t *page)
{
	if (!has_room(w, frame))
		return;
	w->sums[frame] = sum_of(frame, page, PAGESUM_PAGE);
	w->is_known[frame] = true;
}

/* The frame whose page, or (with_head) which as a whole, starts at `at`; -1: none does. */
static sqlite3_int64 frame_at(int n, sqlite3_int64 at, bool with_head)
{
	sqlite3_int64 from = at - WAL_HEAD - (with_head ? 0 : FRAME_HEAD);

	if (n != (with_head ? FRAME : PAGESUM_PAGE) || from < 0 || from % FRAME != 0)
		return -1;
	return from / FRAME;
}

static int wal_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	struct sum_file *w = (struct sum_file *)f;
	sqlite3_int64 page = frame_at(n, at, false), whole = frame_at(n, at, true);
	int rc = real(f)->pMethods->xRead(real(f), p, n, at);
	struct sum s;

	if (rc != SQLITE_OK)
		return rc;
	/* Recovery reads whole frames and checks them by the WAL's own checksums. */
	if (whole >= 0)
		note_frame(w, whole, (uint8_t *)p + FRAME_HEAD);
	if (page < 0 || page >= w->frames || !w->is_known[page])
		return SQLITE_OK;
	s = sum_of(page, p, PAGESUM_PAGE);
	return same(&s, &w->sums[page]) ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static int wal_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	struct sum_file *w = (struct sum_file *)f;
	sqlite3_int64 page = frame_at(n, at, false);
	int rc = real(f)->pMethods->xWrite(real(f), p, n, at);

	if (page >= 0 && rc == SQLITE_OK)
		note_frame(w, page, p);
	else if (page >= 0 && page < w->frames)
		w->is_known[page] = false;
	return rc;
}

/* A file that grows makes the file system write its journal at each sync, several times what a commit is; one that is written in
 * place does not. So it has its full size from the beginning; without the room it grows as it can. The first commit's sync covers it. */
static void fill(struct sum_file *w)
{
	static const uint8_t zeros[PAGESUM_PAGE];
	sqlite3_file *f = real(&w->base);
	sqlite3_int64 size, at;
	int rc = f->pMethods->xFileSize(f, &size);

	for (at = size; rc == SQLITE_OK && at < PAGESUM_WAL; at += (int)sizeof zeros)
		rc = f->pMethods->xWrite(f, zeros, (int)sizeof zeros, at);
	if (rc != SQLITE_OK && at > size)
		(void)f->pMethods->xTruncate(f, size);
}

/* To nothing, that is: all of it is in the database. Without a header no frame counts, and the room stays. */
static int wal_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	static const uint8_t none[WAL_HEAD];

	return size ? real(f)->pMethods->xTruncate(real(f), size) : real(f)->pMethods->xWrite(real(f), none, WAL_HEAD, 0);
}

/* --- the rest is passed on --- */

static int on_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return ((struct sum_file *)f)->is_wal ? wal_read(f, p, n, at) : main_read(f, p, n, at);
}

static int on_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	return ((struct sum_file *)f)->is_wal ? wal_write(f, p, n, at) : main_write(f, p, n, at);
}

static int on_close(sqlite3_file *f)
{
	struct sum_file *w = (struct sum_file *)f;

	free(w->sums);
	free(w->is_known);
	return real(f)->pMethods->xClose(real(f));
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return ((struct sum_file *)f)->is_wal ? wal_truncate(f, size) : real(f)->pMethods->xTruncate(real(f), size);
}

static int on_sync(sqlite3_file *f, int flags)
{
	return real(f)->pMethods->xSync(real(f), flags);
}

static int on_file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real(f)->pMethods->xFileSize(real(f), size);
}

static int on_lock(sqlite3_file *f, int lock)
{
	return real(f)->pMethods->xLock(real(f), lock);
}

static int on_unlock(sqlite3_file *f, int lock)
{
	return real(f)->pMethods->xUnlock(real(f), lock);
}

static int on_check_reserved(sqlite3_file *f, int *out)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int on_control(sqlite3_file *f, int op, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int on_sector_size(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int on_characteristics(sqlite3_file *f)
{
	int has = real(f)->pMethods->xDeviceCharacteristics(real(f));

#ifdef SQLITE_IOCAP_SUBPAGE_READ
	has &= ~SQLITE_IOCAP_SUBPAGE_READ;	/* a part of a page cannot be compared */
#endif
	return has;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = on_close, .xRead = on_read, .xWrite = on_write, .xTruncate = on_truncate, .xSync = on_sync,
	.xFileSize = on_file_size, .xLock = on_lock, .xUnlock = on_unlock, .xCheckReservedLock = on_check_reserved,
	.xFileControl = on_control, .xSectorSize = on_sector_size, .xDeviceCharacteristics = on_characteristics,
};

static sqlite3_vfs *below(sqlite3_vfs *v)
{
	return v->pAppData;
}

static int on_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
	struct sum_file *w = (struct sum_file *)f;
	int rc;

	*w = (struct sum_file){ .is_wal = flags & SQLITE_OPEN_WAL };
	/* Journals and temporary files are read back by those who wrote them, within one transaction. */
	if (!(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
		return below(v)->xOpen(below(v), name, f, flags, out_flags);
	memset(real(f), 0, (size_t)below(v)->szOsFile);
	rc = below(v)->xOpen(below(v), name, real(f), flags, out_flags);
	/* SQLite calls xClose, also after a failure, if there are methods. */
	w->base.pMethods = real(f)->pMethods ? &methods : NULL;
	if (rc == SQLITE_OK && w->is_wal)
		fill(w);
	return rc;
}

static int on_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
	return below(v)->xDelete(below(v), name, sync_dir);
}

static int on_access(sqlite3_vfs *v, const char *name, int flags, int *out)
{
	return below(v)->xAccess(below(v), name, flags, out);
}

static int on_full_pathname(sqlite3_vfs *v, const char *name, int n, char *out)
{
	return below(v)->xFullPathname(below(v), name, n, out);
}

static int on_randomness(sqlite3_vfs *v, int n, char *out)
{
	return below(v)->xRandomness(below(v), n, out);
}

static int on_sleep(sqlite3_vfs *v, int us)
{
	return below(v)->xSleep(below(v), us);
}

static int on_current_time(sqlite3_vfs *v, double *out)
{
	return below(v)->xCurrentTime(below(v), out);
}

static int on_last_error(sqlite3_vfs *v, int n, char *out)
{
	return below(v)->xGetLastError(below(v), n, out);
}

int pagesum_register(void)
{
	static sqlite3_vfs vfs = {
		.iVersion = 1,
		.zName = PAGESUM_VFS,
		.xOpen = on_open, .xDelete = on_delete, .xAccess = on_access, .xFullPathname = on_full_pathname,
		.xRandomness = on_randomness, .xSleep = on_sleep, .xCurrentTime = on_current_time,
		.xGetLastError = on_last_error,
	};
	sqlite3_vfs *kernel = sqlite3_vfs_find(NULL);

	if (sqlite3_vfs_find(PAGESUM_VFS))
		return SQLITE_OK;
	if (!kernel)
		return SQLITE_ERROR;
	vfs.pAppData = kernel;
	vfs.mxPathname = kernel->mxPathname;
	vfs.szOsFile = (int)sizeof(struct sum_file) + kernel->szOsFile;
	return sqlite3_vfs_register(&vfs, 0);
}
