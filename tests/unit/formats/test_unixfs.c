/* test_unixfs.c: dag-pb and UnixFS: the codec's fixtures both ways, and each rule that a file's node must obey. */
#include "base/cleanup.h"
#include "formats/dagpb.h"
#include "formats/unixfs.h"
#include "hexes.h"
#include "vectors.h"

#include <dirent.h>

/* --- dag-pb --- */

/* Reads the block and writes it again from its parts. */
static void rewrite(struct span block, struct buf *out)
{
	struct dagpb node;
	struct dagpb_link link;
	size_t n = 0;

	ck_assert_int_eq(dagpb_read(block, &node, NULL), ERR_OK);
	while (dagpb_next_link(&node.links, &link)) {
		char name[256] = "";

		memcpy(name, link.name.p ? (const char *)link.name.p : "", link.name.n);
		if (link.has_tsize)
			dagpb_put_link(out, &link.cid, link.has_name ? name : NULL, link.tsize);
		n++;
	}
	ck_assert_uint_eq(n, node.n_links);
	if (node.has_data)
		dagpb_put_data(out, node.data);
}

/* Every fixture reads; those whose links all have a Tsize, as our writer makes them, come out the same. */
START_TEST(codec_fixtures)
{
	unsigned seen = 0, same = 0;
	struct dirent *entry;
	DIR *d = opendir(VECTORS_DIR "/ipfs/dagpb");

	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d))) {
		AUTO(buf_free) struct buf again = BUF_INIT(4096);
		char *dot = strchr(entry->d_name, '.'), name[512];
		struct cid cid;
		struct buf b;

		if (!strstr(entry->d_name, ".dag-pb"))
			continue;
		snprintf(name, sizeof name, "ipfs/dagpb/%s", entry->d_name);
		b = vector_file(name);
		ck_assert_int_eq(cid_read_text(SPAN(dot + 1, strcspn(dot + 1, ".")), &cid, NULL), ERR_OK);
		ck_assert_msg(cid_check(&cid, buf_span(&b), NULL) == ERR_OK, "%s", name);
		rewrite(buf_span(&b), &again);
		same += span_eq(buf_span(&b), buf_span(&again));
		seen++;
		buf_free(&b);
	}
	closedir(d);
	ck_assert_uint_eq(seen, 17);
	ck_assert_uint_eq(same, 10);
}
END_TEST

/* bafkqaaa with bytes 01..04 as an identity link, as the fixtures use it */
#define HASH "0a09 015500050001020304"

