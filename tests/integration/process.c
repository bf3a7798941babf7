#include "tests/unit/cmocka-all.h"

#include "tests/integration/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"

#define PATIENCE_SECONDS 60
#define PAUSE_NSEC       2000000
#define LINES_MAX        4096
#define ENVIRONMENT_MAX  32
#define LINE_PIECE       4096

/* A text that came in, line by line. */
struct lines {
	char *text[LINES_MAX];
	bool spent[LINES_MAX];
	size_t count;
};

struct process {
	char name[32];
	char log_path[128];
	char *environment[ENVIRONMENT_MAX]; /* "NAME=value" */
	pid_t pid;                          /* 0: none, or reaped */
	int status;                         /* of its end, as process_wait() gives it */
	int notify_fd, output_fd, wake_fd;
	struct lines notified, output;
	char *partial; /* an output line that has no end yet */
	char *read;    /* what process_log() or process_output() returned last */
	bool seen;     /* a test has waited for the end of this run */
	pthread_t thread;
	bool thread_runs;
	bool ending;
	pthread_mutex_t lock; /* of output_fd, notified, output, partial, ending */
};

/* When to give up waiting, on CLOCK_BOOTTIME. HARNESS_PATIENCE is the number of seconds from now,
 * for machines slower than any we know; what runs below valgrind gets more by itself. */
uint64_t test_deadline(void)
{
	const char *text = getenv("HARNESS_PATIENCE");
	uint64_t seconds = text ? strtoul(text, NULL, 10) : 0;

	if (seconds == 0)
		seconds = getenv("HARNESS_WRAP") ? 3 * PATIENCE_SECONDS : PATIENCE_SECONDS;
	return clock_boot_usec() + seconds * USEC_PER_SEC;
}

/* Between two looks at something that does not announce itself. */
void test_pause(void)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NSEC}, NULL);
}

static void lines_add(struct lines *lines, char *text)
{
	if (text && lines->count < LINES_MAX)
		lines->text[lines->count++] = text;
	else
		free(text);
}

static void lines_clear(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->text[i]);
	memset(lines, 0, sizeof(*lines));
}

/* A datagram is some lines KEY=value. */
static void read_notifications(struct process *p)
{
	char text[LINE_PIECE];
	ssize_t n;

	while ((n = recv(p->notify_fd, text, sizeof(text) - 1, MSG_DONTWAIT)) >= 0) {
		text[n] = '\0';
		for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
			if (*line)
				lines_add(&p->notified, strdup(line));
	}
}

static void read_output(struct process *p)
{
	char piece[LINE_PIECE];
	ssize_t n = read(p->output_fd, piece, sizeof(piece) - 1);
	char *whole, *rest, *end;

	if (n <= 0) {
		(void)close(p->output_fd);
		p->output_fd = -1;
		n = 0;
		if (p->partial)
			lines_add(&p->output, TAKE_PTR(p->partial));
	}
	piece[n] = '\0';
	if (asprintf(&whole, "%s%s", p->partial ? p->partial : "", piece) < 0)
		return;
	rest = whole;
	while ((end = strchr(rest, '\n'))) {
		lines_add(&p->output, strndup(rest, (size_t)(end - rest)));
		rest = end + 1;
	}
	free(p->partial);
	p->partial = *rest ? strdup(rest) : NULL;
	free(whole);
}

/* Notifications and output must be taken off at once, whatever the test does: the kernel queues few
 * datagrams and then lets the sender wait. */
