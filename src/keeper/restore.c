/* restore.c: see restore.h. */
#include "keeper/restore.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "catalog/builder.h"
#include "chain/entry.h"
#include "daemon/conf.h"
#include "daemon/sandbox.h"
#include "formats/backup.h"
#include "formats/sha256.h"
#include "keeper/js.h"
#include "store/audit.h"
#include "store/floor.h"
#include "store/products.h"
#include "store/restore.h"
#include "store/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define PIECE (1 * MIB)

/* One side: what the backup has, and what the directory has. */
struct side {
	struct floors *floors;
	struct tokens *tokens;		/* NULL: no file, or a damaged one */
	struct catalog *catalog;	/* NULL: none that can be told from */
};

struct restoring {
	int fd;				/* of the backup */
	struct backup_head head;
	size_t head_n;
	struct conf *conf;
	struct restore into;
	struct side theirs, own;
	struct buf tokens, catalog;	/* bytes to put in place */
	struct restore_parts parts;
	const struct side *behind;	/* whose products go from the catalog where the other side knows more */
	json_t *held_back;		/* their names */
};

static void side_fini(struct side *s)
{
	floor_free(s->floors);
	tokens_free(s->tokens);
	catalog_put(s->catalog);
}

static void restoring_end(struct restoring *r)
{
	side_fini(&r->theirs);
	side_fini(&r->own);
	cleanup_close(&r->fd);
	cleanup_close(&r->into.dir);
	conf_free(r->conf);
	buf_free(&r->tokens);
	buf_free(&r->catalog);
	json_decref(r->held_back);
}

/* --- the backup by itself --- */

static int read_head(struct restoring *r, struct err *e)
{
	uint8_t bytes[BACKUP_HEAD_MAX];
	struct stat st;
	ssize_t n;
	int rc;

	if (fstat(r->fd, &st) < 0)
		return err_errno(e, "backup");
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_USAGE, "backup: not a file");
	n = pread(r->fd, bytes, sizeof bytes, 0);
	if (n < 0)
		return err_errno(e, "backup");
	rc = backup_head_read(SPAN(bytes, (size_t)n), &r->head, &r->head_n, e);
	if (rc)
		return rc;
	if ((uint64_t)st.st_size != backup_part_at(&r->head, r->head_n, BACKUP_PARTS))
		return err_set(e, ERR_CORRUPT, "backup: %" PRIu64 " bytes are there, its head says %" PRIu64, (uint64_t)st.st_size,
			       backup_part_at(&r->head, r->head_n, BACKUP_PARTS));
	return ERR_OK;
}

static int check_digest(const struct restoring *r, enum backup_part part, uint8_t piece[PIECE], struct err *e)
{
	uint64_t at = backup_part_at(&r->head, r->head_n, part), end = at + r->head.part[part].size;
	struct sha256 sum;
	struct hash32 real;
	int rc = ERR_OK;

	sha256_init(&sum);
	while (at < end && !rc) {
		size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;

		rc = io_pread_exact(r->fd, piece, n, (off_t)at, e);
		if (!rc)
			sha256_add(&sum, SPAN(piece, n));
		at += n;
	}
	real = sha256_end(&sum);
	if (!rc && !hash32_eq(&real, &r->head.part[part].sha256))
		rc = err_set(e, ERR_CORRUPT, "backup: its %s does not have the digest that its head says", backup_part_name(part));
	return rc;
}

static int check_digests(const struct restoring *r, struct err *e)
{
	autofree uint8_t *piece = malloc(PIECE);
	int rc = piece ? ERR_OK : err_set(e, ERR_MEMORY, "no memory to read a backup");

	for (size_t i = 0; i < BACKUP_PARTS && !rc; i++)
		rc = check_digest(r, (enum backup_part)i, piece, e);
	return rc;
}

static int read_part(const struct restoring *r, enum backup_part part, struct buf *out, struct err *e)
{
	size_t n = (size_t)r->head.part[part].size;
	uint8_t *to = n ? buf_grow(out, n) : NULL;

	if (n && !to)
		return buf_ok(out, e);
	return n ? io_pread_exact(r->fd, to, n, (off_t)backup_part_at(&r->head, r->head_n, part), e) : ERR_OK;
}

