/* options.h: the command line of gatepost-device. */
#ifndef DEVICE_OPTIONS_H
#define DEVICE_OPTIONS_H

#include "base/err.h"
#include "base/limits.h"
#include "device/gatepost-device.h"

enum scheme { SCHEME_COAP, SCHEME_HTTP };

struct options {
	enum scheme scheme;
	char host[256], port[6];
	char vendor[NAME_PART_MAX + 1], model[NAME_PART_MAX + 1];
	struct gpd_key keys[GPD_KEYS_MAX];
	uint8_t key_count, threshold;
	const char *flash, *state;	/* state NULL: FLASH.state */
	const char *device, *channel, *hardware;
	uint64_t factory_sequence;
	uint32_t slot_size;
	unsigned interval_s;
	bool follow, is_quiet, is_verbose, no_reports;
	bool wants_help, wants_version;
};

/* ERR_USAGE names what is wrong. Texts point into argv. */
MUST_USE int options_read(struct options *o, int argc, char **argv, struct err *e);

void options_help(void);

#endif
