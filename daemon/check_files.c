#include "daemon/check_files.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config_keys.h"
#include "daemon/secrets.h"
#include "daemon/shown.h"
#include "util/secret.h"

#define ENCRYPTED "/etc/credstore.encrypted/"

/* Others may not read a secret, nor the group change it. */
#define TOO_MANY (S_IROTH | S_IWOTH | S_IWGRP)

struct named_file {
	const char *section, *key;
	const char *path;
	bool secret;
};

struct check {
	struct report *report;
	const struct config *config;
	const struct owner *owner;
};

/* "0640 root:akuvox2mqtt" */
static const char *rights(char text[static 100], const struct stat *st)
{
	const struct passwd *user = getpwuid(st->st_uid);
	const struct group *group = getgrgid(st->st_gid);
	char uid[12], gid[12];

	(void)snprintf(uid, sizeof(uid), "%u", (unsigned)st->st_uid);
	(void)snprintf(gid, sizeof(gid), "%u", (unsigned)st->st_gid);
	(void)snprintf(text, 100, "%04o %.40s:%.40s", (unsigned)st->st_mode & 07777,
		user ? user->pw_name : uid, group ? group->gr_name : gid);
	return text;
}

/* Somebody may have put the secret itself where its path belongs: such a text is not shown. */
static bool looks_like_a_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder =
		slash && slash > path ? strndup(path, (size_t)(slash - path)) : NULL;

	return folder && access(folder, F_OK) == 0;
}

/* The command that makes a file right for the service and nobody else. */
static void todo_rights(const struct check *c, const struct named_file *file, const struct stat *st)
{
	const struct shown path = shown(file->path);

	if (!file->secret)
		report_todo(c->report, "sudo chmod 644 '%s'", path.text);
	else if (st->st_uid == c->owner->uid)
		report_todo(c->report, "sudo chmod 600 '%s'", path.text);
	else if (st->st_gid == c->owner->gid)
		report_todo(c->report, "sudo chmod 640 '%s'", path.text);
	else
		report_todo(c->report, "sudo chown root:%s '%s' && sudo chmod 640 '%s'",
			c->owner->group, path.text, path.text);
}

static void todo_write(const struct check *c, const char *path)
{
	report_todo(c->report,
		"paste it, then Enter and Ctrl-D: sudo install -m 640 -g %s /dev/stdin '%s'",
		c->owner->group, path);
}

/* The service may not read it: say who is to blame. */
static void no_access(const struct check *c, const struct named_file *file, const struct stat *st)
{
	const struct shown path = shown(file->path);
	_cleanup_free_ char *folder = NULL;
	char text[100];

	if (geteuid() != 0 && geteuid() != c->owner->uid) {
		report_bad(c->report, "%s.%s: %s may not be read by you", file->section, file->key,
			path.text);
		report_todo(
			c->report, "sudo akuvox2mqtt check -c '%s'", shown(c->config->path).text);
		return;
	}
	if (owner_blame(c->owner, file->path, &folder) == 0 && folder) {
		report_bad(c->report, "%s.%s: %s may not enter the folder %s", file->section,
			file->key, c->owner->name, shown(folder).text);
		report_todo(c->report, "sudo chmod o+x '%s'", shown(folder).text);
		return;
	}
	report_bad(c->report, "%s.%s: %s (%s) may not be read by %s", file->section, file->key,
		path.text, rights(text, st), c->owner->name);
	todo_rights(c, file, st);
}

static void no_file(const struct check *c, const struct named_file *file, int error)
{
	if (error == EACCES) {
		const struct stat none = {0};

		no_access(c, file, &none);
	} else if (!looks_like_a_path(file->path)) {
		report_bad(c->report, "%s.%s names no file that exists", file->section, file->key);
		report_todo(c->report, "this key wants the path of a file, and the text in that");
	} else {
		report_bad(c->report, "%s.%s: %s: %s", file->section, file->key,
			shown(file->path).text, strerror(error));
		if (file->secret)
			todo_write(c, shown(file->path).text);
		else
			report_todo(c->report, "put it there, or mend the path in %s",
				shown(c->config->path).text);
	}
}

