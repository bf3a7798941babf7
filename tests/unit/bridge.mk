UNIT_TESTS += tests/unit/test_inbox
tests_unit_test_inbox_SOURCES = %D%/test_inbox.c
tests_unit_test_inbox_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_inbox_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

MQTT_FIXTURE = %D%/mqtt-client.c %D%/mqtt-client.h %D%/broker.c %D%/broker.h
EXTRA_DIST += %D%/tsan.supp

UNIT_TESTS += tests/unit/test_mqtt
tests_unit_test_mqtt_SOURCES = %D%/test_mqtt.c $(MQTT_FIXTURE)
tests_unit_test_mqtt_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mqtt_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_mqtt_messages
tests_unit_test_mqtt_messages_SOURCES = %D%/test_mqtt_messages.c $(MQTT_FIXTURE)
tests_unit_test_mqtt_messages_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mqtt_messages_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_mqtt_trouble
tests_unit_test_mqtt_trouble_SOURCES = %D%/test_mqtt_trouble.c $(MQTT_FIXTURE)
tests_unit_test_mqtt_trouble_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mqtt_trouble_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)
