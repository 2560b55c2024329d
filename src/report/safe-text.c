/* SPDX-License-Identifier: MIT */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "oc-run/cleanup.h"
#include "safe-text.h"

/* Length of the well-formed UTF-8 character at @text (Unicode 15, table 3-7), 0 if there is none.
 * A closing NUL is never part of one, so nothing is read beyond it. */
static size_t utf8_decode(const char *text, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *bytes = (const unsigned char *)text;
	size_t length = 0;
	uint32_t code;

	if (bytes[0] < 0x80) {
		*ret_code = bytes[0];
		return 1;
	}
	if (bytes[0] >= 0xc2 && bytes[0] <= 0xf4)
		length = bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
	if (length == 0)
		return 0;

	code = bytes[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;

	*ret_code = code;
	return length;
}

/* Would it do something to a terminal, or hide something from a reader? */
static bool is_harmful(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || /* C0, DEL, C1 */
	       code == 0xad || code == 0x61c || code == 0xfeff ||
	       (code >= 0x200b && code <= 0x200f) || /* zero width, direction marks */
	       (code >= 0x2028 && code <= 0x202e) || /* separators, embeddings */
	       (code >= 0x2060 && code <= 0x206f) || /* isolates */
	       (code >= 0xfff9 && code <= 0xfffb) ||
	       (code >= 0xe0000 && code <= 0xe0fff); /* tags */
}

/* Length in bytes and width in columns of what stands at @text. */
static size_t next_piece(const char *text, size_t *ret_columns, bool *ret_escape)
{
	uint32_t code = 0;
	size_t length = utf8_decode(text, &code);

	*ret_escape = length == 0 || is_harmful(code);
	if (length == 0)
		length = 1;
	*ret_columns = *ret_escape ? 4 * length : 1;
	return length;
}

/* How many bytes of @text fit into @columns. */
static size_t fitting_bytes(const char *text, size_t columns)
{
	size_t bytes = 0, used = 0;

	while (text[bytes]) {
		size_t width, length;
		bool escape;

		length = next_piece(text + bytes, &width, &escape);
		if (used + width > columns)
			break;
		used += width;
		bytes += length;
	}
	return bytes;
}

void safe_text_print(FILE *out, const char *text, size_t columns)
{
	size_t end = fitting_bytes(text, columns);
	bool is_cut = text[end] != '\0';

	if (is_cut)
		end = fitting_bytes(text, columns > 3 ? columns - 3 : 0);

	for (size_t at = 0, length; at < end; at += length) {
		size_t width;
		bool escape;

		length = next_piece(text + at, &width, &escape);
		for (size_t i = 0; i < length; i++)
			(void)fprintf(out, escape ? "\\x%02x" : "%c", (unsigned char)text[at + i]);
	}
	if (is_cut)
		(void)fputs("...", out);
}

char *safe_text_utf8(const char *text)
{
	/* U+FFFD takes three bytes, in place of one. */
	char *copy = malloc(3 * strlen(text) + 1), *to = copy;

	if (!copy)
		return NULL;

	while (*text) {
		uint32_t code;
		size_t length = utf8_decode(text, &code);

		memcpy(to, length > 0 ? text : "\xef\xbf\xbd", length > 0 ? length : 3);
		to += length > 0 ? length : 3;
		text += length > 0 ? length : 1;
	}
	*to = '\0';
	return copy;
}

const char *safe_text_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}
