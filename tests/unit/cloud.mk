UNIT_TESTS += tests/unit/test_records
tests_unit_test_records_SOURCES = %D%/test_records.c
tests_unit_test_records_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_records_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_http
tests_unit_test_http_SOURCES = %D%/test_http.c %D%/tiny_server.c %D%/tiny_server.h
tests_unit_test_http_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_http_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=curl_multi_socket_action -Wl,--wrap=timer_arm
# GnuTLS comes with libmicrohttpd.
tests_unit_test_http_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS) -lgnutls

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

# Between fakes of the floor's own HTTP client and token: found first, they keep the real out.
CLIENT_FIXTURE = %D%/cloud_fixture.c %D%/cloud_fixture.h %D%/fake_wire.c %D%/fake_wire.h

UNIT_TESTS += tests/unit/test_client
tests_unit_test_client_SOURCES = %D%/test_client.c $(CLIENT_FIXTURE)
tests_unit_test_client_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_client_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_boot_usec
tests_unit_test_client_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_client_repeats
tests_unit_test_client_repeats_SOURCES = %D%/test_client_repeats.c $(CLIENT_FIXTURE)
tests_unit_test_client_repeats_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_client_repeats_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_boot_usec
tests_unit_test_client_repeats_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_client_health
tests_unit_test_client_health_SOURCES = %D%/test_client_health.c $(CLIENT_FIXTURE) \
	%D%/capture.c %D%/capture.h
tests_unit_test_client_health_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_client_health_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_boot_usec
tests_unit_test_client_health_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)
