/** Asks for the credentials before each connection. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { RedisOptions } from "ioredis"
import { RedisError } from "../RedisError.js"
import { textOf } from "./ioredisWords.js"

export interface Credentials {
  readonly username?: string | undefined
  readonly password: Redacted.Redacted
}

export interface Asked {
  /** Options of `ioredis`, whose text is that of the newest credentials at the moment when `ioredis` sends `AUTH`. */
  readonly options: Required<Pick<RedisOptions, "username" | "password">>
  readonly ask: Effect.Effect<void, RedisError>
}

/**
 * `ioredis` takes the options of a connection before it runs the connector, and turns an argument of a command into text
 * only when it sends the command. So an object with a `toString` reads credentials that the connector has asked for.
 */
const readLate = (read: () => string): string => {
  const late: unknown = { toString: read }
  return late as string
}

const timeout = "10 seconds"

/** Returns the text of a failure. `Effect.try` and `Effect.tryPromise` hide the error that was thrown in theirs. */
const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const squashed = Cause.squash(cause)
  const error = Cause.isUnknownException(squashed) ? squashed.error : squashed
  const tag = typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : undefined
  const text = error instanceof Error || typeof error === "string" ? textOf(error) : ""
  return text || (tag ?? "the effect failed without a text")
}

const failed = (text: string) =>
  new RedisError({ reason: "Away", description: `the credentials cannot be had: ${text}` })

export const make = (credentials: Effect.Effect<Credentials, unknown>): Asked => {
  let newest: Credentials = { password: Redacted.make("") }
  return {
    options: {
      username: readLate(() => newest.username ?? "default"),
      password: readLate(() => Redacted.value(newest.password))
    },
    ask: credentials.pipe(
      Effect.catchAllCause((cause) => failed(reasonOf(cause))),
      // Does not wait for an effect that cannot be interrupted.
      Effect.disconnect,
      Effect.timeoutFail({ duration: timeout, onTimeout: () => failed(`they did not come within ${timeout}`) }),
      Effect.andThen((asked) => {
        newest = asked
      })
    )
  }
}
