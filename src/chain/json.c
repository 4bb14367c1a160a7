/* json.c: see json.h. */
#include "chain/json.h"
#include "base/hex.h"
#include "base/limits.h"

#include <malloc.h>

static struct {
	bool is_on, is_over;
	size_t used, peak;
} budget;

/* malloc_usable_size keeps memory ordinary: no header of ours in front of it, free() works. */
static void *budget_alloc(size_t n)
{
	if (budget.is_on && n > RPC_JSON_HEAP_MAX - budget.used) {
		budget.is_over = true;
		return NULL;
	}

	void *p = malloc(n);

	if (p && budget.is_on) {
		budget.used += malloc_usable_size(p);
		if (budget.used > budget.peak)
			budget.peak = budget.used;
		if (budget.used > RPC_JSON_HEAP_MAX)
			budget.used = RPC_JSON_HEAP_MAX;	/* usable sizes are rounded up: full, not over */
	}
	return p;
}

static void budget_free(void *p)
{
	size_t n = p && budget.is_on ? malloc_usable_size(p) : 0;

	budget.used -= n < budget.used ? n : budget.used;
	free(p);
}

void json_budget_install(void)
{
	json_set_alloc_funcs(budget_alloc, budget_free);
}

size_t json_budget_peak(void)
{
	return budget.peak;
}

json_t *json_parse(struct span text, struct err *e)
{
	json_error_t why;

	if (text.n == 0) {
		err_set(e, ERR_FORMAT, "JSON: there is not a byte");
		return NULL;
	}
	budget.used = budget.peak = 0;
	budget.is_over = false;
	budget.is_on = true;

	json_t *j = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);

	budget.is_on = false;
	if (!j && budget.is_over)
		err_set(e, ERR_LIMIT, "JSON: takes more than %d bytes of memory", RPC_JSON_HEAP_MAX);
	else if (!j)
		err_set(e, ERR_FORMAT, "JSON: %s", why.text);
	return j;
}

struct span json_text(const json_t *j)
{
	return json_is_string(j) ? SPAN(json_string_value(j), json_string_length(j)) : SPAN(NULL, 0);
}

static int digits_of(const json_t *j, struct span *out, struct err *e)
{
	struct span t = json_text(j);

	if (!t.p)
		return err_set(e, ERR_FORMAT, "hex: not a string");
	if (t.n < 2 || t.p[0] != '0' || t.p[1] != 'x')
		return err_set(e, ERR_FORMAT, "hex: begins with 0x");
	*out = SPAN(t.p + 2, t.n - 2);
	return ERR_OK;
}

/* Up to 2 * n digits, right-aligned in out. */
static int right_aligned(struct span digits, uint8_t *out, size_t n, struct err *e)
{
	char padded[2 * sizeof(struct hash32)];

	if (digits.n == 0 || digits.n > 2 * n)
		return err_set(e, ERR_FORMAT, "hex: has 1 to %zu digits", 2 * n);
	memset(padded, '0', sizeof padded);
	memcpy(padded + 2 * n - digits.n, digits.p, digits.n);
	return hex_read(SPAN(padded, 2 * n), out, n, e);
}

int json_quantity(const json_t *j, uint64_t *out, struct err *e)
{
	struct span digits;
	uint8_t be[8];
	uint64_t v = 0;
	int rc = digits_of(j, &digits, e);

	if (rc == ERR_OK && digits.n > 1 && digits.p[0] == '0')
		rc = err_set(e, ERR_FORMAT, "hex: a quantity has no leading zero");
	if (rc == ERR_OK)
		rc = right_aligned(digits, be, sizeof be, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof be; i++)
		v = v << 8 | be[i];
	*out = v;
	return ERR_OK;
}

int json_fixed(const json_t *j, uint8_t *out, size_t n, struct err *e)
{
	return hex_read_0x(json_text(j), out, n, e);
}

int json_data(const json_t *j, uint8_t *out, size_t max, size_t *n, struct err *e)
{
	struct span digits;
	int rc = digits_of(j, &digits, e);

	if (rc == ERR_OK && digits.n / 2 > max)
		rc = err_set(e, ERR_LIMIT, "hex: more than %zu bytes", max);
	if (rc == ERR_OK && digits.n % 2)
		rc = err_set(e, ERR_FORMAT, "hex: whole bytes have an even number of digits");
	if (rc == ERR_OK)
		rc = hex_read(digits, out, digits.n / 2, e);
	if (rc == ERR_OK)
		*n = digits.n / 2;
	return rc;
}

int json_word(const json_t *j, struct hash32 *out, struct err *e)
{
	struct span digits;
	struct hash32 w;
	int rc = digits_of(j, &digits, e);

	if (rc == ERR_OK)
		rc = right_aligned(digits, w.b, sizeof w.b, e);
	if (rc == ERR_OK)
		*out = w;
	return rc;
}
