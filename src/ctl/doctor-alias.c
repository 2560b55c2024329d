/* SPDX-License-Identifier: MIT */

/* What happens when a person types opencode: an alias in a file of the shell's, or a shim on PATH. Told
 * by words, as only the shell itself could tell for certain. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor-look.h"

#define COMMAND "opencode"
#define READ_MAX 65536

/* A line with both words that is no comment. */
static bool has_line(char *text, const char *first, const char *second)
{
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (line[strspn(line, " \t")] != '#' && strstr(line, first) && strstr(line, second))
			return true;
	return false;
}

static bool file_has_line(const char *path, const char *first, const char *second)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	_cleanup_free_ char *text = fd < 0 ? NULL : malloc(READ_MAX);
	ssize_t length = text ? read(fd, text, READ_MAX - 1) : -1;

	if (length <= 0)
		return false;
	text[length] = '\0';
	return has_line(text, first, second);
}

static bool has_alias(const char *home)
{
	static const char *const files[] = {
		".bashrc",
		".bash_aliases",
		".bash_profile",
		".profile",
		".zshrc",
		".zsh_aliases",
		".kshrc",
		".config/fish/config.fish",
		".config/fish/functions/" COMMAND ".fish",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[4096];

		if (snprintf(path, sizeof(path), "%s/%s", home, files[i]) < (int)sizeof(path) &&
		    file_has_line(path, COMMAND, "oc-run"))
			return true;
	}
	return false;
}

void doctor_look_at_alias(bool *ret_has_command, bool *ret_has_alias)
{
	const char *home = getenv("HOME"), *folders = getenv("PATH");

	*ret_has_command = false;
	*ret_has_alias = home && has_alias(home);
	while (folders && *folders && !*ret_has_command) {
		size_t size = strcspn(folders, ":");
		char path[4096];

		if (snprintf(path, sizeof(path), "%.*s/" COMMAND, (int)size, folders) <
			    (int)sizeof(path) &&
		    access(path, X_OK) == 0) {
			*ret_has_command = true;
			*ret_has_alias |= file_has_line(path, "oc-run", "");
		}
		folders += size + (folders[size] == ':');
	}
}
