/* nearest.c: see nearest.h. */
#include "base/nearest.h"

struct nearest nearest_to(struct span word)
{
	/* One edit for words of up to 3 letters, then one more for each 4. */
	return (struct nearest){ .word = word, .distance = (unsigned)(word.n > NEAREST_MAX ? 0 : word.n / 4 + 2) };
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* The usual table of prefixes, one row at a time. */
static unsigned edits(struct span a, struct span b)
{
	unsigned row[NEAREST_MAX + 1];

	for (size_t j = 0; j <= b.n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a.n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.n; j++) {
			unsigned above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a.p[i - 1] != b.p[j - 1]));
			diagonal = above;
		}
	}
	return row[b.n];
}

void nearest_try(struct nearest *n, const char *known)
{
	struct span k = span_str(known);
	unsigned d;

	if (k.n > NEAREST_MAX || n->word.n > NEAREST_MAX)
		return;
	d = edits(n->word, k);
	if (d < n->distance) {
		n->distance = d;
		n->best = known;
	}
}
