bin_PROGRAMS += gatepost
gatepost_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
gatepost_SOURCES = \
	%D%/backup.c \
	%D%/bundle.c %D%/bundle.h \
	%D%/bundle_inspect.c \
	%D%/cache.c \
	%D%/cli.h \
	%D%/connect.c \
	%D%/describe.c %D%/describe.h \
	%D%/download.c %D%/download.h \
	%D%/files.c \
	%D%/gateway.c %D%/gateway.h \
	%D%/inspect.c \
	%D%/keygen.c \
	%D%/main.c \
	%D%/manifest.c \
	%D%/only.c \
	%D%/operator.c \
	%D%/opt.c \
	%D%/output.c \
	%D%/printable.c %D%/printable.h \
	%D%/product.c \
	%D%/publish.c \
	%D%/publisher.c %D%/publisher.h \
	%D%/table.c %D%/table.h \
	%D%/uploads.c %D%/uploads.h
gatepost_LDADD = libcatalog.a libdaemon.a $(PUBLISH_LIBS) $(DAEMON_LIBS) $(PUBLISH_LDLIBS)
