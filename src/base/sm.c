/* sm.c: see sm.h. */
#include "base/sm.h"
#include "base/log.h"

#include <stdlib.h>

void sm_init(struct sm *m, const char *part, const struct sm_state *table, unsigned at)
{
	*m = (struct sm){ .table = table, .part = part, .at = at };
}

bool sm_may(const struct sm *m, unsigned to)
{
	return (m->table[m->at].to & SM_TO(to)) != 0;
}

void sm_move(struct sm *m, unsigned to)
{
	if (!sm_may(m, to)) {
		log_broken(m->part, "illegal move", "from=%s to=%s", sm_name(m), m->table[to].name);
		abort();
	}
	log_debug(m->part, "moves", "from=%s to=%s", sm_name(m), m->table[to].name);
	m->at = to;
}
