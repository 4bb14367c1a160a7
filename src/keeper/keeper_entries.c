/* keeper_entries.c: files of entries between database, catalog and server. */
#include "base/hex.h"
#include "base/log.h"
#include "keeper/keeper.h"

void keeper_bring_entries(struct keeper *k, struct ledger_product *p, uint32_t final_entries)
{
	struct err e = { 0 };

	if (entryfiles_bring(&k->entryfiles, &p->id, final_entries, &p->file, &e))
		keeper_trouble(k, &e);
}

static bool is_followed(void *arg, const struct hash32 *product)
{
	const struct keeper *k = arg;

	return ledger_find(&k->ledger, product) != NULL;
}

void keeper_sweep_entries(struct keeper *k)
{
	struct err e = { 0 };

	if (k->entryfiles.is_swept || !entryfiles_sweep(&k->entryfiles, is_followed, k, &e))
		return;
	/* Files that nobody asks for are no reason to rest; the next catalog tries again. */
	if (err_is_of_one_file(&e))
		log_broken("keeper", "old files of entries cannot be looked for", "why=\"%s\"", e.msg);
	else
		keeper_trouble(k, &e);
}

bool keeper_check_entries(struct keeper *k, struct ledger_product *p)
{
	uint64_t replaced = k->entryfiles.replaced, appended = k->entryfiles.appended;

	if (p->file.bytes == 0)
		return false;
	entryfiles_doubt(&k->entryfiles, &p->id, &p->file);
	keeper_bring_entries(k, p, p->file.entries);
	return k->entryfiles.replaced != replaced || k->entryfiles.appended != appended;
}

/* While the last run's catalog is told (its database was lost), p->file tells of nothing yet: the file may know more than we do,
 * and nothing here could mend it. */
void keeper_entries_rotten(struct keeper *k, const struct hash32 *product)
{
	struct ledger_product *p = ledger_find(&k->ledger, product);
	int64_t now = clock_mono_ms(k->clock);
	char hex[65];

	hex_str(SPAN_OF(*product), hex);
	if (keeper_is_paused(k))
		return;		/* the server says so again */
	if (!p || p->file.bytes == 0) {
		log_unusual("keeper", "damage of entries that cannot be mended", "product=%s", hex);
		return;
	}
	if (p->file.asked_ms && now - p->file.asked_ms < ENTRIES_CHECK_MS)
		return;
	p->file.asked_ms = now;
	if (keeper_check_entries(k, p))
		log_broken("keeper", "bit rot in a product's entries: written again", "product=%s", p->name);
}
