/* gpd_text.c: words for people, and reports for the gateway. Left out by the linker where nobody calls it. */
#include "gatepost-device.h"

#include <string.h>

const char *gpd_result_text(enum gpd_result result)
{
	static const char *const texts[] = {
		[GPD_INSTALLED] = "installed",
		[GPD_UP_TO_DATE] = "up to date",
		[GPD_TRIAL] = "a release is on trial",
		[GPD_UNREACHABLE] = "the gateway was not reached, or broke off",
		[GPD_SHORT] = "the image ended before its size",
		[GPD_MALFORMED] = "not a manifest of the profile",
		[GPD_TOO_LONG] = "the manifest is too long",
		[GPD_UNSIGNED] = "signed by too few of the pinned keys",
		[GPD_OTHER_PRODUCT] = "for another product",
		[GPD_OTHER_CHANNEL] = "of another channel",
		[GPD_OTHER_HARDWARE] = "for other hardware",
		[GPD_ROLLBACK] = "older than what is installed",
		[GPD_STEPPING_STONE] = "an older release must be installed first",
		[GPD_FAILED_BEFORE] = "this release was tried and did not come up",
		[GPD_TOO_LARGE] = "the image does not fit the slot",
		[GPD_WRONG_IMAGE] = "the image is not what the manifest names",
		[GPD_FLASH] = "the flash failed",
		[GPD_STATE] = "the saved state failed",
		[GPD_INSTALL] = "the installation failed",
	};

	return (size_t)result < sizeof texts / sizeof *texts ? texts[result] : "?";
}

const char *gpd_doing_text(enum gpd_doing doing)
{
	static const char *const texts[] = {
		[GPD_DOING_DOWNLOADING] = "downloading", [GPD_DOING_DOWNLOADED] = "downloaded",
		[GPD_DOING_INSTALLING] = "installing", [GPD_DOING_INSTALLED] = "installed",
		[GPD_DOING_REBOOTING] = "rebooting", [GPD_DOING_RUNNING] = "running", [GPD_DOING_FAILED] = "failed",
	};

	return (size_t)doing < sizeof texts / sizeof *texts ? texts[doing] : "?";
}

struct out {
	uint8_t *p, *end;
	bool full;
};

static void put_head(struct out *o, unsigned major, uint64_t arg)
{
	unsigned n = arg < 24 ? 0 : arg <= 0xff ? 1 : arg <= 0xffff ? 2 : arg <= 0xffffffff ? 4 : 8;
	unsigned info = n == 0 ? (unsigned)arg : n == 1 ? 24 : n == 2 ? 25 : n == 4 ? 26 : 27;

	if ((size_t)(o->end - o->p) <= n) {
		o->full = true;
		return;
	}
	*o->p++ = (uint8_t)(major << 5 | info);
	while (n-- > 0)
		*o->p++ = (uint8_t)(arg >> (8 * n));
}

static void put_text(struct out *o, const char *text)
{
	size_t n = strlen(text);

	put_head(o, 3, n);
	if (o->full || (size_t)(o->end - o->p) < n) {
		o->full = true;
		return;
	}
	memcpy(o->p, text, n);
	o->p += n;
}

/* Keys in deterministic order: shorter ones first. */
size_t gpd_report(const struct gpd *d, enum gpd_doing doing, uint64_t sequence, unsigned percent,
		  enum gpd_result result, uint8_t *out, size_t cap)
{
	struct out o = { out, out + cap, false };
	bool failed = doing == GPD_DOING_FAILED, loading = doing == GPD_DOING_DOWNLOADING;

	put_head(&o, 5, 2u + (d->config->device != NULL) + failed + loading);
	put_text(&o, "state");
	put_text(&o, gpd_doing_text(doing));
	if (d->config->device) {
		put_text(&o, "device");
		put_text(&o, d->config->device);
	}
	if (failed) {
		put_text(&o, "reason");
		put_text(&o, gpd_result_text(result));
	}
	if (loading) {
		put_text(&o, "progress");
		put_head(&o, 0, percent);
	}
	put_text(&o, "sequence");
	put_head(&o, 0, sequence);
	return o.full ? 0 : (size_t)(o.p - out);
}
