#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "daemon/check_broker.h"
#include "daemon/check_cloud.h"
#include "daemon/check_files.h"
#include "daemon/exits.h"
#include "daemon/owner.h"
#include "daemon/report.h"
#include "daemon/secrets.h"
#include "daemon/shown.h"
#include "daemon/start.h"
#include "daemon/verbs.h"
#include "util/log.h"

/* The file itself. *ret is set whatever its secrets are. */
static int check_config(struct report *report, struct config **ret, const char *path)
{
	struct config_errors errors = {0};
	int r = config_load(ret, path, &errors);

	if (r == -ENOENT) {
		report_bad(report, "configuration %s", shown(path).text);
		start_complain(path, r, &errors);
		report_todo(report, "sudo install -D -m 644 " EXAMPLE " '%s', then sudo nano '%s'",
			shown(path).text, shown(path).text);
	} else if (r < 0) {
		report_bad(report, "configuration %s", shown(path).text);
		start_complain(path, r, &errors);
		if (r == -EACCES)
			report_todo(report, "sudo akuvox2mqtt check -c '%s'", shown(path).text);
		else
			report_todo(
				report, "mend the lines named: sudo nano '%s'", shown(path).text);
	} else {
		report_good(report, "configuration %s", shown(path).text);
	}
	config_errors_done(&errors);
	return r < 0 ? EXIT_CONFIG : EXIT_DONE;
}

static void note_warnings(struct report *report, const struct config *config)
{
	struct config_errors warnings = {0};

	config_warnings(config, &warnings);
	for (size_t i = 0; i < warnings.n; i++)
		report_note(report, "%s", warnings.text[i]);
	config_errors_done(&warnings);
}

/* Whom files must be readable for. */
static void find_owner(struct report *report, struct owner *ret, const struct config *config)
{
	int r = owner_find(ret, config->state_directory);

	if (r == 0)
		return;
	*ret = (struct owner){
		.uid = geteuid(), .gid = getegid(), .name = "you", .group = OWNER_USER};
	if (r == OWNER_UNKNOWN && strcmp(config->path, CONFIG_FILE) == 0) {
		report_bad(report, "the service's user %s does not exist", OWNER_USER);
		report_todo(report, "sudo systemd-sysusers");
	}
}

static int check_secrets(struct report *report, struct config *config)
{
	struct config_errors errors = {0};
	struct owner owner;
	int r, bad;

	find_owner(report, &owner, config);
	r = secrets_load(config, &errors);
	bad = check_files(report, config, &owner);
	if (r < 0) {
		if (bad == 0)
			report_bad(report, "secrets");
		start_complain(config->path, r, &errors);
		if (bad == 0)
			report_todo(report, "mend what is named: sudo nano '%s'",
				shown(config->path).text);
	}
	config_errors_done(&errors);
	return r < 0 || bad > 0 ? EXIT_CONFIG : EXIT_DONE;
}

static int check_all(struct report *report, const struct options *options)
{
	_cleanup_(config_freep) struct config *config = NULL;
	int r, cloud, broker;

	r = check_config(report, &config, options->config);
	if (r != EXIT_DONE)
		return r;
	note_warnings(report, config);
	r = check_secrets(report, config);
	if (r != EXIT_DONE || options->offline)
		return r;
	/* What goes wrong is in the report. */
	log_set_level(config->log_level == LOG_DEBUG ? LOG_DEBUG : LOG_CRIT);
	cloud = check_cloud(report, config);
	broker = check_broker(report, config);
	return cloud != EXIT_DONE ? cloud : broker;
}

/* akuvox2mqtt check: a line for each thing that must hold. Nothing is changed, no door opened. */
int verb_check(const struct options *options)
{
	struct report report = report_to(stdout);
	int r = check_all(&report, options);

	if (report.bad > 0)
		report_plain(&report, "\nDo what the first → says, then check again.");
	else if (!options->offline)
		report_plain(&report, "\nAll is well.");
	return r;
}
