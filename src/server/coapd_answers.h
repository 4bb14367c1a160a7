/* coapd_answers.h: the answer layer (answer.h) as the CoAP core wants to see it (coap/resources.h). */
#ifndef SERVER_COAPD_ANSWERS_H
#define SERVER_COAPD_ANSWERS_H

#include "coap/resources.h"
#include "server/answer.h"
#include "server/coapd.h"

struct coapd_answers;

/* answers must outlive it. NULL: no memory. */
struct coapd_answers *coapd_answers_new(struct answers *answers);
/* After coapd_stop(), and when no report can be answered any more. */
void coapd_answers_free(struct coapd_answers *c);

/* For coapd_start_take(); arg is c. */
struct resources coapd_answers_resources(struct coapd_answers *c);

/* Where answers to reports go: the started server, or NULL before coapd_stop(). Reports answered meanwhile are
 * dropped; their devices hear 5.03 and report again. */
void coapd_answers_attach(struct coapd_answers *c, struct coapd *d);

#endif
