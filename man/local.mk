# The parts about keys and commands come from the tables in daemon/config_keys.c and cloud/catalog.c:
# "make update-config" writes them, and test_config and test_commands_write fail when they are out
# of date.
dist_man_MANS += %D%/akuvox2mqtt.1
nodist_man_MANS = %D%/akuvox2mqtt.conf.5 %D%/akuvox2mqtt-mqtt.7
EXTRA_DIST += %D%/akuvox2mqtt.conf.5.in %D%/config-keys.mdoc \
	%D%/akuvox2mqtt-mqtt.7.in %D%/commands.mdoc
CLEANFILES += %D%/akuvox2mqtt.conf.5 %D%/akuvox2mqtt-mqtt.7

%D%/akuvox2mqtt.conf.5: %D%/akuvox2mqtt.conf.5.in %D%/config-keys.mdoc
	$(AM_V_GEN)$(MKDIR_P) %D% && $(SED) -e '/^@KEYS@/{r $(srcdir)/%D%/config-keys.mdoc' -e 'd;}' \
		$(srcdir)/%D%/akuvox2mqtt.conf.5.in > $@.tmp && mv $@.tmp $@

%D%/akuvox2mqtt-mqtt.7: %D%/akuvox2mqtt-mqtt.7.in %D%/commands.mdoc
	$(AM_V_GEN)$(MKDIR_P) %D% && $(SED) -e '/^@COMMANDS@/{r $(srcdir)/%D%/commands.mdoc' -e 'd;}' \
		$(srcdir)/%D%/akuvox2mqtt-mqtt.7.in > $@.tmp && mv $@.tmp $@
