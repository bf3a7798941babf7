#include "tests/unit/cmocka-all.h"
#include "tests/unit/broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define STARTS_MAX 5 /* another process may snatch the free port */

void broker_new(struct broker *b)
{
	const char *tmp = getenv("TMPDIR");

	memset(b, 0, sizeof(*b));
	(void)snprintf(b->dir, sizeof(b->dir), "%.32s/a2m-mqtt-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(b->dir));
	(void)snprintf(b->socket, sizeof(b->socket), "%s/broker", b->dir);
}

static unsigned free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static int can_connect(const struct sockaddr *a, socklen_t size)
{
	int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = connect(fd, a, size);

	close(fd);
	return r == 0;
}

/* False: the broker ended, most likely because the port was taken. */
static int broker_is_up(struct broker *b)
{
	struct sockaddr_in tcp = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)b->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un local = {.sun_family = AF_UNIX};

	(void)snprintf(local.sun_path, sizeof(local.sun_path), "%s", b->socket);
	for (int i = 0; i < 3000; i++) {
		if (waitpid(b->pid, NULL, WNOHANG) == b->pid)
			return 0;
		if (can_connect((struct sockaddr *)&local, sizeof(local)) &&
			can_connect((struct sockaddr *)&tcp, sizeof(tcp)))
			return 1;
		(void)poll(NULL, 0, 10);
	}
	fail_msg("mosquitto does not start: %s/broker.log", b->dir);
	return 0;
}

static void broker_run(struct broker *b)
{
	char conf[128];
	FILE *f;

	(void)snprintf(conf, sizeof(conf), "%s/broker.conf", b->dir);
	f = fopen(conf, "w");
	assert_non_null(f);
	fprintf(f,
		"per_listener_settings true\nuser root\npersistence false\n"
		"log_dest file %s/broker.log\nmax_queued_messages 100000\n"
		"listener 0 %s\nallow_anonymous true\n"
		"listener %u 127.0.0.1\n%s\n",
		b->dir, b->socket, b->port, b->extra);
	fclose(f);
	b->pid = fork();
	assert_true(b->pid >= 0);
	if (b->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)unsetenv("LD_PRELOAD");
		execlp("mosquitto", "mosquitto", "-c", conf, (char *)NULL);
		execl("/usr/sbin/mosquitto", "mosquitto", "-c", conf, (char *)NULL);
		_exit(127);
	}
}

void broker_start(struct broker *b, const char *extra)
{
	(void)snprintf(b->extra, sizeof(b->extra), "%s", extra);
	for (int i = 0; i < STARTS_MAX; i++) {
		b->port = free_port();
		broker_run(b);
		if (broker_is_up(b))
			return;
	}
	fail_msg("mosquitto does not start: %s/broker.log", b->dir);
}

void broker_signal(struct broker *b, int signo)
{
	assert_int_equal(kill(b->pid, signo), 0);
	/* A stopped process is not stopped yet when kill() returns. */
	if (signo == SIGSTOP)
		assert_int_equal(waitpid(b->pid, NULL, WUNTRACED), b->pid);
}

void broker_kill(struct broker *b)
{
	if (b->pid <= 0)
		return;
	(void)kill(b->pid, SIGKILL);
	(void)waitpid(b->pid, NULL, 0);
	b->pid = 0;
}

/* On the same socket and port, without anything of before. */
void broker_restart(struct broker *b)
{
	broker_kill(b);
	broker_run(b);
	assert_true(broker_is_up(b));
}

void broker_shell(const struct broker *b, const char *command)
{
	(void)setenv("DIR", b->dir, 1);
	(void)setenv("SOCKET", b->socket, 1);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

void broker_free(struct broker *b)
{
	broker_kill(b);
	broker_shell(b, "rm -rf \"$DIR\"");
}
