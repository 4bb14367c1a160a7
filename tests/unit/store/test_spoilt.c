/* test_spoilt.c: values that no statement of ours can have written are damage, and nobody is shown what comes with them. */
#include "stocked.h"

/* The same file as a database that takes any value in any column: pages and their sums are good. */
static void setup(void)
{
	tempdir_make();
	stock();
	ck_assert_int_eq(sqlite3_db_config(handle(), SQLITE_DBCONFIG_DEFENSIVE, 0, NULL), SQLITE_OK);
	ck_ok(db_exec(store->db, "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql ="
		" replace(replace(sql, ' STRICT, WITHOUT', ' WITHOUT'), ' STRICT', '') WHERE type = 'table'", &err));
	stock_close();
}

static void teardown(void)
{
	stock_close();
	tempdir_remove();
}

static void open_lenient(void)
{
	stock_open();
	ck_ok(db_exec(store->db, "PRAGMA ignore_check_constraints=ON; PRAGMA foreign_keys=OFF; BEGIN", &err));
}

static unsigned visits;

#define VISIT(name, row) \
	static int name(void *arg, const struct row *r, struct err *e) { (void)arg, (void)r, (void)e; visits++; return ERR_OK; }
VISIT(visit_audit, audit_row)
VISIT(visit_entry, entry_row)
VISIT(visit_product, product_row)
VISIT(visit_release, release_row)
VISIT(visit_image, image_row)
VISIT(visit_device, device_row)
VISIT(visit_floor, device_floor)
VISIT(visit_bundle, bundle_row)
VISIT(visit_alarm, latched_alarm)

static int visit_file(void *arg, enum recover_what what, const struct hash32 *sha256, struct err *e)
{
	(void)arg, (void)what, (void)sha256, (void)e;
	visits++;
	return ERR_OK;
}

static const struct hash32 *id(void)
{
	static struct hash32 h;

	h = hash_of(1);
	return &h;
}

static int audit_last(void)
{
	struct hash32 hash;
	uint64_t n;

	return audit_newest(store, &n, &hash, &err);
}

static int audit_walk(void)
{
	return audit_each(store, 0, 0, visit_audit, NULL, &err);
}

static int entries_walk(void)
{
	return entries_each(store, id(), 0, visit_entry, NULL, &err);
}

static int finalise(void)
{
	return entries_finalise(store, id(), 2, &err);
}

static int append(void)
{
	struct entry_row en = stock_entry(2);

	return entries_append(store, &en, &err);
}

static int first_since(void)
{
	uint32_t order;

	return entries_first_since(store, id(), 5, &order, &err);
}

static int product(void)
{
	struct product_row p;

	return products_get(store, id(), &p, &err);
}

static int products_walk(void)
{
	return products_each(store, visit_product, NULL, &err);
}

static int accepted(void)
{
	struct hash32 out[2];
	size_t n;

	return products_accepted_sets(store, id(), out, 2, &n, &err);
}

static int release(void)
{
	static struct release_row r;

	return releases_get(store, id(), 1, &r, &err);
}

static int releases_walk(void)
{
	return releases_each(store, &(struct release_query){ 0 }, visit_release, NULL, &err);
}

static int image(void)
{
	struct hash32 good = hash_of(5);
	struct image_row i;

	return images_get(store, &good, &i, &err);
}

static int images_walk(void)
{
	return images_each(store, 0, NULL, 0, visit_image, NULL, &err);
}

static int unneeded(void)
{
	return images_unneeded(store, INT64_MAX, visit_image, NULL, &err);
}

static int totals(void)
{
	struct images_totals t;

	return images_totals(store, &t, &err);
}

static int mark(void)
{
	struct mark m;

	return mark_load(store, &m, &err);
}

static int alarms_walk(void)
{
	return mark_each_latched(store, visit_alarm, NULL, &err);
}

static int bundles_walk(void)
{
	return bundles_each(store, visit_bundle, NULL, &err);
}

static int device(void)
{
	struct device_row d;

	return devices_get(store, "kitchen", &d, &err);
}

static int devices_walk(void)
{
	return devices_each(store, NULL, NULL, 0, visit_device, NULL, &err);
}

static int floors_walk(void)
{
	return devices_each_floor(store, visit_floor, NULL, &err);
}

