noinst_LIBRARIES += %D%/libutil.a
%C%_libutil_a_SOURCES = \
	%D%/backoff.c %D%/backoff.h \
	%D%/cleanup.h \
	%D%/clock.c %D%/clock.h \
	%D%/deferred.c %D%/deferred.h \
	%D%/hash.c %D%/hash.h \
	%D%/json.c %D%/json.h \
	%D%/log.c %D%/log.h \
	%D%/outage.c %D%/outage.h \
	%D%/secret.c %D%/secret.h \
	%D%/text.c %D%/text.h \
	%D%/timer.c %D%/timer.h \
	%D%/zone.c %D%/zone.h

UTIL_LIBS = %D%/libutil.a $(JSON_LIBS) $(SYSTEMD_LIBS)
