# The simulator is tested from outside, so these link nothing of ours.
SIM_CLIENT_SOURCES = %D%/sim-client.c %D%/sim-client.h

UNIT_TESTS += tests/unit/test_sim
tests_unit_test_sim_SOURCES = %D%/test_sim.c %D%/sim-home.c %D%/sim-home.h \
	$(SIM_CLIENT_SOURCES)
tests_unit_test_sim_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_sim_LDADD = $(CURL_LIBS) $(JSON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_sim_control
tests_unit_test_sim_control_SOURCES = %D%/test_sim_control.c %D%/sim-home.c %D%/sim-home.h \
	$(SIM_CLIENT_SOURCES)
tests_unit_test_sim_control_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_sim_control_LDADD = $(CURL_LIBS) $(JSON_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_sim_faults
tests_unit_test_sim_faults_SOURCES = %D%/test_sim_faults.c $(SIM_CLIENT_SOURCES)
tests_unit_test_sim_faults_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_sim_faults_LDADD = $(CURL_LIBS) $(JSON_LIBS) $(CMOCKA_LIBS) -lpthread

UNIT_TESTS += tests/unit/test_sim_tokens
tests_unit_test_sim_tokens_SOURCES = %D%/test_sim_tokens.c $(SIM_CLIENT_SOURCES)
tests_unit_test_sim_tokens_CPPFLAGS = $(UNIT_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_test_sim_tokens_LDADD = $(CURL_LIBS) $(JSON_LIBS) $(CMOCKA_LIBS)
