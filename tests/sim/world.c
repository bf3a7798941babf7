#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/must.h"

/* Replaces an owned text by a copy of text. */
void world_set(char **field, const char *text)
{
	char *copy = must(strdup(text));

	free(*field);
	*field = copy;
}

/* The next of a sequence of random numbers that follows from the seed (splitmix64). */
uint64_t world_random(struct world *w)
{
	uint64_t z = w->seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A prefix and so many random lower-case hex digits, at most WORLD_ID_MAX together; the caller
 * frees it. */
char *world_hex(struct world *w, const char *prefix, unsigned digits)
{
	char text[WORLD_ID_MAX + 1] = "";
	size_t at = strlen(prefix);

	memcpy(text, prefix, at);
	for (; digits > 0 && at < WORLD_ID_MAX; digits--)
		text[at++] = "0123456789abcdef"[world_random(w) >> 60];
	return must(strdup(text));
}

static char *upper_hex(struct world *w, const char *prefix, unsigned digits)
{
	char *text = world_hex(w, prefix, digits);

	for (char *c = text; *c; c++)
		if (*c >= 'a')
			*c = (char)(*c - 'a' + 'A');
	return text;
}

static char *digits(struct world *w, const char *prefix, unsigned count)
{
	char text[WORLD_ID_MAX];

	(void)snprintf(text, sizeof(text), "%s%0*u", prefix, (int)count,
		(unsigned)(world_random(w) % 1000000));
	return must(strdup(text));
}

static void relay_free(void *p)
{
	struct relay *r = p;

	free(r->id);
	free(r->name);
	free(r->number);
	free(r);
}

static void device_free(void *p)
{
	struct device *d = p;

	array_list_free(d->relays);
	free(d->mac);
	free(d->name);
	free(d->sip);
	free(d->ciphertext);
	free(d->text);
	free(d);
}

static void member_free(void *p)
{
	struct member *m = p;

	free(m->id);
	free(m->first_name);
	free(m->last_name);
	free(m->email);
	free(m);
}

static void temp_key_free(void *p)
{
	struct temp_key *k = p;

	free(k->code);
	free(k->start);
	free(k->finish);
	free(k->qr_code_url);
	free(k);
}

static void home_free(void *p)
{
	struct home *h = p;

	array_list_free(h->devices);
	array_list_free(h->members);
	array_list_free(h->temp_keys);
	history_done(&h->calls);
	history_done(&h->doors);
	free(h->id);
	free(h->account_id);
	free(h->name);
	free(h->pin);
	free(h->nfc_code);
	free(h->ble_code);
	free(h->text);
	free(h);
}

static void opening_free(void *p)
{
	struct opening *o = p;

	free(o->residence_id);
	free(o->mac);
	free(o->relay_id);
	free(o);
}

static void add_relay(
	struct world *w, struct device *d, const char *name, const char *number, bool security)
{
	struct relay *r = must(calloc(1, sizeof(*r)));

	r->id = world_hex(w, "r", 32);
	r->security = security;
	world_set(&r->name, name);
	world_set(&r->number, number);
	(void)array_list_add(d->relays, r);
}

/* Adds a device of one of the vendor's types with the relays such a device has here; type: a
 * string constant. The home owns it. */
struct device *home_add_device(struct world *w, struct home *h, const char *type)
{
	size_t serial = array_list_length(h->devices);
	struct device *d = must(calloc(1, sizeof(*d)));
	char name[64];

	d->type = type;
	d->relays = must(array_list_new(relay_free));
	d->mac = upper_hex(w, "0C1105", 6);
	d->sip = digits(w, "6200", 6);
	d->ciphertext = world_hex(w, "", 32);
	d->online = true;
	d->rtsp_is_short = serial % 2 == 0;
	if (strcmp(type, "Multi-tenants Doorphone") == 0) {
		world_set(&d->name, "Front Door");
		d->is_public = true;
		add_relay(w, d, "Front Door", "#", false);
		add_relay(w, d, "Garage", "0", false);
	} else if (strcmp(type, "Single-tenant Doorphone") == 0) {
		(void)snprintf(
			name, sizeof(name), serial == 1 ? "Apartment" : "Side Door %zu", serial);
		world_set(&d->name, name);
		add_relay(w, d, name, "#", false);
		add_relay(w, d, "Security Relay", "1", true);
	} else {
		world_set(&d->name, strcmp(type, "Indoor Monitor") == 0 ? "Hall Monitor" : type);
	}
	(void)array_list_add(h->devices, d);
	return d;
}

/* Adds a person; role: a string constant. The home owns the result. */
struct member *home_add_member(struct world *w, struct home *h, const char *first, const char *last,
	const char *email, const char *role)
{
	struct member *m = must(calloc(1, sizeof(*m)));

	m->id = world_hex(w, "ar", 31);
	world_set(&m->first_name, first);
	world_set(&m->last_name, last);
	world_set(&m->email, email);
	m->role = role;
	(void)array_list_add(h->members, m);
	return m;
}

/* Adds a home with three people and so many devices. The world owns it. */
struct home *world_add_home(struct world *w, unsigned devices)
{
	static const char *const types[] = {
		"Multi-tenants Doorphone", "Single-tenant Doorphone", "Indoor Monitor"};
	struct home *h = must(calloc(1, sizeof(*h)));
	struct member *self;
	char name[32];

	h->devices = must(array_list_new(device_free));
	h->members = must(array_list_new(member_free));
	h->temp_keys = must(array_list_new(temp_key_free));
	h->id = world_hex(w, "r", 32);
	(void)snprintf(name, sizeof(name), "Home %zu", array_list_length(w->homes) + 1);
	world_set(&h->name, name);
	h->online = h->installed = true;
	h->pin = digits(w, "", 6);
	h->nfc_code = upper_hex(w, "", 16);
	h->ble_code = upper_hex(w, "", 16);
	h->nfc = true;
	self = home_add_member(w, h, "Sim", "User", "user@example.org", "admin");
	self->is_self = true;
	world_set(&h->account_id, self->id);
	(void)home_add_member(w, h, "Robin", "Reed", "robin@example.org", "user");
	(void)home_add_member(w, h, "Kim", "Lake", "kim@example.org", "guest");
	for (unsigned i = 0; i < devices; i++)
		(void)home_add_device(w, h, types[i < 3 ? i : 1]);
	(void)array_list_add(w->homes, h);
	return h;
}

/* The guest key of that code, or NULL. */
struct temp_key *home_temp_key(struct home *h, const char *code)
{
	for (size_t i = 0; i < array_list_length(h->temp_keys); i++) {
		struct temp_key *k = array_list_get_idx(h->temp_keys, i);

		if (strcmp(k->code, code) == 0)
			return k;
	}
	return NULL;
}

/* One more guest key, with a code of its own. finish_epoch: seconds since 1970, as finish says. */
struct temp_key *home_add_temp_key(struct world *w, struct home *h, const char *start,
	const char *finish, int64_t finish_epoch, int64_t count)
{
	struct temp_key *k = must(calloc(1, sizeof(*k)));
	char code[16];

	do {
		(void)snprintf(code, sizeof(code), "9%07u", (unsigned)(world_random(w) % 10000000));
	} while (home_temp_key(h, code));
	world_set(&k->code, code);
	world_set(&k->start, start);
	world_set(&k->finish, finish);
	k->finish_epoch = finish_epoch;
	k->count = count;
	k->qr_code_url = world_picture_url(w, "qr", "");
	w->picture_serial++;
	(void)array_list_add(h->temp_keys, k);
	return k;
}

/* Two homes may use one relay id for different doors; a client must look at the home as well. */
static void share_relay_id(struct world *w)
{
	struct home *a = array_list_get_idx(w->homes, 0), *b = array_list_get_idx(w->homes, 1);
	struct device *first, *second;

	if (!a || !b)
		return;
	first = array_list_get_idx(a->devices, 0);
	second = array_list_get_idx(b->devices, 0);
	if (first && second)
		world_set(&((struct relay *)array_list_get_idx(second->relays, 0))->id,
			((struct relay *)array_list_get_idx(first->relays, 0))->id);
}

/* So many homes with so many devices each; all names and ids follow from the seed. */
struct world *world_new(unsigned homes, unsigned devices, uint64_t seed)
{
	struct world *w = must(calloc(1, sizeof(*w)));

	w->seed = seed;
	w->homes = must(array_list_new(home_free));
	w->openings = must(array_list_new(opening_free));
	w->knobs = (struct history_knobs){.window = 100, .picture_polls = 1};
	world_set(&w->base_url, "");
	for (unsigned i = 0; i < homes; i++)
		(void)world_add_home(w, devices);
	share_relay_id(w);
	return w;
}

struct world *world_free(struct world *w)
{
	if (!w)
		return NULL;
	array_list_free(w->homes);
	array_list_free(w->openings);
	free(w->base_url);
	free(w);
	return NULL;
}

/* The home of that id, or NULL. Here and below: the world keeps what it gives. */
struct home *world_home(struct world *w, const char *id)
{
	for (size_t i = 0; i < array_list_length(w->homes); i++) {
		struct home *h = array_list_get_idx(w->homes, i);

		if (strcmp(h->id, id) == 0)
			return h;
	}
	return NULL;
}

struct device *home_device(struct home *h, const char *mac)
{
	for (size_t i = 0; i < array_list_length(h->devices); i++) {
		struct device *d = array_list_get_idx(h->devices, i);

		if (strcmp(d->mac, mac) == 0)
			return d;
	}
	return NULL;
}

struct relay *device_relay(struct device *d, const char *id)
{
	for (size_t i = 0; i < array_list_length(d->relays); i++) {
		struct relay *r = array_list_get_idx(d->relays, i);

		if (strcmp(r->id, id) == 0)
			return r;
	}
	return NULL;
}

struct member *home_member(struct home *h, const char *id)
{
	for (size_t i = 0; i < array_list_length(h->members); i++) {
		struct member *m = array_list_get_idx(h->members, i);

		if (strcmp(m->id, id) == 0)
			return m;
	}
	return NULL;
}

/* The first device of that MAC in any home, and the home it is in. */
struct device *world_device(struct world *w, const char *mac, struct home **ret_home)
{
	for (size_t i = 0; i < array_list_length(w->homes); i++) {
		struct home *h = array_list_get_idx(w->homes, i);
		struct device *d = home_device(h, mac);

		if (d) {
			*ret_home = h;
			return d;
		}
	}
	return NULL;
}

/* To be called after every change of what the family list or the device list shows. */
void home_forget_text(struct home *h)
{
	free(h->text);
	h->text = NULL;
}

void device_forget_text(struct device *d)
{
	free(d->text);
	d->text = NULL;
}

/* Takes item out of the list, which frees it. False if it is not in it. */
bool list_remove(struct array_list *list, const void *item)
{
	for (size_t i = 0; i < array_list_length(list); i++)
		if (array_list_get_idx(list, i) == item)
			return array_list_del_idx(list, i, 1) == 0;
	return false;
}
