/* bench-libraries: takes the gateway's libraries into use, as little as that can be, and stays: one
 * TLS connection, one to the broker, an event loop, a database. What the gateway weighs is compared
 * with this. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/prctl.h>

#include <curl/curl.h>
#include <ini.h>
#include <json-c/json.h>
#include <mosquitto.h>
#include <sqlite3.h>
#include <systemd/sd-event.h>

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
	(void)json_object_put(json_tokener_parse("{\"success\":true}"));
	return size * n;
}

static int on_ini(void *user, const char *section, const char *name, const char *value)
{
	return 1;
}

int main(int argc, char **argv)
{
	sd_event *event = NULL;
	struct mosquitto *mosq;
	CURLM *multi;
	CURL *curl;
	sqlite3 *db = NULL;
	int running = 1;

	if (argc != 5) {
		(void)fputs("usage: bench-libraries PORT CLOUD CA DATABASE\n", stderr);
		return 2;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)ini_parse_string("[a]\nb=c\n", on_ini, NULL);
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	(void)mosquitto_lib_init();
	(void)sqlite3_open(argv[4], &db);
	(void)sqlite3_exec(db,
		"PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS t(a); "
		"INSERT INTO t VALUES(1)",
		NULL, NULL, NULL);
	multi = curl_multi_init();
	curl = curl_easy_init();
	(void)curl_easy_setopt(curl, CURLOPT_URL, argv[2]);
	(void)curl_easy_setopt(curl, CURLOPT_CAINFO, argv[3]);
	(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_multi_add_handle(multi, curl);
	while (running > 0) {
		(void)curl_multi_perform(multi, &running);
		(void)curl_multi_poll(multi, NULL, 0, 100, NULL);
	}
	mosq = mosquitto_new(NULL, true, NULL);
	if (mosquitto_connect(mosq, "127.0.0.1", atoi(argv[1]), 60) != MOSQ_ERR_SUCCESS)
		return 1;
	(void)mosquitto_loop_start(mosq);
	(void)sd_event_default(&event);
	(void)sd_event_loop(event);
	return 0;
}
