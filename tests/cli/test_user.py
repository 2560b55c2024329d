# SPDX-License-Identifier: MIT
"""--user: the command of another user, held by root's oc-run. What only root can try is left out
for others, who are refused."""

import json
import os
import pwd
import re

from harness import check, check_equal, read_text, state_of, test
from terminal import Bash
from test_exit_status import check_own_failure
from test_job_control import INTERRUPT, SUSPEND

USER = pwd.getpwnam("nobody")
AS_ROOT = ("/" if os.geteuid() == 0 else "", "only root can run a command as another user")
FOR_NOBODY = ("-q", "--user", USER.pw_name)


def open_up(t):
    """The test's folder can be entered by everybody; what is made in it stays as it was made."""
    for path in (t.folder, t.path("bin"), t.path("work")):
        os.chmod(path, 0o755)


def oc_as_user(t, *words, **more):
    open_up(t)
    return t.oc(*FOR_NOBODY, "--", *words, **more)


def fields(text):
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


@test("without root --user is refused, and says what to do")
def not_root(t):
    open_up(t)
    home = t.path("work")
    if os.geteuid() == 0:
        result = t.run(["setpriv", f"--reuid={USER.pw_uid}", f"--regid={USER.pw_gid}",
                        "--clear-groups", t.oc_run, "--user", "daemon", "true"],
                       env={"HOME": home, "XDG_CONFIG_HOME": None, "OC_RUN_SYSCONFDIR": home})
    else:
        result = t.oc("--user", "daemon", "true")
    check_own_failure(result, "only root", "sudo oc-run")


@test("one's own name in a file of settings changes nothing, since oc-run inside reads it too")
def own_name(t):
    open_up(t)
    if os.geteuid() != 0:
        result = t.oc("-q", "--", "id", "-u", env={"OC_RUN_USER": str(os.geteuid())})
        check_equal(result.lines, [str(os.geteuid())], "the user")
        return
    result = oc_as_user(t, t.oc_run, "-q", "--backend=none", "--", "id", "-u",
                        env={"OC_RUN_USER": USER.pw_name, "HOME": t.path("work"),
                             "OC_RUN_SYSCONFDIR": t.path("work")})
    check_equal((result.lines, result.status), ([str(USER.pw_uid)], 0), f"user {result.errors}")


@test("a user that does not exist, none, and root are refused with one line", only_with=AS_ROOT)
def refused(t):
    check_own_failure(t.oc("--user", "no-such-user-here", "true"), "no such user", "getent passwd")
    check_own_failure(t.oc("--user", "4294967295", "true"), "no such user")
    check_own_failure(t.oc("--user", "", "true"), "is empty")
    check_own_failure(t.oc("--user", "root", "true"), "is root")
    check_own_failure(t.oc("--user", "0", "true"), "is root")


@test("the command has the user's ids and groups, no capability and no way back",
      only_with=AS_ROOT)
def ids(t):
    told = fields(oc_as_user(t, "sh", "-c", r"""
        sed -n 's/^\([A-Z][A-Za-z]*\):\t\(.*\)/\1=\2/p' /proc/self/status""").out.decode())
    check_equal(told["Uid"].split(), [str(USER.pw_uid)] * 4, "user ids")
    check_equal(told["Gid"].split(), [str(USER.pw_gid)] * 4, "group ids")
    check_equal(sorted(told["Groups"].split()),
                sorted(str(group) for group in os.getgrouplist(USER.pw_name, USER.pw_gid)), "groups")
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        check_equal(int(told[name], 16), 0, name)
    check_equal(told["NoNewPrivs"], "0", "it is not --user that takes sudo away")


@test("a number names the user too, and so does a file", only_with=AS_ROOT)
def by_number(t):
    open_up(t)
    check_equal(t.oc("-q", "--user", str(USER.pw_uid), "--", "id", "-un").lines, [USER.pw_name],
                "by number")
    t.write("etc/oc-run.conf", f"user = {USER.pw_name}\n")
    check_equal(t.oc("-q", "--", "id", "-un").lines, [USER.pw_name], "by file")


