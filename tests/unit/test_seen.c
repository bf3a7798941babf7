#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/seen.h"
#include "tests/unit/fake_time.h"
#include "util/clock.h"

static sd_event *event;

static int setup(void **state)
{
	struct seen *seen;

	time_start(0);
	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(seen_new(&seen), 0);
	*state = seen;
	return 0;
}

static int teardown(void **state)
{
	(void)seen_free(*state);
	event = sd_event_unref(event);
	time_end();
	return 0;
}

static void expect_new(struct seen *seen, const char *key)
{
	const char *first = (void *)seen;

	assert_int_equal(seen_check(seen, key, &first), 0);
	assert_ptr_equal(first, seen);
}

static void expect_seen(struct seen *seen, const char *key, const char *answer)
{
	const char *first = (void *)seen;

	assert_int_equal(seen_check(seen, key, &first), 1);
	if (!answer)
		assert_null(first);
	else
		assert_string_equal(first, answer);
}

static void a_key_is_new_once(void **state)
{
	struct seen *seen = *state;

	expect_new(seen, "a");
	expect_seen(seen, "a", NULL);
	expect_new(seen, "b");
	expect_new(seen, "");
	expect_seen(seen, "b", NULL);
	expect_seen(seen, "", NULL);
}

static void the_first_answer_stays(void **state)
{
	struct seen *seen = *state;

	seen_answer(seen, "a", "{\"n\":0}");
	expect_new(seen, "a");
	seen_answer(seen, "a", "{\"n\":1}");
	seen_answer(seen, "a", "{\"n\":2}");
	expect_seen(seen, "a", "{\"n\":1}");
	expect_new(seen, "b");
	expect_seen(seen, "a", "{\"n\":1}");
}

static void five_minutes_and_no_longer(void **state)
{
	struct seen *seen = *state;

	expect_new(seen, "a");
	seen_answer(seen, "a", "{}");
	time_pass(event, 200 * USEC_PER_SEC);
	expect_new(seen, "b");
	time_pass(event, 100 * USEC_PER_SEC - 1);
	/* Looking does not keep it. */
	expect_seen(seen, "a", "{}");
	time_pass(event, 1);
	expect_new(seen, "a");
	expect_seen(seen, "a", NULL);
	expect_seen(seen, "b", NULL);
}

static void the_oldest_makes_room(void **state)
{
	struct seen *seen = *state;
	char key[16];

	for (int i = 0; i < SEEN_MAX; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		expect_new(seen, key);
	}
	expect_new(seen, "one more");
	expect_seen(seen, "one more", NULL);
	expect_seen(seen, "1023", NULL);
	expect_new(seen, "0");
}

/* An answer of that many bytes; the caller frees it. */
static char *answer_of_size(int size)
{
	static const char form[] = "{\"id\":1,\"result\":\"%0*d\",\"success\":true}";
	int rest = snprintf(NULL, 0, form, 1, 7) - 1;
	char *text;

	assert_int_equal(asprintf(&text, form, size - rest, 7), size);
	return text;
}

/* However many came and went. */
static void many_come_and_go(void **state)
{
	struct seen *seen = *state;
	char key[16];

	for (int i = 0; i < 5 * SEEN_MAX; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		expect_new(seen, key);
		seen_answer(seen, key, key);
		if (i < 10)
			continue;
		(void)snprintf(key, sizeof(key), "%d", i - 10);
		expect_seen(seen, key, key);
	}
	expect_new(seen, "0");
}

static void long_answers_lose_their_result_beyond_a_bound(void **state)
{
	char *small = answer_of_size(SEEN_ANSWER_MAX), *large = answer_of_size(SEEN_LONG_MAX - 1);
	char *one = answer_of_size(SEEN_ANSWER_MAX + 1);

	expect_new(*state, "large");
	seen_answer(*state, "large", large);
	expect_seen(*state, "large", large);
	expect_new(*state, "one");
	seen_answer(*state, "one", one);
	expect_seen(*state, "one", "{\"id\":1,\"success\":true}");
	expect_new(*state, "small");
	seen_answer(*state, "small", small);
	expect_seen(*state, "small", small);
	/* What is forgotten gives its room back. */
	time_pass(event, SEEN_USEC);
	expect_new(*state, "one");
	seen_answer(*state, "one", one);
	expect_seen(*state, "one", one);
	free(small);
	free(large);
	free(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_new_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_first_answer_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(five_minutes_and_no_longer, setup, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_makes_room, setup, teardown),
		cmocka_unit_test_setup_teardown(many_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(
			long_answers_lose_their_result_beyond_a_bound, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
