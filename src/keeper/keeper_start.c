/* keeper_start.c: what the keeper stands on: configuration, state directory, database; and letting go of it all. */
#include "base/cleanup.h"
#include "base/log.h"
#include "catalog/catalog.h"
#include "keeper/keeper.h"
#include "store/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

_Static_assert(CONF_SOURCES_MAX <= SOURCES_MAX, "a fetch remembers each of them");

#define PEER_AHEAD 1001	/* peers are asked first, whatever their priority says (at most 1,000) */

/* --- configuration --- */

/* "trusted: the operator vouches for the machine's clock." */
static enum clock_state trusted_state(void *arg)
{
	enum clock_state s = clock_state(clock_system());

	(void)arg;
	return s == CLOCK_UNSET ? CLOCK_UNSET : CLOCK_SYNCED;
}

static int make_follow(struct keeper *k, struct err *e)
{
	const struct conf *c = k->conf;

	k->follow = calloc(c->products_n + 1, sizeof *k->follow);
	if (!k->follow)
		return err_set(e, ERR_MEMORY, "no memory for the configuration");
	for (size_t i = 0; i < c->products_n; i++) {
		const struct conf_product *p = &c->products[i];

		k->follow[i] = (struct ledger_follow){ .name = strcmp(p->name, "*") ? p->name : NULL, .registrant = p->registrant,
			.channels = (const char *const *)p->channels.at, .channels_n = p->channels.n, .pinned = p->signers.at,
			.pinned_n = p->signers.n, .needs_approval = p->policy == CONF_APPROVE, .keep = (unsigned)p->keep,
			.image_max = p->max_image };
	}
	return ERR_OK;
}

static struct fetch_source source_of(const struct conf_source *s)
{
	static const enum source_kind kinds[] = { [CONF_TRUSTLESS] = SOURCE_TRUSTLESS, [CONF_PEER] = SOURCE_PEER, [CONF_KUBO] = SOURCE_KUBO,
		[CONF_CAR] = SOURCE_CAR, [CONF_BLOCKS] = SOURCE_BLOCKS, [CONF_MIRROR] = SOURCE_MIRROR };

	return (struct fetch_source){ .name = s->name, .is_private = s->private_ok,
		.source = { .kind = kinds[s->kind], .url = s->url, .inner = s->inner[0] ? s->inner : NULL,
			.token = s->token[0] ? s->token : NULL },
		.priority = (int)s->priority - (s->kind == CONF_PEER ? PEER_AHEAD : 0) };
}

static int make_sources(struct keeper *k, struct err *e)
{
	struct conf *c = k->conf;
	size_t n = 0;

	k->source = calloc(c->sources_n + 1, sizeof *k->source);
	k->entries = calloc(c->sources_n + 1, sizeof *k->entries);	/* the first one: our own files */
	k->entries_n = 1;
	if (!k->source || !k->entries)
		return err_set(e, ERR_MEMORY, "no memory for the sources");
	for (; n < c->sources_n; n++) {
		k->source[n] = source_of(&c->sources[n]);
		k->entries_n += entries_source_of(&c->sources[n], &k->source[n], &k->entries[k->entries_n]);
	}
	k->sources = n;
	entries_source_sort(k->entries, k->entries_n);
	return ERR_OK;
}

/* One set for all: a proxy sees everybody's, and a server can be provider and source. */
static void collect_secrets(struct keeper *k)
{
	const struct conf *c = k->conf;

	secrets_add_url(&k->secrets, c->network.proxy);
	for (size_t i = 0; i < c->providers_n; i++)
		secrets_add_url(&k->secrets, c->providers[i].url);
	for (size_t i = 0; i < c->sources_n; i++) {
		secrets_add_url(&k->secrets, c->sources[i].url);
		secrets_add_url(&k->secrets, c->sources[i].inner);
		secrets_add_url(&k->secrets, c->sources[i].entries);
		secrets_add(&k->secrets, c->sources[i].token);
	}
}

int keeper_read_conf(struct keeper *k, int fd, struct err *e)
{
	int rc = conf_read(fd, &k->conf, e);

	if (rc)
		return rc;
	tzset();	/* the fetch window is in local time, and the zone's file is out of reach later */
	log_set_level(k->conf->gateway.log_level);
	if (k->conf->gateway.clock == CONF_CLOCK_TRUSTED) {
		k->clock_used = *clock_system();
		k->clock_used.state = trusted_state;
		k->clock = &k->clock_used;
	}
	collect_secrets(k);
	rc = make_follow(k, e);
	return rc ? rc : make_sources(k, e);
}

/* --- state directory --- */

