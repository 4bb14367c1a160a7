/* suit_uuid.c: names of vendors and classes (RFC 9562 section 5.5: UUID version 5, by SHA-1).
 *
 * SHA-1 is what the version prescribes. Nothing rests on it: the component's
 * vendor and model are in the signed manifest in full and are compared too. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "formats/suit.h"

#include <openssl/sha.h>

static struct suit_uuid uuid5(const struct suit_uuid *name_space, struct span name)
{
	uint8_t digest[SHA_DIGEST_LENGTH];
	struct suit_uuid out;
	SHA_CTX ctx;

	SHA1_Init(&ctx);
	SHA1_Update(&ctx, name_space->b, sizeof name_space->b);
	if (name.n)
		SHA1_Update(&ctx, name.p, name.n);
	SHA1_Final(digest, &ctx);
	memcpy(out.b, digest, sizeof out.b);
	out.b[6] = (uint8_t)((out.b[6] & 0x0f) | 0x50);
	out.b[8] = (uint8_t)((out.b[8] & 0x3f) | 0x80);
	return out;
}

struct suit_uuid suit_vendor_uuid(struct span vendor)
{
	static const struct suit_uuid dns = { {	/* 6ba7b810-9dad-11d1-80b4-00c04fd430c8 */
		0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
	} };

	return uuid5(&dns, vendor);
}

struct suit_uuid suit_class_uuid(struct span vendor, struct span model)
{
	struct suit_uuid of_vendor = suit_vendor_uuid(vendor);

	return uuid5(&of_vendor, model);
}
