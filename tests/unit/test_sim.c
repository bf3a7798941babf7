#include "tests/unit/cmocka-all.h"

#include "tests/unit/sim-client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/json.h"

/* What the tests ask for most: the first home and its first door. */
struct fixture {
	struct sim_client sim;
	struct json_object *state; /* as it was at the start */
	char home[64], mac[32], relay[64], guest[64];
	char param[128]; /* {"residence_id": the home} */
};

static int setup(void **context)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*context = f;
	sim_start(&f->sim, NULL);
	f->state = sim_control(&f->sim, "GET", "/state", NULL, 200);
	(void)snprintf(f->home, sizeof(f->home), "%s", sim_text(f->state, "/homes/0/residence_id"));
	(void)snprintf(f->mac, sizeof(f->mac), "%s", sim_text(f->state, "/homes/0/devices/0/mac"));
	(void)snprintf(f->relay, sizeof(f->relay), "%s",
		sim_text(f->state, "/homes/0/devices/0/relays/0/relay_id"));
	(void)snprintf(f->guest, sizeof(f->guest), "%s",
		sim_text(f->state, "/homes/0/members/2/account_id"));
	(void)snprintf(f->param, sizeof(f->param), "{\"residence_id\":\"%s\"}", f->home);
	return 0;
}

static int teardown(void **context)
{
	struct fixture *f = *context;

	(void)json_object_put(f->state);
	sim_stop(&f->sim);
	free(f);
	return 0;
}

/* A param of the first home and so much more; the caller frees it. */
static char *with(const struct fixture *f, const char *more)
{
	char *param;

	assert_true(asprintf(&param, "{\"residence_id\":\"%s\"%s%s}", f->home, *more ? "," : "",
			    more) > 0);
	return param;
}

static struct json_object *ask(struct fixture *f, const char *command, const char *more)
{
	_cleanup_free_ char *param = with(f, more);

	return sim_result(&f->sim, command, param);
}

static void tell(struct fixture *f, const char *command, const char *more)
{
	struct json_object *result = ask(f, command, more);

	assert_string_equal(json_object_to_json_string(result), "{ }");
	(void)json_object_put(result);
}

/* The cloud's code when it says no to a command. */
static int64_t refused(struct fixture *f, const char *command, const char *more)
{
	_cleanup_free_ char *param = with(f, more);
	struct sim_reply reply;
	int64_t code;

	sim_call(&f->sim, &reply, command, param);
	assert_int_equal(reply.code, CURLE_OK);
	assert_int_equal(sim_flag(reply.json, "/success"), 0);
	code = sim_number(reply.json, "/code");
	sim_reply_done(&reply);
	return code;
}

static void open_door(struct fixture *f)
{
	char more[160];

	(void)snprintf(more, sizeof(more), "\"mac\":\"%s\",\"relay_id\":\"%s\"", f->mac, f->relay);
	tell(f, "trigger_akuvox_remote_open_door", more);
}

static void test_homes_and_devices(void **context)
{
	struct fixture *f = *context;
	_cleanup_(json_freep) struct json_object *homes =
		sim_result(&f->sim, "get_family_list", "{}");
	_cleanup_(json_freep) struct json_object *devices = ask(f, "get_akuvox_device_list", "");

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
	struct fixture *f = *context;
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
	struct fixture *f = *context;
	struct json_object *openings, *first, *second, *third;
	struct sim_reply picture;
	const char *url;

	open_door(f);
	openings = sim_control(&f->sim, "GET", "/openings", NULL, 200);
	assert_int_equal(json_object_array_length(openings), 1);
	assert_string_equal(sim_text(openings, "/0/residence_id"), f->home);
	assert_string_equal(sim_text(openings, "/0/mac"), f->mac);
	assert_string_equal(sim_text(openings, "/0/relay_id"), f->relay);
	assert_int_equal(sim_count(&f->sim, "/openings"), 1);

	/* The picture comes with the second answer, the rest of the row stays as it was. */
	first = ask(f, "get_akuvox_open_door_history", "");
	second = ask(f, "get_akuvox_open_door_history", "");
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
	third = ask(f, "get_akuvox_open_door_history", "");
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
	struct fixture *f = *context;
	char more[160], body[160];

	(void)snprintf(more, sizeof(more), "\"mac\":\"%s\",\"relay_id\":\"x\"", f->mac);
	assert_int_equal(refused(f, "trigger_akuvox_remote_open_door", more), 40412);
	(void)snprintf(more, sizeof(more), "\"mac\":\"x\",\"relay_id\":\"%s\"", f->relay);
	assert_int_equal(refused(f, "trigger_akuvox_remote_open_door", more), 40411);
	(void)snprintf(body, sizeof(body), "{\"mac\":\"%s\",\"online\":false}", f->mac);
	sim_do(&f->sim, "/device", body);
	(void)snprintf(more, sizeof(more), "\"mac\":\"%s\",\"relay_id\":\"%s\"", f->mac, f->relay);
	assert_int_equal(refused(f, "trigger_akuvox_remote_open_door", more), 50311);
	assert_int_equal(sim_count(&f->sim, "/openings"), 0);
	/* None of these is the fault of who asks. */
	assert_int_equal(sim_count(&f->sim, "/wrong_requests"), 0);
}

