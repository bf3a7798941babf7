/* The control side: what tests and people do to the world, as JSON over HTTP. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/commands.h"
#include "tests/sim/fields.h"
#include "tests/sim/sim.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/json.h"

#define WHY_MAX           256
#define TEMP_KEYS_ADD_MAX 10000

/* One request to the control side; handlers run with the lock held. */
struct control {
	struct sim *sim;
	struct world *world;
	struct json_object *args;
	struct json_object *result; /* set by the handler, or left for {"ok":true} */
	char why[WHY_MAX];
};

static bool fail(struct control *c, const char *why)
{
	(void)snprintf(c->why, sizeof(c->why), "%s", why);
	return false;
}

static const char *text(const struct control *c, const char *key, const char *fallback)
{
	const char *given = json_text(c->args, key);

	return given ? given : fallback;
}

static bool flag(const struct control *c, const char *key, bool fallback)
{
	int given = json_flag(c->args, key);

	return given < 0 ? fallback : given == 1;
}

static int64_t number(const struct control *c, const char *key, int64_t fallback)
{
	struct json_object *given = json_get(c->args, key);

	return given ? json_object_get_int64(given) : fallback;
}

static bool get_state(struct control *c)
{
	c->result = control_state(c->sim);
	return true;
}

static bool get_openings(struct control *c)
{
	c->result = must(json_object_new_array());
	for (size_t i = 0; i < array_list_length(c->world->openings); i++) {
		const struct opening *o = array_list_get_idx(c->world->openings, i);
		struct json_object *item = must(json_object_new_object());

		add_text(item, "residence_id", o->residence_id);
		add_text(item, "mac", o->mac);
		add_text(item, "relay_id", o->relay_id);
		add_number(item, "time_ms", o->time_msec);
		add_text(item, "how", "api");
		add_item(c->result, item);
	}
	return true;
}

static bool get_requests(struct control *c)
{
	const char *command = text(c, "command", NULL);

	if (command && !command_find(command))
		return fail(c, "unknown command");
	c->result = record_requests_json(c->sim->record, command);
	return true;
}

static bool post_fault(struct control *c)
{
	const char *why;

	return faults_queue(c->sim->faults, c->args, &why) || fail(c, why);
}

static bool delete_fault(struct control *c)
{
	faults_clear(c->sim->faults);
	return true;
}

static bool post_close_idle(struct control *c)
{
	unsigned closed;

	http_close_idle(c->sim->cloud, &closed);
	c->result = must(json_object_new_object());
	add_number(c->result, "closed", closed);
	return true;
}

/* The home and device that args name: by default the first home and its first device. Without
 * need_device *ret_device may come back NULL. */
static bool find_place(struct control *c, struct home **ret_home, struct device **ret_device)
{
	const char *id = text(c, "residence_id", NULL), *mac = text(c, "mac", NULL);
	struct device *d = NULL;
	struct home *h;

	h = id ? world_home(c->world, id) : array_list_get_idx(c->world->homes, 0);
	if (mac && !id)
		d = world_device(c->world, mac, &h);
	else if (h)
		d = mac ? home_device(h, mac) : array_list_get_idx(h->devices, 0);
	if (!h)
		return fail(c, "no such home");
	if (!d && (mac || ret_device))
		return fail(c, "no such device");
	*ret_home = h;
	if (ret_device)
		*ret_device = d;
	return true;
}

static int64_t event_time(const struct control *c)
{
	int64_t epoch = world_clock_msec(c->world) / 1000;

	(void)clock_parse_cloud(text(c, "time", ""), &epoch);
	return epoch;
}

static bool post_ring(struct control *c)
{
	struct device *d;
	struct home *h;

	if (!find_place(c, &h, &d))
		return false;
	world_call(h, text(c, "call_name", d->name), text(c, "call_sip", d->sip), event_time(c));
	return true;
}

static bool post_opening(struct control *c)
{
	struct device *d;
	struct home *h;

	if (!find_place(c, &h, &d))
		return false;
	world_open(c->world, h,
		&(struct door_event){
			.account_name = text(c, "account_name", "Robin"),
			.device_name = d->name,
			.open_door_type = text(c, "open_door_type", "Face unlock"),
			.success = flag(c, "open_door", true),
			.picture = flag(c, "picture", true),
			.epoch = event_time(c),
		});
	return true;
}

static bool post_device(struct control *c)
{
	struct device *d;
	struct home *h;

	if (!find_place(c, &h, &d))
		return false;
	d->online = flag(c, "online", d->online);
	if (json_get(c->args, "name"))
		world_set(&d->name, text(c, "name", ""));
	device_forget_text(d);
	return true;
}