/* Of the chain and registry that the head says, which are the configuration's. */
static bool is_of(const struct catalog *c, uint64_t chain_id, const struct addr20 *registry)
{
	struct catalog_facts f = catalog_facts(c);

	return f.chain_id == chain_id && addr20_eq(&f.registry, registry);
}

static int read_their_catalog(struct restoring *r, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(CATALOG_MAX);
	int rc = read_part(r, BACKUP_CATALOG, &bytes, e);

	if (rc || !bytes.n)
		return rc;
	rc = catalog_of(buf_span(&bytes), &r->theirs.catalog, e);
	if (rc == ERR_RULE)
		return ERR_OK;	/* another version's: the chain says it anew */
	if (!rc && !is_of(r->theirs.catalog, r->head.chain_id, &r->head.registry))
		rc = err_set(e, ERR_CORRUPT, "its catalog is of another chain or registry");
	return rc ? err_wrap(e, "backup") : ERR_OK;
}

static int read_backup(struct restoring *r, struct err *e)
{
	AUTO(buf_free) struct buf floor = BUF_INIT(FLOOR_FILE_MAX);
	int rc = read_head(r, e);

	if (!rc)
		rc = check_digests(r, e);
	if (!rc)
		rc = read_part(r, BACKUP_FLOOR, &floor, e);
	if (!rc)
		rc = read_part(r, BACKUP_TOKENS, &r->tokens, e);
	if (rc)
		return rc;
	if ((rc = floor_read(buf_span(&floor), &r->theirs.floors, e)) || (rc = tokens_read(buf_span(&r->tokens), &r->theirs.tokens, e)))
		return err_wrap(e, "backup");
	return read_their_catalog(r, e);
}

/* --- the directory --- */

static int open_dir(struct restoring *r, struct err *e)
{
	const char *path = r->conf->gateway.state_dir;

	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return err_errno(e, "%s", path);
	r->into.path = path;
	r->into.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r->into.dir < 0 ? err_errno(e, "%s", path) : ERR_OK;
}

static int enter_sandbox(struct restoring *r, struct err *e)
{
	struct sandbox_path paths[] = { { r->conf->gateway.state_dir, SANDBOX_WRITE } };
	struct sandbox_state state;

	return sandbox_enter(SANDBOX_KEEPER, paths, 1, &state, e);
}

/* What cannot be read is as good as not there: that is what the backup is for. */
static int read_own(struct restoring *r, struct err *e)
{
	autoclose int fd = openat(r->into.dir, "catalog", O_RDONLY | O_CLOEXEC);
	int rc = floor_load(r->into.dir, NULL, &r->own.floors, e);

	if (rc)
		return rc;
	if (faccessat(r->into.dir, "tokens", F_OK, 0) == 0)
		rc = tokens_load(r->into.dir, NULL, &r->own.tokens, e);
	if (rc && rc != ERR_CORRUPT)
		return rc;
	if (fd < 0 || catalog_open(fd, CATALOG_FROM_DISK, &r->own.catalog, NULL))
		return ERR_OK;
	if (!is_of(r->own.catalog, r->head.chain_id, &r->head.registry)) {
		catalog_put(r->own.catalog);
		r->own.catalog = NULL;
	}
	return ERR_OK;
}

static int check_registry(const struct restoring *r, struct err *e)
{
	if (r->head.chain_id == r->conf->chain.chain_id && addr20_eq(&r->head.registry, &r->conf->chain.registry))
		return ERR_OK;
	return err_set(e, ERR_RULE, "backup: it is of another chain or registry than the configuration's");
}

/* --- tokens and catalog: whose? --- */

static void choose_tokens(struct restoring *r)
{
	if (!r->own.tokens)
		r->parts.tokens = buf_span(&r->tokens);
}

