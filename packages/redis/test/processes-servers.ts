/** `server.ts` as processes of its own, each until its scope ends. */
import { type Duration, Effect, Fiber, Option, Schedule, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { bundled } from "./bundled.js"

const program = bundled("server")

export interface Server {
  readonly pid: number
  readonly origin: string
  /** What it has printed so far. */
  readonly output: Effect.Effect<string>
  /** The text of a page, or the reason why there is none. */
  readonly page: (path: string, method?: "GET" | "POST") => Effect.Effect<string, string>
  /** At once, as by a power cut. */
  readonly kill: Effect.Effect<void>
  /** As an operator ends it: gives how long that took. */
  readonly terminate: Effect.Effect<Duration.Duration>
}

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
  })

export const start = (variables: Record<string, string>): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function*() {
    const file = yield* program
    let output = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(process.execPath, [file], {
          env: { PATH: process.env["PATH"], NO_COLOR: "1", ...variables },
          stdio: ["ignore", "pipe", "pipe"]
        })
        for (const stream of [child.stdout, child.stderr]) {
          stream.setEncoding("utf8").on("data", (text: string) => {
            output += text
          })
        }
        return child
      }),
      (child) => Effect.zipRight(Effect.sync(() => child.kill("SIGKILL")), ended(child))
    )
    const origin = yield* Effect.suspend(() =>
      Option.fromNullable(/Listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1])
    ).pipe(
      Effect.retry(Schedule.spaced("10 millis")),
      Effect.timeout("40 seconds"),
      Effect.orElse(() => Effect.dieMessage(`the server does not listen:\n${output}`))
    )
    return {
      pid: child.pid ?? 0,
      origin,
      output: Effect.sync(() => output),
      page: (path, method = "GET") =>
        Effect.tryPromise({ try: (signal) => fetch(origin + path, { method, signal }), catch: String }).pipe(
          Effect.flatMap((response) =>
            Effect.tryPromise({ try: () => response.text(), catch: String }).pipe(
              Effect.filterOrFail(() => response.ok, (text) => `${path} answers ${response.status} ${text}`)
            )
          )
        ),
      kill: Effect.zipRight(Effect.sync(() => child.kill("SIGKILL")), ended(child)),
      terminate: Effect.gen(function*() {
        const exit = yield* Effect.fork(ended(child))
        yield* Effect.yieldNow()
        child.kill("SIGTERM")
        return (yield* Effect.timed(Fiber.join(exit)))[0]
      })
    }
  })
