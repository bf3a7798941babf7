#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"

#define SUBSCRIPTION_TEXT_MAX 800 /* bytes of topics that are told */

/* The topics of one SUBSCRIBE that the broker has not answered yet. */
struct subscription {
	struct subscription *next;
	int id;
	char topics[]; /* one behind the other, each with its NUL, an empty one at the end */
};

int subscription_new(struct subscription **ret, const char *const *topics, size_t n);
struct subscription *subscription_free_all(struct subscription *first);
bool subscription_answer(struct subscription **first, int id, const int *codes, size_t n,
	char denied[static SUBSCRIPTION_TEXT_MAX]);

DEFINE_CLEANUP(struct subscription *, subscription_free_all);
