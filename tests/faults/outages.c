#include "tests/integration/history_scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/faults/preload.h"
#include "tests/faults/vitals.h"
#include "util/clock.h"

/* What fails around the gateway while it runs: disk, descriptors, clock, names, network, broker.
 * apart.sh lets all of it happen; started otherwise, what needs that is skipped. */

/* One back-off, and half as much again for a busy machine. */
#define BACKOFF (12 * USEC_PER_SEC)

/* So much may the gateway have grown behind an outage. */
#define GROWTH_MAX       ((size_t)1024 * 1024)
#define DESCRIPTORS_MORE 8

/* What the kernel would still deliver comes by then. */
#define LATE (15 * USEC_PER_SEC)

struct outage {
	const char *name;
	bool apart;                         /* it needs mounts or a network of its own */
	void (*prepare)(struct harness *h); /* before the start, or NULL */
	void (*started)(struct harness *h); /* behind it, or NULL */
	void (*begin)(struct harness *h);
	void (*end)(struct harness *h);
	const char *opening; /* codes of an answer meanwhile, "" for success; NULL: not asked */
	const char *second;  /* the same for the one behind it */
	bool watch_late;     /* something may be on its way for a while */
};

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
	char command[1024];
	va_list arguments;
	int status;

	va_start(arguments, format);
	(void)vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	status = system(command);
	if (status != 0)
		fail_msg("%s: status %d", command, status);
}

static const char *state_folder(struct harness *h)
{
	return harness_text(h, "%s/state", h->dir);
}

/* ---- disk */

static void own_disk(struct harness *h)
{
	assert_return_code(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), errno);
	assert_return_code(
		mount("tmpfs", state_folder(h), "tmpfs", 0, "size=512k,mode=0700"), errno);
}

