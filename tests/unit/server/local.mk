check_PROGRAMS += tests/unit/test_coapd
tests_unit_test_coapd_SOURCES = %D%/test_coapd.c
tests_unit_test_coapd_LDADD = libserver.a libcoap.a libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS) -lpthread
