/* verify.c: see verify.h. */
#include "keeper/verify.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/log.h"
#include "keeper/js.h"
#include "keeper/keeper.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum verify_at { VERIFY_DATABASE, VERIFY_FILES, VERIFY_ENTRIES, VERIFY_IMAGES, VERIFY_REPAIRING, VERIFY_DONE };

static const struct sm_state table[] = {
	[VERIFY_DATABASE] = { "database", SM_TO(VERIFY_FILES) | SM_TO(VERIFY_DONE) },
	[VERIFY_FILES] = { "files", SM_TO(VERIFY_ENTRIES) },
	[VERIFY_ENTRIES] = { "entries", SM_TO(VERIFY_IMAGES) | SM_TO(VERIFY_DONE) },
	[VERIFY_IMAGES] = { "images", SM_TO(VERIFY_REPAIRING) },
	[VERIFY_REPAIRING] = { "repairing", SM_TO(VERIFY_DONE) },
	[VERIFY_DONE] = { "done", 0 },
};

/* Something that was not what we wrote. */
struct finding {
	const char *what;		/* "image", "blocks", "digests", "floor", "catalog", "entries", "object", "second-copy" */
	char name[PRODUCT_NAME_MAX + 1];	/* which one */
	struct hash32 sha256;		/* of an image that is to be whole again; else zero */
	uint32_t chunks;
	bool is_repaired;
};

struct verify {
	struct keeper *k;
	uint64_t id;
	struct sm sm;
	bool with_images;
	int64_t begun_ms, ended_ms;	/* wall clock */
	struct store_checking db;
	size_t product;			/* the next one */
	struct hash32 after;		/* images up to this one were read */
	bool has_after;
	uint64_t images, bytes;		/* there were, when images began */
	uint64_t images_done, bytes_done;
	struct recover_counts lying;	/* what lies in objects/ */
	struct finding *finding;
	size_t findings, room;
	uint64_t unnamed;		/* findings beyond VERIFY_FINDINGS_MAX */
	size_t open;			/* findings that were not repaired at the last look … */
	int64_t progress_ms;		/* … and when that changed last, or a repair was under way */
	char trouble[320];		/* a step that could not be done */
};

struct verify *verify_new(struct keeper *k, uint64_t id, bool with_images)
{
	struct verify *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	v->k = k;
	v->id = id;
	v->with_images = with_images;
	v->begun_ms = clock_wall_ms(k->clock);
	sm_init(&v->sm, "verify", table, VERIFY_DATABASE);
	return v;
}

void verify_free(struct verify *v)
{
	if (!v)
		return;
	free(v->finding);
	free(v);
}

bool verify_is_over(const struct verify *v)
{
	return !v || v->sm.at == VERIFY_DONE;
}

/* --- findings --- */

static bool has_room(struct verify *v)
{
	size_t room = v->room ? 2 * v->room : 16;
	struct finding *more;

	if (v->findings == VERIFY_FINDINGS_MAX)
		return false;
	if (v->findings < v->room)
		return true;
	more = reallocarray(v->finding, room, sizeof *more);
	if (!more)
		return false;		/* no memory */
	v->finding = more;
	v->room = room;
	return true;
}

static void found(struct verify *v, const struct finding *f)
{
	if (has_room(v))
		v->finding[v->findings++] = *f;
	else
		v->unnamed++;
}

static void found_file(struct verify *v, const char *what, const char *name, bool is_repaired)
{
	struct finding f = { .what = what, .is_repaired = is_repaired };

	snprintf(f.name, sizeof f.name, "%s", name);
	log_broken("store", "a file is not what was written", "what=%s name=%s repaired=%s", what, name, is_repaired ? "yes" : "no");
	found(v, &f);
}

static void found_image(struct verify *v, const char *what, const struct hash32 *sha256, uint32_t chunks, bool is_repaired)
{
	struct finding f = { .what = what, .sha256 = *sha256, .chunks = chunks, .is_repaired = is_repaired };

	hex_str(SPAN_OF(*sha256), f.name);
	found(v, &f);
}