static void fill_disk(struct harness *h)
{
	_cleanup_close_ int fd = open(harness_text(h, "%s/filler", state_folder(h)),
		O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	static const char block[512];

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
}

static void empty_disk(struct harness *h)
{
	assert_return_code(unlink(harness_text(h, "%s/filler", state_folder(h))), errno);
}

/* The kernel does not take from a process what it has open for writing, so it starts anew. */
static void lock_disk(struct harness *h)
{
	assert_int_equal(process_stop(h->gateway), 0);
	assert_return_code(
		mount(NULL, state_folder(h), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), errno);
	scene_restart_gateway(h);
}

static void unlock_disk(struct harness *h)
{
	assert_return_code(mount(NULL, state_folder(h), NULL, MS_REMOUNT | MS_BIND, NULL), errno);
}

static void spoil_cache(struct harness *h)
{
	static const char *const suffixes[] = {"", "-wal"};
	char block[512];

	memset(block, 0x5a, sizeof(block));
	for (size_t i = 0; i < ELEMENTS(suffixes); i++) {
		const char *path = harness_text(h, "%s/cache.db%s", state_folder(h), suffixes[i]);
		_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
		off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

		for (off_t at = 0; at < size; at += (off_t)sizeof(block))
			assert_int_equal(pwrite(fd, block, sizeof(block), at), sizeof(block));
	}
}

/* It can neither be read nor be set aside. */
static void lock_spoilt(struct harness *h)
{
	assert_int_equal(process_stop(h->gateway), 0);
	spoil_cache(h);
	assert_return_code(
		mount(NULL, state_folder(h), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), errno);
	scene_restart_gateway(h);
}

static void nothing(struct harness *h)
{
}

/* ---- descriptors */

static void take_descriptors(struct harness *h)
{
	struct vitals v = vitals_of(process_pid(h->gateway));
	struct rlimit limit = {v.descriptors, 1024};

	/* Not one more than there are; what rests is closed and cannot be opened again. */
	assert_return_code(prlimit(process_pid(h->gateway), RLIMIT_NOFILE, &limit, NULL), errno);
	(void)control_post(h, "/close_idle", "{}");
	limit.rlim_cur = 3;
	assert_return_code(prlimit(process_pid(h->gateway), RLIMIT_NOFILE, &limit, NULL), errno);
}

static void give_descriptors(struct harness *h)
{
	const struct rlimit limit = {1024, 1024};

	assert_return_code(prlimit(process_pid(h->gateway), RLIMIT_NOFILE, &limit, NULL), errno);
}

/* ---- clock */

static struct starve *shim;

static void own_clock(struct harness *h)
{
	shim = starve_preload(h);
}

static void clock_ahead(struct harness *h)
{
	atomic_store(&shim->ahead_sec, 3600);
}

static void clock_behind(struct harness *h)
{
	atomic_store(&shim->ahead_sec, -86400);
}

static void clock_far(struct harness *h)
{
	atomic_store(&shim->ahead_sec, 315360000);
}

static void clock_right(struct harness *h)
{
	atomic_store(&shim->ahead_sec, 0);
}

/* ---- network */

static unsigned port_of(const char *url)
{
	return (unsigned)strtoul(strrchr(url, ':') + 1, NULL, 10);
}

static void forbid(const char *what)
{
	run("nft 'add table inet faults\n"
	    "add chain inet faults out { type filter hook output priority 0\n }\n"
	    "add rule inet faults out %s'",
		what);
}

/* Packets to and from the cloud vanish; connections stand and do not know. */
static void drop_cloud(struct harness *h)
{
	unsigned port = port_of(h->cloud_url);

	forbid(harness_text(h, "tcp dport %u drop", port));
	forbid(harness_text(h, "tcp sport %u drop", port));
}

static void refuse_cloud(struct harness *h)
{
	(void)control_post(h, "/close_idle", "{}");
	forbid(harness_text(h, "tcp dport %u reject with tcp reset", port_of(h->cloud_url)));
}

/* Three packets in ten. */
static void lose_packets(struct harness *h)
{
	forbid(harness_text(
		h, "tcp dport %u numgen random mod 100 < 30 drop", port_of(h->cloud_url)));
}

static void network_back(struct harness *h)
{
	run("nft delete table inet faults");
}

/* The cloud has a name, which is known as long as a file of ours says so. */
static void own_names(struct harness *h)
{
	const char *certificate = harness_text(h, "%s/named.crt", h->dir);

	run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
	    "-subj /CN=cloud.test -addext subjectAltName=DNS:cloud.test,DNS:localhost "
	    "-keyout %s/named.key -out %s 2>%s/openssl.log",
		h->dir, certificate, h->dir);
	harness_sim_options(
		h, harness_text(h, "--tls-cert %s --tls-key %s/named.key", certificate, h->dir));
	h->certificate = strdup(certificate);
	harness_set(h, "cloud.ca_file", certificate);
	/* The shortest for a cloud that is not of this machine. */
	harness_set(h, "poll.devices", "10");
	harness_set(h, "poll.history", "5");
	harness_set(h, "poll.access", "10");
	harness_set(h, "poll.family", "10");
	assert_return_code(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), errno);
	(void)harness_file(h, "hosts", "127.0.0.1 localhost cloud.test\n", 0644);
	(void)harness_file(
		h, "resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n", 0644);
	(void)harness_file(h, "nsswitch.conf", "hosts: files dns\n", 0644);
	run("mount --bind %s/hosts /etc/hosts", h->dir);
	run("mount --bind %s/resolv.conf /etc/resolv.conf", h->dir);
	run("mount --bind %s/nsswitch.conf /etc/nsswitch.conf", h->dir);
	/* A name server that hears and never answers. */
	forbid("udp dport 53 drop");
}

static void use_names(struct harness *h)
{
	assert_int_equal(process_stop(h->gateway), 0);
	harness_set(
		h, "cloud.url", harness_text(h, "https://cloud.test:%u", port_of(h->cloud_url)));
	scene_restart_gateway(h);
}

