/* slot.h: files in the place of a flash and of the bytes that survive a reboot.
 *
 *	FILE		the image that "runs": replaced as a whole by slot_install
 *	FILE.slot	the flash slot: what is being fetched
 *	STATE		GPD_STATE_LEN bytes, replaced by write, fsync, rename, fsync of the directory */
#ifndef DEVICE_SLOT_H
#define DEVICE_SLOT_H

#include "base/err.h"
#include "base/span.h"
#include "device/gatepost-device.h"

struct slot {
	char *image, *slot, *state;
	int fd;			/* of the slot; -1 until it is needed */
};

MUST_USE int slot_init(struct slot *s, const char *image, const char *state, struct err *e);
void slot_fini(struct slot *s);

/* A write at 0 begins with an empty slot. */
MUST_USE int slot_write(struct slot *s, uint32_t at, struct span data, struct err *e);
MUST_USE int slot_read(struct slot *s, uint32_t at, uint8_t *out, size_t n, struct err *e);
/* ERR_NOT_FOUND: never saved. */
MUST_USE int slot_load_state(struct slot *s, uint8_t state[GPD_STATE_LEN], struct err *e);
MUST_USE int slot_save_state(struct slot *s, const uint8_t state[GPD_STATE_LEN], struct err *e);
/* Makes the first size bytes of the slot the image. */
MUST_USE int slot_install(struct slot *s, uint32_t size, struct err *e);

#endif
