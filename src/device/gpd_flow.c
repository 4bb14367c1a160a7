/* gpd_flow.c: a round, from asking for the manifest to install().
 *
 * What is saved, and when, is what a power cut is survived by:
 *
 *	IDLE ── manifest good ──► PENDING ── all there, digest right ──► VERIFIED ── install() 0 ──► IDLE
 *	  ▲                        │   ▲ progress, each checkpoint          │ 1
 *	  │◄── image wrong ────────┘   └── install() failed ────────────────┤
 *	  └◄──────────── gpd_confirm() ◄─────────────────── TRIAL ◄─────────┘
 *
 * PENDING is saved before the first byte goes to flash, VERIFIED before
 * install() is called, and the new `installed` after it returned. So a cut
 * leaves a state from which the step that was under way is made again. */
#include "gpd_manifest.h"

enum { PHASE_IDLE, PHASE_PENDING, PHASE_VERIFIED, PHASE_TRIAL };
enum { FETCHING_NOTHING, FETCHING_MANIFEST, FETCHING_IMAGE };

/* Offsets in the saved state. Numbers are little-endian. */
enum { AT_MAGIC = 0, AT_PHASE = 4, AT_INSTALLED = 8, AT_FAILED = 16, AT_SEQUENCE = 24, AT_SIZE = 32, AT_PROGRESS = 36,
       AT_DIGEST = 40, AT_CHECK = 76 };

static const uint8_t magic[4] = { 'G', 'P', 'D', 1 };

static void put_le(uint8_t *p, uint64_t v, unsigned n)
{
	for (; n > 0; n--, v >>= 8)
		*p++ = (uint8_t)v;
}

static uint64_t get_le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* FNV-1a: tells a saved state from one that a careless port tore. */
static uint32_t check_of(const uint8_t state[GPD_STATE_LEN])
{
	uint32_t h = 2166136261u;

	for (unsigned i = 0; i < AT_CHECK; i++)
		h = (h ^ state[i]) * 16777619u;
	return h;
}

static bool save(struct gpd *d, uint8_t phase)
{
	uint8_t s[GPD_STATE_LEN] = { 0 };

	memcpy(s + AT_MAGIC, magic, sizeof magic);
	s[AT_PHASE] = phase;
	put_le(s + AT_INSTALLED, d->installed, 8);
	put_le(s + AT_FAILED, d->failed, 8);
	put_le(s + AT_SEQUENCE, d->sequence, 8);
	put_le(s + AT_SIZE, d->size, 4);
	put_le(s + AT_PROGRESS, d->at, 4);
	memcpy(s + AT_DIGEST, d->digest, sizeof d->digest);
	put_le(s + AT_CHECK, check_of(s), 4);
	if (d->config->port->state_save(d->config->arg, s) != 0)
		return false;
	d->phase = phase;
	d->progress = d->at;
	return true;
}

static bool load(struct gpd *d)
{
	uint8_t s[GPD_STATE_LEN];
	int rc = d->config->port->state_load(d->config->arg, s);

	if (rc == 1) {
		d->installed = d->config->factory_sequence;
		return true;
	}
	if (rc != 0 || memcmp(s, magic, sizeof magic) != 0 || get_le(s + AT_CHECK, 4) != check_of(s))
		return false;
	d->phase = s[AT_PHASE];
	d->installed = get_le(s + AT_INSTALLED, 8);
	d->failed = get_le(s + AT_FAILED, 8);
	d->sequence = get_le(s + AT_SEQUENCE, 8);
	d->size = (uint32_t)get_le(s + AT_SIZE, 4);
	d->progress = (uint32_t)get_le(s + AT_PROGRESS, 4);
	memcpy(d->digest, s + AT_DIGEST, sizeof d->digest);
	return d->phase <= PHASE_TRIAL;
}

static void tell(const struct gpd *d, enum gpd_doing doing, enum gpd_result result)
{
	if (d->config->port->tell)
		d->config->port->tell(d->config->arg, doing, d->sequence, d->percent, result);
}