static bool has_found(const struct verify *v, const struct hash32 *sha256)
{
	for (size_t i = 0; i < v->findings; i++)
		if (hash32_eq(&v->finding[i].sha256, sha256))
			return true;
	return false;
}

static void note_trouble(struct verify *v, const struct err *e)
{
	if (!v->trouble[0])
		snprintf(v->trouble, sizeof v->trouble, "%s", e->msg);
	keeper_trouble(v->k, e);
}

/* --- the database --- */

static void end(struct verify *v)
{
	v->ended_ms = clock_wall_ms(v->k->clock);
	sm_move(&v->sm, VERIFY_DONE);
	log_info("store", "verified", "images=%" PRIu64 " bytes=%" PRIu64 " found=%zu", v->images_done, v->bytes_done, v->findings);
}

static void check_database(struct verify *v)
{
	struct err e = { 0 };
	int rc = store_check_step(v->k->store, &v->db, &e);

	if (rc)
		note_trouble(v, &e);
	if (rc == ERR_CORRUPT)
		end(v);		/* the keeper starts anew; nothing else can be said */
	else if (rc || v->db.is_done)
		sm_move(&v->sm, VERIFY_FILES);
}

/* --- files --- */

static void check_floors(struct verify *v)
{
	struct err e = { 0 };
	unsigned damaged = 0;
	bool is_saved;

	if (floor_check(v->k->floors, &damaged, &e)) {
		note_trouble(v, &e);
		return;
	}
	is_saved = damaged && floor_save(v->k->floors, &e) == ERR_OK;
	if (damaged && !is_saved)
		note_trouble(v, &e);
	for (unsigned i = 0; i < damaged; i++)
		found_file(v, "floor", damaged == 2 ? (i ? "floor.b" : "floor.a") : "floor", is_saved);
}

static void check_catalog(struct verify *v)
{
	struct err e = { 0 };
	bool is_damaged = false;
	int rc = catalogs_check(v->k, &is_damaged, &e);

	if (rc && rc != ERR_BUSY)
		note_trouble(v, &e);
	if (is_damaged)
		found_file(v, "catalog", "catalog", rc == ERR_OK);
}

/* What waits for its repair already. */
static int note_known(void *arg, const struct image_row *i, struct err *e)
{
	struct verify *v = arg;

	(void)e;
	if (i->state == IMAGE_IS_DAMAGED)
		found_image(v, "image", &i->sha256, i->damaged_chunks, false);
	else if (i->is_dag_lost)
		found_image(v, "blocks", &i->sha256, 0, false);
	return ERR_OK;
}

static void check_objects(struct verify *v)
{
	struct err e = { 0 };

	if (keeper_look_at_objects(v->k, &v->lying, &e)) {
		note_trouble(v, &e);
		return;
	}
	if (v->lying.unread.code && !v->trouble[0])
		snprintf(v->trouble, sizeof v->trouble, "%s", v->lying.unread.msg);
	if (v->lying.lost)
		log_broken("store", "images are gone or have another size", "n=%" PRIu32, v->lying.lost);
	/* Now, since the next turn may find them repaired. */
	if (v->with_images && images_each(v->k->store, 1u << IMAGE_IS_GOOD | 1u << IMAGE_IS_DAMAGED, NULL, 0, note_known, v, &e))
		note_trouble(v, &e);
}

static void check_copy(struct verify *v)
{
	struct err e = { 0 };
	bool is_damaged = false;
	int rc = owncopy_check(v->k->store, &is_damaged, &e);

	if (!rc && is_damaged)
		rc = owncopy_save(v->k->store, &e);
	if (rc)
		note_trouble(v, &e);
	if (is_damaged)
		found_file(v, "second-copy", "own", rc == ERR_OK);
}

static void check_files(struct verify *v)
{
	check_floors(v);
	check_copy(v);
	check_catalog(v);
	check_objects(v);
	sm_move(&v->sm, VERIFY_ENTRIES);
}

/* --- entries --- */

