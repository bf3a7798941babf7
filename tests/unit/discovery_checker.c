#include "tests/unit/discovery_checker.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/linkhash.h>

#include "tests/unit/discovery_rules.h"
#include "util/clock.h"
#include "util/json.h"

#define FIELD_SIZE 2048

/* Home Assistant loses one of two versions that come closer than this. */
#define APART_USEC USEC_PER_SEC

/* Brokers from Mosquitto 2.1 on refuse more. */
#define PACKET_MAX 2000000

struct document {
	char *topic;
	char platform[40];        /* "device", or that of its only entity */
	struct json_object *json; /* NULL: the marker of a migration */
	uint64_t changed_usec;
};

struct discovery_checker {
	char prefix[200];
	struct lh_table *documents;   /* by topic */
	struct lh_table *unique_ids;  /* to topics */
	struct lh_table *identifiers; /* of devices; values say nothing */
	char fault[4096];
};

static void free_document(struct lh_entry *entry)
{
	struct document *document = (struct document *)lh_entry_v(entry);

	free(document->topic);
	(void)json_object_put(document->json);
	free(document);
}

static void free_key(struct lh_entry *entry)
{
	free(lh_entry_k(entry));
}

struct discovery_checker *checker_new(const char *prefix)
{
	struct discovery_checker *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	(void)snprintf(c->prefix, sizeof(c->prefix), "%s/", prefix);
	c->documents = lh_kchar_table_new(16, free_document);
	c->unique_ids = lh_kchar_table_new(16, free_key);
	c->identifiers = lh_kchar_table_new(16, free_key);
	return c;
}

struct discovery_checker *checker_free(struct discovery_checker *c)
{
	if (!c)
		return NULL;
	lh_table_free(c->documents);
	lh_table_free(c->unique_ids);
	lh_table_free(c->identifiers);
	free(c);
	return NULL;
}

__attribute__((format(printf, 2, 3))) static const char *fault(
	struct discovery_checker *c, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)vsnprintf(c->fault, sizeof(c->fault), format, list);
	va_end(list);
	return c->fault;
}

static struct document *find(const struct discovery_checker *c, const char *topic)
{
	void *document;

	return lh_table_lookup_ex(c->documents, topic, &document) ? document : NULL;
}

/* <prefix>/<platform>/[<node>/]<object>/config */
static const char *check_topic(
	struct discovery_checker *c, const char *topic, char platform[static 40])
{
	char text[FIELD_SIZE], *rest = text, *levels[6];
	size_t n = 0;

	if (strncmp(topic, c->prefix, strlen(c->prefix)) != 0)
		return fault(c, "is not below %s", c->prefix);
	(void)snprintf(text, sizeof(text), "%s", topic + strlen(c->prefix));
	while (n < 6 && (levels[n] = strsep(&rest, "/")))
		n++;
	if (n < 3 || n > 4 || strcmp(levels[n - 1], "config") != 0)
		return fault(c, "is no discovery topic");
	for (size_t i = 0; i < n; i++)
		if (!rules_is_id(levels[i]))
			return fault(c, "has a level \"%s\"", levels[i]);
	if (strcmp(levels[0], "device") != 0 && !rules_platform(levels[0]))
		return fault(
			c, "names the platform %s, which older releases do not know", levels[0]);
	(void)snprintf(platform, 40, "%s", levels[0]);
	return NULL;
}

static void drop_unique_id(struct discovery_checker *c, struct json_object *component)
{
	const char *id = json_text(component, "unique_id");

	if (id)
		(void)lh_table_delete(c->unique_ids, id);
}

static struct json_object *components_of(const struct document *document)
{
	return json_get(document->json, "components");
}

static void forget(struct discovery_checker *c, const char *topic)
{
	struct document *document = find(c, topic);

	if (!document)
		return;
	if (strcmp(document->platform, "device") != 0)
		drop_unique_id(c, document->json);
	else if (components_of(document)) {
		json_object_object_foreach (components_of(document), key, component) {
			(void)key;
			drop_unique_id(c, component);
		}
	}
	(void)lh_table_delete(c->documents, document->topic);
}

static const char *take_unique_id(
	struct discovery_checker *c, const char *topic, struct json_object *component)
{
	const char *id = json_text(component, "unique_id");
	void *other;

	if (!id)
		return NULL;
	if (lh_table_lookup_ex(c->unique_ids, id, &other))
		return fault(c, "unique_id %s is also on %s", id, (const char *)other);
	(void)lh_table_insert(c->unique_ids, strdup(id), find(c, topic)->topic);
	return NULL;
}

/* What a document left out without saying so lives on in Home Assistant. */
static const char *check_left_out(
	struct discovery_checker *c, const struct document *before, struct json_object *json)
{
	struct json_object *now = json_get(json, "components");

