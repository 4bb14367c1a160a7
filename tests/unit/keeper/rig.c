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
	r->is_stopped = false;
	world_open(&r->w);
	load_conf(r);
	uv_loop_init(&k->loop);
	k->clock = &r->w.clock;
	k->state_dir = fcntl(r->w.dir_fd, F_DUPFD_CLOEXEC, 0);
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
	uv_timer_init(&k->loop, &k->housekeeping);
	keeper_watch_disk(k);
	fetcher_init(&k->fetcher, &k->loop, k->http, k->blobs, k->clock, k->source, 1, keeper_fetcher_owner(k));
	devices_init(&k->devices, &k->loop, k->store, &k->ledger, k->clock, 100, (struct devices_owner){ on_ack, keeper_tell_floors, on_trouble, k });
	ck_ok(chain_init(&k->chain, &k->loop, k->http, k->conf, k->clock, k->store, &k->ledger,
			 (struct chain_owner){ on_nothing, on_alarm, on_alarm_over, on_trouble, k }, &err));
	scrubber_begin(&k->scrubber, k);
}

/* What both have is the keeper's to close; the ledger that the test has fed is the world's. */
static void part(struct rig *r)
{
	struct keeper *k = &r->k;

	if (k->ledger.verified.slot != r->w.ledger.verified.slot)	/* each has judged with its own */
		verified_fini(&k->ledger.verified);
	k->ledger = (struct ledger){ 0 };
	k->follow = NULL;
	r->w.store = NULL;
	r->w.floors = NULL;
}

void rig_stop(struct rig *r)
{
	struct keeper *k = &r->k;

	part(r);
	keeper_close_all(k);
	uv_run(&k->loop, UV_RUN_DEFAULT);
	ck_assert_msg(uv_loop_close(&k->loop) == 0, "no handle is left");
	close(r->supervisor);
	r->is_stopped = true;
}

void rig_close(struct rig *r)
{
	if (!r->is_stopped)
		rig_stop(r);
	world_close(&r->w);
}
