/** Puts one server after another under load, from another process than theirs. */
import autocannon from "autocannon"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { build } from "esbuild"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Url from "node:url"

export const names = ["Effect HttpServer", "token service", "token service, HttpApi alone"] as const

export type Name = (typeof names)[number]

export const key = "0123456789abcdef0123456789abcdef"

const connections = 50
const tenants = 1000

const script = Url.fileURLToPath(new URL("../../build/bench/tokens-child.mjs", import.meta.url))

/** Translates the script of the servers, because the loader of TypeScript would slow the servers down. */
export const prepare = Effect.promise(() =>
  build({
    entryPoints: [Url.fileURLToPath(new URL("child.ts", import.meta.url))],
    outfile: script,
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20"
  })
)

export interface Server {
  readonly name: Name
  readonly port: number
  /** The CPU time so far, in microseconds. */
  readonly cpu: Effect.Effect<number>
  /** The lines in the log so far. */
  readonly lines: Effect.Effect<number>
}

/** Starts a server until the scope ends. The log is written to a file, as a service's log is. */
export const start = (name: Name) =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "bench-tokens-"))),
      (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
    )
    const log = Path.join(folder, "log")
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        ChildProcess.fork(script, [name], {
          execArgv: [],
          stdio: ["ignore", "ignore", Fs.openSync(log, "a"), "ipc"]
        })
      ),
      (child) => Effect.sync(() => child.connected && child.disconnect())
    )
    const next = Effect.promise(async () => (await once(child, "message"))[0])
    const { port } = yield* next
    const server: Server = {
      name,
      port,
      cpu: Effect.andThen(Effect.sync(() => void child.send("cpu")), Effect.map(next, ({ cpu }) => cpu as number)),
      lines: Effect.sync(() =>
        Fs.readFileSync(log, "utf8").split("\n").filter((line) => /revealed the/.test(line)).length
      )
    }
    return server
  })

const requests = Arr.makeBy(tenants, (n) => ({
  method: "GET" as const,
  path: `/v1/tenants/${`${n}`.padStart(16, "0")}/token`,
  headers: { authorization: `Bearer ${key}` }
}))

/** Returns the headers and the body of an answer, with the times masked. */
export const sample = ({ port }: Server): Effect.Effect<string> =>
  Effect.promise(async () => {
    const { headers, path } = requests[1] ?? { headers: {}, path: "" }
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
    const body = (await answer.text()).replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, "TIME").replace(
      /"expires_in":\d{4}/,
      "SECONDS"
    )
    // The time of an idle connection is no part of the answer.
    const kept = [...answer.headers].filter(([name]) => name !== "date" && name !== "keep-alive")
    return JSON.stringify([answer.status, Object.fromEntries(kept), body])
  })

export interface Measured {
  readonly perSecond: number
  /** Of one request, in microseconds. */
  readonly cpu: number
  /** In milliseconds. */
  readonly p99: number
  /** Of one answer, with its headers. */
  readonly bytes: number
  readonly count: number
}

/** Asks for one tenant's token after another, as fast as the server answers. Every answer must have the status 200. */
export const measure = ({ cpu, name, port }: Server, seconds: number): Effect.Effect<Measured> =>
  Effect.gen(function*() {
    const before = yield* cpu
    const result = yield* Effect.promise(() =>
      autocannon({ url: `http://127.0.0.1:${port}`, connections, duration: seconds, requests })
    )
    const after = yield* cpu
    const count = result["2xx"]
    if (count === 0 || result.non2xx > 0 || result.errors > 0) {
      return yield* Effect.dieMessage(`${name}: ${count} answers, ${result.non2xx} refusals, ${result.errors} errors`)
    }
    return {
      perSecond: count / result.duration,
      cpu: (after - before) / count,
      p99: result.latency.p99,
      bytes: result.throughput.total / count,
      count
    }
  })
