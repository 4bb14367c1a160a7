/* entry.c: see entry.h. */
#include "chain/entry.h"
#include "contracts/registry_gen.h"
#include "formats/abi.h"
#include "formats/keccak.h"

static int read_registered(const struct record *r, struct abi_reader *d, struct entry *out, struct err *e)
{
	out->registered.name = abi_bytes(d, PRODUCT_NAME_MAX);
	return abi_topic_addr(&r->topics[2], &out->registered.registrant, e);
}

static int read_publisher(const struct record *r, struct abi_reader *d, struct entry *out, struct err *e)
{
	out->publisher.is_allowed = abi_bool(d);
	return abi_topic_addr(&r->topics[2], &out->publisher.publisher, e);
}

static int read_signers(const struct record *r, struct abi_reader *d, struct entry *out, struct err *e)
{
	(void)r;
	(void)e;
	out->signers.threshold = (uint16_t)abi_uint(d, 16);
	out->signers.n = (uint8_t)abi_list(d, out->signers.keys, SIGNERS_MAX, COSE_KEY_MAX);
	return ERR_OK;
}

static int read_release(const struct record *r, struct abi_reader *d, struct entry *out, struct err *e)
{
	int rc = abi_topic_u64(&r->topics[2], &out->release.sequence, e);

	out->release.manifest = abi_bytes(d, MANIFEST_MAX);
	return rc ? rc : abi_topic_addr(&r->topics[3], &out->release.publisher, e);
}

static int read_revoked(const struct record *r, struct abi_reader *d, struct entry *out, struct err *e)
{
	out->revoked.reason = abi_bytes(d, REASON_MAX);
	return abi_topic_u64(&r->topics[2], &out->revoked.sequence, e);
}

static int read_floor(const struct record *r, struct abi_reader *d, struct entry *out, struct err *e)
{
	out->floor.reason = abi_bytes(d, REASON_MAX);
	return abi_topic_u64(&r->topics[2], &out->floor.floor, e);
}

static int read_owner(const struct record *r, struct abi_reader *d, struct entry *out, struct err *e)
{
	int rc = abi_topic_addr(&r->topics[2], &out->owner.from, e);

	(void)d;
	return rc ? rc : abi_topic_addr(&r->topics[3], &out->owner.to, e);
}

/* Every event, once: its topic 0 (made from the contract's source), how many topics and head words it has. */
static const struct kind {
	const char *name;
	struct hash32 topic;
	unsigned topics, words;
	int (*read)(const struct record *, struct abi_reader *, struct entry *, struct err *);
} kinds[ENTRY_KINDS] = {
	[ENTRY_REGISTERED] = { "registered", { REGISTRY_TOPIC_PRODUCT_REGISTERED }, 3, 3, read_registered },
	[ENTRY_PUBLISHER]  = { "publisher",  { REGISTRY_TOPIC_PUBLISHER_CHANGED }, 3, 3, read_publisher },
	[ENTRY_SIGNERS]	   = { "signers",    { REGISTRY_TOPIC_SIGNERS_CHANGED }, 2, 4, read_signers },
	[ENTRY_RELEASE]	   = { "release",    { REGISTRY_TOPIC_RELEASE_PUBLISHED }, 4, 3, read_release },
	[ENTRY_REVOKED]	   = { "revoked",    { REGISTRY_TOPIC_RELEASE_REVOKED }, 3, 3, read_revoked },
	[ENTRY_FLOOR]	   = { "floor",	     { REGISTRY_TOPIC_FLOOR_RAISED }, 3, 3, read_floor },
	[ENTRY_OWNER]	   = { "owner",	     { REGISTRY_TOPIC_OWNERSHIP_TRANSFERRED }, 4, 2, read_owner },
};

const char *entry_kind_name(enum entry_kind kind)
{
	return kinds[kind].name;
}

struct hash32 entry_topic(enum entry_kind kind)
{
	return kinds[kind].topic;
}

static const struct kind *kind_of(const struct record *r)
{
	for (size_t i = 0; i < ENTRY_KINDS; i++)
		if (r->topics_n > 0 && hash32_eq(&kinds[i].topic, &r->topics[0]))
			return &kinds[i];
	return NULL;
}

