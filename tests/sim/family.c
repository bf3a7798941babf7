/* The 12 commands of the family management page. */

#include <stdio.h>
#include <string.h>

#include "tests/sim/commands.h"
#include "tests/sim/fields.h"
#include "util/json.h"

static const struct refusal no_such_account = {40421, "account not found"};
static const struct refusal known_email = {40921, "account is already in this family"};
static const struct refusal is_admin = {40321, "not possible for the family admin"};

static const char *home_text(const struct call *call, void *item)
{
	struct home *h = item;
	struct json_object *row;

	if (h->text)
		return h->text;
	row = must(json_object_new_object());
	add_text(row, "account_id", h->account_id);
	add_text(row, "residence_id", h->id);
	add_text(row, "family_name", h->name);
	add_flag(row, "online", h->online);
	add_flag(row, "installed", h->installed);
	h->text = into_text(row);
	return h->text;
}

const struct refusal *family_list(const struct call *call)
{
	call_add_list(call, call->world->homes, home_text);
	return NULL;
}

const struct refusal *family_info(const struct call *call)
{
	const struct home *h = call->home;
	struct json_object *result = must(json_object_new_object());
	struct json_object *accounts = must(json_object_new_array());

	for (size_t i = 0; i < array_list_length(h->members); i++) {
		const struct member *m = array_list_get_idx(h->members, i);
		struct json_object *row = must(json_object_new_object());

		add_text(row, "account_id", m->id);
		add_text(row, "account_name", m->email);
		add_text(row, "first_name", m->first_name);
		add_text(row, "last_name", m->last_name);
		add_text(row, "email", m->email);
		add_text(row, "auth", m->role);
		add_item(accounts, row);
	}
	add_text(result, "family_name", h->name);
	add_flag(result, "online", h->online);
	add_flag(result, "installed", h->installed);
	add(result, "accounts", accounts);
	call_add(call, result);
	return NULL;
}

const struct refusal *family_rename(const struct call *call)
{
	static const struct refusal empty = {40022, "family name must not be empty"};
	const char *name = call_text(call, "family_name");

	if (!*name)
		return &empty;
	world_set(&call->home->name, name);
	home_forget_text(call->home);
	return NULL;
}

const struct refusal *family_change_admin(const struct call *call)
{
	struct member *next = home_member(call->home, call_text(call, "account_id"));

	if (!next)
		return &no_such_account;
	for (size_t i = 0; i < array_list_length(call->home->members); i++) {
		struct member *m = array_list_get_idx(call->home->members, i);

		if (strcmp(m->role, "admin") == 0)
			m->role = "user";
	}
	next->role = "admin";
	return NULL;
}

static const char *role_of(struct json_object *object)
{
	return strcmp(json_text(object, "auth"), "user") == 0 ? "user" : "guest";
}

static bool email_is_known(const struct home *h, const char *email)
{
	for (size_t i = 0; i < array_list_length(h->members); i++)
		if (strcmp(((struct member *)array_list_get_idx(h->members, i))->email, email) == 0)
			return true;
	return false;
}

const struct refusal *family_invite(const struct call *call)
{
	const char *email = call_text(call, "email");

	if (email_is_known(call->home, email))
		return &known_email;
	(void)home_add_member(call->world, call->home, "", "", email, role_of(call->param));
	return NULL;
}

/* Joining a family one is in already changes nothing. */
const struct refusal *family_join(const struct call *call)
{
	struct member *m;

	for (size_t i = 0; i < array_list_length(call->home->members); i++) {
		m = array_list_get_idx(call->home->members, i);
		if (m->is_self)
			return NULL;
	}
	m = home_add_member(
		call->world, call->home, "Sim", "User", "user@example.org", role_of(call->param));
	m->is_self = true;
	world_set(&m->id, call->home->account_id);
	return NULL;
}

const struct refusal *family_create_account(const struct call *call)
{
	const char *email = call_text(call, "email");
	struct json_object *result;
	struct member *m;

	if (email_is_known(call->home, email))
		return &known_email;
	m = home_add_member(call->world, call->home, call_text(call, "first_name"),
		call_text(call, "last_name"), email, role_of(call->param));
	result = must(json_object_new_object());
	add_text(result, "account_id", m->id);
	call_add(call, result);
	return NULL;
}

/* The member that object names, if it may be changed. */
static const struct refusal *find_changeable(
	const struct call *call, struct json_object *object, struct member **ret)
{
	struct member *m = home_member(call->home, json_text(object, "account_id"));

	if (!m)
		return &no_such_account;
	if (strcmp(m->role, "admin") == 0)
		return &is_admin;
	*ret = m;
	return NULL;
}

static void set_role(const struct call *call, struct json_object *object, struct member *m)
{
	m->role = role_of(object);
}

static void remove_member(const struct call *call, struct json_object *object, struct member *m)
{
	(void)list_remove(call->home->members, m);
}

static const struct refusal *change_one(const struct call *call, struct json_object *object,
	void (*change)(const struct call *, struct json_object *, struct member *))
{
	struct member *m = NULL;
	const struct refusal *refusal = find_changeable(call, object, &m);

	if (!refusal && change)
		change(call, object, m);
	return refusal;
}

/* All or none: looks at every account before it changes the first. */
static const struct refusal *change_many(const struct call *call,
	void (*change)(const struct call *, struct json_object *, struct member *))
{
	struct json_object *accounts = json_get(call->param, "accounts");
	size_t count = json_object_array_length(accounts);

	for (size_t i = 0; i < count; i++) {
		const struct refusal *refusal =
			change_one(call, json_object_array_get_idx(accounts, i), NULL);

		if (refusal)
			return refusal;
	}
	for (size_t i = 0; i < count; i++)
		(void)change_one(call, json_object_array_get_idx(accounts, i), change);
	return NULL;
}

const struct refusal *family_set_role(const struct call *call)
{
	return change_one(call, call->param, set_role);
}

const struct refusal *family_set_roles(const struct call *call)
{
	return change_many(call, set_role);
}

const struct refusal *family_remove(const struct call *call)
{
	return change_one(call, call->param, remove_member);
}

const struct refusal *family_remove_many(const struct call *call)
{
	return change_many(call, remove_member);
}

const struct refusal *family_remote(const struct call *call)
{
	struct json_object *result = must(json_object_new_object());
	char url[128];

	(void)snprintf(url, sizeof(url), "https://%.40s.my.ecloud.example.org", call->home->id);
	add_text(result, "remote_connect_url", url);
	add_flag(result, "online", call->home->online);
	call_add(call, result);
	return NULL;
}
