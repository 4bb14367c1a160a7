/* httpreq.h: the header of an HTTP request, judged more strictly than the library does (chapter 7).
 *
 * Refused with 400, after which the connection is closed:
 *	- a target that target_read() refuses (414 when it is too long)
 *	- NUL, control bytes, folded lines, bare line feeds; a name that is no token
 *	- Host, Content-Length, Transfer-Encoding, Content-Type or Authorization twice; no Host in HTTP/1.1
 *	- Content-Length together with Transfer-Encoding; a Transfer-Encoding other than "chunked", or in HTTP/1.0 */
#ifndef SERVER_HTTPREQ_H
#define SERVER_HTTPREQ_H

#include "server/target.h"

struct MHD_Connection;
struct client;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OTHER };

/* Spans live until the request is over; p == NULL: the header did not come. */
struct httpreq {
	enum http_method method;
	struct target target;
	struct span host, range, if_range, if_match, if_none_match, cache_control, accept, device, content_type, origin, fetch_site,
		    authorization, length, transfer;
};

/* 0, or the status to refuse it with and *why, a static text. */
MUST_USE unsigned httpreq_read(struct MHD_Connection *connection, const struct client *k, const char *method,
			       const char *version, struct httpreq *out, const char **why);

/* For MHD_OPTION_URI_LOG_CALLBACK: keeps the target as it came. Returns the client. */
void *httpreq_note_target(void *clients, const char *uri, struct MHD_Connection *connection);

/* For MHD_OPTION_UNESCAPE_CALLBACK: nothing is unescaped by the library. */
size_t httpreq_no_unescape(void *cls, struct MHD_Connection *connection, char *s);

/* Body bytes that a request announces; false: none, or a length that is not known before its end. */
bool httpreq_length(const struct httpreq *r, uint64_t *out);

#endif
