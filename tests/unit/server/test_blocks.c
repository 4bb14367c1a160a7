/* test_blocks.c: the cached images' blocks: which image has a block, what is read when, and what is not read again. */
#include "../support/fds.h"
#include "cached.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

static int find_now(struct blocks *all, const struct cid *cid)
{
	struct blockset *set = NULL;
	uint32_t row;
	int rc = blocks_find(all, cid, &set, &row, NULL);

	blockset_put(set);
	return rc;
}

static int found(const struct cid *cid)
{
	struct blockset *set = NULL;
	uint32_t row;
	int rc = find(cid, &set, &row);

	blockset_put(set);
	return rc;
}

/* Until the thread has looked at every set: nobody asks. */
static void wait_until_read(struct blocks *all)
{
	while (blocks_stats(all).waiting)
		sched_yield();
}

static void add_to_dag(struct span bytes)
{
	char path[200], hex[65];

	hex_str(SPAN_OF(file_image.sha256), hex);
	snprintf(path, sizeof path, "%s/%.2s/%s.dag", st->dir, hex, hex);
	autoclose int fd = open(path, O_WRONLY | O_APPEND);
	ck_assert(fd >= 0 && io_write_all(fd, bytes, NULL) == ERR_OK);
}

static void put_record(struct buf *b, const struct cid *cid, struct span block)
{
	uint8_t name[CID_BYTES_MAX];

	dagfile_put(b, SPAN(name, cid_write(cid, name)), block);
}

/* --- what lies beside an image --- */

/* A power cut may leave anything behind the last whole record. */
static const struct { const char *rule; size_t zeros, front; } torn[] = {
	{ "a byte", 1, 0 }, { "a head of nothing", DAGFILE_HEAD, 0 }, { "a page of nothing", 4096, 0 }, { "half a record", 0, 30 },
};

START_TEST(a_torn_end_is_no_record)
{
	AUTO(buf_free) struct buf b = BUF_INIT(MIB);
	const struct dag_entry *root = balanced();
	static const uint8_t zeros[4096];

	put_file(root, NULL);
	put_record(&b, &root->cid, root->bytes);
	add_to_dag(SPAN(zeros, torn[_i].zeros));
	add_to_dag(span_cut(buf_span(&b), 0, torn[_i].front));
	stand_catalog(st, catalog_with_file);
	ck_assert_msg(found(&root->cid) == ERR_OK, "%s", torn[_i].rule);
	ck_assert_msg(found(&root->children[0]->cid) == ERR_OK, "%s", torn[_i].rule);
}
END_TEST

START_TEST(a_record_that_lies_spoils_all)
{
	AUTO(buf_free) struct buf b = BUF_INIT(MIB);
	const struct dag_entry *root = balanced(), *other = dag_leaf(&d, LEAF_MODE, dag_random(&d, 10));

	put_file(root, NULL);
	put_record(&b, &other->cid, SPAN_LIT("something else"));
	add_to_dag(buf_span(&b));
	stand_catalog(st, catalog_with_file);
	ck_assert_int_eq(found(&root->cid), ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_raw_root_needs_nothing_beside_it)
{
	AUTO(buf_free) struct buf b = BUF_INIT(MIB);
	const struct dag_entry *root = one_raw(), *other = dag_leaf(&d, LEAF_MODE, dag_random(&d, 10));

	put_file(root, NULL);
	put_record(&b, &other->cid, SPAN_LIT("something else"));
	add_to_dag(buf_span(&b));
	stand_catalog(st, catalog_with_file);
	ck_assert_int_eq(found(&root->cid), ERR_OK);
}
END_TEST

/* What is needed stands before the end of what is read, or behind it. */
START_TEST(a_dag_has_an_end)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4 * MIB);
	const struct dag_entry *root = balanced(), *large = dag_leaf(&d, LEAF_MODE, dag_random(&d, BLOCK_MAX - KIB));

	put_record(&b, &large->cid, large->bytes);
	put_file(root, root);
	for (size_t n = DAG_FILE_MAX / b.n - !_i; n > 0; n--)	/* one is there */
		add_to_dag(buf_span(&b));
	buf_reset(&b);
	put_record(&b, &root->cid, root->bytes);
	add_to_dag(buf_span(&b));
	stand_catalog(st, catalog_with_file);
	ck_assert_int_eq(found(&root->cid), _i ? ERR_NOT_FOUND : ERR_OK);
}
END_TEST

