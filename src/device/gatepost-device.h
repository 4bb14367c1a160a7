/* gatepost-device.h: the device's side of a firmware update, for microcontrollers and anything larger.
 *
 * Asks a gateway for the signed manifest of its product, verifies it with keys
 * that were put into the device when it was made, fetches the image that the
 * manifest names, hashes it while it comes, and says install or refuse. The
 * gateway and the network are trusted with nothing: they can withhold and
 * delay, and that is all.
 *
 * C11; needs memcpy, memcmp, memset and strlen; no heap, no stdio, no
 * recursion, no threads. Under 10 KB of code and 1.5 KB of RAM (struct gpd),
 * besides the crypto and the manifest buffer, which the caller provides.
 *
 * A device brings five things, as the callbacks of struct gpd_port: fetching a
 * path, a flash slot, some bytes that survive a reboot, SHA-256, and checking a
 * signature. Then either
 *
 *	gpd_init(&d, &config);
 *	switch (gpd_update(&d)) { … }		// one whole round, blocking
 *
 * or, where fetching is asynchronous, the same in pieces:
 *
 *	bool more = gpd_begin(&d);
 *	while (more) {
 *		// fetch d.path from byte d.at on; give each piece to gpd_take()
 *		more = gpd_done(&d, it_came_to_its_end);
 *	}
 *	result = d.result;
 *
 * Power may fail between any two callbacks, and within one. What gpd_init()
 * finds then is either finished or goes on where it was: an image that was
 * half there is completed, one that was complete is verified again and
 * installed. Nothing is ever installed that was not read back from flash and
 * found to be what the manifest names.
 *
 * docs/device-makers-guide.md tells how to port it; gatepost-device(1) is a
 * program made with it. */
#ifndef GATEPOST_DEVICE_H
#define GATEPOST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GPD_PATH_MAX 256	/* bytes of a path to fetch, with its NUL */
#define GPD_KEYS_MAX 8		/* pinned keys */
#define GPD_MANIFEST_LEN 1024	/* the device profile: a buffer of this size takes every manifest made for devices */
#define GPD_STATE_LEN 80	/* bytes that survive a reboot */
#define GPD_REPORT_MAX 192	/* bytes of a report */

/* How a round ended, and why an update was refused. */
enum gpd_result {
	GPD_INSTALLED = 0,	/* a new image was verified and handed to install() */
	GPD_UP_TO_DATE,		/* there is nothing newer */
	GPD_TRIAL,		/* a new image runs on trial: gpd_confirm() first */
	/* Try again later; what has been downloaded is kept. */
	GPD_UNREACHABLE,	/* fetching failed or broke off */
	GPD_SHORT,		/* the image ended before its size */
	/* Refused. Nothing was installed. */
	GPD_MALFORMED,		/* not a manifest of the profile */
	GPD_TOO_LONG,		/* the manifest does not fit its buffer, or a path its place */
	GPD_UNSIGNED,		/* not enough of the pinned keys signed it */
	GPD_OTHER_PRODUCT,	/* vendor, model, or their UUIDs */
	GPD_OTHER_CHANNEL,
	GPD_OTHER_HARDWARE,
	GPD_ROLLBACK,		/* older than what is installed */
	GPD_STEPPING_STONE,	/* an older release must be installed first */
	GPD_FAILED_BEFORE,	/* this very release was tried and did not come up */
	GPD_TOO_LARGE,		/* the image does not fit the slot */
	GPD_WRONG_IMAGE,	/* longer than its size, or another digest */
	/* The device itself. */
	GPD_FLASH,		/* reading or writing the slot failed */
	GPD_STATE,		/* reading or writing the state failed, or it is of another version */
	GPD_INSTALL,		/* install() failed */
};

/* What a device is doing; the words are those of `state` in a report. */
enum gpd_doing {
	GPD_DOING_DOWNLOADING, GPD_DOING_DOWNLOADED, GPD_DOING_INSTALLING, GPD_DOING_INSTALLED, GPD_DOING_REBOOTING,
	GPD_DOING_RUNNING, GPD_DOING_FAILED,
};

/* Curves and algorithms, by their COSE numbers. */
enum gpd_curve { GPD_P256 = 1, GPD_ED25519 = 6, GPD_SECP256K1 = 8 };

/* A pinned public key. */
struct gpd_key {
	uint8_t curve;		/* enum gpd_curve */
	uint8_t x[32], y[32];	/* y unused for Ed25519 */
};

/* What the device brings. Callbacks get `arg` of the config, are never called from within one another, and may
 * block. Those that return int return 0 for success. */
struct gpd_port {
	/* Fetches path ("/fw/acme/lamp?from=6", '/' separates Uri-Path options, '?' and '&' queries) from byte
	 * `from` on, gives what comes to gpd_take() in order, and returns when all has come. Not 0: unreachable,
	 * broken off, or gpd_take() said no. Only gpd_update() calls it; may be NULL for those who use the pieces. */
	int (*fetch)(void *arg, const char *path, uint32_t from);

	/* The slot for a new image. Writes go upwards without gaps; one that starts at a multiple of
	 * config.checkpoint may follow a power cut, and finds old bytes there: the port erases a sector when the
	 * first of its bytes is written. */
	int (*flash_write)(void *arg, uint32_t at, const uint8_t *data, size_t n);
	int (*flash_read)(void *arg, uint32_t at, uint8_t *out, size_t n);

