// SPDX-License-Identifier: MIT
//
// The rules of contrib/opencode/oc-run.js, without opencode: node tests/e2e/test-plugin.mjs PLUGIN

import assert from "node:assert/strict"
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

const folder = mkdtempSync(join(tmpdir(), "oc-plugin-"))
const file = join(folder, "status.json")
// node takes a .js without a package around it for an older kind of module; opencode does not.
copyFileSync(process.argv[2], join(folder, "plugin.mjs"))
const url = pathToFileURL(join(folder, "plugin.mjs")).href
const shared = Symbol.for("oc-run.tell-agent")
let copies = 0

// A plugin as a fresh process would load it, or one more copy in the same one.
async function load({ fresh = true } = {}) {
  if (fresh) delete globalThis[shared]
  const { OcRun } = await import(`${url}?${copies++}`)
  return { OcRun, hooks: await OcRun() }
}

const kill = (sequence, time_msec, more = {}) => ({
  sequence, time_msec, event: "watch-kill", limit: "mem", victim: { bytes: 100 },
  sentence: `kill ${sequence}.`, advice: "Do less.", ...more,
})

function put(events, last = events.at(-1)?.sequence ?? 0) {
  writeFileSync(file, JSON.stringify({
    schema: "oc-run.status.v1", last_sequence: last, events, kills: 2, forks_denied: 3,
    limits: [{ name: "mem", value: 2 << 20 }, { name: "swap", value: null }, { name: "pids", value: 9 }],
    now: { unreclaimable_bytes: 1 << 20, cache_bytes: 0, swap_bytes: 0, tasks: 5 },
    peaks: { memory_bytes: 2 << 20 },
  }))
}

async function call(hooks, callID, during = () => {}, result = { output: "out", metadata: { exit: 0 } }) {
  await hooks["tool.execute.before"]({ tool: "bash", callID })
  await during()
  await hooks["tool.execute.after"]({ tool: "bash", callID }, result)
  return result.output
}

