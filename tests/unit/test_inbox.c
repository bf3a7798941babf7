#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/inbox.h"

static void copies_all_of_a_message(void **state)
{
	char topic[] = "topic", payload[] = "payload", response[] = "response", correlation[] = "c";
	struct mqtt_message m = {
		.topic = topic,
		.payload = payload,
		.size = 7,
		.retain = true,
		.response_topic = response,
		.correlation = correlation,
		.correlation_size = 1,
		.expiry_sec = -1,
	};
	struct inbox_item *item;
	struct inbox inbox;

	inbox_init(&inbox);
	assert_null(inbox_take(&inbox));
	assert_int_equal(inbox_put(&inbox, &m), 0);
	topic[0] = payload[0] = response[0] = correlation[0] = '?';
	item = inbox_take(&inbox);
	assert_string_equal(item->message.topic, "topic");
	assert_string_equal(item->message.payload, "payload");
	assert_int_equal(item->message.size, 7);
	assert_string_equal(item->message.response_topic, "response");
	assert_string_equal(item->message.correlation, "c");
	assert_true(item->message.retain && item->message.expiry_sec == -1);
	free(item);
	/* What was too long comes as its size only. */
	m = (struct mqtt_message){.topic = topic, .size = 1000000};
	assert_int_equal(inbox_put(&inbox, &m), 0);
	item = inbox_take(&inbox);
	assert_null(item->message.payload);
	assert_null(item->message.response_topic);
	assert_int_equal(item->message.size, 1000000);
	free(item);
}

static void keeps_order_and_its_limit(void **state)
{
	struct mqtt_message m = {.topic = "t"};
	struct inbox_item *item;
	struct inbox inbox;

	inbox_init(&inbox);
	for (m.qos = 0; m.qos < INBOX_MAX; m.qos++)
		assert_int_equal(inbox_put(&inbox, &m), 0);
	assert_int_equal(inbox_put(&inbox, &m), -ENOBUFS);
	for (int i = 0; i < INBOX_MAX / 2; i++) {
		item = inbox_take(&inbox);
		assert_int_equal(item->message.qos, i);
		free(item);
	}
	assert_int_equal(inbox.count, INBOX_MAX - INBOX_MAX / 2);
	inbox_clear(&inbox);
	assert_int_equal(inbox.count, 0);
	assert_int_equal(inbox_put(&inbox, &m), 0);
	inbox_clear(&inbox);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_all_of_a_message),
		cmocka_unit_test(keeps_order_and_its_limit),
	};

	return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
