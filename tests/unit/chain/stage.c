/* stage.c: see stage.h. */
#include "stage.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

struct fake_chain *chain;
struct fake_world w;
struct hash32 codes[1];
struct follower_provider providers[PROVIDERS_MAX];
struct follower_want wants[FAKE_PRODUCTS];
struct follower_conf conf;
struct follower_known known;

void stage_setup(void)
{
	static char names[PROVIDERS_MAX][8];

	chain = fake_new();
	w = (struct fake_world){ .n = 1, .now_ms = 1000 };
	codes[0] = fake_code_hash(false);
	known = (struct follower_known){ .conflict = false };
	wants[0] = (struct follower_want){ fake_owner, "acme/one" };
	for (size_t i = 0; i < PROVIDERS_MAX; i++) {
		snprintf(names[i], sizeof names[i], "p%zu", i);
		providers[i] = (struct follower_provider){ names[i], NULL };
		w.p[i] = (struct fake_provider){ .chain = chain, .latest = UINT64_MAX, .final = UINT64_MAX };
	}
	conf = (struct follower_conf){
		.chain_id = FAKE_CHAIN_ID, .registry = fake_registry, .code_hashes = codes, .code_hashes_n = 1,
		.anchor = ANCHOR_QUORUM, .quorum = 1, .finality = FINALITY_LATEST, .poll_ms = 60000, .seed = 7,
		.providers = providers, .providers_n = 1, .wants = wants, .wants_n = 1,
	};
}

void stage_teardown(void)
{
	fake_world_free(&w);
	fake_free(chain);
}

void start(void)
{
	struct err e = { 0 };

	w.n = conf.providers_n;
	w.f = follower_new(&conf, &known, &e);
	ck_assert_msg(w.f != NULL, "%s", e.msg);
}

void runs(unsigned n)
{
	while (n--)
		fake_run(&w);
}

void said(const char *line)
{
	char all[4000] = "";

	for (size_t i = w.lines > 30 ? w.lines - 30 : 0; i < w.lines; i++)
		snprintf(all + strlen(all), sizeof all - strlen(all), "\n  %s", w.line[i]);
	ck_assert_msg(fake_said(&w, line), "not said: %s; but:%s", line, all);
}

void silent(const char *line)
{
	for (size_t i = 0; i < w.lines; i++)
		ck_assert_msg(strncmp(w.line[i], line, strlen(line)) != 0, "said: %s", w.line[i]);
}

void in_step_with(const struct fake_chain *c, size_t product, bool is_final)
{
	struct follower_product_info info;
	const struct fake_product *p = &c->product[product];

	ck_assert(follower_product_find(w.f, &p->id, &info));
	ck_assert_uint_eq(info.recent.entries, p->words.entries);
	ck_assert(hash32_eq(&info.recent.head, &p->words.head));
	if (is_final)
		ck_assert(hash32_eq(&info.final.head, &p->words.head) && info.provisional == 0);
}

void one_product(void)
{
	fake_register(chain, &fake_owner, "acme/one");
	fake_mine(chain, 1);
	fake_publish(chain, 0);
	fake_mine(chain, 1);
}

void operators(unsigned n, unsigned quorum)
{
	conf.providers_n = n;
	conf.quorum = quorum;
}
