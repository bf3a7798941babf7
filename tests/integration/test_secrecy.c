#include "tests/integration/access_scene.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What opens is told nobody but who asked for it. */

#define SECRETS_MAX 64

struct secrets {
	const char *text[SECRETS_MAX];
	size_t n;
};

static void add_secret(struct secrets *s, const char *text)
{
	/* A shorter one would be found anywhere. */
	assert_true(strlen(text) >= 8 && s->n < SECRETS_MAX);
	s->text[s->n++] = text;
}

static const char *ask_cloud(
	struct harness *h, unsigned home, const char *command, const char *path)
{
	return json_at(cloud_call(h, command,
			       scene_json(h, "{'residence_id':'%s'}", scene_residence(h, home))),
		path);
}

/* What the cloud knows now that opens doors or looks through cameras. */
static void collect(struct harness *h, struct secrets *s)
{
	static const char *const places[][2] = {
		{"get_akuvox_open_door_private_key_config", "result.private_key"},
		{"get_akuvox_open_door_nfc_config", "result.nfc_code"},
		{"get_akuvox_open_door_ble_config", "result.ble_code"},
		{KEYS, "result.0.temp_key"},
		{KEYS, "result.0.qr_code_url"},
		{"get_akuvox_device_list", "result.0.ciphertext"},
		{"get_akuvox_device_list", "result.1.ciphertext"},
	};

	for (unsigned home = 0; home < 2; home++)
		for (size_t i = 0; i < ELEMENTS(places); i++)
			add_secret(s, ask_cloud(h, home, places[i][0], places[i][1]));
	add_secret(s, "sim-token");
}

static void expect_none_of(
	const struct secrets *s, const char *text, size_t size, const char *where)
{
	for (size_t i = 0; i < s->n; i++)
		if (memmem(text, size, s->text[i], strlen(s->text[i])))
			fail_msg("%s holds \"%s\"", where, s->text[i]);
}

static const struct secrets *sought;

static bool is_last(const struct message *m, void *userdata)
{
	size_t *left = userdata;

	expect_none_of(sought, m->payload, m->size, m->topic);
	return --*left == 0;
}

/* Looks into everything that is retained. */
static void expect_not_kept(struct harness *h, const struct secrets *s)
{
	_cleanup_(client_freep) struct client *c = client_retained(h, "#");
	size_t left = client_count(c, "#");

	assert_true(left > 20);
	sought = s;
	(void)client_await_if(c, "#", is_last, &left);
}

static int look_into(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	_cleanup_free_ char *text = NULL;
	FILE *file;
	size_t size;

	if (flag != FTW_F)
		return 0;
	text = malloc((size_t)st->st_size + 1);
	file = fopen(path, "re");
	assert_true(text && file);
	size = fread(text, 1, (size_t)st->st_size, file);
	(void)fclose(file);
	expect_none_of(sought, text, size, path);
	return 0;
}

static void make_keys(struct harness *h, struct secrets *s)
{
	for (unsigned home = 0; home < 2; home++) {
		const struct message *m =
			client_ask(h->client, scene_home(h, home, "temp_key/create"),
				scene_json(h, "{'valid_for':'4h'}"));

		expect_success(m);
		add_secret(s, message_get(m, "result.temp_key"));
		add_secret(s, message_get(m, "result.qr_code_url"));
		expect_success(client_ask(h->client, scene_home(h, home, "private_key/set"),
			harness_text(h, "4815162%u", home)));
	}
}

