/* bundle_api.c: offline bundles through the API: files travel in pieces, as base64 in JSON, within the limits of every other call.
 * So nothing else is listened on, and both ways to a gateway, socket and HTTP, are the same. */
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "keeper/api_piece.h"
#include "keeper/js.h"
#include "keeper/keeper.h"

#include <stdio.h>

/* --- members of a body --- */

static bool read_number(const struct api_call *c, struct api_reply *r, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(c->body, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0) {
		api_problem(r, 400, key, "%s: must be a number", key);
		return false;
	}
	*out = (uint64_t)json_integer_value(v);
	return true;
}

/* Absent or null: *has false. */
static bool read_hash(const struct api_call *c, struct api_reply *r, const char *key, bool is_bare, bool *has, struct hash32 *out)
{
	const json_t *v = json_object_get(c->body, key);
	struct span text = span_str(json_string_value(v));

	*has = v && !json_is_null(v);
	if (!*has)
		return true;
	if (text.p && (is_bare ? hex_read(text, out->b, sizeof out->b, NULL) : hex_read_0x(text, out->b, sizeof out->b, NULL)) == ERR_OK)
		return true;
	api_problem(r, 400, key, "%s: must be %s64 hex digits", key, is_bare ? "" : "\"0x\" and ");
	return false;
}

/* --- in --- */

static struct bundle_import *find_import(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	return api_has_id(c, r, k->import, k->import ? bundle_import_id(k->import) : 0) ? k->import : NULL;
}

void api_import_new(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	const char *kind = json_string_value(json_object_get(c->body, "kind"));
	struct bundle_ask ask = { .who = c->who, .address = c->link->address };
	bool has_sha256 = false;
	struct err e = { 0 };

	if (!kind || (strcmp(kind, "bundle") && strcmp(kind, "image"))) {
		api_problem(r, 400, "kind", "kind: bundle or image");
		return;
	}
	ask.is_image = !strcmp(kind, "image");
	if (!read_number(c, r, "size", &ask.size) || !read_hash(c, r, "block_hash", false, &ask.has_block_hash, &ask.block_hash) ||
	    !read_hash(c, r, "sha256", true, &has_sha256, &ask.sha256))
		return;
	if (ask.is_image != has_sha256 || (ask.is_image && ask.has_block_hash)) {
		api_problem(r, 400, "sha256", "an image has a sha256, a bundle has none; only a bundle has a block_hash");
		return;
	}
	if (bundle_import_begin(k, &ask, &e)) {
		api_fail(r, &e);
		return;
	}
	api_ok(r, bundle_import_json(k->import));
	r->status = 201;
}

void api_import(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct bundle_import *im = find_import(k, c, r);

	if (im)
		api_ok(r, bundle_import_json(im));
}

/* What breaks a rule of bundles is a conflict, however it is spelled; only the call itself can be a bad one. */
static void take_piece(struct bundle_import *im, uint64_t offset, const char *data, struct api_reply *r)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(API_BODY_MAX);
	struct err e = { 0 };
	int rc = base64_read(span_str(data), &bytes, &e);

	if (rc)
		api_problem(r, 400, "data", "data: %s", e.msg);
	else if (bundle_import_bytes(im, offset, buf_span(&bytes), &e) == ERR_OK)
		api_ok(r, bundle_import_json(im));
	else if (e.code == ERR_PROOF || e.code == ERR_FORMAT || e.code == ERR_NOT_FOUND)
		api_problem(r, 409, NULL, "%s", e.msg);
	else
		api_fail(r, &e);
}

void api_import_put(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct bundle_import *im = find_import(k, c, r);
	const char *data = json_string_value(json_object_get(c->body, "data"));
	uint64_t offset;

	if (!im || !read_number(c, r, "offset", &offset))
		return;
	if (!data)
		api_problem(r, 400, "data", "data: base64 of the file's next bytes");
	else
		take_piece(im, offset, data, r);
}

void api_import_delete(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	struct bundle_import *im = find_import(k, c, r);

	if (!im)
		return;
	if (!bundle_import_give_up(im, "given up by who began it")) {
		api_problem(r, 409, NULL, "all of it is here: it cannot be given up any more");
		return;
	}
	r->status = 204;
	r->type = "application/json";
}

/* --- out --- */

void api_export_new(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	const char *name = json_string_value(json_object_get(c->body, "product"));
	const struct ledger_product *p = name ? ledger_find_name(&k->ledger, span_str(name)) : NULL;
	uint64_t sequence;
	struct err e = { 0 };

	if (!p) {
		api_problem(r, name ? 404 : 400, "product", name ? "no such product is followed here" : "product: vendor/model");
		return;
	}
	if (!read_number(c, r, "sequence", &sequence))
		return;
	if (bundle_export_begin(k, p, sequence, &e)) {
		api_fail(r, &e);
		return;
	}
	api_ok(r, bundle_export_json(k->export));
	r->status = 201;
}

void api_export(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	if (api_has_id(c, r, k->export, k->export ? bundle_export_id(k->export) : 0))
		api_ok(r, bundle_export_json(k->export));
}

void api_export_data(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	uint64_t offset;
	struct span piece;
	struct err e = { 0 };
	bool is_last;

	if (!api_has_id(c, r, k->export, k->export ? bundle_export_id(k->export) : 0) || !api_read_offset(c, r, &offset))
		return;
	if (bundle_export_piece(k->export, offset, &piece, &is_last, &e) == ERR_OK)
		api_give_piece(r, offset, piece, is_last);
	else if (e.code == ERR_CORRUPT)
		api_problem(r, 409, NULL, "%s", e.msg);
	else
		api_fail(r, &e);
}
