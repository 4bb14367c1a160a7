/* recover.c: see recover.h. */
#include "store/recover.h"
#include "base/cleanup.h"
#include "base/log.h"

struct recovery {
	struct store *s;
	struct blobs *b;
	int64_t now_ms;
	recover_fn *fn;
	recover_busy_fn *is_busy;
	void *arg;
	struct recover_counts counts;
};

static bool is_passed_over(struct recovery *r, const struct hash32 *sha256)
{
	return r->is_busy && r->is_busy(r->arg, sha256);
}

/* A file that stays is in nobody's way: whoever wants that image writes over it, and believes nothing in it. */
static int note_dropped(struct recovery *r, int rc, const struct err *why, struct err *e)
{
	if (!rc) {
		r->counts.dropped++;
		return ERR_OK;
	}
	if (!err_is_of_one_file(why))
		return err_tell(e, why);
	log_broken("store", "left over, and cannot be removed", "why=\"%s\"", why->msg);
	if (!r->counts.stuck++)
		r->counts.first_stuck = *why;
	return ERR_OK;
}

static int drop_part(struct recovery *r, const struct hash32 *sha256, struct err *e)
{
	struct err why = { 0 };

	return note_dropped(r, blobs_remove_part(r->b, sha256, &why), &why, e);
}

static int drop_leftover(struct recovery *r, const char *path, struct err *e)
{
	struct err why = { 0 };

	return note_dropped(r, blobs_remove_leftover(r->b, path, &why), &why, e);
}

static int on_part(struct recovery *r, const struct hash32 *sha256, bool has_row, enum image_state state, struct err *e)
{
	if (!has_row)
		return store_is_new(r->s) ? ERR_OK : drop_part(r, sha256, e);
	if (state != IMAGE_IS_WANTED && state != IMAGE_IS_FETCHING && state != IMAGE_IS_DAMAGED)
		return drop_part(r, sha256, e);
	r->counts.resume++;
	return r->fn(r->arg, RECOVER_RESUME, sha256, e);
}

static int on_object(struct recovery *r, const struct hash32 *sha256, const struct image_row *row, uint64_t size,
		     struct err *e)
{
	r->counts.objects++;
	if (row && row->state == IMAGE_IS_EVICTING) {
		r->counts.evict++;
		return r->fn(r->arg, RECOVER_EVICT, sha256, e);
	}
	if (row && row->state != IMAGE_IS_WANTED && row->state != IMAGE_IS_FETCHING && row->size == size)
		return ERR_OK;	/* its bytes are checked whenever they are read */
	if (row && row->state == IMAGE_IS_DAMAGED)
		return ERR_OK;
	if (row && row->state == IMAGE_IS_GOOD) {
		/* What is there may be good: the repair finds out. */
		r->counts.lost++;
		return images_add_damage(r->s, sha256, (uint32_t)((size < row->size ? size : row->size - 1) / CHUNK_SIZE), r->now_ms, e);
	}
	r->counts.adopt++;
	return r->fn(r->arg, RECOVER_ADOPT, sha256, e);
}

static int on_file(void *arg, enum blob_kind kind, const struct hash32 *sha256, const char *path, uint64_t size,
		   struct err *e)
{
	struct recovery *r = arg;
	struct image_row row = { .state = IMAGE_IS_WANTED };
	int rc;

	if (kind == BLOB_STRANGE) {
		r->counts.strange++;
		return ERR_OK;
	}
	if (is_passed_over(r, sha256))
		return ERR_OK;
	if (kind == BLOB_LEFTOVER)
		return drop_leftover(r, path, e);
	rc = images_get(r->s, sha256, &row, e);
	if (rc && rc != ERR_NOT_FOUND)
		return rc;
	if (kind == BLOB_PART)
		return on_part(r, sha256, rc == ERR_OK, row.state, e);
	return on_object(r, sha256, rc ? NULL : &row, size, e);
}

/* Rows that say there is a file, where there is none, or none that can be opened. */
static int on_row(void *arg, const struct image_row *i, struct err *e)
{
	struct recovery *r = arg;
	autoclose int fd = -1;
	struct err why = { 0 };
	int rc = is_passed_over(r, &i->sha256) ? ERR_OK : blobs_open_object(r->b, &i->sha256, &fd, &why);

	if (rc == ERR_OK)
		return ERR_OK;
	if (err_is_shortage(&why))
		return err_tell(e, &why);
	if (i->state == IMAGE_IS_EVICTING || i->state == IMAGE_IS_REVOKED) {
		r->counts.evict++;
		return r->fn(r->arg, RECOVER_EVICT, &i->sha256, e);
	}
	r->counts.lost++;
	return images_add_damage(r->s, &i->sha256, 0, r->now_ms, e);
}

#define STATES_WITH_A_FILE \
	(1u << IMAGE_IS_GOOD | 1u << IMAGE_IS_DAMAGED | 1u << IMAGE_IS_EVICTING | 1u << IMAGE_IS_REVOKED)

int recover_scan(struct store *s, struct blobs *b, int64_t now_ms, recover_fn *fn, recover_busy_fn *is_busy, void *arg,
		 struct recover_counts *counts, struct err *e)
{
	struct recovery r = { .s = s, .b = b, .now_ms = now_ms, .fn = fn, .is_busy = is_busy, .arg = arg };
	/* Rows first: a .part beside a row that has lost its object is one to resume. */
	int rc = images_each(s, STATES_WITH_A_FILE, NULL, 0, on_row, &r, e);

	if (rc == ERR_OK)
		rc = blobs_each(b, on_file, &r, &r.counts.unread, e);
	if (rc == ERR_OK && counts)
		*counts = r.counts;
	return rc;
}
