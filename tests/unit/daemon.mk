CONFIG_FIXTURE = %D%/config_fixture.c %D%/config_fixture.h

UNIT_TESTS += tests/unit/test_config
tests_unit_test_config_SOURCES = %D%/test_config.c $(CONFIG_FIXTURE)
tests_unit_test_config_CPPFLAGS = $(UNIT_CPPFLAGS) \
	-DEXAMPLE_FILE='"$(abs_top_srcdir)/etc/akuvox2mqtt.conf"' \
	-DMANUAL_FILE='"$(abs_top_srcdir)/man/config-keys.mdoc"'
tests_unit_test_config_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_config_check
tests_unit_test_config_check_SOURCES = %D%/test_config_check.c $(CONFIG_FIXTURE)
tests_unit_test_config_check_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_config_check_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_config_read
tests_unit_test_config_read_SOURCES = %D%/test_config_read.c $(CONFIG_FIXTURE)
tests_unit_test_config_read_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_config_read_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_secrets
tests_unit_test_secrets_SOURCES = %D%/test_secrets.c
tests_unit_test_secrets_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_secrets_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=secret_read
tests_unit_test_secrets_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_lock
tests_unit_test_lock_SOURCES = %D%/test_lock.c
tests_unit_test_lock_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_lock_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

POLLER_ROUND = %D%/round.c %D%/round.h %D%/fake_cloud.c %D%/fake_cloud.h $(FAKE_TIME)

UNIT_TESTS += tests/unit/test_poller
tests_unit_test_poller_SOURCES = %D%/test_poller.c $(POLLER_ROUND)
tests_unit_test_poller_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_poller_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_poller_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_poller_access
tests_unit_test_poller_access_SOURCES = %D%/test_poller_access.c $(POLLER_ROUND)
tests_unit_test_poller_access_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_poller_access_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_poller_access_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_poller_history
tests_unit_test_poller_history_SOURCES = %D%/test_poller_history.c $(POLLER_ROUND)
tests_unit_test_poller_history_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_poller_history_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_poller_history_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_keeper
tests_unit_test_keeper_SOURCES = %D%/test_keeper.c %D%/scratch.c %D%/scratch.h $(FAKE_TIME)
tests_unit_test_keeper_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_keeper_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_keeper_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_aliases
tests_unit_test_aliases_SOURCES = %D%/test_aliases.c
tests_unit_test_aliases_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_aliases_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_shown
tests_unit_test_shown_SOURCES = %D%/test_shown.c
tests_unit_test_shown_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_shown_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_survey
tests_unit_test_survey_SOURCES = %D%/test_survey.c
tests_unit_test_survey_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_survey_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_link
tests_unit_test_link_SOURCES = %D%/test_link.c %D%/fake_cloud.c %D%/fake_cloud.h
tests_unit_test_link_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_link_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_commands_write
tests_unit_test_commands_write_SOURCES = %D%/test_commands_write.c
tests_unit_test_commands_write_CPPFLAGS = $(UNIT_CPPFLAGS) \
	-DCOMMANDS_FILE='"$(abs_top_srcdir)/man/commands.mdoc"' \
	-DPAGE_FILE='"$(abs_top_srcdir)/man/akuvox2mqtt-mqtt.7.in"'
tests_unit_test_commands_write_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_login_page
tests_unit_test_login_page_SOURCES = %D%/test_login_page.c
tests_unit_test_login_page_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_login_page_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_login_region
tests_unit_test_login_region_SOURCES = %D%/test_login_region.c %D%/scratch.c %D%/scratch.h \
	%D%/sim-client.c %D%/sim-client.h
tests_unit_test_login_region_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_login_region_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=config_region_url
tests_unit_test_login_region_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_broker_probe
tests_unit_test_broker_probe_SOURCES = %D%/test_broker_probe.c
tests_unit_test_broker_probe_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_broker_probe_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)

dist_check_SCRIPTS += %D%/test_program.sh
TESTS += %D%/test_program.sh

UNIT_TESTS += tests/unit/test_unit
tests_unit_test_unit_SOURCES = %D%/test_unit.c
tests_unit_test_unit_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_unit_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_history_table
tests_unit_test_history_table_SOURCES = %D%/test_history_table.c
tests_unit_test_history_table_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_history_table_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
