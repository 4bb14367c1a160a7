noinst_LIBRARIES += libpublish.a
libpublish_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(UV_CFLAGS)
libpublish_a_SOURCES = \
	%D%/export.c %D%/export.h \
	%D%/keystore.c %D%/keystore.h \
	%D%/kubo.c %D%/kubo.h \
	%D%/node.c %D%/node.h \
	%D%/pack.c %D%/pack.h \
	%D%/patience.c %D%/patience.h \
	%D%/pinning.c %D%/pinning.h \
	%D%/readback.c %D%/readback.h \
	%D%/registry.c %D%/registry.h \
	%D%/release.c %D%/release.h \
	%D%/revert.c %D%/revert.h \
	%D%/target.c %D%/target.h \
	%D%/transact.c %D%/transact.h \
	%D%/upload.c %D%/upload.h \
	%D%/wallet.c %D%/wallet.h \
	%D%/web.c %D%/web.h
# What a program that links libpublish.a needs, in order.
PUBLISH_LIBS = libpublish.a libchain.a libipfs.a libnet.a libformats.a libbase.a
PUBLISH_LDLIBS = $(FORMATS_LIBS) $(JANSSON_LIBS) $(CURL_LIBS) $(UV_LIBS)
