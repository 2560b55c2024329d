# SPDX-License-Identifier: MIT
"""oc-ctl report: how a session went, from its history."""

import json
import os
import xml.etree.ElementTree as ElementTree

from harness import check, check_equal, read_text, test


def leak(t, name):
    t.oc("-q", "-n", name, "--mem", "256M", "--", "sh", "-c",
         f": hunter2; '{t.payload}' leak 100M --max 1G; exit 3")


@test("report tells how a session went")
def words(t):
    leak(t, "leaky")
    result = t.ctl("report", "leaky")
    check_equal(result.status, 0, f"status ({result.errors})")
    text = "\n".join(result.lines)
    for word in ("leaky", "exit status    3", "--mem", "256 MiB", "payload (pid"):
        check(word in text, f"no {word!r} in {text}")
    check("hunter2" not in text, "a secret")
    told = json.loads(t.ctl("report", "--json", "leaky").out)
    check_equal((told["schema"], told["history"][0]["event"], told["history"][-1]["event"]),
                ("oc-ctl.v1", "started", "ended"), "as JSON")


@test("report --html writes one page with the picture, --svg the picture alone")
def files(t):
    leak(t, "a <b> name")
    page, picture = t.path("r.html"), t.path("r.svg")
    result = t.ctl("report", "--html", page, "--svg", picture, "a <b> name")
    check_equal((result.status, result.lines), (0, []), f"{result.errors}")
    root = ElementTree.parse(picture).getroot()
    check(root.tag.endswith("svg"), f"the picture is a {root.tag}")
    areas = {path.get("class"): path[0].text for path in root.iter() if path.tag.endswith("path")}
    check_equal(areas.get("name0"), "payload", f"its areas: {areas}")
    check(any("--mem 256 MiB" == text.text for text in root.iter()), "the limit")
    text = read_text(page)
    check("a &lt;b&gt; name" in text and "<b>" not in text, "the name is escaped")
    check("<svg" in text and "payload (pid" in text, "picture and facts are in the page")
    check("src=" not in text and "href=" not in text, "it needs another file")
    check_equal(sorted(os.listdir(t.folder)).count("r.html.oc-ctl~"), 0, "what was beside it")


@test("report names what can't be done")
def errors(t):
    result = t.ctl("report", "nobody")
    check_equal(result.status, 1, "no such session")
    check("nobody" in result.errors[0] and "oc-ctl log" in result.errors[0], f"{result.errors}")
    leak(t, "one")
    result = t.ctl("report", "--html", t.path("no/such/place.html"), "one")
    check_equal(result.status, 1, "no such folder")
    check("place.html" in result.errors[0], f"{result.errors}")