	if (!before || !components_of(before))
		return NULL;
	json_object_object_foreach (components_of(before), key, component) {
		struct json_object *same = json_get(now, key);

		if (json_object_object_length(component) > 1 && !same)
			return fault(c, "leaves %s out without its removal", key);
		if (same && strcmp(json_text(component, "platform"), json_text(same, "platform")))
			return fault(c, "gives %s another platform", key);
	}
	return NULL;
}

static const char *take_device(struct discovery_checker *c, struct json_object *device)
{
	struct json_object *ids = json_get(device, "identifiers");
	const char *via = json_text(device, "via_device");

	if (via && !lh_table_lookup_entry(c->identifiers, via))
		return fault(c, "is via %s, which was not told of before", via);
	for (size_t i = 0; i < json_object_array_length(ids); i++) {
		const char *id = json_object_get_string(json_object_array_get_idx(ids, i));

		if (!lh_table_lookup_entry(c->identifiers, id))
			(void)lh_table_insert(c->identifiers, strdup(id), NULL);
	}
	return NULL;
}

static const char *take_components(
	struct discovery_checker *c, const char *topic, struct json_object *components)
{
	const char *why = NULL;

	if (json_object_object_length(components) == 0)
		return fault(c, "has no components");
	json_object_object_foreach (components, key, component) {
		const char *platform = json_text(component, "platform");

		if (!rules_is_id(key))
			return fault(c, "has a component called \"%s\"", key);
		if (!platform || !rules_platform(platform))
			return fault(c, "has no known platform for %s", key);
		if (json_object_object_length(component) == 1)
			continue;
		why = rules_component(platform, component, true, c->fault, sizeof(c->fault));
		if (!why)
			why = take_unique_id(c, topic, component);
		if (why)
			break;
	}
	return why;
}

static const char *take_document(
	struct discovery_checker *c, const struct document *document, const char *topic)
{
	const char *why = rules_root(document->json, strcmp(document->platform, "device") == 0,
		c->fault, sizeof(c->fault));

	if (!why)
		why = take_device(c, json_get(document->json, "device"));
	if (why)
		return why;
	if (strcmp(document->platform, "device") == 0)
		return take_components(c, topic, components_of(document));
	why = rules_component(
		document->platform, document->json, false, c->fault, sizeof(c->fault));
	return why ? why : take_unique_id(c, topic, document->json);
}

static const char *keep(struct discovery_checker *c, const char *topic, const char *platform,
	struct json_object *json, uint64_t now)
{
	struct document *document;
	bool is_marker = json_flag(json, "migrate_discovery") == 1;

	forget(c, topic);
	document = calloc(1, sizeof(*document));
	if (!document)
		abort();
	document->topic = strdup(topic);
	(void)snprintf(document->platform, sizeof(document->platform), "%s", platform);
	document->changed_usec = now;
	document->json = is_marker ? NULL : json_object_get(json);
	(void)lh_table_insert(c->documents, document->topic, document);
	if (is_marker)
		return json_object_object_length(json) == 1 ? NULL
		                                            : fault(c, "is a marker and more");
	return take_document(c, document, topic);
}

const char *checker_take(struct discovery_checker *c, const char *topic, const char *payload,
	size_t size, uint64_t now)
{
	_cleanup_(json_freep) struct json_object *json = NULL;
	const struct document *before = find(c, topic);
	char platform[40];
	const char *why = check_topic(c, topic, platform);

	if (why)
		return why;
	if (size == 0) {
		forget(c, topic);
		return NULL;
	}
	if (size > PACKET_MAX)
		return fault(c, "is too large for some brokers");
	if (json_parse(&json, payload, size) < 0 || !json_object_is_type(json, json_type_object))
		return fault(c, "is no JSON object");
	if (before && json_object_equal(before->json, json))
		return NULL;
	if (before && now < before->changed_usec + APART_USEC)
		return fault(c, "changes twice within a second");
	why = strcmp(platform, "device") == 0 && json_get(json, "components")
	              ? check_left_out(c, before, json)
	              : NULL;
	return why ? why : keep(c, topic, platform, json, now);
}

void checker_each(const struct discovery_checker *c, checker_each_t each, void *userdata)
{
	for (struct lh_entry *entry = lh_table_head(c->documents); entry;
		entry = lh_entry_next(entry)) {
		const struct document *document = (const struct document *)lh_entry_v(entry);

		if (!document->json)
			continue;
		if (strcmp(document->platform, "device") != 0) {
			each(document->platform, document->json, userdata);
			continue;
		}
		json_object_object_foreach (components_of(document), key, component) {
			(void)key;
			if (json_object_object_length(component) > 1)
				each(json_text(component, "platform"), component, userdata);
		}
	}
}

struct count {
	const char *platform;
	size_t n;
};

static void count(const char *platform, struct json_object *component, void *userdata)
{
	struct count *count = userdata;

	count->n += !count->platform || strcmp(count->platform, platform) == 0;
}

size_t checker_count(const struct discovery_checker *c, const char *platform)
{
	struct count counted = {.platform = platform};

	checker_each(c, count, &counted);
	return counted.n;
}
