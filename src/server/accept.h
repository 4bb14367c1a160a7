/* accept.h: the Accept header (RFC 9110, 12.5.1), brought down to the few formats that we have. */
#ifndef SERVER_ACCEPT_H
#define SERVER_ACCEPT_H

#include "server/answer.h"

/* Sets ask->accept and ask->prefers (HTTP: JSON unless something else is named). Where anything will do, also through
 * application/octet-stream, which small clients send for everything, accept is FORMAT_ANY. header.p == NULL: none came. */
void accept_read(struct span header, struct ask *ask);

/* Content-Type: FORMAT_JSON, FORMAT_CBOR, FORMAT_OTHER; FORMAT_ANY when there is none, or a form's, which curl sends
 * when nobody says anything. */
enum answer_format accept_content_type(struct span header);

/* Up to the next `stop` or the end, trimmed; off the front of *s. */
struct span accept_take(struct span *s, char stop);
/* The weight of a media range from its parameters, in thousandths; 1000 when it is not said or cannot be read. */
unsigned accept_quality(struct span parameters);

/* The media type that a format is sent as. */
const char *accept_type_of(enum answer_format format);

#endif
