#include "tests/unit/cmocka-all.h"

#include <string.h>

#include "daemon/aliases.h"

/* The configuration owns its ids, which a test has not made. */
#define ID(text) ((char *)(text))

/* What bridge/names makes of it: the settings of that relay; NULL: none. */
static const struct relay_settings *relay_of(const struct aliases *aliases, const char *id)
{
	for (size_t i = 0; i < aliases->n_relays; i++)
		if (strcmp(aliases->relays[i].id, id) == 0)
			return &aliases->relays[i];
	return NULL;
}

static void expect_relay(const struct aliases *aliases, const char *id, const char *alias,
	bool allow, uint64_t hold_usec)
{
	const struct relay_settings *s = relay_of(aliases, id);

	assert_non_null(s);
	if (alias)
		assert_string_equal(s->alias, alias);
	else
		assert_null(s->alias);
	assert_int_equal(s->allow, allow);
	assert_int_equal(s->hold_usec, hold_usec);
}

static struct config_instance homes[] = {{ID("H1"), 1, NULL, true, 0},
	{ID("H2"), 2, "flat", true, 0}, {ID("H3"), 3, "off", false, 0}};
static struct config_instance doors[] = {{ID("R1"), 4, "front", true, 5},
	{ID("R2"), 5, NULL, false, 6}, {ID("R3"), 6, "back", false, 7}};

static const struct config config = {
	.residences = {homes, 3}, .doors = {doors, 3}, .base_topic = "a/b"};

static void of_homes_and_doors(void **state)
{
	struct aliases aliases;
	struct names_settings names;

	assert_int_equal(aliases_init(&aliases, &config), 0);
	names = aliases_settings(&aliases, "a/b");
	assert_string_equal(names.base_topic, "a/b");
	assert_int_equal(names.n_residences, 3);
	assert_string_equal(names.residences[1].id, "H2");
	assert_string_equal(names.residences[1].alias, "flat");
	assert_null(names.residences[0].alias);
	assert_int_equal(names.n_relays, 3);
	expect_relay(&aliases, "R1", "front", true, 5);
	expect_relay(&aliases, "R2", NULL, false, 6);
	expect_relay(&aliases, "R3", "back", false, 7);
	aliases_done(&aliases);
	assert_null(aliases.relays);
}

static void without_any_section(void **state)
{
	const struct config none = {0};
	struct aliases aliases;

	assert_int_equal(aliases_init(&aliases, &none), 0);
	assert_int_equal(aliases.n_residences + aliases.n_relays, 0);
	aliases_done(&aliases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_homes_and_doors),
		cmocka_unit_test(without_any_section),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
