/* SPDX-License-Identifier: MIT */

#include "oc-run/user-environment.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oc-run/cleanup.h"

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

/* Of a login, its bus and its agents; of the service or the sudo that oc-run runs in. */
static const char *const roots_names[] = {
	"MAIL",
	"USERNAME",
	"XAUTHORITY",
	"ICEAUTHORITY",
	"SSH_AUTH_SOCK",
	"SSH_AGENT_PID",
	"GNUPGHOME",
	"GPG_TTY",
	"KRB5CCNAME",
	"NOTIFY_SOCKET",
	"LISTEN_FDS",
	"LISTEN_PID",
	"MANAGERPID",
	"INVOCATION_ID",
	"JOURNAL_STREAM",
	"WATCHDOG_USEC",
	"WATCHDOG_PID",
	"TMPDIR",
	"CREDENTIALS_DIRECTORY",
};
static const char *const roots_prefixes[] = { "SUDO_", "DBUS_", "XDG_" };
/* Lists of folders of the system: they are everybody's. */
static const char *const everybodys_names[] = { "XDG_DATA_DIRS", "XDG_CONFIG_DIRS" };

static bool has_name(const char *entry, const char *const *names, size_t count)
{
	size_t length = strcspn(entry, "=");

	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == length && strncmp(entry, names[i], length) == 0)
			return true;
	return false;
}

bool user_environment_is_roots(const char *entry)
{
	if (has_name(entry, everybodys_names, ARRAY_SIZE(everybodys_names)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(roots_prefixes); i++)
		if (strncmp(entry, roots_prefixes[i], strlen(roots_prefixes[i])) == 0)
			return true;
	return has_name(entry, roots_names, ARRAY_SIZE(roots_names));
}

char *user_environment_path(const struct user_account *account, const char *path)
{
	const char *home = account->home;
	char *text;

	if (asprintf(&text, "%s:%s/.local/bin:%s/bin:%s/.opencode/bin",
		     path && *path ? path : PATH_DEFAULT, home, home, home) < 0)
		return NULL;
	return text;
}

static int add(char ***list, const char *name, const char *value)
{
	char *assignment;

	if (asprintf(&assignment, "%s=%s", name, value) < 0)
		return -ENOMEM;
	return strv_append(list, assignment);
}

int user_environment_add(const struct user_account *account, const char *path, char ***list)
{
	_cleanup_free_ char *folders = user_environment_path(account, path);
	int r = folders ? add(list, "PATH", folders) : -ENOMEM;

	if (r == 0)
		r = add(list, "HOME", account->home);
	if (r == 0)
		r = add(list, "SHELL", account->shell);
	if (r == 0)
		r = add(list, "USER", account->name);
	if (r == 0)
		r = add(list, "LOGNAME", account->name);
	if (r == 0 && account->runtime_dir)
		r = add(list, "XDG_RUNTIME_DIR", account->runtime_dir);
	return r;
}
