noinst_LIBRARIES += %D%/libbridge.a
%C%_libbridge_a_CPPFLAGS = $(AM_CPPFLAGS) $(MOSQUITTO_CFLAGS)
%C%_libbridge_a_SOURCES = \
	%D%/access.c \
	%D%/access_topics.c %D%/access_topics.h \
	%D%/announce.c %D%/announce.h \
	%D%/announced.c %D%/announced.h \
	%D%/album.c %D%/album.h \
	%D%/answer.c %D%/answer.h \
	%D%/bridge.c %D%/bridge.h \
	%D%/confirm.c %D%/confirm.h \
	%D%/discovery.c %D%/discovery.h \
	%D%/document.c %D%/document.h \
	%D%/door.c %D%/door.h \
	%D%/entities.c %D%/entities.h \
	%D%/entity_name.c %D%/entity_name.h \
	%D%/errand.c %D%/errand.h \
	%D%/event.c %D%/event.h \
	%D%/events.c %D%/events.h \
	%D%/handle.c %D%/handle.h \
	%D%/history_request.c \
	%D%/history_topics.c %D%/history_topics.h \
	%D%/inbox.c %D%/inbox.h \
	%D%/jpeg.c %D%/jpeg.h \
	%D%/line.c %D%/line.h \
	%D%/line_refusal.c %D%/line_refusal.h \
	%D%/mqtt.c %D%/mqtt.h \
	%D%/mqtt_settings.c %D%/mqtt_settings.h \
	%D%/names.c %D%/names.h \
	%D%/payload.c %D%/payload.h \
	%D%/picture.c %D%/picture.h \
	%D%/publish.c %D%/publish.h \
	%D%/request.c %D%/request.h \
	%D%/requests.c %D%/requests.h \
	%D%/retained.c %D%/retained.h \
	%D%/seen.c %D%/seen.h \
	%D%/status.c %D%/status.h \
	%D%/subscription.c %D%/subscription.h \
	%D%/temp_key.c \
	%D%/thing.c %D%/thing.h \
	%D%/topic.c %D%/topic.h

BRIDGE_LIBS = %D%/libbridge.a $(MOSQUITTO_LIBS) -lpthread $(CACHE_LIBS)
