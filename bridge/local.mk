noinst_LIBRARIES += %D%/libbridge.a
%C%_libbridge_a_CPPFLAGS = $(AM_CPPFLAGS) $(MOSQUITTO_CFLAGS)
%C%_libbridge_a_SOURCES = \
	%D%/errand.c %D%/errand.h \
	%D%/inbox.c %D%/inbox.h \
	%D%/line.c %D%/line.h \
	%D%/mqtt.c %D%/mqtt.h \
	%D%/subscription.c %D%/subscription.h

BRIDGE_LIBS = %D%/libbridge.a $(MOSQUITTO_LIBS) -lpthread $(CACHE_LIBS)
