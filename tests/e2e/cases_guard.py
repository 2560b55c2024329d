# SPDX-License-Identifier: MIT
"""Nothing honest breaks under --guard=basic: real programs, run by a user, who gets no_new_privs."""

import os
import re
import shutil
import subprocess

from sandbox import Skip, check, read, write

NOBODY = 65534
BASIC, STRICT = "--guard=basic", "--guard=strict"
SECONDS = 180


def become_user(box):
    """The sandbox belongs to a user who is not root, with its own opencode and oc-run."""
    if os.getuid() != 0:
        raise Skip("needs root to become another user")
    program = box.path("bin", "opencode")
    os.unlink(program)
    shutil.copy(os.path.realpath(box.opencode), program)
    shutil.copy(box.oc_run, box.path("bin", "oc-run"))
    os.symlink(program, box.path("bin", "bun"))
    box.environment.pop("XDG_RUNTIME_DIR", None)
    box.environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
    give(box, box.root)


def give(box, path):
    subprocess.run(["chown", "-R", "%d:%d" % (NOBODY, NOBODY), path], check=True)


def as_user(box, level, script, seconds=SECONDS):
    """The script's words and its status, from within a session with a guard."""
    give(box, box.path("project"))
    done = box.run(["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups",
                    box.path("bin", "oc-run"), level, "--", "bash", "-euc",
                    "grep -q '^NoNewPrivs:.1' /proc/self/status\n" + script], seconds)
    box.note("%s: %s%s" % (level, done.out[-800:], done.err[-800:]))
    check(done.status == 0, "%s: status %d: %s%s" % (level, done.status, done.out[-1500:],
                                                     done.err[-1500:]))
    return done.out


def as_user_at_both(box, script):
    return [as_user(box, level, script) for level in (BASIC, STRICT)]


def agent_works(box):
    """under a guard opencode runs, edits, reads and looks for files"""
    become_user(box)
    made = box.path("project", "made")
    for level in (BASIC, STRICT):
        prompt = box.script("work-" + level.split("=")[1],
                            {"bash": "echo made by a tool >made; git status --short"},
                            {"tool": "read", "with": {"filePath": made}},
                            {"tool": "edit", "with": {"filePath": made, "oldString": "a tool",
                                                      "newString": "two tools"}},
                            {"tool": "grep", "with": {"pattern": "two tools"}},
                            {"tool": "glob", "with": {"pattern": "ma*"}},
                            {"tool": "write", "with": {"filePath": made + "2", "content": "x"}})
        as_user(box, level, "opencode run %s </dev/null" % prompt)
        results = box.provider.tool_results()
        box.note("the tools said %r" % [r[:200] for r in results])
        check(len(results) == 6, "%d tools were run" % len(results))
        check("made" in results[0] and "made by a tool" in results[1], "bash, read: %r" % results)
        check("two tools" in results[3] and "made" in results[4], "grep, glob: %r" % results)
        check(read(made) == "made by two tools\n" and read(made + "2") == "x", "edit, write")
    box.check_nothing_left()


def bun_works(box):
    """under a guard bun installs and tests"""
    become_user(box)
    os.makedirs(box.path("project", "dependency"))
    write(box.path("project", "dependency", "package.json"),
          '{"name": "dependency", "version": "1.0.0", "main": "index.js"}')
    write(box.path("project", "dependency", "index.js"), "module.exports = 42;\n")
    write(box.path("project", "package.json"),
          '{"name": "p", "dependencies": {"dependency": "file:./dependency"}}')
    write(box.path("project", "one.test.js"),
          "import { expect, test } from 'bun:test';\nimport it from 'dependency';\n"
          "test('it is there', () => { expect(it).toBe(42); });\n")
    box.environment["BUN_BE_BUN"] = "1"
    as_user_at_both(box, "rm -rf node_modules bun.lock*\nbun install\nbun test 2>&1 | tee said\n"
                         "grep -q '1 pass' said")


def node_works(box):
    """under a guard npm installs and runs, and node has workers"""
    become_user(box)
    os.makedirs(box.path("project", "dependency"))
    write(box.path("project", "dependency", "package.json"),
          '{"name": "dependency", "version": "1.0.0", "main": "index.js",'
          ' "scripts": {"postinstall": "node -e 0"}}')
    write(box.path("project", "dependency", "index.js"), "module.exports = 42;\n")
    write(box.path("project", "package.json"),
          '{"name": "p", "version": "1.0.0", "scripts": {"test": "node many.js"},'
          ' "dependencies": {"dependency": "file:./dependency"}}')
    write(box.path("project", "many.js"), """
        const { Worker, isMainThread, parentPort } = require('worker_threads');
        if (!isMainThread) { parentPort.postMessage(require('dependency')); return; }
        require('child_process').execFileSync('true');
        let sum = 0;
        for (let i = 0; i < 8; i++)
            new Worker(__filename).on('message', (n) => { sum += n; });
        process.on('exit', () => console.log('sum', sum));
        """)
    for said in as_user_at_both(box, "rm -rf node_modules\nnpm install --offline --no-audit\n"
                                     "npm test"):
        check("sum 336" in said, "the workers said %r" % said)


def chromium(box):
    name = box.find_chromium()
    write(box.path("project", "page.html"),
          "<p id=x>no</p><script>x.textContent = 6 * 7</script>")
    return name


