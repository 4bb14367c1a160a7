# Benchmarks: built by name (scripts/bench does), never by `make`.
EXTRA_PROGRAMS += tests/bench/coap_load tests/bench/coap_bare tests/bench/coap_libcoap
BENCH_TOOLS += tests/bench/coap_load tests/bench/coap_bare tests/bench/coap_libcoap
tests_bench_coap_load_SOURCES = %D%/coap_load.c
tests_bench_coap_load_LDADD = libcoap.a libbase.a
tests_bench_coap_bare_SOURCES = %D%/coap_bare.c
tests_bench_coap_bare_LDADD = libcoap.a libbase.a
# Debian's libcoap3-dev; its headers are not written for our warnings.
tests_bench_coap_libcoap_SOURCES = %D%/coap_libcoap.c
tests_bench_coap_libcoap_CFLAGS = $(AM_CFLAGS) -Wno-error
tests_bench_coap_libcoap_LDADD = -lcoap-3-notls