	/* GPD_STATE_LEN bytes, replaced as a whole or not at all, and on flash when the call returns (two pages
	 * with a counter each, a file and rename, …). Bytes written to the slot before are on flash by then too.
	 * load: 1 when nothing has ever been saved. */
	int (*state_load)(void *arg, uint8_t state[GPD_STATE_LEN]);
	int (*state_save)(void *arg, const uint8_t state[GPD_STATE_LEN]);

	/* SHA-256 in `ctx`, which is config.sha256_ctx: one stream at a time. */
	void (*sha256_init)(void *ctx);
	void (*sha256_add)(void *ctx, const uint8_t *data, size_t n);
	void (*sha256_end)(void *ctx, uint8_t digest[32]);

	/* Is sig (64 bytes) a good signature by key? msg is the message itself for Ed25519, its SHA-256 for the
	 * two ECDSA curves. Is never called for a secp256k1 signature with a high s. */
	bool (*verify)(void *arg, const struct gpd_key *key, const uint8_t *msg, size_t n, const uint8_t sig[64]);

	/* Makes the slot's image the one that runs. Called again after a power cut within it.
	 * 0: done, the image runs (or will, without a doubt). 1: it will run on trial after a reboot, and whoever
	 * comes up then calls gpd_confirm(). Negative: failed. */
	int (*install)(void *arg, uint64_t sequence, uint32_t size);

	/* Says what the device is doing, for a report to the gateway (gpd_report writes its body) or a log. May be
	 * NULL. result matters with GPD_DOING_FAILED only. */
	void (*tell)(void *arg, enum gpd_doing doing, uint64_t sequence, unsigned percent, enum gpd_result result);
};

struct gpd_config {
	const char *vendor, *model;
	uint8_t vendor_id[16], class_id[16];	/* UUIDv5 of vendor, and of model below it */
	const struct gpd_key *keys;
	uint8_t key_count, threshold;		/* 1 <= threshold <= key_count <= GPD_KEYS_MAX */
	const char *channel;			/* take releases of this channel only; NULL: as the gateway decides */
	const char *hardware;			/* name of the board's revision, or NULL */
	const char *device;			/* id for reports and rollouts, [A-Za-z0-9._:-]{1,64}, or NULL */
	uint64_t factory_sequence;		/* what is installed while there is no state yet */
	uint32_t slot_size;			/* bytes of the flash slot */
	uint32_t checkpoint;			/* save progress every so many bytes: a multiple of the flash's sector */
	uint8_t *manifest;			/* buffer */
	size_t manifest_size;			/* GPD_MANIFEST_LEN is enough for the device profile */
	void *sha256_ctx;			/* the port's own */
	const struct gpd_port *port;
	void *arg;
};

/* One device. Fields up to `result` may be read; none may be written. */
struct gpd {
	char path[GPD_PATH_MAX];	/* to fetch next */
	uint32_t at;			/* from this byte on */
	enum gpd_result result;		/* of the round that has ended */
	uint64_t installed;		/* sequence of the installed release */
	uint64_t sequence;		/* of the release under way */
	uint32_t size;			/* of its image */

	const struct gpd_config *config;
	uint64_t failed;		/* sequence that did not come up; 0: none */
	uint8_t digest[32];		/* of the image under way */
	uint32_t progress;		/* of the image under way, as saved */
	uint8_t phase;			/* as saved */
	uint8_t fetching;		/* a manifest, an image, or nothing */
	uint8_t percent;		/* told last */
};

/* Reads the saved state. config must outlive d. GPD_UP_TO_DATE: ready for a round; GPD_TRIAL: call gpd_confirm()
 * first; GPD_STATE: the state cannot be read, and nothing can be done. */
enum gpd_result gpd_init(struct gpd *d, const struct gpd_config *config);

/* The release on trial came up (true: it is the installed one now) or did not (false: the old one runs again, and
 * this release is not tried a second time). A device whose boot loader knows trials calls this at every start at
 * which the boot loader speaks of one, also where gpd_init() did not: power may have failed right after install().
 * GPD_INSTALLED: it is the installed one; GPD_UP_TO_DATE: nothing was on trial, or it is given up; or GPD_STATE. */
enum gpd_result gpd_confirm(struct gpd *d, bool came_up);

/* One whole round through port->fetch. */
enum gpd_result gpd_update(struct gpd *d);

/* The pieces of a round. Both say whether d->path is to be fetched; if not, the round has ended with d->result. */
bool gpd_begin(struct gpd *d);
bool gpd_done(struct gpd *d, bool is_complete);

/* The path of the manifest that the next round asks for: what to observe where the transport can tell of changes.
 * False: it does not fit. */
bool gpd_manifest_path(const struct gpd *d, char path[GPD_PATH_MAX]);

/* Takes n bytes of what is being fetched, that lie at offset `at` of it. Offsets below d->at are passed over (a
 * server may begin at 0 whatever was asked). False: stop fetching, and call gpd_done(d, false). */
bool gpd_take(struct gpd *d, uint32_t at, const uint8_t *data, size_t n);

/* Writes a report (CBOR) for POST /fw/{vendor}/{model}/report; its length, or 0 when it does not fit. */
size_t gpd_report(const struct gpd *d, enum gpd_doing doing, uint64_t sequence, unsigned percent,
		  enum gpd_result result, uint8_t *out, size_t cap);

/* A pinned key from a COSE_Key as `gatepost keygen` prints it. False when it is none. */
bool gpd_key_read(struct gpd_key *key, const uint8_t *cose_key, size_t n);

/* A result in words: "signed by too few of the pinned keys". */
const char *gpd_result_text(enum gpd_result result);
/* "downloading", …: the words of the gateway's reports. */
const char *gpd_doing_text(enum gpd_doing doing);

#ifdef __cplusplus
}
#endif

#endif
