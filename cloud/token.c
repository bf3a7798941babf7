#define LOG_TOKEN "token"

#include "cloud/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "cloud/token_file.h"
#include "util/backoff.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/text.h"
#include "util/timer.h"

#define TOKEN_PATH "/api/v1.0/invoke/open-ability/method/oauth2/token"

#define ANSWER_MAX 65536

/* A token is renewed so long before its end, or a tenth of its life if that is less, so that an
 * opening never has to wait for it. */
#define AHEAD_USEC (60 * USEC_PER_SEC)

/* In seconds: of a life that the cloud does not name, and the longest that is believed. */
#define LIFE_USUAL 3600
#define LIFE_MAX   (10 * 365 * 86400)

/* A cloud that gives tokens and refuses them at once is not asked for ever: so many tokens in a
 * row, each refused within this time, count as a refusal. */
#define SHORT_LIVES_MAX 5
#define SHORT_LIFE_USEC (60 * USEC_PER_SEC)

struct token_wait {
	TAILQ_ENTRY(token_wait) list;
	struct token *token;
	token_done_t done;
	void *userdata;
	bool due; /* the result that is being told is meant for it */
};

struct token {
	sd_event *event;
	struct http *http;
	enum token_grant grant;
	char *url; /* of the token endpoint */
	char *access_token_file, *client_id, *username, *scope, *state_file;
	char *client_secret, *password, *refresh_token;
	uint64_t timeout_usec;

	struct token_file now; /* in force; without access_token there is none to use */
	char *rejected;        /* the last one that met a 401 */
	uint64_t since;        /* clock_boot_usec() from which the access token is in force */
	uint64_t until;        /* its end by that clock, 0: not known */
	unsigned short_lives;

	TAILQ_HEAD(token_waits, token_wait) waits;
	sd_event_source *tell; /* tells the waits the result */
	enum token_result result;
	struct http_request *request;
	bool by_refresh; /* what the request in flight tries */
	char *tried;     /* the refresh token it tries */
	sd_event_source *ahead, *save;
	struct backoff refusals, troubles;
	uint64_t hold_until; /* no request before, result holds */
	bool unsaved, said_unsaved;
	char why[160];
};

static int renew(struct token *t);

static void tell(struct token *t, enum token_result result)
{
	t->result = result;
	(void)sd_event_source_set_enabled(t->tell, SD_EVENT_ONESHOT);
}

/* Those who come to wait while this runs are told another time. */
static int on_tell(sd_event_source *source, void *userdata)
{
	struct token *t = userdata;
	enum token_result result = t->result;
	struct token_wait *wait;

	TAILQ_FOREACH (wait, &t->waits, list)
		wait->due = true;
	while ((wait = TAILQ_FIRST(&t->waits)) && wait->due) {
		token_done_t done = wait->done;
		void *data = wait->userdata;

		(void)token_wait_cancel(wait);
		done(result, data);
	}
	return 0;
}

static void refuse(struct token *t, const char *why)
{
	(void)snprintf(t->why, sizeof(t->why), "%s", why);
	t->hold_until = clock_boot_usec() + backoff_next(&t->refusals);
	tell(t, TOKEN_REFUSED);
}

static int on_ahead(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct token *t = userdata;

	if (!t->request && clock_boot_usec() >= t->hold_until)
		return renew(t);
	return 0;
}

/* Asks again by itself: somebody may be using the old token still. */
static void despair(struct token *t, const char *why, uint64_t wait_usec)
{
	uint64_t wait = backoff_next(&t->troubles);

	if (wait_usec > wait)
		wait = wait_usec;
	(void)snprintf(t->why, sizeof(t->why), "%s", why);
	t->hold_until = clock_boot_usec() + wait;
	(void)timer_arm(t->event, &t->ahead, wait, TIMER_LAZY, on_ahead, t, "token-again");
	tell(t, TOKEN_UNREACHABLE);
}

static int on_save(sd_event_source *source, uint64_t usec, void *userdata);

/* A token that cannot be saved is used all the same, since doors must open; but after a crash the
 * gateway may be locked out, so it says so and goes on trying. */
