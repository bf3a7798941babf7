#include "cloud/token.h"