@test("the environment is the user's, and root's login does not show in it", only_with=AS_ROOT)
def environment(t):
    roots = {"SUDO_USER": "root", "XDG_SESSION_ID": "1", "SSH_AUTH_SOCK": "/root/agent",
             "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/0/bus", "MAIL": "/var/mail/root",
             "NOTIFY_SOCKET": "/run/notify", "USERNAME": "root"}
    told = fields(oc_as_user(t, "env", env={**roots, "USER": "root", "LOGNAME": "root",
                                           "XDG_DATA_DIRS": "/usr/share", "KEPT": "yes"})
                  .out.decode())
    for name in [*roots, "XDG_CONFIG_HOME", "XDG_CACHE_HOME"]:
        check(name not in told, f"{name} is root's: {told.get(name)}")
    check_equal((told["HOME"], told["USER"], told["LOGNAME"], told["SHELL"]),
                (USER.pw_dir, USER.pw_name, USER.pw_name, USER.pw_shell), "the user's")
    check_equal((told["KEPT"], told["XDG_DATA_DIRS"]), ("yes", "/usr/share"), "what is nobody's")
    check(told["PATH"].startswith(t.environment["PATH"] + ":"), f"PATH {told['PATH']}")
    check(f"{USER.pw_dir}/.opencode/bin" in told["PATH"].split(":"), f"PATH {told['PATH']}")
    runtime = f"/run/user/{USER.pw_uid}"
    check_equal(told.get("XDG_RUNTIME_DIR"), runtime if os.path.isdir(runtime) else None,
                "runtime folder")


@test("--setenv wins over what --user sets", only_with=AS_ROOT)
def setenv(t):
    open_up(t)
    result = t.oc(*FOR_NOBODY, "-E", "HOME=/tmp", "--", "sh", "-c", "echo $HOME")
    check_equal(result.lines, ["/tmp"], "HOME")


@test("a directory that the user cannot enter is refused, and the sentence names both",
      only_with=AS_ROOT)
def directory(t):
    result = t.oc(*FOR_NOBODY, "--", "true")
    check_own_failure(result, USER.pw_name, "--chdir")
    result = t.oc(*FOR_NOBODY, "--chdir", t.path("work"), "--", "true", cwd="/")
    check_own_failure(result, t.path("work"), "Permission denied")
    result = t.oc(*FOR_NOBODY, "--chdir", "/", "--", "pwd")
    check_equal(result.lines, ["/"], "another directory")


@test("what only root may execute is not run: 126, or 127 where the user cannot see it",
      only_with=AS_ROOT)
def not_executable(t):
    path = t.write("bin/roots-own", "#!/bin/sh\nid -u\n", 0o700)
    check_equal(oc_as_user(t, path).status, 126, "as a path")
    check_equal(oc_as_user(t, "roots-own").status, 126, "by its name")
    os.chmod(t.path("bin"), 0o700)
    check_equal(t.oc(*FOR_NOBODY, "--", "roots-own").status, 127, "in a folder of root's")


@test("a shim in a session of root's is never passed by as root", only_with=AS_ROOT)
def guard(t):
    t.script("bin/tool", f"exec $WRAP -q --user {USER.pw_name} -- tool\n")
    t.script("more/tool", "id -u\n")
    open_up(t)
    result = t.oc("-q", "--", "tool", env={"WRAP": t.oc_run, "OC_RUN_SYSCONFDIR": t.path("work"),
                                           "PATH": f"{t.path('bin')}:{t.path('more')}:/usr/bin:/bin"})
    check_equal(result.lines, [str(USER.pw_uid)], f"user {result.errors}")


@test("the command can neither signal oc-run nor look into it nor use what root left open to it",
      only_with=AS_ROOT)