static int device_floor(void)
{
	uint64_t floor;

	return devices_floor(store, "kitchen", "acme/thermostat", "stable", &floor, &err);
}

static int check(void)
{
	return store_check(store, &err);
}

/* A .part of the image that is wanted: its row is only asked for when the file is met. */
static int recover(void)
{
	struct hash32 wanted = hash_of(6);
	struct blobs *b;
	struct blob *w;
	int rc;

	ck_ok(blobs_open(tempdir_fd, NULL, &b, &err));
	ck_ok(blob_start(b, &wanted, 1000, &w, NULL, &err));
	blob_free(w);
	rc = recover_scan(store, b, 1, visit_file, NULL, NULL, NULL, &err);
	blobs_free(b);
	return rc;
}

static void refuses(int (*read)(void), const char *sql)
{
	open_lenient();
	ck_ok(db_exec(store->db, sql, &err));
	ck_assert_msg(db_changes(store->db) > 0, "%s: changes nothing", sql);
	visits = 0;
	err = (struct err){ 0 };
	ck_refused(read(), ERR_CORRUPT, sql);
	ck_assert_msg(err.code == ERR_CORRUPT && err.msg[0], "%s: says nothing", sql);
	ck_assert_msg(visits == 0, "%s: shown all the same", sql);
	ck_assert_msg(store_is_corrupt(store), "%s: and is forgotten", sql);
	stock_close();
}

/* Columns that a reader reads; each is given a value of another kind in turn. */
static const struct { int (*read)(void); const char *table, *columns; } readers[] = {
	{ audit_last, "audit", "hash" },
	{ audit_walk, "audit", "at_ms actor address action subject detail hash" },
	{ entries_walk, "entry", "block block_hash tx log_index topics data" },
	{ finalise, "product", "entries final_entries" },
	{ finalise, "entry", "block log_index" },
	{ append, "entry", "block" },
	{ product, "product", "name registrant owner signers remembered head sequence floor last_block entries final_entries keep in_rollout"
	  " proven_number proven_hash proven_root proven_time proven_wall_ms" },
	{ products_walk, "product", "id name registrant owner signers remembered head sequence floor last_block entries final_entries keep"
	  " in_rollout proven_number proven_hash proven_root proven_time proven_wall_ms" },
	{ accepted, "accepted_set", "set_id" },
	{ release, "release", "entry_ord block tx published_at manifest manifest_sha256 version channel cid sha256 size from_sequence urgent"
	  " hardware description signers state why image_is_wrong fetch_detail tries retry_at_ms" },
	{ release, "release_time", "state at_ms" },
	{ release, "decision", "decision" },
	{ releases_walk, "release", "entry_ord tx manifest version sha256 signers state why" },
	{ image, "image", "size cid state since_ms wanted_ms verified_ms served_bytes sums dag dag_bytes format" },
	{ images_walk, "image", "size cid" },
	{ recover, "image", "size state since_ms" },
	{ mark, "mark", "chain_id registry genesis anchor_number anchor_hash trust proven_number proven_hash proven_root proven_time"
	  " proven_wall_ms listed listed_for" },
	{ alarms_walk, "latched", "code subject detail since_ms" },
	{ bundles_walk, "bundle", "product entries trust number hash time at_ms" },
	{ device, "device", "is_listed product channel grp version sequence state reason progress address protocol first_seen_ms"
	  " last_seen_ms reported_ms bytes" },
	{ devices_walk, "device", "is_listed product grp version sequence bytes" },
	{ floors_walk, "device_floor", "device product channel sequence" },
	{ device_floor, "device_floor", "sequence" },
};

/* 'x' in a column of numbers or bytes, bytes in one of text. */
static void spoil(char *sql, size_t cap, const char *table, const char *column)
{
	const char *type;

	ck_assert_int_eq(sqlite3_table_column_metadata(handle(), NULL, table, column, &type, NULL, NULL, NULL, NULL), SQLITE_OK);
	snprintf(sql, cap, "UPDATE %s SET %s = %s", table, column, strcmp(type, "TEXT") ? "'x'" : "x'78'");
}

