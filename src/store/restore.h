/* restore.h: a backup brought into the state directory of a stopped gateway (docs/backup.md).
 *
 *	lock ─► whole file checked ─► each part checked, in a directory beside ─► new database made, beside, and read back
 *	─► floors united ─► tokens ─► the old database gets a second name, the new one takes its place
 *
 * Until the floors nothing of the directory has changed but that scratch directories come and go. Every step after that can be cut and the
 * whole run again: floors only rise; the tokens file and the database are replaced whole.
 *
 * What stays and what comes:
 *	floors		the union of both
 *	database	the backup's (own.h: what the chain cannot tell), and of the one that stands there holds, alarms and devices'
 *			floors; the longer audit log, when one goes on from the other
 *			(of a database that is gone, damaged or an older one: what its second copy holds, owncopy.h; it is removed at the end)
 *	tokens		those that stand there, if any do: a token that was revoked since must not work again. Else the backup's
 *	catalog, objects, entries	those that stand there: a catalog that a backup brings could tell of older releases */
#ifndef STORE_RESTORE_H
#define STORE_RESTORE_H

#include "store/savefile.h"
#include "store/sysio.h"

struct restore_ask {
	const char *state_dir;		/* made if it is not there */
	int fd;				/* the backup, open for reading */
	bool with_tokens;		/* the backup's tokens, whatever stands there */
	/* Is this the product's id? NULL: all are believed. */
	bool (*is_product)(const struct hash32 *id, const struct addr20 *registrant, const char *name);
	uint64_t chain_id;		/* what is configured: floors of another registry mean nothing here */
	struct addr20 registry;
	int64_t now_ms;
	const char *who;		/* for the audit log */
	const struct sysio *sys;	/* NULL: the kernel's */
};

enum restore_audit { RESTORE_AUDIT_BACKUP, RESTORE_AUDIT_HERE };

struct restore_result {
	struct savefile about;
	struct hash32 sum;		/* of the backup */
	uint64_t floors;		/* products that have one now */
	uint64_t devices;
	size_t tokens;			/* that there are now */
	size_t tokens_left_out;		/* of the backup, that are not here any more */
	bool took_tokens;
	bool had_database;		/* one stood there and could be read: it is gatepost.db.replaced now */
	bool set_aside;			/* one stood there and is damaged: it is gatepost.db.damaged now */
	enum restore_audit audit;	/* whose audit log it is */
};

/* The lock that a keeper holds on its state directory, too. ERR_BUSY: somebody has it. Ends with the descriptor. */
MUST_USE int restore_lock(int state_dir, struct err *e);

/* ERR_BUSY: a gateway runs on the directory. ERR_PROOF, ERR_FORMAT, ERR_CORRUPT, ERR_RULE, ERR_LIMIT: the backup is refused, and nothing
 * has changed. Others: the disk; run it again. */
MUST_USE int restore_run(const struct restore_ask *ask, struct restore_result *out, struct err *e);

#endif
