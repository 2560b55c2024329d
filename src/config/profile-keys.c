/* SPDX-License-Identifier: MIT */

/* A row for each key of a profile. What a value means depends on the kind of place it goes to: a
 * text, a list of words, a signal, tasks. Pure. */

#include "profile-keys.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/parse.h"

#define TASKS_LARGEST 65536
#define CPUS_LARGEST 65536

static int take_words(void *place, const char *value, struct diag *diag)
{
	(void)diag;
	return strv_append_words(place, value);
}

static void clear_words(void *place)
{
	cleanup_strv(place);
}

static int take_text(void *place, const char *value, struct diag *diag)
{
	char **text = place;

	(void)diag;
	*text = strdup(value);
	return *text ? 0 : -ENOMEM;
}

static void clear_text(void *place)
{
	cleanup_free(place);
}

static int take_word(void *place, const char *value, struct diag *diag)
{
	if (strpbrk(value, " \t"))
		return diag_set(diag, -EINVAL, "\"%.60s\" is more than one word", value);
	return take_text(place, value, diag);
}

/* Home is the one folder that everybody writes with a tilde. */
static int take_path(void *place, const char *value, struct diag *diag)
{
	if (value[0] != '/' && value[0] != '$' && strncmp(value, "~/", 2) != 0)
		return diag_set(diag, -EINVAL,
				"\"%.100s\" is no whole path; begin it with /, ~/ or a variable as "
				"$XDG_STATE_HOME",
				value);
	return take_text(place, value, diag);
}

static int take_paths(void *place, const char *value, struct diag *diag)
{
	char *path = NULL;
	int r = take_path(&path, value, diag);

	return r < 0 ? r : strv_append(place, path);
}

static bool is_variable_name(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isalpha((unsigned char)name[i]) && name[i] != '_' &&
		    !(i > 0 && isdigit((unsigned char)name[i])))
			return false;
	return length > 0;
}

static int take_variable(void *place, const char *value, struct diag *diag)
{
	if (!is_variable_name(value, strlen(value)))
		return diag_set(diag, -EINVAL, "\"%.60s\" is no name of a variable", value);
	return take_text(place, value, diag);
}

static int take_setenv(void *place, const char *value, struct diag *diag)
{
	if (!strchr(value, '=') || !is_variable_name(value, strcspn(value, "=")))
		return diag_set(diag, -EINVAL, "\"%.60s\" is no assignment; write NAME=VALUE",
				value);
	return strv_append(place, strdup(value));
}

static int take_session_keys(void *place, const char *value, struct diag *diag)
{
	int r = take_words(place, value, diag);

	if (r == 0 && strv_count(*(char ***)place) != 3)
		return diag_set(diag, -EINVAL,
				"\"%.60s\" are not three words; write the names of a session's id, "
				"directory and time, as in \"id directory updated\"",
				value);
	return r;
}

static int take_resume(void *place, const char *value, struct diag *diag)
{
	const char *id = strstr(value, "{id}");

	if (!id || strstr(id + 1, "{id}"))
		return diag_set(diag, -EINVAL,
				"\"%.60s\" does not name the session, once; write {id} where its "
				"id belongs",
				value);
	return take_words(place, value, diag);
}

static int take_signal(void *place, const char *value, struct diag *diag)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = { { "HUP", SIGHUP },   { "INT", SIGINT },	  { "QUIT", SIGQUIT },
			{ "TERM", SIGTERM }, { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 } };
	const char *name = strncmp(value, "SIG", 3) == 0 ? value + 3 : value;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (strcmp(name, signals[i].name) == 0) {
			*(int *)place = signals[i].number;
			return 0;
		}
	}
	return diag_set(diag, -EINVAL,
			"\"%.60s\" is not one of HUP, INT, QUIT, TERM, USR1, USR2 and none", value);
}

static void clear_signal(void *place)
{
	*(int *)place = 0;
}

static int take_version(void *place, const char *value, struct diag *diag)
{
	struct profile_version version;

	if (profile_version_parse(value, &version) < 0 || !isdigit((unsigned char)value[0]) ||
	    value[strspn(value, "0123456789.")])
		return diag_set(diag, -EINVAL, "\"%.60s\" is no version; write for example 2.0.1",
				value);
	*(struct profile_version *)place = version;
	return 0;
}

static void clear_version(void *place)
{
	*(struct profile_version *)place = (struct profile_version){ { 0 } };
}

/* A number up to @most, and what stands behind it. */
static bool read_number(const char **at, unsigned most, unsigned *ret)
{
	unsigned value = 0;
	const char *digit = *at;

	while (isdigit((unsigned char)*digit) && value <= most)
		value = value * 10 + (unsigned)(*digit++ - '0');
	if (digit == *at || value == 0 || value > most)
		return false;
	*at = digit;
	*ret = value;
	return true;
}

/* "24", or "2:24 8:41": on so many CPUs so many. */
static bool read_tasks(const char *at, struct profile_tasks *ret)
{
	struct profile_tasks tasks = { .count = 0 };
	bool is_one = !strchr(at, ':');

	while (*at) {
		unsigned cpus = 1, number;

		if (tasks.count == PROFILE_TASKS_MAX || (is_one && tasks.count == 1))
			return false;
		if (!is_one && (!read_number(&at, CPUS_LARGEST, &cpus) || *at++ != ':'))
			return false;
		if (!read_number(&at, TASKS_LARGEST, &number) || !strchr(" \t", *at))
			return false;
		at += strspn(at, " \t");
		if (tasks.count > 0 && (tasks.points[tasks.count - 1].cpus >= cpus ||
					tasks.points[tasks.count - 1].tasks > number))
			return false;
		tasks.points[tasks.count].cpus = cpus;
		tasks.points[tasks.count++].tasks = number;
	}
	*ret = tasks;
	return tasks.count > 0;
}

