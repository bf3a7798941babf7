#include "tests/unit/cmocka-all.h"

#include "tests/unit/sim-home.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/json.h"

static void test_homes_and_devices(void **context)
{
	struct sim_home *f = *context;
	_cleanup_(json_freep) struct json_object *homes =
		sim_result(&f->sim, "get_family_list", "{}");
	_cleanup_(json_freep) struct json_object *devices =
		sim_ask(f, "get_akuvox_device_list", "");

	assert_int_equal(json_object_array_length(homes), 2);
	assert_string_equal(sim_text(homes, "/0/residence_id"), f->home);
	assert_int_equal(strlen(f->home), 33);
	assert_int_equal(json_object_array_length(devices), 3);
	assert_string_equal(sim_text(devices, "/0/device_type"), "Multi-tenants Doorphone");
	assert_int_equal(json_object_array_length(sim_at(devices, "/0/relays")), 2);
	assert_string_equal(sim_text(devices, "/1/device_type"), "Single-tenant Doorphone");
	assert_int_equal(json_object_array_length(sim_at(devices, "/1/relays")), 1);
	assert_int_equal(json_object_array_length(sim_at(devices, "/1/security_relays")), 1);
	assert_string_equal(sim_text(devices, "/2/device_type"), "Indoor Monitor");
	assert_int_equal(json_object_array_length(sim_at(devices, "/2/relays")), 0);
	/* Both names of the vendor's documents occur. */
	assert_non_null(sim_at(devices, "/0/rtsp"));
	assert_non_null(sim_at(devices, "/1/rtsp_url"));
	/* One relay id in two homes, on different devices. */
	assert_string_equal(sim_text(f->state, "/homes/1/devices/0/relays/0/relay_id"), f->relay);
	assert_string_not_equal(sim_text(f->state, "/homes/1/devices/0/mac"), f->mac);
}

static void test_seed_decides_ids(void **context)
{
	struct sim_home *f = *context;
	struct sim_client same, other;
	struct json_object *a, *b;

	sim_start(&same, (const char *[]){"--seed", "1", NULL});
	sim_start(&other, (const char *[]){"--seed", "2", "--homes", "3", "--devices", "5", NULL});
	a = sim_control(&same, "GET", "/state", NULL, 200);
	b = sim_control(&other, "GET", "/state", NULL, 200);
	assert_string_equal(sim_text(a, "/homes/0/residence_id"), f->home);
	assert_string_equal(sim_text(a, "/homes/0/devices/0/mac"), f->mac);
	assert_string_not_equal(sim_text(b, "/homes/0/residence_id"), f->home);
	assert_int_equal(json_object_array_length(sim_at(b, "/homes")), 3);
	assert_int_equal(json_object_array_length(sim_at(b, "/homes/2/devices")), 5);
	(void)json_object_put(a);
	(void)json_object_put(b);
	sim_stop(&same);
	sim_stop(&other);
}

static void test_opening(void **context)
{
	struct sim_home *f = *context;
	struct json_object *openings, *first, *second, *third;
	struct sim_reply picture;
	const char *url;

	sim_open_door(f);
	openings = sim_control(&f->sim, "GET", "/openings", NULL, 200);
	assert_int_equal(json_object_array_length(openings), 1);
	assert_string_equal(sim_text(openings, "/0/residence_id"), f->home);
	assert_string_equal(sim_text(openings, "/0/mac"), f->mac);
	assert_string_equal(sim_text(openings, "/0/relay_id"), f->relay);
	assert_int_equal(sim_count(&f->sim, "/openings"), 1);

	/* The picture comes with the second answer, the rest of the row stays as it was. */
	first = sim_ask(f, "get_akuvox_open_door_history", "");
	second = sim_ask(f, "get_akuvox_open_door_history", "");
	assert_int_equal(json_object_array_length(first), 1);
	assert_string_equal(sim_text(first, "/0/capture_picture_url"), "");
	assert_string_equal(sim_text(first, "/0/capture_thumbnail_url"), "");
	assert_string_equal(sim_text(first, "/0/open_door_type"), "Remote unlock");
	assert_string_equal(
		sim_text(first, "/0/open_door_time"), sim_text(second, "/0/open_door_time"));
	url = sim_text(second, "/0/capture_picture_url");
	assert_memory_equal(url, f->sim.cloud, strlen(f->sim.cloud));
	sim_send(&f->sim, &picture, "GET", url + strlen(f->sim.cloud), NULL);
	assert_int_equal(picture.status, 200);
	assert_true(picture.size > 100);
	assert_memory_equal(picture.body, "\xff\xd8\xff", 3);
	assert_memory_equal(picture.body + picture.size - 2, "\xff\xd9", 2);
	sim_reply_done(&picture);
	sim_send(&f->sim, &picture, "GET", "/pictures/capture-7.jpg", NULL);
	assert_int_equal(picture.status, 404);
	sim_reply_done(&picture);

	/* Who opens by hand is in the history only. */
	sim_do(&f->sim, "/opening",
		"{\"account_name\":\"Ann\",\"open_door\":false,\"picture\":false}");
	third = sim_ask(f, "get_akuvox_open_door_history", "");
	assert_int_equal(json_object_array_length(third), 2);
	assert_string_equal(sim_text(third, "/0/account_name"), "Ann");
	assert_int_equal(sim_flag(third, "/0/open_door"), 0);
	assert_int_equal(sim_count(&f->sim, "/openings"), 1);
	(void)json_object_put(openings);
	(void)json_object_put(first);
	(void)json_object_put(second);
	(void)json_object_put(third);
}

