#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A language model that does as it is told.

Speaks OpenAI chat completions (streamed) on loopback. The word after SCENARIO: in the user's last
prompt names a script, a list of turns:

	{"bash": COMMAND}	asks for the shell tool; "times": N repeats the turn N times,
				"timeout": MS is handed to the tool
	{"tool": NAME, "with": {...}}	asks for another tool
	{"text": WORDS}		says something and ends

The server keeps no state: the turn is the number of assistant messages after the last prompt, so
that a request that is sent again, or a session that is resumed, gets the same answer. After the
last turn it says "Done.". Each request is one line of JSON in the log: scenario, turn, time, body.
"""

import argparse
import http.server
import json
import re
import socketserver
import sys
import threading
import time

MODEL = "scripted"
SHELL_TOOLS = ("bash", "shell")


def text_of(message):
    """The words of a message, whether a string or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content if isinstance(part, dict))


def place_in_script(messages):
    """(scenario or None, turn) of a conversation."""
    scenario, turn = None, 0
    for message in messages:
        if message["role"] == "user":
            found = re.search(r"SCENARIO:([\w-]+)", text_of(message))
            scenario, turn = (found.group(1) if found else None), 0
        elif message["role"] == "assistant":
            turn += 1
    return scenario, turn


def unrolled(script):
    return [turn for turn in script for _ in range(turn.get("times", 1))]


class Provider:
    """Serves @scripts, {name: [turn, ...]}; which may grow while it runs."""

    def __init__(self, scripts, log_path, port=0):
        self.scripts = scripts
        self.log_path = log_path
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.provider = self
        self.url = "http://127.0.0.1:%d/v1" % self.server.server_address[1]

    def start(self):
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def requests(self):
        """What was asked so far, without the small requests for a title."""
        try:
            with open(self.log_path, encoding="utf-8") as log:
                entries = [json.loads(line) for line in log if line.endswith("\n")]
        except FileNotFoundError:
            return []
        return [entry for entry in entries if entry["body"].get("tools")]

    def tool_results(self):
        """The tool messages of the longest conversation so far."""
        results = []
        for entry in self.requests():
            found = [text_of(m) for m in entry["body"]["messages"] if m["role"] == "tool"]
            results = found if len(found) >= len(results) else results
        return results

    def record(self, entry):
        with self.lock, open(self.log_path, "a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")

    def answer(self, body):
        """(delta, finish reason) for one request."""
        scenario, turn = place_in_script(body.get("messages", []))
        self.record({"time": time.time(), "scenario": scenario, "turn": turn, "body": body})
        tools = [tool["function"]["name"] for tool in body.get("tools") or []]
        shell = next((name for name in SHELL_TOOLS if name in tools), None)
        script = unrolled(self.scripts.get(scenario, []))
        if not tools:
            return {"content": "A scripted session"}, "stop"
        if turn >= len(script):
            return {"content": "Done."}, "stop"
        if "text" in script[turn]:
            return {"content": script[turn]["text"]}, "stop"
        name, arguments = self.asked(script[turn], shell)
        if name not in tools:
            return {"content": "That tool was not offered: %s" % tools}, "stop"
        call = {"index": 0, "id": "call_%s_%d" % (scenario, turn), "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)}}
        return {"tool_calls": [call]}, "tool_calls"

    @staticmethod
    def asked(turn, shell):
        """(name, arguments) of the tool of one turn."""
        if "tool" in turn:
            return turn["tool"], turn["with"]
        arguments = {"command": turn["bash"], "description": "A scripted step"}
        if "timeout" in turn:
            arguments["timeout"] = turn["timeout"]
        return shell, arguments


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, kind, data):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        models = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
        self.reply("application/json", json.dumps(models).encode())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        delta, reason = self.server.provider.answer(body)
        usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
        base = {"id": "chatcmpl-0", "created": 0, "model": MODEL}
        if not body.get("stream"):
            message = dict(delta, role="assistant")
            answer = dict(base, object="chat.completion", usage=usage,
                          choices=[{"index": 0, "message": message, "finish_reason": reason}])
            self.reply("application/json", json.dumps(answer).encode())
            return
        chunks = [
            {"choices": [{"index": 0, "delta": dict(delta, role="assistant"),
                          "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage},
        ]
        lines = [json.dumps(dict(base, object="chat.completion.chunk", **c)) for c in chunks]
        self.reply("text/event-stream",
                   "".join("data: %s\n\n" % line for line in lines + ["[DONE]"]).encode())


def main():
    parser = argparse.ArgumentParser(description="a scripted model on loopback")
    parser.add_argument("--port", type=int, default=8431)
    parser.add_argument("--log", default="requests.jsonl")
    parser.add_argument("scripts", help="a JSON file: {name: [turn, ...]}")
    options = parser.parse_args()
    with open(options.scripts, encoding="utf-8") as scripts:
        provider = Provider(json.load(scripts), options.log, options.port)
    print(provider.url, flush=True)
    try:
        provider.server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
