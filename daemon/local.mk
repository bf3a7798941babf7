noinst_LIBRARIES += %D%/libdaemon.a
%C%_libdaemon_a_CPPFLAGS = $(AM_CPPFLAGS) $(INIH_CFLAGS)
%C%_libdaemon_a_SOURCES = \
	%D%/config.c %D%/config.h

DAEMON_LIBS = %D%/libdaemon.a $(INIH_LIBS) $(BRIDGE_LIBS)

bin_PROGRAMS += akuvox2mqtt
akuvox2mqtt_SOURCES = %D%/main.c
akuvox2mqtt_LDADD = $(DAEMON_LIBS)
