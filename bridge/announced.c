#include "bridge/announced.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <json-c/linkhash.h>

#include "bridge/document.h"
#include "util/hash.h"
#include "util/json.h"

#define CONFIG "/config"

/* Of what is there but cannot be told: too long, or not ours. No text has it. */
#define HASH_UNKNOWN 1

struct place {
	struct place *next;
	char *prefix;  /* with "/" behind it */
	char *node;    /* likewise, on both sides */
	char *devices; /* what topics of whole things have behind the prefix: "device/<node>-" */
	char *patterns[ANNOUNCED_PATTERNS];
	size_t papers;
	bool is_empty; /* the broker has told that it holds nothing there */
};

struct announced {
	struct place *places; /* the first is where documents are to be, the others are former */
	struct lh_table *records; /* by id */
};

/* What a message says of a document. */
struct saying {
	struct json_object *components;
	bool is_marker, is_ours;
};

static const struct hash_key key = {UINT64_C(0x616b75766f783264), UINT64_C(0x6973636f76657279)};

/* Never 0, nor what stands for the unknown. The key is no secret: who can make two documents collide
 * can replace them as well. */
uint64_t paper_hash(const char *text, size_t size)
{
	uint64_t hash = hash_bytes(key, text, size);

	return hash > HASH_UNKNOWN ? hash : HASH_UNKNOWN + 1;
}

static void free_record(struct record *record)
{
	while (record->papers)
		record_drop(record, record->papers);
	free(record->components);
	free(record);
}

static void free_entry(struct lh_entry *entry)
{
	free_record((struct record *)lh_entry_v(entry));
}

/* NULL: there is none. */
struct record *announced_find(const struct announced *a, const char *id)
{
	void *record;

	return lh_table_lookup_ex(a->records, id, &record) ? record : NULL;
}

/* The record of that id, perhaps a new one. */
int announced_add(struct announced *a, const char *id, struct record **ret)
{
	struct record *record = announced_find(a, id);

	if (record) {
		*ret = record;
		return 0;
	}
	record = calloc(1, sizeof(*record) + strlen(id) + 1);
	if (!record)
		return -ENOMEM;
	(void)strcpy(record->id, id);
	if (lh_table_insert(a->records, record->id, record) < 0) {
		free_record(record);
		return -ENOMEM;
	}
	*ret = record;
	return 0;
}

/* Frees the record. */
void announced_forget(struct announced *a, struct record *record)
{
	(void)lh_table_delete(a->records, record->id);
}

/* each may forget the record it is called for. */
void announced_each(const struct announced *a, void (*each)(struct record *record, void *userdata),
	void *userdata)
{
	for (struct lh_entry *entry = lh_table_head(a->records), *next; entry; entry = next) {
		next = lh_entry_next(entry);
		each((struct record *)lh_entry_v(entry), userdata);
	}
}

/* NULL: there is none. */
struct paper *record_find(const struct record *record, const struct place *place, const char *name)
{
	struct paper *paper = record->papers;

	while (paper && (paper->place != place || strcmp(paper->name, name) != 0))
		paper = paper->next;
	return paper;
}

/* The paper of that name at that place, perhaps a new one. */
int record_add(struct record *record, struct place *place, const char *name, struct paper **ret)
{
	struct paper *paper = record_find(record, place, name), **end = &record->papers;

	if (!paper) {
		paper = calloc(1, sizeof(*paper) + strlen(name) + 1);
		if (!paper)
			return -ENOMEM;
		(void)strcpy(paper->name, name);
		paper->place = place;
		place->papers++;
		place->is_empty = false;
		while (*end)
			end = &(*end)->next;
		*end = paper;
	}
	*ret = paper;
	return 0;
}

void record_drop(struct record *record, struct paper *paper)
{
	struct paper **link = &record->papers;

	while (*link != paper)
		link = &(*link)->next;
	*link = paper->next;
	paper->place->papers--;
	free(paper);
}

/* What WHOLE_DEVICE names, without those that are only there to be removed. */
int record_set_components(struct record *record, struct json_object *components)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	json_object_object_foreach (components, name, component) {
		const char *platform = json_text(component, "platform");

		if (platform && json_object_object_length(component) > 1)
			(void)fprintf(f, "%s/%s ", platform, name);
	}
	if (fclose(f) != 0) {
		free(text);
		return -ENOMEM;
	}
	free(record->components);
	record->components = text;
	return 0;
}

/* Where documents are to be. */
struct place *announced_here(const struct announced *a)
{
	return a->places;
}

/* What to subscribe to for each place, from 0 on: so many as ANNOUNCED_PATTERNS. NULL: there are no
 * more. */
const char *const *announced_patterns(const struct announced *a, size_t place)
{
	const struct place *p = a->places;

	for (; p && place > 0; place--)
		p = p->next;
	return p ? (const char *const *)p->patterns : NULL;
}

