#pragma once

#include <json-c/json.h>
#include <json-c/printbuf.h>

#include "tests/sim/params.h"
#include "tests/sim/world.h"

/* How the cloud says no to something that was asked in the right way. */
struct refusal {
	int code;
	const char *message;
};

extern const struct refusal no_such_home;

struct call {
	struct world *world;
	struct home *home; /* of param's residence_id, NULL for get_family_list */
	struct json_object *param;
	struct printbuf *out; /* takes the result as JSON; left empty it means {} */
};

/* One command of the catalogue. handle returns NULL when it is done. */
struct command {
	const char *name;
	const struct refusal *(*handle)(const struct call *call);
	struct param params[7];
};

const struct command *command_find(const char *name);
const struct refusal *command_run(const struct command *command, struct world *w,
	struct json_object *param, struct printbuf *out);

const char *call_text(const struct call *call, const char *name);
void call_add(const struct call *call, struct json_object *result);
void call_add_list(const struct call *call, struct array_list *items,
	const char *(*text)(const struct call *call, void *item));

const struct refusal *akuvox_device_list(const struct call *call);
const struct refusal *akuvox_pin_get(const struct call *call);
const struct refusal *akuvox_pin_set(const struct call *call);
const struct refusal *akuvox_nfc_get(const struct call *call);
const struct refusal *akuvox_nfc_set(const struct call *call);
const struct refusal *akuvox_ble_get(const struct call *call);
const struct refusal *akuvox_ble_set(const struct call *call);
const struct refusal *akuvox_keys_get(const struct call *call);
const struct refusal *akuvox_key_create(const struct call *call);
const struct refusal *akuvox_key_delete(const struct call *call);
const struct refusal *akuvox_keys_delete(const struct call *call);
const struct refusal *akuvox_face_get(const struct call *call);
const struct refusal *akuvox_face_set(const struct call *call);
const struct refusal *akuvox_face_delete(const struct call *call);
const struct refusal *akuvox_permission(const struct call *call);
const struct refusal *akuvox_calls(const struct call *call);
const struct refusal *akuvox_doors(const struct call *call);
const struct refusal *akuvox_open(const struct call *call);
const struct refusal *family_list(const struct call *call);
const struct refusal *family_info(const struct call *call);
const struct refusal *family_rename(const struct call *call);
const struct refusal *family_change_admin(const struct call *call);
const struct refusal *family_invite(const struct call *call);
const struct refusal *family_join(const struct call *call);
const struct refusal *family_create_account(const struct call *call);
const struct refusal *family_set_role(const struct call *call);
const struct refusal *family_set_roles(const struct call *call);
const struct refusal *family_remove(const struct call *call);
const struct refusal *family_remove_many(const struct call *call);
const struct refusal *family_remote(const struct call *call);
