/* SPDX-License-Identifier: MIT */

/*
 * See fork-watch.h. A message is a netlink header, a connector header and a struct proc_event, all
 * of fixed sizes, so that a classic filter (which needs no privilege) finds its numbers by their
 * offsets. It loads them as if they were in network order; hence the htonl() around constants.
 */

#include "oc-run/fork-watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of a bomb that goes off in the followed process itself we are told so often at most; what came in
 * until then is read at once, and what there was no room for is one message. */
#define BURST_USEC (100 * UINT64_C(1000))
#define BURST 200

struct fork_watch {
	int fd;
	sd_event_source *source;
	bool works;
	void (*forked)(pid_t parent, pid_t child, void *userdata);
	void *userdata;
};

/* linux/cn_proc.h of 6.6: struct proc_input. */
struct listen_input {
	uint32_t operation, events;
};

/* The structures of the headers end in arrays without a length, and proc_event is aligned to eight
 * bytes in some of them. */
#define AT_EVENT (NLMSG_HDRLEN + sizeof(struct cn_msg))
#define AT(member) (uint32_t)(AT_EVENT + offsetof(struct proc_event, member))

/* All that is read of it; a kernel may have added something behind. */
#define EVENT_LEAST (AT(event_data) + 4 * sizeof(uint32_t))

struct message {
	char bytes[256];
};

static uint32_t number_at(const struct message *message, size_t offset)
{
	uint32_t number;

	memcpy(&number, message->bytes + offset, sizeof(number));
	return number;
}

static void take(struct fork_watch *watch, const struct message *message)
{
	watch->works = true;
	if (number_at(message, AT(what)) == PROC_EVENT_FORK)
		watch->forked((pid_t)number_at(message, AT(event_data.fork.parent_tgid)),
			      (pid_t)number_at(message, AT(event_data.fork.child_pid)),
			      watch->userdata);
}

static int on_message(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct fork_watch *watch = userdata;

	(void)source;
	(void)revents;
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t size = sizeof(from);
		struct message message;
		ssize_t length = recvfrom(fd, &message, sizeof(message), MSG_DONTWAIT,
					  (struct sockaddr *)&from, &size);

		if (length < 0 && errno == ENOBUFS)
			watch->forked(0, 0, watch->userdata);
		else if (length < 0 && errno != EINTR)
			return 0;
		/* Port 0 is the kernel; others may send to a group too. */
		if (length >= (ssize_t)EVENT_LEAST && from.nl_pid == 0)
			take(watch, &message);
	}
}

static void add(struct sock_fprog *program, struct sock_filter instruction)
{
	program->filter[program->len++] = instruction;
}

static void add_load(struct sock_fprog *program, uint32_t offset)
{
	add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

/* Lets the message through when the number just loaded is one of them. */
static void add_any_of(struct sock_fprog *program, const pid_t *pids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							  htonl((uint32_t)pids[i]),
							  (uint8_t)(count - i), 0));
	add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0));
	add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX));
}

int fork_watch_follow(struct fork_watch *watch, const pid_t *parents, size_t count)
{
	struct sock_filter instructions[16 + 2 * FORK_WATCH_MAX];
	struct sock_fprog program = { .filter = instructions };
	uint8_t tail;

	if (count > FORK_WATCH_MAX)
		count = FORK_WATCH_MAX;
	tail = (uint8_t)(count + 2);
	add_load(&program, AT(what));
	/* An execve(2) by one of them, */
	add(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						   htonl(PROC_EVENT_EXEC), 0, (uint8_t)(1 + tail)));
	add_load(&program, AT(event_data.exec.process_tgid));
	add_any_of(&program, parents, count);
	/* or a fork */
	add(&program,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_FORK), 1, 0));
	add(&program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0));
	/* that makes no thread, */
	add_load(&program, AT(event_data.fork.child_pid));
	add(&program, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0));
	add_load(&program, AT(event_data.fork.child_tgid));
	add(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0));
	add(&program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0));
	/* by one of them. */
	add_load(&program, AT(event_data.fork.parent_tgid));
	add_any_of(&program, parents, count);
	if (setsockopt(watch->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

/* In the form that 6.6 brought: older kernels take no notice of it. */
static int start_listening(int fd)
{
	const struct cn_msg connector = {
		.id = { .idx = CN_IDX_PROC, .val = CN_VAL_PROC },
		.len = sizeof(struct listen_input),
	};
	const struct listen_input input = {
		.operation = PROC_CN_MCAST_LISTEN,
		.events = (uint32_t)PROC_EVENT_FORK | (uint32_t)PROC_EVENT_EXEC,
	};
	char bytes[NLMSG_HDRLEN + sizeof(connector) + sizeof(input)] = { 0 };
	const struct nlmsghdr header = { .nlmsg_len = sizeof(bytes), .nlmsg_type = NLMSG_DONE };

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + NLMSG_HDRLEN, &connector, sizeof(connector));
	memcpy(bytes + NLMSG_HDRLEN + sizeof(connector), &input, sizeof(input));
	return send(fd, bytes, sizeof(bytes), 0) < 0 ? -errno : 0;
}

static int start(struct fork_watch *watch, sd_event *event)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	int r;

	/* Before anything can come in. */
	r = fork_watch_follow(watch, NULL, 0);
	if (r < 0)
		return r;
	if (bind(watch->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = start_listening(watch->fd);
	if (r < 0)
		return r;
	r = sd_event_add_io(event, &watch->source, watch->fd, EPOLLIN, on_message, watch);
	if (r < 0)
		return r;
	(void)sd_event_source_set_description(watch->source, "fork-watch");
	(void)sd_event_source_set_ratelimit(watch->source, BURST_USEC, BURST);
	return 0;
}

int fork_watch_new(const struct fork_watch_request *request, struct fork_watch **ret)
{
	struct fork_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->forked = request->forked;
	watch->userdata = request->userdata;
	watch->fd =
		socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	r = watch->fd < 0 ? -errno : start(watch, request->event);
	if (r < 0) {
		fork_watch_free(watch);
		return r;
	}
	*ret = watch;
	return 0;
}

bool fork_watch_works(const struct fork_watch *watch)
{
	return watch && watch->works;
}

struct fork_watch *fork_watch_free(struct fork_watch *watch)
{
	if (!watch)
		return NULL;
	watch->source = sd_event_source_disable_unref(watch->source);
	cleanup_close(&watch->fd);
	free(watch);
	return NULL;
}
