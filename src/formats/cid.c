/* cid.c: see cid.h. */
#include "formats/cid.h"
#include "formats/multibase.h"
#include "formats/sha256.h"
#include "formats/varint.h"

#include <assert.h>

#define SHA256_BYTES 32

static int check_digest(uint64_t hash, uint64_t n, struct err *e)
{
	if (hash == CID_SHA256 && n != SHA256_BYTES)
		return err_set(e, ERR_RULE, "cid: a sha2-256 digest must have 32 bytes, has %llu", (unsigned long long)n);
	if (hash == CID_IDENTITY && n > CID_IDENTITY_MAX)
		return err_set(e, ERR_RULE, "cid: an identity digest has at most %d bytes, this has %llu",
			       CID_IDENTITY_MAX, (unsigned long long)n);
	if (hash != CID_SHA256 && hash != CID_IDENTITY)
		return err_set(e, ERR_RULE, "cid: hash function 0x%llx is not supported", (unsigned long long)hash);
	return ERR_OK;
}

/* What follows version and codec: hash function, length, digest. */
static int next_multihash(struct cursor *c, struct cid *out, struct err *e)
{
	uint64_t hash, n;
	struct span digest;
	int rc;

	if ((rc = varint_next(c, &hash, e)) || (rc = varint_next(c, &n, e)))
		return err_wrap(e, "cid");
	if ((rc = check_digest(hash, n, e)))
		return rc;
	digest = cur_take(c, (size_t)n);
	if (!cur_ok(c))
		return err_set(e, ERR_FORMAT, "cid: ends inside its digest");
	out->hash = (uint8_t)hash;
	out->n = (uint8_t)n;
	if (n)
		memcpy(out->digest, digest.p, (size_t)n);
	return ERR_OK;
}

static int next_v1(struct cursor *c, struct cid *out, struct err *e)
{
	uint64_t version, codec;

	if (varint_next(c, &version, e) || varint_next(c, &codec, e))
		return err_wrap(e, "cid");
	if (version != 1)
		return err_set(e, ERR_RULE, "cid: version %llu is not supported", (unsigned long long)version);
	if (codec != CID_RAW && codec != CID_DAG_PB)
		return err_set(e, ERR_RULE, "cid: codec 0x%llx is not supported", (unsigned long long)codec);
	out->version = 1;
	out->codec = (uint8_t)codec;
	return next_multihash(c, out, e);
}

int cid_next(struct cursor *c, struct cid *out, struct err *e)
{
	/* A version 0 CID is a bare sha2-256 multihash, and no other begins with 0x12. */
	bool is_v0 = cur_left(c) > 0 && c->p[0] == CID_SHA256;
	struct cid cid = { .codec = CID_DAG_PB };
	struct err local;
	int rc;

	e = e ? e : &local;	/* err_wrap needs one to keep the code */
	rc = is_v0 ? next_multihash(c, &cid, e) : next_v1(c, &cid, e);
	if (rc)
		cur_fail(c);
	else
		*out = cid;
	return rc;
}

/* Would more bytes help a varint that cannot be read from these? */
static bool is_cut(struct span varint)
{
	return varint.n == 0 || (varint.p[varint.n - 1] >= 0x80 && varint.n < VARINT_MAX);
}

size_t cid_measure(struct span front)
{
	struct cursor c = cur_of(front);
	bool is_v0 = front.n > 0 && front.p[0] == CID_SHA256;
	uint64_t v = 0, total;

	/* hash, length; before them version, codec */
	for (int fields = is_v0 ? 2 : 4; fields > 0; fields--) {
		struct span rest = SPAN(c.p, cur_left(&c));

		if (varint_next(&c, &v, NULL))
			return is_cut(rest) && front.n < CID_BYTES_MAX ? front.n + 1 : front.n;
	}
	total = front.n - cur_left(&c) + (v < CID_BYTES_MAX ? v : CID_BYTES_MAX);
	return total < CID_BYTES_MAX ? (size_t)total : CID_BYTES_MAX;
}

int cid_read(struct span bytes, struct cid *out, struct err *e)
{
	struct cursor c = cur_of(bytes);
	struct cid cid;
	int rc = cid_next(&c, &cid, e);

	if (rc)
		return rc;
	if (!cur_at_end(&c))
		return err_set(e, ERR_FORMAT, "cid: bytes left over after the digest");
	*out = cid;
	return ERR_OK;
}

int cid_read_text(struct span text, struct cid *out, struct err *e)
{
	uint8_t bytes[CID_BYTES_MAX];
	bool is_v0 = text.n == 46 && memcmp(text.p, "Qm", 2) == 0;
	struct err local;
	size_t n;
	int rc;

	e = e ? e : &local;
	rc = is_v0 ? multibase_decode_bare(MULTIBASE_58, text, bytes, sizeof bytes, &n, e)
		   : multibase_decode(text, bytes, sizeof bytes, &n, e);
	if (rc)
		return err_wrap(e, "cid");
	/* multiformats/cid: version 0 has no multibase spelling. */
	if (!is_v0 && n > 0 && bytes[0] == CID_SHA256)
		return err_set(e, ERR_FORMAT, "cid: version 0 must not have a multibase prefix");
	return cid_read(SPAN(bytes, n), out, e);
}

size_t cid_write(const struct cid *c, uint8_t out[CID_BYTES_MAX])
{
	size_t n = 0;

	if (c->version == 1) {
		out[n++] = 1;
		out[n++] = c->codec;
	}
	out[n++] = c->hash;
	n += varint_write(c->n, out + n);
	memcpy(out + n, c->digest, c->n);
	return n + c->n;
}

char *cid_text(const struct cid *c, char out[CID_TEXT_MAX])
{
	uint8_t bytes[CID_BYTES_MAX];
	struct span all = SPAN(bytes, cid_write(c, bytes));
	/* Writes in place: with all its capacity from the start a buf never allocates. */
	struct buf text = { .p = (uint8_t *)out, .cap = CID_TEXT_MAX - 1, .max = CID_TEXT_MAX - 1 };

	if (c->version == 0)
		multibase_encode_bare(MULTIBASE_58, all, &text);
	else
		multibase_encode(MULTIBASE_32, all, &text);
	assert(!text.failed);
	out[text.n] = '\0';
	return out;
}

struct cid cid_of_digest(unsigned version, enum cid_codec codec, const struct hash32 *digest)
{
	struct cid c = {
		.version = (uint8_t)version, .codec = (uint8_t)codec, .hash = CID_SHA256, .n = SHA256_BYTES,
	};

	assert(version == 1 || codec == CID_DAG_PB);
	memcpy(c.digest, digest->b, SHA256_BYTES);
	return c;
}

struct cid cid_of(unsigned version, enum cid_codec codec, struct span block)
{
	struct hash32 digest = sha256_of(block);

	return cid_of_digest(version, codec, &digest);
}

int cid_check(const struct cid *c, struct span block, struct err *e)
{
	struct hash32 digest;
	bool fits;

	if (c->hash == CID_IDENTITY) {
		fits = span_eq(cid_digest(c), block);
	} else {
		digest = sha256_of(block);
		fits = memcmp(c->digest, digest.b, sizeof digest.b) == 0;
	}
	return fits ? ERR_OK : err_set(e, ERR_PROOF, "the block's bytes are not what its CID says");
}

bool cid_same_block(const struct cid *a, const struct cid *b)
{
	return a->hash == b->hash && span_eq(cid_digest(a), cid_digest(b));
}

bool cid_eq(const struct cid *a, const struct cid *b)
{
	return a->version == b->version && a->codec == b->codec && cid_same_block(a, b);
}
