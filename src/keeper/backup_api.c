/* backup_api.c: backups through the API, in pieces as bundles are (bundle_api.c). For admins alone: it holds the digests of all
 * tokens, every device, and the whole audit log. */
#include "base/base64.h"
#include "base/cleanup.h"
#include "keeper/api.h"
#include "keeper/js.h"
#include "keeper/keeper.h"

static struct backup *find(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	uint64_t asked;

	if (k->backup && route_u64(c->match.part[0], &asked, NULL) == ERR_OK && asked == backup_id(k->backup))
		return k->backup;
	api_problem(r, 404, "id", "there is none of this id, or another one has taken its place");
	return NULL;
}

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

void api_backup(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct backup *b = find(k, c, r);

	if (b)
		api_ok(r, backup_json(b));
}

void api_backup_data(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	AUTO(buf_free) struct buf text = BUF_INIT(2 * BUNDLE_PIECE);
	struct backup *b = find(k, c, r);
	uint64_t offset;
	struct span piece;
	struct err e = { 0 };
	bool is_last;
	json_t *o;

	if (!b)
		return;
	if (route_u64(route_value(&c->query, "offset"), &offset, &e)) {
		api_problem(r, 400, "offset", "offset: %s", e.msg);
		return;
	}
	if (backup_piece(b, offset, &piece, &is_last, &e)) {
		api_fail(r, &e);
		return;
	}
	base64_put(&text, piece);
	o = json_object();
	js_set(o, "offset", js_u64(offset));
	js_set(o, "data", js_text(buf_span(&text)));
	js_set(o, "last", js_bool(is_last));
	api_ok(r, o);
}
