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

EXTRA_PROGRAMS += tests/bench/chain_day
BENCH_TOOLS += tests/bench/chain_day
tests_bench_chain_day_SOURCES = %D%/chain_day.c tests/unit/support/trie_build.c tests/unit/support/trie_build.h
tests_bench_chain_day_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_bench_chain_day_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_bench_chain_day_LDADD = libchain.a libformats.a libbase.a $(CHAIN_LIBS) $(FORMATS_LIBS)

EXTRA_PROGRAMS += tests/bench/chain_proof
BENCH_TOOLS += tests/bench/chain_proof
tests_bench_chain_proof_SOURCES = %D%/chain_proof.c
tests_bench_chain_proof_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_bench_chain_proof_LDADD = libchain.a libformats.a libbase.a $(CHAIN_LIBS) $(FORMATS_LIBS)
