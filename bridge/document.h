#pragma once

#include <json-c/json.h>

#include "bridge/entities.h"
#include "bridge/names.h"
#include "bridge/thing.h"
#include "util/cleanup.h"

/* Discovery documents for Home Assistant, made from the table of entities. */
struct documents;

struct document_settings {
	const char *client_id;
	const char *version;
	struct entity_settings entities;
};

int documents_new(struct documents **ret, const struct document_settings *settings,
	const struct names *names);
struct documents *documents_free(struct documents *documents);
int documents_set(struct documents *documents, const struct document_settings *settings);

const char *documents_node(const struct documents *documents);

int document_components(
	const struct documents *documents, const struct thing *thing, struct json_object **ret);
int document_device(const struct documents *documents, const struct thing *thing,
	struct json_object *components, struct json_object **ret);
int document_single(const struct documents *documents, const struct thing *thing,
	struct json_object *component, struct json_object **ret);

const char *document_text(struct json_object *document);
bool document_is_ours(struct json_object *document);

DEFINE_CLEANUP(struct documents *, documents_free);
