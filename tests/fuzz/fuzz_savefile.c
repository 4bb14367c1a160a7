/* fuzz_savefile.c: any bytes as a backup's front, and as the two parts that are not a database. What is taken must lie within the
 * file, and say the same when it is written again.
 *
 * Digests are those of floors' and tokens' own files; SHA-256 is replaced by 32 equal bytes, the sum of what is hashed, so that bytes with
 * a digest that fits are found. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "store/floor_own.h"
#include "store/savefile.h"
#include "store/tokens.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void front(struct span in)
{
	AUTO(buf_free) struct buf again = BUF_INIT(SAVE_FRONT_MAX);
	struct savefile s, copy;
	uint64_t size = in.n;

	/* The length that would fit, if there is one: then all else decides. */
	if (in.n > 12)
		size = (uint64_t)in.p[in.n - 1] << 8 | in.p[in.n - 2];
	if (savefile_read(in, size, &s, NULL))
		return;
	check(s.total == size && strlen(s.version) < sizeof s.version && strlen(s.name) < sizeof s.name);
	for (size_t i = 0; i < SAVE_PARTS; i++)
		check(s.at[i] <= size && s.size[i] <= size - s.at[i]);
	copy = s;
	check(savefile_front(&copy, &again, NULL) == ERR_OK);
	check(again.n == s.at[SAVE_DATABASE] && again.n <= in.n && !memcmp(again.p, in.p, again.n));
}

static void floors(struct span in)
{
	AUTO(buf_free) struct buf again = BUF_INIT(FLOOR_FILE_MAX);
	struct floor_set set = { 0 };

	if (floor_file_read(in, &set, NULL))
		return;
	for (size_t i = 0; i < set.n; i++)
		for (size_t j = 1; j < set.at[i].item.revoked_n; j++)
			check(set.at[i].item.revoked[j - 1] < set.at[i].item.revoked[j]);
	floor_file_write(&again, &set);
	check(buf_ok(&again, NULL) == ERR_OK);
	floor_set_free(&set);
}

static void tokens(struct span in)
{
	AUTO(buf_free) struct buf again = BUF_INIT(SAVE_TOKENS_MAX);
	struct tokens *t;

	if (tokens_read(-1, in, NULL, &t, NULL))
		return;
	for (size_t i = 0; tokens_at(t, i); i++)
		check(strlen(tokens_at(t, i)->name) <= TOKEN_NAME_MAX && tokens_at(t, i)->scope < TOKEN_SCOPES);
	tokens_write(t, &again);
	check(buf_ok(&again, NULL) == ERR_OK);
	tokens_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = SPAN(data, n);

	front(in);
	floors(in);
	tokens(in);
	return 0;
}
