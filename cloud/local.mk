noinst_LIBRARIES += %D%/libcloud.a
%C%_libcloud_a_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
%C%_libcloud_a_SOURCES = \
	%D%/alarm.c %D%/alarm.h \
	%D%/catalog.c %D%/catalog.h \
	%D%/client.c %D%/client.h \
	%D%/exchange.c %D%/exchange.h \
	%D%/fold.c %D%/fold.h \
	%D%/grant.c %D%/grant.h \
	%D%/health.c %D%/health.h \
	%D%/http.c %D%/http.h \
	%D%/latency.c %D%/latency.h \
	%D%/line.c %D%/line.h \
	%D%/param.c %D%/param.h \
	%D%/queue.c %D%/queue.h \
	%D%/records.c %D%/records.h \
	%D%/route.c %D%/route.h \
	%D%/token.c %D%/token.h \
	%D%/token_file.c %D%/token_file.h \
	%D%/url.c %D%/url.h \
	%D%/warm.c %D%/warm.h

CLOUD_LIBS = %D%/libcloud.a $(CURL_LIBS) $(UTIL_LIBS)
