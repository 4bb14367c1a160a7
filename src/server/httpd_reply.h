/* httpd_reply.h: answers as responses of the HTTP library. */
#ifndef SERVER_HTTPD_REPLY_H
#define SERVER_HTTPD_REPLY_H

#include "server/answer.h"
#include "server/httpreq.h"
#include "server/replies.h"

#include <microhttpd.h>

struct client;

/* Queues k->answer as the request wants it: whole, a part, 304, 416, or the error that it is. MHD_NO: the library would
 * not, or no memory: the connection is closed. */
enum MHD_Result httpd_reply(struct replies *replies, struct client *k, const struct httpreq *r);

/* Adds a header; a response that could not take one is destroyed, and NULL is sticky, so that headers are added without checks. */
void httpd_add(struct MHD_Response **r, const char *name, const char *value);

/* A status with a line of text. */
enum MHD_Result httpd_reply_text(struct MHD_Connection *connection, unsigned status, const char *why);
/* The same, and the connection is closed. For requests whose end cannot be trusted; may be called before the body was read. */
enum MHD_Result httpd_reply_close(struct MHD_Connection *connection, unsigned status, const char *why);
enum MHD_Result httpd_reply_not_allowed(struct MHD_Connection *connection, const char *allow);
enum MHD_Result httpd_reply_retry(struct MHD_Connection *connection, const char *why, uint32_t retry_after_s);
enum MHD_Result httpd_reply_empty(struct MHD_Connection *connection, unsigned status);

#endif
