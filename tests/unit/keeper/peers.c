/* peers.c: see peers.h. */
#include "peers.h"
#include "formats/car.h"

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

/* The half of it, and a trailer that says why. */
static void say_broken_stream(struct client *c, const char *more, struct span body)
{
	struct span half = span_cut(body, 0, body.n / 2);

	buf_fmt(&c->out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Stream-Error\r\n%s\r\n\r\n%zx\r\n", more, half.n);
	buf_add(&c->out, half);
	buf_fmt(&c->out, "\r\n0\r\nX-Stream-Error: context deadline exceeded\r\n\r\n");
	send_out(c);
}

static void say(struct client *c, const char *status, const char *more, struct span body, size_t sent)
{
	if (c->peer->deed == STREAM_BREAKS) {
		say_broken_stream(c, more, body);
		return;
	}
	buf_fmt(&c->out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nRetry-After: 60\r\nConnection: close\r\n%s\r\n\r\n", status, body.n, more);
	buf_add(&c->out, span_cut(body, 0, sent));
	c->peer->sent += sent;
	send_out(c);
}

static void say_no(struct client *c, const char *status)
{
	say(c, status, "Content-Type: text/plain", SPAN_LIT("no"), 2);
}

static size_t cut(const struct client *c, size_t n)
{
	switch (c->peer->deed) {
	case TRUNCATES:
	case TRUNCATES_ALL:
	case SILENT_AFTER_HALF:
		return n / 2;
	case BREAKS:
	case BREAKS_WITHOUT_RANGE:
	case CHANGES:
	case LIES_IN_WHOLE:
		return n < PEER_BREAK_BYTES ? n : PEER_BREAK_BYTES;
	case DRIBBLES:
		return n < 100 ? n : 100;
	default:
		return n;
	}
}

/* A file on a web server: RFC 9110, 14. Returns the bytes of the body that go out. */
static size_t say_file(struct client *c, struct span file)
{
	const char *range = strstr((const char *)c->in.p, "\r\nRange: bytes=");
	unsigned long long from = 0, last = file.n - 1;
	char more[200];
	struct span body;

	c->stays_open = c->peer->deed == SILENT_AFTER_HALF;
	if (c->peer->deed == BREAKS_WITHOUT_RANGE || c->peer->deed == NO_RANGES || c->peer->deed == LIES_WITHOUT_RANGES || (c->peer->deed == CHANGES && strstr((const char *)c->in.p, "If-Range:")))
		range = NULL;
	if (range && sscanf(range, "\r\nRange: bytes=%llu-%llu", &from, &last) < 2)
		last = file.n - 1;
	body = span_cut(file, (size_t)from, (size_t)(last + 1 - from));
	snprintf(more, sizeof more, "ETag: \"%u\"\r\nContent-Range: bytes %llu-%llu/%zu", c->peer->deed == CHANGES ? c->peer->requests : 1,
		 from, last, file.n);
	if (!range)
		*strchr(more, '\r') = '\0';
	say(c, range ? "206 Partial Content" : "200 OK", more, body, cut(c, body.n));
	return cut(c, body.n);
}

static void make_car(struct client *c, struct buf *car)
{
	dag_car(c->peer->root, ORDER_DFS, car);
	car->p[car->n - 1] ^= c->peer->deed == LIES;
}

static void say_car(struct client *c)
{
	struct buf car = BUF_INIT(64 * MIB);

	make_car(c, &car);
	c->stays_open = c->peer->deed == SILENT_AFTER_HALF;
	say(c, "200 OK", "Content-Type: application/vnd.ipld.car; version=1; order=dfs; dups=y", buf_span(&car), cut(c, car.n));
	buf_free(&car);
}

static void say_static_car(struct client *c)
{
	struct buf car = BUF_INIT(64 * MIB);

	make_car(c, &car);
	say_file(c, buf_span(&car));
	buf_free(&car);
}

static void say_image(struct client *c)
{
	struct buf file = BUF_INIT(64 * MIB);

	if (c->peer->deed == LIES_IN_WHOLE && strstr((const char *)c->in.p, "\r\nRange:")) {
		say_no(c, "416 Range Not Satisfiable");
		return;
	}
	dag_file(c->peer->root, &file);
	for (size_t i = 0; c->peer->deed == LIES_IN_WHOLE && i < file.n; i++)
		file.p[i] ^= 1;
	file.p[file.n - 1] ^= c->peer->deed == LIES || c->peer->deed == LIES_WITHOUT_RANGES;
	c->peer->file_sent += say_file(c, buf_span(&file));
	buf_free(&file);
}

static void say_inner(struct client *c)
{
	const struct dag_entry *all[4096];
	struct buf car = BUF_INIT(64 * MIB);
	size_t n = dag_list(c->peer->root, ORDER_DFS, all, 4096);

	car_put_header(&car, &c->peer->root->cid);
	for (size_t i = 0; i < n; i++)
		if (all[i]->n_children)
			dag_section(&all[i]->cid, all[i]->bytes, &car);
	say(c, "200 OK", "ETag: \"i\"", buf_span(&car), car.n);
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

static const struct dag_entry *last_leaf(const struct dag_entry *root)
{
	while (root->n_children)
		root = root->children[root->n_children - 1];
	return root;
}

static void say_block(struct client *c, const char *cid)
{
	const struct dag_entry *entry = find(c->peer->dag, cid);
	uint8_t *copy;

	if (!entry || c->peer->deed == TRUNCATES_ALL || c->peer->deed == ONLY_CARS || (c->peer->deed == LACKS_LAST && entry == last_leaf(c->peer->root))) {
		say_no(c, "404 Not Found");
		return;
	}
	copy = malloc(entry->bytes.n);
	memcpy(copy, entry->bytes.p, entry->bytes.n);
	copy[entry->bytes.n - 1] ^= c->peer->deed == LIES || (c->peer->deed == LIES_IN_LEAVES && !entry->n_children);
	say(c, "200 OK", "Content-Type: application/vnd.ipld.raw", SPAN(copy, entry->bytes.n), entry->bytes.n);
	free(copy);
}

/* What is asked for, by the path. */
enum asked { ASKED_CAR, ASKED_STATIC_CAR, ASKED_BLOCK, ASKED_IMAGE, ASKED_INNER };

static enum asked what(const char *request, const char **cid)
{
	static const struct { const char *path; enum asked what; } paths[] = {
		{ "/car/", ASKED_STATIC_CAR }, { "/blocks/", ASKED_BLOCK }, { "/image/", ASKED_IMAGE }, { "/inner/", ASKED_INNER },
		{ "/ipfs/", ASKED_BLOCK },
	};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		const char *at = strstr(request, paths[i].path);

		if (!at)
			continue;
		*cid = at + strlen(paths[i].path);
		return strstr(request, "format=car") ? ASKED_CAR : paths[i].what;
	}
	ck_abort_msg("nobody asks for that: %s", request);
}

static void answer_honestly(struct client *c, enum asked asked, const char *cid)
{
	struct peer *p = c->peer;

	switch (asked) {
	case ASKED_CAR:
		if (p->deed == NO_CAR || p->deed == SILENT_BLOCKS || p->deed == DENIES_OR_LACKS || p->deed == LACKS_LAST ||
		    p->deed == LACKS_SECOND || p->deed == LIES_IN_LEAVES)
			say_no(c, "406 Not Acceptable");
		else
			say_car(c);
		return;
	case ASKED_STATIC_CAR:
		say_static_car(c);
		return;
	case ASKED_BLOCK:
		if (p->deed == LACKS_SECOND && find(p->dag, cid) == p->root->children[1])
			say_no(c, "404 Not Found");
		else if (p->deed == DENIES_OR_LACKS && find(p->dag, cid) != p->root)
			say_no(c, p->blocks % 2 ? "404 Not Found" : "403 Forbidden");
		else if (p->deed != SILENT_BLOCKS)
			say_block(c, cid);
		return;
	case ASKED_IMAGE:
		say_image(c);
		return;
	case ASKED_INNER:
		if (p->deed == NO_INNER)
			say_no(c, "404 Not Found");
		else if (p->deed == INNER_DENIED)
			say_no(c, "403 Forbidden");
		else
			say_inner(c);
		return;
	}
}

static void answer(struct client *c)
{
	const char *cid;
	enum asked asked = what((const char *)c->in.p, &cid);

	c->peer->requests++;
	*(asked == ASKED_BLOCK ? &c->peer->blocks : asked == ASKED_IMAGE ? &c->peer->files : asked == ASKED_INNER ? &c->peer->inners
														   : &c->peer->cars) += 1;
	switch (c->peer->deed) {
	case SILENT:
		return;
	case LACKS:
		say_no(c, "404 Not Found");
		return;
	case ECHOES:
		say(c, "200 OK", "Content-Type: " PEER_KEY "/" PEER_TOKEN, SPAN_LIT("no"), 2);
		return;
	case THROTTLES:
		say_no(c, "429 Too Many Requests");
		return;
	case THROTTLES_SHORTLY:
		say(c, "429 Too Many Requests", "Retry-After: 1", SPAN_LIT("no"), 2);
		return;
	case PAGE: {
		static uint8_t page[400000];

		say(c, "429 Too Many Requests", "Content-Type: text/html\r\nContent-Encoding: gzip", SPAN(page, sizeof page), 100);
		return;
	}
	case FLAKY:
		if (c->peer->requests % 2) {
			hang_up(c);
			return;
		}
		break;
	default:
		break;
	}
	answer_honestly(c, asked, cid);
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