static const struct { const char *rule, *hex, *says; int code; } bad_pb[] = {
	{ "an unknown field", "1a00", "unknown field 3", ERR_FORMAT },
	{ "field number 0", "0200", "without a field number", ERR_FORMAT },
	{ "a field number beyond 29 bits", "8280808080010a", "", ERR_FORMAT },
	{ "Data twice", "0a00 0a00", "Data twice", ERR_FORMAT },
	{ "Data as a varint", "0801", "Data is not bytes", ERR_FORMAT },
	{ "Data past the end", "0a05 00", "past the end", ERR_FORMAT },
	{ "Data of 2^63 bytes", "0a ffffffffffffffffff01", "past the end", ERR_FORMAT },
	{ "an overlong length", "0a8000", "overlong", ERR_FORMAT },
	{ "an overlong tag", "8a0000", "overlong", ERR_FORMAT },
	{ "wire type 1", "09 0000000000000000", "wire type 1", ERR_FORMAT },
	{ "a group", "0b 0c", "wire type 3", ERR_FORMAT },
	{ "a cut tag", "8a", "cut", ERR_FORMAT },
	{ "links on both sides of Data", "120b" HASH "0a00" "120b" HASH, "stand apart", ERR_FORMAT },
	{ "a link that is a varint", "1001", "Links are not bytes", ERR_FORMAT },
	{ "an empty link", "1200", "no Hash", ERR_FORMAT },
	{ "a link without Hash", "1202 1801", "no Hash", ERR_FORMAT },
	{ "a link's fields out of order", "120d 1801" HASH, "no Hash in front", ERR_FORMAT },
	{ "Tsize before Name", "120f" HASH "1801 1200", "out of order", ERR_FORMAT },
	{ "Hash twice", "1216" HASH HASH, "field 1 twice", ERR_FORMAT },
	{ "Name twice", "120f" HASH "1200 1200", "field 2 twice", ERR_FORMAT },
	{ "Name as a varint", "120d" HASH "1000", "Name is not bytes", ERR_FORMAT },
	{ "Tsize as bytes", "120d" HASH "1a00", "Tsize is not a varint", ERR_FORMAT },
	{ "an overlong Tsize", "120e" HASH "188000", "overlong", ERR_FORMAT },
	{ "an unknown field in a link", "120d" HASH "2001", "unknown field 4", ERR_FORMAT },
	{ "a Hash that is no CID", "1203 0a01 ff", "cid: ", ERR_FORMAT },
	{ "an empty Hash", "1202 0a00", "cid: ", ERR_FORMAT },
	{ "a Hash with bytes left over", "120c 0a0a 01550005000102030400", "left over", ERR_FORMAT },
	{ "a link to dag-cbor", "120b 0a09 017100050001020304", "codec 0x71", ERR_RULE },
	{ "a link by sha1", "121a 0a18 01551114 a9993e364706816aba3e25717850c26c9cd0d89d", "hash function 0x11", ERR_RULE },
};

START_TEST(dagpb_refusals)
{
	struct dagpb node = { .n_links = 77 };
	struct err e = { 0 };
	int rc = dagpb_read(hexes(bad_pb[_i].hex), &node, &e);

	ck_assert_msg(rc == bad_pb[_i].code, "%s: %d %s", bad_pb[_i].rule, rc, e.msg);
	ck_assert_msg(strstr(e.msg, bad_pb[_i].says) && !strncmp(e.msg, "dag-pb: ", 8), "%s: %s", bad_pb[_i].rule, e.msg);
	ck_assert_uint_eq(node.n_links, 77);
}
END_TEST

START_TEST(dagpb_counts_links)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 * MIB);
	struct cid cid = cid_of(1, CID_RAW, SPAN_LIT("x"));
	struct dagpb node;

	for (size_t i = 0; i < DAG_LINKS_MAX; i++)
		dagpb_put_link(&b, &cid, "", 1);
	ck_assert_int_eq(dagpb_read(buf_span(&b), &node, NULL), ERR_OK);
	ck_assert_uint_eq(node.n_links, DAG_LINKS_MAX);
	dagpb_put_link(&b, &cid, "", 1);
	ck_assert_int_eq(dagpb_read(buf_span(&b), &node, NULL), ERR_LIMIT);
}
END_TEST

START_TEST(dagpb_takes_data_in_front)
{
	struct dagpb node;

	ck_assert_int_eq(dagpb_read(hexes("0a0101 120b" HASH "120b" HASH), &node, NULL), ERR_OK);
	ck_assert_uint_eq(node.n_links, 2);
	ck_assert_uint_eq(node.data.n, 1);
}
END_TEST

/* --- UnixFS --- */

/* A dag-pb block with this UnixFS message behind n equal links. */
static struct span node_of(const char *message, unsigned links, struct buf *b)
{
	struct cid cid = cid_of(1, CID_RAW, SPAN_LIT("x"));

	buf_reset(b);
	for (unsigned i = 0; i < links; i++)
		dagpb_put_link(b, &cid, "", 1);
	dagpb_put_data(b, hexes(message));
	return buf_span(b);
}

