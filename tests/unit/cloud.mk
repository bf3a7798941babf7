UNIT_TESTS += tests/unit/test_records
tests_unit_test_records_SOURCES = %D%/test_records.c
tests_unit_test_records_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_records_LDADD = $(CLOUD_LIBS) $(CMOCKA_LIBS)
