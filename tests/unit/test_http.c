#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/http_fixture.h"
#include "util/secret.h"

static void test_get(void **state)
{
	struct fixture *f = *state;
	struct told told;

	ask(f, get(f), &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(told.status, 200);
	assert_string_equal(told.body, "{\"success\":true}");
	assert_string_equal(told.type, "application/json");
	assert_int_equal(strncmp(f->head, "GET /poll HTTP/1.1\r\n", 20), 0);
	assert_non_null(strstr(f->head, "\r\nAccept: application/json\r\n"));
	assert_null(strstr(f->head, "Authorization"));
	assert_null(strstr(f->head, "Expect"));
}

static void test_post(void **state)
{
	struct fixture *f = *state;
	struct http_call call = post(f);
	struct told told;

	call.bearer = "a0123456789";
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(strncmp(f->head, "POST /commands HTTP/1.1\r\n", 25), 0);
	assert_non_null(strstr(f->head, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(f->head, "\r\nContent-Length: 4\r\n"));
	assert_non_null(strstr(f->head, "\r\nAuthorization: Bearer a0123456789\r\n"));
	assert_string_equal(f->body, "OPEN");
}

static void expect_header(struct fixture *f, struct http_call call, const char *line)
{
	struct told told;

	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_non_null(strstr(f->head, line));
}

/* What calls share is kept, and goes with none of another kind. */
static void test_each_call_has_its_own_header(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *poll_url = strdup(url(f, "/poll"));
	struct http_call call = post(f), other = post(f);

	call.bearer = "first";
	other.bearer = "first-and-longer";
	for (int i = 0; i < 2; i++) {
		expect_header(f, call, "\r\nAuthorization: Bearer first\r\n");
		expect_header(f, call, "\r\nAuthorization: Bearer first\r\n");
		expect_header(f, other, "\r\nAuthorization: Bearer first-and-longer\r\n");
		call.accept = "image/jpeg";
		expect_header(f, call, "\r\nAccept: image/jpeg\r\n");
		call.accept = NULL;
		expect_header(f, call, "\r\nAccept: application/json\r\n");
		call.content_type = "text/plain";
		expect_header(f, call, "\r\nContent-Type: text/plain\r\n");
		call.content_type = "application/json";
		other.bearer = NULL;
		expect_header(f, other, "POST /commands HTTP/1.1\r\n");
		assert_null(strstr(f->head, "Authorization"));
		other.url = poll_url;
		expect_header(f, other, "POST /poll HTTP/1.1\r\n");
		assert_null(strstr(f->head, "Authorization"));
		other.content_type = NULL;
		expect_header(f, other, "GET /poll HTTP/1.1\r\n");
		assert_null(strstr(f->head, "Content-Type"));
		other = call;
		other.bearer = NULL;
		expect_header(f, other, "POST /commands HTTP/1.1\r\n");
		assert_null(strstr(f->head, "Authorization"));
		other.bearer = "first-and-longer";
	}
}

/* Larger than libcurl's buffer, and than what would make it ask for a permission to send. */
static void test_large_body(void **state)
{
	struct fixture *f = *state;
	struct http_call call = post(f);
	size_t size = 1500000;
	char *body = malloc(size);
	struct told told;

	memset(body, 'b', size);
	call.body = body;
	call.size = size;
	(void)start(f, &call, &told);
	memset(body, 0, size); /* it was copied */
	RUN_UNTIL(f, told.times == 1);
	free(body);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(f->body[4000], 'b');
	assert_non_null(strstr(f->head, "\r\nContent-Length: 1500000\r\n"));
	assert_null(strstr(f->head, "Expect"));
}

static void test_bad_calls(void **state)
{
	struct fixture *f = *state;
	struct http_request *request = NULL;
	struct http_call call = get(f);
	struct told told = {0};
	static const char *const urls[] = {
		"http://192.0.2.1/",
		"http://localhost@192.0.2.1/",
		"http://localhost:80@192.0.2.1/",
		"http://127.0.0.1\\@192.0.2.1/",
		"http://127.0.0.1#@192.0.2.1/",
		"https://user@192.0.2.1/",
		"ftp://127.0.0.1/",
		"file:///etc/passwd",
		"/commands",
		"",
	};

	for (size_t i = 0; i < ELEMENTS(urls); i++) {
		call.url = urls[i];
		assert_int_equal(http_start(f->http, &request, &call, on_told, &told), -EINVAL);
	}
	call = get(f);
	call.bearer = "a\r\nX-Other: b";
	assert_int_equal(http_start(f->http, &request, &call, on_told, &told), -EINVAL);
	call = get(f);
	call.timeout_usec = 0;
	assert_int_equal(http_start(f->http, &request, &call, on_told, &told), -EINVAL);
	run_for(f, 30 * MSEC);
	assert_int_equal(told.times, 0);
	assert_int_equal(tiny_server_lines(f->server), 0);
}

static void test_too_large(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;

	f->answer_size = 20000;
	call.answer_max = 20000;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(told.size, 20000);
	call.answer_max = 19999;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_BAD_ANSWER);
	assert_int_equal(told.status, 200);
	assert_string_equal(told.why, "the answer of 127.0.0.1 is too large");
	f->manner = BLOATS;
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_BAD_ANSWER);
	assert_string_equal(told.why, "the answer of 127.0.0.1 is too large");
}

