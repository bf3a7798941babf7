#define LOG_TOKEN "cloud"

#include "cloud/health.h"

#include "util/clock.h"
#include "util/log.h"

/* So many strikes in a row without any answer between them are an outage. */
#define STRIKES_OUT 3

static void strike(struct health *h, unsigned strikes, const char *why)
{
	h->strikes += strikes;
	if (h->strikes < STRIKES_OUT)
		return;
	outage_failed(&h->outage, why);
	h->state = CLOUD_STATE_OFFLINE;
}

static void note_answered(struct health *h)
{
	h->strikes = 0;
	outage_over(&h->outage);
}

static void note_refused(struct health *h, const struct cloud_answer *answer)
{
	/* Without a status it may be our own token's pause, of which the cloud knows nothing. */
	if (answer->http_status)
		note_answered(h);
	if (!h->refused_since) {
		log_error("The cloud refuses us: %s", answer->why);
		h->refused_since = clock_boot_usec();
	}
	h->state = CLOUD_STATE_AUTH_FAILED;
}

static void note_accepted(struct health *h)
{
	note_answered(h);
	if (h->refused_since)
		log_notice("The cloud accepts us again after %.1f s",
			(double)(clock_boot_usec() - h->refused_since) / 1e6);
	h->refused_since = 0;
	h->state = CLOUD_STATE_ONLINE;
}

static void note_accepted_before(struct health *h)
{
	note_answered(h);
	h->state = CLOUD_STATE_AUTH_FAILED;
}

/* Takes an answer in, with which a call ended that was last sent then (clock_boot_usec()), and logs
 * what it changes. A command that is refused is no outage, and a single one that gets no answer or a
 * server's error may be that command's own trouble. What was under way as the cloud began to refuse
 * us does not say that it accepts us again. */
void health_note(struct health *h, const struct cloud_answer *answer, uint64_t sent_usec)
{
	switch (answer->error) {
	case CLOUD_OK:
	case CLOUD_REFUSED:
		/* 0: it was not even HTTP. */
		if (answer->http_status < 200 || answer->http_status >= 500)
			strike(h, 1, answer->why);
		else if (sent_usec >= h->refused_since)
			note_accepted(h);
		else
			note_accepted_before(h);
		break;
	case CLOUD_UNREACHABLE:
		strike(h, STRIKES_OUT, answer->why);
		break;
	case CLOUD_OUTCOME_UNKNOWN:
		strike(h, STRIKES_OUT - 1, answer->why);
		break;
	case CLOUD_AUTH_FAILED:
		note_refused(h, answer);
		break;
	case CLOUD_BUSY:
	case CLOUD_EXPIRED:
	case CLOUD_SHUTTING_DOWN:
	case CLOUD_ERROR_MAX:
		break;
	}
}
