/* news.c: see news.h. */
#include "keeper/news.h"

void news_note(struct news *n)
{
	n->is_waiting = true;
}

static bool is_due(const struct news *n, bool is_round_over, int64_t mono_ms)
{
	return is_round_over || !n->was_told || mono_ms - n->told_ms >= CHAIN_NEWS_MS;
}

bool news_take(struct news *n, bool is_round_over, int64_t mono_ms)
{
	if (!n->is_waiting || !is_due(n, is_round_over, mono_ms))
		return false;
	*n = (struct news){ .was_told = true, .told_ms = mono_ms };
	return true;
}

int64_t news_wake(const struct news *n)
{
	if (!n->is_waiting)
		return INT64_MAX;
	return n->was_told ? n->told_ms + CHAIN_NEWS_MS : INT64_MIN;
}
