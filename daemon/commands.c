#include <stdio.h>

#include <json-c/json.h>

#include "cloud/catalog.h"
#include "daemon/commands_write.h"
#include "daemon/exits.h"
#include "daemon/verbs.h"
#include "util/json.h"

static struct json_object *json_fields(const struct field *fields)
{
	_cleanup_(json_freep) struct json_object *list = json_object_new_array();

	for (const struct field *f = fields; list && f->type != FIELD_END; f++) {
		struct json_object *item = json_object_new_object();

		if (!item || json_object_array_add(list, item) < 0) {
			(void)json_object_put(item);
			return NULL;
		}
		if (json_set(item, "name", json_object_new_string(f->name)) < 0 ||
			json_set(item, "type", json_object_new_string(field_type_name(f->type))) <
				0 ||
			json_set(item, "required", json_object_new_boolean(!f->optional)) < 0 ||
			json_set(item, "help", json_object_new_string(f->help)) < 0 ||
			(f->members && json_set(item, "members", json_fields(f->members)) < 0))
			return NULL;
	}
	return TAKE_PTR(list);
}

static struct json_object *json_command(const struct command *command)
{
	_cleanup_(json_freep) struct json_object *item = json_object_new_object();

	if (json_set(item, "command", json_object_new_string(command->name)) < 0 ||
		json_set(item, "group",
			json_object_new_string(command_group_name(command->group))) < 0 ||
		json_set(item, "help", json_object_new_string(command->help)) < 0 ||
		json_set(item, "opens_a_door",
			json_object_new_boolean(command->flags & COMMAND_OPENS)) < 0 ||
		json_set(item, "may_be_repeated",
			json_object_new_boolean(command->flags & COMMAND_REPEATABLE)) < 0 ||
		json_set(item, "holds_secrets",
			json_object_new_boolean(command->flags & COMMAND_SECRET)) < 0 ||
		json_set(item, "params", json_fields(command->params)) < 0 ||
		json_set(item, "result_is_list", json_object_new_boolean(command->result_is_list)) <
			0 ||
		json_set(item, "result", json_fields(command->result)) < 0 ||
		json_set(item, "example", json_object_new_string(command->example)) < 0)
		return NULL;
	return TAKE_PTR(item);
}

static int print_json(void)
{
	_cleanup_(json_freep) struct json_object *all = json_object_new_array();
	const struct command *command;

	for (size_t i = 0; (command = catalog_at(i)); i++) {
		struct json_object *item = json_command(command);

		if (!all || !item || json_object_array_add(all, item) < 0) {
			(void)json_object_put(item);
			return EXIT_FAILED;
		}
	}
	(void)puts(json_object_to_json_string_ext(
		all, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	return EXIT_DONE;
}

/* akuvox2mqtt commands: the catalogue, for people or as JSON. */
int verb_commands(const struct options *options)
{
	if (options->json)
		return print_json();
	return commands_write_text(stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
}