static void test_not_http(void **state)
{
	struct fixture *f = *state;
	struct told told;

	f->manner = GARBLES;
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_BAD_ANSWER);
	assert_non_null(strstr(told.why, "HTTP"));
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;
	char address[128];

	snprintf(address, sizeof(address), "https://127.0.0.1%s/secret-path?secret-query=1",
		strrchr(tiny_server_url(f->server), ':'));
	tiny_server_leave(f->server);
	call.url = address;
	call.bearer = "secret-token";
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_string_equal(told.why, "cannot connect to 127.0.0.1: Connection refused");
	call = get(f);
	call.url = address;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_null(strstr(told.why, "secret"));
}

static void test_unknown_host(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;

	call.url = "https://no-such-host.invalid/x";
	call.send_before = clock_boot_usec() + 3 * USEC_PER_SEC;
	ask(f, call, &told);
	assert_true(told.end == HTTP_NOT_SENT || told.end == HTTP_EXPIRED);
	assert_non_null(strstr(told.why, "no-such-host.invalid"));
}

static void test_not_trusted(void **state)
{
	struct fixture *f = *state;
	struct http_settings settings = {.connect_timeout_usec = WAIT_MAX, .lines_max = 2};
	struct http_call call = door(f);
	char address[128];
	struct told told;

	/* A name that the certificate does not hold. */
	snprintf(address, sizeof(address), "https://localhost%s",
		strrchr(tiny_server_url(f->server), ':'));
	call.url = address;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_non_null(strstr(told.why, "no trusted connection to localhost"));
	/* A certificate that the system does not know. */
	f->http = http_free(f->http);
	assert_int_equal(http_new(&f->http, f->event, &settings), 0);
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_non_null(strstr(told.why, "no trusted connection to 127.0.0.1"));
	f->http = http_free(f->http);
	settings.ca_file = "/nonexistent/ca.pem";
	assert_int_equal(http_new(&f->http, f->event, &settings), 0);
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_int_equal(tiny_server_bodies(f->server), 0);
}

static void test_connect_timeout(void **state)
{
	struct fixture *f = *state;
	struct http_settings settings = {
		.ca_file = tiny_server_ca(f->server),
		.connect_timeout_usec = 80 * MSEC,
		.lines_max = 2,
	};
	struct told told;

	f->http = http_free(f->http);
	assert_int_equal(http_new(&f->http, f->event, &settings), 0);
	tiny_server_mute(f->server, true);
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_non_null(strstr(told.why, "cannot connect to 127.0.0.1 in time"));
}

static void test_redirect(void **state)
{
	struct fixture *f = *state;
	struct told told;

	f->manner = REDIRECTS;
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(told.status, 302);
	run_for(f, 30 * MSEC);
	assert_int_equal(tiny_server_requests(f->server), 1);
}

