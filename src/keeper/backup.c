/* backup.c: see backup.h. */
#include "keeper/backup.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "base/sm.h"
#include "formats/sha256.h"
#include "keeper/js.h"
#include "keeper/keeper.h"
#include "store/save.h"
#include "store/savefile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BACKUP_READY, BACKUP_DONE, BACKUP_FAILED };

static const struct sm_state table[] = {
	[BACKUP_READY] = { "ready", SM_TO(BACKUP_DONE) | SM_TO(BACKUP_FAILED) },
	[BACKUP_DONE] = { "done", 0 },
	[BACKUP_FAILED] = { "failed", 0 },
};

struct backup {
	struct keeper *k;
	uint64_t id;
	struct sm sm;
	int64_t touched_ms;
	char why[320];
	struct savefile about;
	struct buf front, rest;		/* before the database, and after it but for the digest */
	int fd;				/* the database's part */
	struct sha256 sum;		/* of all that was made */
	struct buf piece;		/* the last one */
	uint64_t at;			/* where it began */
};

void backup_free(struct backup *b)
{
	if (!b)
		return;
	cleanup_close(&b->fd);
	buf_free(&b->front);
	buf_free(&b->rest);
	buf_free(&b->piece);
	free(b);
}

void backup_tidy(struct keeper *k)
{
	if (k->backup && clock_mono_ms(k->clock) - k->backup->touched_ms >= BUNDLE_IDLE_MS)
		backup_free(STEAL_PTR(k->backup));
}

/* --- taking all of it --- */

/* A floor that rose and could not be written yet would be missing on disk, not in the backup: but then the disk is in trouble,
 * and the operator should hear of it here. */
static int take_rest(struct backup *b, struct err *e)
{
	struct keeper *k = b->k;
	int rc = floor_save(k->floors, e);

	if (rc)
		return rc;
	floor_write(k->floors, &b->rest);
	b->about.size[SAVE_FLOORS] = b->rest.n;
	tokens_write(k->tokens, &b->rest);
	b->about.size[SAVE_TOKENS] = b->rest.n - b->about.size[SAVE_FLOORS];
	return buf_ok(&b->rest, e);
}

static int take(struct backup *b, struct err *e)
{
	const struct conf *c = b->k->conf;
	int rc = take_rest(b, e);

	b->about.made_ms = (uint64_t)clock_wall_ms(b->k->clock);
	b->about.chain_id = c->chain.chain_id;
	b->about.registry = c->chain.registry;
	snprintf(b->about.version, sizeof b->about.version, "%s", GATEPOST_VERSION);
	snprintf(b->about.name, sizeof b->about.name, "%s", c->gateway.name);
	if (!rc)
		rc = save_database(b->k->store, b->k->state_dir, c->gateway.state_dir, NULL, &b->fd, &b->about.size[SAVE_DATABASE], e);
	return rc ? rc : savefile_front(&b->about, &b->front, e);
}

static int make_place(struct keeper *k, struct err *e)
{
	backup_tidy(k);
	if (k->backup && k->backup->sm.at == BACKUP_READY)
		return err_set(e, ERR_BUSY, "another backup is being taken; one that nobody fetches is forgotten after %d s", BUNDLE_IDLE_MS / 1000);
	backup_free(STEAL_PTR(k->backup));
	return ERR_OK;
}

int backup_begin(struct keeper *k, struct err *e)
{
	struct backup *b;
	int rc = make_place(k, e);

	if (rc)
		return rc;
	b = calloc(1, sizeof *b);
	if (!b)
		return err_set(e, ERR_MEMORY, "no memory for a backup");
	*b = (struct backup){ .k = k, .id = ++k->bundles_begun, .touched_ms = clock_mono_ms(k->clock), .fd = -1,
		.front = BUF_INIT(SAVE_FRONT_MAX), .rest = BUF_INIT(FLOOR_FILE_MAX + SAVE_TOKENS_MAX), .piece = BUF_INIT(BUNDLE_PIECE) };
	sm_init(&b->sm, "backup", table, BACKUP_READY);
	sha256_init(&b->sum);
	rc = take(b, e);
	if (rc) {
		backup_free(b);
		return rc;
	}
	k->backup = b;
	return ERR_OK;
}

/* --- pieces --- */

static int add_from_file(struct backup *b, uint64_t at, size_t n, struct err *e)
{
	uint8_t *p = buf_grow(&b->piece, n);

	return p ? io_pread_exact(b->fd, p, n, (off_t)at, e) : buf_ok(&b->piece, e);
}

/* Bytes of one part from `at` on, as many as the piece has room for. */
static int add_from(struct backup *b, uint64_t at, struct err *e)
{
	uint64_t database = b->about.at[SAVE_DATABASE], rest = b->about.at[SAVE_FLOORS];
	size_t room = BUNDLE_PIECE - b->piece.n;

	if (at < database) {
		buf_add(&b->piece, span_cut(buf_span(&b->front), (size_t)at, room));
		return buf_ok(&b->piece, e);
	}
	if (at < rest)
		return add_from_file(b, at - database, rest - at < room ? (size_t)(rest - at) : room, e);
	buf_add(&b->piece, span_cut(buf_span(&b->rest), (size_t)(at - rest), room));
	return buf_ok(&b->piece, e);
}

/* The digest is the last thing, and in one piece with what comes before or alone. */
static void add_sum(struct backup *b)
{
	struct hash32 sum = sha256_end(&b->sum);

	buf_add(&b->piece, SPAN_OF(sum));
}

static int make_piece(struct backup *b, struct err *e)
{
	uint64_t end = b->about.total - SAVEFILE_SUM;
	int rc = ERR_OK;

	b->at += b->piece.n;
	buf_reset(&b->piece);
	while (!rc && b->piece.n < BUNDLE_PIECE && b->at + b->piece.n < end)
		rc = add_from(b, b->at + b->piece.n, e);
	if (rc)
		return rc;
	sha256_add(&b->sum, buf_span(&b->piece));
	if (b->at + b->piece.n == end && b->piece.n + SAVEFILE_SUM <= BUNDLE_PIECE)
		add_sum(b);
	return buf_ok(&b->piece, e);
}

static void fail(struct backup *b, const char *why)
{
	snprintf(b->why, sizeof b->why, "%.300s", why);
	sm_move(&b->sm, BACKUP_FAILED);
	log_unusual("backup", "failed", "why=%s", LOG_STR(span_str(b->why)));
}

int backup_piece(struct backup *b, uint64_t offset, struct span *out, bool *is_last, struct err *e)
{
	struct err why = { 0 };

	if (b->sm.at == BACKUP_FAILED)
		return err_set(e, ERR_RULE, "this backup is over: %.250s", b->why);
	if (offset != b->at && offset != b->at + b->piece.n)
		return err_set(e, ERR_EXISTS, "offset: the next byte is %" PRIu64, b->at + b->piece.n);
	if ((offset != b->at || b->piece.n == 0) && offset < b->about.total && make_piece(b, &why)) {
		fail(b, why.msg);
		return err_tell(e, &why);
	}
	b->touched_ms = clock_mono_ms(b->k->clock);
	*out = offset == b->at ? buf_span(&b->piece) : SPAN(NULL, 0);	/* after the last one there is nothing */
	*is_last = b->at + b->piece.n == b->about.total;
	if (*is_last && b->sm.at == BACKUP_READY)
		sm_move(&b->sm, BACKUP_DONE);
	return ERR_OK;
}

/* --- for others --- */

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
	js_set(o, "made_at", js_time((int64_t)b->about.made_ms));
	js_set(o, "size", js_u64(b->about.total));
	return o;
}
