/* SPDX-License-Identifier: MIT */

#include "oc-run/proc-parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* Digits only, no sign; false on overflow too. Moves *@text past them. */
static bool take_number(const char **text, uint64_t *ret)
{
	const char *at = *text;
	uint64_t number = 0;

	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
			return false;
	*text = at;
	*ret = number;
	return true;
}

/* A field of stat; some are negative (tpgid is -1 without a terminal). */
static bool take_field(const char **text, int64_t *ret)
{
	const char *at = *text;
	bool negative;
	uint64_t number;

	while (*at == ' ')
		at++;
	negative = *at == '-';
	if (negative)
		at++;
	if (!take_number(&at, &number))
		return false;
	*text = at;
	*ret = negative ? -(int64_t)(number & INT64_MAX) : (int64_t)(number & INT64_MAX);
	return true;
}

/* Numbers of the fields after the state, as proc(5) counts them. */
enum stat_field {
	STAT_PARENT = 4,
	STAT_PROCESS_GROUP = 5,
	STAT_SESSION = 6,
	STAT_USER_TICKS = 14,
	STAT_SYSTEM_TICKS = 15,
	STAT_THREADS = 20,
	STAT_START = 22,
};

static bool parse_fields(const char *text, int64_t fields[STAT_START + 1])
{
	for (int i = STAT_PARENT; i <= STAT_START; i++)
		if (!take_field(&text, &fields[i]))
			return false;
	return true;
}

int proc_parse_stat(const char *text, struct proc_stat *ret)
{
	int64_t pid, fields[STAT_START + 1];
	const char *comm, *end;
	struct proc_stat stat;

	if (!take_field(&text, &pid) || text[0] != ' ' || text[1] != '(')
		return -EINVAL;
	comm = text + 2;
	end = strrchr(comm, ')');
	if (!end || end[1] != ' ' || !isalpha((unsigned char)end[2]))
		return -EINVAL;
	if (!parse_fields(end + 3, fields))
		return -EINVAL;
	stat = (struct proc_stat){
		.pid = (pid_t)pid,
		.parent = (pid_t)fields[STAT_PARENT],
		.process_group = (pid_t)fields[STAT_PROCESS_GROUP],
		.session = (pid_t)fields[STAT_SESSION],
		.state = end[2],
		.threads = (unsigned)fields[STAT_THREADS],
		.cpu_ticks =
			(uint64_t)fields[STAT_USER_TICKS] + (uint64_t)fields[STAT_SYSTEM_TICKS],
		.start_ticks = (uint64_t)fields[STAT_START],
	};
	proc_clean_text(comm, (size_t)(end - comm), stat.comm, sizeof(stat.comm));
	*ret = stat;
	return 0;
}

/* "Key:   123 kB" at the start of a line. */
static bool find_kilobytes(const char *text, const char *key, uint64_t *ret_bytes)
{
	size_t length = strlen(key);
	uint64_t number;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) != 0 || line[length] != ':')
			continue;
		line += length + 1;
		line += strspn(line, " \t");
		if (!take_number(&line, &number) || number > UINT64_MAX / 1024)
			return false;
		*ret_bytes = number * 1024;
		return true;
	}
	return false;
}

void proc_parse_status(const char *text, struct proc_status *ret)
{
	struct proc_status status = { 0 };

	status.has_memory = find_kilobytes(text, "RssAnon", &status.anon_bytes);
	(void)find_kilobytes(text, "RssShmem", &status.shmem_bytes);
	(void)find_kilobytes(text, "VmSwap", &status.swap_bytes);
	*ret = status;
}

int proc_parse_statm_anon(const char *text, uint64_t *ret_pages)
{
	int64_t size, resident, shared;

	if (!take_field(&text, &size) || !take_field(&text, &resident) ||
	    !take_field(&text, &shared))
		return -EINVAL;
	*ret_pages = resident > shared ? (uint64_t)(resident - shared) : 0;
	return 0;
}

