/* keystore.c: see keystore.h. */
#include "publish/keystore.h"
#include "base/hex.h"
#include "formats/ethtx.h"
#include "formats/keccak.h"
#include "formats/secp.h"
#include "formats/secret.h"

#include <jansson.h>
#include <string.h>

#define DERIVED_LEN 32

struct keystore {
	uint8_t iv[16], ciphertext[32], mac[32];
	uint8_t salt[KEYSTORE_SALT_MAX];
	size_t salt_n;
	bool is_scrypt;
	uint64_t n, rounds;
	uint32_t r, p;
};

static int read_hex_member(const json_t *in, const char *name, uint8_t *out, size_t n, struct err *e)
{
	const char *text = json_string_value(json_object_get(in, name));

	if (!text)
		return err_set(e, ERR_FORMAT, "%s is not there", name);
	return hex_read(span_str(text), out, n, e) ? err_wrap(e, "%s", name) : ERR_OK;
}

/* A positive number that fits the library's types; how large it may be is formats/secret's to say. */
static int read_number(const json_t *in, const char *name, uint64_t max, uint64_t *out, struct err *e)
{
	const json_t *v = json_object_get(in, name);
	json_int_t value = json_integer_value(v);

	if (!json_is_integer(v) || value <= 0)
		return err_set(e, ERR_FORMAT, "%s is not a positive integer", name);
	if ((uint64_t)value > max)
		return err_set(e, ERR_LIMIT, "%s is too large", name);
	*out = (uint64_t)value;
	return ERR_OK;
}

static int read_salt(const json_t *params, struct keystore *k, struct err *e)
{
	const char *text = json_string_value(json_object_get(params, "salt"));

	k->salt_n = text ? strlen(text) / 2 : 0;
	if (k->salt_n == 0 || k->salt_n > sizeof k->salt)
		return err_set(e, ERR_FORMAT, "salt is 1 to %zu bytes", sizeof k->salt);
	return read_hex_member(params, "salt", k->salt, k->salt_n, e);
}

static int read_scrypt(const json_t *params, struct keystore *k, struct err *e)
{
	uint64_t r = 0, p = 0;
	int rc = read_number(params, "n", UINT32_MAX, &k->n, e);

	if (!rc)
		rc = read_number(params, "r", UINT32_MAX, &r, e);
	if (!rc)
		rc = read_number(params, "p", UINT32_MAX, &p, e);
	k->is_scrypt = true;
	k->r = (uint32_t)r;
	k->p = (uint32_t)p;
	return rc;
}

static int read_pbkdf2(const json_t *params, struct keystore *k, struct err *e)
{
	const char *prf = json_string_value(json_object_get(params, "prf"));

	if (!prf || strcmp(prf, "hmac-sha256") != 0)
		return err_set(e, ERR_RULE, "prf is not hmac-sha256");
	return read_number(params, "c", UINT32_MAX, &k->rounds, e);
}

static int read_kdf(const json_t *crypto, struct keystore *k, struct err *e)
{
	const char *kdf = json_string_value(json_object_get(crypto, "kdf"));
	const json_t *params = json_object_get(crypto, "kdfparams");
	uint64_t length = 0;
	int rc = read_number(params, "dklen", UINT32_MAX, &length, e);

	if (!rc && length != DERIVED_LEN)
		rc = err_set(e, ERR_RULE, "dklen is not 32");
	if (!rc)
		rc = read_salt(params, k, e);
	if (rc)
		return rc;
	if (kdf && strcmp(kdf, "scrypt") == 0)
		return read_scrypt(params, k, e);
	if (kdf && strcmp(kdf, "pbkdf2") == 0)
		return read_pbkdf2(params, k, e);
	return err_set(e, ERR_RULE, "kdf is neither scrypt nor pbkdf2");
}

static int read_crypto(const json_t *crypto, struct keystore *k, struct err *e)
{
	const char *cipher = json_string_value(json_object_get(crypto, "cipher"));
	int rc;

	if (!cipher || strcmp(cipher, "aes-128-ctr") != 0)
		return err_set(e, ERR_RULE, "cipher is not aes-128-ctr");
	rc = read_hex_member(json_object_get(crypto, "cipherparams"), "iv", k->iv, sizeof k->iv, e);
	if (!rc)
		rc = read_hex_member(crypto, "ciphertext", k->ciphertext, sizeof k->ciphertext, e);
	if (!rc)
		rc = read_hex_member(crypto, "mac", k->mac, sizeof k->mac, e);
	return rc ? rc : read_kdf(crypto, k, e);
}

static int derive(const struct keystore *k, struct span password, uint8_t out[DERIVED_LEN], struct err *e)
{
	struct span salt = SPAN(k->salt, k->salt_n);

	if (k->is_scrypt)
		return secret_scrypt(password, salt, k->n, k->r, k->p, out, DERIVED_LEN, e);
	return secret_pbkdf2_sha256(password, salt, k->rounds, out, DERIVED_LEN, e);
}

static int decrypt(const struct keystore *k, struct span password, uint8_t secret[32], struct err *e)
{
	uint8_t derived[DERIVED_LEN], checked[16 + sizeof k->ciphertext];
	struct hash32 mac;
	int rc = derive(k, password, derived, e);

	if (rc)
		return rc;
	memcpy(checked, derived + 16, 16);
	memcpy(checked + 16, k->ciphertext, sizeof k->ciphertext);
	mac = keccak256(SPAN_OF(checked));
	if (secret_eq(SPAN_OF(mac), SPAN_OF(k->mac)))
		rc = secret_aes128_ctr(derived, k->iv, SPAN_OF(k->ciphertext), secret, e);
	else
		rc = err_set(e, ERR_DENIED, "wrong password");
	secret_wipe(derived, sizeof derived);
	secret_wipe(checked, sizeof checked);
	return rc;
}

/* The address is optional in the format, and some tools leave it out for privacy. */
static int check_address(const json_t *root, const uint8_t secret[32], struct err *e)
{
	const char *text = json_string_value(json_object_get(root, "address"));
	struct addr20 named, own;
	uint8_t point[64];
	int rc = secp_public(secret, point, e);

	if (rc || !text)
		return rc;
	own = ethtx_address(point);
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	if (hex_read(span_str(text), named.b, sizeof named.b, e))
		return err_wrap(e, "address");
	return addr20_eq(&own, &named) ? ERR_OK : err_set(e, ERR_PROOF, "the key is not that of the file's address");
}

static int open_root(const json_t *root, struct span password, uint8_t secret[32], struct err *e)
{
	const json_t *crypto = json_object_get(root, "crypto");
	struct keystore k = { 0 };
	int rc;

	if (json_integer_value(json_object_get(root, "version")) != 3)
		return err_set(e, ERR_RULE, "version is not 3");
	if (!crypto)
		crypto = json_object_get(root, "Crypto");	/* as geth once wrote it */
	rc = read_crypto(crypto, &k, e);
	if (!rc)
		rc = decrypt(&k, password, secret, e);
	return rc ? rc : check_address(root, secret, e);
}

int keystore_open(struct span json, struct span password, uint8_t secret[32], struct err *e)
{
	json_error_t why;
	json_t *root = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, &why);
	uint8_t opened[32];
	int rc;

	if (!root)
		return err_set(e, ERR_FORMAT, "keystore: not JSON: line %d: %s", why.line, why.text);
	rc = open_root(root, password, opened, e);
	json_decref(root);
	if (rc)
		err_wrap(e, "keystore");
	else
		memcpy(secret, opened, sizeof opened);
	secret_wipe(opened, sizeof opened);
	return rc;
}
