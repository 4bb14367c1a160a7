/* multi.h: curl's multi interface on a libuv loop. Private to src/net.
 *
 * curl says which sockets to watch and when to wake it; the loop tells it what
 * happened. curl forbids adding and removing transfers from within its
 * callbacks: multi_is_inside() says when that is so, and on_outside comes as
 * soon as it is over. */
#ifndef NET_MULTI_H
#define NET_MULTI_H

#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

struct multi {
	CURLM *curl;
	uv_loop_t *loop;
	uv_timer_t timer;
	unsigned handles;	/* of libuv that are not closed yet */
	uv_handle_t *guest;	/* closed with the rest */
	unsigned inside;
	void (*on_outside)(struct multi *m);
	void (*on_closed)(struct multi *m);
};

MUST_USE int multi_init(struct multi *m, uv_loop_t *loop, void (*on_outside)(struct multi *), struct err *e);

/* One more handle of the loop, of the owner's, that is to be closed by multi_close, and be gone before on_closed. */
void multi_adopt(struct multi *m, uv_handle_t *guest);

/* No transfer may be in it any more, and it is not called from inside. on_closed comes from the loop. */
void multi_close(struct multi *m, void (*on_closed)(struct multi *));

static inline bool multi_is_inside(const struct multi *m)
{
	return m->inside > 0;
}

#endif