const tests = {
  async "without OC_RUN_STATUS there are no hooks and no tool"() {
    delete process.env.OC_RUN_STATUS
    assert.deepEqual((await load()).hooks, {})
  },

  async "a kill during the call is told once, by one sentence and what to do"() {
    put([])
    const { hooks } = await load()
    assert.equal(await call(hooks, "a", () => put([kill(1, Date.now())])), "out\n\noc-run: kill 1. Do less.")
    assert.equal(await call(hooks, "b"), "out")
  },

  async "a file loaded twice tells it once, and does not wait twice"() {
    put([])
    const one = (await load()).hooks, two = (await load({ fresh: false })).hooks
    const result = { output: "Killed", metadata: { exit: 137 } }
    for (const hooks of [one, two]) await hooks["tool.execute.before"]({ tool: "bash", callID: "a" })
    put([kill(1, Date.now())])
    for (const hooks of [one, two]) await hooks["tool.execute.after"]({ tool: "bash", callID: "a" }, result)
    assert.equal(result.output, "Killed\n\noc-run: kill 1. Do less.")
  },

  async "what happened before the agent started is not told"() {
    put([kill(1, Date.now())])
    const { hooks } = await load()
    assert.equal(await call(hooks, "a"), "out")
  },

  async "a kill that is named a moment after the tool's end is waited for"() {
    put([])
    const { hooks } = await load()
    const said = await call(hooks, "a", () => { setTimeout(() => put([kill(1, Date.now() - 300)]), 300) },
                            { output: "sh: line 1: 77 Killed", metadata: { exit: 137 } })
    assert.match(said, /oc-run: kill 1\./)
  },

  async "one that comes still later is put to that call when the conversation is sent, each time"() {
    put([])
    const { hooks } = await load()
    await call(hooks, "a")
    put([kill(1, Date.now() - 1)])
    for (let i = 0; i < 3; i++) {
      const part = { type: "tool", callID: "a", state: { status: "completed", output: "out", time: { start: 1 } } }
      await hooks["experimental.chat.messages.transform"]({}, { messages: [{ parts: [{ type: "text" }, part] }] })
      await hooks["experimental.chat.messages.transform"]({}, { messages: [{ parts: [part] }] })
      assert.equal(part.state.output, "out\n\noc-run: kill 1. Do less.")
    }
    assert.equal(await call(hooks, "b"), "out")
  },

  async "a call that failed is told with the conversation, as opencode shows its result to nobody"() {
    put([])
    const { hooks } = await load()
    await hooks["tool.execute.before"]({ tool: "bash", callID: "a" })
    put([kill(1, Date.now(), { event: "fork-denied", sentence: "a fork was denied." })])
    const part = { type: "tool", callID: "a", state: { status: "error", error: "spawn EAGAIN", time: { start: 1 } } }
    await hooks["experimental.chat.messages.transform"]({}, { messages: [{ parts: [part] }] })
    assert.equal(part.state.error, "spawn EAGAIN\n\noc-run: a fork was denied. Do less.")
  },

  async "of two calls at once the one that ran when it happened is told"() {
    put([])
    const { hooks } = await load()
    const early = { output: "early" }, late = { output: "late" }
    await hooks["tool.execute.before"]({ tool: "bash", callID: "early" })
    put([kill(1, Date.now())])
    await new Promise((resolve) => setTimeout(resolve, 5))
    await hooks["tool.execute.before"]({ tool: "bash", callID: "late" })
    await hooks["tool.execute.after"]({ tool: "bash", callID: "late" }, late)
    await hooks["tool.execute.after"]({ tool: "bash", callID: "early" }, early)
    assert.deepEqual([early.output, late.output], ["early\n\noc-run: kill 1. Do less.", "late"])
  },

  async "another conversation does not take what belongs to a running call"() {
    put([])
    const { hooks } = await load()
    await hooks["tool.execute.before"]({ tool: "bash", callID: "a" })
    put([kill(1, Date.now())])
    const other = { type: "tool", callID: "z", state: { status: "completed", output: "z", time: { start: 1 } } }
    await hooks["experimental.chat.messages.transform"]({}, { messages: [{ parts: [other] }] })
    assert.equal(other.state.output, "z")
  },

  async "several kills become the sentence of the largest; another kind has its own"() {
    const { OcRun } = await load()
    const events = [kill(1, 0), kill(2, 0, { victim: { bytes: 900 } }), kill(3, 0, { victim: undefined }),
                    kill(4, 0, { limit: "pids" }), kill(4.5, 0, { victim: { pid: 7 }, limit: "pids" }),
                    kill(4.6, 0, { victim: { pid: 7 }, limit: "pids" }), kill(5, 0, { event: "fork-denied" })]
    assert.deepEqual(OcRun.words(events), [
      "oc-run: kill 2. 2 more ended for the same reason. Do less.", "oc-run: kill 4. 1 more ended for the same reason. Do less.",
      "oc-run: kill 5. Do less."])
  },

  async "events that are no kill and no denied fork are not told"() {
    put([])
    const { hooks } = await load()
    const others = ["memory-short", "memory-high", "memory-max", "swap-full", "escape"]
    assert.equal(await call(hooks, "a", () => put(others.map((event, i) => kill(i + 1, Date.now(), { event })))), "out")
  },

  async "the result of an MCP server's tool gets it at the front"() {
    put([])
    const { hooks } = await load()
    const result = { content: [{ type: "text", text: "mcp" }] }
    await call(hooks, "a", () => put([kill(1, Date.now())]), result)
    assert.deepEqual(result.content.map((item) => item.text), ["oc-run: kill 1. Do less.", "mcp"])
  },

  async "a file that is missing, broken or of another kind is nothing"() {
    for (const text of [null, "", "{", "null", "[]", '{"schema":"oc-run.status.v2","events":[]}',
                        '{"schema":"oc-run.status.v1"}']) {
      put([])
      const { hooks } = await load()
      const replace = () => (text === null ? rmSync(file) : writeFileSync(file, text))
      assert.equal(await call(hooks, "a", replace), "out", String(text))
      assert.match(await hooks.tool.session_limits.execute(), /can't be read/)
    }
  },

  async "a result of a kind that is not known is left alone"() {
    put([])
    const { hooks } = await load()
    for (const result of [undefined, null, {}, { output: 5 }]) {
      await hooks["tool.execute.before"]({ callID: "a" })
      await hooks["tool.execute.after"]({ callID: "a" }, result)
    }
    await hooks["experimental.chat.messages.transform"]({}, {})
    await hooks["experimental.chat.messages.transform"]({}, { messages: [{}, { parts: [{ type: "tool" }] }] })
  },

  async "the tool gives the figures"() {
    put([])
    const { hooks } = await load()
    const said = await hooks.tool.session_limits.execute()
    assert.match(said, /memory: 1 MiB of 2 MiB/)
    assert.match(said, /swap: 0 MiB of no limit/)
    assert.match(said, /threads: 5 of 9/)
    assert.match(said, /killed so far: 2; denied forks: 3/)
  },
}

let failed = 0
for (const [title, test] of Object.entries(tests)) {
  process.env.OC_RUN_STATUS = file
  try {
    await test()
    console.log(`ok - ${title}`)
  } catch (error) {
    failed++
    console.log(`not ok - ${title}: ${error.message}`)
  }
}
rmSync(folder, { recursive: true })
process.exitCode = failed ? 1 : 0