static void begin_images(struct verify *v)
{
	struct images_totals t = { 0 };
	struct err e = { 0 };

	if (images_totals(v->k->store, &t, &e))
		note_trouble(v, &e);
	v->images = t.count;
	v->bytes = t.bytes;
	sm_move(&v->sm, VERIFY_IMAGES);
}

static void check_entries(struct verify *v)
{
	struct ledger *l = &v->k->ledger;

	if (v->product >= l->products) {
		if (v->with_images)
			begin_images(v);
		else
			end(v);
		return;
	}
	if (keeper_check_entries(v->k, l->product[v->product]))
		found_file(v, "entries", l->product[v->product]->name, true);
	v->product++;
}

/* --- images --- */

struct next_image {
	struct image_row row;
	bool is_there;
};

static int take_image(void *arg, const struct image_row *i, struct err *e)
{
	struct next_image *n = arg;

	(void)e;
	n->row = *i;
	n->is_there = true;
	return ERR_OK;
}

static void pass(struct verify *v, const struct image_row *i)
{
	v->after = i->sha256;
	v->has_after = true;
	v->images_done++;
	v->bytes_done += i->size;
}

/* What is damaged already, or being repaired, is not read again: it is waited for. */
static void look_at(struct verify *v, const struct image_row *i)
{
	struct err e = { 0 };

	if (!has_found(v, &i->sha256))
		err_drop(note_known(v, i, &e));
	if (i->state == IMAGE_IS_GOOD && !fetcher_is_fetching(&v->k->fetcher, &i->sha256))
		scrubber_read(&v->k->scrubber, i);
	else
		pass(v, i);
}

static void check_next_image(struct verify *v)
{
	struct next_image n = { .is_there = false };
	struct err e = { 0 };
	uint32_t states = 1u << IMAGE_IS_GOOD | 1u << IMAGE_IS_DAMAGED;

	if (images_each(v->k->store, states, v->has_after ? &v->after : NULL, 1, take_image, &n, &e))
		note_trouble(v, &e);
	if (n.is_there) {
		look_at(v, &n.row);
		return;
	}
	/* Who asks wants to know now: earlier failures do not count. */
	for (size_t f = 0; f < v->findings; f++)
		fetcher_hurry(&v->k->fetcher, &v->finding[f].sha256);
	v->progress_ms = clock_mono_ms(v->k->clock);
	v->open = SIZE_MAX;
	sm_move(&v->sm, VERIFY_REPAIRING);
}

/* Evicted or replaced meanwhile: if it is still there it is read once more, by its new row. */
static bool is_for_later(struct verify *v, const struct scrubber *s)
{
	struct image_row now;

	return images_get(v->k->store, &s->image.sha256, &now, NULL) == ERR_OK && now.state == IMAGE_IS_GOOD;
}

void verify_saw(struct verify *v, const struct scrubber *s, bool is_believed)
{
	const struct blob_check *c = &s->check;

	if (!v || v->sm.at != VERIFY_IMAGES)
		return;
	if (!is_believed && is_for_later(v, s))
		return;
	pass(v, &s->image);
	if (!is_believed)
		return;
	if (s->rc && s->rc != ERR_NOT_FOUND)
		note_trouble(v, &s->err);
	else if (s->rc || c->damaged || c->is_size_wrong)
		found_image(v, "image", &s->image.sha256, c->damaged ? c->damaged : 1, false);
	else if (c->were_sums_damaged)
		found_image(v, "digests", &s->image.sha256, 0, true);
	if (!s->rc && c->is_dag_damaged && !s->image.is_dag_lost)
		found_image(v, "blocks", &s->image.sha256, 0, false);
}

/* --- repairs --- */

/* Of a file that could not be written again at once nothing more is to be expected. */
static bool is_file(const struct finding *f)
{
	return hash32_is_zero(&f->sha256);
}

/* Whole again, or gone for good. */
static bool is_repaired(struct verify *v, const struct finding *f)
{
	struct image_row i;
	int rc;

	if (is_file(f))
		return f->is_repaired;
	rc = images_get(v->k->store, &f->sha256, &i, NULL);
	if (rc)
		return rc == ERR_NOT_FOUND;
	return i.state != IMAGE_IS_DAMAGED && i.state != IMAGE_IS_WANTED && i.state != IMAGE_IS_FETCHING && !i.is_dag_lost;
}

