/* made.h: the representations that are made for each answer: info and freshness, in JSON and CBOR. */
#ifndef SERVER_MADE_H
#define SERVER_MADE_H

#include "base/buf.h"
#include "catalog/freshness.h"

/* Info (chapter 7): product channel sequence version size sha256 cid path freshness. */
struct made_info {
	struct span product, channel, version, cid;
	uint64_t sequence, size;
	struct hash32 sha256;
	enum freshness freshness;
};
void made_info_json(struct buf *b, const struct made_info *i);
void made_info_cbor(struct buf *b, const struct made_info *i);

/* Freshness: block number, hash, time of the last proof, age in seconds, trust. Numbers that are not known are null. */
struct made_freshness {
	struct catalog_proof proof;
	int64_t age_s;		/* -1: not known */
	enum catalog_trust trust;
	enum freshness freshness;
};
void made_freshness_json(struct buf *b, const struct made_freshness *f);
void made_freshness_cbor(struct buf *b, const struct made_freshness *f);

#endif
