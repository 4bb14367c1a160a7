/* fuzz_conf.c: whatever text comes as a configuration, it is refused with words or becomes a whole struct conf. */
#include "daemon/conf_table.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void on_problem(void *arg, bool is_error, const char *text)
{
	assert(*text);
	*(unsigned *)arg += is_error;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	unsigned said = 0;
	const struct conf_say say = { on_problem, &said };
	struct conf conf = { 0 };
	struct settings s;
	struct pool pool;

	pool_init(&pool);
	settings_init(&s, &say);
	settings_add(&s, "fuzz", SPAN(p, n));
	conf_build(&s, &pool, &conf);
	assert(s.errors == said);
	assert(conf.gateway.state_dir && conf.coap.trusted);
	if (s.errors == 0)
		conf_rules(&s, &conf);
	settings_fini(&s);
	pool_free(&pool);
	return 0;
}
