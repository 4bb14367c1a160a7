check_PROGRAMS += tests/unit/test_base
tests_unit_test_base_SOURCES = %D%/test_base.c
tests_unit_test_base_LDADD = libbase.a $(UNIT_LIBS)