static void *collect(void *userdata)
{
	struct process *p = userdata;

	for (;;) {
		struct pollfd fds[] = {
			{.fd = p->wake_fd, .events = POLLIN},
			{.fd = p->notify_fd, .events = POLLIN},
			{.events = POLLIN},
		};
		eventfd_t woken;
		bool ending;

		(void)pthread_mutex_lock(&p->lock);
		fds[2].fd = p->output_fd;
		ending = p->ending;
		(void)pthread_mutex_unlock(&p->lock);
		if (ending)
			return NULL;
		if (poll(fds, ELEMENTS(fds), -1) < 0)
			continue;
		if (fds[0].revents)
			(void)eventfd_read(p->wake_fd, &woken);
		(void)pthread_mutex_lock(&p->lock);
		if (fds[1].revents)
			read_notifications(p);
		if (fds[2].revents && fds[2].fd == p->output_fd)
			read_output(p);
		(void)pthread_mutex_unlock(&p->lock);
	}
}

/* A child process of a test, not started yet: the broker, the simulator, the gateway. Its standard
 * error goes to directory/NAME.log; its standard output and what it tells its service manager are
 * collected line by line. It dies with the test program. Fails the test, does not return NULL. */
struct process *process_new(const char *directory, const char *name)
{
	struct process *p = calloc(1, sizeof(*p));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	assert_non_null(p);
	p->seen = true;
	p->output_fd = -1;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	(void)snprintf(p->log_path, sizeof(p->log_path), "%s/%s.log", directory, name);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s.notify", directory, name);
	p->wake_fd = eventfd(0, EFD_CLOEXEC);
	p->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(p->wake_fd >= 0 && p->notify_fd >= 0);
	assert_return_code(bind(p->notify_fd, (struct sockaddr *)&address, sizeof(address)), errno);
	process_setenv(p, "NOTIFY_SOCKET", address.sun_path);
	assert_int_equal(pthread_create(&p->thread, NULL, collect, p), 0);
	p->thread_runs = true;
	return p;
}

/* Kills it if it runs. Takes NULL, returns NULL. */
struct process *process_free(struct process *p)
{
	if (!p)
		return NULL;
	process_kill(p);
	if (p->thread_runs) {
		(void)pthread_mutex_lock(&p->lock);
		p->ending = true;
		(void)pthread_mutex_unlock(&p->lock);
		(void)eventfd_write(p->wake_fd, 1);
		(void)pthread_join(p->thread, NULL);
	}
	(void)pthread_mutex_destroy(&p->lock);
	closep(&p->notify_fd);
	closep(&p->output_fd);
	closep(&p->wake_fd);
	lines_clear(&p->notified);
	lines_clear(&p->output);
	for (size_t i = 0; i < ENVIRONMENT_MAX; i++)
		free(p->environment[i]);
	free(p->partial);
	free(p->read);
	free(p);
	return NULL;
}

/* Adds to or changes the environment of its next start, beside that of the test program. */
void process_setenv(struct process *p, const char *name, const char *value)
{
	size_t size = strlen(name);
	size_t i = 0;

	while (p->environment[i] &&
		(strncmp(p->environment[i], name, size) != 0 || p->environment[i][size] != '='))
		i++;
	assert_true(i < ENVIRONMENT_MAX - 1);
	free(p->environment[i]);
	assert_true(asprintf(&p->environment[i], "%s=%s", name, value) > 0);
}

