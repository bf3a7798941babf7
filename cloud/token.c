#include "cloud/token.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "cloud/grant.h"
#include "cloud/token_file.h"
#include "util/backoff.h"
#include "util/clock.h"
#include "util/deferred.h"
#include "util/secret.h"
#include "util/text.h"
#include "util/timer.h"

#define LOG_TOKEN "token"
#include "util/log.h"

#define ANSWER_MAX 65536
#define WHY_MAX    512

/* A token is renewed so long before its end, or this share of its life if that is shorter. */
#define RENEW_BEFORE  (60 * USEC_PER_SEC)
#define RENEW_SHARE   10
#define RENEW_SOONEST USEC_PER_SEC
/* A stored time of expiry may come from a wrong clock. */
#define RENEW_HINT_MAX (86400 * USEC_PER_SEC)

/* Waits after failures. backoff_next() waits half of them at least. */
#define REFUSED_FIRST     (120 * USEC_PER_SEC)
#define REFUSED_MOST      (1800 * USEC_PER_SEC)
#define UNREACHABLE_FIRST (2 * USEC_PER_SEC)
#define UNREACHABLE_MOST  (60 * USEC_PER_SEC)
#define SAVE_AGAIN        (60 * USEC_PER_SEC)

/* When so many tokens in a row are refused this soon, the cloud gives and refuses them in turn. */
#define YOUNG     (60 * USEC_PER_SEC)
#define YOUNG_MAX 3

struct token_wait {
	TAILQ_ENTRY(token_wait) list;
	struct token *token;
	bool due;
	bool told; /* inside its callback */
	enum token_result result;
	token_done_t done;
	void *userdata;
};

struct token {
	sd_event *event;
	struct http *http;
	struct token_settings settings; /* texts are ours */
	char *url;
	struct token_store store;
	char *rejected; /* of TOKEN_GRANT_TOKEN: what the file held when it was refused */
	struct http_request *request; /* the one renewal in flight */
	enum grant grant;             /* which asks for this */
	TAILQ_HEAD(, token_wait) waits;
	sd_event_source *tell;
	sd_event_source *renew;
	sd_event_source *save;
	enum token_result last;
	uint64_t not_before; /* clock_boot_usec() of the next try after a failed one */
	struct backoff refused, unreachable;
	uint64_t issued; /* clock_boot_usec(), 0: by an earlier run */
	unsigned young;
	bool unsaved;
	char why[WHY_MAX];
};

static void token_renew(struct token *token);

static const size_t texts[] = {
	offsetof(struct token_settings, url),
	offsetof(struct token_settings, access_token_file),
	offsetof(struct token_settings, refresh_token),
	offsetof(struct token_settings, client_id),
	offsetof(struct token_settings, client_secret),
	offsetof(struct token_settings, username),
	offsetof(struct token_settings, password),
	offsetof(struct token_settings, scope),
	offsetof(struct token_settings, state_file),
};

static char **text_at(struct token_settings *settings, size_t i)
{
	return (char **)((char *)settings + texts[i]);
}

static int settings_copy(struct token_settings *to, const struct token_settings *from)
{
	struct token_settings all = *from;
	int r = 0;

	*to = all;
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		*text_at(to, i) = NULL;
	for (size_t i = 0; i < ELEMENTS(texts) && r >= 0; i++)
		if (*text_at(&all, i))
			r = secret_new(
				text_at(to, i), *text_at(&all, i), strlen(*text_at(&all, i)));
	return r;
}

static int on_renew(sd_event_source *source, uint64_t now, void *userdata)
{
	struct token *token = userdata;

	if (!token->request)
		token_renew(token);
	return 0;
}

static void renew_in(struct token *token, uint64_t wait_usec)
{
	uint64_t accuracy = wait_usec > RENEW_BEFORE ? TIMER_LAZY : TIMER_EXACT;

	(void)timer_arm(
		token->event, &token->renew, wait_usec, accuracy, on_renew, token, "token renewal");
}

/* Before the end, so that no opening has to wait for a new token. */
static void renew_before_end(struct token *token, uint64_t lifetime_usec)
{
	uint64_t before = lifetime_usec / RENEW_SHARE, wait;

	if (before > RENEW_BEFORE)
		before = RENEW_BEFORE;
	wait = lifetime_usec - before;
	renew_in(token, wait > RENEW_SOONEST ? wait : RENEW_SOONEST);
}

