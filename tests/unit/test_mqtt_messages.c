#include "tests/unit/mqtt-client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Messages to us. */

static void sees_no_retained_message_of_before(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	broker_shell(&t.broker, "mosquitto_pub --unix $SOCKET -r -q 1 -t cmd/open -m OLD");
	t.us.subscription = "cmd/#";
	client_connect(&t.us, &s);
	watch("cmd/#");
	/* 3.1.1 cannot refuse them, but sees the flag. */
	run_until(t.watcher.messages == 1);
	assert_string_equal(t.watcher.log, "!cmd/open=OLD;");
	broker_shell(&t.broker, "mosquitto_pub --unix $SOCKET -r -q 1 -t cmd/open -m LIVE");
	run_until(t.us.messages == 1 && t.watcher.messages == 2);
	assert_string_equal(t.us.log, "!cmd/open=LIVE;");
	assert_string_equal(t.watcher.log, "!cmd/open=OLD;cmd/open=LIVE;");
}

static void gets_the_properties(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	t.us.subscription = "cmd/#";
	client_connect(&t.us, &s);
	broker_shell(&t.broker,
		"mosquitto_pub --unix $SOCKET -V 5 -q 1 -t cmd/a -m x -D publish response-topic "
		"re/us "
		"-D publish correlation-data no-7 -D publish message-expiry-interval 60");
	run_until(t.us.messages == 1);
	assert_string_equal(t.us.response_topic, "re/us");
	assert_string_equal(t.us.correlation, "no-7");
	assert_in_range(t.us.expiry_sec, 1, 60);
	broker_shell(&t.broker, "mosquitto_pub --unix $SOCKET -V 5 -q 1 -t cmd/a -n");
	run_until(t.us.messages == 2);
	assert_string_equal(t.us.response_topic, "-");
	assert_string_equal(t.us.correlation, "");
	assert_true(t.us.expiry_sec == -1);
	assert_true(t.us.has_payload);
	assert_int_equal(t.us.size, 0);
}

static void answer_it(struct client *c)
{
	const struct mqtt_message m = {
		.topic = c->response_topic,
		.payload = "done",
		.size = 4,
		.qos = 1,
		.correlation = c->correlation,
		.correlation_size = strlen(c->correlation),
	};

	assert_int_equal(mqtt_publish(c->mqtt, &m, NULL), 0);
}

static void answers_with_correlation(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	t.us.subscription = "cmd/#";
	t.us.on_message = answer_it;
	client_connect(&t.us, &s);
	broker_shell(&t.broker,
		"{ mosquitto_rr --unix $SOCKET -V 5 -q 1 -W 60 -t cmd/a -e re/rr -m x -F '%p %D' -D "
		"publish correlation-data no-8 >$DIR/rr; echo end >>$DIR/rr; } &");
	run_until(t.us.messages == 1);
	run_until(mqtt_unacknowledged(t.us.mqtt) == 0);
	broker_shell(&t.broker,
		"n=0; until grep -q end $DIR/rr || [ $n = 3000 ]; do n=$((n+1)); sleep 0.02; done; "
		"grep -q '^done no-8' $DIR/rr");
}

static void takes_big_messages_as_size(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	t.us.subscription = "cmd/#";
	client_connect(&t.us, &s);
	broker_shell(&t.broker,
		"head -c 65536 /dev/zero | tr '\\0' a | mosquitto_pub --unix $SOCKET "
		"-q 1 -t cmd/a -s");
	run_until(t.us.messages == 1);
	assert_true(t.us.has_payload);
	assert_int_equal(t.us.size, MQTT_PAYLOAD_MAX);
	broker_shell(&t.broker, "head -c 65537 /dev/zero | mosquitto_pub --unix $SOCKET -q 1 -t "
				"cmd/a -s");
	run_until(t.us.messages == 2);
	assert_false(t.us.has_payload);
	assert_int_equal(t.us.size, MQTT_PAYLOAD_MAX + 1);
	/* The broker keeps what would fill our memory; the line stays. */
	broker_shell(&t.broker, "head -c 2000000 /dev/zero | mosquitto_pub --unix $SOCKET -q 1 -t "
				"cmd/a -s; mosquitto_pub --unix $SOCKET -q 1 -t cmd/b -m end");
	run_until(t.us.messages == 3);
	assert_non_null(strstr(t.us.log, "cmd/b=end;"));
	assert_int_equal(t.us.lost, 0);
}