/* Only what is safe after a fork in a program with threads. */
static void run_child(
	struct process *p, pid_t parent, int log, int output, const char *const argv[])
{
	static const int usual[] = {SIGPIPE, SIGINT, SIGQUIT, SIGHUP};
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setpgid(0, 0);
	if (getppid() != parent)
		_exit(127);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Some of them are ignored in what a shell runs in the background, or behind nohup. */
	for (size_t i = 0; i < ELEMENTS(usual); i++)
		(void)signal(usual[i], SIG_DFL);
	if (dup2(output, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(127);
	for (size_t i = 0; p->environment[i]; i++)
		if (putenv(p->environment[i]) != 0)
			_exit(127);
	(void)execvp(argv[0], (char *const *)argv);
	(void)dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerrorname_np(errno));
	_exit(127);
}

/* Starts it, with the path of the program first. It must not run already. What an earlier run said
 * is forgotten, but for the log. */
void process_start(struct process *p, const char *const argv[])
{
	_cleanup_close_ int log =
		open(p->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	pid_t parent = getpid();
	int output[2];

	assert_int_equal(p->pid, 0);
	assert_true(log >= 0);
	assert_return_code(pipe2(output, O_CLOEXEC), errno);
	(void)pthread_mutex_lock(&p->lock);
	read_notifications(p);
	lines_clear(&p->notified);
	lines_clear(&p->output);
	closep(&p->output_fd);
	p->output_fd = output[0];
	(void)pthread_mutex_unlock(&p->lock);
	(void)eventfd_write(p->wake_fd, 1);
	p->seen = false;
	p->pid = fork();
	if (p->pid == 0)
		run_child(p, parent, log, output[1], argv);
	(void)close(output[1]);
	assert_true(p->pid > 0);
	(void)setpgid(p->pid, p->pid);
}

/* Notes its end: the exit status, or 128 + the number of the signal. What it has started itself goes
 * with it: their process group bears its number, which is not given away before the second wait. */
static bool reap(struct process *p)
{
	siginfo_t info = {0};
	int status;

	if (p->pid > 0 && waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		info.si_pid == p->pid) {
		(void)kill(-p->pid, SIGKILL);
		(void)waitpid(p->pid, &status, 0);
		p->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		p->pid = 0;
	}
	return p->pid <= 0;
}

bool process_running(struct process *p)
{
	return !reap(p);
}

/* It has ended by itself and the test has not waited for that: a crash, as a rule. */
bool process_vanished(struct process *p)
{
	return !p->seen && !process_running(p);
}

pid_t process_pid(const struct process *p)
{
	return p->pid;
}

/* With SIGSTOP it returns when the process has stopped. */
void process_signal(struct process *p, int signal)
{
	siginfo_t info;

	assert_true(p->pid > 0);
	assert_return_code(kill(p->pid, signal), errno);
	if (signal == SIGSTOP)
		(void)waitid(P_PID, (id_t)p->pid, &info, WSTOPPED | WEXITED | WNOWAIT);
}

/* Waits for its end and returns the exit status, or 128 + the signal. */
int process_wait(struct process *p)
{
	uint64_t deadline = test_deadline();

	while (!reap(p)) {
		if (clock_boot_usec() > deadline)
			fail_msg("%s does not end", p->name);
		test_pause();
	}
	p->seen = true;
	return p->status;
}

/* SIGTERM, also when it was stopped by SIGSTOP. Returns like process_wait(). */
int process_stop(struct process *p)
{
	if (process_running(p)) {
		/* In this order: behind SIGTERM it could end a stop of its own, as that in which
		 * the leak sanitizer looks at it, and never be seen again. */
		process_signal(p, SIGCONT);
		process_signal(p, SIGTERM);
	}
	return process_wait(p);
}

/* SIGKILL, and waits. Nothing happens when it does not run. */
void process_kill(struct process *p)
{
	siginfo_t info;

	p->seen = true;
	if (!process_running(p))
		return;
	(void)kill(p->pid, SIGKILL);
	(void)waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOWAIT);
	(void)reap(p);
}

/* The index of the first line not spent that has this text in it, or count. */
static size_t find(const struct lines *lines, const char *text)
{
	size_t i = 0;

	while (i < lines->count && (lines->spent[i] || !strstr(lines->text[i], text)))
		i++;
	return i;
}

static bool take_output(struct process *p, const char **ret)
{
	size_t i = find(&p->output, "");

	if (i == p->output.count)
		return false;
	p->output.spent[i] = true;
	*ret = p->output.text[i];
	return true;
}

/* The next line of its standard output, without the line feed; it stays until the next start. */
const char *process_line(struct process *p)
{
	uint64_t deadline = test_deadline();
	const char *line;

	for (;;) {
		bool taken, closed;

		(void)pthread_mutex_lock(&p->lock);
		taken = take_output(p, &line);
		closed = p->output_fd < 0;
		(void)pthread_mutex_unlock(&p->lock);
		if (taken)
			return line;
		if (closed && !process_running(p))
			fail_msg("%s ended with status %d", p->name, p->status);
		if (clock_boot_usec() > deadline)
			fail_msg("%s prints nothing", p->name);
		test_pause();
	}
}

/* All of its standard output, after its end. It stays until the next call. */
const char *process_output(struct process *p)
{
	uint64_t deadline = test_deadline();
	size_t size = 1;
	bool all = false;

	for (; !all; test_pause()) {
		assert_true(clock_boot_usec() < deadline);
		(void)pthread_mutex_lock(&p->lock);
		all = p->output_fd < 0;
		(void)pthread_mutex_unlock(&p->lock);
	}
	for (size_t i = 0; i < p->output.count; i++)
		size += strlen(p->output.text[i]) + 1;
	free(p->read);
	p->read = calloc(1, size);
	assert_non_null(p->read);
	for (size_t i = 0; i < p->output.count; i++) {
		strcat(p->read, p->output.text[i]);
		strcat(p->read, "\n");
	}
	return p->read;
}

/* Spends the line and those before it of the same key: what is awaited next comes after it. */
static bool take_notification(struct lines *lines, const char *text)
{
	size_t i = find(lines, text);
	size_t key;

	if (i == lines->count)
		return false;
	key = strcspn(lines->text[i], "=");
	for (size_t j = 0; j <= i; j++)
		if (strncmp(lines->text[j], lines->text[i], key + 1) == 0)
			lines->spent[j] = true;
	return true;
}

/* Waits until it has told the service manager a line with this text in it: "READY=1",
 * "STATUS=", "WATCHDOG=1". A line is found once. Fails the test when it ends before. */
void process_await_notify(struct process *p, const char *text)
{
	uint64_t deadline = test_deadline();

	for (;;) {
		bool running = process_running(p);
		bool taken;

		(void)pthread_mutex_lock(&p->lock);
		read_notifications(p);
		taken = take_notification(&p->notified, text);
		(void)pthread_mutex_unlock(&p->lock);
		if (taken)
			return;
		if (!running)
			fail_msg("%s ended with status %d before it told %s", p->name, p->status,
				text);
		if (clock_boot_usec() > deadline)
			fail_msg("%s does not tell %s", p->name, text);
		test_pause();
	}
}

/* How many lines with this text in them it has told since its start. */
unsigned process_count_notify(struct process *p, const char *text)
{
	unsigned count = 0;

	(void)pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->notified.count; i++)
		if (strstr(p->notified.text[i], text))
			count++;
	(void)pthread_mutex_unlock(&p->lock);
	return count;
}

/* Waits until this text stands in the log of this run or an earlier one. */
void process_await_log(struct process *p, const char *text)
{
	uint64_t deadline = test_deadline();

	while (!strstr(process_log(p), text)) {
		if (clock_boot_usec() > deadline)
			fail_msg("%s does not log \"%s\"", p->name, text);
		test_pause();
	}
}

/* What it has written to standard error in all its runs. It stays until the next call. */
const char *process_log(struct process *p)
{
	FILE *file = fopen(p->log_path, "re");
	size_t size = 0;

	free(p->read);
	p->read = NULL;
	if (file) {
		if (getdelim(&p->read, &size, '\0', file) < 0) {
			free(p->read);
			p->read = NULL;
		}
		(void)fclose(file);
	}
	if (!p->read)
		p->read = strdup("");
	assert_non_null(p->read);
	return p->read;
}

/* For the eyes of whoever looks at a failed test. */
void process_print_log(struct process *p)
{
	if (process_running(p))
		(void)fprintf(stderr, "---- %s, running ----\n", p->name);
	else
		(void)fprintf(stderr, "---- %s, last status %d ----\n", p->name, p->status);
	(void)fputs(process_log(p), stderr);
}
