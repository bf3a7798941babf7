#pragma once

#include <json-c/json.h>

#include "cloud/records.h"

/* Cameras as text for go2rtc.yaml. A value: start from {0}. */
struct cameras {
	struct json_object *streams; /* has a member of the name of each that was printed */
};

void cameras_print(const struct device_record *record, void *cameras);
void cameras_done(struct cameras *cameras);
