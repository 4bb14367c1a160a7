/* shim.h: a preloaded library that makes calls into the C library fail, steered from outside while the program runs.
 *
 *	LD_PRELOAD=shim.so SHIM_FILE=path program
 *
 * SHIM_FILE is shared memory: SHIM_SLOTS slots of SHIM_SLOT_BYTES, one a program (shim_slots in shim.c), each an array of
 * 64-bit words. The test writes orders into it and reads what happened (every-call.mjs has the other half). Nothing of this
 * is in the programs: they are started by the test with the variables above, and their children inherit them.
 *
 * A call is known by its site: its class and SHIM_DEPTH return addresses, the innermost ones of the program itself and up to three
 * of libraries, each as module and offset: the same one in every run, whatever the address layout. "Fail each call once" means
 * each site.
 *
 * What a process holds when it ends by exit() is told as well: blocks by the site that they were allocated at (while `track` is set) and
 * descriptors by kind. And where it was when a signal of its own making ended it.
 *
 * What glibc calls inside itself without going through a symbol (the open of fopen, the socket of getaddrinfo) is out of reach;
 * its allocations are not. Of raw syscall()s those of Landlock are covered. shim-symbols.test.mjs demands that every name that the programs
 * import is wrapped here or stands there with a reason. */
#ifndef FAULTS_SHIM_H
#define FAULTS_SHIM_H

#include <stdbool.h>
#include <stdint.h>

enum shim_class {
	SHIM_MEMORY, SHIM_OPEN_READ, SHIM_OPEN_WRITE, SHIM_READ, SHIM_WRITE, SHIM_SYNC, SHIM_SIZE, SHIM_NAME, SHIM_MAP, SHIM_SOCKET,
	SHIM_CONNECT, SHIM_BIND, SHIM_ACCEPT, SHIM_SEND, SHIM_RECEIVE, SHIM_EPOLL, SHIM_PROCESS, SHIM_STAT, SHIM_RANDOM, SHIM_COPY_FD,
	SHIM_LOCK, SHIM_THREAD, SHIM_DIRECTORY, SHIM_OPTION, SHIM_WAIT, SHIM_SANDBOX,
	SHIM_CLASSES
};

#define SHIM_SLOTS 4
#define SHIM_SLOT_BYTES (2 * 1024 * 1024)
#define SHIM_DEPTH 8
#define SHIM_SITES 12288		/* per program */
#define SHIM_FIRED 4096
#define SHIM_MODULES 64
#define SHIM_SHORT 9999			/* instead of an errno: half of what was asked for */
#define SHIM_BLOCKS (1 << 18)		/* alive at a time, per process */
#define SHIM_CRASHES 16
#define SHIM_CRASH_DEPTH 32
#define SHIM_KINDS 16			/* of descriptors: st_mode >> 12 */
#define SHIM_NOWHERE UINT32_MAX		/* instead of a site's index */

enum shim_mode {
	SHIM_OFF,	/* counts calls */
	SHIM_RECORD,	/* and their sites */
	SHIM_SWEEP,	/* fails each site that `pass` has not failed yet, not more often than each gap_ms, `budget` in all */
	SHIM_STICK,	/* fails every call of the classes, on paths below `path` if there is one, from the nth on */
};

/* What a site is, for the test. */
struct shim_site {
	uint64_t hash, count, pass, class;
	uint64_t held;			/* blocks of it that the last process to end by exit() had not freed */
	uint64_t frame[SHIM_DEPTH];	/* module << 48 | offset; 0: none */
};

/* A process that was ended by a signal of its own making. life: which start of the program it was, from 1. */
struct shim_crash {
	uint64_t life, signal;
	uint64_t frame[SHIM_CRASH_DEPTH];	/* as in a site, of all modules */
};

struct shim_slot {
	/* written by the test */
	uint64_t mode, classes, pass, gap_ms, budget, seed, sample, nth, only, track;	/* only: this site; 0: any */
	uint64_t error[SHIM_CLASSES];
	char path[256];
	/* written by the program */
	uint64_t pid, starts, seen, fired_n, last_ms, sites_n, sites_lost, blocks_lost, crashes_n;
	uint64_t ended;			/* the last life that ended by exit() */
	uint64_t calls[SHIM_CLASSES];
	uint64_t fired[SHIM_FIRED];	/* life << 32 | site + 1, in order, modulo SHIM_FIRED */
	uint64_t open[SHIM_KINDS];	/* descriptors at the end of `ended` */
	struct shim_crash crash[SHIM_CRASHES];	/* in order, modulo SHIM_CRASHES */
	char module[SHIM_MODULES][64];
	struct shim_site site[SHIM_SITES];
};

/* The errno that this call is to fail with, or 0. dir and path (NULL: dir is the file itself) say where; -1: nowhere. */
int shim_hit(enum shim_class class, int dir, const char *path);

/* Likewise, for memory; *site is where it is asked for, or SHIM_NOWHERE. */
int shim_hit_memory(uint32_t *site);

/* A block has come; one goes. The latter gives the site for one that moves. */
void shim_block_add(const void *p, uint32_t site);
uint32_t shim_block_remove(const void *p);

/* --- between the parts of the library --- */

extern struct shim_slot *shim_slot;	/* NULL: not steered */

/* The stack from here on, without this library's own frames; as in struct shim_crash. */
void shim_stack(uint64_t frame[SHIM_CRASH_DEPTH]);

/* How many blocks of each site are alive. */
void shim_blocks_count(struct shim_slot *slot);

void shim_watch_crashes(void);

#endif
