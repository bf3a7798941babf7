#pragma once

#include <stdbool.h>
#include <signal.h>
#include <sys/types.h>

/* A child process of a test: the broker, the simulator, the gateway. It dies with the test program.
 * Its standard error goes to NAME.log in the scratch folder; what it tells its service manager
 * (sd_notify) is collected and can be waited for. */

struct process;

int process_new(struct process **ret, const char *directory, const char *name);
struct process *process_free(struct process *p);

void process_setenv(struct process *p, const char *name, const char *value);
void process_start(struct process *p, char *const argv[]);
bool process_running(struct process *p);
pid_t process_pid(const struct process *p);

void process_signal(struct process *p, int signal);
int process_wait(struct process *p);
int process_stop(struct process *p);
void process_kill(struct process *p);

char *process_line(struct process *p);
void process_await_notify(struct process *p, const char *text);
unsigned process_count_notify(struct process *p, const char *text);
char *process_log(struct process *p);
void process_print_log(struct process *p);

unsigned test_patience(void);