static void wait_is_due(struct token_wait *wait, enum token_result result)
{
	wait->due = true;
	wait->result = result;
	deferred_wake(wait->token->tell);
}

/* A renewal ended; all who wait for it hear of it from the event loop. */
static void token_finish(
	struct token *token, enum token_result result, const char *why, uint64_t retry_after_usec)
{
	struct token_wait *wait;
	uint64_t pause = 0;

	token->last = result;
	(void)snprintf(token->why, sizeof(token->why), "%s", why);
	switch (result) {
	case TOKEN_READY:
		backoff_reset(&token->refused);
		backoff_reset(&token->unreachable);
		break;
	case TOKEN_REFUSED:
		pause = backoff_next(&token->refused);
		break;
	case TOKEN_UNREACHABLE:
		pause = backoff_next(&token->unreachable);
		break;
	}
	if (pause > 0) {
		log_debug("no new token: %s", why);
		if (pause < retry_after_usec)
			pause = retry_after_usec;
		renew_in(token, pause);
	}
	token->not_before = clock_boot_usec() + pause;
	TAILQ_FOREACH (wait, &token->waits, list)
		if (!wait->due)
			wait_is_due(wait, result);
}

static int on_save(sd_event_source *source, uint64_t now, void *userdata);

/* What cannot be written is used all the same: doors must open. It is tried again. */
static void token_save(struct token *token)
{
	int r;

	if (!token->settings.state_file)
		return;
	r = token_file_write(&token->store, &token->settings);
	if (r >= 0) {
		if (token->unsaved)
			log_notice("The tokens are in %s again", token->settings.state_file);
		token->unsaved = false;
		return;
	}
	if (!token->unsaved)
		log_errno(LOG_ERR, r,
			"Cannot write %s, a restart would lose the renewed tokens: %m",
			token->settings.state_file);
	token->unsaved = true;
	(void)timer_arm(
		token->event, &token->save, SAVE_AGAIN, TIMER_LAZY, on_save, token, "token file");
}

static int on_save(sd_event_source *source, uint64_t now, void *userdata)
{
	token_save(userdata);
	return 0;
}

/* On the disk first: once a new token is used, the old refresh token may be void. */
static void token_accept(struct token *token, struct grant_answer *answer)
{
	(void)secret_free(token->store.access_token);
	token->store.access_token = TAKE_PTR(answer->access_token);
	if (answer->refresh_token) {
		(void)secret_free(token->store.refresh_token);
		token->store.refresh_token = TAKE_PTR(answer->refresh_token);
	}
	token->store.expires =
		clock_epoch_msec() / 1000 + (int64_t)(answer->lifetime_usec / USEC_PER_SEC);
	token->issued = clock_boot_usec();
	token_save(token);
	renew_before_end(token, answer->lifetime_usec);
}

static void token_ask(struct token *token, enum grant grant, const struct grant_secrets *secrets);

/* Another process of ours, such as akuvox2mqtt call, may have renewed the tokens meanwhile; then
 * ours are void and its are on the disk. */
static bool someone_renewed(struct token *token)
{
	struct token_store store = {0};
	bool newer;

	if (!token->settings.state_file || token_file_read(&store, &token->settings) < 0)
		return false;
	newer = store.access_token && store.refresh_token && token->store.refresh_token &&
	        strcmp(store.refresh_token, token->store.refresh_token) != 0;
	if (!newer) {
		token_store_done(&store);
		return false;
	}
	token_store_done(&token->store);
	token->store = store;
	token->issued = 0;
	return true;
}

