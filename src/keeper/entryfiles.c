/* entryfiles.c: see entryfiles.h. */
#include "keeper/entryfiles.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/log.h"
#include "chain/entries.h"
#include "formats/sha256.h"
#include "store/durable.h"
#include "store/entries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FOLDER "entries"
#define COMPARE_BYTES (64 * KIB)

void entryfiles_init(struct entryfiles *all, int state_dir, struct store *store, const struct addr20 *registry,
		     const struct sysio *sys)
{
	*all = (struct entryfiles){ .state_dir = state_dir, .dir = -1, .store = store, .registry = *registry, .sys = sysio_or_kernel(sys) };
}

static int open_dir(struct entryfiles *all, struct err *e)
{
	if (all->dir >= 0)
		return ERR_OK;
	if (all->sys->mkdirat(all->state_dir, FOLDER, 0750) < 0 && errno != EEXIST)
		return err_errno(e, FOLDER);
	all->dir = openat(all->state_dir, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return all->dir < 0 ? err_errno(e, FOLDER) : ERR_OK;
}

void entryfiles_close(struct entryfiles *all)
{
	cleanup_close(&all->dir);
}

/* --- what the file has to be --- */

struct writing {
	struct buf *out;
	const struct addr20 *registry;
	uint32_t entries;
};

static int write_line(void *arg, const struct entry_row *en, struct err *e)
{
	struct writing *w = arg;
	struct record r = { .block = en->block, .block_hash = en->block_hash, .tx = en->tx, .log_index = en->log_index,
		.topics_n = en->topics, .data = en->data };

	(void)e;
	memcpy(r.topics, en->topic, en->topics * sizeof *r.topics);
	if (en->order < w->entries)
		entries_put_line(w->out, w->registry, &r);
	return ERR_OK;
}

int entryfiles_write(struct store *store, const struct hash32 *product, const struct addr20 *registry, uint32_t entries, struct buf *out,
		     struct err *e)
{
	struct writing w = { out, registry, entries };
	int rc = entries_each(store, product, 0, write_line, &w, e);

	return rc ? rc : buf_ok(out, e);
}

/* --- what it is --- */

/* How far the file begins like `whole`; *size is its size. A part that cannot be read is one that differs. */
static uint64_t same_bytes(int fd, struct span whole, uint64_t *size)
{
	autofree uint8_t *room = malloc(COMPARE_BYTES);
	uint64_t same = 0;
	struct stat st;

	*size = fstat(fd, &st) < 0 ? UINT64_MAX : (uint64_t)st.st_size;
	while (room && same < whole.n) {
		struct span want = span_cut(whole, (size_t)same, COMPARE_BYTES);
		ssize_t n = pread(fd, room, want.n, (off_t)same);
		size_t k = 0;

		while (n > 0 && k < (size_t)n && room[k] == want.p[k])
			k++;
		same += k;
		if (k < want.n)
			break;
	}
	return same;
}

static int append(struct entryfiles *all, const char *name, struct span whole, uint64_t from, struct err *e)
{
	autoclose int fd = all->sys->openat(all->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	int rc;

	if (fd < 0)
		return err_errno(e, "entries: %s", name);
	rc = sysio_pwrite_all(all->sys, fd, span_cut(whole, (size_t)from, whole.n), (off_t)from, e);
	if (!rc)
		all->appended++;
	return rc;
}

static int fit(struct entryfiles *all, const char *name, struct span whole, struct err *e)
{
	autoclose int fd = -1;
	uint64_t size = UINT64_MAX, same = 0;
	int rc = io_open_own(all->dir, name, 0, &fd, e);

	/* What cannot be opened is replaced. */
	if (rc == ERR_MEMORY)
		return rc;
	if (rc == ERR_NOT_FOUND)
		size = 0;
	else if (!rc)
		same = same_bytes(fd, whole, &size);
	if (same == whole.n)
		return ERR_OK;		/* it may be longer: of a run that knew more */
	if (same == size)
		return append(all, name, whole, same, e);
	rc = durable_replace(all->dir, name, whole, 0640, all->sys, e);
	if (!rc)
		all->replaced++;
	return rc;
}

int entryfiles_bring(struct entryfiles *all, const struct hash32 *product, uint32_t entries, struct entryfile *f, struct err *e)
{
	AUTO(buf_free) struct buf whole = BUF_INIT(ENTRIES_FILE_MAX);
	char name[65];
	int rc;

	if (f->is_seen_to && f->entries == entries)
		return ERR_OK;
	hex_str(SPAN_OF(*product), name);
	rc = entryfiles_write(all->store, product, &all->registry, entries, &whole, e);
	if (rc == ERR_LIMIT) {
		log_unusual("keeper", "a product's entries are too long to be served", "product=%s entries=%u", name, entries);
		buf_reset(&whole);
	} else if (rc) {
		return rc;
	}
	rc = open_dir(all, e);
	if (!rc && whole.n)
		rc = fit(all, name, buf_span(&whole), e);
	if (rc)
		return rc;
	f->entries = entries;
	f->bytes = whole.n;
	f->sha256 = whole.n ? sha256_of(buf_span(&whole)) : (struct hash32){ { 0 } };
	f->is_seen_to = true;
	return ERR_OK;
}

void entryfiles_doubt(struct entryfiles *all, const struct hash32 *product, struct entryfile *f)
{
	char name[65];

	f->is_seen_to = false;
	if (open_dir(all, NULL) == ERR_OK)
		io_forget_pages(all->dir, hex_str(SPAN_OF(*product), name));
}

int entryfiles_read(struct entryfiles *all, const struct hash32 *product, struct buf *out, struct err *e)
{
	char name[65];
	int rc = open_dir(all, e);

	return rc ? rc : io_read_own(all->dir, hex_str(SPAN_OF(*product), name), out, e);
}

/* --- what is left over --- */

static bool is_kept(const char *name, bool (*keeps)(void *arg, const struct hash32 *product), void *arg)
{
	struct hash32 id;

	return hex_read(span_str(name), id.b, sizeof id.b, NULL) == ERR_OK && keeps(arg, &id);
}

/* One that stays takes a little room, and is in nobody's way. */
static int drop(struct entryfiles *all, const char *name, struct err *e)
{
	struct err why = { 0 };

	log_info("keeper", "entries of a product that is not followed any more: removed", "file=%s", LOG_STR(span_str(name)));
	if (all->sys->unlinkat(all->dir, name) == 0 || errno == ENOENT || errno == EISDIR)	/* a directory is none of ours */
		return ERR_OK;
	err_drop(err_errno(&why, "entries: %s", name));
	if (!err_is_of_one_file(&why))
		return err_tell(e, &why);
	log_broken("keeper", "but it cannot be, and is left", "why=%s", LOG_STR(span_str(why.msg)));
	return ERR_OK;
}

int entryfiles_sweep(struct entryfiles *all, bool (*keeps)(void *arg, const struct hash32 *product), void *arg, struct err *e)
{
	const char *name = NULL;
	int rc = open_dir(all, e), fd = rc ? -1 : openat(all->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		rc = rc ? rc : err_errno(e, FOLDER);
		cleanup_close(&fd);
		return rc;
	}
	do {
		rc = io_next_name(d, FOLDER, &name, e);
		if (!rc && name && !is_kept(name, keeps, arg))
			rc = drop(all, name, e);
	} while (!rc && name);
	closedir(d);
	if (!rc)
		all->is_swept = true;
	return rc;
}
