noinst_LIBRARIES += libchain.a
libchain_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
# What a program that links libchain.a needs after it, besides libformats.a and libbase.a.
CHAIN_LIBS = $(JANSSON_LIBS)
libchain_a_SOURCES =
libchain_a_SOURCES += %D%/entry.h
libchain_a_SOURCES += %D%/follower.h
