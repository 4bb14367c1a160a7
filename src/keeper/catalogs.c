/* catalogs.c: see catalogs.h. */
#include "keeper/catalogs.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "catalog/builder.h"
#include "formats/sha256.h"
#include "keeper/keeper.h"
#include "store/durable.h"

#include <fcntl.h>
#include <inttypes.h>

#define FILE_NAME "catalog"

/* What of a release a catalog can show, and what makes a channel pending. */
#define SHOWN (1u << RELEASE_ACTIVE | 1u << RELEASE_SUPERSEDED)
#define PENDING (1u << RELEASE_SEEN | 1u << RELEASE_FETCHING | 1u << RELEASE_READY)

/* What is built: SENT is told as it is; CONTENT is without the times of proofs, so that equal content gives equal bytes; KEPT is what of
 * that has to be on disk before it is told. */
enum view { SENT, CONTENT, KEPT };

struct building {
	struct keeper *k;
	enum view view;
	struct builder *b;
	const struct ledger_product *p;
	struct channel_of_p {
		bool is_pending, has_release;
		uint64_t withdrawn;
	} *channel;			/* as p follows them */
};

/* --- images --- */

static int add_image(void *arg, const struct image_row *i, struct err *e)
{
	static const enum catalog_image_state map[IMAGE_STATES] = {
		[IMAGE_IS_GOOD] = CATALOG_GOOD, [IMAGE_IS_DAMAGED] = CATALOG_DAMAGED, [IMAGE_IS_REVOKED] = CATALOG_REVOKED,
	};
	struct building *g = arg;
	struct cid cid;

	(void)e;
	builder_image(g->b, &(struct builder_image){ .sha256 = i->sha256, .sums = i->digests.sums, .size = i->size,
		.state = map[i->state], .format = span_str(i->format) });
	/* Only a CID under which these bytes came and were checked: what a manifest claims besides may be another image's. */
	if (i->cid[0] && cid_read_text(span_str(i->cid), &cid, NULL) == ERR_OK)
		builder_cid(g->b, &cid, &i->sha256);
	return ERR_OK;
}

static int add_images(struct building *g, struct err *e)
{
	uint32_t states = 1u << IMAGE_IS_GOOD | 1u << IMAGE_IS_DAMAGED | 1u << IMAGE_IS_REVOKED;

	return images_each(g->k->store, states, NULL, 0, add_image, g, e);
}

/* --- releases --- */

