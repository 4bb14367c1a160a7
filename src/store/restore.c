/* restore.c: see restore.h. */
#include "store/restore.h"

#include "base/aside.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "store/audit.h"
#include "store/devices.h"
#include "store/floor.h"
#include "store/own.h"
#include "store/owncopy.h"
#include "store/products.h"
#include "store/scratch.h"
#include "store/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#define THEIRS "restore.backup"		/* the backup's database, to be looked at */
#define FRESH "restore.new"		/* the one that will take the place */
#define DB "gatepost.db"
#define REPLACED DB ".replaced"

struct restore {
	const struct restore_ask *ask;
	const struct sysio *sys;
	int dir;
	struct stat dir_stat;
	struct owncopy_place place;	/* of the second copy of the database here */
	uint64_t file_size;
	struct savefile about;
	struct floors *floors;		/* here, then the union */
	struct tokens *tokens;		/* here; NULL: none, or damaged */
	struct tokens *their_tokens;
	struct store *theirs, *here, *fresh;
	struct store *copy;	/* the second copy of what stands here, where the database is not all there is; NULL: not needed, or none */
	struct restore_result result;
};

int restore_lock(int state_dir, struct err *e)
{
	if (flock(state_dir, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	return errno == EWOULDBLOCK ? err_set(e, ERR_BUSY, "a gateway, or a restore, runs on this state directory")
				    : err_errno(e, "state directory: lock");
}

static void restore_end(struct restore *r)
{
	store_close(r->theirs);
	store_close(r->here);
	store_close(r->copy);
	store_close(r->fresh);
	floor_free(r->floors);
	tokens_free(r->tokens);
	tokens_free(r->their_tokens);
	if (r->dir >= 0) {
		/* Left behind, they are removed by the next one. */
		err_drop(scratch_remove(r->dir, THEIRS, r->sys, NULL));
		err_drop(scratch_remove(r->dir, FRESH, r->sys, NULL));
		owncopy_unsee(&r->place);
		close(r->dir);
	}
}

/* --- the backup, before anything else --- */

static int check_file(struct restore *r, struct err *e)
{
	uint8_t start[SAVE_FRONT_MAX];
	struct stat st;
	size_t n;
	int rc;

	if (fstat(r->ask->fd, &st) < 0)
		return err_errno(e, "backup");
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_FORMAT, "the backup is not a file");
	r->file_size = (uint64_t)st.st_size;
	rc = savefile_check(r->ask->fd, r->file_size, &r->result.sum, e);
	if (rc)
		return rc;
	n = r->file_size < sizeof start ? (size_t)r->file_size : sizeof start;
	if ((rc = io_pread_exact(r->ask->fd, start, n, 0, e)))
		return rc;
	rc = savefile_read(SPAN(start, n), r->file_size, &r->about, e);
	if (!rc && (r->about.chain_id != r->ask->chain_id || !addr20_eq(&r->about.registry, &r->ask->registry)))
		rc = err_set(e, ERR_RULE, "the backup is of another chain or registry than the configuration");
	r->result.about = r->about;
	return rc;
}

static int read_part(struct restore *r, enum save_part part, struct buf *out, struct err *e)
{
	uint8_t *p = buf_grow(out, (size_t)r->about.size[part]);
	int rc = buf_ok(out, e);

	return rc ? rc : io_pread_exact(r->ask->fd, p, (size_t)r->about.size[part], (off_t)r->about.at[part], e);
}

/* What is damage to those who know their own files is a refusal here: of somebody's backup. */
static int refuse(int rc, struct err *e, const char *what)
{
	if (rc == ERR_CORRUPT)
		e->code = ERR_PROOF;
	return rc ? err_wrap(e, "%s", what) : ERR_OK;
}

static int check_tokens(struct restore *r, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(SAVE_TOKENS_MAX);
	int rc = read_part(r, SAVE_TOKENS, &bytes, e);

	if (!rc)
		rc = tokens_read(r->dir, buf_span(&bytes), r->sys, &r->their_tokens, e);
	return refuse(rc, e, "the backup's tokens");
}

/* In memory only: the files rise when everything has been checked. */
static int check_floors(struct restore *r, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(FLOOR_FILE_MAX);
	int rc = floor_load(r->dir, r->sys, &r->floors, e);

	if (!rc)
		rc = read_part(r, SAVE_FLOORS, &bytes, e);
	if (!rc)
		rc = floor_unite(r->floors, buf_span(&bytes), e);
	return refuse(rc, e, "the backup's floors");
}

static int extract(struct restore *r, int fd, struct err *e)
{
	autofree uint8_t *piece = malloc(CHUNK_SIZE);
	int rc = piece ? ERR_OK : err_set(e, ERR_MEMORY, "no memory to read a backup");

	for (uint64_t done = 0; !rc && done < r->about.size[SAVE_DATABASE]; done += CHUNK_SIZE) {
		uint64_t left = r->about.size[SAVE_DATABASE] - done;
		size_t n = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;

		rc = io_pread_exact(r->ask->fd, piece, n, (off_t)(r->about.at[SAVE_DATABASE] + done), e);
		if (!rc)
			rc = sysio_pwrite_all(r->sys, fd, SPAN(piece, n), (off_t)done, e);
	}
	return rc;
}

static int extract_database(struct restore *r, struct err *e)
{
	autoclose int fd = -1;
	int rc = scratch_make(r->dir, THEIRS, r->sys, e);

	if (rc)
		return rc;
	fd = r->sys->openat(r->dir, SCRATCH_DB(THEIRS), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? err_errno(e, SCRATCH_DB(THEIRS)) : extract(r, fd, e);
}

static int check_product(void *arg, const struct product_row *p, struct err *e)
{
	const struct restore *r = arg;

	if (r->ask->is_product && !r->ask->is_product(&p->id, &p->registrant, p->name))
		return err_set(e, ERR_RULE, "product %s does not have the id of its name and registrant", p->name);
	return ERR_OK;
}

/* Its pages, their sums, its rows' meaning to each other. What they mean to our schema is judged when they are copied. */
static int check_database(struct restore *r, struct err *e)
{
	int rc = extract_database(r, e);

	if (!rc)
		rc = scratch_open(r->ask->state_dir, THEIRS, &r->theirs, e);
	if (!rc && store_is_new(r->theirs))
		rc = err_set(e, ERR_CORRUPT, "there is none");
	if (!rc)
		rc = store_check(r->theirs, e);
	if (!rc)
		rc = products_each(r->theirs, check_product, r, e);
	if (!rc)
		rc = audit_verify(r->theirs, e);
	return refuse(rc, e, "the backup's database");
}

/* --- what stands there --- */

static int open_dir(struct restore *r, struct err *e)
{
	if (mkdir(r->ask->state_dir, 0750) < 0 && errno != EEXIST)
		return err_errno(e, "%s", r->ask->state_dir);
	r->dir = open(r->ask->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0 || fstat(r->dir, &r->dir_stat) < 0)
		return err_errno(e, "%s", r->ask->state_dir);
	r->place = (struct owncopy_place){ r->dir, r->ask->state_dir, r->sys };
	return restore_lock(r->dir, e);
}

/* Damaged ones are as good as none: nobody is believed because of them. */
static int open_tokens(struct restore *r, struct err *e)
{
	struct err why = { 0 };

	if (faccessat(r->dir, "tokens", F_OK, AT_SYMLINK_NOFOLLOW) < 0 || tokens_load(r->dir, r->sys, &r->tokens, &why) == ERR_OK)
		return ERR_OK;
	return err_is_shortage(&why) ? err_tell(e, &why) : ERR_OK;
}

static int open_database(struct restore *r, struct err *e)
{
	int rc;

	if (faccessat(r->dir, DB, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? ERR_OK : err_errno(e, DB);
	rc = store_open(r->ask->state_dir, &r->here, e);
	if (!rc)
		rc = store_check(r->here, e);
	r->result.had_database = rc == ERR_OK;
	if (rc != ERR_CORRUPT)
		return rc;
	store_close(STEAL_PTR(r->here));
	r->result.set_aside = true;
	return ERR_OK;
}

/* A database that is gone, damaged, or not recalled yet: what it held counts as far as it was kept twice. */
static int open_here(struct restore *r, struct err *e)
{
	struct owncopy_recalled about;
	bool is_wanted = true;
	int rc = open_database(r, e);

	if (!rc && r->here)
		rc = owncopy_is_wanted(r->here, &r->place, &is_wanted, e);
	return rc || !is_wanted ? rc : owncopy_see(&r->place, &r->copy, &about, e);
}

/* --- the new database --- */

/* A log that goes on from the one chosen so far is longer. A backup without records says nothing against what stands here. */
static int choose_longer(struct restore *r, struct store *log, struct store **from, struct err *e)
{
	bool goes_on = false;
	int rc;

	if (!log || audit_verify(log, NULL))
		return ERR_OK;
	rc = own_audit_goes_on(*from, log, &goes_on, e);
	if (goes_on) {
		*from = log;
		r->result.audit = RESTORE_AUDIT_HERE;
	}
	return rc;
}

static int choose_audit(struct restore *r, struct store **from, struct err *e)
{
	int rc;

	*from = r->theirs;
	rc = choose_longer(r, r->here, from, e);
	return rc ? rc : choose_longer(r, r->copy, from, e);
}

static int add_record(struct restore *r, struct err *e)
{
	struct audit_row a = { .at_ms = r->ask->now_ms, .action = "restore" };

	snprintf(a.actor, sizeof a.actor, "%.63s", r->ask->who);
	snprintf(a.subject, sizeof a.subject, "%.65s", r->about.name);
	snprintf(a.detail, sizeof a.detail, "backup of %" PRIu64 " ms since 1970; tokens %s, %zu left out; %s", r->about.made_ms,
		 r->result.took_tokens ? "from the backup" : "kept", r->result.tokens_left_out,
		 r->result.had_database ? "database replaced" : r->result.set_aside ? "damaged database set aside" : "there was no database");
	return audit_add(r->fresh, &a, e);
}

static int fill(struct restore *r, struct err *e)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(r->fresh);
	struct store *log;
	int rc = own_copy(r->theirs, r->fresh, e);

	if (!rc && r->here)
		rc = own_raise(r->here, r->fresh, e);
	if (!rc && r->copy)
		rc = own_complete(r->copy, r->fresh, e);
	if (!rc && r->copy)
		rc = own_raise(r->copy, r->fresh, e);
	if (!rc)
		rc = choose_audit(r, &log, e);
	if (!rc)
		rc = own_copy_audit(log, r->fresh, e);
	if (!rc)
		rc = add_record(r, e);
	return rc ? rc : store_commit(&tx, e);
}

/* Every page from the disk: a card that lost what it took is noticed while the old database still has the name. */
static int read_back(struct store *s, struct err *e)
{
	struct store_checking c = { 0 };
	int rc = ERR_OK;

	while (!rc && !c.is_done)
		rc = store_check_step(s, &c, e);
	return rc;
}

/* A row that our schema does not take was not written by us. */
static int make_database(struct restore *r, struct err *e)
{
	int rc = scratch_make(r->dir, FRESH, r->sys, e);

	if (!rc)
		rc = scratch_open(r->ask->state_dir, FRESH, &r->fresh, e);
	if (!rc)
		rc = fill(r, e);
	if (!rc)
		rc = read_back(r->fresh, e);
	if (!rc)
		rc = devices_count(r->fresh, &r->result.devices, e);
	/* A CHECK, a key, a reference: constraints of ours that the rows break. */
	if (rc == ERR_INTERNAL || rc == ERR_EXISTS || rc == ERR_NOT_FOUND || (rc == ERR_CORRUPT && store_is_corrupt(r->theirs)))
		rc = (int)(e->code = ERR_PROOF);
	return rc ? err_wrap(e, "the new database") : ERR_OK;
}

/* --- putting in place --- */

/* A restore by root must not leave files that the service cannot open. */
static int give(struct restore *r, const char *name, struct err *e)
{
	if (geteuid() != 0 || fchownat(r->dir, name, r->dir_stat.st_uid, r->dir_stat.st_gid, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT)
		return ERR_OK;
	return err_errno(e, "%s: owner", name);
}

static int put_floors(struct restore *r, struct err *e)
{
	int rc = floor_save(r->floors, e);

	if (!rc)
		rc = give(r, "floor.a", e);
	while (floor_at(r->floors, (size_t)r->result.floors))
		r->result.floors++;
	return rc ? rc : give(r, "floor.b", e);
}

static bool has_token(const struct tokens *t, const struct token *wanted)
{
	for (size_t i = 0; tokens_at(t, i); i++)
		if (hash32_eq(&tokens_at(t, i)->sha256, &wanted->sha256))
			return true;
	return false;
}

/* Counted before anything is written, for the audit log. */
static void choose_tokens(struct restore *r)
{
	const struct tokens *now;

	r->result.took_tokens = r->ask->with_tokens || !r->tokens;
	now = r->result.took_tokens ? r->their_tokens : r->tokens;
	while (tokens_at(now, r->result.tokens))
		r->result.tokens++;
	for (size_t i = 0; tokens_at(r->their_tokens, i); i++)
		r->result.tokens_left_out += !has_token(now, tokens_at(r->their_tokens, i));
}

static int put_tokens(struct restore *r, struct err *e)
{
	int rc = r->result.took_tokens ? tokens_save(r->their_tokens, e) : ERR_OK;

	return rc ? rc : give(r, "tokens", e);
}

/* A WAL that stays was not taken into its database: that is then not all there is, and a new one must never meet it. */
static int closed_whole(struct restore *r, const char *wal, struct err *e)
{
	struct stat st;

	if (fstatat(r->dir, wal, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? ERR_OK : err_errno(e, "%s", wal);
	return err_set(e, ERR_IO, "%s: could not be taken into its database", wal);
}

static int sync_fresh(struct restore *r, struct err *e)
{
	autoclose int fd = r->sys->openat(r->dir, SCRATCH_DB(FRESH), O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0 || r->sys->fdatasync(fd) < 0)
		return err_errno(e, SCRATCH_DB(FRESH) ": sync");
	return give(r, SCRATCH_DB(FRESH), e);
}

static int sync_dir(struct restore *r, struct err *e)
{
	return r->sys->fsync(r->dir) < 0 ? err_errno(e, "state directory: sync") : ERR_OK;
}

/* There is a database under this name at every moment: the old one, then the new one. */
static int swap(struct restore *r, struct err *e)
{
	if (r->result.had_database) {
		if (r->sys->unlinkat(r->dir, REPLACED) < 0 && errno != ENOENT)
			return err_errno(e, REPLACED ": remove");
		if (r->sys->linkat(r->dir, DB, REPLACED) < 0)
			return err_errno(e, REPLACED);
	}
	if (r->sys->rename_over(r->dir, SCRATCH_DB(FRESH), DB) < 0)
		return err_errno(e, DB ": rename");
	return sync_dir(r, e);
}

static int put_database(struct restore *r, struct err *e)
{
	int rc;

	store_close(STEAL_PTR(r->fresh));
	store_close(STEAL_PTR(r->here));
	store_close(STEAL_PTR(r->copy));
	rc = closed_whole(r, SCRATCH_DB(FRESH) "-wal", e);
	if (!rc)
		rc = sync_fresh(r, e);
	if (!rc && r->result.set_aside)
		rc = store_set_aside(r->ask->state_dir, e);
	/* A log that lost its database holds nothing that can be read. */
	if (!rc && !r->result.set_aside && !r->result.had_database)
		rc = aside_move(r->dir, DB "-wal", e);
	if (!rc)
		rc = closed_whole(r, DB "-wal", e);
	/* On the disk too the old log's name is gone before the new database comes. */
	if (!rc)
		rc = sync_dir(r, e);
	if (!rc)
		rc = swap(r, e);
	/* Last: a start that still meets it unites it with what has come. */
	return rc ? rc : owncopy_forget(&r->place, e);
}

static int put_all(struct restore *r, struct err *e)
{
	int rc = put_floors(r, e);

	if (!rc)
		rc = put_tokens(r, e);
	return rc ? rc : put_database(r, e);
}

static int run(struct restore *r, struct err *e)
{
	int rc = check_file(r, e);

	if (!rc)
		rc = open_dir(r, e);
	if (!rc)
		rc = check_tokens(r, e);
	if (!rc)
		rc = check_floors(r, e);
	if (!rc)
		rc = check_database(r, e);
	if (!rc)
		rc = open_tokens(r, e);
	if (!rc)
		rc = open_here(r, e);
	if (rc)
		return rc;
	choose_tokens(r);
	rc = make_database(r, e);
	return rc ? rc : put_all(r, e);
}

int restore_run(const struct restore_ask *ask, struct restore_result *out, struct err *e)
{
	AUTO(restore_end) struct restore r = { .ask = ask, .sys = sysio_or_kernel(ask->sys), .dir = -1 };
	struct err why = { 0 };
	int rc = run(&r, &why);

	if (rc)
		return err_tell(e, &why);
	*out = r.result;
	return ERR_OK;
}
