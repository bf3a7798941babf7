# Each program is LLVMFuzzerTestOneInput() of one reader of foreign bytes. As a rule it is linked with
# replay.c and runs its corpus as a test. With --enable-fuzzer (and CC=clang) libFuzzer takes the
# place of replay.c: tests/fuzz/fuzz_config CORPUS.
FUZZ_TESTS =
if FUZZER
FUZZ_MAIN = %D%/fuzz.h
else
FUZZ_MAIN = %D%/replay.c %D%/fuzz.h
TESTS += $(FUZZ_TESTS)
endif
check_PROGRAMS += $(FUZZ_TESTS)
EXTRA_DIST += %D%/corpus

FUZZ_TESTS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES = %D%/fuzz_config.c $(FUZZ_MAIN)
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) $(FUZZER_LDFLAGS)
tests_fuzz_fuzz_config_LDADD = $(DAEMON_LIBS)

FUZZ_TESTS += tests/fuzz/fuzz_jpeg
tests_fuzz_fuzz_jpeg_SOURCES = %D%/fuzz_jpeg.c $(FUZZ_MAIN)
tests_fuzz_fuzz_jpeg_LDFLAGS = $(AM_LDFLAGS) $(FUZZER_LDFLAGS)
tests_fuzz_fuzz_jpeg_LDADD = $(BRIDGE_LIBS)
