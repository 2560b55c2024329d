/* SPDX-License-Identifier: MIT */

/*
 * oc-ctl top: all sessions, live, and keys that steer them. One loop: a timer looks at the sessions,
 * the keyboard changes what is shown or starts a job (top-jobs.h); after each of them the screen is
 * drawn once. It ends by leaving the loop, whatever ends it, so that the terminal is given back.
 */

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ttydefaults.h>
#include <unistd.h>

#include "oc-run/parse.h"
#include "report/safe-text.h"
#include "top-draw.h"
#include "top-jobs.h"
#include "top-watch.h"

#define INTERVAL_USEC (2 * USEC_PER_SEC)
#define INTERVAL_USEC_LEAST (100 * USEC_PER_MSEC)
#define TEXT_MAX 512
#define TEXT_COLUMNS_MAX 400

struct top {
	struct ctl *ctl;
	struct top_model model;
	struct top_watch watch;
	struct top_jobs jobs;
	sd_event *event;
	sd_event_source *timer;
	uint64_t interval_usec;
	char message[TEXT_MAX];
	bool is_alarm;
	bool shows_help;
	const char *asked_verb; /* what y means; NULL: nothing was asked */
	char asked_id[TOP_ID_MAX];
	char question[TEXT_MAX]; /* apart from the message: what else is said must not hide it */
};

