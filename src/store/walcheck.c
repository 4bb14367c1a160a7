/* walcheck.c: see walcheck.h. The format is SQLite's (fileformat2.html, section 4: "The Write-Ahead Log"). */
#include "store/walcheck.h"
#include "store/pagesum.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define HEAD 32
#define FRAME_HEAD 24
#define FRAME (FRAME_HEAD + PAGESUM_PAGE)

struct wal {
	const uint8_t *p;
	size_t frames;
	const uint8_t *salts;	/* 8 bytes: every frame of this log has them */
	bool is_big;
};

struct sums {
	uint32_t a, b;
};

static uint32_t big(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t word(const struct wal *w, const uint8_t *p)
{
	return w->is_big ? big(p) : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void add(const struct wal *w, struct sums *s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		s->a += word(w, p + i) + s->b;
		s->b += word(w, p + i + 4) + s->a;
	}
}

static bool are(const struct sums *s, const uint8_t *stored)
{
	return s->a == big(stored) && s->b == big(stored + 4);
}

static const uint8_t *frame(const struct wal *w, size_t i)
{
	return w->p + HEAD + i * FRAME;
}

/* The checksums run through the whole log: a frame's begin with what the one before it stored. */
static bool fits(const struct wal *w, size_t i)
{
	const uint8_t *f = frame(w, i), *before = i ? frame(w, i - 1) + 16 : w->p + 24;
	struct sums s = { big(before), big(before + 4) };

	if (memcmp(f + 8, w->salts, 8) != 0)
		return false;
	add(w, &s, f, 8);
	add(w, &s, f + FRAME_HEAD, PAGESUM_PAGE);
	return are(&s, f + 16);
}

static bool is_commit(const struct wal *w, size_t i)
{
	return big(frame(w, i) + 4) != 0;	/* the database's size after it */
}

/* Behind frame `broken`. */
static bool goes_on(const struct wal *w, size_t broken)
{
	for (size_t i = broken + 1; i + 1 < w->frames; i++)
		if (is_commit(w, i) && fits(w, i) && fits(w, i + 1))
			return true;
	return false;
}

/* One of zeros is a head as well, of a log that SQLite has emptied: no frame has its salts. */
static bool has_head(const struct wal *w)
{
	struct sums s = { 0, 0 };

	add(w, &s, w->p, 24);
	return are(&s, w->p + 24);
}

bool walcheck_is_rotten(struct span wal)
{
	struct wal w = { .p = wal.p };
	size_t i = 0;

	if (wal.n < HEAD + FRAME)
		return false;
	w.frames = (wal.n - HEAD) / FRAME;
	w.is_big = big(wal.p) & 1;	/* the magic number's last bit */
	w.salts = wal.p + 16;
	if (has_head(&w)) {
		while (i < w.frames && fits(&w, i))
			i++;
		return i < w.frames && goes_on(&w, i);
	}
	/* Not one frame counts without it: the first one tells what they have in common. Which of SQLite's two magic numbers it was: this machine's. */
	w.is_big = BYTE_ORDER == BIG_ENDIAN;
	w.salts = frame(&w, 0) + 8;
	return goes_on(&w, 0);
}
