/* SPDX-License-Identifier: MIT */

/* {"token":"...","limits":{"mem":"6G"}}: values as the options have them. */

#include "oc-run/limit-request.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/cleanup.h"

char *limit_request_format(const struct limit_request *request)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *limits = cJSON_AddObjectToObject(object, "limits");
	bool ok = limits && cJSON_AddStringToObject(object, "token", request->token);
	char *text;

	for (int i = 0; ok && i < LIMIT_COUNT; i++) {
		const struct limit_row *row = limit_row((enum limit_id)i);
		char value[LIMIT_TEXT_MAX];

		if (!request->is_set[i])
			continue;
		limit_format_option(row, request->values[i], value);
		ok = cJSON_AddStringToObject(limits, row->key, value) != NULL;
	}
	text = ok ? cJSON_PrintUnformatted(object) : NULL;
	cJSON_Delete(object);
	return text;
}

static int parse_limits(const cJSON *limits, struct limit_request *request, struct diag *diag)
{
	size_t known = 0;

	for (int i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_row *row = limit_row((enum limit_id)i);
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(limits, row->key);
		int r;

		if (!item)
			continue;
		known++;
		if (!cJSON_IsString(item))
			return diag_set(diag, -EINVAL, "--%s is no text", row->key);
		/* A percentage has been worked out by who asks. */
		r = limit_parse(row, item->valuestring, 0, &request->values[i], diag);
		if (r < 0)
			return diag_prefix(diag, r, "--%s", row->key);
		request->is_set[i] = true;
	}
	if (known == 0 || (int)known != cJSON_GetArraySize(limits))
		return diag_set(diag, -EINVAL,
				"it names no limit, or one that this oc-run does not know");
	return 0;
}

int limit_request_parse(const char *text, struct limit_request *ret, struct diag *diag)
{
	struct limit_request request = { 0 };
	cJSON *object = cJSON_Parse(text);
	const char *token = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "token"));
	int r;

	if (!token || strlen(token) != sizeof(request.token) - 1 ||
	    strspn(token, "0123456789abcdef") != sizeof(request.token) - 1) {
		r = diag_set(diag, -EINVAL, "the request has no token");
	} else {
		memcpy(request.token, token, sizeof(request.token));
		r = parse_limits(cJSON_GetObjectItemCaseSensitive(object, "limits"), &request,
				 diag);
	}
	cJSON_Delete(object);
	/* With a token there can be an answer. */
	if (r >= 0 || request.token[0])
		*ret = request;
	return r;
}