/* Ends the round. A refusal is told; that there is nothing new, or nobody, is not. */
static bool end(struct gpd *d, enum gpd_result result)
{
	d->fetching = FETCHING_NOTHING;
	d->result = result;
	if (result > GPD_SHORT)
		tell(d, GPD_DOING_FAILED, result);
	return false;
}

enum gpd_result gpd_init(struct gpd *d, const struct gpd_config *config)
{
	memset(d, 0, sizeof *d);
	d->config = config;
	d->result = GPD_UP_TO_DATE;
	if (!load(d))
		d->result = GPD_STATE;
	else if (d->phase == PHASE_TRIAL)
		d->result = GPD_TRIAL;
	return d->result;
}

enum gpd_result gpd_confirm(struct gpd *d, bool came_up)
{
	if (d->result == GPD_STATE)
		return GPD_STATE;
	if (d->phase != PHASE_TRIAL && !(d->phase == PHASE_VERIFIED && came_up))
		return GPD_UP_TO_DATE;
	if (came_up)
		d->installed = d->sequence;
	else
		d->failed = d->sequence;
	if (!save(d, PHASE_IDLE))
		return d->result = GPD_STATE;
	tell(d, came_up ? GPD_DOING_RUNNING : GPD_DOING_FAILED, came_up ? GPD_INSTALLED : GPD_INSTALL);
	return d->result = came_up ? GPD_INSTALLED : GPD_UP_TO_DATE;
}

/* --- the image --- */

/* Adds the first n bytes of the slot to the hash. */
static bool hash_slot(struct gpd *d, uint32_t n)
{
	const struct gpd_config *c = d->config;
	uint8_t piece[128];

	c->port->sha256_init(c->sha256_ctx);
	for (uint32_t at = 0; at < n;) {
		size_t k = n - at < sizeof piece ? n - at : sizeof piece;

		if (c->port->flash_read(c->arg, at, piece, k) != 0)
			return false;
		c->port->sha256_add(c->sha256_ctx, piece, k);
		at += (uint32_t)k;
	}
	return true;
}

static bool is_digest_right(struct gpd *d)
{
	uint8_t actual[32];

	d->config->port->sha256_end(d->config->sha256_ctx, actual);
	return memcmp(actual, d->digest, sizeof actual) == 0;
}

/* What was downloaded is worth nothing: the next round begins at 0. */
static bool give_up(struct gpd *d, enum gpd_result why)
{
	d->at = 0;
	return end(d, save(d, PHASE_IDLE) ? why : GPD_STATE);
}

static bool installed(struct gpd *d, int rc)
{
	uint64_t before = d->installed;

	if (rc == 0)
		d->installed = d->sequence;
	if (!save(d, rc == 0 ? PHASE_IDLE : PHASE_TRIAL)) {
		d->installed = before;
		return end(d, GPD_STATE);
	}
	tell(d, rc == 0 ? GPD_DOING_INSTALLED : GPD_DOING_REBOOTING, GPD_INSTALLED);
	return end(d, GPD_INSTALLED);
}

/* The slot is said to hold the image: it is read once more, since that is what will run. */
static bool install(struct gpd *d)
{
	const struct gpd_config *c = d->config;
	int rc;

	if (!hash_slot(d, d->size))
		return end(d, GPD_FLASH);
	if (!is_digest_right(d))
		return give_up(d, GPD_FLASH);
	tell(d, GPD_DOING_INSTALLING, GPD_INSTALLED);
	rc = c->port->install(c->arg, d->sequence, d->size);
	if (rc >= 0)
		return installed(d, rc);
	/* Downloaded it is still; but something newer may have come meanwhile, so the next round asks first. */
	d->at = d->size;
	return end(d, save(d, PHASE_PENDING) ? GPD_INSTALL : GPD_STATE);
}

static bool image_is_there(struct gpd *d)
{
	if (!is_digest_right(d))
		return give_up(d, GPD_WRONG_IMAGE);
	if (!save(d, PHASE_VERIFIED))
		return end(d, GPD_STATE);
	tell(d, GPD_DOING_DOWNLOADED, GPD_INSTALLED);
	return install(d);
}

