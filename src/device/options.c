/* options.c: one table of long options, and what each one's value must look like. */
#include "device/options.h"

#include "base/hex.h"
#include "base/span.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT_SIZE_DEFAULT = 64 * MIB, INTERVAL_DEFAULT = 60, INTERVAL_MAX = 24 * 3600 };

static int copy_part(char *out, size_t cap, const char *from, size_t n, const char *what, struct err *e)
{
	if (n == 0 || n >= cap)
		return err_set(e, ERR_USAGE, "%s is empty or too long", what);
	memcpy(out, from, n);
	out[n] = '\0';
	return ERR_OK;
}

static int read_number(const char *text, uint64_t max, const char *what, uint64_t *out, struct err *e)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end != '\0' || v > max)
		return err_set(e, ERR_USAGE, "%s must be a number up to %llu", what, (unsigned long long)max);
	*out = v;
	return ERR_OK;
}

static int read_size(const char *text, uint32_t *out, struct err *e)
{
	size_t n = strlen(text);
	uint64_t unit = n && text[n - 1] == 'K' ? KIB : n && text[n - 1] == 'M' ? MIB : 1, v = 0;
	char digits[16];
	int rc;

	if (unit > 1)
		n--;
	rc = copy_part(digits, sizeof digits, text, n, "--slot-size", e);
	if (rc == ERR_OK)
		rc = read_number(digits, IMAGE_MAX / unit, "--slot-size", &v, e);
	if (rc == ERR_OK)
		*out = (uint32_t)(v * unit);
	return rc;
}

/* coap://HOST[:PORT] or http://HOST[:PORT]; HOST may be [IPv6]. */
static int read_url(struct options *o, const char *url, struct err *e)
{
	const char *host, *end, *after;
	int rc;

	if (strncmp(url, "coap://", 7) == 0)
		o->scheme = SCHEME_COAP;
	else if (strncmp(url, "http://", 7) == 0)
		o->scheme = SCHEME_HTTP;
	else
		return err_set(e, ERR_USAGE, "--url must begin with coap:// or http://");
	host = url + 7 + (url[7] == '[');
	end = host + strcspn(host, url[7] == '[' ? "]" : ":/");
	after = end + (*end == ']');
	rc = copy_part(o->host, sizeof o->host, host, (size_t)(end - host), "the host in --url", e);
	if (rc != ERR_OK)
		return rc;
	snprintf(o->port, sizeof o->port, "%d", o->scheme == SCHEME_COAP ? 5683 : 80);
	if (*after == ':') {
		const char *port = after + 1;

		after = port + strspn(port, "0123456789");
		rc = copy_part(o->port, sizeof o->port, port, (size_t)(after - port), "the port in --url", e);
	}
	if (rc == ERR_OK && *after != '\0' && strcmp(after, "/") != 0)
		return err_set(e, ERR_USAGE, "--url is SCHEME://HOST:PORT, without a path");
	return rc;
}

static int read_product(struct options *o, const char *product, struct err *e)
{
	const char *slash = strchr(product, '/');
	int rc;

	if (!slash)
		return err_set(e, ERR_USAGE, "--product is vendor/model");
	rc = copy_part(o->vendor, sizeof o->vendor, product, (size_t)(slash - product), "the vendor", e);
	return rc != ERR_OK ? rc : copy_part(o->model, sizeof o->model, slash + 1, strlen(slash + 1), "the model", e);
}

static int add_key(struct options *o, const char *hex, struct err *e)
{
	uint8_t bytes[COSE_KEY_MAX];
	size_t n = strlen(hex) / 2;

	if (o->key_count == GPD_KEYS_MAX)
		return err_set(e, ERR_USAGE, "more than %d keys", GPD_KEYS_MAX);
	if (n > sizeof bytes || hex_read(span_str(hex), bytes, n, NULL) != ERR_OK ||
	    !gpd_key_read(&o->keys[o->key_count], bytes, n))
		return err_set(e, ERR_USAGE, "--key is a COSE_Key in hex, as `gatepost keygen` prints it");
	o->key_count++;
	return ERR_OK;
}

static bool is_of(const char *text, size_t max, const char *more)
{
	size_t n = strlen(text);

	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(more, *p))
			return false;
	return n > 0 && n <= max;
}

static int read_word(const char *text, size_t max, const char *more, const char *what, const char **out, struct err *e)
{
	if (!is_of(text, max, more))
		return err_set(e, ERR_USAGE, "%s must be 1 to %zu letters, digits or one of %s", what, max, more);
	*out = text;
	return ERR_OK;
}

enum { O_URL = 256, O_PRODUCT, O_KEY, O_THRESHOLD, O_FLASH, O_STATE, O_DEVICE, O_CHANNEL, O_HW, O_ONCE, O_FOLLOW,
       O_INTERVAL, O_SLOT_SIZE, O_FACTORY, O_NO_REPORTS };

