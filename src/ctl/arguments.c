/* SPDX-License-Identifier: MIT */

/*
 * The command line of oc-ctl: a verb, then its options and words in any order. Read by
 * getopt_long(3) from the table of verbs; its globals are reset at the start. Prints nothing. Pure.
 */

#include <getopt.h>
#include <string.h>

#include "ctl.h"
#include "oc-run/parse.h"

#define LONG_BASE 256
#define LONG_HELP (LONG_BASE + CTL_OPTION_COUNT)
#define LONG_VERSION (LONG_HELP + 1)
#define LONG_VERBS (LONG_HELP + 2)
#define LONG_SESSIONS (LONG_HELP + 3)
#define NAMES_MAX 64

struct tables {
	struct option long_options[CTL_VERB_OPTIONS_MAX + 5];
	char short_options[2 * CTL_VERB_OPTIONS_MAX + 8];
};

/* @verb NULL: before the verb. */
static void build_tables(const struct ctl_verb *verb, struct tables *tables)
{
	/* "+": what follows the verb is the verb's. ":": tell a missing value from an unknown option. */
	char *at = stpcpy(tables->short_options, verb ? ":h" : "+:h");
	size_t count = 0;

	for (size_t i = 0; verb && i < CTL_VERB_OPTIONS_MAX && verb->options[i]; i++) {
		const struct ctl_option *option = verb->options[i];

		tables->long_options[count++] = (struct option){
			.name = option->name,
			.has_arg = option->metavar ? required_argument : no_argument,
			.val = LONG_BASE + (int)option->id,
		};
		if (option->letter)
			*at++ = option->letter;
		if (option->letter && option->metavar)
			*at++ = ':';
	}
	*at = '\0';
	tables->long_options[count++] = (struct option){ .name = "help", .val = LONG_HELP };
	if (!verb) {
		tables->long_options[count++] =
			(struct option){ .name = "version", .val = LONG_VERSION };
		tables->long_options[count++] =
			(struct option){ .name = "verbs", .val = LONG_VERBS };
		tables->long_options[count++] =
			(struct option){ .name = "sessions", .val = LONG_SESSIONS };
	}
	tables->long_options[count] = (struct option){ 0 };
}

/* NULL for --help, --version, --verbs, and for what is no option. */
static const struct ctl_option *option_of(const struct ctl_verb *verb, int value)
{
	for (size_t i = 0; verb && i < CTL_VERB_OPTIONS_MAX && verb->options[i]; i++) {
		const struct ctl_option *option = verb->options[i];

		if (value == LONG_BASE + (int)option->id ||
		    (value < LONG_BASE && value && value == option->letter))
			return option;
	}
	return NULL;
}

static int complain_unknown(const struct ctl_verb *verb, const char *word, struct diag *diag)
{
	const char *names[CTL_VERB_OPTIONS_MAX + 1] = { "help" }, *nearest;
	const char *before = verb ? " " : "", *name = verb ? verb->name : "";
	size_t count = 1;

	if (optopt >= LONG_BASE) {
		const struct ctl_option *option = option_of(verb, optopt);

		return diag_set(diag, -EINVAL, "option \"--%s\" takes no value",
				option ? option->name : "help");
	}
	if (optopt)
		return diag_set(diag, -EINVAL,
				"unknown option \"-%c\"; `oc-ctl%s%s --help` lists those that "
				"there are",
				optopt, before, name);
	for (size_t i = 0; verb && i < CTL_VERB_OPTIONS_MAX && verb->options[i]; i++)
		names[count++] = verb->options[i]->name;
	nearest = parse_nearest(word + 2, names, count);
	if (nearest)
		return diag_set(diag, -EINVAL, "unknown option \"%.100s\"; did you mean --%s?",
				word, nearest);
	return diag_set(diag, -EINVAL,
			"unknown option \"%.100s\"; `oc-ctl%s%s --help` lists those that there are",
			word, before, name);
}

static int take_option(struct ctl *ctl, int value, const char *word, struct diag *diag)
{
	const struct ctl_option *option = option_of(ctl->verb, value == ':' ? optopt : value);

	if (value == '?' || !option)
		return complain_unknown(ctl->verb, word, diag);
	if (value == ':')
		return diag_set(diag, -EINVAL, "option \"--%s\" needs a value: --%s %s",
				option->name, option->name, option->metavar);
	ctl->options[option->id] = optarg ? optarg : "";
	return 0;
}

