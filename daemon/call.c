#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/param.h"
#include "daemon/exits.h"
#include "daemon/link.h"
#include "daemon/start.h"
#include "daemon/verbs.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

static int complain(const char *what, const char *which, const char *why)
{
	log_error("%s%s%s; see akuvox2mqtt commands", what, which, why);
	return EXIT_USAGE;
}

/* A value as its parameter's type wants it: texts as they are, all else as JSON. */
static struct json_object *value_of(const struct field *field, const char *text)
{
	struct json_object *value = NULL;

	if (field && (field->type == FIELD_TEXT || field->type == FIELD_TIME ||
			     field->type == FIELD_ROLE))
		return json_object_new_string(text);
	/* No parameter is null, so that is a text too. */
	if (json_parse(&value, text, strlen(text)) < 0 || !value)
		return json_object_new_string(text);
	return value;
}

static int param_of(struct json_object **ret, const struct command *command, char **args, int n)
{
	_cleanup_(json_freep) struct json_object *param = json_object_new_object();
	struct param_fault fault;

	for (int i = 0; i < n; i++) {
		char *value = strchr(args[i], '=');

		if (!value)
			return complain("Not a key=value: ", args[i], "");
		*value++ = '\0';
		if (json_set(param, args[i],
			    value_of(field_find(command->params, args[i]), value)) < 0)
			return EXIT_FAILED;
	}
	if (param_check(command, param, &fault) < 0) {
		log_error("%s: %s %s; see akuvox2mqtt commands", command->name, fault.param,
			fault.why);
		return EXIT_USAGE;
	}
	*ret = TAKE_PTR(param);
	return EXIT_DONE;
}

static int call(
	const struct config *config, const struct command *command, struct json_object *param)
{
	uint64_t deadline = 0;
	struct link_answer answer = {0};
	struct link link = {0};
	int r;

	if (command->flags & COMMAND_OPENS)
		deadline = clock_boot_usec() + config->door.deadline_usec;
	r = link_open(&link, config, NULL, NULL);
	if (r >= 0)
		r = link_call(&link, command, param, deadline, &answer);
	if (r < 0) {
		(void)log_error_errno(r, "%s: %m", command->name);
		r = EXIT_FAILED;
	} else {
		r = link_exit_code(answer.error);
		if (r == EXIT_DONE)
			(void)puts(json_object_to_json_string_ext(answer.result,
				JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
		else
			log_error("%s: %s (%s)", command->name, answer.why,
				cloud_error_name(answer.error));
	}
	link_answer_done(&answer);
	link_close(&link);
	return r;
}

/* akuvox2mqtt call: one command of the catalogue, checked, sent once, its result on stdout. */
int verb_call(const struct options *options)
{
	_cleanup_(json_freep) struct json_object *param = NULL;
	_cleanup_(config_freep) struct config *config = NULL;
	const struct command *command;
	int r;

	if (options->n_args == 0)
		return complain("Which command?", "", "");
	command = catalog_find(options->args[0]);
	if (!command)
		return complain("There is no command ", options->args[0], "");
	r = param_of(&param, command, options->args + 1, options->n_args - 1);
	if (r != EXIT_DONE)
		return r;
	r = start_config(&config, options->config);
	return r != EXIT_DONE ? r : call(config, command, param);
}
