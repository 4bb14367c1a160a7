/* fuzz_backup.c: any bytes as the head of a backup, as they are and with a digest that is made to fit. What reads writes back the same
 * bytes, and its parts lie one after the other. */
#include "formats/backup.h"
#include "formats/sha256.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void read_one(struct span s)
{
	struct buf b = BUF_INIT(BACKUP_HEAD_MAX);
	struct backup_head h;
	size_t used;

	if (backup_head_read(s, &h, &used, NULL) == ERR_OK) {
		backup_head_write(&b, &h);
		check(!b.failed && span_eq(buf_span(&b), span_cut(s, 0, used)));
		for (unsigned i = 0; i < BACKUP_PARTS; i++)
			check(backup_part_at(&h, used, i + 1) - backup_part_at(&h, used, i) == h.part[i].size);
	}
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t bytes[BACKUP_HEAD_MAX];
	struct hash32 sum;

	read_one(SPAN(data, n));
	if (n < 49 + BACKUP_PARTS * 40 + 32 || n > sizeof bytes)
		return 0;
	memcpy(bytes, data, n);
	sum = sha256_of(SPAN(bytes, n - sizeof sum));
	memcpy(bytes + n - sizeof sum, &sum, sizeof sum);
	read_one(SPAN(bytes, n));
	return 0;
}