int proc_parse_smaps_rollup(const char *text, uint64_t *ret_bytes)
{
	uint64_t all, anon, shmem = 0, swap = 0;

	if (!find_kilobytes(text, "Pss", &all))
		return -EINVAL;
	(void)find_kilobytes(text, "SwapPss", &swap);
	(void)find_kilobytes(text, "Pss_Shmem", &shmem);
	*ret_bytes = (find_kilobytes(text, "Pss_Anon", &anon) ? anon + shmem : all) + swap;
	return 0;
}

static size_t length_without_deleted(const char *path, size_t length)
{
	static const char deleted[] = " (deleted)";
	const size_t deleted_length = sizeof(deleted) - 1;

	if (length > deleted_length &&
	    memcmp(path + length - deleted_length, deleted, deleted_length) == 0)
		length -= deleted_length;
	return length;
}

const char *proc_parse_cgroup(const char *text, size_t *ret_length)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		line += 3;
		/* A zombie's cgroup may be removed under it. */
		*ret_length = length_without_deleted(line, strcspn(line, "\n"));
		return line;
	}
	return NULL;
}

bool proc_cgroup_is_below(const char *path, size_t length, const char *ancestor)
{
	size_t ancestor_length = strlen(ancestor);

	if (ancestor_length == 1 && ancestor[0] == '/')
		return length > 0;
	return length >= ancestor_length && memcmp(path, ancestor, ancestor_length) == 0 &&
	       (length == ancestor_length || path[ancestor_length] == '/');
}

bool proc_environ_feed(struct proc_environ_match *match, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		/* The NUL at the end of @wanted is part of it: "x=12" is not "x=1". */
		if (!match->skip && bytes[i] == match->wanted[match->matched]) {
			if (bytes[i] == '\0')
				return true;
			match->matched++;
			continue;
		}
		match->skip = bytes[i] != '\0';
		match->matched = 0;
	}
	return false;
}

/* No C1 control, no surrogate, nothing that turns the writing direction or is not seen. */
static bool is_shown(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{ 0, 0x1f },
		{ 0x7f, 0x9f },
		{ 0x200b, 0x200f },
		{ 0x2028, 0x202e },
		{ 0x2066, 0x2069 },
		{ 0xd800, 0xdfff },
		{ 0x110000, UINT32_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (character >= hidden[i].first && character <= hidden[i].last)
			return false;
	return true;
}

/* How many bytes a character has by its first one; 0: none starts so. */
static size_t utf8_announced(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc0 || first >= 0xf8)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Length of the UTF-8 character at @bytes, 0 if it is none or not fit to be shown. */
static size_t utf8_length(const unsigned char *bytes, size_t length)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t size = utf8_announced(bytes[0]);
	uint32_t character;

	if (size == 0 || size > length)
		return 0;
	character = size == 1 ? bytes[0] : bytes[0] & (0x7fU >> size);
	for (size_t i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (bytes[i] & 0x3f);
	}
	/* Not overlong. */
	return character >= least[size] && is_shown(character) ? size : 0;
}

void proc_clean_text(const char *bytes, size_t length, char *ret_text, size_t size)
{
	const unsigned char *from = (const unsigned char *)bytes;
	size_t used = 0;

	while (length > 0 && (bytes[length - 1] == '\0' || bytes[length - 1] == ' '))
		length--;
	for (size_t i = 0; i < length;) {
		size_t step = utf8_length(from + i, length - i);
		size_t needed = step ? step : 1;

		if (used + needed >= size)
			break;
		if (step)
			memcpy(ret_text + used, bytes + i, step);
		else
			ret_text[used] = from[i] == '\0' ? ' ' : '?';
		used += needed;
		i += needed;
	}
	ret_text[used] = '\0';
}

static bool has_letter(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (isalpha((unsigned char)text[i]) || (unsigned char)text[i] >= 0x80)
			return true;
	return false;
}

void proc_display_name(const char *executable, const char *comm, char *ret_name, size_t size)
{
	const char *base = executable ? strrchr(executable, '/') : NULL;
	size_t length = 0;

	base = base ? base + 1 : executable;
	if (base)
		length = length_without_deleted(base, strlen(base));
	if (has_letter(base, length))
		proc_clean_text(base, length, ret_name, size);
	else
		proc_clean_text(comm, strlen(comm), ret_name, size);
}
