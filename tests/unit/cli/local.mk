check_PROGRAMS += tests/unit/test_cli
tests_unit_test_cli_SOURCES = %D%/test_cli.c src/cli/printable.c
tests_unit_test_cli_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_cli_LDADD = libbase.a $(JANSSON_LIBS) $(UNIT_LIBS)
