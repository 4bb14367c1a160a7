noinst_LIBRARIES += libkeeper.a
libkeeper_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
libkeeper_a_SOURCES = \
	%D%/alarms.c %D%/alarms.h \
	%D%/api.c %D%/api.h \
	%D%/api_more.c \
	%D%/api_products.c \
	%D%/api_releases.c \
	%D%/api_status.c \
	%D%/calls.c %D%/calls.h \
	%D%/control.c %D%/control.h \
	%D%/devices.c %D%/devices.h \
	%D%/fetch.c %D%/fetch.h \
	%D%/fetcher.c %D%/fetcher.h \
	%D%/history.c %D%/history.h \
	%D%/js.c %D%/js.h \
	%D%/judge.c %D%/judge.h \
	%D%/catalogs.c %D%/catalogs.h \
	%D%/chain.c %D%/chain.h \
	%D%/chain_start.c %D%/chain_start.h \
	%D%/keeper.c %D%/keeper.h \
	%D%/keeper_images.c \
	%D%/keeper_start.c \
	%D%/kept.c %D%/kept.h \
	%D%/ledger.c %D%/ledger.h \
	%D%/route.c %D%/route.h \
	%D%/seqsock.c %D%/seqsock.h \
	%D%/settle.c \
	%D%/sup.c %D%/sup.h
