check_PROGRAMS += tests/unit/test_coapd
tests_unit_test_coapd_SOURCES = %D%/test_coapd.c
tests_unit_test_coapd_LDADD = libserver.a libcoap.a libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_coapd_answers
tests_unit_test_coapd_answers_SOURCES = %D%/test_coapd_answers.c
tests_unit_test_coapd_answers_LDADD = libserver.a libcatalog.a libcoap.a libdaemon.a libformats.a libbase.a \
	$(SERVER_LIBS) $(FORMATS_LIBS) $(UNIT_LIBS)
