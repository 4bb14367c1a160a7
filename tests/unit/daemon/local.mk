check_PROGRAMS += tests/unit/test_conf
tests_unit_test_conf_SOURCES = %D%/test_conf.c
tests_unit_test_conf_LDADD = libdaemon.a libbase.a $(DAEMON_LIBS) $(UNIT_LIBS)
