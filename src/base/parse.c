/* SPDX-License-Identifier: MIT */

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "oc-run/parse.h"

/* Below this a bare number is taken for a forgotten unit, not for bytes. */
#define BARE_BYTES_MIN MEBIBYTE
#define DURATION_MAX (24 * USEC_PER_HOUR)

struct unit {
	const char *name;
	uint64_t scale;
};

static const struct unit size_units[] = {
	{ "K", KIBIBYTE }, { "KiB", KIBIBYTE }, { "M", MEBIBYTE }, { "MiB", MEBIBYTE },
	{ "G", GIBIBYTE }, { "GiB", GIBIBYTE }, { "T", TEBIBYTE }, { "TiB", TEBIBYTE },
};

static const struct unit duration_units[] = {
	{ "", USEC_PER_SEC },	 { "ms", USEC_PER_MSEC },  { "s", USEC_PER_SEC },
	{ "sec", USEC_PER_SEC }, { "m", USEC_PER_MINUTE }, { "min", USEC_PER_MINUTE },
	{ "h", USEC_PER_HOUR },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int parse_unsigned(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (!is_digit(*text))
			return -EINVAL;
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -ERANGE;
	}
	*ret = value;
	return 0;
}

int parse_decimal(const char *text, uint64_t scale, uint64_t *ret, const char **ret_end)
{
	/* 10^18 is the most that both halves of the product can hold in 128 bits. */
	const uint64_t most = UINT64_C(1000000000000000000);
	uint64_t digits = 0, divisor = 1;
	bool point = false, any = false;
	unsigned __int128 product;
	const char *at = text;

	for (; is_digit(*at) || (*at == '.' && !point && is_digit(at[1]) && any); at++) {
		if (*at == '.') {
			point = true;
			continue;
		}
		any = true;
		if (digits >= most || divisor >= most)
			return -ERANGE;
		digits = digits * 10 + (uint64_t)(*at - '0');
		if (point)
			divisor *= 10;
	}
	if (!any)
		return -EINVAL;
	product = (unsigned __int128)digits * scale;
	if (product / divisor >= UINT64_MAX)
		return -ERANGE;
	*ret_end = at;
	if (product % divisor)
		return -EDOM;
	*ret = (uint64_t)(product / divisor);
	return 0;
}