static bool delete_device(struct control *c)
{
	struct device *d;
	struct home *h;

	return find_place(c, &h, &d) && list_remove(h->devices, d);
}

static bool post_device_add(struct control *c)
{
	static const char *const types[] = {"Single-tenant Doorphone", "Multi-tenants Doorphone",
		"Indoor Monitor", "Guard Phone", "Access Control"};
	const char *wanted = text(c, "type", types[0]), *mac = text(c, "mac", NULL);
	struct device *d;
	struct home *h;
	size_t i = 0;

	h = world_home(c->world, text(c, "residence_id", ""));
	if (!h)
		return fail(c, "no such home");
	while (i < ELEMENTS(types) && strcmp(types[i], wanted) != 0)
		i++;
	if (i == ELEMENTS(types))
		return fail(c, "unknown type of device");
	d = home_add_device(c->world, h, types[i]);
	if (mac)
		world_set(&d->mac, mac);
	if (json_get(c->args, "name"))
		world_set(&d->name, text(c, "name", ""));
	c->result = must(json_object_new_object());
	add_text(c->result, "mac", d->mac);
	return true;
}

static bool post_home(struct control *c)
{
	struct home *h = world_home(c->world, text(c, "residence_id", ""));

	if (!h)
		return fail(c, "no such home");
	h->online = flag(c, "online", h->online);
	h->installed = flag(c, "installed", h->installed);
	if (json_get(c->args, "name"))
		world_set(&h->name, text(c, "name", ""));
	home_forget_text(h);
	return true;
}

static bool delete_home(struct control *c)
{
	struct home *h = world_home(c->world, text(c, "residence_id", ""));

	return h ? list_remove(c->world->homes, h) : fail(c, "no such home");
}

static bool post_home_add(struct control *c)
{
	int64_t devices = number(c, "devices", 3);
	struct home *h;

	if (devices < 0 || devices > 1000)
		return fail(c, "\"devices\" is out of range");
	h = world_add_home(c->world, (unsigned)devices);
	c->result = must(json_object_new_object());
	add_text(c->result, "residence_id", h->id);
	return true;
}

static bool post_list_empty(struct control *c)
{
	int64_t count = number(c, "count", 1);

	if (count < 0 || count > INT32_MAX)
		return fail(c, "\"count\" is out of range");
	c->world->empty_lists = (int)count;
	return true;
}

static void change_rows(struct control *c, struct home *h)
{
	if (flag(c, "clear", false)) {
		history_done(&h->calls);
		history_done(&h->doors);
	}
	world_fill(c->world, h, (unsigned)number(c, "rows", 0));
	if (flag(c, "duplicate_last", false)) {
		history_repeat_newest(&h->calls);
		history_repeat_newest(&h->doors);
	}
}

static bool post_history(struct control *c)
{
	struct history_knobs *knobs = &c->world->knobs;
	int64_t window = number(c, "window", knobs->window), rows = number(c, "rows", 0);
	const char *id = text(c, "residence_id", NULL);

	if (window < 0 || window > HISTORY_KEEP_MAX)
		return fail(c, "\"window\" is out of range");
	if (rows < 0 || rows > HISTORY_KEEP_MAX)
		return fail(c, "\"rows\" is out of range");
	if (id && !world_home(c->world, id))
		return fail(c, "no such home");
	knobs->window = (unsigned)window;
	knobs->shuffle = flag(c, "shuffle", knobs->shuffle);
	knobs->oldest_first = flag(c, "oldest_first", knobs->oldest_first);
	for (size_t i = 0; i < array_list_length(c->world->homes); i++) {
		struct home *h = array_list_get_idx(c->world->homes, i);

		if (!id || strcmp(h->id, id) == 0)
			change_rows(c, h);
	}
	return true;
}

static bool post_picture_delay(struct control *c)
{
	int64_t polls = number(c, "polls", 1);

	if (polls < 0 || polls > INT32_MAX)
		return fail(c, "\"polls\" is out of range");
	c->world->knobs.picture_polls = (unsigned)polls;
	return true;
}

static bool post_clock(struct control *c)
{
	int64_t ahead = number(c, "ahead", 0);

	if (ahead < -INT32_MAX || ahead > INT32_MAX)
		return fail(c, "\"ahead\" is out of range");
	c->world->clock_ahead = ahead;
	return true;
}

/* So many more in each home, for a day from now on. */
static void add_temp_keys(struct control *c, int64_t count)
{
	char start[HISTORY_TIME_MAX], finish[HISTORY_TIME_MAX];
	int64_t now = world_clock_msec(c->world) / 1000;

	(void)history_time(start, now);
	(void)history_time(finish, now + 86400);
	for (size_t i = 0; i < array_list_length(c->world->homes); i++)
		for (int64_t n = 0; n < count; n++)
			(void)home_add_temp_key(c->world, array_list_get_idx(c->world->homes, i),
				start, finish, now + 86400, 1);
}

