#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "cloud/token.h"
#include "tests/unit/scratch.h"
#include "tests/unit/tiny_server.h"
#include "util/clock.h"

#define WAIT_MAX (120 * USEC_PER_SEC)

enum manner {
	GRANTS,
	KEEPS, /* grants, without a refresh token */
	FLAT,  /* grants, with the fields at top level */
	SAYS,  /* status and body */
	REFUSES_REFRESH,
	HANGS,
	SWALLOWS,
	ROTATES, /* each refresh token is good for once, and the first use of a token kills */
};

struct fixture {
	struct scratch *scratch;
	sd_event *event;
	struct tiny_server *server;
	struct http *http;
	struct token *token;
	struct token_settings settings;
	enum manner manner;
	unsigned expires_in;
	int status;
	const char *headers;
	const char *says;
	unsigned asked; /* at the token address */
	char head[2048];
	char body[2048];
	struct tiny_line *hangs;
	pid_t child;
	unsigned used; /* tokens that were */
};

struct told {
	unsigned times;
	enum token_result result;
};

/* The clock of the program under test stands still but for this, which a test adds to. */
extern uint64_t skew;
/* The last waits of the token's timers, which end only by renewal_due() and saving_due(). */
extern uint64_t renew_wait, save_wait;

uint64_t __real_clock_boot_usec(void);

int setup(void **state);
int teardown(void **state);
void begin(struct fixture *f);
void turn(struct fixture *f);
void run_for(struct fixture *f, uint64_t usec);
void on_told(enum token_result result, void *userdata);
struct token_wait *wait_for(struct fixture *f, struct told *told);
enum token_result get(struct fixture *f);
char *file_text(struct fixture *f);
void reject(struct fixture *f);
void renewal_due(void);
void saving_due(void);

#define RUN_UNTIL(f, condition)                                           \
	do {                                                              \
		uint64_t until_ = __real_clock_boot_usec() + WAIT_MAX;    \
		while (!(condition) && __real_clock_boot_usec() < until_) \
			turn(f);                                          \
		assert_true(condition);                                   \
	} while (0)

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
