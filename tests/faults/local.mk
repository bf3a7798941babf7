# Long tests of what goes wrong: built with the others, run by ./dev faults and ./dev soak.
check_LIBRARIES += %D%/libfaults.a
%C%_libfaults_a_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
%C%_libfaults_a_SOURCES = \
	%D%/preload.c %D%/preload.h \
	%D%/table.c %D%/table.h \
	%D%/vitals.c %D%/vitals.h

FAULTS_LIBS = %D%/libfaults.a $(INTEGRATION_LIBS)

check_PROGRAMS += %D%/matrix
%C%_matrix_LDADD = $(FAULTS_LIBS)

check_PROGRAMS += %D%/soak
%C%_soak_LDADD = $(FAULTS_LIBS)

# Preloaded into the gateway: a shared object, which the flags of programs do not suit.
check_PROGRAMS += %D%/memory
%C%_memory_LDADD = $(FAULTS_LIBS)
EXTRA_%C%_memory_DEPENDENCIES = %D%/starve.so
EXTRA_DIST += %D%/starve.c %D%/starve.h
CLEANFILES += %D%/starve.so
%D%/starve.so: %D%/starve.c %D%/starve.h
	@$(MKDIR_P) %D%
	$(AM_V_CC)$(CC) -D_GNU_SOURCE -O2 -fPIC -shared -fno-builtin -I$(top_srcdir) -o $@ $(srcdir)/%D%/starve.c

check_PROGRAMS += %D%/outages
%C%_outages_LDADD = $(FAULTS_LIBS)
EXTRA_%C%_outages_DEPENDENCIES = %D%/starve.so
dist_check_SCRIPTS += %D%/apart.sh %D%/guards.sh

check_PROGRAMS += %D%/broker
%C%_broker_LDADD = $(FAULTS_LIBS)

check_PROGRAMS += %D%/sizes
%C%_sizes_LDADD = $(FAULTS_LIBS)