static bool put_text(char **p, const char *end_, const char *text, size_t n)
{
	if ((size_t)(end_ - *p) <= n)
		return false;
	memcpy(*p, text, n);
	*p += n;
	**p = '\0';
	return true;
}

static bool put_query(char **p, const char *end_, const char *key, const char *value)
{
	return !value || (put_text(p, end_, key, strlen(key)) && put_text(p, end_, value, strlen(value)));
}

static void decimal(uint64_t v, char out[21])
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	while (n > 0)
		*out++ = digits[--n];
	*out = '\0';
}

/* "/fw/{vendor}/{model}?from=…&hw=…&channel=…&device=…" */
bool gpd_manifest_path(const struct gpd *d, char path[GPD_PATH_MAX])
{
	const struct gpd_config *c = d->config;
	char *p = path, *e = path + GPD_PATH_MAX, from[21];

	decimal(d->installed, from);
	return put_query(&p, e, "/fw/", c->vendor) && put_query(&p, e, "/", c->model) &&
	       put_query(&p, e, "?from=", from) && put_query(&p, e, "&hw=", c->hardware) &&
	       put_query(&p, e, "&channel=", c->channel) && put_query(&p, e, "&device=", c->device);
}

static bool is_cid_letter(uint8_t ch)
{
	return (ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z');
}

static bool image_path(struct gpd *d, struct gpd_bytes cid)
{
	char *p = d->path, *e = d->path + sizeof d->path;

	for (size_t i = 0; i < cid.n; i++)
		if (!is_cid_letter(cid.p[i]))
			return false;
	return put_text(&p, e, "/ipfs/", 6) && put_text(&p, e, (const char *)cid.p, cid.n);
}

/* --- the manifest --- */

static bool is_same_text(struct gpd_bytes text, const char *otherwise, const char *wanted)
{
	return text.n ? gpd_same(text, wanted) : strcmp(otherwise, wanted) == 0;
}

/* May this device take this release now? */
static enum gpd_result judge(const struct gpd *d, const struct gpd_manifest *m)
{
	const struct gpd_config *c = d->config;

	if (m->sequence < d->installed)
		return GPD_ROLLBACK;
	if (m->sequence == d->installed)
		return GPD_UP_TO_DATE;
	if (c->channel && !is_same_text(m->channel, "stable", c->channel))
		return GPD_OTHER_CHANNEL;
	if (m->has_hardware && !m->fits_hardware)
		return GPD_OTHER_HARDWARE;
	if (m->from_sequence > d->installed)
		return GPD_STEPPING_STONE;
	if (m->sequence == d->failed)
		return GPD_FAILED_BEFORE;
	if (m->size == 0)
		return GPD_MALFORMED;
	return m->size > c->slot_size ? GPD_TOO_LARGE : GPD_GOOD;
}

static bool is_under_way(const struct gpd *d, const struct gpd_manifest *m)
{
	return d->phase == PHASE_PENDING && d->sequence == m->sequence && d->size == m->size &&
	       memcmp(d->digest, m->digest, sizeof d->digest) == 0;
}

/* Where to go on: at the saved progress of this very image, else at 0. */
static bool resume(struct gpd *d, const struct gpd_manifest *m)
{
	if (is_under_way(d, m)) {
		d->at = d->progress <= d->size ? d->progress : 0;
		return true;
	}
	d->at = 0;
	d->sequence = m->sequence;
	d->size = (uint32_t)m->size;
	memcpy(d->digest, m->digest, sizeof d->digest);
	return save(d, PHASE_PENDING);
}

static bool begin_image(struct gpd *d, const struct gpd_manifest *m)
{
	if (!image_path(d, m->cid))
		return end(d, GPD_TOO_LONG);
	if (!resume(d, m))
		return end(d, GPD_STATE);
	if (!hash_slot(d, d->at))
		return end(d, GPD_FLASH);
	d->percent = 0;
	tell(d, GPD_DOING_DOWNLOADING, GPD_INSTALLED);
	if (d->at == d->size)
		return image_is_there(d);
	d->fetching = FETCHING_IMAGE;
	return true;
}

static bool manifest_is_there(struct gpd *d)
{
	struct gpd_manifest m;
	enum gpd_result r = gpd_manifest_read(d->config, d->at, &m);

	if (r == GPD_GOOD)
		r = judge(d, &m);
	return r == GPD_GOOD ? begin_image(d, &m) : end(d, r);
}

/* --- the round --- */

bool gpd_begin(struct gpd *d)
{
	if (d->result == GPD_STATE)
		return false;
	if (d->phase == PHASE_TRIAL)
		return end(d, GPD_TRIAL);
	if (d->phase == PHASE_VERIFIED)
		return install(d);
	if (!gpd_manifest_path(d, d->path))
		return end(d, GPD_TOO_LONG);
	d->at = 0;
	d->fetching = FETCHING_MANIFEST;
	d->result = GPD_UNREACHABLE;	/* unless something better is found out */
	return true;
}

static bool take_manifest(struct gpd *d, const uint8_t *data, size_t n)
{
	if (n > d->config->manifest_size - d->at) {
		d->result = GPD_TOO_LONG;
		return false;
	}
	memcpy(d->config->manifest + d->at, data, n);
	d->at += (uint32_t)n;
	return true;
}

/* Progress in steps of ten percent, so that it can go over a slow network. */
static void tell_progress(struct gpd *d)
{
	uint8_t percent = (uint8_t)(d->at == d->size ? 100 : d->at / (d->size / 10 + 1) * 10);

	if (percent == d->percent)
		return;
	d->percent = percent;
	tell(d, GPD_DOING_DOWNLOADING, GPD_INSTALLED);
}

/* At most up to the next checkpoint. */
static bool take_piece(struct gpd *d, const uint8_t *data, size_t n)
{
	const struct gpd_config *c = d->config;

	if (c->port->flash_write(c->arg, d->at, data, n) != 0) {
		d->result = GPD_FLASH;
		return false;
	}
	c->port->sha256_add(c->sha256_ctx, data, n);
	d->at += (uint32_t)n;
	if (d->at % c->checkpoint == 0 && d->at < d->size && !save(d, PHASE_PENDING)) {
		d->result = GPD_STATE;
		return false;
	}
	tell_progress(d);
	return true;
}

static bool take_image(struct gpd *d, const uint8_t *data, size_t n)
{
	if (n > d->size - d->at) {
		d->result = GPD_WRONG_IMAGE;
		return false;
	}
	while (n > 0) {
		size_t room = d->config->checkpoint - d->at % d->config->checkpoint;
		size_t k = n < room ? n : room;

		if (!take_piece(d, data, k))
			return false;
		data += k;
		n -= k;
	}
	return true;
}

bool gpd_take(struct gpd *d, uint32_t at, const uint8_t *data, size_t n)
{
	uint32_t had = d->at - at;	/* bytes of these that have been taken before */

	if (d->fetching == FETCHING_NOTHING || at > d->at || d->result != GPD_UNREACHABLE)
		return false;
	if (n <= had)
		return true;
	return d->fetching == FETCHING_MANIFEST ? take_manifest(d, data + had, n - had)
						: take_image(d, data + had, n - had);
}

bool gpd_done(struct gpd *d, bool is_complete)
{
	uint8_t fetching = d->fetching;

	if (fetching == FETCHING_NOTHING)
		return false;
	if (d->result != GPD_UNREACHABLE)
		return end(d, d->result);
	if (fetching == FETCHING_IMAGE && d->at == d->size)
		return image_is_there(d);
	if (!is_complete)
		return end(d, GPD_UNREACHABLE);
	return fetching == FETCHING_MANIFEST ? manifest_is_there(d) : end(d, GPD_SHORT);
}

enum gpd_result gpd_update(struct gpd *d)
{
	bool more = gpd_begin(d);

	while (more)
		more = gpd_done(d, d->config->port->fetch(d->config->arg, d->path, d->at) == 0);
	return d->result;
}
