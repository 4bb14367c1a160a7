/* httpd.h: HTTP for devices (chapter 7): libmicrohttpd around the answer layer.
 *
 * Happy path: the main thread accepts (httpd_accept), a thread of the library's
 * pool parses, httpreq_read() judges, answer_find() decides, httpd_reply()
 * sends; hot images go with sendfile from memfds that were verified. A report waits,
 * suspended, for the keeper.
 * Failure modes: malformed → 400 and close; too slow → shut down (clients.h);
 * bit rot → the answer ends early, the connection with it; no keeper → 503.
 *
 * Everything but the library's callbacks runs on the main thread. */
#ifndef SERVER_HTTPD_H
#define SERVER_HTTPD_H

#include "base/clock.h"
#include "server/answer.h"

struct httpd;

MUST_USE int httpd_start(struct answers *answers, const struct clock *clock, struct httpd **out, struct err *e);
/* No report may be waiting any more (keeper_free first). */
void httpd_stop(struct httpd *d);

/* Accepts what waits at a listening socket, some at a time, as far as there is room. */
void httpd_accept(struct httpd *d, int listener);
bool httpd_has_room(struct httpd *d);
/* About once a second: slow clients, idle replies. */
void httpd_tick(struct httpd *d);
void httpd_catalog_changed(struct httpd *d);
uint64_t httpd_requests(struct httpd *d);

#endif
