/* backup.c: see backup.h. */
#include "keeper/backup.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/sm.h"
#include "formats/backup.h"
#include "formats/sha256.h"
#include "keeper/js.h"
#include "keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define COPY_NAME "backup.db"
#define HASH_BYTES (1 * MIB)	/* in one turn of the loop: some ms */

enum { BACKUP_COPYING, BACKUP_HASHING, BACKUP_READY, BACKUP_FAILED };

static const struct sm_state table[] = {
	[BACKUP_COPYING] = { "copying", SM_TO(BACKUP_HASHING) | SM_TO(BACKUP_FAILED) },
	[BACKUP_HASHING] = { "hashing", SM_TO(BACKUP_READY) | SM_TO(BACKUP_FAILED) },
	[BACKUP_READY] = { "ready", 0 },
	[BACKUP_FAILED] = { "failed", 0 },
};

struct backup {
	struct keeper *k;
	uint64_t id;
	struct sm sm;
	uv_idle_t turn;			/* while COPYING and HASHING */
	int64_t touched_ms;		/* monotonic */
	struct backup_head head;
	struct store_copy *copy;
	int fd;				/* of the whole copy; it has no name any more */
	struct sha256 sum;
	uint64_t hashed;
	struct buf front;		/* head and parts, up to the database */
	char why[320];
};

/* --- the small parts --- */

static void note_part(struct backup *b, enum backup_part part, struct span bytes)
{
	b->head.part[part].size = bytes.n;
	b->head.part[part].sha256 = sha256_of(bytes);
}

static int add_catalog(struct backup *b, struct buf *parts, struct err *e)
{
	size_t from = parts->n;
	AUTO(buf_free) struct buf bytes = BUF_INIT(CATALOG_MAX);
	int rc = io_read_file(b->k->state_dir, "catalog", &bytes, e);

	if (rc && rc != ERR_NOT_FOUND)
		return rc;
	buf_add(parts, buf_span(&bytes));
	note_part(b, BACKUP_CATALOG, span_cut(buf_span(parts), from, parts->n));
	return ERR_OK;
}

/* As they are now; the head, which has the digest of all, comes before them at last. */
static int take_parts(struct backup *b, struct err *e)
{
	struct buf *parts = &b->front;
	size_t from;
	int rc;

	floor_write(b->k->floors, parts);
	note_part(b, BACKUP_FLOOR, buf_span(parts));
	from = parts->n;
	tokens_write(b->k->tokens, parts);
	note_part(b, BACKUP_TOKENS, span_cut(buf_span(parts), from, parts->n));
	rc = add_catalog(b, parts, e);
	return rc ? rc : buf_ok(parts, e);
}

static int put_head_first(struct backup *b, struct err *e)
{
	struct buf all = BUF_INIT(b->front.max);
	int rc;

	backup_head_write(&all, &b->head);
	buf_add(&all, buf_span(&b->front));
	rc = buf_ok(&all, e);
	if (rc) {
		buf_free(&all);
		return rc;
	}
	buf_free(&b->front);
	b->front = all;
	return ERR_OK;
}

/* --- turn by turn --- */

static void end_turns(struct backup *b, unsigned to)
{
	sm_move(&b->sm, to);
	uv_idle_stop(&b->turn);
	b->touched_ms = clock_mono_ms(b->k->clock);
}

static void fail(struct backup *b, const struct err *e)
{
	snprintf(b->why, sizeof b->why, "%.319s", e->msg);
	log_unusual("backup", "failed", "why=%s", LOG_STR(span_str(b->why)));
	store_copy_free(STEAL_PTR(b->copy));
	unlinkat(b->k->state_dir, COPY_NAME, 0);
	end_turns(b, BACKUP_FAILED);
}

