/* gateways.h: two gateways on one disk: one whose backup it is, and one into which it comes. For the tests of restores. */
#ifndef TESTS_GATEWAYS_H
#define TESTS_GATEWAYS_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "formats/sha256.h"
#include "store/audit.h"
#include "store/db_own.h"
#include "store/devices.h"
#include "store/floor.h"
#include "store/products.h"
#include "store/releases.h"
#include "store/restore.h"
#include "store/save.h"
#include "store/store_own.h"
#include "store/tokens.h"
#include "faulty.h"
#include "tempdir.h"

#define STATE "state"
#define SOURCE "source"
#define BACKUP "gateway.backup"

/* --- two gateways --- */

static char state_path[PATH_MAX + 16], source_path[PATH_MAX + 16];

static inline int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline struct store *open_at(const char *path)
{
	struct store *s;

	ck_ok(store_open(path, &s, &err));
	return s;
}

static inline void add_product(struct store *s, unsigned n)
{
	struct product_row p = { .id = hash_of(n), .sequence = 7, .floor = 1 };

	snprintf(p.name, sizeof p.name, "acme/p%u", n);
	ck_ok(products_put(s, &p, &err));
}

static inline void decide(struct store *s, unsigned product, uint64_t sequence, const char *word)
{
	char sql[400];
	char hex[65];

	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash_of(product).b[i]);
	snprintf(sql, sizeof sql, "INSERT INTO decision VALUES (X'%s', %llu, zeroblob(32), '%s', 5)", hex, (unsigned long long)sequence, word);
	ck_ok(db_exec(s->db, sql, &err));
	struct hash32 id = hash_of(product);
	ck_ok(products_choose(s, &id, &err));
}

static inline uint64_t count(struct store *s, const char *sql)
{
	uint64_t n = 0;

	ck_ok(db_pragma_u64(s->db, sql, &n, &err));
	return n;
}

static inline void record(struct store *s, const char *action)
{
	struct audit_row a = { .at_ms = 1, .actor = "maria", .action = "" };

	snprintf(a.action, sizeof a.action, "%s", action);
	ck_ok(audit_add(s, &a, &err));
}

static inline void raise_floor(int dir, unsigned product, uint64_t floor, uint64_t proven, uint64_t revoked)
{
	struct floor_item i = { .product = hash_of(product), .floor = floor, .proven = proven, .active = proven, .revoked = &revoked, .revoked_n = revoked != 0 };
	struct floors *f;

	snprintf(i.name, sizeof i.name, "acme/p%u", product);
	ck_ok(floor_load(dir, NULL, &f, &err));
	ck_ok(floor_note(f, &i, &err));
	ck_ok(floor_save(f, &err));
	floor_free(f);
}

static char token_text[TOKEN_TEXT_MAX];

static inline void add_token(int dir, const char *name)
{
	struct tokens *t;

	ck_ok(tokens_load(dir, NULL, &t, &err));
	ck_ok(tokens_new(t, span_str(name), TOKEN_READ, 1, token_text, &err));
	tokens_free(t);
}

static inline void pin(struct store *s, unsigned product)
{
	struct hash32 id = hash_of(product);

	ck_ok(products_set_pinned(s, &id, true, &err));
}

/* The gateway whose backup it is: release 3 of product 1 approved, device "cellar", two audit records, a token. */
static inline void fill_source(void)
{
	autoclose int dir = open_dir(source_path);
	struct store *s = open_at(source_path);

	add_product(s, 1);
	add_product(s, 2);
	pin(s, 1);
	decide(s, 1, 3, "approved");
	ck_ok(devices_put(s, "cellar", "acme/p1", "", "early", 5, &err));
	ck_ok(devices_raise_floor(s, "cellar", "acme/p1", "stable", 4, &err));
	ck_ok(devices_raise_floor(s, "cellar", "acme/p1", "beta", 9, &err));
	record(s, "one");
	record(s, "two");
	store_close(s);
	raise_floor(dir, 1, 2, 5, 0);
	raise_floor(dir, 2, 9, 9, 0);
	add_token(dir, "theirs");
}