/* --- what is read when --- */

START_TEST(what_has_no_blocks_is_told_and_not_read_for_every_asker)
{
	const struct dag_entry *root = balanced();

	put_file(root, root);
	stand_catalog(st, catalog_with_file);
	ck_assert_int_eq(found(&root->cid), ERR_NOT_FOUND);
	ck_assert_uint_eq(st->dag_rots, 1);
	put_dag(NULL);
	st->mono_ms += BLOCKS_AGAIN_MS - 1;
	ck_assert_int_eq(found(&root->cid), ERR_NOT_FOUND);
	ck_assert_int_eq(found(&root->children[0]->cid), ERR_NOT_FOUND);
	st->mono_ms += 1;
	ck_assert_msg(found(&root->children[0]->cid) == ERR_OK, "by the name of another block");
	ck_assert_int_eq(found(&root->cid), ERR_OK);
	ck_assert_uint_eq(st->dag_rots, 1);
}
END_TEST

START_TEST(what_was_read_is_not_read_again)
{
	const struct dag_entry *root = balanced();
	struct blockset *first, *second;
	uint32_t row;

	store(root, NULL);
	ck_assert_int_eq(find(&root->cid, &first, &row), ERR_OK);
	blockset_put(first);
	stand_unlink(st, &file_image.sha256, ".dag");
	st->mono_ms += 10 * BLOCKS_AGAIN_MS;
	stand_catalog(st, catalog_with_file);
	ck_assert_int_eq(find(&root->cid, &second, &row), ERR_OK);
	ck_assert_ptr_eq(first, second);
	blockset_put(second);
	ck_assert_int_eq(found(&root->children[0]->cid), ERR_OK);
	ck_assert_uint_eq(st->dag_rots, 0);
}
END_TEST

/* Whoever sends of it goes on; others wait until the keeper may have mended it. */
START_TEST(what_is_forsaken_is_read_anew_when_nobody_holds_it)
{
	const struct dag_entry *root = balanced();
	struct blockset *held;
	uint64_t bytes;
	uint32_t row;

	store(root, NULL);
	ck_assert_int_eq(find(&root->cid, &held, &row), ERR_OK);
	wait_until_read(st->blocks);
	bytes = blocks_stats(st->blocks).bytes;
	st->mono_ms += 10 * BLOCKS_AGAIN_MS;
	blockset_forsake(held);
	ck_assert_uint_eq(st->dag_rots, 1);
	ck_assert_int_eq(found(&root->children[0]->cid), ERR_NOT_FOUND);
	st->mono_ms += BLOCKS_AGAIN_MS - 1;
	blockset_put(held);
	ck_assert_int_eq(found(&root->cid), ERR_NOT_FOUND);
	blockset_hold(held);
	st->mono_ms += 1;
	ck_assert_int_eq(found(&root->cid), ERR_NOT_FOUND);
	ck_assert_uint_eq(held->tree->node[row].length, root->bytes.n);
	blockset_put(held);
	ck_assert_msg(find_now(st->blocks, &root->cid) == ERR_OK, "by who asks for it");
	ck_assert_uint_eq(blocks_stats(st->blocks).bytes, bytes);
}
END_TEST

START_TEST(new_sets_are_read_though_nobody_asks)
{
	const struct dag_entry *root = balanced();

	wait_until_read(st->blocks);
	store(root, NULL);
	wait_until_read(st->blocks);
	ck_assert_int_eq(find_now(st->blocks, &root->children[0]->cid), ERR_OK);
}
END_TEST

/* Also what had no blocks. */
START_TEST(what_leaves_the_catalog_leaves_memory)
{
	const struct dag_entry *root = balanced();
	uint64_t before;

	wait_until_read(st->blocks);
	before = blocks_stats(st->blocks).bytes;
	ck_assert_uint_gt(before, 0);
	store(root, _i ? root : NULL);
	wait_until_read(st->blocks);
	ck_assert((blocks_stats(st->blocks).bytes > before) == !_i);
	stand_catalog(st, sample_build);
	ck_assert_uint_eq(blocks_stats(st->blocks).bytes, before);
}
END_TEST

/* --- two askers --- */

/* The linker's --wrap: who says that it waits. */
static _Thread_local sem_t *waits;
int __real_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);

