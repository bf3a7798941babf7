#include "daemon/check_cloud.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cloud/token_file.h"
#include "cloud/url.h"
#include "daemon/exits.h"
#include "daemon/link.h"
#include "daemon/shown.h"
#include "daemon/survey.h"
#include "util/clock.h"
#include "util/json.h"

#define VERSIONS_MAX 65536

/* Beyond this guest keys begin and end at wrong times, and messages with a time are refused. */
#define CLOCK_OFF_MAX 60 /* seconds */

/* Looks a host's name up; an address is none. EXIT_DONE or EXIT_UNAVAILABLE. */
int check_name(struct report *report, const char *what, const char *host, const char *key)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char text[NI_MAXHOST];
	struct addrinfo *list;
	struct in6_addr six;
	struct in_addr four;
	int r;

	if (inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1 ||
		*host == '[')
		return EXIT_DONE;
	r = getaddrinfo(host, NULL, &hints, &list);
	if (r != 0) {
		report_bad(
			report, "name of the %s: %s: %s", what, shown(host).text, gai_strerror(r));
		if (r == EAI_NONAME)
			report_todo(report,
				"mend %s in the configuration; the name server knows "
				"no such name",
				key);
		else
			report_todo(report,
				"look at the network of this machine: ping -c 1 1.1.1.1, "
				"and its name servers: cat /etc/resolv.conf");
		return EXIT_UNAVAILABLE;
	}
	if (getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof(text), NULL, 0,
		    NI_NUMERICHOST) != 0)
		*text = '\0';
	report_good(report, "name of the %s: %s is %s", what, shown(host).text, text);
	freeaddrinfo(list);
	return EXIT_DONE;
}

struct probe {
	bool done;
	enum http_end end;
	long status;
	int64_t cloud_msec; /* its time, 0: it did not tell */
	int64_t here_msec;  /* ours at the same moment, as far as can be known */
	char why[256];
};

struct probe_call {
	struct probe probe;
	int64_t started_msec;
};

static void on_probed(const struct http_answer *answer, void *userdata)
{
	_cleanup_(json_freep) struct json_object *document = NULL;
	struct probe_call *call = userdata;

	call->probe.done = true;
	call->probe.end = answer->end;
	call->probe.status = answer->status;
	(void)snprintf(call->probe.why, sizeof(call->probe.why), "%s", answer->why);
	call->probe.here_msec = (call->started_msec + clock_epoch_msec()) / 2;
	if (answer->end == HTTP_ANSWERED &&
		json_parse(&document, answer->body, answer->size) == 0 &&
		json_object_is_type(json_get(document, "timestamp"), json_type_int))
		call->probe.cloud_msec = json_object_get_int64(json_get(document, "timestamp"));
}

