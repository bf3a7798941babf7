#include "tests/unit/cmocka-all.h"

#include "cloud/url.h"
#include "util/cleanup.h"

#define VENDOR "https://api.ecloud.akubela.com"
#define OTHER  "https://cloud.example.com"
#define LOCAL  "http://127.0.0.1:8080"

static void own(void **state)
{
	static const struct {
		const char *url, *cloud;
		bool own;
	} rows[] = {
		/* The cloud's own host, in every spelling that means the same. */
		{"https://cloud.example.com/a.jpg", OTHER, true},
		{"https://CLOUD.example.COM/a.jpg?X-Amz-Signature=00ff&e=%20~@", OTHER, true},
		{"https://cloud.example.com:443/a", OTHER, true},
		{"https://cloud.example.com", OTHER, true},
		{"https://cloud.example.com:8443/a", "https://cloud.example.com:8443", true},
		{"https://cloud.example.com/a", "https://cloud.example.com:443/base", true},
		{LOCAL "/pictures/a.jpg", LOCAL, true},
		{"http://localhost/a", "http://localhost:80", true},
		{"https://[::1]:9/a", "https://[::1]:9", true},

		/* Another host, port or scheme. */
		{"https://cloud.example.com:8443/a", OTHER, false},
		{"https://example.com/a", OTHER, false},
		{"https://a.cloud.example.com/a", OTHER, false},
		{"https://cloud.example.com.evil.net/a", OTHER, false},
		{"https://evilcloud.example.com/a", OTHER, false},
		{"https://cloud.example.co/a", OTHER, false},
		{"https://evil.net/https://cloud.example.com", OTHER, false},
		{"http://cloud.example.com/a", OTHER, false},
		{"http://127.0.0.1/a", OTHER, false},
		{"https://127.0.0.1/a", OTHER, false},
		{"https://192.168.1.1/a", OTHER, false},
		{"https://169.254.169.254/latest/meta-data", OTHER, false},
		{"https://[fe80::1]/a", OTHER, false},
		{"https://router/a", OTHER, false},
		{"http://127.0.0.1:8081/a", LOCAL, false},
		{"http://127.0.0.1/a", LOCAL, false},
		{"http://localhost:8080/a", LOCAL, false},
		{"https://127.0.0.1:8080/a", LOCAL, false},
		{"https://api.ecloud.akubela.com/a", LOCAL, false},
		{"https://api.ecloud.akubela.com/a", OTHER, false},

		/* The vendor's hosts belong together. */
		{"https://test.akubela.com/d.jpg", VENDOR, true},
		{"https://api.ecloud.akubela.com/d.jpg", VENDOR, true},
		{"https://Pictures.ucloud.AKUBELA.com:443/d.jpg?s=1", VENDOR, true},
		{"https://oss.akuvox.com/d.jpg", VENDOR, true},
		{"https://test.akubela.com:8443/d.jpg", VENDOR, false},
		{"http://test.akubela.com/d.jpg", VENDOR, false},
		{"http://test.akubela.com:443/d.jpg", VENDOR, false},
		{"https://akubela.com/d.jpg", VENDOR, false},
		{"https://.akubela.com/d.jpg", VENDOR, false},
		{"https://evilakubela.com/d.jpg", VENDOR, false},
		{"https://akubela.com.evil.net/d.jpg", VENDOR, false},
		{"https://test.akubela.com.evil.net/d.jpg", VENDOR, false},
		{"https://test.akubela.com./d.jpg", VENDOR, false},
		{"https://cloud.example.com/a", VENDOR, false},
		{"https://192.0.2.1/a", VENDOR, false},

		/* What is not what it looks like. */
		{"https://cloud.example.com@evil.net/a", OTHER, false},
		{"https://user:word@cloud.example.com/a", OTHER, false},
		{"https://cloud.example.com:443@evil.net/a", OTHER, false},
		{"https://cloud.example.com\\@evil.net/a", OTHER, false},
		{"https://cloud.example.com/a\\b", OTHER, false},
		{"https://cloud.example.com#@evil.net/a", OTHER, false},
		{"https://cloud.example.com /a", OTHER, false},
		{"https://cloud.example.com/a b", OTHER, false},
		{"https://cloud.example.com/a\r\nHost: evil", OTHER, false},
		{"https://cloud.example.com/\xc3\xa4", OTHER, false},
		{"https://cloud.example.com:/a", OTHER, false},
		{"https://cloud.example.com:4294967739/a", OTHER, false},
		{"https://cloud.example.com:65979/a", OTHER, false},
		{" https://cloud.example.com/a", OTHER, false},
		{"HTTPS://cloud.example.com/a", OTHER, false},
		{"//cloud.example.com/a", OTHER, false},
		{"/a.jpg", OTHER, false},
		{"file:///etc/passwd", OTHER, false},
		{"ftp://cloud.example.com/a", OTHER, false},
		{"https://", OTHER, false},
		{"", OTHER, false},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (url_is_own(rows[i].url, rows[i].cloud) != rows[i].own)
			fail_msg("%s at %s", rows[i].url, rows[i].cloud);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