static const struct { const char *what, *message; unsigned links; uint64_t size; } good_files[] = {
	{ "a leaf", "0802 1203 616263 1803", 0, 3 },
	{ "a Raw leaf", "0800 1203 616263 1803", 0, 3 },
	{ "an empty file", "0802 1800", 0, 0 },
	{ "an empty file with empty Data", "0802 1200 1800", 0, 0 },
	{ "a leaf without filesize, which is then what it has", "0802 1203 616263", 0, 3 },
	{ "an inner node", "0802 1805 2002 2003", 2, 5 },
	{ "an inner node with bytes of its own", "0802 1201 61 1806 2002 2003", 2, 6 },
	{ "mode", "0802 1201 61 1801 38a403", 0, 1 },
	{ "mode and mtime", "0802 1201 61 1801 38a403 420b 0880fa8fbb06 1501000000", 0, 1 },
	{ "mtime before 1970", "0802 1201 61 1801 420b 08ffffffffffffffffff01", 0, 1 },
	{ "blocksizes of 2^62", "0802 18808080808080808080 01 20 80808080808080808001", 1, UINT64_C(1) << 63 },
	{ "fields in another order", "1803 1203 616263 0802", 0, 3 },
};

START_TEST(unixfs_files)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4096);
	struct unixfs_node node;
	struct unixfs_child child;
	struct err e = { 0 };
	uint64_t sum = 0;

	ck_assert_msg(unixfs_read(CID_DAG_PB, node_of(good_files[_i].message, good_files[_i].links, &b), &node, &e) == ERR_OK,
		      "%s: %s", good_files[_i].what, e.msg);
	ck_assert_msg(node.size == good_files[_i].size, "%s", good_files[_i].what);
	ck_assert_uint_eq(node.n_links, good_files[_i].links);
	while (unixfs_next_child(&node, &child))
		sum += child.size;
	ck_assert_uint_eq(sum + node.data.n, good_files[_i].size);
}
END_TEST

static const struct { const char *rule, *message, *says; unsigned links; int code; } bad_files[] = {
	{ "no Type", "1800", "no Type", 0, ERR_FORMAT },
	{ "an empty message", "", "no Type", 0, ERR_FORMAT },
	{ "a directory", "0801", "a directory", 0, ERR_RULE },
	{ "a directory with links", "0801", "a directory", 2, ERR_RULE },
	{ "a HAMT directory", "0805 2822 308002", "a HAMT directory", 0, ERR_RULE },
	{ "a symlink", "0804 1203 616263", "a symlink", 0, ERR_RULE },
	{ "metadata", "0803", "metadata", 0, ERR_RULE },
	{ "an unknown Type", "0806", "unknown Type 6", 0, ERR_FORMAT },
	{ "a file with hashType", "0802 1800 2822", "HAMT", 0, ERR_RULE },
	{ "a file with fanout", "0802 1800 308002", "HAMT", 0, ERR_RULE },
	{ "Type twice", "0802 0802", "Type twice", 0, ERR_FORMAT },
	{ "Data twice", "0802 120161 120161", "Data twice", 0, ERR_FORMAT },
	{ "filesize twice", "0802 1800 1800", "filesize twice", 0, ERR_FORMAT },
	{ "mode twice", "0802 1800 3801 3801", "mode twice", 0, ERR_FORMAT },
	{ "an unknown field", "0802 1800 4801", "unknown field 9", 0, ERR_FORMAT },
	{ "Type as bytes", "0a0102", "Type has wire type", 0, ERR_FORMAT },
	{ "packed blocksizes", "0802 1805 22020203", "blocksizes has wire type", 2, ERR_FORMAT },
	{ "an overlong filesize", "0802 188000", "overlong", 0, ERR_FORMAT },
	{ "a cut field", "0802 12", "cut", 0, ERR_FORMAT },
	{ "a lying filesize: too large", "0802 1203 616263 1804", "filesize says 4, its parts have 3", 0, ERR_RULE },
	{ "a lying filesize: too small", "0802 1805 2003 2003", "filesize says 5, its parts have 6", 2, ERR_RULE },
	{ "fewer blocksizes than links", "0802 1803 2003", "1 blocksizes for 2 links", 2, ERR_RULE },
	{ "more blocksizes than links", "0802 1806 2003 2003", "2 blocksizes for 1 links", 1, ERR_RULE },
	{ "blocksizes without links", "0802 1803 2003", "1 blocksizes for 0 links", 0, ERR_RULE },
	{ "links without blocksizes", "0802 1800", "0 blocksizes for 1 links", 1, ERR_RULE },
	{ "a child of no bytes", "0802 1803 2003 2000", "child 1 has no bytes", 2, ERR_RULE },
	{ "blocksizes beyond 64 bits", "0802 20ffffffffffffffffff01 2001", "do not fit 64 bits", 2, ERR_RULE },
	{ "own bytes that push the sum beyond 64 bits", "0802 120161 20ffffffffffffffffff01", "do not fit 64 bits", 1, ERR_RULE },
	{ "blocksizes that stand apart", "0802 2003 1806 2003", "stand apart", 2, ERR_FORMAT },
	{ "a Raw node with links", "0800 1803 2003", "Raw node with links", 1, ERR_RULE },
	{ "mtime without seconds", "0802 1800 4200", "mtime has no seconds", 0, ERR_FORMAT },
	{ "mtime with an unknown field", "0802 1800 4204 0801 1801", "not seconds and nanoseconds", 0, ERR_FORMAT },
	{ "mtime twice", "0802 1800 42020801 42020801", "mtime twice", 0, ERR_FORMAT },
};

