#include "tests/unit/discovery_rules.h"

#include <ctype.h>
#include <regex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/json.h"

struct finding {
	char *text;
	size_t size;
	bool is_found;
};

__attribute__((format(printf, 2, 3))) static bool found(struct finding *f, const char *format, ...)
{
	va_list list;

	if (f->is_found)
		return true;
	va_start(list, format);
	(void)vsnprintf(f->text, f->size, format, list);
	va_end(list);
	f->is_found = true;
	return true;
}

/* Words are kept with a space on both sides. */
static bool is_word_of(const char *words, const char *word)
{
	char text[300];

	if (strchr(word, ' ') || snprintf(text, sizeof(text), " %s ", word) >= (int)sizeof(text))
		return false;
	return strstr(words, text);
}

static bool matches(const char *pattern, const char *text)
{
	regex_t regex;
	bool is_match;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		abort();
	is_match = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return is_match;
}

bool rules_is_id(const char *text)
{
	return matches("^[a-zA-Z0-9_-]+$", text);
}

/* Of every entity. */
static const char common[] =
	" unique_id default_entity_id name icon entity_category enabled_by_default qos encoding "
	"availability availability_mode availability_template availability_topic "
	"payload_available payload_not_available json_attributes_topic "
	"json_attributes_template message_expiry_interval entity_picture retain ";

/* Platforms that Home Assistant 2024.11 knows and we use, their own members, those they need. */
static const struct {
	const char *name, *members, *needed, *device_classes;
} platforms[] = {
	{"binary_sensor",
		" state_topic payload_on payload_off device_class value_template off_delay "
		"expire_after force_update ",
		" state_topic ",
		" connectivity door opening tamper motion occupancy problem running sound lock "
		"update "},
	{"button", " command_topic command_template payload_press device_class ", " command_topic ",
		" identify restart update "},
	{"event", " state_topic event_types device_class value_template ",
		" state_topic event_types ", " doorbell button motion "},
	{"image", " image_topic url_topic content_type image_encoding url_template ", " ", " "},
	{"lock",
		" command_topic state_topic payload_lock payload_unlock payload_open "
		"payload_reset state_locked state_unlocked state_locking state_unlocking "
		"state_jammed command_template code_format value_template optimistic ",
		/* Without a state it would show as unlocked. */
		" command_topic state_topic ", " "},
	{"sensor",
		" state_topic device_class state_class unit_of_measurement options value_template "
		"last_reset_value_template suggested_display_precision expire_after "
		"force_update ",
		" state_topic ", " enum timestamp duration data_size "},
	{"switch",
		" command_topic command_template state_topic value_template payload_on "
		"payload_off state_on state_off device_class optimistic ",
		" command_topic ", " switch outlet "},
	/* Without a state Home Assistant keeps what was typed. */
	{"text", " command_topic command_template state_topic value_template min max mode pattern ",
		" command_topic state_topic ", " "},
};

static size_t platform_index(const char *name)
{
	size_t i = 0;

	while (i < ELEMENTS(platforms) && strcmp(platforms[i].name, name) != 0)
		i++;
	return i;
}

bool rules_platform(const char *name)
{
	return platform_index(name) < ELEMENTS(platforms);
}

static void check_members(struct finding *f, struct json_object *object, const char *what,
	const char *allowed, const char *more)
{
	json_object_object_foreach (object, key, value) {
		(void)value;
		if (!is_word_of(allowed, key) && !is_word_of(more, key))
			(void)found(f, "%s has \"%s\"", what, key);
	}
}

static void check_needed(
	struct finding *f, struct json_object *object, const char *what, const char *needed)
{
	char text[300], *rest = text, *word;

	(void)snprintf(text, sizeof(text), "%s", needed);
	while ((word = strsep(&rest, " ")))
		if (*word && !json_object_object_get_ex(object, word, NULL))
			(void)found(f, "%s has no %s", what, word);
}

/* null may only stand for the name of an entity: it then has its device's. */
static void check_nulls(struct finding *f, struct json_object *value, const char *key)
{
	if (!value && strcmp(key, "name") != 0)
		(void)found(f, "%s is null", key);
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach (value, name, member)
			check_nulls(f, member, name);
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			check_nulls(f, json_object_array_get_idx(value, i), key);
	}
}

static void check_text(struct finding *f, struct json_object *object, const char *key)
{
	struct json_object *value;
	const char *text;

	if (!json_object_object_get_ex(object, key, &value))
		return;
	text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	if (!*text)
		(void)found(f, "%s is no text, or empty", key);
}