static void test_access(void **context)
{
	struct fixture *f = *context;
	struct json_object *r;

	tell(f, "update_akuvox_open_door_private_key_config", "\"private_key\":\"2468\"");
	r = ask(f, "get_akuvox_open_door_private_key_config", "");
	assert_string_equal(sim_text(r, "/private_key"), "2468");
	(void)json_object_put(r);

	r = ask(f, "update_akuvox_open_door_nfc_config", "\"enable_nfc\":false");
	assert_int_equal(strlen(sim_text(r, "/nfc_code")), 16);
	(void)json_object_put(r);
	r = ask(f, "get_akuvox_open_door_nfc_config", "");
	assert_int_equal(sim_flag(r, "/enable_nfc"), 0);
	(void)json_object_put(r);

	r = ask(f, "update_akuvox_open_door_ble_config", "\"enable_ble\":true");
	assert_int_equal(strlen(sim_text(r, "/ble_code")), 16);
	(void)json_object_put(r);
	r = ask(f, "get_akuvox_open_door_ble_config", "");
	assert_int_equal(sim_flag(r, "/enable_ble"), 1);
	(void)json_object_put(r);

	tell(f, "update_akuvox_face_file_info", "\"filename\":\"me.jpg\"");
	r = ask(f, "get_akuvox_face_file_info", "");
	assert_int_equal(sim_flag(r, "/is_uploaded"), 1);
	(void)json_object_put(r);
	tell(f, "delete_akuvox_face_file_info", "");
	r = ask(f, "get_akuvox_face_file_info", "");
	assert_int_equal(sim_flag(r, "/is_uploaded"), 0);
	(void)json_object_put(r);

	r = ask(f, "check_akuvox_device_permission", "\"devices\":[{\"mac\":\"nobody\"}]");
	assert_string_equal(sim_text(r, "/0/mac"), "nobody");
	assert_int_equal(sim_flag(r, "/0/permission"), 0);
	(void)json_object_put(r);
}

static void make_key(struct fixture *f, const char *finish, char *key, size_t size)
{
	struct json_object *r;
	char more[160];

	(void)snprintf(more, sizeof(more),
		"\"start_time\":\"2020-03-12 13:32:43\",\"finish_time\":\"%s\",\"count\":2",
		finish);
	r = ask(f, "create_akuvox_open_door_temp_key_config", more);
	assert_true(*sim_text(r, "/qr_code_url"));
	(void)snprintf(key, size, "%s", sim_text(r, "/temp_key"));
	(void)json_object_put(r);
}

static size_t count_keys(struct fixture *f)
{
	struct json_object *r = ask(f, "get_akuvox_open_door_temp_key_config", "");
	size_t count = json_object_array_length(r);

	(void)json_object_put(r);
	return count;
}

