UNIT_TESTS += tests/unit/test_inbox
tests_unit_test_inbox_SOURCES = %D%/test_inbox.c
tests_unit_test_inbox_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_inbox_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_jpeg
tests_unit_test_jpeg_SOURCES = %D%/test_jpeg.c tests/sim/picture.c tests/sim/picture.h
tests_unit_test_jpeg_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_jpeg_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

MQTT_FIXTURE = %D%/mqtt-client.c %D%/mqtt-client.h %D%/broker.c %D%/broker.h
EXTRA_DIST += %D%/libmosquitto.supp %D%/tsan.supp

UNIT_TESTS += tests/unit/test_mqtt
tests_unit_test_mqtt_SOURCES = %D%/test_mqtt.c $(MQTT_FIXTURE)
tests_unit_test_mqtt_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mqtt_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=timer_arm
tests_unit_test_mqtt_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_mqtt_messages
tests_unit_test_mqtt_messages_SOURCES = %D%/test_mqtt_messages.c $(MQTT_FIXTURE)
tests_unit_test_mqtt_messages_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mqtt_messages_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=timer_arm
tests_unit_test_mqtt_messages_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_mqtt_trouble
tests_unit_test_mqtt_trouble_SOURCES = %D%/test_mqtt_trouble.c $(MQTT_FIXTURE)
tests_unit_test_mqtt_trouble_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mqtt_trouble_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=timer_arm
tests_unit_test_mqtt_trouble_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_mqtt_move
tests_unit_test_mqtt_move_SOURCES = %D%/test_mqtt_move.c $(MQTT_FIXTURE)
tests_unit_test_mqtt_move_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mqtt_move_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=timer_arm
tests_unit_test_mqtt_move_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_mqtt_keepalive
tests_unit_test_mqtt_keepalive_SOURCES = %D%/test_mqtt_keepalive.c $(MQTT_FIXTURE)
tests_unit_test_mqtt_keepalive_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mqtt_keepalive_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=timer_arm
tests_unit_test_mqtt_keepalive_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

BRIDGE_WORLD = %D%/world.c %D%/world.h %D%/fake_mqtt.c %D%/fake_mqtt.h \
	%D%/fake_cloud.c %D%/fake_cloud.h $(FAKE_TIME)

UNIT_TESTS += tests/unit/test_topic
tests_unit_test_topic_SOURCES = %D%/test_topic.c
tests_unit_test_topic_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_topic_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_payload
tests_unit_test_payload_SOURCES = %D%/test_payload.c $(FAKE_TIME)
tests_unit_test_payload_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_payload_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_payload_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_seen
tests_unit_test_seen_SOURCES = %D%/test_seen.c $(FAKE_TIME)
tests_unit_test_seen_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_seen_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_seen_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_door
tests_unit_test_door_SOURCES = %D%/test_door.c $(BRIDGE_WORLD)
tests_unit_test_door_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_door_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_door_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

REQUESTS_WORLD = $(BRIDGE_WORLD) %D%/refusal.c %D%/refusal.h

UNIT_TESTS += tests/unit/test_openings
tests_unit_test_openings_SOURCES = %D%/test_openings.c $(REQUESTS_WORLD)
tests_unit_test_openings_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_openings_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_openings_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_confirm
CONFIRM_SCENE = %D%/confirm_scene.c %D%/confirm_scene.h $(BRIDGE_WORLD)
tests_unit_test_confirm_SOURCES = %D%/test_confirm.c $(CONFIRM_SCENE)
tests_unit_test_confirm_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_confirm_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_confirm_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_confirm_doubt
tests_unit_test_confirm_doubt_SOURCES = %D%/test_confirm_doubt.c $(CONFIRM_SCENE)
tests_unit_test_confirm_doubt_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_confirm_doubt_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_confirm_doubt_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_requests
tests_unit_test_requests_SOURCES = %D%/test_requests.c $(REQUESTS_WORLD) \
	%D%/capture.c %D%/capture.h
tests_unit_test_requests_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_requests_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_requests_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_requests_again
tests_unit_test_requests_again_SOURCES = %D%/test_requests_again.c $(REQUESTS_WORLD)
tests_unit_test_requests_again_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_requests_again_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_requests_again_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_publish
tests_unit_test_publish_SOURCES = %D%/test_publish.c $(BRIDGE_WORLD)
tests_unit_test_publish_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_publish_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_publish_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