static void save(struct token *t)
{
	int r;

	if (!t->state_file)
		return;
	r = token_file_write(&t->now, t->state_file);
	t->unsaved = r < 0;
	if (r < 0) {
		if (!t->said_unsaved)
			(void)log_error_errno(r,
				"Cannot save the renewed token to %s: %m. It is used, but does not "
				"survive a restart",
				t->state_file);
		(void)timer_arm(
			t->event, &t->save, AHEAD_USEC, TIMER_LAZY, on_save, t, "token-save");
	} else if (t->said_unsaved) {
		log_notice("The renewed token is saved to %s", t->state_file);
	}
	t->said_unsaved = r < 0;
}

static int on_save(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct token *t = userdata;

	if (t->unsaved)
		save(t);
	return 0;
}

/* Puts an access token in force; life in seconds, 0: not known. access and refresh are consumed. */
static void adopt(struct token *t, char *access, char *refresh, int64_t life)
{
	uint64_t now = clock_boot_usec(), life_usec = (uint64_t)life * USEC_PER_SEC;
	uint64_t ahead = life_usec / 10 < AHEAD_USEC ? life_usec / 10 : AHEAD_USEC;

	(void)secret_free(t->now.access_token);
	t->now.access_token = access;
	if (refresh) {
		(void)secret_free(t->now.refresh_token);
		t->now.refresh_token = refresh;
	}
	t->now.expires = life ? clock_epoch_msec() / 1000 + life : 0;
	t->since = now;
	t->until = life ? now + life_usec : 0;
	t->hold_until = 0;
	backoff_reset(&t->troubles);
	timer_stop(t->ahead);
	if (life)
		(void)timer_arm(t->event, &t->ahead, life_usec - ahead, TIMER_LAZY, on_ahead, t,
			"token-ahead");
}

/* A fixed token is renewed by somebody else: its file may hold another one by now. The same one is
 * tried again after a pause, in case the refusal was a mistake. */
static void renew_fixed(struct token *t)
{
	char *text = NULL;
	const char *why;

	if (!t->access_token_file || secret_read(&text, t->access_token_file, &why) < 0) {
		refuse(t, "the file of the access token cannot be read");
		return;
	}
	if (t->rejected && strcmp(text, t->rejected) == 0 && clock_boot_usec() < t->hold_until) {
		(void)secret_free(text);
		(void)snprintf(
			t->why, sizeof(t->why), "the cloud does not accept the access token");
		tell(t, TOKEN_REFUSED);
		return;
	}
	adopt(t, text, NULL, 0);
	tell(t, TOKEN_READY);
}

/* Another process of ours (akuvox2mqtt call, login) may have renewed the tokens. */
static bool someone_renewed(struct token *t)
{
	struct token_file file = {0};
	bool another;

	if (!t->state_file || token_file_read(&file, t->state_file) < 0)
		return false;
	another = file.refresh_token && file.origin && strcmp(file.origin, t->now.origin) == 0 &&
	          !(t->tried && strcmp(file.refresh_token, t->tried) == 0);
	if (another) {
		(void)secret_free(t->now.refresh_token);
		t->now.refresh_token = TAKE_PTR(file.refresh_token);
	}
	token_file_done(&file);
	return another;
}

static void refused(struct token *t, long status)
{
	char why[sizeof(t->why)];

	if (t->by_refresh && someone_renewed(t) && renew(t) >= 0)
		return;
	if (t->by_refresh && t->grant == TOKEN_GRANT_PASSWORD) {
		t->now.refresh_token = secret_free(t->now.refresh_token);
		if (renew(t) >= 0)
			return;
	}
	(void)snprintf(why, sizeof(why),
		"the cloud refuses the %s (HTTP %ld); is the region right?",
		t->by_refresh                                ? "refresh token"
		: t->grant == TOKEN_GRANT_PASSWORD           ? "user name or password"
		: t->grant == TOKEN_GRANT_CLIENT_CREDENTIALS ? "client id or secret"
							     : "code",
		status);
	refuse(t, why);
}

/* The members stand in `result`; a plain OAuth server has them at the top. */
static struct json_object *find_result(struct json_object *document)
{
	struct json_object *result = json_get(document, "result");

