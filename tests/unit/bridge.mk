UNIT_TESTS += tests/unit/test_mqtt
tests_unit_test_mqtt_SOURCES = %D%/test_mqtt.c %D%/broker.c %D%/broker.h
tests_unit_test_mqtt_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mqtt_LDADD = $(BRIDGE_LIBS) $(CMOCKA_LIBS)
