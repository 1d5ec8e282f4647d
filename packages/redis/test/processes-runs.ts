/** The file in which each server leaves a line before and after its work on an event, and the test one for each kill. */
import { Effect } from "effect"
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** One go of one process at one event. */
interface Run {
  readonly pid: number
  isDone: boolean
  isKilled: boolean
}

export interface Seen {
  /** By event, in the order of their starts. */
  readonly runs: ReadonlyMap<string, ReadonlyArray<Readonly<Run>>>
  /** What was run by two at once, or twice though nobody was killed over it. */
  readonly wrong: ReadonlyArray<string>
}

/** What the lines tell, whose order is that in which it happened. */
const read = (text: string): Seen => {
  const runs = new Map<string, Array<Run>>()
  const wrong: Array<string> = []
  for (const line of text.split("\n")) {
    const [word, ...rest] = line.split(" ")
    const pid = Number(rest.at(-1))
    if (word === "killed") {
      for (const run of [...runs.values()].flat()) if (run.pid === pid) run.isKilled = true
      continue
    }
    const [eventId = ""] = rest
    const ofEvent = runs.get(eventId) ?? []
    if (word === "start") {
      for (const before of ofEvent) {
        if (!before.isKilled) wrong.push(`${line}, ${before.isDone ? "after" : "beside"} ${before.pid}`)
      }
      runs.set(eventId, [...ofEvent, { pid, isDone: false, isKilled: false }])
    }
    const run = ofEvent.findLast((run) => run.pid === pid)
    if (word === "done" && run !== undefined) run.isDone = true
  }
  return { runs, wrong }
}

export const make = Effect.gen(function*() {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "feishu-runs-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )
  const file = join(folder, "runs")
  writeFileSync(file, "")
  return {
    file,
    killed: (pid: number) => Effect.sync(() => appendFileSync(file, `killed ${pid}\n`)),
    seen: Effect.sync(() => read(readFileSync(file, "utf8")))
  }
})
