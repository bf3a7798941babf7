#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <string.h>

#include "daemon/exits.h"
#include "daemon/survey.h"
#include "tests/unit/fake_cloud.h"
#include "util/json.h"
#include "util/log.h"

/* In place of daemon/link.c, whose table of exit codes is tested in test_link. */

static struct {
	const char *homes, *devices; /* JSON; NULL: no answer */
	enum cloud_error error;      /* of devices */
	int start;                   /* what calls return */
	unsigned calls, open;
} script;

int link_open(struct link *link, const struct config *config, cloud_state_t changed, void *userdata)
{
	script.open++;
	return 0;
}

void link_close(struct link *link)
{
	script.open--;
}

int link_call(struct link *link, const struct command *command, struct json_object *param,
	uint64_t deadline, struct link_answer *ret)
{
	bool is_homes = strcmp(command->name, "get_family_list") == 0;
	const char *text = is_homes ? script.homes : script.devices;

	script.calls++;
	if (script.start)
		return script.start;
	*ret = (struct link_answer){.error = is_homes ? CLOUD_OK : script.error, .why = "so it is"};
	if (ret->error == CLOUD_OK)
		assert_int_equal(json_parse(&ret->result, text, strlen(text)), 0);
	if (!is_homes)
		assert_non_null(json_text(param, "residence_id"));
	return 0;
}

void link_answer_done(struct link_answer *answer)
{
	(void)json_object_put(answer->result);
	*answer = (struct link_answer){0};
}

int link_exit_code(enum cloud_error error)
{
	return 40 + (int)error;
}

static unsigned seen;

static void on_device(const struct device_record *record, void *userdata)
{
	assert_ptr_equal(userdata, &seen);
	assert_string_equal(record->rtsp, "rtsp://x");
	seen++;
}

static int setup(void **state)
{
	static const char homes[] = "[{\"residence_id\":\"H1\",\"family_name\":\"a\"},"
				    "{\"residence_id\":\"H2\",\"family_name\":\"b\"}]";

	log_set_level(LOG_ERR);
	memset(&script, 0, sizeof(script));
	script.homes = homes;
	script.devices = "[{\"mac\":\"0C1105AAAAAA\",\"device_name\":\"d\","
			 "\"rtsp_url\":\"rtsp://x\",\"relays\":[]}]";
	seen = 0;
	return 0;
}

static void all_homes_and_their_devices(void **state)
{
	const struct config config = {.base_topic = "home"};
	struct survey survey = {0};

	assert_int_equal(survey_take(&survey, &config, on_device, &seen), EXIT_DONE);
	assert_int_equal(script.calls, 3);
	assert_int_equal(seen, 2);
	assert_int_equal(cache_count(survey.cache), 2);
	assert_string_equal(cache_find(survey.cache, "H2")->devices->mac, "0C1105AAAAAA");
	survey_done(&survey);
	assert_int_equal(script.open, 0);
}

static void homes_that_are_not_served_are_left_out(void **state)
{
	struct config_instance items[] = {{(char *)"H2", 1, "flat", true, 0}};
	const struct config config = {.base_topic = "home", .residences = {items, 1}};
	struct survey survey = {0};

	assert_int_equal(survey_take(&survey, &config, NULL, NULL), EXIT_DONE);
	assert_int_equal(script.calls, 2);
	assert_null(cache_find(survey.cache, "H1"));
	assert_non_null(names_find_home(survey.names, survey.cache, "flat"));
	survey_done(&survey);
}

static void a_failure_ends_it(void **state)
{
	const struct config config = {.base_topic = "home"};
	struct survey survey = {0};

	script.error = CLOUD_AUTH_FAILED;
	assert_int_equal(survey_take(&survey, &config, on_device, &seen), 40 + CLOUD_AUTH_FAILED);
	assert_string_equal(survey.why, "get_akuvox_device_list: so it is");
	assert_int_equal(script.calls, 2);
	survey_done(&survey);
	assert_int_equal(seen, 0);
}

static void an_answer_without_sense(void **state)
{
	const struct config config = {.base_topic = "home"};
	struct survey survey = {0};

	script.devices = "7";
	assert_int_equal(survey_take(&survey, &config, NULL, NULL), EXIT_FAILED);
	assert_non_null(strstr(survey.why, "makes no sense"));
	survey_done(&survey);
	memset(&survey, 0, sizeof(survey));
	script.homes = "{}";
	assert_int_equal(survey_take(&survey, &config, NULL, NULL), EXIT_FAILED);
	survey_done(&survey);
	memset(&survey, 0, sizeof(survey));
	script.start = -EBUSY;
	assert_int_equal(survey_take(&survey, &config, NULL, NULL), EXIT_FAILED);
	survey_done(&survey);
	assert_int_equal(script.open, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_homes_and_their_devices, setup),
		cmocka_unit_test_setup(homes_that_are_not_served_are_left_out, setup),
		cmocka_unit_test_setup(a_failure_ends_it, setup),
		cmocka_unit_test_setup(an_answer_without_sense, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
