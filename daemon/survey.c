#include "daemon/survey.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/exits.h"
#include "util/json.h"

static int trouble(struct survey *survey, int exit_code, const char *what, const char *why)
{
	(void)snprintf(survey->why, sizeof(survey->why), "%s: %s", what, why);
	return exit_code;
}

/* One read: EXIT_DONE with *ret_result, which the caller frees, or another exit code and why. */
static int ask(struct survey *survey, const char *name, const struct home *home,
	struct json_object **ret_result)
{
	_cleanup_(json_freep) struct json_object *param = json_object_new_object();
	struct link_answer answer = {0};
	int r;

	if (home && json_set(param, "residence_id", json_object_new_string(home->id)) < 0)
		return trouble(survey, EXIT_FAILED, name, "out of memory");
	r = link_call(&survey->link, catalog_find(name), param, 0, &answer);
	if (r < 0)
		return trouble(survey, EXIT_FAILED, name, "it cannot be sent");
	if (answer.error != CLOUD_OK)
		r = trouble(survey, link_exit_code(answer.error), name, answer.why);
	else
		*ret_result = json_object_get(answer.result);
	link_answer_done(&answer);
	return r;
}

static int take_homes(struct survey *survey, const struct config *config)
{
	_cleanup_(json_freep) struct json_object *result = NULL;
	_cleanup_free_ struct family_record *records = NULL;
	size_t n;
	int r;

	r = ask(survey, "get_family_list", NULL, &result);
	if (r != EXIT_DONE)
		return r;
	if (records_families(result, &records, &n) < 0 ||
		cache_merge_homes(survey->cache, records, n) < 0)
		return trouble(survey, EXIT_FAILED, "get_family_list", "the answer makes no sense");
	for (size_t i = 0; i < n; i++)
		survey->not_served += !config_serves(config, records[i].residence_id);
	return EXIT_DONE;
}

static int take_devices(
	struct survey *survey, struct home *home, survey_device_t each, void *userdata)
{
	_cleanup_(json_freep) struct json_object *result = NULL;
	_cleanup_free_ struct device_record *records = NULL;
	size_t n;
	int r;

	r = ask(survey, "get_akuvox_device_list", home, &result);
	if (r != EXIT_DONE)
		return r;
	if (records_devices(result, &records, &n) < 0 ||
		cache_merge_devices(survey->cache, home, records, n) < 0)
		return trouble(
			survey, EXIT_FAILED, "get_akuvox_device_list", "the answer makes no sense");
	for (size_t i = 0; each && i < n; i++)
		each(&records[i], userdata);
	return EXIT_DONE;
}

static bool on_served(const char *residence_id, void *userdata)
{
	return config_serves(userdata, residence_id);
}

static int open_survey(struct survey *survey, const struct config *config)
{
	static const struct cache_handlers handlers = {.served = on_served};
	struct names_settings names;
	int r;

	r = aliases_init(&survey->aliases, config);
	if (r < 0)
		return r;
	names = aliases_settings(&survey->aliases, config->base_topic);
	r = names_new(&survey->names, &names);
	if (r < 0)
		return r;
	r = cache_new(&survey->cache, NULL, &handlers, (void *)config);
	return r < 0 ? r : link_open(&survey->link, config, NULL, NULL);
}

/* Asks the cloud for all homes and their devices. each, which may be NULL, sees every device as
 * the cloud tells it. An exit code; survey_done() in any case. */
int survey_take(
	struct survey *survey, const struct config *config, survey_device_t each, void *userdata)
{
	int r = open_survey(survey, config);

	if (r < 0)
		return trouble(survey, EXIT_FAILED, "Cannot start", "out of memory");
	r = take_homes(survey, config);
	cache_each_home (survey->cache, home) {
		if (r == EXIT_DONE && !home->gone)
			r = take_devices(survey, home, each, userdata);
	}
	return r;
}

void survey_done(struct survey *survey)
{
	link_close(&survey->link);
	(void)cache_free(survey->cache);
	(void)names_free(survey->names);
	aliases_done(&survey->aliases);
}
