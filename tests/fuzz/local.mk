# A fuzz target is fuzz_NAME.c with LLVMFuzzerTestOneInput, and a small seed corpus in corpus/NAME/.
#
# Built with --enable-fuzz and CC=clang it is a libFuzzer program: tests/fuzz/fuzz_NAME DIR …
# Otherwise replay.c gives it a main that feeds it the corpus, and `make check` runs that.
#
# To add one:	FUZZ_TARGETS += tests/fuzz/fuzz_NAME
#		tests_fuzz_fuzz_NAME_SOURCES = %D%/fuzz_NAME.c
#		tests_fuzz_fuzz_NAME_LDADD = $(FUZZ_MAIN) libX.a … libbase.a
FUZZ_TARGETS =
FUZZ_TARGETS += tests/fuzz/fuzz_cbor
FUZZ_TARGETS += tests/fuzz/fuzz_cose
FUZZ_TARGETS += tests/fuzz/fuzz_device
FUZZ_TARGETS += tests/fuzz/fuzz_device_net
FUZZ_TARGETS += tests/fuzz/fuzz_suit
FUZZ_TARGETS += tests/fuzz/fuzz_coap_message
FUZZ_TARGETS += tests/fuzz/fuzz_coap_request
FUZZ_TARGETS += tests/fuzz/fuzz_catalog
FUZZ_TARGETS += tests/fuzz/fuzz_rlp tests/fuzz/fuzz_trie tests/fuzz/fuzz_entry tests/fuzz/fuzz_rpc
FUZZ_TARGETS += tests/fuzz/fuzz_entries
FUZZ_TARGETS += tests/fuzz/fuzz_cid tests/fuzz/fuzz_car tests/fuzz/fuzz_unixfs tests/fuzz/fuzz_plan
EXTRA_DIST += %D%/corpus

if WITH_FUZZ
FUZZ_MAIN = $(FUZZ_ENGINE)
noinst_PROGRAMS += $(FUZZ_TARGETS)
else
FUZZ_MAIN = libreplay.a
check_LIBRARIES = libreplay.a
libreplay_a_SOURCES = %D%/replay.c
check_PROGRAMS += $(FUZZ_TARGETS)
endif

tests_fuzz_fuzz_cbor_SOURCES = %D%/fuzz_cbor.c
tests_fuzz_fuzz_cbor_LDADD = $(FUZZ_MAIN) libformats.a libbase.a $(FORMATS_LIBS)

tests_fuzz_fuzz_cose_SOURCES = %D%/fuzz_cose.c
tests_fuzz_fuzz_cose_LDADD = $(FUZZ_MAIN) libformats.a libbase.a $(FORMATS_LIBS)

tests_fuzz_fuzz_suit_SOURCES = %D%/fuzz_suit.c
tests_fuzz_fuzz_suit_LDADD = $(FUZZ_MAIN) libformats.a libbase.a $(FORMATS_LIBS)

tests_fuzz_fuzz_coap_message_SOURCES = %D%/fuzz_coap_message.c
tests_fuzz_fuzz_coap_message_LDADD = $(FUZZ_MAIN) libcoap.a libbase.a

tests_fuzz_fuzz_coap_request_SOURCES = %D%/fuzz_coap_request.c tests/unit/coap/fake.c tests/unit/coap/fake.h
tests_fuzz_fuzz_coap_request_LDADD = $(FUZZ_MAIN) libcoap.a libbase.a

tests_fuzz_fuzz_catalog_SOURCES = %D%/fuzz_catalog.c
tests_fuzz_fuzz_catalog_LDADD = $(FUZZ_MAIN) libcatalog.a libformats.a libbase.a $(FORMATS_LIBS)

tests_fuzz_fuzz_rlp_SOURCES = %D%/fuzz_rlp.c
tests_fuzz_fuzz_rlp_LDADD = $(FUZZ_MAIN) libformats.a libbase.a $(FORMATS_LIBS)

tests_fuzz_fuzz_trie_SOURCES = %D%/fuzz_trie.c
tests_fuzz_fuzz_trie_LDADD = $(FUZZ_MAIN) libformats.a libbase.a $(FORMATS_LIBS)

tests_fuzz_fuzz_entry_SOURCES = %D%/fuzz_entry.c
tests_fuzz_fuzz_entry_LDADD = $(FUZZ_MAIN) libchain.a libformats.a libbase.a $(CHAIN_LIBS) $(FORMATS_LIBS)

tests_fuzz_fuzz_entries_SOURCES = %D%/fuzz_entries.c
tests_fuzz_fuzz_entries_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_entries_LDADD = $(FUZZ_MAIN) libchain.a libformats.a libbase.a $(CHAIN_LIBS) $(FORMATS_LIBS)

tests_fuzz_fuzz_rpc_SOURCES = %D%/fuzz_rpc.c
tests_fuzz_fuzz_rpc_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_rpc_LDADD = $(FUZZ_MAIN) libchain.a libformats.a libbase.a $(CHAIN_LIBS) $(FORMATS_LIBS)

tests_fuzz_fuzz_cid_SOURCES = %D%/fuzz_cid.c
tests_fuzz_fuzz_cid_LDADD = $(FUZZ_MAIN) libformats.a libbase.a $(FORMATS_LIBS)

