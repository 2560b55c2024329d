/* SPDX-License-Identifier: MIT */

#include "oc-run/bus-address.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char transport[] = "unix:";

/* Bytes outside of this set are written as %XX. */
static bool is_address_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("-_/.\\*", c) != NULL;
}

void bus_address_format(const char *path, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "unix:path=");

	for (const char *c = path; *c != '\0' && used + 4 < size; c++) {
		if (is_address_char(*c)) {
			text[used++] = *c;
			text[used] = '\0';
		} else {
			used += (size_t)snprintf(text + used, size - used, "%%%02x",
						 (unsigned)(unsigned char)*c);
		}
	}
}

/* The value of @key ("path=") in "path=/a,guid=b" up to @end, or NULL. */
static const char *find_value(const char *keys, const char *end, const char *key,
			      size_t *ret_length)
{
	size_t key_length = strlen(key);

	for (const char *at = keys; at < end; at++) {
		size_t length = strcspn(at, ",;");

		if (length > key_length && strncmp(at, key, key_length) == 0) {
			*ret_length = length - key_length;
			return at + key_length;
		}
		at += length;
	}
	return NULL;
}

static int digit_of(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static char *decode(const char *text, size_t length)
{
	char *copy = malloc(length + 1), *to = copy;

	for (size_t i = 0; copy && i < length; i++) {
		if (text[i] == '%' && i + 2 < length && digit_of(text[i + 1]) >= 0 &&
		    digit_of(text[i + 2]) >= 0) {
			*to++ = (char)(digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]));
			i += 2;
		} else {
			*to++ = text[i];
		}
	}
	if (copy)
		*to = '\0';
	return copy;
}

/* -ENOENT: not one that we take. */
static int take_entry(const char *entry, const char *end, char **ret_entry, char **ret_path)
{
	const char *keys = entry + strlen(transport), *value;
	_cleanup_free_ char *copy = NULL, *path = NULL;
	size_t length;

	if (strncmp(entry, transport, strlen(transport)) != 0)
		return -ENOENT;
	value = find_value(keys, end, "path=", &length);
	if (!value && !find_value(keys, end, "abstract=", &length))
		return -ENOENT;
	copy = strndup(entry, (size_t)(end - entry));
	if (value)
		path = decode(value, length);
	if (!copy || (value && !path))
		return -ENOMEM;
	*ret_entry = take_pointer(copy);
	*ret_path = take_pointer(path);
	return 0;
}

int bus_address_pick(const char *list, char **ret_entry, char **ret_path)
{
	for (const char *entry = list; *entry; entry += strspn(entry, ";")) {
		const char *end = entry + strcspn(entry, ";");
		int r = take_entry(entry, end, ret_entry, ret_path);

		if (r != -ENOENT)
			return r;
		entry = end;
	}
	return -ENOENT;
}
