/* test_wallet.c: keystores and key files: the published vectors of Web3 Secret Storage, and what is refused. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "formats/ethtx.h"
#include "publish/keystore.h"
#include "publish/wallet.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
#define ADDRESS "008aeeda4d805471df9b2a5b0f38a0c3bcba786b"

/* ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage, "Test vectors" */
#define PBKDF2 "\"kdf\":\"pbkdf2\",\"kdfparams\":{\"c\":262144,\"dklen\":32,\"prf\":\"hmac-sha256\"," \
	"\"salt\":\"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd\"}"
#define PBKDF2_REST "\"cipherparams\":{\"iv\":\"6087dab2f9fdbbfaddc31a909735c1e6\"}," \
	"\"ciphertext\":\"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46\"," \
	"\"mac\":\"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2\""
#define CIPHER "\"cipher\":\"aes-128-ctr\""
#define SCRYPT_KEYSTORE "{\"crypto\":{" CIPHER ",\"cipherparams\":{\"iv\":\"83dbcc02d8ccb40e466191a123791e0e\"}," \
	"\"ciphertext\":\"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c\"," \
	"\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":262144,\"p\":8,\"r\":1," \
	"\"salt\":\"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19\"}," \
	"\"mac\":\"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097\"},\"version\":3}"

static const struct { const char *what, *json; } good[] = {
	{ "PBKDF2", "{\"crypto\":{" CIPHER "," PBKDF2_REST "," PBKDF2 "},\"version\":3}" },
	{ "scrypt", SCRYPT_KEYSTORE },
	{ "an address beside it", "{\"address\":\"" ADDRESS "\",\"crypto\":{" CIPHER "," PBKDF2_REST "," PBKDF2 "},\"version\":3}" },
	{ "an address with 0x", "{\"address\":\"0x" ADDRESS "\",\"crypto\":{" CIPHER "," PBKDF2_REST "," PBKDF2 "},\"version\":3}" },
	{ "\"Crypto\", as once written", "{\"Crypto\":{" CIPHER "," PBKDF2_REST "," PBKDF2 "},\"version\":3}" },
};

static void expect_secret(const uint8_t secret[32])
{
	char text[HEX32_MAX];

	ck_assert_str_eq(hex_str(SPAN(secret, 32), text), SECRET);
}

START_TEST(opens)
{
	uint8_t secret[32];
	struct err e = { 0 };

	ck_assert_msg(keystore_open(span_str(good[_i].json), SPAN_LIT("testpassword"), secret, &e) == ERR_OK, "%s: %s",
		      good[_i].what, e.msg);
	expect_secret(secret);
}
END_TEST

#define KDF_OF(params) "{\"version\":3,\"crypto\":{" CIPHER "," PBKDF2_REST ",\"kdf\":" params "}}"
#define SALT "\"salt\":\"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd\""

