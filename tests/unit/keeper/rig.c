/* rig.c: see rig.h. */
#include "rig.h"
#include "catalog/catalog.h"

#include <fcntl.h>
#include <sys/socket.h>

static const char conf_text[] =
	"[gateway]\nname = porch\nstate-dir = %s\nrun-dir = %s/run\nclock = trusted\n"
	"[chain]\nchain-id = 31337\nregistry = 0x5fbdb2315678afecb367f032d93f642f64180aa3\nanchor = quorum:1\n"
	"[provider one]\nurl = http://127.0.0.1:9\noperator = someone\n"
	"[source own]\nurl = http://127.0.0.1:9\nkind = trustless\nprivate = yes\n"
	"[product acme/thermostat]\nregistrant = 0xaa01000000000000000000000000000000000000\n"
	"[product acme/fridge]\nregistrant = 0xaa01000000000000000000000000000000000000\n"
	"[product zeta/lamp]\nregistrant = 0xaa01000000000000000000000000000000000000\n"
	"[http]\nlisten = 127.0.0.1:0\n[coap]\nlisten = 127.0.0.1:0\n[operator]\nlisten = 127.0.0.1:0\n";

static void say(void *arg, bool is_error, const char *text)
{
	(void)arg;
	ck_assert_msg(!is_error, "%s", text);
}

static void load_conf(struct rig *r)
{
	struct conf_say how = { say, NULL };
	char path[PATH_MAX + 16], text[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/test.conf", r->w.dir);
	snprintf(text, sizeof text, conf_text, r->w.dir, r->w.dir);
	f = fopen(path, "w");
	ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
	ck_ok(conf_load(path, &how, &r->k.conf, &err));
}

/* --- nobody is interested --- */

static void on_conf(void *arg, int fd)
{
	(void)arg, (void)fd;
}

static void on_listener(void *arg, enum listener_kind kind, struct span address)
{
	(void)arg, (void)kind, (void)address;
}

static void on_nothing(void *arg)
{
	(void)arg;
}

static void on_ack(void *arg, const struct link_report_ack *ack)
{
	(void)arg, (void)ack;
}

static void on_trouble(void *arg, const struct err *e)
{
	(void)arg;
	ck_abort_msg("trouble: %s", e->msg);
}

static void on_alarm(void *arg, const char *code, const char *subject, const char *detail, bool latch)
{
	keeper_alarm(arg, code, subject, detail, latch);
}

static void on_alarm_over(void *arg, const char *code, const char *subject)
{
	keeper_alarm_over(arg, code, subject);
}

static void open_supervisor(struct rig *r)
{
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	r->supervisor = fd[1];
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	ck_ok(sup_open_take(&r->k.sup, &r->k.loop, fd[0],
			    (struct sup_owner){ on_conf, on_listener, on_conf, on_nothing, on_nothing, &r->k }, &err));
}

void rig_open(struct rig *r)
{
	struct keeper *k = &r->k;
	struct http_conf hc = { .proxy = NULL };

	*k = (struct keeper){ .server_fd = -1 };
	list_init(&k->adopting);
	world_open(&r->w);
	load_conf(r);
	uv_loop_init(&k->loop);
	k->clock = &r->w.clock;
	k->state_dir = r->w.dir_fd;
	k->store = r->w.store;
	k->floors = r->w.floors;
	k->ledger = r->w.ledger;
	k->follow = r->w.follow;
	k->source = calloc(1, sizeof *k->source);
	k->source[0] = (struct fetch_source){ .name = "own", .source = { .kind = SOURCE_TRUSTLESS, .url = "http://127.0.0.1:9" } };
	k->sources = 1;
	entryfiles_init(&k->entryfiles, k->state_dir, k->store, &k->conf->chain.registry, NULL);
	open_supervisor(r);
	ck_ok(http_new(&k->loop, &hc, &k->http, &err));
	ck_ok(blobs_open(k->state_dir, NULL, &k->blobs, &err));
	ck_ok(tokens_load(k->state_dir, NULL, &k->tokens, &err));
	uv_timer_init(&k->loop, &k->settling);
	keeper_watch_disk(k);
	fetcher_init(&k->fetcher, &k->loop, k->http, k->blobs, k->clock, k->source, 1, keeper_fetcher_owner(k));
	devices_init(&k->devices, &k->loop, k->store, &k->ledger, k->clock, 100, (struct devices_owner){ on_ack, keeper_tell_floors, on_trouble, k });
	ck_ok(chain_init(&k->chain, &k->loop, k->http, k->conf, k->clock, k->store, &k->ledger,
			 (struct chain_owner){ on_nothing, on_alarm, on_alarm_over, on_trouble, k }, &err));
	scrubber_begin(&k->scrubber, k);
}

void rig_close(struct rig *r)
{
	struct keeper *k = &r->k;

	scrubber_close(&k->scrubber);
	chain_close(&k->chain);
	devices_close(&k->devices);
	fetcher_close(&k->fetcher);
	http_close(k->http, NULL, NULL);
	seqsock_close(&k->server, NULL);
	sup_close(&k->sup);
	uv_close((uv_handle_t *)&k->settling, NULL);
	degraded_close(&k->degraded);
	uv_run(&k->loop, UV_RUN_DEFAULT);
	ck_assert_msg(uv_loop_close(&k->loop) == 0, "no handle is left");
	close(r->supervisor);
	verify_free(k->verify);
	verify_free(k->upkeep);
	backup_free(k->backup);
	if (k->ledger.verified.slot != r->w.ledger.verified.slot)	/* each has judged with its own */
		verified_fini(&k->ledger.verified);
	catalog_put(k->catalogs.last);
	tokens_free(k->tokens);
	blobs_free(k->blobs);
	entryfiles_close(&k->entryfiles);
	free(k->source);
	conf_free(k->conf);
	world_close(&r->w);
}
