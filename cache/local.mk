noinst_LIBRARIES += %D%/libcache.a
%C%_libcache_a_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
%C%_libcache_a_SOURCES = \
	%D%/home.c %D%/home.h \
	%D%/store.c %D%/store.h

CACHE_LIBS = %D%/libcache.a $(SQLITE_LIBS) $(CLOUD_LIBS)
