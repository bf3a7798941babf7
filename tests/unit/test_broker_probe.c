#include "tests/unit/cmocka-all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/line.h"
#include "daemon/broker_probe.h"
#include "daemon/check_broker.h"
#include "daemon/exits.h"

/* Brokers that no Mosquitto of today is any more; what a real one does is in test_check. */

#define LEVEL_3 4 /* of the protocol, in a CONNECT of MQTT 3.1.1 */
#define LEVEL_5 5

struct broker {
	int level;   /* that it speaks */
	int connack; /* 0: it accepts */
	int suback;  /* its word to each topic */
	struct config config;
	pid_t pid;
};

static bool take(int fd, unsigned char *to, size_t size)
{
	while (size > 0) {
		ssize_t n = read(fd, to, size);

		if (n <= 0)
			return false;
		to += n;
		size -= (size_t)n;
	}
	return true;
}

static bool say(int fd, const unsigned char *bytes, size_t size)
{
	return write(fd, bytes, size) == (ssize_t)size;
}

/* A packet of less than 16384 bytes. False: the client has gone. */
static bool take_packet(int fd, unsigned char *type, unsigned char *body, size_t *size)
{
	unsigned char byte;

	if (!take(fd, type, 1) || !take(fd, &byte, 1))
		return false;
	*size = byte & 0x7f;
	if (byte & 0x80) {
		if (!take(fd, &byte, 1))
			return false;
		*size |= (size_t)byte << 7;
	}
	return take(fd, body, *size);
}

static bool answer_connect(const struct broker *b, int fd, int level)
{
	const unsigned char no[] = {0x20, 2, 0, 1}, yes[] = {0x20, 2, 0, 0},
			    yes5[] = {0x20, 3, 0, 0, 0}, no5[] = {0x20, 3, 0, 0x84, 0};

	if (b->connack) {
		const unsigned char refused[] = {0x20, 3, 0, (unsigned char)b->connack, 0};

		return say(fd, refused, sizeof(refused)) && false;
	}
	if (level != b->level && b->level == LEVEL_3)
		return say(fd, no, sizeof(no)) && false;
	if (level != b->level)
		return say(fd, no5, sizeof(no5)) && false;
	return level == LEVEL_5 ? say(fd, yes5, sizeof(yes5)) : say(fd, yes, sizeof(yes));
}

/* Topics stand behind the packet's id and, by MQTT 5, its properties, of which there are none; a
 * byte of options behind each. */
static bool answer_subscribe(const struct broker *b, int fd, const unsigned char *body, size_t size)
{
	unsigned char suback[64] = {0x90, b->level == LEVEL_5 ? 3 : 2, body[0], body[1]};

	for (size_t at = suback[1]; at + 2 < size; at += 3 + ((size_t)body[at] << 8) + body[at + 1])
		suback[2 + suback[1]++] = (unsigned char)b->suback;
	return say(fd, suback, 2 + (size_t)suback[1]);
}

static bool answer(
	const struct broker *b, int fd, unsigned char type, const unsigned char *body, size_t size)
{
	size_t topic = ((size_t)body[0] << 8) + body[1];
	const unsigned char puback[] = {0x40, 2, body[2 + topic], body[3 + topic]};

	if (type >> 4 == 1)
		return answer_connect(b, fd, body[6]);
	if (type >> 4 == 8)
		return answer_subscribe(b, fd, body, size);
	return type >> 4 != 3 || say(fd, puback, sizeof(puback));
}

static void serve(const struct broker *b, int listener)
{
	static unsigned char body[16384];
	unsigned char type;
	size_t size;
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while (take_packet(fd, &type, body, &size) && answer(b, fd, type, body, size))
			;
		(void)close(fd);
	}
}

