#pragma once

#include <sys/types.h>

/* A real mosquitto as a child process, with its files in a scratch folder. It listens on the Unix
 * socket for everybody and on a free port of 127.0.0.1 with what extra adds to the listener. */
struct broker {
	char dir[64];
	char socket[96];
	unsigned port;
	pid_t pid;
	char extra[512];
};

void broker_new(struct broker *b); /* the folder only */
void broker_start(struct broker *b, const char *extra);
void broker_signal(struct broker *b, int signo);
void broker_kill(struct broker *b);
void broker_restart(struct broker *b);
void broker_free(struct broker *b);

/* Runs a shell command with $DIR and $SOCKET set; it must succeed. */
void broker_shell(const struct broker *b, const char *command);
