# Tests of the gateway as built, with a real broker and the simulator. A new one is two lines:
#	INTEGRATION_TESTS += %D%/test_NAME
#	%C%_test_NAME_LDADD = $(INTEGRATION_LIBS)
INTEGRATION_TESTS =

check_LIBRARIES += %D%/libharness.a
%C%_libharness_a_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) $(MOSQUITTO_CFLAGS) $(CURL_CFLAGS)
%C%_libharness_a_SOURCES = \
	%D%/access_scene.c %D%/access_scene.h \
	%D%/client.c %D%/client.h \
	%D%/control.c %D%/control.h \
	%D%/harness.c %D%/harness.h \
	%D%/history_scene.c %D%/history_scene.h \
	%D%/process.c %D%/process.h \
	%D%/scene.c %D%/scene.h

INTEGRATION_LIBS = %D%/libharness.a $(MOSQUITTO_LIBS) $(CURL_LIBS) $(CMOCKA_LIBS) $(UTIL_LIBS)

INTEGRATION_TESTS += %D%/test_reload_discovery
%C%_test_reload_discovery_SOURCES = %D%/test_reload_discovery.c \
	tests/unit/discovery_checker.c tests/unit/discovery_checker.h \
	tests/unit/discovery_rules.c tests/unit/discovery_rules.h
%C%_test_reload_discovery_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_failures
%C%_test_failures_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_hazards
%C%_test_hazards_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_opening
%C%_test_opening_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_refusals
%C%_test_refusals_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_cached
%C%_test_cached_LDADD = $(INTEGRATION_LIBS) $(SQLITE_LIBS)

INTEGRATION_TESTS += %D%/test_farewell
%C%_test_farewell_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_publish
%C%_test_publish_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_service
%C%_test_service_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_broker
%C%_test_broker_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_faults
%C%_test_faults_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_verbs
%C%_test_verbs_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_rtsp
%C%_test_rtsp_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_smoke
%C%_test_smoke_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_tokens
%C%_test_tokens_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_secrecy
%C%_test_secrecy_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_access
%C%_test_access_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_commands
%C%_test_commands_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_temp_key
%C%_test_temp_key_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_history
%C%_test_history_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_events
%C%_test_events_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_events_random
%C%_test_events_random_SOURCES = \
	%D%/test_events_random.c %D%/event_ledger.c %D%/event_ledger.h
%C%_test_events_random_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_check
%C%_test_check_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_login
%C%_test_login_LDADD = $(INTEGRATION_LIBS)

dist_check_SCRIPTS += %D%/test_acl.sh
TESTS += %D%/test_acl.sh

INTEGRATION_TESTS += %D%/test_discovery
%C%_test_discovery_SOURCES = %D%/test_discovery.c \
	tests/unit/discovery_checker.c tests/unit/discovery_checker.h \
	tests/unit/discovery_rules.c tests/unit/discovery_rules.h
%C%_test_discovery_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_picture
%C%_test_picture_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_history_verb
%C%_test_history_verb_LDADD = $(INTEGRATION_LIBS)

INTEGRATION_TESTS += %D%/test_reload
%C%_test_reload_LDADD = $(INTEGRATION_LIBS)

check_PROGRAMS += $(INTEGRATION_TESTS)
TESTS += $(INTEGRATION_TESTS)
