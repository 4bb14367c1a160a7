check_PROGRAMS += tests/unit/test_coap
tests_unit_test_coap_SOURCES = \
	%D%/asking.c %D%/asking.h \
	%D%/fake.c %D%/fake.h \
	%D%/suites.h \
	%D%/test_coap.c \
	%D%/test_get.c \
	%D%/test_links.c \
	%D%/test_message.c \
	%D%/test_observe.c \
	%D%/test_pdu.c \
	%D%/test_peers.c \
	%D%/test_post.c
tests_unit_test_coap_LDADD = libcoap.a libbase.a $(UNIT_LIBS)
