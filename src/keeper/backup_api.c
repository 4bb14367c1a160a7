/* backup_api.c: backups through the API: in pieces, as base64 in JSON, as bundles travel. They hold what tokens were made of and who
 * did what: admins only. */
#include "base/base64.h"
#include "base/cleanup.h"
#include "keeper/api.h"
#include "keeper/js.h"
#include "keeper/keeper.h"

static bool is_the_one(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	return api_has_id(c, r, k->backup, k->backup ? backup_id(k->backup) : 0);
}

void api_backup_new(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct err e = { 0 };

	if (backup_begin(k, &e)) {
		api_fail(r, &e);
		return;
	}
	/* Before the first page is copied: a backup has its own record. */
	if (keeper_audit(k, c, "backup", "", "", &e)) {
		backup_drop(k);
		api_fail(r, &e);
		return;
	}
	api_ok(r, backup_json(k->backup));
	r->status = 201;
}

void api_backup(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	if (is_the_one(k, c, r))
		api_ok(r, backup_json(k->backup));
}

void api_backup_data(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	AUTO(buf_free) struct buf piece = BUF_INIT(BUNDLE_PIECE), text = BUF_INIT(2 * BUNDLE_PIECE);
	uint64_t offset;
	struct err e = { 0 };
	bool is_last;
	json_t *o;

	if (!is_the_one(k, c, r))
		return;
	if (route_u64(route_value(&c->query, "offset"), &offset, &e)) {
		api_problem(r, 400, "offset", "offset: %s", e.msg);
		return;
	}
	if (backup_piece(k->backup, offset, &piece, &is_last, &e)) {
		api_fail(r, &e);
		return;
	}
	base64_put(&text, buf_span(&piece));
	o = json_object();
	js_set(o, "offset", js_u64(offset));
	js_set(o, "data", js_text(buf_span(&text)));
	js_set(o, "last", js_bool(is_last));
	api_ok(r, o);
}
