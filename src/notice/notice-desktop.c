/* SPDX-License-Identifier: MIT */

/*
 * A notification on the desktop: org.freedesktop.Notifications on the session bus (Desktop
 * Notifications Specification 1.2).
 *
 * Each notice has a connection of its own, which ends with the answer: notices are rare, and
 * between them there is no bus that could hang, send or cost anything. Connecting, logging in and
 * calling all go on asynchronously: connect(2) to a unix socket either works at once or fails
 * (EAGAIN when the server does not accept), and messages sent before the login are queued. sd-bus
 * has timeouts of its own for each step, 90 s for the login; ours is one for all of them.
 */

#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "notice-channel.h"

#define DESTINATION "org.freedesktop.Notifications"
#define OBJECT "/org/freedesktop/Notifications"

/* The bus may have to start the server first. */
#define ANSWER_USEC (10 * UINT64_C(1000000))

enum urgency {
	URGENCY_NORMAL = 1,
	URGENCY_CRITICAL = 2,
};

struct desktop {
	struct notice_channel base;
	sd_bus *bus;
	sd_bus_slot *call;
	uint32_t shown_id; /* of our last notification: the next one takes its place; 0: none */
};

static struct desktop *desktop_of(struct notice_channel *channel)
{
	return (struct desktop *)channel;
}

static void hang_up(struct desktop *desktop)
{
	desktop->call = sd_bus_slot_unref(desktop->call);
	/* Never flushed: that would wait for a bus that hangs. */
	desktop->bus = sd_bus_close_unref(desktop->bus);
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct desktop *desktop = userdata;
	uint32_t id;
	bool is_shown = !sd_bus_message_is_method_error(message, NULL) &&
			sd_bus_message_read(message, "u", &id) >= 0;

	(void)error;
	if (is_shown)
		desktop->shown_id = id;
	hang_up(desktop);
	notice_channel_done(&desktop->base, is_shown);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct desktop *desktop = desktop_of(userdata);

	(void)source;
	(void)usec;
	hang_up(desktop);
	notice_channel_done(&desktop->base, false);
	return 0;
}

/* Whoever listens there has to be of our user, whatever the address said. */
static int check_peer(const struct desktop *desktop)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd = sd_bus_get_fd(desktop->bus);

	if (fd < 0)
		return fd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	return peer.uid == desktop->base.request->host->uid ? 0 : -EPERM;
}

static int call_up(struct desktop *desktop)
{
	const struct notices_request *request = desktop->base.request;
	int r = sd_bus_new(&desktop->bus);

	if (r >= 0)
		r = sd_bus_set_address(desktop->bus, request->host->session_bus);
	if (r >= 0)
		r = sd_bus_set_bus_client(desktop->bus, true);
	/* Else the loop would flush at its end, and wait for a bus that hangs. */
	if (r >= 0)
		r = sd_bus_set_close_on_exit(desktop->bus, false);
	if (r >= 0)
		r = sd_bus_start(desktop->bus);
	if (r >= 0)
		r = check_peer(desktop);
	if (r < 0)
		return r;
	r = sd_bus_attach_event(desktop->bus, request->event, SD_EVENT_PRIORITY_NORMAL);
	/* The loop has ended: settle() does the rest. */
	return r == -ESTALE ? 0 : r;
}

static int append_hints(sd_bus_message *message, bool is_kill)
{
	if (is_kill)
		return sd_bus_message_append(message, "a{sv}", 1, "urgency", "y",
					     (int)URGENCY_CRITICAL);
	/* Nothing to look up later: it is not kept in the list of those that were missed. */
	return sd_bus_message_append(message, "a{sv}", 2, "urgency", "y", (int)URGENCY_NORMAL,
				     "transient", "b", 1);
}

static int append_notice(const struct desktop *desktop, sd_bus_message *message,
			 const struct notice *notice)
{
	_cleanup_free_ char *summary = notice_text_summary(notice);
	_cleanup_free_ char *body = notice_text_markup(notice);
	int r;

	if (!summary || !body)
		return -ENOMEM;
	r = sd_bus_message_append(message, "susss", "oc-run", desktop->shown_id, "dialog-warning",
				  summary, body);
	if (r >= 0)
		r = sd_bus_message_append(message, "as", 0);
	if (r >= 0)
		r = append_hints(message, notice->is_kill);
	/* How long it stays is the desktop's matter. */
	return r < 0 ? r : sd_bus_message_append(message, "i", -1);
}

static int call_notify(struct desktop *desktop, const struct notice *notice)
{
	sd_bus_message *message = NULL;
	int r = sd_bus_message_new_method_call(desktop->bus, &message, DESTINATION, OBJECT,
					       DESTINATION, "Notify");

	/* On a bus without a desktop a server could not show anything: none is started. */
	if (r >= 0)
		r = sd_bus_message_set_auto_start(message,
						  desktop->base.request->host->is_graphical);
	if (r >= 0)
		r = append_notice(desktop, message, notice);
	if (r >= 0)
		r = sd_bus_call_async(desktop->bus, &desktop->call, message, on_answer, desktop,
				      ANSWER_USEC);
	(void)sd_bus_message_unref(message);
	return r;
}

static int desktop_show(struct notice_channel *channel, const struct notice *notice)
{
	struct desktop *desktop = desktop_of(channel);
	int r = call_up(desktop);

	if (r >= 0)
		r = call_notify(desktop, notice);
	if (r < 0) {
		hang_up(desktop);
		return r;
	}
	notice_channel_arm(channel, ANSWER_USEC, on_deadline);
	return 0;
}

static bool desktop_reaped(struct notice_channel *channel, pid_t pid, int wait_status)
{
	(void)channel;
	(void)pid;
	(void)wait_status;
	return false;
}

static int process(sd_bus *bus, uint64_t deadline_usec)
{
	uint64_t now_usec;
	int r = sd_bus_process(bus, NULL);

	if (r != 0)
		return r;
	now_usec = notice_now_usec();
	if (now_usec >= deadline_usec)
		return -ETIMEDOUT;
	r = sd_bus_wait(bus, deadline_usec - now_usec);
	return r == -EINTR ? 0 : r;
}

static void desktop_settle(struct notice_channel *channel, uint64_t deadline_usec)
{
	struct desktop *desktop = desktop_of(channel);
	int r = 0;

	/* The answer hangs up; then there may be another bus, for the next notice. */
	while (r >= 0 && channel->is_busy) {
		(void)sd_bus_detach_event(desktop->bus);
		r = process(desktop->bus, deadline_usec);
	}
	if (r < 0 && channel->is_busy)
		(void)on_deadline(NULL, 0, desktop);
}

static void desktop_free(struct notice_channel *channel)
{
	struct desktop *desktop = desktop_of(channel);

	hang_up(desktop);
	free(desktop);
}

int notice_desktop_new(const struct notices_request *request, struct notice_channel **ret)
{
	static const struct notice_ops ops = {
		.show = desktop_show,
		.reaped = desktop_reaped,
		.settle = desktop_settle,
		.free = desktop_free,
	};
	struct desktop *desktop = calloc(1, sizeof(*desktop));

	if (!desktop)
		return -ENOMEM;
	desktop->base.ops = &ops;
	desktop->base.request = request;
	*ret = &desktop->base;
	return 0;
}
