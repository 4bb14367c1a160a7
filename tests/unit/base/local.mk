check_PROGRAMS += tests/unit/test_base
tests_unit_test_base_SOURCES = %D%/test_base.c tests/unit/support/unread.h
tests_unit_test_base_LDADD = libbase.a $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_template
tests_unit_test_template_SOURCES = %D%/test_template.c
tests_unit_test_template_LDADD = libbase.a $(UNIT_LIBS)