static void drops_what_has_too_long_a_topic(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	t.us.subscription = "#";
	client_connect(&t.us, &s);
	broker_shell(&t.broker,
		"long=$(head -c 1025 /dev/zero | tr '\\0' a); for topic in $long ${long%a}; do "
		"mosquitto_pub --unix $SOCKET -t $topic -m x; done");
	run_until(t.us.messages == 1);
	run_for(100 * USEC_PER_MSEC);
	assert_int_equal(t.us.messages, 1);
}

static void count_in_order(struct client *c)
{
	char expected[32];

	(void)snprintf(expected, sizeof(expected), "cmd/n=%d;", c->messages);
	assert_string_equal(c->log, expected);
	c->log[0] = '\0';
}

static void loses_nothing_in_a_flood(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	t.us.subscription = "cmd/#";
	t.us.on_message = count_in_order;
	client_connect(&t.us, &s);
	broker_shell(&t.broker, "seq 5000 | mosquitto_pub --unix $SOCKET -q 1 -t cmd/n -l");
	run_until(t.us.messages == 5000);
	assert_false(is_logged("lost"));
}

static void send_another(struct client *c)
{
	if (c->messages < 50)
		assert_int_equal(publish(c, "cmd/n", "x", NULL), 0);
}

static int socket_to_the_broker(void)
{
	for (int fd = 0; fd < 256; fd++) {
		struct sockaddr_in peer = {0};
		socklen_t size = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 &&
			peer.sin_family == AF_INET && ntohs(peer.sin_port) == t.broker.port)
			return fd;
	}
	fail_msg("not connected");
	return -1;
}

/* An acknowledgement and an answer right behind it: Nagle would hold the second one for 40 ms. */
static void answers_at_once_by_tcp(void **state)
{
	struct mqtt_settings s;
	int is_prompt = 0;
	socklen_t size = sizeof(is_prompt);

	broker_start(&t.broker, "allow_anonymous true");
	s = settings_of_port();
	t.us.subscription = "cmd/#";
	t.us.on_message = send_another;
	client_connect(&t.us, &s);
	assert_int_equal(
		getsockopt(socket_to_the_broker(), IPPROTO_TCP, TCP_NODELAY, &is_prompt, &size), 0);
	assert_true(is_prompt);
	send_another(&t.us);
	run_until(t.us.messages == 50);
}

/* Messages from us. */

static void publishes_pictures(void **state)
{
	static char picture[MQTT_PUBLISH_MAX + 1];
	struct mqtt_settings s = settings_of_us();
	struct mqtt_message m = {
		.topic = "picture", .payload = picture, .size = MQTT_PUBLISH_MAX, .qos = 1};
	int id;

	broker_start(&t.broker, "");
	client_connect(&t.us, &s);
	watch("picture");
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, &id), 0);
	run_until(t.watcher.messages == 1 && t.us.acknowledged == 1);
	assert_int_equal(t.watcher.size, MQTT_PUBLISH_MAX);
	m.size++;
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, NULL), MQTT_TOO_LARGE);
	m.size = 1;
	m.topic = "a/#";
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, NULL), -EINVAL);
	m.topic = "a";
	m.qos = 2;
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, NULL), -EINVAL);
	m.qos = 0;
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, NULL), 0);
	assert_int_equal(mqtt_unacknowledged(t.us.mqtt), 0);
	assert_true(mqtt_online(t.us.mqtt));
}

/* A picture cannot say itself what it is of. */
static void publishes_with_properties(void **state)
{
	struct mqtt_settings s = settings_of_us();
	struct mqtt_message m = {
		.topic = "picture",
		.payload = "x",
		.size = 1,
		.qos = 1,
		.retain = true,
		.content_type = "image/jpeg",
		.event_id = "e-1",
	};
	int id;

	broker_start(&t.broker, "");
	client_connect(&t.us, &s);
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, &id), 0);
	run_until(t.us.acknowledged == 1);
	broker_shell(&t.broker,
		"mosquitto_sub --unix $SOCKET -V 5 -W 60 -C 1 -t picture -F '%p %C %P' >$DIR/out; "
		"grep -q '^x image/jpeg event_id:e-1' $DIR/out");
	m.topic = "plain";
	m.content_type = m.event_id = NULL;
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, &id), 0);
	run_until(t.us.acknowledged == 2);
	broker_shell(&t.broker,
		"mosquitto_sub --unix $SOCKET -V 5 -W 60 -C 1 -t plain -F '%p(%C%P)' >$DIR/out; "
		"grep -q '^x()' $DIR/out");
}

