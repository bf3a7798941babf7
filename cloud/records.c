#include "cloud/records.h"
