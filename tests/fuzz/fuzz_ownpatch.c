/* fuzz_ownpatch.c: any bytes as a patch of STATE/own/log: with what is sound SQLite comes to an end, whatever it thinks of it. */
#define SQLITE_ENABLE_SESSION 1
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include "store/ownpatch.h"

#include <sqlite3.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	sqlite3_changeset_iter *at;
	size_t changes = 0;

	if (!ownpatch_is_sound(SPAN(data, n)) || sqlite3changeset_start(&at, (int)n, (void *)(uintptr_t)data) != SQLITE_OK)
		return 0;
	while (sqlite3changeset_next(at) == SQLITE_ROW)
		if (++changes > n)
			abort();
	sqlite3changeset_finalize(at);
	return 0;
}
