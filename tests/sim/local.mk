noinst_PROGRAMS += %D%/akuvox-cloud-sim
%C%_akuvox_cloud_sim_CPPFLAGS = $(AM_CPPFLAGS) $(MICROHTTPD_CFLAGS)
%C%_akuvox_cloud_sim_SOURCES = \
	%D%/akuvox.c \
	%D%/cloud.c \
	%D%/commands.c %D%/commands.h \
	%D%/control.c \
	%D%/control_state.c \
	%D%/events.c \
	%D%/family.c \
	%D%/fault.c %D%/fault.h \
	%D%/fields.h \
	%D%/history.c %D%/history.h \
	%D%/http.c %D%/http.h \
	%D%/main.c \
	%D%/must.h \
	%D%/oauth.c \
	%D%/params.c %D%/params.h \
	%D%/picture.c %D%/picture.h \
	%D%/record.c %D%/record.h \
	%D%/reply.c %D%/reply.h \
	%D%/sim.h \
	%D%/token.c %D%/token.h \
	%D%/world.c %D%/world.h
%C%_akuvox_cloud_sim_LDADD = $(MICROHTTPD_LIBS) $(UTIL_LIBS) -lpthread -lm
EXTRA_DIST += %D%/README.md
