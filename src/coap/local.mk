noinst_LIBRARIES += libcoap.a
libcoap_a_SOURCES = \
	%D%/blockwise.c %D%/blockwise.h \
	%D%/coapreq.c %D%/coapreq.h \
	%D%/echo.c %D%/echo.h \
	%D%/endpoint.c %D%/endpoint.h \
	%D%/exchanges.c %D%/exchanges.h \
	%D%/guard.c %D%/guard.h \
	%D%/links.c %D%/links.h \
	%D%/observers.c %D%/observers.h \
	%D%/option.c %D%/option.h \
	%D%/pdu.c %D%/pdu.h \
	%D%/resources.h \
	%D%/respond.h \
	%D%/respond_get.c \
	%D%/respond_listing.c \
	%D%/respond_observe.c \
	%D%/respond_post.c \
	%D%/respond_reply.c \
	%D%/responder.c %D%/responder.h \
	%D%/route.h \
	%D%/uploads.c %D%/uploads.h
