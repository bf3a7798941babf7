#pragma once

#include <stdbool.h>

/* The command line's verbs: each a function in a file of its own, all in one table in main.c. */

struct options {
	const char *config; /* -c */
	bool offline;
	bool json;
	bool rtsp;
	const char *residence, *kind, *since, *until; /* NULL: not given */
	bool follow;
	char **args; /* what is left behind the verb and its options */
	int n_args;
};

int verb_run(const struct options *options);
int verb_check(const struct options *options);
int verb_login(const struct options *options);
int verb_topics(const struct options *options);
int verb_call(const struct options *options);
int verb_commands(const struct options *options);
int verb_history(const struct options *options);
