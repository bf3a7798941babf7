#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "cloud/token_file.h"
#include "daemon/config_keys.h"
#include "daemon/exits.h"
#include "daemon/link.h"
#include "daemon/login_page.h"
#include "daemon/login_place.h"
#include "daemon/prompt.h"
#include "daemon/report.h"
#include "daemon/shown.h"
#include "daemon/start.h"
#include "daemon/verbs.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/text.h"

#define REDIRECT_DEFAULT "http://localhost/"
#define STATE_DIGITS     32

struct login {
	struct report report;
	struct config *config;
	struct prompt prompt;
	struct token_wait *wait;
	/* What is exchanged for tokens; NULL: not that. */
	char *code, *redirect_uri, *refresh_token;
	bool done, cancelled;
	enum token_result result;
	char why[256];
};

/* The exchange with the cloud. */

static void on_done(enum token_result result, void *userdata)
{
	struct login *l = userdata;

	l->done = true;
	l->wait = NULL;
	l->result = result;
}

static int on_signal(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct login *l = userdata;

	l->cancelled = true;
	return 0;
}

static int exchange(struct login *l, struct link *link)
{
	const struct token_first first = {
		.code = l->code,
		.redirect_uri = l->redirect_uri,
		.refresh_token = l->refresh_token,
	};
	int r;

	r = link_open(link, l->config, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_io(link->event, NULL, l->prompt.signals, EPOLLIN, on_signal, l);
	if (r >= 0)
		r = token_redeem(link->token, &first, &l->wait, on_done, l);
	while (r >= 0 && !l->done && !l->cancelled)
		r = sd_event_run(link->event, UINT64_MAX);
	if (r < 0)
		return r;
	if (l->cancelled)
		return -ECANCELED;
	(void)snprintf(l->why, sizeof(l->why), "%s", token_why(link->token));
	return 0;
}

/* Asks the cloud for tokens, which are then in the state directory. Negative errno: it was not
 * asked, or nobody waits for the answer. */
static int redeem(struct login *l)
{
	struct link link = {0};
	int r;

	l->done = false;
	r = exchange(l, &link);
	link_close(&link);
	return r;
}

/* An account belongs to one region, and a wrong one answers as to a wrong password. So the others are
 * asked, one after the other, if somebody agrees: what he is proves himself by goes there, too. */

static const struct config_word *regions(void)
{
	return config_key_find(config_section_find("cloud", false), "region")->words;
}

static bool agrees(struct login *l)
{
	_cleanup_secret_ char *line = NULL;

	report_plain(&l->report,
		"\nAn account lives in one region, and any other refuses it just like this.\n"
		"Shall the other regions be asked, too? What was just sent goes to each of them\n"
		"until one accepts it; all are the vendor's. [y/N]");
	return prompt_line(&l->prompt, &line) == 0 && (*line == 'y' || *line == 'Y');
}

static int try_region(struct login *l, int region)
{
	const char *url = l->config->cloud.url;
	int r;

	l->config->cloud.url = l->config->token.url = config_region_url(region);
	r = redeem(l);
	l->config->cloud.url = l->config->token.url = url;
	return r;
}

enum { REGION_FOUND = 1 };

/* REGION_FOUND: another region accepts, and its tokens are stored. 0: none does, or nobody agrees. */
static int other_region(struct login *l)
{
	const struct config *config = l->config;

	if (config->cloud.region < 0 || !agrees(l))
		return 0;
	for (const struct config_word *word = regions(); word->word; word++) {
		int r;

		if (word->value == config->cloud.region)
			continue;
		r = try_region(l, word->value);
		if (r < 0)
			return r;
		if (l->result == TOKEN_READY) {
			report_good(
				&l->report, "%s accepts it, and the tokens are stored", word->word);
			report_todo(&l->report,
				"this account lives in another region; write into "
				"[cloud] of %s: region = %s",
				shown(config->path).text, word->word);
			return REGION_FOUND;
		}
		report_note(&l->report, "%s: %s", word->word, l->why);
	}
	return 0;
}

/* What somebody is asked. */

static int ask_redirect(struct login *l, char **ret)
{
	_cleanup_secret_ char *line = NULL;
	int r;

	report_plain(&l->report,
		"\n1. Which redirect address (redirect URI) was the application registered with?\n"
		"   The browser goes there after the login. Enter: " REDIRECT_DEFAULT);
	r = prompt_line(&l->prompt, &line);
	if (r < 0)
		return r;
	if (!*line)
		return secret_new(ret, REDIRECT_DEFAULT, strlen(REDIRECT_DEFAULT));
	*ret = TAKE_PTR(line);
	return 0;
}

static int ask_code(struct login *l, char **ret, const char *redirect_uri, const char *state)
{
	_cleanup_free_ char *url = NULL;
	int r;

	r = login_page_url(&url, &l->config->token, redirect_uri, state);
	if (r < 0)
		return r;
	report_plain(&l->report,
		"\n2. Open this address in a browser, on any machine, and log in there. If it does\n"
		"   not know the user, %s is wrong: an account lives in one region.\n\n%s\n\n"
		"3. The browser then goes to %s... where there need not be any page.\n"
		"   Copy the whole address out of its address bar, or just the code in it, and\n"
		"   paste it here, then Enter:",
		l->config->cloud.region >= 0 ? "cloud.region" : "cloud.url", url, redirect_uri);
	for (;;) {
		_cleanup_secret_ char *line = NULL;
		const char *why;

		r = prompt_line(&l->prompt, &line);
		if (r < 0)
			return r;
		r = login_page_code(ret, line, state, &why);
		if (r != -EINVAL)
			return r;
		report_bad(&l->report, "This does not do: %s.", why);
	}
}

static int by_code(struct login *l)
{
	char state[STATE_DIGITS + 1];
	int r;

	r = text_random_hex(state, STATE_DIGITS);
	if (r >= 0)
		r = ask_redirect(l, &l->redirect_uri);
	if (r >= 0)
		r = ask_code(l, &l->code, l->redirect_uri, state);
	return r;
}

static int by_password(struct login *l)
{
	const char *username = l->config->token.username;
	char *password;
	int r;

	if (l->config->token.password) {
		report_plain(&l->report, "\nThe password of %s comes from its file.",
			shown(username).text);
		return 0;
	}
	report_plain(&l->report,
		"\nPassword of %s (it is not shown), then Enter:", shown(username).text);
	r = prompt_secret(&l->prompt, &password);
	/* config_free() wipes it. */
	if (r >= 0)
		l->config->token.password = password;
	return r;
}

static int by_refresh_token(struct login *l)
{
	if (l->config->token.refresh_token) {
		report_plain(&l->report, "\nThe newest refresh token that descends from that of "
					 "cloud.refresh_token_file is used.");
		return 0;
	}
	report_plain(&l->report, "\nPaste the refresh token (it is not shown), then Enter:");
	return prompt_secret(&l->prompt, &l->refresh_token);
}

/* Gets what the grant exchanges for tokens. */
static int ask(struct login *l)
{
	switch (l->config->token.grant) {
	case TOKEN_GRANT_AUTHORIZATION_CODE:
		return by_code(l);
	case TOKEN_GRANT_PASSWORD:
		return by_password(l);
	case TOKEN_GRANT_REFRESH_TOKEN:
		return by_refresh_token(l);
	case TOKEN_GRANT_CLIENT_CREDENTIALS:
		return 0;
	case TOKEN_GRANT_TOKEN:
	case TOKEN_GRANT_MAX:
		break;
	}
	return -EINVAL;
}

/* How it went. */

static void explain_refusal(struct login *l)
{
	struct report *report = &l->report;

	switch (l->config->token.grant) {
	case TOKEN_GRANT_AUTHORIZATION_CODE:
		report_todo(report,
			"log in once more: a code is good for once, and for a short time. If it is "
			"refused again, compare cloud.client_id, the secret in "
			"cloud.client_secret_file and the redirect address with what the vendor "
			"registered");
		break;
	case TOKEN_GRANT_PASSWORD:
		report_todo(report, "log in once more with the right password, or mend "
				    "cloud.username, cloud.client_id, the secret in "
				    "cloud.client_secret_file, or cloud.scope (user)");
		break;
	case TOKEN_GRANT_REFRESH_TOKEN:
		report_todo(report, "get a new refresh token: one is good for once");
		break;
	case TOKEN_GRANT_CLIENT_CREDENTIALS:
		report_todo(report, "mend cloud.client_id, or the secret in "
				    "cloud.client_secret_file");
		break;
	case TOKEN_GRANT_TOKEN:
	case TOKEN_GRANT_MAX:
		break;
	}
}

static int refused(struct login *l)
{
	int r = 0;

	report_bad(&l->report, "%s", l->why);
	/* A code comes from the page of the very region that is asked. */
	if (!l->code)
		r = other_region(l);
	if (r == REGION_FOUND)
		return EXIT_CONFIG;
	if (r < 0 && r != -ENODATA)
		return r;
	explain_refusal(l);
	return EXIT_AUTH;
}

/* Looks at what the service will find. */
static int accepted(struct login *l)
{
	struct token_settings settings = l->config->token;
	_cleanup_free_ char *file = config_token_file(l->config);
	struct token_store store = {0};
	bool renewable;
	int r;

	settings.state_file = file;
	r = file ? token_file_read(&store, &settings) : -ENOMEM;
	if (r < 0) {
		(void)log_error_errno(r, "The cloud gave tokens, but they are not in %s: %m",
			l->config->state_directory);
		return EXIT_FAILED;
	}
	renewable = store.refresh_token || l->config->files.cloud_password ||
	            settings.grant == TOKEN_GRANT_CLIENT_CREDENTIALS;
	token_store_done(&store);
	report_good(&l->report, "The cloud gave tokens; they are in %s.", file);
	if (!renewable)
		report_note(&l->report, "It gave no refresh token: when this token has ended, "
					"somebody must log in again.");
	report_plain(&l->report, "\nNext: sudo akuvox2mqtt check%s%s, then sudo systemctl start %s",
		strcmp(l->config->path, CONFIG_FILE) == 0 ? "" : " -c ",
		strcmp(l->config->path, CONFIG_FILE) == 0 ? "" : l->config->path, l->config->unit);
	return EXIT_DONE;
}

static int outcome(struct login *l)
{
	switch (l->result) {
	case TOKEN_READY:
		return accepted(l);
	case TOKEN_REFUSED:
		return refused(l);
	case TOKEN_UNREACHABLE:
		report_bad(&l->report, "%s", l->why);
		report_todo(
			&l->report, "look at the network of this machine, then log in once more");
		return EXIT_UNAVAILABLE;
	}
	return EXIT_FAILED;
}

static int login(struct login *l)
{
	int r;

	report_plain(&l->report, "Login at %s\nThe tokens will be in %s, for the service alone.",
		l->config->cloud.url, l->config->state_directory);
	r = prompt_open(&l->prompt);
	if (r >= 0)
		r = ask(l);
	if (r >= 0)
		r = redeem(l);
	if (r >= 0)
		r = outcome(l);
	prompt_close(&l->prompt);
	if (r == -ECANCELED || r == -ENODATA) {
		log_error("%s; nothing was changed", r == -ECANCELED ? "Stopped" : "Nothing came");
		return EXIT_FAILED;
	}
	if (r < 0) {
		(void)log_error_errno(r, "Cannot log in: %m");
		return EXIT_FAILED;
	}
	return r;
}

static int no_login(const struct config *config)
{
	log_error("%s: [cloud] grant: \"token\" takes the fixed token of access_token_file, which "
		  "needs no login. To log in, set grant = authorization_code (by browser) or "
		  "password, with what that needs",
		config->path);
	return EXIT_CONFIG;
}

/* akuvox2mqtt login: gets the first tokens, or new ones, and puts them where the service reads them. */
int verb_login(const struct options *options)
{
	_cleanup_(config_freep) struct config *config = NULL;
	struct login l = {.report = report_to(stdout), .prompt.signals = -1};
	_cleanup_close_ int lock = -1;
	int r;

	r = start_login(&config, options->config);
	if (r != EXIT_DONE && geteuid() != 0)
		log_error("If that is for want of permission: sudo akuvox2mqtt login");
	if (r != EXIT_DONE)
		return r;
	if (config->token.grant == TOKEN_GRANT_TOKEN)
		return no_login(config);
	r = login_place(&lock, config);
	if (r != EXIT_DONE)
		return r;
	l.config = config;
	/* What is stored from before is about to be replaced: nothing of it matters here. */
	if (config->log_level == LOG_INFO)
		log_set_level(LOG_NOTICE);
	r = login(&l);
	(void)secret_free(l.code);
	(void)secret_free(l.redirect_uri);
	(void)secret_free(l.refresh_token);
	return r;
}