def browser_works(box):
    """under a guard Chromium runs with its own sandbox"""
    name = chromium(box)
    become_user(box)
    said = as_user(box, BASIC, "%s --headless --disable-gpu --user-data-dir=$TMPDIR/profile "
                               "--dump-dom file://$PWD/page.html" % name)
    check(">42<" in said, "the page is %r" % said)
    # Without it the browser refuses to start, or says --no-sandbox: here it must have one.
    script = """%s --headless --disable-gpu --user-data-dir=$TMPDIR/p2 --remote-debugging-port=0 \\
        file://$PWD/page.html >log 2>&1 &
        for i in $(seq 200); do grep -sl -- '--type=[r]enderer' /proc/[0-9]*/cmdline && break; sleep 0.1
        done
        pid=$(grep -sl -- '--type=[r]enderer' /proc/[0-9]*/cmdline | head -n 1 | cut -d/ -f3)
        grep Seccomp_filters /proc/$pid/status
        test "$(readlink /proc/$pid/ns/user)" != "$(readlink /proc/self/ns/user)" && echo own namespace
        kill %%1; wait""" % name
    said = as_user(box, BASIC, script + " || true")
    check("own namespace" in said, "the renderer is in no sandbox: %r" % said)
    filters = re.search(r"Seccomp_filters:\s*(\d+)", said)
    check(filters and int(filters[1]) >= 2, "the renderer has only our filter: %r" % said)


def playwright_works(box):
    """under a guard Playwright drives Chromium with its own sandbox"""
    name = chromium(box)
    become_user(box)
    place = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(box.opencode)))), "playwright", "node_modules")
    shutil.copytree(place, box.path("project", "node_modules"))
    write(box.path("project", "drive.js"), """
        const { chromium } = require('playwright-core');
        (async () => {
            const browser = await chromium.launch({
                executablePath: process.argv[2], chromiumSandbox: true });
            const page = await browser.newPage();
            await page.goto('file://' + process.cwd() + '/page.html');
            console.log('the page says', await page.textContent('#x'));
            await page.screenshot({ path: 'shot.png' });
            await browser.close();
        })();
        """)
    said = as_user(box, BASIC, "node drive.js %s; test -s shot.png" % shutil.which(name))
    check("the page says 42" in said, "it said %r" % said)


def git_works(box):
    """under a guard git clones, commits, packs and makes worktrees"""
    become_user(box)
    as_user_at_both(box, """
        export GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0=x \\
            GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=x@example.org
        rm -rf copy tree; git worktree prune
        git clone -q . copy; cd copy
        for i in 1 2 3; do echo $i >file$i; git add -A; git commit -qm $i; done
        git gc -q --prune=now; git fsck --strict; git rebase -q --onto HEAD~2 HEAD~1
        mkdir sub; git mv file1 sub/; git commit -qm moved
        cd ..; git worktree add -q tree --detach; echo y >tree/y; git -C tree add y
        git -C tree commit -qm y; git worktree remove --force tree""")


def builds_work(box):
    """under a guard gcc, make and a linker with many jobs build"""
    become_user(box)
    write(box.path("project", "Makefile"),
          "all: $(foreach i,1 2 3 4 5 6 7 8,f$(i).o)\n\tcc -flto -shared -o lib.so $^ && mv lib.so out/\n"
          "f%.o: \n\techo 'int f$*(void) { return $*; }' >f$*.c && cc -O2 -fPIC -flto -c f$*.c\n")
    as_user_at_both(box, "rm -rf out *.o; mkdir out; make -j8; test -s out/lib.so\n"
                         "cp -p out/lib.so out/hard; ln out/hard out/link; install -m755 out/hard x")


def the_rest_works(box):
    """under a guard python's pools and tmux work"""
    become_user(box)
    write(box.path("project", "pool.py"),
          "import multiprocessing, os, sqlite3, tempfile\n"
          "def f(n):\n    return n * n\n"
          "if __name__ == '__main__':\n"
          "    with multiprocessing.Pool(4) as pool:\n        print(sum(pool.map(f, range(100))))\n"
          "    os.nice(5)\n"
          "    with tempfile.TemporaryDirectory() as d:\n"
          "        c = sqlite3.connect(d + '/x'); c.execute('create table t (x)'); c.commit()\n")
    said = as_user(box, BASIC, """
        python3 pool.py
        export TERM=screen; tmux -f /dev/null -L in new-session -d 'echo in tmux >from-tmux; sleep 60'
        for i in $(seq 100); do grep -sq 'in tmux' from-tmux && break; sleep 0.1; done
        cat from-tmux; tmux -L in kill-server; script -qc 'echo in a terminal' /dev/null
        trap 'echo a signal' USR1; kill -USR1 $$; (sleep 100 & kill -STOP $!; kill -CONT $!; kill $!)
        ulimit -n; nice -n 3 true; ionice -c 3 true; chrt -b 0 true; taskset -c 0 true""")
    for words in ("328350", "in tmux", "in a terminal", "a signal"):
        check(words in said, "%r is missing: %r" % (words, said))


def only_newest(case):
    case.only_newest = True
    return case


CASES = [agent_works] + [only_newest(case) for case in (
    bun_works, node_works, browser_works, playwright_works, git_works, builds_work, the_rest_works)]