static void on_answer(const struct http_answer *http, void *userdata)
{
	static const struct grant_secrets none = {0};
	struct token *token = userdata;
	struct grant_answer answer;

	token->request = NULL;
	if (grant_read(&answer, token->grant, http) < 0) {
		token_finish(token, TOKEN_UNREACHABLE, "out of memory", 0);
		return;
	}
	if (answer.result == TOKEN_REFUSED && token->grant == GRANT_REFRESH_TOKEN &&
		someone_renewed(token)) {
		token_finish(token, TOKEN_READY, "", 0);
		return;
	}
	if (answer.result == TOKEN_REFUSED && token->grant == GRANT_REFRESH_TOKEN &&
		token->settings.grant == TOKEN_GRANT_PASSWORD && token->settings.password) {
		token->store.refresh_token = secret_free(token->store.refresh_token);
		token_ask(token, GRANT_PASSWORD, &none);
		return;
	}
	if (answer.result == TOKEN_READY)
		token_accept(token, &answer);
	token_finish(token, answer.result, answer.why, answer.retry_after_usec);
	grant_answer_done(&answer);
}

static void token_ask(struct token *token, enum grant grant, const struct grant_secrets *secrets)
{
	_cleanup_secret_ char *form = NULL;
	struct http_call call = {
		.url = token->url,
		.content_type = "application/x-www-form-urlencoded",
		.answer_max = ANSWER_MAX,
		.timeout_usec = token->settings.timeout_usec,
	};
	int r = grant_form(&form, grant, &token->settings, secrets);

	if (r >= 0) {
		call.body = form;
		call.size = strlen(form);
		token->grant = grant;
		r = http_start(token->http, &token->request, &call, on_answer, token);
	}
	if (r < 0)
		token_finish(token, TOKEN_UNREACHABLE, strerror(-r), 0);
}

/* The file is the only source of a fixed token. The one that was refused is tried again only after a
 * pause: the refusal may have been a mistake, but nobody hammers the cloud with it. */
static enum token_result read_fixed(struct token *token)
{
	const char *file = token->settings.access_token_file, *fault = "no file is given";
	_cleanup_secret_ char *text = NULL;

	if (file && secret_read(&text, file, &fault) >= 0) {
		bool same = token->rejected && strcmp(text, token->rejected) == 0;

		if (!same)
			backoff_reset(&token->refused);
		if (same && clock_boot_usec() < token->not_before)
			fault = "the cloud refuses this access token, put a new one there";
		else if (!text_is_visible(text, strlen(text)))
			fault = "it holds characters that no token has";
		else
			fault = NULL;
	}
	if (fault) {
		(void)snprintf(
			token->why, sizeof(token->why), "%s: %s", file ? file : "token", fault);
		return TOKEN_REFUSED;
	}
	token->store.access_token = TAKE_PTR(text);
	token->store.expires = 0;
	token->issued = 0;
	token->why[0] = '\0';
	return TOKEN_READY;
}

/* Starts the one renewal. It ends in token_finish(). */
static void token_renew(struct token *token)
{
	const struct grant_secrets secrets = {.refresh_token = token->store.refresh_token};

	if (token->settings.as_stored) {
		token_finish(token, TOKEN_REFUSED, "a new token is needed and not asked for", 0);
		return;
	}
	switch (token->settings.grant) {
	case TOKEN_GRANT_TOKEN:
		break;
	case TOKEN_GRANT_REFRESH_TOKEN:
	case TOKEN_GRANT_AUTHORIZATION_CODE:
	case TOKEN_GRANT_PASSWORD:
		if (secrets.refresh_token)
			token_ask(token, GRANT_REFRESH_TOKEN, &secrets);
		else if (token->settings.grant == TOKEN_GRANT_PASSWORD && token->settings.password)
			token_ask(token, GRANT_PASSWORD, &secrets);
		else
			token_finish(token, TOKEN_REFUSED,
				"there is no refresh token, run akuvox2mqtt login", 0);
		break;
	case TOKEN_GRANT_CLIENT_CREDENTIALS:
		token_ask(token, GRANT_CLIENT_CREDENTIALS, &secrets);
		break;
	case TOKEN_GRANT_MAX:
		break;
	}
}

static int on_tell(sd_event_source *source, void *userdata)
{
	struct token *token = userdata;
	struct token_wait *wait;

	do {
		TAILQ_FOREACH (wait, &token->waits, list)
			if (wait->due)
				break;
		if (wait) {
			wait->told = true;
			wait->done(wait->result, wait->userdata);
			TAILQ_REMOVE(&token->waits, wait, list);
			free(wait);
		}
	} while (wait);
	return 0;
}

