/* replies.c: see replies.h. A key has one place; another one there is replaced. */
#include "server/replies.h"

#include <microhttpd.h>

void replies_init(struct replies *r, const struct clock *clock)
{
	*r = (struct replies){ .clock = clock };
	pthread_mutex_init(&r->lock, NULL);
}

static void drop(struct reply *e)
{
	if (!e->response)
		return;
	MHD_destroy_response(e->response);
	catalog_put(e->catalog);
	*e = (struct reply){ .response = NULL };
}

void replies_forget(struct replies *r)
{
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < HTTP_REPLIES_MAX; i++)
		drop(&r->at[i]);
	pthread_mutex_unlock(&r->lock);
}

void replies_fini(struct replies *r)
{
	replies_forget(r);
	pthread_mutex_destroy(&r->lock);
}

void replies_trim(struct replies *r)
{
	int64_t before_ms = clock_mono_ms(r->clock) - HTTP_REPLY_IDLE_MS;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < HTTP_REPLIES_MAX; i++)
		if (r->at[i].used_ms < before_ms)
			drop(&r->at[i]);
	pthread_mutex_unlock(&r->lock);
}

static struct reply_key key_of(const struct answer *a)
{
	return (struct reply_key){ .catalog = a->catalog, .row = a->row, .kind = (uint8_t)a->kind,
				   .freshness = (uint8_t)a->freshness, .is_immutable = a->is_immutable };
}

static bool is_same(const struct reply_key *a, const struct reply_key *b)
{
	return a->catalog == b->catalog && a->row == b->row && a->kind == b->kind && a->freshness == b->freshness &&
	       a->is_immutable == b->is_immutable;
}

static struct reply *place(struct replies *r, const struct reply_key *k)
{
	size_t h = k->row * 2654435761u + k->kind * 97u + k->freshness * 31u + k->is_immutable * 17u;

	return &r->at[h % HTTP_REPLIES_MAX];
}

int replies_queue(struct replies *r, const struct answer *a, struct MHD_Connection *connection)
{
	struct reply_key key = key_of(a);
	struct reply *e = place(r, &key);
	int found = 0;

	pthread_mutex_lock(&r->lock);
	if (is_same(&e->key, &key)) {	/* a free place has the key of no catalog */
		/* Under the lock: the library takes its own reference in here. */
		found = MHD_queue_response(connection, MHD_HTTP_OK, e->response) == MHD_YES ? 1 : -1;
		e->used_ms = clock_mono_ms(r->clock);
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}

void replies_keep_take(struct replies *r, const struct answer *a, struct MHD_Response *response)
{
	struct reply_key key = key_of(a);
	struct reply *e = place(r, &key);

	pthread_mutex_lock(&r->lock);
	drop(e);
	*e = (struct reply){ key, response, catalog_hold(a->catalog), clock_mono_ms(r->clock) };
	pthread_mutex_unlock(&r->lock);
}
