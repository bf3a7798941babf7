#pragma once

#include "bridge/request.h"
#include "bridge/retained.h"
#include "bridge/topic.h"

/* Inside of the requests: what is done for each kind of them. */

#define OPENING_COMMAND     "trigger_akuvox_remote_open_door"
#define NFC_COMMAND         "update_akuvox_open_door_nfc_config"
#define BLE_COMMAND         "update_akuvox_open_door_ble_config"
#define PIN_COMMAND         "update_akuvox_open_door_private_key_config"
#define KEY_LIST_COMMAND    "get_akuvox_open_door_temp_key_config"
#define KEY_CREATE_COMMAND  "create_akuvox_open_door_temp_key_config"
#define KEY_DELETE_COMMAND  "delete_akuvox_open_door_temp_key_config"
#define KEYS_DELETE_COMMAND "batch_delete_akuvox_open_door_temp_key_config"
#define CALLS_COMMAND       "get_akuvox_call_history"
#define OPENINGS_COMMAND    "get_akuvox_open_door_history"

struct requests {
	struct requests_parts parts;
	struct requests_settings settings;
	struct requests_hooks hooks;
	void *userdata;
	struct retained *retained;
	struct open_requests open;
};

/* 0: on its way, or waiting for its twin; 1: answered, and q is gone; -EINVAL: to be refused with
 * *fault. */
typedef int (*handler_t)(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault);

int handle_open(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault);
int handle_request(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault);
int handle_switch(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault);
int handle_pin(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault);
int handle_key_create(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault);
int handle_key_delete(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault);
int handle_history(
	struct request *q, const struct home *home, struct json_object *param, struct fault *fault);

/* What several of them do. */
int handle_home(struct request *q, const struct topic *topic, const char *command,
	const struct mqtt_message *message, struct fault *fault);
int handle_send(struct request *q, const struct command *command, struct json_object *param,
	cloud_done_t done, struct fault *fault);
int handle_allowed(const struct request *q, const struct command *command, struct fault *fault);
int handle_residence(const struct request *q, struct json_object *param, struct fault *fault);
int handle_rest(struct json_object *param, struct fault *fault);
void handle_done(const struct request *q);
void handle_answered(struct request *q, const struct cloud_answer *cloud);
int fault_at_once(int r, struct fault *fault);