int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	if (waits)
		sem_post(waits);
	return __real_pthread_cond_wait(c, m);
}

/* Two images, the first of which lacks its root's block; who reads that stays there until it is let go. */
struct two {
	struct blocks *all;
	const struct dag_entry *bad, *good;
	struct catalog_image bad_image;
	bool is_gone[2];		/* from the catalog */
	sem_t met, go, waiting;
};
static struct two two;

static void on_rot(void *arg, const struct hash32 *sha256)
{
	struct two *t = arg;

	ck_assert(hash32_eq(sha256, &t->bad_image.sha256));
	sem_post(&t->met);
	sem_wait(&t->go);
}

static void catalog_of_two(struct builder *b)
{
	const struct catalog_image *images[] = { &two.bad_image, &file_image };

	for (size_t i = 0; i < 2; i++) {
		if (two.is_gone[i])
			continue;
		builder_image(b, &(struct builder_image){ .sha256 = images[i]->sha256, .sums = images[i]->sums, .size = images[i]->size,
							  .state = CATALOG_GOOD, .format = SPAN_LIT("raw") });
		builder_cid(b, i ? &two.good->cid : &two.bad->cid, &images[i]->sha256);
	}
}

/* And before them, for raw ones come first, the sample's. */
static void catalog_of_more(struct builder *b)
{
	sample_build(b);
	catalog_of_two(b);
}

static struct blocks *new_blocks(void (*rot)(void *arg, const struct hash32 *sha256), uint64_t trees_max)
{
	autoclose int dir = open(st->dir, O_RDONLY | O_DIRECTORY);
	struct blocks *all;

	ck_assert(blocks_new(&(struct blocks_conf){ .objects = dir, .clock = &st->clock, .trees_max = trees_max, .rot = rot, .arg = &two },
			     &all, NULL) == ERR_OK);
	return all;
}

/* The thread goes by the order of the CIDs: the bad one is to come first. */
static void open_two(void)
{
	const struct dag_entry *one = balanced(), *other = balanced();
	bool is_first = memcmp(one->cid.digest, other->cid.digest, 32) < 0;
	struct catalog *c;

	two = (struct two){ .bad = is_first ? one : other, .good = is_first ? other : one };
	sem_init(&two.met, 0, 0);
	sem_init(&two.go, 0, 0);
	sem_init(&two.waiting, 0, 0);
	put_file(two.bad, two.bad);
	two.bad_image = file_image;
	put_file(two.good, NULL);
	stand_catalog(st, catalog_of_more);
	c = catalog_slot_get(&st->slot);
	two.all = new_blocks(on_rot, SHARE_TREES_MAX);
	blocks_settle(two.all, c);
	catalog_put(c);
	sem_wait(&two.met);
}

static void *ask_for_the_bad_one(void *rc)
{
	waits = &two.waiting;
	*(int *)rc = find_now(two.all, &two.bad->cid);
	return NULL;
}

START_TEST(an_asker_waits_for_the_one_that_reads_and_nobody_else)
{
	const struct dag_entry *other = dag_leaf(&d, LEAF_RAW, dag_random(&d, 10));
	struct cid by_other_name;
	pthread_t asker;
	int rc = -1;

	open_two();
	by_other_name = two.good->cid;
	by_other_name.version = !by_other_name.version;
	ck_assert_msg(find_now(two.all, &by_other_name) == ERR_OK, "a root is read by who asks for it");
	ck_assert_msg(find_now(two.all, &other->cid) == ERR_BUSY, "it may lie in the one that is read");
	ck_assert(pthread_create(&asker, NULL, ask_for_the_bad_one, &rc) == 0);
	sem_wait(&two.waiting);
	sem_post(&two.go);
	pthread_join(asker, NULL);
	ck_assert_int_eq(rc, ERR_NOT_FOUND);
	wait_until_read(two.all);
	ck_assert_int_eq(find_now(two.all, &other->cid), ERR_NOT_FOUND);
	blocks_free(two.all);
}
END_TEST

/* --- catalogs --- */

static struct cid other_root;

static void catalog_with_both(struct builder *b)
{
	catalog_with_file(b);
	builder_cid(b, &other_root, &file_image.sha256);
}

