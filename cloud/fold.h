#pragma once

#include <json-c/json.h>

#include "cloud/client.h"
#include "cloud/http.h"

/* What an HTTP answer means: the one place that knows the cloud's ways to fail. */
void fold_answer(const struct http_answer *http, struct cloud_answer *ret,
	struct json_object **ret_document);
