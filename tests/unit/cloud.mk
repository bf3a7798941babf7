UNIT_TESTS += tests/unit/test_records
tests_unit_test_records_SOURCES = %D%/test_records.c
tests_unit_test_records_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_records_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

# GnuTLS comes with libmicrohttpd.
HTTP_FIXTURE = %D%/http_fixture.c %D%/http_fixture.h %D%/tiny_server.c %D%/tiny_server.h
HTTP_WRAPS = $(AM_LDFLAGS) -Wl,--wrap=curl_multi_socket_action -Wl,--wrap=timer_arm

UNIT_TESTS += tests/unit/test_http
tests_unit_test_http_SOURCES = %D%/test_http.c $(HTTP_FIXTURE)
tests_unit_test_http_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_http_LDFLAGS = $(HTTP_WRAPS)
tests_unit_test_http_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) -lgnutls

UNIT_TESTS += tests/unit/test_http_line
tests_unit_test_http_line_SOURCES = %D%/test_http_line.c $(HTTP_FIXTURE)
tests_unit_test_http_line_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_http_line_LDFLAGS = $(HTTP_WRAPS)
tests_unit_test_http_line_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) -lgnutls

UNIT_TESTS += tests/unit/test_http_once
tests_unit_test_http_once_SOURCES = %D%/test_http_once.c $(HTTP_FIXTURE)
tests_unit_test_http_once_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_http_once_LDFLAGS = $(HTTP_WRAPS)
tests_unit_test_http_once_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) -lgnutls

TOKEN_FIXTURE = %D%/token_fixture.c %D%/token_fixture.h %D%/tiny_server.c %D%/tiny_server.h \
	%D%/scratch.c %D%/scratch.h
TOKEN_WRAPS = $(AM_LDFLAGS) -Wl,--wrap=clock_boot_usec -Wl,--wrap=timer_arm

UNIT_TESTS += tests/unit/test_token
tests_unit_test_token_SOURCES = %D%/test_token.c $(TOKEN_FIXTURE)
tests_unit_test_token_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_token_LDFLAGS = $(TOKEN_WRAPS)
tests_unit_test_token_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) -lgnutls

UNIT_TESTS += tests/unit/test_token_renewal
tests_unit_test_token_renewal_SOURCES = %D%/test_token_renewal.c $(TOKEN_FIXTURE)
tests_unit_test_token_renewal_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_token_renewal_LDFLAGS = $(TOKEN_WRAPS)
tests_unit_test_token_renewal_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) -lgnutls

UNIT_TESTS += tests/unit/test_token_file
tests_unit_test_token_file_SOURCES = %D%/test_token_file.c $(TOKEN_FIXTURE)
tests_unit_test_token_file_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_token_file_LDFLAGS = $(TOKEN_WRAPS)
tests_unit_test_token_file_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) -lgnutls
