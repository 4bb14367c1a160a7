/* abi.h: the part of Solidity's contract ABI that the registry speaks.
 *
 * Types: uintN (N ≤ 64), address, bool, bytes32, string and bytes, bytes[].
 * Reading is strict: only the layout that solc's abi.encode makes is accepted (tails in order, without gaps
 * or overlaps, zero padding, nothing after the last), so that one value has one encoding. Readers borrow: spans
 * that they give point into the input. Source: docs.soliditylang.org, "Contract ABI Specification". */
#ifndef FORMATS_ABI_H
#define FORMATS_ABI_H

#include "base/buf.h"

/* --- reading ---
 *	struct abi_reader r = abi_read(data, 4);	four head words
 *	prev = abi_uint(&r, 64);
 *	name = abi_bytes(&r, 128);
 *	…
 *	return abi_end(&r, e);				the first rule that was broken
 * After a failure every getter gives zeros. All head words have to be read. */
struct abi_reader {
	struct span data;
	size_t head, head_end;	/* offsets of the next head word, and of the first tail */
	size_t tail;		/* where the next tail must begin */
	const char *broken;	/* the first rule that failed, or NULL */
};

struct abi_reader abi_read(struct span data, size_t head_words);
uint64_t abi_uint(struct abi_reader *r, unsigned bits);	/* 8 to 64 */
bool abi_bool(struct abi_reader *r);
struct addr20 abi_addr(struct abi_reader *r);
struct hash32 abi_word(struct abi_reader *r);
struct span abi_bytes(struct abi_reader *r, size_t max);
/* At most max items of at most each bytes into out. Returns how many. */
size_t abi_list(struct abi_reader *r, struct span *out, size_t max, size_t each);
MUST_USE int abi_end(const struct abi_reader *r, struct err *e);

/* An indexed value as it stands in a topic. ERR_FORMAT when its unused bytes are not zero. */
MUST_USE int abi_topic_u64(const struct hash32 *topic, uint64_t *out, struct err *e);
MUST_USE int abi_topic_addr(const struct hash32 *topic, struct addr20 *out, struct err *e);

/* --- writing --- */
enum abi_kind { ABI_KIND_UINT, ABI_KIND_WORD, ABI_KIND_ADDR, ABI_KIND_BYTES, ABI_KIND_LIST };

struct abi_arg {
	enum abi_kind kind;
	uint64_t number;
	const uint8_t *fixed;		/* 32 or 20 bytes */
	struct span bytes;
	const struct span *list;
	size_t list_n;
};

#define ABI_UINT(v)	 ((struct abi_arg){ .kind = ABI_KIND_UINT, .number = (v) })
#define ABI_BOOL(v)	 ((struct abi_arg){ .kind = ABI_KIND_UINT, .number = (v) ? 1 : 0 })
#define ABI_WORD(h)	 ((struct abi_arg){ .kind = ABI_KIND_WORD, .fixed = (h)->b })
#define ABI_ADDR(a)	 ((struct abi_arg){ .kind = ABI_KIND_ADDR, .fixed = (a)->b })
#define ABI_BYTES(s)	 ((struct abi_arg){ .kind = ABI_KIND_BYTES, .bytes = (s) })	/* also string */
#define ABI_LIST(s, n)	 ((struct abi_arg){ .kind = ABI_KIND_LIST, .list = (s), .list_n = (n) })

/* abi.encode(args…). */
void abi_encode(struct buf *b, const struct abi_arg *args, size_t n);

/* Call data: the selector of e.g. "publish(bytes32,uint64,bytes)", then the arguments. */
void abi_call(struct buf *b, const char *signature, const struct abi_arg *args, size_t n);

/* keccak-256 of a signature: an event's topic 0; its first four bytes are a function's or custom error's selector. */
struct hash32 abi_signature(const char *signature);

#endif
