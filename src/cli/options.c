/* SPDX-License-Identifier: MIT */

/*
 * The command line, read by getopt_long(3) from the table of settings. Its globals are reset at the
 * start, so that parsing twice is parsing anew; it prints nothing itself.
 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/options.h"

/* Values of getopt_long() for long options: above every character. */
#define LONG_BASE 256
#define LONG_HELP (LONG_BASE + SETTING_COUNT)
#define LONG_VERSION (LONG_HELP + 1)
/* Each row, --help, --version and the end. */
#define LONG_COUNT (SETTING_COUNT + 3)
/* "+:" (stop at the first word that is no option; tell a missing value from an unknown option),
 * two for each row, "h" and the NUL. */
#define SHORT_MAX (2 + 2 * SETTING_COUNT + 2)

struct tables {
	struct option long_options[LONG_COUNT];
	char short_options[SHORT_MAX];
};

static int has_argument(const struct setting_row *row)
{
	if (row->value_is_optional)
		return optional_argument;
	return row->metavar ? required_argument : no_argument;
}

static void build_tables(struct tables *tables)
{
	char *at = stpcpy(tables->short_options, "+:h");
	size_t i;

	for (i = 0; i < SETTING_COUNT; i++) {
		const struct setting_row *row = setting_row((enum setting_id)i);

		tables->long_options[i] = (struct option){
			.name = row->key,
			.has_arg = has_argument(row),
			.val = LONG_BASE + (int)i,
		};
		if (row->short_option)
			*at++ = row->short_option;
		if (row->short_option && row->metavar)
			*at++ = ':';
	}
	*at = '\0';
	tables->long_options[i++] = (struct option){ .name = "help", .val = LONG_HELP };
	tables->long_options[i++] = (struct option){ .name = "version", .val = LONG_VERSION };
	tables->long_options[i] = (struct option){ 0 };
}

/* NULL for --help and --version. */
static const struct setting_row *row_of(int option)
{
	if (option >= LONG_BASE && option < LONG_BASE + SETTING_COUNT)
		return setting_row((enum setting_id)(option - LONG_BASE));
	for (size_t i = 0; option < LONG_BASE && i < SETTING_COUNT; i++)
		if (setting_row((enum setting_id)i)->short_option == option)
			return setting_row((enum setting_id)i);
	return NULL;
}

static int complain_unknown(const char *word, struct diag *diag)
{
	_cleanup_free_ char *name = NULL;
	const char *nearest;

	if (optopt >= LONG_BASE) {
		const struct setting_row *row = row_of(optopt);

		return diag_set(diag, -EINVAL, "option \"--%s\" takes no value",
				row		      ? row->key
				: optopt == LONG_HELP ? "help"
						      : "version");
	}
	if (optopt)
		return diag_set(
			diag, -EINVAL,
			"unknown option \"-%c\"; oc-run --help lists those that there are, and "
			"options of the command come after its name",
			optopt);
	name = strndup(word + 2, strcspn(word + 2, "="));
	if (!name)
		return -ENOMEM;
	nearest = setting_key_nearest(name, false);
	if (nearest)
		return diag_set(diag, -EINVAL, "unknown option \"--%.100s\"; did you mean --%s?",
				name, nearest);
	return diag_set(diag, -EINVAL,
			"unknown option \"--%.100s\"; if it is for the command, put it after the "
			"command: oc-run -- %s --%.100s",
			name, OPTIONS_DEFAULT_COMMAND, name);
}

static int complain_missing(const struct setting_row *row, struct diag *diag)
{
	if (optopt < LONG_BASE)
		return diag_set(diag, -EINVAL, "option \"-%c\" needs a value: -%c %s", optopt,
				optopt, row->metavar);
	return diag_set(diag, -EINVAL, "option \"--%s\" needs a value: --%s %s", row->key, row->key,
			row->metavar);
}

