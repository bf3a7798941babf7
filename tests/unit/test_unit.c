#include "tests/unit/cmocka-all.h"

#include "daemon/unit.h"
#include "util/cleanup.h"

static void each_file_has_its_unit(void **state)
{
	static const struct {
		const char *path, *name, *directory;
	} rows[] = {
		{"/etc/akuvox2mqtt/akuvox2mqtt.conf", "akuvox2mqtt", "/var/lib/akuvox2mqtt"},
		{"/etc/akuvox2mqtt/garage.conf", "akuvox2mqtt@garage",
			"/var/lib/akuvox2mqtt/garage"},
		{"/etc/akuvox2mqtt/a.b.conf", "akuvox2mqtt@a.b", "/var/lib/akuvox2mqtt/a.b"},
		/* No instance has such a file. */
		{"/etc/akuvox2mqtt/.conf", "akuvox2mqtt", "/var/lib/akuvox2mqtt"},
		{"/etc/akuvox2mqtt/garage.conf.bak", "akuvox2mqtt", "/var/lib/akuvox2mqtt"},
		{"/etc/akuvox2mqtt/old/garage.conf", "akuvox2mqtt", "/var/lib/akuvox2mqtt"},
		{"/etc/akuvox2mqtt/", "akuvox2mqtt", "/var/lib/akuvox2mqtt"},
		{"/home/me/garage.conf", "akuvox2mqtt", "/var/lib/akuvox2mqtt"},
		{"garage.conf", "akuvox2mqtt", "/var/lib/akuvox2mqtt"},
		{"", "akuvox2mqtt", "/var/lib/akuvox2mqtt"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_free_ char *name = NULL, *directory = NULL;

		assert_int_equal(unit_find(rows[i].path, &name, &directory), 0);
		assert_string_equal(name, rows[i].name);
		assert_string_equal(directory, rows[i].directory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_file_has_its_unit)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
