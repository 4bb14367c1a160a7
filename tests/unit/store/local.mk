STORE_TEST_LIBS = libstore.a libformats.a libbase.a $(STORE_LIBS) $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_store
tests_unit_test_store_SOURCES = %D%/test_store.c tests/unit/support/unread.h %D%/stays.h %D%/tempdir.h %D%/walframes.h
tests_unit_test_store_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_db
tests_unit_test_db_SOURCES = %D%/test_db.c %D%/tempdir.h %D%/walframes.h
tests_unit_test_db_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_db_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_blob
tests_unit_test_blob_SOURCES = %D%/test_blob.c tests/unit/support/fds.h tests/unit/support/unread.h %D%/stays.h %D%/tempdir.h %D%/faulty.h
tests_unit_test_blob_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_dag
tests_unit_test_dag_SOURCES = %D%/test_dag.c tests/unit/support/preads.h %D%/faulty.h %D%/tempdir.h
tests_unit_test_dag_LDADD = $(STORE_TEST_LIBS)

LIVED = %D%/lived.h %D%/gateways.h %D%/tempdir.h %D%/faulty.h

check_PROGRAMS += tests/unit/test_owncopy
tests_unit_test_owncopy_SOURCES = %D%/test_owncopy.c tests/unit/support/fds.h $(LIVED)
tests_unit_test_owncopy_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_owncopy_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_recall
tests_unit_test_recall_SOURCES = %D%/test_recall.c $(LIVED)
tests_unit_test_recall_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_recall_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_ownpatch
tests_unit_test_ownpatch_SOURCES = %D%/test_ownpatch.c
tests_unit_test_ownpatch_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_ownpatch_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_owncopy_memory
tests_unit_test_owncopy_memory_SOURCES = %D%/test_owncopy_memory.c $(LIVED)
tests_unit_test_owncopy_memory_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_owncopy_memory_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_floor
tests_unit_test_floor_SOURCES = %D%/test_floor.c tests/unit/support/fds.h tests/unit/support/unreadable.h %D%/tempdir.h %D%/faulty.h
tests_unit_test_floor_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_walcheck
tests_unit_test_walcheck_SOURCES = %D%/test_walcheck.c %D%/tempdir.h
tests_unit_test_walcheck_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_tokens
tests_unit_test_tokens_SOURCES = %D%/test_tokens.c tests/unit/support/unreadable.h %D%/tempdir.h %D%/faulty.h
tests_unit_test_tokens_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_spoilt
tests_unit_test_spoilt_SOURCES = %D%/test_spoilt.c %D%/stocked.h %D%/tempdir.h
tests_unit_test_spoilt_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_spoilt_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_parts
tests_unit_test_parts_SOURCES = %D%/test_parts.c tests/unit/support/ends.h %D%/stocked.h %D%/tempdir.h
tests_unit_test_parts_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_parts_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_dbsync
tests_unit_test_dbsync_SOURCES = %D%/test_dbsync.c %D%/stocked.h %D%/tempdir.h %D%/walframes.h
tests_unit_test_dbsync_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_dbsync_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_restore
tests_unit_test_restore_SOURCES = %D%/test_restore.c %D%/gateways.h %D%/tempdir.h %D%/faulty.h
tests_unit_test_restore_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=durable_read
tests_unit_test_restore_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_restore_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_damaged
tests_unit_test_damaged_SOURCES = %D%/test_damaged.c %D%/gateways.h %D%/tempdir.h %D%/faulty.h
tests_unit_test_damaged_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_damaged_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_savefile
tests_unit_test_savefile_SOURCES = %D%/test_savefile.c %D%/tempdir.h
tests_unit_test_savefile_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_large
tests_unit_test_large_SOURCES = %D%/test_large.c %D%/tempdir.h %D%/faulty.h
tests_unit_test_large_LDADD = $(STORE_TEST_LIBS)
