/* bench-delay-line: a link between two network namespaces on which each packet takes so long. The
 * kernels of small machines often lack netem. Ends with its parent. */

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX  2048
#define PACKETS_MAX 4096

struct packet {
	int64_t due_ns;
	size_t size;
	char bytes[PACKET_MAX];
};

/* One direction: first in, first out, as the delay is the same for all. */
struct way {
	int from, to;
	unsigned long in, out;
	struct packet packets[PACKETS_MAX];
};

static int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* A TUN device in the namespace of that name. */
static int open_end(const char *namespace)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "slow0"};
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		fail(path);
	(void)close(fd);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		fail("/dev/net/tun");
	return fd;
}

static void take_in(struct way *way, int64_t delay_ns)
{
	while (way->in - way->out < PACKETS_MAX) {
		struct packet *packet = &way->packets[way->in % PACKETS_MAX];
		ssize_t n = read(way->from, packet->bytes, sizeof(packet->bytes));

		if (n <= 0)
			return;
		packet->size = (size_t)n;
		packet->due_ns = now_ns() + delay_ns;
		way->in++;
	}
}

static void let_out(struct way *way)
{
	while (way->out < way->in) {
		struct packet *packet = &way->packets[way->out % PACKETS_MAX];

		if (packet->due_ns > now_ns())
			return;
		(void)!write(way->to, packet->bytes, packet->size);
		way->out++;
	}
}

/* -1: nothing is on its way. */
static int64_t next_due(const struct way *ways)
{
	int64_t due = -1;

	for (int i = 0; i < 2; i++) {
		const struct way *way = &ways[i];
		int64_t mine = way->packets[way->out % PACKETS_MAX].due_ns;

		if (way->out < way->in && (due < 0 || mine < due))
			due = mine;
	}
	return due;
}

int main(int argc, char **argv)
{
	static struct way ways[2];
	int64_t delay_ns;

	if (argc != 4) {
		(void)fputs("usage: bench-delay-line NAMESPACE NAMESPACE MS\n", stderr);
		return 2;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	delay_ns = strtoll(argv[3], NULL, 10) * 1000000;
	ways[0].from = ways[1].to = open_end(argv[1]);
	ways[1].from = ways[0].to = open_end(argv[2]);
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		struct pollfd fds[2] = {{.fd = ways[0].from, .events = POLLIN},
			{.fd = ways[1].from, .events = POLLIN}};
		int64_t due = next_due(ways), wait = due < 0 ? 0 : due - now_ns();
		struct timespec t = {.tv_sec = 1};

		if (due >= 0)
			t = (struct timespec){.tv_nsec = wait > 0 ? wait % 1000000000 : 0};
		if (ppoll(fds, 2, &t, NULL) < 0 && errno != EINTR)
			fail("poll");
		for (int i = 0; i < 2; i++) {
			take_in(&ways[i], delay_ns);
			let_out(&ways[i]);
		}
	}
}
