/* multi.c: see multi.h. */
#include "net/multi.h"

#include <stdlib.h>

/* One watched socket. */
struct watch {
	uv_poll_t poll;
	curl_socket_t fd;
	struct multi *m;
};

/* From here on m may be gone. Without memory a socket is left out, of which nothing would ever be heard. */
static void act(struct multi *m, curl_socket_t fd, int events)
{
	int running;

	m->inside++;
	if (curl_multi_socket_action(m->curl, fd, events, &running) == CURLM_OUT_OF_MEMORY)
		err_no_memory();
	m->inside--;
	m->on_outside(m);
}

static void on_timer(uv_timer_t *timer)
{
	act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_wake_at(CURLM *curl, long ms, void *arg)
{
	struct multi *m = arg;

	(void)curl;
	/* 0 would be "at once": from the loop all the same, so that nothing happens before the starter returned. */
	if (ms < 0)
		uv_timer_stop(&m->timer);
	else
		uv_timer_start(&m->timer, on_timer, (uint64_t)ms, 0);
	return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	int flags = 0;

	if (status < 0)
		flags |= CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	act(w->m, w->fd, flags);
}

static void on_handle_closed(struct multi *m)
{
	m->handles--;
	if (m->handles == 0 && m->on_closed)
		m->on_closed(m);
}

static void on_watch_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;
	struct multi *m = w->m;

	free(w);
	on_handle_closed(m);
}

static struct watch *watch_new(struct multi *m, curl_socket_t fd)
{
	struct watch *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->m = m;
	w->fd = fd;
	w->poll.data = w;
	if (uv_poll_init_socket(m->loop, &w->poll, fd) < 0) {
		free(w);
		return NULL;
	}
	m->handles++;
	curl_multi_assign(m->curl, fd, w);
	return w;
}

/* Never -1, which ends every transfer of the multi handle, later ones too. Without a watch nothing is heard of this socket: its transfer
 * ends by its own time limits, or goes on when curl asks for other events and there is a watch to be had. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct multi *m = arg;
	struct watch *w = socket_arg;
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w) {
			curl_multi_assign(m->curl, fd, NULL);
			uv_close((uv_handle_t *)&w->poll, on_watch_closed);
		}
		return 0;
	}
	if (!w)
		w = watch_new(m, fd);
	if (w)
		(void)uv_poll_start(&w->poll, events, on_ready);	/* fails only while closing, which it is not */
	return 0;
}

int multi_init(struct multi *m, uv_loop_t *loop, void (*on_outside)(struct multi *), struct err *e)
{
	*m = (struct multi){ .loop = loop, .on_outside = on_outside };
	m->curl = curl_multi_init();
	if (!m->curl)
		return err_set(e, ERR_MEMORY, "no memory for HTTP");
	uv_timer_init(loop, &m->timer);
	m->timer.data = m;
	m->handles = 1;
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_wake_at);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
	return ERR_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
	on_handle_closed(handle->data);
}

void multi_adopt(struct multi *m, uv_handle_t *guest)
{
	m->guest = guest;
	m->handles++;
}

void multi_close(struct multi *m, void (*on_closed)(struct multi *))
{
	m->on_closed = on_closed;
	curl_multi_cleanup(m->curl);	/* closes idle connections, and with them their watches */
	m->curl = NULL;
	uv_close((uv_handle_t *)&m->timer, on_timer_closed);
	if (!m->guest)
		return;
	m->guest->data = m;
	uv_close(m->guest, on_timer_closed);
}