static bool post_lists(struct control *c)
{
	int64_t temp_keys = number(c, "temp_keys", 0);

	if (temp_keys < 0 || temp_keys > TEMP_KEYS_ADD_MAX)
		return fail(c, "\"temp_keys\" is out of range");
	add_temp_keys(c, temp_keys);
	c->world->lists_are_objects = flag(c, "objects", c->world->lists_are_objects);
	c->world->drop_expired = flag(c, "drop_expired", c->world->drop_expired);
	return true;
}

static bool post_token(struct control *c)
{
	int64_t expires_in = number(c, "expires_in", 0), grace = number(c, "grace", 0);

	if (expires_in < 0 || expires_in > INT32_MAX)
		return fail(c, "\"expires_in\" is out of range");
	if (grace < 0 || grace > INT32_MAX)
		return fail(c, "\"grace\" is out of range");
	if (flag(c, "revoke_access", false))
		tokens_revoke_access(c->sim->tokens);
	if (flag(c, "revoke_refresh", false))
		tokens_revoke_refresh(c->sim->tokens);
	if (json_get(c->args, "expires_in"))
		tokens_set_expires_in(c->sim->tokens, expires_in);
	if (json_get(c->args, "grace"))
		tokens_set_grace(c->sim->tokens, grace);
	if (json_get(c->args, "strict_rotation"))
		tokens_set_strict_rotation(c->sim->tokens, flag(c, "strict_rotation", true));
	return true;
}

static unsigned rename_id(char **field, const char *old, const char *to)
{
	if (!old || strcmp(*field, old) != 0)
		return 0;
	world_set(field, to);
	return 1;
}

static unsigned rename_in_device(struct control *c, struct device *d)
{
	const char *to = text(c, "to", "");
	unsigned renamed = rename_id(&d->mac, text(c, "mac", NULL), to);

	for (size_t i = 0; i < array_list_length(d->relays); i++)
		renamed += rename_id(&((struct relay *)array_list_get_idx(d->relays, i))->id,
			text(c, "relay_id", NULL), to);
	device_forget_text(d);
	return renamed;
}

/* Renames every home, device and relay of that id. */
static bool post_id(struct control *c)
{
	unsigned renamed = 0;

	if (json_object_object_length(c->args) != 2)
		return fail(
			c, "one of \"residence_id\", \"mac\", \"relay_id\" is needed, and \"to\"");
	for (size_t i = 0; i < array_list_length(c->world->homes); i++) {
		struct home *h = array_list_get_idx(c->world->homes, i);

		renamed += rename_id(&h->id, text(c, "residence_id", NULL), text(c, "to", ""));
		home_forget_text(h);
		for (size_t j = 0; j < array_list_length(h->devices); j++)
			renamed += rename_in_device(c, array_list_get_idx(h->devices, j));
	}
	c->result = must(json_object_new_object());
	add_number(c->result, "renamed", renamed);
	return renamed > 0 || fail(c, "no such id");
}

