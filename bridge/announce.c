#define LOG_TOKEN "discovery"

#include "bridge/announce.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/json.h"
#include "util/log.h"

/* Publishes text as that paper, "" to remove it. -EAGAIN: not now. */
static int put(struct announcer *a, struct record *record, struct paper *paper, const char *text)
{
	struct mqtt_message message = {
		.payload = text, .size = strlen(text), .qos = 1, .retain = true};
	topic_t topic;
	int r;

	if (a->budget == 0)
		return -EAGAIN;
	r = announced_topic(a->announced, topic, record, paper);
	message.topic = topic;
	if (r == 0)
		r = mqtt_publish(a->mqtt, &message, NULL);
	if (r == MQTT_OFFLINE || r == -ENOMEM)
		return -EAGAIN;
	/* What can never be published is not tried again until it is another. */
	if (r != 0)
		log_debug("%s cannot be published: %s", topic, r < 0 ? strerror(-r) : "too large");
	a->budget--;
	paper->hash = *text ? paper_hash(text, message.size) : 0;
	paper->is_marked = strcmp(text, MARKER) == 0;
	paper->is_checked = true;
	paper->again = false;
	return 0;
}

/* Publishes the document, which is consumed, unless the broker has it: 1. */
static int put_document(struct announcer *a, struct record *record, struct paper *paper,
	struct json_object *document)
{
	_cleanup_(json_freep) struct json_object *owned = document;
	const char *text = document_text(owned);

	if (!text)
		return -ENOMEM;
	if (!paper->again && paper->hash == paper_hash(text, strlen(text)))
		return 1;
	return put(a, record, paper, text);
}

static bool is_single(const struct paper *paper)
{
	return strcmp(paper->name, WHOLE_DEVICE) != 0;
}

/* Of the other kind than is wanted, or at a place that was left: another paper takes over. */
static bool is_other(const struct announcer *a, const struct paper *paper, bool singles)
{
	return is_single(paper) != singles || paper->place != announced_here(a->announced);
}

/* Removes a paper that is not wanted. */
static int take_back(struct announcer *a, struct record *record, struct paper *paper)
{
	int r = paper->hash ? put(a, record, paper, "") : 0;

	if (r == 0)
		record_drop(record, paper);
	return r;
}

static int take_others_back(struct announcer *a, struct record *record, bool singles)
{
	int r = 0;

	for (struct paper *paper = record->papers, *next; paper && r == 0; paper = next) {
		next = paper->next;
		if (is_other(a, paper, singles))
			r = take_back(a, record, paper);
	}
	return r;
}

/* Marks what others take over. 1: some were. */
static int mark(struct announcer *a, struct record *record, bool singles)
{
	int marked = 0, r;

	for (struct paper *paper = record->papers; paper; paper = paper->next) {
		if (!is_other(a, paper, singles) || paper->hash == 0 || paper->is_marked)
			continue;
		r = put(a, record, paper, MARKER);
		if (r < 0)
			return r;
		marked = 1;
	}
	return marked;
}

static bool has_other(const struct announcer *a, const struct record *record, bool singles)
{
	for (const struct paper *paper = record->papers; paper; paper = paper->next)
		if (is_other(a, paper, singles))
			return true;
	return false;
}

/* Names in components what was announced and is no more: Home Assistant then removes it. 1: there
 * was some. */
static int add_leftovers(const struct record *record, struct json_object *components)
{
	_cleanup_free_ char *text = record->components ? strdup(record->components) : NULL;
	char *rest = text, *item;
	int found = 0;

	if (record->components && !text)
		return -ENOMEM;
	while ((item = strsep(&rest, " "))) {
		const char *platform = strsep(&item, "/");
		_cleanup_(json_freep) struct json_object *stub = NULL;
		int r;

		if (!item || json_object_object_get_ex(components, item, NULL))
			continue;
		stub = json_object_new_object();
		r = json_set(stub, "platform", json_object_new_string(platform));
		if (r == 0)
			r = json_set(components, item, TAKE_PTR(stub));
		if (r < 0)
			return r;
		found = 1;
	}
	return found;
}

static enum announce_result failed(int r)
{
	if (r == -EAGAIN || r == -ENOMEM)
		return ANNOUNCE_FULL;
	log_debug("cannot announce: %s", strerror(-r));
	return ANNOUNCE_DONE;
}

