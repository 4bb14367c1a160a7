/* keeper_server.c: the socket to the server: what it says of devices and images, the operators' calls it forwards. */
#include "base/cleanup.h"
#include "base/log.h"
#include "keeper/calls.h"
#include "keeper/keeper.h"

static void on_server_message(void *arg, struct span s, int fds[IO_FDS_MAX])
{
	struct keeper *k = arg;
	struct link_seen seen;
	struct link_report report;
	struct link_rot rot;
	struct hash32 sha256;
	uint64_t generation;
	struct err e = { 0 };
	int rc = ERR_OK;

	(void)fds;
	switch (s.n ? s.p[0] : 0) {
	case LINK_SEEN:
		rc = link_seen_read(s, &seen, &e);
		if (!rc)
			devices_take_seen(&k->devices, &seen);
		break;
	case LINK_REPORT:
		rc = link_report_read(s, &report, &e);
		if (!rc)
			devices_take_report(&k->devices, &report);
		break;
	case LINK_ROT:
		rc = link_rot_read(s, &rot, &e);
		if (!rc)
			keeper_image_rotten(k, &rot);
		break;
	case LINK_ENTRIES_ROT:
		rc = link_entries_rot_read(s, &sha256, &e);
		if (!rc)
			keeper_entries_rotten(k, &sha256);
		break;
	case LINK_DAG_ROT:
		rc = link_dag_rot_read(s, &sha256, &e);
		if (!rc)
			keeper_dag_rotten(k, &sha256);
		break;
	case LINK_WANTED:
		rc = link_wanted_read(s, &sha256, &e);
		if (!rc)
			keeper_image_wanted(k, &sha256);
		break;
	case LINK_STATS:
		rc = link_stats_read(s, &k->served, &e);
		break;
	case LINK_CATALOG_ACK:
		rc = link_catalog_ack_read(s, &generation, &e);
		if (!rc)
			k->catalogs.acknowledged = generation;
		break;
	case LINK_CALL:
		calls_answer(k, &k->server, s, -1);
		break;
	default:
		rc = err_set(&e, ERR_FORMAT, "unknown type");
	}
	if (rc)
		log_unusual("keeper", "odd message from the server", "why=\"%s\"", e.msg);
}

static void on_server_closed(void *arg, const struct err *why)
{
	struct keeper *k = arg;

	log_info("keeper", "the server is gone", "why=\"%s\"", why->msg);
	k->catalogs.acknowledged = 0;
	devices_forget_server(&k->devices);
	seqsock_close(&k->server, NULL);
}

static int send_floors(struct keeper *k, struct span records, struct err *e)
{
	autoclose int fd = -1;
	uint8_t type = LINK_FLOORS;
	int rc = io_sealed_memfd("floors", records, &fd, e);

	return rc ? rc : seqsock_send(&k->server, SPAN(&type, 1), fd, e);
}

void keeper_tell_floors(void *arg, struct span records)
{
	struct keeper *k = arg;
	struct err e = { 0 };

	if (send_floors(k, records, &e))
		log_unusual("keeper", "what devices have reported is told to the next server only", "why=\"%s\"", e.msg);
}

/* "Device floors snapshot after a new pair": so that a restarted server offers nobody less than before. */
static int send_all_floors(struct keeper *k, struct err *e)
{
	AUTO(buf_free) struct buf floors = BUF_INIT(CATALOG_MAX);
	int rc = devices_floors(&k->devices, &floors, e);

	return rc ? rc : send_floors(k, buf_span(&floors), e);
}

void keeper_open_server(struct keeper *k)
{
	struct seqsock_owner owner = { on_server_message, on_server_closed, k };
	struct err e = { 0 };
	int rc;

	if (k->server_fd < 0 || !keeper_is_serving(k))
		return;
	rc = seqsock_open_take(&k->server, &k->loop, STEAL_FD(k->server_fd), owner, &e);
	if (!rc)
		rc = send_all_floors(k, &e);
	/* Has it ended meanwhile? The loop hears of that, and the next one comes with a pair. */
	if (rc && rc != ERR_NET) {
		/* A new pair comes only with a new process: nobody notices our restart, and reports would wait for ever. */
		log_broken("keeper", "cannot speak to the server: restarting", "why=\"%s\"", e.msg);
		k->exit_status = SUP_EXIT_LATER;
		uv_stop(&k->loop);
	}
}

static void on_old_server_freed(struct seqsock *s)
{
	keeper_open_server(LIST_ITEM(s, struct keeper, server));
}

void keeper_take_server(struct keeper *k, int fd)
{
	cleanup_close(&k->server_fd);
	k->server_fd = fd;
	k->catalogs.acknowledged = 0;
	if (k->devices.store)
		devices_forget_server(&k->devices);
	seqsock_close(&k->server, on_old_server_freed);
}
