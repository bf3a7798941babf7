#include "tests/integration/scene.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPENING "trigger_akuvox_remote_open_door"

static const char *state_text(struct harness *h, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static const char *state_text(struct harness *h, const char *format, ...)
{
	char path[80];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(path, sizeof(path), format, arguments);
	va_end(arguments);
	return control_text(h, path);
}

const char *scene_residence(struct harness *h, unsigned home)
{
	return state_text(h, "homes.%u.residence_id", home);
}

const char *scene_mac(struct harness *h, unsigned home, unsigned device)
{
	return state_text(h, "homes.%u.devices.%u.mac", home, device);
}

const char *scene_relay(struct harness *h, unsigned home, unsigned device, unsigned relay)
{
	return state_text(h, "homes.%u.devices.%u.relays.%u.relay_id", home, device, relay);
}

/* These are topics, in which the ids stand as they are: no aliases. */
const char *scene_home(struct harness *h, unsigned home, const char *leaf)
{
	return harness_text(h, "%s/%s/%s", h->base, scene_residence(h, home), leaf);
}

const char *scene_device(struct harness *h, unsigned home, unsigned device, const char *leaf)
{
	return scene_home(
		h, home, harness_text(h, "device/%s/%s", scene_mac(h, home, device), leaf));
}

const char *scene_door(
	struct harness *h, unsigned home, unsigned device, unsigned relay, const char *leaf)
{
	return scene_home(
		h, home, harness_text(h, "door/%s/%s", scene_relay(h, home, device, relay), leaf));
}

/* Returns when the gateway has told of all doors there are, by their ids. */
void scene_await_doors(struct harness *h)
{
	struct json_object *state = control_get(h, "/state"), *homes, *devices, *relays;

	homes = json_object_object_get(state, "homes");
	for (size_t i = 0; i < json_object_array_length(homes); i++) {
		struct json_object *home = json_object_array_get_idx(homes, i);

		devices = json_object_object_get(home, "devices");
		for (size_t j = 0; j < json_object_array_length(devices); j++) {
			struct json_object *device = json_object_array_get_idx(devices, j);

			relays = json_object_object_get(device, "relays");
			for (size_t k = 0; k < json_object_array_length(relays); k++)
				(void)client_await(h->client,
					harness_text(h, "%s/%s/door/%s/state", h->base,
						json_at(home, "residence_id"),
						json_at(json_object_array_get_idx(relays, k),
							"relay_id")),
					"LOCKED");
		}
	}
}

void scene_prepare(struct harness *h)
{
	harness_start_broker(h);
	harness_start_sim(h);
	harness_start_client(h);
}

/* Returns when the gateway has subscribed on a new connection; what came before is spent. Call it
 * after client_forget() and the start of the broker or the gateway. */
void scene_await_broker(struct harness *h)
{
	(void)client_await(h->client, harness_text(h, "%s/bridge/health", h->base), NULL);
}

/* After its end. Returns when it has subscribed and knows the doors, be it from its cache file. */
void scene_restart_gateway(struct harness *h)
{
	client_forget(h->client);
	harness_start_gateway(h);
	scene_await_broker(h);
	scene_await_doors(h);
}

/* All is up, the gateway knows the doors, and what it published so far is spent. */
void scene_start(struct harness *h)
{
	harness_start(h);
	scene_await_doors(h);
	client_settle(h->client);
	client_forget(h->client);
}

/* Returns when what the harness was told to set is in force, or was found wrong. */
void scene_reload(struct harness *h)
{
	unsigned before = process_count_notify(h->gateway, "READY=1");

	(void)harness_write_config(h);
	process_signal(h->gateway, SIGHUP);
	while (process_count_notify(h->gateway, "READY=1") == before)
		process_await_notify(h->gateway, "READY=1");
}

const char *scene_json(struct harness *h, const char *format, ...)
{
	char text[4096];
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	assert_in_range(size, 0, sizeof(text) - 1);
	for (char *quote = text; (quote = strchr(quote, '\''));)
		*quote = '"';
	return harness_text(h, "%s", text);
}

/* Sends an opening of the first door, with correlation data that make it one of its own; returns
 * the answer. */
const struct message *scene_open(struct harness *h, const char *payload)
{
	const struct message *answer = client_ask(h->client, harness_door(h, "open"), payload);

	assert_string_equal(message_get(answer, "command"), OPENING);
	return answer;
}

/* The same with nothing that tells it from its repetition, but what the payload holds. */
const struct message *scene_open_unnamed(struct harness *h, const char *payload)
{
	client_settle_local(h->client);
	client_forget(h->client);
	client_publish(h->client, harness_door(h, "open"), payload);
	return client_await(h->client, harness_door(h, "result"), NULL);
}

/* So many since the simulator's start, and none on its way. */
void scene_expect_openings(struct harness *h, size_t n)
{
	client_settle(h->client);
	(void)control_await_openings(h, n);
}

static void complain(const struct message *m, const char *what, const char *file, int line)
{
	print_error("Not %s, on %s: %s\n", what, m->topic, m->payload);
	_fail(file, line);
}

static void expect_answer(const struct message *m, const char *file, int line)
{
	if (m->retain)
		complain(m, "to be retained", file, line);
	if (m->qos != 1)
		complain(m, "of QoS 1", file, line);
	if (!*message_get(m, "command") || !*message_get(m, "elapsed_ms"))
		complain(m, "with command and elapsed_ms", file, line);
}

void expect_success_at(const struct message *m, const char *file, int line)
{
	expect_answer(m, file, line);
	if (strcmp(message_get(m, "success"), "true") != 0 || *message_get(m, "error") ||
		!json_object_object_get_ex(m->json, "result", NULL))
		complain(m, "a success", file, line);
}

void expect_error_at(const struct message *m, const char *code, const char *file, int line)
{
	expect_answer(m, file, line);
	if (strcmp(message_get(m, "success"), "false") != 0 ||
		strcmp(message_get(m, "error.code"), code) != 0 ||
		!*message_get(m, "error.message") ||
		json_object_object_get_ex(m->json, "result", NULL))
		complain(m, code, file, line);
}
