#pragma once

#include <stdio.h>

/* The catalogue of commands for people: on a terminal, and in akuvox2mqtt-mqtt(7). */

int commands_write_text(FILE *f);
int commands_write_man(FILE *f);
