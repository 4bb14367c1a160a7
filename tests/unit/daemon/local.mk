check_PROGRAMS += tests/unit/test_conf
tests_unit_test_conf_SOURCES = %D%/test_conf.c
tests_unit_test_conf_LDADD = libdaemon.a libbase.a $(DAEMON_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_sandbox
tests_unit_test_sandbox_SOURCES = %D%/test_sandbox.c
tests_unit_test_sandbox_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=seccomp_export_bpf -Wl,--wrap=getppid \
	-Wl,--wrap=timer_create -Wl,--wrap=timer_delete
tests_unit_test_sandbox_LDADD = libdaemon.a libbase.a $(DAEMON_LIBS) $(UNIT_LIBS)