static int take_tasks(void *place, const char *value, struct diag *diag)
{
	if (!read_tasks(value, place))
		return diag_set(diag, -EINVAL,
				"\"%.60s\" is no number of tasks; write one, or more for rising "
				"numbers of CPUs, as in \"2:24 8:41\"",
				value);
	return 0;
}

static void clear_tasks(void *place)
{
	((struct profile_tasks *)place)->count = 0;
}

static int add_company(struct profile_companies *companies, const struct profile_company *company)
{
	struct profile_company *grown;

	grown = reallocarray(companies->items, companies->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	companies->items = grown;
	companies->items[companies->count++] = *company;
	return 0;
}

/* "38 a language server": a number, and what it is the number of. */
static int take_company(void *place, const char *value, struct diag *diag)
{
	struct profile_company company = { .tasks = { .count = 1 } };
	const char *at = value;
	int r;

	if (!read_number(&at, TASKS_LARGEST, &company.tasks.points[0].tasks) ||
	    !strchr(" \t", *at) || !at[strspn(at, " \t")])
		return diag_set(diag, -EINVAL,
				"\"%.60s\" does not say what takes how many tasks; write for "
				"example \"38 a language server\"",
				value);
	company.tasks.points[0].cpus = 1;
	company.name = strdup(at + strspn(at, " \t"));
	r = company.name ? add_company(place, &company) : -ENOMEM;
	if (r < 0)
		free(company.name);
	return r;
}

/* "chromium 123": a command, and its tasks. */
static int take_tasks_of(void *place, const char *value, struct diag *diag)
{
	size_t length = strcspn(value, " \t");
	struct profile_company company = { .name = strndup(value, length) };
	int r;

	if (!company.name)
		return -ENOMEM;
	if (!read_tasks(value + length + strspn(value + length, " \t"), &company.tasks))
		r = diag_set(diag, -EINVAL,
			     "\"%.60s\" does not name a command and its tasks; write for example "
			     "\"chromium 123\"",
			     value);
	else
		r = add_company(place, &company);
	if (r < 0)
		free(company.name);
	return r;
}

static void clear_companies(void *place)
{
	struct profile_companies *companies = place;

	for (size_t i = 0; i < companies->count; i++)
		free(companies->items[i].name);
	free(companies->items);
	*companies = (struct profile_companies){ 0 };
}

#define PLACE(member) .offset = offsetof(struct profile, member)
#define WORDS .take = take_words, .clear = clear_words, .may_repeat = true
#define TEXT(how) .take = how, .clear = clear_text

static const struct profile_key keys[] = {
	{ "commands", WORDS, PLACE(commands) },
	{ "stop-signal", take_signal, clear_signal, PLACE(stop_signal) },
	{ "setenv", take_setenv, clear_words, PLACE(setenv), .may_repeat = true },
	{ "options-with-value", WORDS, PLACE(options_with_value) },
	{ "version", WORDS, PLACE(version) },
	{ "shared-server", TEXT(take_path), PLACE(shared_server) },
	{ "shared-server-since", take_version, clear_version, PLACE(shared_server_since) },
	{ "private-server", TEXT(take_word), PLACE(private_server) },
	{ "private-server-with", WORDS, PLACE(private_server_with) },
	{ "private-server-unless", WORDS, PLACE(private_server_unless) },
	{ "server-subcommand", TEXT(take_word), PLACE(server_subcommand) },
	{ "sessions", WORDS, PLACE(sessions) },
	{ "session-keys", take_session_keys, clear_words, PLACE(session_keys) },
	{ "resume", take_resume, clear_words, PLACE(resume) },
	{ "resume-drops", WORDS, PLACE(resume_drops) },
	{ "resume-find", WORDS, PLACE(resume_find) },
	{ "tasks", take_tasks, clear_tasks, PLACE(tasks) },
	{ "company", take_company, clear_companies, PLACE(company), .may_repeat = true },
	{ "tasks-of", take_tasks_of, clear_companies, PLACE(tasks_of), .may_repeat = true },
	{ "private-temp", TEXT(take_variable), PLACE(private_temp) },
	{ "snapshot-store", TEXT(take_path), PLACE(snapshot_store) },
	{ "writes", take_paths, clear_words, PLACE(writes), .may_repeat = true },
};

_Static_assert(ARRAY_SIZE(keys) < PROFILE_KEYS_MAX, "a bit for each, and one for \"like\"");

const struct profile_key *profile_key_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

size_t profile_key_number(const struct profile_key *key)
{
	return (size_t)(key - keys);
}

const char *profile_key_nearest(const char *name)
{
	const char *names[ARRAY_SIZE(keys) + 1] = { "like" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		names[i + 1] = keys[i].name;
	return parse_nearest(name, names, ARRAY_SIZE(names));
}

void profile_keys_clear(struct profile *profile)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		keys[i].clear((char *)profile + keys[i].offset);
}
