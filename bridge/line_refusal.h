#pragma once

/* What trying again soon will not heal, by MQTT 5's numbers. */
enum line_refusal {
	LINE_OTHER_VERSION = 0x84,
	LINE_BAD_CLIENT_ID = 0x85,
	LINE_BAD_PASSWORD = 0x86,
	LINE_NOT_AUTHORIZED = 0x87,
	LINE_BANNED = 0x8a,
	LINE_BAD_METHOD = 0x8c,
};

int line_refusal_code(int code);
const char *line_refusal_advice(int code);
