/* SPDX-License-Identifier: MIT */

/* Which sessions there are and which are meant; and the terminal that they are shown on. */

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl.h"

#define WIDTH_LEAST 20

size_t ctl_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 ||
	    size.ws_col == 0)
		return 0;
	return size.ws_col > WIDTH_LEAST ? size.ws_col : WIDTH_LEAST;
}

bool ctl_has_colours(void)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && no[0]) && terminal && strcmp(terminal, "dumb") != 0;
}

int ctl_load_sessions(struct ctl *ctl, struct diag *diag)
{
	int r;

	if (ctl->has_host)
		return 0;
	r = host_gather(&ctl->host, diag);
	if (r < 0)
		return r;
	ctl->has_host = true;
	r = registry_list(&ctl->host, &ctl->sessions, &ctl->session_count);
	if (r < 0)
		return diag_set(diag, r, "cannot read the register of sessions: %s", strerror(-r));
	return 0;
}

void ctl_label(const struct registry_session *session, char text[CTL_LABEL_MAX])
{
	(void)snprintf(text, CTL_LABEL_MAX, "%.64s (%.8s)",
		       session->name ? session->name : "session", session->id);
}

static bool is_chosen(const struct registry_session *const *chosen, size_t count,
		      const struct registry_session *session)
{
	for (size_t i = 0; i < count; i++)
		if (chosen[i] == session)
			return true;
	return false;
}

static int choose_words(const struct ctl *ctl, const struct registry_session **chosen,
			size_t *ret_count, struct diag *diag)
{
	size_t count = 0;

	for (size_t i = 0; i < ctl->word_count; i++) {
		size_t index;
		int r = ctl_find(ctl->sessions, ctl->session_count, ctl->words[i], &index, diag);

		if (r < 0)
			return r;
		if (!is_chosen(chosen, count, &ctl->sessions[index]))
			chosen[count++] = &ctl->sessions[index];
	}
	*ret_count = count;
	return 0;
}

int ctl_chosen_sessions(struct ctl *ctl, const struct registry_session ***ret, size_t *ret_count,
			struct diag *diag)
{
	const struct registry_session **chosen = calloc(ctl->session_count + 1, sizeof(*chosen));
	size_t count = 0;
	int r = 0;

	if (!chosen)
		return diag_set(diag, -ENOMEM, "out of memory");
	if (!ctl->options[CTL_ALL])
		r = choose_words(ctl, chosen, &count, diag);
	for (size_t i = 0; ctl->options[CTL_ALL] && i < ctl->session_count; i++)
		if (ctl->sessions[i].is_held)
			chosen[count++] = &ctl->sessions[i];
	if (r < 0) {
		free(chosen);
		return r;
	}
	*ret = chosen;
	*ret_count = count;
	return 0;
}
