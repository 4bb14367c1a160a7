/* alarms.h: what an operator must look at, by stable code (docs/operators-guide.md says what to do for each).
 *
 * An alarm is one (code, subject); raising it again keeps its first time and
 * updates the detail. Some latch: only an operator clears them. */
#ifndef KEEPER_ALARMS_H
#define KEEPER_ALARMS_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

#include <stdint.h>

struct alarm {
	char code[32];
	char subject[PRODUCT_NAME_MAX + 32];
	char detail[320];
	int64_t since_ms;	/* wall clock */
	bool is_latched;
};

struct alarms {
	struct alarm at[ALARMS_MAX];
	size_t n;
	uint64_t dropped;	/* raised while the table was full */
};

/* True when it is new (the caller logs it then). */
bool alarms_raise(struct alarms *a, const char *code, const char *subject, const char *detail, bool latch, int64_t now_ms);

/* The condition is over: removes it unless it latched. True when something was removed. */
bool alarms_over(struct alarms *a, const char *code, const char *subject);

/* Is there one of this code? */
bool alarms_has(const struct alarms *a, struct span code);

/* The operator clears every alarm of this code, latched or not; ERR_NOT_FOUND when there is none. */
MUST_USE int alarms_clear(struct alarms *a, struct span code, struct err *e);

#endif
