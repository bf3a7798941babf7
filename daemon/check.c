#include <stdarg.h>
#include <stdio.h>

#include "daemon/broker_check.h"
#include "daemon/exits.h"
#include "daemon/shown.h"
#include "daemon/start.h"
#include "daemon/survey.h"
#include "daemon/verbs.h"

static void good(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void bad(const char *todo, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void good(const char *format, ...)
{
	va_list ap;

	(void)printf("✓ ");
	va_start(ap, format);
	(void)vprintf(format, ap);
	va_end(ap);
	(void)printf("\n");
}

/* todo: the one thing to do about it. */
static void bad(const char *todo, const char *format, ...)
{
	va_list ap;

	(void)printf("✗ ");
	va_start(ap, format);
	(void)vprintf(format, ap);
	va_end(ap);
	(void)printf("\n    → %s\n", todo);
}

static const char *cloud_todo(int exit_code)
{
	switch (exit_code) {
	case EXIT_UNAVAILABLE:
		return "check the network of this machine, and cloud.region or cloud.url";
	case EXIT_AUTH:
		return "check the token or password, and that cloud.region is the region of the "
		       "account";
	}
	return "try again later; the text above is the cloud's own";
}

static void print_device(const struct device *device)
{
	size_t doors = 0;

	device_each_relay (device, relay)
		doors++;
	(void)printf("      %-12s %-24s %-8s %zu doors\n", shown(device->mac).text,
		shown(device->name).text, device->online ? "online" : "offline", doors);
	device_each_relay (device, relay)
		(void)printf("          %s%s\n", shown(relay->name).text,
			relay->security ? " (security relay)" : "");
}

static int check_cloud(const struct config *config)
{
	struct survey survey = {0};
	int r = survey_take(&survey, config, NULL, NULL);
	size_t homes = 0;

	if (r != EXIT_DONE) {
		bad(cloud_todo(r), "cloud %s: %s", config->cloud.url, shown(survey.why).text);
		survey_done(&survey);
		return r;
	}
	good("cloud %s: reached, token accepted", config->cloud.url);
	cache_each_home (survey.cache, home)
		homes += !home->gone;
	if (homes == 0) {
		bad("check the account, and the [residence] sections of the configuration",
			"the account has no home that is served here");
		r = EXIT_FAILED;
	}
	cache_each_home (survey.cache, home) {
		if (home->gone)
			continue;
		good("home \"%s\" (%s)", shown(home->name).text, shown(home->id).text);
		home_each_device (home, device)
			print_device(device);
	}
	survey_done(&survey);
	return r;
}

static int check_broker(const struct config *config)
{
	char why[256];
	int r = broker_check(config, why, sizeof(why));

	if (r == EXIT_DONE)
		good("broker %s: connected, MQTT %s", why,
			config->mqtt.version == 5 ? "5" : "3.1.1");
	else
		bad("check [mqtt] in the configuration, and that the broker runs", "broker: %s",
			why);
	return r;
}

static void check_warnings(const struct config *config)
{
	struct config_errors warnings = {0};

	config_warnings(config, &warnings);
	for (size_t i = 0; i < warnings.n; i++)
		(void)printf("! %s\n", warnings.text[i]);
	config_errors_done(&warnings);
}

/* akuvox2mqtt check: a line for each thing that must hold. Nothing is changed, no door opened. */
int verb_check(const struct options *options)
{
	_cleanup_(config_freep) struct config *config = NULL;
	int r, cloud, broker;

	r = start_config(&config, options->config);
	if (r != EXIT_DONE) {
		bad("mend what is said above", "configuration %s", options->config);
		return r;
	}
	good("configuration %s", options->config);
	check_warnings(config);
	if (options->offline)
		return EXIT_DONE;
	cloud = check_cloud(config);
	broker = check_broker(config);
	return cloud != EXIT_DONE ? cloud : broker;
}
