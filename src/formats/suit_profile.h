/* suit_profile.h: the numbers of the SUIT profile, for suit*.c only (draft-ietf-suit-manifest-34, section 11
 * and appendix A). */
#ifndef FORMATS_SUIT_PROFILE_H
#define FORMATS_SUIT_PROFILE_H

#include "formats/cbor.h"

enum {
	SUIT_TAG_ENVELOPE = 107,

	SUIT_AUTHENTICATION = 2,	/* envelope */
	SUIT_MANIFEST = 3,

	SUIT_VERSION = 1,		/* manifest */
	SUIT_SEQUENCE = 2,
	SUIT_COMMON = 3,
	SUIT_VALIDATE = 7,
	SUIT_INSTALL = 20,
	SUIT_TEXT = 23,

	SUIT_COMPONENTS = 2,		/* common */
	SUIT_SHARED = 4,

	SUIT_CHECK_VENDOR = 1,		/* conditions and directives */
	SUIT_CHECK_CLASS = 2,
	SUIT_CHECK_IMAGE = 3,
	SUIT_OVERRIDE = 20,
	SUIT_FETCH = 21,

	SUIT_VENDOR_ID = 1,		/* parameters */
	SUIT_CLASS_ID = 2,
	SUIT_IMAGE_DIGEST = 3,
	SUIT_IMAGE_SIZE = 14,
	SUIT_URI = 21,

	SUIT_DESCRIPTION = 5,		/* text; the negative ones are ours */
	SUIT_MODEL_VERSION = 6,
	SUIT_CHANNEL = -256,
	SUIT_FROM_SEQUENCE = -257,
	SUIT_HARDWARE = -258,
	SUIT_URGENT = -259,

	SUIT_POLICY_MAX = 15,		/* four bits: section 8.4.7 */
	SUIT_POLICY_ALL = 15,
	SUIT_POLICY_FAILURE = 2,

	SUIT_SHA256 = -16,
};

/* digest = [ -16, bstr .size 32 ] */
void suit_read_digest(struct cbor *c, struct hash32 *out);

#endif
