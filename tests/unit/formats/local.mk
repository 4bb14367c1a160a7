check_PROGRAMS += tests/unit/test_sha256
tests_unit_test_sha256_SOURCES = %D%/test_sha256.c
tests_unit_test_sha256_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)
