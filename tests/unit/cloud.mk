UNIT_TESTS += tests/unit/test_records
tests_unit_test_records_SOURCES = %D%/test_records.c
tests_unit_test_records_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_records_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

# GnuTLS comes with libmicrohttpd. It takes times as wide as the C library makes them unasked, and so
# does what calls it; AM_CPPFLAGS asks.
check_LIBRARIES += %D%/libtiny.a
%C%_libtiny_a_SOURCES = %D%/tiny_server.c %D%/tiny_server.h
%C%_libtiny_a_CPPFLAGS = -I$(top_srcdir) -I$(top_builddir) -D_GNU_SOURCE $(SYSTEMD_CFLAGS)
TINY_LIBS = %D%/libtiny.a -lgnutls

HTTP_FIXTURE = %D%/http_fixture.c %D%/http_fixture.h
HTTP_WRAPS = $(AM_LDFLAGS) -Wl,--wrap=curl_multi_socket_action -Wl,--wrap=curl_multi_init \
	-Wl,--wrap=lines_watch -Wl,--wrap=timer_arm

UNIT_TESTS += tests/unit/test_http
tests_unit_test_http_SOURCES = %D%/test_http.c $(HTTP_FIXTURE)
tests_unit_test_http_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_http_LDFLAGS = $(HTTP_WRAPS)
tests_unit_test_http_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) $(TINY_LIBS)

UNIT_TESTS += tests/unit/test_catalog
tests_unit_test_catalog_SOURCES = %D%/test_catalog.c
tests_unit_test_catalog_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_catalog_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_param
tests_unit_test_param_SOURCES = %D%/test_param.c
tests_unit_test_param_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_param_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_latency
tests_unit_test_latency_SOURCES = %D%/test_latency.c
tests_unit_test_latency_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_latency_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_fold
tests_unit_test_fold_SOURCES = %D%/test_fold.c
tests_unit_test_fold_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_fold_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

FAKE_TIME = %D%/fake_time.c %D%/fake_time.h
WRAP_TIME = -Wl,--wrap=clock_boot_usec -Wl,--wrap=clock_epoch_msec -Wl,--wrap=timer_arm

UNIT_TESTS += tests/unit/test_alarm
tests_unit_test_alarm_SOURCES = %D%/test_alarm.c $(FAKE_TIME)
tests_unit_test_alarm_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_alarm_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_alarm_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

# Between fakes of the floor's own HTTP client and token: found first, they keep the real out.
CLIENT_FIXTURE = %D%/cloud_fixture.c %D%/cloud_fixture.h %D%/fake_wire.c %D%/fake_wire.h \
	$(FAKE_TIME)

UNIT_TESTS += tests/unit/test_client
tests_unit_test_client_SOURCES = %D%/test_client.c $(CLIENT_FIXTURE)
tests_unit_test_client_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_client_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_client_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_client_repeats
tests_unit_test_client_repeats_SOURCES = %D%/test_client_repeats.c $(CLIENT_FIXTURE)
tests_unit_test_client_repeats_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_client_repeats_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_client_repeats_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_client_move
tests_unit_test_client_move_SOURCES = %D%/test_client_move.c $(CLIENT_FIXTURE)
tests_unit_test_client_move_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_client_move_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_client_move_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_client_health
tests_unit_test_client_health_SOURCES = %D%/test_client_health.c $(CLIENT_FIXTURE) \
	%D%/capture.c %D%/capture.h
tests_unit_test_client_health_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_client_health_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_client_health_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_http_line
tests_unit_test_http_line_SOURCES = %D%/test_http_line.c $(HTTP_FIXTURE)
tests_unit_test_http_line_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_http_line_LDFLAGS = $(HTTP_WRAPS)
tests_unit_test_http_line_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) $(TINY_LIBS)

UNIT_TESTS += tests/unit/test_http_apart
tests_unit_test_http_apart_SOURCES = %D%/test_http_apart.c $(HTTP_FIXTURE)
tests_unit_test_http_apart_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_http_apart_LDFLAGS = $(HTTP_WRAPS)
tests_unit_test_http_apart_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) $(TINY_LIBS)

UNIT_TESTS += tests/unit/test_url
tests_unit_test_url_SOURCES = %D%/test_url.c
tests_unit_test_url_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_url_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_http_once
tests_unit_test_http_once_SOURCES = %D%/test_http_once.c $(HTTP_FIXTURE)
tests_unit_test_http_once_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_http_once_LDFLAGS = $(HTTP_WRAPS)
tests_unit_test_http_once_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) $(TINY_LIBS)

TOKEN_FIXTURE = %D%/token_fixture.c %D%/token_fixture.h \
	%D%/scratch.c %D%/scratch.h
TOKEN_WRAPS = $(AM_LDFLAGS) -Wl,--wrap=clock_boot_usec -Wl,--wrap=timer_arm

UNIT_TESTS += tests/unit/test_token
tests_unit_test_token_SOURCES = %D%/test_token.c $(TOKEN_FIXTURE)
tests_unit_test_token_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_token_LDFLAGS = $(TOKEN_WRAPS)
tests_unit_test_token_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) $(TINY_LIBS)

UNIT_TESTS += tests/unit/test_token_renewal
tests_unit_test_token_renewal_SOURCES = %D%/test_token_renewal.c $(TOKEN_FIXTURE)
tests_unit_test_token_renewal_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_token_renewal_LDFLAGS = $(TOKEN_WRAPS)
tests_unit_test_token_renewal_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) $(TINY_LIBS)

UNIT_TESTS += tests/unit/test_token_file
tests_unit_test_token_file_SOURCES = %D%/test_token_file.c $(TOKEN_FIXTURE)
tests_unit_test_token_file_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_token_file_LDFLAGS = $(TOKEN_WRAPS)
tests_unit_test_token_file_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) $(TINY_LIBS)
