#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <json-c/linkhash.h>

#include "tests/unit/announcements.h"

/* Thousands of things: what they cost, and that they do not come in a burst. */

#define HOMES   1000
#define FEWER   150
#define DEVICES 8
#define THINGS  (1 + FEWER * (1 + DEVICES))

static double cpu_msec(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void merge_many(struct announcements *a, size_t n)
{
	static char ids[HOMES][40], macs[DEVICES][16], relays[DEVICES][2][40];
	struct family_record homes[HOMES];
	struct device_record devices[DEVICES];

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "r%032zx", i);
		homes[i] = (struct family_record){ids[i], "Home", true, true};
	}
	for (size_t i = 0; i < DEVICES; i++) {
		(void)snprintf(macs[i], sizeof(macs[i]), "0C11050000%02zX", i);
		devices[i] = (struct device_record){.mac = macs[i],
			.name = "Front Door",
			.type = "Single-tenant Doorphone",
			.sip = "1",
			.online = true,
			.n_relays = 2};
		for (size_t k = 0; k < 2; k++) {
			(void)snprintf(relays[i][k], sizeof(relays[i][k]), "r%032zx", 100 * i + k);
			devices[i].relays[k] = (struct relay_record){
				relays[i][k], k ? "Gate" : "Door", "#", false};
		}
	}
	assert_int_equal(cache_merge_homes(a->cache, homes, n), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(cache_merge_devices(
					 a->cache, cache_find(a->cache, ids[i]), devices, DEVICES),
			0);
}

/* Each as a text, as often as it is made when nothing else is to be done. */
static void documents_are_made_quickly(void **state)
{
	struct announcements *a = *state;
	struct documents *documents;
	size_t n = 0, size = 0;
	double before;

	merge_many(a, HOMES);
	assert_int_equal(documents_new(&documents, &a->settings.document, a->names), 0);
	before = cpu_msec();
	cache_each_home (a->cache, home)
		home_each_device (home, device) {
			const struct thing thing = {home, device};
			struct json_object *components = NULL, *document = NULL;

			assert_int_equal(document_components(documents, &thing, &components), 0);
			assert_int_equal(
				document_device(documents, &thing, components, &document), 0);
			size += strlen(document_text(document));
			(void)json_object_put(document);
			n++;
		}
	assert_true(n >= HOMES * DEVICES);
	print_message(
		"%zu documents of %zu bytes each in %.0f ms\n", n, size / n, cpu_msec() - before);
	(void)documents_free(documents);
}

static void thousands_are_told_of_at_leisure(void **state)
{
	struct announcements *a = *state;
	size_t kept;
	double before;

	merge_many(a, FEWER);
	announcements_connect(a);
	before = cpu_msec();
	announcements_pass(a, 5 * USEC_PER_SEC);
	assert_true(a->published > 50);
	while (announcements_kept(a, "") < THINGS)
		announcements_pass(a, 10 * USEC_PER_SEC);
	assert_in_range(a->most_at_once, 1, 5);
	kept = announcements_kept(a, "");
	print_message(
		"%zu documents told in %.0f ms, with the checker\n", kept, cpu_msec() - before);
	announcements_forget(a);
	/* The broker has them all: nothing is sent, and little is done. */
	announcements_lose(a);
	before = cpu_msec();
	announcements_connect(a);
	announcements_pass(a, 60 * USEC_PER_SEC);
	print_message("after a connection %.0f ms\n", cpu_msec() - before);
	assert_int_equal(a->published, 0);
	announcements_told(a, "homeassistant/status", "online", false);
	announcements_pass(a, 60 * USEC_PER_SEC);
	assert_int_equal(a->published, kept);
	assert_in_range(a->most_at_once, 1, 5);
}

/* What the broker has already costs time as well: it is not compared in one go, in which nothing
 * else, such as an opening, would come to its turn. */
static void thousands_are_compared_at_leisure(void **state)
{
	struct announcements *a = *state;
	const char *last =
		ANNOUNCE_DIR "home-r00000000000000000000000000000095-0C1105000007/config";

	merge_many(a, FEWER);
	announcements_connect(a);
	while (announcements_kept(a, "") < THINGS)
		announcements_pass(a, 10 * USEC_PER_SEC);
	announcements_lose(a);
	announcements_forget(a);
	/* The broker has lost the last one. */
	assert_int_equal(lh_table_delete(a->retained, last), 0);
	announcements_connect(a);
	announcements_pass(a, 3 * USEC_PER_SEC);
	assert_int_equal(a->published, 0);
	announcements_pass(a, 10 * USEC_PER_SEC);
	assert_int_equal(a->published, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANNOUNCE_TEST(documents_are_made_quickly),
		ANNOUNCE_TEST(thousands_are_told_of_at_leisure),
		ANNOUNCE_TEST(thousands_are_compared_at_leisure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
