# Programs that tests start; built by name, not by `make`.
EXTRA_PROGRAMS += tests/faults/fake_child
TEST_TOOLS += tests/faults/fake_child
tests_faults_fake_child_SOURCES = %D%/fake_child.c
tests_faults_fake_child_LDADD = libdaemon.a libbase.a $(DAEMON_LIBS)