static int open_tokens(struct keeper *k, struct err *e)
{
	int rc = tokens_load(k->state_dir, NULL, &k->tokens, e);

	if (!rc || err_is_shortage(e))
		return rc;
	/* Also when it cannot be read: devices must not wait for it. */
	log_broken("keeper", "token file damaged or not to be read: nobody is believed", "why=\"%s\"", e->msg);
	keeper_alarm(k, "tokens-lost", "tokens", e->msg, false);
	return rc == ERR_CORRUPT ? tokens_anew(k->state_dir, NULL, &k->tokens, e) : tokens_unread(k->state_dir, NULL, &k->tokens, e);
}

/* No start waits for a bad sector; what the other file and the database know counts, and the operator hears of it. */
static void tell_of_unread_floor(struct keeper *k)
{
	const struct err *why = floor_unread(k->floors);

	if (!why)
		return;
	log_broken("keeper", "a floor file cannot be read", "why=\"%s\"", why->msg);
	keeper_alarm(k, "floor-unread", "floor", why->msg, false);
}

static int open_floors(struct keeper *k, struct err *e)
{
	int rc = floor_load(k->state_dir, NULL, &k->floors, e);

	if (rc)
		return rc;
	tell_of_unread_floor(k);
	if (floor_found(k->floors) == FLOOR_ONE)
		log_unusual("keeper", "one of the two floor files is damaged or missing", "%s", "it is written anew with the next change");
	if (floor_found(k->floors) == FLOOR_LOST)
		keeper_alarm(k, "floor-lost", "floor", "both floor files are damaged or cannot be read: rollback protection begins anew with the next proof", false);
	return ERR_OK;
}

static int enter_sandbox(struct keeper *k, struct err *e)
{
	struct sandbox_path paths[] = {
		{ k->conf->gateway.state_dir, SANDBOX_WRITE },
		{ k->conf->gateway.run_dir, SANDBOX_WRITE },
		{ k->conf->network.ca_file, SANDBOX_READ },
	};

	return sandbox_enter(SANDBOX_KEEPER, paths, k->conf->network.ca_file[0] ? 3 : 2, &k->sandbox, e);
}

static int make_dir(const char *path, mode_t mode, struct err *e)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_errno(e, "%s", path);
	return ERR_OK;
}

int keeper_open_state(struct keeper *k, struct err *e)
{
	const struct conf_gateway *g = &k->conf->gateway;
	int rc = make_dir(g->state_dir, 0750, e);

	if (!rc)
		rc = make_dir(g->run_dir, 0755, e);
	if (rc)
		return rc;
	k->state_dir = open(g->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->state_dir < 0)
		return err_errno(e, "%s", g->state_dir);
	rc = restore_lock(k->state_dir, e);	/* not beside a restore */
	if (rc)
		return rc;
	rc = blobs_open(k->state_dir, NULL, &k->blobs, e);
	k->control_group = control_group();
	if (!rc)
		rc = enter_sandbox(k, e);
	if (!rc)
		rc = open_floors(k, e);
	return rc ? rc : open_tokens(k, e);
}

/* --- database --- */

static int set_aside(struct keeper *k, struct err *e)
{
	const char *dir = k->conf->gateway.state_dir;
	int rc;

	log_broken("store", "database damaged: set aside, rebuilding from chain and objects", "why=\"%s\"", e->msg);
	rc = store_set_aside(dir, e);
	return rc ? rc : store_open(dir, &k->store, e);
}

/* Whichever process met the damage, or whoever took it away: here the operator hears of it. */
static void tell_of_rebuilding(struct keeper *k, const struct owncopy_recalled *r)
{
	struct stat st;
	const char *why = NULL;
	char detail[256];

	/* One that a restore has put there. */
	if (!store_is_new(k->store) && !r->was_there)
		return;
	if (fstatat(k->state_dir, STORE_DAMAGED, &st, AT_SYMLINK_NOFOLLOW) == 0)
		why = "it was damaged, set aside, and is filled anew";
	else if (r->was_there || floor_at(k->floors, 0))
		why = "there was none, or an empty one, though this gateway has run before; it is filled anew";
	if (!why)
		return;
	snprintf(detail, sizeof detail, "%s; %s", why, keeper_recalled_words(r));
	keeper_alarm(k, "database-rebuilt", "store", detail, false);
}

static void tell_of_loss(struct keeper *k, const struct owncopy_recalled *r)
{
	char detail[256];

	snprintf(detail, sizeof detail, "its log had rotted on the disk; %s", keeper_recalled_words(r));
	log_broken("store", "the database's log had rotted", "%s", detail);
	keeper_alarm(k, "database-older", "store", detail, false);
}

/* What the chain cannot tell comes back from the second copy, and from now on each change of it is written there too. */
static int recall(struct keeper *k, struct err *e)
{
	struct owncopy_recalled r = { 0 };
	bool is_wanted = false;
	int rc = keeper_wants_recall(k, &is_wanted, e);

	if (!rc && is_wanted)
		rc = keeper_recall(k, &r, e);
	if (!rc && store_is_older(k->store))
		tell_of_loss(k, &r);
	else if (!rc && is_wanted)
		tell_of_rebuilding(k, &r);
	return rc;
}

