noinst_LIBRARIES += %D%/libcloud.a
%C%_libcloud_a_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
%C%_libcloud_a_SOURCES = \
	%D%/catalog.c %D%/catalog.h \
	%D%/client.c %D%/client.h \
	%D%/fold.c %D%/fold.h \
	%D%/http.c %D%/http.h \
	%D%/latency.c %D%/latency.h \
	%D%/param.c %D%/param.h \
	%D%/records.c %D%/records.h \
	%D%/token.c %D%/token.h

CLOUD_LIBS = %D%/libcloud.a $(CURL_LIBS) $(UTIL_LIBS)