START_TEST(unixfs_refusals)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4096);
	struct unixfs_node node;
	struct err e = { 0 };
	int rc = unixfs_read(CID_DAG_PB, node_of(bad_files[_i].message, bad_files[_i].links, &b), &node, &e);

	ck_assert_msg(rc == bad_files[_i].code, "%s: %d %s", bad_files[_i].rule, rc, e.msg);
	ck_assert_msg(strstr(e.msg, bad_files[_i].says) != NULL, "%s: %s", bad_files[_i].rule, e.msg);
}
END_TEST

START_TEST(unixfs_names_and_data)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4096);
	struct cid cid = cid_of(1, CID_RAW, SPAN_LIT("x"));
	struct unixfs_node node;
	struct err e = { 0 };

	dagpb_put_link(&b, &cid, "readme", 1);
	dagpb_put_data(&b, hexes("0802 1801 2001"));
	ck_assert_int_eq(unixfs_read(CID_DAG_PB, buf_span(&b), &node, &e), ERR_RULE);
	ck_assert_str_eq(e.msg, "unixfs: link 0 of a file has a name");
	ck_assert_int_eq(unixfs_read(CID_DAG_PB, SPAN("", 0), &node, &e), ERR_RULE);
	ck_assert_str_eq(e.msg, "unixfs: a dag-pb block without UnixFS data");
	ck_assert_int_eq(unixfs_read(CID_RAW, SPAN_LIT("anything"), &node, &e), ERR_OK);
	ck_assert_uint_eq(node.size, 8);
}
END_TEST

START_TEST(gateway_fixtures_are_refused_by_name)
{
	static const struct { const char *hex, *says; } roots[] = {
		/* `ipfs add` of an empty directory, and a symlink to "foo" */
		{ "0a020801", "a directory, not a file" },
		{ "0a07 0804 1203 666f6f", "a symlink, not a file" },
	};
	struct unixfs_node node;
	struct err e = { 0 };

	ck_assert_int_eq(unixfs_read(CID_DAG_PB, hexes(roots[_i].hex), &node, &e), ERR_RULE);
	ck_assert(strstr(e.msg, roots[_i].says) != NULL);
}
END_TEST

/* --- leaves --- */

static const struct { const char *what; enum unixfs_type type; unsigned version; enum cid_codec codec; } leaves[] = {
	{ "a raw block", UNIXFS_RAW, 1, CID_RAW },
	{ "a File leaf", UNIXFS_FILE, 0, CID_DAG_PB },
	{ "a File leaf under version 1", UNIXFS_FILE, 1, CID_DAG_PB },
	{ "a Raw leaf", UNIXFS_RAW, 1, CID_DAG_PB },
};

