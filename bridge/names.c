#include "bridge/names.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/linkhash.h>

#include "bridge/topic.h"
#include "cloud/http.h"

/* Settings by id and by alias; the texts and settings are the caller's. */
struct index {
	struct lh_table *by_id;
	struct lh_table *by_alias;
};

struct names {
	const char *base;
	struct index residences; /* values are struct residence_settings */
	struct index relays;     /* values are struct relay_settings */
};

static const void *find(struct lh_table *table, const char *key)
{
	void *value;

	return lh_table_lookup_ex(table, key, &value) ? value : NULL;
}

static void index_done(struct index *index)
{
	if (index->by_id)
		lh_table_free(index->by_id);
	if (index->by_alias)
		lh_table_free(index->by_alias);
	*index = (struct index){0};
}

static int index_init(struct index *index)
{
	index->by_id = lh_kchar_table_new(16, NULL);
	index->by_alias = lh_kchar_table_new(16, NULL);
	return index->by_id && index->by_alias ? 0 : -ENOMEM;
}

/* alias: NULL or "" for none. */
static int index_add(struct index *index, const char *id, const char *alias, const void *settings)
{
	if (lh_table_insert(index->by_id, id, settings) < 0)
		return -ENOMEM;
	if (alias && *alias && lh_table_insert(index->by_alias, alias, settings) < 0)
		return -ENOMEM;
	return 0;
}

/* settings: of the configuration, which has checked aliases for what a topic level may hold. */
int names_new(struct names **ret, const struct names_settings *settings)
{
	_cleanup_(names_freep) struct names *names = calloc(1, sizeof(*names));
	int r;

	if (!names)
		return -ENOMEM;
	names->base = settings->base_topic;
	r = index_init(&names->residences);
	for (size_t i = 0; r == 0 && i < settings->n_residences; i++)
		r = index_add(&names->residences, settings->residences[i].id,
			settings->residences[i].alias, &settings->residences[i]);
	if (r == 0)
		r = index_init(&names->relays);
	for (size_t i = 0; r == 0 && i < settings->n_relays; i++)
		r = index_add(&names->relays, settings->relays[i].id, settings->relays[i].alias,
			&settings->relays[i]);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(names);
	return 0;
}

struct names *names_free(struct names *names)
{
	if (!names)
		return NULL;
	index_done(&names->residences);
	index_done(&names->relays);
	free(names);
	return NULL;
}

/* Each is what the other was: whoever knows names knows the new ones from now on. */
void names_swap(struct names *names, struct names *other)
{
	struct names kept = *names;

	*names = *other;
	*other = kept;
}

/* mqtt.base_topic. */
const char *names_base(const struct names *names)
{
	return names->base;
}

/* What the configuration says of that home; NULL if nothing. */
const struct residence_settings *names_residence(const struct names *names, const char *id)
{
	return find(names->residences.by_id, id);
}

/* What the configuration says of that relay; NULL if nothing. */
const struct relay_settings *names_relay(const struct names *names, const char *id)
{
	return find(names->relays.by_id, id);
}

/* One level of a topic out of an id, whatever the cloud put into it: letters, digits and -._~ as
 * they are, all else as %XX. taken: the level belongs to another, so the first character is written
 * as %XX too, which no alias has. Different ids stay different, and the id can be read back. */
static int level_escape(char **ret, const char *id, bool taken)
{
	_cleanup_free_ char *escaped = http_escape(id);
	char *level;

	if (!escaped)
		return -ENOMEM;
	if (!taken || *escaped == '%') {
		*ret = TAKE_PTR(escaped);
		return 0;
	}
	if (asprintf(&level, "%%%02X%s", (unsigned char)*escaped, escaped + 1) < 0)
		return -ENOMEM;
	*ret = level;
	return 0;
}

static int level_copy(char **ret, const char *alias)
{
	char *level = strdup(alias);

	if (!level)
		return -ENOMEM;
	*ret = level;
	return 0;
}

static int level_of_home(const struct names *names, char **ret, const char *id)
{
	const struct residence_settings *s = names_residence(names, id);

	if (s && s->alias && *s->alias)
		return level_copy(ret, s->alias);
	return level_escape(
		ret, id, strcmp(id, TOPIC_BRIDGE) == 0 || find(names->residences.by_alias, id));
}

