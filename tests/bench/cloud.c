/* bench-cloud: a cloud that only answers, as fast as it can, so that little else is measured than
 * the one who asks. Counts what came: on SIGUSR1 it prints connections and requests to stdout, and on
 * SIGUSR2 it closes the connections that are idle. Histories have BENCH_ROWS rows, or none. */

#include "config.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "tests/sim/http.h"
#include "tests/sim/must.h"
#include "util/clock.h"

#define PEM_MAX 65536

struct cloud {
	unsigned homes, devices, relays, delay_msec, rows;
	time_t began;
	atomic_uint_fast64_t requests, openings;
};

static char *read_pem(const char *path)
{
	char *text = must(calloc(1, PEM_MAX));
	FILE *f = fopen(path, "re");

	if (!f || fread(text, 1, PEM_MAX - 1, f) == 0) {
		perror(path);
		exit(1);
	}
	(void)fclose(f);
	return text;
}

static void write_families(const struct cloud *c, FILE *f)
{
	(void)fputc('[', f);
	for (unsigned i = 0; i < c->homes; i++)
		(void)fprintf(f,
			"%s{\"account_id\":\"a1\",\"residence_id\":\"h%u\",\"family_name\":\"Home "
			"%u\",\"online\":true,\"installed\":true}",
			i ? "," : "", i, i);
	(void)fputc(']', f);
}

static void write_devices(const struct cloud *c, unsigned home, FILE *f)
{
	(void)fputc('[', f);
	for (unsigned d = 0; d < c->devices; d++) {
		(void)fprintf(f,
			"%s{\"ciphertext\":\"5d761660e5015ec4716a5de414bd62f1\",\"security_relays\":[],"
			"\"is_public\":true,\"device_name\":\"Door phone %u\",\"sip\":\"62%08u\","
			"\"device_type\":\"Multi-tenants Doorphone\",\"mac\":\"0C11%04X%04X\","
			"\"online\":true,\"rtsp\":\"\",\"relays\":[",
			d ? "," : "", d, home * c->devices + d, home & 0xffff, d);
		for (unsigned r = 0; r < c->relays; r++)
			(void)fprintf(f,
				"%s{\"relay_name\":\"Door %u\",\"relay_number\":\"%u\",\"relay_id\":\"r%u\"}",
				r ? "," : "", r, r, d * c->relays + r);
		(void)fputs("]}", f);
	}
	(void)fputc(']', f);
}

/* The same rows each time: a minute apart, newest first, all before this program began. */
static void write_history(const struct cloud *c, bool is_calls, FILE *f)
{
	(void)fputc('[', f);
	for (unsigned i = 0; i < c->rows; i++) {
		const char *comma = i ? "," : "";
		time_t then = c->began - 60 * (time_t)i;
		struct tm utc;
		char time[32];

		(void)strftime(time, sizeof(time), "%Y-%m-%d %H:%M:%S", gmtime_r(&then, &utc));
		if (is_calls)
			(void)fprintf(f,
				"%s{\"call_name\":\"Door phone %u\",\"call_sip\":\"62%08u\","
				"\"call_time\":\"%s\"}",
				comma, i, i, time);
		else
			(void)fprintf(f,
				"%s{\"open_door\":true,\"account_name\":\"Somebody\","
				"\"device_name\":\"Door phone %u\",\"open_door_type\":\"NFC "
				"unlock\",\"open_door_time\":\"%s\",\"capture_picture_url\":\"\","
				"\"capture_thumbnail_url\":\"\"}",
				comma, i % c->devices, time);
	}
	(void)fputc(']', f);
}

static void write_result(struct cloud *c, const char *body, FILE *f)
{
	const char *home = strstr(body, "\"residence_id\":\"h");

	if (strstr(body, "remote_open_door")) {
		atomic_fetch_add(&c->openings, 1);
		(void)fputs("null", f);
	} else if (strstr(body, "get_family_list")) {
		write_families(c, f);
	} else if (strstr(body, "device_list")) {
		write_devices(c, home ? (unsigned)strtoul(home + 17, NULL, 10) : 0, f);
	} else if (strstr(body, "nfc_config")) {
		(void)fputs("{\"nfc_code\":\"7488BDADB3ADD52E\",\"enable_nfc\":true}", f);
	} else if (strstr(body, "ble_config")) {
		(void)fputs("{\"ble_code\":\"7488BDADB3ADD52E\",\"enable_ble\":true}", f);
	} else if (strstr(body, "face_file_info")) {
		(void)fputs("{\"is_uploaded\":false}", f);
	} else if (strstr(body, "get_family_info")) {
		(void)fputs("{\"accounts\":[]}", f);
	} else if (strstr(body, "_history")) {
		write_history(c, strstr(body, "call_history"), f);
	} else {
		(void)fputs("[]", f);
	}
}

static void serve(void *userdata, const struct request *request, struct answer *answer)
{
	struct cloud *c = userdata;
	FILE *f = must(open_memstream(&answer->body, &answer->size));

	answer->status = 200;
	answer->type = "application/json";
	atomic_fetch_add(&c->requests, 1);
	(void)fprintf(
		f, "{\"success\":true,\"timestamp\":%" PRIi64 ",\"result\":", clock_epoch_msec());
	write_result(c, request->body ? request->body : "", f);
	(void)fputc('}', f);
	(void)fclose(f);
	if (c->delay_msec && request->body)
		(void)nanosleep(
			&(struct timespec){c->delay_msec / 1000, c->delay_msec % 1000 * 1000000L},
			NULL);
}

int main(int argc, char **argv)
{
	struct cloud c = {0};
	struct http_settings settings = {
		.listen = argc > 1 ? argv[1] : "", .serve = serve, .userdata = &c};
	struct http *http;
	const char *why, *rows = getenv("BENCH_ROWS");
	sigset_t mask;
	int signal;

	if (argc != 8) {
		(void)fputs("usage: bench-cloud ADDR:PORT CERT KEY HOMES DEVICES RELAYS DELAY_MS\n",
			stderr);
		return 2;
	}
	settings.cert = read_pem(argv[2]);
	settings.key = read_pem(argv[3]);
	c.homes = (unsigned)strtoul(argv[4], NULL, 10);
	c.devices = (unsigned)strtoul(argv[5], NULL, 10);
	c.relays = (unsigned)strtoul(argv[6], NULL, 10);
	c.delay_msec = (unsigned)strtoul(argv[7], NULL, 10);
	c.began = time(NULL);
	c.rows = rows ? (unsigned)strtoul(rows, NULL, 10) : 0;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGINT);
	(void)sigaddset(&mask, SIGUSR1);
	(void)sigaddset(&mask, SIGUSR2);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	if (http_new(&http, &settings, &why) < 0) {
		(void)fprintf(stderr, "Cannot listen: %s\n", why);
		return 1;
	}
	(void)printf("%s\n", http_url(http));
	(void)fflush(stdout);
	while (sigwait(&mask, &signal) == 0 && (signal == SIGUSR1 || signal == SIGUSR2)) {
		uint64_t accepted;
		unsigned open;

		if (signal == SIGUSR2) {
			http_close_idle(http, &open);
			continue;
		}
		http_connections(http, &accepted, &open);
		(void)printf("%" PRIu64 " %u %" PRIuFAST64 " %" PRIuFAST64 "\n", accepted, open,
			atomic_load(&c.requests), atomic_load(&c.openings));
		(void)fflush(stdout);
	}
	http_stop(http);
	(void)http_free(http);
	return 0;
}