static const struct { const char *rule, *password, *json; enum err_code code; const char *says; } bad[] = {
	{ "the password is the one", "Testpassword", SCRYPT_KEYSTORE, ERR_DENIED, "wrong password" },
	{ "no password is not any password", "", SCRYPT_KEYSTORE, ERR_DENIED, "wrong password" },
	{ "it is JSON", "", "{\"version\":3", ERR_FORMAT, "not JSON" },
	{ "members are there once", "", "{\"version\":3,\"version\":3}", ERR_FORMAT, "not JSON" },
	{ "version is 3", "", "{\"version\":4,\"crypto\":{}}", ERR_RULE, "version is not 3" },
	{ "version is there", "", "{\"crypto\":{}}", ERR_RULE, "version is not 3" },
	{ "it is an object", "", "[3]", ERR_RULE, "version is not 3" },
	{ "cipher is AES-128-CTR", "", "{\"version\":3,\"crypto\":{\"cipher\":\"aes-128-cbc\"," PBKDF2_REST "," PBKDF2 "}}",
	  ERR_RULE, "cipher is not aes-128-ctr" },
	{ "iv is there", "", "{\"version\":3,\"crypto\":{" CIPHER "," PBKDF2 "}}", ERR_FORMAT, "iv is not there" },
	{ "iv is 16 bytes", "", "{\"version\":3,\"crypto\":{" CIPHER ",\"cipherparams\":{\"iv\":\"00\"}}}", ERR_FORMAT, "iv" },
	{ "kdf is one of two", "", KDF_OF("\"argon2id\",\"kdfparams\":{\"dklen\":32," SALT "}"), ERR_RULE, "neither scrypt" },
	{ "dklen is 32", "", KDF_OF("\"scrypt\",\"kdfparams\":{\"dklen\":16,\"n\":2,\"r\":1,\"p\":1," SALT "}"), ERR_RULE, "dklen" },
	{ "salt is there", "", KDF_OF("\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":2,\"r\":1,\"p\":1}"), ERR_FORMAT, "salt" },
	{ "salt is hex", "", KDF_OF("\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":2,\"r\":1,\"p\":1,\"salt\":\"zz\"}"), ERR_FORMAT, "salt" },
	{ "prf is HMAC-SHA-256", "", KDF_OF("\"pbkdf2\",\"kdfparams\":{\"dklen\":32,\"c\":1,\"prf\":\"hmac-sha1\"," SALT "}"),
	  ERR_RULE, "prf" },
	{ "rounds are positive", "", KDF_OF("\"pbkdf2\",\"kdfparams\":{\"dklen\":32,\"c\":0,\"prf\":\"hmac-sha256\"," SALT "}"),
	  ERR_FORMAT, "c is not a positive integer" },
	{ "rounds are bounded", "", KDF_OF("\"pbkdf2\",\"kdfparams\":{\"dklen\":32,\"c\":4000000000,\"prf\":\"hmac-sha256\"," SALT "}"),
	  ERR_LIMIT, "" },
	{ "n is a number", "", KDF_OF("\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":\"2\",\"r\":1,\"p\":1," SALT "}"), ERR_FORMAT, "n is not" },
	{ "n is a power of two", "", KDF_OF("\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":3,\"r\":1,\"p\":1," SALT "}"), ERR_FORMAT, "" },
	{ "memory is bounded", "", KDF_OF("\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":2147483648,\"r\":8,\"p\":1," SALT "}"),
	  ERR_LIMIT, "" },
	{ "the address is the key's", "testpassword",
	  "{\"address\":\"108aeeda4d805471df9b2a5b0f38a0c3bcba786b\",\"crypto\":{" CIPHER "," PBKDF2_REST "," PBKDF2 "},\"version\":3}",
	  ERR_PROOF, "not that of the file's address" },
	{ "the address is one", "testpassword",
	  "{\"address\":\"108a\",\"crypto\":{" CIPHER "," PBKDF2_REST "," PBKDF2 "},\"version\":3}", ERR_FORMAT, "address" },
};

START_TEST(refuses)
{
	uint8_t secret[32] = { 0x5a };
	struct err e = { 0 };
	int rc = keystore_open(span_str(bad[_i].json), span_str(bad[_i].password), secret, &e);

	ck_assert_msg(rc == (int)bad[_i].code && e.code == bad[_i].code, "%s: %d %s", bad[_i].rule, rc, e.msg);
	ck_assert_msg(strstr(e.msg, bad[_i].says) != NULL, "%s: %s", bad[_i].rule, e.msg);
	ck_assert_msg(secret[0] == 0x5a, "on failure the output is untouched");
}
END_TEST

/* --- files --- */

static char dir[] = "/tmp/gatepost-wallet-XXXXXX";
static char path[sizeof dir + 16];

static void make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/wallet", dir);
}

static void remove_dir(void)
{
	unlink(path);
	rmdir(dir);
	strcpy(dir + sizeof dir - 7, "XXXXXX");
}

