/* SPDX-License-Identifier: MIT */

#include <stdio.h>
#include <string.h>

#include "oc-run/diag.h"

int diag_set(struct diag *diag, int error, const char *format, ...)
{
	va_list arguments;

	if (!diag)
		return error;
	va_start(arguments, format);
	(void)vsnprintf(diag->text, sizeof(diag->text), format, arguments);
	va_end(arguments);
	return error;
}

int diag_prefix(struct diag *diag, int error, const char *format, ...)
{
	char rest[DIAG_TEXT_MAX];
	va_list arguments;
	size_t length;

	if (!diag)
		return error;
	memcpy(rest, diag->text, sizeof(rest));
	va_start(arguments, format);
	(void)vsnprintf(diag->text, sizeof(diag->text), format, arguments);
	va_end(arguments);
	length = strlen(diag->text);
	(void)snprintf(diag->text + length, sizeof(diag->text) - length, ": %s", rest);
	return error;
}
