// SPDX-License-Identifier: MIT
//
// A plugin for opencode: tells the agent why its tool died.
//
// oc-run keeps a small file for each session (OC_RUN_STATUS, schema oc-run.status.v1, see
// oc-run(1)). After each tool call this looks whether anything was killed, or denied a fork, that
// nobody was told of yet, and puts that at the end of the tool's result: what, how large, the
// limit, what to do instead.
//
// An event belongs to a call that ran when it happened. What is known too late for that call's
// result is put there when the conversation is next sent, and so is what belongs to a call that
// failed, whose result opencode does not show to plugins.
//
// opencode may load this file more than once (1.18 does so for a file in its folder of plugins) and
// calls it for each project: what was told is kept once for the process.
//
// It calls whatever is exported here: only the plugin is. Outside of oc-run, or with a file that
// can't be read, it does nothing and says nothing.

import { readFileSync } from "node:fs"

const SCHEMA = "oc-run.status.v1"
const KILLS = new Set(["oom-kill", "watch-kill", "tool-ended"])
const DENIED = "fork-denied"
const MARK = "oc-run: "
const WAIT_STEP_MSEC = 100
const WAIT_STEPS = 15
const TAIL = 2000
// What shells, runtimes and the kernel's own words say at the end of a result.
const LOOKS_LIKE_IT =
  /\b(137|143)\b|SIGKILL|SIGTERM|\bKilled\b|\bTerminated\b|allocate memory|out of memory|ENOMEM|Resource temporarily unavailable|EAGAIN|fork: retry|can't start new thread|pthread_create/

// Of this process, however often the file is loaded.
const memory = (globalThis[Symbol.for("oc-run.tell-agent")] ??= {
  since: null, // number of the last event before this agent
  told: new Set(), // numbers
  running: new Map(), // call -> since when, Unix msec
  ending: new Set(), // calls whose result is being looked at
  late: new Map(), // call -> words that its result got too late
})

function readStatus() {
  try {
    const status = JSON.parse(readFileSync(process.env.OC_RUN_STATUS, "utf8"))
    return status.schema === SCHEMA && Array.isArray(status.events) ? status : null
  } catch {
    return null
  }
}

// Events that an agent is told of, and was not.
function untold(status, { since, told }) {
  return status.events.filter(
    (event) =>
      event.sequence > (since ?? 0) && !told.has(event.sequence) && (KILLS.has(event.event) || event.event === DENIED),
  )
}

// Those that go into the result of a call that began at `start`: what happened since, and what is
// older if no other call that still runs was there when it happened.
function belonging(events, start, running) {
  return events.filter(
    (event) => event.time_msec >= start || ![...running.values()].some((begun) => begun <= event.time_msec),
  )
}

const kindOf = (event) => (event.event === DENIED ? DENIED : event.limit === "pids" ? "tasks" : "memory")
const sizeOf = (event) => event.victim?.bytes ?? 0

// One sentence and what to do for each kind: that of the largest victim, as one runaway tool often
// dies in several processes.
function words(events) {
  const kinds = new Map()
  for (const event of events) kinds.set(kindOf(event), [...(kinds.get(kindOf(event)) ?? []), event])
  return [...kinds.values()].map((same) => {
    const largest = same.reduce((best, event) => (sizeOf(event) > sizeOf(best) ? event : best))
    const more = new Set(same.map((event) => event.victim?.pid ?? event.sequence)).size - 1
    const others = more > 0 && kindOf(largest) !== DENIED ? `${more} more ended for the same reason.` : ""
    return MARK + [largest.sentence, others, largest.advice].filter(Boolean).join(" ")
  })
}

// What to say in the result of a call that began at `start`; it counts as told.
function take(status, state, start) {
  const events = belonging(untold(status, state), start, state.running)
  for (const event of events) state.told.add(event.sequence)
  return words(events).join("\n")
}

const size = (bytes) => (bytes === null || bytes === undefined ? "no limit" : `${Math.round(bytes / (1 << 20))} MiB`)