static void put(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static int fixed_password(void *arg, uint8_t *out, size_t *n, struct err *e)
{
	(void)e;
	*n = strlen(arg);
	memcpy(out, arg, *n);
	return ERR_OK;
}

static const struct {
	const char *what, *text;
	mode_t mode;
	enum err_code code;
	const char *says;
} files[] = {
	{ "hex", SECRET, 0600, ERR_OK, NULL },
	{ "hex with 0x and a line end", "0x" SECRET "\n", 0600, ERR_OK, NULL },
	{ "hex from another system", SECRET "\r\n", 0400, ERR_OK, NULL },
	{ "a keystore, whatever its mode", SCRYPT_KEYSTORE "\n", 0644, ERR_OK, NULL },
	{ "a keystore after white space", "\n " SCRYPT_KEYSTORE, 0644, ERR_OK, NULL },
	{ "the group may not read a key", SECRET, 0640, ERR_DENIED, "mode 0640" },
	{ "others may not read a key", SECRET, 0604, ERR_DENIED, "mode 0604" },
	{ "nobody else may write a key", SECRET, 0620, ERR_DENIED, "mode 0620" },
	{ "64 digits", "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe", 0600, ERR_FORMAT, "64 hex digits" },
	{ "nothing after them", SECRET "00", 0600, ERR_FORMAT, "64 hex digits" },
	{ "digits are hex", "zz28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d", 0600, ERR_FORMAT, "64 hex digits" },
	{ "not empty", "", 0600, ERR_FORMAT, "64 hex digits" },
	{ "not zero", "0000000000000000000000000000000000000000000000000000000000000000", 0600, ERR_RULE, "private key" },
	{ "below the order", "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 0600, ERR_RULE, "private key" },
};

START_TEST(reads_files)
{
	const struct wallet_password password = { fixed_password, (void *)"testpassword" };
	struct wallet w = { 0 };
	struct err e = { 0 };
	char text[ADDR_TEXT_MAX];
	int rc;

	put(files[_i].text, files[_i].mode);
	rc = wallet_open(path, &password, &w, &e);
	ck_assert_msg(rc == (int)files[_i].code, "%s: %d %s", files[_i].what, rc, e.msg);
	if (rc == ERR_OK) {
		expect_secret(w.secret);
		ck_assert_str_eq(addr_text(&w.address, text), "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b");
		wallet_wipe(&w);
		ck_assert_int_eq(w.secret[0] | w.secret[31], 0);
	} else {
		ck_assert_msg(strstr(e.msg, files[_i].says) && strstr(e.msg, path), "%s: %s", files[_i].what, e.msg);
		ck_assert_int_eq(w.secret[0], 0);
	}
}
END_TEST

START_TEST(a_missing_file_is_a_matter_of_usage)
{
	const struct wallet_password password = { fixed_password, (void *)"" };
	struct err e = { 0 };
	struct wallet w;

	ck_assert_int_eq(wallet_open("/nonexistent/wallet", &password, &w, &e), ERR_USAGE);
}
END_TEST

static const struct { const char *file, *password; } passwords[] = {
	{ "secret", "secret" }, { "secret\n", "secret" }, { "secret\r\nmore\n", "secret" }, { " a b \n", " a b " }, { "", "" }, { "\n", "" },
};

START_TEST(password_is_the_first_line)
{
	uint8_t out[WALLET_PASSWORD_MAX];
	struct err e = { 0 };
	size_t n = 99;

	put(passwords[_i].file, 0600);
	ck_assert_int_eq(wallet_password_file(path, out, &n, &e), ERR_OK);
	ck_assert_msg(span_is(SPAN(out, n), passwords[_i].password), "%zu bytes", n);
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
	TCase *store = tcase_create("keystore"), *file = tcase_create("file");
	Suite *s = suite_create("wallet");

	tcase_set_timeout(store, 120);	/* scrypt under sanitizers, on a small machine */
	tcase_set_timeout(file, 120);
	tcase_add_loop_test(store, opens, 0, ROWS(good));
	tcase_add_loop_test(store, refuses, 0, ROWS(bad));
	tcase_add_checked_fixture(file, make_dir, remove_dir);
	tcase_add_loop_test(file, reads_files, 0, ROWS(files));
	tcase_add_test(file, a_missing_file_is_a_matter_of_usage);
	tcase_add_loop_test(file, password_is_the_first_line, 0, ROWS(passwords));
	suite_add_tcase(s, store);
	suite_add_tcase(s, file);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