static void say(struct top *top, bool is_alarm, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Any bytes: the last line of a job, and names. */
static void make_safe(char text[TEXT_MAX])
{
	char raw[TEXT_MAX];
	FILE *out;

	(void)snprintf(raw, sizeof(raw), "%s", text);
	out = fmemopen(text, TEXT_MAX - 1, "w");
	if (!out)
		return;
	safe_text_print(out, raw, TEXT_COLUMNS_MAX);
	(void)fputc('\0', out);
	(void)fclose(out);
	text[TEXT_MAX - 1] = '\0';
}

static void say(struct top *top, bool is_alarm, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(top->message, sizeof(top->message), format, arguments);
	va_end(arguments);
	make_safe(top->message);
	top->is_alarm = is_alarm;
}

static void describe_selected(const struct top *top, char text[TEXT_MAX])
{
	const struct top_session *session = top_model_selected(&top->model);
	const struct tree_process *process = top_model_selected_process(&top->model);

	text[0] = '\0';
	if (process)
		(void)snprintf(text, TEXT_MAX, "pid %d: %s", (int)process->pid,
			       process->command ? process->command : process->name);
	else if (session)
		(void)snprintf(text, TEXT_MAX, "%.8s: %s in %s", session->id,
			       session->command ? session->command : "?",
			       session->directory ? session->directory : "?");
	make_safe(text);
}

static void draw(struct top *top)
{
	char head[TEXT_MAX], detail[TEXT_MAX], sum[FORMAT_TEXT_MAX], ram[FORMAT_TEXT_MAX],
		interval[FORMAT_TEXT_MAX];
	struct top_screen screen = {
		.model = &top->model,
		.head = head,
		.detail = detail,
		.message = top->asked_verb   ? top->question
			   : top->message[0] ? top->message
					     : NULL,
		.is_alarm = top->asked_verb || top->is_alarm,
		.shows_help = top->shows_help,
	};
	uint64_t bytes = 0;

	for (size_t i = 0; i < top->model.session_count; i++)
		bytes += top->model.sessions[i].memory_bytes;
	top_format_size(bytes, sum);
	top_format_size(top->ctl->host.ram_bytes, ram);
	format_duration(top->interval_usec, interval);
	(void)snprintf(head, sizeof(head), "%zu session%s, %s of %s, by %s, every %s",
		       top->model.session_count, top->model.session_count == 1 ? "" : "s", sum, ram,
		       top_sort_name(top->model.sort), interval);
	describe_selected(top, detail);
	top_draw(&screen);
}

/* What the rows borrow is gone after a look, so they are built at once. */
static void look(struct top *top)
{
	struct top_session *sessions;
	size_t count;
	int r = top_watch_look(&top->watch, &top->model, &sessions, &count);

	if (r >= 0)
		r = top_model_take(&top->model, sessions, count);
	if (r < 0)
		say(top, true, "cannot read the register of sessions: %s", strerror(-r));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct top *top = userdata;
	uint64_t now_usec;

	(void)usec;
	look(top);
	draw(top);
	if (sd_event_now(top->event, CLOCK_MONOTONIC, &now_usec) < 0)
		return 0;
	return sd_event_source_set_time(source, now_usec + top->interval_usec);
}

/* Not in the middle of what is being done: the rows may be in use. */
static void look_soon(struct top *top)
{
	(void)sd_event_source_set_time(top->timer, 0);
}

static void on_job(void *userdata, const char *verb, const char *line, bool failed)
{
	struct top *top = userdata;

	if (line)
		say(top, failed, "%s", line);
	else
		say(top, failed, "%s: %s", verb, failed ? "failed" : "done");
	look_soon(top);
}

static void start(struct top *top, const char *verb, const char *id)
{
	int r = top_jobs_start(&top->jobs, verb, id);

	if (r < 0)
		say(top, true, "cannot start `oc-ctl %s`: %s", verb, strerror(-r));
	else
		say(top, false, "%s %.8s ...", verb, id);
}

static void step_limit(struct top *top, const struct top_session *session, bool up)
{
	uint64_t limit = top_jobs_wanted_memory(&top->jobs, session->id), wanted;
	char text[FORMAT_TEXT_MAX];
	int r;

	if (limit == 0)
		limit = session->limit_bytes;
	wanted = top_limit_step(limit, up);
	if (wanted == limit) {
		say(top, true,
		    limit == LIMIT_UNLIMITED || limit == 0
			    ? "it has no memory limit; `oc-ctl set` gives it one"
			    : "its memory limit can't be any lower");
		return;
	}
	r = top_jobs_set_memory(&top->jobs, session->id, wanted);
	format_bytes(wanted, text);
	if (r < 0)
		say(top, true, "cannot start `oc-ctl set`: %s", strerror(-r));
	else
		say(top, false, "set %.8s --mem %s ...", session->id, text);
}

static void ask(struct top *top, const struct top_session *session, const char *verb)
{
	top->asked_verb = verb;
	memcpy(top->asked_id, session->id, sizeof(top->asked_id));
	(void)snprintf(top->question, sizeof(top->question), "%s %.40s (%.8s)? y/n", verb,
		       session->name ? session->name : "session", session->id);
	make_safe(top->question);
}

static void answer(struct top *top, int key)
{
	const char *verb = top->asked_verb;

	if (key != 'y' && key != 'Y' && key != 'n' && key != 'N' && key != '\033')
		return;
	top->asked_verb = NULL;
	top->message[0] = '\0';
	if (key == 'y' || key == 'Y')
		start(top, verb, top->asked_id);
}

/* @session is the selected one, or NULL. */
static void steer(struct top *top, int key, const struct top_session *session)
{
	if (!session)
		return;
	switch (key) {
	case '+':
	case '=':
	case '-':
		step_limit(top, session, key != '-');
		break;
	case 'x':
		ask(top, session, "stop");
		break;
	case 'K':
		ask(top, session, "kill");
		break;
	case 'f':
		start(top, "freeze", session->id);
		break;
	case 't':
		start(top, "thaw", session->id);
		break;
	default:
		break;
	}
}

static int fold(struct top *top, int key)
{
	bool is_unfolded = top_model_is_unfolded(&top->model, top->model.selection.id);
	bool wanted = key == TOP_KEY_ENTER ? !is_unfolded : key == TOP_KEY_RIGHT;
	int r = top_model_fold(&top->model, wanted);

	if (r >= 0 && wanted && !is_unfolded)
		look(top);
	return r;
}

static long rows_of(int key)
{
	long page = (long)top_draw_height();

	switch (key) {
	case TOP_KEY_UP:
	case 'k':
		return -1;
	case TOP_KEY_DOWN:
	case 'j':
		return 1;
	case TOP_KEY_PAGE_UP:
		return -page;
	case TOP_KEY_PAGE_DOWN:
		return page;
	case TOP_KEY_HOME:
		return -LONG_MAX;
	case TOP_KEY_END:
		return LONG_MAX;
	default:
		return 0;
	}
}

static int take_key(struct top *top, int key)
{
	if (top->shows_help) {
		top->shows_help = false;
		return 0;
	}
	if (top->asked_verb) {
		answer(top, key);
		return 0;
	}
	top->message[0] = '\0';
	switch (key) {
	case 'q':
		return sd_event_exit(top->event, 0);
	case CTRL('l'):
		top_draw_anew();
		return 0;
	case '?':
		top->shows_help = true;
		return 0;
	case 's':
		return top_model_sort(&top->model);
	case TOP_KEY_ENTER:
	case TOP_KEY_LEFT:
	case TOP_KEY_RIGHT:
		return fold(top, key);
	default:
		top_model_move(&top->model, rows_of(key));
		steer(top, key, top_model_selected(&top->model));
		return 0;
	}
}

static int on_key(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct top *top = userdata;
	int key, r = 0;

	(void)source;
	(void)fd;
	while (r >= 0 && (key = top_draw_key()) != TOP_KEY_NONE)
		if (key != TOP_KEY_OTHER)
			r = take_key(top, key);
	if (r < 0)
		say(top, true, "%s", strerror(-r));
	/* The terminal is gone. */
	if (events & (EPOLLHUP | EPOLLERR))
		return sd_event_exit(top->event, 0);
	draw(top);
	return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct top *top = userdata;

	(void)source;
	if (info->ssi_signo != SIGWINCH)
		return sd_event_exit(top->event, 0);
	top_draw_resize();
	draw(top);
	return 0;
}

static int add_sources(struct top *top)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGINT, SIGWINCH };
	int r = sd_event_add_time(top->event, &top->timer, CLOCK_MONOTONIC, 0,
				  top->interval_usec / 10, on_timer, top);

	if (r >= 0)
		r = sd_event_source_set_enabled(top->timer, SD_EVENT_ON);
	if (r >= 0)
		r = sd_event_add_io(top->event, NULL, STDIN_FILENO, EPOLLIN, on_key, top);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(signals); i++)
		r = sd_event_add_signal(top->event, NULL, signals[i], on_signal, top);
	return r;
}

