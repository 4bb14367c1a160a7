check_PROGRAMS += tests/unit/test_pure tests/unit/test_http
tests_unit_test_pure_SOURCES = %D%/test_pure.c
tests_unit_test_pure_LDADD = libnet.a libbase.a $(NET_LIBS) $(UNIT_LIBS)
tests_unit_test_http_SOURCES = %D%/test_http.c %D%/server.c %D%/server.h
tests_unit_test_http_LDADD = libnet.a libbase.a $(NET_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_tls
tests_unit_test_tls_SOURCES = %D%/test_tls.c
tests_unit_test_tls_LDADD = libnet.a libbase.a $(NET_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_meter
tests_unit_test_meter_SOURCES = %D%/test_meter.c %D%/server.c %D%/server.h
tests_unit_test_meter_LDADD = libnet.a libbase.a $(NET_LIBS) $(UNIT_LIBS)
