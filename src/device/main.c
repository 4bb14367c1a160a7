/* main.c: gatepost-device(1): libgatepost-device on a POSIX system.
 *
 * Also the example for a port: every callback of struct gpd_port is here, in a
 * few lines each. */
#include "base/log.h"
#include "device/gateway.h"
#include "device/slot.h"
#include "formats/sha256.h"
#include "formats/sig.h"
#include "formats/suit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PART "device"
#define CHECKPOINT (64 * 1024)
#define MANIFEST_BUFFER MANIFEST_MAX	/* a machine like this can take every manifest */

enum exit_status { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_NET, EXIT_ITSELF };

struct device {
	struct options options;
	struct gateway gateway;
	struct slot slot;
	struct sha256 sha256;
	uint8_t manifest[MANIFEST_BUFFER];
	struct gpd_config config;
	struct gpd d;
	uint64_t reported_running;	/* sequence + 1; 0: not yet */
};

/* --- struct gpd_port --- */

static bool on_piece(void *arg, uint64_t at, struct span data)
{
	struct device *dev = arg;

	/* Past 32 bits there is nothing that a manifest could name. */
	return at <= UINT32_MAX && gpd_take(&dev->d, (uint32_t)at, data.p, data.n);
}

static int on_fetch(void *arg, const char *path, uint32_t from)
{
	struct device *dev = arg;
	struct sink sink = { on_piece, dev };
	struct err e = { 0 };
	int rc;

	log_debug(PART, "asking", "path=%s from=%" PRIu32, path, from);
	rc = gateway_get(&dev->gateway, path, from, &sink, &e);
	if (rc != ERR_OK && rc != ERR_LIMIT)
		log_unusual(PART, "not fetched", "path=%s why=%s", path, LOG_STR(span_str(e.msg)));
	return rc;
}

static int logged(int rc, const struct err *e)
{
	if (rc != ERR_OK)
		log_broken(PART, "the device failed", "why=%s", LOG_STR(span_str(e->msg)));
	return rc;
}

static int on_flash_write(void *arg, uint32_t at, const uint8_t *data, size_t n)
{
	struct device *dev = arg;
	struct err e = { 0 };

	return logged(slot_write(&dev->slot, at, SPAN(data, n), &e), &e);
}

static int on_flash_read(void *arg, uint32_t at, uint8_t *out, size_t n)
{
	struct device *dev = arg;
	struct err e = { 0 };

	return logged(slot_read(&dev->slot, at, out, n, &e), &e);
}

static int on_state_load(void *arg, uint8_t state[GPD_STATE_LEN])
{
	struct device *dev = arg;
	struct err e = { 0 };
	int rc = slot_load_state(&dev->slot, state, &e);

	if (rc == ERR_NOT_FOUND)
		return 1;
	return logged(rc, &e) == ERR_OK ? 0 : -1;
}

static int on_state_save(void *arg, const uint8_t state[GPD_STATE_LEN])
{
	struct device *dev = arg;
	struct err e = { 0 };

	return logged(slot_save_state(&dev->slot, state, &e), &e);
}

static void on_sha256_init(void *ctx)
{
	sha256_init(ctx);
}

static void on_sha256_add(void *ctx, const uint8_t *data, size_t n)
{
	sha256_add(ctx, SPAN(data, n));
}

static void on_sha256_end(void *ctx, uint8_t digest[32])
{
	struct hash32 h = sha256_end(ctx);

	memcpy(digest, h.b, sizeof h.b);
}

static bool on_verify(void *arg, const struct gpd_key *key, const uint8_t *msg, size_t n, const uint8_t sig[64])
{
	struct sig_public k = { .curve = (enum sig_curve)key->curve };
	struct hash32 digest;

	(void)arg;
	memcpy(k.x, key->x, sizeof k.x);
	memcpy(k.y, key->y, sizeof k.y);
	if (key->curve == GPD_ED25519)
		return sig_verify(&k, SIG_EDDSA, SPAN(msg, n), SPAN(sig, SIG_LEN), NULL) == ERR_OK;
	memcpy(digest.b, msg, sizeof digest.b);
	return sig_verify_digest(&k, &digest, SPAN(sig, SIG_LEN), NULL) == ERR_OK;
}

static int on_install(void *arg, uint64_t sequence, uint32_t size)
{
	struct device *dev = arg;
	struct err e = { 0 };

	(void)sequence;
	return logged(slot_install(&dev->slot, size, &e), &e) == ERR_OK ? 0 : -1;
}

/* A report that does not arrive changes nothing here: the update matters more. */
static void report(struct device *dev, enum gpd_doing doing, uint64_t sequence, unsigned percent,
		   enum gpd_result result)
{
	char path[GPD_PATH_MAX];
	uint8_t body[GPD_REPORT_MAX];
	struct err e = { 0 };
	size_t n;

	if (!dev->options.device || dev->options.no_reports || gateway_is_stopping())
		return;
	snprintf(path, sizeof path, "/fw/%s/%s/report", dev->options.vendor, dev->options.model);
	n = gpd_report(&dev->d, doing, sequence, percent, result, body, sizeof body);
	if (n > 0 && gateway_post(&dev->gateway, path, SPAN(body, n), &e) != ERR_OK)
		log_unusual(PART, "report not taken", "state=%s why=%s", gpd_doing_text(doing),
			    LOG_STR(span_str(e.msg)));
}

static void on_tell(void *arg, enum gpd_doing doing, uint64_t sequence, unsigned percent, enum gpd_result result)
{
	struct device *dev = arg;

	if (doing == GPD_DOING_DOWNLOADING)
		log_info(PART, gpd_doing_text(doing), "sequence=%" PRIu64 " percent=%u at=%" PRIu32 " size=%" PRIu32,
			 sequence, percent, dev->d.at, dev->d.size);
	else if (doing != GPD_DOING_FAILED)
		log_info(PART, gpd_doing_text(doing), "sequence=%" PRIu64, sequence);
	report(dev, doing, sequence, percent, result);
}

