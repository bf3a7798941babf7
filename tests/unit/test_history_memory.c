#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/histories.h"

/* Allocations until one fails; negative: none does. The linker lets the cache's own pass here. */
static int left = -1;

void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

static bool fails(void)
{
	if (left < 0)
		return false;
	return left-- == 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
	return fails() ? NULL : __real_strndup(text, size);
}

static int on_entry(const struct outbox_entry *entry, void *userdata)
{
	*(int64_t *)userdata = entry->entry;
	return 0;
}

/* One attempt at all there is to do. */
static int attempt(struct histories *h, const struct history_record *records, size_t n)
{
	_cleanup_(history_freep) struct history *history = NULL;
	struct history_news news;
	int64_t entry = 0;
	int r;

	r = history_new(&history, h->file, &h->settings);
	if (r == 0)
		r = history_merge(history, &h->home, HISTORY_DOOR, NULL, 0, NOW, &news);
	if (r == 0)
		r = history_merge(history, &h->home, HISTORY_DOOR, records, n, NOW, &news);
	if (r == 0)
		r = history_pending(history, 0, 100, on_entry, &entry);
	if (r == 0)
		r = history_done(history, &entry, 1);
	if (history)
		(void)history_tend(history, 0);
	return r;
}

/* Whatever cannot be had: nothing is told twice and nothing is lost. */
static void survives_lack_of_memory(void **state)
{
	struct histories *h = *state;
	char name[CACHE_TEXT_MAX + 2];
	struct history_record records[] = {
		{"2026-03-01 12:00:00", name, "", true, "Front Door", "", "", ""},
		{"2026-03-01 11:59:59", "b", "", true, "Front Door", "", "", ""},
	};
	int r = -ENOMEM, attempts = 0;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	h->history = history_free(h->history);
	for (int i = 0; r == -ENOMEM; i++) {
		left = i;
		r = attempt(h, records, ELEMENTS(records));
		left = -1;
		attempts++;
	}
	assert_int_equal(r, 0);
	assert_true(attempts > 8);
	assert_int_equal(history_new(&h->history, h->file, &h->settings), 0);
	assert_int_equal(histories_count(h, HISTORY_DOOR), 2);
	/* The last entry was acknowledged each time the attempts came so far. */
	assert_true(histories_pending(h, 0)->n < 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			survives_lack_of_memory, histories_setup, histories_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
