KEEPER_TEST_LIBS = libkeeper.a libstore.a libformats.a libbase.a $(SQLITE_LIBS) $(CRYPTO_LIBS) $(SECP256K1_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_route tests/unit/test_judge tests/unit/test_history tests/unit/test_news \
	tests/unit/test_verified
tests_unit_test_route_SOURCES = %D%/test_route.c
tests_unit_test_route_LDADD = libkeeper.a libbase.a $(UNIT_LIBS)
tests_unit_test_news_SOURCES = %D%/test_news.c
tests_unit_test_news_LDADD = libkeeper.a libbase.a $(UNIT_LIBS)
tests_unit_test_verified_SOURCES = %D%/test_verified.c
tests_unit_test_verified_LDADD = $(KEEPER_TEST_LIBS)
tests_unit_test_judge_SOURCES = %D%/test_judge.c
tests_unit_test_judge_LDADD = $(KEEPER_TEST_LIBS)
tests_unit_test_history_SOURCES = %D%/test_history.c
tests_unit_test_history_LDADD = $(KEEPER_TEST_LIBS)

WORLD = %D%/world.c %D%/world.h
WORLD_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit -I$(top_srcdir)/%D%
KEEPER_WHOLE = libkeeper.a libchain.a libipfs.a libnet.a libstore.a libcatalog.a libdaemon.a libformats.a libbase.a \
	$(STORE_LIBS) $(NET_LIBS) $(CHAIN_LIBS) $(DAEMON_LIBS) $(FORMATS_LIBS) $(UV_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_ledger
tests_unit_test_ledger_SOURCES = %D%/test_ledger.c tests/unit/store/walframes.h $(WORLD)
tests_unit_test_ledger_CPPFLAGS = $(WORLD_CPPFLAGS)
tests_unit_test_ledger_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_degraded
tests_unit_test_degraded_SOURCES = %D%/test_degraded.c
tests_unit_test_degraded_LDADD = libkeeper.a libbase.a $(UV_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_seqsock tests/unit/test_devices
tests_unit_test_seqsock_SOURCES = %D%/test_seqsock.c
tests_unit_test_seqsock_LDADD = libkeeper.a libbase.a $(UV_LIBS) $(UNIT_LIBS)
tests_unit_test_devices_SOURCES = %D%/test_devices.c $(WORLD)
tests_unit_test_devices_CPPFLAGS = $(WORLD_CPPFLAGS)
tests_unit_test_devices_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_kept
tests_unit_test_kept_SOURCES = %D%/test_kept.c tests/unit/support/preads.h
tests_unit_test_kept_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_unit_test_kept_LDADD = libkeeper.a libstore.a libformats.a libbase.a $(SQLITE_LIBS) $(CRYPTO_LIBS) $(UNIT_LIBS)

FETCHING = %D%/fetching.h %D%/peers.c %D%/peers.h tests/unit/ipfs/dag.c tests/unit/ipfs/dag.h
check_PROGRAMS += tests/unit/test_fetcher tests/unit/test_fetch_sources tests/unit/test_fetch_lanes
tests_unit_test_fetcher_SOURCES = %D%/test_fetcher.c $(FETCHING)
tests_unit_test_fetcher_CPPFLAGS = $(WORLD_CPPFLAGS) -I$(top_srcdir)/tests/unit/ipfs
tests_unit_test_fetcher_LDADD = $(KEEPER_WHOLE)
tests_unit_test_fetch_sources_SOURCES = %D%/test_fetch_sources.c $(FETCHING)
tests_unit_test_fetch_sources_CPPFLAGS = $(WORLD_CPPFLAGS) -I$(top_srcdir)/tests/unit/ipfs
tests_unit_test_fetch_sources_LDADD = $(KEEPER_WHOLE)
tests_unit_test_fetch_lanes_SOURCES = %D%/test_fetch_lanes.c $(FETCHING)
tests_unit_test_fetch_lanes_CPPFLAGS = $(WORLD_CPPFLAGS) -I$(top_srcdir)/tests/unit/ipfs
tests_unit_test_fetch_lanes_LDADD = $(KEEPER_WHOLE)

RIG = $(WORLD) %D%/rig.c %D%/rig.h
check_PROGRAMS += tests/unit/test_api
tests_unit_test_api_SOURCES = %D%/test_api.c %D%/yaml.c %D%/yaml.h $(RIG)
tests_unit_test_api_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_api_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_catalogs
tests_unit_test_catalogs_SOURCES = %D%/test_catalogs.c %D%/handed.h $(RIG)
tests_unit_test_catalogs_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_catalogs_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_scrubber tests/unit/test_scrubber_others
tests_unit_test_scrubber_SOURCES = %D%/test_scrubber.c %D%/scrubbing.h $(RIG)
tests_unit_test_scrubber_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_scrubber_LDADD = $(KEEPER_WHOLE)
tests_unit_test_scrubber_others_SOURCES = %D%/test_scrubber_others.c tests/unit/support/fds.h %D%/scrubbing.h $(RIG)
tests_unit_test_scrubber_others_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_scrubber_others_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_entryfiles
tests_unit_test_entryfiles_SOURCES = %D%/test_entryfiles.c tests/unit/support/fds.h tests/unit/support/unread.h $(RIG)
tests_unit_test_entryfiles_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_entryfiles_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_entries_source
tests_unit_test_entries_source_SOURCES = %D%/test_entries_source.c
tests_unit_test_entries_source_LDADD = libkeeper.a libbase.a $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_stuck
tests_unit_test_stuck_SOURCES = %D%/test_stuck.c
tests_unit_test_stuck_LDADD = libkeeper.a libbase.a $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_window
tests_unit_test_window_SOURCES = %D%/test_window.c
tests_unit_test_window_LDADD = libkeeper.a libbase.a $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_bundle_walk
tests_unit_test_bundle_walk_SOURCES = %D%/test_bundle_walk.c tests/unit/ipfs/dag.c tests/unit/ipfs/dag.h tests/unit/ipfs/shapes.h
tests_unit_test_bundle_walk_CPPFLAGS = $(WORLD_CPPFLAGS) -I$(top_srcdir)/tests/unit/ipfs
tests_unit_test_bundle_walk_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_bundle_import
tests_unit_test_bundle_import_SOURCES = %D%/test_bundle_import.c $(RIG)
tests_unit_test_bundle_import_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_bundle_import_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_keeper_disk
tests_unit_test_keeper_disk_SOURCES = %D%/test_keeper_disk.c tests/unit/store/faulty.h $(RIG)
tests_unit_test_keeper_disk_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_keeper_disk_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_keeper_images
tests_unit_test_keeper_images_SOURCES = %D%/test_keeper_images.c tests/unit/store/stays.h tests/unit/support/unread.h $(RIG)
tests_unit_test_keeper_images_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_keeper_images_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_verify
tests_unit_test_verify_SOURCES = %D%/test_verify.c tests/unit/store/faulty.h tests/unit/support/fds.h tests/unit/support/no_bytes.h tests/unit/support/unread.h %D%/scrubbing.h $(RIG)
tests_unit_test_verify_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_verify_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_catalogs_copy
tests_unit_test_catalogs_copy_SOURCES = %D%/test_catalogs_copy.c %D%/handed.h tests/unit/support/no_bytes.h $(RIG)
tests_unit_test_catalogs_copy_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_catalogs_copy_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_settle
tests_unit_test_settle_SOURCES = %D%/test_settle.c $(WORLD)
tests_unit_test_settle_CPPFLAGS = $(WORLD_CPPFLAGS)
tests_unit_test_settle_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_keeper_own
tests_unit_test_keeper_own_SOURCES = %D%/test_keeper_own.c $(RIG)
tests_unit_test_keeper_own_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_keeper_own_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_keeper_server
tests_unit_test_keeper_server_SOURCES = %D%/test_keeper_server.c %D%/handed.h $(RIG)
tests_unit_test_keeper_server_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_keeper_server_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_keeper_start
tests_unit_test_keeper_start_SOURCES = %D%/test_keeper_start.c $(RIG)
tests_unit_test_keeper_start_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_keeper_start_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_keeper_conf
tests_unit_test_keeper_conf_SOURCES = %D%/test_keeper_conf.c
tests_unit_test_keeper_conf_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_keeper_conf_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_keeper_state
tests_unit_test_keeper_state_SOURCES = %D%/test_keeper_state.c tests/unit/support/unreadable.h
tests_unit_test_keeper_state_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_keeper_state_LDADD = $(KEEPER_WHOLE)

check_PROGRAMS += tests/unit/test_backup
tests_unit_test_backup_SOURCES = %D%/test_backup.c tests/unit/store/faulty.h $(RIG)
tests_unit_test_backup_CPPFLAGS = $(WORLD_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_backup_LDADD = $(KEEPER_WHOLE)