static int level_of_relay(const struct names *names, char **ret, const struct relay *relay)
{
	const struct relay_settings *s = names_relay(names, relay->id);

	if (s && s->alias && *s->alias)
		return level_copy(ret, s->alias);
	return level_escape(ret, relay->id, find(names->relays.by_alias, relay->id) != NULL);
}

/* Below names' base; -ENAMETOOLONG if it does not fit. */
static int topic_print(topic_t ret, const char *base, const char *home, const char *kind,
	const char *thing, const char *rest)
{
	topic_t topic;
	int n = snprintf(topic, sizeof(topic_t), "%s/%s%s%s%s%s/%s", base, home, *kind ? "/" : "",
		kind, *thing ? "/" : "", thing, rest);

	if (n < 0 || n >= (int)sizeof(topic_t))
		return -ENAMETOOLONG;
	memcpy(ret, topic, (size_t)n + 1);
	return 0;
}

/* <base>/bridge/<rest> */
int topic_bridge(const struct names *names, topic_t ret, const char *rest)
{
	return topic_print(ret, names->base, TOPIC_BRIDGE, "", "", rest);
}

/* <base>/<residence>/<rest>, of a home that nothing but the id is known of. */
int topic_home_id(const struct names *names, topic_t ret, const char *id, const char *rest)
{
	_cleanup_free_ char *level = NULL;
	int r = level_of_home(names, &level, id);

	return r < 0 ? r : topic_print(ret, names->base, level, "", "", rest);
}

/* <base>/<residence>/device/<mac>/<rest>, of a device that may be gone; the MAC in upper case. */
int topic_device_mac(const struct names *names, topic_t ret, const char *home_id, const char *mac,
	const char *rest)
{
	_cleanup_free_ char *level = NULL, *upper = NULL;
	int r;

	r = level_of_home(names, &level, home_id);
	if (r < 0)
		return r;
	r = level_escape(&upper, mac, false);
	if (r < 0)
		return r;
	for (char *c = upper; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return topic_print(ret, names->base, level, "device", upper, rest);
}

/* <base>/<residence>/<rest> */
int topic_home(const struct names *names, topic_t ret, const struct home *home, const char *rest)
{
	return topic_home_id(names, ret, home->id, rest);
}

/* <base>/<residence>/device/<mac>/<rest>; the MAC in upper case. */
int topic_device(
	const struct names *names, topic_t ret, const struct device *device, const char *rest)
{
	return topic_device_mac(names, ret, device->home->id, device->mac, rest);
}

/* <base>/<residence>/door/<relay>/<rest> */
int topic_relay(const struct names *names, topic_t ret, const struct relay *relay, const char *rest)
{
	_cleanup_free_ char *level = NULL, *door = NULL;
	int r;

	r = level_of_home(names, &level, relay->device->home->id);
	if (r < 0)
		return r;
	r = level_of_relay(names, &door, relay);
	if (r < 0)
		return r;
	return topic_print(ret, names->base, level, "door", door, rest);
}

/* The home that the level of a topic names, by alias or id. A home with an alias is still found by
 * its id. NULL: there is none. */
struct home *names_find_home(
	const struct names *names, const struct cache *cache, const char *level)
{
	const struct residence_settings *s = find(names->residences.by_alias, level);
	_cleanup_free_ char *id = NULL;

	if (strcmp(level, TOPIC_BRIDGE) == 0)
		return NULL;
	if (s)
		return cache_find(cache, s->id);
	id = http_unescape(level);
	return id ? cache_find(cache, id) : NULL;
}

/* The relay of that home which the level names, by alias or id. NULL: there is none, or
 * *ret_ambiguous: there are several, on different devices, so that none is meant for certain. */
struct relay *names_find_relay(
	const struct names *names, const struct home *home, const char *level, bool *ret_ambiguous)
{
	const struct relay_settings *s = find(names->relays.by_alias, level);
	_cleanup_free_ char *id = NULL;

	*ret_ambiguous = false;
	if (s)
		return home_find_relay(home, s->id, ret_ambiguous);
	id = http_unescape(level);
	return id ? home_find_relay(home, id, ret_ambiguous) : NULL;
}
