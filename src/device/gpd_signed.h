/* gpd_signed.h: did enough of the pinned keys sign? */
#ifndef GPD_SIGNED_H
#define GPD_SIGNED_H

#include "gatepost-device.h"
#include "gpd_walk.h"

/* w stands before n signature elements, the last ones there. GPD_GOOD, UNSIGNED, or MALFORMED: one is no COSE_Sign1. */
enum gpd_result gpd_signed(const struct gpd_config *c, struct gpd_bytes digest, struct gpd_walk *w, unsigned n);

#endif