/* libcurl remembers an address for a minute: a new gateway knows none. */
static void forget_names(struct harness *h)
{
	assert_int_equal(process_stop(h->gateway), 0);
	(void)harness_file(h, "hosts", "127.0.0.1 localhost\n", 0644);
	scene_restart_gateway(h);
}

static void know_names(struct harness *h)
{
	(void)harness_file(h, "hosts", "127.0.0.1 localhost cloud.test\n", 0644);
}

/* Codes of which chance takes one. */
#define AWAY     "cloud_unreachable expired"
#define ANYTHING " outcome_unknown " AWAY
/* One over a line that was in use when the others were closed. */
#define EITHER " " AWAY

static const struct outage outages[] = {
	{"a full disk", true, own_disk, NULL, fill_disk, empty_disk, "", "", false},
	{"a disk that is read-only", true, own_disk, NULL, lock_disk, unlock_disk, "", "", false},
	{"a cache file that is overwritten", false, NULL, NULL, spoil_cache, nothing, "", "",
		false},
	{"a cache file that is damaged, on a disk that is read-only", true, own_disk, NULL,
		lock_spoilt, unlock_disk, "", "", false},
	{"no descriptors", false, NULL, NULL, take_descriptors, give_descriptors, EITHER, EITHER,
		false},
	{"a clock an hour ahead", false, own_clock, NULL, clock_ahead, clock_right, "", "", false},
	{"a clock a day behind", false, own_clock, NULL, clock_behind, clock_right, "", "", false},
	{"a clock ten years ahead", false, own_clock, NULL, clock_far, clock_right, "", "", false},
	{"packets that vanish", true, NULL, NULL, drop_cloud, network_back, "outcome_unknown", AWAY,
		true},
	{"connections that are refused", true, NULL, NULL, refuse_cloud, network_back, AWAY, AWAY,
		false},
	{"packets lost by chance", true, NULL, NULL, lose_packets, network_back, ANYTHING, ANYTHING,
		true},
	{"a name server that is dead", true, own_names, use_names, forget_names, know_names, AWAY,
		AWAY, false},
};

static bool is_one_of(const char *code, const char *codes)
{
	size_t size = strlen(code);
	const char *at = codes;

	if (!*code)
		return !*codes || *codes == ' ';
	while ((at = strstr(at, code))) {
		if ((at == codes || at[-1] == ' ') && (at[size] == ' ' || !at[size]))
			return true;
		at += size;
	}
	return false;
}

static size_t open_meanwhile(struct harness *h, const char *codes)
{
	size_t before = control_opening_count(h), opened;
	const struct message *m = scene_open(h, "OPEN");
	const char *code = message_get(m, "error.code");

	if (!is_one_of(code, codes))
		fail_msg("%s, not \"%s\"", m->payload, codes);
	opened = control_opening_count(h) - before;
	assert_in_range(opened, 0, 1);
	if (!*code)
		assert_int_equal(opened, 1);
	else if (strcmp(code, "outcome_unknown") != 0)
		assert_int_equal(opened, 0);
	return opened;
}

/* Returns when an opening is a success. */
static void await_opening(struct harness *h)
{
	uint64_t end = clock_boot_usec();
	const struct message *m;

	while (*message_get(m = scene_open(h, "OPEN"), "error.code")) {
		if (clock_boot_usec() - end > BACKOFF)
			fail_msg("not recovered: %s", m->payload);
		(void)usleep(200000);
	}
}

static void settings(struct harness *h)
{
	harness_set(h, "cloud.timeout", "2");
	harness_set(h, "door.deadline", "3");
	harness_set(h, "door.max_per_minute", "600");
	harness_set(h, "history.max_event_age", "1 h");
}