static void check_device(struct finding *f, struct json_object *device)
{
	static const char members[] =
		" identifiers connections name manufacturer model model_id hw_version sw_version "
		"serial_number suggested_area via_device configuration_url ";
	const char *url = json_text(device, "configuration_url");
	struct json_object *ids = json_get(device, "identifiers");

	check_members(f, device, "device", members, "");
	/* Home Assistant takes less; ours have both. */
	check_needed(f, device, "device", " identifiers name ");
	json_object_object_foreach (device, key, value) {
		if (!json_object_is_type(value, json_type_array))
			check_text(f, device, key);
	}
	if (!json_object_is_type(ids, json_type_array) || json_object_array_length(ids) == 0)
		(void)found(f, "device has no list of identifiers");
	if (url && !matches("^(https?|homeassistant)://", url))
		(void)found(f, "configuration_url is no address");
}

static void check_connections(struct finding *f, struct json_object *device)
{
	struct json_object *list = json_get(device, "connections");

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *pair = json_object_array_get_idx(list, i);
		const char *mac;

		if (!json_object_is_type(pair, json_type_array) ||
			json_object_array_length(pair) != 2) {
			(void)found(f, "a connection is no pair");
			return;
		}
		mac = json_object_get_string(json_object_array_get_idx(pair, 1));
		if (!matches("^([0-9a-f]{2}:){5}[0-9a-f]{2}$", mac))
			(void)found(f, "%s is no MAC", mac);
	}
}

static void check_origin(struct finding *f, struct json_object *origin)
{
	const char *url = json_text(origin, "support_url");

	check_members(f, origin, "origin", " name sw_version support_url ", "");
	check_needed(f, origin, "origin", " name ");
	check_text(f, origin, "name");
	check_text(f, origin, "sw_version");
	if (url && !matches("^https?://[^/]+", url))
		(void)found(f, "support_url is no address");
}

const char *rules_root(struct json_object *document, bool is_device, char *text, size_t size)
{
	struct finding f = {text, size, false};

	/* More is allowed at the root, but goes into every component, or did so in some releases. */
	if (is_device)
		check_members(&f, document, "the document", " device origin components ", "");
	check_needed(&f, document, "the document",
		is_device ? " device origin components " : " device origin ");
	check_nulls(&f, document, "");
	if (f.is_found)
		return text;
	if (json_object_object_get_ex(json_get(document, "device"), "name", NULL) &&
		!json_get(json_get(document, "device"), "name"))
		(void)found(&f, "the device's name is null");
	check_device(&f, json_get(document, "device"));
	check_connections(&f, json_get(document, "device"));
	check_origin(&f, json_get(document, "origin"));
	if (is_device && !json_object_is_type(json_get(document, "components"), json_type_object))
		(void)found(&f, "components is no object");
	return f.is_found ? text : NULL;
}

/* "~" at either end stands for a base topic. */
static bool is_topic(const char *text)
{
	return *text && *text != '~' && text[strlen(text) - 1] != '~' && !strpbrk(text, "+#");
}

static void check_topics(struct finding *f, struct json_object *component)
{
	json_object_object_foreach (component, key, value) {
		size_t size = strlen(key);

		if (size < 5 || strcmp(key + size - 5, "topic") != 0)
			continue;
		if (!json_object_is_type(value, json_type_string) ||
			!is_topic(json_object_get_string(value)))
			(void)found(f, "%s is no topic", key);
	}
}

static void check_availability(
	struct finding *f, const char *platform, struct json_object *component)
{
	struct json_object *list = json_get(component, "availability");
	const char *state = json_text(component, "state_topic");
	const char *mode = json_text(component, "availability_mode");

	if (list && json_get(component, "availability_topic"))
		(void)found(f, "has availability and availability_topic");
	if (strcmp(platform, "event") == 0 && list)
		(void)found(f, "is an event with availability");
	if (list && (!json_object_is_type(list, json_type_array) ||
			    json_object_array_length(list) == 0)) {
		(void)found(f, "availability is no list");
		return;
	}
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		const char *topic = json_text(item, "topic");

		check_members(f, item, "availability",
			" topic payload_available payload_not_available value_template ", "");
		if (!topic || !is_topic(topic))
			(void)found(f, "availability has no topic");
		else if (state && strcmp(state, topic) == 0 &&
			 strcmp(platform, "binary_sensor") == 0)
			(void)found(f, "is unavailable where it should be off");
	}
	/* The default is that who spoke last decides. */
	if (list && json_object_array_length(list) > 1 && (!mode || strcmp(mode, "all") != 0))
		(void)found(f, "has several topics for its availability, but not mode all");
}

static bool braces_match(const char *text)
{
	int depth = 0;

	for (; *text; text++) {
		if (text[0] == '{' && (text[1] == '{' || text[1] == '%'))
			depth++;
		if ((text[0] == '}' || text[0] == '%') && text[1] == '}')
			depth--, text++;
		if (depth < 0)
			depth = 0;
	}
	return depth == 0;
}

