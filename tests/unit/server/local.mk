check_PROGRAMS += tests/unit/test_coapd
tests_unit_test_coapd_SOURCES = %D%/test_coapd.c
tests_unit_test_coapd_LDADD = libserver.a libcoap.a libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_coapd_answers
tests_unit_test_coapd_answers_SOURCES = %D%/test_coapd_answers.c
tests_unit_test_coapd_answers_LDADD = libserver.a libcatalog.a libcoap.a libdaemon.a libformats.a libbase.a \
	$(SERVER_LIBS) $(FORMATS_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_requests
tests_unit_test_requests_SOURCES = %D%/test_requests.c
tests_unit_test_requests_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_requests_LDADD = libserver.a libcatalog.a libcoap.a libdaemon.a libformats.a libbase.a \
	$(SERVER_LIBS) $(DAEMON_LIBS) $(FORMATS_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_answer
tests_unit_test_answer_SOURCES = %D%/test_answer.c %D%/stand.c %D%/stand.h
tests_unit_test_answer_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=pthread_mutex_unlock
tests_unit_test_answer_LDADD = $(tests_unit_test_requests_LDADD)
check_PROGRAMS += tests/unit/test_histories
tests_unit_test_histories_SOURCES = %D%/test_histories.c tests/unit/support/fds.h %D%/stand.c %D%/stand.h
tests_unit_test_histories_LDADD = $(tests_unit_test_requests_LDADD)
check_PROGRAMS += tests/unit/test_objects
tests_unit_test_objects_SOURCES = %D%/test_objects.c tests/unit/support/fds.h %D%/stand.c %D%/stand.h
tests_unit_test_objects_LDADD = $(tests_unit_test_requests_LDADD)
check_PROGRAMS += tests/unit/test_ipfsreq
tests_unit_test_ipfsreq_SOURCES = %D%/test_ipfsreq.c
tests_unit_test_ipfsreq_LDADD = $(tests_unit_test_requests_LDADD)
# The shapes of files are those that plans are tested with.
check_PROGRAMS += tests/unit/test_share
CACHED = %D%/cached.h %D%/stand.c %D%/stand.h tests/unit/ipfs/dag.c tests/unit/ipfs/dag.h
tests_unit_test_share_SOURCES = %D%/test_share.c tests/unit/support/fds.h $(CACHED)
tests_unit_test_share_LDADD = $(tests_unit_test_requests_LDADD)
check_PROGRAMS += tests/unit/test_blocks
tests_unit_test_blocks_SOURCES = %D%/test_blocks.c tests/unit/support/fds.h $(CACHED)
tests_unit_test_blocks_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=pthread_cond_wait -Wl,--wrap=io_pread_exact
tests_unit_test_blocks_LDADD = $(tests_unit_test_requests_LDADD)
check_PROGRAMS += tests/unit/test_httpd
tests_unit_test_httpd_SOURCES = %D%/test_httpd.c $(CACHED)
tests_unit_test_httpd_CFLAGS = $(AM_CFLAGS) $(MICROHTTPD_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_test_httpd_LDADD = $(tests_unit_test_requests_LDADD)
