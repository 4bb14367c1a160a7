CHAIN_TEST_LDADD = libchain.a libformats.a libbase.a $(CHAIN_LIBS) $(FORMATS_LIBS) $(UNIT_LIBS)

# A follower on a chain in memory.
CHAIN_STAGE = %D%/stage.c %D%/stage.h %D%/fake_chain.c %D%/fake_chain.h %D%/fake_rpc.c %D%/fake_rpc.h \
	tests/unit/support/trie_build.c tests/unit/support/trie_build.h

check_PROGRAMS += tests/unit/test_follower
tests_unit_test_follower_SOURCES = %D%/test_follower.c $(CHAIN_STAGE)
tests_unit_test_follower_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit -I$(top_srcdir)/%D%
tests_unit_test_follower_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_follower_LDADD = $(CHAIN_TEST_LDADD)

check_PROGRAMS += tests/unit/test_chain
tests_unit_test_chain_SOURCES = %D%/test_chain.c
tests_unit_test_chain_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_chain_LDADD = $(CHAIN_TEST_LDADD)

check_PROGRAMS += tests/unit/test_borrow
tests_unit_test_borrow_SOURCES = %D%/test_borrow.c $(CHAIN_STAGE)
tests_unit_test_borrow_CPPFLAGS = $(tests_unit_test_follower_CPPFLAGS)
tests_unit_test_borrow_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_borrow_LDADD = $(CHAIN_TEST_LDADD)

check_PROGRAMS += tests/unit/test_entries
tests_unit_test_entries_SOURCES = %D%/test_entries.c
tests_unit_test_entries_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_entries_LDADD = $(CHAIN_TEST_LDADD)

check_PROGRAMS += tests/unit/test_many
tests_unit_test_many_SOURCES = %D%/test_many.c $(CHAIN_STAGE)
tests_unit_test_many_CPPFLAGS = $(tests_unit_test_follower_CPPFLAGS)
tests_unit_test_many_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_many_LDADD = $(CHAIN_TEST_LDADD)

check_PROGRAMS += tests/unit/test_witness
tests_unit_test_witness_SOURCES = %D%/test_witness.c tests/unit/support/trie_build.c tests/unit/support/trie_build.h
tests_unit_test_witness_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_unit_test_witness_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_witness_LDADD = $(CHAIN_TEST_LDADD)

check_PROGRAMS += tests/unit/test_reading
tests_unit_test_reading_SOURCES = %D%/test_reading.c
tests_unit_test_reading_CPPFLAGS = $(AM_CPPFLAGS) -DVECTORS_DIR='"$(top_srcdir)/tests/vectors"'
tests_unit_test_reading_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_reading_LDADD = $(CHAIN_TEST_LDADD)

check_PROGRAMS += tests/unit/test_steps
tests_unit_test_steps_SOURCES = %D%/test_steps.c $(CHAIN_STAGE)
tests_unit_test_steps_CPPFLAGS = $(tests_unit_test_follower_CPPFLAGS)
tests_unit_test_steps_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_steps_LDADD = $(CHAIN_TEST_LDADD)

check_PROGRAMS += tests/unit/test_evidence
tests_unit_test_evidence_SOURCES = %D%/test_evidence.c tests/unit/support/ends.h $(CHAIN_STAGE)
tests_unit_test_evidence_CPPFLAGS = $(tests_unit_test_follower_CPPFLAGS)
tests_unit_test_evidence_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_evidence_LDADD = $(CHAIN_TEST_LDADD)
tests_unit_test_evidence_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc
