/** What runs in processes of its own: measurements, which send their result, and servers. */
import * as Effect from "effect/Effect"

type Program = (args: ReadonlyArray<string>) => Promise<Effect.Effect<unknown, unknown>>

const measurement =
  (load: () => Promise<{ readonly measure: (isQuick: boolean) => Effect.Effect<unknown, unknown> }>): Program =>
  async (args) => {
    const { measure } = await load()
    return Effect.map(Effect.orDie(measure(args.includes("--quick"))), (result) => {
      process.send?.(result)
      process.disconnect()
    })
  }

const programs: Readonly<Record<string, Program>> = {
  "calls": measurement(() => import("./calls.js")),
  "cold": measurement(() => import("./cold.js")),
  "emulator": measurement(() => import("./emulator.js")),
  "in-process": measurement(() => import("./inProcess.js")),
  "memory": measurement(() => import("./memory.js")),
  "redis": measurement(() => import("./redis.js")),
  "tokens": measurement(() => import("./tokens.js")),
  "calls-platform": async () => (await import("./calls.js")).serve,
  "emulator-server": async () => (await import("./emulator.js")).serve,
  "http-server": async ([body = ""]) => (await import("./tokenService.js")).serve(body),
  "door": async ([name = ""]) => {
    const { serve } = await import("./doors/servers.js")
    return Effect.promise(() => serve(name))
  }
}

export const run = async ([name = "", ...args]: ReadonlyArray<string>): Promise<void> => {
  const program = programs[name]
  if (program === undefined) throw new Error(`there is no program ${name}`)
  await Effect.runPromise(await program(args))
}