static const struct unit *find_unit(const struct unit *units, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

/* Where the number ends and the unit begins. */
static const char *skip_number(const char *text)
{
	return text + strspn(text, "0123456789.");
}

static int size_complain(struct diag *diag, const char *cause)
{
	return diag_set(diag, -EINVAL, "%s; write for example 4G, 1536M, 25%% or max", cause);
}

static int size_complain_unit(struct diag *diag, const char *text, const char *unit)
{
	int digits = (int)(unit - text);
	char letter = (char)toupper((unsigned char)*unit);

	if (!strchr("KMGT", letter))
		return diag_set(diag, -EINVAL,
				"\"%.16s\" is no unit; write for example 4G, 1536M, 25%% or max",
				unit);
	/* "GB" is 1000 to some and 1024 to others, "Gi" is half a unit. */
	return diag_set(diag, -EINVAL,
			"\"%.16s\" is no unit; write %.*s%c or %.*s%ciB (units of 1024)", unit,
			digits, text, letter, digits, text, letter);
}

/* The next smaller unit, rounded down, is what was most likely meant: 1.1G is 1126M and a bit. */
static int size_complain_fraction(struct diag *diag, const char *text, const struct unit *unit)
{
	const uint64_t million = 1000000;
	const char *end;
	char letter = unit->scale == TEBIBYTE ? 'G' : unit->scale == GIBIBYTE ? 'M' : 'K';
	uint64_t millionths;

	if (unit->scale > KIBIBYTE && parse_decimal(text, 1024 * million, &millionths, &end) == 0 &&
	    millionths >= million)
		return diag_set(diag, -EINVAL,
				"is not a whole number of bytes; write %" PRIu64 "%c",
				millionths / million, letter);
	return size_complain(diag, "is not a whole number of bytes");
}

static int parse_percent(const char *text, uint64_t whole_bytes, uint64_t *ret_bytes,
			 struct diag *diag)
{
	/* Hundred-thousandths of the whole: "12.5%" is 12500. */
	const uint64_t full = 100000;
	const char *end;
	uint64_t share;
	int r;

	r = parse_decimal(text, 1000, &share, &end);
	if (r == -EDOM)
		return diag_set(diag, -EINVAL, "has more than three places after the point");
	if (r < 0 || share > full)
		return diag_set(diag, -EINVAL,
				"is more than all of the memory; write at most 100%%");
	/* In whole pages: the kernel rounds down to them anyway. */
	*ret_bytes =
		(uint64_t)((unsigned __int128)whole_bytes * share / full) & ~(UINT64_C(4096) - 1);
	return 0;
}

static int parse_bare_bytes(const char *text, uint64_t *ret_bytes, struct diag *diag)
{
	uint64_t bytes;
	int r;

	r = parse_unsigned(text, &bytes);
	if (r == -ERANGE || (r == 0 && bytes == PARSE_UNLIMITED))
		return size_complain(diag, "is too large");
	if (r < 0)
		return size_complain(diag, "has no unit");
	if (bytes > 0 && bytes < BARE_BYTES_MIN)
		return diag_set(diag, -EINVAL, "has no unit; write %sG or %sM", text, text);
	*ret_bytes = bytes;
	return 0;
}

static bool is_other_word_for_max(const char *text)
{
	return strcasecmp(text, "infinity") == 0 || strcasecmp(text, "unlimited") == 0 ||
	       strcasecmp(text, "none") == 0;
}

static bool is_exponent(const char *unit)
{
	return (*unit == 'e' || *unit == 'E') && unit[1] && strchr("0123456789+-", unit[1]);
}

/* One point at most, with a digit on each side. @unit is where the number ends. */
static bool has_stray_point(const char *text, const char *unit)
{
	size_t length = (size_t)(unit - text);

	return text[0] == '.' || unit[-1] == '.' ||
	       memchr(text, '.', length) != memrchr(text, '.', length);
}

/* What can be said before any arithmetic; NULL if it is well-formed. */
static const char *find_flaw(const char *text, const char *unit)
{
	if (!*text)
		return "is empty";
	if (*text == '-')
		return "is negative";
	if (is_other_word_for_max(text))
		return "is not the word for \"no limit\"";
	if (strpbrk(text, " \t"))
		return "has a blank in it";
	if (strncasecmp(text, "0x", 2) == 0)
		return "is hexadecimal";
	if (unit == text)
		return "has no number";
	if (is_exponent(unit))
		return "has an exponent";
	return has_stray_point(text, unit) ? "is no number" : NULL;
}

int parse_size(const char *text, uint64_t whole_bytes, uint64_t *ret_bytes, struct diag *diag)
{
	const char *name = skip_number(text), *flaw = find_flaw(text, name), *end;
	const struct unit *unit;
	uint64_t bytes;
	int r;

	if (strcmp(text, "max") == 0) {
		*ret_bytes = PARSE_UNLIMITED;
		return 0;
	}
	if (flaw)
		return size_complain(diag, flaw);
	if (strcmp(name, "%") == 0)
		return parse_percent(text, whole_bytes, ret_bytes, diag);
	if (!*name)
		return parse_bare_bytes(text, ret_bytes, diag);
	unit = find_unit(size_units, ARRAY_SIZE(size_units), name);
	if (!unit)
		return size_complain_unit(diag, text, name);
	r = parse_decimal(text, unit->scale, &bytes, &end);
	if (r == -EDOM)
		return size_complain_fraction(diag, text, unit);
	if (r < 0)
		return size_complain(diag, "is too large");
	*ret_bytes = bytes;
	return 0;
}

int parse_duration(const char *text, uint64_t *ret_usec, struct diag *diag)
{
	static const char advice[] = "write for example 5s, 500ms or 2min";
	const char *name = skip_number(text), *end;
	const struct unit *unit;
	uint64_t usec;
	int r;

	if (!*text)
		return diag_set(diag, -EINVAL, "is empty; %s", advice);
	unit = find_unit(duration_units, ARRAY_SIZE(duration_units), name);
	r = unit ? parse_decimal(text, unit->scale, &usec, &end) : -EINVAL;
	if (r == -ERANGE || (r == 0 && usec > DURATION_MAX))
		return diag_set(diag, -EINVAL, "is more than a day; %s", advice);
	if (r == -EDOM)
		return diag_set(diag, -EINVAL, "is finer than a microsecond; %s", advice);
	/* parse_decimal() stops at a second point; then it did not end at the unit. */
	if (r < 0 || end != name)
		return diag_set(diag, -EINVAL, "is no duration; %s", advice);
	*ret_usec = usec;
	return 0;
}

int parse_switch(const char *text, bool *ret, struct diag *diag)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(text, words[i]) == 0) {
			*ret = i % 2;
			return 0;
		}
	return diag_set(diag, -EINVAL, "is neither \"yes\" nor \"no\"");
}