def out_of_reach(t):
    result = oc_as_user(t, "sh", "-c", """
        kill -9 $PPID 2>/dev/null && echo killed
        cat /proc/$PPID/environ >/dev/null 2>&1 && echo read
        ls /proc/$PPID/fd >/dev/null 2>&1 && echo listed
        echo 0 2>/dev/null >/proc/$PPID/oom_score_adj && echo written
        ls /run/oc-run/status /run/oc-run/sessions /var/cache/oc-run 2>/dev/null
        echo over""")
    check_equal((result.lines, result.status), (["over"], 0), "what it could do")


@test("the user reads the session's status file, and nobody lists or writes it", only_with=AS_ROOT)
def status_file(t):
    result = oc_as_user(t, "sh", "-c", """
        cat "$OC_RUN_STATUS"; test -w "$OC_RUN_STATUS" && echo writable
        test -w "${OC_RUN_STATUS%/*}" && echo writable; test -r "${OC_RUN_STATUS%/*}" && echo listed
        true""")
    check_equal(json.loads(result.out.decode())["schema"], "oc-run.status.v1",
                f"status {result.errors}")


@test("opencode's private folder is the user's, below folders that are root's, and goes",
      only_with=AS_ROOT)
def private_folder(t):
    t.script("bin/opencode", r"""
        echo "folder=$BUN_TMPDIR"; stat -c '%U %a' "$BUN_TMPDIR"; stat -c '%U %a' "$BUN_TMPDIR/.."
        mkdir -p "$BUN_TMPDIR/a/b/c"; echo x >"$BUN_TMPDIR/a/b/c/d"; chmod 0 "$BUN_TMPDIR/a/b"
        ln -s "$1" "$BUN_TMPDIR/link"; ln -s "$1/kept" "$BUN_TMPDIR/file" """)
    t.write("kept/kept", "")
    result = oc_as_user(t, "opencode", t.path("kept"))
    folder = result.lines[0][len("folder="):]
    check(re.fullmatch(r"/(var/cache|run)/oc-run/tmp/[0-9a-f]{16}", folder), f"folder {folder}")
    check_equal(result.lines[1:], [f"{USER.pw_name} 700", "root 711"], "owners and modes")
    check(not os.path.exists(folder), "it is gone")
    check(os.path.exists(t.path("kept/kept")), "what a link in it named is not")


@test("what the user could not remove from the private folder, root does not either",
      only_with=AS_ROOT)
def not_with_roots_rights(t):
    t.script("bin/opencode", 'echo "$BUN_TMPDIR"; mkdir "$BUN_TMPDIR/mine"; read line <"$1"')
    os.mkfifo(t.path("go"))
    open_up(t)
    os.chmod(t.path("go"), 0o644)
    running = t.start_oc(*FOR_NOBODY, "--", "opencode", t.path("go"))
    t.poll(lambda: running.lines, "the folder's name")
    folder = running.lines[0]
    # Stands for a folder of root's that lay in one of the user's, who moved that one in here.
    os.mkdir(f"{folder}/mine/roots")
    with open(f"{folder}/mine/roots/data", "w", encoding="utf-8") as file:
        file.write("kept")
    with open(t.path("go"), "w", encoding="utf-8") as file:
        file.write("on\n")
    running.wait()
    found = [path for path, _, names in os.walk(folder) if "data" in names]
    check(found, f"root's file is still there: {list(os.walk(folder))}")
    t.run(["rm", "-r", folder])


@test("the report does not go through a link that the user has laid", only_with=AS_ROOT)
def report_link(t):
    victim = t.write("victim", "before", 0o644)
    os.mkdir(t.path("project"))
    os.chown(t.path("project"), USER.pw_uid, USER.pw_gid)
    open_up(t)
    result = t.oc(*FOR_NOBODY, "--chdir", t.path("project"), "--report",
                  t.path("project/report.json"), "--", "ln", "-s", victim, "report.json")
    check_equal(read_text(victim), "before", "root's file")
    check("can't write the report" in result.err.decode(), f"told: {result.errors}")
    result = t.oc(*FOR_NOBODY, "--report", t.path("project/other.json"), "--", "true")
    check_equal(os.stat(t.path("project/other.json")).st_uid, USER.pw_uid, "whose the report is")
    result = t.oc(*FOR_NOBODY, "--report", t.path("report.json"), "--", "true")
    check("oc-run.report" in read_text(t.path("report.json")) or
          "can't write the report" in result.err.decode(), "root's folder below /tmp")


