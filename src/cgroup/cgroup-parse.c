/* SPDX-License-Identifier: MIT */

/*
 * The kernel's flat keyed files ("KEY VALUE" a line: memory.events, memory.stat, cgroup.events),
 * the one-number files and the nested keyed pressure files.
 *
 * One reader serves all keyed files: a table says which key goes to which field. A key that no
 * table names is skipped, because newer kernels add keys (sock_throttled came after 6.12). A file
 * in which no key is known is not the file that was asked for: -ENODATA.
 */

#include "oc-run/cgroup-parse.h"

#include <errno.h>
#include <string.h>

#include "oc-run/limits.h"

struct keyed_field {
	const char *key;
	size_t offset; /* of a uint64_t in the result */
};

/* Digits from *text on; *text then points behind them. No sign, no space, no overflow. */
static int parse_digits(const char **text, uint64_t *ret)
{
	const char *c = *text;
	uint64_t value = 0;

	if (*c < '0' || *c > '9')
		return -EINVAL;
	for (; *c >= '0' && *c <= '9'; c++) {
		uint64_t digit = (uint64_t)(*c - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*text = c;
	*ret = value;
	return 0;
}

static bool is_line_end(char c)
{
	return c == '\0' || c == '\n';
}

static const char *next_line(const char *text)
{
	const char *end = strchr(text, '\n');

	return end ? end + 1 : text + strlen(text);
}

/* The character behind the first word of @text. */
static const char *word_end(const char *text)
{
	return text + strcspn(text, " \t\n");
}

static bool word_is(const char *text, const char *word)
{
	size_t length = strlen(word);

	return (size_t)(word_end(text) - text) == length && strncmp(text, word, length) == 0;
}

static const struct keyed_field *find_field(const char *line, const struct keyed_field *fields,
					    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (word_is(line, fields[i].key))
			return &fields[i];
	return NULL;
}

/* Fills the fields that the text has a key for. The number of keys that were known, or -EINVAL. */
static int parse_keyed(const char *text, const struct keyed_field *fields, size_t count,
		       void *result)
{
	int known = 0;

	for (const char *line = text; *line != '\0'; line = next_line(line)) {
		const struct keyed_field *field = find_field(line, fields, count);
		const char *c = word_end(line);
		uint64_t value;
		int r;

		if (!field)
			continue;
		if (*c != ' ')
			return -EINVAL;
		c++;
		r = parse_digits(&c, &value);
		if (r < 0 || !is_line_end(*c))
			return -EINVAL;
		memcpy((char *)result + field->offset, &value, sizeof(value));
		known++;
	}
	return known;
}

/* As parse_keyed(), but 0 or an error: at least one key has to be there. */
static int parse_keyed_some(const char *text, const struct keyed_field *fields, size_t count,
			    void *result)
{
	int known = parse_keyed(text, fields, count, result);

	if (known < 0)
		return known;
	return known == 0 ? -ENODATA : 0;
}

int cgroup_parse_memory_events(const char *text, struct memory_events *ret)
{
	static const struct keyed_field fields[] = {
		{ "low", offsetof(struct memory_events, low) },
		{ "high", offsetof(struct memory_events, high) },
		{ "max", offsetof(struct memory_events, max) },
		{ "oom", offsetof(struct memory_events, oom) },
		{ "oom_kill", offsetof(struct memory_events, oom_kill) },
		{ "oom_group_kill", offsetof(struct memory_events, oom_group_kill) },
	};
	struct memory_events events = { 0 };
	int r = parse_keyed_some(text, fields, ARRAY_SIZE(fields), &events);

	if (r == 0)
		*ret = events;
	return r;
}

int cgroup_parse_swap_events(const char *text, struct swap_events *ret)
{
	static const struct keyed_field fields[] = {
		{ "high", offsetof(struct swap_events, high) },
		{ "max", offsetof(struct swap_events, max) },
		{ "fail", offsetof(struct swap_events, fail) },
	};
	struct swap_events events = { 0 };
	int r = parse_keyed_some(text, fields, ARRAY_SIZE(fields), &events);

	if (r == 0)
		*ret = events;
	return r;
}

int cgroup_parse_pids_events(const char *text, struct pids_events *ret)
{
	static const struct keyed_field fields[] = {
		{ "max", offsetof(struct pids_events, max) },
	};
	struct pids_events events = { 0 };
	int r = parse_keyed_some(text, fields, ARRAY_SIZE(fields), &events);

	if (r == 0)
		*ret = events;
	return r;
}

int cgroup_parse_events(const char *text, struct cgroup_events *ret)
{
	struct {
		uint64_t populated, frozen;
	} events = { 0 };
	static const struct keyed_field fields[] = {
		{ "populated", 0 },
		{ "frozen", sizeof(uint64_t) },
	};
	int r = parse_keyed_some(text, fields, ARRAY_SIZE(fields), &events);

	if (r < 0)
		return r;
	if (events.populated > 1 || events.frozen > 1)
		return -EINVAL;
	ret->populated = events.populated == 1;
	ret->frozen = events.frozen == 1;
	return 0;
}

int cgroup_parse_cpu_usage(const char *text, uint64_t *ret_usec)
{
	static const struct keyed_field fields[] = { { "usage_usec", 0 } };
	uint64_t usage;
	int r = parse_keyed_some(text, fields, ARRAY_SIZE(fields), &usage);

	if (r == 0)
		*ret_usec = usage;
	return r;
}

int cgroup_parse_memory_stat(const char *text, struct memory_stat *ret)
{
	/* "kernel" is the sum of the others since 5.18; before that they are added up here. */
	struct {
		struct memory_stat stat;
		uint64_t kernel_stack, pagetables, percpu, sock, slab;
	} all = { 0 };
	static const struct keyed_field fields[] = {
		{ "anon", offsetof(struct memory_stat, anon) },
		{ "file", offsetof(struct memory_stat, file) },
		{ "shmem", offsetof(struct memory_stat, shmem) },
		{ "kernel", offsetof(struct memory_stat, kernel) },
		{ "slab_reclaimable", offsetof(struct memory_stat, slab_reclaimable) },
		{ "inactive_file", offsetof(struct memory_stat, inactive_file) },
		{ "active_file", offsetof(struct memory_stat, active_file) },
		{ "kernel_stack", sizeof(struct memory_stat) },
		{ "pagetables", sizeof(struct memory_stat) + 1 * sizeof(uint64_t) },
		{ "percpu", sizeof(struct memory_stat) + 2 * sizeof(uint64_t) },
		{ "sock", sizeof(struct memory_stat) + 3 * sizeof(uint64_t) },
		{ "slab", sizeof(struct memory_stat) + 4 * sizeof(uint64_t) },
	};
	int r = parse_keyed_some(text, fields, ARRAY_SIZE(fields), &all);

	if (r < 0)
		return r;
	if (all.stat.kernel == 0)
		all.stat.kernel =
			all.kernel_stack + all.pagetables + all.percpu + all.sock + all.slab;
	*ret = all.stat;
	return 0;
}

/* "12.34". Not strtod(3): that one asks the locale for its decimal point. */
static int parse_percent(const char **text, double *ret)
{
	uint64_t whole, fraction = 0;
	double scale = 1;
	int r = parse_digits(text, &whole);

	if (r < 0)
		return r;
	if (**text == '.') {
		const char *start = ++*text;

		r = parse_digits(text, &fraction);
		if (r < 0)
			return r;
		for (; start < *text; start++)
			scale *= 10;
	}
	*ret = (double)whole + (double)fraction / scale;
	return 0;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0": the pairs behind the first word. */
static int parse_pressure_line(const char *line, double *ret_avg10, uint64_t *ret_total)
{
	bool have_avg10 = false, have_total = false;
	const char *c = word_end(line);

	while (*c == ' ') {
		int r = 0;

		c++;
		if (strncmp(c, "avg10=", 6) == 0) {
			c += 6;
			r = parse_percent(&c, ret_avg10);
			have_avg10 = true;
		} else if (strncmp(c, "total=", 6) == 0) {
			c += 6;
			r = parse_digits(&c, ret_total);
			have_total = true;
		} else {
			c = word_end(c);
		}
		if (r < 0)
			return -EINVAL;
	}
	return is_line_end(*c) && have_avg10 && have_total ? 0 : -EINVAL;
}

int cgroup_parse_pressure(const char *text, struct pressure *ret)
{
	struct pressure pressure = { 0 };

	for (const char *line = text; *line != '\0'; line = next_line(line)) {
		int r = 0;

		if (word_is(line, "some")) {
			r = parse_pressure_line(line, &pressure.some_avg10,
						&pressure.some_total_usec);
			pressure.known = true;
		} else if (word_is(line, "full")) {
			r = parse_pressure_line(line, &pressure.full_avg10,
						&pressure.full_total_usec);
		}
		if (r < 0)
			return r;
	}
	if (!pressure.known)
		return -ENODATA;
	*ret = pressure;
	return 0;
}

int cgroup_parse_number(const char *text, uint64_t *ret)
{
	const char *c = text;
	uint64_t value;
	int r;

	if (word_is(text, "max")) {
		value = UINT64_MAX;
		c += 3;
	} else {
		r = parse_digits(&c, &value);
		if (r < 0)
			return r;
	}
	if (*c == '\n')
		c++;
	if (*c != '\0')
		return -EINVAL;
	*ret = value;
	return 0;
}

uint32_t cgroup_parse_controllers(const char *text)
{
	static const struct {
		const char *name;
		enum controller bit;
	} controllers[] = {
		{ "memory", CONTROLLER_MEMORY },
		{ "pids", CONTROLLER_PIDS },
		{ "cpu", CONTROLLER_CPU },
		{ "io", CONTROLLER_IO },
	};
	uint32_t bits = 0;

	for (const char *c = text; *c != '\0'; c = word_end(c)) {
		c += strspn(c, " \t\n");
		for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
			if (word_is(c, controllers[i].name))
				bits |= (uint32_t)controllers[i].bit;
	}
	return bits;
}
