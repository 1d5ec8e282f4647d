/** The times in which the machine did not let this process run, because other programs were busy. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Times are in milliseconds since 1970. */
export interface Stall {
  readonly begin: number
  readonly end: number
}

/** A stop that is shorter is none. A delivery waits for one process or another eight times, and has 3 s. */
const shortest = 250

/**
 * Returns the stalls, which grow until the scope ends. A time in which this process itself was busy for more than half is no stall:
 * then the process and not the machine is slow.
 */
export const watch: Effect.Effect<ReadonlyArray<Stall>, never, Scope.Scope> = Effect.gen(function*() {
  const stalls: Array<Stall> = []
  const step = Effect.gen(function*() {
    const begin = yield* Clock.currentTimeMillis
    const before = process.cpuUsage()
    yield* Effect.sleep("100 millis")
    const end = yield* Clock.currentTimeMillis
    const { system, user } = process.cpuUsage(before)
    const busy = (system + user) / 1000
    if (end - begin > shortest && busy < (end - begin) / 2) stalls.push({ begin, end })
  })
  yield* Effect.forkScoped(Effect.forever(step))
  return stalls
})