START_TEST(leaves_are_rebuilt)
{
	static const size_t sizes[] = { 0, 1, 127, 128, 20000 };
	static uint8_t data[20000];

	memset(data, 0xa5, sizeof data);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		AUTO(buf_free) struct buf block = BUF_INIT(BLOCK_MAX);
		AUTO(buf_free) struct buf again = BUF_INIT(BLOCK_MAX);
		struct span bytes = SPAN(data, sizes[i]);
		struct unixfs_node node;
		struct cid cid;

		if (leaves[_i].codec == CID_DAG_PB)
			unixfs_put_leaf(&block, leaves[_i].type, bytes);
		else
			buf_add(&block, bytes);
		cid = cid_of(leaves[_i].version, leaves[_i].codec, buf_span(&block));
		ck_assert_int_eq(unixfs_rebuild_leaf(&cid, bytes, &again, NULL), ERR_OK);
		ck_assert_int_eq(unixfs_read(leaves[_i].codec, buf_span(&block), &node, NULL), ERR_OK);
		ck_assert(span_eq(node.data, bytes));
		if (leaves[_i].codec == CID_DAG_PB) {
			ck_assert(span_eq(buf_span(&block), buf_span(&again)));
			ck_assert(unixfs_is_ordinary_leaf(buf_span(&block), &node));
		}
		again.n = 0;
		if (sizes[i] > 0)
			ck_assert_int_eq(unixfs_rebuild_leaf(&cid, SPAN(data, sizes[i] - 1), &again, NULL), ERR_PROOF);
		ck_assert_uint_eq(again.n, 0);
	}
}
END_TEST

static const struct { const char *what, *hex; bool ordinary; } wrappers[] = {
	{ "as importers write it", "0a09 0802 1203616263 1803", true },
	{ "with a mode", "0a0c 0802 1203616263 1803 38a403", false },
	{ "without filesize", "0a07 0802 1203616263", false },
	{ "with fields in another order", "0a09 1203616263 0802 1803", false },
	{ "empty, without Data", "0a04 0802 1800", true },
	{ "empty, with empty Data", "0a06 0802 1200 1800", false },
};

START_TEST(unusual_wrappers_are_told_apart)
{
	AUTO(buf_free) struct buf out = BUF_INIT(BLOCK_MAX);
	struct span block = hexes(wrappers[_i].hex);
	struct cid cid = cid_of(1, CID_DAG_PB, block);
	struct unixfs_node node;

	ck_assert_int_eq(unixfs_read(CID_DAG_PB, block, &node, NULL), ERR_OK);
	ck_assert_msg(unixfs_is_ordinary_leaf(block, &node) == wrappers[_i].ordinary, "%s", wrappers[_i].what);
	ck_assert_msg((unixfs_rebuild_leaf(&cid, node.data, &out, NULL) == ERR_OK) == wrappers[_i].ordinary, "%s",
		      wrappers[_i].what);
}
END_TEST

#define LOOP(tcase, test, rows) tcase_add_loop_test(tcase, test, 0, (int)(sizeof rows / sizeof *rows))

int main(void)
{
	Suite *s = suite_create("unixfs");
	TCase *t = tcase_create("unixfs");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_test(t, codec_fixtures);
	LOOP(t, dagpb_refusals, bad_pb);
	tcase_add_test(t, dagpb_counts_links);
	tcase_add_test(t, dagpb_takes_data_in_front);
	LOOP(t, unixfs_files, good_files);
	LOOP(t, unixfs_refusals, bad_files);
	tcase_add_test(t, unixfs_names_and_data);
	tcase_add_loop_test(t, gateway_fixtures_are_refused_by_name, 0, 2);
	LOOP(t, leaves_are_rebuilt, leaves);
	LOOP(t, unusual_wrappers_are_told_apart, wrappers);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
