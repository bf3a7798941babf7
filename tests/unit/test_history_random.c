#include "tests/unit/cmocka-all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "cache/schema.h"
#include "tests/unit/histories.h"

/* Two homes with two histories each get rows at random; the cloud shows random parts of them in
 * random order; a child takes them over, publishes and acknowledges, and is killed in between and in
 * the middle of writing to its file. $HISTORY_SEED repeats a run. */

#define ROWS       600
#define STEPS      600
#define SOURCES    4
#define PUBLISHED  20000
#define FULL_EVERY 5   /* answers of a source, after which it shows all it has */
#define DELAY_MAX  250 /* seconds until the cloud shows a row */

/* What really happened, known beforehand. */
struct truth {
	int source;
	int64_t epoch;
	int64_t shown_at;
	int64_t picture_at; /* INT64_MAX: there will be none */
	char name[4];
	char picture[16];
	int equal;      /* the first that is equal to it */
	int first_step; /* that shows so many equal rows; -1: none did */
};

struct step {
	int64_t now;
	int rows[ROWS];
	int n;
};

/* What survives the child. */
struct shared {
	int step;
	int n;
	struct told published[PUBLISHED];
};

static struct truth truths[ROWS];
static struct step steps[STEPS];
static struct shared *shared;
static uint64_t dice;
static long writes_left;

static unsigned roll(unsigned sides)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)((dice >> 33) % sides);
}

static bool is_equal(const struct truth *a, const struct truth *b)
{
	return a->source == b->source && a->epoch == b->epoch && strcmp(a->name, b->name) == 0;
}

static void make_truths(void)
{
	int64_t epoch = NOW;

	for (int i = 0; i < ROWS; i++) {
		struct truth *t = &truths[i];

		epoch += roll(3) == 0 ? 0 : 1 + roll(18);
		*t = (struct truth){
			.source = (int)roll(SOURCES),
			.epoch = epoch,
			.shown_at = epoch + (roll(4) == 0 ? roll(DELAY_MAX) : 0),
			.picture_at = INT64_MAX,
			.equal = i,
			.first_step = -1,
		};
		if (t->source % 2 == HISTORY_DOOR && roll(2) == 0)
			t->picture_at = t->shown_at + (roll(2) == 0 ? 0 : roll(100));
		(void)snprintf(t->name, sizeof(t->name), "%c", 'a' + (char)roll(2));
		(void)snprintf(t->picture, sizeof(t->picture), "p%d", i);
		for (int k = i - 1; k >= 0 && truths[k].epoch == epoch; k--)
			if (is_equal(&truths[k], t))
				t->equal = truths[k].equal;
	}
}

static void shuffle(struct step *step)
{
	for (int i = step->n - 1; i > 0; i--) {
		int other = (int)roll((unsigned)i + 1), kept = step->rows[i];

		step->rows[i] = step->rows[other];
		step->rows[other] = kept;
	}
}

/* The last so many of what the cloud has at that time, some of them left out. */
static void make_step(int number, int64_t now)
{
	struct step *step = &steps[number];
	bool full = number / SOURCES % FULL_EVERY == 0 || number >= STEPS - SOURCES;
	unsigned most = full ? ROWS : roll(40);

	step->now = now;
	for (int i = ROWS - 1; i >= 0 && step->n < (int)most; i--)
		if (truths[i].source == number % SOURCES && truths[i].shown_at <= now &&
			(full || roll(10) > 0))
			step->rows[step->n++] = i;
	if (roll(3) > 0)
		shuffle(step);
}

/* The n-th of equal rows is seen with the first answer that shows n of them. */
static void note_first_steps(int number)
{
	const struct step *step = &steps[number];

	for (int i = 0; i < step->n; i++) {
		int equal = truths[step->rows[i]].equal, count = 0;

		for (int k = 0; k < step->n; k++)
			count += truths[step->rows[k]].equal == equal;
		for (int k = equal; k < ROWS && count > 0; k++)
			if (truths[k].equal == equal) {
				if (truths[k].first_step < 0)
					truths[k].first_step = number;
				count--;
			}
	}
}

