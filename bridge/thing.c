#include "bridge/thing.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define GATEWAY "gateway-"
#define HOME    "home-"

static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Puts text behind what is in ret, of size: letters and digits as they are, all else as _XX, so that
 * different texts stay different and none holds a "-". */
static int append_escaped(char *ret, size_t size, const char *text, bool upper)
{
	size_t used = strlen(ret);

	for (; *text; text++) {
		char c = upper ? (char)toupper((unsigned char)*text) : *text;

		if (used + 4 > size)
			return -ENAMETOOLONG;
		if (is_plain(c))
			ret[used++] = c;
		else
			used += (size_t)sprintf(ret + used, "_%02X", (unsigned char)c);
	}
	ret[used] = '\0';
	return 0;
}

/* The reverse, up to a "-" or the end. False: it was not written by append_escaped(). */
static bool unescape(char *ret, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && *text != '-'; text++) {
		unsigned value;

		if (n + 1 >= size)
			return false;
		if (*text != '_') {
			ret[n++] = *text;
			continue;
		}
		if (sscanf(text, "_%2X", &value) != 1 || value == 0 || !text[1] || !text[2])
			return false;
		ret[n++] = (char)value;
		text += 2;
	}
	ret[n] = '\0';
	return true;
}

/* The level of discovery topics that holds this gateway's own. A broker lets one client of a name in,
 * so that gateways side by side differ in it. */
int thing_node(thing_id_t ret, const char *client_id)
{
	*ret = '\0';
	return append_escaped(ret, sizeof(thing_id_t), client_id, false);
}

/* node: of thing_node(). A device is one in each of its homes: a public door phone has several. */
int thing_id(thing_id_t ret, const struct thing *thing, const char *node)
{
	size_t size = sizeof(thing_id_t);
	int r;

	if (!thing->home) {
		r = snprintf(ret, size, GATEWAY "%s", node);
		return r < (int)size ? 0 : -ENAMETOOLONG;
	}
	(void)strcpy(ret, HOME);
	r = append_escaped(ret, size, thing->home->id, false);
	if (r < 0 || !thing->device)
		return r;
	if (strlen(ret) + 2 > size)
		return -ENAMETOOLONG;
	(void)strcat(ret, "-");
	return append_escaped(ret, size, thing->device->mac, true);
}

/* The thing of that id. False: there is none, it is gone, or that is no id. */
bool thing_find(struct thing *ret, const char *id, const struct cache *cache, const char *node)
{
	const char *mac;
	thing_id_t text;

	*ret = (struct thing){0};
	if (strncmp(id, GATEWAY, strlen(GATEWAY)) == 0)
		return strcmp(id + strlen(GATEWAY), node) == 0;
	if (strncmp(id, HOME, strlen(HOME)) != 0)
		return false;
	id += strlen(HOME);
	if (!unescape(text, sizeof(text), id))
		return false;
	ret->home = cache_find(cache, text);
	mac = strchr(id, '-');
	if (!ret->home || !mac)
		return ret->home;
	if (!unescape(text, sizeof(text), mac + 1))
		return false;
	ret->device = home_find_device(ret->home, text);
	return ret->device;
}

/* How much of text, an id and perhaps "-" and the key of an entity of it, is the id. Keys of a home
 * are one word, those of devices may be more, ids hold as many "-" as said above. 0: it is neither. */
size_t thing_id_size(const char *text)
{
	size_t size = strcspn(text, "-"), words = 1;
	const char *end;

	if (strncmp(text, HOME, strlen(HOME)) == 0) {
		for (end = text; (end = strchr(end, '-')); end++)
			words++;
		words = words > 3 ? 3 : 2;
	} else if (strncmp(text, GATEWAY, strlen(GATEWAY)) == 0) {
		words = 2;
	} else {
		return 0;
	}
	for (end = text + size; words > 1 && *end; words--)
		end += 1 + strcspn(end + 1, "-");
	return (size_t)(end - text);
}

/* The key of a relay's entity within its device. */
int relay_key(entity_id_t ret, const char *key, const struct relay *relay)
{
	int n = snprintf(ret, sizeof(entity_id_t), "%s-%s", key, relay->security ? "s-" : "");

	if (n < 0 || n >= (int)sizeof(entity_id_t))
		return -ENAMETOOLONG;
	return append_escaped(ret, sizeof(entity_id_t), relay->id, false);
}

/* The words as Home Assistant writes an entity's id: a_b_c. False: it would say too little, as it has
 * none of the characters of one of the words; Home Assistant knows how to write those. */
bool entity_slug(char *ret, size_t size, const char *const *words, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		bool gap = used > 0;

		for (const char *c = words[i]; *c; c++) {
			if (!isascii(*c) || used + 3 > size)
				return false;
			if (!is_plain(*c)) {
				gap = used > 0;
				continue;
			}
			if (gap)
				ret[used++] = '_';
			gap = false;
			ret[used++] = (char)tolower(*c);
		}
	}
	ret[used] = '\0';
	return used > 0;
}
