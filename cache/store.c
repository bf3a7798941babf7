#include "cache/store.h"
