/** `holder.ts` as processes of their own, each until its scope ends. */
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { bundled } from "./bundled.js"

const program = bundled("holder")

export interface Holder {
  /** The lines that it has printed so far. */
  readonly lines: Effect.Effect<ReadonlyArray<string>>
  /** As a machine that is suspended: its connections stay, its clock goes on, and it does nothing. */
  readonly pause: Effect.Effect<void>
  readonly wake: Effect.Effect<void>
}

export const start = (
  ...args: readonly [port: number, name: string, lease: number]
): Effect.Effect<Holder, never, Scope.Scope> =>
  Effect.gen(function*() {
    const file = yield* program
    let output = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(process.execPath, [file, ...args.map(String)], {
          stdio: ["ignore", "pipe", "pipe"]
        })
        for (const stream of [child.stdout, child.stderr]) {
          stream.setEncoding("utf8").on("data", (text: string) => {
            output += text
          })
        }
        return child
      }),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    return {
      lines: Effect.sync(() => output.split("\n")),
      pause: Effect.sync(() => void child.kill("SIGSTOP")),
      wake: Effect.sync(() => void child.kill("SIGCONT"))
    }
  })
