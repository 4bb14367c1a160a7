/* sup.c: see sup.h. */
#include "keeper/sup.h"
#include "base/cleanup.h"
#include "base/log.h"

static void on_message(void *arg, struct span s, int fds[IO_FDS_MAX])
{
	struct sup *sup = arg;
	struct sup_owner *o = &sup->owner;

	switch (s.n ? s.p[0] : 0) {
	case SUP_CONF:
	case SUP_RELOAD:
		o->on_conf(o->arg, fds[0]);
		return;
	case SUP_LISTENER:
		if (s.n >= 2)
			o->on_listener(o->arg, s.p[1], span_cut(s, 2, s.n));
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
		log_broken("keeper", "unknown message from the supervisor", "type=%d", s.n ? s.p[0] : -1);
	}
}

static void on_closed(void *arg, const struct err *why)
{
	struct sup *sup = arg;

	log_broken("keeper", "the supervisor is gone", "why=\"%s\"", why->msg);
	sup->owner.on_stop(sup->owner.arg);
}

static int say(struct sup *s, enum sup_type type, int fd, struct err *e)
{
	uint8_t byte = (uint8_t)type;

	return seqsock_send(&s->sock, SPAN(&byte, 1), fd, e);
}

/* A lost beat is what the watchdog is for: no other reaction is needed here. */
static void on_alive(uv_timer_t *timer)
{
	struct sup *s = timer->data;
	struct err e = { 0 };

	if (s->owes_ready)
		sup_ready(s);
	if (say(s, SUP_ALIVE, -1, &e))
		log_debug("keeper", "no sign of life sent", "why=\"%s\"", e.msg);
}

int sup_open_take(struct sup *s, uv_loop_t *loop, int fd, struct sup_owner owner, struct err *e)
{
	int rc;

	*s = (struct sup){ .owner = owner };
	uv_timer_init(loop, &s->alive);
	s->alive.data = s;
	rc = seqsock_open_take(&s->sock, loop, fd, (struct seqsock_owner){ on_message, on_closed, s }, e);
	if (!rc)
		uv_timer_start(&s->alive, on_alive, SUP_ALIVE_MS, SUP_ALIVE_MS);
	return rc;
}

void sup_close(struct sup *s)
{
	uv_close((uv_handle_t *)&s->alive, NULL);
	seqsock_close(&s->sock, NULL);
}

void sup_ready(struct sup *s)
{
	struct err e = { 0 };

	s->owes_ready = say(s, SUP_READY, -1, &e) != ERR_OK;
	if (s->owes_ready)
		log_broken("keeper", "cannot say that we are ready", "why=\"%s\"", e.msg);
}

int sup_catalog(struct sup *s, int catalog, struct err *e)
{
	return say(s, SUP_CATALOG, catalog, e);
}
