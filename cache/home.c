#include "cache/home.h"
