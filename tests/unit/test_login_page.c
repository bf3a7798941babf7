#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <string.h>

#include "daemon/login_page.h"
#include "util/secret.h"

static void the_address(void **state)
{
	struct token_settings settings = {.url = "https://cloud.example", .client_id = "c&1"};
	_cleanup_free_ char *url = NULL, *scoped = NULL;

	assert_int_equal(login_page_url(&url, &settings, "https://x.example/b?y=1", "s0"), 0);
	assert_string_equal(url, "https://cloud.example/api/v1.0/invoke/open-ability/method/oauth2/"
				 "auth?scope=user&state=s0&response_type=code&client_id=c%261"
				 "&redirect_uri=https%3A%2F%2Fx.example%2Fb%3Fy%3D1");
	settings.scope = "hotel";
	assert_int_equal(login_page_url(&scoped, &settings, "x", "s0"), 0);
	assert_non_null(strstr(scoped, "?scope=hotel&"));
}

static void what_is_pasted(void **state)
{
	static const struct {
		const char *pasted, *code; /* NULL: refused */
	} samples[] = {
		{"http://localhost/?state=s0&code=abc", "abc"},
		{"http://localhost/?code=abc&state=s0", "abc"},
		{"https://x.example/b?y=1&state=s0&code=a%2Fb%2Bc#frag", "a/b+c"},
		{"?state=s0&code=abc", "abc"},
		{"state=s0&code=abc", "abc"},
		{"code=abc&state=s0", "abc"},
		{"?statement=s1&codex=1&state=s0&code=abc", "abc"},
		{"abc", "abc"},
		{"http://localhost/?state=s1&code=abc", NULL},
		{"http://localhost/?state=s00&code=abc", NULL},
		{"http://localhost/?state=&code=abc", NULL},
		{"http://localhost/?code=abc", NULL},
		{"code=abc", NULL},
		{"http://localhost/?xstate=s0&code=abc", NULL},
		{"http://localhost/?state=s0&xcode=abc", NULL},
		{"http://localhost/?state=s0&code=", NULL},
		{"http://localhost/?state=s0", NULL},
		{"http://localhost/?state=s0#code=abc", NULL},
		{"http://localhost/?state=s0&code=a%00b", NULL},
		{"http://localhost/?state=s0&code=a%0ab", NULL},
		{"http://localhost/?error=access_denied&state=s0&code=abc", NULL},
		{"http://localhost/", NULL},
		{"two words", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < ELEMENTS(samples); i++) {
		_cleanup_secret_ char *code = NULL;
		const char *why = NULL;
		int r = login_page_code(&code, samples[i].pasted, "s0", &why);

		if (r != (samples[i].code ? 0 : -EINVAL))
			fail_msg("%s: %d", samples[i].pasted, r);
		if (samples[i].code) {
			assert_string_equal(code, samples[i].code);
		} else {
			assert_null(code);
			assert_non_null(why);
			assert_null(strstr(why, "abc"));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address),
		cmocka_unit_test(what_is_pasted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
