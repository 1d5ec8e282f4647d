/** Names that are held for a time, in this process's memory: each has one holder. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { monotonicMillis } from "./monotonicMillis.js"

export interface Claims {
  readonly claim: (name: string, duration: Duration.Duration) => Effect.Effect<Option.Option<Duration.Duration>>
  readonly hold: (name: string, duration: Duration.Duration) => Effect.Effect<void>
  readonly release: (name: string) => Effect.Effect<void>
}

/** Where there are more than that, the oldest go first. Each step takes the same time however many there are. */
export const make = (max: number): Claims => {
  const held = new Map<string, { readonly end: number }>()
  /** In the order in which they were made, from `first` on; also some that have been released or made anew. */
  let made: Array<readonly [name: string, claim: { readonly end: number }]> = []
  let first = 0

  const forgetWhile = (isGone: (claim: { readonly end: number }) => boolean) => {
    for (let oldest = made[first]; oldest !== undefined; oldest = made[++first]) {
      const [name, claim] = oldest
      if (held.get(name) !== claim) continue
      if (!isGone(claim)) break
      held.delete(name)
    }
    if (made.length - held.size > held.size + 1000) {
      made = made.slice(first).filter(([name, claim]) => held.get(name) === claim)
      first = 0
    }
  }
  const holdUntil = (name: string, end: number) => {
    const claim = { end }
    held.set(name, claim)
    made.push([name, claim])
    forgetWhile(() => held.size > max)
  }
  return {
    claim: (name, duration) =>
      Effect.map(monotonicMillis, (now) => {
        forgetWhile(({ end }) => end <= now)
        const left = (held.get(name)?.end ?? 0) - now
        if (left > 0) return Option.some(Duration.millis(left))
        holdUntil(name, now + Duration.toMillis(duration))
        return Option.none()
      }),
    hold: (name, duration) => Effect.map(monotonicMillis, (now) => holdUntil(name, now + Duration.toMillis(duration))),
    release: (name) => Effect.sync(() => void held.delete(name))
  }
}
