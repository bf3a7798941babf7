#include "tests/integration/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"

/* All 30 commands, from a message on the broker to the cloud and back. The table is written down
 * anew on purpose, from the vendor's pages: the gateway has one of its own. */

#define GROUPS        4
#define HOMES         2 /* of the simulator */
#define ARGUMENTS_MAX 7

/* A result with all that a careless copy would change. */
#define ODD_RESULT                                                                         \
	"{\"b\":[1,2.50,\"\xc3\xa9 \\\" </a>\",null,true,[],{}],\"a\":9007199254740993,\"" \
	"\":\"x\",\"success\":false}"

enum kind {
	READ,  /* may be sent again when no answer came */
	WRITE, /* never */
};

static const char *const groups[GROUPS] = {"read", "door", "access", "family"};

/* In the parameters ' stands for ", <mac> and <relay> for those of the first door, <key> for a guest
 * key and <account> for a member that are made for it. */
static const struct row {
	const char *command;
	const char *group;
	enum kind kind;
	const char *good;
	const char *wrong; /* parameters that are refused */
	const char *param; /* the one that is named */
} rows[] = {
	{"get_family_list", "read", READ, "{}", "{'online':true}", "online"},
	{"get_akuvox_device_list", "read", READ, "{}", "{'mac':'<mac>'}", "mac"},
	{"get_akuvox_open_door_private_key_config", "read", READ, "{}", "{'private_key':'1'}",
		"private_key"},
	{"update_akuvox_open_door_private_key_config", "access", WRITE, "{'private_key':'7351'}",
		"{'private_key':7351}", "private_key"},
	{"get_akuvox_open_door_nfc_config", "read", READ, "{}", "{'residence_id':'elsewhere'}",
		"residence_id"},
	{"update_akuvox_open_door_nfc_config", "access", WRITE, "{'enable_nfc':true}",
		"{'enable_nfc':'true'}", "enable_nfc"},
	{"get_akuvox_open_door_ble_config", "read", READ, "{}", "{'enable_ble':true}",
		"enable_ble"},
	{"update_akuvox_open_door_ble_config", "access", WRITE, "{'enable_ble':false}", "{}",
		"enable_ble"},
	{"get_akuvox_open_door_temp_key_config", "read", READ, "{}", "{'temp_key':'1'}",
		"temp_key"},
	{"create_akuvox_open_door_temp_key_config", "access", WRITE,
		"{'start_time':'2030-05-01 08:00:00','finish_time':'2030-05-01 18:00:00',"
		"'count':3}",
		"{'start_time':'2030-05-01 08:00:00','finish_time':'2030-05-01 08:00:00',"
		"'count':3}",
		"finish_time"},
	{"delete_akuvox_open_door_temp_key_config", "access", WRITE, "{'temp_key':'<key>'}",
		"{'temp_key':['<key>']}", "temp_key"},
	{"batch_delete_akuvox_open_door_temp_key_config", "access", WRITE,
		"{'temp_key':['<key>','<key>']}", "{'temp_key':'<key>'}", "temp_key"},
	{"get_akuvox_face_file_info", "read", READ, "{}", "{'filename':'x'}", "filename"},
	{"update_akuvox_face_file_info", "access", WRITE, "{'filename':'face.jpg'}",
		"{'filename':''}", "filename"},
	{"delete_akuvox_face_file_info", "access", WRITE, "{}", "{'filename':'face.jpg'}",
		"filename"},
	{"check_akuvox_device_permission", "read", READ,
		"{'devices':[{'mac':'<mac>'},{'mac':'X'}]}",
		"{'devices':[{'mac':'<mac>'},{'mac':1}]}", "devices[1].mac"},
	{"get_akuvox_call_history", "read", READ, "{}", "{'limit':1}", "limit"},
	{"get_akuvox_open_door_history", "read", READ, "{}", "{'since':null}", "since"},
	{"trigger_akuvox_remote_open_door", "door", WRITE, "{'mac':'<mac>','relay_id':'<relay>'}",
		"{'mac':'<mac>'}", "relay_id"},
	{"get_family_info", "read", READ, "{}", "{'accounts':[]}", "accounts"},
	{"update_family_info", "family", WRITE, "{'family_name':'Sea \xc3\xa9 house'}",
		"{'family_name':''}", "family_name"},
	{"invite_family_account", "family", WRITE, "{'email':'one@example.org','auth':'guest'}",
		"{'email':'two@example.org','auth':'admin'}", "auth"},
	{"account_join_family", "family", WRITE, "{'auth':'user'}", "{'auth':'USER'}", "auth"},
	{"create_family_account", "family", WRITE,
		"{'first_name':'Tom','last_name':'Fly','email':'tom@example.org','auth':'guest',"
		"'password':'Fly-1'}",
		"{'first_name':'Tom','last_name':'Fly','email':'tom@example.org','auth':'guest',"
		"'password':1}",
		"password"},
	{"update_family_account_auth", "family", WRITE, "{'account_id':'<account>','auth':'user'}",
		"{'account_id':'<account>','auth':true}", "auth"},
	{"batch_update_family_account_auth", "family", WRITE,
		"{'accounts':[{'account_id':'<account>','auth':'user'},"
		"{'account_id':'<account>','auth':'guest'}]}",
		"{'accounts':[{'account_id':'<account>','auth':'user'},"
		"{'account_id':'<account>','auth':'admin'}]}",
		"accounts[1].auth"},
	{"delete_family_account", "family", WRITE, "{'account_id':'<account>'}",
		"{'account_id':['<account>']}", "account_id"},
	{"batch_delete_family_account", "family", WRITE,
		"{'accounts':[{'account_id':'<account>'}]}",
		"{'accounts':[{'account_id':'<account>','auth':'user'}]}", "accounts[0].auth"},
	{"get_family_remote_connect", "read", READ, "{}", "{'remote_connect_url':'x'}",
		"remote_connect_url"},
	{"change_family_admin", "family", WRITE, "{'account_id':'<account>'}",
		"{'account_id':null}", "account_id"},
};

