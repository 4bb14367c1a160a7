check_PROGRAMS += tests/unit/test_sha256
tests_unit_test_sha256_SOURCES = %D%/test_sha256.c
tests_unit_test_sha256_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_cbor
tests_unit_test_cbor_SOURCES = %D%/test_cbor.c %D%/hexes.h
tests_unit_test_cbor_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_sig
tests_unit_test_sig_SOURCES = %D%/test_sig.c tests/unit/support/ends.h %D%/hexes.h
tests_unit_test_sig_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_cose_memory
tests_unit_test_cose_memory_SOURCES = %D%/test_cose_memory.c tests/unit/support/ends.h
tests_unit_test_cose_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc
tests_unit_test_cose_memory_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_libcrypto
tests_unit_test_libcrypto_SOURCES = %D%/test_libcrypto.c tests/unit/support/ends.h
tests_unit_test_libcrypto_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=OPENSSL_init_crypto -Wl,--wrap=OSSL_LIB_CTX_get0_global_default
tests_unit_test_libcrypto_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_secret
tests_unit_test_secret_SOURCES = %D%/test_secret.c %D%/hexes.h
tests_unit_test_secret_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_ethereum
tests_unit_test_ethereum_SOURCES = %D%/test_ethereum.c tests/unit/support/trie_build.c tests/unit/support/trie_build.h
tests_unit_test_ethereum_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit -DVECTORS_DIR='"$(top_srcdir)/tests/vectors"'
tests_unit_test_ethereum_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_ethereum_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(JANSSON_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_abi
tests_unit_test_abi_SOURCES = %D%/test_abi.c
tests_unit_test_abi_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_cid
tests_unit_test_cid_SOURCES = %D%/test_cid.c %D%/hexes.h %D%/vectors.h
tests_unit_test_cid_CPPFLAGS = $(AM_CPPFLAGS) -DVECTORS_DIR='"$(top_srcdir)/tests/vectors"'
tests_unit_test_cid_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_car
tests_unit_test_car_SOURCES = %D%/test_car.c %D%/hexes.h %D%/vectors.h
tests_unit_test_car_CPPFLAGS = $(AM_CPPFLAGS) -DVECTORS_DIR='"$(top_srcdir)/tests/vectors"'
tests_unit_test_car_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_unixfs
tests_unit_test_unixfs_SOURCES = %D%/test_unixfs.c %D%/hexes.h %D%/vectors.h
tests_unit_test_unixfs_CPPFLAGS = $(AM_CPPFLAGS) -DVECTORS_DIR='"$(top_srcdir)/tests/vectors"'
tests_unit_test_unixfs_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_dagbuild
tests_unit_test_dagbuild_SOURCES = %D%/test_dagbuild.c %D%/chacha20.h
tests_unit_test_dagbuild_CPPFLAGS = $(AM_CPPFLAGS) -DVECTORS_DIR='"$(top_srcdir)/tests/vectors"'
tests_unit_test_dagbuild_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_suit
tests_unit_test_suit_SOURCES = %D%/test_suit.c %D%/envelope.c %D%/envelope.h %D%/hexes.h
tests_unit_test_suit_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_signers
tests_unit_test_signers_SOURCES = %D%/test_signers.c %D%/envelope.c %D%/envelope.h %D%/hexes.h
tests_unit_test_signers_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_suit_build
tests_unit_test_suit_build_SOURCES = %D%/test_suit_build.c %D%/envelope.c %D%/envelope.h %D%/hexes.h
tests_unit_test_suit_build_LDADD = libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)
