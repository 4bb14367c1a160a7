/* upload.h: an image to every target that was named, each with a result of its own.
 *
 *	stores (kubo:, dir:)	there already? ─ no ─► send ─► read back through the verifier of ipfs/
 *	then pinning:		when at least one store has it: ask the service to fetch it, wait until it has
 *
 * A target that fails does not keep the others from being tried. Running again after a failure at any point sends nothing to a
 * store that gives the image back already. */
#ifndef PUBLISH_UPLOAD_H
#define PUBLISH_UPLOAD_H

#include "publish/pack.h"
#include "publish/target.h"
#include "publish/web.h"

#define UPLOAD_TARGETS_MAX 8

enum upload_state {
	UPLOAD_FAILED,
	UPLOAD_SENT,		/* and read back */
	UPLOAD_PRESENT,		/* it had the image; read back; nothing was sent */
	UPLOAD_PINNED,		/* the service says so */
};
/* "failed", "uploaded", "present", "pinned". */
const char *upload_state_name(enum upload_state s);

struct upload_result {
	enum upload_state state;
	bool is_verified;	/* every block came back and was right */
	uint64_t bytes;		/* sent in this run, whatever came of it: of archives, or of files */
	struct err why;		/* UPLOAD_FAILED */
};

enum upload_step { UPLOAD_LOOK, UPLOAD_SEND, UPLOAD_READ_BACK, UPLOAD_PIN };

struct upload_job {
	struct web *web;
	const struct pack *pack;
	const struct target *targets;
	size_t n;			/* up to UPLOAD_TARGETS_MAX */
	const char *product, *version;	/* what a pinning service's list shows; either may be NULL */
	int64_t pin_wait_ms;		/* 0: PINNING_WAIT_MS */
	void (*on_step)(void *arg, enum upload_step step, const char *target);			/* may be NULL */
	void (*on_result)(void *arg, const struct target *t, const struct upload_result *r);	/* may be NULL */
	void *arg;
	const struct pack_watch *watch;	/* may be NULL */
};

/* Fills out[0 … n). */
void upload_all(const struct upload_job *job, struct upload_result *out);

/* Is that enough to tell the world? need 0: every target has to have done it; else so many stores that gave the image back,
 * and failures elsewhere are borne. Otherwise the first failure's code, how many there are, and why it failed. */
MUST_USE int upload_judge(const struct upload_job *job, const struct upload_result *results, size_t need, struct err *e);

#endif
