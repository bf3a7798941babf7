#include "bridge/mqtt.h"