static void test_opening_refused(void **context)
{
	struct sim_home *f = *context;
	char more[160], body[160];

	(void)snprintf(more, sizeof(more), "\"mac\":\"%s\",\"relay_id\":\"x\"", f->mac);
	assert_int_equal(sim_refused(f, "trigger_akuvox_remote_open_door", more), 40412);
	(void)snprintf(more, sizeof(more), "\"mac\":\"x\",\"relay_id\":\"%s\"", f->relay);
	assert_int_equal(sim_refused(f, "trigger_akuvox_remote_open_door", more), 40411);
	(void)snprintf(body, sizeof(body), "{\"mac\":\"%s\",\"online\":false}", f->mac);
	sim_do(&f->sim, "/device", body);
	(void)snprintf(more, sizeof(more), "\"mac\":\"%s\",\"relay_id\":\"%s\"", f->mac, f->relay);
	assert_int_equal(sim_refused(f, "trigger_akuvox_remote_open_door", more), 50311);
	assert_int_equal(sim_count(&f->sim, "/openings"), 0);
	/* None of these is the fault of who asks. */
	assert_int_equal(sim_count(&f->sim, "/wrong_requests"), 0);
}

static void test_access(void **context)
{
	struct sim_home *f = *context;
	struct json_object *r;

	sim_tell(f, "update_akuvox_open_door_private_key_config", "\"private_key\":\"2468\"");
	r = sim_ask(f, "get_akuvox_open_door_private_key_config", "");
	assert_string_equal(sim_text(r, "/private_key"), "2468");
	(void)json_object_put(r);

	r = sim_ask(f, "update_akuvox_open_door_nfc_config", "\"enable_nfc\":false");
	assert_int_equal(strlen(sim_text(r, "/nfc_code")), 16);
	(void)json_object_put(r);
	r = sim_ask(f, "get_akuvox_open_door_nfc_config", "");
	assert_int_equal(sim_flag(r, "/enable_nfc"), 0);
	(void)json_object_put(r);

	r = sim_ask(f, "update_akuvox_open_door_ble_config", "\"enable_ble\":true");
	assert_int_equal(strlen(sim_text(r, "/ble_code")), 16);
	(void)json_object_put(r);
	r = sim_ask(f, "get_akuvox_open_door_ble_config", "");
	assert_int_equal(sim_flag(r, "/enable_ble"), 1);
	(void)json_object_put(r);

	sim_tell(f, "update_akuvox_face_file_info", "\"filename\":\"me.jpg\"");
	r = sim_ask(f, "get_akuvox_face_file_info", "");
	assert_int_equal(sim_flag(r, "/is_uploaded"), 1);
	(void)json_object_put(r);
	sim_tell(f, "delete_akuvox_face_file_info", "");
	r = sim_ask(f, "get_akuvox_face_file_info", "");
	assert_int_equal(sim_flag(r, "/is_uploaded"), 0);
	(void)json_object_put(r);

	r = sim_ask(f, "check_akuvox_device_permission", "\"devices\":[{\"mac\":\"nobody\"}]");
	assert_string_equal(sim_text(r, "/0/mac"), "nobody");
	assert_int_equal(sim_flag(r, "/0/permission"), 0);
	(void)json_object_put(r);
}

static void make_key(struct sim_home *f, const char *finish, char *key, size_t size)
{
	struct json_object *r;
	char more[160];

	(void)snprintf(more, sizeof(more),
		"\"start_time\":\"2020-03-12 13:32:43\",\"finish_time\":\"%s\",\"count\":2",
		finish);
	r = sim_ask(f, "create_akuvox_open_door_temp_key_config", more);
	assert_true(*sim_text(r, "/qr_code_url"));
	(void)snprintf(key, size, "%s", sim_text(r, "/temp_key"));
	(void)json_object_put(r);
}

static size_t count_keys(struct sim_home *f)
{
	struct json_object *r = sim_ask(f, "get_akuvox_open_door_temp_key_config", "");
	size_t count = json_object_array_length(r);

	(void)json_object_put(r);
	return count;
}

