/* bench-floor: the least that turns an MQTT message into the cloud's HTTP request and its answer
 * into an MQTT message. It checks nothing, and would open a door for a retained message of last
 * year: it is here to be measured against, not to be used. "rest" is the least that asks for the
 * histories as often as the gateway does, and drops the answers. */

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <curl/curl.h>
#include <mosquitto.h>

#define CALLS 64

/* At rest it wakes up this often, for the broker's sake, and asks at each second time. */
#define REST_MSEC 6500

struct call {
	CURL *curl;
	char request[512], answer[4096], topic[256];
	size_t size;
	bool busy;
};

struct floor {
	struct mosquitto *mosq;
	CURLM *multi;
	struct call calls[CALLS];
	unsigned long next_id;
	bool alone; /* one request at a time, without the multi */
};

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
	struct call *call = userdata;

	if (call->size + n < sizeof(call->answer)) {
		memcpy(call->answer + call->size, data, n);
		call->size += n;
	}
	return size * n;
}

static void publish(struct floor *f, struct call *call)
{
	call->busy = false;
	(void)mosquitto_publish(
		f->mosq, NULL, call->topic, (int)call->size, call->answer, 1, false);
}

static void start(struct floor *f, struct call *call)
{
	call->busy = true;
	call->size = 0;
	(void)curl_easy_setopt(call->curl, CURLOPT_POSTFIELDS, call->request);
	if (!f->alone) {
		(void)curl_multi_add_handle(f->multi, call->curl);
	} else if (curl_easy_perform(call->curl) == CURLE_OK) {
		publish(f, call);
	}
}

static void write_request(struct floor *f, struct call *call, const char *home, const char *command)
{
	(void)snprintf(call->request, sizeof(call->request),
		"{\"command\":\"%s\",\"id\":\"c%032lx\",\"param\":{\"residence_id\":\"%s\"}}",
		command, ++f->next_id, home);
}

/* BASE/HOME/door/RELAY/open, or BASE/HOME/request/COMMAND. */
static void on_message(struct mosquitto *mosq, void *userdata, const struct mosquitto_message *m)
{
	char home[64], kind[64], thing[64];
	struct floor *f = userdata;
	struct call *call = f->calls;

	while (call < f->calls + CALLS && call->busy)
		call++;
	if (call == f->calls + CALLS ||
		sscanf(m->topic, "%*[^/]/%63[^/]/%63[^/]/%63[^/]", home, kind, thing) != 3)
		return;
	if (strcmp(kind, "door") == 0) {
		(void)snprintf(call->request, sizeof(call->request),
			"{\"command\":\"trigger_akuvox_remote_open_door\",\"id\":\"c%032lx\","
			"\"param\":{\"residence_id\":\"%s\",\"mac\":\"0C1100000000\",\"relay_id\":\"%"
			"s\"}}",
			++f->next_id, home, thing);
		(void)snprintf(
			call->topic, sizeof(call->topic), "home/%s/door/%s/result", home, thing);
	} else {
		write_request(f, call, home, thing);
		(void)snprintf(
			call->topic, sizeof(call->topic), "home/%s/response/%s", home, thing);
	}
	start(f, call);
}

static void on_connect(struct mosquitto *mosq, void *userdata, int rc)
{
	(void)mosquitto_subscribe(mosq, NULL, "home/+/door/+/open", 1);
	(void)mosquitto_subscribe(mosq, NULL, "home/+/request/+", 1);
}

static void rest(struct floor *f)
{
	static const char *const asked[] = {
		"get_akuvox_call_history", "get_akuvox_open_door_history"};

	for (unsigned n = 0;; n++) {
		struct pollfd wait = {.fd = mosquitto_socket(f->mosq), .events = POLLIN};

		while (poll(&wait, 1, REST_MSEC) > 0)
			if (mosquitto_loop_read(f->mosq, 1) != MOSQ_ERR_SUCCESS)
				return;
		if (mosquitto_loop_misc(f->mosq) != MOSQ_ERR_SUCCESS)
			return;
		for (size_t i = 0; n % 2 == 0 && i < sizeof(asked) / sizeof(*asked); i++) {
			struct call *call = f->calls;

			call->size = 0;
			write_request(f, call, "h0", asked[i]);
			(void)curl_easy_setopt(call->curl, CURLOPT_POSTFIELDS, call->request);
			if (curl_easy_perform(call->curl) != CURLE_OK)
				return;
		}
	}
}

