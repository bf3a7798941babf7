#include "tests/unit/mqtt-client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/timer.h"

static void looks_seldom(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	client_connect(&t.us, &s);
	assert_in_range(t.look_usec, 6 * USEC_PER_SEC, 9 * USEC_PER_SEC);
}

/* The broker hangs up after one and a half of its ten seconds. */
static void looks_as_often_as_the_broker_wants(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "max_keepalive 10");
	client_connect(&t.us, &s);
	assert_in_range(t.look_usec, 1, 4 * USEC_PER_SEC);
}

/* Accepts whoever comes, wants a sign of life each second, and answers none. */
struct mute {
	sd_event_source *listening, *accepted;
};

static int on_bytes(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	static const char connack[] = {0x20, 6, 0, 0, 3, 0x13, 0, 1};
	char bytes[512];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n <= 0)
		return sd_event_source_set_enabled(s, SD_EVENT_OFF);
	if (bytes[0] == 0x10)
		assert_int_equal(write(fd, connack, sizeof(connack)), sizeof(connack));
	return 0;
}

static int on_client(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct mute *mute = userdata;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	assert_true(client >= 0);
	assert_null(mute->accepted);
	assert_true(
		sd_event_add_io(t.event, &mute->accepted, client, EPOLLIN, on_bytes, mute) >= 0);
	return sd_event_source_set_io_fd_own(mute->accepted, 1);
}

static void mute_start(struct mute *mute)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", t.broker.socket);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_true(sd_event_add_io(t.event, &mute->listening, fd, EPOLLIN, on_client, mute) >= 0);
	assert_true(sd_event_source_set_io_fd_own(mute->listening, 1) >= 0);
}

static void notices_a_broker_that_is_dead(void **state)
{
	struct mqtt_settings s = settings_of_us();
	struct mute mute = {0};

	mute_start(&mute);
	client_connect(&t.us, &s);
	run_until(t.us.lost == 1);
	(void)sd_event_source_disable_unref(mute.listening);
	(void)sd_event_source_disable_unref(mute.accepted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(looks_seldom),
		TEST(looks_as_often_as_the_broker_wants),
		TEST(notices_a_broker_that_is_dead),
	};

	return cmocka_run_group_tests_name("mqtt-keepalive", tests, NULL, NULL);
}