_Static_assert(ELEMENTS(rows) == 30, "the catalogue has 18 + 12 commands");

#define each_row(row)                 \
	const struct row *row = rows; \
	row < rows + ELEMENTS(rows);  \
	row++

static bool needs_residence(const struct row *row)
{
	return strcmp(row->command, "get_family_list") != 0;
}

static const char *new_key(struct harness *h)
{
	return json_at(cloud_call(h, "create_akuvox_open_door_temp_key_config",
			       scene_json(h,
				       "{'residence_id':'%s','start_time':'2030-01-01 00:00:00',"
				       "'finish_time':'2030-01-02 00:00:00','count':1}",
				       scene_residence(h, 0))),
		"result.temp_key");
}

static const char *new_account(struct harness *h)
{
	static unsigned made;

	return json_at(cloud_call(h, "create_family_account",
			       scene_json(h,
				       "{'residence_id':'%s','first_name':'A','last_name':'B',"
				       "'email':'made-%u@example.org','auth':'guest'}",
				       scene_residence(h, 0), ++made)),
		"result.account_id");
}

static const char *value_of(struct harness *h, const char *name)
{
	if (strncmp(name, "<mac>", 5) == 0)
		return scene_mac(h, 0, 0);
	if (strncmp(name, "<relay>", 7) == 0)
		return scene_relay(h, 0, 0, 0);
	if (strncmp(name, "<key>", 5) == 0)
		return new_key(h);
	assert_true(strncmp(name, "<account>", 9) == 0);
	return new_account(h);
}