static void prepare(struct floor *f, const char *url, const char *ca, struct curl_slist *headers)
{
	for (size_t i = 0; i < CALLS; i++) {
		struct call *call = &f->calls[i];

		call->curl = curl_easy_init();
		(void)curl_easy_setopt(call->curl, CURLOPT_URL, url);
		(void)curl_easy_setopt(call->curl, CURLOPT_CAINFO, ca);
		(void)curl_easy_setopt(call->curl, CURLOPT_CAPATH, NULL);
		(void)curl_easy_setopt(call->curl, CURLOPT_HTTPHEADER, headers);
		(void)curl_easy_setopt(call->curl, CURLOPT_WRITEFUNCTION, on_body);
		(void)curl_easy_setopt(call->curl, CURLOPT_WRITEDATA, call);
		(void)curl_easy_setopt(call->curl, CURLOPT_PRIVATE, call);
		(void)curl_easy_setopt(
			call->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	}
}

static void finish(struct floor *f)
{
	struct CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(f->multi, &left))) {
		CURL *curl = message->easy_handle;
		struct call *call;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&call);
		(void)curl_multi_remove_handle(f->multi, curl);
		publish(f, call);
	}
}

static void run(struct floor *f)
{
	for (;;) {
		struct curl_waitfd wait = {
			.fd = mosquitto_socket(f->mosq),
			.events = CURL_WAIT_POLLIN |
		                  (mosquitto_want_write(f->mosq) ? CURL_WAIT_POLLOUT : 0),
		};
		int running;

		(void)curl_multi_poll(f->multi, &wait, 1, 1000, NULL);
		if (mosquitto_loop_read(f->mosq, 1) != MOSQ_ERR_SUCCESS ||
			mosquitto_loop_write(f->mosq, 1) != MOSQ_ERR_SUCCESS ||
			mosquitto_loop_misc(f->mosq) != MOSQ_ERR_SUCCESS)
			return;
		(void)curl_multi_perform(f->multi, &running);
		finish(f);
	}
}

int main(int argc, char **argv)
{
	static struct floor f;
	struct curl_slist *headers = NULL;
	char url[256];

	if (argc != 5) {
		(void)fputs("usage: bench-floor alone|many|rest PORT CLOUD CA\n", stderr);
		return 2;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	f.alone = strcmp(argv[1], "alone") == 0;
	(void)snprintf(
		url, sizeof(url), "%s/api/v1.0/invoke/open-ability/method/user-commands", argv[3]);
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	(void)mosquitto_lib_init();
	headers = curl_slist_append(headers, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Accept: application/json");
	headers = curl_slist_append(headers, "Authorization: Bearer bench");
	f.multi = curl_multi_init();
	(void)curl_multi_setopt(f.multi, CURLMOPT_MAXCONNECTS, 16L);
	(void)curl_multi_setopt(f.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 8L);
	prepare(&f, url, argv[4], headers);
	f.mosq = mosquitto_new(NULL, true, &f);
	(void)mosquitto_int_option(f.mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	(void)mosquitto_int_option(f.mosq, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_connect_callback_set(f.mosq, on_connect);
	mosquitto_message_callback_set(f.mosq, on_message);
	if (mosquitto_connect(f.mosq, "127.0.0.1", atoi(argv[2]), 20) != MOSQ_ERR_SUCCESS)
		return 1;
	if (strcmp(argv[1], "rest") == 0)
		rest(&f);
	else if (f.alone)
		(void)mosquitto_loop_forever(f.mosq, 1000, 1);
	else
		run(&f);
	return 0;
}
