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
 * What glibc calls inside itself without going through a symbol (the open of fopen, the socket of getaddrinfo) is out of reach;
 * its allocations are not. Raw syscall()s are not covered either. */
#ifndef FAULTS_SHIM_H
#define FAULTS_SHIM_H

#include <stdbool.h>
#include <stdint.h>

enum shim_class {
	SHIM_MEMORY, SHIM_OPEN_READ, SHIM_OPEN_WRITE, SHIM_READ, SHIM_WRITE, SHIM_SYNC, SHIM_SIZE, SHIM_NAME, SHIM_MAP, SHIM_SOCKET,
	SHIM_CONNECT, SHIM_BIND, SHIM_ACCEPT, SHIM_SEND, SHIM_RECEIVE, SHIM_EPOLL, SHIM_PROCESS, SHIM_STAT, SHIM_RANDOM, SHIM_COPY_FD,
	SHIM_LOCK, SHIM_THREAD, SHIM_CLASSES
};

#define SHIM_SLOTS 4
#define SHIM_SLOT_BYTES (2 * 1024 * 1024)
#define SHIM_DEPTH 8
#define SHIM_SITES 12288		/* per program */
#define SHIM_FIRED 4096
#define SHIM_MODULES 64
#define SHIM_SHORT 9999			/* instead of an errno: half of what was asked for */

enum shim_mode {
	SHIM_OFF,	/* counts calls */
	SHIM_RECORD,	/* and their sites */
	SHIM_SWEEP,	/* fails each site that `pass` has not failed yet, not more often than each gap_ms, `budget` in all */
	SHIM_STICK,	/* fails every call of the classes, on paths below `path` if there is one, from the nth on */
};

/* What a site is, for the test. */
struct shim_site {
	uint64_t hash, count, pass, class;
	uint64_t frame[SHIM_DEPTH];	/* module << 48 | offset; 0: none */
};

struct shim_slot {
	/* written by the test */
	uint64_t mode, classes, pass, gap_ms, budget, seed, sample, nth, only;	/* only: this site; 0: any */
	uint64_t error[SHIM_CLASSES];
	char path[256];
	/* written by the program */
	uint64_t pid, starts, seen, fired_n, last_ms, live, sites_n, sites_lost;
	uint64_t calls[SHIM_CLASSES];
	uint64_t fired[SHIM_FIRED];	/* sites, in order, modulo SHIM_FIRED */
	char module[SHIM_MODULES][64];
	struct shim_site site[SHIM_SITES];
};

/* The errno that this call is to fail with, or 0. dir and path (NULL: dir is the file itself) say where; -1: nowhere. */
int shim_hit(enum shim_class class, int dir, const char *path);
void shim_count_block(int more);

#endif
