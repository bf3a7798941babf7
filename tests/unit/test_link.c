#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <string.h>

#include "daemon/exits.h"
#include "daemon/link.h"
#include "tests/unit/fake_cloud.h"
#include "util/clock.h"
#include "util/json.h"

/* A link whose cloud is a fake; the call is answered from the loop. */
static struct link link_of(struct cloud *cloud)
{
	struct link link = {.cloud = cloud};

	assert_int_equal(sd_event_new(&link.event), 0);
	return link;
}

static int on_defer(sd_event_source *source, void *userdata)
{
	const struct cloud_answer refused = {
		.error = CLOUD_REFUSED, .why = "the cloud refused it", .message = "not found"};
	struct cloud *cloud = userdata;

	if (fake_cloud_find(cloud, "get_family_list", ""))
		fake_cloud_succeed(fake_cloud_oldest(cloud), "[1]");
	else
		fake_cloud_answer(fake_cloud_oldest(cloud), &refused);
	return 0;
}

static void a_call_waits_for_its_answer(void **state)
{
	struct cloud *cloud = fake_cloud_new();
	struct link link = link_of(cloud);
	struct link_answer answer = {0};
	_cleanup_(json_freep) struct json_object *param = json_object_new_object();

	assert_true(sd_event_add_defer(link.event, NULL, on_defer, cloud) >= 0);
	assert_int_equal(link_call(&link, catalog_find("get_family_list"), param, 0, &answer), 0);
	assert_int_equal(answer.error, CLOUD_OK);
	assert_string_equal(json_object_to_json_string(answer.result), "[ 1 ]");
	link_answer_done(&answer);
	assert_null(answer.result);
	assert_true(sd_event_add_defer(link.event, NULL, on_defer, cloud) >= 0);
	assert_int_equal(link_call(&link, catalog_find("get_family_info"), param, 0, &answer), 0);
	assert_int_equal(answer.error, CLOUD_REFUSED);
	assert_string_equal(answer.why, "the cloud refused it: not found");
	link_answer_done(&answer);
	fake_cloud_refuse(cloud, CLOUD_BUSY);
	assert_int_equal(
		link_call(&link, catalog_find("get_family_info"), param, 0, &answer), -EBUSY);
	link_close(&link);
	assert_null(link.cloud);
}

static int on_opening(sd_event_source *source, void *userdata)
{
	const struct cloud_call *call = fake_cloud_oldest(userdata);

	assert_int_equal(call->priority, CLOUD_DOOR);
	assert_int_equal(call->deadline, 7);
	fake_cloud_end(fake_cloud_oldest(userdata), CLOUD_EXPIRED);
	return 0;
}

static void an_opening_goes_first(void **state)
{
	struct cloud *cloud = fake_cloud_new();
	struct link link = link_of(cloud);
	struct link_answer answer = {0};

	assert_true(sd_event_add_defer(link.event, NULL, on_opening, cloud) >= 0);
	assert_int_equal(
		link_call(&link, catalog_find("trigger_akuvox_remote_open_door"), NULL, 7, &answer),
		0);
	assert_int_equal(answer.error, CLOUD_EXPIRED);
	link_answer_done(&answer);
	link_close(&link);
}

static void exit_codes_by_the_contract(void **state)
{
	static const int codes[CLOUD_ERROR_MAX] = {
		[CLOUD_OK] = 0,
		[CLOUD_BUSY] = 1,
		[CLOUD_EXPIRED] = 1,
		[CLOUD_UNREACHABLE] = 69,
		[CLOUD_OUTCOME_UNKNOWN] = 69,
		[CLOUD_AUTH_FAILED] = 77,
		[CLOUD_REFUSED] = 1,
		[CLOUD_SHUTTING_DOWN] = 1,
	};

	for (int error = 0; error < CLOUD_ERROR_MAX; error++)
		assert_int_equal(link_exit_code((enum cloud_error)error), codes[error]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_waits_for_its_answer),
		cmocka_unit_test(an_opening_goes_first),
		cmocka_unit_test(exit_codes_by_the_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