static int wait_new(struct token_wait **ret, struct token *token, token_done_t done, void *userdata)
{
	struct token_wait *wait = calloc(1, sizeof(*wait));

	if (!wait)
		return -ENOMEM;
	*wait = (struct token_wait){.token = token, .done = done, .userdata = userdata};
	TAILQ_INSERT_TAIL(&token->waits, wait, list);
	*ret = wait;
	return 0;
}

/* Tells when there is a token for token_current(), or that none is to be had now. Joins or starts a
 * renewal, but not within the pause after a failure: then the answer is that of the failure. */
int token_wait(struct token *token, struct token_wait **ret, token_done_t done, void *userdata)
{
	int r = wait_new(ret, token, done, userdata);

	if (r < 0)
		return r;
	if (token->store.access_token)
		wait_is_due(*ret, TOKEN_READY);
	else if (token->settings.grant == TOKEN_GRANT_TOKEN)
		wait_is_due(*ret, read_fixed(token));
	else if (token->request)
		return 0;
	else if (clock_boot_usec() < token->not_before)
		wait_is_due(*ret, token->last);
	else
		token_renew(token);
	return 0;
}

/* Takes NULL, returns NULL. The callback will not run; a renewal in flight goes on. */
struct token_wait *token_wait_cancel(struct token_wait *wait)
{
	if (!wait || wait->told)
		return NULL;
	TAILQ_REMOVE(&wait->token->waits, wait, list);
	free(wait);
	return NULL;
}

/* The token to use now, borrowed until the loop runs again. It may have expired by the clock: only
 * a 401 tells for certain. NULL: there is none, see token_wait(). */
const char *token_current(struct token *token)
{
	return token->store.access_token;
}

/* The cloud answered 401 to text. Of many who report the same token the first counts; one that was
 * replaced meanwhile is none of our concern. */
void token_rejected(struct token *token, const char *text)
{
	uint64_t now = clock_boot_usec();
	bool young = token->issued && now < token->issued + YOUNG;

	if (!token->store.access_token || strcmp(token->store.access_token, text) != 0)
		return;
	(void)secret_free(token->rejected);
	token->rejected = TAKE_PTR(token->store.access_token);
	token->store.expires = 0;
	if (token->settings.grant == TOKEN_GRANT_TOKEN)
		token->not_before = now + backoff_next(&token->refused);
	/* A 401 is an answer: the cloud is there again. */
	if (token->last == TOKEN_UNREACHABLE) {
		token->last = TOKEN_READY;
		token->not_before = 0;
		backoff_reset(&token->unreachable);
	}
	token->young = young ? token->young + 1 : 0;
	if (token->young >= YOUNG_MAX && !token->request)
		token_finish(token, TOKEN_REFUSED, "the cloud refuses each token that it gave", 0);
}

/* Why there is no token, for people; never NULL, never holds a secret. */
const char *token_why(const struct token *token)
{
	return token->why;
}

/* When the current token expires, seconds since 1970; 0: unknown. */
int64_t token_expires(const struct token *token)
{
	return token->store.expires;
}

/* A renewal is on its way, or what one brought is not on disk: freed now, it would be lost. */
bool token_busy(const struct token *token)
{
	return token->request || token->unsaved;
}

/* Gets the first tokens, or new ones in their place, by the grant of the settings; they are then on
 * the disk. -EBUSY: a renewal is in flight; -EINVAL: the grant needs something that first has not. */
int token_redeem(struct token *token, const struct token_first *first, struct token_wait **ret,
	token_done_t done, void *userdata)
{
	static const enum grant grants[TOKEN_GRANT_MAX] = {
		[TOKEN_GRANT_REFRESH_TOKEN] = GRANT_REFRESH_TOKEN,
		[TOKEN_GRANT_PASSWORD] = GRANT_PASSWORD,
		[TOKEN_GRANT_AUTHORIZATION_CODE] = GRANT_AUTHORIZATION_CODE,
		[TOKEN_GRANT_CLIENT_CREDENTIALS] = GRANT_CLIENT_CREDENTIALS,
	};
	const struct grant_secrets secrets = {
		.code = first->code,
		.redirect_uri = first->redirect_uri,
		.refresh_token = first->refresh_token ?: token->store.refresh_token,
	};
	enum grant grant = grants[token->settings.grant];
	int r;

	if (token->request)
		return -EBUSY;
	if (token->settings.grant == TOKEN_GRANT_TOKEN ||
		(grant == GRANT_AUTHORIZATION_CODE && !first->code) ||
		(grant == GRANT_REFRESH_TOKEN && !secrets.refresh_token))
		return -EINVAL;
	r = wait_new(ret, token, done, userdata);
	if (r < 0)
		return r;
	token_ask(token, grant, &secrets);
	return 0;
}

