#include "cloud/catalog.h"