START_TEST(values_of_another_kind_are_found)
{
	char columns[400], sql[200];

	snprintf(columns, sizeof columns, "%s", readers[_i].columns);
	for (char *rest = columns, *column; (column = strsep(&rest, " "));) {
		stock_open();
		ck_assert_int_eq(readers[_i].read(), ERR_OK);
		spoil(sql, sizeof sql, readers[_i].table, column);
		stock_close();
		/* what was written by a reader that writes is written again */
		refuses(readers[_i].read, sql);
		if (readers[_i].read == append)
			break;
	}
}
END_TEST

/* Of the right kind, but nothing that we wrote. */
static const struct { int (*read)(void); const char *sql; } odd[] = {
	{ audit_last, "UPDATE audit SET hash = zeroblob(31)" },
	{ audit_walk, "UPDATE audit SET actor = printf('%5000d', 1)" },
	{ audit_walk, "UPDATE audit SET actor = 'a' || char(0) || 'b'" },
	{ entries_walk, "UPDATE entry SET block_hash = zeroblob(33)" },
	{ entries_walk, "UPDATE entry SET topics = zeroblob(33)" },
	{ entries_walk, "UPDATE entry SET topics = zeroblob(160)" },
	{ entries_walk, "DELETE FROM entry WHERE ord = 0" },
	{ append, "DELETE FROM entry WHERE ord = 1" },
	{ first_since, "DELETE FROM entry; UPDATE product SET entries = 'x'" },
	{ finalise, "UPDATE product SET entries = -1" },
	{ product, "UPDATE product SET sequence = -1" },
	{ product, "UPDATE product SET registrant = zeroblob(19)" },
	{ product, "UPDATE product SET signers = x''" },
	{ product, "UPDATE product SET signers = x'0001' || x'0561'" },
	{ product, "UPDATE product SET signers = CAST(x'0001' || zeroblob(9) AS BLOB)" },
	{ product, "UPDATE product SET signers = CAST(x'000181' || zeroblob(129) AS BLOB)" },
	{ product, "UPDATE product SET remembered = x'00'" },
	{ product, "UPDATE product SET name = printf('%66d', 1)" },
	{ release, "UPDATE release SET hardware = 'rev-a  rev-b'" },
	{ release, "UPDATE release SET hardware = printf('%.33c', 'x')" },
	{ release, "UPDATE release SET hardware = 'a b c d e f g h i j k l m n o p q'" },
	{ release, "UPDATE release SET signers = zeroblob(33)" },
	{ release, "UPDATE release SET signers = zeroblob(288)" },
	{ release, "UPDATE release SET manifest = x'', manifest_sha256 ="
	  " x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'" },
	{ release, "UPDATE release SET manifest = zeroblob(65536), manifest_sha256 ="
	  " x'de2f256064a0af797747c2b97505dc0b9f3df0de4f489eac731c23ae9ca9cc31'" },
	{ release, "UPDATE release SET manifest = manifest || 'x'" },
	{ release, "UPDATE release SET state = 'running'" },
	{ release, "UPDATE release_time SET state = 'running'" },
	{ image, "UPDATE image SET state = 'lost'" },
	{ image, "UPDATE image SET sums = zeroblob(31)" },
	{ image, "UPDATE image SET served_bytes = -1" },
	{ images_walk, "UPDATE image SET sha256 = 'x' WHERE state = 'good'" },
	{ unneeded, "UPDATE image SET size = 'x' WHERE state = 'good'" },
	{ recover, "UPDATE image SET size = 'x' WHERE state = 'wanted'" },
	{ totals, "UPDATE image SET size = -5000000" },
	{ mark, "UPDATE mark SET anchor_hash = NULL" },
	{ mark, "UPDATE mark SET listed_for = x''" },
	{ check, "DELETE FROM product" },
};

START_TEST(values_that_were_never_written_are_found)
{
	refuses(odd[_i].read, odd[_i].sql);
}
END_TEST

START_TEST(another_schema_is_damage)
{
	open_lenient();
	ck_ok(db_exec(store->db, "COMMIT; DROP TABLE image", &err));
	stock_close();
	stock_open();
	ck_refused(images_walk(), ERR_CORRUPT, "a table that is not there");
	ck_assert(store_is_corrupt(store));
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof *(table))

int main(void)
{
	TCase *t = tcase_create("spoilt");
	Suite *s = suite_create("spoilt");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, values_of_another_kind_are_found, 0, ROWS(readers));
	tcase_add_loop_test(t, values_that_were_never_written_are_found, 0, ROWS(odd));
	tcase_add_test(t, another_schema_is_damage);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
