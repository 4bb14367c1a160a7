/* parts.c: see parts.h. */
#include "server/parts.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "formats/libcrypto.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICES_DEFAULT 100000

static void on_floors(void *arg, struct span records)
{
	struct parts *p = arg;
	struct err e = { 0 };

	if (devfloors_load(p->floors, records, &e))
		log_broken("server", "floors from the keeper are cut", "why=\"%s\"", e.msg);
}

static void on_rot(void *arg, const struct hash32 *sha256, uint32_t chunk)
{
	struct parts *p = arg;

	keeper_rot(p->keeper, sha256, chunk);
}

static void on_entries_rot(void *arg, const struct hash32 *product)
{
	struct parts *p = arg;

	keeper_entries_rot(p->keeper, product);
}

static void on_dag_rot(void *arg, const struct hash32 *sha256)
{
	struct parts *p = arg;

	keeper_dag_rot(p->keeper, sha256);
}

int parts_init(struct parts *p, struct err *e)
{
	uint64_t devices = p->conf->limits.devices ? p->conf->limits.devices : DEVICES_DEFAULT;

	p->keeper = keeper_new(clock_system(), on_floors, p);
	p->floors = devfloors_new(devices < FLOORS_MAX / 64 ? (size_t)devices : FLOORS_MAX / 64);
	p->sightings = p->keeper ? sightings_new(p->keeper) : NULL;
	return p->keeper && p->floors && p->sightings ? ERR_OK : err_set(e, ERR_MEMORY, "no memory");
}

/* --- starting --- */

static bool clock_is_trusted(const struct conf *c)
{
	return c->gateway.clock == CONF_CLOCK_TRUSTED;
}

/* Made here when the keeper was not faster: the server itself only reads in it. */
static int open_folder(const struct parts *p, const char *name, char path[PATH_MAX], int *out, struct err *e)
{
	snprintf(path, PATH_MAX, "%s/%s", p->conf->gateway.state_dir, name);
	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return err_errno(e, "%s", path);
	*out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out < 0 ? err_errno(e, "%s", path) : ERR_OK;
}

/* A catalog may have come before. */
static int start_blocks(struct parts *p, int objects_dir, struct err *e)
{
	struct catalog *c = catalog_slot_get(&p->slot);
	struct blocks_conf bc = { .objects = objects_dir, .trees_max = SHARE_TREES_MAX, .clock = clock_system(), .rot = on_dag_rot, .arg = p };
	int rc = blocks_new(&bc, &p->blocks, e);

	if (!rc && c)
		blocks_settle(p->blocks, c);
	catalog_put(c);
	return rc;
}

/* Threads only after the sandbox. */
static int open_folders(struct parts *p, struct err *e)
{
	char objects[PATH_MAX], entries[PATH_MAX];
	struct sandbox_path paths[] = { { objects, SANDBOX_READ }, { entries, SANDBOX_READ } };
	struct objects_conf oc = { .hot_bytes = p->conf->limits.hot, .clock = clock_system(), .rot = on_rot, .arg = p };
	struct histories_conf hc = { .clock = clock_system(), .rot = on_entries_rot, .arg = p };
	autoclose int objects_dir = -1, entries_dir = -1;
	int rc = open_folder(p, "objects", objects, &objects_dir, e);

	/* It is younger than the rest: on a disk that takes no writes it may be missing, and images are served all the same. */
	if (!rc && open_folder(p, "entries", entries, &entries_dir, e))
		log_unusual("server", "no entries will be served", "why=\"%s\"", e->msg);
	if (!rc)
		rc = sandbox_enter(SANDBOX_SERVER, paths, 2, &p->sandbox, e);
	if (rc)
		return rc;
	rc = start_blocks(p, objects_dir, e);
	if (rc)
		return rc;
	oc.dir = STEAL_FD(objects_dir);
	rc = objects_new_take(&oc, &p->objects, e);
	if (rc)
		return rc;
	hc.dir = STEAL_FD(entries_dir);
	return histories_new_take(&hc, &p->histories, e);
}

static int start_answers(struct parts *p, struct err *e)
{
	p->answers = answers_new(&(struct answers_conf){ .slot = &p->slot, .objects = p->objects, .histories = p->histories,
		.blocks = p->blocks, .floors = p->floors, .keeper = p->keeper, .sightings = p->sightings, .clock = clock_system(),
		.clock_is_trusted = clock_is_trusted(p->conf) });
	return p->answers ? ERR_OK : err_set(e, ERR_MEMORY, "no memory");
}

static int start_coap(struct parts *p, struct err *e)
{
	struct coapd_conf conf = coapd_defaults();
	int fds[COAPD_SOCKETS_MAX];
	size_t n = 0;
	int rc = coapd_read_trusted(span_str(p->conf->coap.trusted), &conf, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < p->listeners_n; i++)
		if (p->listeners[i].kind == LISTENER_COAP && n < COAPD_SOCKETS_MAX)
			fds[n++] = STEAL_FD(p->listeners[i].fd);
	if (n == 0)
		return ERR_OK;
	p->coap_answers = coapd_answers_new(p->answers);
	if (!p->coap_answers)
		return err_set(e, ERR_MEMORY, "no memory");
	struct resources resources = coapd_answers_resources(p->coap_answers);

	rc = coapd_start_take(&conf, fds, n, &resources, &p->coapd, e);
	if (!rc)
		coapd_answers_attach(p->coap_answers, p->coapd);
	return rc;
}