static void make_steps(void)
{
	int64_t now = NOW;

	for (int i = 0; i < STEPS; i++) {
		now += roll(16);
		/* All that happened is shown in the end. */
		if (i == STEPS - SOURCES && now < truths[ROWS - 1].epoch)
			now = truths[ROWS - 1].epoch;
		if (i == STEPS - SOURCES)
			now += DELAY_MAX;
		make_step(i, now);
		note_first_steps(i);
	}
}

static void merge(struct histories *h, int number)
{
	const struct step *step = &steps[number];
	_cleanup_free_ struct sample *samples = calloc((size_t)step->n + 1, sizeof(*samples));

	for (int i = 0; i < step->n; i++) {
		const struct truth *t = &truths[step->rows[i]];

		samples[i] = (struct sample){
			.epoch = t->epoch,
			.name = t->name,
			.picture = t->picture_at <= step->now ? t->picture : "",
			.device = "Front Door",
		};
	}
	h->id[1] = (char)('1' + number % SOURCES / 2);
	(void)histories_merge_at(
		h, (enum history_kind)(number % 2), samples, (size_t)step->n, step->now);
}

static void publish(struct histories *h, int64_t *after)
{
	const struct all_told *all = histories_pending(h, *after);
	size_t n = all->n == 0 ? 0 : roll((unsigned)all->n) + 1;

	for (size_t i = 0; i < n; i++) {
		assert_true(shared->n < PUBLISHED);
		shared->published[shared->n] = all->items[i];
		shared->n++;
		*after = all->items[i].entry;
	}
}

/* Some of what was published, not always the first. */
static void acknowledge(struct histories *h, int64_t after)
{
	const struct all_told *all = histories_pending(h, 0);
	int64_t done[100];
	size_t n = 0;

	for (size_t i = 0; i < all->n && n < ELEMENTS(done); i++)
		if (all->items[i].entry <= after && roll(5) > 0)
			done[n++] = all->items[i].entry;
	assert_int_equal(history_done(h->history, done, n), 0);
}

static void maybe_die(void)
{
	if (roll(60) == 0)
		(void)raise(SIGKILL);
}

static ssize_t deadly_write(int fd, const void *bytes, size_t size)
{
	if (--writes_left <= 0) {
		(void)!write(fd, bytes, roll(2) == 0 ? size / 2 : size);
		(void)raise(SIGKILL);
	}
	return write(fd, bytes, size);
}

static ssize_t deadly_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
	if (--writes_left <= 0) {
		(void)!pwrite(fd, bytes, roll(2) == 0 ? size / 2 : size, offset);
		(void)raise(SIGKILL);
	}
	return pwrite(fd, bytes, size, offset);
}

static void poison_writes(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	(void)vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)deadly_write);
	(void)vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)deadly_pwrite);
	(void)vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)deadly_pwrite);
}

static void child(struct histories *h)
{
	int64_t after = 0;

	writes_left = 1 + (long)roll(80);
	poison_writes();
	histories_open(h, h->scratch.file);
	while (shared->step < STEPS) {
		maybe_die();
		merge(h, shared->step);
		shared->step++;
		maybe_die();
		if (roll(2) == 0)
			publish(h, &after);
		maybe_die();
		if (roll(2) == 0)
			acknowledge(h, after);
		/* A lost connection: all again. */
		if (roll(20) == 0)
			after = 0;
		if (roll(50) == 0)
			(void)history_tend(h->history, steps[shared->step - 1].now);
	}
	histories_close(h);
	_exit(0);
}

static int run_children(struct histories *h)
{
	int status, killed = 0;

	do {
		pid_t pid;

		(void)roll(2);
		pid = fork();
		if (pid == 0)
			child(h);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL
						: WEXITSTATUS(status) == 0);
		killed += WIFSIGNALED(status);
	} while (WIFSIGNALED(status));
	return killed;
}

/* What the archive says of one row. */
struct found {
	char event_id[64];
	int truth;
	bool told;
	char picture[16];
};

struct all_found {
	struct found items[ROWS];
	int n;
};

