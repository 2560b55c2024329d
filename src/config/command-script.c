/* SPDX-License-Identifier: MIT */

/* What the first bytes of a script tell about it. Pure. */

#include <string.h>

#include "command-script.h"

static bool is_word_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

static bool line_has_word(const char *line, size_t length, const char *word)
{
	size_t word_length = strlen(word);

	for (size_t i = 0; i + word_length <= length; i++)
		/* "my-oc-run" and "oc-run.conf" are other words; "/usr/bin/oc-run" is ours. */
		if (strncmp(line + i, word, word_length) == 0 &&
		    (i == 0 || !is_word_character(line[i - 1])) &&
		    (i + word_length == length || !is_word_character(line[i + word_length])))
			return true;
	return false;
}

bool command_script_runs(const char *script, const char *word)
{
	bool first = true;

	if (strncmp(script, "#!", 2) != 0)
		return false;
	for (const char *line = script; *line;) {
		size_t length = strcspn(line, "\n");
		bool comment = line[strspn(line, " \t")] == '#';

		/* The first line is no comment: it names the interpreter. */
		if ((first || !comment) && line_has_word(line, length, word))
			return true;
		first = false;
		line += length + (line[length] == '\n');
	}
	return false;
}

bool command_script_is_shell(const char *script)
{
	static const char *const shells[] = { "sh", "bash", "dash", "ash", "zsh", "ksh", "fish" };
	size_t length = strcspn(script, "\n");

	if (strncmp(script, "#!", 2) != 0)
		return false;
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (line_has_word(script, length, shells[i]))
			return true;
	return false;
}