void format_bytes(uint64_t bytes, char text[FORMAT_TEXT_MAX])
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	uint64_t scale = 1, tenths;
	size_t i = 0;

	if (bytes == PARSE_UNLIMITED) {
		(void)snprintf(text, FORMAT_TEXT_MAX, "no limit");
		return;
	}
	while (i + 1 < ARRAY_SIZE(names) && bytes / scale >= 1024) {
		scale *= 1024;
		i++;
	}
	/* Rounded to tenths, which may reach the next unit: 1023.97 MiB. */
	tenths = (uint64_t)(((unsigned __int128)bytes * 10 + scale / 2) / scale);
	if (tenths >= 10240 && i + 1 < ARRAY_SIZE(names)) {
		tenths = 10;
		i++;
	}
	if (i < 3 && tenths % 10 == 0)
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 " %s", tenths / 10, names[i]);
	else
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10,
			       tenths % 10, names[i]);
}

void format_duration(uint64_t usec, char text[FORMAT_TEXT_MAX])
{
	if (usec >= USEC_PER_HOUR && usec % USEC_PER_HOUR == 0)
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 " h", usec / USEC_PER_HOUR);
	else if (usec >= USEC_PER_MINUTE && usec % USEC_PER_MINUTE == 0)
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 " min", usec / USEC_PER_MINUTE);
	else if (usec % USEC_PER_SEC == 0)
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 " s", usec / USEC_PER_SEC);
	else if (usec > USEC_PER_SEC)
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " s",
			       usec / USEC_PER_SEC, usec % USEC_PER_SEC / (USEC_PER_SEC / 10));
	else
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 " ms", usec / USEC_PER_MSEC);
}

#define WORD_MAX 40

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: three rows of the table are enough. */
unsigned parse_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *previous = rows[1], *current = rows[2];
	size_t a_length = strnlen(a, WORD_MAX), b_length = strnlen(b, WORD_MAX);

	for (unsigned j = 0; j <= b_length; j++)
		previous[j] = j;
	for (unsigned i = 1; i <= a_length; i++) {
		unsigned *oldest = before;

		current[0] = i;
		for (unsigned j = 1; j <= b_length; j++) {
			unsigned changed = a[i - 1] != b[j - 1];

			current[j] = least(least(previous[j] + 1, current[j - 1] + 1),
					   previous[j - 1] + changed);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				current[j] = least(current[j], before[j - 2] + 1);
		}
		before = previous;
		previous = current;
		current = oldest;
	}
	return previous[b_length];
}

const char *parse_nearest(const char *word, const char *const *words, size_t count)
{
	size_t length = strlen(word);
	/* A third of the letters may be wrong, but never more than three. */
	unsigned best = least(3, (unsigned)(length / 3) + 1);
	const char *found = NULL;

	for (size_t i = 0; i < count; i++) {
		unsigned distance = parse_distance(word, words[i]);

		/* "memory" for "mem": what begins alike is near, too. */
		if (length > 1 && strlen(words[i]) > 1 &&
		    (strncmp(words[i], word, length) == 0 ||
		     strncmp(words[i], word, strlen(words[i])) == 0))
			distance = least(distance, 1);
		if (distance < best || (!found && distance == best)) {
			best = distance;
			found = words[i];
		}
	}
	return found;
}