	return json_text(result, "access_token") ? result : document;
}

static int accept(struct token *t, struct json_object *document)
{
	struct json_object *result = find_result(document);
	const char *access = json_text(result, "access_token");
	const char *refresh = json_text(result, "refresh_token");
	_cleanup_secret_ char *new_access = NULL, *new_refresh = NULL;
	int64_t life = json_object_get_int64(json_get(result, "expires_in"));

	if (!access || !text_is_visible(access, strlen(access)) || strlen(access) > SECRET_SIZE_MAX)
		return -EINVAL;
	if (refresh &&
		(!text_is_visible(refresh, strlen(refresh)) || strlen(refresh) > SECRET_SIZE_MAX))
		refresh = NULL;
	if (life <= 0 || life > LIFE_MAX)
		life = LIFE_USUAL;
	if (secret_new(&new_access, access, strlen(access)) < 0 ||
		(refresh && secret_new(&new_refresh, refresh, strlen(refresh)) < 0))
		return -ENOMEM;
	adopt(t, TAKE_PTR(new_access), TAKE_PTR(new_refresh), life);
	backoff_reset(&t->refusals);
	/* On disk before anybody uses it: the old refresh token may be dead from then on. */
	save(t);
	return 0;
}

static void on_answer(const struct http_answer *http, void *userdata)
{
	_cleanup_(json_freep) struct json_object *document = NULL;
	struct token *t = userdata;

	t->request = NULL;
	if (http->end != HTTP_ANSWERED) {
		despair(t, http->why, 0);
		return;
	}
	if (http->status == 429 || http->status >= 500) {
		despair(t, "the cloud gives no tokens now", http->retry_after_usec);
		return;
	}
	if (json_parse(&document, http->body, http->size) < 0)
		document = NULL;
	if (http->status < 200 || http->status > 299 || json_flag(document, "success") == 0) {
		refused(t, http->status);
		return;
	}
	if (accept(t, document) < 0)
		despair(t, "the cloud's answer holds no token", 0);
	else
		tell(t, TOKEN_READY);
}

struct form_field {
	const char *name;
	const char *value; /* NULL: left out */
};

/* Asks the token endpoint; the list ends with a NULL name. */
static int ask(struct token *t, const struct form_field *fields)
{
	_cleanup_secret_ char *form = NULL;
	struct http_call call = {
		.url = t->url,
		.content_type = "application/x-www-form-urlencoded",
		.answer_max = ANSWER_MAX,
		.timeout_usec = t->timeout_usec,
	};
	int r = 0;

	for (; fields->name && r >= 0; fields++)
		if (fields->value)
			r = http_form_add(&form, fields->name, fields->value);
	if (r < 0)
		return r;
	call.body = form;
	call.size = strlen(form);
	return http_start(t->http, &t->request, &call, on_answer, t);
}

static int ask_refresh(struct token *t)
{
	t->by_refresh = true;
	t->tried = secret_free(t->tried);
	if (secret_new(&t->tried, t->now.refresh_token, strlen(t->now.refresh_token)) < 0)
		return -ENOMEM;
	return ask(t, (const struct form_field[]){{"grant_type", "refresh_token"},
			      {"client_id", t->client_id}, {"client_secret", t->client_secret},
			      {"refresh_token", t->now.refresh_token}, {0}});
}

/* Begins to get a token; its end is told to those who wait. */
static int renew(struct token *t)
{
	if (t->grant != TOKEN_GRANT_TOKEN && t->grant != TOKEN_GRANT_CLIENT_CREDENTIALS &&
		t->now.refresh_token)
		return ask_refresh(t);
	t->by_refresh = false;
	switch (t->grant) {
	case TOKEN_GRANT_TOKEN:
		renew_fixed(t);
		return 0;
	case TOKEN_GRANT_PASSWORD:
		return ask(t, (const struct form_field[]){{"grant_type", "password"},
				      {"client_id", t->client_id},
				      {"client_secret", t->client_secret}, {"scope", t->scope},
				      {"username", t->username}, {"password", t->password}, {0}});
	case TOKEN_GRANT_CLIENT_CREDENTIALS:
		return ask(
			t, (const struct form_field[]){{"grant_type", "client_credentials"},
				   {"client_id", t->client_id}, {"client_secret", t->client_secret},
				   {"scope", t->scope}, {0}});
	case TOKEN_GRANT_REFRESH_TOKEN:
	case TOKEN_GRANT_AUTHORIZATION_CODE:
	case TOKEN_GRANT_MAX:
		break;
	}
	refuse(t, "there is no refresh token: run akuvox2mqtt login");
	return 0;
}