/* Does a know of some product what b does not? */
static bool is_ahead(const struct floors *a, const struct floors *b)
{
	const struct floor_item *item;

	for (size_t i = 0; (item = floor_at(a, i)); i++)
		if (!floor_covers(b, a, &item->product))
			return true;
	return false;
}

static bool keeps_product(void *arg, const struct catalog *c, const struct catalog_product *p)
{
	struct restoring *r = arg;
	const struct side *other = r->behind == &r->own ? &r->theirs : &r->own;
	bool keeps = floor_covers(r->behind->floors, other->floors, &p->id);

	if (!keeps)
		json_array_append_new(r->held_back, js_text(catalog_bytes(c, p->name)));
	return keeps;
}

static bool keeps_release(void *arg, const struct catalog *c, const struct catalog_product *p, const struct catalog_release *rel)
{
	(void)arg, (void)c, (void)p, (void)rel;
	return true;	/* the keeper asks the joined floors when it tells from it */
}

static uint64_t newest_proof(const struct catalog *c)
{
	size_t n;
	const struct catalog_product *p = catalog_products(c, &n);
	uint64_t newest = 0;

	for (size_t i = 0; i < n; i++)
		newest = p[i].proof.number > newest ? p[i].proof.number : newest;
	return newest;
}

/* Whose catalog? Who knows more; of equals, the one that was proven last. */
static bool are_theirs_newer(const struct restoring *r)
{
	if (!r->theirs.catalog || !r->own.catalog)
		return r->theirs.catalog;
	if (is_ahead(r->own.floors, r->theirs.floors))
		return false;
	return is_ahead(r->theirs.floors, r->own.floors) || newest_proof(r->theirs.catalog) > newest_proof(r->own.catalog);
}

static int choose_catalog(struct restoring *r, struct err *e)
{
	struct catalog_filter filter = { keeps_product, keeps_release, r };
	int rc;

	r->behind = are_theirs_newer(r) ? &r->theirs : &r->own;
	if (!r->behind->catalog)
		return ERR_OK;
	rc = catalog_filter(r->behind->catalog, &filter, &r->catalog, e);
	if (!rc && (r->behind == &r->theirs || json_array_size(r->held_back)))
		r->parts.catalog = buf_span(&r->catalog);
	return rc;
}

/* --- the database's last word --- */

static int check_product(void *arg, const struct product_row *p, struct err *e)
{
	struct hash32 id = product_id(&p->registrant, span_str(p->name));

	(void)arg;
	return hash32_eq(&id, &p->id) ? ERR_OK : err_set(e, ERR_CORRUPT, "backup: database: a product that is not what its id says");
}

/* What an old file brings back must be seen by somebody. */
static int latch_tokens(const struct restoring *r, struct store *s, int64_t now_ms, struct err *e)
{
	struct latched_alarm a = { .code = "tokens-restored", .subject = "tokens", .since_ms = now_ms };
	char made[CLOCK_TEXT_MAX];

	if (!r->parts.tokens.p || !tokens_at(r->theirs.tokens, 0))
		return ERR_OK;
	snprintf(a.detail, sizeof a.detail, "the tokens of %s count again, also those that were revoked later", clock_rfc3339(r->head.made_ms, made));
	return mark_latch(s, &a, e);
}

static int note_restore(const struct restoring *r, struct store *s, struct err *e)
{
	struct audit_row a = { .at_ms = clock_wall_ms(clock_system()), .action = "restore" };
	char made[CLOCK_TEXT_MAX];
	int rc = latch_tokens(r, s, a.at_ms, e);

	snprintf(a.actor, sizeof a.actor, "uid:%llu", (unsigned long long)getuid());
	snprintf(a.detail, sizeof a.detail, "backup of %s, gateway %s; tokens %s", clock_rfc3339(r->head.made_ms, made), r->head.gateway,
		 r->parts.tokens.p ? "from it" : "as they were");
	return rc ? rc : audit_add(s, &a, e);
}

static int finish_database(const struct restoring *r, struct store *s, struct err *e)
{
	int rc = products_each(s, check_product, NULL, e);

	if (!rc && audit_verify(s, e))
		rc = err_wrap(e, "backup");
	return rc ? rc : note_restore(r, s, e);
}