int entry_decode(const struct record *r, struct entry *out, struct err *e)
{
	const struct kind *k = kind_of(r);

	if (!k)
		return err_set(e, ERR_FORMAT, "entry: not an event of the registry");
	if (r->topics_n != k->topics)
		return err_set(e, ERR_FORMAT, "entry: a %s event has %u topics", k->name, k->topics);

	struct abi_reader d = abi_read(r->data, k->words);
	struct entry t = { .kind = (enum entry_kind)(k - kinds), .product = r->topics[1] };

	t.prev_block = abi_uint(&d, 64);
	t.time = abi_uint(&d, 64);

	int rc = k->read(r, &d, &t, e);

	if (rc == ERR_OK)
		rc = abi_end(&d, e);
	if (rc == ERR_OK)
		*out = t;
	return rc;
}

int record_prev_block(const struct record *r, uint64_t *out, struct err *e)
{
	struct abi_reader d = abi_read(span_cut(r->data, 0, sizeof(struct hash32)), 1);
	uint64_t v = abi_uint(&d, 64);
	int rc = abi_end(&d, e);

	if (rc == ERR_OK)
		*out = v;
	return rc;
}

void record_extend(struct hash32 *head, const struct record *r)
{
	struct hash32 data = keccak256(r->data);
	struct keccak k;

	keccak_init(&k);
	keccak_add(&k, SPAN_OF(*head));
	keccak_add(&k, SPAN(r->topics, r->topics_n * sizeof r->topics[0]));
	keccak_add(&k, SPAN_OF(data));
	keccak_end(&k, head);
}

struct hash32 product_id(const struct addr20 *registrant, struct span name)
{
	struct buf b = BUF_INIT(5 * sizeof(struct hash32) + PRODUCT_NAME_MAX);
	struct hash32 id;

	abi_encode(&b, (struct abi_arg[]){ ABI_ADDR(registrant), ABI_BYTES(name) }, 2);
	if (b.is_starved)
		err_no_memory();	/* the hash of half of it would be another product */
	id = keccak256(buf_span(&b));
	buf_free(&b);
	return id;
}

static bool is_name_char(uint8_t c, bool is_first)
{
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
		return true;
	return !is_first && (c == '.' || c == '_' || c == '-');
}

static bool is_name_part(struct span s)
{
	if (s.n == 0 || s.n > NAME_PART_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_name_char(s.p[i], i == 0))
			return false;
	return true;
}

bool product_name_is_valid(struct span name)
{
	const uint8_t *slash = name.n ? memchr(name.p, '/', name.n) : NULL;

	if (!slash)
		return false;

	size_t at = (size_t)(slash - name.p);

	return is_name_part(SPAN(name.p, at)) && is_name_part(SPAN(slash + 1, name.n - at - 1));
}

/* --- storage: `products` is slot 0, `ids` slot 1 --- */

const struct hash32 ids_length_slot = { { [31] = 1 } };

static struct hash32 plus(struct hash32 slot, uint64_t n)
{
	uint64_t carry = n;

	for (size_t i = sizeof slot.b; i-- > 0 && carry;) {
		uint64_t sum = slot.b[i] + (carry & 0xff);

		slot.b[i] = (uint8_t)sum;
		carry = (carry >> 8) + (sum >> 8);
	}
	return slot;
}

struct product_slots product_slots(const struct hash32 *id)
{
	uint8_t key[2 * sizeof id->b] = { 0 };
	struct product_slots s;

	memcpy(key, id->b, sizeof id->b);
	s.head = keccak256(SPAN_OF(key));
	s.packed = plus(s.head, 1);
	return s;
}

static uint64_t field(const struct hash32 *word, unsigned from_low_byte, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)word->b[sizeof word->b - 1 - from_low_byte - i] << (8 * i);
	return v;
}

struct product_words product_words(const struct hash32 *head, const struct hash32 *packed)
{
	return (struct product_words){
		.head = *head,
		.sequence = field(packed, 0, 8),
		.floor = field(packed, 8, 8),
		.last_block = field(packed, 16, 8),
		.entries = (uint32_t)field(packed, 24, 4),
		.threshold = (uint16_t)field(packed, 28, 2),
		.epoch = (uint16_t)field(packed, 30, 2),
	};
}

struct hash32 ids_slot(uint64_t i)
{
	return plus(keccak256(SPAN_OF(ids_length_slot)), i);
}