/* MQTT 3.1.1 has no room for any of it. */
static void publishes_without_properties(void **state)
{
	struct mqtt_settings s = settings_of_us();
	struct mqtt_message m = {
		.topic = "picture",
		.payload = "x",
		.size = 1,
		.qos = 1,
		.retain = true,
		.correlation = "c",
		.correlation_size = 1,
		.content_type = "image/jpeg",
		.event_id = "e-1",
	};
	int id;

	broker_start(&t.broker, "");
	s.version = 3;
	client_connect(&t.us, &s);
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, &id), 0);
	run_until(t.us.acknowledged == 1);
	watch("picture");
	run_until(t.watcher.messages == 1);
	assert_string_equal(t.watcher.log, "!picture=x;");
}

static void knows_the_broker_s_limit(void **state)
{
	static char text[2000];
	struct mqtt_settings s;
	struct mqtt_message m = {.topic = "a", .payload = text, .size = sizeof(text), .qos = 1};
	int id;

	broker_start(&t.broker, "allow_anonymous true\nmax_packet_size 1000");
	s = settings_of_port();
	client_connect(&t.us, &s);
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, NULL), MQTT_TOO_LARGE);
	m.size = 100;
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, &id), 0);
	run_until(t.us.acknowledged == 1);
	assert_int_equal(t.us.lost, 0);
}

static void counts_its_window(void **state)
{
	struct mqtt_settings s = settings_of_us();
	int id = 0, n = 0, ids[2 * MQTT_WINDOW];
	unsigned room;

	broker_start(&t.broker, "");
	client_connect(&t.us, &s);
	run_until(mqtt_unacknowledged(t.us.mqtt) == 0);
	assert_int_equal(mqtt_room(t.us.mqtt), MQTT_WINDOW);
	settle();
	room = t.us.room;
	broker_signal(&t.broker, SIGSTOP);
	while (mqtt_room(t.us.mqtt) > 0) {
		assert_int_equal(publish(&t.us, "a", "b", &id), 0);
		ids[n++] = id;
	}
	assert_int_equal(n, MQTT_WINDOW);
	/* One may always be more important than the window. */
	assert_int_equal(publish(&t.us, "a", "b", &id), 0);
	assert_int_equal(mqtt_unacknowledged(t.us.mqtt), MQTT_WINDOW + 1);
	run_for(50 * USEC_PER_MSEC);
	assert_int_equal(t.us.acknowledged, 0);
	assert_int_equal((unsigned)t.us.room, room);
	broker_signal(&t.broker, SIGCONT);
	run_until(t.us.acknowledged == MQTT_WINDOW + 1);
	assert_int_equal(t.us.last_id, id);
	assert_int_not_equal(id, ids[n - 1]);
	assert_true((unsigned)t.us.room > room);
	assert_int_equal(mqtt_room(t.us.mqtt), MQTT_WINDOW);
}

/* The broker's numbers begin anew with each connection; ours must not, as an acknowledgement may be
 * told late. */
static void numbers_of_one_connection_mean_nothing_to_the_next(void **state)
{
	const struct mqtt_settings s = settings_of_us();
	int first = 0, second = 0;

	broker_start(&t.broker, "");
	client_connect(&t.us, &s);
	assert_int_equal(publish(&t.us, "a", "b", &first), 0);
	run_until(t.us.acknowledged == 1);
	assert_int_equal(t.us.last_id, first);
	broker_kill(&t.broker);
	run_until(t.us.lost == 1);
	broker_restart(&t.broker);
	run_until(t.us.connected == 2);
	assert_int_equal(publish(&t.us, "a", "b", &second), 0);
	run_until(t.us.acknowledged == 2);
	assert_int_equal(t.us.last_id, second);
	assert_int_equal(first & 0xffff, second & 0xffff);
	assert_int_not_equal(first, second);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(sees_no_retained_message_of_before),
		TEST(gets_the_properties),
		TEST(answers_with_correlation),
		TEST(takes_big_messages_as_size),
		TEST(drops_what_has_too_long_a_topic),
		TEST(loses_nothing_in_a_flood),
		TEST(answers_at_once_by_tcp),
		TEST(publishes_pictures),
		TEST(publishes_with_properties),
		TEST(publishes_without_properties),
		TEST(knows_the_broker_s_limit),
		TEST(counts_its_window),
		TEST(numbers_of_one_connection_mean_nothing_to_the_next),
	};

	return cmocka_run_group_tests_name("mqtt messages", tests, NULL, NULL);
}
