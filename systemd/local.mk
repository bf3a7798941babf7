# Both units are written from one file: they differ in whose configuration, state and secrets it is.
systemdsystemunit_DATA = %D%/akuvox2mqtt.service %D%/akuvox2mqtt@.service
dist_pkglibexec_SCRIPTS = %D%/is-set-up
dist_sysusers_DATA = %D%/sysusers.d/akuvox2mqtt.conf
EXTRA_DIST += %D%/akuvox2mqtt.service.in
CLEANFILES += $(systemdsystemunit_DATA)

# At make time: ${prefix} and the like have their values only then.
make_unit = $(AM_V_GEN)$(MKDIR_P) %D% && $(SED) -e 's|@bindir[@]|$(bindir)|' \
	-e 's|@pkglibexecdir[@]|$(pkglibexecdir)|' -e 's| *$$||'

%D%/akuvox2mqtt.service: %D%/akuvox2mqtt.service.in Makefile
	$(make_unit) -e 's|@CONFIG[@]|/etc/akuvox2mqtt/akuvox2mqtt.conf|g' \
		-e 's|@OPTION[@]||g' -e 's|@OF_INSTANCE[@]||' -e 's|@STATE[@]|akuvox2mqtt|' \
		-e 's|@CREDENTIAL[@]|akuvox2mqtt|' $(srcdir)/%D%/akuvox2mqtt.service.in > $@.tmp && \
		mv $@.tmp $@

%D%/akuvox2mqtt@.service: %D%/akuvox2mqtt.service.in Makefile
	$(make_unit) -e 's|@CONFIG[@]|/etc/akuvox2mqtt/%i.conf|g' \
		-e 's|@OPTION[@]|-c /etc/akuvox2mqtt/%i.conf|g' -e 's|@OF_INSTANCE[@]|: %i|' \
		-e 's|@STATE[@]|akuvox2mqtt/%i|' -e 's|@CREDENTIAL[@]|akuvox2mqtt@%i|' \
		$(srcdir)/%D%/akuvox2mqtt.service.in > $@.tmp && mv $@.tmp $@