/* Parameters of the table as they are sent. */
static const char *fill_in(struct harness *h, const char *text)
{
	const char *done = "", *open;

	while ((open = strchr(text, '<'))) {
		done = harness_text(
			h, "%s%.*s%s", done, (int)(open - text), text, value_of(h, open));
		text = strchr(open, '>') + 1;
	}
	return scene_json(h, "%s%s", done, text);
}

static struct json_object *parse(struct harness *h, const char *text)
{
	struct json_object *object = NULL;

	if (json_parse(&object, text, strlen(text)) < 0)
		fail_msg("no JSON: %s", text);
	harness_keep_json(h, object);
	return object;
}

static const char *with_id(struct harness *h, const char *param, const char *id)
{
	return harness_text(h, "{\"id\":\"%s\"%s%s", id, param[1] == '}' ? "" : ",", param + 1);
}

static const char *topic_of(struct harness *h, const struct row *row, const char *what)
{
	const char *leaf = harness_text(h, "%s/%s", what, row->command);

	return needs_residence(row) ? harness_home(h, leaf)
	                            : harness_text(h, "%s/bridge/%s", h->base, leaf);
}

static const struct message *ask(struct harness *h, const struct row *row, const char *payload)
{
	return client_ask(h->client, topic_of(h, row, "request"), payload);
}

/* The newest request of that command has these parameters and the home. */
static void expect_left(struct harness *h, const struct row *row, const char *param)
{
	struct json_object *requests = control_requests(h, row->command);
	size_t n = json_object_array_length(requests);
	struct json_object *wanted = parse(h, param), *left;

	assert_true(n > 0);
	left = json_object_object_get(json_object_array_get_idx(requests, n - 1), "param");
	if (needs_residence(row))
		assert_int_equal(json_object_object_add(wanted, "residence_id",
					 json_object_new_string(scene_residence(h, 0))),
			0);
	if (!json_object_equal(left, wanted))
		fail_msg("%s left as %s", row->command, json_object_get_string(left));
}

/* One answer on the default topic and one where it was asked for, both the same. */
static void expect_one_answer(
	struct harness *h, const struct row *row, const struct message *answer, size_t before)
{
	const char *topic = topic_of(h, row, "response");
	const struct message *other;

	client_settle_local(h->client);
	assert_int_equal(client_count(h->client, answer->topic), 1);
	assert_int_equal(client_count(h->client, topic), before + 1);
	other = client_last(h->client, topic);
	assert_string_equal(other->payload, answer->payload);
	assert_string_equal(other->correlation, answer->correlation);
	assert_false(other->retain);
	assert_int_equal(other->qos, 1);
	assert_string_equal(message_get(answer, "command"), row->command);
}

/* Nothing is polled but the list of homes, after a change of the family. */
static void start(struct harness *h, const char *allow)
{
	harness_set(h, "commands.allow", allow);
	harness_set(h, "poll.access", "0");
	harness_set(h, "poll.family", "0");
	harness_set(h, "poll.history", "0");
	harness_set(h, "poll.devices", "1 h");
	scene_start(h);
}

/* The simulator takes a body only if it is {"command","id","param"} and nothing else, and
 * the harness fails the test if it saw another. */
HARNESS_TEST(each_command_leaves_once_and_is_answered_once)
{
	start(h, "read door access family");
	for (each_row(row)) {
		const char *param = fill_in(h, row->good);
		size_t sent = control_request_count(h, row->command);
		size_t answers = client_count(h->client, topic_of(h, row, "response"));
		const struct message *answer = ask(h, row, with_id(h, param, row->command));

		expect_success(answer);
		assert_string_equal(message_get(answer, "id"), row->command);
		expect_one_answer(h, row, answer, answers);
		assert_int_equal(control_request_count(h, row->command), sent + 1);
		expect_left(h, row, param);
	}
	assert_int_equal(control_opening_count(h), 1);
}

