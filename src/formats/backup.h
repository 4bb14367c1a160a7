/* backup.h: the head of a backup file (docs/backup.md): what it holds, how long each part is and what its digest must be.
 *
 *	file = head part…	the parts' bytes follow each other, in the order of enum backup_part
 *	head = "GPBACKUP" version:4 made-ms:8 chain-id:8 registry:20 name-length:1 name (size:8 sha256:32)… sha256:32
 *
 * (big-endian; the last digest is that of all before it). The sizes add up to the file's: one that was cut short, or to which
 * something was added, shows it. Nothing is signed: a digest finds damage, not malice. */
#ifndef FORMATS_BACKUP_H
#define FORMATS_BACKUP_H

#include "base/buf.h"
#include "base/limits.h"

#define BACKUP_VERSION 1

enum backup_part {
	BACKUP_FLOOR,		/* as a floor file (store/floor.h) */
	BACKUP_TOKENS,		/* as the tokens file (store/tokens.h) */
	BACKUP_CATALOG,		/* as STATE/catalog; empty: there was none */
	BACKUP_DATABASE,	/* as STATE/gatepost.db, without a WAL */
	BACKUP_PARTS
};

/* "floor", "tokens", "catalog", "database". */
const char *backup_part_name(enum backup_part part);

struct backup_head {
	int64_t made_ms;		/* since 1970, by the gateway's clock */
	uint64_t chain_id;
	struct addr20 registry;
	char gateway[GATEWAY_NAME_MAX + 1];
	struct { uint64_t size; struct hash32 sha256; } part[BACKUP_PARTS];
};

#define BACKUP_HEAD_MAX (8 + 4 + 8 + 8 + 20 + 1 + GATEWAY_NAME_MAX + BACKUP_PARTS * 40 + 32)

/* h's own rules (sizes, the name) are the caller's to keep. */
void backup_head_write(struct buf *b, const struct backup_head *h);

/* From a file's first bytes, of which there may be more. *n: the head's own length. ERR_FORMAT: not a backup; ERR_RULE: of a newer
 * gatepost; ERR_CORRUPT: its digest does not fit; ERR_LIMIT: a part that no gateway's can be. */
MUST_USE int backup_head_read(struct span bytes, struct backup_head *out, size_t *n, struct err *e);

/* Where a part begins in a file whose head has head_n bytes; BACKUP_PARTS: where the file ends. */
uint64_t backup_part_at(const struct backup_head *h, size_t head_n, enum backup_part part);

#endif
