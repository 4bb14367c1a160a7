/* release.h: publishing a release, from an image file to a receipt.
 *
 *	settle		an earlier transaction of this wallet is waited for			(transact.h)
 *	look up		product, next sequence, signers; may this wallet publish?	(registry.h)
 *	measure		size, SHA-256, CID						(pack.h)
 *	manifest	built and signed here, or given and checked; enough signatures?
 *	published?	the newest release is this very one: no transaction then
 *	upload		to every target, and read back					(upload.h)
 *	transact	publish(id, sequence, manifest)					(transact.h)
 *	entries		the product's history to each dir: target
 *
 * Everything that can be refused is found before something is uploaded, and
 * everything is stored and read back before the chain hears of it: a gateway
 * never sees a release whose image nobody has. Targets that fail keep the
 * transaction back, unless `need` says how many suffice. Running it again,
 * wherever it was cut off, takes up what is there: a release whose signed text
 * is the newest one's, number aside, is that release, unless it was revoked. */
#ifndef PUBLISH_RELEASE_H
#define PUBLISH_RELEASE_H

#include "publish/pack.h"
#include "publish/registry.h"
#include "publish/transact.h"
#include "publish/upload.h"

enum release_step {
	RELEASE_SETTLE, RELEASE_MEASURE, RELEASE_SIGN, RELEASE_PUBLISHED, RELEASE_ESTIMATE, RELEASE_SEND, RELEASE_WAIT,
};

struct release_job {
	struct registry *registry;
	const struct wallet *wallet;
	struct addr20 registrant;
	const char *product;			/* vendor/model */

	struct suit_manifest about;		/* version, channel, hardware, …: all that is not found out here */
	const struct sig_secret *keys;		/* that sign it */
	size_t keys_n;
	struct span envelope;			/* instead of both: made and signed elsewhere */

	const char *image;			/* may be NULL with an envelope: uploaded already */
	const struct dag_profile *profile;	/* NULL: the default; with an envelope: whichever gives its CID */
	struct upload_job upload;		/* targets, n, pin_wait_ms and its callbacks; the rest is filled in here */
	size_t need;				/* stores that have to have the image; 0: all targets have to have done their part */
	bool dry_run;				/* all but upload and transaction; gas is the estimate */

	void (*on_step)(void *arg, enum release_step step, const char *detail);	/* may be NULL */
	struct pack_watch watch;		/* progress may be NULL */
	void *arg;
};

struct release_done {
	struct upload_result results[UPLOAD_TARGETS_MAX];
	size_t results_n;		/* 0: it did not come to that */
	uint64_t sequence, size, gas;
	char version[VERSION_MAX + 1], cid[CID_TEXT_MAX];
	struct hash32 sha256;
	size_t manifest_bytes;
	bool is_sent;				/* now or in an earlier run: the next two are set; gas only if now */
	struct hash32 tx;
	uint64_t block;
};

/* ERR_RULE and its like say which rule, ERR_NET what could not be reached. After the transaction only the entries of
 * dir: targets can fail; the release stands then, and the message says so. *out has what was found out in any case. */
MUST_USE int release_publish(const struct release_job *job, struct release_done *out, struct err *e);

/* The envelope for job.about with sequence and image filled in, signed by the keys. */
MUST_USE int release_make_envelope(const struct suit_manifest *m, const struct sig_secret *keys, size_t n, struct buf *out,
				   struct err *e);

#endif
