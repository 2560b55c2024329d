/* SPDX-License-Identifier: MIT */

/*
 * Where a process's cgroup is: /proc/PID/cgroup, /proc/self/mountinfo, and which session of oc-run
 * a path lies in. Pure, like cgroup-parse.c; the contracts stand in the same header.
 */

#include "oc-run/cgroup-parse.h"

#include <errno.h>
#include <string.h>

#define SESSION_ID_LENGTH 16
#define SESSION_PREFIX "oc-"

int cgroup_parse_proc_cgroup(const char *text, char **ret_path)
{
	const char *line = text;

	while (line && *line != '\0') {
		if (strncmp(line, "0::", 3) == 0) {
			const char *path = line + 3;
			char *copy;

			if (*path != '/')
				return -EINVAL;
			copy = strndup(path, strcspn(path, "\n"));
			if (!copy)
				return -ENOMEM;
			*ret_path = copy;
			return 0;
		}
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return -ENODATA;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* A copy of @length bytes with \040 and the like undone (fs/seq_file.c, mangle_path). */
static char *unescape(const char *text, size_t length)
{
	char *copy = malloc(length + 1);
	size_t out = 0;

	if (!copy)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\\' && i + 3 < length && is_octal(text[i + 1]) &&
		    is_octal(text[i + 2]) && is_octal(text[i + 3])) {
			copy[out++] = (char)((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
					     (text[i + 3] - '0'));
			i += 3;
		} else {
			copy[out++] = text[i];
		}
	}
	copy[out] = '\0';
	return copy;
}

struct mount_line {
	const char *root, *mount, *type;
	size_t root_length, mount_length, type_length;
};

/* "36 35 98:0 ROOT MOUNT OPTIONS [TAG...] - TYPE SOURCE SUPER"; see proc_pid_mountinfo(5). */
static bool split_mount_line(const char *line, size_t length, struct mount_line *ret)
{
	const char *end = line + length;
	size_t field = 0;
	bool after_dash = false;

	*ret = (struct mount_line){ 0 };
	for (const char *c = line; c < end; field++) {
		size_t size = strcspn(c, " \n");

		if (after_dash) {
			ret->type = c;
			ret->type_length = size;
			return ret->mount != NULL;
		}
		if (field == 3) {
			ret->root = c;
			ret->root_length = size;
		} else if (field == 4) {
			ret->mount = c;
			ret->mount_length = size;
		} else if (field > 5 && size == 1 && *c == '-') {
			after_dash = true;
		}
		c += size + 1;
	}
	return false;
}

int cgroup_parse_mountinfo(const char *text, char **ret_mount, char **ret_root)
{
	for (const char *line = text; *line != '\0';) {
		size_t length = strcspn(line, "\n");
		struct mount_line fields;

		if (split_mount_line(line, length, &fields) && fields.type_length == 7 &&
		    strncmp(fields.type, "cgroup2", 7) == 0) {
			_cleanup_free_ char *mount = unescape(fields.mount, fields.mount_length);
			_cleanup_free_ char *root = unescape(fields.root, fields.root_length);

			if (!mount || !root)
				return -ENOMEM;
			*ret_mount = take_pointer(mount);
			*ret_root = take_pointer(root);
			return 0;
		}
		line += length;
		if (*line == '\n')
			line++;
	}
	return -ENODATA;
}

/* Is the component at @name, @length long, "oc-<id>" or "oc-<id>.scope"? */
static bool is_session_name(const char *name, size_t length)
{
	const size_t prefix = strlen(SESSION_PREFIX), bare = prefix + SESSION_ID_LENGTH;

	if (length < bare || strncmp(name, SESSION_PREFIX, prefix) != 0)
		return false;
	for (size_t i = prefix; i < bare; i++)
		if (!((name[i] >= '0' && name[i] <= '9') || (name[i] >= 'a' && name[i] <= 'f')))
			return false;
	return length == bare ||
	       (length == bare + strlen(".scope") && strncmp(name + bare, ".scope", 6) == 0);
}

bool cgroup_path_session(const char *path, char ret_id[17], size_t *ret_scope_length)
{
	bool found = false;

	for (const char *c = path; *c != '\0';) {
		size_t length;

		c += strspn(c, "/");
		length = strcspn(c, "/");
		if (is_session_name(c, length)) {
			memcpy(ret_id, c + strlen(SESSION_PREFIX), SESSION_ID_LENGTH);
			ret_id[SESSION_ID_LENGTH] = '\0';
			*ret_scope_length = (size_t)(c - path) + length;
			found = true;
		}
		c += length;
	}
	return found;
}
