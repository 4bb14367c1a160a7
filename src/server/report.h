/* report.h: what a device says of itself, in JSON or CBOR (chapter 7).
 *
 *	{"device": "…", "sequence": 7, "state": "installed", "reason": "…", "progress": 100}
 *
 * device, sequence and state are required (device may come from query or header instead). Unknown members are
 * ignored, so that newer devices can say more; a known one twice or of another type is refused. */
#ifndef SERVER_REPORT_H
#define SERVER_REPORT_H

#include "catalog/link.h"

#define REPORT_REASON_MAX 256	/* bytes; longer ones are cut at a character */

struct report {
	char device[DEVICE_ID_MAX + 1];	/* "" when the body names none */
	uint64_t sequence;
	enum report_state state;
	uint8_t progress;		/* 0 to 100; 255: not said */
	char reason[REPORT_REASON_MAX + 1];	/* UTF-8, printable; "" when not said */
};

/* ERR_FORMAT names the rule; ERR_LIMIT: over REPORT_MAX. */
MUST_USE int report_read_json(struct span body, struct report *out, struct err *e);
MUST_USE int report_read_cbor(struct span body, struct report *out, struct err *e);

#endif
