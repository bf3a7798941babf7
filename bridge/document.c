#include "bridge/document.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge/entity_name.h"
#include "util/clock.h"
#include "util/json.h"

#define ORIGIN "akuvox2mqtt"

struct documents {
	struct document_settings settings;
	const struct names *names;
	thing_id_t node;
	struct json_object *origin;
	struct json_object *more[]; /* of each row of the table; NULL: nothing */
};

/* Where the parts of one document come from. */
struct scope {
	const struct documents *documents;
	const struct thing *thing;
	const struct relay *relay; /* NULL: the entity is none of a relay */
	thing_id_t id;
	/* Availability, borrowed; NULL: there is none. */
	struct json_object *with_gateway, *with_device;
};

static int set_text(struct json_object *object, const char *key, const char *text)
{
	return text ? json_set(object, key, json_object_new_string(text)) : 0;
}

/* Adds one more reference to value, which may be part of any number of documents, and null. */
static int share(struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_add(object, key, json_object_get(value)) == 0)
		return 0;
	(void)json_object_put(value);
	return -ENOMEM;
}

static int array_put(struct json_object *array, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_array_add(array, value) == 0)
		return 0;
	(void)json_object_put(value);
	return -ENOMEM;
}

/* [{"topic": a}, {"topic": b}]; b may be NULL. */
static int new_availability(struct json_object **ret, const char *a, const char *b)
{
	_cleanup_(json_freep) struct json_object *list = json_object_new_array();
	const char *const topics[] = {a, b};

	for (size_t i = 0; list && i < ELEMENTS(topics) && topics[i]; i++) {
		struct json_object *item = json_object_new_object();
		int r = set_text(item, "topic", topics[i]);

		if (r < 0) {
			(void)json_object_put(item);
			return r;
		}
		r = array_put(list, item);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(list);
	return *ret ? 0 : -ENOMEM;
}

static int topic_of(const struct scope *s, const struct entity *entity, bool of_home,
	const char *rest, topic_t ret)
{
	const struct names *names = s->documents->names;

	if (s->relay)
		return topic_relay(names, ret, s->relay, rest);
	if (s->thing->device && !of_home)
		return topic_device(names, ret, s->thing->device, rest);
	if (s->thing->home)
		return topic_home(names, ret, s->thing->home, rest);
	return topic_bridge(names, ret, rest);
}

/* null: just the device's. */
static int set_name(struct json_object *component, const char *name)
{
	if (*name)
		return set_text(component, "name", name);
	return json_object_object_add(component, "name", NULL) < 0 ? -ENOMEM : 0;
}

static int set_ids(const struct scope *s, struct json_object *component, const char *key,
	const struct entity *entity, const char *name)
{
	const char *const words[] = {
		s->thing->home ? thing_name(&(struct thing){.home = s->thing->home}) : "",
		s->thing->home && !s->thing->device ? "" : thing_name(s->thing), name};
	char slug[200], text[ENTITY_ID_MAX + THING_ID_MAX];
	int r;

	(void)snprintf(text, sizeof(text), ORIGIN "-%s-%s", s->id, key);
	r = set_text(component, "unique_id", text);
	if (r < 0 || !entity_slug(slug, sizeof(slug), words, ELEMENTS(words)))
		return r;
	(void)snprintf(text, sizeof(text), "%s.%s", entity->platform, slug);
	return set_text(component, "default_entity_id", text);
}

static int set_availability(
	const struct scope *s, struct json_object *component, const struct entity *entity)
{
	struct json_object *topics = NULL;

	switch (entity->available) {
	case AVAILABLE_ALWAYS:
		return 0;
	case AVAILABLE_WITH_GATEWAY:
		topics = s->with_gateway;
		break;
	case AVAILABLE_WITH_DEVICE:
		topics = s->with_device;
		break;
	}
	return share(component, "availability", topics)
	               ?: set_text(component, "availability_mode", "all");
}

/* The MAC stands in a template as a text; false if it is none that can. */
static bool quote_mac(char *ret, size_t size, const struct device *device)
{
	for (const char *c = device->mac; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != ':' && *c != '-')
			return false;
	return snprintf(ret, size, "'%s'", device->mac) < (int)size;
}

static int set_template(
	const struct scope *s, struct json_object *component, const char *key, const char *pattern)
{
	char mac[80], text[1024];

	if (!pattern || !strchr(pattern, '*'))
		return set_text(component, key, pattern);
	if (!quote_mac(mac, sizeof(mac), s->thing->device) ||
		!entity_fill(text, sizeof(text), pattern, mac))
		return -EINVAL;
	return set_text(component, key, text);
}

static int set_state(
	const struct scope *s, struct json_object *component, const struct entity *entity)
{
	bool is_image = strcmp(entity->platform, "image") == 0;
	topic_t topic;
	int r;

	if (!entity->state)
		return 0;
	r = topic_of(s, entity, entity->home_state, entity->state, topic);
	if (r == 0)
		r = set_text(component, is_image ? "image_topic" : "state_topic", topic);
	if (r == 0)
		r = set_template(s, component, "value_template", entity->value_template);
	if (r < 0 || !entity->attributes_template)
		return r;
	r = set_text(component, "json_attributes_topic", topic);
	return r
	               ?: set_template(s, component, "json_attributes_template",
				  entity->attributes_template);
}

/* A command that a broker or Home Assistant holds back is dropped where it would be refused. */
static int set_command(
	const struct scope *s, struct json_object *component, const struct entity *entity)
{
	const struct entity_settings *settings = &s->documents->settings.entities;
	uint64_t usec = s->relay ? settings->opening_usec : settings->command_usec;
	topic_t topic;
	int r;

	if (!entity->command)
		return 0;
	r = topic_of(s, entity, false, entity->command, topic);
	if (r == 0)
		r = set_text(component, "command_topic", topic);
	return r
	               ?: json_set(component, "message_expiry_interval",
				  json_object_new_int64(
					  (int64_t)((usec + USEC_PER_SEC - 1) / USEC_PER_SEC)));
}

static int set_more(struct json_object *component, struct json_object *more)
{
	if (!more)
		return 0;
	json_object_object_foreach (more, key, value) {
		int r = share(component, key, value);

		if (r < 0)
			return r;
	}
	return 0;
}

static int new_component(
	const struct scope *s, const char *key, size_t row, struct json_object **ret)
{
	_cleanup_(json_freep) struct json_object *component = json_object_new_object();
	const struct entity *entity = entity_at(row);
	char name[ENTITY_NAME_MAX];
	int r;

	if (!component)
		return -ENOMEM;
	entity_name(name, entity, s->thing, s->relay);
	r = set_text(component, "platform", entity->platform);
	if (r == 0)
		r = set_name(component, name);
	if (r == 0)
		r = set_ids(s, component, key, entity, name);
	if (r == 0)
		r = set_text(component, "icon", entity->icon);
	if (r == 0)
		r = set_text(component, "device_class", entity->device_class);
	if (r == 0)
		r = set_text(component, "entity_category", entity->category);
	if (r == 0)
		r = set_state(s, component, entity);
	if (r == 0)
		r = set_command(s, component, entity);
	if (r == 0)
		r = set_more(component, s->documents->more[row]);
	if (r == 0)
		r = set_availability(s, component, entity);
	if (r == 0)
		r = json_set(component, "qos", json_object_new_int(1));
	if (r < 0)
		return r;
	*ret = TAKE_PTR(component);
	return 0;
}

/* Adds an entity; one that cannot be told of, as its topic would be too long, is left out. */
static int add_entity(
	const struct scope *s, const char *key, size_t row, struct json_object *components)
{
	struct json_object *component = NULL;
	int r = new_component(s, key, row, &component);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return json_set(components, key, component);
}

static int add_relays(struct scope *s, size_t row, struct json_object *components)
{
	entity_id_t key;
	int r = 0;

	device_each_relay (s->thing->device, relay) {
		if (!relay_works(relay, s->documents->names) ||
			relay_key(key, entity_at(row)->key, relay) < 0)
			continue;
		s->relay = relay;
		r = add_entity(s, key, row, components);
		if (r < 0)
			break;
	}
	s->relay = NULL;
	return r;
}

/* What the thing has now: {key: component}, each with its platform. -ENAMETOOLONG: it cannot be
 * called. */
int document_components(
	const struct documents *d, const struct thing *thing, struct json_object **ret)
{
	_cleanup_(json_freep) struct json_object *components = json_object_new_object();
	_cleanup_(json_freep) struct json_object *with_gateway = NULL, *with_device = NULL;
	struct scope s = {.documents = d, .thing = thing};
	topic_t gateway, device;
	int r;

	r = thing_id(s.id, thing, d->node)
	            ?: topic_bridge(d->names, gateway, "state")
	            ?: new_availability(&with_gateway, gateway, NULL);
	if (r == 0 && thing->device)
		r = topic_device(d->names, device, thing->device, "availability")
		            ?: new_availability(&with_device, gateway, device);
	s.with_gateway = with_gateway;
	s.with_device = with_device;
	for (size_t i = 0; r == 0 && i < entity_count(); i++) {
		if (!entity_works(entity_at(i), &d->settings.entities, thing))
			continue;
		if (entity_at(i)->of == ENTITY_OF_RELAY)
			r = add_relays(&s, i, components);
		else
			r = add_entity(&s, entity_at(i)->key, i, components);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(components);
	return 0;
}

static int set_identifier(
	const struct documents *d, struct json_object *device, const struct thing *thing)
{
	_cleanup_(json_freep) struct json_object *list = json_object_new_array();
	char text[THING_ID_MAX + sizeof(ORIGIN)];
	thing_id_t id;
	int r;

	r = thing_id(id, thing, d->node);
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), ORIGIN "-%s", id);
	r = list ? array_put(list, json_object_new_string(text)) : -ENOMEM;
	return r ?: json_set(device, "identifiers", TAKE_PTR(list));
}

