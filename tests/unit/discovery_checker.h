#pragma once

#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/* What Home Assistant demands of discovery documents, and what we demand of ours: everything that is
 * published below the prefix is given to it, in order. Facts: the integration's own source, of the
 * releases from 2024.11 on. */
struct discovery_checker;

struct discovery_checker *checker_new(const char *prefix);
struct discovery_checker *checker_free(struct discovery_checker *checker);

/* What is wrong with it, until the next call; NULL: nothing. size 0: the topic is cleared. */
const char *checker_take(struct discovery_checker *checker, const char *topic, const char *payload,
	size_t size, uint64_t now_usec);

/* How many entities there are now; platform NULL: of all. */
size_t checker_count(const struct discovery_checker *checker, const char *platform);

/* Each entity there is now. */
typedef void (*checker_each_t)(const char *platform, struct json_object *component, void *userdata);
void checker_each(const struct discovery_checker *checker, checker_each_t each, void *userdata);
