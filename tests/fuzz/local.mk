# A fuzz target is fuzz_NAME.c with LLVMFuzzerTestOneInput, and a small seed corpus in corpus/NAME/.
#
# Built with --enable-fuzz and CC=clang it is a libFuzzer program: tests/fuzz/fuzz_NAME DIR …
# Otherwise replay.c gives it a main that feeds it the corpus, and `make check` runs that.
#
# To add one:	FUZZ_TARGETS += tests/fuzz/fuzz_NAME
#		tests_fuzz_fuzz_NAME_SOURCES = %D%/fuzz_NAME.c
#		tests_fuzz_fuzz_NAME_LDADD = libX.a … $(FUZZ_MAIN)
FUZZ_TARGETS =
EXTRA_DIST += %D%/corpus

if WITH_FUZZ
FUZZ_MAIN = -fsanitize=fuzzer
noinst_PROGRAMS += $(FUZZ_TARGETS)
else
FUZZ_MAIN = libreplay.a
check_LIBRARIES = libreplay.a
libreplay_a_SOURCES = %D%/replay.c
check_PROGRAMS += $(FUZZ_TARGETS)
endif
