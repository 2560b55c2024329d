# SPDX-License-Identifier: MIT
"""The real command is found behind shims of the same name, and sessions nest."""

import os

from harness import check, check_equal, test


def real_opencode(t, folder="bin"):
    """A stand-in that says each run on a line of its own, and its arguments."""
    t.write(f"{folder}/opencode", "#!/bin/sh\necho \"real $#\" \"$@\"\nexit 42\n", 0o755)


def shim(t, words="opencode \"$@\""):
    """First in PATH; execs oc-run again."""
    t.write("shim/opencode", f"#!/bin/sh\nexec '{t.oc_run}' -q -- {words}\n", 0o755)
    return {"PATH": f"{t.path('shim')}:{t.environment['PATH']}"}


def check_real(result, text="real 2 a b"):
    check_equal((result.status, result.lines), (42, [text]), "status and output")


@test("without a command opencode is run")
def no_command(t):
    real_opencode(t)
    check_real(t.oc("-q"), "real 0")


@test("without a command and without opencode the error says so")
def no_command_no_opencode(t):
    result = t.oc("-q", env={"PATH": t.path("bin")})
    check_equal(result.status, 127, "status")
    check(len(result.errors) == 1 and "opencode" in result.errors[0], f"{result.errors}")


@test("'oc-run -- opencode' hands its arguments on")
def plain(t):
    real_opencode(t)
    check_real(t.oc("-q", "--", "opencode", "a", "b"))


@test("a shim named opencode that execs oc-run is passed by: started through the shim")
def through_shim(t):
    real_opencode(t)
    env = shim(t)
    check_real(t.run([t.path("shim/opencode"), "a", "b"], env=env))


@test("a shim named opencode that execs oc-run is passed by: started through oc-run")
def past_shim(t):
    real_opencode(t)
    check_real(t.oc("-q", "--", "opencode", "a", "b", env=shim(t)))


@test("a shim named opencode that execs 'oc-run' without a command is passed by")
def past_shim_without_command(t):
    real_opencode(t)
    t.write("shim/opencode", f"#!/bin/sh\nexec '{t.oc_run}' -q\n", 0o755)
    env = {"PATH": f"{t.path('shim')}:{t.environment['PATH']}"}
    check_real(t.oc("-q", "--", "opencode", env=env), "real 0")


@test("the shim given by its path ends at the real command")
def shim_by_path(t):
    real_opencode(t)
    env = shim(t)
    check_real(t.oc("-q", "--", os.path.join(t.path("shim"), "opencode"), "a", "b", env=env))


@test("two shims in a row are passed by")
def two_shims(t):
    real_opencode(t)
    shim(t)
    t.write("shim2/opencode", f"#!/bin/sh\nexec '{t.oc_run}' -q -- opencode \"$@\"\n", 0o755)
    env = {"PATH": f"{t.path('shim2')}:{t.path('shim')}:{t.environment['PATH']}"}
    check_real(t.oc("-q", "--", "opencode", "a", "b", env=env))


@test("a shim whose text does not show oc-run is passed by once it has come back")
def hidden_shim(t):
    real_opencode(t)
    folder, name = os.path.split(t.oc_run)
    hidden = f"'{folder}/{name[:2]}''{name[2:]}'"
    for start in ("exec ", ""):
        t.write("shim/opencode", f"#!/bin/sh\n{start}{hidden} -q -- opencode \"$@\"\n", 0o755)
        env = {"PATH": f"{t.path('shim')}:{t.environment['PATH']}"}
        check_real(t.oc("-q", "--", "opencode", "a", "b", env=env))


@test("through a symlink named opencode its own words go to opencode, not to oc-run")
def symlink_words(t):
    real_opencode(t)
    os.mkdir(t.path("link"))
    os.symlink(t.oc_run, t.path("link/opencode"))
    env = {"PATH": f"{t.path('link')}:{t.environment['PATH']}"}
    result = t.run([t.path("link/opencode"), "--version", "-q"], env=env)
    check_equal((result.status, result.lines), (42, ["real 2 --version -q"]), "status, output")


@test("only a shim and no real command: an error, not an endless loop")
def only_shim(t):
    env = shim(t)
    env["PATH"] = f"{t.path('shim')}:/usr/bin:/bin"
    result = t.oc("-q", "--", "opencode", env=env)
    check(result.status in (125, 126, 127), f"status {result.status}")
    check("opencode" in "\n".join(result.errors), f"the error names it: {result.errors}")


