/* gpd_manifest.h: what a device takes from a signed manifest. */
#ifndef GPD_MANIFEST_H
#define GPD_MANIFEST_H

#include "gatepost-device.h"
#include "gpd_walk.h"

struct gpd_manifest {
	uint64_t sequence, from_sequence;
	uint64_t size;
	uint8_t digest[32];
	struct gpd_bytes cid;			/* into the manifest buffer */
	struct gpd_bytes channel;		/* n == 0: "stable" */
	bool has_hardware, fits_hardware;
	bool is_other_product;
};

/* Verifies and reads the n bytes in the config's manifest buffer. GPD_GOOD, or MALFORMED, UNSIGNED, OTHER_PRODUCT. */
enum gpd_result gpd_manifest_read(const struct gpd_config *c, size_t n, struct gpd_manifest *out);

#endif
