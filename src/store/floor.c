/* floor.c: what is noted, and the two files it lives in. Reading and writing one file's bytes is floor_file.c's. */
#include "store/floor_own.h"
#include "base/cleanup.h"
#include "store/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

static const char *const file_names[2] = { "floor.a", "floor.b" };

static void item_free(struct floor_mine *m)
{
	free(m->revoked);
}

void floor_set_free(struct floor_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		item_free(&set->at[i]);
	free(set->at);
	*set = (struct floor_set){ 0 };
}

/* Room for one more of n items; NULL without memory, and then the old one still stands. */
static void *with_room(void *items, size_t n, size_t *cap, size_t item_size)
{
	void *grown;

	if (n < *cap)
		return items;
	grown = reallocarray(items, *cap ? *cap * 2 : 8, item_size);
	if (grown)
		*cap = *cap ? *cap * 2 : 8;
	return grown;
}

/* The place of the product, or where it would stand. */
static size_t place(const struct floor_set *set, const struct hash32 *product, bool *found)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int cmp = hash32_cmp(&set->at[mid].item.product, product);

		if (cmp == 0) {
			*found = true;
			return mid;
		}
		if (cmp < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*found = false;
	return low;
}

struct floor_mine *floor_set_add(struct floor_set *set, const struct hash32 *product, struct err *e)
{
	bool found;
	size_t at = place(set, product, &found);
	struct floor_mine *grown;

	if (found)
		return &set->at[at];
	if (set->n == FLOOR_PRODUCTS_MAX) {
		err_set(e, ERR_LIMIT, "the floor is kept for at most %d products", FLOOR_PRODUCTS_MAX);
		return NULL;
	}
	grown = with_room(set->at, set->n, &set->cap, sizeof *grown);
	if (!grown) {
		err_set(e, ERR_MEMORY, "no memory for the floor");
		return NULL;
	}
	set->at = grown;
	memmove(grown + at + 1, grown + at, (set->n - at) * sizeof *grown);
	grown[at] = (struct floor_mine){ .item.product = *product };
	set->n++;
	return &grown[at];
}

/* The first of the revoked that is not below sequence. */
static size_t revoked_place(const struct floor_mine *m, uint64_t sequence)
{
	size_t low = 0, high = m->item.revoked_n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->revoked[mid] < sequence)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool has_revoked(const struct floor_mine *m, uint64_t sequence)
{
	size_t at = revoked_place(m, sequence);

	return at < m->item.revoked_n && m->revoked[at] == sequence;
}

int floor_mine_revoke(struct floor_mine *m, uint64_t sequence, bool *changed, struct err *e)
{
	size_t at = revoked_place(m, sequence);
	uint64_t *grown;

	if (sequence < m->item.floor || has_revoked(m, sequence))
		return ERR_OK;
	if (m->item.revoked_n == FLOOR_REVOKED_MAX)
		return err_set(e, ERR_LIMIT, "at most %d single revocations of a product are kept", FLOOR_REVOKED_MAX);
	grown = with_room(m->revoked, m->item.revoked_n, &m->revoked_cap, sizeof *grown);
	if (!grown)
		return err_set(e, ERR_MEMORY, "no memory for the floor");
	memmove(grown + at + 1, grown + at, (m->item.revoked_n - at) * sizeof *grown);
	grown[at] = sequence;
	m->revoked = grown;
	m->item.revoked = grown;
	m->item.revoked_n++;
	*changed = true;
	return ERR_OK;
}

/* Below the floor everything is revoked anyway. */
static void forget_below_floor(struct floor_mine *m)
{
	size_t below = revoked_place(m, m->item.floor);

	if (below)
		memmove(m->revoked, m->revoked + below, (m->item.revoked_n - below) * sizeof *m->revoked);
	m->item.revoked_n -= below;
}

static bool raise_to(uint64_t *have, uint64_t to)
{
	if (to <= *have)
		return false;
	*have = to;
	return true;
}

int floor_note(struct floors *f, const struct floor_item *item, struct err *e)
{
	struct err why = { 0 };
	struct floor_mine *m = floor_set_add(&f->set, &item->product, &why);
	int rc = ERR_OK;

	if (!m)
		return err_tell(e, &why);
	if (memcmp(m->item.name, item->name, sizeof item->name) != 0 || !addr20_eq(&m->item.registrant, &item->registrant)) {
		memcpy(m->item.name, item->name, sizeof item->name);
		m->item.registrant = item->registrant;
		f->is_dirty = true;
	}
	f->is_dirty |= raise_to(&m->item.proven, item->proven);
	f->is_dirty |= raise_to(&m->item.active, item->active);
	if (raise_to(&m->item.floor, item->floor)) {
		f->is_dirty = true;
		forget_below_floor(m);
	}
	for (size_t i = 0; i < item->revoked_n && rc == ERR_OK; i++)
		rc = floor_mine_revoke(m, item->revoked[i], &f->is_dirty, e);
	return rc;
}