/* Where that paper is published: <platform>/<node>/<id>-<key>/config below the prefix. A whole thing
 * is on device/<node>-<id>/config, as Home Assistant before 2025.3 takes the empty message for none
 * of its own, and keeps the thing, if the topic has a level more. */
int announced_topic(const struct announced *a, topic_t ret, const struct record *record,
	const struct paper *paper)
{
	const char *slash = strchr(paper->name, '/');
	const struct place *p = paper->place;
	int n;

	if (slash)
		n = snprintf(ret, sizeof(topic_t), "%s%.*s%s%s-%s" CONFIG, p->prefix,
			(int)(slash - paper->name), paper->name, p->node, record->id, slash + 1);
	else
		n = snprintf(
			ret, sizeof(topic_t), "%s%s%s" CONFIG, p->prefix, p->devices, record->id);
	return n < 0 || n >= (int)sizeof(topic_t) ? -ENAMETOOLONG : 0;
}

/* Takes start off the text. False: it does not begin so. */
static bool skip(const char **text, const char *start)
{
	if (strncmp(*text, start, strlen(start)) != 0)
		return false;
	*text += strlen(start);
	return true;
}

/* What a topic of ours has behind the node. NULL: it is not ours. ret_platform: the platform's size,
 * 0 for a whole thing. */
static const char *find_object(const struct place *place, const char *topic, size_t *ret_platform)
{
	if (!skip(&topic, place->prefix))
		return NULL;
	*ret_platform = 0;
	if (skip(&topic, place->devices))
		return topic;
	*ret_platform = strcspn(topic, "/");
	topic += *ret_platform;
	return *ret_platform > 0 && skip(&topic, place->node) ? topic : NULL;
}

/* NULL: the topic is not ours. */
static struct place *find_place(const struct announced *a, const char *topic)
{
	struct place *place = a->places;
	size_t platform_size;

	while (place && !find_object(place, topic, &platform_size))
		place = place->next;
	return place;
}

/* Takes a topic apart into id and name of a paper, both of the size of ret_id. */
static bool parse_topic(
	const struct place *place, const char *topic, entity_id_t ret_id, entity_id_t ret_name)
{
	size_t platform_size, object_size, id_size;
	const char *object = find_object(place, topic, &platform_size);

	object_size = strcspn(object, "/");
	if (object_size == 0 || strcmp(object + object_size, CONFIG) != 0 ||
		platform_size + object_size + 2 > sizeof(entity_id_t))
		return false;
	(void)snprintf(ret_id, sizeof(entity_id_t), "%.*s", (int)object_size, object);
	if (platform_size == 0) {
		(void)strcpy(ret_name, WHOLE_DEVICE);
		return true;
	}
	id_size = thing_id_size(ret_id);
	if (id_size == 0 || ret_id[id_size] != '-')
		return false;
	(void)snprintf(ret_name, sizeof(entity_id_t), "%.*s/%s", (int)platform_size,
		topic + strlen(place->prefix), ret_id + id_size + 1);
	ret_id[id_size] = '\0';
	return true;
}

/* True for a topic on which only this gateway announces something. */
bool announced_is_ours(const struct announced *a, const char *topic)
{
	return find_place(a, topic);
}

/* The document is the caller's; components are borrowed from it. */
static struct json_object *read_saying(const struct mqtt_message *message, struct saying *ret)
{
	_cleanup_(json_freep) struct json_object *document = NULL;

	*ret = (struct saying){0};
	if (!message->payload || json_parse(&document, message->payload, message->size) < 0)
		return NULL;
	ret->is_marker = json_flag(document, "migrate_discovery") == 1;
	ret->is_ours = ret->is_marker || document_is_ours(document);
	ret->components = json_get(document, "components");
	return TAKE_PTR(document);
}

static enum announced_news told_removal(struct record *record, struct paper *paper)
{
	if (!record || !paper || paper->hash == 0)
		return ANNOUNCED_KNOWN;
	paper->hash = 0;
	paper->is_marked = false;
	return ANNOUNCED_CHANGED;
}

static enum announced_news told_document(struct announced *a, struct place *place, const char *id,
	const char *name, const struct mqtt_message *message, struct record **ret)
{
	_cleanup_(json_freep) struct json_object *document = NULL;
	struct record *record = announced_find(a, id);
	struct paper *paper = record ? record_find(record, place, name) : NULL;
	uint64_t hash =
		message->payload ? paper_hash(message->payload, message->size) : HASH_UNKNOWN;
	struct saying saying;

	/* What was there before we published is of no interest any more. */
	if (paper && ((paper->is_checked && message->retain) || paper->hash == hash)) {
		paper->is_checked = true;
		return ANNOUNCED_KNOWN;
	}
	document = read_saying(message, &saying);
	if (!saying.is_ours && (!paper || !message->payload))
		return ANNOUNCED_KNOWN;
	if ((!record && announced_add(a, id, &record) < 0) ||
		(!paper && record_add(record, place, name, &paper) < 0))
		return ANNOUNCED_KNOWN;
	paper->hash = saying.is_ours ? hash : HASH_UNKNOWN;
	paper->is_marked = saying.is_marker;
	paper->is_checked = true;
	if (saying.is_ours && json_object_is_type(saying.components, json_type_object))
		(void)record_set_components(record, saying.components);
	*ret = record;
	return message->retain ? ANNOUNCED_FOUND : ANNOUNCED_CHANGED;
}

