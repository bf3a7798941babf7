#pragma once

/* The systemd unit that a configuration is for: akuvox2mqtt@NAME for /etc/akuvox2mqtt/NAME.conf, else
 * akuvox2mqtt. Its name is what credentials in /etc/credstore begin with, too. */

int unit_find(const char *config_path, char **ret_name, char **ret_state_directory);
