#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Longest line that is read. A terminal gives 4095 bytes at most. */
#define PROMPT_MAX 8192

/* What somebody types, or pipes in, line by line. A value. */
struct prompt {
	int signals; /* a signalfd; readable: somebody wants us to stop */
	char text[PROMPT_MAX];
	size_t size;
};

int prompt_open(struct prompt *ret);
void prompt_close(struct prompt *prompt);

int prompt_line(struct prompt *prompt, char **ret);
int prompt_secret(struct prompt *prompt, char **ret);
