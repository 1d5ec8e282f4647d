/** The faults of the machines and of the Redis, one at a time, so that a process is never paused twice. */
import * as Effect from "effect/Effect"
import type * as Dice from "../fuzz/Dice.js"
import type * as Machines from "./Machines.js"

export const names = ["killed", "paused", "clocks", "Redis frozen", "Redis emptied"] as const

export type Name = typeof names[number]

/** Makes the next misfortune of these names, after a while. `clocks` befalls a process at its start, and so never comes here. */
export const make = ({ anyone, dice, names: chosen, onEmptied, onStoreFailure, redis }: Machines.World & {
  readonly names: ReadonlySet<Name>
  readonly dice: Dice.Dice
  readonly onStoreFailure: () => void
  readonly onEmptied: () => void
}): Effect.Effect<void> => {
  const misfortunes: Readonly<Record<Exclude<Name, "clocks">, Effect.Effect<void>>> = {
    "killed": Effect.suspend(() => {
      const machine = anyone(dice)
      return Effect.zipRight(machine.kill, Effect.delay(machine.start, dice.below(4000)))
    }),
    "paused": Effect.suspend(() => {
      const machine = anyone(dice)
      return Effect.zipRight(machine.pause, Effect.delay(machine.wake, 500 + dice.below(10_000)))
    }),
    "Redis frozen": Effect.suspend(() => {
      onStoreFailure()
      return Effect.zipRight(redis.freeze, Effect.delay(redis.thaw, 500 + dice.below(6000)))
    }),
    "Redis emptied": Effect.suspend(() => {
      onStoreFailure()
      return redis.kill.pipe(
        Effect.zipRight(Effect.delay(redis.start, dice.below(3000))),
        Effect.zipRight(Effect.sync(onEmptied))
      )
    })
  }
  const [first, ...others] = names.flatMap((name) => name !== "clocks" && chosen.has(name) ? [misfortunes[name]] : [])
  const next = Effect.suspend(() => first === undefined ? Effect.sleep("1 second") : dice.pick([first, ...others]))
  return Effect.zipRight(Effect.suspend(() => Effect.sleep(500 + dice.below(3000))), next)
}
