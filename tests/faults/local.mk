# Long tests of what goes wrong: built with the others, run by ./dev faults and ./dev soak.
check_LIBRARIES += %D%/libfaults.a
%C%_libfaults_a_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
%C%_libfaults_a_SOURCES = \
	%D%/table.c %D%/table.h \
	%D%/vitals.c %D%/vitals.h

FAULTS_LIBS = %D%/libfaults.a $(INTEGRATION_LIBS)

check_PROGRAMS += %D%/matrix
%C%_matrix_LDADD = $(FAULTS_LIBS)