static void test_temp_keys(void **context)
{
	struct fixture *f = *context;
	char a[16], b[16], c[16], more[80];
	struct json_object *r;

	make_key(f, "2020-03-12 17:32:43", a, sizeof(a));
	make_key(f, "2999-03-12 17:32:43", b, sizeof(b));
	make_key(f, "2999-03-12 17:32:43", c, sizeof(c));
	r = ask(f, "get_akuvox_open_door_temp_key_config", "");
	assert_int_equal(json_object_array_length(r), 3);
	assert_string_equal(sim_text(r, "/0/temp_key"), a);
	assert_string_equal(sim_text(r, "/0/finish_time"), "2020-03-12 17:32:43");
	assert_int_equal(sim_number(r, "/0/count"), 2);
	(void)json_object_put(r);

	sim_do(&f->sim, "/lists", "{\"drop_expired\":true}");
	assert_int_equal(count_keys(f), 2);
	(void)snprintf(more, sizeof(more), "\"temp_key\":\"%s\"", b);
	tell(f, "delete_akuvox_open_door_temp_key_config", more);
	assert_int_equal(count_keys(f), 1);
	assert_int_equal(refused(f, "delete_akuvox_open_door_temp_key_config", more), 40431);
	(void)snprintf(more, sizeof(more), "\"temp_key\":[\"%s\",\"%s\"]", a, c);
	tell(f, "batch_delete_akuvox_open_door_temp_key_config", more);
	assert_int_equal(sim_count(&f->sim, "/homes/0/temp_keys"), 0);
	assert_int_equal(refused(f, "create_akuvox_open_door_temp_key_config",
				 "\"start_time\":\"2021-01-01 00:00:01\",\"finish_time\":"
				 "\"2021-01-01 00:00:00\",\"count\":1"),
		40031);
}

static void test_family(void **context)
{
	struct fixture *f = *context;
	char id[64], more[160];
	struct json_object *r;

	tell(f, "update_family_info", "\"family_name\":\"Villa\"");
	tell(f, "invite_family_account", "\"email\":\"a@example.org\",\"auth\":\"user\"");
	tell(f, "account_join_family", "\"auth\":\"guest\"");
	r = ask(f, "create_family_account",
		"\"first_name\":\"Bo\",\"last_name\":\"Ek\",\"email\":\"b@example.org\","
		"\"auth\":\"guest\",\"password\":\"p\"");
	(void)snprintf(id, sizeof(id), "%s", sim_text(r, "/account_id"));
	(void)json_object_put(r);
	(void)snprintf(more, sizeof(more), "\"account_id\":\"%s\",\"auth\":\"user\"", id);
	tell(f, "update_family_account_auth", more);
	(void)snprintf(more, sizeof(more),
		"\"accounts\":[{\"account_id\":\"%s\",\"auth\":\"user\"}]", f->guest);
	tell(f, "batch_update_family_account_auth", more);

	r = ask(f, "get_family_info", "");
	assert_string_equal(sim_text(r, "/family_name"), "Villa");
	assert_int_equal(json_object_array_length(sim_at(r, "/accounts")), 5);
	assert_string_equal(sim_text(r, "/accounts/0/auth"), "admin");
	assert_string_equal(sim_text(r, "/accounts/2/auth"), "user");
	assert_string_equal(sim_text(r, "/accounts/3/email"), "a@example.org");
	assert_string_equal(sim_text(r, "/accounts/4/auth"), "user");
	assert_string_equal(sim_text(r, "/accounts/4/first_name"), "Bo");
	(void)json_object_put(r);

	(void)snprintf(more, sizeof(more), "\"account_id\":\"%s\"", id);
	tell(f, "change_family_admin", more);
	assert_int_equal(refused(f, "delete_family_account", more), 40321);
	(void)snprintf(more, sizeof(more), "\"account_id\":\"%s\"", f->guest);
	tell(f, "delete_family_account", more);
	(void)snprintf(more, sizeof(more), "\"accounts\":[{\"account_id\":\"%s\"}]",
		sim_text(f->state, "/homes/0/members/1/account_id"));
	tell(f, "batch_delete_family_account", more);
	assert_int_equal(sim_count(&f->sim, "/homes/0/members"), 3);

	r = ask(f, "get_family_remote_connect", "");
	assert_memory_equal(sim_text(r, "/remote_connect_url"), "https://", 8);
	(void)json_object_put(r);
	r = sim_result(&f->sim, "get_family_list", "{}");
	assert_string_equal(sim_text(r, "/0/family_name"), "Villa");
	(void)json_object_put(r);
	assert_int_equal(sim_count(&f->sim, "/wrong_requests"), 0);
}

