#include "tests/faults/table.h"

#include "util/cleanup.h"

#define UNKNOWN "outcome_unknown"
#define ERROR   "cloud_error"
#define AWAY    "cloud_unreachable"
#define REFUSED "auth_failed"

const struct row fault_rows[] = {
	{"a slow answer", "'kind':'delay','ms':80", "", "", "", 1},
	{"an answer behind the time-out", "'kind':'delay','ms':1500", UNKNOWN, UNKNOWN, AWAY, 1},
	{"no answer", "'kind':'hang'", UNKNOWN, UNKNOWN, AWAY, 0},
	{"closed before it acts", "'kind':'drop_before'", UNKNOWN, UNKNOWN, AWAY, 0},
	{"closed behind the act", "'kind':'drop_after'", UNKNOWN, UNKNOWN, AWAY, 1},
	{"status 302", "'kind':'status','status':302", ERROR, ERROR, AWAY, 0},
	{"status 400", "'kind':'status','status':400", ERROR, ERROR, REFUSED, 0},
	{"status 403", "'kind':'status','status':403", ERROR, ERROR, REFUSED, 0},
	{"status 404", "'kind':'status','status':404", ERROR, ERROR, AWAY, 0},
	{"status 429", "'kind':'status','status':429,'retry_after':1", ERROR, ERROR, AWAY, 0},
	{"status 500", "'kind':'status','status':500,'body':''", ERROR, ERROR, AWAY, 0},
	{"status 503", "'kind':'status','status':503,'retry_after':1", ERROR, ERROR, AWAY, 0},
	{"status 204", "'kind':'status','status':204,'body':''", ERROR, ERROR, AWAY, 0},
	{"no JSON", "'kind':'wrong_json'", ERROR, ERROR, AWAY, 0},
	{"an empty answer", "'kind':'wrong_json','body':''", ERROR, ERROR, AWAY, 0},
	{"no success", "'kind':'no_success'", ERROR, ERROR, AWAY, 0},
	{"a refusal", "'kind':'refuse'", ERROR, ERROR, REFUSED, 0},
	{"an endless answer", "'kind':'huge'", ERROR, UNKNOWN, AWAY, 0},
	{"half an answer", "'kind':'truncate'", UNKNOWN, UNKNOWN, AWAY, 1},
	{"a byte each millisecond", "'kind':'slow','ms':1", "", "", "", 1},
	{"a byte each third of a second", "'kind':'slow','ms':300", UNKNOWN, UNKNOWN, AWAY, 1},
	{"headers without end", "'kind':'slow_head'", ERROR, UNKNOWN, AWAY, 1},
	{"headers without end, ten bytes a second", "'kind':'slow_head','ms':100", UNKNOWN, UNKNOWN,
		AWAY, 1},
	{"a body without end, ten bytes a second", "'kind':'endless','ms':100", UNKNOWN, UNKNOWN,
		AWAY, 1},
	{"closed behind the answer", "'kind':'close'", "", "", "", 1},
	/* The last one: after it a new token is not tried for a while. */
	{"status 401", "'kind':'status','status':401", REFUSED, REFUSED, REFUSED, 0},
};

const size_t fault_rows_count = ELEMENTS(fault_rows);
