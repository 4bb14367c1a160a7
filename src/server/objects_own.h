/* objects_own.h: what the parts of objects.h share; nobody else includes it.
 *
 *	objects.c	the table: opening, holding, letting go
 *	objects_read.c	checked bytes
 *	objects_hot.c	the loading thread and its budget
 *
 * objects.lock guards everything that is not said to be fixed or atomic. Nothing reads a file under it. */
#ifndef SERVER_OBJECTS_OWN_H
#define SERVER_OBJECTS_OWN_H

#include "base/list.h"
#include "server/chunks.h"
#include "server/objects.h"

#include <pthread.h>
#include <stdatomic.h>

enum object_state {
	OBJECT_OPENING,	/* somebody opens it; others wait for objects.opened */
	OBJECT_GOOD,
	OBJECT_BAD,	/* damage was met and told */
};

enum object_heat {
	OBJECT_COLD,
	OBJECT_QUEUED,	/* the loader has it, holds it, and its bytes are charged */
	OBJECT_HOT,
	OBJECT_NEVER_HOT,	/* loading failed */
};

struct object {
	struct list node;		/* in objects.table, or in none when it was dropped from there */
	struct list load_node;		/* in objects.loads */
	struct objects *all;		/* fixed, like the following */
	uint64_t id;			/* never used twice: names its chunks */
	struct hash32 sha256, sums_sha256;
	uint64_t size;
	uint32_t chunks;
	struct hash32 *sums;		/* fixed once opened */
	int fd;				/* fixed once opened */
	enum object_state state;
	enum object_heat heat;
	unsigned holders;
	bool is_listed;
	int64_t used_ms, rot_told_ms;
	uint32_t bad_chunk;
	atomic_int hot_fd;		/* set once while held; -1 before */
	_Atomic(const uint8_t *) hot;	/* the same: its bytes */
};

struct objects {
	pthread_mutex_t lock;
	pthread_cond_t opened, work;
	struct objects_conf conf;
	struct list table, loads;
	uint32_t open, hot, transfers;
	uint64_t next_id, sums_bytes, hot_charged;
	struct chunks *chunks;
	pthread_t loader;
	bool is_stopping;
};

/* Marks the object bad and tells it, once. Without the lock. Returns rc. */
int object_found_rot(struct object *o, uint32_t chunk, int rc);

/* A whole chunk from the disk, compared with its digest. */
MUST_USE int object_fill(void *object, uint32_t index, uint8_t *out, size_t *n, struct err *e);

/* Under the lock: asks the loader for it, if it fits. */
void objects_want_hot(struct objects *all, struct object *o);
/* Under the lock, nobody holds it. */
void objects_cool(struct objects *all, struct object *o);
void *objects_load(void *all);		/* the loading thread */

#endif
