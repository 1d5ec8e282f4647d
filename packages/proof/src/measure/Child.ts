/** Processes of this program, in which a measurement is disturbed by nothing else. */
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"

export interface Options {
  /** Options of Node itself, for example `--expose-gc`. */
  readonly node?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
}

/** Starts `main.ts child …` until the scope ends. */
export const fork = (args: ReadonlyArray<string>, { env = {}, node = [] }: Options = {}) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.fork(process.argv[1] ?? "", ["child", ...args], {
        execArgv: ["--enable-source-maps", ...node],
        env: { ...process.env, ...env }
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** Waits for the next message of the child. Dies if the child ends instead. */
export const next = <A>(child: ChildProcess.ChildProcess): Effect.Effect<A> =>
  Effect.async((resume) => {
    const onMessage = (message: A) => {
      child.off("exit", onExit)
      resume(Effect.succeed(message))
    }
    const onExit = (code: number | null, signal: string | null) =>
      resume(Effect.dieMessage(`the process ${child.spawnargs.slice(-3).join(" ")} ended with ${code ?? signal}`))
    child.once("message", onMessage)
    child.once("exit", onExit)
  })

/** Sends a word to the child, and waits for the answer. */
export const ask = <A>(child: ChildProcess.ChildProcess, word: string): Effect.Effect<A> =>
  Effect.zipRight(Effect.sync(() => void child.send(word)), next<A>(child))

/** Runs the program `name` of `child.ts` in a process of its own. Returns what the program sends. */
export const run = <A>(name: string, args: ReadonlyArray<string> = [], options?: Options): Effect.Effect<A> =>
  Effect.scoped(Effect.flatMap(fork([name, ...args], options), (child) => next<A>(child)))

/** Runs the measurement `name` of `child.ts`, which is shorter and less exact if `isQuick`. */
export const measure = <A>(name: string, isQuick: boolean, options?: Options): Effect.Effect<A> =>
  run(name, isQuick ? ["--quick"] : [], options)