/* Before ncurses looks at them: its own handlers would do what the loop does. */
static int block_signals(void)
{
	sigset_t blocked;

	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGHUP);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigaddset(&blocked, SIGWINCH);
	(void)sigaddset(&blocked, SIGCHLD);
	return sigprocmask(SIG_BLOCK, &blocked, NULL) < 0 ? -errno : 0;
}

static int run(struct top *top, struct diag *diag)
{
	int r = block_signals();

	if (r >= 0)
		r = sd_event_new(&top->event);
	top->jobs.event = top->event;
	if (r >= 0)
		r = add_sources(top);
	if (r < 0)
		return diag_set(diag, r, "cannot set up the loop: %s", strerror(-r));
	r = top_draw_begin(ctl_has_colours(), diag);
	if (r < 0)
		return r;
	r = sd_event_loop(top->event);
	top_draw_end();
	return r < 0 ? diag_set(diag, r, "cannot go on: %s", strerror(-r)) : 0;
}

static int parse_interval(const struct ctl *ctl, uint64_t *ret_usec, struct diag *diag)
{
	const char *text = ctl->options[CTL_INTERVAL];

	*ret_usec = INTERVAL_USEC;
	if (!text)
		return 0;
	if (parse_duration(text, ret_usec, diag) < 0)
		return diag_prefix(diag, -EINVAL, "--interval \"%.100s\"", text);
	if (*ret_usec < INTERVAL_USEC_LEAST)
		return diag_set(diag, -EINVAL, "--interval \"%.100s\": 100ms is the least", text);
	return 0;
}

int ctl_top(struct ctl *ctl)
{
	struct top top = {
		.ctl = ctl,
		.watch = { .host = &ctl->host },
		.jobs = { .ended = on_job, .userdata = &top },
	};
	struct diag diag = DIAG_INIT;
	int r;

	if (parse_interval(ctl, &top.interval_usec, &diag) < 0)
		return ctl_usage(&diag);
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		(void)diag_set(&diag, -ENOTTY,
			       "top needs a terminal to read from and to draw on; for programs "
			       "there is `oc-ctl list --json`");
		return ctl_usage(&diag);
	}
	if (ctl_load_sessions(ctl, &diag) < 0)
		return ctl_fail(&diag);
	(void)setlocale(LC_CTYPE, "");
	r = run(&top, &diag);
	top_jobs_finish(&top.jobs);
	sd_event_source_unref(top.timer);
	sd_event_unref(top.event);
	top_model_finish(&top.model);
	top_watch_finish(&top.watch);
	if (r == -ENOTTY)
		return ctl_usage(&diag);
	return r < 0 ? ctl_fail(&diag) : CTL_OK;
}