HARNESS_TEST(a_second_request_of_the_same_id_leaves_not)
{
	start(h, "read door access family");
	for (each_row(row)) {
		const char *payload = with_id(h, fill_in(h, row->good), row->command);
		const struct message *first = ask(h, row, payload), *second;
		size_t sent = control_request_count(h, row->command);

		expect_success(first);
		second = ask(h, row, payload);
		expect_error(second, "duplicate");
		assert_string_equal(message_get(second, "id"), row->command);
		assert_true(json_object_equal(
			json_object_object_get(
				json_object_object_get(second->json, "error"), "first"),
			first->json));
		client_settle_local(h->client);
		if (needs_residence(row))
			assert_int_equal(control_request_count(h, row->command), sent);
	}
	assert_int_equal(control_opening_count(h), 1);
}

static void plan_odd_result(struct harness *h, const char *command)
{
	struct json_object *fault = json_object_new_object();

	harness_keep_json(h, fault);
	(void)json_object_object_add(fault, "on", json_object_new_string(command));
	(void)json_object_object_add(fault, "kind", json_object_new_string("wrong_json"));
	(void)json_object_object_add(fault, "body",
		json_object_new_string("{\"success\":true,\"result\":" ODD_RESULT "}"));
	(void)control_post(h, "/fault", "%s", json_object_to_json_string(fault));
}

HARNESS_TEST(the_clouds_result_is_not_touched)
{
	start(h, "read door access family");
	for (each_row(row)) {
		const char *param = fill_in(h, row->good);
		const struct message *answer;

		plan_odd_result(h, row->command);
		answer = ask(h, row, param);
		expect_success(answer);
		if (!strstr(answer->payload, "\"result\":" ODD_RESULT "}"))
			fail_msg("%s: %s", row->command, answer->payload);
	}
}

HARNESS_TEST(what_the_cloud_refuses_is_answered_in_its_words)
{
	start(h, "read door access family");
	for (each_row(row)) {
		const char *param = fill_in(h, row->good);
		const struct message *answer;
		size_t sent;

		(void)control_post(h, "/fault",
			"{'on':'%s','kind':'refuse','status':40999,'body':'no, %s'}", row->command,
			row->command);
		sent = control_request_count(h, row->command);
		answer = ask(h, row, param);
		expect_error(answer, "cloud_error");
		assert_string_equal(message_get(answer, "error.cloud_code"), "40999");
		assert_string_equal(message_get(answer, "error.cloud_message"),
			harness_text(h, "no, %s", row->command));
		assert_int_equal(control_request_count(h, row->command), sent + 1);
	}
	assert_int_equal(control_opening_count(h), 0);
}

HARNESS_TEST(a_wrong_parameter_is_named_and_nothing_leaves)
{
	start(h, "read door access family");
	for (each_row(row)) {
		const char *param = fill_in(h, row->wrong), *why;
		size_t sent = control_request_count(h, row->command);
		size_t answers = client_count(h->client, topic_of(h, row, "response"));
		const struct message *answer = ask(h, row, with_id(h, param, row->command));

		expect_error(answer, "invalid_param");
		assert_string_equal(message_get(answer, "error.param"), row->param);
		why = message_get(answer, "error.message");
		assert_int_equal(strncmp(why, row->param, strlen(row->param)), 0);
		assert_string_equal(message_get(answer, "id"), row->command);
		expect_one_answer(h, row, answer, answers);
		client_settle_local(h->client);
		assert_int_equal(control_request_count(h, row->command), sent);
	}
	/* Only where a home is named. */
	for (each_row(row)) {
		const struct message *answer;

		if (!needs_residence(row))
			continue;
		answer = client_ask(h->client,
			harness_text(h, "home/bridge/request/%s", row->command),
			fill_in(h, row->good));
		expect_error(answer, "invalid_param");
		assert_string_equal(message_get(answer, "error.param"), "residence_id");
	}
	assert_int_equal(control_opening_count(h), 0);
}

