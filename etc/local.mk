# The example and the manual's parts about keys and commands are written from the program's tables
# and kept in git, so that a cross build need not run what it built; test_config and
# test_commands_write fail when they are out of date.
EXTRA_PROGRAMS = %D%/write_config
%C%_write_config_SOURCES = %D%/write_config.c
%C%_write_config_LDADD = $(DAEMON_LIBS)
CLEANFILES += %D%/write_config

# Where bash-completion looks, below each prefix that $XDG_DATA_DIRS has.
completiondir = $(datadir)/bash-completion/completions
dist_completion_DATA = %D%/bash-completion/akuvox2mqtt

examplesdir = $(docdir)/examples
dist_examples_DATA = %D%/akuvox2mqtt.conf
mosquittodir = $(examplesdir)/mosquitto
dist_mosquitto_DATA = \
	%D%/mosquitto/README.md \
	%D%/mosquitto/akuvox2mqtt.acl \
	%D%/mosquitto/akuvox2mqtt.conf
nodereddir = $(examplesdir)/nodered
dist_nodered_DATA = %D%/nodered/akuvox-flows.json

homeassistantdir = $(examplesdir)/homeassistant
dist_homeassistant_DATA = %D%/homeassistant/dashboard.yaml
blueprints = %D%/homeassistant/blueprints
automationsdir = $(homeassistantdir)/blueprints/automation/akuvox2mqtt
dist_automations_DATA = \
	$(blueprints)/automation/akuvox2mqtt/came_home.yaml \
	$(blueprints)/automation/akuvox2mqtt/ring.yaml
scriptsdir = $(homeassistantdir)/blueprints/script/akuvox2mqtt
dist_scripts_DATA = $(blueprints)/script/akuvox2mqtt/guest_key.yaml

.PHONY: update-config
update-config: %D%/write_config$(EXEEXT)
	$(AM_V_GEN)%D%/write_config example > $(srcdir)/%D%/akuvox2mqtt.conf.tmp && \
		mv $(srcdir)/%D%/akuvox2mqtt.conf.tmp $(srcdir)/%D%/akuvox2mqtt.conf && \
		%D%/write_config man > $(srcdir)/man/config-keys.mdoc.tmp && \
		mv $(srcdir)/man/config-keys.mdoc.tmp $(srcdir)/man/config-keys.mdoc && \
		%D%/write_config commands > $(srcdir)/man/commands.mdoc.tmp && \
		mv $(srcdir)/man/commands.mdoc.tmp $(srcdir)/man/commands.mdoc
