UNIT_TESTS += tests/unit/test_clock
tests_unit_test_clock_SOURCES = %D%/test_clock.c
tests_unit_test_clock_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_clock_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_deferred
tests_unit_test_deferred_SOURCES = %D%/test_deferred.c
tests_unit_test_deferred_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_deferred_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_json
tests_unit_test_json_SOURCES = %D%/test_json.c
tests_unit_test_json_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_json_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=json_object_to_json_string_length,--wrap=json_tokener_parse_ex
tests_unit_test_json_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_text
tests_unit_test_text_SOURCES = %D%/test_text.c
tests_unit_test_text_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_text_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_backoff
tests_unit_test_backoff_SOURCES = %D%/test_backoff.c
tests_unit_test_backoff_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_backoff_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=arc4random
tests_unit_test_backoff_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_log
tests_unit_test_log_SOURCES = %D%/test_log.c %D%/capture.c %D%/capture.h
tests_unit_test_log_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_log_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_secret
tests_unit_test_secret_SOURCES = %D%/test_secret.c %D%/scratch.c %D%/scratch.h
tests_unit_test_secret_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_secret_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=explicit_bzero,--wrap=__explicit_bzero_chk
tests_unit_test_secret_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_timer
tests_unit_test_timer_SOURCES = %D%/test_timer.c
tests_unit_test_timer_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_timer_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_hash
tests_unit_test_hash_SOURCES = %D%/test_hash.c
tests_unit_test_hash_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_hash_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_zone
tests_unit_test_zone_SOURCES = %D%/test_zone.c
tests_unit_test_zone_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_zone_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
