/* keeper.c: see keeper.h. */
#include "server/keeper.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Somebody who waits for the answer with this id. */
struct waiter {
	uint64_t id;		/* 0: free */
	int64_t due_ms;
	keeper_reported_fn *reported;	/* one of the two */
	keeper_answered_fn *answered;
	void *arg;
	uint64_t ticket;
};

struct keeper {
	pthread_mutex_t lock;	/* fd, next_id, waiters; sending under it keeps fd open */
	int fd;
	uint64_t next_id;
	struct waiter reports[KEEPER_REPORTS_MAX], calls[KEEPER_CALLS_MAX];
	const struct clock *clock;
	keeper_floors_fn *on_floors;
	void *arg;
	uint8_t in[LINK_MESSAGE_MAX];	/* the main thread's */
};

struct keeper *keeper_new(const struct clock *clock, keeper_floors_fn *on_floors, void *arg)
{
	struct keeper *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	pthread_mutex_init(&k->lock, NULL);
	k->fd = -1;
	k->clock = clock;
	k->on_floors = on_floors;
	k->arg = arg;
	return k;
}

/* --- who waits --- */

static void refuse(const struct waiter *w)
{
	if (w->reported)
		w->reported(w->arg, w->ticket, 503);
	else
		w->answered(w->arg, NULL);
}

/* Takes out those that are due before that time, and tells them. */
static void refuse_due(struct keeper *k, struct waiter *all, size_t n, int64_t now_ms)
{
	for (size_t i = 0; i < n; i++) {
		struct waiter w = { 0 };

		pthread_mutex_lock(&k->lock);
		if (all[i].id && all[i].due_ms <= now_ms) {
			w = all[i];
			all[i].id = 0;
		}
		pthread_mutex_unlock(&k->lock);
		if (w.id)
			refuse(&w);
	}
}

static void refuse_all(struct keeper *k, int64_t now_ms)
{
	refuse_due(k, k->reports, KEEPER_REPORTS_MAX, now_ms);
	refuse_due(k, k->calls, KEEPER_CALLS_MAX, now_ms);
}

void keeper_tick(struct keeper *k)
{
	refuse_all(k, clock_mono_ms(k->clock));
}

/* The one that waits for this id, taken out; id 0: nobody (it was refused before). */
static struct waiter take(struct keeper *k, struct waiter *all, size_t n, uint64_t id)
{
	struct waiter w = { 0 };

	pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < n && id; i++) {
		if (all[i].id != id)
			continue;
		w = all[i];
		all[i].id = 0;
		break;
	}
	pthread_mutex_unlock(&k->lock);
	return w;
}

/* --- the socket --- */

static void detach(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	pthread_mutex_unlock(&k->lock);
	refuse_all(k, INT64_MAX);
}

void keeper_free(struct keeper *k)
{
	if (!k)
		return;
	detach(k);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

void keeper_attach_take(struct keeper *k, int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	detach(k);
	pthread_mutex_lock(&k->lock);
	k->fd = fd;
	pthread_mutex_unlock(&k->lock);
}

int keeper_fd(struct keeper *k)
{
	int fd;

	pthread_mutex_lock(&k->lock);
	fd = k->fd;
	pthread_mutex_unlock(&k->lock);
	return fd;
}

bool keeper_is_up(struct keeper *k)
{
	return keeper_fd(k) >= 0;
}

/* Under the lock. */
static int send_locked(struct keeper *k, const struct buf *b, struct err *e)
{
	int rc = buf_ok(b, e);

	if (rc)
		return rc;
	if (k->fd < 0)
		return err_set(e, ERR_BUSY, "the keeper is not there");
	if (io_send_fds(k->fd, buf_span(b), NULL, 0, e))
		return err_set(e, ERR_BUSY, "the keeper does not keep up");
	return ERR_OK;
}

/* For what may be lost. */
static void send_or_drop(struct keeper *k, struct buf *b)
{
	struct err e = { 0 };
	int rc;

	pthread_mutex_lock(&k->lock);
	rc = send_locked(k, b, &e);
	pthread_mutex_unlock(&k->lock);
	if (rc)
		log_debug("server", "message to the keeper dropped", "why=\"%s\"", e.msg);
	buf_free(b);
}

void keeper_seen(struct keeper *k, const struct link_seen *m)
{
	struct buf b = BUF_INIT(LINK_MESSAGE_MAX);

	link_seen_write(&b, m);
	send_or_drop(k, &b);
}

void keeper_rot(struct keeper *k, const struct hash32 *sha256, uint32_t chunk)
{
	struct buf b = BUF_INIT(LINK_MESSAGE_MAX);

	link_rot_write(&b, &(struct link_rot){ *sha256, chunk });
	send_or_drop(k, &b);
}

void keeper_dag_rot(struct keeper *k, const struct hash32 *sha256)
{
	struct buf b = BUF_INIT(LINK_MESSAGE_MAX);

	link_dag_rot_write(&b, sha256);
	send_or_drop(k, &b);
}

void keeper_entries_rot(struct keeper *k, const struct hash32 *product)
{
	struct buf b = BUF_INIT(LINK_MESSAGE_MAX);

	link_entries_rot_write(&b, product);
	send_or_drop(k, &b);
}

void keeper_wanted(struct keeper *k, const struct hash32 *sha256)
{
	struct buf b = BUF_INIT(LINK_MESSAGE_MAX);

	link_wanted_write(&b, sha256);
	send_or_drop(k, &b);
}

void keeper_stats(struct keeper *k, const struct link_stats *m)
{
	struct buf b = BUF_INIT(LINK_MESSAGE_MAX);

	link_stats_write(&b, m);
	send_or_drop(k, &b);
}

void keeper_acknowledge(struct keeper *k, uint64_t generation)
{
	struct buf b = BUF_INIT(LINK_MESSAGE_MAX);

	link_catalog_ack_write(&b, generation);
	send_or_drop(k, &b);
}

/* --- asking --- */

static struct waiter *free_place(struct waiter *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!all[i].id)
			return &all[i];
	return NULL;
}

