noinst_LIBRARIES += libchain.a
libchain_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
# What a program that links libchain.a needs after it, besides libformats.a and libbase.a.
CHAIN_LIBS = $(JANSSON_LIBS)
libchain_a_SOURCES = \
	%D%/anchor.c \
	%D%/answers.c \
	%D%/apply.c \
	%D%/calls.c \
	%D%/check.c \
	%D%/doubt.c \
	%D%/entries.c %D%/entries.h \
	%D%/entries_ask.c \
	%D%/entry.c %D%/entry.h \
	%D%/evidence.c %D%/evidence.h \
	%D%/explain.c \
	%D%/follow.h \
	%D%/follower.c %D%/follower.h \
	%D%/heads.c \
	%D%/history.c \
	%D%/json.c %D%/json.h \
	%D%/link.c \
	%D%/outputs.c \
	%D%/pace.c %D%/pace.h \
	%D%/patience.c \
	%D%/promote.c \
	%D%/prove.c \
	%D%/provider.c %D%/provider.h \
	%D%/read.c %D%/read.h \
	%D%/records.c %D%/records.h \
	%D%/round.c \
	%D%/rpc.c %D%/rpc.h \
	%D%/track.c %D%/track.h \
	%D%/vote.c %D%/vote.h \
	%D%/watch.c \
	%D%/witness.c %D%/witness.h \
	%D%/words.c