/* What is wrong with its text, NULL if nothing is. Keys have many lines. */
static const char *text_fault(const struct named_file *file)
{
	_cleanup_secret_ char *text = NULL;
	const char *why = NULL;

	if (!file->secret || strcmp(file->key, "key_file") == 0)
		return NULL;
	return secret_read(&text, file->path, &why) < 0 ? why : NULL;
}

static void check_file(const struct check *c, const struct named_file *file)
{
	const struct shown path = shown(file->path);
	const char *fault;
	struct stat st;
	char text[100];

	if (stat(file->path, &st) < 0) {
		no_file(c, file, errno);
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		report_bad(
			c->report, "%s.%s: %s is not a file", file->section, file->key, path.text);
		report_todo(c->report, "name a file in %s", shown(c->config->path).text);
		return;
	}
	if (file->secret && st.st_mode & TOO_MANY) {
		report_bad(c->report, "%s.%s: %s (%s) can be %s by others", file->section,
			file->key, path.text, rights(text, &st),
			st.st_mode & S_IROTH ? "read" : "changed");
		todo_rights(c, file, &st);
		return;
	}
	if (owner_access(c->owner, file->path, R_OK) < 0) {
		no_access(c, file, &st);
		return;
	}
	fault = text_fault(file);
	if (fault) {
		report_bad(c->report, "%s.%s: %s: %s", file->section, file->key, path.text, fault);
		todo_write(c, path.text);
		return;
	}
	report_good(c->report, "%s.%s: %s (%s)", file->section, file->key, path.text,
		rights(text, &st));
}

/* Each gateway has files of its own: of "akuvox2mqtt@garage" they begin with "garage.". */
static void no_secret(const struct check *c, const struct secret *secret)
{
	const char *unit = c->config->unit, *at = strchr(unit, '@');
	bool other = strcmp(c->config->path, CONFIG_FILE) != 0;
	bool login = strcmp(secret->key, "access_token_file") != 0 &&
	             strcmp(secret->key, "client_secret_file") != 0;
	char path[PATH_MAX];

	report_bad(c->report, "%s.%s: the grant needs it", secret->section, secret->key);
	(void)snprintf(path, sizeof(path), ENCRYPTED "%s.%s", unit, secret->credential);
	if (access(path, F_OK) == 0) {
		report_todo(c->report,
			"only the service can decrypt %s; whether it does says: "
			"systemctl status '%s'",
			path, unit);
		return;
	}
	(void)snprintf(path, sizeof(path), "/etc/akuvox2mqtt/%s%s%s", at ? at + 1 : "",
		at ? "." : "", secret->credential);
	report_todo(c->report,
		"write %s = %s into [%s] of %s, then paste it, Enter, Ctrl-D: "
		"sudo install -m 640 -g %s /dev/stdin '%s'%s%s%s",
		secret->key, path, secret->section, shown(c->config->path).text, c->owner->group,
		path, login ? "; or: sudo akuvox2mqtt login" : "", login && other ? " -c " : "",
		login && other ? shown(c->config->path).text : "");
}

static void check_secret(const struct check *c, const struct secret *secret)
{
	const struct named_file file = {secret->section, secret->key, secret->path, true};

	if (secret->missing)
		no_secret(c, secret);
	else if (secret->path && secret->named)
		check_file(c, &file);
	else if (secret->path)
		report_good(c->report, "%s.%s: systemd credential %s", secret->section, secret->key,
			secret->credential);
}

/* A line for each file that the configuration names, after secrets_load(), whatever that said. How
 * many of them are bad. */
int check_files(struct report *report, const struct config *config, const struct owner *owner)
{
	const struct named_file files[] = {
		{"cloud", "ca_file", config->cloud.ca_file, false},
		{"mqtt", "ca_file", config->mqtt.ca_file, false},
		{"mqtt", "cert_file", config->mqtt.cert_file, false},
		{"mqtt", "key_file", config->mqtt.key_file, true},
	};
	const struct check c = {report, config, owner};
	unsigned before = report->bad;
	struct secret secret;

	for (size_t i = 0; secrets_at(config, i, &secret); i++)
		check_secret(&c, &secret);
	for (size_t i = 0; i < ELEMENTS(files); i++)
		if (files[i].path)
			check_file(&c, &files[i]);
	return (int)(report->bad - before);
}
