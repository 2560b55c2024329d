/* SPDX-License-Identifier: MIT */

/* What an entry says. It is believed for showing; what may be killed by it is told by the id alone. */

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "oc-run/cgroup-parse.h"
#include "oc-run/registry-list.h"

#define PID_LARGEST 4194304.0		 /* PID_MAX_LIMIT */
#define EXACT_LARGEST 9007199254740992.0 /* doubles are exact so far */

static const char *const enforcer_words[] = {
	[ENFORCER_NONE] = "nobody",
	[ENFORCER_KERNEL] = "kernel",
	[ENFORCER_WATCH] = "watching",
};

const char *registry_enforcer_word(enum enforcer enforcer)
{
	return enforcer_words[enforcer];
}

static enum enforcer enforcer_of(const char *word)
{
	for (size_t i = 0; word && i < ARRAY_SIZE(enforcer_words); i++)
		if (strcmp(word, enforcer_words[i]) == 0)
			return (enum enforcer)i;
	return ENFORCER_NONE;
}

static uint64_t number_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!cJSON_IsNumber(item) || !(item->valuedouble > 0) || item->valuedouble > EXACT_LARGEST)
		return 0;
	return (uint64_t)item->valuedouble;
}

static struct registry_process process_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
	uint64_t pid = number_of(item, "pid");

	if (pid < 2 || (double)pid > PID_LARGEST)
		return (struct registry_process){ 0 };
	return (struct registry_process){
		.pid = (pid_t)pid,
		.start_ticks = number_of(item, "start_ticks"),
	};
}

static struct registry_limit limit_of(const cJSON *limits, enum limit_id id)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(limits, limit_row(id)->key);
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, "value");

	if (!cJSON_IsObject(item))
		return (struct registry_limit){ .value = LIMIT_UNLIMITED };
	return (struct registry_limit){
		.known = true,
		.value = value ? number_of(item, "value") : LIMIT_UNLIMITED,
		.enforcer = enforcer_of(
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "by"))),
	};
}

static bool names_session(const char *path, const char *id)
{
	char found[17];
	size_t length;

	return path[0] == '/' && cgroup_path_session(path, found, &length) &&
	       path[length] == '\0' && strcmp(found, id) == 0;
}

static int copy_text(const cJSON *object, const char *key, char **ret)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	if (!text || text[0] == '\0')
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int copy_texts(const cJSON *object, struct registry_session *session)
{
	const struct {
		const char *key;
		char **text;
	} texts[] = {
		{ "name", &session->name },
		{ "command_name", &session->command_name },
		{ "directory", &session->directory },
		{ "backend", &session->backend },
		{ "unit", &session->unit },
		{ "boot_id", &session->boot_id },
		{ "cgroup", &session->cgroup },
		{ "cgroup_parent", &session->cgroup_parent },
		{ "tmp", &session->tmp },
		{ "outer", &session->outer },
		{ "answered", &session->answered },
		{ "refusal", &session->refusal },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (copy_text(object, texts[i].key, texts[i].text) < 0)
			return -ENOMEM;
	return 0;
}

int registry_parse(const char *id, const char *text, struct registry_session *ret)
{
	struct registry_session session = { 0 };
	cJSON *object = cJSON_Parse(text);
	const cJSON *limits = cJSON_GetObjectItemCaseSensitive(object, "limits");
	int r = copy_texts(object, &session);

	(void)strncpy(session.id, id, sizeof(session.id) - 1);
	if (session.cgroup && !names_session(session.cgroup, session.id))
		cleanup_free(&session.cgroup);
	session.since_usec = number_of(object, "since_usec");
	session.supervisor = process_of(object, "supervisor");
	session.command = process_of(object, "command");
	session.is_ending = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "ending"));
	for (int i = 0; i < LIMIT_COUNT; i++)
		session.limits[i] = limit_of(limits, (enum limit_id)i);
	cJSON_Delete(object);
	if (r < 0) {
		registry_session_finish(&session);
		return r;
	}
	*ret = session;
	return 0;
}

void registry_session_finish(struct registry_session *session)
{
	cleanup_free(&session->name);
	cleanup_free(&session->command_name);
	cleanup_free(&session->directory);
	cleanup_free(&session->backend);
	cleanup_free(&session->unit);
	cleanup_free(&session->boot_id);
	cleanup_free(&session->cgroup);
	cleanup_free(&session->cgroup_parent);
	cleanup_free(&session->tmp);
	cleanup_free(&session->outer);
	cleanup_free(&session->answered);
	cleanup_free(&session->refusal);
	cleanup_free(&session->entry_path);
	cleanup_free(&session->status_path);
}
