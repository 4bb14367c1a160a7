noinst_LIBRARIES += libserver.a
libserver_a_CFLAGS = $(AM_CFLAGS) $(MICROHTTPD_CFLAGS) $(JANSSON_CFLAGS)
# What a program that links libserver.a needs after libcatalog.a, libcoap.a, libdaemon.a, libformats.a and libbase.a.
SERVER_LIBS = $(MICROHTTPD_LIBS) $(JANSSON_LIBS) $(UV_LIBS) -lpthread
libserver_a_SOURCES =
libserver_a_SOURCES += %D%/answer.c %D%/answer.h
libserver_a_SOURCES += %D%/answer_own.h
libserver_a_SOURCES += %D%/answer_blocks.c
libserver_a_SOURCES += %D%/answer_list.c
libserver_a_SOURCES += %D%/blocks.c %D%/blocks.h
libserver_a_SOURCES += %D%/chunks.c %D%/chunks.h
libserver_a_SOURCES += %D%/devfloors.c %D%/devfloors.h
libserver_a_SOURCES += %D%/devpath.c %D%/devpath.h
libserver_a_SOURCES += %D%/histories.c %D%/histories.h
libserver_a_SOURCES += %D%/ipfsreq.c %D%/ipfsreq.h
libserver_a_SOURCES += %D%/keeper.c %D%/keeper.h
libserver_a_SOURCES += %D%/made.c %D%/made.h
libserver_a_SOURCES += %D%/objects.c %D%/objects.h %D%/objects_own.h
libserver_a_SOURCES += %D%/objects_hot.c
libserver_a_SOURCES += %D%/objects_read.c
libserver_a_SOURCES += %D%/report.c %D%/report.h
libserver_a_SOURCES += %D%/share.c %D%/share.h
libserver_a_SOURCES += %D%/sightings.c %D%/sightings.h
libserver_a_SOURCES += %D%/accept.c %D%/accept.h
libserver_a_SOURCES += %D%/accepting.c %D%/accepting.h
libserver_a_SOURCES += %D%/clients.c %D%/clients.h
libserver_a_SOURCES += %D%/httpd.c %D%/httpd.h
libserver_a_SOURCES += %D%/httpd_blocks.c %D%/httpd_blocks.h
libserver_a_SOURCES += %D%/httpd_reply.c %D%/httpd_reply.h
libserver_a_SOURCES += %D%/httpreq.c %D%/httpreq.h
libserver_a_SOURCES += %D%/range.c %D%/range.h
libserver_a_SOURCES += %D%/replies.c %D%/replies.h
libserver_a_SOURCES += %D%/target.c %D%/target.h
libserver_a_SOURCES += %D%/failures.c %D%/failures.h
libserver_a_SOURCES += %D%/hostcheck.c %D%/hostcheck.h
libserver_a_SOURCES += %D%/operator.c %D%/operator.h
libserver_a_SOURCES += %D%/problem.c %D%/problem.h
libserver_a_SOURCES += %D%/operator_page.h
nodist_libserver_a_SOURCES = %D%/operator_page.c
libserver_a_SOURCES += %D%/parts.c %D%/parts.h
libserver_a_SOURCES += %D%/supervised.c %D%/supervised.h
libserver_a_SOURCES += %D%/wishes.c %D%/wishes.h
libserver_a_SOURCES += %D%/coapd.c %D%/coapd.h
libserver_a_SOURCES += %D%/coapd_answers.c %D%/coapd_answers.h
libserver_a_SOURCES += %D%/coapd_onlink.c %D%/coapd_onlink.h
libserver_a_SOURCES += %D%/coapd_socket.c %D%/coapd_socket.h

# The page as an array of bytes.
CLEANFILES += %D%/operator_page.c
EXTRA_DIST += web/index.html
%D%/operator_page.c: $(srcdir)/web/index.html
	$(AM_V_GEN)$(MKDIR_P) $(@D) && { \
	printf '/* Made from web/index.html. */\n#include "server/operator_page.h"\n\nconst unsigned char operator_page[] = {\n'; \
	od -An -v -tx1 $< | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1, /g'; \
	printf '};\nconst size_t operator_page_n = sizeof operator_page;\n'; } > $@.tmp && mv $@.tmp $@

pkglibexec_PROGRAMS += gatepost-server
gatepost_server_SOURCES = %D%/main.c
gatepost_server_LDADD = libserver.a libcatalog.a libcoap.a libdaemon.a libformats.a libbase.a \
	$(SERVER_LIBS) $(DAEMON_LIBS) $(FORMATS_LIBS)
