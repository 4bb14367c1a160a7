/* fuzz_device.c: the device library's reading of a manifest beside the gateway's.
 *
 * The input is a manifest's content; envelope, digest and signature around it
 * are good ones, because here every hash is the same and every signature right.
 * What the gateway would hand to this device, the device must take: else an
 * update that was published properly reaches nobody. */
#include "base/cleanup.h"
#include "device/gatepost-device.h"
#include "formats/cbor.h"
#include "formats/suit.h"

#undef NDEBUG	/* a target speaks by aborting, in every build */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define SLOT (1u << 20)

static void no_add(void *ctx, const uint8_t *data, size_t n)
{
	(void)ctx, (void)data, (void)n;
}

static void no_init(void *ctx)
{
	(void)ctx;
}

static void same_digest(void *ctx, uint8_t digest[32])
{
	(void)ctx;
	memset(digest, 0xaa, 32);
}

static bool yes(void *arg, const struct gpd_key *key, const uint8_t *msg, size_t n, const uint8_t sig[64])
{
	(void)arg, (void)key, (void)msg, (void)n, (void)sig;
	return true;
}

static int never_saved(void *arg, uint8_t state[GPD_STATE_LEN])
{
	(void)arg, (void)state;
	return 1;
}

static int saved(void *arg, const uint8_t state[GPD_STATE_LEN])
{
	(void)arg, (void)state;
	return 0;
}

static const struct gpd_port port = { .state_load = never_saved, .state_save = saved, .sha256_init = no_init,
				      .sha256_add = no_add, .sha256_end = same_digest, .verify = yes };

static void put_envelope(struct buf *b, struct span body)
{
	static const uint8_t wrapper[] = { 0x82, 0x58, 0x24, 0x82, 0x2f, 0x58, 0x20, [7 ... 38] = 0xaa,
		0x58, 0x4a, 0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0, 0xf6, 0x58, 0x40, [51 ... 114] = 0x01 };

	cbor_put_tag(b, 107);
	cbor_put_map(b, 2);
	cbor_put_uint(b, 2);
	cbor_put_bytes(b, SPAN_OF(wrapper));
	cbor_put_uint(b, 3);
	cbor_put_bytes(b, body);
}

/* Would a gateway offer it to this device? */
static bool is_for_us(struct span body, struct suit_manifest *m)
{
	struct suit_envelope env = { .body = body };

	return suit_manifest(&env, m, NULL) == ERR_OK && strcmp(m->vendor, "acme") == 0 &&
	       strcmp(m->model, "thermostat") == 0 && m->sequence > 6 && m->from_sequence <= 6 &&
	       m->image_size <= SLOT && suit_fits_hardware(m, SPAN_LIT("rev-a"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t manifest[2 * MANIFEST_MAX];
	static const struct gpd_key key = { .curve = GPD_P256 };
	struct suit_uuid vendor = suit_vendor_uuid(SPAN_LIT("acme"));
	struct suit_uuid class_ = suit_class_uuid(SPAN_LIT("acme"), SPAN_LIT("thermostat"));
	struct gpd_config c = { .vendor = "acme", .model = "thermostat", .keys = &key, .key_count = 1, .threshold = 1,
				.hardware = "rev-a", .factory_sequence = 6, .slot_size = SLOT, .checkpoint = 4096,
				.manifest = manifest, .manifest_size = sizeof manifest, .port = &port };
	AUTO(buf_free) struct buf b = BUF_INIT(2 * MANIFEST_MAX);
	struct suit_manifest m;
	struct gpd d;
	bool takes;

	memcpy(c.vendor_id, vendor.b, 16);
	memcpy(c.class_id, class_.b, 16);
	if (n > MANIFEST_MAX)
		return 0;
	put_envelope(&b, SPAN(data, n));
	assert(gpd_init(&d, &c) == GPD_UP_TO_DATE && gpd_begin(&d) && gpd_take(&d, 0, b.p, b.n));
	takes = gpd_done(&d, true);
	assert(takes == (strncmp(d.path, "/ipfs/", 6) == 0 && d.result == GPD_UNREACHABLE));
	if (is_for_us(SPAN(data, n), &m))
		assert(takes && d.sequence == m.sequence && d.size == m.image_size &&
		       strcmp(d.path + 6, m.cid) == 0 && memcmp(d.digest, m.image_sha256.b, 32) == 0);
	return 0;
}
