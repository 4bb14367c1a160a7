# Programs that tests start; built by name, not by `make`.
EXTRA_PROGRAMS += tests/faults/fake_child
TEST_TOOLS += tests/faults/fake_child
tests_faults_fake_child_SOURCES = %D%/fake_child.c
tests_faults_fake_child_LDADD = libdaemon.a libbase.a $(DAEMON_LIBS)

EXTRA_PROGRAMS += tests/faults/leaky
TEST_TOOLS += tests/faults/leaky
tests_faults_leaky_SOURCES = %D%/leaky.c

# Preloaded: another time of day. Sanitizers are for what it is loaded into.
EXTRA_PROGRAMS += tests/faults/clock.so
TEST_TOOLS += tests/faults/clock.so
tests_faults_clock_so_SOURCES = %D%/clock.c
tests_faults_clock_so_CFLAGS = $(AM_CFLAGS) -fPIC -fno-sanitize=all -Wno-missing-prototypes -Wno-nonnull
tests_faults_clock_so_LDFLAGS = -shared -static-libgcc

# Preloaded: makes calls fail. Sanitizers and fortified names are for what it is loaded into.
EXTRA_PROGRAMS += tests/faults/shim.so
TEST_TOOLS += tests/faults/shim.so
tests_faults_shim_so_SOURCES = %D%/shim.c %D%/shim.h %D%/shim_blocks.c %D%/shim_calls.c %D%/shim_crash.c
tests_faults_shim_so_CFLAGS = $(AM_CFLAGS) -fPIC -fno-sanitize=all -fno-builtin -U_FORTIFY_SOURCE -fno-stack-protector -Wno-missing-prototypes -Wno-nonnull
tests_faults_shim_so_LDFLAGS = -shared -static-libgcc -Wl,-z,now

# Preloaded: records what changes files. Sanitizers and fortified names are for what it is loaded into.
EXTRA_PROGRAMS += tests/faults/recorder.so
TEST_TOOLS += tests/faults/recorder.so
tests_faults_recorder_so_SOURCES = %D%/recorder.c
tests_faults_recorder_so_CFLAGS = $(AM_CFLAGS) -fPIC -fno-sanitize=all -fno-builtin -U_FORTIFY_SOURCE -fno-stack-protector -Wno-missing-prototypes -Wno-nonnull
tests_faults_recorder_so_LDFLAGS = -shared -static-libgcc -Wl,-z,now

# What somebody else does to the daemon's files, for recorder.so.
EXTRA_PROGRAMS += tests/faults/meddle
TEST_TOOLS += tests/faults/meddle
tests_faults_meddle_SOURCES = %D%/meddle.c
