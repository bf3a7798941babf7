#include "cloud/http.h"
