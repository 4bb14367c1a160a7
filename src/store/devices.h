/* devices.h: devices as they showed themselves, what they reported, and what they must never be offered less than.
 *
 * Sightings are aggregated by the caller and written now and then; terminal
 * reports are written in one transaction at most once a second and acknowledged
 * after its commit. Anybody on the LAN can make up a device: the table is
 * bounded, and operator-listed devices are never pushed out. */
#ifndef STORE_DEVICES_H
#define STORE_DEVICES_H

#include "store/store.h"

#define DEVICE_ADDRESS_MAX 64
#define DEVICE_REASON_MAX 256
#define DEVICE_STATE_MAX 16

struct device_row {
	char device[DEVICE_ID_MAX + 1];
	bool is_listed;			/* the operator put it */
	char product[PRODUCT_NAME_MAX + 1];	/* "vendor/model" */
	char channel[CHANNEL_MAX + 1];	/* the operator's override when listed, else as last asked for; "" none */
	char group[DEVICE_ID_MAX + 1];	/* the operator's; "" none */
	char version[VERSION_MAX + 1];	/* of the release that it last reported; "" unknown */
	uint64_t sequence;		/* as last reported; 0: none */
	char state[DEVICE_STATE_MAX];	/* as last reported: "downloading" … "failed"; "" none */
	char reason[DEVICE_REASON_MAX + 1];
	uint8_t progress;		/* 0 to 100; 255: not said */
	char address[DEVICE_ADDRESS_MAX];
	char protocol[8];		/* "http", "coap", "dtls" */
	int64_t first_seen_ms, last_seen_ms, reported_ms;	/* 0: never */
	uint64_t bytes;			/* firmware bytes sent to it */
};

struct device_seen {
	const char *device, *product, *channel, *address, *protocol;
	uint64_t bytes;			/* to be added */
	uint64_t given;			/* raises the floor of (device, product, channel); 0: nothing was offered */
};

struct device_report {
	const char *device, *product, *address, *protocol;
	const char *channel;		/* of the release with that sequence, "" when unknown: then no floor rises */
	const char *version;
	uint64_t sequence;
	const char *state, *reason;
	uint8_t progress;
	bool raises_floor;		/* an installed or running release */
};

/* Both make the device known. When `devices_max` are, the one seen longest ago that nobody listed makes room;
 * ERR_LIMIT when all are listed. */
MUST_USE int devices_seen(struct store *s, const struct device_seen *d, uint32_t devices_max, int64_t now_ms,
			  struct err *e);
MUST_USE int devices_report(struct store *s, const struct device_report *r, uint32_t devices_max, int64_t now_ms,
			    struct err *e);

/* The operator lists a device, known or not. NULL leaves a field as it is, "" empties it. */
MUST_USE int devices_put(struct store *s, const char *device, const char *product, const char *channel,
			 const char *group, int64_t now_ms, struct err *e);
/* With its floors. ERR_NOT_FOUND. */
MUST_USE int devices_delete(struct store *s, const char *device, struct err *e);

MUST_USE int devices_get(struct store *s, const char *device, struct device_row *out, struct err *e);
/* By id, after the given one ("" or NULL: all), of one product or (NULL) of any. Lives until fn returns. */
typedef int devices_fn(void *arg, const struct device_row *d, struct err *e);
MUST_USE int devices_each(struct store *s, const char *product, const char *after, uint32_t limit, devices_fn *fn,
			  void *arg, struct err *e);
MUST_USE int devices_count(struct store *s, uint64_t *out, struct err *e);

/* The highest sequence that a device was given or reported, per product and channel: only rises. */
struct device_floor {
	char device[DEVICE_ID_MAX + 1];
	char product[PRODUCT_NAME_MAX + 1];
	char channel[CHANNEL_MAX + 1];
	uint64_t sequence;
};
MUST_USE int devices_raise_floor(struct store *s, const char *device, const char *product, const char *channel,
				 uint64_t sequence, struct err *e);
/* 0 when there is none. */
MUST_USE int devices_floor(struct store *s, const char *device, const char *product, const char *channel, uint64_t *out,
			   struct err *e);
/* By operator command only. */
MUST_USE int devices_forget_floor(struct store *s, const char *device, const char *product, struct err *e);
typedef int device_floors_fn(void *arg, const struct device_floor *f, struct err *e);
MUST_USE int devices_each_floor(struct store *s, device_floors_fn *fn, void *arg, struct err *e);

#endif
