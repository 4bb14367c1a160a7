/* stage.h: one follower on a fake chain: what every program of stories begins with, and what it asks.
 *
 * stage_setup, then whatever the story needs of chain, conf, known and w, then start. */
#ifndef TESTS_STAGE_H
#define TESTS_STAGE_H

#include "fake_chain.h"

extern struct fake_chain *chain;
extern struct fake_world w;
extern struct hash32 codes[1];				/* of the registry */
extern struct follower_provider providers[PROVIDERS_MAX];	/* p0, p1, … */
extern struct follower_want wants[FAKE_PRODUCTS];
extern struct follower_conf conf;
extern struct follower_known known;

/* One provider, which is honest and whose word is enough; fake_owner's acme/one is wanted; the newest block is final. */
void stage_setup(void);
void stage_teardown(void);

/* With conf and known as they are now. */
void start(void);
void runs(unsigned n);

/* A line was told since the last fake_forget, a trailing '*' matching any rest; none begins like this. */
void said(const char *line);
void silent(const char *line);

/* The follower holds the product's head as c has it; is_final: under the anchor. */
void in_step_with(const struct fake_chain *c, size_t product, bool is_final);

/* acme/one: three entries of a registration in one block, then a release. */
void one_product(void);
void operators(unsigned n, unsigned quorum);

#endif