static int restore_all(struct restoring *r, struct err *e)
{
	uint64_t at = backup_part_at(&r->head, r->head_n, BACKUP_DATABASE);
	AUTO(buf_free) struct buf floor = BUF_INIT(FLOOR_FILE_MAX);
	struct store *fresh;
	int rc = read_part(r, BACKUP_FLOOR, &floor, e);

	if (!rc)
		rc = restore_prepare(&r->into, r->fd, at, r->head.part[BACKUP_DATABASE].size, &fresh, e);
	if (rc)
		return rc;
	rc = finish_database(r, fresh, e);
	if (rc) {
		store_close(fresh);
		return rc;
	}
	r->parts.floor = buf_span(&floor);
	return restore_install_take(&r->into, fresh, &r->parts, e);
}

/* --- saying what was done --- */

static void on_problem(void *arg, bool is_error, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s%s\n", is_error ? "" : "warning: ", text);
}

static int run(struct restoring *r, const char *file, const char *conf, bool only_check, struct err *e)
{
	const struct conf_say say = { on_problem, NULL };
	int rc;

	r->fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (r->fd < 0)
		return err_set(e, ERR_USAGE, "%s: %s", file, strerror(errno));
	if (only_check)
		return read_backup(r, e);
	if ((rc = conf_load(conf, &say, &r->conf, e)) || (rc = open_dir(r, e)) || (rc = enter_sandbox(r, e)) || (rc = read_backup(r, e)) ||
	    (rc = check_registry(r, e)) || (rc = read_own(r, e)))
		return rc;
	choose_tokens(r);
	rc = choose_catalog(r, e);
	if (!rc)
		rc = restore_all(r, e);
	if (rc)
		restore_tidy(r->into.dir, NULL);
	return rc;
}

static void add_tokens(const struct restoring *r, json_t *o)
{
	bool are_theirs = r->parts.tokens.p;
	json_t *names = json_array();
	const struct token *t;

	for (size_t i = 0; are_theirs && (t = tokens_at(r->theirs.tokens, i)); i++)
		json_array_append_new(names, js_str(t->name));
	js_set(o, "tokens", js_str(are_theirs ? "restored" : "kept"));
	js_set(o, "tokens_restored", names);
}

static json_t *done_json(const struct restoring *r, bool only_check)
{
	json_t *o = json_object();

	js_set(o, "gateway", js_str(r->head.gateway));
	js_set(o, "made_at", js_time(r->head.made_ms));
	js_set(o, "chain_id", js_u64(r->head.chain_id));
	js_set(o, "registry", js_0x(SPAN_OF(r->head.registry)));
	if (only_check)
		return o;
	js_set(o, "state_dir", js_str(r->into.path));
	js_set(o, "database", js_str(!r->into.has_database ? "new" : r->into.is_damaged ? "replaced" : "merged"));
	js_set(o, "damage", js_str(r->into.damage));
	js_set(o, "set_aside", js_str(r->into.has_database ? "gatepost.db.replaced" : NULL));
	add_tokens(r, o);
	js_set(o, "catalog", js_str(!r->behind->catalog ? "none" : r->behind == &r->theirs ? "restored" : "kept"));
	js_set(o, "held_back", json_incref(r->held_back));
	return o;
}

int restore_run(const char *file, const char *conf, bool only_check)
{
	AUTO(restoring_end) struct restoring r = { .fd = -1, .into = { .dir = -1 }, .tokens = BUF_INIT(TOKENS_FILE_MAX),
		.catalog = BUF_INIT(CATALOG_MAX), .held_back = json_array() };
	struct err e = { 0 };
	int rc = run(&r, file, conf, only_check, &e);
	json_t *said = rc ? json_pack("{s:s, s:i}", "problem", e.msg, "code", rc) : done_json(&r, only_check);

	json_dumpf(said, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(said);
	return rc || fflush(stdout) ? 1 : 0;
}
