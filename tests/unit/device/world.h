/* world.h: a device's surroundings for tests: a gateway, a flash, a saved state; and a hand at the power switch. */
#ifndef TESTS_DEVICE_WORLD_H
#define TESTS_DEVICE_WORLD_H

#include "device/gatepost-device.h"
#include "base/span.h"
#include "envelope.h"
#include "formats/sha256.h"

#include <setjmp.h>

#define SLOT 4096
#define CHECKPOINT 256

struct world {
	/* what survives a power cut */
	uint8_t flash[SLOT];
	uint8_t state[GPD_STATE_LEN];
	bool has_state;
	uint64_t running;		/* sequence that install() was last called for, or the factory's */
	uint8_t running_image[SLOT];
	uint32_t running_size;
	unsigned installs;

	/* the gateway */
	struct span manifest, image;
	size_t piece;			/* bytes a piece */
	uint32_t stops_at;		/* the image breaks off here; 0: never */
	bool starts_at_zero;		/* knows no ranges */
	bool leaves_gap;		/* skips a byte */
	bool is_dead;

	/* faults */
	unsigned calls, cut_at;		/* the call with this number never returns; 0: none */
	unsigned cut_after;		/* … or returns from doing its work to nobody */
	jmp_buf *power;
	bool write_fails, read_fails, save_fails, load_fails;
	int install_says;
	bool flips_written;		/* the flash does not keep what is written */

	/* what was seen */
	unsigned images_asked;		/* fetches of an image */
	uint32_t lowest_asked;		/* the smallest offset of them */
	char last_path[GPD_PATH_MAX];
	unsigned told[GPD_DOING_FAILED + 1];
	enum gpd_result told_why;
	unsigned told_percent;

	/* the device */
	struct gpd_config config;
	struct gpd_port port;
	struct gpd_key keys[GPD_KEYS_MAX];
	uint8_t buffer[GPD_MANIFEST_LEN];
	struct sha256 sha256;
	struct gpd d;
};

/* Release 6 of acme/thermostat runs; keys are names between blanks: "p1 k1". */
void world_init(struct world *w, const char *keys, unsigned threshold);

/* Powers the device up, as far as gpd_init. */
enum gpd_result world_boot(struct world *w);
/* Boots and makes one round. */
enum gpd_result world_round(struct world *w);
/* The same, until nothing cuts it: false when the power went off within it. */
bool world_survives_round(struct world *w, enum gpd_result *result);

#endif
