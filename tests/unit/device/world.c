/* world.c: see world.h. Every callback is a place where the power may go. */
#include "world.h"

#include "formats/cose.h"
#include "base/cleanup.h"
#include "formats/suit.h"

#include <check.h>
#include <stdlib.h>

static void before(struct world *w)
{
	w->calls++;
	if (w->calls == w->cut_at)
		longjmp(*w->power, 1);
}

static void after(struct world *w)
{
	if (w->calls == w->cut_after)
		longjmp(*w->power, 1);
}

static int send_span(struct world *w, struct span body, uint32_t from)
{
	uint32_t at = w->starts_at_zero ? 0 : from;

	if (w->leaves_gap)
		at++;
	while (at < body.n) {
		struct span s = span_cut(body, at, w->piece);

		if (!gpd_take(&w->d, at, s.p, s.n))
			return -1;
		at += (uint32_t)s.n;
	}
	return 0;
}

static int on_fetch(void *arg, const char *path, uint32_t from)
{
	struct world *w = arg;
	struct span image = w->image;

	before(w);
	ck_assert_uint_lt(strlen(path), sizeof w->last_path);
	strcpy(w->last_path, path);
	if (w->is_dead)
		return -1;
	if (strncmp(path, "/fw/", 4) == 0)
		return send_span(w, w->manifest, from);
	ck_assert_int_eq(strncmp(path, "/ipfs/", 6), 0);
	w->images_asked++;
	if (from < w->lowest_asked)
		w->lowest_asked = from;
	if (w->stops_at && w->stops_at < image.n)
		image.n = w->stops_at;
	return send_span(w, image, from) < 0 || image.n < w->image.n ? -1 : 0;
}

/* A cut within a write leaves half of it. At a sector's first byte the sector is erased. */
static int on_write(void *arg, uint32_t at, const uint8_t *data, size_t n)
{
	struct world *w = arg;

	ck_assert_uint_le(at + n, SLOT);
	if (at % CHECKPOINT == 0)
		memset(w->flash + at, 0xff, CHECKPOINT);
	memcpy(w->flash + at, data, n / 2);
	before(w);
	if (w->write_fails)
		return -1;
	memcpy(w->flash + at, data, n);
	if (w->flips_written)
		w->flash[at] ^= 1;
	after(w);
	return 0;
}

static int on_read(void *arg, uint32_t at, uint8_t *out, size_t n)
{
	struct world *w = arg;

	before(w);
	ck_assert_uint_le(at + n, SLOT);
	if (w->read_fails)
		return -1;
	memcpy(out, w->flash + at, n);
	return 0;
}

static int on_load(void *arg, uint8_t state[GPD_STATE_LEN])
{
	struct world *w = arg;

	before(w);
	if (w->load_fails)
		return -1;
	memcpy(state, w->state, sizeof w->state);
	return w->has_state ? 0 : 1;
}

static int on_save(void *arg, const uint8_t state[GPD_STATE_LEN])
{
	struct world *w = arg;

	before(w);
	if (w->save_fails)
		return -1;
	memcpy(w->state, state, sizeof w->state);
	w->has_state = true;
	after(w);
	return 0;
}

static void on_sha256_init(void *ctx)
{
	sha256_init(ctx);
}

static void on_sha256_add(void *ctx, const uint8_t *data, size_t n)
{
	sha256_add(ctx, SPAN(data, n));
}

static void on_sha256_end(void *ctx, uint8_t digest[32])
{
	struct hash32 h = sha256_end(ctx);

	memcpy(digest, h.b, sizeof h.b);
}

static bool on_verify(void *arg, const struct gpd_key *key, const uint8_t *msg, size_t n, const uint8_t sig[64])
{
	struct sig_public k = { .curve = (enum sig_curve)key->curve };
	struct hash32 digest;

	before(arg);
	memcpy(k.x, key->x, sizeof k.x);
	memcpy(k.y, key->y, sizeof k.y);
	if (key->curve == GPD_ED25519)
		return sig_verify(&k, SIG_EDDSA, SPAN(msg, n), SPAN(sig, 64), NULL) == ERR_OK;
	ck_assert_uint_eq(n, sizeof digest.b);
	memcpy(digest.b, msg, sizeof digest.b);
	return sig_verify_digest(&k, &digest, SPAN(sig, 64), NULL) == ERR_OK;
}

/* As a boot loader that copies the slot: atomic towards a power cut. */
static int on_install(void *arg, uint64_t sequence, uint32_t size)
{
	struct world *w = arg;

	before(w);
	if (w->install_says < 0)
		return w->install_says;
	ck_assert_msg(sequence >= w->running, "never older than what runs");
	w->running = sequence;
	w->running_size = size;
	memcpy(w->running_image, w->flash, size);
	w->installs++;
	after(w);
	return w->install_says;
}

static void on_tell(void *arg, enum gpd_doing doing, uint64_t sequence, unsigned percent, enum gpd_result result)
{
	struct world *w = arg;

	before(w);
	(void)sequence;
	w->told[doing]++;
	if (doing == GPD_DOING_FAILED)
		w->told_why = result;
	if (doing == GPD_DOING_DOWNLOADING)
		w->told_percent = percent;
}

static const struct gpd_port port = {
	.fetch = on_fetch, .flash_write = on_write, .flash_read = on_read, .state_load = on_load,
	.state_save = on_save, .sha256_init = on_sha256_init, .sha256_add = on_sha256_add,
	.sha256_end = on_sha256_end, .verify = on_verify, .install = on_install, .tell = on_tell,
};

static void pin(struct world *w, const char *name)
{
	AUTO(buf_free) struct buf key = BUF_INIT(COSE_KEY_MAX);

	cose_key_put(&key, &envelope_key(name, 2)->pub);
	ck_assert(gpd_key_read(&w->keys[w->config.key_count++], key.p, key.n));
}

void world_init(struct world *w, const char *keys, unsigned threshold)
{
	struct suit_uuid vendor = suit_vendor_uuid(SPAN_LIT("acme"));
	struct suit_uuid class_ = suit_class_uuid(SPAN_LIT("acme"), SPAN_LIT("thermostat"));

	memset(w, 0, sizeof *w);
	memset(w->flash, 0x55, sizeof w->flash);
	w->running = 6;
	w->piece = 100;
	w->lowest_asked = UINT32_MAX;
	w->config = (struct gpd_config){ .vendor = "acme", .model = "thermostat", .keys = w->keys,
		.threshold = (uint8_t)threshold, .factory_sequence = 6, .slot_size = SLOT, .checkpoint = CHECKPOINT,
		.manifest = w->buffer, .manifest_size = sizeof w->buffer, .sha256_ctx = &w->sha256, .port = &w->port,
		.arg = w };
	w->port = port;
	memcpy(w->config.vendor_id, vendor.b, 16);
	memcpy(w->config.class_id, class_.b, 16);
	for (; *keys; keys += 2 + (keys[2] == ' '))
		pin(w, keys);
}

enum gpd_result world_boot(struct world *w)
{
	return gpd_init(&w->d, &w->config);
}

enum gpd_result world_round(struct world *w)
{
	enum gpd_result r = world_boot(w);

	return r == GPD_STATE ? r : gpd_update(&w->d);
}

bool world_survives_round(struct world *w, enum gpd_result *result)
{
	jmp_buf power;

	w->calls = 0;
	w->power = &power;
	if (setjmp(power) != 0)
		return false;
	*result = world_round(w);
	return true;
}
