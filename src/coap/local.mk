noinst_LIBRARIES += libcoap.a
libcoap_a_SOURCES = \
	%D%/blockwise.c %D%/blockwise.h \
	%D%/coapreq.h \
	%D%/echo.h \
	%D%/endpoint.h \
	%D%/exchanges.h \
	%D%/guard.h \
	%D%/links.h \
	%D%/observers.h \
	%D%/option.c %D%/option.h \
	%D%/pdu.c %D%/pdu.h \
	%D%/resources.h \
	%D%/responder.h \
	%D%/route.h \
	%D%/uploads.h
