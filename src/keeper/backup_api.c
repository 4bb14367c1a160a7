/* backup_api.c: backups through the API, in pieces as bundles are (bundle_api.c). For admins alone: it holds the digests of all
 * tokens, every device, and the whole audit log. */
#include "keeper/api_piece.h"
#include "keeper/keeper.h"

/* The record first: the backup then holds it. */
void api_backup_new(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct err e = { 0 };
	int rc = keeper_audit(k, c, "backup", k->conf->gateway.name, "", &e);

	if (!rc)
		rc = backup_begin(k, &e);
	if (rc) {
		api_fail(r, &e);
		return;
	}
	api_ok(r, backup_json(k->backup));
	r->status = 201;
}

static bool is_asked_for(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	return api_has_id(c, r, k->backup, k->backup ? backup_id(k->backup) : 0);
}

void api_backup(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	if (is_asked_for(k, c, r))
		api_ok(r, backup_json(k->backup));
}

void api_backup_data(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	uint64_t offset;
	struct span piece;
	struct err e = { 0 };
	bool is_last;

	if (!is_asked_for(k, c, r) || !api_read_offset(c, r, &offset))
		return;
	if (backup_piece(k->backup, offset, &piece, &is_last, &e) == ERR_OK)
		api_give_piece(r, offset, piece, is_last);
	else
		api_fail(r, &e);
}