@test("oc-run through a symlink named opencode that comes first in PATH runs the real one")
def symlink(t):
    real_opencode(t)
    os.mkdir(t.path("link"))
    os.symlink(t.oc_run, t.path("link/opencode"))
    env = {"PATH": f"{t.path('link')}:{t.environment['PATH']}"}
    result = t.run([t.path("link/opencode")], env=env)
    check_equal((result.status, result.lines), (42, ["real 0"]), f"status, output {result.errors}")


@test("'oc-run -- opencode' with a symlink to oc-run of that name in PATH runs the real one")
def past_symlink(t):
    real_opencode(t)
    os.mkdir(t.path("link"))
    os.symlink(t.oc_run, t.path("link/opencode"))
    env = {"PATH": f"{t.path('link')}:{t.environment['PATH']}"}
    check_real(t.oc("-q", "--", "opencode", "a", "b", env=env))


@test("a shim in a relative PATH entry and empty PATH entries do no harm")
def relative_path(t):
    real_opencode(t)
    shim(t)
    result = t.oc("-q", "--", "opencode", "a", "b", cwd=t.folder,
                  env={"PATH": f"shim::{t.environment['PATH']}"})
    check_real(result)


@test("an alias works: the words after it go to opencode")
def alias(t):
    real_opencode(t)
    script = t.write("aliased", "shopt -s expand_aliases\n"
                     f"alias opencode='{t.oc_run} -q -- opencode'\nopencode a b\n")
    check_real(t.run(["bash", script]))


@test("the alias works inside a session of oc-run")
def alias_inside(t):
    real_opencode(t)
    script = t.write("aliased", "shopt -s expand_aliases\n"
                     f"alias opencode='{t.oc_run} -q -- opencode'\nopencode a b\n")
    check_real(t.oc("-q", "--", "bash", script))


@test("a different command of the session that uses the shim gets a session of its own")
def shim_from_tool(t):
    real_opencode(t)
    result = t.oc("-q", "--", "sh", "-c", "opencode a b; opencode c", env=shim(t))
    check_equal((result.status, result.lines), (42, ["real 2 a b", "real 1 c"]), "status, output")


@test("oc-run inside oc-run hands the status through, three deep")
def nested(t):
    result = t.oc("-q", "--", t.oc_run, "-q", "--", t.oc_run, "-q", "--", t.payload, "exit", "5")
    check_equal((result.status, result.err), (5, b""), "status and stderr")


@test("an inner session ends its own leftovers, the outer one goes on")
def nested_leftovers(t):
    script = f"""
        '{t.oc_run}' -q -- sh -c "'{t.payload}' daemon '{t.payload}' wait >/dev/null; exit 5"
        echo inner $?
        exit 6"""
    result = t.oc("-q", "--", "sh", "-c", script)
    check_equal((result.status, result.lines), (6, ["inner 5"]), "status and output")


@test("the end of the outer session ends the inner one with everything in it")
def outer_ends(t):
    mark = t.path("pids")
    running = t.start_oc("-q", "--grace", "1", "--", t.oc_run, "-q", "--", "sh", "-c",
                         f"'{t.payload}' daemon '{t.payload}' ignore all '{t.payload}' mark "
                         f"{mark} '{t.payload}' wait >/dev/null; echo ready; sleep 600")
    running.wait_line("ready")
    t.wait_pids(mark)
    running.signal(15)
    running.wait()
    t.check_all_gone()


@test("an inner session that outlives its command's parent is ended with the outer one")
def detached_inner(t):
    mark = t.path("pids")
    script = f"setsid '{t.oc_run}' -q -- '{t.payload}' mark {mark} '{t.payload}' wait " \
             f">/dev/null 2>&1 & while [ ! -s {mark} ]; do sleep 0.05; done; exit 3"
    result = t.oc("-q", "--grace", "1", "--", "sh", "-c", script)
    check_equal(result.status, 3, "status")
    t.check_all_gone()


@test("the inner session has an id of its own")
def nested_ids(t):
    result = t.oc("-q", "--", "sh", "-c", f"echo $OC_RUN_SESSION; '{t.oc_run}' -q -- sh -c "
                  "'echo $OC_RUN_SESSION'")
    check_equal(len(set(result.lines)), 2, "number of different ids")
