#include "tests/unit/cmocka-all.h"

#include "tests/unit/token_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "util/timer.h"

#define START_USEC UINT64_C(1000000000)

uint64_t skew;
uint64_t renew_wait, save_wait;
static sd_event_source *renewal, *saving;
static bool is_real; /* the clock, for the event loop's timers */

uint64_t __wrap_clock_boot_usec(void);
uint64_t __wrap_clock_boot_usec(void)
{
	return is_real ? __real_clock_boot_usec() : START_USEC + skew;
}

int __wrap_timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec,
	uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata, const char *name);
int __real_timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec,
	uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata, const char *name);
int __wrap_timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec,
	uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata, const char *name)
{
	sd_event_source **known = NULL;
	int r;

	if (strcmp(name, "token renewal") == 0) {
		renew_wait = wait_usec;
		known = &renewal;
	} else if (strcmp(name, "token file") == 0) {
		save_wait = wait_usec;
		known = &saving;
	}
	is_real = true;
	r = __real_timer_arm(event, source, known ? UINT64_MAX : wait_usec, TIMER_EXACT, handler,
		userdata, name);
	is_real = false;
	if (known) {
		(void)sd_event_source_unref(*known);
		*known = sd_event_source_ref(*source);
	}
	return r;
}

static void is_due(sd_event_source *source, uint64_t wait_usec)
{
	assert_int_equal(sd_event_source_get_enabled(source, NULL), 1);
	skew += wait_usec;
	assert_true(sd_event_source_set_time(source, 0) >= 0);
}

/* The wait for the renewal has passed; the loop sees it in its next turn. */
void renewal_due(void)
{
	is_due(renewal, renew_wait);
}

/* The same for writing the file once more. */
void saving_due(void)
{
	is_due(saving, save_wait);
}

/* Tokens are, ... and, ... */
static void serve(
	struct tiny_line *line, unsigned n, const char *head, const char *body, void *userdata)
{
	struct fixture *f = userdata;
	char text[512], refresh[64];

	if (f->manner == ROTATES && !strstr(head, "oauth2/token")) {
		snprintf(text, sizeof(text), "Authorization: Bearer A-%u\r\n", f->asked);
		f->used += strstr(head, text) != NULL;
		(void)kill(f->child, SIGKILL);
		return;
	}
	f->asked++;
	snprintf(f->head, sizeof(f->head), "%s", head);
	snprintf(f->body, sizeof(f->body), "%s", body);
	snprintf(refresh, sizeof(refresh), "\"refresh_token\":\"R-%u\",", f->asked);
	switch (f->manner) {
	case ROTATES:
		snprintf(text, sizeof(text), "&refresh_token=R-%u", f->asked - 1);
		if (!strstr(body, f->asked == 1 ? "&refresh_token=R-first" : text)) {
			tiny_answer(line, 400, "", "{}");
			break;
		}
		__attribute__((fallthrough));
	case GRANTS:
	case KEEPS:
		snprintf(text, sizeof(text),
			"{\"success\":true,\"timestamp\":1540869200562,\"result\":{"
			"\"access_token\":\"A-%u\",%s\"token_type\":\"bearer\",\"expires_in\":%u}}",
			f->asked, f->manner == KEEPS ? "" : refresh, f->expires_in);
		tiny_answer(line, 200, "", text);
		break;
	case REFUSES_REFRESH:
		if (strstr(body, "grant_type=refresh_token")) {
			tiny_answer(line, 401, "", "{\"success\":false}");
			break;
		}
		snprintf(text, sizeof(text), "{\"access_token\":\"A-%u\"}", f->asked);
		tiny_answer(line, 200, "", text);
		break;
	case FLAT:
		snprintf(text, sizeof(text), "{\"access_token\":\"A-%u\",\"expires_in\":\"%u\"}",
			f->asked, f->expires_in);
		tiny_answer(line, 200, "", text);
		break;
	case SAYS:
		tiny_answer(line, f->status, f->headers ? f->headers : "", f->says);
		break;
	case HANGS:
		f->hangs = line;
		break;
	case SWALLOWS:
		tiny_close(line);
		break;
	}
}

int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct http_settings http = {.connect_timeout_usec = WAIT_MAX, .lines_max = 4};

	skew = 0;
	renew_wait = save_wait = 0;
	assert_int_equal(scratch_setup((void **)&f->scratch), 0);
	assert_int_equal(sd_event_new(&f->event), 0);
	assert_int_equal(tiny_server_new(&f->server, f->event, false, serve, f), 0);
	assert_int_equal(http_new(&f->http, f->event, &http), 0);
	f->expires_in = 3600;
	f->settings = (struct token_settings){
		.grant = TOKEN_GRANT_REFRESH_TOKEN,
		.url = tiny_server_url(f->server),
		.refresh_token = "R-first",
		.client_id = "client",
		.client_secret = "client&secret",
		.state_file = f->scratch->file,
		.timeout_usec = WAIT_MAX,
	};
	*state = f;
	return 0;
}

int teardown(void **state)
{
	struct fixture *f = *state;

	f->token = token_free(f->token);
	f->http = http_free(f->http);
	f->server = tiny_server_free(f->server);
	renewal = sd_event_source_unref(renewal);
	saving = sd_event_source_unref(saving);
	f->event = sd_event_unref(f->event);
	assert_int_equal(scratch_teardown((void **)&f->scratch), 0);
	free(f);
	return 0;
}

void begin(struct fixture *f)
{
	f->token = token_free(f->token);
	assert_int_equal(token_new(&f->token, f->event, f->http, &f->settings), 0);
}

void turn(struct fixture *f)
{
	assert_true(sd_event_run(f->event, 20 * USEC_PER_MSEC) >= 0);
}

/* For what must not happen: lets the loop run for a while, and until it has nothing left to do. */
void run_for(struct fixture *f, uint64_t usec)
{
	uint64_t until = __real_clock_boot_usec() + usec;

	while (__real_clock_boot_usec() < until)
		turn(f);
	while (sd_event_run(f->event, 0) > 0)
		;
}

void on_told(enum token_result result, void *userdata)
{
	struct told *told = userdata;

	told->times++;
	told->result = result;
}

struct token_wait *wait_for(struct fixture *f, struct told *told)
{
	struct token_wait *wait = NULL;

	memset(told, 0, sizeof(*told));
	assert_int_equal(token_wait(f->token, &wait, on_told, told), 0);
	assert_non_null(wait);
	assert_int_equal(told->times, 0);
	return wait;
}

enum token_result get(struct fixture *f)
{
	struct told told;

	(void)wait_for(f, &told);
	RUN_UNTIL(f, told.times == 1);
	return told.result;
}

char *file_text(struct fixture *f)
{
	static char text[4096];
	FILE *file = fopen(f->scratch->file, "re");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

void reject(struct fixture *f)
{
	char *text = strdup(token_current(f->token));

	token_rejected(f->token, text);
	free(text);
	assert_null(token_current(f->token));
}
