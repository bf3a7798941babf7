#pragma once

/* Catches what is written to stderr, between capture_begin() and capture_end(). */
struct capture {
	int saved;
	int file;
	char text[65536];
};

void capture_begin(struct capture *capture);
const char *capture_end(struct capture *capture);
unsigned capture_count(const char *text, const char *words);
