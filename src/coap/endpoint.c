/* endpoint.c: see endpoint.h. */
#include "coap/endpoint.h"

#include <arpa/inet.h>

static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

bool endpoint_same_host(const struct endpoint *a, const struct endpoint *b)
{
	return memcmp(a->address, b->address, sizeof a->address) == 0 && a->scope == b->scope;
}

bool endpoint_eq(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && endpoint_same_host(a, b);
}

bool endpoint_is_v4(const struct endpoint *a)
{
	return memcmp(a->address, v4_mapped, sizeof v4_mapped) == 0;
}

bool endpoint_is_loopback(const struct endpoint *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return endpoint_is_v4(a) ? a->address[12] == 127 : memcmp(a->address, one, sizeof one) == 0;
}

bool endpoint_is_link_local(const struct endpoint *a)
{
	return a->address[0] == 0xfe && (a->address[1] & 0xc0) == 0x80;
}

void endpoint_bytes(const struct endpoint *a, uint8_t out[ENDPOINT_BYTES])
{
	memcpy(out, a->address, 16);
	out[16] = (uint8_t)(a->port >> 8);
	out[17] = (uint8_t)a->port;
	for (int i = 0; i < 4; i++)
		out[18 + i] = (uint8_t)(a->scope >> (24 - 8 * i));
}

static char *put_byte(char *p, uint8_t v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

/* IPv4 by hand: it is done for every request, and inet_ntop costs a tenth of one. */
size_t endpoint_text(const struct endpoint *a, char out[ENDPOINT_TEXT])
{
	char *p = out;

	if (!endpoint_is_v4(a)) {
		inet_ntop(AF_INET6, a->address, out, ENDPOINT_TEXT);
		return strlen(out);
	}
	for (int i = 12; i < 16; i++) {
		p = put_byte(p, a->address[i]);
		*p++ = '.';
	}
	*--p = '\0';
	return (size_t)(p - out);
}

/* A 64-bit mixer; the seed makes it one of many. Twice, as a product's low bits know nothing of the high ones. */
static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

static uint64_t word_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

uint64_t endpoint_hash(const struct endpoint *a, uint64_t seed)
{
	uint64_t h = mix(seed, word_at(a->address));

	h = mix(h, word_at(a->address + 8));
	return mix(h, (uint64_t)a->port << 32 | a->scope);
}

uint64_t endpoint_network_hash(const struct endpoint *a, uint64_t seed)
{
	uint64_t h = mix(seed, word_at(a->address));

	return mix(h, endpoint_is_v4(a) ? word_at(a->address + 8) : a->scope);
}

bool prefix_has(const struct prefix *p, const struct endpoint *a)
{
	size_t whole = p->bits / 8;
	unsigned rest = p->bits % 8;

	if (memcmp(p->address, a->address, whole) != 0)
		return false;
	return rest == 0 || (p->address[whole] ^ a->address[whole]) >> (8 - rest) == 0;
}

/* The number after the slash, 0 to max; -1 if it is none. */
static int read_bits(const char *text, int max)
{
	int v = 0;

	if (!*text || strlen(text) > 3)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		v = v * 10 + (*text - '0');
	}
	return v <= max ? v : -1;
}

static bool has_bits_after(const struct prefix *p)
{
	for (unsigned i = p->bits; i < 128; i++)
		if (p->address[i / 8] & 0x80 >> i % 8)
			return true;
	return false;
}

int prefix_read(struct span text, struct prefix *out, struct err *e)
{
	char s[INET6_ADDRSTRLEN + 4], *slash;
	struct prefix p = { .bits = 128 };
	int width = 128, bits;

	if (text.n == 0 || text.n >= sizeof s)
		return err_set(e, ERR_FORMAT, "not an address or prefix");
	memcpy(s, text.p, text.n);
	s[text.n] = '\0';
	slash = strchr(s, '/');
	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, s, p.address + 12) == 1) {
		memcpy(p.address, v4_mapped, sizeof v4_mapped);
		width = 32;
	} else if (inet_pton(AF_INET6, s, p.address) != 1) {
		return err_set(e, ERR_FORMAT, "not an address or prefix");
	}
	bits = slash ? read_bits(slash + 1, width) : width;
	if (bits < 0)
		return err_set(e, ERR_FORMAT, "a prefix length is a number up to %d", width);
	p.bits = (uint8_t)(128 - width + bits);
	if (has_bits_after(&p))
		return err_set(e, ERR_FORMAT, "bits after the prefix are 0");
	*out = p;
	return ERR_OK;
}
