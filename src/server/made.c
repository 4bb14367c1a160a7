/* made.c: see made.h. CBOR maps are in the order of deterministic encoding: shorter keys first, then bytewise. */
#include "server/made.h"

#include "base/hex.h"
#include "formats/cbor.h"

#include <inttypes.h>

static void json_text(struct buf *b, const char *key, struct span value)
{
	buf_fmt(b, "\"%s\":\"", key);
	buf_json(b, value);
	buf_str(b, "\"");
}

static void cbor_text_pair(struct buf *b, const char *key, struct span value)
{
	cbor_put_text(b, span_str(key));
	cbor_put_text(b, value);
}

static void cbor_uint_pair(struct buf *b, const char *key, uint64_t value)
{
	cbor_put_text(b, span_str(key));
	cbor_put_uint(b, value);
}

#define DIGEST_PATH_MAX (8 + 64 + 1)

/* "/sha256/<hex>" */
static struct span digest_path(const struct hash32 *sha256, char out[DIGEST_PATH_MAX])
{
	memcpy(out, "/sha256/", 8);
	hex_str(SPAN_OF(*sha256), out + 8);
	return SPAN(out, 8 + 64);
}

void made_info_json(struct buf *b, const struct made_info *i)
{
	char path[DIGEST_PATH_MAX];

	digest_path(&i->sha256, path);
	buf_str(b, "{");
	json_text(b, "product", i->product);
	buf_str(b, ",");
	json_text(b, "channel", i->channel);
	buf_fmt(b, ",\"sequence\":%" PRIu64 ",", i->sequence);
	json_text(b, "version", i->version);
	buf_fmt(b, ",\"size\":%" PRIu64 ",\"sha256\":\"%s\",", i->size, path + 8);
	json_text(b, "cid", i->cid);
	buf_fmt(b, ",\"path\":\"%s\",\"freshness\":\"%s\"}", path, freshness_name(i->freshness));
}

void made_info_cbor(struct buf *b, const struct made_info *i)
{
	char path[DIGEST_PATH_MAX];
	struct span whole = digest_path(&i->sha256, path);

	cbor_put_map(b, 9);
	cbor_text_pair(b, "cid", i->cid);
	cbor_text_pair(b, "path", whole);
	cbor_uint_pair(b, "size", i->size);
	cbor_text_pair(b, "sha256", span_cut(whole, 8, 64));
	cbor_text_pair(b, "channel", i->channel);
	cbor_text_pair(b, "product", i->product);
	cbor_text_pair(b, "version", i->version);
	cbor_uint_pair(b, "sequence", i->sequence);
	cbor_text_pair(b, "freshness", span_str(freshness_name(i->freshness)));
}

void made_freshness_json(struct buf *b, const struct made_freshness *f)
{
	char hash[HEX32_MAX], time[CLOCK_TEXT_MAX];

	if (f->proof.time)
		buf_fmt(b, "{\"number\":%" PRIu64 ",\"hash\":\"%s\",\"time\":\"%s\"", f->proof.number,
			hex_0x(SPAN_OF(f->proof.hash), hash), clock_rfc3339((int64_t)f->proof.time * 1000, time));
	else
		buf_str(b, "{\"number\":null,\"hash\":null,\"time\":null");
	if (f->age_s >= 0)
		buf_fmt(b, ",\"age\":%" PRId64, f->age_s);
	else
		buf_str(b, ",\"age\":null");
	buf_fmt(b, ",\"trust\":\"%s\",\"freshness\":\"%s\"}", catalog_trust_name(f->trust), freshness_name(f->freshness));
}

static void cbor_known(struct buf *b, const char *key, uint64_t value, bool is_known)
{
	cbor_put_text(b, span_str(key));
	if (is_known)
		cbor_put_uint(b, value);
	else
		cbor_put_null(b);
}

/* time is in seconds since 1970, hash a byte string: for devices that compare, not for people. */
void made_freshness_cbor(struct buf *b, const struct made_freshness *f)
{
	bool is_proven = f->proof.time != 0;

	cbor_put_map(b, 6);
	cbor_known(b, "age", (uint64_t)f->age_s, f->age_s >= 0);
	cbor_put_text(b, SPAN_LIT("hash"));
	if (is_proven)
		cbor_put_bytes(b, SPAN_OF(f->proof.hash));
	else
		cbor_put_null(b);
	cbor_known(b, "time", f->proof.time, is_proven);
	cbor_text_pair(b, "trust", span_str(catalog_trust_name(f->trust)));
	cbor_known(b, "number", f->proof.number, is_proven);
	cbor_text_pair(b, "freshness", span_str(freshness_name(f->freshness)));
}