/* As put_document(); 0 also if Home Assistant is yet to be told what is left out. */
static int put_device(struct announcer *a, struct record *record, const struct thing *thing,
	struct json_object *components)
{
	struct json_object *document = NULL;
	struct paper *paper = NULL;
	int r, leftovers;

	r = record_add(record, announced_here(a->announced), WHOLE_DEVICE, &paper);
	if (r < 0)
		return r;
	leftovers = add_leftovers(record, components);
	if (leftovers < 0)
		return leftovers;
	r = document_device(a->documents, thing, json_object_get(components), &document);
	if (r < 0)
		return r;
	r = put_document(a, record, paper, document);
	if (r == 0)
		r = record_set_components(record, components);
	return r == 0 && !leftovers && !has_other(a, record, false) ? 1 : r;
}

static enum announce_result announce_device(struct announcer *a, struct record *record,
	const struct thing *thing, struct json_object *components)
{
	int r = mark(a, record, false);

	if (r > 0)
		return ANNOUNCE_NEXT;
	if (r == 0)
		r = put_device(a, record, thing, components);
	if (r == 0)
		return ANNOUNCE_NEXT;
	if (r > 0)
		r = take_others_back(a, record, false);
	return r < 0 ? failed(r) : ANNOUNCE_DONE;
}

/* Removes singles of what is not there any more. */
static int take_gone_back(
	struct announcer *a, struct record *record, struct json_object *components)
{
	int r = 0;

	for (struct paper *paper = record->papers, *next; paper && r == 0; paper = next) {
		const char *key = strchr(paper->name, '/');

		next = paper->next;
		if (key && !json_object_object_get_ex(components, key + 1, NULL))
			r = take_back(a, record, paper);
	}
	return r;
}

static int put_single(struct announcer *a, struct record *record, const struct thing *thing,
	const char *key, struct json_object *component)
{
	struct json_object *document = NULL;
	struct paper *paper = NULL;
	entity_id_t name;
	int r;

	(void)snprintf(name, sizeof(name), "%s/%s", json_text(component, "platform"), key);
	r = record_add(record, announced_here(a->announced), name, &paper);
	if (r == 0)
		r = document_single(a->documents, thing, component, &document);
	return r < 0 ? r : put_document(a, record, paper, document);
}

/* As put_device(). */
static int put_singles(struct announcer *a, struct record *record, const struct thing *thing,
	struct json_object *components)
{
	bool is_news = false;
	int r;

	json_object_object_foreach (components, key, component) {
		r = put_single(a, record, thing, key, component);
		if (r < 0)
			return r;
		is_news = is_news || r == 0;
	}
	r = take_gone_back(a, record, components);
	return r ?: is_news && has_other(a, record, true) ? 0 : 1;
}

static enum announce_result announce_singles(struct announcer *a, struct record *record,
	const struct thing *thing, struct json_object *components)
{
	int r = mark(a, record, true);

	if (r > 0)
		return ANNOUNCE_NEXT;
	if (r == 0)
		r = put_singles(a, record, thing, components);
	if (r == 0)
		return ANNOUNCE_NEXT;
	if (r > 0)
		r = take_others_back(a, record, true);
	if (r < 0)
		return failed(r);
	free(record->components);
	record->components = NULL;
	return ANNOUNCE_DONE;
}

static enum announce_result announce_none(struct announcer *a, struct record *record)
{
	int r = 0;

	for (struct paper *paper = record->papers, *next; paper && r == 0; paper = next) {
		next = paper->next;
		r = take_back(a, record, paper);
	}
	return r < 0 ? failed(r) : ANNOUNCE_NOTHING;
}

/* One step for the thing of that record. */
enum announce_result announce(struct announcer *a, struct record *record)
{
	_cleanup_(json_freep) struct json_object *components = NULL;
	struct thing thing;
	bool is_there = thing_find(&thing, record->id, a->cache, documents_node(a->documents));
	int r;

	record->is_alive = record->is_alive || is_there;
	if (a->mode == DISCOVERY_OFF)
		return announce_none(a, record);
	if (!is_there)
		return record->is_alive || cache_has_listed(a->cache, thing.home)
		               ? announce_none(a, record)
		               : ANNOUNCE_UNSURE;
	r = document_components(a->documents, &thing, &components);
	if (r < 0)
		return failed(r);
	if (a->mode == DISCOVERY_DEVICE)
		return announce_device(a, record, &thing, components);
	return announce_singles(a, record, &thing, components);
}
