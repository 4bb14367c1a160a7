/* fuzz_cose.c: keys have one encoding, and a signature element never counts by accident. */
#include "base/cleanup.h"
#include "formats/cose.h"
#include "formats/sha256.h"

#undef NDEBUG	/* a target speaks by aborting, in every build */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void key(struct span in)
{
	AUTO(buf_free) struct buf again = BUF_INIT(COSE_KEY_MAX);
	struct sig_public k;
	struct hash32 thumbprint, digest = sha256_of(in);

	if (cose_key_read(in, &k, NULL) != ERR_OK)
		return;
	cose_key_put(&again, &k);
	assert(span_eq(buf_span(&again), in));
	thumbprint = cose_key_thumbprint(&k);
	assert(hash32_eq(&thumbprint, &digest));
}

static void sign1(struct span in)
{
	static const struct sig_public nobody = { .curve = SIG_ED25519, .x = { 0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43,
		0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc, 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96,
		0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c } };
	struct cose_sign1 s;

	if (cose_sign1_read(in, &s, NULL) != ERR_OK)
		return;
	assert(s.counts == (s.why == NULL));
	assert(!s.counts || (s.signature.n == SIG_LEN && s.alg != 0 && (s.kid.n == 0 || s.kid.n == COSE_KID_LEN)));
	assert(cose_sign1_verify(&s, &nobody, SPAN_LIT("payload"), NULL) != ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	key(SPAN(data, n));
	sign1(SPAN(data, n));
	return 0;
}
