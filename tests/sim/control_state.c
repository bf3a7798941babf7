#include "tests/sim/fields.h"
#include "tests/sim/sim.h"

static struct json_object *device_json(const struct device *d)
{
	struct json_object *object = must(json_object_new_object());
	struct json_object *relays = must(json_object_new_array());

	add_text(object, "mac", d->mac);
	add_text(object, "name", d->name);
	add_text(object, "type", d->type);
	add_text(object, "sip", d->sip);
	add_flag(object, "is_public", d->is_public);
	add_flag(object, "online", d->online);
	for (size_t i = 0; i < array_list_length(d->relays); i++) {
		const struct relay *r = array_list_get_idx(d->relays, i);
		struct json_object *item = must(json_object_new_object());

		add_text(item, "relay_id", r->id);
		add_text(item, "relay_name", r->name);
		add_text(item, "relay_number", r->number);
		add_flag(item, "security", r->security);
		add_item(relays, item);
	}
	add(object, "relays", relays);
	return object;
}

static struct json_object *member_json(const struct member *m)
{
	struct json_object *object = must(json_object_new_object());

	add_text(object, "account_id", m->id);
	add_text(object, "email", m->email);
	add_text(object, "auth", m->role);
	return object;
}

static struct json_object *home_json(const struct home *h)
{
	struct json_object *object = must(json_object_new_object());
	struct json_object *devices = must(json_object_new_array());
	struct json_object *members = must(json_object_new_array());
	struct json_object *temp_keys = must(json_object_new_array());

	add_text(object, "residence_id", h->id);
	add_text(object, "account_id", h->account_id);
	add_text(object, "name", h->name);
	add_flag(object, "online", h->online);
	add_flag(object, "installed", h->installed);
	add_text(object, "private_key", h->pin);
	add_flag(object, "nfc", h->nfc);
	add_flag(object, "ble", h->ble);
	add_flag(object, "face", h->face);
	add_number(object, "calls", (int64_t)h->calls.count);
	add_number(object, "doors", (int64_t)h->doors.count);
	for (size_t i = 0; i < array_list_length(h->devices); i++)
		add_item(devices, device_json(array_list_get_idx(h->devices, i)));
	for (size_t i = 0; i < array_list_length(h->members); i++)
		add_item(members, member_json(array_list_get_idx(h->members, i)));
	for (size_t i = 0; i < array_list_length(h->temp_keys); i++)
		add_item(temp_keys,
			json_object_new_string(
				((struct temp_key *)array_list_get_idx(h->temp_keys, i))->code));
	add(object, "devices", devices);
	add(object, "members", members);
	add(object, "temp_keys", temp_keys);
	return object;
}

/* Everything, for GET /state; the caller holds the lock and owns the result. */
struct json_object *control_state(struct sim *s)
{
	struct json_object *state = must(json_object_new_object());
	struct json_object *homes = must(json_object_new_array());
	struct json_object *connections = must(json_object_new_object());
	uint64_t accepted;
	unsigned open;

	for (size_t i = 0; i < array_list_length(s->world->homes); i++)
		add_item(homes, home_json(array_list_get_idx(s->world->homes, i)));
	http_connections(s->cloud, &accepted, &open);
	add_number(connections, "accepted", (int64_t)accepted);
	add_number(connections, "open", open);
	add(state, "homes", homes);
	add(state, "tokens", tokens_json(s->tokens));
	add(state, "wrong_requests", record_wrong_json(s->record));
	add(state, "connections", connections);
	add(state, "requests", record_counts_json(s->record));
	add_number(state, "openings", (int64_t)s->world->openings_total);
	add(state, "faults", faults_json(s->faults));
	return state;
}