static void start(struct broker *b, int configured)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	assert_int_equal(listen(listener, 4), 0);
	b->config.path = (char *)"/a.conf";
	b->config.base_topic = "home";
	b->config.homeassistant.prefix = "homeassistant";
	b->config.homeassistant.status_topic = "ha/status";
	b->config.mqtt = (struct mqtt_settings){.host = "127.0.0.1",
		.port = ntohs(a.sin_port),
		.version = configured,
		.client_id = "us"};
	b->pid = fork();
	assert_true(b->pid >= 0);
	if (b->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(b, listener);
		_exit(0);
	}
	(void)close(listener);
}

static void stop(struct broker *b)
{
	(void)kill(b->pid, SIGKILL);
	assert_int_equal(waitpid(b->pid, NULL, 0), b->pid);
}

static void a_broker_of_3_1_1_only(void **state)
{
	struct broker b = {.level = LEVEL_3};
	struct broker_probe probe;
	struct report report = report_to(stdout);

	start(&b, 5);
	assert_int_equal(broker_probe(&probe, &b.config), 0);
	assert_true(probe.accepted);
	assert_int_equal(probe.version, 3);
	assert_true(probe.answered);
	assert_string_equal(probe.no_subscribe, "");
	assert_int_equal(check_broker(&report, &b.config), EXIT_UNAVAILABLE);
	assert_int_equal(report.bad, 1);
	b.config.mqtt.version = 3;
	assert_int_equal(check_broker(&report, &b.config), EXIT_DONE);
	assert_int_equal(report.bad, 1);
	stop(&b);
}

static void a_broker_of_5_only(void **state)
{
	struct broker b = {.level = LEVEL_5};
	struct broker_probe probe;

	start(&b, 3);
	assert_int_equal(broker_probe(&probe, &b.config), 0);
	assert_int_equal(probe.version, 5);
	assert_true(probe.answered);
	stop(&b);
}

static void subscriptions_that_are_refused(void **state)
{
	struct broker b = {.level = LEVEL_3, .suback = 0x80};
	struct report report = report_to(stdout);
	struct broker_probe probe;

	start(&b, 3);
	assert_int_equal(broker_probe(&probe, &b.config), 0);
	assert_non_null(strstr(probe.no_subscribe, "home/+/door/+/open, home/+/request/+"));
	assert_non_null(strstr(probe.no_subscribe, ", ha/status"));
	assert_int_equal(check_broker(&report, &b.config), EXIT_AUTH);
	b.config.homeassistant.discovery = CONFIG_DISCOVERY_OFF;
	assert_int_equal(broker_probe(&probe, &b.config), 0);
	assert_null(strstr(probe.no_subscribe, "ha/status"));
	stop(&b);
}

static void refusals(void **state)
{
	static const struct {
		int connack, end;
		bool named; /* there is a user name */
	} samples[] = {
		{LINE_BAD_PASSWORD, EXIT_AUTH, true}, {LINE_NOT_AUTHORIZED, EXIT_AUTH, false},
		{LINE_BANNED, EXIT_AUTH, false}, {LINE_BAD_METHOD, EXIT_AUTH, false},
		{LINE_BAD_CLIENT_ID, EXIT_UNAVAILABLE, false},
		{LINE_OTHER_VERSION, EXIT_UNAVAILABLE, false},
		{0x88, EXIT_UNAVAILABLE, false}, /* it is busy */
	};

	for (size_t i = 0; i < ELEMENTS(samples); i++) {
		struct broker b = {.level = LEVEL_5, .connack = samples[i].connack};
		struct report report = report_to(stdout);

		start(&b, 5);
		b.config.mqtt.username = samples[i].named ? "user" : NULL;
		if (check_broker(&report, &b.config) != samples[i].end)
			fail_msg("0x%02x", (unsigned)samples[i].connack);
		assert_int_equal(report.bad, 1);
		stop(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broker_of_3_1_1_only),
		cmocka_unit_test(a_broker_of_5_only),
		cmocka_unit_test(subscriptions_that_are_refused),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