/* What stands before the verb, or there is none; 1: go on with the verb. */
static int parse_head(int argc, char **argv, enum ctl_request *request, struct diag *diag)
{
	struct tables tables;
	int value;

	build_tables(NULL, &tables);
	opterr = 0;
	optind = 0;
	while ((value = getopt_long(argc, argv, tables.short_options, tables.long_options, NULL)) !=
	       -1) {
		switch (value) {
		case 'h':
		case LONG_HELP:
			*request = CTL_HELP;
			return 0;
		case LONG_VERSION:
			*request = CTL_VERSION;
			return 0;
		case LONG_VERBS:
			*request = CTL_VERB_LINES;
			return 0;
		case LONG_SESSIONS:
			*request = CTL_SESSION_LINES;
			return 0;
		default:
			return complain_unknown(NULL, argv[optind - 1], diag);
		}
	}
	return 1;
}

const struct ctl_verb *ctl_verb_find(const struct ctl_verb *verbs, const char *name)
{
	for (const struct ctl_verb *verb = verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

static int find_verb(const struct ctl_verb *verbs, const char *word,
		     const struct ctl_verb **ret_verb, struct diag *diag)
{
	const char *names[NAMES_MAX], *nearest;
	size_t count = 0;

	*ret_verb = ctl_verb_find(verbs, word);
	if (*ret_verb)
		return 0;
	for (const struct ctl_verb *verb = verbs; verb->name && count < NAMES_MAX; verb++)
		names[count++] = verb->name;
	nearest = parse_nearest(word, names, count);
	if (nearest)
		return diag_set(diag, -EINVAL, "there is no \"%.100s\"; did you mean `oc-ctl %s`?",
				word, nearest);
	return diag_set(diag, -EINVAL,
			"there is no \"%.100s\"; `oc-ctl --help` lists what there is", word);
}

static int check_words(const struct ctl *ctl, struct diag *diag)
{
	const struct ctl_verb *verb = ctl->verb;
	bool all = ctl->options[CTL_ALL];

	if (all && ctl->word_count > 0)
		return diag_set(diag, -EINVAL, "--all and \"%.100s\" exclude each other",
				ctl->words[0]);
	if (!all && ctl->word_count < verb->least)
		return diag_set(diag, -EINVAL,
				"which session? oc-ctl %s %s; `oc-ctl list` shows them", verb->name,
				verb->words);
	if (ctl->word_count > verb->most)
		return diag_set(diag, -EINVAL, "\"%.100s\" is one word too many: oc-ctl %s%s%s",
				ctl->words[verb->most], verb->name, verb->words ? " " : "",
				verb->words ? verb->words : "");
	return 0;
}

static int parse_verb(int argc, char **argv, struct ctl *ctl, enum ctl_request *request,
		      struct diag *diag)
{
	struct tables tables;
	int value, r = 0;

	build_tables(ctl->verb, &tables);
	optind = 0;
	*request = CTL_RUN_VERB;
	while (r >= 0 && (value = getopt_long(argc, argv, tables.short_options, tables.long_options,
					      NULL)) != -1) {
		if (value == 'h' || value == LONG_HELP) {
			*request = CTL_HELP;
			return 0;
		}
		r = take_option(ctl, value, argv[optind - 1], diag);
	}
	if (r < 0)
		return r;
	ctl->words = argv + optind;
	ctl->word_count = (size_t)(argc - optind);
	return check_words(ctl, diag);
}

int ctl_arguments_parse(const struct ctl_verb *verbs, int argc, char **argv, struct ctl *ret_ctl,
			enum ctl_request *ret_request, struct diag *diag)
{
	struct ctl ctl = { 0 };
	enum ctl_request request = CTL_HELP;
	int r = argc > 0 ? parse_head(argc, argv, &request, diag) : 0;

	if (r > 0 && optind >= argc) {
		request = CTL_HELP;
	} else if (r > 0) {
		/* The verb's own word takes the place of the program's name. */
		int first = optind;

		r = find_verb(verbs, argv[first], &ctl.verb, diag);
		if (r >= 0)
			r = parse_verb(argc - first, argv + first, &ctl, &request, diag);
	}
	if (r < 0)
		return r;
	*ret_ctl = ctl;
	*ret_request = request;
	return 0;
}