static size_t look_again(struct verify *v)
{
	size_t open = 0;

	for (size_t n = 0; n < v->findings; n++) {
		struct finding *f = &v->finding[n];

		f->is_repaired = is_repaired(v, f);
		open += !f->is_repaired && !is_file(f);
	}
	return open;
}

static void wait_for_repairs(struct verify *v)
{
	int64_t now = clock_mono_ms(v->k->clock);
	size_t open = look_again(v);
	bool is_under_way = v->k->adoptions > 0 || (open && fetcher_is_working(&v->k->fetcher));	/* it may be the next one's turn */

	if (open != v->open || is_under_way)
		v->progress_ms = now;
	v->open = open;
	if ((open == 0 && v->k->adoptions == 0) || now - v->progress_ms >= VERIFY_REPAIR_MS)
		end(v);
}

/* --- turns --- */

int64_t verify_turn(struct verify *v)
{
	static void (*const steps[])(struct verify *) = {
		[VERIFY_DATABASE] = check_database, [VERIFY_FILES] = check_files, [VERIFY_ENTRIES] = check_entries,
		[VERIFY_IMAGES] = check_next_image, [VERIFY_REPAIRING] = wait_for_repairs,
	};

	if (verify_is_over(v))
		return -1;
	steps[v->sm.at](v);
	if (v->sm.at == VERIFY_DONE)
		return -1;
	return v->sm.at == VERIFY_REPAIRING && v->open != SIZE_MAX ? VERIFY_LOOK_MS : 0;
}

/* --- for people --- */

static json_t *finding_json(const struct finding *f)
{
	json_t *o = json_object();

	js_set(o, "what", js_str(f->what));
	js_set(o, "name", js_str(f->name));
	js_set(o, "chunks", js_u64_or_null(f->chunks));
	js_set(o, "repaired", js_bool(f->is_repaired));
	return o;
}

static json_t *findings_json(const struct verify *v, bool *are_repaired)
{
	json_t *list = json_array();

	*are_repaired = v->unnamed == 0;
	for (size_t i = 0; i < v->findings; i++) {
		*are_repaired &= v->finding[i].is_repaired;
		js_append(list, finding_json(&v->finding[i]));
	}
	return list;
}

static json_t *counted(uint64_t total, uint64_t done)
{
	json_t *o = json_object();

	js_set(o, "total", js_u64(total));
	js_set(o, "done", js_u64(done));
	return o;
}

/* Of the image that is being read for it. */
static uint64_t bytes_now(const struct verify *v)
{
	const struct scrubber *s = &v->k->scrubber;

	return v->sm.at == VERIFY_IMAGES && s->k && s->sm.at == SCRUB_READING ? s->watch.bytes : 0;
}

json_t *verify_json(const struct verify *v)
{
	bool are_repaired;
	json_t *o, *list;

	if (!v)
		return json_null();
	o = json_object();
	list = findings_json(v, &are_repaired);
	js_set(o, "id", js_u64(v->id));
	js_set(o, "state", js_str(sm_name(&v->sm)));
	js_set(o, "begun", js_time(v->begun_ms));
	js_set(o, "ended", js_time(v->ended_ms));
	js_set(o, "images", counted(v->images, v->images_done));
	js_set(o, "bytes", counted(v->bytes, v->bytes_done + bytes_now(v)));
	js_set(o, "database_pages", js_u64(v->db.pages));
	js_set(o, "entries", counted(v->k->ledger.products, v->product));
	js_set(o, "leftovers", js_u64(v->lying.dropped));
	js_set(o, "adopted", js_u64(v->lying.adopt));
	js_set(o, "strange", js_u64(v->lying.strange));
	js_set(o, "found", js_u64(v->findings + v->unnamed));
	js_set(o, "findings", list);
	js_set(o, "trouble", js_str(v->trouble));
	js_set(o, "whole", v->sm.at == VERIFY_DONE ? js_bool(are_repaired && !v->trouble[0]) : json_null());
	return o;
}