static const struct gpd_port port = {
	.fetch = on_fetch, .flash_write = on_flash_write, .flash_read = on_flash_read,
	.state_load = on_state_load, .state_save = on_state_save,
	.sha256_init = on_sha256_init, .sha256_add = on_sha256_add, .sha256_end = on_sha256_end,
	.verify = on_verify, .install = on_install, .tell = on_tell,
};

/* --- the program --- */

static void configure(struct device *dev)
{
	const struct options *o = &dev->options;
	struct suit_uuid vendor = suit_vendor_uuid(span_str(o->vendor));
	struct suit_uuid class_ = suit_class_uuid(span_str(o->vendor), span_str(o->model));

	dev->config = (struct gpd_config){
		.vendor = o->vendor, .model = o->model, .keys = o->keys, .key_count = o->key_count,
		.threshold = o->threshold, .channel = o->channel, .hardware = o->hardware, .device = o->device,
		.factory_sequence = o->factory_sequence, .slot_size = o->slot_size, .checkpoint = CHECKPOINT,
		.manifest = dev->manifest, .manifest_size = sizeof dev->manifest, .sha256_ctx = &dev->sha256,
		.port = &port, .arg = dev,
	};
	memcpy(dev->config.vendor_id, vendor.b, sizeof vendor.b);
	memcpy(dev->config.class_id, class_.b, sizeof class_.b);
}

/* The result as an exit status, and as a word for scripts. */
static enum exit_status status_of(enum gpd_result r, const char **word)
{
	switch (r) {
	case GPD_INSTALLED: *word = "installed"; return EXIT_DONE;
	case GPD_UP_TO_DATE: *word = "up-to-date"; return EXIT_DONE;
	case GPD_UNREACHABLE:
	case GPD_SHORT: *word = "unreachable"; return EXIT_NET;
	case GPD_FLASH:
	case GPD_STATE:
	case GPD_INSTALL: *word = "failed"; return EXIT_ITSELF;
	default: *word = "refused"; return EXIT_REFUSED;
	}
}

/* One line on stdout: word, product, the sequence that is installed now, and the result in words. */
static enum exit_status say(const struct device *dev, enum gpd_result r)
{
	const char *word;
	enum exit_status status = status_of(r, &word);

	printf("%s %s/%s sequence=%" PRIu64 ": %s\n", word, dev->options.vendor, dev->options.model, dev->d.installed,
	       gpd_result_text(r));
	fflush(stdout);
	if (status == EXIT_REFUSED)
		log_unusual(PART, "refused", "installed=%" PRIu64 " why=%s", dev->d.installed,
			    LOG_STR(span_str(gpd_result_text(r))));
	return status;
}

/* The gateway hears once what runs here, and again when it has changed. */
static void report_running(struct device *dev, enum gpd_result r)
{
	if ((r != GPD_INSTALLED && r != GPD_UP_TO_DATE) || dev->reported_running == dev->d.installed + 1)
		return;
	report(dev, GPD_DOING_RUNNING, dev->d.installed, 100, GPD_INSTALLED);
	dev->reported_running = dev->d.installed + 1;
}

static enum exit_status one_round(struct device *dev)
{
	enum gpd_result r = gpd_update(&dev->d);

	report_running(dev, r);
	return say(dev, r);
}

static void follow(struct device *dev)
{
	while (!gateway_is_stopping()) {
		unsigned wait_s = dev->gateway.retry_s > dev->options.interval_s ? dev->gateway.retry_s
										   : dev->options.interval_s;
		char path[GPD_PATH_MAX];

		if (gpd_manifest_path(&dev->d, path) && gateway_wait(&dev->gateway, path, wait_s))
			log_info(PART, "the gateway has news", "path=%s", path);
		if (!gateway_is_stopping())
			one_round(dev);
	}
}

static enum exit_status run(struct device *dev)
{
	struct err e = { 0 };
	enum exit_status status;

	configure(dev);
	if (slot_init(&dev->slot, dev->options.flash, dev->options.state, &e) != ERR_OK ||
	    gpd_init(&dev->d, &dev->config) == GPD_STATE)
		return say(dev, GPD_STATE);
	if (gateway_open(&dev->gateway, &dev->options, &e) != ERR_OK) {
		log_unusual(PART, "no gateway", "why=%s", LOG_STR(span_str(e.msg)));
		return say(dev, GPD_UNREACHABLE);
	}
	status = one_round(dev);
	if (dev->options.follow && status != EXIT_ITSELF) {
		follow(dev);
		status = EXIT_DONE;
	}
	gateway_close(&dev->gateway);
	return status;
}

int main(int argc, char **argv)
{
	static struct device dev;
	struct err e = { 0 };
	enum exit_status status;

	if (options_read(&dev.options, argc, argv, &e) != ERR_OK) {
		fprintf(stderr, "gatepost-device: %s\nTry gatepost-device --help.\n", e.msg);
		return EXIT_USAGE;
	}
	if (dev.options.wants_help) {
		options_help();
		return EXIT_DONE;
	}
	if (dev.options.wants_version) {
		puts("gatepost-device " GATEPOST_VERSION);
		return EXIT_DONE;
	}
	if (dev.options.is_quiet || dev.options.is_verbose)
		log_set_level(dev.options.is_quiet ? LOG_UNUSUAL_LEVEL : LOG_DEBUG_LEVEL);
	gateway_catch_signals();
	status = run(&dev);
	slot_fini(&dev.slot);
	return status;
}
