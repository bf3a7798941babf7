#pragma once

#include <json-c/json.h>

#include "cloud/catalog.h"

/* Longest text that a parameter may have, and most elements of an array. */
#define FIELD_TEXT_MAX  256
#define FIELD_ITEMS_MAX 100

/* What is wrong with a parameter: its path, such as "accounts[1].auth", and a sentence without its
 * value, which may be a secret. */
struct param_fault {
	char param[96];
	char why[128];
};

int param_check(
	const struct command *command, struct json_object *param, struct param_fault *ret_fault);
