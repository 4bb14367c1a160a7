/* savefile.h: the file that `gatepost backup` makes and `gatepost restore` reads (docs/backup.md).
 *
 *	file = "GPBACKUP" head-length:4 head database floors tokens sha256:32
 *	head = CBOR array: 1, program's version, gateway's name, milliseconds since 1970, chain id, registry,
 *	       sizes of database, floors and tokens
 *
 * (big-endian; deterministic CBOR). The digest is that of all before it, so that a file that was cut, or on a card that rots, is
 * noticed before anything of it is used. It says nothing about who wrote the file. */
#ifndef STORE_SAVEFILE_H
#define STORE_SAVEFILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

#define SAVEFILE_SUM 32		/* bytes of the digest at its end */

enum save_part { SAVE_DATABASE, SAVE_FLOORS, SAVE_TOKENS, SAVE_PARTS };

struct savefile {
	char version[32];		/* of the program that wrote it */
	char name[GATEWAY_NAME_MAX + 1];
	uint64_t made_ms;
	uint64_t chain_id;
	struct addr20 registry;
	uint64_t size[SAVE_PARTS];
	uint64_t at[SAVE_PARTS];	/* where in the file; savefile_front and savefile_read set it */
	uint64_t total;			/* bytes of the file; the same */
};

/* What comes before the parts. */
MUST_USE int savefile_front(struct savefile *s, struct buf *out, struct err *e);

/* From the file's beginning (SAVE_FRONT_MAX bytes of it, or all) and its length. ERR_FORMAT, ERR_LIMIT: not one of ours, or with other
 * lengths than it says; ERR_RULE: of a later format. */
MUST_USE int savefile_read(struct span start, uint64_t file_size, struct savefile *out, struct err *e);

/* Does the file's content have the digest at its end? ERR_PROOF when not. */
MUST_USE int savefile_check(int fd, uint64_t file_size, struct hash32 *sum, struct err *e);

#endif
