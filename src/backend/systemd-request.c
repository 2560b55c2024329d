/* SPDX-License-Identifier: MIT */

/*
 * What is asked of systemd for a scope.
 *
 * A property that this systemd does not know or want makes the whole call fail, so each that is not
 * essential is given up on the way: the one that the error names, else the next in the order of the
 * table. What is given up on the scope costs little: the exact limits stand on payload/.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/limits.h"
#include "systemd-impl.h"

#define STOP_USEC (15 * UINT64_C(1000000))

/* In the order in which they are given up when the error names none. */
enum scope_property {
	SCOPE_OOM_POLICY,
	SCOPE_CONTROLLER,
	SCOPE_IO_WEIGHT,
	SCOPE_CPU_WEIGHT,
	SCOPE_CPU_QUOTA,
	SCOPE_MEMORY_SWAP_MAX,
	SCOPE_COLLECT_MODE,
	SCOPE_TIMEOUT_STOP,
	SCOPE_TASKS_MAX,
	SCOPE_MEMORY_MAX,
	SCOPE_OPTIONAL_COUNT,
};

static const char *const property_names[SCOPE_OPTIONAL_COUNT] = {
	[SCOPE_OOM_POLICY] = "OOMPolicy",	  [SCOPE_CONTROLLER] = "Controller",
	[SCOPE_IO_WEIGHT] = "IOWeight",		  [SCOPE_CPU_WEIGHT] = "CPUWeight",
	[SCOPE_CPU_QUOTA] = "CPUQuotaPerSecUSec", [SCOPE_MEMORY_SWAP_MAX] = "MemorySwapMax",
	[SCOPE_COLLECT_MODE] = "CollectMode",	  [SCOPE_TIMEOUT_STOP] = "TimeoutStopUSec",
	[SCOPE_TASKS_MAX] = "TasksMax",		  [SCOPE_MEMORY_MAX] = "MemoryMax",
};

static int append_limit(sd_bus_message *message, const struct plan *plan, enum limit_id id)
{
	const struct limit_row *row = limit_row(id);
	uint64_t value;

	/* Without a word systemd would set its DefaultTasksMax, a limit that nobody asked for. */
	if (!leaves_scope_value(plan, id, &value)) {
		if (id != LIMIT_PIDS_MAX)
			return 0;
		value = LIMIT_UNLIMITED;
	}
	return systemd_append_number(message, row->systemd_property,
				     limit_systemd_value(row, value));
}

static int append_text(sd_bus_message *message, const char *property, const char *value)
{
	return sd_bus_message_append(message, "(sv)", property, "s", value);
}

static int append_optional(sd_bus_message *message, enum scope_property property,
			   const struct scope_request *request)
{
	switch (property) {
	case SCOPE_OOM_POLICY:
		return append_text(message, "OOMPolicy", "continue");
	case SCOPE_CONTROLLER:
		return request->controller ? append_text(message, "Controller", request->controller)
					   : 0;
	case SCOPE_COLLECT_MODE:
		return append_text(message, "CollectMode", "inactive-or-failed");
	case SCOPE_TIMEOUT_STOP:
		return systemd_append_number(message, "TimeoutStopUSec", STOP_USEC);
	case SCOPE_IO_WEIGHT:
		return append_limit(message, request->plan, LIMIT_IO_WEIGHT);
	case SCOPE_CPU_WEIGHT:
		return append_limit(message, request->plan, LIMIT_CPU_WEIGHT);
	case SCOPE_CPU_QUOTA:
		return append_limit(message, request->plan, LIMIT_CPU_MAX);
	case SCOPE_MEMORY_SWAP_MAX:
		return append_limit(message, request->plan, LIMIT_MEMORY_SWAP_MAX);
	case SCOPE_TASKS_MAX:
		return append_limit(message, request->plan, LIMIT_PIDS_MAX);
	case SCOPE_MEMORY_MAX:
		return append_limit(message, request->plan, LIMIT_MEMORY_MAX);
	case SCOPE_OPTIONAL_COUNT:
		break;
	}
	return 0;
}

/* D-Bus takes valid UTF-8 only, and a terminal shows this in `systemctl status`. */
static void describe(const struct plan *plan, char *text, size_t size)
{
	(void)snprintf(text, size, "oc-run session %s (%s)", plan->id,
		       plan->name ? plan->name : "");
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			*c = '?';
}

static int append_pids(sd_bus_message *message, const struct scope_request *request)
{
	if (request->keeper <= 0)
		return sd_bus_message_append(message, "(sv)", "PIDs", "au", 1,
					     (uint32_t)request->child);
	return sd_bus_message_append(message, "(sv)", "PIDs", "au", 2, (uint32_t)request->child,
				     (uint32_t)request->keeper);
}

int scope_request_append(const struct scope_request *request, sd_bus_message *message)
{
	char description[256];
	int r = sd_bus_message_open_container(message, 'a', "(sv)");

	describe(request->plan, description, sizeof(description));
	if (r >= 0)
		r = append_text(message, "Description", description);
	if (r >= 0)
		r = append_text(message, "Slice", request->plan->slice);
	if (r >= 0)
		r = append_pids(message, request);
	if (r >= 0)
		r = sd_bus_message_append(message, "(sv)", "Delegate", "b", true);
	for (int i = 0; i < SCOPE_OPTIONAL_COUNT && r >= 0; i++)
		if ((request->given_up & (UINT32_C(1) << i)) == 0)
			r = append_optional(message, (enum scope_property)i, request);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

/* Does @text have @word, and not as a part of a longer word? */
static bool names_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *c = strstr(text, word); c; c = strstr(c + 1, word))
		if ((c == text || !isalnum((unsigned char)c[-1])) &&
		    !isalnum((unsigned char)c[length]))
			return true;
	return false;
}

static bool is_about_properties(const sd_bus_error *error)
{
	static const char *const names[] = {
		"org.freedesktop.DBus.Error.PropertyReadOnly", /* "... or unknown property." */
		"org.freedesktop.DBus.Error.UnknownProperty",
		"org.freedesktop.DBus.Error.InvalidArgs",
		"org.freedesktop.DBus.Error.NotSupported",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (sd_bus_error_has_name(error, names[i]))
			return true;
	return false;
}

bool scope_request_give_up(struct scope_request *request, const sd_bus_error *error)
{
	uint32_t all = (UINT32_C(1) << SCOPE_OPTIONAL_COUNT) - 1;

	if (!is_about_properties(error))
		return false;
	for (int i = 0; i < SCOPE_OPTIONAL_COUNT; i++) {
		uint32_t bit = UINT32_C(1) << i;

		if ((request->given_up & bit) == 0 && error->message &&
		    names_word(error->message, property_names[i])) {
			request->given_up |= bit;
			return true;
		}
	}
	if (request->given_up == all)
		return false;
	request->given_up |= ~request->given_up & (request->given_up + 1);
	return true;
}

void scope_request_refused(const struct scope_request *request, char text[BACKEND_REFUSED_MAX])
{
	size_t length = 0;

	text[0] = '\0';
	for (int i = 0; i < SCOPE_OPTIONAL_COUNT && length < BACKEND_REFUSED_MAX; i++)
		if (request->given_up & (UINT32_C(1) << i))
			length +=
				(size_t)snprintf(text + length, BACKEND_REFUSED_MAX - length,
						 "%s%s", length > 0 ? ", " : "", property_names[i]);
}