/* The one into which it comes, which has seen more: release 3 held, a device with higher floors, another one, an alarm, floors. */
static inline void fill_state(void)
{
	autoclose int dir = open_dir(state_path);
	struct latched_alarm alarm = { .code = "odd", .subject = "chain", .detail = "", .since_ms = 1 };
	struct store *s = open_at(state_path);

	add_product(s, 1);
	add_product(s, 3);
	decide(s, 1, 3, "held");
	decide(s, 3, 1, "approved");
	ck_ok(mark_latch(s, &alarm, &err));
	ck_ok(devices_put(s, "cellar", "acme/p1", "", "late", 5, &err));
	ck_ok(devices_raise_floor(s, "cellar", "acme/p1", "stable", 6, &err));
	ck_ok(devices_raise_floor(s, "cellar", "acme/p1", "beta", 3, &err));
	ck_ok(devices_put(s, "roof", "acme/p1", "", "late", 5, &err));
	ck_ok(devices_raise_floor(s, "roof", "acme/p1", "stable", 2, &err));
	record(s, "one");
	record(s, "two");
	record(s, "three");
	store_close(s);
	raise_floor(dir, 1, 1, 8, 6);
	add_token(dir, "ours");
}

/* --- the file --- */

static const struct savefile about = { .version = "1", .name = "test", .made_ms = 5, .chain_id = 1 };
static struct buf part[SAVE_PARTS], backup;	/* of the source gateway; the file's bytes */

static inline void parts_free(void)
{
	for (size_t i = 0; i < SAVE_PARTS; i++)
		buf_free(&part[i]);
	buf_free(&backup);
}

/* What a backup has of floors and tokens. */
static inline void take_files(void)
{
	autoclose int dir = open_dir(source_path);
	struct floors *f;
	struct tokens *t;

	part[SAVE_FLOORS] = BUF_INIT(MIB);
	ck_ok(floor_load(dir, NULL, &f, &err));
	floor_write(f, &part[SAVE_FLOORS]);
	floor_free(f);
	part[SAVE_TOKENS] = BUF_INIT(MIB);
	ck_ok(tokens_load(dir, NULL, &t, &err));
	tokens_write(t, &part[SAVE_TOKENS]);
	tokens_free(t);
}

static inline void take_parts(void)
{
	autoclose int dir = open_dir(source_path), fd = -1;
	struct store *s = open_at(source_path);
	uint64_t size;

	parts_free();
	part[SAVE_DATABASE] = BUF_INIT(8 * MIB);
	ck_ok(save_database(s, dir, source_path, NULL, &fd, &size, &err));
	store_close(s);
	ck_ok(io_read_all(fd, &part[SAVE_DATABASE], &err));
	ck_assert_uint_eq(part[SAVE_DATABASE].n, size);
	take_files();
}

static inline void put_backup(void)
{
	autoclose int fd = openat(tempdir_fd, BACKUP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_ok(io_write_all(fd, buf_span(&backup), &err));
}

/* The digest at the end fits, whatever is before it. */
static inline void write_backup(const struct savefile *head)
{
	struct savefile s = *head;
	struct hash32 sum;

	buf_free(&backup);
	backup = BUF_INIT(16 * MIB);
	for (size_t i = 0; i < SAVE_PARTS; i++)
		s.size[i] = part[i].n;
	ck_ok(savefile_front(&s, &backup, &err));
	for (size_t i = 0; i < SAVE_PARTS; i++)
		buf_add(&backup, buf_span(&part[i]));
	sum = sha256_of(buf_span(&backup));
	buf_add(&backup, SPAN_OF(sum));
	put_backup();
}

static inline void setup(void)
{
	tempdir_make();
	memset(&faulty, 0, sizeof faulty);
	snprintf(state_path, sizeof state_path, "%s/" STATE, tempdir);
	snprintf(source_path, sizeof source_path, "%s/" SOURCE, tempdir);
	ck_assert_int_eq(mkdir(source_path, 0750), 0);
	ck_assert_int_eq(mkdir(state_path, 0750), 0);
	fill_source();
	take_parts();
	write_backup(&about);
}

static inline void teardown(void)
{
	parts_free();
	tempdir_remove();
}

static inline int restore(const struct sysio *sys, struct restore_result *out)
{
	autoclose int fd = openat(tempdir_fd, BACKUP, O_RDONLY | O_CLOEXEC);
	struct restore_ask ask = { .state_dir = state_path, .fd = fd, .chain_id = 1, .now_ms = 9, .who = "uid:0", .sys = sys };

	return restore_run(&ask, out, &err);
}

static inline bool has_token(const char *name)
{
	autoclose int dir = open_dir(state_path);
	struct tokens *t;
	bool found = false;

	ck_ok(tokens_load(dir, NULL, &t, &err));
	for (size_t i = 0; tokens_at(t, i); i++)
		found |= !strcmp(tokens_at(t, i)->name, name);
	tokens_free(t);
	return found;
}

#endif
