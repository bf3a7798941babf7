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
dist_check_SCRIPTS += %D%/coverage.sh

FUZZ_TESTS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES = %D%/fuzz_config.c $(FUZZ_MAIN)
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) $(FUZZER_LDFLAGS)
tests_fuzz_fuzz_config_LDADD = $(DAEMON_LIBS)

FUZZ_TESTS += tests/fuzz/fuzz_answer
tests_fuzz_fuzz_answer_SOURCES = %D%/fuzz_answer.c $(FUZZ_MAIN)
tests_fuzz_fuzz_answer_LDFLAGS = $(AM_LDFLAGS) $(FUZZER_LDFLAGS)
tests_fuzz_fuzz_answer_LDADD = $(CACHE_LIBS)

FUZZ_TESTS += tests/fuzz/fuzz_request
tests_fuzz_fuzz_request_SOURCES = %D%/fuzz_request.c $(FUZZ_MAIN) \
	tests/unit/world.c tests/unit/world.h tests/unit/fake_mqtt.c tests/unit/fake_mqtt.h \
	tests/unit/fake_cloud.c tests/unit/fake_cloud.h tests/unit/fake_time.c tests/unit/fake_time.h
tests_fuzz_fuzz_request_CPPFLAGS = $(UNIT_CPPFLAGS) $(MOSQUITTO_CFLAGS)
tests_fuzz_fuzz_request_LDFLAGS = $(AM_LDFLAGS) $(FUZZER_LDFLAGS) $(WRAP_TIME)
tests_fuzz_fuzz_request_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

FUZZ_TESTS += tests/fuzz/fuzz_token
tests_fuzz_fuzz_token_SOURCES = %D%/fuzz_token.c $(FUZZ_MAIN)
tests_fuzz_fuzz_token_LDFLAGS = $(AM_LDFLAGS) $(FUZZER_LDFLAGS)
tests_fuzz_fuzz_token_LDADD = $(CLOUD_LIBS)

FUZZ_TESTS += tests/fuzz/fuzz_cache
tests_fuzz_fuzz_cache_SOURCES = %D%/fuzz_cache.c $(FUZZ_MAIN)
tests_fuzz_fuzz_cache_LDFLAGS = $(AM_LDFLAGS) $(FUZZER_LDFLAGS)
tests_fuzz_fuzz_cache_LDADD = $(CACHE_LIBS) $(SQLITE_LIBS)

FUZZ_TESTS += tests/fuzz/fuzz_jpeg
tests_fuzz_fuzz_jpeg_SOURCES = %D%/fuzz_jpeg.c $(FUZZ_MAIN)
tests_fuzz_fuzz_jpeg_LDFLAGS = $(AM_LDFLAGS) $(FUZZER_LDFLAGS)
tests_fuzz_fuzz_jpeg_LDADD = $(BRIDGE_LIBS)