/* Under the lock: sends, and remembers who waits. The waiter is in place before the answer can be read, since
 * take() needs the lock too. */
static int ask(struct keeper *k, struct waiter *place, const struct waiter *w, const struct buf *b, struct err *e)
{
	int rc;

	if (!place)
		return err_set(e, ERR_BUSY, "too many wait for the keeper");
	rc = send_locked(k, b, e);
	if (!rc)
		*place = *w;
	return rc;
}

int keeper_report(struct keeper *k, struct link_report *m, keeper_reported_fn *fn, void *arg, uint64_t ticket,
		  struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(LINK_MESSAGE_MAX);
	struct waiter w = { .reported = fn, .arg = arg, .ticket = ticket };
	int rc;

	w.due_ms = clock_mono_ms(k->clock) + KEEPER_REPORT_MS;
	pthread_mutex_lock(&k->lock);
	w.id = m->id = ++k->next_id;
	link_report_write(&b, m);
	rc = ask(k, free_place(k->reports, KEEPER_REPORTS_MAX), &w, &b, e);
	pthread_mutex_unlock(&k->lock);
	return rc;
}

int keeper_call(struct keeper *k, struct link_call *m, keeper_answered_fn *fn, void *arg, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(LINK_MESSAGE_MAX);
	struct waiter w = { .answered = fn, .arg = arg };
	int rc;

	w.due_ms = clock_mono_ms(k->clock) + KEEPER_CALL_MS;
	pthread_mutex_lock(&k->lock);
	w.id = m->id = ++k->next_id;
	link_call_write(&b, m);
	rc = ask(k, free_place(k->calls, KEEPER_CALLS_MAX), &w, &b, e);
	pthread_mutex_unlock(&k->lock);
	return rc;
}

/* --- hearing; the main thread --- */

static int on_report_ack(struct keeper *k, struct span s, struct err *e)
{
	struct link_report_ack m;
	struct waiter w;
	int rc = link_report_ack_read(s, &m, e);

	if (rc)
		return rc;
	w = take(k, k->reports, KEEPER_REPORTS_MAX, m.id);
	if (w.id)
		w.reported(w.arg, w.ticket, m.status);
	return ERR_OK;
}

static int read_memfd(int fd, struct buf *b, struct err *e)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? err_errno(e, "memfd") : io_read_all(fd, b, e);
}

static int on_answer(struct keeper *k, struct span s, int fd, struct err *e)
{
	AUTO(buf_free) struct buf body = BUF_INIT(API_ANSWER_MAX);
	struct link_answer m;
	struct waiter w;
	int rc = link_answer_read(s, &m, e);

	if (rc)
		return rc;
	w = take(k, k->calls, KEEPER_CALLS_MAX, m.id);
	if (!w.id)
		return ERR_OK;
	if (fd >= 0 && m.body.n == 0) {
		rc = read_memfd(fd, &body, e);
		m.body = buf_span(&body);
	}
	w.answered(w.arg, rc ? NULL : &m);
	return rc;
}

static int on_floors(struct keeper *k, int fd, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(FLOORS_MAX);
	int rc = fd < 0 ? err_set(e, ERR_FORMAT, "floors without a memfd") : read_memfd(fd, &b, e);

	if (!rc)
		k->on_floors(k->arg, buf_span(&b));
	return rc;
}

static int on_message(struct keeper *k, struct span s, int fd, struct err *e)
{
	switch (s.n ? s.p[0] : 0) {
	case LINK_REPORT_ACK:
		return on_report_ack(k, s, e);
	case LINK_ANSWER:
		return on_answer(k, s, fd, e);
	case LINK_FLOORS:
		return on_floors(k, fd, e);
	default:
		return err_set(e, ERR_FORMAT, "unknown type %d", s.n ? s.p[0] : -1);
	}
}

static void close_fds(const int fds[IO_FDS_MAX])
{
	for (unsigned i = 0; i < IO_FDS_MAX; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void keeper_read(struct keeper *k)
{
	int fds[IO_FDS_MAX], fd, rc;
	struct err e = { 0 };
	size_t n;

	/* Only this thread closes fd, so that it may be read without the lock. */
	while ((fd = keeper_fd(k)) >= 0) {
		rc = io_recv_fds(fd, k->in, sizeof k->in, &n, fds, &e);
		if (rc == ERR_BUSY)
			return;
		if (rc == ERR_LIMIT) {
			log_broken("server", "message from the keeper is too long", "max=%d", LINK_MESSAGE_MAX);
			continue;
		}
		if (rc) {
			log_unusual("server", "the keeper is gone", "why=\"%s\"", e.msg);
			detach(k);
			return;
		}
		if (on_message(k, SPAN(k->in, n), fds[0], &e))
			log_broken("server", "odd message from the keeper", "why=\"%s\"", e.msg);
		close_fds(fds);
	}
}
