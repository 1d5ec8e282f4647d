/** What runs in processes of its own: measurements, which send their result, and servers. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { Examine } from "./fuzz/Finding.js"

type Program = (args: ReadonlyArray<string>) => Promise<Effect.Effect<unknown, unknown>>

/** Sends what the effect gives to the parent. */
const sending = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.orDie(effect), (result) => {
    process.send?.(result)
    process.disconnect()
  })

const measurement =
  (load: () => Promise<{ readonly measure: (isQuick: boolean) => Effect.Effect<unknown, unknown> }>): Program =>
  async (args) => {
    const { measure } = await load()
    return sending(measure(args.includes("--quick")))
  }

const fuzz =
  (load: () => Promise<{ readonly examine: Effect.Effect<Examine, never, Scope.Scope> }>): Program =>
  async ([first = "", runs = ""]) => {
    const [{ examine }, { run }] = await Promise.all([load(), import("./fuzz/Finding.js")])
    return sending(Effect.scoped(Effect.flatMap(examine, (examine) => run(examine, Number(first), Number(runs)))))
  }

const programs: Readonly<Record<string, Program>> = {
  "calls": measurement(() => import("./bench/calls.js")),
  "cold": measurement(() => import("./bench/cold.js")),
  "emulator": measurement(() => import("./bench/emulator.js")),
  "in-process": measurement(() => import("./bench/inProcess.js")),
  "memory": measurement(() => import("./bench/memory.js")),
  "redis": measurement(() => import("./bench/redis.js")),
  "tokens": measurement(() => import("./bench/tokens.js")),
  "chaos": async (words) => {
    const { optionsOf, run } = await import("./chaos/inProcess.js")
    const [part = "0", of = "1"] = words.slice(3)
    return sending(run(optionsOf(words), Number(part), Number(of)))
  },
  "chaos-processes": async ([first = "0", runs = "1"]) =>
    sending((await import("./chaos/processes.js")).run(Number(first), Number(runs))),
  "chaos-server": async () => {
    await import("../../redis/test/server.js")
    return Effect.never
  },
  "fuzz-answers": fuzz(() => import("./fuzz/answers.js")),
  "fuzz-timing": measurement(() => import("./fuzz/timing.js")),
  "fuzz-webhook": fuzz(() => import("./fuzz/webhook.js")),
  "soak-days": async ([days = "30"]) => sending((await import("./soak/days.js")).run(Number(days))),
  "soak-minutes": async ([seconds = "600"]) => sending((await import("./soak/minutes.js")).run(Number(seconds))),
  "soak-server": async () => {
    await import("./soak/server.js")
    return Effect.never
  },
  "calls-platform": async () => (await import("./bench/calls.js")).serve,
  "emulator-server": async () => (await import("./bench/emulator.js")).serve,
  "http-server": async ([body = ""]) => (await import("./bench/tokenService.js")).serve(body),
  "door": async ([name = ""]) => {
    const { serve } = await import("./bench/doors/servers.js")
    return Effect.promise(() => serve(name))
  }
}

export const run = async ([name = "", ...args]: ReadonlyArray<string>): Promise<void> => {
  const program = programs[name]
  if (program === undefined) throw new Error(`there is no program ${name}`)
  const controller = new AbortController()
  // A process whose parent has ended would go on for ever, and so would what the process has started.
  process.once("disconnect", () => controller.abort())
  const exit = await Effect.runPromiseExit(await program(args), { signal: controller.signal })
  if (Exit.isSuccess(exit)) return
  if (!controller.signal.aborted) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
  process.exit(1)
}
