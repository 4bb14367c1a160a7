/* gatepostd.h: the supervisor's parts. libc and libbase only; what they read comes from our own processes.
 *
 * gatepostd.c		options, and the loop that keeps both children going
 * gatepostd_plan.c	the resolved configuration, directories, listeners
 * gatepostd_child.c	starting a child and handing it what it needs */
#ifndef DAEMON_GATEPOSTD_H
#define DAEMON_GATEPOSTD_H

#include "base/io.h"
#include "base/log.h"
#include "catalog/link.h"

#include <sys/types.h>

enum { KEEPER, SERVER, CHILDREN };

struct listener {
	enum listener_kind kind;
	int fd;
	char address[64];	/* as bound: "[::1]:8080" */
};

/* The head of the resolved configuration, and both forms of it. */
struct plan {
	int conf[CHILDREN];
	char run_dir[4096], state_dir[4096];
	struct { char kind[16], host[46]; unsigned port; } listen[LISTENERS_MAX];
	size_t listen_n;
	enum log_level level;
};

struct child {
	const char *name;
	pid_t pid;		/* 0: not running */
	int sock;
	bool is_ready;
	unsigned quick;		/* deaths in a row, each soon after its start */
	int64_t started_ms, alive_ms, restart_ms;
};

struct supervisor {
	const char *file;
	char libexec[4096];
	struct plan plan;
	struct listener listeners[LISTENERS_MAX];
	size_t listeners_n;
	struct child child[CHILDREN];
	int catalog;		/* the newest, or -1 */
	unsigned untaken;	/* catalogs that the server was sent and has not looked at */
	int signals;
	bool was_ready;
	int64_t meet_ms;	/* when keeper and server are given a new pair; 0: theirs holds */
};

/* Runs `gatepost-keeper -P` and reads what it says; its own messages go to stderr. */
MUST_USE int plan_resolve(const struct supervisor *s, struct plan *out, struct err *e);
void plan_close(struct plan *p);
bool plan_has_same_listeners(const struct plan *a, const struct plan *b);

/* Makes state and run directory where they are missing, and sees that they can be read. */
MUST_USE int plan_directories(const struct plan *p, struct err *e);
MUST_USE int plan_listen(struct supervisor *s, struct err *e);

/* Beside our own program, as in the build tree, or where they are installed. */
void child_find_programs(struct supervisor *s);

/* Starts a child with descriptor 3 as its socket and, unless argv has arguments, hands it all but peer and go. */
MUST_USE int child_exec(const struct supervisor *s, const char *name, const char *const args[], int sock, pid_t *pid, struct err *e);
MUST_USE int child_start(struct supervisor *s, int which, struct err *e);

/* A fresh pair between the two; then SUP_GO to those in `go` (bit 1 << which). */
void child_introduce(struct supervisor *s, unsigned go);
/* False: not sent, and noticed. */
bool child_send(struct child *c, enum sup_type type, struct span more, int fd);
/* The newest, to the server. */
void child_send_catalog(struct supervisor *s);

/* One datagram to $NOTIFY_SOCKET (sd_notify(3)); nothing without one. */
void notify(const char *text);

#endif