static void check_common(struct finding *f, const char *platform, struct json_object *component)
{
	const char *icon = json_text(component, "icon");
	const char *category = json_text(component, "entity_category");
	const char *entity = json_text(component, "default_entity_id");
	bool is_sensor = strcmp(platform, "sensor") == 0 || strcmp(platform, "binary_sensor") == 0;
	struct json_object *expiry = json_get(component, "message_expiry_interval");

	check_text(f, component, "unique_id");
	if (json_get(component, "name"))
		check_text(f, component, "name");
	if (!json_object_object_get_ex(component, "name", NULL))
		(void)found(f, "has no name");
	if (icon && !matches("^mdi:[a-z0-9-]+$", icon))
		(void)found(f, "icon is %s", icon);
	if (category && strcmp(category, "diagnostic") != 0 &&
		(strcmp(category, "config") != 0 || is_sensor))
		(void)found(f, "entity_category is %s", category);
	if (entity && (strncmp(entity, platform, strlen(platform)) != 0 ||
			      !matches("^[a-z_]+\\.[0-9a-z]+(_[0-9a-z]+)*$", entity)))
		(void)found(f, "default_entity_id is %s", entity);
	if (json_flag(component, "retain") == 1)
		(void)found(f, "has its commands retained");
	if (json_object_get_int(json_get(component, "qos")) != 1)
		(void)found(f, "qos is not 1");
	/* A command that is held back must not open a door minutes later. */
	if (json_get(component, "command_topic") && json_object_get_int(expiry) < 1)
		(void)found(f, "commands live for ever");
	json_object_object_foreach (component, key, value) {
		if (strstr(key, "template") && !braces_match(json_object_get_string(value)))
			(void)found(f, "%s is no template", key);
	}
}

static bool has_text(struct json_object *list, const char *text)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), text) == 0)
			return true;
	return false;
}

static void check_special(struct finding *f, const char *platform, struct json_object *component)
{
	const char *class = json_text(component, "device_class");
	struct json_object *types = json_get(component, "event_types");
	struct json_object *options = json_get(component, "options");
	int64_t min = json_object_get_int64(json_get(component, "min"));
	int64_t max = json_object_get_int64(json_get(component, "max"));
	const char *template = json_text(component, "value_template");

	if (types && (!json_object_is_type(types, json_type_array) ||
			     json_object_array_length(types) == 0))
		(void)found(f, "event_types is no list");
	else if (class && strcmp(class, "doorbell") == 0 && !has_text(types, "ring"))
		(void)found(f, "is a doorbell that does not ring");
	if ((class && strcmp(class, "enum") == 0) != (options != NULL))
		(void)found(f, "has options without class enum, or the reverse");
	if (class && (strcmp(class, "enum") == 0 || strcmp(class, "timestamp") == 0) &&
		(json_get(component, "unit_of_measurement") || json_get(component, "state_class")))
		(void)found(f, "has a unit that its class does not have");
	if (json_flag(component, "optimistic") == 1)
		(void)found(f, "is optimistic");
	if (strcmp(platform, "image") == 0 &&
		!json_get(component, "image_topic") == !json_get(component, "url_topic"))
		(void)found(f, "needs one of image_topic and url_topic");
	if (strcmp(platform, "text") == 0 && (min < 0 || min >= max || max > 255))
		(void)found(f, "min and max make no sense");
	/* What is typed, and a state, can be read in Home Assistant and its database. */
	if (json_text(component, "mode") && strcmp(json_text(component, "mode"), "password") == 0 &&
		(!template || strcmp(template, "{{ '' }}") != 0))
		(void)found(f, "is a password with a state");
}

const char *rules_component(const char *platform, struct json_object *component, bool in_device,
	char *text, size_t size)
{
	struct finding f = {text, size, false};
	const char *class = json_text(component, "device_class");
	size_t i = platform_index(platform), used;
	char members[2000];

	(void)snprintf(members, sizeof(members), "%s%s", common,
		in_device ? " platform " : " device origin ");
	check_members(&f, component, platform, members, platforms[i].members);
	check_needed(&f, component, platform, " unique_id ");
	check_needed(&f, component, platform, platforms[i].needed);
	if (class && !is_word_of(platforms[i].device_classes, class))
		(void)found(&f, "device_class is %s", class);
	check_topics(&f, component);
	check_availability(&f, platform, component);
	check_common(&f, platform, component);
	check_special(&f, platform, component);
	if (!f.is_found)
		return NULL;
	used = strlen(text);
	(void)snprintf(text + used, size - used, " (%s)",
		json_text(component, "unique_id") ? json_text(component, "unique_id") : platform);
	return text;
}