static void test_retry_after(void **state)
{
	struct fixture *f = *state;
	struct told told;

	f->manner = LIMITS;
	ask(f, get(f), &told);
	assert_int_equal(told.status, 429);
	assert_int_equal(told.retry_after_usec, 17 * USEC_PER_SEC);
}

static void test_url_check(void **state)
{
	static const struct {
		const char *url;
		int r;
	} rows[] = {
		{"https://api.ecloud.akubela.com", 0},
		{"https://api.example.com:8443/prefix", 0},
		{"https://api.example.com/", 0},
		{"http://localhost:8080", 0},
		{"http://127.0.0.1", 0},
		{"http://127.9.9.9:1", 0},
		{"http://[::1]:8080", 0},
		{"https://[2001:db8::1]", 0},
		{"http://api.example.com", -EINVAL},
		{"http://128.0.0.1", -EINVAL},
		{"http://127.0.0.1.example.com", -EINVAL},
		{"http://localhost.example.com", -EINVAL},
		{"http://localhost@example.com", -EINVAL},
		{"http://[::2]", -EINVAL},
		{"http://[::1", -EINVAL},
		{"https://user:word@api.example.com", -EINVAL},
		{"https://api.example.com?x=1", -EINVAL},
		{"https://api.example.com/#x", -EINVAL},
		{"https://api.example.com/a b", -EINVAL},
		{"https://api.example.com\\@x", -EINVAL},
		{"https://api.example.com:", -EINVAL},
		{"https://api.example.com:99999999", -EINVAL},
		{"https://api.example.com:8x", -EINVAL},
		{"https://", -EINVAL},
		{"https:///x", -EINVAL},
		{"api.example.com", -EINVAL},
		{"ftp://api.example.com", -EINVAL},
		{"HTTPS://api.example.com", -EINVAL},
		{"", -EINVAL},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const char *why = NULL;

		if (http_url_check(rows[i].url, &why) != rows[i].r)
			fail_msg("%s", rows[i].url);
		assert_int_equal(why != NULL, rows[i].r < 0);
	}
}

static void test_form(void **state)
{
	_cleanup_secret_ char *form = NULL;

	assert_int_equal(http_form_add(&form, "grant_type", "password"), 0);
	assert_int_equal(http_form_add(&form, "username", "a+b@c.de"), 0);
	assert_int_equal(http_form_add(&form, "password", "\xc3\xa4 &=%\r\n"), 0);
	assert_int_equal(http_form_add(&form, "empty", ""), 0);
	assert_string_equal(form, "grant_type=password&username=a%2Bb%40c.de"
				  "&password=%C3%A4%20%26%3D%25%0D%0A&empty=");
}

static void test_escape(void **state)
{
	static const char *const rows[][2] = {
		{"r0123-abc._~", "r0123-abc._~"},
		{"a/b+c#d%e", "a%2Fb%2Bc%23d%25e"},
		{"\xc3\xa4 $SYS", "%C3%A4%20%24SYS"},
		{"", ""},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_free_ char *escaped = http_escape(rows[i][0]);
		_cleanup_free_ char *plain = http_unescape(rows[i][1]);

		assert_string_equal(escaped, rows[i][1]);
		assert_string_equal(plain, rows[i][0]);
	}
	assert_null(http_unescape("a%00b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(test_get),
		TLS(test_get),
		PLAIN(test_post),
		TLS(test_post),
		PLAIN(test_each_call_has_its_own_header),
		PLAIN(test_large_body),
		TLS(test_large_body),
		PLAIN(test_bad_calls),
		PLAIN(test_too_large),
		PLAIN(test_not_http),
		PLAIN(test_refused),
		PLAIN(test_unknown_host),
		TLS(test_not_trusted),
		TLS(test_connect_timeout),
		PLAIN(test_redirect),
		PLAIN(test_retry_after),
		cmocka_unit_test(test_url_check),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_escape),
	};

	fixture_begin();
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