/* The same file in larger leaves: another root of one image, before the one that was there or behind it. */
START_TEST(an_image_has_as_many_sets_as_roots)
{
	struct span bytes = dag_random(&d, 20000);
	const struct dag_entry *leaf[3], *root[2];
	struct blockset *set;
	uint32_t row;

	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < 2 + i; k++)
			leaf[k] = dag_leaf(&d, LEAF_RAW, span_cut(bytes, k * (i ? 7000 : 10000), i ? 7000 : 10000));
		root[i] = dag_node(&d, &(struct dag_node){ .children = leaf, .n = 2 + i, .version = 1 });
	}
	store(root[_i], NULL);
	ck_assert_int_eq(found(&root[_i]->cid), ERR_OK);
	other_root = root[!_i]->cid;
	stand_catalog(st, catalog_with_both);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(find(&root[i]->cid, &set, &row), ERR_OK);
		ck_assert(cid_eq(&set->root, &root[i]->cid));
		blockset_put(set);
	}
}
END_TEST

static struct cid inner_root;

static void catalog_with_inner(struct builder *b)
{
	catalog_with_file(b);
	builder_image(b, &(struct builder_image){ .sha256 = two.bad_image.sha256, .sums = two.bad_image.sums, .size = two.bad_image.size,
						  .state = CATALOG_GOOD, .format = SPAN_LIT("raw") });
	builder_cid(b, &inner_root, &two.bad_image.sha256);
}

/* The front of one image is another one, and its root the first that is met on a search. */
START_TEST(a_root_is_found_in_its_own_image)
{
	const struct dag_entry *part[2], *root;
	struct blockset *set;
	uint32_t row;

	do {
		part[0] = dag_balanced(&d, LEAF_RAW, 300, 100, 3);
		part[1] = dag_leaf(&d, LEAF_RAW, dag_random(&d, 100));
		root = dag_node(&d, &(struct dag_node){ .children = part, .n = 2, .version = 1 });
	} while (memcmp(root->cid.digest, part[0]->cid.digest, 32) > 0);
	put_file(part[0], NULL);
	two.bad_image = file_image;
	inner_root = part[0]->cid;
	put_file(root, NULL);
	stand_catalog(st, catalog_with_inner);
	wait_until_read(st->blocks);
	ck_assert_int_eq(find(&inner_root, &set, &row), ERR_OK);
	ck_assert(hash32_eq(&set->sha256, &two.bad_image.sha256));
	blockset_put(set);
}
END_TEST

/* A catalog that says another image of a root than the one before: the blocks of that one are not its. */
START_TEST(a_root_of_another_image_is_another_set)
{
	const struct dag_entry *root = balanced();

	store(root, NULL);
	ck_assert_int_eq(found(&root->cid), ERR_OK);
	file_image = stand_object(st, SPAN_LIT("quite another image"));
	stand_catalog(st, catalog_with_file);
	ck_assert_int_eq(found(&root->cid), ERR_NOT_FOUND);
}
END_TEST

static const enum catalog_image_state not_good[] = { CATALOG_DAMAGED, CATALOG_REVOKED };

START_TEST(an_image_that_is_not_good_has_no_set)
{
	const struct dag_entry *root = balanced();

	store(root, NULL);
	ck_assert_int_eq(found(&root->cid), ERR_OK);
	file_state = not_good[_i];
	stand_catalog(st, catalog_with_file);
	ck_assert_int_eq(found(&root->cid), ERR_NOT_FOUND);
	ck_assert_int_eq(found(&root->children[0]->cid), ERR_NOT_FOUND);
}
END_TEST

/* Nothing is stored under a name that is its own block. */
START_TEST(an_identity_root_has_no_set)
{
	const struct dag_entry *root = dag_leaf(&d, LEAF_IDENTITY, dag_random(&d, 20));
	uint32_t sets = blocks_stats(st->blocks).sets;

	store(root, NULL);
	wait_until_read(st->blocks);
	ck_assert_uint_eq(blocks_stats(st->blocks).sets, sets);
	ck_assert_uint_eq(st->dag_rots, 0);
}
END_TEST

/* --- limits --- */

static void on_no_rot(void *arg, const struct hash32 *sha256)
{
	(void)arg, (void)sha256;
	ck_abort_msg("nothing has rotted");
}

static void settle(struct blocks *all, void (*catalog)(struct builder *b))
{
	struct catalog *c;

	stand_catalog(st, catalog);
	c = catalog_slot_get(&st->slot);
	blocks_settle(all, c);
	catalog_put(c);
	wait_until_read(all);
}