static void drop(struct harness *h, const struct row *row, const char *fault)
{
	const char *param = fill_in(h, row->good);
	size_t sent = control_request_count(h, row->command);
	const struct message *answer;

	(void)control_post(h, "/fault", "{'on':'%s','kind':'%s'}", row->command, fault);
	answer = ask(h, row, param);
	if (row->kind == READ)
		expect_success(answer);
	else
		expect_error(answer, "outcome_unknown");
	client_settle(h->client);
	if (needs_residence(row))
		assert_int_equal(
			control_request_count(h, row->command), sent + (row->kind == READ ? 2 : 1));
}

HARNESS_TEST(reads_are_repeated_and_writes_never)
{
	start(h, "read door access family");
	for (each_row(row)) {
		drop(h, row, "drop_before");
		drop(h, row, "drop_after");
	}
	assert_int_equal(control_opening_count(h), 1);
}

/* What never left may leave again: nobody listens, and then somebody does. */
HARNESS_TEST(what_cannot_leave_is_told)
{
	const char *payloads[ELEMENTS(rows)], *topics[ELEMENTS(rows)];

	start(h, "read door access family");
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		payloads[i] = fill_in(h, rows[i].good);
		topics[i] = topic_of(h, &rows[i], "request");
	}
	assert_int_equal(process_stop(h->sim), 0);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		expect_error(client_ask(h->client, topics[i], payloads[i]), "cloud_unreachable");
	harness_start_sim(h);
	scene_expect_openings(h, 0);
}

/* As is allowed by default, by each group alone, and by each name alone. */
static void expect_allowed(struct harness *h, const struct row *row, bool allowed)
{
	const char *param = fill_in(h, row->good), *why;
	size_t sent = control_request_count(h, row->command);
	const struct message *answer = ask(h, row, param);

	if (allowed) {
		expect_success(answer);
		return;
	}
	expect_error(answer, "not_allowed");
	why = message_get(answer, "error.message");
	assert_non_null(strstr(why, "commands.allow"));
	assert_non_null(strstr(why, harness_text(h, "\"%s\"", row->group)));
	assert_non_null(strstr(why, harness_text(h, "\"%s\"", row->command)));
	client_settle_local(h->client);
	assert_int_equal(control_request_count(h, row->command), sent);
}

HARNESS_TEST(all_but_family_is_allowed_unless_configured)
{
	start(h, NULL);
	for (each_row(row))
		expect_allowed(h, row, strcmp(row->group, "family") != 0);
}

/* A reload polls all devices. */
static void allow(struct harness *h, const char *what)
{
	size_t polls = control_request_count(h, "get_akuvox_device_list");

	harness_set(h, "commands.allow", what);
	(void)harness_write_config(h);
	client_settle_local(h->client);
	client_forget(h->client);
	process_signal(h->gateway, SIGHUP);
	(void)client_await(h->client, "home/bridge/info", NULL);
	control_await_requests(h, "get_akuvox_device_list", polls + HOMES);
}

HARNESS_TEST(groups_are_allowed_one_by_one)
{
	start(h, "read");
	for (size_t i = 0; i < GROUPS; i++) {
		allow(h, groups[i]);
		for (each_row(row))
			if (needs_residence(row))
				expect_allowed(h, row, strcmp(row->group, groups[i]) == 0);
	}
	scene_expect_openings(h, 1);
}

HARNESS_TEST(single_commands_are_allowed_by_name)
{
	start(h, "read");
	for (each_row(row)) {
		const struct row *other = row > rows ? row - 1 : rows + ELEMENTS(rows) - 1;

		allow(h, row->command);
		expect_allowed(h, row, true);
		expect_allowed(h, other, false);
	}
}

