#include "tests/unit/cmocka-all.h"

#include <string.h>

#include "daemon/shown.h"

static void control_characters_are_not_shown(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{"", ""},
		{"Front Door", "Front Door"},
		{"T\xc3\xbcr \xe2\x9c\x93", "T\xc3\xbcr \xe2\x9c\x93"},
		{"a\nrm -rf ~\n", "a?rm -rf ~?"},
		{"\x1b[2J\x07\x7f\r\t", "?[2J????"},
		{"a\302\23331m", "a??31m"},
		{"\xc2\xa0\xc2", "\xc2\xa0\xc2"},
		{"a\u2028b\u2029c", "a???b???c"},
		{"\u202e\u2066\u2069", "?????????"},
		{"\ufeff\ufffe\uffff\ufffd", "?????????\ufffd"},
		{"\u2027\u202f\u2065\u206a\xe2\x80", "\u2027\u202f\u2065\u206a\xe2\x80"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_string_equal(shown(cases[i].text).text, cases[i].shown);
}

static void long_texts_are_cut(void **state)
{
	char text[2 * CACHE_TEXT_MAX];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(strlen(shown(text).text), CACHE_TEXT_MAX);
	/* No half of a character is left. */
	(void)memcpy(text + CACHE_TEXT_MAX - 2, "\u2713", 3);
	assert_int_equal(strlen(shown(text).text), CACHE_TEXT_MAX - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_are_not_shown),
		cmocka_unit_test(long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