/* One request that needs no token. */
static int probe_take(struct probe *ret, const struct config *config)
{
	struct probe_call call = {.started_msec = clock_epoch_msec()};
	struct http_call http = {
		.answer_max = VERSIONS_MAX, .timeout_usec = config->cloud.timeout_usec};
	struct http_request *request;
	struct link link = {0};
	_cleanup_free_ char *url = NULL;
	int r;

	if (asprintf(&url, "%s" LINK_VERSIONS_PATH, config->cloud.url) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	http.url = url;
	r = link_open(&link, config, NULL, NULL);
	if (r >= 0)
		r = http_start(link.http, &request, &http, on_probed, &call);
	while (r >= 0 && !call.probe.done)
		r = sd_event_run(link.event, UINT64_MAX);
	link_close(&link);
	*ret = call.probe;
	return r < 0 ? r : 0;
}

/* What libcurl and OpenSSL say of a certificate, and what that means. */
static const struct {
	const char *words, *todo;
} tls_faults[] = {
	{"not yet valid", "set the clock of this machine: sudo timedatectl set-ntp true"},
	{"has expired", "if the clock of this machine is right (date), the cloud has to renew its "
			"certificate: try again later"},
	{"subject name", "the certificate is for another name: mend cloud.url or cloud.region"},
	{"self-signed", "something between here and the cloud puts its own certificate in place; "
			"if that is wanted, name its authority by cloud.ca_file"},
	{"self signed", "name its authority by cloud.ca_file"},
	{"local issuer", "the authority is not known here: sudo apt install ca-certificates, or "
			 "mend cloud.ca_file"},
	{"", "mend cloud.ca_file, or look at what stands between here and the cloud"},
};

static int cloud_failed(struct report *report, const struct config *config, const struct probe *p)
{
	size_t i = 0;

	if (strstr(p->why, "no trusted connection")) {
		while (!strstr(p->why, tls_faults[i].words))
			i++;
		report_bad(report, "TLS: %s", p->why);
		report_todo(report, "%s", tls_faults[i].todo);
		return EXIT_UNAVAILABLE;
	}
	report_bad(report, "cloud %s: %s", config->cloud.url, p->why);
	report_todo(report,
		"look at the network and the firewall of this machine, and at %s in "
		"the configuration",
		config->cloud.region >= 0 ? "cloud.region" : "cloud.url");
	return EXIT_UNAVAILABLE;
}

static void check_clock(struct report *report, const struct probe *p)
{
	int64_t off = (p->here_msec - p->cloud_msec) / 1000, size = off < 0 ? -off : off;
	char here[CLOCK_TEXT_MAX];

	if (p->cloud_msec <= 0) {
		report_note(report, "clock: the cloud does not tell the time; here it is %s",
			clock_rfc3339(here, p->here_msec / 1000));
	} else if (size > CLOCK_OFF_MAX) {
		report_bad(report, "clock: this machine is %" PRIi64 " s %s the cloud", size,
			off > 0 ? "ahead of" : "behind");
		report_todo(report, "sudo timedatectl set-ntp true");
	} else {
		report_good(report, "clock: %" PRIi64 " s from the cloud's", size);
	}
}

/* Name look-up, connection, TLS, clock. */
static int check_way(struct report *report, const struct config *config)
{
	char host[URL_HOST_MAX];
	struct probe probe;
	int r;

	r = check_name(report, "cloud", url_host(host, config->cloud.url),
		config->cloud.region >= 0 ? "cloud.region" : "cloud.url");
	if (r != EXIT_DONE)
		return r;
	r = probe_take(&probe, config);
	if (r < 0) {
		report_bad(report, "cloud %s: it cannot be tried: %s", config->cloud.url,
			strerror(-r));
		report_todo(report, "try again");
		return EXIT_FAILED;
	}
	if (probe.end != HTTP_ANSWERED)
		return cloud_failed(report, config, &probe);
	if (strncmp(config->cloud.url, "https:", 6) == 0)
		report_good(report, "TLS: the certificate of %s is trusted", host);
	if (probe.status >= 500) {
		report_bad(report, "cloud %s: it is in trouble (HTTP %ld)", config->cloud.url,
			probe.status);
		report_todo(report, "try again later");
		return EXIT_UNAVAILABLE;
	}
	report_good(report, "cloud %s answers", config->cloud.url);
	check_clock(report, &probe);
	return EXIT_DONE;
}

/* "52 min", for people. */
static const char *span(char text[static 32], int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = {{86400, "days"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t i = 0;

	/* One step finer than what would be a single one. */
	while (i < ELEMENTS(units) - 1 && seconds < 2 * units[i].seconds)
		i++;
	(void)snprintf(text, 32, "%" PRIi64 " %s", seconds / units[i].seconds, units[i].unit);
	return text;
}

static void print_device(struct report *report, const struct device *device)
{
	size_t doors = 0;

	device_each_relay (device, relay)
		doors++;
	report_plain(report, "      %-12s %-24s %-8s %zu door%s", shown(device->mac).text,
		shown(device->name).text, device->online ? "online" : "offline", doors,
		doors == 1 ? "" : "s");
	device_each_relay (device, relay)
		report_plain(report, "          %s%s", shown(relay->name).text,
			relay->security ? " (security relay)" : "");
}

static int check_homes(struct report *report, const struct config *config, struct survey *survey)
{
	size_t homes = 0;

	cache_each_home (survey->cache, home)
		homes += !home->gone;
	if (homes == 0) {
		report_bad(report, "homes: the account has none that is served here");
		report_todo(report, "%s",
			config->residences.n > 0
				? "compare the [residence] sections with the ids that "
				  "akuvox2mqtt call get_family_list prints"
				: "log in as a member of the home");
		return EXIT_FAILED;
	}
	cache_each_home (survey->cache, home) {
		if (home->gone)
			continue;
		report_good(
			report, "home \"%s\" (%s)", shown(home->name).text, shown(home->id).text);
		home_each_device (home, device)
			print_device(report, device);
	}
	if (survey->not_served > 0)
		report_note(report,
			"%zu more home%s of the account: not served, for there are [residence] "
			"sections, and none for %s",
			survey->not_served, survey->not_served == 1 ? "" : "s",
			survey->not_served == 1 ? "it" : "them");
	return EXIT_DONE;
}

/* What is stored, as far as it can be used without asking for a new one. */
struct stored {
	bool access, refresh;
	bool ended;
	int64_t left; /* seconds; 0: unknown */
	int error;    /* of reading it, 0 or a negative errno */
};

static void stored_read(struct stored *ret, const struct config *config)
{
	struct token_settings settings = config->token;
	_cleanup_free_ char *file = config_token_file(config);
	struct token_store store = {0};

	*ret = (struct stored){.refresh = config->token.refresh_token != NULL};
	settings.state_file = file;
	ret->error = file ? token_file_read(&store, &settings) : -ENOENT;
	if (ret->error == 0) {
		ret->access = store.access_token != NULL;
		ret->refresh = ret->refresh || store.refresh_token;
		if (store.expires > 0) {
			ret->left = store.expires - clock_epoch_msec() / 1000;
			ret->ended = ret->left <= 0;
		}
	}
	token_store_done(&store);
}

static const char *config_option(const struct config *config)
{
	return strcmp(config->path, CONFIG_FILE) == 0 ? "" : " -c ";
}

static void todo_login(struct report *report, const struct config *config)
{
	const char *option = config_option(config);

	report_todo(report, "sudo akuvox2mqtt login%s%s", option,
		*option ? shown(config->path).text : "");
}

/* The cloud was asked with the token there is, or with one that nobody keeps. */
static int token_refused(struct report *report, const struct config *config, const char *why)
{
	const char *region = config->cloud.region >= 0 ? "cloud.region" : "cloud.url";

	const char *reason = strstr(why, ": ");

	/* Without the name of the command that met it. */
	report_bad(report, "token: %s", shown(reason ? reason + 2 : why).text);
	switch (config->token.grant) {
	case TOKEN_GRANT_TOKEN:
		report_todo(report,
			"put a new token into the file of cloud.access_token_file; if "
			"it is new, look whether %s is the account's",
			region);
		break;
	case TOKEN_GRANT_PASSWORD:
		report_todo(report,
			"mend cloud.username, or the password in its file; if they are "
			"right, look whether %s is the account's",
			region);
		break;
	case TOKEN_GRANT_CLIENT_CREDENTIALS:
		report_todo(report,
			"mend cloud.client_id, or the secret in its file; if they are "
			"right, look whether %s is the application's",
			region);
		break;
	case TOKEN_GRANT_REFRESH_TOKEN:
	case TOKEN_GRANT_AUTHORIZATION_CODE:
		todo_login(report, config);
		break;
	case TOKEN_GRANT_MAX:
		break;
	}
	return EXIT_AUTH;
}

/* Refresh tokens are good for once: trying one would take it from the service. */
static int token_not_tried(struct report *report, const struct config *config,
	const struct stored *stored, const char *why)
{
	if (stored->refresh) {
		report_note(report,
			"token: %s; the service will get one by its refresh token, "
			"which is not used up by a check, so the homes are not asked "
			"for",
			why);
		report_todo(report, "sudo systemctl restart %s, then check again", config->unit);
		return EXIT_DONE;
	}
	report_bad(report, "token: %s", why);
	todo_login(report, config);
	return EXIT_AUTH;
}

static void token_accepted(
	struct report *report, const struct config *config, const struct stored *stored, bool fresh)
{
	const char *next = stored->refresh ? "then it is renewed by refresh token"
	                                   : "then it is asked for anew";
	char text[32];

	if (config->token.grant == TOKEN_GRANT_TOKEN)
		report_good(report,
			"token: accepted; a fixed one, whose end is not known and which "
			"is not renewed");
	else if (fresh)
		report_good(report, "token: given and accepted; the service asks for its own");
	else if (stored->left > 0)
		report_good(report, "token: accepted; it ends in %s, %s", span(text, stored->left),
			next);
	else
		report_good(report, "token: accepted; %s", next);
	if (config->token.grant == TOKEN_GRANT_AUTHORIZATION_CODE && !stored->refresh) {
		report_note(report, "token: there is no refresh token with it: after its end "
				    "somebody must log in again");
	}
}

/* fresh: with a token that this check asks for itself and keeps nowhere. */
static int survey_with(struct survey *survey, struct config *config, bool fresh)
{
	char *kept = config->state_directory;
	int r;

	config->token.as_stored = !fresh;
	if (fresh)
		config->state_directory = NULL;
	r = survey_take(survey, config, NULL, NULL);
	config->state_directory = kept;
	return r;
}

/* Passwords and the application's secret may be tried: no stored token dies of that. */
static bool may_ask(const struct config *config)
{
	return (config->token.grant == TOKEN_GRANT_PASSWORD && config->token.password) ||
	       config->token.grant == TOKEN_GRANT_CLIENT_CREDENTIALS;
}

static int check_token(struct report *report, struct config *config)
{
	bool fixed = config->token.grant == TOKEN_GRANT_TOKEN, fresh = false;
	struct survey survey = {0};
	struct stored stored;
	int r = EXIT_AUTH;

	stored_read(&stored, config);
	if (!fixed && stored.error == -EACCES) {
		report_bad(report, "token: what is stored in %s may not be read by you",
			config->state_directory);
		report_todo(report, "sudo akuvox2mqtt check%s%s", config_option(config),
			*config_option(config) ? shown(config->path).text : "");
		return EXIT_AUTH;
	}
	if (fixed || (stored.access && !stored.ended))
		r = survey_with(&survey, config, false);
	else if (!may_ask(config))
		return token_not_tried(report, config, &stored,
			stored.ended ? "the stored one has ended" : "there is none yet");
	if (r == EXIT_AUTH && !fixed) {
		survey_done(&survey);
		survey = (struct survey){0};
		if (!may_ask(config))
			return token_not_tried(report, config, &stored,
				"the cloud does not accept the stored one any more");
		fresh = true;
		r = survey_with(&survey, config, true);
	}
	if (r == EXIT_AUTH) {
		r = token_refused(report, config, survey.why);
	} else if (r != EXIT_DONE) {
		report_bad(report, "cloud: %s", shown(survey.why).text);
		report_todo(report, "try again later; the text is the cloud's own");
	} else {
		token_accepted(report, config, &stored, fresh);
		r = check_homes(report, config, &survey);
	}
	survey_done(&survey);
	return r;
}

/* A line for each step of the way to the cloud; the first that fails is the last. The
 * configuration's as_stored is left set. An exit code. */
int check_cloud(struct report *report, struct config *config)
{
	int r;

	config->token.as_stored = true;
	r = check_way(report, config);
	return r == EXIT_DONE ? check_token(report, config) : r;
}
