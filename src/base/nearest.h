/* nearest.h: which known word did somebody mean who wrote an unknown one?
 *
 *	struct nearest near = nearest_to(word);
 *	for (each known word)
 *		nearest_try(&near, known);
 *	if (near.best) … "did you mean %s?"
 *
 * By edit distance (Levenshtein), and only when it is small for the word's length: a wild guess helps nobody. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/span.h"

#define NEAREST_MAX 64	/* longer words have no neighbours: keys and options are short */

struct nearest {
	struct span word;
	unsigned distance;	/* of best; before that, the first distance that is too far */
	const char *best;	/* borrowed; NULL when nothing is near */
};

struct nearest nearest_to(struct span word);
void nearest_try(struct nearest *n, const char *known);

#endif
