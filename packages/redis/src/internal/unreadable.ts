/** Reads an unreadable entry as absent, and logs each such entry once. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RedisError } from "../RedisError.js"
import { isWrongType } from "./ioredisWords.js"

export const orUnreadable = (name: string) => {
  /** The keys of the entries that the log has named, until there is a readable entry. */
  const logged = new Set<string>()
  return <A>(
    key: string,
    decode: (answer: unknown) => Option.Option<A>,
    isAbsent: (answer: unknown) => boolean
  ) =>
  (answer: Effect.Effect<unknown, RedisError>): Effect.Effect<Option.Option<A>, RedisError> => {
    const unreadable = Effect.suspend(() => {
      if (logged.has(key)) return Effect.succeedNone
      logged.add(key)
      return Effect.as(
        Effect.logWarning(`the entry ${key} of the ${name} is unreadable and will be overwritten`),
        Option.none()
      )
    })
    return Effect.matchEffect(answer, {
      onSuccess: (answer) => {
        const value = decode(answer)
        if (Option.isNone(value) && !isAbsent(answer)) return unreadable
        logged.delete(key)
        return Effect.succeed(value)
      },
      onFailure: (error) => isWrongType(error) ? unreadable : Effect.fail(error)
    })
  }
}