static void test_history_knobs(void **context)
{
	struct fixture *f = *context;
	struct json_object *r;
	char body[128];

	for (int i = 0; i < 5; i++) {
		(void)snprintf(body, sizeof(body),
			"{\"call_name\":\"n%d\",\"time\":\"2024-01-01 00:00:0%d\"}", i, 4 - i);
		sim_do(&f->sim, "/ring", body);
	}
	r = ask(f, "get_akuvox_call_history", "");
	assert_int_equal(json_object_array_length(r), 5);
	assert_string_equal(sim_text(r, "/0/call_name"), "n0");
	assert_string_equal(sim_text(r, "/4/call_time"), "2024-01-01 00:00:00");
	assert_string_equal(
		sim_text(r, "/4/call_sip"), sim_text(f->state, "/homes/0/devices/0/sip"));
	(void)json_object_put(r);

	sim_do(&f->sim, "/history", "{\"window\":3,\"duplicate_last\":true}");
	r = ask(f, "get_akuvox_call_history", "");
	assert_int_equal(json_object_array_length(r), 3);
	assert_true(json_object_equal(sim_at(r, "/0"), sim_at(r, "/1")));
	assert_string_equal(sim_text(r, "/2/call_name"), "n1");
	(void)json_object_put(r);

	sim_do(&f->sim, "/history", "{\"oldest_first\":true}");
	r = ask(f, "get_akuvox_call_history", "");
	assert_string_equal(sim_text(r, "/0/call_name"), "n1");
	(void)json_object_put(r);

	sim_do(&f->sim, "/history", "{\"clear\":true,\"shuffle\":true}");
	r = ask(f, "get_akuvox_call_history", "");
	assert_int_equal(json_object_array_length(r), 0);
	(void)json_object_put(r);
}

static void test_world_changes(void **context)
{
	struct fixture *f = *context;
	_cleanup_free_ char *add = with(f, "\"mac\":\"AABBCCDDEEFF\"");
	struct json_object *r;
	char body[256];

	sim_do(&f->sim, "/device/add", add);
	sim_do(&f->sim, "/device", "{\"mac\":\"AABBCCDDEEFF\",\"online\":false,\"name\":\"Back\"}");
	r = ask(f, "get_akuvox_device_list", "");
	assert_string_equal(sim_text(r, "/3/device_name"), "Back");
	assert_int_equal(sim_flag(r, "/3/online"), 0);
	(void)json_object_put(r);
	(void)json_object_put(
		sim_control(&f->sim, "DELETE", "/device?mac=AABBCCDDEEFF", NULL, 200));
	assert_int_equal(sim_count(&f->sim, "/homes/0/devices"), 3);

	/* Ids may hold anything, and the client must cope. */
	(void)snprintf(body, sizeof(body), "{\"relay_id\":\"%s\",\"to\":\"a/b+#\"}", f->relay);
	sim_do(&f->sim, "/id", body);
	(void)snprintf(body, sizeof(body), "{\"residence_id\":\"%s\",\"to\":\"\"}", f->home);
	sim_do(&f->sim, "/id", body);
	r = sim_result(&f->sim, "get_akuvox_device_list", "{\"residence_id\":\"\"}");
	assert_string_equal(sim_text(r, "/0/relays/0/relay_id"), "a/b+#");
	(void)json_object_put(r);

	sim_do(&f->sim, "/home", "{\"residence_id\":\"\",\"online\":false,\"name\":\"N\"}");
	sim_do(&f->sim, "/lists", "{\"objects\":true}");
	r = sim_result(&f->sim, "get_family_list", "{}");
	assert_string_equal(sim_text(r, "/list/0/family_name"), "N");
	assert_int_equal(sim_flag(r, "/list/0/online"), 0);
	(void)json_object_put(r);
	sim_do(&f->sim, "/lists", "{\"objects\":false}");
	sim_do(&f->sim, "/list_empty", "{\"count\":1}");
	r = sim_result(&f->sim, "get_family_list", "{}");
	assert_int_equal(json_object_array_length(r), 0);
	(void)json_object_put(r);
	sim_do(&f->sim, "/home/add", "{}");
	(void)json_object_put(sim_control(&f->sim, "DELETE", "/home?residence_id=", NULL, 200));
	r = sim_result(&f->sim, "get_family_list", "{}");
	assert_int_equal(json_object_array_length(r), 2);
	(void)json_object_put(r);
}

