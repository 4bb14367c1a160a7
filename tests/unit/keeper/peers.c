/* peers.c: see peers.h. */
#include "peers.h"

#include <check.h>
#include <stdlib.h>

/* A client; one request each. */
struct client {
	uv_tcp_t tcp;
	uv_write_t write;
	struct peer *peer;
	struct buf in, out;
	bool stays_open;
};

static void on_closed(uv_handle_t *handle)
{
	struct client *c = handle->data;

	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

static void hang_up(struct client *c)
{
	if (!uv_is_closing((uv_handle_t *)&c->tcp))
		uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_written(uv_write_t *write, int status)
{
	struct client *c = write->data;

	(void)status;
	if (!c->stays_open)
		hang_up(c);
}

static void send_out(struct client *c)
{
	uv_buf_t bytes = uv_buf_init((char *)c->out.p, (unsigned)c->out.n);

	c->write.data = c;
	ck_assert_int_eq(uv_write(&c->write, (uv_stream_t *)&c->tcp, &bytes, 1, on_written), 0);
}

static void say(struct client *c, const char *status, const char *type, struct span body, size_t sent)
{
	buf_fmt(&c->out, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nRetry-After: 60\r\nConnection: close\r\n\r\n",
		status, type, body.n);
	buf_add(&c->out, span_cut(body, 0, sent));
	send_out(c);
}

static void say_car(struct client *c)
{
	struct buf car = BUF_INIT(64 * MIB);
	enum deed deed = c->peer->deed;
	size_t sent;

	dag_car(c->peer->root, ORDER_DFS, &car);
	if (deed == LIES)
		car.p[car.n - 1] ^= 1;
	sent = deed == TRUNCATES || deed == TRUNCATES_ALL || deed == SILENT_AFTER_HALF ? car.n / 2 : car.n;
	c->stays_open = deed == SILENT_AFTER_HALF;
	say(c, "200 OK", "application/vnd.ipld.car; version=1; order=dfs; dups=y", buf_span(&car), sent);
	buf_free(&car);
}

static const struct dag_entry *find(const struct dag *d, const char *path)
{
	char text[CID_TEXT_MAX];

	for (size_t i = 0; i < d->n; i++) {
		struct cid v1 = d->blocks[i].cid;

		cid_text(&v1, text);
		if (!strncmp(path, text, strlen(text)))
			return &d->blocks[i];
	}
	return NULL;
}

static void say_block(struct client *c, const char *cid)
{
	const struct dag_entry *entry = find(c->peer->dag, cid);
	uint8_t *copy;

	if (!entry || c->peer->deed == TRUNCATES_ALL) {
		say(c, "404 Not Found", "text/plain", SPAN_LIT("no"), 2);
		return;
	}
	copy = malloc(entry->bytes.n);
	memcpy(copy, entry->bytes.p, entry->bytes.n);
	copy[entry->bytes.n - 1] ^= c->peer->deed == LIES;
	say(c, "200 OK", "application/vnd.ipld.raw", SPAN(copy, entry->bytes.n), entry->bytes.n);
	free(copy);
}

static void answer(struct client *c)
{
	const char *request = (const char *)c->in.p, *cid = strstr(request, "/ipfs/");
	bool is_car = strstr(request, "format=car") != NULL;
	enum deed deed = c->peer->deed;

	*(is_car ? &c->peer->cars : &c->peer->blocks) += 1;
	if (deed == SILENT || (deed == SILENT_BLOCKS && !is_car))
		return;
	if (deed == LACKS)
		say(c, "404 Not Found", "text/plain", SPAN_LIT("no"), 2);
	else if (deed == ECHOES)
		say(c, "200 OK", PEER_KEY "/" PEER_TOKEN, SPAN_LIT("no"), 2);
	else if (deed == THROTTLES)
		say(c, "429 Too Many Requests", "text/plain", SPAN_LIT("no"), 2);
	else if (is_car && (deed == NO_CAR || deed == SILENT_BLOCKS))
		say(c, "406 Not Acceptable", "text/plain", SPAN_LIT("no"), 2);
	else if (is_car)
		say_car(c);
	else
		say_block(c, cid + strlen("/ipfs/"));
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *room)
{
	static char bytes[8192];

	(void)handle, (void)wanted;
	*room = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
	struct client *c = stream->data;

	if (n < 0) {
		hang_up(c);
		return;
	}
	buf_add(&c->in, SPAN(room->base, (size_t)n));
	if (c->in.n < 4 || memcmp(c->in.p + c->in.n - 4, "\r\n\r\n", 4))
		return;
	buf_byte(&c->in, '\0');
	answer(c);
}

static void on_connect(uv_stream_t *stream, int status)
{
	struct peer *p = stream->data;
	struct client *c = calloc(1, sizeof *c);

	ck_assert_int_eq(status, 0);
	*c = (struct client){ .peer = p, .in = BUF_INIT(65536), .out = BUF_INIT(64 * MIB) };
	uv_tcp_init(stream->loop, &c->tcp);
	c->tcp.data = c;
	ck_assert_int_eq(uv_accept(stream, (uv_stream_t *)&c->tcp), 0);
	if (p->deed == DOWN)
		hang_up(c);
	else
		uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read);
}

void peer_open(struct peer *p, uv_loop_t *loop, enum deed deed, const struct dag *dag, const struct dag_entry *root)
{
	struct sockaddr_in at;
	int n = sizeof at;

	*p = (struct peer){ .deed = deed, .dag = dag, .root = root };
	uv_ip4_addr("127.0.0.1", 0, &at);
	uv_tcp_init(loop, &p->tcp);
	p->tcp.data = p;
	ck_assert_int_eq(uv_tcp_bind(&p->tcp, (struct sockaddr *)&at, 0), 0);
	ck_assert_int_eq(uv_listen((uv_stream_t *)&p->tcp, 16, on_connect), 0);
	uv_tcp_getsockname(&p->tcp, (struct sockaddr *)&at, &n);
	snprintf(p->url, sizeof p->url, "http://127.0.0.1:%u", ntohs(at.sin_port));
}

void peer_close(struct peer *p)
{
	uv_close((uv_handle_t *)&p->tcp, NULL);
}