WHOLE_BRIDGE = %D%/whole.c %D%/whole.h %D%/fake_mqtt.c %D%/fake_mqtt.h \
	%D%/fake_cloud.c %D%/fake_cloud.h $(FAKE_TIME)

UNIT_TESTS += tests/unit/test_bridge
tests_unit_test_bridge_SOURCES = %D%/test_bridge.c $(WHOLE_BRIDGE)
tests_unit_test_bridge_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_bridge_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_bridge_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_bridge_set
tests_unit_test_bridge_set_SOURCES = %D%/test_bridge_set.c $(WHOLE_BRIDGE)
tests_unit_test_bridge_set_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_bridge_set_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_bridge_set_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_access
tests_unit_test_access_SOURCES = %D%/test_access.c $(REQUESTS_WORLD)
tests_unit_test_access_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_access_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_access_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

ANNOUNCEMENTS = %D%/announcements.c %D%/announcements.h %D%/discovery_checker.c \
	%D%/discovery_checker.h %D%/discovery_rules.c %D%/discovery_rules.h \
	%D%/fake_mqtt.c %D%/fake_mqtt.h $(FAKE_TIME)

UNIT_TESTS += tests/unit/test_discovery
tests_unit_test_discovery_SOURCES = %D%/test_discovery.c $(ANNOUNCEMENTS)
tests_unit_test_discovery_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_discovery_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_discovery_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_discovery_migration
tests_unit_test_discovery_migration_SOURCES = %D%/test_discovery_migration.c $(ANNOUNCEMENTS)
tests_unit_test_discovery_migration_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_discovery_migration_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_discovery_migration_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_discovery_move
tests_unit_test_discovery_move_SOURCES = %D%/test_discovery_move.c $(ANNOUNCEMENTS)
tests_unit_test_discovery_move_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_discovery_move_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_discovery_move_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_documents
tests_unit_test_documents_SOURCES = %D%/test_documents.c $(ANNOUNCEMENTS)
tests_unit_test_documents_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_documents_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_documents_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_discovery_checker
tests_unit_test_discovery_checker_SOURCES = %D%/test_discovery_checker.c %D%/discovery_checker.c \
	%D%/discovery_checker.h %D%/discovery_rules.c %D%/discovery_rules.h
tests_unit_test_discovery_checker_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_discovery_checker_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_discovery_scale
tests_unit_test_discovery_scale_SOURCES = %D%/test_discovery_scale.c $(ANNOUNCEMENTS)
tests_unit_test_discovery_scale_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_discovery_scale_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_discovery_scale_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_picture
PICTURE_SCENE = %D%/picture_scene.c %D%/picture_scene.h $(BRIDGE_WORLD) \
	%D%/fake_http.c %D%/fake_http.h %D%/capture.c %D%/capture.h
tests_unit_test_picture_SOURCES = %D%/test_picture.c $(PICTURE_SCENE)
tests_unit_test_picture_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_picture_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME) \
	-Wl,--wrap=http_start -Wl,--wrap=http_cancel
tests_unit_test_picture_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_picture_broker
tests_unit_test_picture_broker_SOURCES = %D%/test_picture_broker.c $(PICTURE_SCENE)
tests_unit_test_picture_broker_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_picture_broker_LDFLAGS = $(tests_unit_test_picture_LDFLAGS)
tests_unit_test_picture_broker_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_events
tests_unit_test_events_SOURCES = %D%/test_events.c $(BRIDGE_WORLD) %D%/capture.c %D%/capture.h
tests_unit_test_events_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_events_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_events_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_history_topics
tests_unit_test_history_topics_SOURCES = %D%/test_history_topics.c $(BRIDGE_WORLD)
tests_unit_test_history_topics_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_history_topics_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_history_topics_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_history_request
tests_unit_test_history_request_SOURCES = %D%/test_history_request.c $(REQUESTS_WORLD)
tests_unit_test_history_request_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_history_request_LDFLAGS = $(AM_LDFLAGS) $(WRAP_TIME)
tests_unit_test_history_request_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)
