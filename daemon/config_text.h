#pragma once

#include <stdbool.h>

/* Rules for texts of the configuration. Each returns NULL if the text is right, or else what it
 * is instead: a phrase like "is not an absolute path". */
const char *config_text_alias(const char *text);
const char *config_text_id(const char *text);
const char *config_text_line(const char *text);
const char *config_text_path(const char *text);
const char *config_text_state_path(const char *text);
const char *config_text_topic(const char *text);
const char *config_text_zone(const char *text);

bool config_text_is_utf8(const char *text);

#define CONFIG_STATE_PREFIX "$STATE_DIRECTORY/"