@test("the command is never asked for its version or sessions, as root or outside of the session",
      only_with=AS_ROOT)
def never_asked(t):
    log = t.path("work/log")
    t.script("bin/opencode", f'echo "$(id -u) $*" >>{log}; kill -9 $$')
    open_up(t)
    os.chmod(t.path("work"), 0o777)
    result = t.oc("--user", USER.pw_name, "--restart", "on-oom", "--", "opencode")
    check_equal(read_text(log).splitlines(), [f"{USER.pw_uid} "], "starts of the command")
    check("will not be started again" in result.err.decode(), f"told: {result.errors}")
    check(f"oc-run --user {USER.pw_name} -- opencode" in result.err.decode(),
          f"how its sessions are found: {result.errors}")


@test("a guard is put on with root's rights, and a strict one takes sudo away here too",
      only_with=AS_ROOT)
def guarded(t):
    tell = r"sed -n 's/^\(NoNewPrivs\|Seccomp\|CapEff\):\t\(.*\)/\1=\2/p' /proc/self/status; id -u"
    open_up(t)
    for level, no_new_privs in (("off", "0"), ("basic", "0"), ("strict", "1")):
        result = t.oc(*FOR_NOBODY, f"--guard={level}", "--", "sh", "-c", tell, cwd=t.path("work"))
        told = fields(result.out.decode())
        check_equal((told.get("NoNewPrivs"), told.get("Seccomp"), int(told.get("CapEff", "1"), 16)),
                    (no_new_privs, "2", 0), f"at {level}: {result.errors}")
        check(str(USER.pw_uid) in result.lines, f"the user at {level}")
    check(not os.path.exists(t.path("home/.local")), "folders are made in the user's home, not ours")


@test("on a terminal of root's the user's shell has job control, and root's has it again after",
      only_with=AS_ROOT)
def job_control(t):
    open_up(t)
    shell = Bash(t)
    own = shell.foreground()
    shell.line(f"PS1='inner> ' $OC -q --user {USER.pw_name} -- "
               "bash --norc --noprofile --noediting -i")
    shell.expect("inner> ")
    inner = shell.foreground()
    shell.line("id -u")
    shell.expect(f"{USER.pw_uid}\r\n")
    shell.line("sleep 1000")
    shell.poll(lambda: state_of(shell.foreground()) == "S" and shell.foreground() != inner and
               read_text(f"/proc/{shell.foreground()}/comm") == "sleep\n", "sleep is in the foreground")
    shell.send(SUSPEND)
    shell.expect("Stopped")
    shell.expect("inner> ")
    shell.line("fg")
    shell.poll(lambda: read_text(f"/proc/{shell.foreground()}/comm") == "sleep\n", "sleep is there again")
    shell.send(INTERRUPT)
    shell.expect("inner> ")
    shell.line("exit 7")
    shell.prompt()
    check_equal(shell.foreground(), own, "who is in the foreground")
    check_equal(shell.command("echo status=$?").strip(), "status=7", "status")
    shell.line(f"$OC -q --user {USER.pw_name} -- $PAYLOAD wait")
    shell.expect("ready")
    shell.send(SUSPEND)
    shell.expect("Stopped")
    shell.prompt()
    shell.line("fg")
    shell.poll(lambda: shell.foreground() != own, "the job is in the foreground again")
    shell.send(INTERRUPT)
    shell.prompt()
    check_equal(shell.command("echo status=$?").strip(), "status=130", "status of fg")


@test("--dry-run names the user", only_with=AS_ROOT)
def dry_run(t):
    open_up(t)
    text = t.oc("--dry-run", "--user", USER.pw_name, "--", "true").out.decode()
    check(re.search(rf"(?m)^  user +{USER.pw_name} \({USER.pw_uid}\)$", text), text)