static void test_wrong_requests(void **context)
{
	static const char *const bodies[] = {"", "x", "[]", "{}",
		"{\"command\":\"get_family_list\",\"id\":\"c0123456789abcdef0123456789abcdef\"}",
		"{\"command\":\"get_family_list\",\"id\":\"c0123456789abcdef0123456789abcdef\","
		"\"param\":{},\"more\":1}",
		"{\"command\":\"get_family_list\",\"id\":\"0123456789abcdef0123456789abcdef\","
		"\"param\":{}}",
		"{\"command\":\"get_family_list\",\"id\":\"c0123456789ABCDEF0123456789abcdef\","
		"\"param\":{}}",
		"{\"command\":\"get_family_list\",\"id\":1,\"param\":{}}",
		"{\"command\":\"get_family_lists\",\"id\":\"c0123456789abcdef0123456789abcdef\","
		"\"param\":{}}",
		"{\"command\":\"get_family_list\",\"id\":\"c0123456789abcdef0123456789abcdef\","
		"\"param\":{\"residence_id\":\"r\"}}",
		"{\"command\":\"get_akuvox_device_list\",\"id\":"
		"\"c0123456789abcdef0123456789abcdef\",\"param\":{}}",
		"{\"command\":\"get_akuvox_device_list\",\"id\":"
		"\"c0123456789abcdef0123456789abcdef\",\"param\":{\"residence_id\":5}}"};
	struct fixture *f = *context;
	struct sim_reply reply;
	int64_t wrong = 0;

	for (size_t i = 0; i < ELEMENTS(bodies); i++) {
		sim_send(&f->sim, &reply, "POST", SIM_METHODS "user-commands", bodies[i]);
		assert_int_equal(reply.status, 200);
		assert_int_equal(sim_flag(reply.json, "/success"), 0);
		assert_true(sim_number(reply.json, "/code") > 0);
		assert_true(*sim_text(reply.json, "/message"));
		assert_true(sim_number(reply.json, "/timestamp") > INT64_C(1500000000000));
		sim_reply_done(&reply);
		assert_int_equal(sim_count(&f->sim, "/wrong_requests"), ++wrong);
	}
	assert_int_equal(sim_count(&f->sim, "/requests/get_family_list"), 0);

	/* The same id twice. */
	for (int i = 0; i < 2; i++) {
		sim_send(&f->sim, &reply, "POST", SIM_METHODS "user-commands",
			"{\"command\":\"get_family_list\",\"id\":"
			"\"c0123456789abcdef0123456789abcdef\",\"param\":{}}");
		assert_int_equal(sim_flag(reply.json, "/success"), i == 0);
		sim_reply_done(&reply);
	}
	assert_int_equal(sim_count(&f->sim, "/wrong_requests"), ++wrong);

	f->sim.accept = NULL;
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	assert_int_equal(sim_flag(reply.json, "/success"), 0);
	sim_reply_done(&reply);
	f->sim.accept = "application/json";
	f->sim.content_type = "text/plain";
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	assert_int_equal(sim_flag(reply.json, "/success"), 0);
	sim_reply_done(&reply);
	f->sim.content_type = "application/json";
	sim_send(&f->sim, &reply, "GET", SIM_METHODS "user-commands", NULL);
	assert_int_equal(reply.status, 405);
	sim_reply_done(&reply);
	sim_send(&f->sim, &reply, "GET", "/other", NULL);
	assert_int_equal(reply.status, 404);
	sim_reply_done(&reply);
	assert_int_equal(sim_count(&f->sim, "/wrong_requests"), wrong + 4);
	sim_send(&f->sim, &reply, "GET", SIM_METHODS "versions", NULL);
	assert_string_equal(sim_text(reply.json, "/result/version"), "1.0");
	sim_reply_done(&reply);
}

static void test_every_type_is_checked(void **context)
{
	static const struct {
		const char *command, *more;
	} calls[] = {
		{"update_akuvox_open_door_private_key_config", "\"private_key\":1234"},
		{"update_akuvox_open_door_nfc_config", "\"enable_nfc\":\"true\""},
		{"update_akuvox_open_door_ble_config", "\"enable_ble\":1"},
		{"create_akuvox_open_door_temp_key_config",
			"\"start_time\":\"2020-03-12 13:32:43\",\"finish_time\":\"2020-03-12 "
			"17:32:43\",\"count\":\"1\""},
		{"create_akuvox_open_door_temp_key_config",
			"\"start_time\":\"2020-03-12T13:32:43Z\",\"finish_time\":\"2020-03-12 "
			"17:32:43\",\"count\":1"},
		{"batch_delete_akuvox_open_door_temp_key_config", "\"temp_key\":\"1\""},
		{"batch_delete_akuvox_open_door_temp_key_config", "\"temp_key\":[1]"},
		{"check_akuvox_device_permission", "\"devices\":[\"0C110508EF2E\"]"},
		{"check_akuvox_device_permission", "\"devices\":[{\"mac\":\"x\",\"y\":1}]"},
		{"trigger_akuvox_remote_open_door", "\"mac\":\"x\""},
		{"invite_family_account", "\"email\":\"e\",\"auth\":\"admin\""},
		{"batch_update_family_account_auth", "\"accounts\":[{\"account_id\":\"x\"}]"},
		{"batch_delete_family_account", "\"accounts\":{}"},
	};
	struct fixture *f = *context;

	for (size_t i = 0; i < ELEMENTS(calls); i++) {
		assert_int_equal(refused(f, calls[i].command, calls[i].more), 40001);
		assert_int_equal(sim_count(&f->sim, "/wrong_requests"), (int64_t)i + 1);
	}
}

