/* chain.h: gives the follower its network, its time and its memory.
 *
 * The follower is pure (chain/follower.h); here its actions become HTTP
 * requests, answers and timers go in, and each batch of outputs goes into the
 * store in one transaction. When storing fails, nothing of the batch was kept:
 * the follower is thrown away and made again from the store, after a pause.
 *
 * Words of providers and of entries sources, which may echo the keys of their
 * URLs, leave the follower only through here, and without them: alarms, notes,
 * chain_provider(), what /sources shows. */
#ifndef KEEPER_CHAIN_H
#define KEEPER_CHAIN_H

#include "base/clock.h"
#include "base/list.h"
#include "chain/follower.h"
#include "daemon/conf.h"
#include "keeper/entries_source.h"
#include "keeper/ledger.h"
#include "keeper/news.h"
#include "net/http.h"
#include "net/secrets.h"

struct chain_owner {
	/* Something of a product changed, or was proven again: judge and tell. */
	void (*on_news)(void *arg);
	/* latch: only the operator ends it. */
	void (*on_alarm)(void *arg, const char *code, const char *subject, const char *detail, bool latch);
	void (*on_alarm_over)(void *arg, const char *code, const char *subject);
	/* Storing failed; the keeper decides what that means. */
	void (*on_trouble)(void *arg, const struct err *e);
	void *arg;
};

struct chain {
	uv_loop_t *loop;
	struct http *http;
	const struct conf *conf;
	const struct clock *clock;
	struct store *store;
	struct ledger *ledger;
	struct chain_owner owner;
	struct follower *follower;	/* NULL after a failure, until the timer makes it again */
	uv_timer_t timer;
	struct entries_source *entries;	/* in the order in which they are asked */
	size_t entries_n;
	struct entryfiles *entryfiles;	/* for our own */
	struct list calls;		/* struct chain_call: requests under way */
	struct mark mark;		/* as last stored, or to be stored */
	bool is_mark_changed, is_whole_due;	/* due: the stored proof of all does not cover what changed since */
	int64_t proofs_saved_ms;
	struct news news;		/* of products, that was not told yet */
	bool is_paused;
	bool is_ahead;			/* memory may know what the store does not: it is forgotten before anything else */
	bool has_conflict;		/* the anchor-conflict alarm is latched */
	const struct secrets *secrets;	/* what servers may echo and nobody is to read; NULL: nothing */
	char last_error[256], quarantine[256];	/* what chain_provider() gave, without them */
};

/* Everything is borrowed until chain_close. Read are c->has_conflict (was that alarm latched?), c->entries, c->entries_n, c->entryfiles and c->secrets. Nothing is sent before the loop runs. */
MUST_USE int chain_init(struct chain *c, uv_loop_t *loop, struct http *http, const struct conf *conf, const struct clock *clock,
			struct store *store, struct ledger *ledger, struct chain_owner owner, struct err *e);
void chain_close(struct chain *c);

/* Zeros while there is no follower. */
void chain_info(const struct chain *c, struct follower_info *out);
size_t chain_providers(const struct chain *c);
/* Its texts live until the next call. */
void chain_provider(struct chain *c, size_t i, struct follower_provider_info *out);
void chain_clear_conflict(struct chain *c);
/* The store has other entries than the follower knows of: begins again from the store. Not from a callback of c's. */
void chain_restart(struct chain *c);
/* The disk takes nothing: asks nobody, until chain_resume. Not from a callback of c's. */
void chain_pause(struct chain *c);
void chain_resume(struct chain *c);
/* Polls at once. */
void chain_hurry(struct chain *c);

#endif
