STORE_TEST_LIBS = libstore.a libformats.a libbase.a $(STORE_LIBS) $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_store
tests_unit_test_store_SOURCES = %D%/test_store.c %D%/tempdir.h
tests_unit_test_store_LDADD = $(STORE_TEST_LIBS)
