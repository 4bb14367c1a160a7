/* alarms.c: see alarms.h. */
#include "keeper/alarms.h"

#include <stdio.h>

static struct alarm *find(struct alarms *a, const char *code, const char *subject)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->at[i].code, code) && !strcmp(a->at[i].subject, subject))
			return &a->at[i];
	return NULL;
}

static void remove_at(struct alarms *a, size_t i)
{
	memmove(&a->at[i], &a->at[i + 1], (a->n - i - 1) * sizeof *a->at);
	a->n--;
}

bool alarms_raise(struct alarms *a, const char *code, const char *subject, const char *detail, bool latch, int64_t now_ms)
{
	struct alarm *known = find(a, code, subject);
	bool is_new = !known;

	if (is_new && a->n == ALARMS_MAX) {
		a->dropped++;
		return false;
	}
	if (is_new) {
		known = &a->at[a->n++];
		*known = (struct alarm){ .since_ms = now_ms };
		snprintf(known->code, sizeof known->code, "%s", code);
		snprintf(known->subject, sizeof known->subject, "%s", subject);
	}
	known->is_latched |= latch;
	snprintf(known->detail, sizeof known->detail, "%s", detail);
	return is_new;
}

bool alarms_over(struct alarms *a, const char *code, const char *subject)
{
	struct alarm *known = find(a, code, subject);

	if (!known || known->is_latched)
		return false;
	remove_at(a, (size_t)(known - a->at));
	return true;
}

bool alarms_has(const struct alarms *a, struct span code)
{
	for (size_t i = 0; i < a->n; i++)
		if (span_is(code, a->at[i].code))
			return true;
	return false;
}

int alarms_clear(struct alarms *a, struct span code, struct err *e)
{
	size_t before = a->n;

	for (size_t i = a->n; i-- > 0;)
		if (span_is(code, a->at[i].code))
			remove_at(a, i);
	return a->n < before ? ERR_OK : err_set(e, ERR_NOT_FOUND, "no alarm of this code");
}