/* Each in a way that ends in an error text. */
static void fail_with_secrets(struct harness *h, const struct secrets *s)
{
	static const struct {
		const char *leaf, *format;
	} ways[] = {
		{"private_key/set", "%s%s%s"},
		{"private_key/set", "{%s}"},
		{"request/" PIN, "{'private_key':['%s']}"},
		{"request/" PIN, "{'private_key':'%s','residence_id':'x'}"},
		{"request/" PIN, "%s"},
		{"request/" NFC, "{'enable_nfc':'%s'}"},
		{"nfc/set", "%s"},
		{"ble/set", "%s"},
		{"temp_key/delete", "%sx"},
		{"temp_key/delete", "{'temp_key':['%s',1]}"},
		{"temp_key/delete", "{'temp_key':{'a':'%s'}}"},
		{"temp_key/create", "{'valid_for':'x%s'}"},
		{"temp_key/create", "{'valid_for':'4h','count':'%s'}"},
		{"temp_key/create", "{'start':'%s','valid_for':'1h'}"},
		{"request/create_akuvox_open_door_temp_key_config",
			"{'start_time':'%s','finish_time':'x','count':1}"},
	};

	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < ELEMENTS(ways); j++) {
			const char *t = s->text[i];
			const struct message *m;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			m = client_ask(h->client, harness_home(h, ways[j].leaf),
				scene_json(h, ways[j].format, t, t, t));
#pragma GCC diagnostic pop
			assert_string_equal(message_get(m, "success"), "false");
			expect_none_of(s, m->payload, m->size, ways[j].leaf);
		}
}

HARNESS_TEST(nothing_that_opens_is_kept_or_logged)
{
	struct secrets s = {0};
	const struct message *first_answer;
	const char *log;

	harness_setenv(h, "AKUVOX2MQTT_DEBUG", "all");
	harness_set(h, "poll.access", "0.1");
	scene_start(h);
	make_keys(h, &s);
	first_answer = client_last(h->client, harness_home(h, "temp_key/result"));
	collect(h, &s);
	for (unsigned home = 0; home < 2; home++) {
		expect_success(client_ask(h->client, scene_home(h, home, "nfc/set"), "ON"));
		expect_success(client_ask(h->client, scene_home(h, home, "ble/set"), "ON"));
	}
	fail_with_secrets(h, &s);
	access_let_polls_pass(h);
	expect_not_kept(h, &s);
	sought = &s;
	assert_int_equal(nftw(harness_text(h, "%s/state", h->dir), look_into, 8, FTW_PHYS), 0);
	log = process_log(h->gateway);
	assert_non_null(strstr(log, PIN));
	assert_non_null(strstr(log, "mqtt: "));
	expect_none_of(&s, log, strlen(log), "the log");
	/* Who asked was told, so what was sought could have been found. */
	assert_non_null(strstr(first_answer->payload, s.text[0]));
}

HARNESS_TEST(guest_keys_are_published_on_demand)
{
	struct secrets keys = {0}, others = {0};
	const struct message *m;
	uint64_t since;

	harness_set(h, "privacy.publish_secrets", "yes");
	access_start(h);
	since = clock_boot_usec();
	make_keys(h, &keys);
	m = access_await_keys(h, "1", since + FOLLOWS);
	assert_string_equal(message_get(m, "keys.0.temp_key"), keys.text[0]);
	assert_string_equal(message_get(m, "keys.0.qr_code_url"), keys.text[1]);
	assert_int_equal(json_object_object_length(json_object_array_get_idx(
				 json_object_object_get(m->json, "keys"), 0)),
		5);
	(void)client_await(h->client, scene_home(h, 1, "temp_keys"), NULL);
	for (unsigned home = 0; home < 2; home++) {
		add_secret(&others, harness_text(h, "4815162%u", home));
		add_secret(&others,
			ask_cloud(h, home, "get_akuvox_open_door_nfc_config", "result.nfc_code"));
		add_secret(&others,
			ask_cloud(h, home, "get_akuvox_open_door_ble_config", "result.ble_code"));
	}
	client_settle(h->client);
	expect_not_kept(h, &others);
	expect_none_of(&keys, process_log(h->gateway), strlen(process_log(h->gateway)), "the log");
	/* And taken back. */
	client_forget(h->client);
	harness_set(h, "privacy.publish_secrets", "no");
	(void)harness_write_config(h);
	process_signal(h->gateway, SIGHUP);
	for (unsigned home = 0; home < 2; home++)
		(void)client_await(h->client, scene_home(h, home, "temp_keys"), NULL);
	expect_not_kept(h, &keys);
}

HARNESS_MAIN(HARNESS_RUN(nothing_that_opens_is_kept_or_logged),
	HARNESS_RUN(guest_keys_are_published_on_demand))
