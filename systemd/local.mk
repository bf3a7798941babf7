systemdsystemunit_DATA = %D%/akuvox2mqtt.service
dist_sysusers_DATA = %D%/sysusers.d/akuvox2mqtt.conf
EXTRA_DIST += %D%/akuvox2mqtt.service.in
CLEANFILES += %D%/akuvox2mqtt.service

# At make time: ${prefix} and the like have their values only then.
%D%/akuvox2mqtt.service: %D%/akuvox2mqtt.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
		$(SED) 's|@bindir[@]|$(bindir)|' $(srcdir)/%D%/akuvox2mqtt.service.in > $@.tmp && \
		mv $@.tmp $@
