/* SPDX-License-Identifier: MIT */

/*
 * notify-server FILE [--silent]: stands for a desktop. Claims org.freedesktop.Notifications on the
 * session bus of the environment and adds a line of JSON to FILE for each Notify: what came, and the
 * id it was given. --silent: never answers. Says "ready" on stdout; ends with the bus, or by itself
 * after a quarter of an hour.
 */

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"
#define LIFE_SECONDS 900

struct server {
	const char *file;
	bool is_silent;
	uint32_t last_id;
};

static _Noreturn void die(const char *what, int error)
{
	(void)fprintf(stderr, "notify-server: %s: %s\n", what, strerror(-error));
	exit(99);
}

static int read_hint(sd_bus_message *message, cJSON *hints)
{
	const char *name, *contents;
	uint8_t byte;
	int flag, r;

	r = sd_bus_message_read(message, "s", &name);
	if (r >= 0)
		r = sd_bus_message_peek_type(message, NULL, &contents);
	if (r < 0)
		return r;
	if (strcmp(contents, "y") == 0) {
		r = sd_bus_message_read(message, "v", "y", &byte);
		(void)cJSON_AddNumberToObject(hints, name, byte);
	} else if (strcmp(contents, "b") == 0) {
		r = sd_bus_message_read(message, "v", "b", &flag);
		(void)cJSON_AddBoolToObject(hints, name, flag);
	} else {
		r = sd_bus_message_skip(message, "v");
		(void)cJSON_AddStringToObject(hints, name, contents);
	}
	return r;
}

static int read_hints(sd_bus_message *message, cJSON *notice)
{
	cJSON *hints = cJSON_AddObjectToObject(notice, "hints");
	int r = sd_bus_message_enter_container(message, 'a', "{sv}");

	while (r >= 0) {
		r = sd_bus_message_enter_container(message, 'e', "sv");
		if (r <= 0)
			break;
		r = read_hint(message, hints);
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_notice(sd_bus_message *message, cJSON *notice)
{
	const char *app, *icon, *summary, *body;
	uint32_t replaces;
	int32_t expires = 0;
	int r = sd_bus_message_read(message, "susss", &app, &replaces, &icon, &summary, &body);

	if (r < 0)
		return r;
	(void)cJSON_AddStringToObject(notice, "app", app);
	(void)cJSON_AddNumberToObject(notice, "replaces", replaces);
	(void)cJSON_AddStringToObject(notice, "icon", icon);
	(void)cJSON_AddStringToObject(notice, "summary", summary);
	(void)cJSON_AddStringToObject(notice, "body", body);
	r = sd_bus_message_skip(message, "as");
	if (r >= 0)
		r = read_hints(message, notice);
	if (r >= 0)
		r = sd_bus_message_read(message, "i", &expires);
	(void)cJSON_AddNumberToObject(notice, "expires", expires);
	return r;
}

/* In one write: others read the file meanwhile. */
static void add_line(const char *path, const cJSON *notice)
{
	char *text = cJSON_PrintUnformatted(notice), *line;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	int length = asprintf(&line, "%s\n", text);

	if (fd < 0 || length < 0 || write(fd, line, (size_t)length) != length)
		die("cannot write the file", -errno);
	(void)close(fd);
	free(line);
	free(text);
}

static int on_notify(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct server *server = userdata;
	cJSON *notice = cJSON_CreateObject();
	int r = read_notice(message, notice);

	(void)error;
	if (r < 0)
		die("cannot read the notification", r);
	(void)cJSON_AddNumberToObject(notice, "id", ++server->last_id);
	add_line(server->file, notice);
	cJSON_Delete(notice);
	return server->is_silent ? 1 : sd_bus_reply_method_return(message, "u", server->last_id);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Notify", "susssasa{sv}i", "u", on_notify, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

int main(int argc, char **argv)
{
	struct server server = { 0 };
	sd_bus *bus = NULL;
	int r;

	if (argc < 2)
		die("wants FILE", -EINVAL);
	server.file = argv[1];
	server.is_silent = argc > 2 && strcmp(argv[2], "--silent") == 0;
	(void)alarm(LIFE_SECONDS);
	r = sd_bus_open_user(&bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, PATH, NAME, vtable, &server);
	if (r >= 0)
		r = sd_bus_request_name(bus, NAME, 0);
	if (r < 0)
		die("cannot claim the name on the bus", r);
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
		if (r < 0 && r != -EINTR)
			return 0;
	}
}