/* The access token to use now, borrowed until the loop goes on; NULL: token_wait() for one. */
const char *token_current(struct token *t)
{
	if (t->until && clock_boot_usec() >= t->until)
		return NULL;
	return t->now.access_token;
}

static int join(struct token *t, struct token_wait **ret, token_done_t done, void *userdata)
{
	struct token_wait *wait = calloc(1, sizeof(*wait));

	if (!wait)
		return -ENOMEM;
	wait->token = t;
	wait->done = done;
	wait->userdata = userdata;
	TAILQ_INSERT_TAIL(&t->waits, wait, list);
	*ret = wait;
	return 0;
}

/* Calls done once there is a token, or none to be had; however many wait, the cloud is asked once.
 * After a refusal or trouble it is asked again only when a pause is over. */
int token_wait(struct token *t, struct token_wait **ret, token_done_t done, void *userdata)
{
	struct token_wait *wait;
	int r;

	r = join(t, &wait, done, userdata);
	if (r < 0)
		return r;
	if (!t->request && token_current(t))
		tell(t, TOKEN_READY);
	else if (!t->request && clock_boot_usec() < t->hold_until && t->grant != TOKEN_GRANT_TOKEN)
		tell(t, t->result);
	else if (!t->request)
		r = renew(t);
	if (r < 0) {
		(void)token_wait_cancel(wait);
		return r;
	}
	*ret = wait;
	return 0;
}

/* done is not called any more; a renewal goes on. Takes NULL. */
struct token_wait *token_wait_cancel(struct token_wait *wait)
{
	if (!wait)
		return NULL;
	TAILQ_REMOVE(&wait->token->waits, wait, list);
	free(wait);
	return NULL;
}

/* A call with that token met HTTP 401, which is the truth about it whatever the clock says. If it
 * is not the one in force any more, that has been dealt with. */
void token_rejected(struct token *t, const char *text)
{
	uint64_t lived = clock_boot_usec() - t->since;

	if (!t->now.access_token || strcmp(t->now.access_token, text) != 0)
		return;
	(void)secret_free(t->rejected);
	t->rejected = TAKE_PTR(t->now.access_token);
	t->until = 0;
	timer_stop(t->ahead);
	if (lived > SHORT_LIFE_USEC) {
		t->short_lives = 0;
		backoff_reset(&t->refusals);
	}
	if (t->grant != TOKEN_GRANT_TOKEN && ++t->short_lives <= SHORT_LIVES_MAX)
		return;
	(void)snprintf(t->why, sizeof(t->why), "the cloud does not accept the access token");
	t->hold_until = clock_boot_usec() + backoff_next(&t->refusals);
	t->result = TOKEN_REFUSED;
}

/* Why there is no token, for people. */
const char *token_why(const struct token *t)
{
	return t->why;
}

/* When the access token ends, seconds since 1970 by our clock; 0: not known. */
int64_t token_expires(const struct token *t)
{
	return t->now.expires;
}

/* Exchanges the code that a browser came back with, for tokens that are then saved. */
int token_redeem(struct token *t, const char *code, const char *redirect_uri,
	struct token_wait **ret, token_done_t done, void *userdata)
{
	struct token_wait *wait;
	int r;

	if (t->request)
		return -EBUSY;
	r = join(t, &wait, done, userdata);
	if (r < 0)
		return r;
	t->by_refresh = false;
	r = ask(t, (const struct form_field[]){{"grant_type", "authorization_code"}, {"code", code},
			   {"client_id", t->client_id}, {"client_secret", t->client_secret},
			   {"redirect_uri", redirect_uri}, {0}});
	if (r < 0) {
		(void)token_wait_cancel(wait);
		return r;
	}
	*ret = wait;
	return 0;
}

