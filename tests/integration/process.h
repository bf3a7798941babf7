#pragma once

#include <stdbool.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/cleanup.h"

struct process;

struct process *process_new(const char *directory, const char *name);
struct process *process_free(struct process *p);

void process_setenv(struct process *p, const char *name, const char *value);
void process_start(struct process *p, const char *const argv[]);
#define process_exec(p, ...) process_start((p), (const char *const[]){__VA_ARGS__, NULL})

bool process_running(struct process *p);
bool process_vanished(struct process *p);
pid_t process_pid(const struct process *p);

void process_signal(struct process *p, int signal);
int process_wait(struct process *p);
int process_stop(struct process *p);
void process_kill(struct process *p);

const char *process_line(struct process *p);
const char *process_output(struct process *p);
void process_await_notify(struct process *p, const char *text);
unsigned process_count_notify(struct process *p, const char *text);
void process_await_log(struct process *p, const char *text);
const char *process_log(struct process *p);
void process_print_log(struct process *p);

uint64_t test_deadline(void);
void test_pause(void);

DEFINE_CLEANUP(struct process *, process_free);
