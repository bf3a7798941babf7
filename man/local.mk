# The keys come from the table in daemon/config_keys.c: "make update-config" writes them, and
# test_config fails when they are out of date.
dist_man_MANS += %D%/akuvox2mqtt.1
nodist_man_MANS = %D%/akuvox2mqtt.conf.5
EXTRA_DIST += %D%/akuvox2mqtt.conf.5.in %D%/config-keys.mdoc
CLEANFILES += %D%/akuvox2mqtt.conf.5

%D%/akuvox2mqtt.conf.5: %D%/akuvox2mqtt.conf.5.in %D%/config-keys.mdoc
	$(AM_V_GEN)$(MKDIR_P) %D% && $(SED) -e '/^@KEYS@/{r $(srcdir)/%D%/config-keys.mdoc' -e 'd;}' \
		$(srcdir)/%D%/akuvox2mqtt.conf.5.in > $@.tmp && mv $@.tmp $@