static int on_row(const struct archive_row *row, void *userdata)
{
	struct all_found *all = userdata;
	struct found *found = &all->items[all->n];
	int source = (row->residence_id[1] - '1') * 2 + (int)row->kind;

	assert_true(all->n < ROWS);
	found->told = row->told;
	found->truth = -1;
	(void)snprintf(found->event_id, sizeof(found->event_id), "%s", row->event_id);
	(void)snprintf(found->picture, sizeof(found->picture), "%.15s", row->picture);
	/* Of equal rows the next that no archived one stands for yet. */
	for (int i = 0; i < ROWS && found->truth < 0; i++) {
		bool taken = false;

		if (truths[i].source != source || truths[i].epoch != row->epoch ||
			strcmp(truths[i].name, row->name) != 0)
			continue;
		for (int k = 0; k < all->n; k++)
			taken |= all->items[k].truth == i;
		if (!taken)
			found->truth = i;
	}
	assert_true(found->truth >= 0);
	for (int k = 0; k < all->n; k++)
		assert_string_not_equal(all->items[k].event_id, found->event_id);
	all->n++;
	return 0;
}

static const struct told *first_published(const char *event_id, bool picture, int *ret)
{
	for (int i = 0; i < shared->n; i++) {
		const struct told *told = &shared->published[i];

		if (told->picture == picture && strcmp(told->event_id, event_id) == 0) {
			*ret = i;
			return told;
		}
	}
	return NULL;
}

static bool picture_was_told(const struct found *found)
{
	for (int i = 0; i < shared->n; i++)
		if (strcmp(shared->published[i].event_id, found->event_id) == 0 &&
			strcmp(shared->published[i].address, found->picture) == 0)
			return true;
	return false;
}

static int check_row(const struct found *found)
{
	const struct truth *t = &truths[found->truth];
	const struct told *event;
	int at, picture_at;

	/* The first answer of each source is silent. */
	assert_int_equal(found->told, t->first_step >= SOURCES);
	event = first_published(found->event_id, false, &at);
	assert_int_equal(event != NULL, found->told);
	if (first_published(found->event_id, true, &picture_at)) {
		assert_true(found->told);
		assert_true(picture_at > at);
	}
	if (found->told && *found->picture)
		assert_true(picture_was_told(found));
	return event ? at : -1;
}

static void check_order(const struct all_found *all, const int *published_at)
{
	/* By the answer that first showed them, and of one answer by time. */
	for (int i = 0; i < all->n; i++)
		for (int k = 0; k < all->n; k++) {
			const struct truth *a = &truths[all->items[i].truth],
					   *b = &truths[all->items[k].truth];

			if (published_at[i] < 0 || published_at[k] < 0)
				continue;
			if (a->first_step < b->first_step ||
				(a->first_step == b->first_step && a->epoch < b->epoch))
				assert_true(published_at[i] < published_at[k]);
		}
}

static void check_pictures(const struct all_found *all)
{
	int64_t end = steps[STEPS - 1].now;

	for (int i = 0; i < ROWS; i++) {
		int n = 0;

		for (int k = 0; k < all->n; k++)
			n += strcmp(all->items[k].picture, truths[i].picture) == 0;
		if (truths[i].picture_at == INT64_MAX)
			assert_int_equal(n, 0);
		else if (truths[i].picture_at < end - DELAY_MAX)
			assert_int_equal(n, 1);
	}
}

static void none_lost_none_twice(void **state)
{
	static struct all_found all;
	struct histories *h = *state;
	_cleanup_(store_closep) struct store *store = NULL;
	const char *given = getenv("HISTORY_SEED");
	int killed, published_at[ROWS], order_seen = -1;
	int64_t after = 0;

	dice = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000 + (uint64_t)getpid();
	print_message("# HISTORY_SEED=%llu\n", (unsigned long long)dice);
	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	make_truths();
	make_steps();
	histories_close(h);
	killed = run_children(h);
	histories_open(h, h->scratch.file);
	while (histories_pending(h, after)->n > 0)
		publish(h, &after);
	histories_all_done(h);

	assert_int_equal(store_open_read_only(&store, h->scratch.file, cache_schema()), 0);
	assert_int_equal(archive_each_row(store, on_row, &all), 0);
	print_message("# killed %d times, published %d times\n", killed, shared->n);
	assert_int_equal(all.n, ROWS);
	for (int i = 0; i < all.n; i++) {
		published_at[i] = check_row(&all.items[i]);
		order_seen = published_at[i] > order_seen ? published_at[i] : order_seen;
	}
	assert_true(order_seen > 0);
	check_order(&all, published_at);
	check_pictures(&all);
	assert_true(killed > 3);
	(void)munmap(shared, sizeof(*shared));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			none_lost_none_twice, histories_setup, histories_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
