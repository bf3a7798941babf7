#include "util/outage.h"

#include "util/clock.h"
#include "util/log.h"

/* Logs the first failure of a row; why: for people, without secrets. */
void outage_failed(struct outage *o, const char *why)
{
	o->tries++;
	if (o->since) {
		log_debug("%s is still away: %s", o->what, why);
		return;
	}
	o->since = clock_boot_usec();
	log_warning("%s is away: %s", o->what, why);
}

/* Logs the end of an outage, if there was one. */
void outage_over(struct outage *o)
{
	if (!o->since)
		return;
	log_notice("%s is back after %.1f s and %u failed tries", o->what,
		(double)(clock_boot_usec() - o->since) / 1e6, o->tries);
	o->since = 0;
	o->tries = 0;
}