/* Of more blocks than all of the sample's. */
static const struct dag_entry *wide(void) { return dag_balanced(&d, LEAF_RAW, 300000, 1000, 5); }

/* Two trees of the same size; *bytes is what both need. */
static void put_two(uint64_t *bytes)
{
	two = (struct two){ .bad = wide(), .good = wide() };
	put_file(two.bad, NULL);
	two.bad_image = file_image;
	put_file(two.good, NULL);
	stand_catalog(st, catalog_of_two);
	wait_until_read(st->blocks);
	*bytes = blocks_stats(st->blocks).bytes;
}

/* Either both have room, or one does. */
START_TEST(memory_has_an_end)
{
	struct blocks *few;
	uint64_t bytes;

	put_two(&bytes);
	few = new_blocks(on_no_rot, bytes - (uint64_t)_i);
	settle(few, catalog_of_two);
	ck_assert_uint_eq(blocks_stats(few).bytes, _i ? bytes / 2 : bytes);
	ck_assert_int_eq(find_now(few, &two.bad->cid) + find_now(few, &two.good->cid), _i ? ERR_NOT_FOUND : ERR_OK);
	blocks_free(few);
}
END_TEST

/* What had no room has it when another one has left, and nobody sends of that one any more. */
START_TEST(room_that_becomes_free_is_used)
{
	const struct dag_entry *first, *second;
	struct blockset *held;
	struct blocks *few;
	uint64_t bytes;
	uint32_t row;

	put_two(&bytes);
	few = new_blocks(on_no_rot, bytes / 2);
	settle(few, catalog_of_two);
	two.is_gone[0] = find_now(few, &two.bad->cid) == ERR_OK;
	two.is_gone[1] = !two.is_gone[0];
	first = two.is_gone[0] ? two.bad : two.good;
	second = two.is_gone[0] ? two.good : two.bad;
	ck_assert_int_eq(blocks_find(few, &first->cid, &held, &row, NULL), ERR_OK);
	settle(few, catalog_of_two);
	ck_assert_int_eq(find_now(few, &second->cid), ERR_NOT_FOUND);
	blockset_put(held);
	wait_until_read(few);
	ck_assert_int_eq(find_now(few, &second->children[0]->cid), ERR_OK);
	ck_assert_uint_eq(blocks_stats(few).bytes, bytes / 2);
	blocks_free(few);
}
END_TEST

/* The sample's small ones leave, and that is not enough. Who reads it now would say that it has rotted. */
START_TEST(what_finds_no_room_is_not_read_again)
{
	struct hash32 bare;
	struct blocks *few;
	uint64_t bytes;

	put_two(&bytes);
	few = new_blocks(on_no_rot, bytes - 1);
	settle(few, catalog_of_more);
	ck_assert_uint_gt(blocks_stats(few).bytes, bytes / 2);
	ck_assert_int_eq(find_now(few, &two.bad->cid) + find_now(few, &two.good->cid), ERR_NOT_FOUND);
	bare = find_now(few, &two.bad->cid) == ERR_OK ? file_image.sha256 : two.bad_image.sha256;
	stand_unlink(st, &bare, ".dag");
	settle(few, catalog_of_two);
	ck_assert_uint_eq(blocks_stats(few).bytes, bytes / 2);
	ck_assert_int_eq(find_now(few, &two.bad->cid) + find_now(few, &two.good->cid), ERR_NOT_FOUND);
	blocks_free(few);
}
END_TEST

START_TEST(without_a_folder_there_are_none)
{
	struct blocks *all = NULL;

	ck_assert(blocks_new(&(struct blocks_conf){ .objects = -1, .clock = &st->clock, .rot = on_no_rot }, &all, NULL) != ERR_OK);
	ck_assert_ptr_null(all);
	blocks_free(NULL);
}
END_TEST

