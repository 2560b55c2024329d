/* SPDX-License-Identifier: MIT */
#pragma once

/* A connection to a systemd manager, and calls with a deadline. */

#include <systemd/sd-bus.h>

#include "backend-impl.h"

#define SYSTEMD_DESTINATION "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD_DESTINATION ".Manager"
#define SYSTEMD_UNIT SYSTEMD_DESTINATION ".Unit"
#define SYSTEMD_SCOPE SYSTEMD_DESTINATION ".Scope"
#define SYSTEMD_SLICE SYSTEMD_DESTINATION ".Slice"

/* The longest that one call may take. */
#define SYSTEMD_CALL_USEC (5 * UINT64_C(1000000))

struct manager_bus {
	sd_bus *bus;	/* NULL: not connected */
	char path[256]; /* of the socket */
	uid_t uid;	/* ours */
	bool direct;	/* the manager's private socket: no bus daemon, no unique names */
};

/* -EOPNOTSUPP with @refusal when no manager can be reached. */
_must_check_ int manager_bus_open(enum systemd_which which, const struct host *host,
				  uint64_t deadline, struct manager_bus *ret,
				  struct refusal *refusal);
void manager_bus_close(struct manager_bus *manager);

/* Connects again to the same socket if the connection is closed or broken. */
_must_check_ int manager_bus_ensure(struct manager_bus *manager, uint64_t deadline);

/* A method without arguments, whose answer nobody needs: messages keep their order. */
_must_check_ int manager_tell(struct manager_bus *manager, const char *member);

/* A call to the manager object itself. */
_must_check_ int manager_message_new(struct manager_bus *manager, const char *member,
				     sd_bus_message **ret);
_must_check_ int manager_send(struct manager_bus *manager, sd_bus_message *message,
			      uint64_t deadline, sd_bus_error *error, sd_bus_message **ret_reply);

/* A method with one text argument (a unit) and, if @mode is not NULL, a second. */
_must_check_ int manager_unit_call(struct manager_bus *manager, const char *member,
				   const char *unit, const char *mode, uint64_t deadline);

/* A text property. Caller frees. */
_must_check_ int manager_get_string(struct manager_bus *manager, const char *path,
				    const char *interface, const char *property, uint64_t deadline,
				    char **ret);

/* A property of type t. */
_must_check_ int manager_get_number(struct manager_bus *manager, const char *path,
				    const char *interface, const char *property, uint64_t deadline,
				    uint64_t *ret);

/* Takes what has come in, and waits for more until the deadline. 0: the deadline has passed. */
_must_check_ int manager_process(struct manager_bus *manager, uint64_t deadline);
