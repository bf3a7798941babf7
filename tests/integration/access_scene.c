#include "tests/integration/access_scene.h"

#include <stdio.h>
#include <string.h>

const struct access_state access_states[ACCESS_STATES] = {
	{"get_akuvox_open_door_nfc_config", "nfc/state"},
	{"get_akuvox_open_door_ble_config", "ble/state"},
	{"get_akuvox_face_file_info", "face/state"},
	{KEYS, "temp_keys"},
};

/* Returns when all states of both homes are published. Then only a write can have them polled. */
void access_start(struct harness *h)
{
	harness_set(h, "poll.access", "1 h");
	harness_set(h, "poll.family", "1 h");
	harness_start(h);
	for (unsigned home = 0; home < 2; home++)
		for (size_t i = 0; i < ACCESS_STATES; i++)
			(void)client_await(
				h->client, scene_home(h, home, access_states[i].topic), NULL);
	scene_await_doors(h);
	client_settle(h->client);
	client_forget(h->client);
}

static bool has_count(const struct message *m, void *userdata)
{
	return strcmp(message_get(m, "count"), userdata) == 0;
}

/* The next of temp_keys that tells of so many. */
const struct message *access_await_keys(struct harness *h, const char *count, uint64_t since)
{
	char wanted[16];
	const struct message *m;

	(void)snprintf(wanted, sizeof(wanted), "%s", count);
	m = client_await_if(h->client, harness_home(h, "temp_keys"), has_count, wanted);
	if (m->time_usec > since + FOLLOWS)
		fail_msg("temp_keys follows late");
	assert_true(m->retain);
	return m;
}

/* Rounds of polls go by. */
void access_let_polls_pass(struct harness *h)
{
	const char *other = "get_akuvox_device_list";

	control_await_requests(h, other, control_request_count(h, other) + (size_t)2 * ROUNDS);
	client_settle(h->client);
}
