/* sm.h: a state machine whose legal moves are a table.
 *
 * Each state names itself and the states it may move to. A move that the table
 * does not list is our bug and aborts, also in release builds. */
#ifndef BASE_SM_H
#define BASE_SM_H

#include <stdbool.h>
#include <stdint.h>

struct sm_state {
	const char *name;
	uint32_t to;	/* SM_TO(a) | SM_TO(b) … */
};

#define SM_TO(state) (UINT32_C(1) << (state))

struct sm {
	const struct sm_state *table;
	const char *part;	/* who logs the moves, e.g. "fetch" */
	unsigned at;
};

void sm_init(struct sm *m, const char *part, const struct sm_state *table, unsigned at);
/* Moves and logs "NAME -> NAME" at debug level. */
void sm_move(struct sm *m, unsigned to);
bool sm_may(const struct sm *m, unsigned to);

static inline const char *sm_name(const struct sm *m)
{
	return m->table[m->at].name;
}

#endif
