/* outputs.c: what the follower tells its owner: a queue of outputs, and alarms that are told once. */
#include "chain/follow.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct output {
	struct list node;
	struct follower_output o;
	uint8_t *data;
	char subject[67], detail[256];
};

static const char *const codes[FOLLOWER_ALARMS] = {
	[ALARM_CHAIN_ID] = "chain-id",
	[ALARM_GENESIS] = "genesis",
	[ALARM_PROVIDER_LYING] = "provider-lying",
	[ALARM_NO_QUORUM] = "no-quorum",
	[ALARM_ANCHOR_CONFLICT] = "anchor-conflict",
	[ALARM_FINALITY_STALLED] = "finality-stalled",
	[ALARM_CODE_HASH] = "code-hash",
	[ALARM_REGISTRY_MISSING] = "registry-missing",
	[ALARM_NEW_FORK] = "new-fork",
	[ALARM_PROOF_UNAVAILABLE] = "proof-unavailable",
	[ALARM_HISTORY_INCOMPLETE] = "history-incomplete",
	[ALARM_REGISTRATION_MISSING] = "registration-missing",
	[ALARM_REORG_TOO_DEEP] = "reorg-too-deep",
	[ALARM_MEMORY] = "memory",
};

const char *follower_alarm_code(enum follower_alarm a)
{
	return codes[a];
}

static struct output *push(struct follower *f, enum follower_output_kind kind)
{
	struct output *o = calloc(1, sizeof *o);

	if (!o)
		err_no_memory();
	o->o.kind = kind;
	list_append(&f->outputs, &o->node);
	return o;
}

struct follower_output *output_push(struct follower *f, enum follower_output_kind kind)
{
	return &push(f, kind)->o;
}

void output_seen(struct follower *f, const struct track *t, uint64_t position, struct record *r, const struct hash32 *head)
{
	struct output *o = push(f, FOLLOWER_SEEN);

	o->o.product = t->id;
	o->o.position = position;
	o->o.record = *r;
	o->o.hash = *head;
	o->data = (uint8_t *)r->data.p;
	r->data = SPAN(NULL, 0);
}

static void output_free(struct output *o)
{
	if (!o)
		return;
	free(o->data);
	free(o);
}

const struct follower_output *follower_output(struct follower *f)
{
	output_free(f->handed);
	f->handed = NULL;
	if (list_is_empty(&f->outputs))
		return NULL;
	f->handed = LIST_ITEM(f->outputs.next, struct output, node);
	list_remove(&f->handed->node);
	return &f->handed->o;
}

void output_note(struct follower *f, const char *provider, const char *text)
{
	struct output *o = push(f, FOLLOWER_NOTE);

	snprintf(o->subject, sizeof o->subject, "%s", provider);
	snprintf(o->detail, sizeof o->detail, "%s", text);
	o->o.subject = o->subject;
	o->o.detail = o->detail;
}

static struct alarm *find(struct follower *f, enum follower_alarm alarm, const char *subject)
{
	LIST_EACH(node, &f->alarms) {
		struct alarm *a = LIST_ITEM(node, struct alarm, node);

		if (a->alarm == alarm && strcmp(a->subject, subject) == 0)
			return a;
	}
	return NULL;
}

static void tell(struct follower *f, enum follower_output_kind kind, const struct alarm *a)
{
	struct output *o = push(f, kind);

	memcpy(o->subject, a->subject, sizeof o->subject);
	memcpy(o->detail, a->detail, sizeof o->detail);
	o->o.alarm = a->alarm;
	o->o.subject = o->subject;
	o->o.detail = o->detail;
}

void alarm_on(struct follower *f, enum follower_alarm alarm, const char *subject, const char *fmt, ...)
{
	struct alarm *a = find(f, alarm, subject);
	char detail[sizeof a->detail];
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof detail, fmt, args);
	va_end(args);
	if (a && strcmp(a->detail, detail) == 0)
		return;
	if (!a) {
		a = calloc(1, sizeof *a);
		if (!a)
			err_no_memory();
		a->alarm = alarm;
		snprintf(a->subject, sizeof a->subject, "%s", subject);
		list_append(&f->alarms, &a->node);
	}
	memcpy(a->detail, detail, sizeof a->detail);
	tell(f, FOLLOWER_ALARM_ON, a);
}

void alarm_off(struct follower *f, enum follower_alarm alarm, const char *subject)
{
	struct alarm *a = find(f, alarm, subject);

	if (!a)
		return;
	tell(f, FOLLOWER_ALARM_OFF, a);
	list_remove(&a->node);
	free(a);
}

void outputs_free(struct follower *f)
{
	output_free(f->handed);
	LIST_EACH(node, &f->outputs)
		output_free(LIST_ITEM(node, struct output, node));
	LIST_EACH(alarm, &f->alarms)
		free(LIST_ITEM(alarm, struct alarm, node));
}
