noinst_LIBRARIES += %D%/libdaemon.a
%C%_libdaemon_a_CPPFLAGS = $(AM_CPPFLAGS) $(INIH_CFLAGS) \
	-DEXAMPLE='"$(examplesdir)/akuvox2mqtt.conf"'
%C%_libdaemon_a_SOURCES = \
	%D%/aliases.c %D%/aliases.h \
	%D%/broker_probe.c %D%/broker_probe.h \
	%D%/call.c \
	%D%/cameras.c %D%/cameras.h \
	%D%/check.c \
	%D%/check_broker.c %D%/check_broker.h \
	%D%/check_cloud.c %D%/check_cloud.h \
	%D%/check_files.c %D%/check_files.h \
	%D%/commands.c \
	%D%/commands_write.c %D%/commands_write.h \
	%D%/config.c %D%/config.h \
	%D%/config_check.c %D%/config_check.h \
	%D%/config_errors.c %D%/config_errors.h \
	%D%/config_keys.c %D%/config_keys.h \
	%D%/config_read.c %D%/config_read.h \
	%D%/config_text.c %D%/config_text.h \
	%D%/config_value.c %D%/config_value.h \
	%D%/config_write.c \
	%D%/exits.h \
	%D%/gateway.c %D%/gateway.h \
	%D%/history.c \
	%D%/history_table.c %D%/history_table.h \
	%D%/homeassistant.c %D%/homeassistant.h \
	%D%/keeper.c %D%/keeper.h \
	%D%/link.c %D%/link.h \
	%D%/lock.c %D%/lock.h \
	%D%/login.c \
	%D%/login_page.c %D%/login_page.h \
	%D%/login_place.c %D%/login_place.h \
	%D%/owner.c %D%/owner.h \
	%D%/poll_kinds.c %D%/poll_kinds.h \
	%D%/pace.c %D%/pace.h \
	%D%/poller.c %D%/poller.h \
	%D%/prompt.c %D%/prompt.h \
	%D%/reload.c %D%/reload.h \
	%D%/report.c %D%/report.h \
	%D%/roff.c %D%/roff.h \
	%D%/run.c \
	%D%/secrets.c %D%/secrets.h \
	%D%/settings.c %D%/settings.h \
	%D%/shown.c %D%/shown.h \
	%D%/start.c %D%/start.h \
	%D%/survey.c %D%/survey.h \
	%D%/topics.c \
	%D%/unit.c %D%/unit.h \
	%D%/verbs.h

DAEMON_LIBS = %D%/libdaemon.a $(INIH_LIBS) $(BRIDGE_LIBS)

bin_PROGRAMS += akuvox2mqtt
akuvox2mqtt_SOURCES = %D%/main.c
# libc first: the start looks symbols up library by library, and most are there.
akuvox2mqtt_LDADD = -lc $(DAEMON_LIBS)
