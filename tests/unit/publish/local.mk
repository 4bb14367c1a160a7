check_PROGRAMS += tests/unit/test_wallet
tests_unit_test_wallet_SOURCES = %D%/test_wallet.c
tests_unit_test_wallet_LDADD = $(PUBLISH_LIBS) $(PUBLISH_LDLIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_pack
tests_unit_test_pack_SOURCES = %D%/test_pack.c
tests_unit_test_pack_LDADD = $(PUBLISH_LIBS) $(PUBLISH_LDLIBS) $(UNIT_LIBS)