static int add_setenv(struct options *options, char *assignment, struct diag *diag)
{
	/* What oc-run itself tells its sessions must stay true. */
	static const char *const reserved[] = { "OC_RUN_SESSION", "OC_RUN_STATUS",
						"OC_RUN_RESOLVED" };
	size_t length = strcspn(assignment, "="), count = 0;
	char **grown;

	if (length == 0)
		return diag_set(diag, -EINVAL,
				"--setenv \"%.100s\": has no name; write --setenv NAME=VALUE",
				assignment);
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (strlen(reserved[i]) == length && strncmp(assignment, reserved[i], length) == 0)
			return diag_set(diag, -EINVAL,
					"--setenv \"%.100s\": is oc-run's own; leave it out",
					assignment);
	while (options->setenv && options->setenv[count])
		count++;
	grown = reallocarray(options->setenv, count + 2, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[count] = assignment;
	grown[count + 1] = NULL;
	options->setenv = grown;
	return 0;
}

/* The last of -q and -v on the command line wins, over files too. */
static int set_loudness(struct settings *settings, enum setting_id on)
{
	enum setting_id off = on == SETTING_QUIET ? SETTING_VERBOSE : SETTING_QUIET;
	char where[32];
	int r;

	(void)snprintf(where, sizeof(where), "--%s", setting_row(on)->key);
	r = settings_set(settings, on, "yes", where);
	if (r < 0)
		return r;
	return settings_set(settings, off, "no", where);
}

/* What getopt_long() gave back, neither --help nor --version. */
static int take_option(struct options *options, int option, const char *word, struct diag *diag)
{
	const struct setting_row *row = row_of(option == ':' ? optopt : option);
	char where[32];

	if (option == '?' || !row)
		return complain_unknown(word, diag);
	if (option == ':')
		return complain_missing(row, diag);
	if (row == setting_row(SETTING_SETENV))
		return add_setenv(options, optarg, diag);
	if (row == setting_row(SETTING_QUIET) || row == setting_row(SETTING_VERBOSE))
		return set_loudness(&options->settings, setting_row_id(row));
	(void)snprintf(where, sizeof(where), "--%s", row->key);
	return settings_set(&options->settings, setting_row_id(row), optarg ? optarg : "yes",
			    where);
}

/* 1: under the name of a command, which is in argv[0] now. */
static int is_shim(int argc, char **argv)
{
	char *slash, *name;

	if (argc < 1 || !argv[0])
		return 0;
	slash = strrchr(argv[0], '/');
	name = slash ? slash + 1 : argv[0];
	/* "oc-run-1.0" or "oc-run.old" are oc-run, too. */
	if (!*name || strncmp(name, "oc-run", strlen("oc-run")) == 0)
		return 0;
	argv[0] = name;
	return 1;
}

static int parse(struct options *options, int argc, char **argv, struct diag *diag)
{
	struct tables tables;
	int option, r;

	build_tables(&tables);
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, tables.short_options, tables.long_options,
				     NULL)) != -1) {
		if (option == 'h' || option == LONG_HELP)
			return OPTIONS_HELP;
		if (option == LONG_VERSION)
			return OPTIONS_VERSION;
		r = take_option(options, option, argv[optind - 1], diag);
		if (r < 0)
			return r;
	}
	if (optind < argc)
		options->command = argv + optind;
	return OPTIONS_RUN;
}

int options_parse(int argc, char **argv, struct options *ret_options, struct diag *diag)
{
	struct options options = { 0 };
	int r = OPTIONS_RUN;

	if (is_shim(argc, argv))
		options.command = argv;
	else if (argc > 0)
		r = parse(&options, argc, argv, diag);
	if (r == -ENOMEM)
		(void)diag_set(diag, r, "out of memory");
	if (r < 0) {
		options_finish(&options);
		return r;
	}
	*ret_options = options;
	return r;
}

char *const *options_command(const struct options *options)
{
	static char name[] = OPTIONS_DEFAULT_COMMAND;
	static char *const fallback[] = { name, NULL };

	return options->command ? options->command : fallback;
}

void options_finish(struct options *options)
{
	if (!options)
		return;
	settings_finish(&options->settings);
	cleanup_free(&options->setenv);
	options->command = NULL;
}
