#pragma once

#include "bridge/mqtt.h"

int mqtt_settings_copy(struct mqtt_settings *to, const struct mqtt_settings *from);
void mqtt_settings_clear(struct mqtt_settings *settings);
