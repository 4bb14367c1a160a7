# The library: configuration, sandbox. The supervisor uses libbase alone.
noinst_LIBRARIES += libdaemon.a
libdaemon_a_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
# What a program that links libdaemon.a needs after it.
DAEMON_LIBS = $(SECCOMP_LIBS)
libdaemon_a_SOURCES = \
	%D%/conf.c %D%/conf.h \
	%D%/conf_build.c \
	%D%/conf_files.c %D%/conf_files.h \
	%D%/conf_list.c \
	%D%/conf_resolve.c \
	%D%/conf_rules.c \
	%D%/conf_table.c %D%/conf_table.h \
	%D%/conf_value.c \
	%D%/filter.c %D%/filter.h \
	%D%/ini.c %D%/ini.h \
	%D%/landlock.c %D%/landlock.h \
	%D%/sandbox.c %D%/sandbox.h \
	%D%/sandbox_test.c \
	%D%/settings.c %D%/settings.h

sbin_PROGRAMS += gatepostd
gatepostd_SOURCES = %D%/gatepostd.c %D%/gatepostd.h %D%/gatepostd_child.c %D%/gatepostd_plan.c
gatepostd_LDADD = libbase.a
