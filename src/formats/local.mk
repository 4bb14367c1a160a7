noinst_LIBRARIES += libformats.a
libformats_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(SECP256K1_CFLAGS)
# What a program that links libformats.a needs after it.
FORMATS_LIBS = $(CRYPTO_LIBS) $(SECP256K1_LIBS)
libformats_a_SOURCES =
libformats_a_SOURCES += %D%/cbor.h
libformats_a_SOURCES += %D%/cose.h
libformats_a_SOURCES += %D%/secp.h
libformats_a_SOURCES += %D%/secret.h
libformats_a_SOURCES += %D%/sha256.c %D%/sha256.h
libformats_a_SOURCES += %D%/sig.h
libformats_a_SOURCES += %D%/suit.h
