# A unit test is linked with its floor and those below: an upward call does not link.
UNIT_TESTS =
UNIT_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)

include %D%/util.mk
include %D%/cloud.mk
include %D%/cache.mk
include %D%/bridge.mk
include %D%/daemon.mk
include %D%/sim.mk

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)

dist_check_SCRIPTS += %D%/test_installed.sh
TESTS += %D%/test_installed.sh
EXTRA_DIST += %D%/cmocka-all.h