/* A row that cannot be read is no missing image: a catalog without it would show an older release as active. */
static int find_image(struct keeper *k, const struct hash32 *sha256, bool *is_here, struct err *e)
{
	struct image_row i;
	int rc = images_get(k->store, sha256, &i, e);

	*is_here = rc == ERR_OK && (i.state == IMAGE_IS_GOOD || i.state == IMAGE_IS_DAMAGED);
	return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

static void add_release(struct building *g, const struct release_row *r)
{
	const struct release_facts *f = &r->facts;
	struct span hardware[HARDWARE_MAX];

	for (size_t i = 0; i < f->hardware_n; i++)
		hardware[i] = span_str(f->hardware[i]);
	builder_release(g->b, &(struct builder_release){ .sequence = r->sequence, .from_sequence = f->from_sequence,
		.published_at = r->published_at, .state = r->state == RELEASE_ACTIVE ? CATALOG_ACTIVE : CATALOG_SUPERSEDED,
		.is_urgent = f->urgent, .channel = span_str(f->channel), .manifest = SPAN(r->manifest, r->manifest_len),
		.version = span_str(f->version), .description = SPAN(f->description, f->description_len), .cid = span_str(f->cid),
		.image = f->sha256, .hardware = hardware, .hardware_n = f->hardware_n });
}

static void note_untold(struct channel_of_p *c, const struct release_row *r, bool is_told)
{
	c->is_pending |= (PENDING & 1u << r->state) != 0;
	c->has_release |= is_told;
	if (!is_told && r->times_ms[RELEASE_ACTIVE] && r->sequence > c->withdrawn)
		c->withdrawn = r->sequence;
}

static int look_at_release(void *arg, const struct release_row *r, struct err *e)
{
	struct building *g = arg;
	bool is_told = false;
	int rc = ERR_OK;

	if (!r->has_facts)
		return ERR_OK;
	if (SHOWN & 1u << r->state)
		rc = find_image(g->k, &r->facts.sha256, &is_told, e);
	if (rc)
		return rc;
	if (is_told)
		add_release(g, r);
	for (size_t i = 0; i < g->p->follow->channels_n; i++)
		if (!strcmp(g->p->follow->channels[i], r->facts.channel))
			note_untold(&g->channel[i], r, is_told);
	return ERR_OK;
}

/* --- products --- */

/* A product that could not be judged since its last proof must not look fresher than what is told of it.
 * Without times: only whether there is a proof at all. */
static struct catalog_proof proof_of(const struct ledger_product *p, bool with_times)
{
	struct catalog_proof none = { 0 }, known = { .number = 1, .time = 1 };

	if (p->judged.number == 0)
		return none;
	if (!with_times)
		return known;
	return (struct catalog_proof){ .number = p->judged.number, .time = p->judged.time, .hash = p->judged.hash };
}

/* What the last run's copy may be behind in, for the moment until the database is open: neighbours get a shorter history, which they check
 * against the chain; and "on its way" is said only where nothing is offered. */
static void add_head(struct building *g, const struct ledger_product *p)
{
	static const struct entryfile none = { .bytes = 0 };
	const struct entryfile *f = g->view == KEPT ? &none : &p->file;

	builder_product(g->b, &(struct builder_product){ .name = span_str(p->name), .id = p->id, .registrant = p->registrant,
		.proof = proof_of(p, g->view == SENT), .trust = keeper_trust_in(g->k, p), .max_age_ms = (uint64_t)g->k->conf->chain.max_age_ms,
		.entries_sha256 = f->sha256, .entries_bytes = f->bytes });
}

static void add_channel(struct building *g, const char *name, const struct channel_of_p *c)
{
	builder_channel(g->b, span_str(name), c->is_pending && !(g->view == KEPT && c->has_release), c->withdrawn);
}

static int add_product(struct building *g, struct ledger_product *p, struct err *e)
{
	struct release_query q = { .product = &p->id };
	autofree struct channel_of_p *channel = calloc(p->follow->channels_n, sizeof *channel);
	int rc = ERR_OK;

	if (!channel)
		return err_set(e, ERR_MEMORY, "no memory for the catalog");
	g->p = p;
	g->channel = channel;
	keeper_bring_entries(g->k, p, p->final_entries);
	add_head(g, p);
	if (p->has_releases)		/* thousands of products have none yet: no query for them */
		rc = releases_each(g->k->store, &q, look_at_release, g, e);
	for (size_t i = 0; i < p->follow->channels_n; i++)
		add_channel(g, p->follow->channels[i], &channel[i]);
	return rc;
}

static int build(struct keeper *k, uint64_t generation, enum view view, struct buf *out, struct err *e)
{
	struct builder_about about = { .generation = generation, .chain_id = k->conf->chain.chain_id,
		.registry = k->conf->chain.registry, .gateway = span_str(k->conf->gateway.name) };
	struct building g = { .k = k, .view = view, .b = builder_new(&about) };
	int rc;

	if (!g.b)
		return err_set(e, ERR_MEMORY, "no memory for the catalog");
	rc = add_images(&g, e);
	for (size_t i = 0; i < k->ledger.products && !rc; i++)
		rc = add_product(&g, k->ledger.product[i], e);
	if (!rc)
		rc = builder_finish(g.b, out, e);
	builder_free(g.b);
	return rc ? err_wrap(e, "catalog") : ERR_OK;
}

/* --- out --- */

static int hand_over(struct keeper *k, struct span bytes, struct err *e)
{
	autoclose int fd = -1;
	int rc = io_sealed_memfd("catalog", bytes, &fd, e);

	return rc ? rc : sup_catalog(&k->sup, fd, e);
}

/* A full disk has no room for a second file. When the copy cannot even be overwritten it goes: on a disk like this the database may not open
 * at the next start, and what is older than what devices were told must not be told for so long. */
static int save(struct keeper *k, struct span bytes, struct err *e)
{
	int rc = durable_replace(k->state_dir, FILE_NAME, bytes, 0640, NULL, e);

	if (rc && durable_overwrite(k->state_dir, FILE_NAME, bytes, NULL, NULL))
		(void)(unlinkat(k->state_dir, FILE_NAME, 0) == 0 && fsync(k->state_dir));
	else if (rc == ERR_NO_SPACE)
		rc = ERR_OK;
	if (!rc)
		k->catalogs.saved_ms = clock_mono_ms(k->clock);
	return rc;
}

/* Sends one with the proofs of now. On disk goes what has new content, and that first: after a kill or a power cut the copy is told before
 * the database is open, and must not be older than what devices were told. A disk that refuses keeps no revocation from them. The times of
 * proofs alone are no reason to write: the database has them, and a copy with older ones looks staler than it is, for a moment. */
static int send_now(struct keeper *k, bool is_new, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(CATALOG_MAX);
	struct catalogs *c = &k->catalogs;
	struct err unsaved = { 0 };
	int rc = build(k, c->generation + 1, SENT, &bytes, e), saved = ERR_OK;

	if (rc)
		return rc;
	if (is_new)
		saved = save(k, buf_span(&bytes), &unsaved);
	rc = hand_over(k, buf_span(&bytes), e);
	if (rc)
		return rc;
	c->generation++;
	c->is_proof_untold = false;
	c->sent_ms = clock_mono_ms(k->clock);
	log_debug("catalog", "sent", "generation=%" PRIu64 " bytes=%zu", c->generation, bytes.n);
	return saved ? err_tell(e, &unsaved) : ERR_OK;
}

static int digest_of(struct keeper *k, enum view view, struct hash32 *out, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(CATALOG_MAX);
	int rc = build(k, 0, view, &bytes, e);

	if (!rc)
		*out = sha256_of(buf_span(&bytes));
	return rc;
}

/* Still followed? */
static bool keeps_product(void *arg, const struct catalog *c, const struct catalog_product *p)
{
	const struct keeper *k = arg;
	struct span name = catalog_bytes(c, p->name);

	for (size_t i = 0; i < k->conf->products_n; i++) {
		const struct ledger_follow *f = &k->follow[i];

		if (addr20_eq(&f->registrant, &p->registrant) && (!f->name || span_is(name, f->name)))
			return true;
	}
	return false;
}

/* Less than what the floor files say was proven once: the database was lost, or is an older one, as when its WAL has rotted. */
static bool is_behind(const struct keeper *k, const struct hash32 *product)
{
	const struct ledger_product *known = ledger_find(&k->ledger, product);
	const struct floor_item *f = floor_get(k->floors, product);

	return !known || known->proven.number == 0 || (f && f->proven > known->final_sequence);
}

/* At rest nobody can look for objects: what is known is told, unless it is less than what was told. */
static bool is_looking(const struct keeper *k)
{
	return !k->is_recovered && (!keeper_is_paused(k) || !catalogs_last_has_rows(k));
}

/* Then the last run's catalog knows more than we do: it stays until every product that it tells of is proven again, and the objects
 * on disk have their rows back. */
static bool is_holding(struct keeper *k)
{
	struct catalog *last = k->catalogs.last;
	const struct catalog_product *p;
	size_t n;

	if (!last)
		return false;
	p = catalog_products(last, &n);
	for (size_t i = 0; i < n; i++)
		if (p[i].proof.number && keeps_product(k, last, &p[i]) && is_behind(k, &p[i].id))
			return true;
	if (k->adoptions > 0 || is_looking(k))
		return true;
	catalog_put(STEAL_PTR(k->catalogs.last));
	return false;
}

/* Still followed, revoked since, below the floor? */
static bool keeps_release(void *arg, const struct catalog *c, const struct catalog_product *p, const struct catalog_release *r)
{
	const struct keeper *k = arg;

	(void)c;
	return !floor_is_revoked(k->floors, &p->id, r->sequence);
}

/* The last run's, without what may not be told any more; nothing when that was sent already. */
static int send_last(struct keeper *k, const struct catalog *last, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(CATALOG_MAX);
	struct catalog_filter filter = { keeps_product, keeps_release, k };
	struct hash32 digest;
	int rc = catalog_filter(last, &filter, &bytes, e);

	if (rc)
		return rc;
	digest = sha256_of(buf_span(&bytes));
	if (hash32_eq(&digest, &k->catalogs.content))
		return ERR_OK;
	rc = hand_over(k, buf_span(&bytes), e);
	if (!rc)
		k->catalogs.content = digest;
	return rc;
}

/* What failed half-way may be with the server or on the disk: then neither is known to have what it had, and the next one tries again. */
static int publish_new(struct keeper *k, const struct hash32 *content, struct err *e)
{
	struct catalogs *c = &k->catalogs;
	struct hash32 kept, was = c->kept;
	int rc = digest_of(k, KEPT, &kept, e);

	if (rc)
		return rc;
	c->content = c->kept = (struct hash32){ { 0 } };
	rc = send_now(k, !hash32_eq(&kept, &was), e);
	if (rc)
		return rc;
	c->content = *content;
	c->kept = kept;
	return ERR_OK;
}

int catalogs_publish(struct keeper *k, struct err *e)
{
	struct hash32 content;
	int rc;

	if (is_holding(k))
		return send_last(k, k->catalogs.last, e);
	rc = digest_of(k, CONTENT, &content, e);
	if (rc)
		return rc;
	if (hash32_eq(&content, &k->catalogs.content))
		return ERR_OK;
	rc = publish_new(k, &content, e);
	keeper_sweep_entries(k);
	return rc;
}

bool catalogs_last_cid(const struct keeper *k, const struct hash32 *sha256, char out[CID_TEXT_MAX])
{
	const struct catalog *last = k->catalogs.last;
	const struct catalog_cid *all = NULL;
	struct cid cid;
	size_t n = 0;

	if (last)
		all = catalog_cids(last, &n);
	for (size_t i = 0; i < n; i++) {
		if (!hash32_eq(&catalog_image(last, all[i].image)->sha256, sha256))
			continue;
		if (cid_read(catalog_bytes(last, all[i].cid), &cid, NULL) == ERR_OK) {
			cid_text(&cid, out);
			return true;
		}
	}
	return false;
}

bool catalogs_last_has_rows(const struct keeper *k)
{
	const struct catalog *last = k->catalogs.last;
	const struct catalog_image *all = NULL;
	struct image_row row;
	size_t n = 0;

	if (!last)
		return false;
	all = catalog_images(last, &n);
	for (size_t i = 0; i < n; i++)
		if (images_get(k->store, &all[i].sha256, &row, NULL) || row.state == IMAGE_IS_WANTED || row.state == IMAGE_IS_FETCHING)
			return false;
	return true;
}

int catalogs_refresh(struct keeper *k, struct err *e)
{
	k->catalogs.is_proof_untold = true;
	/* A floor that is not on disk yet: what it belongs to must not be told before. */
	if (is_holding(k) || floor_is_dirty(k->floors) || clock_mono_ms(k->clock) - k->catalogs.sent_ms < CATALOG_PROOF_MS)
		return ERR_OK;
	return send_now(k, false, e);
}

int catalogs_catch_up(struct keeper *k, struct err *e)
{
	return k->catalogs.is_proof_untold ? catalogs_refresh(k, e) : ERR_OK;
}

/* --- the copy of an earlier run --- */

static int open_copy(struct keeper *k, struct catalog **out, struct err *e)
{
	autoclose int fd = -1;
	int rc = io_open_own(k->state_dir, FILE_NAME, 0, &fd, e);

	return rc ? rc : catalog_open(fd, CATALOG_FROM_DISK, out, e);
}

/* Of another chain or registry: not ours to tell any more. */
static int check_copy(const struct keeper *k, const struct catalog *c, struct err *e)
{
	struct catalog_facts f = catalog_facts(c);

	if (f.chain_id != k->conf->chain.chain_id || !addr20_eq(&f.registry, &k->conf->chain.registry))
		return err_set(e, ERR_RULE, "the catalog on disk is of another chain or registry");
	return ERR_OK;
}

int catalogs_load(struct keeper *k, struct err *e)
{
	AUTO(catalog_put_auto) struct catalog *c = NULL;
	int rc = open_copy(k, &c, e);

	if (!rc)
		rc = check_copy(k, c, e);
	if (!rc)
		rc = send_last(k, c, e);
	if (rc)
		return rc;
	k->catalogs.generation = catalog_facts(c).generation;
	k->catalogs.last = STEAL_PTR(c);
	log_info("keeper", "serving from the catalog of the last run", "generation=%" PRIu64, k->catalogs.generation);
	return ERR_OK;
}

int catalogs_check(struct keeper *k, bool *is_damaged, struct err *e)
{
	AUTO(catalog_put_auto) struct catalog *c = NULL;

	io_forget_pages(k->state_dir, FILE_NAME);
	*is_damaged = k->catalogs.saved_ms && open_copy(k, &c, NULL) != ERR_OK;
	if (!*is_damaged)
		return ERR_OK;
	if (is_holding(k))
		return err_set(e, ERR_BUSY, "the catalog's copy is written again when the chain is proven again");
	k->catalogs.content = k->catalogs.kept = (struct hash32){ { 0 } };	/* as if it were new */
	return catalogs_publish(k, e);
}