tests_fuzz_fuzz_car_SOURCES = %D%/fuzz_car.c
tests_fuzz_fuzz_car_LDADD = $(FUZZ_MAIN) libformats.a libbase.a $(FORMATS_LIBS)

tests_fuzz_fuzz_unixfs_SOURCES = %D%/fuzz_unixfs.c
tests_fuzz_fuzz_unixfs_LDADD = $(FUZZ_MAIN) libformats.a libbase.a $(FORMATS_LIBS)

# The hash is the target's own.
tests_fuzz_fuzz_plan_SOURCES = %D%/fuzz_plan.c %D%/sum_hash.c
tests_fuzz_fuzz_plan_LDADD = $(FUZZ_MAIN) libipfs.a libformats.a libbase.a

FUZZ_TARGETS += tests/fuzz/fuzz_conf tests/fuzz/fuzz_http_reply
tests_fuzz_fuzz_conf_SOURCES = %D%/fuzz_conf.c
tests_fuzz_fuzz_conf_LDADD = $(FUZZ_MAIN) libdaemon.a libbase.a $(DAEMON_LIBS)
tests_fuzz_fuzz_http_reply_SOURCES = %D%/fuzz_http_reply.c
tests_fuzz_fuzz_http_reply_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
tests_fuzz_fuzz_http_reply_LDADD = $(FUZZ_MAIN) libnet.a libbase.a $(NET_LIBS)
tests_fuzz_fuzz_device_SOURCES = %D%/fuzz_device.c
tests_fuzz_fuzz_device_LDADD = $(FUZZ_MAIN) libgatepost-device.a libformats.a libbase.a $(FORMATS_LIBS)

tests_fuzz_fuzz_device_net_SOURCES = %D%/fuzz_device_net.c
tests_fuzz_fuzz_device_net_LDADD = $(FUZZ_MAIN) libdeviceprogram.a libgatepost-device.a libcoap.a libformats.a libbase.a $(FORMATS_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_keystore tests/fuzz/fuzz_node
tests_fuzz_fuzz_keystore_SOURCES = %D%/fuzz_keystore.c
tests_fuzz_fuzz_keystore_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=secret_scrypt -Wl,--wrap=secret_pbkdf2_sha256
tests_fuzz_fuzz_keystore_LDADD = $(FUZZ_MAIN) $(PUBLISH_LIBS) $(PUBLISH_LDLIBS)
tests_fuzz_fuzz_node_SOURCES = %D%/fuzz_node.c
tests_fuzz_fuzz_node_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_node_LDADD = $(FUZZ_MAIN) $(PUBLISH_LIBS) $(PUBLISH_LDLIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_header tests/fuzz/fuzz_logs tests/fuzz/fuzz_proof
tests_fuzz_fuzz_header_SOURCES = %D%/fuzz_header.c
tests_fuzz_fuzz_header_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_header_LDADD = $(FUZZ_MAIN) libchain.a libformats.a libbase.a $(CHAIN_LIBS) $(FORMATS_LIBS)
tests_fuzz_fuzz_logs_SOURCES = %D%/fuzz_logs.c
tests_fuzz_fuzz_logs_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_logs_LDADD = $(FUZZ_MAIN) libchain.a libformats.a libbase.a $(CHAIN_LIBS) $(FORMATS_LIBS)
tests_fuzz_fuzz_proof_SOURCES = %D%/fuzz_proof.c tests/unit/support/trie_build.c tests/unit/support/trie_build.h
tests_fuzz_fuzz_proof_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_fuzz_fuzz_proof_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_proof_LDADD = $(FUZZ_MAIN) libchain.a libformats.a libbase.a $(CHAIN_LIBS) $(FORMATS_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_ipfsreq
tests_fuzz_fuzz_ipfsreq_SOURCES = %D%/fuzz_ipfsreq.c
tests_fuzz_fuzz_ipfsreq_LDADD = $(FUZZ_MAIN) libserver.a libcatalog.a libcoap.a libdaemon.a libformats.a libbase.a \
	$(SERVER_LIBS) $(DAEMON_LIBS) $(FORMATS_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_dagtree
tests_fuzz_fuzz_dagtree_SOURCES = %D%/fuzz_dagtree.c %D%/sum_hash.c
tests_fuzz_fuzz_dagtree_LDADD = $(FUZZ_MAIN) libformats.a libbase.a

# The hash is the target's own.
FUZZ_TARGETS += tests/fuzz/fuzz_bundle
tests_fuzz_fuzz_bundle_SOURCES = %D%/fuzz_bundle.c %D%/sum_hash.c
tests_fuzz_fuzz_bundle_LDADD = $(FUZZ_MAIN) libipfs.a libformats.a libbase.a

FUZZ_TARGETS += tests/fuzz/fuzz_ownpatch
tests_fuzz_fuzz_ownpatch_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_fuzz_fuzz_ownpatch_LDADD = $(FUZZ_MAIN) libstore.a libformats.a libbase.a $(STORE_LIBS) $(FORMATS_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_savefile
tests_fuzz_fuzz_savefile_SOURCES = %D%/fuzz_savefile.c %D%/sum_hash.c
tests_fuzz_fuzz_savefile_LDADD = $(FUZZ_MAIN) libstore.a libformats.a libbase.a $(STORE_LIBS)