static void test_temp_keys(void **context)
{
	struct sim_home *f = *context;
	char a[16], b[16], c[16], more[80];
	struct json_object *r;

	make_key(f, "2020-03-12 17:32:43", a, sizeof(a));
	make_key(f, "2999-03-12 17:32:43", b, sizeof(b));
	make_key(f, "2999-03-12 17:32:43", c, sizeof(c));
	r = sim_ask(f, "get_akuvox_open_door_temp_key_config", "");
	assert_int_equal(json_object_array_length(r), 3);
	assert_string_equal(sim_text(r, "/0/temp_key"), a);
	assert_string_equal(sim_text(r, "/0/finish_time"), "2020-03-12 17:32:43");
	assert_int_equal(sim_number(r, "/0/count"), 2);
	(void)json_object_put(r);

	sim_do(&f->sim, "/lists", "{\"drop_expired\":true}");
	assert_int_equal(count_keys(f), 2);
	(void)snprintf(more, sizeof(more), "\"temp_key\":\"%s\"", b);
	sim_tell(f, "delete_akuvox_open_door_temp_key_config", more);
	assert_int_equal(count_keys(f), 1);
	assert_int_equal(sim_refused(f, "delete_akuvox_open_door_temp_key_config", more), 40431);
	(void)snprintf(more, sizeof(more), "\"temp_key\":[\"%s\",\"%s\"]", a, c);
	sim_tell(f, "batch_delete_akuvox_open_door_temp_key_config", more);
	assert_int_equal(sim_count(&f->sim, "/homes/0/temp_keys"), 0);
	assert_int_equal(sim_refused(f, "create_akuvox_open_door_temp_key_config",
				 "\"start_time\":\"2021-01-01 00:00:01\",\"finish_time\":"
				 "\"2021-01-01 00:00:00\",\"count\":1"),
		40031);
}

static void test_family(void **context)
{
	struct sim_home *f = *context;
	char id[64], more[160];
	struct json_object *r;

	sim_tell(f, "update_family_info", "\"family_name\":\"Villa\"");
	sim_tell(f, "invite_family_account", "\"email\":\"a@example.org\",\"auth\":\"user\"");
	sim_tell(f, "account_join_family", "\"auth\":\"guest\"");
	r = sim_ask(f, "create_family_account",
		"\"first_name\":\"Bo\",\"last_name\":\"Ek\",\"email\":\"b@example.org\","
		"\"auth\":\"guest\",\"password\":\"p\"");
	(void)snprintf(id, sizeof(id), "%s", sim_text(r, "/account_id"));
	(void)json_object_put(r);
	(void)snprintf(more, sizeof(more), "\"account_id\":\"%s\",\"auth\":\"user\"", id);
	sim_tell(f, "update_family_account_auth", more);
	(void)snprintf(more, sizeof(more),
		"\"accounts\":[{\"account_id\":\"%s\",\"auth\":\"user\"}]", f->guest);
	sim_tell(f, "batch_update_family_account_auth", more);

	r = sim_ask(f, "get_family_info", "");
	assert_string_equal(sim_text(r, "/family_name"), "Villa");
	assert_int_equal(json_object_array_length(sim_at(r, "/accounts")), 5);
	assert_string_equal(sim_text(r, "/accounts/0/auth"), "admin");
	assert_string_equal(sim_text(r, "/accounts/2/auth"), "user");
	assert_string_equal(sim_text(r, "/accounts/3/email"), "a@example.org");
	assert_string_equal(sim_text(r, "/accounts/4/auth"), "user");
	assert_string_equal(sim_text(r, "/accounts/4/first_name"), "Bo");
	(void)json_object_put(r);

	(void)snprintf(more, sizeof(more), "\"account_id\":\"%s\"", id);
	sim_tell(f, "change_family_admin", more);
	assert_int_equal(sim_refused(f, "delete_family_account", more), 40321);
	(void)snprintf(more, sizeof(more), "\"account_id\":\"%s\"", f->guest);
	sim_tell(f, "delete_family_account", more);
	(void)snprintf(more, sizeof(more), "\"accounts\":[{\"account_id\":\"%s\"}]",
		sim_text(f->state, "/homes/0/members/1/account_id"));
	sim_tell(f, "batch_delete_family_account", more);
	assert_int_equal(sim_count(&f->sim, "/homes/0/members"), 3);

	r = sim_ask(f, "get_family_remote_connect", "");
	assert_memory_equal(sim_text(r, "/remote_connect_url"), "https://", 8);
	(void)json_object_put(r);
	r = sim_result(&f->sim, "get_family_list", "{}");
	assert_string_equal(sim_text(r, "/0/family_name"), "Villa");
	(void)json_object_put(r);
	assert_int_equal(sim_count(&f->sim, "/wrong_requests"), 0);
}

/* What hangs for good must not stop "make check". */
#define TEST_SECONDS_MAX 300

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_homes_and_devices, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(
			test_seed_decides_ids, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(test_opening, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(
			test_opening_refused, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(test_access, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(test_temp_keys, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(test_family, sim_home_setup, sim_home_teardown),
	};

	(void)alarm(TEST_SECONDS_MAX);
	return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