static int set_via(const struct documents *d, struct json_object *device, const struct thing *thing)
{
	const struct thing via = {.home = thing->device ? thing->home : NULL};
	char text[THING_ID_MAX + sizeof(ORIGIN)];
	thing_id_t id;
	int r;

	r = thing_id(id, &via, d->node);
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), ORIGIN "-%s", id);
	return set_text(device, "via_device", text);
}

/* Lets Home Assistant find that another integration knows the same device. Not so with a public one:
 * it is a device in each home, and would become one of all. */
static int set_connections(struct json_object *object, const struct device *device)
{
	_cleanup_(json_freep) struct json_object *list = json_object_new_array();
	struct json_object *pair;
	char text[18], *end = text;
	int r;

	if (device->is_public || strlen(device->mac) != 12)
		return 0;
	for (size_t i = 0; i < 12; i++) {
		if (!isxdigit((unsigned char)device->mac[i]))
			return 0;
		if (i > 0 && i % 2 == 0)
			*end++ = ':';
		*end++ = (char)tolower((unsigned char)device->mac[i]);
	}
	*end = '\0';
	pair = json_object_new_array();
	r = pair ? array_put(pair, json_object_new_string("mac")) : -ENOMEM;
	if (r == 0)
		r = array_put(pair, json_object_new_string(text));
	if (r == 0 && list)
		r = array_put(list, TAKE_PTR(pair));
	(void)json_object_put(pair);
	return r ?: json_set(object, "connections", TAKE_PTR(list));
}