/* What an earlier run left: its access token is used until the cloud refuses it, its time of expiry
 * is a hint when to renew. */
static int token_restore(struct token *token)
{
	const char *first = token->settings.refresh_token;
	int64_t left;
	int r = -ENOENT;

	if (token->settings.state_file)
		r = token_file_read(&token->store, &token->settings);
	if (r == -ENOMEM)
		return r;
	if (r == -ESTALE)
		log_info("The tokens in %s belong to other settings and are not used",
			token->settings.state_file);
	else if (r < 0 && r != -ENOENT)
		log_errno(LOG_WARNING, r, "Cannot use the tokens in %s: %m",
			token->settings.state_file);
	if (!token->store.refresh_token && first) {
		r = secret_new(&token->store.refresh_token, first, strlen(first));
		if (r < 0)
			return r;
	}
	if (!token->store.access_token || token->store.expires <= 0)
		return 0;
	left = token->store.expires - clock_epoch_msec() / 1000;
	if (left <= 0)
		renew_in(token, 0);
	else if (left < (int64_t)(RENEW_HINT_MAX / USEC_PER_SEC))
		renew_before_end(token, (uint64_t)left * USEC_PER_SEC);
	else
		renew_before_end(token, RENEW_HINT_MAX);
	return 0;
}

/* Reads what an earlier run left in settings->state_file, or the file of a fixed token; what is
 * wrong with them shows in the first token_wait(). Asks the cloud for nothing yet. */
int token_new(struct token **ret, sd_event *event, struct http *http,
	const struct token_settings *settings)
{
	_cleanup_(token_freep) struct token *token = calloc(1, sizeof(*token));
	size_t size = strlen(settings->url);
	int r;

	if (!token)
		return -ENOMEM;
	TAILQ_INIT(&token->waits);
	token->event = sd_event_ref(event);
	token->http = http;
	token->refused = (struct backoff){.first_usec = REFUSED_FIRST, .most_usec = REFUSED_MOST};
	token->unreachable =
		(struct backoff){.first_usec = UNREACHABLE_FIRST, .most_usec = UNREACHABLE_MOST};
	r = settings_copy(&token->settings, settings);
	if (r < 0)
		return r;
	while (size > 0 && settings->url[size - 1] == '/')
		size--;
	if (asprintf(&token->url, "%.*s" GRANT_PATH, (int)size, settings->url) < 0) {
		token->url = NULL;
		return -ENOMEM;
	}
	r = deferred_new(&token->tell, event, on_tell, token, "token waiters", 0);
	if (r < 0)
		return r;
	if (settings->grant == TOKEN_GRANT_TOKEN)
		(void)read_fixed(token);
	else
		r = token_restore(token);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(token);
	return 0;
}

/* Takes NULL, returns NULL. Who still waits is not told; the handles are void. */
struct token *token_free(struct token *token)
{
	if (!token)
		return NULL;
	(void)http_cancel(token->request);
	while (!TAILQ_EMPTY(&token->waits)) {
		struct token_wait *wait = TAILQ_FIRST(&token->waits);

		TAILQ_REMOVE(&token->waits, wait, list);
		free(wait);
	}
	sd_event_source_disable_unref(token->tell);
	sd_event_source_disable_unref(token->renew);
	sd_event_source_disable_unref(token->save);
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		*text_at(&token->settings, i) = secret_free(*text_at(&token->settings, i));
	token_store_done(&token->store);
	token->rejected = secret_free(token->rejected);
	free(token->url);
	sd_event_unref(token->event);
	free(token);
	return NULL;
}