/* key=value of each parameter: texts as they are, all else as JSON. */
static int call(struct harness *h, const struct row *row, const char *param,
	const char **ret_output, const char **ret_errors)
{
	const char *a[ARGUMENTS_MAX + 1] = {0};
	struct json_object *object = parse(h, param);
	size_t n = 0;

	if (needs_residence(row) && !json_object_object_get_ex(object, "residence_id", NULL))
		a[n++] = harness_text(h, "residence_id=%s", scene_residence(h, 0));
	json_object_object_foreach (object, key, value) {
		assert_true(n < ARGUMENTS_MAX);
		a[n++] = harness_text(
			h, "%s=%s", key, value ? json_object_get_string(value) : "null");
	}
	return harness_verb(h, ret_output, ret_errors, "call", "-c",
		harness_text(h, "%s/akuvox2mqtt.conf", h->dir), row->command, a[0], a[1], a[2],
		a[3], a[4], a[5], a[6], NULL);
}

/* Whatever commands.allow says: who may read the token may do all. */
HARNESS_TEST(each_command_is_called_from_the_command_line)
{
	harness_start_sim(h);
	harness_set(h, "commands.allow", "read");
	(void)harness_write_config(h);
	for (each_row(row)) {
		const char *param = fill_in(h, row->good), *output, *errors;
		size_t sent = control_request_count(h, row->command);

		assert_int_equal(call(h, row, param, &output, &errors), 0);
		assert_int_equal(control_request_count(h, row->command), sent + 1);
		expect_left(h, row, param);
		plan_odd_result(h, row->command);
		assert_int_equal(call(h, row, param, &output, &errors), 0);
		assert_true(json_object_equal(parse(h, output), parse(h, ODD_RESULT)));
	}
	assert_int_equal(control_opening_count(h), 1);
}

/* On the command line a value is a text where its parameter is one: these are wrong there too. */
static bool is_wrong_as_text(const struct row *row)
{
	return strcmp(row->command, "update_akuvox_open_door_private_key_config") != 0 &&
	       strcmp(row->command, "create_family_account") != 0 &&
	       strcmp(row->command, "delete_family_account") != 0 &&
	       strcmp(row->command, "change_family_admin") != 0 &&
	       strcmp(row->command, "get_akuvox_open_door_nfc_config") != 0 &&
	       strcmp(row->command, "update_akuvox_open_door_nfc_config") != 0 &&
	       strcmp(row->command, "delete_akuvox_open_door_temp_key_config") != 0;
}

HARNESS_TEST(a_wrong_call_from_the_command_line_leaves_not)
{
	harness_start_sim(h);
	(void)harness_write_config(h);
	for (each_row(row)) {
		const char *param = fill_in(h, row->wrong), *output, *errors;
		size_t sent = control_request_count(h, row->command);

		if (!is_wrong_as_text(row))
			continue;
		if (call(h, row, param, &output, &errors) != 2)
			fail_msg("%s is taken", row->command);
		assert_string_equal(output, "");
		if (!strstr(errors, harness_text(h, "%s: %s ", row->command, row->param)))
			fail_msg("%s: %s", row->command, errors);
		assert_int_equal(control_request_count(h, row->command), sent);
	}
}

HARNESS_MAIN(HARNESS_RUN(each_command_leaves_once_and_is_answered_once),
	HARNESS_RUN(a_second_request_of_the_same_id_leaves_not),
	HARNESS_RUN(the_clouds_result_is_not_touched),
	HARNESS_RUN(what_the_cloud_refuses_is_answered_in_its_words),
	HARNESS_RUN(a_wrong_parameter_is_named_and_nothing_leaves),
	HARNESS_RUN(reads_are_repeated_and_writes_never), HARNESS_RUN(what_cannot_leave_is_told),
	HARNESS_RUN(all_but_family_is_allowed_unless_configured),
	HARNESS_RUN(groups_are_allowed_one_by_one),
	HARNESS_RUN(single_commands_are_allowed_by_name),
	HARNESS_RUN(each_command_is_called_from_the_command_line),
	HARNESS_RUN(a_wrong_call_from_the_command_line_leaves_not))
