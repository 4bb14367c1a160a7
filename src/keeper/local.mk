noinst_LIBRARIES += libkeeper.a
libkeeper_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(JANSSON_CFLAGS)
libkeeper_a_SOURCES = \
	%D%/alarms.c %D%/alarms.h \
	%D%/api.c %D%/api.h \
	%D%/api_cache.c \
	%D%/api_more.c \
	%D%/api_openapi.c \
	%D%/api_products.c \
	%D%/api_releases.c \
	%D%/api_status.c \
	%D%/backup.c %D%/backup.h \
	%D%/api_piece.c %D%/api_piece.h \
	%D%/backup_api.c \
	%D%/bundle_api.c \
	%D%/bundle_apply.c \
	%D%/bundle_export.c %D%/bundle_export.h \
	%D%/bundle_image.c \
	%D%/bundle_import.c %D%/bundle_import.h \
	%D%/bundle_judge.c \
	%D%/bundle_own.h \
	%D%/bundle_walk.c %D%/bundle_walk.h \
	%D%/calls.c %D%/calls.h \
	%D%/control.c %D%/control.h \
	%D%/degraded.c %D%/degraded.h \
	%D%/devices.c %D%/devices.h \
	%D%/entries_source.c %D%/entries_source.h \
	%D%/entryfiles.c %D%/entryfiles.h \
	%D%/fetch.c %D%/fetch.h %D%/fetch_own.h \
	%D%/fetch_claim.c \
	%D%/fetch_end.c \
	%D%/fetch_lane.c \
	%D%/fetch_open.c \
	%D%/fetch_pace.c \
	%D%/fetch_source.c %D%/fetch_source.h \
	%D%/fetch_turn.c \
	%D%/fetcher.c %D%/fetcher.h \
	%D%/history.c %D%/history.h \
	%D%/js.c %D%/js.h \
	%D%/judge.c %D%/judge.h \
	%D%/catalogs.c %D%/catalogs.h \
	%D%/chain.c %D%/chain.h \
	%D%/chain_start.c %D%/chain_start.h \
	%D%/keeper.c %D%/keeper.h \
	%D%/keeper_disk.c \
	%D%/keeper_own.c \
	%D%/keeper_entries.c \
	%D%/keeper_images.c \
	%D%/keeper_server.c \
	%D%/keeper_start.c \
	%D%/keeper_sweep.c \
	%D%/kept.c %D%/kept.h \
	%D%/ledger.c %D%/ledger.h \
	%D%/news.c %D%/news.h \
	%D%/restoring.c %D%/restoring.h \
	%D%/route.c %D%/route.h \
	%D%/scrubber.c %D%/scrubber.h \
	%D%/seqsock.c %D%/seqsock.h \
	%D%/settle.c %D%/settle_own.h \
	%D%/settle_look.c \
	%D%/settle_walk.c \
	%D%/stuck.c %D%/stuck.h \
	%D%/sup.c %D%/sup.h \
	%D%/verify.c %D%/verify.h \
	%D%/verified.c %D%/verified.h \
	%D%/window.c %D%/window.h

BUILT_SOURCES += %D%/openapi_gen.h
CLEANFILES += %D%/openapi_gen.h
EXTRA_DIST += docs/openapi.yaml
%D%/libkeeper_a-api_openapi.$(OBJEXT): %D%/openapi_gen.h
%D%/openapi_gen.h: docs/openapi.yaml
	$(AM_V_GEN)$(MKDIR_P) %D% && { echo 'static const char openapi_yaml[] ='; \
	$(SED) -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/' $(top_srcdir)/docs/openapi.yaml; echo ';'; } > $@.tmp && mv $@.tmp $@

pkglibexec_PROGRAMS += gatepost-keeper
gatepost_keeper_SOURCES = %D%/main.c
gatepost_keeper_CPPFLAGS = $(libkeeper_a_CPPFLAGS)
gatepost_keeper_LDADD = libkeeper.a libchain.a libipfs.a libnet.a libstore.a libcatalog.a libdaemon.a libformats.a libbase.a \
	$(STORE_LIBS) $(NET_LIBS) $(CHAIN_LIBS) $(DAEMON_LIBS) $(FORMATS_LIBS) $(UV_LIBS) -lpthread
