#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"

static void random_hex_is_hex_and_new(void **state)
{
	char one[65], other[65];
	char small[] = "unwritten";

	assert_int_equal(text_random_hex(one, 64), 0);
	assert_int_equal(text_random_hex(other, 64), 0);
	assert_int_equal(strlen(one), 64);
	assert_int_equal(strspn(one, "0123456789abcdef"), 64);
	assert_string_not_equal(one, other);
	assert_int_equal(text_random_hex(one, 0), 0);
	assert_string_equal(one, "");
	assert_int_equal(text_random_hex(small, 65), -EINVAL);
	assert_string_equal(small, "unwritten");
}

static void random_hex_uses_each_digit(void **state)
{
	unsigned seen[16] = {0};

	/* Each digit is missing once in 10^56 times. */
	for (int i = 0; i < 32; i++) {
		char text[65];

		assert_int_equal(text_random_hex(text, 64), 0);
		for (size_t k = 0; k < 64; k++)
			seen[strchr("0123456789abcdef", text[k]) - "0123456789abcdef"]++;
	}
	for (size_t i = 0; i < ELEMENTS(seen); i++)
		assert_true(seen[i] > 0);
}

static void hex_of_bytes(void **state)
{
	_cleanup_free_ char *text = NULL, *empty = NULL;

	assert_int_equal(text_hex(&text, "\x00\x7f\x80\xff\x1a", 5), 0);
	assert_string_equal(text, "007f80ff1a");
	assert_int_equal(text_hex(&empty, "", 0), 0);
	assert_string_equal(empty, "");
}

static void flags(void **state)
{
	static const char *const yes[] = {"yes", "true", "on", "1", "YES", "True", "oN"};
	static const char *const no[] = {"no", "false", "off", "0", "No", "FALSE", "oFF"};
	static const char *const neither[] = {"", " yes", "yes ", "y", "2", "01", "enable", "OPEN"};
	bool flag;

	for (size_t i = 0; i < ELEMENTS(yes); i++) {
		flag = false;
		assert_true(text_flag(yes[i], &flag) && flag);
		flag = true;
		assert_true(text_flag(no[i], &flag) && !flag);
	}
	for (size_t i = 0; i < ELEMENTS(neither); i++) {
		flag = true;
		assert_false(text_flag(neither[i], &flag));
		assert_true(flag);
		flag = false;
		assert_false(text_flag(neither[i], &flag));
		assert_false(flag);
	}
}

static void cut_text_stays_utf8(void **state)
{
	/* One, two, three, four bytes, and one again. */
	static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
	static const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};

	assert_int_equal(ELEMENTS(whole), sizeof(text));
	for (size_t size = 0; size < sizeof(text); size++)
		assert_int_equal(text_whole(text, size), whole[size]);
	/* What is no UTF-8 to begin with is left alone, and not read before its beginning. */
	assert_int_equal(text_whole("\x80\x80\x80\x80\x80", 5), 5);
	assert_int_equal(text_whole("\x80", 1), 1);
	assert_int_equal(text_whole("a\x80", 2), 2);
}

static void visible(void **state)
{
	static const char ids[] = "!r4b5a73f8dd84abaa94dcs248be49b0d2~";
	static const char bad[] = {' ', '\t', '\n', '\0', 0x1f, 0x7f, (char)0x80, (char)0xff};

	assert_true(text_is_visible(ids, sizeof(ids) - 1));
	assert_false(text_is_visible("", 0));
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		char text[] = "abc";

		text[1] = bad[i];
		assert_false(text_is_visible(text, 3));
		assert_true(text_is_visible(text, 1));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_hex_is_hex_and_new),
		cmocka_unit_test(random_hex_uses_each_digit),
		cmocka_unit_test(hex_of_bytes),
		cmocka_unit_test(flags),
		cmocka_unit_test(cut_text_stays_utf8),
		cmocka_unit_test(visible),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
