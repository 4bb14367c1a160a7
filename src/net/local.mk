noinst_LIBRARIES += libnet.a
libnet_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(UV_CFLAGS)
# What a program that links libnet.a needs after it.
NET_LIBS = $(CURL_LIBS) $(UV_LIBS)
libnet_a_SOURCES = \
	%D%/address.c %D%/address.h \
	%D%/backoff.c %D%/backoff.h \
	%D%/http.c %D%/http.h \
	%D%/meter.c %D%/meter.h \
	%D%/multi.c %D%/multi.h \
	%D%/reply.c \
	%D%/secrets.c %D%/secrets.h \
	%D%/setup.c %D%/setup.h
