/** What stands in the place of an entry and is none: it counts as absent, and is told of once. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RedisError } from "../RedisError.js"

export const orUnreadable = (name: string) => {
  /** The keys that have been told of, until something else is there. */
  const told = new Set<string>()
  return <A>(
    key: string,
    decode: (answer: unknown) => Option.Option<A>,
    isAbsent: (answer: unknown) => boolean
  ) =>
  (answer: Effect.Effect<unknown, RedisError>): Effect.Effect<Option.Option<A>, RedisError> => {
    const unreadable = Effect.suspend(() => {
      if (told.has(key)) return Effect.succeedNone
      told.add(key)
      return Effect.as(
        Effect.logWarning(`the entry ${key} of the ${name} is unreadable: it will be overwritten`),
        Option.none()
      )
    })
    return Effect.matchEffect(answer, {
      onSuccess: (answer) => {
        const value = decode(answer)
        if (Option.isNone(value) && !isAbsent(answer)) return unreadable
        told.delete(key)
        return Effect.succeed(value)
      },
      onFailure: (error) => error.description.includes("WRONGTYPE") ? unreadable : Effect.fail(error)
    })
  }
}