static int set_gateway_name(const struct documents *d, struct json_object *device)
{
	char name[sizeof(GATEWAY_NAME) + THING_ID_MAX];

	if (strcmp(d->settings.client_id, ORIGIN) == 0)
		return set_text(device, "name", GATEWAY_NAME);
	(void)snprintf(name, sizeof(name), GATEWAY_NAME " %s", d->settings.client_id);
	return set_text(device, "name", name);
}

static int new_device(
	const struct documents *d, const struct thing *thing, struct json_object **ret)
{
	_cleanup_(json_freep) struct json_object *device = json_object_new_object();
	int r;

	r = set_identifier(d, device, thing);
	if (r < 0)
		return r;
	if (!thing->home)
		r = set_gateway_name(d, device)
		            ?: set_text(device, "manufacturer", ORIGIN)
		            ?: set_text(device, "model", "MQTT gateway")
		            ?: set_text(device, "sw_version", d->settings.version);
	else if (!thing->device)
		r = set_text(device, "name", thing_name(thing))
		            ?: set_text(device, "manufacturer", "akubela")
		            ?: set_text(device, "model", "Home")
		            ?: set_via(d, device, thing);
	else
		r = set_connections(device, thing->device)
		            ?: set_text(device, "name", thing_name(thing))
		            ?: set_text(device, "manufacturer", "Akuvox")
		            ?: set_text(device, "model",
				       *thing->device->type ? thing->device->type : NULL)
		            ?: set_via(d, device, thing);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(device);
	return 0;
}