const struct floor_item *floor_get(const struct floors *f, const struct hash32 *product)
{
	bool found;
	size_t at = place(&f->set, product, &found);

	return found ? &f->set.at[at].item : NULL;
}

const struct floor_item *floor_at(const struct floors *f, size_t i)
{
	return i < f->set.n ? &f->set.at[i].item : NULL;
}

bool floor_is_revoked(const struct floors *f, const struct hash32 *product, uint64_t sequence)
{
	bool found;
	size_t at = place(&f->set, product, &found);

	return found && (sequence < f->set.at[at].item.floor || has_revoked(&f->set.at[at], sequence));
}

void floor_write(const struct floors *f, struct buf *out)
{
	floor_file_write(out, &f->set);
}

int floor_unite(struct floors *f, struct span bytes, struct err *e)
{
	struct floor_set other = { 0 };
	int rc = floor_file_read(bytes, &other, e);

	for (size_t i = 0; i < other.n && !rc; i++)
		rc = floor_note(f, &other.at[i].item, e);
	floor_set_free(&other);
	return rc;
}

enum floor_found floor_found(const struct floors *f)
{
	return f->found;
}

const struct err *floor_unread(const struct floors *f)
{
	return f->unread.code ? &f->unread : NULL;
}

bool floor_is_dirty(const struct floors *f)
{
	return f->is_dirty;
}

void floor_free(struct floors *f)
{
	if (!f)
		return;
	floor_set_free(&f->set);
	free(f);
}

/* UNREAD: what it says is not known, and it may be good. */
enum slot { SLOT_MISSING, SLOT_DAMAGED, SLOT_UNREAD, SLOT_VALID };

static enum slot slot_of(int rc)
{
	if (rc == ERR_OK)
		return SLOT_VALID;
	return rc == ERR_NOT_FOUND ? SLOT_MISSING : rc == ERR_IO ? SLOT_UNREAD : SLOT_DAMAGED;
}

/* One that is not whole is no failure: the other one may do. Want of memory or descriptors is, for it says nothing of the file. */
static int load_slot(struct floors *f, int i, struct floor_set *set, enum slot *out, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(FLOOR_FILE_MAX);
	struct err why = { 0 };
	int rc = durable_read(f->dir, file_names[i], &bytes, &why);

	if (rc == ERR_OK)
		rc = floor_file_read(buf_span(&bytes), set, &why);
	*out = slot_of(rc);
	if (err_is_shortage(&why))
		return err_tell(e, &why);
	if (*out == SLOT_UNREAD && !f->unread.code)
		f->unread = why;
	return ERR_OK;
}

static enum floor_found found_of(const enum slot slot[2])
{
	int valid = (slot[0] == SLOT_VALID) + (slot[1] == SLOT_VALID);

	/* b is made when a is on disk: a damaged a without b is a first save that a power cut stopped. Nothing was told by then. */
	if ((slot[0] == SLOT_MISSING || slot[0] == SLOT_DAMAGED) && slot[1] == SLOT_MISSING)
		return FLOOR_NONE;
	return valid == 2 ? FLOOR_BOTH : valid ? FLOOR_ONE : FLOOR_LOST;
}

static int load(struct floors *f, struct err *e)
{
	struct floor_set set[2] = { 0 };
	enum slot slot[2];
	int rc = load_slot(f, 0, &set[0], &slot[0], e);

	if (rc == ERR_OK)
		rc = load_slot(f, 1, &set[1], &slot[1], e);
	if (rc == ERR_OK) {
		f->found = found_of(slot);
		f->newest = slot[1] == SLOT_VALID && (slot[0] != SLOT_VALID || set[1].generation > set[0].generation);
		for (int i = 0; i < 2; i++) {
			f->is_valid[i] = slot[i] == SLOT_VALID;
			f->is_unread[i] = slot[i] == SLOT_UNREAD;
		}
		f->set = set[f->newest];
		set[f->newest] = (struct floor_set){ 0 };
		/* The next save mends what is damaged. */
		f->is_dirty = f->found == FLOOR_ONE || f->found == FLOOR_LOST;
	}
	floor_set_free(&set[0]);
	floor_set_free(&set[1]);
	return rc;
}

