#include "cloud/client.h"