static int copy_text(char **ret, const char *text)
{
	return text ? secret_new(ret, text, strlen(text)) : 0;
}

static int copy_settings(struct token *t, const struct token_settings *s)
{
	if (copy_text(&t->access_token_file, s->access_token_file) < 0 ||
		copy_text(&t->refresh_token, s->refresh_token) < 0 ||
		copy_text(&t->client_id, s->client_id) < 0 ||
		copy_text(&t->client_secret, s->client_secret) < 0 ||
		copy_text(&t->username, s->username) < 0 ||
		copy_text(&t->password, s->password) < 0 || copy_text(&t->scope, s->scope) < 0 ||
		copy_text(&t->state_file, s->state_file) < 0)
		return -ENOMEM;
	if (asprintf(&t->url, "%s" TOKEN_PATH, s->url) < 0) {
		t->url = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* What tokens on disk must descend from to be ours: another account, cloud or first token in the
 * configuration wins over them. */
static int make_origin(struct token *t)
{
	const char *seed = t->grant == TOKEN_GRANT_PASSWORD        ? t->username
	                   : t->grant == TOKEN_GRANT_REFRESH_TOKEN ? t->refresh_token
	                                                           : t->client_id;

	if (asprintf(&t->now.origin, "%d %s %s", (int)t->grant, t->url, seed ? seed : "") < 0) {
		t->now.origin = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* The stored expiry hints when to renew; the clock may have been set since. */
static void load(struct token *t)
{
	struct token_file file = {0};
	int64_t left;

	if (!t->state_file || t->grant == TOKEN_GRANT_TOKEN ||
		token_file_read(&file, t->state_file) < 0)
		return;
	left = file.expires - clock_epoch_msec() / 1000;
	if (file.origin && strcmp(file.origin, t->now.origin) == 0 && file.access_token) {
		adopt(t, TAKE_PTR(file.access_token), TAKE_PTR(file.refresh_token),
			left > 0 && left < LIFE_MAX ? left : 0);
		t->now.expires = file.expires;
		t->until = 0;
	}
	token_file_done(&file);
}

/* http must outlive the token. */
int token_new(struct token **ret, sd_event *event, struct http *http,
	const struct token_settings *settings)
{
	_cleanup_(token_freep) struct token *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	TAILQ_INIT(&t->waits);
	t->event = sd_event_ref(event);
	t->http = http;
	t->grant = settings->grant;
	t->timeout_usec = settings->timeout_usec;
	t->refusals = (struct backoff){60 * USEC_PER_SEC, 1800 * USEC_PER_SEC, 0};
	t->troubles = (struct backoff){USEC_PER_SEC, 60 * USEC_PER_SEC, 0};
	r = copy_settings(t, settings);
	if (r >= 0)
		r = make_origin(t);
	if (r >= 0)
		r = sd_event_add_defer(event, &t->tell, on_tell, t);
	if (r >= 0)
		r = sd_event_source_set_enabled(t->tell, SD_EVENT_OFF);
	if (r < 0)
		return r;
	(void)sd_event_source_set_description(t->tell, "token");
	load(t);
	if (!t->now.refresh_token && t->grant == TOKEN_GRANT_REFRESH_TOKEN &&
		copy_text(&t->now.refresh_token, t->refresh_token) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(t);
	return 0;
}

/* Those who wait are not told. */
struct token *token_free(struct token *t)
{
	if (!t)
		return NULL;
	while (!TAILQ_EMPTY(&t->waits))
		(void)token_wait_cancel(TAILQ_FIRST(&t->waits));
	(void)http_cancel(t->request);
	(void)sd_event_source_disable_unref(t->tell);
	(void)sd_event_source_disable_unref(t->ahead);
	(void)sd_event_source_disable_unref(t->save);
	token_file_done(&t->now);
	char *const texts[] = {t->access_token_file, t->client_id, t->username, t->scope,
		t->state_file, t->client_secret, t->password, t->refresh_token, t->rejected,
		t->tried, t->url};
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		(void)secret_free(texts[i]);
	(void)sd_event_unref(t->event);
	free(t);
	return NULL;
}
