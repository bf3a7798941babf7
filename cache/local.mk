noinst_LIBRARIES += %D%/libcache.a
%C%_libcache_a_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
%C%_libcache_a_SOURCES = \
	%D%/file.c %D%/file.h \
	%D%/home.c %D%/home.h \
	%D%/merge.c \
	%D%/model.c %D%/model.h \
	%D%/rows.c %D%/rows.h \
	%D%/schema.c %D%/schema.h \
	%D%/store.c %D%/store.h

CACHE_LIBS = %D%/libcache.a $(SQLITE_LIBS) $(CLOUD_LIBS)