/* Takes note of a message on one of our topics; *ret is the record unless it is ANNOUNCED_KNOWN. */
enum announced_news announced_told(
	struct announced *a, const struct mqtt_message *message, struct record **ret)
{
	struct place *place = find_place(a, message->topic);
	entity_id_t id, name;

	if (!place || !parse_topic(place, message->topic, id, name))
		return ANNOUNCED_KNOWN;
	if (message->size > 0)
		return told_document(a, place, id, name, message, ret);
	*ret = announced_find(a, id);
	return told_removal(*ret, *ret ? record_find(*ret, place, name) : NULL);
}

static void doubt(struct record *record, void *userdata)
{
	for (struct paper *paper = record->papers; paper; paper = paper->next)
		paper->is_checked = false;
}

static struct place *place_free(struct place *place)
{
	if (!place)
		return NULL;
	free(place->prefix);
	free(place->node);
	free(place->devices);
	for (size_t i = 0; i < ELEMENTS(place->patterns); i++)
		free(place->patterns[i]);
	free(place);
	return NULL;
}

DEFINE_CLEANUP(struct place *, place_free);

/* Former places where nothing is left: what was cleared there may not have reached the broker, so
 * that its word counts. */
static void forget_places(struct announced *a)
{
	for (struct place **link = &a->places->next, *place; (place = *link);) {
		if (!place->is_empty) {
			link = &place->next;
			continue;
		}
		*link = place->next;
		(void)place_free(place);
	}
}

/* What is to be subscribed to anew, perhaps at another broker, must be told again. */
void announced_doubt(struct announced *a)
{
	forget_places(a);
	announced_each(a, doubt, NULL);
}

static void missing(struct record *record, void *userdata)
{
	for (struct paper *paper = record->papers, *next; paper; paper = next) {
		next = paper->next;
		if (!paper->is_checked)
			record_drop(record, paper);
	}
}

/* What was not told until now is not there. */
void announced_missing(struct announced *a)
{
	announced_each(a, missing, NULL);
	for (struct place *place = a->places; place; place = place->next)
		place->is_empty = place->papers == 0;
}

__attribute__((format(printf, 2, 3))) static int make(char **ret, const char *format, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = vasprintf(ret, format, arguments);
	va_end(arguments);
	if (r >= 0)
		return 0;
	*ret = NULL;
	return -ENOMEM;
}

static int place_new(struct place **ret, const char *prefix, const char *node)
{
	_cleanup_(place_freep) struct place *place = calloc(1, sizeof(*place));
	int r;

	if (!place)
		return -ENOMEM;
	r = make(&place->prefix, "%s/", prefix);
	if (r == 0)
		r = make(&place->node, "/%s/", node);
	if (r == 0)
		r = make(&place->devices, WHOLE_DEVICE "/%s-", node);
	if (r == 0)
		r = make(&place->patterns[0], "%s+%s+" CONFIG, place->prefix, place->node);
	if (r == 0)
		r = make(&place->patterns[1], "%s" WHOLE_DEVICE "/+" CONFIG, place->prefix);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(place);
	return 0;
}

/* Documents are to be at another place from now on; those at the one before are there until
 * announce() has moved them. Prefix and node: as for announced_new(). */
int announced_move(struct announced *a, const char *prefix, const char *node)
{
	_cleanup_(place_freep) struct place *place = NULL;
	struct place **link = &a->places, *before;
	int r;

	r = place_new(&place, prefix, node);
	if (r < 0)
		return r;
	while (*link && (strcmp((*link)->prefix, place->prefix) != 0 ||
				strcmp((*link)->node, place->node) != 0))
		link = &(*link)->next;
	if (*link && *link == a->places)
		return ANNOUNCED_SAME;
	before = *link;
	if (before) {
		*link = before->next;
		before->next = a->places;
		a->places = before;
	} else {
		place->next = a->places;
		a->places = TAKE_PTR(place);
	}
	return 0;
}

/* prefix: homeassistant.prefix. node: of documents_node(). */
int announced_new(struct announced **ret, const char *prefix, const char *node)
{
	_cleanup_(announced_freep) struct announced *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->records = lh_kchar_table_new(16, free_entry);
	if (!a->records)
		return -ENOMEM;
	r = place_new(&a->places, prefix, node);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(a);
	return 0;
}

struct announced *announced_free(struct announced *a)
{
	if (!a)
		return NULL;
	if (a->records)
		lh_table_free(a->records);
	while (a->places) {
		struct place *next = a->places->next;

		(void)place_free(a->places);
		a->places = next;
	}
	free(a);
	return NULL;
}
