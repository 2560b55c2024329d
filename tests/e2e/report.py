# SPDX-License-Identifier: MIT
"""Looks into oc-run's JSON report (schema "oc-run.report.v1", see oc-run(1))."""

from sandbox import Failure, check


class Report:
    def __init__(self, data):
        check(data is not None, "oc-run wrote no report file")
        check(data.get("schema") == "oc-run.report.v1", "schema is %r" % data.get("schema"))
        self.data = data

    def get(self, *keys):
        value = self.data
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                raise Failure("the report has no %s; it has %s" %
                              (".".join(keys), sorted(self.data)))
            value = value[key]
        return value

    def limit(self, prefix):
        """The row of the limit whose key starts so."""
        rows = [row for row in self.get("limits") if row["name"].startswith(prefix)]
        check(rows, "no limit %s in the report" % prefix)
        return rows[0]

    def enforcer(self, prefix):
        return self.limit(prefix)["enforced_by"]

    @property
    def memory_peak(self):
        return self.get("peaks", "memory_bytes")

    @property
    def cgroup(self):
        return self.get("cgroup")

    def victims(self):
        return ["%s (%s)" % (victim["name"], victim.get("command"))
                for victim in self.get("victims")]

    def asked(self):
        """Tools that were asked to end before the limit was reached."""
        return ["%s (%s)" % (event["victim"]["name"], event["victim"].get("command"))
                for event in self.get("events") if event["event"] == "tool-ended"]

    def agent_was_killed(self):
        return self.get("outcome") == "agent-killed" or any(victim.get("is_command")
                                                            for victim in self.get("victims"))

    def leftovers(self):
        """{name: count} of the groups."""
        return {group["name"]: group["count"] for group in self.get("leftovers", "groups")}

    def check_names(self, text, *names):
        """Each name stands in a group of left-overs, and in the words on stderr."""
        groups = self.leftovers()
        for name in names:
            check(any(group.startswith(name) for group in groups),
                  "no %s among the left-overs in the report: %s" % (name, groups))
            check(name in text, "no %s in the words on stderr:\n%s" % (name, text))