// The figures of the session, for the tool.
function figures(status) {
  const limit = (name) => status.limits?.find((row) => row.name === name)?.value
  const now = status.now
  if (!now) return "oc-run has not looked at this session yet."
  return [
    `memory: ${size(now.unreclaimable_bytes)} of ${size(limit("mem"))} in use, ${size(now.cache_bytes)} of cache beside it (most so far: ${size(status.peaks?.memory_bytes)})`,
    `swap: ${size(now.swap_bytes)} of ${size(limit("swap"))}`,
    `processes and threads: ${now.tasks} of ${limit("pids") ?? "no limit"}`,
    `killed so far: ${status.kills}; denied forks: ${status.forks_denied}`,
  ].join("\n")
}

function looksLikeIt(result) {
  const exit = result?.metadata?.exit
  return [137, 143].includes(exit) || (typeof result?.output === "string" && LOOKS_LIKE_IT.test(result.output.slice(-TAIL)))
}

// oc-run names a victim within a second of its death; the shell is quicker.
async function soon(result, state) {
  for (let step = 0; ; step++) {
    const status = readStatus()
    if (step === WAIT_STEPS || !looksLikeIt(result) || (status && untold(status, state).length > 0)) return status
    await new Promise((resolve) => setTimeout(resolve, WAIT_STEP_MSEC))
  }
}

// Built-in tools have `output`; those of an MCP server a list, of which opencode may cut the end.
function append(result, text) {
  if (typeof result.output === "string") result.output += `\n\n${text}`
  else if (Array.isArray(result.content)) result.content.unshift({ type: "text", text })
}

const canTake = (result) => typeof result?.output === "string" || Array.isArray(result?.content)

const isEnded = (part) => part.type === "tool" && ["completed", "error"].includes(part.state?.status)

// The conversation as it is about to be sent. It is made anew each time, so that what was put there
// once is put there again.
function amend(messages, status, state) {
  const parts = messages.flatMap((message) => message.parts ?? []).filter(isEnded)
  const last = parts.at(-1)
  // A call that failed or was broken off never came to an end here.
  for (const part of parts) state.running.delete(part.callID)
  // Of no call that still runs, here or in another conversation.
  const text = last && status ? take(status, state, Infinity) : ""
  if (text) state.late.set(last.callID, text)
  for (const part of parts) {
    const field = part.state.status === "error" ? "error" : "output"
    const late = state.late.get(part.callID)
    if (late && typeof part.state[field] === "string" && !part.state[field].includes(late)) part.state[field] += `\n\n${late}`
  }
}

async function hooks() {
  if (!process.env.OC_RUN_STATUS) return {}
  // What happened before is not this agent's affair.
  memory.since ??= readStatus()?.last_sequence ?? 0

  return {
    "tool.execute.before": async (input) => {
      if (!memory.running.has(input.callID)) memory.running.set(input.callID, Date.now())
    },
    "tool.execute.after": async (input, result) => {
      const start = memory.running.get(input.callID)
      // Not ours, or another copy of this file is at it already.
      if (start === undefined || memory.ending.has(input.callID) || !canTake(result)) return
      memory.ending.add(input.callID)
      const status = await soon(result, memory)
      // From here on without a pause: of two that end together one tells it.
      memory.ending.delete(input.callID)
      memory.running.delete(input.callID)
      const text = status ? take(status, memory, start) : ""
      if (text) append(result, text)
    },
    "experimental.chat.messages.transform": async (_input, output) => {
      if (Array.isArray(output?.messages)) amend(output.messages, readStatus(), memory)
    },
    tool: {
      session_limits: {
        description:
          "How much memory, swap and how many processes this session uses and may use. Everything that is started here shares these limits; what goes over them is killed.",
        args: {},
        async execute() {
          const status = readStatus()
          return status ? figures(status) : "This session's limits can't be read."
        },
      },
    },
  }
}

// The rest hangs on it for the tests.
export const OcRun = Object.assign(async () => hooks(), { untold, belonging, words, take, figures, looksLikeIt, amend, append })
