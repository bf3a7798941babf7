UNIT_TESTS += tests/unit/test_store
tests_unit_test_store_SOURCES = %D%/test_store.c \
	%D%/scratch.c %D%/scratch.h
tests_unit_test_store_CPPFLAGS = $(UNIT_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_home
tests_unit_test_home_SOURCES = %D%/test_home.c \
	%D%/homes.c %D%/homes.h
tests_unit_test_home_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_home_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_gone
tests_unit_test_gone_SOURCES = %D%/test_gone.c \
	%D%/homes.c %D%/homes.h
tests_unit_test_gone_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_gone_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_cache_file
tests_unit_test_cache_file_SOURCES = %D%/test_cache_file.c \
	%D%/homes.c %D%/homes.h \
	%D%/scratch.c %D%/scratch.h
tests_unit_test_cache_file_CPPFLAGS = $(UNIT_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_cache_file_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_cache_trouble
tests_unit_test_cache_trouble_SOURCES = %D%/test_cache_trouble.c \
	%D%/homes.c %D%/homes.h \
	%D%/scratch.c %D%/scratch.h
tests_unit_test_cache_trouble_CPPFLAGS = $(UNIT_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_cache_trouble_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_cache_memory
tests_unit_test_cache_memory_SOURCES = %D%/test_cache_memory.c \
	%D%/homes.c %D%/homes.h
tests_unit_test_cache_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_cache_memory_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=calloc,--wrap=strdup,--wrap=strndup
tests_unit_test_cache_memory_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
HISTORY_FIXTURE = %D%/histories.c %D%/histories.h \
	%D%/scratch.c %D%/scratch.h
UNIT_TESTS += tests/unit/test_history
tests_unit_test_history_SOURCES = %D%/test_history.c $(HISTORY_FIXTURE)
tests_unit_test_history_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_history_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_history_content
tests_unit_test_history_content_SOURCES = %D%/test_history_content.c $(HISTORY_FIXTURE) \
	%D%/capture.c %D%/capture.h
tests_unit_test_history_content_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_history_content_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_history_random
tests_unit_test_history_random_SOURCES = %D%/test_history_random.c $(HISTORY_FIXTURE)
tests_unit_test_history_random_CPPFLAGS = $(UNIT_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_history_random_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_history_trouble
tests_unit_test_history_trouble_SOURCES = %D%/test_history_trouble.c $(HISTORY_FIXTURE)
tests_unit_test_history_trouble_CPPFLAGS = $(UNIT_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_history_trouble_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_archive
tests_unit_test_archive_SOURCES = %D%/test_archive.c $(HISTORY_FIXTURE)
tests_unit_test_archive_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_archive_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_archive_walk
tests_unit_test_archive_walk_SOURCES = %D%/test_archive_walk.c $(HISTORY_FIXTURE)
tests_unit_test_archive_walk_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_archive_walk_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/test_history_memory
tests_unit_test_history_memory_SOURCES = %D%/test_history_memory.c $(HISTORY_FIXTURE)
tests_unit_test_history_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_history_memory_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=calloc,--wrap=reallocarray,--wrap=strdup,--wrap=strndup
tests_unit_test_history_memory_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += tests/unit/test_cache_access
tests_unit_test_cache_access_SOURCES = %D%/test_cache_access.c \
	%D%/homes.c %D%/homes.h
tests_unit_test_cache_access_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_cache_access_LDADD = $(CACHE_LIBS) $(CMOCKA_LIBS)