static void test_control_is_strict(void **context)
{
	static const char *const calls[][3] = {
		{"GET", "/nothing", NULL},
		{"POST", "/state", "{}"},
		{"GET", "/state?x=1", NULL},
		{"GET", "/requests?command=open", NULL},
		{"POST", "/fault", "{\"on\":\"no_such\",\"kind\":\"hang\"}"},
		{"POST", "/fault", "{\"on\":\"*\",\"kind\":\"hung\"}"},
		{"POST", "/fault", "{\"on\":\"*\"}"},
		{"POST", "/fault", "{\"on\":\"*\",\"kind\":\"status\"}"},
		{"POST", "/fault", "{\"on\":\"*\",\"kind\":\"delay\",\"ms\":-1}"},
		{"POST", "/device", "{\"mac\":\"none\",\"online\":true}"},
		{"POST", "/home", "{\"residence_id\":\"none\"}"},
		{"POST", "/history", "{\"window\":\"3\"}"},
		{"POST", "/id", "{\"to\":\"x\"}"},
		{"POST", "/ring", "x"},
		{"POST", "/ring", "[]"},
		{"DELETE", "/device?mac=none", NULL},
	};
	struct fixture *f = *context;

	for (size_t i = 0; i < ELEMENTS(calls); i++) {
		struct json_object *r =
			sim_control(&f->sim, calls[i][0], calls[i][1], calls[i][2], 400);

		assert_true(*sim_text(r, "/error"));
		(void)json_object_put(r);
	}
}

static void test_requests_are_kept(void **context)
{
	struct fixture *f = *context;
	struct json_object *r;

	for (int i = 0; i < 1010; i++)
		(void)json_object_put(sim_result(&f->sim, "get_family_list", "{}"));
	open_door(f);
	assert_int_equal(sim_count(&f->sim, "/requests/get_family_list"), 1010);
	assert_int_equal(sim_count(&f->sim, "/connections/accepted"), 1);
	assert_int_equal(sim_count(&f->sim, "/connections/open"), 1);
	r = sim_control(&f->sim, "GET", "/requests", NULL, 200);
	assert_int_equal(json_object_array_length(r), 1000);
	(void)json_object_put(r);
	r = sim_control(
		&f->sim, "GET", "/requests?command=trigger_akuvox_remote_open_door", NULL, 200);
	assert_int_equal(json_object_array_length(r), 1);
	assert_string_equal(sim_text(r, "/0/param/relay_id"), f->relay);
	assert_int_equal(strlen(sim_text(r, "/0/id")), 33);
	(void)json_object_put(r);
}

/* A child starts the simulator and dies; we, as the next of kin, are told how that one ended. */
static void test_ends_with_its_parent(void **context)
{
	struct sim_client sim;
	int status, pipes[2];
	pid_t child;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		sim_start(&sim, NULL);
		_exit(write(pipes[1], &sim.pid, sizeof(sim.pid)) != (ssize_t)sizeof(sim.pid));
	}
	assert_int_equal(read(pipes[0], &sim.pid, sizeof(sim.pid)), sizeof(sim.pid));
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(sim.pid, &status, 0), sim.pid);
	assert_int_equal(status, 0);
}

/* What hangs for good must not stop "make check". */
#define TEST_SECONDS_MAX 300

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_homes_and_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_seed_decides_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_opening, setup, teardown),
		cmocka_unit_test_setup_teardown(test_opening_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_access, setup, teardown),
		cmocka_unit_test_setup_teardown(test_temp_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_family, setup, teardown),
		cmocka_unit_test_setup_teardown(test_history_knobs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_world_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_type_is_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control_is_strict, setup, teardown),
		cmocka_unit_test_setup_teardown(test_requests_are_kept, setup, teardown),
		cmocka_unit_test(test_ends_with_its_parent),
	};

	(void)alarm(TEST_SECONDS_MAX);
	return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