static const struct option longs[] = {
	{ "url", required_argument, NULL, O_URL },
	{ "product", required_argument, NULL, O_PRODUCT },
	{ "key", required_argument, NULL, O_KEY },
	{ "threshold", required_argument, NULL, O_THRESHOLD },
	{ "flash", required_argument, NULL, O_FLASH },
	{ "state", required_argument, NULL, O_STATE },
	{ "device", required_argument, NULL, O_DEVICE },
	{ "channel", required_argument, NULL, O_CHANNEL },
	{ "hw", required_argument, NULL, O_HW },
	{ "once", no_argument, NULL, O_ONCE },
	{ "follow", no_argument, NULL, O_FOLLOW },
	{ "interval", required_argument, NULL, O_INTERVAL },
	{ "slot-size", required_argument, NULL, O_SLOT_SIZE },
	{ "factory-sequence", required_argument, NULL, O_FACTORY },
	{ "no-reports", no_argument, NULL, O_NO_REPORTS },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int take_number(struct options *o, int which, const char *value, struct err *e)
{
	uint64_t v = 0;
	int rc;

	switch (which) {
	case O_THRESHOLD:
		rc = read_number(value, GPD_KEYS_MAX, "--threshold", &v, e);
		o->threshold = (uint8_t)v;
		return rc;
	case O_INTERVAL:
		rc = read_number(value, INTERVAL_MAX, "--interval", &v, e);
		o->interval_s = (unsigned)v;
		return rc;
	default:
		return read_number(value, UINT64_MAX, "--factory-sequence", &o->factory_sequence, e);
	}
}

static int take_option(struct options *o, int which, const char *value, struct err *e)
{
	switch (which) {
	case O_URL: return read_url(o, value, e);
	case O_PRODUCT: return read_product(o, value, e);
	case O_KEY: return add_key(o, value, e);
	case O_FLASH: o->flash = value; return ERR_OK;
	case O_STATE: o->state = value; return ERR_OK;
	case O_DEVICE: return read_word(value, DEVICE_ID_MAX, "._:-", "--device", &o->device, e);
	case O_CHANNEL: return read_word(value, CHANNEL_MAX, "-", "--channel", &o->channel, e);
	case O_HW: return read_word(value, HARDWARE_NAME_MAX, "._-", "--hw", &o->hardware, e);
	case O_ONCE: o->follow = false; return ERR_OK;
	case O_FOLLOW: o->follow = true; return ERR_OK;
	case O_SLOT_SIZE: return read_size(value, &o->slot_size, e);
	case O_NO_REPORTS: o->no_reports = true; return ERR_OK;
	case 'q': o->is_quiet = true; return ERR_OK;
	case 'v': o->is_verbose = true; return ERR_OK;
	case 'h': o->wants_help = true; return ERR_OK;
	case 'V': o->wants_version = true; return ERR_OK;
	case ':': return err_set(e, ERR_USAGE, "an option lacks its value");
	case '?': return err_set(e, ERR_USAGE, "an option is not known");
	default: return take_number(o, which, value, e);
	}
}

static int check_whole(const struct options *o, struct err *e)
{
	if (o->wants_help || o->wants_version)
		return ERR_OK;
	if (!o->host[0] || !o->vendor[0] || !o->flash)
		return err_set(e, ERR_USAGE, "--url, --product and --flash are needed");
	if (o->key_count == 0)
		return err_set(e, ERR_USAGE, "at least one --key is needed: a device without pinned keys trusts anyone");
	if (o->threshold == 0 || o->threshold > o->key_count)
		return err_set(e, ERR_USAGE, "--threshold must be between 1 and the number of keys");
	if (o->interval_s == 0 || o->slot_size == 0)
		return err_set(e, ERR_USAGE, "--interval and --slot-size are not 0");
	return ERR_OK;
}

int options_read(struct options *o, int argc, char **argv, struct err *e)
{
	int which, rc;

	*o = (struct options){ .threshold = 1, .slot_size = SLOT_SIZE_DEFAULT, .interval_s = INTERVAL_DEFAULT };
	opterr = 0;
	optind = 0;
	while ((which = getopt_long(argc, argv, ":qvhV", longs, NULL)) != -1) {
		rc = take_option(o, which, optarg, e);
		if (rc != ERR_OK && (which == ':' || which == '?'))
			return err_wrap(e, "%s", argv[optind - 1]);
		if (rc != ERR_OK)
			return rc;
	}
	if (optind < argc)
		return err_set(e, ERR_USAGE, "%s: not an option", argv[optind]);
	return check_whole(o, e);
}

void options_help(void)
{
	puts("usage: gatepost-device --url SCHEME://HOST:PORT --product VENDOR/MODEL --key COSE_KEY_HEX --flash FILE [options]\n"
	     "\n"
	     "Asks a gateway for firmware, verifies it with pinned keys, and puts it in FILE.\n"
	     "\n"
	     "  --url URL               coap://HOST:PORT or http://HOST:PORT\n"
	     "  --product NAME          vendor/model\n"
	     "  --key HEX               a pinned signing key; up to 8\n"
	     "  --threshold N           keys that must have signed (1)\n"
	     "  --flash FILE            where the verified image goes; FILE.slot holds what is being fetched\n"
	     "  --state FILE            what survives a reboot (FLASH.state)\n"
	     "  --device ID             names this device to the gateway, and turns reports on\n"
	     "  --channel NAME          take releases of this channel only\n"
	     "  --hw NAME               this board's revision\n"
	     "  --once                  make one round and exit (default)\n"
	     "  --follow                go on: CoAP observes the manifest, HTTP asks again\n"
	     "  --interval SECONDS      between rounds with --follow (60)\n"
	     "  --slot-size BYTES       largest image; K and M are units (64M)\n"
	     "  --factory-sequence N    what is installed while there is no state yet (0)\n"
	     "  --no-reports            tell the gateway nothing\n"
	     "  -q, --quiet             say what is wrong only\n"
	     "  -v, --verbose           say more\n"
	     "  -V, --version           say the version and exit\n"
	     "\n"
	     "Exit status: 0 installed or up to date, 1 refused, 2 usage, 3 not reachable, 4 the device itself failed.");
}
