check_PROGRAMS += tests/unit/test_link
tests_unit_test_link_SOURCES = %D%/test_link.c
tests_unit_test_link_LDADD = libcatalog.a libbase.a $(UNIT_LIBS)