/* Another chain or registry than the one that the database was filled from: its entries mean nothing any more. */
static int check_registry(struct keeper *k, struct err *e)
{
	struct mark m;
	int rc = mark_load(k->store, &m, e);

	if (rc == ERR_NOT_FOUND)
		return ERR_OK;
	if (rc || (m.chain_id == k->conf->chain.chain_id && addr20_eq(&m.registry, &k->conf->chain.registry)))
		return rc;
	log_unusual("keeper", "another chain or registry is configured: forgetting the old one", "old_chain=%llu", (unsigned long long)m.chain_id);
	return mark_forget_registry(k->store, e);
}

static int raise_latched(void *arg, const struct latched_alarm *a, struct err *e)
{
	struct keeper *k = arg;

	(void)e;
	alarms_raise(&k->alarms, a->code, a->subject, a->detail, true, a->since_ms);
	if (!strcmp(a->code, follower_alarm_code(ALARM_ANCHOR_CONFLICT)))
		k->chain.has_conflict = true;
	return ERR_OK;
}

/* Opened is not enough: a disk that is full or read-only shows with the first write. */
static int open_and_try(struct keeper *k, struct err *e)
{
	int rc = store_open(k->conf->gateway.state_dir, &k->store, e);

	if (rc == ERR_CORRUPT)
		rc = set_aside(k, e);
	if (rc)
		return rc;
	store_keep_wal(k->store);
	rc = recall(k, e);
	if (!rc)
		keeper_begin_copy(k);
	if (!rc)
		rc = check_registry(k, e);
	if (!rc)
		rc = store_try(k->store, e);
	return rc ? rc : mark_each_latched(k->store, raise_latched, k, e);
}

int keeper_open_store(struct keeper *k, struct err *e)
{
	struct err why = { 0 };
	int rc = open_and_try(k, &why);

	/* Busy: somebody looks into it with a tool of his own. */
	if (rc == ERR_NO_SPACE || rc == ERR_READ_ONLY || rc == ERR_IO || rc == ERR_BUSY)
		return keeper_do_without_store(k, &why, e);
	if (rc)
		*e = why;
	return rc;
}

void keeper_rebuild(struct keeper *k)
{
	log_broken("store", "database damaged: restarting to rebuild it", "%s", k->degraded.why);
	k->is_store_damaged = true;
	k->exit_status = 0;		/* a failure would end everything if the server is not ready yet */
	uv_stop(&k->loop);
}

/* --- the way out --- */

static void close_parts(struct keeper *k)
{
	bundle_export_free(STEAL_PTR(k->export));
	scrubber_close(&k->scrubber);
	backup_free(STEAL_PTR(k->backup));
	if (k->chain.loop)
		chain_close(&k->chain);
	if (k->devices.store)
		devices_close(&k->devices);
	if (k->fetcher.loop)
		fetcher_close(&k->fetcher);
	if (k->http)
		http_close(k->http, NULL, NULL);
	control_close(&k->control);
	seqsock_close(&k->server, NULL);
	sup_close(&k->sup);
	uv_close((uv_handle_t *)&k->housekeeping, NULL);
	uv_close((uv_handle_t *)&k->settling, NULL);
	if (k->degraded.clock)
		degraded_close(&k->degraded);
}

static void close_store(struct keeper *k)
{
	struct err e = { 0 };

	bundle_import_free(STEAL_PTR(k->import));
	verify_free(STEAL_PTR(k->verify));
	verify_free(STEAL_PTR(k->upkeep));
	catalog_put(k->catalogs.last);
	ledger_fini(&k->ledger);
	/* Whatever has ended us: the next start, which is at once, must not stumble over the same page. */
	if (k->store && store_is_corrupt(k->store)) {
		k->is_store_damaged = true;
		k->exit_status = 0;
	}
	store_close(STEAL_PTR(k->store));
	if (k->is_store_damaged && store_set_aside(k->conf->gateway.state_dir, &e))
		log_broken("store", "the damaged database stays where it is", "why=\"%s\"", e.msg);
	tokens_free(k->tokens);
	floor_free(k->floors);
	blobs_free(k->blobs);
	entryfiles_close(&k->entryfiles);
	cleanup_close(&k->state_dir);
	cleanup_close(&k->server_fd);
	secrets_fini(&k->secrets);
	conf_free(k->conf);
	free(k->follow);
	free(k->source);
	free(k->entries);
}

void keeper_close_all(struct keeper *k)
{
	close_parts(k);
	uv_run(&k->loop, UV_RUN_DEFAULT);	/* until handles and workers are gone: they use store and blobs */
	close_store(k);
}
