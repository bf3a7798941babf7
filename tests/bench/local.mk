# Programs that ./dev bench measures with; built with the tests so that they keep building.
BENCH_TOOLS = \
	%D%/bench-cloud %D%/bench-floor %D%/bench-libraries %D%/bench-load %D%/bench-delay-line
check_PROGRAMS += $(BENCH_TOOLS)
%C%_bench_cloud_CPPFLAGS = $(AM_CPPFLAGS) $(MICROHTTPD_CFLAGS)
%C%_bench_cloud_SOURCES = %D%/cloud.c tests/sim/http.c tests/sim/http.h tests/sim/must.h
%C%_bench_cloud_LDADD = $(MICROHTTPD_LIBS) $(UTIL_LIBS) -lpthread
%C%_bench_floor_SOURCES = %D%/floor.c
%C%_bench_floor_LDADD = $(CURL_LIBS) $(MOSQUITTO_LIBS)
%C%_bench_libraries_SOURCES = %D%/libraries.c
%C%_bench_libraries_LDADD = $(DAEMON_LIBS)
%C%_bench_load_SOURCES = %D%/load.c
%C%_bench_load_LDADD = $(MOSQUITTO_LIBS)
%C%_bench_delay_line_SOURCES = %D%/delay_line.c
EXTRA_DIST += %D%/run.sh %D%/table.py %D%/python_bridge.py