static int set_head(
	const struct documents *d, const struct thing *thing, struct json_object *document)
{
	struct json_object *device = NULL;
	int r = document ? new_device(d, thing, &device) : -ENOMEM;

	return r ?: json_set(document, "device", device) ?: share(document, "origin", d->origin);
}

/* One document for all of a thing; components: of document_components(), perhaps with more of those
 * that are to go. Consumed, also on failure. */
int document_device(const struct documents *d, const struct thing *thing,
	struct json_object *components, struct json_object **ret)
{
	_cleanup_(json_freep) struct json_object *document = json_object_new_object();
	_cleanup_(json_freep) struct json_object *owned = components;
	int r = set_head(d, thing, document);

	if (r == 0)
		r = json_set(document, "components", TAKE_PTR(owned));
	if (r < 0)
		return r;
	*ret = TAKE_PTR(document);
	return 0;
}

/* A document for one entity. component: a member of document_components(). */
int document_single(const struct documents *d, const struct thing *thing,
	struct json_object *component, struct json_object **ret)
{
	_cleanup_(json_freep) struct json_object *document = json_object_new_object();
	int r = set_head(d, thing, document);

	if (r == 0)
		r = set_more(document, component);
	if (r < 0)
		return r;
	json_object_object_del(document, "platform");
	*ret = TAKE_PTR(document);
	return 0;
}

/* As it is published; belongs to the document. NULL: memory ran out. */
const char *document_text(struct json_object *document)
{
	return json_object_to_json_string_ext(
		document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* True if a program of our name wrote it. */
bool document_is_ours(struct json_object *document)
{
	const char *name = json_text(json_get(document, "origin"), "name");

	return name && strcmp(name, ORIGIN) == 0;
}

/* The level of topics that this gateway's documents are below. */
const char *documents_node(const struct documents *d)
{
	return d->node;
}

/* What they say from now on; the version stays. settings: as for documents_new(). -ENAMETOOLONG: of
 * the client id; nothing was changed. */
int documents_set(struct documents *d, const struct document_settings *settings)
{
	thing_id_t node;
	int r = thing_node(node, settings->client_id);

	if (r < 0)
		return r;
	d->settings = *settings;
	(void)strcpy(d->node, node);
	return 0;
}

static int parse_more(struct documents *d)
{
	for (size_t i = 0; i < entity_count(); i++) {
		_cleanup_free_ char *text = NULL;
		int r;

		if (!entity_at(i)->more)
			continue;
		text = strdup(entity_at(i)->more);
		if (!text)
			return -ENOMEM;
		for (char *c = text; (c = strchr(c, '\''));)
			*c = '"';
		r = json_parse(&d->more[i], text, strlen(text));
		if (r < 0)
			return r;
	}
	return 0;
}

/* Texts of settings and names must outlive them. */
int documents_new(
	struct documents **ret, const struct document_settings *settings, const struct names *names)
{
	_cleanup_(documents_freep) struct documents *d =
		calloc(1, sizeof(*d) + entity_count() * sizeof(d->more[0]));
	int r;

	if (!d)
		return -ENOMEM;
	d->names = names;
	d->origin = json_object_new_object();
	r = documents_set(d, settings);
	if (r == 0)
		r = set_text(d->origin, "name", ORIGIN)
		            ?: set_text(d->origin, "sw_version", settings->version);
	if (r == 0)
		r = parse_more(d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 0;
}

struct documents *documents_free(struct documents *d)
{
	if (!d)
		return NULL;
	for (size_t i = 0; i < entity_count(); i++)
		(void)json_object_put(d->more[i]);
	(void)json_object_put(d->origin);
	free(d);
	return NULL;
}