/* What is missing here is no damage there: also where a file is too large to be one leaf. */
START_TEST(without_descriptors_nothing_has_rotted)
{
	const struct dag_entry *root = _i ? dag_balanced(&d, LEAF_RAW, BLOCK_MAX + KIB, 300000, 5) : balanced();
	struct cid strange = root->cid;
	struct blocks *all;
	struct catalog *c;

	strange.digest[0] ^= 1;
	store(root, NULL);
	wait_until_read(st->blocks);
	c = catalog_slot_get(&st->slot);
	all = new_blocks(on_no_rot, SHARE_TREES_MAX);
	fds_allow(0);
	blocks_settle(all, c);
	wait_until_read(all);
	ck_assert_int_eq(find_now(all, &root->cid), ERR_BUSY);
	ck_assert_int_eq(find_now(all, &strange), ERR_BUSY);	/* it may be in there */
	fds_allow(1000);
	ck_assert_int_eq(find_now(all, &root->cid), ERR_BUSY);	/* not for every asker */
	st->mono_ms += BLOCKS_AGAIN_MS;
	ck_assert_int_eq(find_now(all, &root->cid), ERR_OK);
	ck_assert_int_eq(find_now(all, &strange), ERR_NOT_FOUND);
	blocks_free(all);
	catalog_put(c);
}
END_TEST

/* The linker's --wrap: 1 is the next read, 0 none. */
static unsigned failing_read;
int __real_io_pread_exact(int fd, void *out, size_t n, off_t at, struct err *e);
int __wrap_io_pread_exact(int fd, void *out, size_t n, off_t at, struct err *e);

int __wrap_io_pread_exact(int fd, void *out, size_t n, off_t at, struct err *e)
{
	if (failing_read && --failing_read == 0) {
		errno = ENOMEM;
		return err_errno(e, "read");
	}
	return __real_io_pread_exact(fd, out, n, at, e);
}

/* A block's head, the block, what may follow the last one: none of them counts as the end of what is kept. */
START_TEST(a_read_without_memory_is_no_end)
{
	const struct dag_entry *root = balanced();
	struct blocks *all;
	struct catalog *c;

	store(root, NULL);
	wait_until_read(st->blocks);
	c = catalog_slot_get(&st->slot);
	all = new_blocks(on_no_rot, SHARE_TREES_MAX);
	failing_read = (unsigned)_i + 1;
	blocks_settle(all, c);
	wait_until_read(all);
	ck_assert_msg(failing_read == 0, "it was read");
	ck_assert_int_eq(find_now(all, &root->cid), ERR_BUSY);
	st->mono_ms += BLOCKS_AGAIN_MS;
	ck_assert_int_eq(find_now(all, &root->cid), ERR_OK);
	blocks_free(all);
	catalog_put(c);
}
END_TEST

START_TEST(nothing_stays_open)
{
	unsigned before = count_fds();

	blocks_free(new_blocks(on_no_rot, SHARE_TREES_MAX));
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("blocks");
	TCase *t = tcase_create("blocks");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_torn_end_is_no_record, 0, sizeof torn / sizeof *torn);
	tcase_add_test(t, a_record_that_lies_spoils_all);
	tcase_add_test(t, a_raw_root_needs_nothing_beside_it);
	tcase_add_test(t, what_has_no_blocks_is_told_and_not_read_for_every_asker);
	tcase_add_test(t, what_was_read_is_not_read_again);
	tcase_add_test(t, what_is_forsaken_is_read_anew_when_nobody_holds_it);
	tcase_add_test(t, new_sets_are_read_though_nobody_asks);
	tcase_add_loop_test(t, what_leaves_the_catalog_leaves_memory, 0, 2);
	tcase_add_test(t, an_asker_waits_for_the_one_that_reads_and_nobody_else);
	tcase_add_loop_test(t, an_image_has_as_many_sets_as_roots, 0, 2);
	tcase_add_test(t, a_root_is_found_in_its_own_image);
	tcase_add_test(t, a_root_of_another_image_is_another_set);
	tcase_add_loop_test(t, an_image_that_is_not_good_has_no_set, 0, 2);
	tcase_add_test(t, an_identity_root_has_no_set);
	tcase_add_loop_test(t, memory_has_an_end, 0, 2);
	tcase_add_test(t, room_that_becomes_free_is_used);
	tcase_add_test(t, what_finds_no_room_is_not_read_again);
	tcase_add_test(t, without_a_folder_there_are_none);
	tcase_add_loop_test(t, without_descriptors_nothing_has_rotted, 0, 2);
	tcase_add_loop_test(t, a_read_without_memory_is_no_end, 0, 3);
	tcase_add_test(t, nothing_stays_open);
	tcase_add_loop_test(t, a_dag_has_an_end, 0, 2);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