static int open_copy(struct backup *b, struct err *e)
{
	struct stat st;

	b->fd = openat(b->k->state_dir, COPY_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (b->fd < 0 || fstat(b->fd, &st) < 0 || unlinkat(b->k->state_dir, COPY_NAME, 0) < 0)
		return err_errno(e, "the copy of the database");
	b->head.part[BACKUP_DATABASE].size = (uint64_t)st.st_size;
	sha256_init(&b->sum);
	return ERR_OK;
}

static int copy_some(struct backup *b, struct err *e)
{
	bool is_done = false;
	int rc = store_copy_step(b->copy, BACKUP_STEP_PAGES, &is_done, e);

	if (rc || !is_done)
		return rc;
	store_copy_free(STEAL_PTR(b->copy));
	rc = open_copy(b, e);
	if (!rc)
		rc = take_parts(b, e);
	if (!rc)
		sm_move(&b->sm, BACKUP_HASHING);
	return rc;
}

static int hash_some(struct backup *b, struct err *e)
{
	uint64_t left = b->head.part[BACKUP_DATABASE].size - b->hashed;
	size_t n = left < HASH_BYTES ? (size_t)left : HASH_BYTES;
	autofree uint8_t *piece = malloc(HASH_BYTES);
	int rc = piece ? io_pread_exact(b->fd, piece, n, (off_t)b->hashed, e) : err_set(e, ERR_MEMORY, "no memory for a backup");

	if (rc)
		return rc;
	sha256_add(&b->sum, SPAN(piece, n));
	b->hashed += n;
	if (n < left)
		return ERR_OK;
	b->head.part[BACKUP_DATABASE].sha256 = sha256_end(&b->sum);
	rc = put_head_first(b, e);
	if (!rc)
		end_turns(b, BACKUP_READY);
	return rc;
}

static void on_turn(uv_idle_t *turn)
{
	struct backup *b = turn->data;
	struct err e = { 0 };

	if (b->sm.at == BACKUP_COPYING ? copy_some(b, &e) : hash_some(b, &e))
		fail(b, &e);
}

/* --- beginning and end --- */

static bool is_working(const struct backup *b)
{
	return b->sm.at == BACKUP_COPYING || b->sm.at == BACKUP_HASHING;
}

static void on_closed(uv_handle_t *turn)
{
	free(turn->data);
}

void backup_drop(struct keeper *k)
{
	struct backup *b = STEAL_PTR(k->backup);

	if (!b)
		return;
	store_copy_free(b->copy);
	if (b->sm.at == BACKUP_COPYING)
		unlinkat(k->state_dir, COPY_NAME, 0);
	cleanup_close(&b->fd);
	buf_free(&b->front);
	uv_close((uv_handle_t *)&b->turn, on_closed);
}

void backup_tidy(struct keeper *k)
{
	const struct backup *b = k->backup;

	if (!b)
		unlinkat(k->state_dir, COPY_NAME, 0);	/* of a keeper that was killed */
	else if (!is_working(b) && clock_mono_ms(k->clock) - b->touched_ms >= BUNDLE_IDLE_MS)
		backup_drop(k);
}

static int begin_copy(struct keeper *k, struct store_copy **copy, struct err *e)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/" COPY_NAME, k->conf->gateway.state_dir);

	if (n < 0 || n >= (int)sizeof path)
		return err_set(e, ERR_LIMIT, "the state directory's name is too long");
	return store_copy_begin(k->store, path, copy, e);
}

static struct backup *make(struct keeper *k, struct store_copy *copy)
{
	struct backup *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->k = k;
	b->id = ++k->bundles_begun;
	b->fd = -1;
	b->copy = copy;
	b->touched_ms = clock_mono_ms(k->clock);
	b->front = BUF_INIT(BACKUP_HEAD_MAX + FLOOR_FILE_MAX + TOKENS_FILE_MAX + CATALOG_MAX);
	b->head = (struct backup_head){ .made_ms = clock_wall_ms(k->clock), .chain_id = k->conf->chain.chain_id, .registry = k->conf->chain.registry };
	snprintf(b->head.gateway, sizeof b->head.gateway, "%s", k->conf->gateway.name);
	sm_init(&b->sm, "backup", table, BACKUP_COPYING);
	uv_idle_init(&k->loop, &b->turn);
	b->turn.data = b;
	uv_idle_start(&b->turn, on_turn);
	return b;
}

int backup_begin(struct keeper *k, struct err *e)
{
	struct store_copy *copy;
	int rc;

	if (k->backup && is_working(k->backup))
		return err_set(e, ERR_BUSY, "another backup is under way");
	backup_drop(k);
	backup_tidy(k);
	rc = begin_copy(k, &copy, e);
	if (rc)
		return rc;
	k->backup = make(k, copy);
	if (k->backup)
		return ERR_OK;
	store_copy_free(copy);
	unlinkat(k->state_dir, COPY_NAME, 0);
	return err_set(e, ERR_MEMORY, "no memory for a backup");
}

/* --- for others --- */

static uint64_t size_of(const struct backup *b)
{
	return b->front.n + b->head.part[BACKUP_DATABASE].size;
}

static int read_piece(struct backup *b, uint64_t offset, size_t n, struct buf *out, struct err *e)
{
	size_t from_front = offset < b->front.n ? span_cut(buf_span(&b->front), (size_t)offset, n).n : 0;
	uint8_t *to;

	buf_reset(out);
	to = buf_grow(out, n);
	if (!to)
		return buf_ok(out, e);
	if (from_front)
		memcpy(to, b->front.p + offset, from_front);
	return io_pread_exact(b->fd, to + from_front, n - from_front, (off_t)(offset + from_front - b->front.n), e);
}

int backup_piece(struct backup *b, uint64_t offset, struct buf *out, bool *is_last, struct err *e)
{
	uint64_t size = size_of(b);
	size_t n;

	if (b->sm.at == BACKUP_FAILED)
		return err_set(e, ERR_RULE, "this backup failed: %.250s", b->why);
	if (b->sm.at != BACKUP_READY)
		return err_set(e, ERR_BUSY, "the copy is not made yet");
	if (offset >= size)
		return err_set(e, ERR_LIMIT, "offset: the backup has %" PRIu64 " bytes", size);
	n = size - offset < BUNDLE_PIECE ? (size_t)(size - offset) : BUNDLE_PIECE;
	b->touched_ms = clock_mono_ms(b->k->clock);
	*is_last = offset + n == size;
	return read_piece(b, offset, n, out, e);
}

uint64_t backup_id(const struct backup *b)
{
	return b->id;
}

json_t *backup_json(const struct backup *b)
{
	json_t *o = json_object();

	js_set(o, "id", js_u64(b->id));
	js_set(o, "state", js_str(table[b->sm.at].name));
	js_set(o, "why", js_str(b->why));
	js_set(o, "made_at", js_time(b->head.made_ms));
	js_set(o, "size", js_u64_or_null(b->sm.at == BACKUP_READY ? size_of(b) : 0));
	return o;
}
