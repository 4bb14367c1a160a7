/* entry.h: the registry contract as its readers see it: log records, product heads, storage words.
 *
 * A record is a log as it stands in the chain; an entry is what it means. Replaying needs only records: a
 * head covers topics and data byte for byte. Layout and events are those of chapter 2 of the
 * design and of contracts/FirmwareRegistry.sol. */
#ifndef CHAIN_ENTRY_H
#define CHAIN_ENTRY_H

#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

#define RECORD_TOPICS_MAX 4

struct record {
	uint64_t block;			/* of these four only `block` is proven (by prevBlock and lastBlock) */
	struct hash32 block_hash, tx;
	uint32_t log_index;
	uint32_t topics_n;		/* 2 to 4: every event of the registry has the product as its first indexed value */
	struct hash32 topics[RECORD_TOPICS_MAX];
	struct span data;		/* at most RECORD_DATA_MAX bytes */
};

enum entry_kind {
	ENTRY_REGISTERED, ENTRY_PUBLISHER, ENTRY_SIGNERS, ENTRY_RELEASE, ENTRY_REVOKED, ENTRY_FLOOR, ENTRY_OWNER,
	ENTRY_KINDS,
};

struct entry {
	enum entry_kind kind;
	struct hash32 product;
	uint64_t prev_block;		/* block of the product's entry before this one; 0 for its first */
	uint64_t time;			/* block.timestamp */
	union {
		struct { struct addr20 registrant; struct span name; } registered;
		struct { struct addr20 publisher; bool is_allowed; } publisher;
		struct { uint16_t threshold; uint8_t n; struct span keys[SIGNERS_MAX]; } signers;
		struct { uint64_t sequence; struct addr20 publisher; struct span manifest; } release;
		struct { uint64_t sequence; struct span reason; } revoked;
		struct { uint64_t floor; struct span reason; } floor;
		struct { struct addr20 from, to; } owner;
	};
};

/* "registered", "publisher", "signers", "release", "revoked", "floor", "owner". */
const char *entry_kind_name(enum entry_kind kind);

/* Strict ABI by the event's signature. Spans in *out point into r->data. ERR_FORMAT for anything that the
 * contract cannot have emitted. */
MUST_USE int entry_decode(const struct record *r, struct entry *out, struct err *e);

/* The event's topic 0. */
struct hash32 entry_topic(enum entry_kind kind);

/* Only the first word of the data: where the entry before this one is. */
MUST_USE int record_prev_block(const struct record *r, uint64_t *out, struct err *e);

/* head' = keccak256(head ‖ topic0 ‖ … ‖ topicN ‖ keccak256(data)). The first entry extends 32 zero bytes. */
void record_extend(struct hash32 *head, const struct record *r);

/* keccak256(abi.encode(registrant, name)). Without memory it ends the process (err_no_memory): another id would be another product. */
struct hash32 product_id(const struct addr20 *registrant, struct span name);

/* vendor/model by the pattern that the contract enforces. */
bool product_name_is_valid(struct span name);

/* --- storage --- */

/* The two slots that prove a product's whole history: its head, and the packed word after it. */
struct product_slots {
	struct hash32 head, packed;
};
struct product_slots product_slots(const struct hash32 *id);

/* What those two words say. All zero: not registered. */
struct product_words {
	struct hash32 head;
	uint64_t sequence, floor, last_block;
	uint32_t entries;
	uint16_t threshold, epoch;
};
struct product_words product_words(const struct hash32 *head, const struct hash32 *packed);

/* Slot 1 holds the number of registered ids; element i is at keccak256(uint256(1)) + i. */
extern const struct hash32 ids_length_slot;
struct hash32 ids_slot(uint64_t i);

#endif