static void happen(struct harness *h, const struct outage *o)
{
	struct vitals first, last;
	const char *calls;
	size_t openings;
	pid_t pid;

	if (o->apart && !getenv("APART")) {
		print_message(
			"# %s: this machine gives no mounts and network of our own\n", o->name);
		skip();
	}
	settings(h);
	if (o->prepare)
		o->prepare(h);
	history_scene_start(h);
	if (o->started)
		o->started(h);
	client_settle(h->client);
	calls = scene_home(h, 0, "event/call");
	openings = control_opening_count(h);

	o->begin(h);
	pid = process_pid(h->gateway);
	first = vitals_of(pid);
	history_ring(h, "meanwhile", "");
	openings += open_meanwhile(h, o->opening);
	openings += open_meanwhile(h, o->second);
	client_settle_local(h->client);
	o->end(h);

	await_opening(h);
	openings++;
	(void)history_await_event(h, calls, "meanwhile");
	if (o->watch_late) {
		uint64_t end = clock_boot_usec() + LATE;

		while (clock_boot_usec() < end)
			test_pause();
	}
	scene_expect_openings(h, openings);
	history_ring(h, "behind", "");
	(void)history_await_event(h, calls, "behind");
	assert_int_equal(client_count(h->client, calls), 2);
	assert_int_equal(process_pid(h->gateway), pid);
	assert_true(process_running(h->gateway));
	last = vitals_of(pid);
	print_message("# %s: memory %zu kB, then %zu kB; descriptors %zu, then %zu\n", o->name,
		first.memory / 1024, last.memory / 1024, first.descriptors, last.descriptors);
	assert_true(last.memory <= first.memory + GROWTH_MAX);
	assert_true(last.descriptors <= first.descriptors + DESCRIPTORS_MORE);

	assert_int_equal(process_stop(h->gateway), 0);
	scene_restart_gateway(h);
	expect_success(scene_open(h, "OPEN"));
	scene_expect_openings(h, openings + 1);
}

/* Whether others can reach the socket of that number, by a table of the kernel. */
static bool listens(const char *table, const char *inode)
{
	FILE *file = fopen(table, "re");
	char line[512], state[8], found[32];
	bool result = false;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %*s %*s %7s %*s %*s %*s %*s %*s %31s", state, found) == 2 &&
			strcmp(found, inode) == 0)
			result |= strcmp(state, "0A") == 0 || strstr(table, "udp");
	if (file)
		(void)fclose(file);
	return result;
}

HARNESS_TEST(nobody_can_connect_to_it)
{
	static const char *const tables[] = {
		"/proc/self/net/tcp", "/proc/self/net/tcp6", "/proc/self/net/udp"};
	char path[80], target[80], inode[32];
	unsigned sockets = 0;

	scene_start(h);
	for (int fd = 0; fd < 1024; fd++) {
		ssize_t n;

		(void)snprintf(
			path, sizeof(path), "/proc/%d/fd/%d", (int)process_pid(h->gateway), fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (sscanf(target, "socket:[%31[0-9]]", inode) != 1)
			continue;
		sockets++;
		for (size_t i = 0; i < ELEMENTS(tables); i++)
			assert_false(listens(tables[i], inode));
	}
	assert_true(sockets > 1);
}

static const struct outage *current;

static int setup(void **state)
{
	current = *state;
	return harness_setup(state);
}

static void outage(void **state)
{
	happen(*state, current);
	harness_finish(*state);
}

static int teardown(void **state)
{
	static const char *const files[] = {"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"};

	if (getenv("APART")) {
		(void)umount2(state_folder(*state), MNT_DETACH);
		(void)!system("nft delete table inet faults 2>/dev/null");
		for (size_t i = 0; current->prepare == own_names && i < ELEMENTS(files); i++)
			(void)umount2(files[i], MNT_DETACH);
	}
	return harness_teardown(state);
}

int main(void)
{
	struct CMUnitTest tests[ELEMENTS(outages) + 1];

	tests[ELEMENTS(outages)] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(
		nobody_can_connect_to_it, harness_setup, harness_teardown);
	for (size_t i = 0; i < ELEMENTS(outages); i++)
		tests[i] = (struct CMUnitTest){
			outages[i].name, outage, setup, teardown, (void *)&outages[i]};
	return _cmocka_run_group_tests("outages", tests, ELEMENTS(tests), NULL, NULL);
}