int floor_load(int state_dir, const struct sysio *sys, struct floors **out, struct err *e)
{
	struct floors *f = calloc(1, sizeof *f);
	int rc;

	if (!f)
		return err_set(e, ERR_MEMORY, "no memory for the floor");
	f->dir = state_dir;
	f->sys = sysio_or_kernel(sys);
	rc = load(f, e);
	if (rc) {
		floor_free(f);
		return rc;
	}
	*out = f;
	return ERR_OK;
}

static int open_slot(struct floors *f, int i)
{
	int fd = f->sys->openat(f->dir, file_names[i], O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	f->is_named[i] = false;
	return f->sys->openat(f->dir, file_names[i], O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
}

/* Also one that was there at the start: whoever made it may not have come to this. */
static int name_slot(struct floors *f, int i, struct err *e)
{
	if (f->is_named[i])
		return ERR_OK;
	if (f->sys->fsync(f->dir) < 0)
		return err_errno(e, "%s: sync the directory", file_names[i]);
	f->is_named[i] = true;
	return ERR_OK;
}

/* In place: a full disk must not keep a floor from rising. Torn or not, the other file is whole meanwhile. */
static int write_in_place(struct floors *f, int i, struct span bytes, struct err *e)
{
	autoclose int fd = open_slot(f, i);
	int rc;

	if (fd < 0)
		return err_errno(e, "%s", file_names[i]);
	if ((rc = sysio_pwrite_all(f->sys, fd, bytes, 0, e)))
		return rc;
	if (f->sys->ftruncate(fd, (off_t)bytes.n) < 0 || f->sys->fdatasync(fd) < 0)
		return err_errno(e, "%s: sync", file_names[i]);
	return name_slot(f, i, e);
}

/* Where the file cannot be written, since its sectors are bad or it is none, a new one may. */
static int write_slot(struct floors *f, int i, struct span bytes, struct err *e)
{
	int rc = write_in_place(f, i, bytes, e);

	return rc == ERR_IO ? durable_replace(f->dir, file_names[i], bytes, 0640, f->sys, e) : rc;
}

/* Before it is written over: if it can be read by now, what it says counts, as far as there is room for it. */
static int look_again(struct floors *f, int i, struct err *e)
{
	struct floor_set set = { 0 };
	enum slot slot;
	int rc = load_slot(f, i, &set, &slot, e);

	for (size_t n = 0; n < set.n && (!rc || rc == ERR_LIMIT); n++)
		rc = floor_note(f, &set.at[n].item, e);
	floor_set_free(&set);
	if (rc && rc != ERR_LIMIT)
		return rc;
	f->is_unread[i] = false;
	return ERR_OK;
}

static int save_older(struct floors *f, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(FLOOR_FILE_MAX);
	bool any = f->is_valid[0] || f->is_valid[1];
	int older = any ? !f->newest : 0;
	int rc;

	f->set.generation++;
	floor_file_write(&bytes, &f->set);
	if ((rc = buf_ok(&bytes, e)))
		return rc;
	f->is_valid[older] = false;
	if ((rc = write_slot(f, older, buf_span(&bytes), e)))
		return err_wrap(e, "the floor was not saved");
	f->is_valid[older] = true;
	f->newest = older;
	return ERR_OK;
}

int floor_save(struct floors *f, struct err *e)
{
	int rc = ERR_OK;

	if (!f->is_dirty)
		return ERR_OK;
	for (int i = 0; i < 2; i++)
		if (f->is_unread[i] && (rc = look_again(f, i, e)))
			return rc;
	/* Twice where the other file is missing or damaged. */
	do
		rc = save_older(f, e);
	while (rc == ERR_OK && !(f->is_valid[0] && f->is_valid[1]));
	if (rc == ERR_OK)
		f->is_dirty = false;
	return rc;
}

static int check_slot(struct floors *f, int i, bool *is_good, struct err *e)
{
	struct floor_set set = { 0 };
	enum slot slot;
	int rc;

	io_forget_pages(f->dir, file_names[i]);
	rc = load_slot(f, i, &set, &slot, e);
	*is_good = slot == SLOT_VALID;
	floor_set_free(&set);
	return rc;
}

/* It is the next one to be written: what is whole must not be touched before it is whole too. */
static void note_damage(struct floors *f, int i)
{
	f->is_valid[i] = false;
	f->is_dirty = true;
	if (f->is_valid[!i])
		f->newest = !i;
}

int floor_check(struct floors *f, unsigned *damaged, struct err *e)
{
	unsigned n = 0;

	for (int i = 0; i < 2; i++) {
		bool is_good = true;
		int rc = f->is_valid[i] ? check_slot(f, i, &is_good, e) : ERR_OK;

		if (rc)
			return rc;
		n += !is_good;
		if (!is_good)
			note_damage(f, i);
	}
	*damaged = n;
	return ERR_OK;
}