static const struct path {
	const char *method, *path;
	bool (*handle)(struct control *c);
	struct param params[9];
} paths[] = {
	{"GET", "/state", get_state, {{0}}},
	{"GET", "/openings", get_openings, {{0}}},
	{"GET", "/requests", get_requests, {OPTIONAL(TEXT, "command")}},
	{"POST", "/fault", post_fault,
		{PARAM(TEXT, "on"), OPTIONAL(TEXT, "kind"), OPTIONAL(NUMBER, "ms"),
			OPTIONAL(NUMBER, "status"), OPTIONAL(NUMBER, "retry_after"),
			OPTIONAL(TEXT, "body"), OPTIONAL(NUMBER, "count")}},
	{"DELETE", "/fault", delete_fault, {{0}}},
	{"POST", "/close_idle", post_close_idle, {{0}}},
	{"POST", "/ring", post_ring,
		{OPTIONAL(TEXT, "residence_id"), OPTIONAL(TEXT, "mac"), OPTIONAL(TEXT, "call_name"),
			OPTIONAL(TEXT, "call_sip"), OPTIONAL(TIME, "time")}},
	{"POST", "/opening", post_opening,
		{OPTIONAL(TEXT, "residence_id"), OPTIONAL(TEXT, "mac"),
			OPTIONAL(TEXT, "account_name"), OPTIONAL(TEXT, "open_door_type"),
			OPTIONAL(FLAG, "open_door"), OPTIONAL(FLAG, "picture"),
			OPTIONAL(TIME, "time")}},
	{"POST", "/device", post_device,
		{OPTIONAL(TEXT, "residence_id"), PARAM(TEXT, "mac"), OPTIONAL(FLAG, "online"),
			OPTIONAL(TEXT, "name")}},
	{"DELETE", "/device", delete_device, {OPTIONAL(TEXT, "residence_id"), PARAM(TEXT, "mac")}},
	{"POST", "/device/add", post_device_add,
		{PARAM(TEXT, "residence_id"), OPTIONAL(TEXT, "type"), OPTIONAL(TEXT, "mac"),
			OPTIONAL(TEXT, "name")}},
	{"POST", "/home", post_home,
		{PARAM(TEXT, "residence_id"), OPTIONAL(FLAG, "online"), OPTIONAL(FLAG, "installed"),
			OPTIONAL(TEXT, "name")}},
	{"DELETE", "/home", delete_home, {PARAM(TEXT, "residence_id")}},
	{"POST", "/home/add", post_home_add, {OPTIONAL(NUMBER, "devices")}},
	{"POST", "/list_empty", post_list_empty, {OPTIONAL(NUMBER, "count")}},
	{"POST", "/clock", post_clock, {PARAM(NUMBER, "ahead")}},
	{"POST", "/lists", post_lists,
		{OPTIONAL(FLAG, "objects"), OPTIONAL(FLAG, "drop_expired"),
			OPTIONAL(NUMBER, "temp_keys")}},
	{"POST", "/history", post_history,
		{OPTIONAL(TEXT, "residence_id"), OPTIONAL(FLAG, "shuffle"),
			OPTIONAL(FLAG, "oldest_first"), OPTIONAL(NUMBER, "window"),
			OPTIONAL(NUMBER, "rows"), OPTIONAL(FLAG, "duplicate_last"),
			OPTIONAL(FLAG, "clear")}},
	{"POST", "/picture_delay", post_picture_delay, {PARAM(NUMBER, "polls")}},
	{"POST", "/token", post_token,
		{OPTIONAL(FLAG, "revoke_access"), OPTIONAL(FLAG, "revoke_refresh"),
			OPTIONAL(NUMBER, "expires_in"), OPTIONAL(NUMBER, "grace"),
			OPTIONAL(FLAG, "strict_rotation")}},
	{"POST", "/id", post_id,
		{OPTIONAL(TEXT, "residence_id"), OPTIONAL(TEXT, "mac"), OPTIONAL(TEXT, "relay_id"),
			PARAM(TEXT, "to")}},
};

static enum MHD_Result take_argument(
	void *userdata, enum MHD_ValueKind kind, const char *key, const char *value)
{
	add_text(userdata, key, value ? value : "");
	return MHD_YES;
}

/* The arguments of the address and of the body together, as one object. */
static bool read_args(const struct request *request, struct control *c)
{
	c->args = NULL;
	if (request->size > 0 && json_parse(&c->args, request->body, request->size) < 0)
		return fail(c, "the body is not JSON");
	if (!c->args && request->size == 0)
		c->args = must(json_object_new_object());
	if (!json_object_is_type(c->args, json_type_object))
		return fail(c, "the body is not an object");
	(void)MHD_get_connection_values(
		request->connection, MHD_GET_ARGUMENT_KIND, take_argument, c->args);
	return true;
}

static const struct path *find_path(const struct request *request)
{
	for (size_t i = 0; i < ELEMENTS(paths); i++)
		if (strcmp(paths[i].path, request->path) == 0 &&
			strcmp(paths[i].method, request->method) == 0)
			return &paths[i];
	return NULL;
}

/* Answers one request to the control side; called from the thread of its connection. */
void control_serve(void *userdata, const struct request *request, struct answer *answer)
{
	struct sim *s = userdata;
	struct control c = {.sim = s, .world = s->world};
	const struct path *path = find_path(request);
	bool done = path ? read_args(request, &c) : fail(&c, "unknown method and path");

	(void)pthread_mutex_lock(&s->lock);
	done = done && params_check(path->params, c.args, c.why, sizeof(c.why)) && path->handle(&c);
	if (!c.result || !done) {
		(void)json_object_put(c.result);
		c.result = must(json_object_new_object());
		if (done)
			add_flag(c.result, "ok", true);
		else
			add_text(c.result, "error", c.why);
	}
	(void)json_object_put(c.args);
	answer->status = done ? 200 : 400;
	answer->type = "application/json";
	answer->body = into_text(c.result);
	answer->size = strlen(answer->body);
	(void)pthread_mutex_unlock(&s->lock);
	if (!done && !s->quiet)
		(void)fprintf(stderr, "control %s %s: %s\n", request->method, request->path, c.why);
}
