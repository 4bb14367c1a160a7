KEEPER_TEST_LIBS = libkeeper.a libstore.a libformats.a libbase.a $(SQLITE_LIBS) $(CRYPTO_LIBS) $(SECP256K1_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_route tests/unit/test_judge tests/unit/test_history
tests_unit_test_route_SOURCES = %D%/test_route.c
tests_unit_test_route_LDADD = libkeeper.a libbase.a $(UNIT_LIBS)
tests_unit_test_judge_SOURCES = %D%/test_judge.c
tests_unit_test_judge_LDADD = $(KEEPER_TEST_LIBS)
tests_unit_test_history_SOURCES = %D%/test_history.c
tests_unit_test_history_LDADD = $(KEEPER_TEST_LIBS)