/* One kind's addresses as a JSON array. */
static void write_kind(struct buf *b, const struct parts *p, const char *name, enum listener_kind kind)
{
	const char *comma = "";

	buf_fmt(b, "\"%s\":[", name);
	for (size_t i = 0; i < p->listeners_n; i++) {
		if (p->listeners[i].kind != kind)
			continue;
		buf_fmt(b, "%s\"", comma);
		buf_json(b, span_str(p->listeners[i].address));
		buf_str(b, "\"");
		comma = ",";
	}
	buf_str(b, "]");
}

static void write_listeners(struct parts *p)
{
	AUTO(buf_free) struct buf b = BUF_INIT(sizeof p->listeners_json - 1);

	buf_str(&b, "{");
	write_kind(&b, p, "http", LISTENER_HTTP);
	buf_str(&b, ",");
	write_kind(&b, p, "coap", LISTENER_COAP);
	buf_str(&b, ",");
	write_kind(&b, p, "operator", LISTENER_OPERATOR);
	buf_str(&b, "}");
	snprintf(p->listeners_json, sizeof p->listeners_json, "%.*s", (int)b.n, (const char *)b.p);
}

static int start_operator(struct parts *p, struct err *e)
{
	write_listeners(p);
	return operator_start(&(struct operator_conf){ .slot = &p->slot, .keeper = p->keeper, .clock = clock_system(),
		.clock_is_trusted = clock_is_trusted(p->conf), .sandbox = p->sandbox, .listeners = p->listeners_json,
		.hosts = { p->conf->op.hosts.at, p->conf->op.hosts.n } }, &p->operator, e);
}

int parts_start(struct parts *p, struct err *e)
{
	int rc;

	libcrypto_start();
	rc = open_folders(p, e);
	if (!rc)
		rc = start_answers(p, e);
	if (!rc)
		rc = httpd_start(p->answers, clock_system(), &p->httpd, e);
	if (!rc)
		rc = start_operator(p, e);
	if (!rc)
		rc = start_coap(p, e);
	return rc;
}

/* Who waits for the keeper must be answered before the servers end; who would wait anew is refused at once. */
void parts_stop(struct parts *p)
{
	if (p->sightings)
		sightings_flush(p->sightings);
	if (p->coap_answers)
		coapd_answers_attach(p->coap_answers, NULL);
	if (p->keeper)
		keeper_attach_take(p->keeper, -1);
	coapd_stop(p->coapd);
	httpd_stop(p->httpd);
	operator_stop(p->operator);
	coapd_answers_free(p->coap_answers);
	answers_free(p->answers);
	blocks_free(p->blocks);
	objects_free(p->objects);
	histories_free(p->histories);
	sightings_free(p->sightings);
	devfloors_free(p->floors);
	keeper_free(p->keeper);
	catalog_slot_set_take(&p->slot, NULL, 0);
	for (size_t i = 0; i < p->listeners_n; i++)
		cleanup_close(&p->listeners[i].fd);
}

/* --- running --- */

static void settle(struct parts *p, struct catalog *c)
{
	if (p->objects)
		objects_settle(p->objects, c);
	if (p->blocks)
		blocks_settle(p->blocks, c);
	if (p->httpd)
		httpd_catalog_changed(p->httpd);
	if (p->coapd)
		coapd_catalog_changed(p->coapd);
	keeper_acknowledge(p->keeper, catalog_facts(c).generation);
}

int parts_set_catalog(struct parts *p, int fd, struct err *e)
{
	struct catalog *c;
	int rc = catalog_open(fd, CATALOG_FROM_MEMFD, &c, e);

	if (rc)
		return rc;
	catalog_hold(c);
	catalog_slot_set_take(&p->slot, c, clock_mono_ms(clock_system()));
	log_debug("server", "catalog", "generation=%llu", (unsigned long long)catalog_facts(c).generation);
	settle(p, c);
	catalog_put(c);
	return ERR_OK;
}

void parts_greet(struct parts *p)
{
	struct catalog *c = catalog_slot_get(&p->slot);

	if (c)
		keeper_acknowledge(p->keeper, catalog_facts(c).generation);
	catalog_put(c);
}

void parts_reload(struct parts *p, const struct conf *conf)
{
	log_set_level(conf->gateway.log_level);
	if (p->objects)
		objects_set_hot_bytes(p->objects, conf->limits.hot);
	if (p->answers)
		answers_set_clock_trusted(p->answers, clock_is_trusted(conf));
}

static void tell_stats(struct parts *p)
{
	struct coapd_stats coap = { 0 };

	if (p->coapd)
		coap = coapd_stats(p->coapd);
	keeper_stats(p->keeper, &(struct link_stats){ .http_requests = httpd_requests(p->httpd), .coap_requests = coap.requests,
		.devices = devfloors_count(p->floors), .bytes = sightings_bytes(p->sightings) });
}

void parts_tick(struct parts *p)
{
	keeper_tick(p->keeper);
	if (!p->httpd)
		return;
	httpd_tick(p->httpd);
	histories_trim(p->histories);
	operator_tick(p->operator);
	sightings_tick(p->sightings, clock_mono_ms(clock_system()));
	tell_stats(p);
}
