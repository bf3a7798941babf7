noinst_LIBRARIES += %D%/libcache.a
%C%_libcache_a_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
%C%_libcache_a_SOURCES = \
	%D%/access.c %D%/access.h \
	%D%/archive.c %D%/archive.h \
	%D%/archive_walk.c %D%/archive_walk.h \
	%D%/file.c %D%/file.h \
	%D%/history.c %D%/history.h \
	%D%/home.c %D%/home.h \
	%D%/merge.c \
	%D%/model.c %D%/model.h \
	%D%/outbox.c %D%/outbox.h \
	%D%/recent.c %D%/recent.h \
	%D%/rows.c %D%/rows.h \
	%D%/schema.c %D%/schema.h \
	%D%/standin.c %D%/standin.h \
	%D%/store.c %D%/store.h \
	%D%/vault.c %D%/vault.h \
	%D%/window.c %D%/window.h

CACHE_LIBS = %D%/libcache.a $(SQLITE_LIBS) $(CLOUD_LIBS)
