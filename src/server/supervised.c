/* supervised.c: see supervised.h. */
#include "server/supervised.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"

static void on_message(const struct supervised_owner *o, struct span s, int fds[IO_FDS_MAX])
{
	uint8_t type = s.n ? s.p[0] : 0;
	bool needs_fd = type == SUP_CONF || type == SUP_RELOAD || type == SUP_LISTENER || type == SUP_CATALOG || type == SUP_PEER;

	if (needs_fd && fds[0] < 0) {
		log_broken("server", "the supervisor sent no descriptor", "type=%c", type);
		return;
	}
	switch (type) {
	case SUP_CONF:
	case SUP_RELOAD:
		o->on_conf(o->arg, fds[0], type == SUP_RELOAD);
		return;
	case SUP_LISTENER:
		if (s.n >= 2)
			o->on_listener(o->arg, s.p[1], STEAL_FD(fds[0]), span_cut(s, 2, s.n));
		return;
	case SUP_CATALOG:
		o->on_catalog(o->arg, fds[0]);
		return;
	case SUP_PEER:
		o->on_peer(o->arg, STEAL_FD(fds[0]));
		return;
	case SUP_GO:
		o->on_go(o->arg);
		return;
	case SUP_STOP:
		o->on_stop(o->arg);
		return;
	default:
		log_broken("server", "unknown message from the supervisor", "type=%d", type);
	}
}

void supervised_read(const struct supervised_owner *o)
{
	uint8_t bytes[SUP_MESSAGE_MAX];
	int fds[IO_FDS_MAX];
	struct err e = { 0 };
	size_t n;

	for (;;) {
		int rc = io_recv_fds(SUP_FD, bytes, sizeof bytes, &n, fds, &e);

		if (rc == ERR_BUSY)
			return;
		if (rc) {
			log_unusual("server", "the supervisor is gone", "why=\"%s\"", e.msg);
			o->on_stop(o->arg);
			return;
		}
		on_message(o, SPAN(bytes, n), fds);
		for (unsigned i = 0; i < IO_FDS_MAX; i++)
			cleanup_close(&fds[i]);
	}
}

bool supervised_say(enum sup_type type)
{
	uint8_t byte = (uint8_t)type;
	struct err e = { 0 };

	if (io_send_fds(SUP_FD, SPAN(&byte, 1), NULL, 0, &e) == ERR_OK)
		return true;
	log_debug("server", "message to the supervisor lost", "type=%c why=\"%s\"", type, e.msg);
	return false;
}
