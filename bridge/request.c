#define LOG_TOKEN "request"

#include "bridge/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloud/catalog.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/text.h"

/* Correlation data up to this length tell a repeated message from a new one. */
#define CORRELATION_ID_MAX 256

/* A request named name, open from now on, whose answer goes to topic. -ENOMEM. */
int request_new(struct request **ret, struct open_requests *all, const char *name,
	const char *topic, const struct mqtt_message *message, const char *base)
{
	_cleanup_(request_freep) struct request *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	q->all = all;
	q->next = all->first;
	if (q->next)
		q->next->prev = q;
	all->first = q;
	all->n++;
	q->arrived = message->arrived_usec;
	q->name = strdup(name);
	if (!q->name)
		return -ENOMEM;
	r = address_init(&q->address, topic, message, base);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(q);
	return 0;
}

/* Without an answer. What it sent to the cloud is not waited for any more. Takes NULL. */
struct request *request_free(struct request *q)
{
	if (!q)
		return NULL;
	*(q->prev ? &q->prev->next : &q->all->first) = q->next;
	if (q->next)
		q->next->prev = q->prev;
	q->all->n--;
	(void)opening_cancel(q->opening);
	(void)cloud_cancel(q->call);
	(void)json_object_put(q->id);
	address_done(&q->address);
	(void)json_object_put(q->more);
	(void)json_object_put(q->codes);
	free(q->door);
	free(q->residence);
	free(q->name);
	free(q->key);
	free(q);
	return NULL;
}

/* Microseconds since it arrived. */
uint64_t request_age(const struct request *q)
{
	return clock_boot_usec() - q->arrived;
}

/* Answers a repeated request and frees it. first: the text of the answer to the first, NULL if there is
 * none to be had. */
static void answer_twin(struct request *q, const char *first)
{
	_cleanup_(json_freep) struct json_object *attached = NULL;
	_cleanup_(json_freep) struct json_object *answer = answer_refusal(q->id, q->name,
		REFUSAL_DUPLICATE, "a request with this id was seen in the last 5 minutes", NULL,
		request_age(q));

	if (answer && first && json_parse(&attached, first, strlen(first)) == 0)
		(void)json_set(json_get(answer, "error"), "first", json_object_get(attached));
	(void)answer_send(q->all->mqtt, &q->address, answer);
	q->all->counts.refused++;
	(void)request_free(q);
}

/* Sends the one answer of a request, consumed, and frees the request. NULL: memory ran out where
 * the answer was made. */
static void request_answer(struct request *q, struct json_object *answer)
{
	_cleanup_(json_freep) struct json_object *owned = answer;
	_cleanup_free_ char *key = TAKE_PTR(q->key);
	struct open_requests *all = q->all;
	struct seen *seen = q->seen;
	struct request *next;
	const char *text = answer_send(all->mqtt, &q->address, owned);

	(void)request_free(q);
	if (!key)
		return;
	if (text)
		seen_answer(seen, key, text);
	for (q = all->first; q; q = next) {
		next = q->next;
		if (q->twin && strcmp(q->key, key) == 0)
			answer_twin(q, text);
	}
}

/* Answers with success and result, which is consumed; NULL for JSON's null. */
void request_succeed(struct request *q, struct json_object *result)
{
	_cleanup_(json_freep) struct json_object *owned = result;

	q->all->counts.ok++;
	request_answer(q, answer_success(q->id, q->name, owned, request_age(q)));
}

void request_refuse(struct request *q, const struct fault *fault)
{
	const char *param = *fault->param ? fault->param : NULL;
	char why[sizeof(fault->param) + sizeof(fault->why)];

	(void)snprintf(why, sizeof(why), "%s%s%s", fault->param, param ? " " : "", fault->why);
	q->all->counts.refused++;
	log_info("Refused %s, answered on %s: %s", q->name, q->address.topic, why);
	request_answer(
		q, answer_refusal(q->id, q->name, fault->refusal, why, param, request_age(q)));
}

/* Answers with what came of the call, which is over. */
void request_settle(struct request *q, const struct cloud_answer *cloud)
{
	struct request_counts *counts = &q->all->counts;

	q->call = NULL;
	q->opening = NULL;
	if (cloud->error != CLOUD_OK) {
		counts->failed++;
	} else {
		counts->ok++;
		counts->opens += q->command->flags & COMMAND_OPENS ? 1 : 0;
	}
	request_answer(q, answer_cloud(q->id, q->name, cloud, request_age(q)));
}

/* Id and correlation data cannot be taken for each other: hex digits are no JSON text, and a number
 * has no colon before it. */
static int make_key(struct request *q, const struct mqtt_message *message)
{
	_cleanup_free_ char *hex = NULL;
	int n;

	if (q->id) {
		n = asprintf(&q->key, "%s\n%s", message->topic, json_object_to_json_string(q->id));
	} else {
		if (text_hex(&hex, message->correlation, message->correlation_size) < 0)
			return -ENOMEM;
		n = asprintf(&q->key, "%s\n:%s", message->topic, hex);
	}
	if (n < 0) {
		q->key = NULL;
		return -ENOMEM;
	}
	return 0;
}

static bool is_open(const struct open_requests *all, const struct request *except)
{
	for (const struct request *q = all->first; q; q = q->next)
		if (q != except && q->key && strcmp(q->key, except->key) == 0)
			return true;
	return false;
}

static bool is_opening(const struct request *q)
{
	const struct command *command = catalog_find(q->name);

	return command && command->flags & COMMAND_OPENS;
}

/* Registers the request's id: the one in its payload, else its correlation data. 0: it has none, or
 * a new one. 1: it was seen before, and the request is answered and gone, or will be together with
 * the first one. -ENOMEM: refuse it. */
int request_seen(struct request *q, const struct mqtt_message *message)
{
	const char *first = NULL;
	int r;

	if (!q->id &&
		(message->correlation_size == 0 || message->correlation_size > CORRELATION_ID_MAX))
		return 0;
	q->seen = is_opening(q) ? q->all->openings : q->all->seen;
	r = make_key(q, message);
	if (r == 0)
		r = seen_check(q->seen, q->key, &first);
	if (r <= 0)
		return r;
	if (first || !is_open(q->all, q))
		answer_twin(q, first);
	else
		q->twin = true;
	return 1;
}

int open_requests_init(struct open_requests *all, struct mqtt *mqtt)
{
	int r;

	*all = (struct open_requests){.mqtt = mqtt};
	r = seen_new(&all->seen);
	return r < 0 ? r : seen_new(&all->openings);
}

/* What is open stays without an answer; see open_requests_give_up(). */
void open_requests_done(struct open_requests *all)
{
	while (all->first)
		(void)request_free(all->first);
	all->seen = seen_free(all->seen);
	all->openings = seen_free(all->openings);
}

/* Answers what the cloud has not answered. Repeated ones are answered with their first. */
void open_requests_give_up(struct open_requests *all)
{
	const struct cloud_answer unknown = {
		.error = CLOUD_OUTCOME_UNKNOWN,
		.why = "the gateway stopped before the cloud answered",
	};

	for (;;) {
		struct request *q = all->first;

		while (q && q->twin)
			q = q->next;
		if (!q)
			return;
		/* Whoever waits for the call must not hear of it later. */
		q->opening = opening_cancel(q->opening);
		q->call = cloud_cancel(q->call);
		request_settle(q, &unknown);
	}
}
